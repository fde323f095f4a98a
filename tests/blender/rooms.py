"""Small rooms of plain boxes for the tests of pictures: every one has a door and a window."""

from __future__ import annotations

from metaspatial_addon.core.task import Item, Layout, Opening, Pose, Room, Task

SHAPES = {
    "square": ((0, 0), (4, 0), (4, 3), (0, 3)),
    "L": ((0, 0), (6, 0), (6, 3), (3.5, 3), (3.5, 5), (0, 5)),
    "U": ((0, 0), (7, 0), (7, 5), (5, 5), (5, 2), (2, 2), (2, 5), (0, 5)),
    "triangle": ((0, 0), (5, 0), (1, 4)),
    "far away": ((100, -50), (104, -50), (104, -47), (100, -47)),
}


def room(shape: str = "square", type_: str = "bedroom") -> Room:
    door = Opening("door_1", "door", 0, 0.3, 0.9, 0.0, 2.05)
    window = Opening("window_1", "window", 1, 0.6, 1.2, 0.9, 1.3)
    return Room(type_, tuple((float(x), float(y)) for x, y in SHAPES[shape]), 2.6, (door, window))


def task(*placed: tuple[Item, Pose | None], shape: str = "square") -> tuple[Task, Layout]:
    """A task and the layout that places its items; an item with None is left out of the layout."""
    items = tuple(item for item, _ in placed)
    poses = {item.id: pose for item, pose in placed if pose is not None and not item.locked}
    return Task("test", "", room(shape), items), Layout("test", poses)


def furnished(shape: str = "square") -> tuple[Task, Layout]:
    x, y = SHAPES[shape][0]
    return task(
        (Item("rug_1", "rug", (1.6, 1.2, 0.02), covering=True), Pose(x + 2, y + 1.2)),
        (Item("table_1", "table", (1.0, 0.6, 0.7)), Pose(x + 2, y + 1.2, 0, 90)),
        (Item("vase_1", "vase", (0.2, 0.2, 0.3), "surface"), Pose(x + 2, y + 1.2, 0.7)),
        (Item("lamp_1", "ceiling lamp", (0.4, 0.4, 0.4), "ceiling"), Pose(x + 1.4, y + 1.4, 2.2)),
        shape=shape,
    )
