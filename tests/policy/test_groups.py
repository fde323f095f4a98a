"""A room of many items and a server whose model has a short context: it is asked in groups, for placing and mending."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from metaspatial_addon.core.conversation import Message
from metaspatial_addon.core.task import Item, Layout, Room, Task
from metaspatial_addon.policy.base import ContextTooShort
from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from metaspatial_addon.policy.groups import FEWEST, GroupingPolicy
from metaspatial_addon.prompts.full import FullFormat
from tests.policy.servers import Handler, chat, send

COUNT, SIDE = 60, 20.0
TASK = Task(
    "restaurant-1",
    "A restaurant.",
    Room("restaurant", ((0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE)), 3.0),
    tuple(Item(f"dining_chair_{k}", "dining chair", (0.45, 0.5, 0.9)) for k in range(COUNT - 10))
    + tuple(Item(f"dining_table_{k}", "dining table", (1.0, 1.0, 0.75)) for k in range(10)),
)
TOO_LONG = "This model's maximum context length is {0} tokens. Please reduce the length of the messages."


def asked_items(body: dict) -> list[str]:
    """The items that a request asks to place."""
    opening = next(m["content"] for m in body["messages"] if m["role"] == "user")
    listed = opening.split("Items to place:\n")[1].split("\nLocked items")[0]
    return re.findall(r"^- (\w+):", listed, re.MULTILINE)


def model(context: int, longest: int, answered: list[list[str]]):
    """A step that answers with a place of its own for each item; `context`: characters of a question that it takes,
    `longest`: characters of an answer, `answered`: gets the items of each question that it answers whole."""

    def step(handler: Handler) -> None:
        body = handler.server.seen[-1][3] or {}
        question = len("".join(message["content"] for message in body["messages"]))
        entries = [{"id": i, "x": 0.5 + k, "y": 1, "z": 0, "yaw": 0} for k, i in enumerate(asked_items(body))]
        text = f"<think>So.</think><answer>{json.dumps(entries)}</answer>"
        if question > context:
            send(400, {"error": {"message": TOO_LONG.format(context)}})(handler)
        elif len(text) > longest:
            chat(text[:longest], finish_reason="length")(handler)
        else:
            answered.append(asked_items(body))
            chat(text)(handler)

    return step


def first(task: Task = TASK) -> tuple[Message, ...]:
    return tuple(replace(message, task=task) for message in FullFormat().first(task))


@pytest.mark.parametrize(("context", "longest"), [(4700, 100_000), (100_000, 1300)])
def test_a_short_context_places_all_items_in_groups(start, context, longest):
    groups: list[list[str]] = []
    server = start(model(context, longest, groups))
    policy = GroupingPolicy(EndpointPolicy(server.url, "m"))
    [reply] = policy.answer([first()], [1])
    assert reply.notes[0] == "The model cannot answer for all items at once: it is asked for at most 15 at a time."
    answer = FullFormat().read(reply.text, TASK, None)
    assert answer.layout is not None and len(answer.layout.poses) == COUNT and answer.think.startswith("So.")
    assert sorted(i for group in groups for i in group) == sorted(item.id for item in TASK.items)
    assert sum(item.startswith("dining_table") for item in groups[0]) == 10  # before their chairs
    text = next(m["content"] for m in server.seen[-1][3]["messages"] if m["role"] == "user")
    assert len(re.findall(r"\(\d[\d.]* to ", text.split("\n- dining table: ")[1].split("\n")[0])) == 10
    before = len(server.seen)
    assert policy.answer([first()], [3])[0].notes == () and len(server.seen) == before + 4  # the number is kept


def test_mending_asks_about_the_items_at_fault_alone(start):
    server = start(model(4700, 100_000, []))
    policy = GroupingPolicy(EndpointPolicy(server.url, "m"))
    layout = FullFormat().read(policy.answer([first()], [1])[0].text, TASK, None).layout
    assert isinstance(layout, Layout)
    overlap = {"a": "dining_chair_3", "b": "dining_table_2", "depth": 0.2}
    score = {"reward": 0.5, "terms": {"collision": 0.5}, "evidence": {"overlaps": [overlap]}}
    question = FullFormat().feedback(TASK, layout, score)
    question = replace(question, task=TASK, layout=layout, score=score)
    history = (*first(), Message("assistant", FullFormat().answer_text(TASK, layout)), question)
    [reply] = policy.answer([history], [4])
    body = server.seen[-1][3]
    assert sorted(asked_items(body)) == ["dining_chair_3", "dining_table_2"]
    assert "dining_chair_3 overlaps dining_table_2 by 0.20 m" in body["messages"][-1]["content"]
    assert FullFormat().read(reply.text, TASK, layout).changed == ("dining_chair_3", "dining_table_2")


def test_where_no_group_fits_the_server_is_named(start):
    policy = GroupingPolicy(EndpointPolicy(start(model(10, 10, [])).url, "m"))
    with pytest.raises(ContextTooShort, match=r"The context of m on 127.0.0.1:\d+ is too short for this room"):
        policy.answer([first()], [1])
    assert policy.most == FEWEST
