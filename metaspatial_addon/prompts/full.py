"""The interface of prompt formats, and the full format for pretrained models; `compact.py` has the embedded model's.

`episode` builds its conversations through `PromptFormat`. Texts depend on their arguments alone, byte for byte, so that
a recorded conversation can be replayed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from ..core.conversation import Message
from ..core.faults import faults_from_json
from ..core.relation_words import relation_sentence
from ..core.task import Item, Layout, Opening, Pose, Room, Task, pose_to_json
from .answer import Answer, read_answer
from .loose_answer import read_loosely
from .prompt_items import prompt_items

IMAGES = (
    "a top view with metre ticks, item names and an arrow at each front",
    "a perspective view, the walls towards the camera left out",
)

EXAMPLE = (
    "<think>The example stove is 0.6 m deep and its wall lies at y = 2, so its centre goes to y = 2 - 0.3 = 1.7; "
    "facing -y it needs yaw 0. The example stool stands before it and looks back at it.</think>\n"
    '<answer>[{"id": "example_stove", "x": 0.9, "y": 1.7, "z": 0, "yaw": 0}, '
    '{"id": "example_stool", "x": 0.9, "y": 0.6, "z": 0, "yaw": 180}]</answer>'
)
"""A worked answer that is valid; no task has items of these ids."""

FRAME = """You lay out furniture in a room. You are given the room, the items with their sizes, and the wishes for it.

Frame: metres and degrees, z up, seen from above with x to the right and y upwards. An item's x and y are the centre \
of its bounding box seen from above, z is the height of its underside above the floor, yaw turns it counter-clockwise. \
Sizes are width x depth x height. At yaw 0 the width runs along x, the depth along y, and the front looks towards -y; \
at yaw 90 the front looks towards +x, at 180 towards +y, at 270 towards -x. At yaw 90 and 270 the width therefore \
runs along y.

A good layout: no two items overlap; every item is wholly inside the room; what stands on the floor has z 0, what \
stands on another item has z at that item's top, what hangs on a wall has its back at that wall, what hangs from the \
ceiling reaches it; doors can swing and windows are not hidden; one can walk from the door to the front of each item; \
the wishes are met."""
"""What every model is told first: the frame of coordinates, and what a good layout is."""

SYSTEM = f"""{FRAME}

Answer in this form, first your thoughts, then a JSON list:
<think>…</think><answer>[{{"id": …, "x": …, "y": …, "z": …, "yaw": …}}, …]</answer>
The first answer places every item that is not locked. Later answers list what moves; what they leave out stays \
where it is, and an empty list [] says that nothing needs to change. Write numbers as plain numbers, and list no \
locked item.

An example of the form, with items that you do not have:
{EXAMPLE}"""

_MOUNTS = {
    "floor": "stands on the floor",
    "surface": "stands on top of another item",
    "wall": "hangs on a wall, its back against it",
    "ceiling": "hangs from the ceiling",
}


class PromptFormat(Protocol):
    """How an episode is written as messages and how answers are parsed: `FullFormat` or `CompactFormat`."""

    def first(self, task: Task, images: Sequence[bytes] = ()) -> tuple[Message, ...]:
        """The messages that open a conversation about a task."""
        ...

    def feedback(
        self,
        task: Task,
        layout: Layout,
        score: dict[str, Any],
        images: Sequence[bytes] = (),
        rejected: dict[str, Any] | None = None,
    ) -> Message:
        """The message about the layout that stands after a usable answer. `score` is the JSON of its `Score`.

        `rejected` is that of the answer, where it was no better than the layout that stood and still stands.
        """
        ...

    def tidied_text(self, text: str, task: Task, changed: Layout) -> str:
        """What the conversation shows as an answer after which the poses `changed` were tidied."""
        ...

    def correction(self, task: Task, problems: Sequence[str]) -> Message:
        """The message after an answer that could not be used."""
        ...

    def answer_text(self, task: Task, layout: Layout) -> str:
        """The answer that would give this layout of the task's movable items."""
        ...

    def draw_images(self, task: Task, layout: Layout, faulty: Collection[str] = ()) -> tuple[bytes, ...] | None:
        """PNG images of a layout that this format draws itself, with the items marked whose ids are in `faulty`; None
        where it uses renders."""
        ...

    def read(self, text: str, task: Task, previous: Layout | None) -> Answer:
        """Parse a model's answer; `previous` is the layout that it changes, None before anything is placed."""
        ...


