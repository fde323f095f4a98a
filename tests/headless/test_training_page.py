"""docs/training.md and the configurations agree: every key is on the page with its default, and no other."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

pytest.importorskip("torch")

from headless.pretraining.config import PretrainConfig
from headless.rl.config import RENAMED, TrainConfig
from headless.taskgen.make import make_task
from headless.user_terms import TermSettings, import_term
from metaspatial_addon.core.evidence import Evidence


def defaults(config: Any, prefix: str = "") -> dict[str, str]:
    """Each key with its default as the page writes it; tables and lists of tables have a row of words beside."""
    keys: dict[str, str] = {}
    for field in fields(config):
        value, name = getattr(config, field.name), prefix + field.name
        if is_dataclass(value):
            keys |= defaults(value, f"{name}.")
        elif not isinstance(value, tuple):
            keys[name] = f"`{json.dumps(value)}`"
    return keys


def rows(page: str, title: str) -> dict[str, str]:
    """Key and default of each row of the table below a title."""
    section = page.split(f"## {title}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([\w.]+)` \| ([^|]+) \|", section, re.MULTILINE))


@pytest.mark.parametrize(
    "title, config", [("Keys of train.py", TrainConfig()), ("Keys of pretrain.py", PretrainConfig())]
)
def test_every_key_is_on_the_page_with_its_default(checkout, title, config):
    listed = rows((checkout / "docs" / "training.md").read_text(encoding="utf-8"), title)
    words = {"reward.weights": "a table", "reward.stages": "none", "reward.terms": "none", "curriculum": "none"}
    words = words if isinstance(config, TrainConfig) else {}
    assert listed == defaults(config) | words


def test_no_page_names_a_key_of_a_former_version(checkout):
    for page in (checkout / "README.md", *(checkout / "docs").glob("*.md")):
        named = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", page.read_text(encoding="utf-8")))
        assert not named & RENAMED.keys(), page.name


def test_the_example_of_a_term_can_be_used(checkout, tmp_path, monkeypatch):
    page = (checkout / "docs" / "training.md").read_text(encoding="utf-8")
    toml, code = (page.split(f"```{kind}\n")[1].split("```")[0] for kind in ("toml", "python"))
    (tmp_path / "my_rewards.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    [settings] = tomllib.loads(toml)["reward"]["terms"]
    term = import_term(TermSettings(**settings))
    values = [term.of(*make_task("test", 1, k), Evidence()) for k in range(5)]
    assert term.weight == 0.1 and all(0 < value <= 1 for value in values)
