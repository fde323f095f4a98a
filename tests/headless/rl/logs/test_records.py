"""The record of a run: every turn is a line, the same ones whether or not the run was stopped, and all can be read."""

from __future__ import annotations

import json

import pytest

from tests.headless.rl.paper import PaperEnvironments

torch = pytest.importorskip("torch")

from headless.rl.data import Episode
from headless.rl.envs.base import EpisodeSettings
from headless.rl.logs.records import FILE, TurnWriter, read_recorded
from headless.rl.logs.timer import PhaseTimer
from headless.rl.policies.compact import CompactPolicy
from headless.rl.rollout import SamplingParams, run_episodes
from headless.taskgen.make import make_task
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import layout_to_json
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.scoring.weights import Weights

RUN = {"policy": "small", "rendering": "compact", "temperature": 1.0, "pixels": 0, "engine": "cycles"}
SETTINGS = EpisodeSettings(2, Weights(view=0.5))


@pytest.fixture(scope="module")
def flight(small_model) -> list[Episode]:
    """Two groups of two; the second episode fails in its second turn, the third at its beginning."""
    episodes = [Episode(make_task("train", 3, g)[0], g, (1, 0, g, member)) for g in range(2) for member in range(2)]
    environments = PaperEnvironments(lambda task, answer, turn: turn / 4, broken={1: 2, 2: 1})
    run_episodes(
        CompactPolicy(small_model), environments, episodes, SETTINGS, SamplingParams(1.0, 256, 4096), PhaseTimer()
    )
    return episodes


def log(folder, done: int) -> TurnWriter:
    return TurnWriter(folder, done, CompactFormat(), RUN)


def lines(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def test_a_line_a_turn_with_all_that_a_replay_takes(flight, tmp_path):
    records = log(tmp_path, 0)
    records.write(7, flight, SETTINGS)
    assert records.group == "7-0"
    found = lines(tmp_path)
    assert [(line["episode"], line["turn"], line["status"]) for line in found] == [
        ("7-0-0", 1, "ok"),
        ("7-0-0", 2, "ok"),
        ("7-0-1", 1, "ok"),
        ("7-0-1", 2, "infra_fault"),
        ("7-1-0", 1, "infra_fault"),
        ("7-1-1", 1, "ok"),
        ("7-1-1", 2, "ok"),
    ]
    first, second = found[:2]
    assert (first["reward"], second["reward"]) == (0.25, 0.5) and first["seed"] == [1, 0, 0, 0]
    assert first["conversation"][0]["images"] == ["room_top.png"]
    assert second["conversation"][2]["images"] == ["turn_01_shown_1.png"]
    said = [message["text"] for message in second["conversation"] if message["role"] == "assistant"]
    assert [first["answer"], second["answer"]] == said and first["timings"] == {"physics": 0.25}
    layout = CompactFormat().read(first["answer"], flight[0].task, None).layout
    assert first["layout"] == layout_to_json(layout)
    assert second["layout"] == layout_to_json(CompactFormat().read(second["answer"], flight[0].task, layout).layout)
    assert found[3]["failure"] == "the lights went out" and found[3]["reward"] is None
    assert first["settings"]["turns"] == 2 and first["settings"]["weights"]["view"] == 0.5
    assert ["task_json" in line for line in found] == [line["turn"] == 1 for line in found]


def test_an_episode_and_a_group_are_read_back(flight, tmp_path):
    records = log(tmp_path, 0)
    records.write(1, flight, SETTINGS)
    records.write(11, flight, SETTINGS)
    [one] = read_recorded(tmp_path / FILE, "1-0-0")
    assert one.task == flight[0].task and one.weights == SETTINGS.weights and one.reward == 0.5
    assert one.answers == [line["answer"] for line in lines(tmp_path)[:2]]
    assert [episode.name for episode in read_recorded(tmp_path / FILE, "11-1")] == ["11-1-0", "11-1-1"]
    assert read_recorded(tmp_path / FILE, "11-1-0")[0].answers == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1-0-9", "no such episode"),
        ("1-2", "no such episode"),
        ("1", "--episode: expected the name of"),
        ("1-0-0-0", "--episode"),
        ('"', "--episode"),
    ],
)
def test_what_is_not_there_is_named(flight, tmp_path, name, message):
    records = log(tmp_path, 0)
    records.write(1, flight, SETTINGS)
    with pytest.raises(InputError, match=message):
        read_recorded(tmp_path / FILE, name)
    with pytest.raises(InputError, match="none.jsonl: expected a readable record"):
        read_recorded(tmp_path / "none.jsonl", "1-0-0")


@pytest.mark.parametrize("tail", ["", '{"episode": "3-0-0", "trunc', "\n", '{"episode": "2-0-0"}'])
def test_a_stopped_run_goes_on_without_gaps_or_repetitions(flight, tmp_path, tail):
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    records = log(tmp_path / "whole", 0)
    for step in (1, 2, 3):
        records.write(step, flight, SETTINGS)
    records = log(tmp_path / "stopped", 0)
    for step in (1, 2, 3):
        records.write(step, flight, SETTINGS)
    with (tmp_path / "stopped" / FILE).open("a") as file:
        file.write(tail)
    for done in (3, 1, 0):  # the last checkpoint that was whole
        records = log(tmp_path / "stopped", done)
        for step in range(done + 1, 4):
            records.write(step, flight, SETTINGS)
        assert (tmp_path / "stopped" / FILE).read_bytes() == (tmp_path / "whole" / FILE).read_bytes()
