"""Access: openings kept free, floor that is reached, fronts that are reached."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaspatial_addon.core.access import connected_areas, keep_free, measure_access
from metaspatial_addon.core.polygon import contains, signed_area
from metaspatial_addon.core.task import HINGES, Item, Layout, Opening, Pose, Room, Task

DOOR = Opening("door_1", "door", 0, 1.0, 0.9, 0.0, 2.05)
WINDOW = Opening("window_1", "window", 2, 1.0, 1.2, 0.9, 1.1)
RECTANGLE = ((0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0))
L_SHAPE = ((0.0, 0.0), (4.0, 0.0), (4.0, 1.5), (1.5, 1.5), (1.5, 4.0), (0.0, 4.0))


def access(items, poses, floor=RECTANGLE, openings=(DOOR,)):
    """What is measured for items given as (width, depth, height) or Item, at poses in the same order."""
    made = tuple(item if isinstance(item, Item) else Item(f"i{k}", "thing", item) for k, item in enumerate(items))
    task = Task("t", "", Room("room", tuple(floor), 2.7, tuple(openings)), made)
    return measure_access(task, Layout("t", {i.id: p for i, p in zip(made, poses, strict=True) if p and not i.locked}))


def names(faults):
    return [f.id for f in faults]


def test_an_empty_room_is_free():
    for floor in (RECTANGLE, L_SHAPE):
        found = access((), (), floor)
        assert (found.blocked, found.unreachable, found.walkable) == ((), (), 1.0)


def test_keep_free_is_a_quarter_disc_or_a_strip_inside_the_room():
    room = Room("room", RECTANGLE, 2.7, (DOOR, WINDOW))
    disc, strip = keep_free(room, DOOR), keep_free(room, WINDOW)
    assert signed_area(disc) == pytest.approx(math.pi / 4 * 0.81, rel=0.01)
    assert disc.min(axis=0) == pytest.approx((1.0, 0.0)) and disc.max(axis=0) == pytest.approx((1.9, 0.9))
    assert signed_area(strip) == pytest.approx(1.2 * 0.3)
    assert strip.min(axis=0) == pytest.approx((1.8, 2.7)) and strip.max(axis=0) == pytest.approx((3.0, 3.0))


@given(st.integers(0, 5), st.floats(0, 0.5), st.floats(0.3, 0.9), st.floats(0, 360), st.sampled_from(HINGES))
def test_keep_free_follows_the_wall(wall, offset, width, turn, hinge):
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    floor = tuple((x * c - y * s, x * s + y * c) for x, y in L_SHAPE)
    disc = keep_free(Room("room", floor, 2.7), Opening("d", "door", wall, offset, width, 0, 2, hinge))
    start, end = np.array(floor[wall]), np.array(floor[(wall + 1) % 6])
    along = (end - start) / np.linalg.norm(end - start)
    assert np.allclose(disc[0], start + (offset + width * (hinge == "end")) * along)
    assert np.allclose(np.linalg.norm(disc[1:] - disc[0], axis=1), width)
    assert contains(disc, floor).all()
    assert signed_area(disc) > 0


@pytest.mark.parametrize(
    ("pose", "share"),
    [
        (Pose(1.3, 0.3), 0.36 / 0.634),
        (Pose(1.3, 0.3, 0, 90), 0.36 / 0.634),
        (Pose(2.2, 0.3), 0.0),
        (Pose(0.7, 0.3), 0.0),
        (Pose(1.75, 0.75), 0.1),
        (Pose(1.3, 0.3, 1.9), 0.0),
    ],
)
def test_a_door_is_blocked_by_what_stands_in_its_swing(pose, share):
    found = access([(0.6, 0.6, 0.5)], [pose])
    if share == 0:
        assert found.blocked == ()
    else:
        assert [(b.opening, b.by) for b in found.blocked] == [("door_1", ("i0",))]
        assert found.blocked[0].share == pytest.approx(share, rel=0.1)


def test_a_door_that_turns_about_its_end_leaves_the_corner_over_its_start_free():
    item, pose = (0.2, 0.2, 0.5), Pose(1.1, 0.75)
    assert access([item], [pose]).blocked != ()
    assert access([item], [pose], openings=[replace(DOOR, hinge="end")]).blocked == ()


def test_two_per_cent_of_a_swing_are_forgiven():
    assert access([(0.6, 0.6, 0.5)], [Pose(2.15, 0.3)]).blocked == ()
    assert access([(0.6, 0.6, 0.5)], [Pose(2.12, 0.3)]).blocked != ()


@pytest.mark.parametrize(
    ("item", "blocks"),
    [
        (Item("i", "sideboard", (0.6, 0.2, 0.85)), False),
        (Item("i", "sideboard", (0.6, 0.2, 0.905)), False),
        (Item("i", "wardrobe", (0.6, 0.2, 1.2)), True),
        (Item("i", "vase", (0.6, 0.2, 1.2), "surface"), True),
        (Item("i", "rug", (0.6, 0.2, 1.2), covering=True), False),
        (Item("i", "wardrobe", (0.6, 0.2, 1.2), locked=True, pose=Pose(2.4, 2.9)), False),
    ],
)
def test_a_window_is_blocked_by_what_is_taller_than_its_sill(item, blocks):
    found = access([item], [Pose(2.4, 2.9)], openings=(DOOR, WINDOW))
    assert [b.opening for b in found.blocked] == (["window_1"] if blocks else [])


@pytest.mark.parametrize(
    ("mount", "covering", "z", "obstacle"),
    [
        ("surface", False, 0.0, True),
        ("surface", False, 0.02, True),
        ("surface", False, 0.75, False),
        ("floor", False, 0.75, True),
        ("wall", False, 0.75, True),
        ("wall", False, 1.9, False),
        ("ceiling", False, 0.0, False),
        ("floor", True, 0.0, False),
        ("surface", True, 0.0, False),
    ],
)
def test_what_counts_as_an_obstacle(mount, covering, z, obstacle):
    """In the door's swing, and across the whole room."""
    lamp = Item("i", "lamp", (0.6, 0.6, 0.6), mount, covering=covering)
    assert bool(access([lamp], [Pose(1.3, 0.3, z)]).blocked) is obstacle
    wide = Item("i", "lamp", (0.4, 3.0, 0.6), mount, covering=covering)
    chair = (0.5, 0.5, 0.9)
    found = access([wide, chair], [Pose(2.6, 1.5, z), Pose(3.4, 1.5)])
    assert ("i1" in names(found.unreachable), found.walkable < 0.99) == (obstacle, obstacle)


