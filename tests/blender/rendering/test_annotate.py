"""The marks of a top view: right places, names that can be told apart, no trace in the file."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.rendering.annotate import DOOR, HANGING, WALL, WINDOW, PlanFrame, annotate
from metaspatial_addon.blender.rendering.canvas import Canvas, text_mask, text_width, without_grain
from metaspatial_addon.blender.rendering.labels import Label, place_labels
from metaspatial_addon.core.task import Item, Pose
from tests.blender.rooms import SHAPES, furnished, room, task

GREY = 200
THIN = 5


def blank(pixels: int) -> np.ndarray:
    return np.full((pixels, pixels, 3), GREY, np.uint8)


def colour_at(pixels: np.ndarray, frame: PlanFrame, x: float, y: float) -> tuple[int, ...]:
    column, row = frame.at((x, y)).astype(int)
    return tuple(int(c) for c in pixels[row, column])


def like(a: tuple[int, ...], b: tuple[int, ...], by: int = 40) -> bool:
    return max(abs(p - q) for p, q in zip(a, b, strict=True)) <= by


@pytest.mark.parametrize("shape", SHAPES)
def test_the_frame_holds_the_room_with_its_walls(shape):
    frame = PlanFrame.of(room(shape), 512)
    corners = frame.at(np.array(SHAPES[shape]))
    assert corners.min() > THIN and corners.max() < 512 - THIN
    assert np.ptp(corners, axis=0).max() > 0.8 * 512
    # One scale for both directions: the room is not stretched.
    metres = np.ptp(np.array(SHAPES[shape]), axis=0)
    assert np.allclose(np.ptp(corners, axis=0), frame.scale * metres)


def test_walls_doors_and_windows_are_where_they_are():
    a_room = room()
    frame = PlanFrame.of(a_room, 512)
    drawn = annotate(blank(512), frame, *task((Item("a", "box", (0.3, 0.3, 0.3)), None)))
    assert like(colour_at(drawn, frame, 2.5, -0.05), WALL)
    assert like(colour_at(drawn, frame, 2.0, 3.05), WALL)
    assert not like(colour_at(drawn, frame, 0.75, -0.05), WALL)  # the door's gap
    assert like(colour_at(drawn, frame, 0.3, 0.5), DOOR)  # its leaf, hinged at the opening's start
    assert like(colour_at(drawn, frame, 4.0, 1.2), WINDOW)
    assert like(colour_at(drawn, frame, 3.2, 2.3), (GREY,) * 3, 3)


def test_the_front_arrow_points_where_the_item_looks():
    item = Item("a", "box", (0.8, 0.6, 0.5))
    for yaw, (dx, dy) in {0: (0, -1), 90: (1, 0), 180: (0, 1), 270: (-1, 0)}.items():
        some_task, layout = task((item, Pose(2.0, 1.5, 0, yaw)))
        frame = PlanFrame.of(some_task.room, 512)
        drawn = annotate(blank(512), frame, some_task, layout).astype(int)
        red = (drawn[:, :, 0] - drawn[:, :, 2] > 90) & (drawn[:, :, 1] < 110)
        red[:, : int(frame.at((1.3, 0))[0])] = False  # the door is red as well
        row, column = np.argwhere(red).mean(axis=0)
        offset = (np.array([column, row]) - frame.at((2.0, 1.5))) * (1, -1)
        assert offset @ (dx, dy) > 12
        assert abs(offset @ (dy, dx)) < 3


def test_ceiling_items_are_outlines_only():
    lamp = Item("lamp_1", "lamp", (0.8, 0.8, 0.3), "ceiling")
    some_task, layout = task((lamp, Pose(2.5, 1.5, 2.3)))
    frame = PlanFrame.of(some_task.room, 512)
    drawn = annotate(blank(512), frame, some_task, layout)
    assert like(colour_at(drawn, frame, 2.2, 1.8), (GREY,) * 3, 3)
    rim = [colour_at(drawn, frame, 2.1 + k * 0.01, 1.9) for k in range(80)]
    assert any(like(c, HANGING) for c in rim)


def test_names_of_a_crowded_room_do_not_cover_each_other():
    corners = np.array([(0, 0), (60, 0), (60, 40), (0, 40)], float)
    places = [(40 + 62 * (k % 4), 60 + 45 * (k // 4)) for k in range(12)]
    labels = [Label(f"dining_chair_{k}", corners + place, (0, 0, 0)) for k, place in enumerate(places)]
    labels += [Label(f"tiny_{k}", corners / 4 + (60 + 62 * k, 80), (0, 0, 0)) for k in range(4)]
    height, bounds = 13.0, np.array([0.0, 0.0, 512.0, 512.0])
    spots = place_labels(labels, np.zeros((0, 4)), height, bounds)
    boxes = [(s.middle, (text_width(s.label.text, height), 0.8 * height)) for s in spots]
    for k, (a, size_a) in enumerate(boxes):
        assert size_a[0] / 2 <= a[0] <= 512 - size_a[0] / 2
        for b, size_b in boxes[:k]:
            apart_x = abs(a[0] - b[0]) - (size_a[0] + size_b[0]) / 2
            apart_y = abs(a[1] - b[1]) - (size_a[1] + size_b[1]) / 2
            assert max(apart_x, apart_y) > -2


def test_small_pictures_number_the_items_in_the_order_of_the_task(monkeypatch):
    written = []
    monkeypatch.setattr(Canvas, "text", lambda self, text, *_, **__: written.append(text))
    some_task, layout = furnished()
    for pixels, expected in ((512, {i.id for i in some_task.items}), (224, {"1", "2", "3", "4"})):
        written.clear()
        annotate(blank(pixels), PlanFrame.of(some_task.room, pixels), some_task, layout)
        assert expected <= set(written)


@pytest.mark.parametrize("text", ["coffee_table_1", "浴缸", "Größe", "стол", "i", "", " ", "🪑", "a\nb\tc"])
def test_text_in_any_script_leaves_nothing_behind(text):
    before = {name: len(getattr(bpy.data, name)) for name in ("fonts", "curves", "objects", "meshes")}
    text_mask.cache_clear()
    mask = text_mask(text, 13.0)
    assert mask.min() >= 0 and mask.max() <= 1
    assert (mask.sum() > 0) == bool(text.strip())
    assert before == {name: len(getattr(bpy.data, name)) for name in before}


def test_letters_have_their_holes():
    for letter, open_middle in (("o", True), ("H", False)):
        mask = text_mask(letter, 60.0)
        rows = np.flatnonzero(mask.max(axis=1) > 0.5)
        middle = mask[int(rows.mean())]
        assert middle.max() == 1
        assert (middle[len(middle) // 2] == 0) == open_middle


def test_drawing_beyond_the_picture_is_cut_off():
    canvas = Canvas(blank(20))
    canvas.line([(-50, 10), (70, 10)], 2, (0, 0, 0))
    canvas.polygon([(-9, -9), (5, -9), (5, 5), (-9, 5)], (255, 0, 0))
    canvas.line([(100, 100), (120, 120)], 2, (0, 0, 0))
    canvas.text("far", 500, 500, 12, (0, 0, 0), halo=(255, 255, 255))
    drawn = canvas.pixels()
    assert tuple(drawn[2, 2]) == (255, 0, 0)
    assert tuple(drawn[10, 10]) == (0, 0, 0)
    assert tuple(drawn[17, 17]) == (GREY,) * 3


def test_grain_goes_and_edges_stay():
    clean = blank(64)
    clean[:, 32:] = 80
    grain = np.random.default_rng(0).normal(0, 8, clean.shape)
    noisy = np.clip(clean + grain, 0, 255).astype(np.uint8)
    smooth = without_grain(noisy).astype(int)
    assert np.abs(smooth - clean).mean() < 0.5 * np.abs(noisy.astype(int) - clean).mean()
    assert smooth[:, 30].mean() - smooth[:, 33].mean() > 110
