"""Relations: what holds scores 1, what nearly holds scores between, and moving a room changes nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metaspatial_addon.core.relations import floor_middle, relation_scores
from metaspatial_addon.core.task import PREDICATES, Item, Layout, Pose, Relation, Room, Task
from tests.growth import growth

RECTANGLE = Room("bedroom", ((0, 0), (6, 0), (6, 5), (0, 5)), 2.7)
U_SHAPE = Room("hall", ((0, 0), (6, 0), (6, 5), (4.5, 5), (4.5, 1.5), (1.5, 1.5), (1.5, 5), (0, 5)), 2.7)
SIZES = {
    "desk": (1.4, 0.7, 0.75),
    "chair": (0.5, 0.5, 0.9),
    "lamp": (0.2, 0.2, 0.4),
    "pendant": (0.4, 0.4, 0.5),
    "rug": (2.0, 1.4, 0.01),
    "shelf": (0.8, 0.4, 2.0),
}
DESK = Pose(3, 2.5, 0, 0)


def score(subject, predicate, other, room=RECTANGLE, **poses):
    """The score of one relation between items of SIZES at those poses."""
    items = tuple(Item(name, name, size, covering=name == "rug") for name, size in SIZES.items())
    task = Task("t", "", room, items, (Relation(subject, predicate, other),))
    return relation_scores(task, Layout("t", poses))[0].score


@pytest.mark.parametrize(
    ("predicate", "gap", "expected"),
    [
        ("next_to", 0.0, 1),
        ("next_to", 0.5, 1),
        ("next_to", 0.55, 0.75),
        ("next_to", 0.6, 0.5),
        ("next_to", 2.5, 0),
        ("near", 0.4, 0.5),
        ("near", 0.5, 1),
        ("near", 1.5, 1),
        ("near", 1.6, 0.5),
        ("across", 1.4, 0.5),
        ("across", 1.5, 1),
        ("across", 4.0, 1),
        ("across", 4.2, 0.47368),
        ("far", 4.0, 1),
        ("far", 3.9, 0.5),
        ("far", 0.0, 0),
        ("far", 30.0, 1),
    ],
)
def test_distances_are_gaps_between_footprints(predicate, gap, expected):
    chair = Pose(DESK.x + SIZES["desk"][0] / 2 + gap + 0.25, DESK.y)
    assert score("chair", predicate, "desk", chair=chair, desk=DESK) == pytest.approx(expected, abs=1e-4)


def test_overlapping_counts_as_a_gap_of_zero():
    assert score("chair", "next_to", "desk", chair=DESK, desk=DESK) == 1


@pytest.mark.parametrize(
    ("pose", "wall"),
    [(Pose(2, 4.8, 0, 0), 2), (Pose(2, 0.2, 0, 180), 0), (Pose(0.2, 2, 0, 90), 3), (Pose(5.8, 2, 0, 270), 1)],
)
def test_against_is_the_back_at_a_wall(pose, wall):
    assert score("shelf", "against", "wall", shelf=pose) == 1
    assert score("shelf", "against", f"wall_{wall}", shelf=pose) == 1
    assert score("shelf", "against", f"wall_{(wall + 2) % 4}", shelf=pose) < 0.5
    turned = Pose(pose.x, pose.y, 0, (pose.yaw + 180) % 360)
    assert score("shelf", "against", "wall", shelf=turned) < 0.5


@pytest.mark.parametrize(
    ("gap", "turn", "expected"), [(0.05, 0, 1), (0.075, 0, 0.75), (0.1, 0, 0.5), (0.12, 0, 0.4983), (0, 20, 0.5)]
)
def test_against_falls_with_gap_and_turn(gap, turn, expected):
    back = (-math.sin(math.radians(turn)) * 0.2, math.cos(math.radians(turn)) * 0.2)
    pose = Pose(3 - back[0], 5 - gap - back[1], 0, turn)
    assert score("shelf", "against", "wall_2", shelf=pose) == pytest.approx(expected, abs=1e-3)


def test_against_needs_the_wall_itself_and_not_its_line():
    beside_notch = Pose(3, 1.3, 0, 0)  # its back at wall 4, which runs along y = 1.5 from x = 4.5 to x = 1.5
    assert score("shelf", "against", "wall_4", U_SHAPE, shelf=beside_notch) == 1
    assert score("shelf", "against", "wall_4", U_SHAPE, shelf=Pose(5.2, 1.3, 0, 0)) < 0.5


def test_mending_one_of_two_conditions_earns_something():
    far_and_turned = score("shelf", "against", "wall_2", shelf=Pose(3, 2.5, 0, 180))
    turned_right = score("shelf", "against", "wall_2", shelf=Pose(3, 2.5, 0, 0))
    nearer = score("shelf", "against", "wall_2", shelf=Pose(3, 4.0, 0, 0))
    assert far_and_turned < turned_right < nearer < 0.5


@pytest.mark.parametrize(
    ("pose", "holds"),
    [
        (Pose(0.4, 4.8, 0, 0), True),
        (Pose(0.55, 4.65, 0, 0), True),
        (Pose(5.6, 0.2, 0, 180), True),
        (Pose(0.2, 0.4, 0, 90), True),
        (Pose(3.0, 4.8, 0, 0), False),
        (Pose(0.4, 0.2, 0, 0), False),  # its front is in the corner
    ],
)
def test_corner_is_two_walls(pose, holds):
    assert (score("shelf", "corner", "room", shelf=pose) == 1) is holds


def test_an_armchair_set_diagonally_stands_in_the_corner():
    reach = 0.25 * math.sqrt(2)
    pose = Pose(reach + 0.01, 5 - reach - 0.01, 0, 45)
    assert score("chair", "corner", "room", chair=pose) == 1


def test_two_walls_name_a_corner():
    at_north_west = Pose(0.4, 4.8, 0, 0)
    met = [k for k in range(4) if score("shelf", "corner", f"wall_{k}", shelf=at_north_west) == 1]
    assert met == [2, 3]
    assert score("shelf", "corner", "wall_1", shelf=at_north_west) < 0.5


def test_a_reflex_corner_is_none():
    assert score("shelf", "corner", "room", U_SHAPE, shelf=Pose(1.2, 1.2, 0, 0)) < 0.5


@pytest.mark.parametrize(("yaw", "expected"), [(180, 1), (150, 1), (145, 0.75), (140, 0.5), (90, 0.1875), (0, 0)])
def test_facing_is_the_front_towards_the_other(yaw, expected):
    """The chair stands before the desk, which is to its north."""
    got = score("chair", "facing", "desk", chair=Pose(3, 1.5, 0, yaw), desk=DESK)
    assert got == pytest.approx(expected, abs=1e-4)


def test_a_chair_at_the_end_of_a_long_side_faces_the_desk():
    assert score("chair", "facing", "desk", chair=Pose(3.34, 2.2, 0, 180), desk=DESK) == 1


@pytest.mark.parametrize("turn", [0, 33, 90, 147])
def test_a_chair_in_the_middle_of_the_desk_faces_it_however_the_room_is_turned(turn):
    """On the desk's middle line only its centre has a direction, and at the centre there is none."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    desk = Pose(3, 2.5, 0, turn)
    assert score("chair", "facing", "desk", chair=Pose(3, 2.5, 0, turn + 90), desk=desk) == 0
    beside = Pose(3 + 0.3 * c, 2.5 + 0.3 * s, 0, 0)
    for yaw, expected in ((270, 1), (90, 0), (0, 0.1875)):  # its front to the centre, away from it, across
        chair = Pose(beside.x, beside.y, 0, (turn + yaw) % 360)
        assert score("chair", "facing", "desk", chair=chair, desk=desk) == pytest.approx(expected, abs=1e-6)


