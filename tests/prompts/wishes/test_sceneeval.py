"""Wishes read in prompts that others wrote and annotated."""

from __future__ import annotations

import pytest

from benchmarks.wishes import DATA, measure


@pytest.mark.skipif(not DATA.is_file(), reason="SceneEval's rows are not beside this checkout")
def test_what_is_annotated_is_read():
    found = measure()
    assert found.precision >= 0.9
    assert found.recall >= 0.7
