"""Commands and the add-on's job killed at random moments: what was written is whole, a run goes on and says from where,
and the next command finds nothing left in the temp folder.

Moments and signals are drawn with a seed, which a failure names. The everyday suite has a handful, the slow one 100.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("bpy")
pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")

from headless.training import checkpoints
from metaspatial_addon.prompts.png import read_png
from tests.worker.waiting import wait_until

ROOT = Path(__file__).parents[2]
MANY = 25
"""Kills of each of the four kinds in the slow suite."""

UNBORN = "Fatal Python error: init_import_site"
"""What Python says of a Ctrl-C that meets its own start."""

LONGEST_DELAY_S = 0.8
"""Between a line that a process has printed and its end."""


class Place:
    """A folder for results, and one for temporary files that only the processes of one test use."""

    def __init__(self, folder: Path):
        self.out, self.temporary = folder / "out", folder / "tmp"
        self.temporary.mkdir()
        resources = str(folder / "blender")
        self.environment = {**os.environ, "TMPDIR": str(self.temporary), "BLENDER_USER_RESOURCES": resources}

    def start(self, script: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, script, *map(str, arguments)]
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        if script.startswith("tests"):
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, text=True, bufsize=1, **pipes)

    def run(self, script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, script, *map(str, arguments)]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=240, check=False
        )

    def nothing_left(self) -> bool:
        """Whether the next command leaves the temp folder as it was, but for that of the artist's own Blender."""
        assert self.run("headless/tasks.py", "--help").returncode == 0
        return not [name for name in os.listdir(self.temporary) if not name.startswith("blender_")]


@pytest.fixture
def place() -> Iterator[Place]:
    """In a folder with a short path: sockets of processes that learn are in the temp folder."""
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        yield Place(Path(folder))


def kill(process: subprocess.Popen[str], random: Random, most_lines: int) -> tuple[int, list[str]]:
    """Kill a process after some of its lines; returns the signal, and all lines that it printed."""
    stream = process.stderr or process.stdout
    lines = []
    for _ in range(random.randint(0, most_lines)):
        lines.append(stream.readline())
    time.sleep(random.uniform(0, LONGEST_DELAY_S))
    number = random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
    process.send_signal(number)
    lines += stream.readlines()
    told, code = "".join(lines), process.wait(60)
    unborn = UNBORN in told or told.endswith("KeyboardInterrupt\n")
    if number == signal.SIGINT and unborn:  # it met Python before the command had begun
        return number, []
    assert code in (-number, 128 + number, 0), told  # 0: it had ended
    assert "Traceback" not in told, told
    return number, lines


def each(kind: Callable[[Place, Random], None], seeds: range) -> None:
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="kills-") as folder:
            try:
                kind(Place(Path(folder)), Random(seed))
            except AssertionError as error:
                error.add_note(f"seed {seed}")
                raise


# The command that lays out


def killed_generate(place: Place, random: Random, again: bool = True) -> None:
    task = ("--task", "assets/tasks/demo.json", "--turns", 2, "--policy", "planner", "--export", "glb")
    number, _ = kill(place.start("headless/generate.py", *task, "--out", place.out), random, 4)
    assert_whole(place.out, number)
    assert place.nothing_left()
    if again:
        done = place.run("headless/generate.py", *task, "--no-pictures", "--out", place.out)
        assert done.returncode == 0, done.stderr
        assert not [name for name in os.listdir(place.out) if ".part" in name or name == ".lock"]


def assert_whole(out: Path, number: int) -> None:
    """Each file that stands under its name can be read to its end; others are there only after SIGKILL."""
    for path in out.iterdir() if out.exists() else ():
        if ".part" in path.name or path.name == ".lock":
            assert number == signal.SIGKILL, path.name
        elif path.suffix == ".jsonl":
            assert all(json.loads(line)["task"] for line in path.read_text().splitlines())
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".png":
            read_png(path.read_bytes(), path)
        elif path.suffix == ".blend":
            assert gzip.decompress(path.read_bytes()).startswith(b"BLENDER")
        else:
            assert path.suffix == ".glb" and int.from_bytes(path.read_bytes()[8:12], "little") == path.stat().st_size


@pytest.mark.parametrize("seed", [2, 3])
def test_generate_killed(place, seed):
    killed_generate(place, Random(seed), again=False)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_generate_killed_many_times():
    each(killed_generate, range(MANY))


# The commands that learn


