"""The OpenEnv server as its clients meet it: many sessions at once, with the rewards of this process."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import urllib.request
from dataclasses import replace

import pytest

pytest.importorskip("openenv", reason="openenv has an environment of its own: make test-trl")
pytest.importorskip("bpy", reason="bpy is not installed here")

from headless.engines.openenv_client import LayoutClient
from headless.engines.openenv_models import LayoutAction
from headless.engines.openenv_server import LayoutEnvironment
from headless.engines.splits import TaskSplits
from headless.rl.envs.base import EpisodeSettings
from headless.rl.envs.sessions import Sessions
from headless.rl.envs.sync import SyncEnvironments
from headless.taskgen.make import make_task
from metaspatial_addon.core.task import Layout
from metaspatial_addon.prompts.full import FullFormat
from tests.headless.rl.paper import PaperEnvironments

pytestmark = pytest.mark.slow
SESSIONS, TURNS, SEED = 32, 2, 4


def answers(index: int) -> list[str]:
    """Everything a little out of place, and one item then where it belongs. One answer of eight is none."""
    task, layout = make_task("train", SEED, index)
    shift = 0.05 * (1 + index % 5)
    moved = {name: replace(pose, x=pose.x + shift) for name, pose in layout.poses.items()}
    back = {name: layout.poses[name] for name in list(layout.poses)[:1]}
    texts = [FullFormat().answer_text(task, Layout(task.id, poses)) for poses in (moved, back)]
    return ["nothing", texts[0]] if index % 8 == 7 else texts


@pytest.fixture(scope="module")
def url(checkout):
    """A server with two worker processes."""
    options = ("--seed", str(SEED), "--turns", str(TURNS), "--workers", "2", "--port", "0", "--no-render")
    server = subprocess.Popen(
        [sys.executable, "headless/serve.py", *options, "--sessions", str(SESSIONS)],
        cwd=checkout,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield server.stdout.readline().strip()
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 128 + signal.SIGTERM
    finally:
        server.kill()
        server.communicate()


async def play(url: str, index: int) -> list[tuple]:
    async with LayoutClient(url) as env:
        result = await env.reset(split="train", index=index)
        steps = [result]
        for text in answers(index):
            if not result.done:
                result = await env.step(LayoutAction(answer=text))
                steps.append(result)
        state = await env.state()
        assert state.rewards == [step.reward for step in steps[1:]] and state.step_count == len(steps) - 1
    return [(step.reward, step.done, step.observation.terms, step.observation.messages) for step in steps]


def in_process() -> list[list[tuple]]:
    """The same episodes without a server."""
    from metaspatial_addon.policy.endpoint.dialect import chat_message

    settings = EpisodeSettings(TURNS, render=False, pictures=False)
    steps: list[list[tuple]] = [[] for _ in range(SESSIONS)]
    with SyncEnvironments(FullFormat()) as environments:
        for index in range(SESSIONS):
            environments.begin(index, make_task("train", SEED, index)[0], settings)
        while results := environments.collect():
            for index, result in results:
                score = None if result.score is None else result.score.to_json()
                terms = {} if score is None else {k: v for k, v in score["terms"].items() if v is not None}
                reward = None if score is None else score["reward"]
                steps[index].append((reward, result.done, terms, [chat_message(m) for m in result.messages]))
                if not result.done:
                    environments.answer(index, answers(index)[len(steps[index]) - 1])
    return steps


def test_thirty_two_sessions_at_once_have_the_rewards_of_this_process(url):
    async def all_at_once():
        return await asyncio.gather(*(play(url, index) for index in range(SESSIONS)))

    served, here = asyncio.run(all_at_once()), in_process()
    assert served == here
    rewards = {reward for episode in here for reward, *_ in episode if reward is not None}
    assert len(rewards) > SESSIONS


def test_a_seed_is_a_task_and_splits_are_listed(url):
    with LayoutClient(url).sync() as env:
        seeded, named = env.reset(seed=9), env.reset(split="train", index=9)
        assert seeded.observation.messages == named.observation.messages
        assert env.reset(split="test", index=9).observation.messages != named.observation.messages
    with urllib.request.urlopen(f"{url}/metaspatial/splits", timeout=20) as answer:
        assert [split["name"] for split in json.load(answer)] == ["train", "validation", "test"]


def test_what_cannot_be_done_is_said(url):
    with LayoutClient(url).sync() as env:
        with pytest.raises(Exception, match="call reset"):
            env.step(LayoutAction(answer="x"))
        with pytest.raises(Exception, match="one of train, validation, test"):
            env.reset(split="holdout")
        with pytest.raises(Exception, match="got colour"):
            env.reset(colour="red")
        assert env.reset(seed=1).observation.status == "ok"


def test_a_failure_of_the_machine_is_no_reward():
    with Sessions(PaperEnvironments(lambda *_: 0.0, broken={0: 2}, prompt_format=FullFormat())) as sessions:
        env = LayoutEnvironment(sessions, TaskSplits("typical", SEED), EpisodeSettings(3, pictures=False))
        env.reset(index=0)
        worthless = env.step(LayoutAction(answer="[]"))
        assert worthless.reward == 0.0 and worthless.status == "ok" and not worthless.done
        failed = env.step(LayoutAction(answer="[]"))
        assert failed.reward is None and failed.status == "infra_fault" and failed.fault and failed.done
        assert env.state.rewards == [0.0]
        with pytest.raises(ValueError, match="call reset"):
            env.step(LayoutAction(answer="[]"))


def test_a_port_that_is_taken_is_refused(url, checkout):
    port = url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "headless/serve.py", "--port", port], cwd=checkout, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 2 and f"--port {port}" in done.stderr and "Traceback" not in done.stderr
