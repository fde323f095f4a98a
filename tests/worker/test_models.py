"""Trying the model: one sentence for each way in which it works or does not."""

from __future__ import annotations

import sys

import pytest

from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.worker import models
from tests.policy.servers import chat, send

LOCAL = {"kind": "local", "folder": "/m", "adapter": "", "packages": "", "max_tokens": 4096}


def server(url: str, sees_images: bool = True) -> dict:
    return {"kind": "server", "url": url, "model": "m", "sees_images": sees_images, "max_tokens": 4096}


ANSWER = '<answer>[{"id": "desk_1", "x": 1.5, "y": 2.7, "z": 0, "yaw": 0}]</answer>'


def counted(tokens: int | None):
    """A step that answers and says how many tokens it read."""
    usage = {} if tokens is None else {"usage": {"prompt_tokens": tokens}}
    return send(200, {"choices": [{"message": {"content": "Orange."}, "finish_reason": "stop"}], **usage})


def test_the_builtin_model_loads_and_answers():
    sentence = models.check(models.open_policy({"kind": "builtin"}))
    assert sentence.startswith("The built-in model (builtin-") and sentence.endswith("loads and answers.")


@pytest.mark.parametrize(
    ("with_picture", "without", "sentence"),
    [
        (90, 20, "is given pictures"),
        (20, 20, "seems to drop pictures: turn Send Pictures off"),
        (None, None, "whether it sees pictures, the server does not tell"),
    ],
)
def test_whether_a_server_takes_pictures(serve, with_picture, without, sentence):
    at = serve(counted(without), counted(with_picture), chat(ANSWER))
    found = models.check_server(server(at.url))
    assert sentence in found and found.endswith(". Its answer about a small room can be used.")
    second, first, _ = (body["messages"][0]["content"] for _, _, _, body in at.seen)
    assert first[0]["type"] == "image_url" and isinstance(second, str)


def test_a_server_that_is_sent_no_pictures(serve):
    at = serve(chat("Hello"), chat(ANSWER))
    assert "m answers; it is sent no pictures. Its" in models.check_server(server(at.url, sees_images=False))
    assert "image_url" not in str(at.seen)


def test_a_server_that_refuses_pictures(serve):
    refusal = send(400, {"error": "this model takes no images"})
    found = models.check_server(server(serve(counted(20), refusal, counted(20), chat(ANSWER)).url))
    assert "m answers, but it takes no pictures: turn Send Pictures off" in found


def test_a_server_that_fails_at_pictures(serve):
    with pytest.raises(PolicyError, match="m answers, but not when it is sent a picture: turn Send Pictures off"):
        models.check_server(server(serve(counted(20), send(500, {"error": "out of memory"})).url))


def test_the_whole_way_is_tried_with_pictures_and_sampling_settings(serve):
    refusals = [send(400, {"error": f"{name} not supported"}) for name in ("seed", "temperature")]
    at = serve(counted(20), counted(90), *refusals, chat(ANSWER.removeprefix("<answer>")))
    found = models.check_server(server(at.url))
    assert "takes no seed" in found and "takes no temperature" in found
    whole = at.seen[2][3]
    assert (whole["max_tokens"], whole["temperature"], "seed" in whole) == (4096, models.CHECK_TEMPERATURE, True)
    assert [message["role"] for message in whole["messages"]] == ["system", "user"]


def test_a_model_that_thinks_until_its_tokens_are_gone(serve):
    at = serve(counted(20), counted(90), chat(None, finish_reason="length"))
    with pytest.raises(PolicyError, match=r"cannot be used: .* its 4096 tokens by thinking.*Most Tokens"):
        models.check_server(server(at.url))


def test_a_model_that_the_server_does_not_have(serve):
    missing, listed = send(404, {"error": "no such model"}), send(200, {"data": [{"id": "qwen"}, {"id": "smol"}]})
    with pytest.raises(PolicyError, match=r'reached and has no model "m"\. Enter one that it has: qwen, smol\.'):
        models.check_server(server(serve(missing, listed).url))


def test_a_server_that_refuses_is_told_once(serve):
    at = serve(send(401, "no"))
    with pytest.raises(PolicyError, match="wants an API key"):
        models.check_server(server(at.url))
    assert len(at.seen) == 2  # the question, and the list of models


def test_a_server_that_is_not_there():
    with pytest.raises(PolicyError, match="connection refused"):
        models.check_server(server("http://127.0.0.1:9/v1"))


def test_without_torch_the_command_that_installs_it_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(PolicyError) as caught:
        models.open_policy(LOCAL)
    sentence = str(caught.value)
    assert f"Python {version}" in sentence and f'"{sys.executable}" -m pip install --target' in sentence
    assert f"--python-version {version}" in sentence and '"torch==' in sentence


def test_packages_are_found_in_the_folder_that_is_named(monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('this torch is for another Python')")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if not p.endswith("site-packages")])
    with pytest.raises(PolicyError, match="another Python") as caught:
        models.open_policy({**LOCAL, "packages": str(tmp_path)})
    assert str(tmp_path) in str(caught.value)
    assert sys.path[-1] == str(tmp_path)


def test_the_planner_is_a_model_like_the_others():
    policy = models.open_policy({"kind": "planner"})
    assert policy.name == "planner" and models.check(policy) == "The planner answers."
