"""Where furniture is offered a place by habit, beside what stands already."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from metaspatial_addon.core.geometry import OrientedBox
from metaspatial_addon.core.task import Item, Opening, Pose, Room, Task
from metaspatial_addon.policy.builtin.free_places import FreePlaces
from metaspatial_addon.policy.builtin.place_stations import side_of
from metaspatial_addon.policy.builtin.prompt_room import PromptRoom, Standing
from metaspatial_addon.prompts.compact import CompactEncoding

FLOOR = ((0.0, 0.0), (7.0, 0.0), (7.0, 6.0), (0.0, 6.0))
DOOR = Opening("door", "door", 0, 0.2, 0.9, 0.0, 2.0)
WINDOW = Opening("window", "window", 2, 2.0, 3.0, 0.9, 1.2)
SIZES = {
    "armchair": (0.8, 0.8, 0.8),
    "coffee table": (1.1, 0.6, 0.42),
    "desk": (1.4, 0.7, 0.74),
    "dining chair": (0.45, 0.5, 0.85),
    "dining table": (1.4, 0.8, 0.75),
    "dishwasher": (0.6, 0.6, 0.9),
    "fridge": (0.7, 0.7, 1.85),
    "kitchen counter": (0.8, 0.6, 0.9),
    "monitor": (0.5, 0.2, 0.4),
    "office chair": (0.6, 0.6, 0.9),
    "pendant lamp": (0.4, 0.4, 0.7),
    "picture": (0.9, 0.05, 0.6),
    "rug": (2.0, 1.4, 0.02),
    "shoe rack": (0.8, 0.3, 0.5),
    "sink unit": (1.0, 0.6, 0.9),
    "sofa": (2.2, 0.95, 0.85),
    "tv stand": (1.6, 0.4, 0.5),
    "wardrobe": (1.8, 0.65, 2.1),
}
MOUNTS = {"monitor": "surface", "pendant lamp": "ceiling", "picture": "wall"}


class Scene:
    """A room in which some items stand, and the places that are offered to others, which are asked for in turn."""

    def __init__(self, standing: list[tuple[str, Pose]], others: list[str], openings: tuple[Opening, ...] = (DOOR,)):
        kinds = [kind for kind, _ in standing] + others
        items = tuple(
            Item(f"item {k}", kind, SIZES[kind], MOUNTS.get(kind, "floor"), covering=kind == "rug")
            for k, kind in enumerate(kinds)
        )
        task = Task("t", "", Room("room", FLOOR, 2.6, openings), items)
        self.room, names = PromptRoom.of(CompactEncoding(task).prompt_text()), CompactEncoding(task).names
        self.offers, self.standing = FreePlaces(self.room), {}
        self.waiting = [names[item.id] for item in items[len(standing) :]]
        for item, (_, pose) in zip(items, standing, strict=False):
            self.place(names[item.id], pose)

    def place(self, name: str, pose: Pose) -> Standing:
        item = self.room.items[name]
        self.standing[name] = Standing(name, item.box(pose.yaw, pose.x, pose.y, pose.z), item.covering, pose.yaw)
        return self.standing[name]

    def offered(self, name: str) -> list[Pose]:
        """Every place of a quarter yaw."""
        offer, xs, ys = (
            self.offers.offer(self.room.items[name], self.standing),
            self.offers.grid.xs,
            self.offers.grid.ys,
        )
        return [
            Pose(float(xs[ix]), float(ys[iy]), 0.0, float(yaw))
            for yaw in offer.yaws
            if yaw % 90 == 0
            for ix, iy in np.argwhere(self.offers.mask(offer, yaw))
        ]

    def offered_next(self) -> list[Pose]:
        """The places of the first item that waits, of which there are some."""
        places = self.offered(self.waiting[0])
        assert places
        return places


@pytest.mark.parametrize("seed", range(3))
def test_chairs_share_the_sides_of_a_table_evenly(seed):
    scene, rng = Scene([("dining table", Pose(3.5, 3.0))], ["dining chair"] * 4), np.random.default_rng(seed)
    table = OrientedBox(3.5, 3.0, 0.0, 0.0, *SIZES["dining table"])
    sides: Counter[str] = Counter()
    for name in scene.waiting:
        places = scene.offered(name)
        chair = scene.place(name, places[rng.integers(len(places))])
        sides[side_of(table, chair.box)] += 1
    assert sides["front"] == sides["back"] and sides["left"] == sides["right"] and sides.total() == 4


def test_a_chair_is_in_the_middle_of_its_desk():
    scene = Scene([("desk", Pose(3.5, 5.65))], ["office chair"])
    assert all(abs(pose.x - 3.5) <= 0.11 and pose.yaw == 180.0 for pose in scene.offered_next())


def test_a_kitchen_goes_on_beside_any_piece_of_it():
    taken = [("fridge", Pose(0.35, 5.65)), ("sink unit", Pose(1.2, 5.7)), ("dishwasher", Pose(0.3, 3.0, 0.0, 90.0))]
    scene = Scene(taken, ["kitchen counter"])
    assert all(pose.y > 5.6 and 2.0 < pose.x < 2.2 or pose.x < 0.4 for pose in scene.offered_next())


def test_a_seat_keeps_out_of_the_sight_of_a_sofa():
    scene = Scene(
        [("sofa", Pose(3.5, 5.5)), ("tv stand", Pose(3.5, 0.2, 0.0, 180.0)), ("coffee table", Pose(3.5, 4.3))],
        ["armchair"],
    )
    assert all(abs(pose.x - 3.5) > 0.7 for pose in scene.offered_next())


@pytest.mark.parametrize(
    ("kind", "host", "size"),
    [("rug", "coffee table", 0.27), ("pendant lamp", "dining table", 0.11)],
)
def test_what_lies_under_or_hangs_over_a_table_is_at_its_middle(kind, host, size):
    scene = Scene([(host, Pose(3.5, 3.0)), ("sofa", Pose(1.2, 5.5))], [kind])
    assert all(np.hypot(pose.x - 3.5, pose.y - 3.0) <= size for pose in scene.offered_next())


def test_a_picture_hangs_over_the_middle_of_its_sofa_and_not_under_a_window():
    scene = Scene([("sofa", Pose(6.5, 3.0, 0.0, 270.0))], ["picture"], (DOOR, WINDOW))
    assert all(pose.x > 6.9 and abs(pose.y - 3.0) <= 0.11 for pose in scene.offered_next())


def test_monitors_are_offered_the_desk_without_one():
    desks = [("desk", Pose(1.0, 5.65)), ("desk", Pose(6.0, 5.65)), ("dining table", Pose(3.5, 3.0))]
    scene = Scene([*desks, ("monitor", Pose(1.0, 5.65, 0.74))], ["monitor"])
    assert all(pose.x > 5.0 for pose in scene.offered_next())


def test_what_is_tall_does_not_stand_before_a_window():
    wide = replace(WINDOW, offset=0.1, width=6.8)
    scene = Scene([], ["wardrobe"], (DOOR, wide, replace(wide, id="other", wall=1, width=5.8)))
    assert all(pose.y < 5.1 and pose.x < 6.1 for pose in scene.offered_next())


def test_shoes_are_near_the_door():
    scene = Scene([], ["shoe rack"])
    assert all(np.hypot(max(pose.x - 1.1, 0.0), max(pose.y - 0.9, 0.0)) <= 2.01 for pose in scene.offered_next())
