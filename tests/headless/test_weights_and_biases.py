"""Runs that are logged to Weights & Biases as well, by a stand-in for its package that writes down what it is given."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from headless import train
from headless.cli import CommandError
from headless.rl.config import TrainConfig
from headless.training import MetricsLog, open_wandb

TINY = str(Path(__file__).parents[2] / "headless" / "configs" / "tiny.toml")
STAND_IN = """
from pathlib import Path

class Error(Exception): pass
class Settings(dict): pass
Image = str
calls = []

class Run:
    def define_metric(self, name, step_metric): calls.append(("define", name, step_metric))
    def log(self, values): calls.append(("log", values))
    def finish(self, exit_code): calls.append(("finish", exit_code))

def init(**settings):
    if settings["project"] == "closed":
        raise Error("api_key not configured\\n(no-tty)")
    calls.append(("init", settings))
    return Run()
"""


@pytest.fixture
def wandb(tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "wandb.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    for name in ("wandb", "headless.weights_and_biases"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield __import__("wandb")
    sys.modules.pop("headless.weights_and_biases", None)


def test_metrics_and_pictures_go_there_and_a_resumed_run_goes_on_as_the_same(wandb, tmp_path, picture):
    run = tmp_path / "long"
    run.mkdir()
    config = TrainConfig(wandb="rooms")
    with MetricsLog(run, 0, open_wandb(run, config)) as log:
        log.write(1, {"reward/last": 0.123456789})
        log.image(1, "rollouts", picture)
    with pytest.raises(ZeroDivisionError), MetricsLog(run, 1, open_wandb(run, config)) as log:
        log.write(2, {"reward/last": 1 / 0})
    first, again = (settings for call, settings in (entry for entry in wandb.calls if entry[0] == "init"))
    assert first["project"] == "rooms" and first["name"] == "long" and first["config"]["wandb"] == "rooms"
    assert again["id"] == first["id"] == json.loads((run / "wandb.json").read_text())["id"]
    assert ("log", {"step": 1, "reward/last": 0.123456789}) in wandb.calls
    assert ("log", {"step": 1, "rollouts": str(picture)}) in wandb.calls
    assert [code for call, code in (entry for entry in wandb.calls if entry[0] == "finish")] == [0, 1]


@pytest.fixture
def picture(tmp_path) -> Path:
    from headless.taskgen.make import make_task
    from metaspatial_addon.prompts.plan import compact_top_view

    path = tmp_path / "sheet.png"
    path.write_bytes(compact_top_view(*make_task("test", 1, 0)))
    return path


def test_what_it_needs_is_said_in_a_sentence(wandb, tmp_path, monkeypatch):
    command = ["--config", TINY, "--run", str(tmp_path / "run"), "--set", "wandb=rooms"]
    with pytest.raises(CommandError, match="wandb: expected --workers above 0"):
        train.main([*command, "--workers", "0"])
    with pytest.raises(CommandError, match=r"^wandb: api_key not configured \(no-tty\): log in with `wandb login`, or"):
        open_wandb(tmp_path, TrainConfig(wandb="closed"))
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(CommandError, match=r"wandb is not installed for .*: run .*\[train,wandb\]"):
        train.main(command)
    assert open_wandb(tmp_path, TrainConfig()) is None and not (tmp_path / "run").exists()
