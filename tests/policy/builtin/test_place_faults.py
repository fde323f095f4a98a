"""What the places that are offered promise holds in the task: wishes, needs, ways and habits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from metaspatial_addon.core.access import measure_access
from metaspatial_addon.core.detectors.needs import measure_needs
from metaspatial_addon.core.faults import RelationScore
from metaspatial_addon.core.geometry import OrientedBox, gap
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import Item, Layout, Opening, Pose, Relation, Room, Task
from metaspatial_addon.policy.builtin.free_places import FreePlaces
from metaspatial_addon.policy.builtin.place_faults import PlaceFaults
from metaspatial_addon.policy.builtin.place_habits import Habits
from metaspatial_addon.policy.builtin.place_wishes import is_good
from metaspatial_addon.policy.builtin.prompt_room import PromptItem, PromptRoom, Standing
from metaspatial_addon.prompts.compact import CompactEncoding

CORNERS = {
    "rectangle": ((0.0, 0.0), (5.0, 0.0), (5.0, 4.0), (0.0, 4.0)),
    "L": ((0.0, 0.0), (5.0, 0.0), (5.0, 4.0), (2.0, 4.0), (2.0, 2.5), (0.0, 2.5)),
}
NAMES = {"wardrobe": "wardrobe_1", "dining table": "dining_table_1", "dining chair": "dining_chair_1"}
quarters = st.sampled_from([0.0, 90.0, 180.0, 270.0])
yaws = st.sampled_from([float(yaw) for yaw in range(0, 360, 15)])
sizes = st.integers(6, 30).map(lambda n: n * 0.05)
places = st.tuples(st.integers(0, 200), st.integers(0, 160)).map(lambda p: (p[0] * 0.025, p[1] * 0.025))
between = ["next_to", "near", "across", "far", "left_of", "right_of", "in_front_of", "behind", "facing"]
in_room = [
    *(("against", target) for target in ("wall", "wall_0")),
    *(("corner", target) for target in ("room", "wall_1")),
    *(("centred", target) for target in ("room", "wall_1")),
]


def room_of(shape: str) -> Room:
    return Room("living room", CORNERS[shape], 2.6, (Opening("door", "door", 0, 0.2, 0.9, 0.0, 2.0),))


def prompt_room(task: Task) -> PromptRoom:
    return PromptRoom.of(CompactEncoding(task).prompt_text())


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(CORNERS)),
    st.one_of(st.sampled_from([(p, "b") for p in between]), st.sampled_from(in_room)),
    st.tuples(sizes, sizes),
    st.tuples(sizes, sizes),
    yaws,
    quarters,
    places,
    st.booleans(),
    st.booleans(),
)
def test_a_good_place_meets_the_wish(shape, wish, size, other_size, yaw, other_yaw, at, negated, is_subject):
    predicate, target = wish
    is_subject = is_subject or target != "b"
    items = (Item("a", "wardrobe", (*size, 1.0)), Item("b", "dining table", (*other_size, 0.75)))
    subject, object_ = ("a", target) if is_subject else ("b", "a")
    task = Task("t", "", room_of(shape), items, (Relation(subject, predicate, object_, negated=negated),))
    room = prompt_room(task)
    stated = room.wishes[0]
    other = Pose(*at, 0.0, other_yaw)
    standing = None if target != "b" and is_subject else OrientedBox.of(items[1], other)
    box = OrientedBox.of(items[0], Pose(0.0, 0.0, 0.0, yaw))
    grid = FreePlaces(room).grid
    good = is_good(room, stated, box, standing, stated.subject == NAMES["wardrobe"], grid.xs, grid.ys)
    good = np.broadcast_to(good, (len(grid.xs), len(grid.ys)))
    for ix, iy in np.random.default_rng(0).integers(0, good.shape, (25, 2)):
        x, y = grid.xs[ix], grid.ys[iy]
        layout = Layout("t", {"a": Pose(float(x), float(y), 0.0, yaw), "b": other})
        if predicate not in ("against", "corner", "centred") and overlapping(items, layout):
            continue
        (score,) = relation_scores(task, layout)
        if good[ix, iy]:
            assert score.score >= RelationScore.SATISFIED
        elif shape == "rectangle":  # a line that its words name may be two walls of a bent room
            assert score.score < 1.0


def overlapping(items: tuple[Item, ...], layout: Layout) -> bool:
    a, b = (OrientedBox.of(item, layout.poses[item.id]) for item in items)
    return gap(a, b) == 0.0


def pose_at(offers: FreePlaces, place: Sequence[int], yaw: float) -> Pose:
    return Pose(float(offers.grid.xs[place[0]]), float(offers.grid.ys[place[1]]), 0.0, float(yaw))


def standing_at(item: PromptItem, pose: Pose) -> Standing:
    return Standing(item.name, item.box(pose.yaw, pose.x, pose.y, pose.z), item.covering, pose.yaw)


furniture = st.sampled_from(
    [
        ("wardrobe", (1.5, 0.6, 2.0)),
        ("double bed", (1.6, 2.0, 0.5)),
        ("desk", (1.2, 0.6, 0.75)),
        ("sofa", (2.0, 0.9, 0.8)),
        ("plant", (0.4, 0.4, 1.0)),
        ("dresser", (1.0, 0.5, 0.8)),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(CORNERS)), st.lists(furniture, min_size=2, max_size=5), st.integers(0, 10**6))
def test_places_without_faults_break_no_need_and_close_no_way(shape, pieces, seed):
    rng = np.random.default_rng(seed)
    items = tuple(Item(f"item {k}", name, size) for k, (name, size) in enumerate(pieces))
    task = Task("t", "", room_of(shape), items)
    room, names = prompt_room(task), CompactEncoding(task).names
    offers, standing, poses = FreePlaces(room), {}, {}
    for item in items[:-1]:
        yaw, known = float(rng.integers(4) * 90), room.items[names[item.id]]
        free = np.argwhere(offers.free(known, yaw, list(standing.values())))
        assume(len(free))
        poses[item.id] = pose_at(offers, free[rng.integers(len(free))], yaw)
        standing[item.id] = standing_at(known, poses[item.id])
    without, new = replace(task, items=items[:-1]), room.items[names[items[-1].id]]
    shut_off = {fault.id for fault in measure_access(without, Layout("t", poses)).unreachable}
    cramped = {fault.id for fault in measure_needs(without, Layout("t", poses))[0]}
    others = list(standing.values())
    faults = PlaceFaults(Habits(room), [], new, others)
    for yaw in (0.0, 90.0, 180.0, 270.0):
        count = faults.count(yaw, offers.grid)
        found = np.argwhere(offers.free(new, yaw, others) & (count < 1.0))
        for ix, iy in found[:: max(len(found) // 6, 1)]:
            pose = pose_at(offers, (ix, iy), yaw)
            after = Layout("t", {**poses, items[-1].id: pose})
            assert {f.id for f in measure_needs(task, after)[0]} <= cramped, pose
            if count[ix, iy] == 0.0:
                assert {f.id for f in measure_access(task, after).unreachable} <= shut_off, pose


@pytest.mark.parametrize(
    ("kind", "size", "host", "host_size", "expected"),
    [
        ("dining chair", (0.45, 0.5, 0.9), "dining table", (1.6, 0.9, 0.75), {"next_to", "facing"}),
        ("nightstand", (0.4, 0.4, 0.5), "double bed", (1.6, 2.0, 0.5), {"next_to"}),
        ("coffee table", (1.0, 0.5, 0.4), "sofa", (2.0, 0.9, 0.8), {"next_to", "in_front_of"}),
    ],
)
def test_what_belongs_together_is_offered_places_together(kind, size, host, host_size, expected):
    task = Task("t", "", room_of("rectangle"), (Item("host", host, host_size), Item("guest", kind, size)))
    room, names, at = prompt_room(task), CompactEncoding(task).names, Pose(2.5, 2.0)
    offers, there = FreePlaces(room), standing_at(room.items[names["host"]], at)
    offer = offers.offer(room.items[names["guest"]], {there.name: there})
    asked = tuple(Relation("guest", predicate, "host") for predicate in sorted(expected))
    quarter_yaws = [yaw for yaw in offer.yaws if yaw % 90 == 0]
    assert quarter_yaws
    for yaw in quarter_yaws:
        for ix, iy in np.argwhere(offers.mask(offer, yaw)):
            layout = Layout("t", {"host": at, "guest": pose_at(offers, (ix, iy), yaw)})
            assert all(
                s.score >= RelationScore.SATISFIED for s in relation_scores(replace(task, relations=asked), layout)
            )


def test_a_thing_that_the_table_does_not_know_has_no_habit():
    task = Task("t", "", room_of("rectangle"), (Item("it", "gizmo", (0.7, 0.7, 0.7)),))
    room = prompt_room(task)
    assert not Habits(room).of(room.items["thing_1"], []).cost(0.0, FreePlaces(room).grid).any()


def test_chairs_are_offered_the_table_with_the_fewest_and_tables_stand_apart():
    chair, table = (0.45, 0.5, 0.9), (1.2, 0.8, 0.75)
    items = tuple(Item(f"table {k}", "dining table", table) for k in (1, 2))
    items += tuple(Item(f"chair {k}", "dining chair", chair) for k in (1, 2))
    task = Task("t", "", replace(room_of("rectangle"), floor=((0, 0), (8.0, 0), (8.0, 6.0), (0, 6.0))), items)
    room = prompt_room(task)
    offers, standing = FreePlaces(room), {"dining_table_1": standing_at(room.items["dining_table_1"], Pose(2.0, 3.0))}

    def offered(name: str, yaw: int) -> np.ndarray:
        """Centres (N, 2)."""
        offer = offers.offer(room.items[name], standing)
        return np.argwhere(offers.mask(offer, yaw)) * offers.grid.step

    assert (
        len(offered("dining_table_2", 0))
        and (np.abs(offered("dining_table_2", 0) - (2.0, 3.0)) >= (2.6, 2.2)).any(axis=1).all()
    )
    standing["dining_table_2"] = standing_at(room.items["dining_table_2"], Pose(6.0, 3.0))
    standing["dining_chair_1"] = standing_at(room.items["dining_chair_1"], Pose(2.0, 2.3, 0.0, 180.0))
    places = offered("dining_chair_2", 180)
    assert len(places) and (places[:, 0] > 5.0).all() and (places[:, 1] < 2.6).all()


@pytest.mark.parametrize("category, size", [("laundry basket", (0.45, 0.4, 0.6)), ("wardrobe", (1.0, 0.6, 2.0))])
def test_a_wish_that_only_a_slant_can_meet_is_offered_that_slant(category, size):
    floor = ((0.0, 0.0), (6.5, 0.0), (6.5, 4.7), (3.2, 4.7), (0.0, 3.7))
    wish = Relation("it", "against", "wall_3")
    task = Task("t", "", Room("bedroom", floor, 2.6), (Item("it", category, size),), (wish,))
    room = prompt_room(task)
    offers, (item,) = FreePlaces(room), room.items.values()
    offer = offers.offer(item, {})
    assert offer.yaws
    for yaw in offer.yaws:
        places = np.argwhere(offers.mask(offer, yaw))
        assert len(places)
        for place in places[:: max(len(places) // 20, 1)]:
            (score,) = relation_scores(task, Layout("t", {"it": pose_at(offers, place, yaw)}))
            assert score.score >= RelationScore.SATISFIED
