"""The compact format of a conversation, for the embedded model: no system text, one short line for each item.

Every number is one token of `vocabulary`: lengths in plan are multiples of 5 cm (sizes are rounded up), heights of
1 cm. A room longer than 8 m is scaled down to 8 m, and the poses of answers are scaled back. Items are named by their
categories and listed in placing order; reading an answer puts the task's ids back. Answers have the form that all
models use, with the item's extents along x and y at its yaw (`ex`, `ey`) before its position, which the parser ignores.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..core.access import WINDOW_STRIP_M
from ..core.conversation import Message
from ..core.faults import faults_from_json
from ..core.furniture import FURNITURE, ROOM_TYPES, UNKNOWN, Category
from ..core.polygon import contains
from ..core.task import Item, Layout, Opening, Pose, Room, Task
from . import vocabulary as v
from .answer import Answer, read_answer
from .plan import compact_top_view
from .prompt_items import prompt_items

SWING_MARGIN = 0.05
"""Metres added around a door's swing."""
MAX_WORDS = 12
"""Words of the task's prompt."""
MAX_NOTCHES = 6
MAX_FAULTS = 12
"""Lines of a feedback."""
WALL = re.compile(r"wall_\d+")

HEADWORDS: dict[str, list[Category]] = {}
"""The rows that have a headword, those for narrow items first."""
for _row in sorted((FURNITURE.categories[name] for name in v.CATEGORIES), key=lambda row: row.narrower_than):
    for _word in _row.headwords:
        HEADWORDS.setdefault(_word, []).append(_row)


def known_category(item: Item) -> str:
    """The category of the vocabulary that is nearest to the item's own by its words; UNKNOWN where none is.

    That is a category whose name the item's category contains (the longest counts), else the one that has the last of
    its words that is a headword.
    """
    words = re.findall(r"[a-z]+", item.category.lower())
    text = " ".join(words)
    if text in v.CATEGORIES:
        return text
    contained = [c for c in v.CATEGORIES if re.search(rf"\b{c}\b", text)]
    if contained:
        return max(contained, key=len)
    shorter_side = min(item.size[:2])
    for word in reversed(words):
        for row in HEADWORDS.get(word, ()):
            if shorter_side < row.narrower_than:
                return row.name
    return UNKNOWN


def rotated_extents(size: Sequence[float], yaw: float) -> tuple[float, float]:
    """Extents along x and y of a box of width `size[0]` and depth `size[1]` at `yaw` degrees."""
    angle = math.radians(yaw)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    return size[0] * cos + size[1] * sin, size[0] * sin + size[1] * cos


def rounded_up(value: float, step: float, most: float) -> str:
    """A length rounded up to a multiple of `step`, between one step and `most`, with two decimals."""
    return f"{min(max(math.ceil(value / step - 1e-6), 1) * step, most):.2f}"


def _rounded(value: float, step: float, least: float, most: float) -> str:
    return f"{min(max(round(value / step) * step, least), most) + 0.0:.2f}"  # + 0.0: no minus sign before zero


def _plan(value: float) -> str:
    return _rounded(value, v.PLAN_STEP, 0.0, v.PLAN_REACH)


def _height(value: float) -> str:
    return _rounded(value, v.HEIGHT_STEP, 0.0, v.HEIGHT_REACH)


def _plan_size(width: float, depth: float) -> str:
    return f" w{rounded_up(width, v.PLAN_STEP, v.PLAN_REACH)} d{rounded_up(depth, v.PLAN_STEP, v.PLAN_REACH)}"


