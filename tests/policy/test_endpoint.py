"""The endpoint policy: against `transformers serve`, and against a server of our own that fails in every known way."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from metaspatial_addon.layout.conversation import Message
from metaspatial_addon.policy.base import PolicyError, Reply
from metaspatial_addon.policy.endpoint import EndpointPolicy

KEY = "sk-secret-0123456789"
HELLO = (Message("user", "hello"),)
Step = Callable[["_Handler"], None]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer

    def _run(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.seen.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
            step = self.server.steps.pop(0) if len(self.server.steps) > 1 else self.server.steps[0]
        step(self)

    do_GET = do_POST = _run

    def log_message(self, format: str, *args: object) -> None:
        pass


class ScriptedServer(ThreadingHTTPServer):
    """Answers request k with step k, the last step over and over, and remembers what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.steps: list[Step] = []
        self.seen: list[tuple[str, str, dict[str, str], dict | None]] = []
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has hung up is no news here."""


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ScriptedServer]]:
    """start(*steps) -> a running scripted server."""
    monkeypatch.delenv("METASPATIAL_API_KEY", raising=False)
    servers = []

    def run(*steps: Step) -> ScriptedServer:
        server = ScriptedServer()
        server.steps = list(steps)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


def send(status: int, content: object = "", **headers: str) -> Step:
    """A step that answers in full."""
    data = (content if isinstance(content, str) else json.dumps(content)).encode("utf-8")

    def step(handler: _Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return step


def chat(text: str, **choice: object) -> Step:
    return send(
        200, {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}]}
    )


def ask(server: ScriptedServer, *, model: str = "some-model", **options: object) -> Reply:
    options = {"back_off": 0.01, "timeout": 5.0, **options}
    return EndpointPolicy(server.url, model, **options).answer([HELLO], [1])[0]  # type: ignore[arg-type]


def failure(server: ScriptedServer, **options: object) -> str:
    """The text of the error, which must name the server and must not hold the key."""
    with pytest.raises(PolicyError) as caught:
        ask(server, **options)
    text = str(caught.value)
    assert f"127.0.0.1:{server.server_port}" in text
    assert KEY not in text and caught.value.__cause__ is None
    return text


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


def test_temperature_and_log_probabilities_are_left_out_unless_asked_for(start):
    server = start(chat("x"))
    ask(server)
    assert not {"temperature", "logprobs"} & set(server.seen[0][3])


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


def test_cut_off_answers_and_log_probabilities_are_reported(start):
    tokens = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1}]
    server = start(chat("ab", finish_reason="length", logprobs={"content": tokens}))
    assert ask(server, logprobs=True) == Reply("ab", logprobs=(-0.5, -1.0), finish="length")
    assert server.seen[0][3]["logprobs"] is True


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

    def answer_own_seed(handler: _Handler) -> None:
        together.wait()
        chat("same")(handler)

    server = start(answer_own_seed)
    replies = EndpointPolicy(server.url, "m", parallel=3).answer([HELLO] * 3, [1, 2, 3])
    assert [reply.text for reply in replies] == ["same"] * 3
    assert sorted(seen[3]["seed"] for seen in server.seen) == [1, 2, 3]


def test_no_conversations_need_no_server():
    assert EndpointPolicy("http://localhost:1/v1", "m").answer([], []) == []


def test_list_models(start):
    server = start(send(200, {"object": "list", "data": [{"id": "b"}, {"id": "a"}]}))
    assert EndpointPolicy(server.url, "m").list_models() == ["a", "b"]
    assert server.seen[0][:2] == ("GET", "/v1/models")


# --- what passes: tried again


def test_a_busy_server_is_given_the_time_that_it_asks_for(start):
    server = start(send(429, "slow down", Retry_After="1"), chat("x"))
    began = time.monotonic()
    assert ask(server).text == "x"
    assert time.monotonic() - began >= 1.0 and len(server.seen) == 2


def test_a_server_that_asks_for_too_long_a_wait_is_reported_at_once(start):
    server = start(send(429, "quota", Retry_After="3600"))
    text = failure(server)
    assert "3600 seconds" in text and "quota" in text and len(server.seen) == 1


def test_server_errors_are_tried_again(start):
    server = start(send(500, "oops"), send(503, {"error": {"message": "loading"}}), chat("x"))
    assert ask(server).text == "x" and len(server.seen) == 3


def test_a_server_that_stays_broken_is_reported_with_its_own_words(start):
    server = start(send(500, {"detail": "no memory left"}))
    text = failure(server, tries=3)
    assert "HTTP 500" in text and "no memory left" in text and "3 times" in text and len(server.seen) == 3


def cut_off(handler: _Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


def cut_off_unannounced(handler: _Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


def hang_up(handler: _Handler) -> None:
    handler.close_connection = True


@pytest.mark.parametrize("step", [cut_off, cut_off_unannounced, hang_up])
def test_a_reply_that_breaks_off_is_tried_again_and_then_reported(start, step):
    assert ask(start(step, chat("x"))).text == "x"
    server = start(step)
    text = failure(server, tries=2)
    assert ("broke off" in text or "cut off" in text) and len(server.seen) == 2


def test_pauses_double(start):
    times: list[float] = []

    def fail(handler: _Handler) -> None:
        times.append(time.monotonic())
        send(500)(handler)

    failure(start(fail), tries=4, back_off=0.1)
    gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
    # The jitter takes off at most a half.
    assert len(gaps) == 3 and all(gap >= 0.05 * 2**k for k, gap in enumerate(gaps))


# --- what does not pass: said once and clearly


@pytest.mark.parametrize(
    "status, words",
    [
        (401, "did not accept the API key"),
        (403, "did not accept the API key"),
        (404, 'knows no model "some-model" or nothing at this URL'),
        (400, "refused the request (HTTP 400)"),
        (413, "Send smaller pictures"),
    ],
)
def test_refusals_are_explained_and_not_repeated(start, status, words):
    server = start(send(status, {"error": {"message": f"bad thing about {KEY}"}}))
    assert words in failure(server, key=KEY)
    assert len(server.seen) == 1


def test_a_missing_key_is_told_apart_from_a_wrong_one(start):
    assert "wants an API key, and none is set" in failure(start(send(401)))


@pytest.mark.parametrize("page", ["<html>Welcome</html>", "", "[" * 100_000 + "]", "not json"])
def test_a_reply_that_is_no_json(start, page):
    server = start(send(200, page))
    assert "no JSON" in failure(server) and len(server.seen) == 1


@pytest.mark.parametrize(
    "body",
    [{}, [], 5, None, {"choices": []}, {"choices": [{"text": "old"}]}, {"choices": [{"message": {"content": 5}}]}]
    + [{"error": "out of credit"}, {"choices": [{"message": {"content": "x"}, "logprobs": [1]}]}],
)
def test_a_reply_without_an_answer(start, body):
    assert "holds no answer" in failure(start(send(200, body)))


def silent(handler: _Handler) -> None:
    time.sleep(6.0)


def dripping(handler: _Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(60):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


@pytest.mark.parametrize("step", [silent, dripping])
def test_a_slow_server_is_given_up_after_the_timeout(start, step):
    server = start(step)
    began = time.monotonic()
    assert "did not answer within 0.3 seconds" in failure(server, timeout=0.3)
    assert time.monotonic() - began < 4.0 and len(server.seen) == 1


def test_nothing_listens_at_the_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(PolicyError, match=f"127.0.0.1:{port} .connection refused.*Start the server"):
        EndpointPolicy(f"http://127.0.0.1:{port}", "m").answer([HELLO], [1])


def test_a_server_name_that_does_not_exist(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PolicyError, match="nowhere.invalid cannot be found. Check the URL"):
        EndpointPolicy("http://nowhere.invalid/v1", "m").answer([HELLO], [1])


def test_https_asked_of_a_server_that_speaks_http(start):
    url = start(chat("x")).url.replace("http:", "https:")
    with pytest.raises(PolicyError, match="starts with http:// or https://"):
        EndpointPolicy(url, "m").answer([HELLO], [1])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_on_one_server_are_followed_with_the_request_intact(start, status):
    server = start(send(status, Location="/other/chat"), chat("x"))
    assert ask(server, key=KEY).text == "x"
    (_, _, _, sent), (method, path, headers, body) = server.seen
    assert (method, path, headers["Authorization"], body) == ("POST", "/other/chat", f"Bearer {KEY}", sent)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_to_another_server_are_refused_and_carry_nothing(start, status):
    other = start(chat("stolen"))
    server = start(send(status, Location=f"http://127.0.0.1:{other.server_port}/v1/chat/completions"))
    assert "another server" in failure(server, key=KEY)
    assert other.seen == []


def test_a_redirect_that_goes_in_circles_or_nowhere_ends(start):
    assert "refused" in failure(start(send(307, Location="/v1/chat/completions")))
    assert "cannot be reached" in failure(start(send(307, Location="http://127.0.0.1:port/")))


def test_cancelling_ends_the_tries(start):
    server = start(send(500))
    text = failure(server, tries=10, back_off=30.0, cancelled=lambda: bool(server.seen))
    assert "cancelled" in text and len(server.seen) == 1


def test_one_failure_ends_the_batch(start):
    server = start(send(401))
    with pytest.raises(PolicyError):
        EndpointPolicy(server.url, "m", parallel=1).answer([HELLO] * 20, range(20))
    assert len(server.seen) < 5


# --- a server that we did not write


class Counting(EndpointPolicy):
    """Keeps the server's own count of prompt tokens, which the interface does not carry."""

    prompt_tokens: int

    def _reply(self, answer):
        self.prompt_tokens = answer["usage"]["prompt_tokens"]
        return super()._reply(answer)


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
    assert real.answer([HELLO], [0], 0.0)[0].finish == "length"
    assert real.list_models() == []  # it lists the hub's cache, which is empty here


def test_a_model_that_the_real_server_does_not_have(transformers_server):
    policy = EndpointPolicy(transformers_server.url, "no/such-model", tries=2, back_off=0.01)
    with pytest.raises(PolicyError, match=policy.host):
        policy.answer([HELLO], [0])