def test_what_hangs_above_a_window_leaves_it_free():
    shelf = Item("i", "shelf", (0.6, 0.2, 0.3), "wall")
    high = Opening("window_1", "window", 2, 1.0, 1.2, 0.9, 0.5)
    assert access([shelf], [Pose(2.4, 2.9, 1.5)], openings=(DOOR, high)).blocked == ()
    assert access([shelf], [Pose(2.4, 2.9, 1.2)], openings=(DOOR, high)).blocked != ()


def test_a_barrier_cuts_the_floor_and_what_lies_behind_it():
    barrier, chair = (0.4, 3.0, 1.0), (0.5, 0.5, 0.9)
    found = access([barrier, chair], [Pose(2.6, 1.5), Pose(3.4, 1.5)])
    assert names(found.unreachable) == ["i0", "i1"]  # the barrier's own front is at the lower wall
    assert 0.5 < found.walkable < 0.95


@pytest.mark.parametrize(("gap", "passes"), [(0.3, False), (0.55, True)])
def test_the_robot_needs_its_width(gap, passes):
    """A barrier across the room, all but a gap of that width."""
    length = 3.0 - gap
    found = access([(length, 0.3, 1.0)], [Pose(2.6, length / 2, 0, 90)])
    assert (found.walkable > 0.99) is passes


def test_the_robot_needs_its_width_at_a_slant_too():
    floor = ((0, 0), (4, 0), (4, 1.2), (3, 1.2), (2.2, 0.3), (2, 0.3), (1.2, 1.2), (0, 1.2))
    assert access((), (), floor).walkable < 0.7


@pytest.mark.parametrize(("yaw", "reached"), [(0, True), (180, False), (90, True), (45, True)])
def test_a_large_item_is_reached_from_its_front(yaw, reached):
    """A wardrobe whose back, at yaw 0, is 5 cm from the upper wall."""
    found = access([(1.2, 0.6, 2.0)], [Pose(2.4, 2.65 if yaw in (0, 180) else 2.2, 0, yaw)])
    assert (names(found.unreachable) == []) is reached


def test_a_small_item_is_reached_from_any_side():
    assert access([(0.5, 0.5, 0.9)], [Pose(2.4, 2.7, 0, 180)]).unreachable == ()


def test_a_chair_walled_in_is_not_reached():
    """In the corner, behind two chests."""
    found = access([(0.5, 0.5, 0.9), (1.4, 0.8, 1), (0.8, 0.6, 1)], [Pose(3.7, 2.7), Pose(3.3, 2.0), Pose(3.0, 2.7)])
    assert "i0" in names(found.unreachable)


