"""Requests take little memory and no tracebacks, whatever a server sends."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from metaspatial_addon.policy.endpoint.replies import DEEPEST, LARGEST_REPLY
from tests.policy.asking import HELLO, ask, failure
from tests.policy.endpoint.raw_servers import (
    ANSWER,
    CHUNKED,
    OK,
    drips,
    floods,
    whole,
)
from tests.policy.servers import chat, send

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def peaks() -> Callable[..., tuple[int, list[str]]]:
    """peaks(*urls) -> the most memory in bytes that a process takes for a request to each, and what each ended with."""

    def measure(*urls: str) -> tuple[int, list[str]]:
        program = """
            import json, sys, tracemalloc
            from metaspatial_addon.core.conversation import Message
            from metaspatial_addon.policy.base import PolicyError
            from metaspatial_addon.policy.endpoint.policy import EndpointPolicy

            def ask(url):
                try:
                    return EndpointPolicy(url, "m", timeout=20, tries=1).answer([(Message("user", "x"),)], [1])[0].text
                except PolicyError as error:
                    return str(error)

            ask(sys.argv[1])  # what is imported and made once counts for nothing
            tracemalloc.start()
            texts = [ask(url)[:300] for url in sys.argv[1:]]
            print(json.dumps([tracemalloc.get_traced_memory()[1], texts]))
        """
        command = [sys.executable, "-c", textwrap.dedent(program), *urls]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        peak, texts = json.loads(done.stdout)
        return peak, texts

    return measure


BOMB = zlib.compressobj(9, wbits=31)
BOMB_BYTES = b"".join(BOMB.compress(b" " * 2**20) for _ in range(40)) + BOMB.flush()
LARGE = {
    "redirect": (
        drips(b"HTTP/1.1 307 Go\r\nLocation: ?\r\nContent-Length: 1500000000\r\n\r\n" + b"x" * 100_000, b"x"),
        "307",
    ),
    "redirects": (floods(b"HTTP/1.1 307 Go\r\nLocation: ?\r\nContent-Length: 1500000000\r\n\r\n", b"x"), "307"),
    "error": (floods(b"HTTP/1.1 500 No\r\n\r\n", b"words "), "words"),
    "values": (whole(b"[" + b"[],[]," * (31 * 2**20 // 6) + b"0]"), "more than a model's answer can hold"),
    "fewer values": (whole(b"[" + b"[],[]," * 300_000 + b"0]"), "more than a model's answer can hold"),
    "body": (floods(OK + b"\r\n", b"[],"), "more than a model's answer can hold"),
    "chunks": (floods(CHUNKED, b"1000\r\n" + b"1.5," * 1024 + b"\r\n"), "more than a model's answer can hold"),
    "headers": (floods(OK + b"X-Large: ", b"x"), "cannot be reached"),
    "many headers": (floods(OK, b"X-Large: %s\r\n" % (b"x" * 60_000)), "more than 256 KB before its reply"),
    "interim replies": (floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "cannot be reached"),
    "bomb": (whole(BOMB_BYTES, b"Content-Encoding: gzip"), "more than a model's answer can hold"),
    "wide text": (whole(ANSWER[:-1] + b',"t":"' + b"a" * 2_000_000 + '😀"}'.encode()), "x"),
    "too wide": (whole(ANSWER[:-1] + b',"t":"' + b"a" * 7_000_000 + '😀"}'.encode()), "more than a model's answer can"),
    "long words": (whole(b'{"error": "%s"}' % (b"a" * 7_000_000)), "holds no answer"),
}


def test_memory_is_limited_whatever_a_server_sends(raw, peaks):
    peak, texts = peaks(*(raw(talk).url for talk, _ in LARGE.values()))
    assert peak < 4 * LARGEST_REPLY
    for text, (way, (_, words)) in zip(texts, LARGE.items(), strict=True):
        assert words in text, way


def test_a_long_answer_is_read(raw):
    text = "line with ä, \"quotes\" and [1, 2, {'a': 3}]\n" * 20_000
    server = raw(whole(json.dumps({"choices": [{"message": {"content": text}}]}).encode()))
    assert EndpointPolicy(server.url, "m").answer([HELLO], [1])[0].text == text


@pytest.mark.parametrize("text", ["[" * DEEPEST * 2 + "]" * DEEPEST * 2, '{"a":' * 5000 + "1" + "}" * 5000])
def test_nesting_is_limited(start, text):
    assert "no JSON" in failure(start(send(200, text)))
    failure(start(send(400, text)))


def test_nesting_within_texts_counts_for_nothing(start):
    assert ask(start(chat('\\"' + "[{" * 1000))).text == '\\"' + "[{" * 1000


@pytest.mark.parametrize("number", ["1" + "0" * 400, "-1" + "0" * 4000, "1e400", "-1e-400", "NaN", "1" + "0" * 5000])
def test_numbers_beyond_what_python_calculates_with(start, number):
    usage = f'"usage": {{"prompt_tokens": {number}}}'
    logprobs = f'"logprobs": {{"content": [{{"token": "x", "logprob": {number}}}]}}'
    reply = f'{{"choices": [{{"message": {{"content": "x"}}, {logprobs}}}], {usage}}}'
    policy = EndpointPolicy(start(send(200, reply)).url, "m")
    if len(number) > 4300:  # more digits than Python reads
        with pytest.raises(PolicyError, match="no JSON"):
            policy.answer([HELLO], [1])
        return
    assert policy.answer([HELLO], [1])[0].text == "x"
    policy.prompt_tokens(HELLO)
    assert "holds no answer" in failure(start(send(200, f'{{"choices": {number}}}')))
    failure(start(send(400, f'{{"error": {number}}}')))


@pytest.mark.parametrize("wait", ["1" + "0" * 300, "1e400", "nan", "-5", "Fri, 99 Foo 2026", "x" * 1000, "1" * 5000])
def test_a_time_to_wait_that_makes_no_sense(start, wait):
    assert len(failure(start(send(429, Retry_After=wait)), tries=2)) < 300
