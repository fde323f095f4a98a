"""Spoils a good layout and reports what is wrong with it, by boxes alone: the lessons in mending.

The report has the form of an evidence object; Blender's own, from meshes, is what the model meets later.
"""

from __future__ import annotations

from random import Random

import numpy as np

from metaspatial_addon.core.access import measure_access
from metaspatial_addon.core.polygon import distance_to_edges
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import Item, Layout, Pose, Task
from metaspatial_addon.prompts.compact import notches, rotated_extents

SEATS = frozenset(("office chair", "dining chair", "kids chair", "bar stool"))
TABLES = frozenset(("desk", "dining table", "play table", "vanity table", "kitchen island"))
TUCKED = 0.25
TOLERANCE = 0.01
WALL_REACH = 0.05


def spoil(task: Task, layout: Layout, rng: Random) -> tuple[Layout, list[str]]:
    """The layout with one to three items moved, turned or lifted, and the ids of those."""
    poses = dict(layout.poses)
    chosen = rng.sample(sorted(poses), min(len(poses), rng.choice((1, 1, 2, 2, 3))))
    floor = np.asarray(task.room.floor)
    (x0, y0), (x1, y1) = floor.min(axis=0), floor.max(axis=0)
    for item_id in chosen:
        item, pose = task.item(item_id), poses[item_id]
        x, y, z, yaw = pose.x, pose.y, pose.z, pose.yaw
        way = rng.random()
        if way < 0.6:
            x, y = x + rng.gauss(0, 0.3), y + rng.gauss(0, 0.3)
        elif way < 0.85:
            x, y = rng.uniform(x0, x1), rng.uniform(y0, y1)
        if way > 0.8 and item.mount == "floor":
            yaw = (yaw + rng.choice((90, 180, 270))) % 360
        if item.mount != "floor" and rng.random() < 0.4:
            z = max(0.0, z + rng.choice((-1, 1)) * rng.uniform(0.02, 0.4))
        x, y = min(max(x, x0), x1), min(max(y, y0), y1)
        poses[item_id] = Pose(round(x / 0.05) * 0.05, round(y / 0.05) * 0.05, round(z, 2), yaw)
    return Layout(layout.task, poses), [i for i in chosen if poses[i] != layout.poses[i]]


def faults(task: Task, layout: Layout) -> dict:
    """An evidence object (faults only) for items that stand at right angles, from their boxes."""
    poses = layout.everywhere(task)
    items = [task.item(i) for i in poses]
    boxes = _boxes(items, list(poses.values()))
    access = measure_access(task, layout)
    return {
        "overlaps": _overlaps(items, boxes),
        "outside": _outside(task, items, boxes),
        "unsupported": _unsupported(task, items, boxes, poses),
        "unstable": [],
        "blocked": [{"opening": b.opening, "by": list(b.by), "share": b.share} for b in access.blocked],
        "unreachable": [{"id": u.id} for u in access.unreachable],
        "relations": [
            {"subject": s.subject, "predicate": s.predicate, "object": s.object, "score": s.score}
            for s in relation_scores(task, layout)
            if s.score < 0.5
        ],
    }


def faulty_ids(evidence: dict) -> set[str]:
    """Ids that any of the faults names."""
    ids = {i for o in evidence["overlaps"] for i in (o["a"], o["b"])}
    ids |= {f["id"] for kind in ("outside", "unsupported", "unreachable", "unstable") for f in evidence[kind]}
    ids |= {i for b in evidence["blocked"] for i in b["by"]}
    return ids | {r["subject"] for r in evidence["relations"]}


def _boxes(items: list[Item], poses: list[Pose]) -> np.ndarray:
    """(N, 6): x0, x1, y0, y1, z0, z1 in metres."""
    rows = []
    for item, pose in zip(items, poses, strict=True):
        width, depth = rotated_extents(item.size, pose.yaw)
        rows.append(
            (
                pose.x - width / 2,
                pose.x + width / 2,
                pose.y - depth / 2,
                pose.y + depth / 2,
                pose.z,
                pose.z + item.size[2],
            )
        )
    return np.array(rows)


def _overlaps(items: list[Item], boxes: np.ndarray) -> list[dict]:
    low, high = boxes[:, 0::2], boxes[:, 1::2]
    depths = np.minimum(high[:, None] - low[None], high[None] - low[:, None]).min(axis=-1)  # (N, N)
    found = []
    for a, b in np.argwhere(np.triu(depths > TOLERANCE, k=1)):
        one, other, depth = items[a], items[b], float(depths[a, b])
        kinds = {one.category, other.category}
        tucked = kinds & SEATS and kinds & TABLES and depth <= TUCKED
        if one.covering or other.covering or one.locked and other.locked or tucked:
            continue
        found.append({"a": one.id, "b": other.id, "depth": depth})
    return found


def _outside(task: Task, items: list[Item], boxes: np.ndarray) -> list[dict]:
    floor = np.asarray(task.room.floor)
    (x0, y0), (x1, y1) = floor.min(axis=0), floor.max(axis=0)
    missing = np.array(notches(task.room.floor)).reshape(-1, 4)
    found = []
    for item, box in zip(items, boxes, strict=True):
        if item.locked:
            continue
        out = max(x0 - box[0], box[1] - x1, y0 - box[2], box[3] - y1, -box[4], box[5] - task.room.height)
        for n in missing:
            out = max(out, min(box[1] - n[0], n[1] - box[0], box[3] - n[2], n[3] - box[2]))
        if out > TOLERANCE:
            found.append({"id": item.id, "distance": float(out), "share": 0.0})
    return found


def _unsupported(task: Task, items: list[Item], boxes: np.ndarray, poses: dict[str, Pose]) -> list[dict]:
    found = []
    for k, item in enumerate(items):
        box, pose = boxes[k], poses[item.id]
        if item.locked:
            continue
        if item.mount == "wall":
            gap = _back_gap(task, item, pose)
        elif item.mount == "ceiling":
            gap = abs(task.room.height - box[5])
        elif item.mount == "surface":
            under = [
                b[5]
                for other, b in zip(items, boxes, strict=True)
                if other is not item
                and b[0] <= pose.x <= b[1]
                and b[2] <= pose.y <= b[3]
                and b[5] <= box[4] + TOLERANCE
            ]
            gap = box[4] - max(under, default=0.0)
        else:
            gap = pose.z
        if gap > (WALL_REACH + 1e-6 if item.mount == "wall" else TOLERANCE):
            found.append({"id": item.id, "gap": float(gap)})
    return found


def _back_gap(task: Task, item: Item, pose: Pose) -> float:
    """Metres from the back of an item to the nearest wall that it could hang on."""
    turn = np.radians(pose.yaw)
    back = np.array([-np.sin(turn), np.cos(turn)])
    at = np.array([pose.x, pose.y]) + back * item.size[1] / 2
    corners = np.asarray(task.room.floor)
    best = np.inf
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (b - a) / np.linalg.norm(b - a)
        outward = np.array([along[1], -along[0]])
        if outward @ back > 0.99 and 0 <= (at - a) @ along <= np.linalg.norm(b - a):
            best = min(best, abs((a - at) @ outward))
    return float(best) if np.isfinite(best) else float(distance_to_edges(at[None], corners)[0])