SIDE_STEPS = {"left_of": (-1, 0), "right_of": (1, 0), "in_front_of": (0, -1), "behind": (0, 1)}


@given(st.floats(0, 359), st.sampled_from(sorted(SIDE_STEPS)), st.floats(1.0, 2.0))
def test_sides_turn_with_the_other_item(yaw, side, distance):
    c, s = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    dx, dy = (distance * v for v in SIDE_STEPS[side])
    chair = Pose(3 + dx * c - dy * s, 2.5 + dx * s + dy * c)
    got = {p: score("chair", p, "desk", chair=chair, desk=Pose(3, 2.5, 0, yaw)) for p in SIDE_STEPS}
    assert got.pop(side) == 1
    assert max(got.values()) < 0.5


@pytest.mark.parametrize(
    ("lamp", "expected"),
    [
        (Pose(3, 2.5, 0.75), 1),
        (Pose(3.7, 2.5, 0.76), 1),
        (Pose(3, 2.5, 0.77), 0.5),
        (Pose(3.75, 2.5, 0.75), 0.5),
        (Pose(4.2, 2.5, 0.75), 0.4423),
        (Pose(3, 2.5, 0), 0.3157),
    ],
)
def test_on_is_resting_on_the_top(lamp, expected):
    assert score("lamp", "on", "desk", lamp=lamp, desk=DESK) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("z", "holds"), [(0.0, True), (0.01, True), (0.04, False)])
