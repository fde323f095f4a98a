"""What servers refuse by name is left out or put otherwise, from then on, and said once."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from metaspatial_addon.core.conversation import Message
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from metaspatial_addon.prompts.png import read_png
from tests.policy.servers import Handler, ScriptedServer, Step, chat, send


class Strict:
    """A server that refuses, with `status` and `words`, each request in which `finds` finds something."""

    def __init__(self, finds, words: Any, status: int = 400):
        self._finds, self._words, self._status = finds, words, status

    def __call__(self, handler: Handler) -> None:
        body = handler.server.seen[-1][3]
        (send(self._status, self._words) if self._finds(body) else chat("x"))(handler)


def has(name: str):
    return lambda body: name in body


def roles(body) -> list[str]:
    return [message["role"] for message in body["messages"]]


def images(body) -> list[bytes]:
    parts = [
        part for message in body["messages"] if isinstance(message["content"], list) for part in message["content"]
    ]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


def more_images_than(most: int):
    return lambda body: len(images(body)) > most


@pytest.fixture
def conversation(png) -> tuple[Message, ...]:
    """Two turns with two pictures each, 56 x 40 and 24 x 60."""
    first, second = (png(1), png(2, 24, 60)), (png(3), png(4, 24, 60))
    return (
        Message("system", "Be brief."),
        Message("user", "A bedroom.", first),
        Message("assistant", "[…]"),
        Message("user", "Mend it.", second),
    )


def asked_twice(server: ScriptedServer, conversation: tuple[Message, ...]) -> tuple[list[Any], list[tuple[str, ...]]]:
    """The bodies of all requests for two answers, and the notes of both."""
    policy = EndpointPolicy(server.url, "m", tries=1)
    notes = [policy.answer([conversation], [1], 0.5)[0].notes for _ in range(2)]
    return [body for _, _, _, body in server.seen], notes


REFUSALS: dict[str, tuple[Step, str]] = {
    "temperature": (
        Strict(
            has("temperature"),
            {"error": {"message": "Unsupported value: 'temperature' does not support 0.5 with this model."}},
        ),
        "takes no temperature",
    ),
    "seed": (Strict(has("seed"), {"error": {"message": "Unrecognized request argument supplied: seed"}}), "no seed"),
    "seed, as a validator says it": (
        Strict(
            has("seed"),
            {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs", "input": 1}]},
            422,
        ),
        "takes no seed",
    ),
    "limit": (
        Strict(has("max_tokens"), {"error": "max_tokens is too large: 4096. This model has 2048 in all"}),
        "refuses the limit of tokens",
    ),
    "system": (Strict(lambda b: "system" in roles(b), {"error": "System role not supported"}), "takes no system text"),
    "images": (
        Strict(more_images_than(0), {"error": {"message": "this model does not support image input"}}),
        "takes no pictures",
    ),
    "images, as llama.cpp says it": (
        Strict(more_images_than(0), {"error": {"message": "image input is not supported - hint: mmproj"}}, 500),
        "takes no pictures",
    ),
    "images, as a router says it": (
        Strict(more_images_than(0), {"error": {"message": "No endpoints found that support image input"}}, 404),
        "takes no pictures",
    ),
    "images, as a parser says it": (
        Strict(more_images_than(0), "messages[1]: unknown variant `image_url`, expected `text`", 422),
        "takes no pictures",
    ),
    "one image": (
        Strict(more_images_than(1), {"message": "At most 1 image(s) may be provided in one request."}),
        "takes one picture: both are sent on one sheet",
    ),
    "multiple images": (
        Strict(more_images_than(1), {"error": {"message": "multiple images are not supported"}}),
        "takes one picture",
    ),
    "three images": (
        Strict(more_images_than(3), {"error": {"message": "Number of images (4) exceeds the limit of 3."}}),
        "takes 3 pictures: the latest are sent",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_server_refuses_by_name_is_left_out_from_then_on_and_said_once(start, conversation, name):
    step, sentence = REFUSALS[name]
    server = start(step)
    bodies, (first, second) = asked_twice(server, conversation)
    assert len(bodies) == 3 and bodies[1] == bodies[2] != bodies[0]
    assert len(first) == 1 and sentence in first[0] and first[0].startswith(f"127.0.0.1:{server.server_port} ")
    assert second == ()


def test_several_refusals_one_after_another(start, conversation):
    steps = [send(400, {"error": {"message": "bad request", "param": name}}) for name in ("seed", "temperature")]
    server = start(*steps, chat("x"))
    bodies, (first, _) = asked_twice(server, conversation)
    assert len(first) == 2 and set(bodies[0]) - set(bodies[-1]) == {"seed", "temperature"}


def test_all_at_once(start, conversation):
    refused = ("seed", "temperature", "system", "image")
    steps = [send(400, {"error": f"{name} role or input not supported"}) for name in refused]
    bodies, (first, _) = asked_twice(start(*steps, chat("x")), conversation)
    assert len(first) == 4 and set(bodies[-1]) == {"model", "messages", "max_tokens"}
    assert roles(bodies[-1]) == ["user", "assistant", "user"] and not images(bodies[-1])


def test_the_system_text_stands_before_the_first_question(start, conversation):
    step, _ = REFUSALS["system"]
    bodies, _ = asked_twice(start(step), conversation)
    *_, text = bodies[-1]["messages"][0]["content"]
    assert roles(bodies[-1]) == ["user", "assistant", "user"] and text["text"] == "Be brief.\n\nA bedroom."
    assert images(bodies[-1]) == images(bodies[0])


def test_pictures_that_are_too_many_are_put_on_one_sheet(start, conversation):
    step, _ = REFUSALS["one image"]
    bodies, _ = asked_twice(start(step), conversation)
    (sheet,) = images(bodies[-1])
    pixels, (left, right) = read_png(sheet), map(read_png, conversation[-1].images)
    assert pixels.shape == (60, 56 + 8 + 24, 3)
    assert (pixels[:40, :56] == left).all() and (pixels[:, 64:] == right).all() and (pixels[40:, :56] == 255).all()
    first, last = bodies[-1]["messages"][1]["content"], bodies[-1]["messages"][3]["content"]
    assert first == "A bedroom.\n(No picture could be sent.)"
    assert last[-1]["text"] == "Mend it.\n(These pictures are on one sheet, from left to right.)"


def test_the_latest_pictures_are_kept(start, conversation):
    step, _ = REFUSALS["three images"]
    bodies, _ = asked_twice(start(step), conversation)
    assert len(images(bodies[-1])) == 3 and tuple(images(bodies[-1])[1:]) == conversation[-1].images


def test_who_needs_pictures_is_not_asked_without_them(start, conversation):
    step, _ = REFUSALS["images"]
    policy = EndpointPolicy(start(step).url, "m", needs_images=True)
    with pytest.raises(PolicyError, match="does not support image input"):
        policy.answer([conversation], [1])
    one, _ = REFUSALS["one image"]
    assert EndpointPolicy(start(one).url, "m", needs_images=True).answer([conversation], [1])[0].text == "x"


@pytest.mark.parametrize(
    "words", ["Your messages have too many tokens", "temperature", "no such model: the-vision-one", "seed"]
)
def test_a_refusal_of_what_was_not_sent_or_for_another_reason_is_reported(start, words):
    server = start(send(400, {"error": {"message": words}}))
    with pytest.raises(PolicyError, match="refused the request"):
        EndpointPolicy(server.url, "the-vision-one").answer([(Message("system", "x"), Message("user", "y"))], [1], None)
    assert len(server.seen) <= 2


def test_a_server_that_refuses_whatever_is_left_out_is_reported(start, conversation):
    server = start(send(400, {"error": "seed, temperature, max_tokens, system role and image input not supported"}))
    with pytest.raises(PolicyError, match="refused the request"):
        EndpointPolicy(server.url, "m").answer([conversation], [1], 0.5)
    assert len(server.seen) == 6


def test_other_servers_are_asked_in_full(start, conversation):
    server = start(chat("x"))
    bodies, notes = asked_twice(server, conversation)
    assert len(bodies) == 2 and notes == [(), ()] and len(images(bodies[0])) == 4


def test_an_empty_answer_is_not_sent_back_as_one(start):
    server = start(chat("x"))
    EndpointPolicy(server.url, "m").answer(
        [(Message("user", "a"), Message("assistant", ""), Message("user", "b"))], [1]
    )
    assert server.seen[0][3]["messages"][1]["content"] == "(no answer)"