def notches(floor: Sequence[Sequence[float]]) -> list[tuple[float, float, float, float]]:
    """Rectangles (x0, x1, y0, y1) of the floor's bounding rectangle outside the floor, the largest first.

    Exact where all walls are axis-parallel; slanted walls are approximated in cells of 0.25 m.
    """
    corners = np.asarray(floor, float)
    straight = all(np.any(np.isclose(a, b)) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True))
    low, high = corners.min(axis=0), corners.max(axis=0)
    xs, ys = (
        np.unique(corners[:, k].round(6)) if straight else np.append(np.arange(low[k], high[k], 0.25), high[k])
        for k in (0, 1)
    )
    middles = np.stack(np.meshgrid((xs[:-1] + xs[1:]) / 2, (ys[:-1] + ys[1:]) / 2, indexing="ij"), axis=-1)
    missing = ~contains(middles.reshape(-1, 2), corners).reshape(middles.shape[:2])
    rectangles: list[tuple[float, float, float, float]] = []
    while missing.any() and len(rectangles) < MAX_NOTCHES:
        best, cells = 0.0, (0, 0, 0, 0)
        for i, j in np.argwhere(missing):
            reach = missing.shape[1]
            for k in range(i, missing.shape[0]):
                if not missing[k, j]:
                    break
                run = np.argmin(missing[k, j:]) if not missing[k, j:].all() else missing.shape[1] - j
                reach = min(reach, j + int(run))
                area = (xs[k + 1] - xs[i]) * (ys[reach] - ys[j])
                if area > best:
                    best, cells = area, (i, k + 1, j, reach)
        i, k, j, reach = cells
        missing[i:k, j:reach] = False
        rectangles.append((float(xs[i]), float(xs[k]), float(ys[j]), float(ys[reach])))
    return rectangles