def test_what_stands_on_a_rug_may_stand_through_it(z, holds):
    assert (score("chair", "on", "rug", chair=Pose(3, 2.5, z), rug=DESK) >= 0.5) is holds


def test_under():
    assert score("rug", "under", "desk", rug=Pose(3.3, 2.0), desk=DESK) == 1
    assert score("lamp", "under", "desk", lamp=Pose(3.3, 2.5), desk=DESK) == 1
    assert score("lamp", "under", "desk", lamp=Pose(3.3, 2.5, 0.75), desk=DESK) < 0.5
    assert score("desk", "under", "pendant", desk=DESK, pendant=Pose(3, 2.5, 2.2)) == 1
    assert score("desk", "under", "pendant", desk=DESK, pendant=Pose(3, 2.5, 0.5)) < 0.5
    assert score("lamp", "under", "desk", lamp=Pose(5, 2.5), desk=DESK) < 0.5


def test_inside():
    assert score("lamp", "inside", "shelf", lamp=Pose(3.1, 2.5, 1.0), shelf=DESK) == 1
    assert score("lamp", "inside", "shelf", lamp=Pose(3.35, 2.5, 1.0), shelf=DESK) == pytest.approx(0.6, abs=1e-3)
    assert score("lamp", "inside", "shelf", lamp=Pose(3.1, 2.5, 1.7), shelf=DESK) < 0.5


def around_scores(*poses, size=(0.45, 0.45, 0.9), table=(1.6, 0.9, 0.75)):
    items = (Item("table", "table", table), *(Item(f"c{k}", "chair", size) for k in range(len(poses))))
    task = Task("t", "", RECTANGLE, items, tuple(Relation(f"c{k}", "around", "table") for k in range(len(poses))))
    layout = {"table": DESK, **{f"c{k}": pose for k, pose in enumerate(poses) if pose}}
    return [r.score for r in relation_scores(task, Layout("t", layout))]


def test_around():
    long_sides = [Pose(3 + dx, 2.5 + dy, 0, 180 if dy < 0 else 0) for dx in (-0.5, 0.5) for dy in (-0.6, 0.6)]
    assert around_scores(*long_sides) == [1, 1, 1, 1]
    ends = [Pose(1.85, 2.5, 0, 90), Pose(4.15, 2.5, 0, 270)]
    assert around_scores(*long_sides, *ends) == [1] * 6
    one_turned = around_scores(Pose(*vars(long_sides[0]).values()), *long_sides[1:3], Pose(3.5, 3.1, 0, 180))
    assert one_turned[3] < 0.5 and one_turned[:3] == [1, 1, 1]
    one_side = [Pose(2.4 + 0.5 * k, 1.8, 0, 180) for k in range(3)]
    assert max(around_scores(*one_side)) < 0.5
    assert around_scores(*long_sides[:3], None)[3] == 0


def test_centred():
    assert score("desk", "centred", "room", desk=Pose(3.2, 2.6)) == 1
    assert score("desk", "centred", "room", desk=Pose(4.0, 2.5)) < 0.5
    assert score("shelf", "centred", "wall_2", shelf=Pose(3.1, 4.8)) == 1
    assert score("shelf", "centred", "wall_2", shelf=Pose(3.4, 4.8)) < 0.5


def test_the_middle_of_a_floor_lies_on_it():
    assert floor_middle(RECTANGLE.floor) == pytest.approx((3, 2.5))
    l_shape = ((0, 0), (4, 0), (4, 1), (1, 1), (1, 4), (0, 4))
    for floor in (U_SHAPE.floor, l_shape):
        x, y = floor_middle(floor)
        assert not (1.5 < x < 4.5 and y > 1.5) if floor is U_SHAPE.floor else min(x, y) < 1


