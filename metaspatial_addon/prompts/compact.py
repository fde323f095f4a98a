"""The compact format of a conversation, for the embedded model: no system text, one short line for each item.

Every number is one token of `vocabulary`: sizes in plan are multiples of 5 cm (those of items are rounded up), edges
and centres of 2.5 cm (the room is rounded down, what must stay free up), heights of 1 cm. A room longer than 12.8 m is
scaled down to it, and the poses of answers are scaled back. Items are named by their categories and listed in placing
order; reading an answer puts the task's ids back.

Answers have the form that all models use, with more keys before x and y, which the parser ignores: the item's extents
at its yaw (`ex`, `ey`), and along each axis its edges (`x0`, `x1`). The first key of an axis is what the model chooses:
the edge that touches or follows something, or the centre of what is centred. The other two follow from it, so that no
model has to compute them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..core.access import WINDOW_STRIP_M
from ..core.conversation import Message
from ..core.faults import faults_from_json
from ..core.furniture import ROOM_TYPES, UNKNOWN
from ..core.geometry import OrientedBox
from ..core.polygon import contains
from ..core.task import Item, Layout, Opening, Pose, Room, Task
from . import vocabulary as v
from .answer import Answer, read_answer
from .model_frame import ModelFrame, height_number, place_number, plan_size, rounded, rounded_up
from .placing_order import placing_order
from .plan import compact_top_view, item_marks
from .prompt_items import prompt_items

MAX_WORDS = 24
"""Words of the task's prompt."""
MAX_FAULTS = 16
"""Lines of a feedback."""
WALL = re.compile(r"wall_\d+")


def is_rectilinear(floor: Sequence[Sequence[float]]) -> bool:
    """Whether all walls are parallel to an axis."""
    corners = np.asarray(floor, float)
    return all(np.any(np.isclose(a, b)) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True))