@dataclass(frozen=True)
class CompactEncoding:
    """A task in the embedded model's terms: items renamed and in placing order, the frame moved and scaled."""

    task: Task

    @cached_property
    def origin(self) -> tuple[float, float]:
        """The task's coordinates of the model's origin: the lowest x and y of the floor."""
        x, y = np.asarray(self.task.room.floor, float).min(axis=0)
        return float(x), float(y)

    @cached_property
    def scale(self) -> float:
        """Metres of the task in one metre of the model's frame, at least 1."""
        return max(1.0, float(np.ptp(np.asarray(self.task.room.floor, float), axis=0).max()) / v.PLAN_REACH)

    @cached_property
    def items(self) -> dict[str, Item]:
        """The items that the prompt lists, by id."""
        return {item.id: item for item in prompt_items(self.task)}

    @cached_property
    def names(self) -> dict[str, str]:
        """The model's name of each listed item by its id, in placing order."""
        rank = {category: k for k, category in enumerate(v.CATEGORIES)}
        kinds = {item.id: known_category(item) for item in self.items.values()}
        counts: dict[str, int] = {}
        names = {}
        for item_id in sorted(kinds, key=lambda item_id: rank[kinds[item_id]]):
            kind = kinds[item_id]
            if counts.get(kind, 0) == v.MOST_OF_A_KIND:
                kind = next(c for c in (UNKNOWN, *v.CATEGORIES) if counts.get(c, 0) < v.MOST_OF_A_KIND)
            counts[kind] = counts.get(kind, 0) + 1
            names[item_id] = f"{v.category_token(kind)}_{counts[kind]}"
        return names

    @cached_property
    def model_task(self) -> Task:
        """The task with the model's names as ids, in placing order, against which its answers are parsed."""
        items = tuple(replace(self.items[item_id], id=name) for item_id, name in self.names.items())
        return Task(self.task.id, "", self.task.room, items)

    def _lowered(self, item: Item) -> float:
        """Metres by which a ceiling item is lower in the model's frame, which ends at 3 m."""
        return max(0.0, self.task.room.height - v.HEIGHT_REACH) if item.mount == "ceiling" else 0.0

    def to_model(self, item: Item, pose: Pose) -> Pose:
        """A pose of the task's frame in the model's frame."""
        x, y = ((value - o) / self.scale for value, o in zip((pose.x, pose.y), self.origin, strict=True))
        return Pose(x, y, pose.z - self._lowered(item), pose.yaw)

    def to_task(self, item: Item, pose: Pose) -> Pose:
        """A pose of the model's frame in the task's frame."""
        x, y = (value * self.scale + o for value, o in zip((pose.x, pose.y), self.origin, strict=True))
        return Pose(x, y, pose.z + self._lowered(item), pose.yaw)

    # The text ---------------------------------------------------------------------------------------------

    def _rectangle(self, rectangle: Sequence[float]) -> str:
        """A rectangle (x0, x1, y0, y1) of the task in the model's frame."""
        x0, x1, y0, y1 = rectangle
        (ox, oy), s = self.origin, self.scale
        return f" x{_plan((x0 - ox) / s)} x{_plan((x1 - ox) / s)} y{_plan((y0 - oy) / s)} y{_plan((y1 - oy) / s)}"

    def _opening_line(self, opening: Opening) -> str:
        """The rectangle that an opening needs free: the swing of a door, or the strip before a window and its sill."""
        side = self.task.room.walls[opening.wall]
        door = opening.kind == "door"
        margin, depth = (SWING_MARGIN, opening.width + SWING_MARGIN) if door else (0.0, WINDOW_STRIP_M)
        ends = np.array([side.at(opening.offset - margin), side.at(opening.offset + opening.width + margin)])
        points = np.concatenate([ends, ends + depth * np.array(side.inward)])
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        sill = "" if door else f" z{_height(opening.sill)}"
        return f"{opening.kind}{self._rectangle((x0, x1, y0, y1))}{sill}\n"

    def _wall_words(self, wall: int) -> str:
        """A wall by its side of the room and its coordinate: `south wall y0.00`."""
        side = self.task.room.walls[wall]
        (ox, oy), middle, inward = self.origin, side.at(side.length / 2), side.inward
        if abs(inward[0]) >= abs(inward[1]):
            return f"{'east' if inward[0] < 0 else 'west'} wall x{_plan((middle[0] - ox) / self.scale)}"
        return f"{'north' if inward[1] < 0 else 'south'} wall y{_plan((middle[1] - oy) / self.scale)}"

    def target_name(self, target: str) -> str | None:
        """The words for the object of a relation: a wall, the room or an item; None for an item without a name."""
        if target in ("room", "wall"):
            return target
        return self._wall_words(int(target[5:])) if WALL.fullmatch(target) else self.names.get(target)

    def knows_predicate(self, predicate: str) -> bool:
        return predicate in v.KNOWN_PREDICATES

    def _item_line(self, item: Item) -> str:
        parts = [self.names[item.id]]
        width, depth, height = item.size
        if item.mount != "floor":
            parts.append(f" ({item.mount})")
        if item.mount == "ceiling":
            underside = self.task.room.height - height - self._lowered(item)
            parts.append(f" z{_height(underside)}")
        if item.covering:
            parts.append(" (covering)")
        if item.locked and item.pose is not None:
            pose = self.to_model(item, item.pose)
            width, depth = rotated_extents(item.size, item.pose.yaw)
            parts.append(f" (fixed) x{_plan(pose.x)} y{_plan(pose.y)} z{_height(pose.z)}")
        for relation in self.task.relations:
            target = self.target_name(relation.object)
            if relation.subject == item.id and target and self.knows_predicate(relation.predicate):
                parts.append(f" >{relation.predicate} {target}")
        parts.append(_plan_size(width / self.scale, depth / self.scale))
        parts.append(f" h{rounded_up(height, v.HEIGHT_STEP, v.HEIGHT_REACH)}\n")
        return "".join(parts)

    def words(self) -> list[str]:
        """The words of the task's prompt that have a token, in order."""
        known = set(v.WORDS)
        return [w for w in re.findall(r"[a-z]+", self.task.prompt.lower()) if w in known][:MAX_WORDS]

    def prompt_text(self) -> str:
        """The text of the first message."""
        room: Room = self.task.room
        kind = room.type if room.type in ROOM_TYPES else "room"
        size = np.ptp(np.asarray(room.floor, float), axis=0) / self.scale
        lines = [f"{kind}:{_plan_size(size[0], size[1])} h{_height(room.height)}\n"]
        lines += [f"notch{self._rectangle(n)}\n" for n in notches(room.floor)]
        lines += [self._opening_line(o) for o in room.openings]
        words = self.words()
        if words:
            lines.append(" ask " + " ".join(words) + "\n")
        lines += [self._item_line(self.items[item_id]) for item_id in self.names]
        return "".join(lines)

    def answer_text(self, poses: dict[str, Pose]) -> str:
        """The answer that gives these poses of the task by item id, in placing order; the model is trained on it."""
        entries = []
        for item_id, name in self.names.items():
            if item_id not in poses:
                continue
            item = self.items[item_id]
            pose = self.to_model(item, poses[item_id])
            yaw = round(pose.yaw / v.YAW_STEP) * v.YAW_STEP % 360
            ex, ey = (
                rounded_up(extent / self.scale, v.PLAN_STEP, v.EXTENT_REACH)
                for extent in rotated_extents(item.size, yaw)
            )
            entries.append(
                f'{name}","yaw":{yaw},"ex":{ex},"ey":{ey},"x":{_plan(pose.x)},"y":{_plan(pose.y)},"z":{_height(pose.z)}}}'
            )
        if not entries:
            return v.EMPTY_ANSWER
        return v.OPEN_ANSWER + v.NEXT_ITEM.join(entries) + v.CLOSE_ANSWER

    def feedback_text(self, evidence: dict) -> str:
        """The fault lines of an evidence object, about the items that the conversation names."""
        lines = [line for fault in faults_from_json(evidence) for line in fault.compact_lines(self)]
        return "".join(lines[:MAX_FAULTS]) or "no faults\n"

    def item_name(self, item_id: str) -> str | None:
        return self.names.get(item_id)

    def opening_kind(self, opening_id: str) -> str:
        return {opening.id: opening.kind for opening in self.task.room.openings}[opening_id]

    def amount(self, metres: float) -> str:
        return f" m{_rounded(max(metres, v.PLAN_STEP), v.PLAN_STEP, v.PLAN_STEP, v.FAULT_REACH)}\n"


