"""The endpoint policy: what it sends and reads, with a server of our own and with `transformers serve`."""

from __future__ import annotations

import base64
import copy
import threading

import pytest

from metaspatial_addon.core.conversation import Message
from metaspatial_addon.policy.base import PolicyError, Reply
from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from tests.policy.asking import HELLO, KEY, ask
from tests.policy.servers import Handler, chat, send
from tests.worker.waiting import wait_until

# --- what is sent


def test_request_holds_conversation_picture_seed_and_settings(start, png):
    server = start(chat("[]"))
    picture = png(1)
    conversation = (
        Message("system", "Place furniture."),
        Message("user", "A bedroom.", (picture,)),
        Message("assistant", "[…]"),
        Message("user", "Mend it."),
    )
    policy = EndpointPolicy(server.url + "/", "m", key=KEY, max_new_tokens=77)
    assert policy.answer([conversation], [9], 0.4) == [Reply("[]")]
    method, path, headers, body = server.seen[0]
    assert (method, path, headers["Authorization"]) == ("POST", "/v1/chat/completions", f"Bearer {KEY}")
    assert (body["model"], body["seed"], body["temperature"], body["max_tokens"]) == ("m", 9, 0.4, 77)
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    image, text = body["messages"][1]["content"]
    assert text == {"type": "text", "text": "A bedroom."}
    kind, data = image["image_url"]["url"].split(",")
    assert (kind, base64.b64decode(data)) == ("data:image/png;base64", picture)


def test_the_temperature_is_left_out_unless_one_is_given(start):
    server = start(chat("x"))
    ask(server)
    assert "temperature" not in server.seen[0][3]


def test_a_policy_that_sees_no_images_sends_none(start, png):
    server = start(chat("x"))
    policy = EndpointPolicy(server.url, "m", sees_images=False)
    policy.answer([(Message("user", "A bedroom.", (png(1),)),)], [1])
    assert server.seen[0][3]["messages"] == [{"role": "user", "content": "A bedroom."}]


def test_key_comes_from_the_environment_and_reaches_no_log(start, monkeypatch, caplog, capfd):
    caplog.set_level("DEBUG")
    server = start(send(500, "broken"), chat("x"))
    monkeypatch.setenv("METASPATIAL_API_KEY", f" {KEY}\n")
    ask(server)
    assert server.seen[0][2]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in caplog.text + "".join(capfd.readouterr())


def test_without_a_key_no_authorization_is_sent(start):
    server = start(chat("x"))
    ask(server)
    assert "Authorization" not in server.seen[0][2]


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x/v1", "http://", "http://x:99999/v1", "http://a b/v1", ""])
def test_an_address_that_cannot_be_used_is_refused(url):
    with pytest.raises(PolicyError, match="must look like http://localhost:8000/v1"):
        EndpointPolicy(url, "m")


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(PolicyError, match="METASPATIAL_API_KEY") as caught:
        EndpointPolicy(f"https://me:{KEY}@example.com/v1", "m")
    assert KEY not in str(caught.value)


def test_a_key_that_cannot_be_sent_is_refused_and_not_repeated():
    with pytest.raises(PolicyError, match="unusual characters") as caught:
        EndpointPolicy("http://localhost/v1", "m", key=f"{KEY}\r\nX: y")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_common_spellings_of_the_address_mean_the_same(start, ending):
    server = start(chat("x"))
    EndpointPolicy(f"http://127.0.0.1:{server.server_port}{ending}", "m").answer([HELLO], [1])
    assert server.seen[0][1] == "/v1/chat/completions"


# --- what comes back


@pytest.mark.parametrize("content, text", [(None, ""), ([{"type": "text", "text": "a"}, {"text": "b"}], "ab")])
def test_empty_answers_and_answers_in_parts_are_read(start, content, text):
    assert ask(start(chat(content))).text == text


