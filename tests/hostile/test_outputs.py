"""Where results cannot be written, and names that a terminal would obey: one line, and nothing half written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("bpy")

from headless import cli
from tests.policy.servers import ScriptedServer, send

CHECKOUT = Path(__file__).parents[2]
ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m"
TASK = {
    "schema": "metaspatial.task/1",
    "id": "study-1",
    "prompt": "A place to read.",
    "room": {"type": "study", "floor": [[0, 0], [4, 0], [4, 4], [0, 4]], "height": 2.5},
    "items": [
        {"id": "bed_1", "category": "bed", "size": [1, 2, 0.5]},
        {"id": "desk_1", "category": "desk", "size": [1.2, 0.6, 0.75]},
    ],
}
LAYOUT = {
    "schema": "metaspatial.layout/1",
    "task": "study-1",
    "placements": [
        {"id": "bed_1", "x": 2, "y": 2, "z": 0, "yaw": 0},
        {"id": "desk_1", "x": 2, "y": 2, "z": 0, "yaw": 0},
    ],
}
BLENDERS_LOG = re.compile(r"\d\d:\d\d\.\d+ ")
"""How a line of Blender's own begins, from 5.0 on."""
NO_SPACE = "error: stdout: No space left on device: free space on that disk, or choose another place\n"
CLOSED = "error: stdout: Bad file descriptor: leave it open\n"
NOBODY = "error: stdout: Broken pipe: keep open what reads the output\n"


@pytest.fixture
def pairs(tmp_path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text(f"{json.dumps({'task': TASK, 'layout': LAYOUT})}\n" * 30)
    return path


@pytest.fixture
def task(tmp_path) -> Path:
    path = tmp_path / "task.json"
    path.write_text(json.dumps(TASK))
    return path


def in_shell(line: str) -> subprocess.CompletedProcess[str]:
    """A line of bash; COMMAND stands for this Python. The exit code is that of the first command of a pipe."""
    whole = f"{line.replace('COMMAND', f'{sys.executable} {CHECKOUT}/headless/')}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(["bash", "-c", whole], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="bash and /dev/full")
@pytest.mark.parametrize(
    ("where", "line"),
    [
        pytest.param(">/dev/full", NO_SPACE, marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")),
        (">&-", CLOSED),
        ("| head -n 1", NOBODY),
    ],
)
def test_scores_that_cannot_be_printed_are_one_line_of_error(pairs, where, line):
    done = in_shell(f"COMMANDscore.py --no-render --pairs {pairs} {where}")
    own = "".join(text for text in done.stderr.splitlines(True) if not BLENDERS_LOG.match(text))
    assert (done.returncode, own) == (cli.USAGE, line)
    assert not done.stdout or json.loads(done.stdout)["status"] == "ok"


@pytest.mark.skipif(sys.platform == "win32", reason="bash")
def test_files_are_whole_where_all_standard_streams_are_closed(task, tmp_path):
    out = tmp_path / "out"
    done = in_shell(f"COMMANDgenerate.py --task {task} --policy planner --no-pictures --out {out} <&- >&- 2>&-")
    assert done.returncode == cli.USAGE
    assert sorted(os.listdir(out)) == ["layout.json", "scene.blend", "task.json", "turns.jsonl"]
    assert json.loads((out / "layout.json").read_text())["task"] == "study-1"
    assert all(json.loads(line)["status"] == "ok" for line in (out / "turns.jsonl").read_text().splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="a limit of POSIX")
def test_a_limit_of_the_size_of_files_is_named(pairs, tmp_path):
    out = tmp_path / "scores.jsonl"
    done = in_shell(f"ulimit -f 4; COMMANDscore.py --no-render --pairs {pairs} --out {out}")
    assert done.returncode == cli.USAGE
    assert done.stderr == f"error: {out}: File too large: allow larger files, or choose another place\n"
    assert {json.loads(line)["status"] for line in out.read_text().splitlines()} == {"ok"}
    assert sorted(os.listdir(tmp_path)) == ["pairs.jsonl", "scores.jsonl"]


@pytest.mark.skipif(sys.platform == "win32", reason="an open folder cannot be removed there")
def test_a_folder_that_is_removed_meanwhile_is_named_and_not_made_anew(task, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "headless/generate.py", "--task", task, "--turns", "3", "--no-pictures", "--out", out]
    with subprocess.Popen(map(str, command), cwd=CHECKOUT, stderr=subprocess.PIPE, text=True) as process:
        while not (out / ".lock").exists():
            assert process.poll() is None
            time.sleep(0.005)
        shutil.rmtree(out)
        words = process.stderr.read()
    assert process.returncode == cli.USAGE
    assert words.splitlines()[-1] == f"error: {out}/turns.jsonl: expected a path in an existing folder"
    assert not out.exists()


def test_no_escape_of_a_task_reaches_the_terminal(tmp_path):
    items = [{**item, "id": f"{item['id']}{ESCAPE}\nerror: x", "category": f"bed{ESCAPE}"} for item in TASK["items"]]
    path, out = tmp_path / "task.json", tmp_path / "out"
    path.write_text(json.dumps({**TASK, "id": f"a{ESCAPE}\nb", "prompt": ESCAPE, "items": items}))
    command = ["generate.py", "--task", path, "--policy", "planner", "--no-pictures", "--export", "glb", "--out", out]
    assert_printable(command)
    record = json.loads((out / "turns.jsonl").read_text().splitlines()[0])
    assert record["task"] == f"a{ESCAPE}\nb", "files hold what was read"
    path.write_text(json.dumps({**TASK, f"new{ESCAPE}\n": 1}))
    assert "\\x1b]0;owned" in assert_printable(command)


def test_no_escape_of_a_server_or_an_option_reaches_the_terminal(task, tmp_path):
    server = ScriptedServer()
    server.steps = [send(400, {"error": {"message": f"no {ESCAPE}\r\nmodel " + "x" * 5000}})] * 3
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        policy = ["--policy", "endpoint", "--model", "m", "--url", server.url, "--out", tmp_path / "out"]
        told = assert_printable(["generate.py", "--task", task, "--no-pictures", *policy])
    finally:
        server.shutdown()
        server.server_close()
    assert len(told.splitlines()[-1]) <= 500 and "no " in told
    assert_printable(["generate.py", "--task", f"no{ESCAPE}\nfile", "--out", tmp_path / "out"])
    assert_printable(["tasks.py", "--rooms", ESCAPE, "--out", tmp_path / "out"])


def assert_printable(command: list[object]) -> str:
    """What the command prints, in lines without control characters."""
    name, *arguments = map(str, command)
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "headless" / name), *arguments], capture_output=True, timeout=120, check=False
    )
    told = done.stdout.decode() + done.stderr.decode()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", told), told
    assert "Traceback" not in told
    return told
