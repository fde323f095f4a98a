"""Good places of a lesson: an item at any of them is inside the room and clear of what was placed before."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from headless.pretraining.good_places import good_places
from headless.pretraining.perturb import box_evidence
from headless.taskgen.wide import make_wide_task
from metaspatial_addon.core.conversation import Message
from metaspatial_addon.core.task import Layout, Task
from metaspatial_addon.policy.builtin.grammar import AnswerGrammar
from metaspatial_addon.policy.builtin.prompt_room import PromptRoom
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding, CompactFormat

Y_KEYS = (',"y":', ',"y0":', ',"y1":')


def with_another(prompt: str, answer: list[int], index: int, token: int) -> list[int]:
    """The answer with another token at an index, and what the grammar forces after it."""
    grammar = AnswerGrammar(PromptRoom.of(prompt), first_turn=True)
    written: list[int] = []
    for k, own in enumerate(answer):
        allowed = grammar.allowed_ids
        written.append(token if k == index else int(allowed[0]) if len(allowed) == 1 else own)
        grammar.advance(written[-1])
    return written


def hard_faults(task: Task, layout: Layout, item_id: str) -> list[str]:
    evidence = box_evidence(task, layout)
    return [fault.key for fault in evidence.detected if item_id in fault.items and fault.key in ("overlaps", "outside")]


def test_an_item_at_a_good_place_is_inside_and_clear_of_what_was_placed_before():
    moved = 0
    for number in range(15):
        task, layout = make_wide_task("train", 1, number, coarse=True)
        compact, rng = CompactEncoding(task), Random(number)
        prompt, answer = compact.prompt_text(), v.encode(compact.answer_text(dict(layout.poses)))
        sets = good_places((Message("user", prompt),), list(answer))
        assert all(answer[index] in numbers for index, numbers in sets)
        ys = [(index, numbers) for index, numbers in sets if v.TOKENS[answer[index]].startswith(Y_KEYS)]
        placed = [item_id for item_id in compact.names if not task.item(item_id).locked]
        for index, numbers in rng.sample(ys, min(4, len(ys))):
            done = sum(v.TOKENS[token] in (v.OPEN_ANSWER, v.NEXT_ITEM) for token in answer[:index])
            item = task.item(placed[done - 1])
            if item.mount != "floor" or item.covering:
                continue
            text = v.decode(with_another(prompt, list(answer), index, int(rng.choice(list(numbers)))))
            other = CompactFormat().read(text.removesuffix("<|end|>"), task).layout
            seen = tuple(i for i in task.items if i.locked or i.id in placed[:done])
            of_these = replace(task, items=seen, relations=())
            poses = {i: pose for i, pose in other.poses.items() if i in placed[:done]}
            moved += poses[item.id] != layout.poses[item.id]
            assert not hard_faults(of_these, Layout(task.id, poses), item.id), (number, item.id)
    assert moved > 10