def notches(floor: Sequence[Sequence[float]]) -> list[tuple[float, float, float, float]]:
    """Rectangles (x0, x1, y0, y1) of a rectilinear floor's bounding rectangle outside the floor, the largest first."""
    corners = np.asarray(floor, float)
    xs, ys = (np.unique(corners[:, k].round(6)) for k in (0, 1))
    middles = np.stack(np.meshgrid((xs[:-1] + xs[1:]) / 2, (ys[:-1] + ys[1:]) / 2, indexing="ij"), axis=-1)
    missing = ~contains(middles.reshape(-1, 2), corners).reshape(middles.shape[:2])
    rectangles: list[tuple[float, float, float, float]] = []
    while missing.any():
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
    def frame(self) -> ModelFrame:
        return ModelFrame(self.task.room)

    @cached_property
    def items(self) -> dict[str, Item]:
        """The items that the prompt lists, by id."""
        return {item.id: item for item in prompt_items(self.task)}

    @cached_property
    def names(self) -> dict[str, str]:
        """The model's name of each listed item by its id, in placing order."""
        counts: dict[str, int] = {}
        names = {}
        for item, row in placing_order(tuple(self.items.values())):
            kind = row.name
            if counts.get(kind, 0) == v.MOST_OF_A_KIND:
                kind = next(c for c in (UNKNOWN, *v.CATEGORIES) if counts.get(c, 0) < v.MOST_OF_A_KIND)
            counts[kind] = counts.get(kind, 0) + 1
            names[item.id] = f"{v.category_token(kind)}_{counts[kind]}"
        return names

    @cached_property
    def model_task(self) -> Task:
        """The task with the model's names as ids, in placing order, against which its answers are parsed."""
        items = tuple(replace(self.items[item_id], id=name) for item_id, name in self.names.items())
        return Task(self.task.id, "", self.task.room, items)

    # The text ---------------------------------------------------------------------------------------------

    def _floor_lines(self) -> list[str]:
        """What a floor lacks of its bounding rectangle; where walls are slanted the corners of the floor."""
        floor = self.task.room.floor
        if is_rectilinear(floor):
            return [f"notch{self.frame.rectangle(np.array([(n[0], n[2]), (n[1], n[3])]))}\n" for n in notches(floor)]
        corners = (np.asarray(floor, float) - self.frame.origin) / self.frame.scale
        return ["floor" + "".join(f" x{place_number(x)} y{place_number(y)}" for x, y in corners.tolist()) + "\n"]

    def _opening_line(self, opening: Opening) -> str:
        """The rectangle that an opening needs free: the swing of a door, or the strip before a window and its sill."""
        side = self.task.room.walls[opening.wall]
        door = opening.kind == "door"
        depth = opening.width if door else WINDOW_STRIP_M
        ends = np.array([side.at(opening.offset), side.at(opening.offset + opening.width)])
        points = np.concatenate([ends, ends + depth * np.array(side.inward)])
        sill = "" if door else f" z{height_number(opening.sill)}"
        return f"{opening.kind}{self.frame.rectangle(points)}{sill}\n"

    def _wall_words(self, wall: int) -> str:
        """A wall by its side of the room and its coordinate: `south wall y0.000`."""
        side = self.task.room.walls[wall]
        middle, inward = side.at(side.length / 2), side.inward
        axis = 0 if abs(inward[0]) >= abs(inward[1]) else 1
        name = (("east", "west"), ("north", "south"))[axis][inward[axis] > 0]
        coordinate = (middle[axis] - self.frame.origin[axis]) / self.frame.scale
        return f"{name} wall {'xy'[axis]}{place_number(coordinate, 1 if inward[axis] > 0 else -1)}"

    def target_name(self, target: str) -> str | None:
        """The words for the object of a relation: a wall, the room or an item; None for an item without a name."""
        if target in ("room", "wall"):
            return target
        return self._wall_words(int(target[5:])) if WALL.fullmatch(target) else self.names.get(target)

    def knows_predicate(self, predicate: str) -> bool:
        return predicate in v.KNOWN_PREDICATES

    def _item_line(self, item: Item, mark: int | None) -> str:
        parts = [self.names[item.id]]
        width, depth, height = item.size
        if item.mount != "floor":
            parts.append(f" ({item.mount})")
        if item.mount == "ceiling":
            underside = self.task.room.height - height - self.frame.lowered(item)
            parts.append(f" z{height_number(underside)}")
        if item.covering:
            parts.append(" (covering)")
        if item.locked and item.pose is not None:
            corners = OrientedBox.of(item, item.pose).corners
            yaw = round(item.pose.yaw / v.YAW_STEP) * v.YAW_STEP % 360
            z = height_number(item.pose.z - self.frame.lowered(item))
            parts.append(f" (fixed) yaw{yaw}{self.frame.rectangle(corners)} z{z}")
        for relation in self.task.relations:
            target = self.target_name(relation.object)
            if relation.subject == item.id and target and self.knows_predicate(relation.predicate):
                parts.append(f"{v.AVOID if relation.negated else ''} >{relation.predicate} {target}")
        if mark is not None:
            parts.append(v.mark_token(mark))
        parts.append(plan_size(width / self.frame.scale, depth / self.frame.scale))
        parts.append(f" h{rounded_up(height, v.HEIGHT_STEP, v.HEIGHT_REACH)}\n")
        return "".join(parts)

    def words(self) -> list[str]:
        """The words of the task's prompt that have a token, in order."""
        known = set(v.WORDS)
        return [w for w in re.findall(r"[a-z]+", self.task.prompt.lower()) if w in known][:MAX_WORDS]

    def prompt_text(self, marked: bool = False) -> str:
        """The text of the first message; `marked`: with the marks of the items, for a conversation with pictures."""
        room: Room = self.task.room
        kind = room.type if room.type in ROOM_TYPES else "room"
        width, depth = np.ptp(np.asarray(room.floor, float), axis=0) / self.frame.scale
        height = rounded_up(room.height, v.HEIGHT_STEP, v.HEIGHT_REACH)
        lines = [f"{kind}: x{place_number(width, -1)} y{place_number(depth, -1)} h{height}\n", *self._floor_lines()]
        lines += [self._opening_line(o) for o in room.openings]
        words = self.words()
        if words:
            lines.append(" ask " + " ".join(words) + "\n")
        marks = item_marks(self.task) if marked else {}
        lines += [self._item_line(self.items[item_id], marks.get(item_id)) for item_id in self.names]
        return "".join(lines)

    def answer_text(self, poses: dict[str, Pose], standing: dict[str, Pose] | None = None) -> str:
        """The answer that gives these poses of the task by item id, in placing order; the model is trained on it.

        `standing` are poses of other items that stand already, beside the locked ones.
        """
        written = {
            item.id: self.frame.footprint(item, pose)
            for item in self.items.values()
            if (pose := item.pose if item.locked else (standing or {}).get(item.id)) and item.id not in poses
        }
        entries = []
        for item_id, name in self.names.items():
            if item_id not in poses:
                continue
            item, pose = self.items[item_id], poses[item_id]
            yaw = round(pose.yaw / v.YAW_STEP) * v.YAW_STEP % 360
            footprint = self.frame.footprint(item, replace(pose, yaw=float(yaw)))
            nearest = self.frame.nearest(footprint, written.values())
            written[item_id] = footprint
            entries.append(
                f'{name}","yaw":{yaw},"ex":{footprint.extents[0]:.2f},"ey":{footprint.extents[1]:.2f}'
                + "".join(self.frame.place_keys(axis, footprint, nearest) for axis in (0, 1))
                + f',"z":{height_number(pose.z - self.frame.lowered(item))}}}'
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

    @property
    def avoid(self) -> str:
        return v.AVOID

    def amount(self, metres: float) -> str:
        return f" m{rounded(max(metres, v.PLAN_STEP), v.PLAN_STEP, v.PLAN_STEP, v.FAULT_REACH)}\n"


class CompactFormat:
    """Builds the messages of a compact conversation and reads its answers. Without `text` the feedback consists of
    images alone."""

    name = "compact"

    def __init__(self, text: bool = True):
        self._text = text

    def first(self, task: Task, images: Sequence[bytes] = ()) -> tuple[Message, ...]:
        return (Message("user", CompactEncoding(task).prompt_text(bool(images)), tuple(images)),)

    def answer_text(self, task: Task, layout: Layout) -> str:
        return CompactEncoding(task).answer_text(
            {i.id: layout.poses[i.id] for i in task.movable if i.id in layout.poses}
        )

    def draw_images(self, task: Task, layout: Layout, faulty: Collection[str] = ()) -> tuple[bytes, ...]:
        """One small top view, drawn from boxes without a renderer."""
        return (compact_top_view(task, layout, faulty),)

    def feedback(
        self, task: Task, layout: Layout, score: dict, images: Sequence[bytes] = (), rejected: dict | None = None
    ) -> Message:
        text = CompactEncoding(task).feedback_text(score["evidence"]) if self._text else ""
        return Message("user", text if rejected is None else v.WORSE + text, tuple(images))

    def tidied_text(self, text: str, task: Task, changed: Layout) -> str:
        """The answer with the poses after tidying: the model reads nowhere else where things stand."""
        return CompactEncoding(task).answer_text(dict(changed.poses))

    def correction(self, task: Task, problems: Sequence[str]) -> Message:
        """The first message again: the model's grammar rules out problems of form, so it has no words for them."""
        return Message("user", CompactEncoding(task).prompt_text())

    def read(self, text: str, task: Task, previous: Layout | None = None) -> Answer:
        """Parse as `read_answer` does, then return to the task's ids, frame and the exact poses that did not change."""
        compact = CompactEncoding(task)
        before = None
        if previous is not None:
            poses = {
                compact.names[item.id]: compact.frame.to_model(item, previous.poses[item.id]) for item in task.movable
            }
            before = Layout(task.id, poses)
        answer = read_answer(text, compact.model_task, before)
        if answer.layout is None:
            return answer
        ids = {name: item_id for item_id, name in compact.names.items()}
        changed = {ids[name] for name in answer.changed}
        poses = {}
        for item in task.movable:
            if item.id in changed or previous is None:
                poses[item.id] = compact.frame.to_task(item, answer.layout.poses[compact.names[item.id]])
            else:
                poses[item.id] = previous.poses[item.id]
        in_order = tuple(item.id for item in task.movable if item.id in changed)
        return replace(answer, layout=Layout(task.id, poses), changed=in_order)
