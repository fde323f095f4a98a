"""Real workers: processes with Blender, lost in all ways, tell to the last digit what this process would."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("bpy")

from headless.rl.envs.base import EpisodeSettings
from headless.rl.envs.pool import Pool, Timeouts, WorkerBug
from headless.rl.envs.pool_worker import WorkerConfig
from headless.rl.envs.process import ProcessWorker, worker_command
from headless.rl.envs.sync import SyncEnvironments
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.prompts.full import FullFormat
from tests.headless.rl.envs.pools import PAIRS, drive, rewards
from tests.worker.waiting import wait_gone, wait_until

ROOT = Path(__file__).parents[4]
CONFIG = WorkerConfig("compact")
FAULTY = [sys.executable, str(ROOT / "tests" / "headless" / "rl" / "envs" / "faulty_worker.py")]


@pytest.fixture(scope="module")
def expected():
    with SyncEnvironments(CompactFormat(), threads=1) as environments:
        return drive(environments)


@pytest.fixture
def hire(tmp_path):
    """Makes the `start` of a pool; its workers are `hire.staff`, and gone after the test."""

    def hire(config=CONFIG, command=()):
        def start(number):
            hire.staff.append(ProcessWorker(config, tmp_path / f"worker_{number}.log", command))
            return hire.staff[-1]

        return start

    hire.staff = []
    yield hire
    for worker in hire.staff:
        wait_gone(worker.pid)
        wait_until(lambda left=Path(worker.temporary): not left.exists(), 5)


def test_two_workers_tell_what_this_process_would(hire, expected):
    with Pool(hire(), 2) as pool:
        assert drive(pool) == expected
        assert pool.replaced == 0
    every = [reward for episode in rewards(expected) for reward in episode]
    assert len(set(every)) > len(every) / 2


def test_renders_are_the_same_in_every_process(hire):
    with SyncEnvironments(FullFormat(), 48, threads=2) as environments:
        expected = drive(environments, render=True, episodes=2)
    with Pool(hire(WorkerConfig("full", 48)), 2) as pool:
        assert drive(pool, render=True, episodes=2) == expected  # pictures, byte by byte, and what was seen
    assert all(result.score.terms["view"] > 0 for episode in expected.values() for result in episode[1:])


def test_workers_killed_at_any_moment_change_nothing(hire, expected):
    rng = random.Random(2)

    def kill(count):
        if count in (3, 7):  # twice in all: a turn that is hit three times would be given up, and rightly
            time.sleep(rng.uniform(0, 0.05))
            os.kill(rng.choice([worker.pid for worker in hire.staff if worker.alive]), signal.SIGKILL)

    with Pool(hire(), 2) as pool:
        assert drive(pool, after=kill) == expected
    assert len(hire.staff) > 2 and pool.faults == 0


@pytest.mark.parametrize(
    ("kind", "message"),
    [("hang", "did not answer in 3 s"), ("crash", "ended with code -6"), ("grow", "grew past 900 MB")],
)
def test_a_worker_that_misbehaves_is_replaced(kind, message, hire, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("METASPATIAL_FAULT", f"{kind}:4:2")
    monkeypatch.setenv("METASPATIAL_FAULT_FOLDER", str(tmp_path))
    with Pool(
        hire(WorkerConfig("compact", memory_mb=900), FAULTY), 2, Timeouts(turn=3 if kind == "hang" else 60)
    ) as pool:
        assert drive(pool) == expected
    assert pool.replaced == 1 and pool.faults == 0 and len(hire.staff) == 3
    assert message in capsys.readouterr().err


def test_a_worker_that_is_stopped_by_the_system_is_replaced(hire, expected):
    def stop(count):
        if count == 8:
            os.kill(hire.staff[0].pid, signal.SIGSTOP)

    with Pool(hire(), 2, Timeouts(turn=3)) as pool:
        assert drive(pool, after=stop) == expected
    assert len(hire.staff) <= 3


def test_a_bug_comes_with_its_traceback(hire, tmp_path, monkeypatch):
    monkeypatch.setenv("METASPATIAL_FAULT", "bug:0:0")
    monkeypatch.setenv("METASPATIAL_FAULT_FOLDER", str(tmp_path))
    with Pool(hire(command=FAULTY), 1) as pool:
        pool.begin(0, PAIRS[0][0], EpisodeSettings())
        with pytest.raises(WorkerBug, match=r"(?s)faulty_worker\.py.*KeyError: 'sofa'"):
            pool.collect()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["/nowhere/blender"], "cannot be started"),
        ([sys.executable, "-c", "import sys; print('no room', file=sys.stderr); sys.exit(3)"], "code 3, see .*log"),
    ],
)
def test_a_worker_that_cannot_start_is_explained(command, message, hire, monkeypatch):
    monkeypatch.setattr("headless.rl.envs.pool._LONGEST_PAUSE", 0.01)
    with Pool(hire(command=command), 1) as pool:
        pool.begin(0, PAIRS[0][0], EpisodeSettings())
        with pytest.raises(RuntimeError, match=message):
            pool.collect()


def test_no_worker_outlives_its_trainer(tmp_path):
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from headless.rl.envs.pool import Pool
from headless.rl.envs.process import ProcessWorker
from headless.rl.envs.pool_worker import WorkerConfig
with Pool(lambda n: ProcessWorker(WorkerConfig("compact"), Path({str(tmp_path)!r}, f"{{n}}.log")), 2) as pool:
    print(*(slot.worker.pid for slot in pool._slots), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    for pid in pids:
        wait_gone(pid)


def test_the_command_of_a_worker(monkeypatch):
    import bpy

    main = str(ROOT / "metaspatial_addon" / "worker" / "process_main.py")
    assert worker_command()[-1] == main
    if not bpy.app.binary_path:
        assert worker_command() == [sys.executable, main]
    monkeypatch.setitem(sys.modules, "bpy", SimpleNamespace(app=SimpleNamespace(binary_path="/opt/blender")))
    command = worker_command()
    assert command[:3] == ["/opt/blender", "--threads", "1"] and command[-2:] == ["-P", main] and "-b" in command


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux binds a process to cores")
def test_a_worker_may_use_all_cores_again_once_blender_has_counted_one(hire):
    with Pool(hire(), 1) as pool:
        drive(pool, episodes=1)
        (worker,) = hire.staff
        assert os.sched_getaffinity(worker.pid) == os.sched_getaffinity(0)


@pytest.mark.parametrize(
    "opened",
    [
        "from headless.rl.envs.pool_worker import WorkerConfig as C, PoolWorker; PoolWorker.from_config(C('compact'))",
        "from headless.rl import run, config; run.open_policy(config.read_config('headless/configs/tiny.toml'))",
    ],
)
def test_nothing_runs_beside_blender(opened):
    """Neither in a worker nor in a trainer: a thread that wakes while an operator looks around may end the process."""
    lines = f"import os, threading; {opened}; os._exit(10 + threading.active_count())"
    assert subprocess.run([sys.executable, "-c", lines], cwd=ROOT, check=False).returncode == 11
