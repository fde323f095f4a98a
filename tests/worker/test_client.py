"""The window's end, with processes that behave in all the ways that a worker may."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from metaspatial_addon.worker.client import LARGEST_LOG, Worker, worker_command
from tests.worker.waiting import Ended, our_threads, wait_for, wait_gone, wait_until

CHECKOUT = Path(__file__).parents[2]
HELLO = 'import json, os, sys, time; say = lambda **m: print(json.dumps(m), flush=True); say(type="hello");'
ECHO = HELLO + "[say(type='echo', of=len(line)) for line in sys.stdin]"


@pytest.fixture
def start(tmp_path):
    """Starts Python code as a worker, and ends it after the test."""
    workers = []

    def start(code: str, **environment: str) -> Worker:
        workers.append(Worker([sys.executable, "-c", code], tmp_path / "log", environment))
        return workers[-1]

    yield start
    for worker in workers:
        worker.stop()
        wait_gone(worker.pid)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary folders are made."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def test_commands():
    main = str(Path(__file__).parents[2] / "metaspatial_addon" / "worker" / "process_main.py")
    assert worker_command("") == [sys.executable, main]
    command = worker_command("/opt/blender")
    assert command[0] == "/opt/blender" and command[-2:] == ["-P", main]
    assert command.index("--python-exit-code") < command.index("-P") and "--factory-startup" in command


def test_what_is_said_before_the_hello_is_skipped(start):
    chatter = r"""print('Read prefs'); print('{"type": "done"}'); sys.stdout.buffer.write(b'\xff{}\n\n'); print('{');"""
    after = "say(type='x'); print('chat'); say(type='y')"
    worker = start("import sys;" + chatter + "sys.stdout.flush();" + HELLO + after)
    assert [m["type"] for m in wait_for(worker, "y")] == ["hello", "x", "y"]


def test_all_that_a_worker_said_is_received_after_its_end(start):
    worker = start(HELLO + "[say(type='n', n=n) for n in range(500)]; sys.exit(3)")
    messages = []
    while worker.alive:
        if (message := worker.receive()) is not None:
            messages.append(message)
    assert [m.get("n") for m in messages] == [None, *range(500)]
    assert worker.returncode == 3


def test_a_large_message_does_not_keep_the_window(start):
    worker = start(HELLO + "time.sleep(0.5);" + ECHO)
    wait_for(worker, "hello")
    before = time.monotonic()
    worker.send({"type": "layout", "text": "x" * 3_000_000})
    assert time.monotonic() - before < 0.2
    assert wait_for(worker, "echo")[-1]["of"] > 3_000_000


SLOW_TO_LEAVE = """
import sys, time

class Slow:
    def flush(self):
        time.sleep(0.5)

def serve(send):
    send({"type": "hello"})
    sys.stdout = Slow()  # what is flushed last
    return lambda message: None
"""


def test_a_worker_that_is_told_to_quit_leaves_by_itself_however_long_it_takes(tmp_path):
    (tmp_path / "slow_service.py").write_text(SLOW_TO_LEAVE)
    worker = Worker(worker_command(""), tmp_path / "log", {"PYTHONPATH": str(tmp_path)}, "slow_service")
    wait_for(worker, "hello")
    worker.send({"type": "quit"})
    with pytest.raises(Ended):
        wait_for(worker, "never", seconds=5)
    assert worker.returncode == 0
    worker.stop()
    wait_gone(worker.pid)


def test_a_killed_worker_is_seen(start):
    worker = start(ECHO)
    wait_for(worker, "hello")
    assert worker.alive and worker.returncode is None
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(Ended):
        wait_for(worker, "echo", seconds=5)
    assert worker.returncode == (-signal.SIGKILL if os.name == "posix" else 1)
    worker.send({"type": "layout"})  # nobody hears it, and nothing breaks
    worker.stop()


def test_a_command_that_is_not_there(tmp_path, temporary):
    with pytest.raises(OSError):
        Worker([str(tmp_path / "no-blender")], tmp_path / "log", {})
    assert list(temporary.iterdir()) == []


def test_stop_lets_a_worker_end_by_itself(start, tmp_path):
    code = f"sys.stdin.read(); open({str(tmp_path / 'tidy')!r}, 'w').close()"
    worker = start(HELLO + code)
    wait_for(worker, "hello")
    worker.stop()
    wait_gone(worker.pid, 1)
    assert (tmp_path / "tidy").exists()
    wait_until(lambda: worker.returncode == 0)


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX's")
def test_stop_ends_a_stubborn_worker_and_its_children(start):
    child = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    worker = start("import subprocess;" + HELLO + f"say(type='child', pid={child}.pid); time.sleep(60)")
    pid = wait_for(worker, "child")[-1]["pid"]
    before = time.monotonic()
    worker.stop()
    assert time.monotonic() - before < 0.05
    wait_gone(pid, 1.5)
    wait_gone(worker.pid, 1.5)
    assert time.monotonic() - before < 1.5
    worker.stop()  # again is no error


def test_temporary_files_of_a_killed_worker_go_when_it_is_stopped(start, temporary):
    worker = start("import tempfile;" + HELLO + "tempfile.mkstemp(); say(type='made'); time.sleep(60)")
    wait_for(worker, "made")
    assert len(list(temporary.rglob("*"))) == 3  # a folder of its own, its lock, and the file in it
    os.kill(worker.pid, signal.SIGKILL)
    worker.stop()
    wait_gone(worker.pid)
    wait_until(lambda: list(temporary.iterdir()) == [])


def test_no_thread_stays_when_a_worker_has_gone(start):
    worker = start(ECHO)
    wait_for(worker, "hello")
    assert our_threads()
    worker.stop()
    wait_until(lambda: our_threads() == [])


def test_what_prints_goes_to_the_log_and_a_long_log_is_set_aside(start, tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"x" * (LARGEST_LOG + 1))
    for word in ("one", "two"):
        worker = start(HELLO + f"print({word!r}, file=sys.stderr, flush=True); sys.stdin.read()")
        wait_for(worker, "hello")
        worker.stop()
        wait_gone(worker.pid)
    assert (tmp_path / "log.old").stat().st_size == LARGEST_LOG + 1
    assert log.read_text().split() == ["one", "two"]


def test_the_environment_is_added_to_ours(start):
    worker = start(
        HELLO + "say(type='env', key=os.environ['METASPATIAL_API_KEY'], path=os.environ['PATH'])",
        METASPATIAL_API_KEY="sk-1",
    )
    assert wait_for(worker, "env")[-1] == {"type": "env", "key": "sk-1", "path": os.environ["PATH"]}


AT_EXIT = """
import atexit, sys, threading
from pathlib import Path
from metaspatial_addon.worker.client import Worker
worker = Worker([sys.executable, "-c", sys.argv[1]], Path(sys.argv[2]), {})
assert worker.receive(30)["type"] == "hello"
atexit.register(worker.end)
print(worker.pid, worker.temporary, flush=True)
def refuse(*_):
    raise RuntimeError("can't create new thread at interpreter shutdown")
threading.Thread.start = refuse
"""


def test_a_stubborn_worker_is_ended_where_python_ends_and_starts_no_threads(tmp_path):
    code = HELLO + "time.sleep(60)"
    ended = subprocess.run(
        [sys.executable, "-c", AT_EXIT, code, str(tmp_path / "log")], capture_output=True, text=True, cwd=CHECKOUT
    )
    assert ended.returncode == 0 and ended.stderr == ""
    pid, temporary = ended.stdout.split()
    wait_gone(int(pid))
    assert not Path(temporary).exists()