def killed_run(place: Place, random: Random, command: str, settings: list[str], state: str, steps: int = 8) -> None:
    """Kill a run twice, the second time after it went on, and let it come to its end."""
    arguments = [*settings, "--run", place.out]
    for _ in range(2):
        before = checkpoints(place.out, state)
        resume = ["--resume"] if before else []
        process = place.start(command, *arguments, "--set", f"steps={steps}", *resume)
        number, lines = kill(process, random, 2 + steps // 2)
        told = "".join(lines)
        if before and re.search(r"step \d+/", told):
            assert f"going on from {before[-1].name}" in told
        stepped = [int(step) for step in re.findall(r"^step (\d+)/", told, re.M)]
        there = checkpoints(place.out, state)
        assert not before or there[-1] >= before[-1], "of those that were there the newest, or a newer one"
        recorded = {json.loads(line)["step"] for line in lines_of(place.out / "metrics.jsonl")}
        assert set(stepped) <= recorded
        if stepped and number != signal.SIGKILL and "second signal" in told:
            assert there[-1].name == f"checkpoint-{stepped[-1]:06d}"
        wait_until(place.nothing_left, 20)  # until processes that the killed one had started have seen it
    resume = ["--resume"] if there else []
    done = place.run(command, *arguments, "--set", f"steps={steps}", *resume)
    assert done.returncode == 0, done.stderr
    if there:
        assert f"going on from {there[-1].name}" in done.stderr
    recorded = [json.loads(line)["step"] for line in lines_of(place.out / "metrics.jsonl")]
    assert recorded == list(range(1, steps + 1))
    assert checkpoints(place.out, state)[-1].name == f"checkpoint-{steps:06d}"
    assert not [name for name in os.listdir(place.out) if ".part" in name or name == ".lock"]
    shutil.rmtree(place.out)


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def options(*changes: str) -> list[str]:
    return [option for change in changes for option in ("--set", change)]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("workers", [0, 1])
def test_train_killed_many_times(workers):
    pytest.importorskip("torch")
    small = ("rollout.tasks_per_step=1", "rollout.num_generations=2", "rollout.turns=1", "save_every=2")
    settings = ["--config", "headless/configs/tiny.toml", *options(*small, "gallery_every=2")]
    settings += ["--workers", str(workers)]

    def kind(place: Place, random: Random) -> None:
        killed_run(place, random, "headless/train.py", settings, "training.json")

    each(kind, range(100 * workers, 100 * workers + MANY // 4))  # of which each is two kills


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_pretrain_killed_many_times(tmp_path):
    pytest.importorskip("torch")
    layouts = tmp_path / "layouts.jsonl"
    drawn = [sys.executable, "headless/tasks.py", "--generator", "wide", "--coarse", "--count", "30", "--out", layouts]
    subprocess.run(drawn, cwd=ROOT, check=True, capture_output=True)
    small = ("log_every=1", "save_every=2", "batch_tokens=2048", "workers=1", f"layouts={layouts}")
    settings = ["--config", "headless/configs/pretrain_tiny.toml", *options(*small)]

    def kind(place: Place, random: Random) -> None:
        killed_run(place, random, "headless/pretrain.py", settings, "optimisers.pt")

    each(kind, range(MANY // 2))


# The add-on's job


def killed_job(place: Place, random: Random) -> None:
    """Kill the artist's Blender, or the one that works for it."""
    window = place.start("tests/hostile/addon_job.py")
    try:
        for _ in range(random.randint(0, 2)):
            assert window.stdout.readline().startswith("turn")
        time.sleep(random.uniform(0, 2 * LONGEST_DELAY_S))
        workers = children(window.pid)
        if workers and random.random() < 0.5:
            os.kill(workers[0], signal.SIGKILL)
            lines = iter(window.stdout.readline, "")
            said = next(line for line in lines if line != f"turn {workers[0]}\n")  # after what had arrived before
            if not said.startswith("turn"):
                assert "The headless Blender stopped unexpectedly" in said
                said = next(lines)
            assert said.startswith("turn"), said
        window.kill()
        wait_until(lambda: not any(map(is_worker, workers)), 5)
        wait_until(place.nothing_left, 20)
    except AssertionError as error:
        error.add_note(f"in the temp folder: {[str(path) for path in place.temporary.rglob('*')]}")
        raise
    finally:
        window.kill()
        window.communicate()


def children(pid: int) -> list[int]:
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def is_worker(pid: int) -> bool:
    try:
        return b"process_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


linux = pytest.mark.skipif(sys.platform != "linux", reason="children are listed by /proc")


@linux
@pytest.mark.parametrize("seed", [1])
def test_job_killed(place, seed):
    killed_job(place, Random(seed))


@linux
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_job_killed_many_times():
    each(killed_job, range(MANY))
