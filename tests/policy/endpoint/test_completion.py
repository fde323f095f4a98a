"""How a completion ended: what the reply is, and what the user is told."""

from __future__ import annotations

import pytest

from tests.policy.asking import ask
from tests.policy.servers import chat, send

ALLOW_MORE = "Allow more in the preferences (Most Tokens) or with --max-tokens."


def completion(message: dict, reason: str = "stop", **usage: int):
    return send(200, {"choices": [{"message": message, "finish_reason": reason}], "usage": usage})


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "reasoning_content": "The bed could go …"},
        {"content": "", "reasoning": "The bed could go …"},
        {"content": None},
        {"content": "<think>The bed could go"},
    ],
)
def test_a_model_that_thinks_until_its_tokens_are_gone_is_told_apart(start, message):
    reply = ask(start(completion(message, "length")))
    assert reply.notes == (f"some-model used up its 4096 tokens by thinking, before it answered. {ALLOW_MORE}",)
    assert reply.text == (message["content"] or "")


def test_an_answer_that_was_cut_off(start):
    (note,) = ask(start(chat("<think>so</think>[{", finish_reason="length")), max_new_tokens=77).notes
    assert note == f"some-model used up its 77 tokens before its answer was complete. {ALLOW_MORE}"


def test_a_server_that_ends_answers_before_their_limit(start):
    server = start(completion({"content": None}, "length", completion_tokens=900))
    (note,) = ask(server).notes
    assert "used up the tokens that its server allows by thinking" in note
    assert f"more tokens, on 127.0.0.1:{server.server_port}." in note


def test_an_answer_within_the_reasoning_is_the_text(start):
    reply = ask(start(completion({"content": None, "reasoning_content": "so: [1]"})))
    assert (reply.text, reply.notes) == ("<think>so: [1]", ())
    assert ask(start(completion({"content": "[2]", "reasoning_content": "so: [1]"}))).text == "[2]"


def test_a_model_that_refuses(start):
    reply = ask(start(completion({"content": None, "refusal": "I can't help with bedrooms."})))
    assert reply.notes == ('some-model refused to answer: "I can\'t help with bedrooms.".',)


@pytest.mark.parametrize("value", [5, ["x"], {"a": 1}, None])
def test_fields_of_another_kind_count_for_nothing(start, value):
    message = {"content": "x", "reasoning_content": value, "reasoning": value, "refusal": value}
    assert ask(start(completion(message, "stop"))).text == "x"
    assert (
        ask(start(send(200, {"choices": [{"message": message, "finish_reason": value}], "usage": value}))).text == "x"
    )
