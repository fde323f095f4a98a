"""The queue of runs of `benchmarks/rl.toml`, and the release of what they gave."""

from __future__ import annotations

import json
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("torch")

from benchmarks import rl
from benchmarks.release import OF_OTHERS, SUMS, release
from headless.rl.config import read_config

QUEUE = tomllib.loads((Path(rl.__file__).parent / "rl.toml").read_text(encoding="utf-8"))
EMPTY = {"values": {}, "tasks": {}, "columns": [], "strata": {}}


@pytest.mark.parametrize("row", QUEUE["rows"], ids=lambda row: row["name"])
def test_every_row_is_a_configuration_of_as_many_answers(checkout, monkeypatch, row):
    monkeypatch.chdir(checkout)
    settings = rl.settings_of(QUEUE, rl.Run(row, 7), checkout / QUEUE["start"])
    config = read_config(QUEUE["config"], settings)
    rollout = config.rollout
    assert rollout.tasks_per_step * rollout.num_generations * rollout.turns == 96
    assert config.seed == 7 and config.steps == row.get("steps", 400) and row["decides"] and row["minutes"]
    assert set(row["ways"]) <= set(QUEUE["ways"])


def written(path: Path, content: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.fixture
def folder(tmp_path) -> Path:
    """What the queue leaves of one measured run, and of one that is not trained to its end."""
    out = tmp_path / "out" / "rl"
    for name in ("model.safetensors", "config.json"):
        written(out / "RL-1" / "weights" / name)
    for name in ("config.toml", "metrics.jsonl", "turns.jsonl", "checkpoint-000400/optimiser.pt"):
        written(out / "RL-1" / "training" / name)
    figures = {"rows": {"default, turn 1": {"clean": {"value": 0.25}}}, "against": None, **EMPTY}
    written(out / "RL-1" / "wide-alone" / "metrics.json", json.dumps(figures))
    written(out / "grpo-1" / "training" / "metrics.jsonl")
    written(out / "wide.jsonl", "{}\n")
    written(out / OF_OTHERS, "{}\n")
    return out


def test_a_release_holds_weights_logs_and_figures_and_nothing_else(folder, tmp_path):
    archive = release(folder, tmp_path / "record")
    kept = {
        "RL-1/training/config.toml",
        "RL-1/training/metrics.jsonl",
        "RL-1/weights/config.json",
        "RL-1/weights/model.safetensors",
        "RL-1/wide-alone/metrics.json",
        "grpo-1/training/metrics.jsonl",
        "wide.jsonl",
    }
    with tarfile.open(archive) as tar:
        assert set(tar.getnames()) == {f"rl/{name}" for name in (SUMS, *kept)}
        tar.extractall(tmp_path / "unpacked", filter="data")
    sums = (tmp_path / "record" / "rl" / SUMS).read_text().splitlines()
    assert [line.split("  ")[1] for line in sums] == [archive.name, *sorted(kept)]
    check = ["sha256sum", "--check", "--quiet", SUMS]
    subprocess.run(check, cwd=tmp_path / "unpacked" / "rl", check=True)
    before = archive.read_bytes()
    (folder / "RL-1" / "weights" / "config.json").touch()
    assert release(folder, tmp_path / "record").read_bytes() == before, "at another time"


def test_the_tables_follow_from_the_figures_in_the_repository(folder, tmp_path):
    release(folder, tmp_path / "record")
    figures = tmp_path / "record" / "rl"
    assert not EMPTY.keys() & json.loads((figures / "RL-1" / "wide-alone" / "metrics.json").read_text()).keys()
    lines = [*rl.table(figures, [rl.Run(row, 1) for row in QUEUE["rows"]], "alone", "wide")]
    assert [line for line in lines if "seed" in line][0].startswith("| RL, seed 1, turn 1 | 25.0 | –")