def test_what_does_not_stand_on_the_floor_is_not_asked_for():
    items = [
        Item("lamp", "lamp", (0.2, 0.2, 0.3), "surface"),
        Item("rug", "rug", (3.5, 2.5, 0.01), covering=True),
        Item("pendant", "lamp", (0.4, 0.4, 0.5), "ceiling"),
    ]
    found = access(items, [Pose(3.9, 2.9, 1), Pose(2, 1.5), Pose(2, 1.5, 2.2)])
    assert (found.unreachable, found.walkable) == ((), 1.0)


def test_locked_items_are_obstacles_but_never_reported():
    lock = Item("lock", "wall", (0.4, 3.0, 1.0), locked=True, pose=Pose(2.6, 1.5))
    found = access([lock, (0.5, 0.5, 0.9)], [None, Pose(3.4, 1.5)])
    assert names(found.unreachable) == ["i1"]
    in_door = Item("lock", "chest", (0.6, 0.6, 0.5), locked=True, pose=Pose(1.3, 0.3))
    assert access([in_door], [None]).blocked == ()


def test_without_a_door_the_largest_area_counts():
    chair, barrier = (0.5, 0.5, 0.9), (0.4, 3.0, 1.0)
    found = access([barrier, chair, chair], [Pose(2.9, 1.5), Pose(3.6, 1.5), Pose(1, 1)], openings=())
    assert "i1" in names(found.unreachable) and "i2" not in names(found.unreachable)
    assert 0.5 < found.walkable < 1


def test_any_of_several_doors_lets_in():
    other = Opening("door_2", "door", 2, 0.1, 0.9, 0.0, 2.0)
    barrier = (0.4, 3.0, 1.0)
    assert access([barrier], [Pose(2.3, 1.5)], openings=(DOOR, other)).walkable == 1.0


def test_a_full_room_has_no_way():
    found = access([(4.0, 3.0, 1.0)], [Pose(2, 1.5)])
    assert found.walkable == 0.0
    assert found.blocked[0].share == pytest.approx(1.0)


def test_items_far_outside_change_nothing_but_their_own_reach():
    found = access([(1, 1, 1)], [Pose(500, -500, 0, 33)])
    assert (found.blocked, names(found.unreachable), found.walkable) == ((), ["i0"], 1.0)


def test_a_huge_floor_is_measured_on_a_coarser_grid():
    floor = ((0.0, 0.0), (300.0, 0.0), (300.0, 200.0), (0.0, 200.0))
    assert access([(1, 1, 1)], [Pose(100, 100)], floor).walkable <= 1.0


@given(
    st.lists(st.tuples(st.floats(0.2, 1.5), st.floats(0, 4), st.floats(0, 4), st.floats(0, 359)), max_size=6),
    st.sampled_from([0, 90, 180, 270]),
)
def test_turning_the_house_changes_little(things, turn):
    c, s = round(math.cos(math.radians(turn))), round(math.sin(math.radians(turn)))

    def moved(x, y):
        return x * c - y * s + 7, x * s + y * c - 3

    sizes = [(w, w, 1.0) for w, *_ in things]
    here = access(sizes, [Pose(x, y, 0, yaw) for _, x, y, yaw in things], L_SHAPE)
    there = access(
        sizes,
        [Pose(*moved(x, y), 0, (yaw + turn) % 360) for _, x, y, yaw in things],
        tuple(moved(*corner) for corner in L_SHAPE),
    )
    assert [b.by for b in here.blocked] == [b.by for b in there.blocked]
    assert len({*names(here.unreachable)} ^ {*names(there.unreachable)}) <= 1
    assert 0 <= here.walkable <= 1


def test_regions_are_those_of_a_plain_flood_fill():
    rng = np.random.default_rng(3)
    for density in (0.3, 0.6, 0.65, 0.9):
        free = rng.random((40, 37)) < density
        areas = connected_areas(free)
        assert ((areas > 0) == free).all()
        seen = np.zeros(free.shape, dtype=int)
        for number, start in enumerate(zip(*np.nonzero(free), strict=True), start=1):
            stack = [start] if not seen[start] else []
            while stack:
                r, k = cell = stack.pop()
                if seen[cell]:
                    continue
                seen[cell] = number
                stack += [
                    n
                    for n in ((r + 1, k), (r - 1, k), (r, k + 1), (r, k - 1))
                    if 0 <= n[0] < 40 and 0 <= n[1] < 37 and free[n] and not seen[n]
                ]
        assert len({*zip(areas[free].tolist(), seen[free].tolist(), strict=True)}) == len(np.unique(seen[free]))
        assert len(np.unique(areas[free])) == len(np.unique(seen[free]))