class FullFormat:
    """The format for pretrained models. Without `text` the feedback consists of images alone (for ablations). `lenient`
    reads answers in other forms than the one that is asked for as well: not for training."""

    def __init__(self, text: bool = True, lenient: bool = False):
        self._text, self._lenient = text, lenient

    def first(self, task: Task, images: Sequence[bytes] = ()) -> tuple[Message, ...]:
        """System text and the user text of turn 1; `images` show the room before anything is placed."""
        room = task.room
        lines = [
            f"Asked for: {_one_line(task.prompt) or 'nothing in particular'}",
            f"Room: {_one_line(room.type)}, {_metres(room.height)} m high",
            "Floor corners (x, y), counter-clockwise: " + ", ".join(_point(corner) for corner in room.floor),
            "Walls:",
            *(_wall_line(room, k) for k in range(len(room.floor))),
        ]
        if room.openings:
            lines += ["Doors and windows:", *(_opening_line(room, opening) for opening in room.openings)]
        lines += ["Items to place:", *(_item_line(item) for item in task.movable)]
        if task.locked:
            lines += ["Locked items, which stay where they are:"]
            listed = [(item, item.pose) for item in prompt_items(task) if item.locked and item.pose]
            lines += [f"{_item_line(item)}; at {_pose_words(pose)}" for item, pose in listed]
            if len(listed) < len(task.locked):
                lines.append(f"- and {len(task.locked) - len(listed)} more, which are not listed")
        if task.relations:
            lines += ["Wishes to be met:", *(f"- {relation_sentence(relation)}" for relation in task.relations)]
        lines += _image_lines(images, "the room as it is now")
        return Message("system", SYSTEM), Message("user", "\n".join(lines), tuple(images))

    def feedback(
        self,
        task: Task,
        layout: Layout,
        score: dict[str, Any],
        images: Sequence[bytes] = (),
        rejected: dict[str, Any] | None = None,
    ) -> Message:
        """Layout, score and one line for each fault; without faults it says that [] ends the episode."""
        lines: list[str] = []
        if rejected is not None:
            lines += ["That was no improvement and was not kept: the layout before it still stands."]
            if self._text:
                faults = [fault.sentence() for fault in faults_from_json(rejected["evidence"])]
                lines += [f"What you tried scored {rejected['reward']:.2f}.", *(f"- {line}" for line in faults)]
        if self._text:
            terms = ", ".join(f"{name} {value:.2f}" for name, value in score["terms"].items() if value is not None)
            faults = [fault.sentence() for fault in faults_from_json(score["evidence"])]
            lines += ["The layout now:", _placements(task, layout)]
            lines += [f"Score: {score['reward']:.2f} ({terms}; each 1 at best)."]
            lines += ["Faults:", *(f"- {line}" for line in faults)] if faults else ["Nothing is at fault."]
            ending = "List the items that move." if faults else "Answer with [] to end, or list items that move."
        else:
            ending = "List the items that move, or answer with [] when nothing needs to change."
        lines += [*_image_lines(images, "this layout"), ending]
        return Message("user", "\n".join(lines), tuple(images))

    def correction(self, task: Task, problems: Sequence[str]) -> Message:
        lines = ["Your answer could not be used, and nothing was moved:", *(f"- {problem}" for problem in problems)]
        return Message("user", "\n".join((*lines, "Answer again, in the form that was described.")))

    def tidied_text(self, text: str, task: Task, changed: Layout) -> str:
        """The text as the model wrote it: the feedback lists the layout that stands."""
        return text

    def answer_text(self, task: Task, layout: Layout) -> str:
        return f"<answer>{_placements(task, layout)}</answer>"

    def draw_images(self, task: Task, layout: Layout, faulty: Collection[str] = ()) -> None:
        return None

    def read(self, text: str, task: Task, previous: Layout | None) -> Answer:
        return read_loosely(text, task, previous) if self._lenient else read_answer(text, task, previous)


def _one_line(text: str) -> str:
    """A free text with every run of white space as one space."""
    return " ".join(text.split())


def _metres(value: float) -> str:
    """A number with at most three decimals, without trailing zeros."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _point(point: Sequence[float]) -> str:
    return f"({_metres(point[0])}, {_metres(point[1])})"


def _wall_line(room: Room, k: int) -> str:
    side = room.walls[k]
    return f"- wall_{k} from {_point(side.start)} to {_point(side.end)}, {_metres(side.length)} m"


def _opening_line(room: Room, opening: Opening) -> str:
    side = room.walls[opening.wall]
    ends = f"from {_point(side.at(opening.offset))} to {_point(side.at(opening.offset + opening.width))}"
    top = _metres(opening.sill + opening.height)
    if opening.kind == "door":
        swing = f"opens into the room around its hinge at {_point(room.hinge(opening)[0])}"
        return f"- {opening.id}: door in wall_{opening.wall} {ends}, {top} m high; {swing}; keep its swing free"
    sill = f"sill at {_metres(opening.sill)} m, top at {top} m"
    return f"- {opening.id}: window in wall_{opening.wall} {ends}, {sill}; nothing higher than the sill close to it"


def _item_line(item: Item) -> str:
    size = " x ".join(_metres(side) for side in item.size)
    covering = "; a covering, others may stand on it" if item.covering else ""
    return f"- {item.id}: {_one_line(item.category)}, {size} m, {_MOUNTS[item.mount]}{covering}"


def _pose_words(pose: Pose) -> str:
    return f"x {_metres(pose.x)}, y {_metres(pose.y)}, z {_metres(pose.z)}, yaw {_metres(pose.yaw)}"


def _placements(task: Task, layout: Layout) -> str:
    """The JSON list of an answer that gives this layout, one item on each line."""
    lines = []
    for item in task.movable:
        if item.id in layout.poses:
            numbers = (f'"{key}": {_metres(value)}' for key, value in pose_to_json(layout.poses[item.id]).items())
            lines.append(f'{{"id": {json.dumps(item.id)}, {", ".join(numbers)}}}')
    return "[" + ",\n ".join(lines) + "]"


def _image_lines(images: Sequence[bytes], subject: str) -> list[str]:
    if not images:
        return []
    kinds = "; ".join(f"{k}. {kind}" for k, kind in enumerate(IMAGES[: len(images)], 1))
    return [f"Pictures of {subject}: {kinds}."]
