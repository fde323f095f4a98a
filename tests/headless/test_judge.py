"""score.py with a judge: what is sent to its server, what becomes of its grades and of its failures."""

from __future__ import annotations

import functools
import json

import pytest

pytest.importorskip("bpy")

from headless import score
from headless.judge import JudgeSettings, open_judge
from metaspatial_addon.blender.rendering import render
from metaspatial_addon.policy.base import PolicyError
from tests.headless.test_score import CLEAN, CROSSED, TASK, command, layout
from tests.policy.conftest import start  # noqa: F401 (a fixture)
from tests.policy.servers import chat, send

GRADES = json.dumps({"function": 5, "arrangement": 4, "balance": 3, "fit": 4})


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    answers = [{"layout": layout(CLEAN)}, {"layout": layout(CROSSED)}, {"answer": "no idea"}]
    path.write_text("\n".join(json.dumps({"task": TASK, **answer}) for answer in answers))
    return str(path)


@pytest.fixture(autouse=True)
def small_renders(monkeypatch):
    """Real renders, of a size that takes a fraction of a second."""
    monkeypatch.setattr(render, "Renderer", functools.partial(render.Renderer, samples=1, pixels=48))


def scores(pairs, tmp_path, *argv):
    out = tmp_path / "scores.jsonl"
    try:
        score.main(["--pairs", pairs, "--engine", "cycles", "--out", str(out), "--judge", "eye", *argv])
    finally:
        found = [json.loads(line) for line in out.read_text().splitlines()]
    return found


def test_its_grade_is_a_term_beside_the_measured_view(start, pairs, tmp_path, monkeypatch):  # noqa: F811
    server = start(chat(GRADES))
    monkeypatch.setenv("METASPATIAL_API_KEY", "sesame")
    judged, crossed, unusable = scores(pairs, tmp_path, "--judge-url", server.url, "--judge-samples", "2")
    for graded in (judged, crossed):
        assert graded["terms"]["judge"] == pytest.approx(0.75) and 0 < graded["terms"]["view"] <= 1
    assert judged["reward"] < 1 and not {"judge", "view"} & unusable["terms"].keys()
    assert len(server.seen) == 4  # of two layouts two samples, and nothing of an answer without a layout
    method, path, headers, body = server.seen[0]
    assert (method, path, body["model"], body["temperature"]) == ("POST", "/v1/chat/completions", "eye", 0.0)
    assert headers["Authorization"] == "Bearer sesame"
    kinds = [part["type"] for part in body["messages"][1]["content"]]
    assert kinds == ["image_url", "image_url", "text"]
    assert body["messages"][1]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")


def test_the_papers_formula_takes_the_grade_as_its_g(start, pairs, tmp_path):  # noqa: F811
    server = start(chat(GRADES))
    faultless, *_ = scores(pairs, tmp_path, "--judge-url", server.url, "--weights", "paper")
    assert faultless["reward"] == pytest.approx(0.75 + 0.5)
    assert set(faultless["terms"]) == {"format", "collision", "relations", "judge"}


def test_a_judge_that_fails_leaves_no_score_and_never_a_low_one(start, pairs, tmp_path, capsys):  # noqa: F811
    server = start(chat(GRADES), send(401))
    with pytest.raises(score.cli.CommandError, match="1 of 3 could not be measured"):
        scores(pairs, tmp_path, "--judge-url", server.url)
    found = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [one["status"] for one in found] == ["ok", "infra_fault", "model_fault"]
    assert found[1]["reward"] is None
    assert "pairs.jsonl, line 2: study-1: The judge could not be asked: 127.0.0.1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--judge", "m", "--judge-url", "http://localhost:1/v1", "--no-render"], "leave out --no-render"),
        (["--judge-url", "http://localhost:1/v1"], "--judge-url goes with --judge MODEL"),
        (["--judge-samples", "3"], "--judge-samples goes with --judge MODEL"),
        (["--judge", "m", "--judge-url", "ftp://x"], "must look like http://localhost:8000/v1"),
    ],
)
def test_wrong_options_are_one_line(pairs, argv, message):
    done = command("--pairs", pairs, *argv)
    (line,) = done.stderr.strip().splitlines()
    assert done.returncode == 2 and line.startswith("error: ") and message in line


def test_a_judge_whose_folder_is_missing_is_one_line(pairs):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    done = command("--pairs", pairs, "--judge", "/none/such")
    (line,) = done.stderr.strip().splitlines()
    assert done.returncode == 2 and line.startswith("error: ") and "There is no folder /none/such" in line


def test_settings_open_a_judge_for_training_too():
    judge = open_judge(JudgeSettings("eye", "http://localhost:8000/v1", 3))
    assert (judge.policy.name, judge.samples) == ("endpoint:eye@localhost:8000", 3)
    with pytest.raises(PolicyError):
        open_judge(JudgeSettings("eye", "no address"))
