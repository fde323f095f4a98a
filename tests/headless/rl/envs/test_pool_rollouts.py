"""Rollouts and whole runs with workers: groups go on without each other, and nothing but times differs."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

import pytest

torch = pytest.importorskip("torch")

from headless import cli, train
from headless.rl.data import Episode
from headless.rl.envs.base import EpisodeSettings
from headless.rl.envs.pool import Pool
from headless.rl.envs.process import ProcessWorker
from headless.rl.logs.timer import PhaseTimer
from headless.rl.policies.compact import CompactPolicy
from headless.rl.rollout import SamplingParams, run_episodes
from headless.taskgen.make import make_task
from tests.headless.rl.envs.test_pool import PaperWorker, worth
from tests.headless.rl.paper import PaperEnvironments
from tests.headless.rl.test_train import arguments, rows, weights


def flight(groups=2, size=3):
    return [Episode(make_task("train", 3, g)[0], g, (1, g, member)) for g in range(groups) for member in range(size)]


def played(policy, environments):
    episodes, timer = flight(), PhaseTimer()
    run_episodes(policy, environments, episodes, EpisodeSettings(3), SamplingParams(0.8, 256), timer)
    return episodes, timer


def test_while_one_group_waits_another_goes_on(small_model):
    policy, ended = CompactPolicy(small_model), threading.Event()
    second = [task.id for task, _ in [make_task("train", 3, 1)]]
    order = []

    class Waits(PaperWorker):
        def play(self, request, seconds):
            if request.task.id in second:
                order.append(len(request.completions))
                if order.count(3) == 3:
                    ended.set()
            elif request.completions:
                assert ended.wait(30), "the other group waits for this one"
            return super().play(request, seconds)

    with Pool(Waits, 6) as pool:
        episodes, timer = played(policy, pool)
    together, _ = played(policy, PaperEnvironments(worth))
    assert [e.trajectory.ids for e in episodes] == [e.trajectory.ids for e in together]
    assert [e.scores for e in episodes] == [e.scores for e in together]
    assert timer.seconds["waiting"] >= 0 and timer.seconds["physics"] == pytest.approx(6 * 3 * 0.25)


def test_a_run_with_workers_is_the_run_without(small_model, tmp_path, monkeypatch):
    """And so is one whose workers are killed as they work."""
    pytest.importorskip("bpy")
    pytest.importorskip("tensorboard")
    train.main(arguments(small_model, tmp_path / "here", "--set", "steps=3"))
    train.main(arguments(small_model, tmp_path / "two", "--set", "steps=3", "--workers", "2"))
    assert rows(tmp_path / "two") == rows(tmp_path / "here")
    assert (tmp_path / "two" / "worker_1.log").exists()

    ask, count = ProcessWorker.play, 0

    def kill(worker):
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)

    def killed(self, request, seconds):
        nonlocal count
        count += 1
        if count % 4 == 0:
            threading.Timer(0.05, kill, (self,)).start()
        return ask(self, request, seconds)

    monkeypatch.setattr(ProcessWorker, "play", killed)
    train.main(arguments(small_model, tmp_path / "killed", "--set", "steps=3", "--workers", "2"))
    assert count > 18 and rows(tmp_path / "killed") == rows(tmp_path / "here")
    assert weights(tmp_path / "killed") == weights(tmp_path / "here")


@pytest.mark.parametrize(
    ("given", "said"), [(["--workers", "-1"], "--workers: expected"), (["--ray", "auto"], "with --ray above 0")]
)
def test_numbers_of_workers_that_cannot_be(given, said, small_model, tmp_path):
    with pytest.raises(cli.CommandError, match=said):
        train.main(arguments(small_model, tmp_path, *given))
