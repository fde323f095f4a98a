"""Golden scenes: small rooms with known faults, and answers with known grades. The scorer must find what is listed
here and nothing else.

A scene's items are written `id: (what it is, pose)`, a pose as (x, y, z, yaw). The default room is 5 x 4 m and 2.6 m
high; its door takes x = 0.3 to 1.2 m of the wall y = 0 and swings about x = 0.3, its window x = 2 to 3 m of the wall
y = 4 above 0.9 m.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import bpy

from metaspatial_addon.core.task import Item, Layout, Opening, Pose, Relation, Room, Task
from tests.blender.physics import solids

DOOR = Opening("door", "door", 0, 0.3, 0.9, 0.0, 2.05)
WINDOW = Opening("window", "window", 2, 2.0, 1.0, 0.9, 1.2)
ROOM = Room("room", ((0, 0), (5, 0), (5, 4), (0, 4)), 2.6, (DOOR, WINDOW))
BEND = Room("room", ((0, 0), (5, 0), (5, 2), (2.5, 2), (2.5, 4), (0, 4)), 2.6, (DOOR,))

Fault = tuple[str, ...]


@dataclass(frozen=True)
class Thing:
    """What an item is: a plain box of its size, or a mesh that fills the size."""

    size: tuple[float, float, float]
    mesh: Callable[[], bpy.types.Mesh] | None = None
    mount: str = "floor"
    covering: bool = False
    locked: bool = False


def box(width: float, depth: float, height: float, mount: str = "floor", **flags: bool) -> Thing:
    return Thing((width, depth, height), None, mount, **flags)


TABLE = Thing((1.4, 0.8, 0.75), solids.table)
CHAIR = Thing((0.44, 0.44, 0.9), solids.chair)
CORNER_SOFA = Thing((2.4, 1.6, 0.8), solids.corner_sofa)
SHELF = Thing((0.8, 0.3, 1.2), solids.shelf)
TOPPLING_LAMP = Thing((0.5, 0.85, 1.8), solids.lamp)
BALL = Thing((0.4, 0.4, 0.4), lambda: solids.ball(0.2), "surface")
BOX = box(0.6, 0.6, 0.6)
VASE = box(0.2, 0.2, 0.4, "surface")
BOOK = box(0.05, 0.2, 0.3, "surface")
PICTURE = box(0.8, 0.05, 0.6, "wall")
PENDANT = box(0.4, 0.4, 0.5, "ceiling")
RUG = box(2.4, 1.8, 0.01, covering=True)


@dataclass(frozen=True)
class Scene:
    """Items where a layout places them, and every fault: (kind, ids…) with its size in metres or None."""

    items: Mapping[str, tuple[Thing, tuple[float, ...]]]
    faults: Mapping[Fault, float | None] = field(default_factory=dict)
    room: Room = ROOM
    relations: tuple[tuple[str, str, str], ...] = ()

    def task(self) -> Task:
        items = tuple(
            Item(item_id, "thing", t.size, t.mount, None, t.covering, t.locked, Pose(*pose) if t.locked else None)
            for item_id, (t, pose) in self.items.items()
        )
        return Task("golden", "", self.room, items, tuple(Relation(*r) for r in self.relations))

    def layout(self) -> Layout:
        return Layout("golden", {i: Pose(*pose) for i, (t, pose) in self.items.items() if not t.locked})

    def meshes(self) -> dict[str, bpy.types.Mesh]:
        return {item_id: t.mesh() for item_id, (t, _) in self.items.items() if t.mesh is not None}


SCENES = {
    # Nothing is wrong here, or only nearly.
    "a furnished room": Scene(
        {
            "bed": (box(1.6, 2.0, 0.5), (4.0, 0.8, 0, 270)),
            "stand": (box(0.4, 0.4, 0.5), (4.8, 1.8, 0, 270)),
            "lamp": (VASE, (4.8, 1.8, 0.5, 0)),
            "rug": (RUG, (2.4, 2.4, 0, 0)),
            "table": (TABLE, (1.4, 3.0, 0, 0)),
            "chair": (CHAIR, (1.4, 2.62, 0, 180)),
            "picture": (PICTURE, (4.975, 3, 1.4, 270)),
            "light": (PENDANT, (2.5, 2, 2.1, 0)),
        },
        relations=(("stand", "next_to", "bed"), ("lamp", "on", "stand"), ("chair", "facing", "table")),
    ),
    "touching side by side": Scene({"a": (BOX, (2.0, 2.0)), "b": (BOX, (2.6, 2.0))}),
    "touching, both turned 45 degrees": Scene({"a": (BOX, (2, 2, 0, 45)), "b": (BOX, (2.42427, 2.42427, 0, 45))}),
    "a corner at a side": Scene({"a": (BOX, (2, 2)), "b": (BOX, (2.7243, 2, 0, 45))}),
    "only the boxes around them cross": Scene({"a": (BOX, (2, 2, 0, 45)), "b": (BOX, (2.5, 2.5, 0, 45))}),
    "eight millimetres deep": Scene({"a": (BOX, (2, 2)), "b": (BOX, (2.592, 2))}),
    "stacked": Scene({"a": (BOX, (2, 2)), "b": (VASE, (2, 2.1, 0.6, 30)), "c": (VASE, (2.02, 2.1, 1.0, 0))}),
    "tucked under": Scene(
        {"table": (TABLE, (2.5, 2)), "chair": (CHAIR, (2.5, 1.65, 0, 180)), "other": (CHAIR, (2.5, 2.38, 0, 0))}
    ),
    "in a sofa's notch": Scene({"sofa": (CORNER_SOFA, (2.5, 3.2)), "table": (box(0.9, 0.5, 0.4), (3.0, 2.9))}),
    "a rug under everything": Scene(
        {
            "rug": (RUG, (2.5, 2)),
            "table": (TABLE, (2.5, 2)),
            "box": (BOX, (3.5, 2, 0.01)),
            "chair": (CHAIR, (2.5, 1.5, 0, 180)),
        }
    ),
    "a chest that is wanted on a bench": Scene(
        {"bench": (box(1.2, 0.5, 0.4), (3, 2)), "chest": (BOX, (3, 2, 0.4))}, relations=(("chest", "on", "bench"),)
    ),
    "a book in a shelf": Scene({"shelf": (SHELF, (3.9, 3.85)), "book": (BOOK, (3.9, 3.85, 0.42))}),
    "against two walls": Scene({"a": (BOX, (4.7, 3.7, 0, 0))}),
    "in the bend of the room": Scene({"a": (box(1.0, 1.0, 1.0), (2.0, 1.5))}, room=BEND),
    "a sofa around the room's corner": Scene({"sofa": (CORNER_SOFA, (2.45, 2.35, 0, 90))}, room=BEND),
    "a low chest under the window": Scene({"chest": (box(1.0, 0.4, 0.8), (2.5, 3.8))}),
    "two locked things in each other": Scene(
        {
            "a": (box(0.6, 0.6, 0.6, locked=True), (2, 2)),
            "b": (box(0.6, 0.6, 0.6, locked=True), (2.2, 2)),
            "c": (BOX, (4, 2)),
        }
    ),
    # Collisions.
    "twenty centimetres deep": Scene({"a": (BOX, (2, 2)), "b": (BOX, (2.4, 2.1))}, {("overlap", "a", "b"): 0.2}),
    "turned 45 degrees into a side": Scene(
        {"a": (BOX, (2, 2)), "b": (BOX, (2.6243, 2, 0, 45))}, {("overlap", "a", "b"): 0.1}
    ),
    "nested boxes": Scene({"a": (box(1.2, 1.2, 1.2), (2, 2)), "b": (VASE, (2, 2, 0.4))}, {("overlap", "a", "b"): 0.7}),
    "a ball in a solid block": Scene(
        {
            "a": (
                Thing(
                    (1, 1, 1), lambda: solids.boxes([(-0.5, -0.5, 0, 0.5, 0.5, 0.9), (-0.5, -0.5, 0.9, 0.5, 0.5, 1)])
                ),
                (2, 2),
            ),
            "b": (BALL, (2, 2, 0.3)),
        },
        {("overlap", "a", "b"): 0.7},
    ),
    "a chair's back in a table's top": Scene(
        {"table": (TABLE, (2.5, 2)), "chair": (CHAIR, (2.5, 1.9, 0, 180))}, {("overlap", "table", "chair"): 0.12}
    ),
    "a notch missed by five centimetres": Scene(
        {"sofa": (CORNER_SOFA, (2.5, 3.2)), "table": (box(0.9, 0.5, 0.4), (3.0, 3.0))},
        {("overlap", "sofa", "table"): 0.05},
    ),
    "sunk into what carries it": Scene({"a": (BOX, (2, 2)), "b": (VASE, (2, 2, 0.57))}, {("overlap", "a", "b"): 0.03}),
    "a book through a board": Scene(
        {"shelf": (SHELF, (3.9, 3.85)), "book": (BOOK, (3.9, 3.85, 0.38))}, {("overlap", "shelf", "book"): 0.04}
    ),
    "three in a row": Scene(
        {"a": (BOX, (2, 2)), "b": (BOX, (2.5, 2)), "c": (BOX, (3.0, 2))},
        {("overlap", "a", "b"): 0.1, ("overlap", "b", "c"): 0.1},
    ),
    "into a locked thing": Scene(
        {"a": (box(0.6, 0.6, 0.6, locked=True), (2, 2)), "b": (BOX, (2.5, 2))}, {("overlap", "a", "b"): 0.1}
    ),
    # Bounds.
    "through a wall": Scene({"a": (BOX, (4.9, 2))}, {("outside", "a"): 0.2}),
    "a turned corner through a wall": Scene({"a": (BOX, (4.6757, 2, 0, 45))}, {("outside", "a"): 0.1}),
    "below the floor": Scene({"a": (BOX, (2, 2, -0.15))}, {("outside", "a"): 0.15}),
    "higher than the room": Scene({"a": (box(0.8, 0.6, 2.7), (2, 2))}, {("outside", "a"): 0.1}),
    "a rug through a wall": Scene({"rug": (RUG, (4.1, 2))}, {("outside", "rug"): 0.3}),
    "the room's corner in its side": Scene(
        {"a": (box(1.2, 1.2, 1.0), (2.1757, 1.6757, 0, 45))}, {("outside", "a"): 0.1}, room=BEND
    ),
    "in the part that the room lacks": Scene(
        {"a": (BOX, (4, 3))}, {("outside", "a"): 1.3, ("unreachable", "a"): None}, room=BEND
    ),
    # Support.
    "floating": Scene({"a": (BOX, (2, 2, 0.4))}, {("unsupported", "a"): 0.4}),
    "a nightstand on a bench": Scene(
        {"bench": (box(1.2, 0.7, 0.5), (3, 2)), "stand": (BOX, (3, 2, 0.5))}, {("unsupported", "stand"): 0.5}
    ),
    "beside the table": Scene(
        {"table": (TABLE, (2.5, 2)), "vase": (VASE, (2.5, 1.4, 0.75))}, {("unsupported", "vase"): 0.75}
    ),
    "over the edge": Scene({"table": (TABLE, (2.5, 2)), "vase": (VASE, (3.25, 2, 0.75))}, {("unstable", "vase"): None}),
    "top-heavy": Scene({"lamp": (TOPPLING_LAMP, (2.5, 2)), "a": (BOX, (4, 2))}, {("unstable", "lamp"): None}),
    "a picture off the wall": Scene({"picture": (PICTURE, (4.775, 2, 1.4, 270))}, {("unsupported", "picture"): 0.2}),
    "a picture turned round": Scene({"picture": (PICTURE, (4.965, 2, 1.4, 90))}, {("unsupported", "picture"): 0.86}),
    "a thin picture turned round": Scene(
        {"picture": (box(0.6, 0.02, 0.4, "wall"), (4.99, 2, 1.4, 90))}, {("unsupported", "picture"): 0.62}
    ),
    "a lamp below the ceiling": Scene({"light": (PENDANT, (2.5, 2, 1.9))}, {("unsupported", "light"): 0.2}),
    # Access and relations.
    "in the door's way": Scene({"a": (BOX, (1.1, 0.6))}, {("blocked", "door", "a"): None}),
    "two in the door's way": Scene(
        {"a": (box(0.4, 0.4, 0.4), (1.0, 0.3)), "b": (box(0.3, 0.3, 0.4), (0.4, 0.8))},
        {("blocked", "door", "a", "b"): None},
    ),
    "a vase in the door's way": Scene(
        {"vase": (box(0.3, 0.3, 0.6, "surface"), (0.7, 0.4))}, {("blocked", "door", "vase"): None}
    ),
    "a wardrobe before the window": Scene({"a": (box(1.0, 0.6, 2.0), (2.5, 3.7))}, {("blocked", "window", "a"): None}),
    "its front to the wall": Scene(
        {"a": (box(1.2, 0.6, 2.0), (2, 3.6, 0, 180))},
        {("unreachable", "a"): None},
        room=Room("room", ROOM.floor, 2.6, (DOOR,)),
    ),
    "wished for elsewhere": Scene(
        {"a": (BOX, (2.0, 2.0)), "b": (BOX, (4.5, 2.0))},
        {("relation", "b", "next_to", "a"): None, ("relation", "a", "against", "wall"): None},
        relations=(("b", "next_to", "a"), ("a", "against", "wall"), ("b", "across", "a")),
    ),
}


@dataclass(frozen=True)
class BrokenAnswer:
    """A text for the task of two boxes a and b (after a first layout where `later`), and what it is worth."""

    text: str
    usable: bool
    grade: tuple[float, float]
    later: bool = False


def entries(*ids: str, more: str = "") -> str:
    return ", ".join(f'{{"id": "{i}", "x": {1 + k}, "y": 2, "z": 0, "yaw": 0{more}}}' for k, i in enumerate(ids))


ANSWERS = {
    "as it should be": BrokenAnswer(f"<think>…</think><answer>[{entries('a', 'b')}]</answer>", True, (1, 1)),
    "no answer block": BrokenAnswer(f"[{entries('a', 'b')}]", False, (0, 0)),
    "no JSON": BrokenAnswer("<answer>put a left of b</answer>", False, (0.05, 0.15)),
    "an item left out": BrokenAnswer(f"<answer>[{entries('a')}]</answer>", False, (0.2, 0.8)),
    "an item twice": BrokenAnswer(f"<answer>[{entries('a', 'b', 'a')}]</answer>", False, (0.2, 0.8)),
    "an unknown item": BrokenAnswer(f"<answer>[{entries('a', 'b', 'sofa')}]</answer>", False, (0.2, 0.8)),
    "a fence and a trailing comma": BrokenAnswer(
        f"<answer>\n```json\n[{entries('a', 'b')},]\n```\n</answer>", True, (0.85, 0.95)
    ),
    "no numbers": BrokenAnswer(
        '<answer>[{"id": "a", "x": "left", "y": 2, "z": 0, "yaw": 0}, '
        '{"id": "b", "x": NaN, "y": 2, "z": 0, "yaw": 0}]</answer>',
        False,
        (0.1, 0.3),
    ),
    "100,000 brackets": BrokenAnswer("<answer>" + "[" * 100_000 + "</answer>", False, (0.05, 0.15)),
    "a later turn that changes nothing": BrokenAnswer("<answer>[]</answer>", True, (1, 1), later=True),
}