def test_a_server_that_calls_the_limit_by_its_newer_name_is_asked_again(start):
    refusal = {"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}
    server = start(send(400, refusal), chat("x"), chat("y"))
    policy = EndpointPolicy(server.url, "m", max_new_tokens=5)
    assert [policy.answer([HELLO], [1])[0].text for _ in range(2)] == ["x", "y"]
    limits = [{k: v for k, v in seen[3].items() if k.startswith("max_")} for seen in server.seen]
    assert limits == [{"max_tokens": 5}, {"max_completion_tokens": 5}, {"max_completion_tokens": 5}]


def test_conversations_run_in_parallel_and_keep_their_order(start):
    together = threading.Barrier(3, timeout=10)

    def answer_own_seed(handler: Handler) -> None:
        together.wait()
        chat("same")(handler)

    server = start(answer_own_seed)
    replies = EndpointPolicy(server.url, "m", parallel=3).answer([HELLO] * 3, [1, 2, 3])
    assert [reply.text for reply in replies] == ["same"] * 3
    assert sorted(seen[3]["seed"] for seen in server.seen) == [1, 2, 3]


def test_progress_is_reported_in_the_calling_thread_while_the_server_thinks(start):
    reports: list[str] = []

    def think(handler: Handler) -> None:
        wait_until(lambda: len(reports) > 2)
        chat("x")(handler)

    policy = EndpointPolicy(start(think).url, "m", parallel=1)
    policy.answer([HELLO], [1], on_progress=lambda: reports.append(threading.current_thread().name))
    assert set(reports) == {threading.current_thread().name}


def test_no_conversations_need_no_server():
    assert EndpointPolicy("http://localhost:1/v1", "m").answer([], []) == []


def test_list_models(start):
    server = start(send(200, {"object": "list", "data": [{"id": "b"}, {"id": "a"}]}))
    assert EndpointPolicy(server.url, "m").list_models() == ["a", "b"]
    assert server.seen[0][:2] == ("GET", "/v1/models")


# --- a server that we did not write


class Counting(EndpointPolicy):
    """Keeps the server's own count of prompt tokens, which the interface does not carry."""

    prompt_tokens: int

    def _reply(self, answer):
        self.prompt_tokens = answer["usage"]["prompt_tokens"]
        return super()._reply(answer)


def replace_limit(policy: Counting, tokens: int) -> Counting:
    """The policy with another limit of new tokens."""
    limited = copy.copy(policy)
    limited.max_new_tokens = tokens
    return limited


@pytest.fixture(scope="module")
def real(transformers_server) -> Counting:
    return Counting(transformers_server.url, transformers_server.model, max_new_tokens=12, timeout=60, parallel=1)


def test_the_picture_arrives(real, png):
    def greedy(*pictures: bytes) -> tuple[str, int]:
        (reply,) = real.answer([(Message("user", "A bedroom.", pictures),)], [0], 0.0)
        return reply.text, real.prompt_tokens

    bare, one, other, two = greedy(), greedy(png(1)), greedy(png(2)), greedy(png(1), png(2))
    assert bare[1] < one[1] == other[1] < two[1]
    assert len({bare[0], one[0], other[0], two[0]}) == 4, "the model's answer depends on what is in the picture"


def test_the_seed_arrives(real):
    def text(seed: int) -> str:
        return real.answer([(Message("system", "Be brief."), *HELLO)], [seed], 1.0)[0].text

    assert text(1) == text(1) != text(2)


def test_limits_and_models_of_the_real_server(real):
    short, long = (replace_limit(real, tokens).answer([HELLO], [0], 0.0)[0].text for tokens in (3, 12))
    assert long.startswith(short) and len(short) < len(long)
    assert real.list_models() == []  # it lists the hub's cache, which is empty here


def test_a_model_that_the_real_server_does_not_have(transformers_server):
    policy = EndpointPolicy(transformers_server.url, "no/such-model", tries=2)
    with pytest.raises(PolicyError, match=policy.host):
        policy.answer([HELLO], [0])
