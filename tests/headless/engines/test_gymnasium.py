"""The environment under Gymnasium's own check, and beside the environment that it wraps."""

from __future__ import annotations

import pytest

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium has an environment of its own: make test-trl")
pytest.importorskip("bpy", reason="bpy is not installed here")

from gymnasium.utils.env_checker import check_env

from headless.engines import gymnasium_env
from headless.taskgen.make import make_task
from metaspatial_addon.prompts.full import FullFormat

pytestmark = pytest.mark.slow
NAME = f"{gymnasium_env.__name__}:{gymnasium_env.ID}"


@pytest.mark.filterwarnings("error::UserWarning")
def test_gymnasiums_own_check_passes():
    env = gymnasium.make(NAME, pixels=32)
    check_env(env.unwrapped)
    env.close()


def test_an_answer_is_worth_what_it_is_worth():
    task, layout = make_task("train", 4, 1)
    env = gymnasium.make(NAME, turns=2)
    observation, info = env.reset(options={"task": task})
    assert info["task"] == task.id and task.movable[0].id in observation["text"]
    first = FullFormat().answer_text(task, layout)
    _, good, terminated, truncated, info = env.step(first)
    assert info["status"] == "ok" and good > 0.9 and info["terms"]["collision"] == 1.0
    assert terminated and not truncated
    env.reset(options={"index": 3})
    _, bad, terminated, truncated, info = env.step("no answer")
    assert info["status"] == "model_fault" and bad < 0.1 and not truncated
    *_, truncated, _ = env.step("no answer")
    assert truncated
    env.close()


def test_equal_seeds_have_equal_tasks():
    env = gymnasium.make(NAME)
    first, _ = env.reset(seed=5)
    again, _ = env.reset(seed=5)
    other, _ = env.reset(seed=6)
    assert first == again != other
    env.close()