class CompactFormat:
    """Builds the messages of a compact conversation and reads its answers."""

    name = "compact"

    def first(self, task: Task, images: Sequence[bytes] = ()) -> tuple[Message, ...]:
        return (Message("user", CompactEncoding(task).prompt_text(), tuple(images)),)

    def answer_text(self, task: Task, layout: Layout) -> str:
        return CompactEncoding(task).answer_text(
            {i.id: layout.poses[i.id] for i in task.movable if i.id in layout.poses}
        )

    def draw_images(self, task: Task, layout: Layout) -> tuple[bytes, ...]:
        """One small top view, drawn from boxes without a renderer."""
        return (compact_top_view(task, layout),)

    def feedback(self, task: Task, layout: Layout, score: dict, images: Sequence[bytes] = ()) -> Message:
        return Message("user", CompactEncoding(task).feedback_text(score["evidence"]), tuple(images))

    def correction(self, task: Task, problems: Sequence[str]) -> Message:
        """The first message again: the model's grammar rules out problems of form, so it has no words for them."""
        return Message("user", CompactEncoding(task).prompt_text())

    def read(self, text: str, task: Task, previous: Layout | None = None) -> Answer:
        """Parse as `read_answer` does, then return to the task's ids, frame and the exact poses that did not change."""
        compact = CompactEncoding(task)
        before = None
        if previous is not None:
            poses = {compact.names[item.id]: compact.to_model(item, previous.poses[item.id]) for item in task.movable}
            before = Layout(task.id, poses)
        answer = read_answer(text, compact.model_task, before)
        if answer.layout is None:
            return answer
        ids = {name: item_id for item_id, name in compact.names.items()}
        changed = {ids[name] for name in answer.changed}
        poses = {}
        for item in task.movable:
            if item.id in changed or previous is None:
                poses[item.id] = compact.to_task(item, answer.layout.poses[compact.names[item.id]])
            else:
                poses[item.id] = previous.poses[item.id]
        in_order = tuple(item.id for item in task.movable if item.id in changed)
        return replace(answer, layout=Layout(task.id, poses), changed=in_order)
