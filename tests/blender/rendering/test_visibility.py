"""What is seen from eye height: nothing hides what stands free, walls are no fault of an item's, hidden is hidden."""

from __future__ import annotations

import numpy as np
import pytest

from headless.evaluation.baselines import random_layout
from headless.taskgen.make import make_task
from headless.taskgen.wide import make_wide_task
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering import ray_view, visibility
from metaspatial_addon.blender.rendering.render import Renderer
from metaspatial_addon.blender.rendering.standing_places import standing_places
from metaspatial_addon.core.polygon import contains
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task
from metaspatial_addon.scoring.terms import view_term
from tests.blender.rooms import SHAPES, furnished, room, task
from tests.growth import growth

CHAIR = Item("chair_1", "chair", (0.5, 0.5, 0.9))


@pytest.fixture(scope="module", params=["renders", "rays"])
def kit(request):
    with Stage() as stage, Renderer("cycles", threads=2) as renderer:
        renderer.view_method = request.param
        yield stage, renderer


def measure(kit, some_task, layout):
    stage, renderer = kit
    stage.open(some_task)
    return renderer.measure_view(stage, some_task, layout)


@pytest.mark.parametrize("shape", ["square", "L", "U", "far away"])
def test_a_thing_that_stands_alone_is_seen_whole(kit, shape):
    x, y = SHAPES[shape][0]
    for place in ((x + 2.0, y + 1.0), (x + 0.4, y + 2.6)):
        measured = measure(kit, *task((CHAIR, Pose(*place)), shape=shape))
        assert measured.visible == {"chair_1": 1.0}


def test_rays_through_as_many_pixels_see_what_renders_see(monkeypatch):
    monkeypatch.setattr(ray_view, "PIXELS", visibility.PIXELS)
    terms = []
    with Stage() as stage, Renderer("cycles", threads=2) as renderer:
        for index in range(6):
            some_task, clean = (make_task, make_wide_task)[index % 2]("validation", 5, index)
            stage.open(some_task)
            for layout in (clean, random_layout(some_task, index)):
                renderer.view_method = "renders"
                rendered = renderer.measure_view(stage, some_task, layout)
                renderer.view_method = "rays"
                cast = renderer.measure_view(stage, some_task, layout)
                assert cast.visible.keys() == rendered.visible.keys()
                assert cast.fill == pytest.approx(rendered.fill, abs=0.002)
                terms.append((view_term(rendered), view_term(cast)))
    assert np.abs(np.subtract(*zip(*terms, strict=True))).max() < 0.02


def test_both_legs_of_an_l_are_looked_into(kit):
    measured = measure(
        kit, *task((CHAIR, Pose(5.6, 2.6)), (Item("b", "box", (0.4, 0.4, 0.4)), Pose(0.5, 4.6)), shape="L")
    )
    assert min(measured.visible.values()) > 0.95


def test_what_is_hidden_counts_by_the_share_that_shows(kit):
    wall_of_shelves = [(Item(f"shelf_{k}", "shelf", (4.0, 0.1, 1.0)), Pose(2.0, 1.5 + 0.8 * k)) for k in range(2)]
    between = (Item("low", "box", (0.5, 0.5, 0.2)), Pose(2.0, 1.9))
    tall = (Item("tall", "cupboard", (0.5, 0.5, 1.9)), Pose(1.0, 1.9))
    measured = measure(kit, *task(*wall_of_shelves, between, tall))
    assert measured.visible["low"] < 0.5
    assert 0.3 < measured.visible["tall"] < 1.0
    assert measured.visible["shelf_0"] > 0.9


def test_inside_another_and_outside_the_room_is_not_seen(kit):
    measured = measure(
        kit,
        *task(
            (Item("chest", "chest", (1.0, 1.0, 1.0)), Pose(2, 1.5)),
            (Item("inner", "box", (0.3, 0.3, 0.3)), Pose(2, 1.5, 0.2)),
            (Item("lost", "box", (0.5, 0.5, 0.5)), Pose(8, 8)),
            (Item("sunk", "box", (0.5, 0.5, 0.5)), Pose(3.3, 2.4, -0.7)),
        ),
    )
    assert measured.visible["inner"] == measured.visible["lost"] == measured.visible["sunk"] == 0.0
    assert measured.visible["chest"] == 1.0


def test_coverings_are_not_asked_for(kit):
    measured = measure(kit, *furnished())
    assert set(measured.visible) == set(measured.fronts) == {"table_1", "vase_1", "lamp_1"}
    assert 0 < measured.fill < 1 and 0 <= measured.balance <= 1


def test_what_no_layout_can_move_is_not_asked_for_but_hides_others(kit):
    shelves = [
        Item(f"shelf_{k}", "shelf", (4.0, 0.1, 1.0), locked=True, pose=Pose(2.0, 1.5 + 0.8 * k)) for k in range(2)
    ]
    low = (Item("low", "box", (0.5, 0.5, 0.2)), Pose(2.0, 1.9))
    alone, hidden = measure(kit, *task(low)), measure(kit, *task(*((shelf, None) for shelf in shelves), low))
    assert alone.visible == {"low": 1.0}
    assert set(hidden.visible) == set(hidden.fronts) == {"low"}
    assert hidden.visible["low"] < 0.5
    assert hidden.fill > alone.fill


