"""Asks a model about a large room in groups of items, where its context does not hold all of them at once.

A room of a hundred items makes a question and an answer of thousands of tokens each. `GroupingPolicy` stands before a
policy and asks it as usual until a question is too long for it, or an answer is cut off; then it halves the number of
items of a question until one fits, and stays with that number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from ..core.conversation import Conversation, Message
from ..core.faults import faults_from_json
from ..core.geometry import OrientedBox
from ..core.task import Item, Layout, Pose, Task
from ..prompts.full import FullFormat
from ..prompts.placing_order import placing_order
from ..prompts.prompt_items import prompt_items
from .base import ContextTooShort, OnProgress, Policy, Reply

FEWEST = 8
"""Items of a question, at least: where no fewer fit, the policy's own error stands."""
_FORMAT = FullFormat(lenient=True)


class GroupingPolicy:
    """A policy that reads the full format, asked in groups of items where a question to it would be too long.

    Before anything is placed the groups are asked for one after the other, in the order in which things are placed (a
    table before its chairs); the questions of later groups say what floor the items of earlier ones take. The answer
    is that of all groups together. Afterwards a question is about the items at fault, without the history.
    """

    prompt_format: Literal["full", "compact"] = "full"

    def __init__(self, policy: Policy):
        self.policy = policy
        self.name, self.sees_images = policy.name, policy.sees_images
        self.most: int | None = None
        """Most items of a question; None as long as every question was answered whole."""

    def answer(
        self,
        conversations: Sequence[Conversation],
        seeds: Sequence[int],
        temperature: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Reply]:
        """See `Policy.answer`. Raises ContextTooShort where no question of FEWEST items fits."""
        began_with = self.most
        rows = [_Question(conversation) for conversation in conversations]
        while waiting := [k for k, row in enumerate(rows) if not row.answered]:
            asked = [rows[k].next(self.most) for k in waiting]
            size = max(rows[k].asked for k in waiting)
            try:
                replies = self.policy.answer(
                    asked, [seeds[k] + rows[k].count for k in waiting], temperature, on_progress
                )
            except ContextTooShort:
                if size <= FEWEST:
                    raise
                self.most = max(size // 2, FEWEST)
                continue
            if any(reply.cut_off for reply in replies) and size > FEWEST:
                self.most = max(size // 2, FEWEST)
                continue
            for k, reply in zip(waiting, replies, strict=True):
                rows[k].take(reply)
        note = () if self.most in (None, began_with) else (grouping_note(self.most),)
        return [replace(reply, notes=(*note, *reply.notes)) for reply in (row.reply for row in rows)]


def grouping_note(most: int) -> str:
    """A sentence on a model that is asked about so many items at a time."""
    return f"The model cannot answer for all items at once: it is asked for at most {most} at a time."


class _Question:
    """The last question of a conversation, as it is put to the model, and what came of it.

    `asked`: items of the last question; `count`: questions so far; `reply`: the answer to all of it.
    """

    def __init__(self, conversation: Conversation):
        self.conversation = conversation
        last = conversation[-1]
        self.task, self.layout, self.score = last.task, last.layout, last.score
        self.asked, self.count, self.answered = 0, 0, False
        self.reply = Reply("")
        self._poses: dict[str, Pose] = {}
        self._left = [] if self.task is None else [item for item, _ in placing_order(self.task.movable)]
        self._group: Task | None = None
        self._thoughts: list[str] = []

    def next(self, most: int | None) -> Conversation:
        """The next question, about at most so many items."""
        self._group = None
        if self.task is None or most is None or len(self.task.movable) <= most:
            self.asked = 0 if self.task is None else len(self.task.movable)
            return self.conversation
        if self.layout is not None:
            return self._about_faults(self.task, self.layout, most)
        group = self._left[:most]
        self.asked = len(group)
        self._group = _group(self.task, group, self._poses)
        # Pictures of the conversation show the room before anything is placed.
        shown = () if self._poses else next(m.images for m in self.conversation if m.role == "user")
        return _opening(self.task, self._group, self._poses, shown)

    def _about_faults(self, task: Task, layout: Layout, most: int) -> Conversation:
        """The question about a layout, with the items at fault alone to be moved."""
        score: dict[str, Any] = self.score or {}
        faults = faults_from_json(score.get("evidence", {}))
        movable = {item.id: item for item in task.movable}
        at_fault = list(dict.fromkeys(i for fault in faults for i in fault.items if i in movable))[:most]
        group = _group(task, [movable[i] for i in at_fault or list(movable)[:most]], layout.poses)
        self.asked = len(group.movable)
        evidence: dict[str, list[Any]] = {}
        for fault in faults:
            if set(fault.items) & set(at_fault):
                evidence.setdefault(fault.key, []).append(fault.to_json())
        answer = Message("assistant", _FORMAT.answer_text(group, layout))
        last = self.conversation[-1]
        feedback = _FORMAT.feedback(group, layout, {**score, "evidence": evidence}, last.images)
        return (*_opening(task, group, layout.poses), answer, feedback)

    def take(self, reply: Reply) -> None:
        """Take the reply to the last question."""
        self.count += 1
        notes = (*self.reply.notes, *reply.notes)
        if self._group is None or self.task is None:
            self.reply, self.answered = replace(reply, notes=notes), True
            return
        answer = _FORMAT.read(reply.text, self._group, None)
        if answer.layout is not None:
            self._poses |= answer.layout.poses
        self._thoughts += [answer.think] if answer.think else []
        self._left = self._left[self.asked :]
        text = _FORMAT.answer_text(self.task, Layout(self.task.id, self._poses))
        thoughts = "\n".join(self._thoughts)
        self.reply = Reply(f"<think>{thoughts}</think>{text}" if thoughts else text, notes=tuple(dict.fromkeys(notes)))
        self.answered = not self._left


def _group(task: Task, items: Sequence[Item], poses: Mapping[str, Pose]) -> Task:
    """The task of placing some items. Of all others those are locked that were, and those that a wish for these
    items names."""
    free = {item.id for item in items}
    named = {end for r in task.relations if free & {r.subject, r.object} for end in (r.subject, r.object)}
    kept = [
        item if item.id in free or item.locked else replace(item, locked=True, pose=poses[item.id])
        for item in task.items
        if item.id in free or item.locked or (item.id in named and item.id in poses)
    ]
    left_out = {item.id for item in task.items} - {item.id for item in kept}
    relations = tuple(r for r in task.relations if not left_out & {r.subject, r.object})
    return replace(task, items=tuple(kept), relations=relations)


def _opening(
    task: Task, group: Task, poses: Mapping[str, Pose], images: tuple[bytes, ...] = ()
) -> tuple[Message, Message]:
    """The first messages about a group of the task's items, with the floor that others take which they do not list."""
    system, user = _FORMAT.first(group, images)
    listed = {item.id for item in prompt_items(group)}
    taken: dict[str, list[str]] = {}
    for item in task.items:
        pose = item.pose or poses.get(item.id)
        if item.id not in listed and pose is not None and item.mount == "floor" and not item.covering:
            corners = OrientedBox.of(item, pose).corners.round(2)
            (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
            taken.setdefault(" ".join(item.category.split()), []).append(f"({x0:g} to {x1:g}, {y0:g} to {y1:g})")
    if not taken:
        return system, user
    lines = [f"- {category}: {', '.join(places)}" for category, places in taken.items()]
    return system, replace(user, text="\n".join((user.text, "Floor that other items take (x, y):", *lines)))
