"""The endpoint policy with a server that fails in every known way: new tries, and the messages of other failures."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.endpoint import policy as endpoint
from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from tests.policy.asking import HELLO, KEY, ask, failure
from tests.policy.servers import Handler, chat, send


def endpoint_threads() -> list[threading.Thread]:
    """Threads that requests left running."""
    return [thread for thread in threading.enumerate() if thread.name == "endpoint"]


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


def cut_off(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


def cut_off_unannounced(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


def hang_up(handler: Handler) -> None:
    handler.close_connection = True


@pytest.mark.parametrize("step", [cut_off, cut_off_unannounced, hang_up])
def test_a_reply_that_breaks_off_is_tried_again_and_then_reported(start, step):
    assert ask(start(step, chat("x"))).text == "x"
    server = start(step)
    text = failure(server, tries=2)
    assert ("broke off" in text or "cut off" in text) and len(server.seen) == 2


def test_pauses_double(start, monkeypatch):
    times: list[float] = []

    def fail(handler: Handler) -> None:
        times.append(time.monotonic())
        send(500)(handler)

    server = start(fail)
    monkeypatch.setattr(endpoint, "BACK_OFF", 0.1)
    failure(server, tries=4)
    gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
    # The jitter takes off at most a half.
    assert len(gaps) == 3 and all(gap >= 0.05 * 2**k for k, gap in enumerate(gaps))


# --- failures that do not pass: one clear message


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


@pytest.mark.parametrize("status", [400, 403, 404, 413, 500])
def test_what_a_server_says_at_length_is_cut_to_what_a_panel_holds(start, status):
    text = failure(start(send(status, {"error": {"message": "because " * 100}})), key=KEY, tries=1)
    assert "because because" in text and "…" in text


def test_a_missing_key_is_told_apart_from_a_wrong_one(start):
    assert "wants an API key, and none is set" in failure(start(send(401)))


@pytest.mark.parametrize("page", ["<html>Welcome</html>", "", "[" * 100_000 + "]", "not json"])
def test_a_reply_that_is_no_json(start, page):
    server = start(send(200, page))
    assert "no JSON" in failure(server) and len(server.seen) == 1


@pytest.mark.parametrize(
    "body",
    [{}, [], 5, None, {"choices": []}, {"choices": [{"text": "old"}]}, {"choices": [{"message": {"content": 5}}]}]
    + [{"error": "out of credit"}],
)
def test_a_reply_without_an_answer(start, body):
    assert "holds no answer" in failure(start(send(200, body)))


def silent(handler: Handler) -> None:
    time.sleep(6.0)


def dripping(handler: Handler) -> None:
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
    assert "did not answer within 0.3 seconds" in failure(server, timeout=0.3)
    assert len(server.seen) == 1


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


def dripping_headers(handler: Handler) -> None:
    handler.send_response(200)
    for number in range(60):
        handler.send_header(f"X-Drip-{number}", "x")
        handler.flush_headers()
        time.sleep(0.1)


def test_the_timeout_holds_for_headers_that_never_end(start):
    began = time.monotonic()
    assert "did not answer within 0.5 seconds" in failure(start(dripping_headers), timeout=0.5)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("step", [send(500), silent])
def test_an_error_raised_by_on_progress_cancels_tries_and_requests(start, step, monkeypatch):
    server = start(step)
    monkeypatch.setattr(endpoint, "BACK_OFF", 30.0)

    def cancel() -> None:
        if server.seen:
            raise PolicyError("Cancelled.")

    began = time.monotonic()
    with pytest.raises(PolicyError, match="^Cancelled.$"):
        EndpointPolicy(server.url, "m").answer([HELLO], [1], on_progress=cancel)
    assert time.monotonic() - began < 3 and len(server.seen) == 1
    assert not endpoint_threads()


def test_a_refusal_ends_the_batch_while_another_request_hangs(start):
    """Its connection is closed, so that the server stops working on it, and no thread stays behind."""
    hanging, closed = threading.Event(), threading.Event()

    def hang(handler: Handler) -> None:
        hanging.set()
        if handler.rfile.read(1) == b"":  # the end of the stream: the client has closed it
            closed.set()

    def refuse(handler: Handler) -> None:
        assert hanging.wait(10)
        refused.append(time.monotonic())
        send(401)(handler)

    refused: list[float] = []
    server = start(hang, refuse)
    with pytest.raises(PolicyError, match="wants an API key"):
        EndpointPolicy(server.url, "m", parallel=2).answer([HELLO] * 2, [1, 2])
    assert time.monotonic() - refused[0] < 1
    assert closed.wait(5) and not endpoint_threads()


def test_one_failure_ends_the_batch(start):
    server = start(send(401))
    with pytest.raises(PolicyError):
        EndpointPolicy(server.url, "m", parallel=1).answer([HELLO] * 20, range(20))
    assert len(server.seen) < 5