def test_an_item_without_a_place_scores_zero():
    for predicate in PREDICATES:
        other = {"against": "wall", "corner": "room", "centred": "room"}.get(predicate, "desk")
        assert score("chair", predicate, other, desk=DESK) == 0
        if other == "desk":
            assert score("chair", predicate, other, chair=DESK) == 0


def test_a_locked_item_is_where_its_own_pose_says():
    items = (Item("desk", "desk", SIZES["desk"], locked=True, pose=DESK), Item("chair", "chair", SIZES["chair"]))
    task = Task("t", "", RECTANGLE, items, (Relation("chair", "next_to", "desk"),))
    assert relation_scores(task, Layout("t", {"chair": Pose(3, 1.8)}))[0].score == 1


PLACES = st.builds(Pose, st.floats(-1, 7), st.floats(-1, 6), st.floats(0, 2.5), st.floats(0, 359.9))


@given(PLACES, PLACES, st.floats(0, 359), st.floats(-50, 50))
@example(Pose(0, 0), Pose(0, 0), 33, 1)  # no direction from one to the other, but for rounding errors
@example(Pose(3, 2.5, 0, 50), Pose(3, 2.5), 60, 0.1)
@example(Pose(0.01, 0), Pose(0, 0), 33, 1)
def test_scores_stay_when_the_room_is_turned_and_moved(a, b, turn, move):
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))

    def moved(x, y):
        return x * c - y * s + move, x * s + y * c - move

    relations = tuple(
        Relation("desk", p, {"against": "wall", "corner": "room", "centred": "room"}.get(p, "chair"))
        for p in PREDICATES
    ) + (Relation("desk", "against", "wall_1"), Relation("desk", "centred", "wall_0"))
    items = tuple(Item(name, name, SIZES[name]) for name in ("desk", "chair"))
    here = Task("t", "", U_SHAPE, items, relations)
    there = Task("t", "", Room("hall", tuple(moved(*corner) for corner in U_SHAPE.floor), 2.7), items, relations)
    turned = {n: Pose(*moved(p.x, p.y), p.z, (p.yaw + turn) % 360) for n, p in (("desk", a), ("chair", b))}
    before = relation_scores(here, Layout("t", {"desk": a, "chair": b}))
    after = relation_scores(there, Layout("t", turned))
    for r, q in zip(before, after, strict=True):
        assert 0 <= r.score <= 1
        if not (r.predicate == "centred" and r.object == "room"):  # the deepest point is found on a grid
            assert r.score == pytest.approx(q.score, abs=1e-3)


@given(st.sampled_from(PREDICATES), PLACES, PLACES, st.integers(0, 3))
def test_a_small_move_changes_a_score_little(predicate, a, b, axis):
    """No jumps to learn from by accident, but for direction, which is undefined at the other's middle."""
    other = {"against": "wall_1", "corner": "room", "centred": "room"}.get(predicate, "desk")
    step = 1e-4
    values = [a.x, a.y, a.z, a.yaw]
    values[axis] += step
    here = score("chair", predicate, other, chair=a, desk=b)
    there = score("chair", predicate, other, chair=Pose(*values), desk=b)
    near_middle = math.hypot(a.x - b.x, a.y - b.y) < 0.6 and predicate in ("facing", "around")
    assert near_middle or abs(here - there) < 0.02


def test_scores_take_time_in_proportion_to_the_subjects_around_one_item():
    def crowd(count):
        items = tuple(Item(f"chair_{k}", "chair", (0.5, 0.5, 0.9)) for k in range(count))
        relations = tuple(Relation(item.id, "around", "chair_0") for item in items[1:])
        floor = ((0.0, 0.0), (90.0, 0.0), (90.0, 90.0), (0.0, 90.0))
        layout = Layout("t", {item.id: Pose(1 + k % 80, 1 + k // 80) for k, item in enumerate(items)})
        return Task("t", "", Room("hall", floor, 2.5), items, relations), layout

    made = {count: crowd(count) for count in (300, 1200)}
    assert growth(lambda count: relation_scores(*made[count]), 300, factor=4) < 9
