"""The eight symmetries of a rectangle for a task and its layout: quarter rotations, mirrored or not."""

from __future__ import annotations

from dataclasses import replace

from metaspatial_addon.core.task import Item, Layout, Opening, Pose, Relation, Room, Task
from metaspatial_addon.prompts.compact import WALL

SYMMETRIES = 8
Point = tuple[float, float]


def transformed(task: Task, layout: Layout, number: int) -> tuple[Task, Layout]:
    """The task and layout under symmetry `number` (0 is the identity), the floor's bounding box at the origin.

    Items are taken for mirror images of themselves.
    """
    quarters, mirrored = number % 4, number >= 4
    floor = [_moved(corner, quarters, mirrored) for corner in task.room.floor]
    low = min(x for x, _ in floor), min(y for _, y in floor)
    count = len(floor)
    corners = tuple((round(x - low[0], 6), round(y - low[1], 6)) for x, y in (floor[::-1] if mirrored else floor))

    def wall(k: int) -> int:
        return (count - 2 - k) % count if mirrored else k

    def moved_opening(opening: Opening) -> Opening:
        offset = opening.offset
        if mirrored:
            offset = round(task.room.walls[opening.wall].length - offset - opening.width, 6)
        hinge = opening.hinge
        if mirrored and opening.kind == "door":
            hinge = {"start": "end", "end": "start"}[hinge]
        return replace(opening, wall=wall(opening.wall), offset=offset, hinge=hinge)

    def moved_pose(pose: Pose) -> Pose:
        x, y = _moved((pose.x, pose.y), quarters, mirrored)
        yaw = ((-pose.yaw if mirrored else pose.yaw) + 90.0 * quarters) % 360.0
        return Pose(round(x - low[0], 6), round(y - low[1], 6), pose.z, yaw)

    def moved_item(item: Item) -> Item:
        return item if item.pose is None else replace(item, pose=moved_pose(item.pose))

    def moved_relation(relation: Relation) -> Relation:
        predicate, target = relation.predicate, relation.object
        if mirrored:
            predicate = {"left_of": "right_of", "right_of": "left_of"}.get(predicate, predicate)
        if WALL.fullmatch(target):
            target = f"wall_{wall(int(target[5:]))}"
        return replace(relation, predicate=predicate, object=target)

    room: Room = replace(task.room, floor=corners, openings=tuple(map(moved_opening, task.room.openings)))
    items, relations = tuple(map(moved_item, task.items)), tuple(map(moved_relation, task.relations))
    poses = {item_id: moved_pose(pose) for item_id, pose in layout.poses.items()}
    return replace(task, room=room, items=items, relations=relations), Layout(layout.task, poses)


def _moved(point: Point, quarters: int, mirrored: bool) -> Point:
    x, y = (-point[0], point[1]) if mirrored else point
    for _ in range(quarters):
        x, y = -y, x
    return x, y
