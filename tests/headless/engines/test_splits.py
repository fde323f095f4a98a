"""The tasks of engines by split and number, and what the server says where it cannot serve."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from headless.engines.splits import TaskSplits
from headless.taskgen.make import make_task
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import layout_to_json, task_to_json


def test_a_generators_splits_share_no_task():
    splits = TaskSplits("typical", 4)
    assert splits.names == ("train", "validation", "test")
    assert splits.task("test", 7) == make_task("test", 4, 7)[0] != splits.task("train", 7)
    assert TaskSplits("typical", 5).task("test", 7) != splits.task("test", 7)
    with pytest.raises(InputError, match="split: expected one of train, validation, test, got 'file'"):
        splits.task("file", 0)


def test_a_files_tasks_are_one_split(tmp_path):
    pairs = [make_task("train", 4, index) for index in range(2)]
    lines = [json.dumps({"task": task_to_json(task), "layout": layout_to_json(layout)}) for task, layout in pairs]
    (tmp_path / "mine.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    splits = TaskSplits(str(tmp_path / "mine.jsonl"))
    assert splits.names == ("file",) and splits.count("file") == 2
    assert splits.task("file", 1) == pairs[1][0]
    with pytest.raises(IndexError, match="from 0 to 1, got 2"):
        splits.task("file", 2)


def test_the_server_says_what_is_not_installed(checkout):
    code = "import sys; sys.modules['openenv'] = None; from headless import cli, serve; cli.run(serve.main)"
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "openenv" in done.stderr and '-m pip install ".[openenv]"' in done.stderr
