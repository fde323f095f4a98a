"""A small task, answers to it, and a policy and a renderer that do as they are told."""

from __future__ import annotations

import json

from metaspatial_addon.core.evidence import ViewMeasure
from metaspatial_addon.core.task import Item, Opening, Relation, Room, Task
from metaspatial_addon.episode.play import play
from metaspatial_addon.episode.turn import Outcome
from metaspatial_addon.policy.base import Reply

ROOM = Room("study", ((0, 0), (4, 0), (4, 4), (0, 4)), 2.5, (Opening("door_1", "door", 0, 0.5, 0.9, 0, 2.05),))
TASK = Task(
    "study-1",
    "A place to read.",
    ROOM,
    (
        Item("bed_1", "bed", (1, 2, 0.5)),
        Item("desk_1", "desk", (1.2, 0.6, 0.75)),
        Item("lamp_1", "lamp", (0.2, 0.2, 0.4), "surface"),
    ),
    (Relation("lamp_1", "on", "desk_1"),),
)


def answer(**poses):
    keys = ("x", "y", "z", "yaw")
    entries = [{"id": i, **dict(zip(keys, pose, strict=True))} for i, pose in poses.items()]
    return f"<answer>{json.dumps(entries)}</answer>"


CLEAN = answer(bed_1=(3.4, 2.9, 0, 0), desk_1=(0.35, 2, 0, 90), lamp_1=(0.35, 2, 0.75, 0))
CROSSED = answer(bed_1=(3.4, 2.9, 0, 0), desk_1=(3, 2.5, 0, 0), lamp_1=(3, 2.5, 1.2, 0))
PARTED = answer(desk_1=(0.35, 2, 0, 90))  # the lamp still hangs in the air
WORSE = answer(desk_1=(9, 9, 0, 0))
LIFTED = answer(lamp_1=(0.35, 2, 0.75, 0))
SAME = "<answer>[]</answer>"
NONSENSE = "I would put the bed by the wall."


class Scripted:
    """A policy that says what it was given, turn by turn, and remembers what it was asked."""

    name, prompt_format, sees_images = "scripted", "full", True

    def __init__(self, *turns):
        self.turns = [[turn] if isinstance(turn, str) else turn for turn in turns]
        self.asked = []

    def answer(self, conversations, seeds, temperature=None, on_progress=None):
        self.asked.append((conversations, list(seeds), temperature))
        texts = self.turns[len(self.asked) - 1]
        if isinstance(texts, Exception):
            raise texts
        assert len(texts) == len(conversations) == len(seeds)
        return [Reply(text) for text in texts]


class Painter:
    """A renderer whose pictures say what they show. Fails as often as it is told to."""

    def __init__(self, failures=0):
        self.calls, self.failures = [], failures

    def _take(self, kind, stage, layout):
        self.calls.append(kind)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("no OpenGL")
        return json.dumps([kind, {i: vars(p) for i, p in layout.poses.items()}]).encode()

    def top_view(self, stage, task, layout):
        return self._take("top", stage, layout)

    def room_view(self, stage, task, layout):
        return self._take("view", stage, layout)

    def measure_view(self, stage, task, layout):
        shares = dict.fromkeys(layout.poses, 1.0)
        return ViewMeasure(shares, shares, 0.5, 1.0)


def run(env, policy, task=TASK, **options):
    options = {"tidy": False, **options}
    events = list(play(env, policy, task, **options))
    assert isinstance(events[-1], Outcome)
    return events[-1]
