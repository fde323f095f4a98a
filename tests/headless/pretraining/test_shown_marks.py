"""What the tower is to tell of a picture: the marks that are in it, where they are."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from headless.pretraining.shown_marks import MARK_IDS, shown_kinds, shown_loss, shown_marks
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task
from metaspatial_addon.policy.builtin.policy import TokenizedPrompt
from metaspatial_addon.policy.builtin.vision import IMAGE_PAD_ID, extract_patches
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.prompts.plan import compact_top_view

ROOM = Room("room", ((0.0, 0.0), (8.0, 0.0), (8.0, 8.0), (0.0, 8.0)), 2.6)
CELL = 2.0
"""Metres of a side of a token's part of the picture of this room."""
CATEGORIES = ("desk", "sofa", "wardrobe")
TASK = Task("t", "", ROOM, tuple(Item(category, category, (0.5, 0.5, 0.5)) for category in CATEGORIES))
SPOTS = (Pose(1, 1), Pose(3, 7), Pose(CELL, 5))


def picture(faulty: tuple[str, ...]) -> bytes:
    return compact_top_view(TASK, Layout("t", dict(zip(CATEGORIES, SPOTS, strict=True))), faulty)


def test_a_token_shows_the_marks_of_what_is_at_fault_in_its_part():
    assert not shown_marks(extract_patches([picture(())])).any() and len(shown_marks(extract_patches([]))) == 0
    shown = shown_marks(extract_patches([picture(CATEGORIES)]))[0].reshape(4, 4, v.MARKS)
    found = {(row, column) for row, column, _ in np.argwhere(shown)}
    assert found == {(3, 0), (0, 1), (1, 0), (1, 1)}  # rows from above
    assert np.array_equal(shown[1, 0], shown[1, 1]) and (shown.any(axis=(0, 1)) == ([True] * 3 + [False] * 13)).all()


def test_what_a_token_shows_has_the_category_that_the_prompt_gives_its_mark():
    images = (picture(()), picture(("sofa", "wardrobe")))
    first = CompactFormat().first(TASK, images)
    ids = np.array(TokenizedPrompt.of(first, sees_images=True).ids)
    found = shown_kinds(ids, shown_marks(extract_patches(images)))
    seen = np.flatnonzero(ids == IMAGE_PAD_ID)[16:].tolist()
    expected = {seen[1]: ["sofa"], seen[4]: ["wardrobe"], seen[5]: ["wardrobe"]}
    assert {place: [v.TOKENS[k] for k in kinds] for place, kinds in found} == expected


def test_the_loss_is_least_for_the_rows_of_what_is_shown():
    none, *marks = IMAGE_PAD_ID, *MARK_IDS
    rows = torch.eye(len(v.TOKENS))[:, [none, *marks]] * 8  # of so many tokens all but these are alike
    shown = torch.from_numpy(shown_marks(extract_patches([picture(("desk", "sofa"))])))
    right = torch.stack([rows[marks[int(cell.int().argmax())] if cell.any() else none] for cell in shown[0]])
    assert shown_loss(right, shown, rows) < 1e-6
    for cell in shown[0].any(dim=-1).nonzero().flatten():
        blind = right.clone()
        blind[cell] = rows[none]
        assert shown_loss(blind, shown, rows) > 1
