"""What a token may be, as a mask."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from headless.rl.policies.base import allowed_mask


def test_what_is_allowed_is_marked_for_each_token():
    first, second = np.array([1, 3]), np.array([0])
    expected = [[False, True, False, True], [True, False, False, False], [False, True, False, True]]
    assert allowed_mask([first, second, first], 4).tolist() == expected


def test_equal_choices_share_a_row_though_they_are_copies():
    """Those of another process are, and a row for each token would be large."""
    assert allowed_mask([np.array([1, 3]), np.array([1, 3])], 4).shape == (1, 4)