def test_the_view_takes_little_more_time_for_more_locked_items(kit):
    """The render itself has to know of them; the rest is for what a layout can move."""
    size = 20.0
    floor = ((0.0, 0.0), (size, 0.0), (size, size), (0.0, size))
    chairs = [Item(f"chair_{k}", "chair", (0.5, 0.5, 0.9)) for k in range(12)]
    layout = Layout("t", {chair.id: Pose(2.0 + k, 3.0) for k, chair in enumerate(chairs)})
    stage, renderer = kit

    def with_boxes(count):
        boxes = [
            Item(f"box_{k}", "box", (0.2, 0.2, 0.3), locked=True, pose=Pose(0.5 + 0.4 * (k % 48), 4 + 0.4 * (k // 48)))
            for k in range(count)
        ]
        return Task("t", "", Room("hall", floor, 3.0), (*chairs, *boxes))

    tasks = {count: with_boxes(count) for count in (100, 800)}

    def view(count):
        if stage.task is not tasks[count]:
            stage.open(tasks[count])
        renderer.measure_view(stage, tasks[count], layout)

    assert growth(view, 100, factor=8, rounds=3) < 5


def test_an_empty_room_measures_nothing(kit):
    measured = measure(kit, *task((CHAIR, None)))
    assert (measured.visible, measured.fronts, measured.fill, measured.balance) == ({}, {}, 0.0, 0.0)


def test_a_front_is_seen_from_in_front_of_it(kit):
    """Whoever comes in by the door sees the back of what faces away from it, and the front of what faces it."""
    for yaw in (0.0, 180.0):
        some_task, layout = task((CHAIR, Pose(2.0, 2.9, 0, yaw)))
        measured = measure(kit, some_task, layout)
        assert measured.visible == {"chair_1": 1.0}
        assert measured.fronts == {"chair_1": 1.0 if yaw == 0 else 0.0}


def test_what_looms_before_the_eye_fills_no_frame(kit):
    """One item counts for a twentieth of the frame at most, however near it stands."""
    wardrobe = Item("wardrobe_1", "wardrobe", (2.0, 0.6, 2.2))
    measured = measure(kit, *task((wardrobe, Pose(2.0, 1.5))))
    assert measured.visible["wardrobe_1"] > 0.9
    assert 0.01 < measured.fill <= 0.05


def test_furnished_rooms_show_better_than_the_same_things_thrown_in(kit):
    """What the term is for, over a dozen rooms: things at their places beat the same things anywhere in the room."""
    furnished_terms, thrown_terms = [], []
    for index in range(12):
        some_task, layout = make_task("validation", 3, index)
        furnished_terms.append(view_term(measure(kit, some_task, layout)))
        thrown_terms.append(view_term(measure(kit, some_task, random_layout(some_task, index))))
    assert np.mean(furnished_terms) > np.mean(thrown_terms) + 0.02


def test_more_furniture_fills_the_frame(kit):
    few = measure(kit, *task((CHAIR, Pose(2, 1.5))))
    bed, desk = Item("bed", "bed", (1.8, 2, 0.6)), Item("desk", "desk", (1, 1, 1))
    many = measure(kit, *task((CHAIR, Pose(2, 1.5)), (bed, Pose(2.9, 2)), (desk, Pose(1, 2.4))))
    assert many.fill > 2 * few.fill


def test_the_same_layout_measures_the_same(kit):
    assert measure(kit, *furnished("U")) == measure(kit, *furnished("U"))


def test_every_object_is_told_apart(kit):
    stage, renderer = kit
    some_task, layout = task((Item("a", "box", (4.0, 3.0, 0.4)), Pose(2, 1.5)))
    stage.open(some_task)
    stage.place(layout)
    body = stage.bodies["a"]
    renderer.render_scene.camera.data.type, renderer.render_scene.camera.data.ortho_scale = "ORTHO", 2.0
    above = (np.array([2, 1.5, 10]), np.eye(3))
    for number in (1, 2, 127, 128, 254, 255, 256, 257, 700):
        body.object.pass_index = number
        with renderer.render_scene.linked([body.object]):
            (taken,) = renderer.render_scene.render_ids([above], 16)
            assert np.all(taken == number)


def test_views_taken_at_once_are_those_taken_one_by_one(kit):
    stage, renderer = kit
    some_task, layout = furnished("U")
    stage.open(some_task)
    stage.place(layout)
    for number, body in enumerate(stage.placed, 1):
        body.object.pass_index = number
    views = standing_places(some_task.room, stage.placed)
    assert len(views) == 3
    with renderer.render_scene.linked([*stage.room.all, *(body.object for body in stage.placed)]):
        at_once = renderer.render_scene.render_ids(views, 64)
        alone = [renderer.render_scene.render_ids([view], 64)[0] for view in views]
        pair = renderer.render_scene.render_ids(views[:2], 64)
    assert all(np.array_equal(a, b) for a, b in zip(at_once, alone, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(pair, alone[:2], strict=True))
    assert not np.array_equal(alone[0], alone[1]) and not np.array_equal(alone[1], alone[2])
    assert renderer.top_view(stage, some_task, layout, 64)  # with the one camera again


@pytest.mark.parametrize("shape", SHAPES)
def test_people_stand_in_the_room_and_not_in_a_wardrobe(kit, shape):
    stage, _ = kit
    x, y = SHAPES[shape][0]
    wardrobe = Item("wardrobe_1", "wardrobe", (1.0, 0.6, 2.0))
    for placed in ([(CHAIR, Pose(x + 2, y + 1))], [(wardrobe, Pose(x + 0.75, y + 0.4))]):
        some_task, layout = task(*placed, shape=shape)
        stage.open(some_task)
        stage.place(layout)
        places = standing_places(room(shape), stage.placed)
        assert 1 <= len(places) <= 3
        for place, turn in places:
            assert contains(place[None, :2], some_task.room.floor)[0]
            assert np.allclose(turn.T @ turn, np.eye(3)) and np.linalg.det(turn) > 0
            local = place[:2] - (placed[0][1].x, placed[0][1].y)
            assert placed[0][0] is CHAIR or np.any(np.abs(local) > (0.5, 0.3))
