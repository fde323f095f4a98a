"""Signals to a command: one line, 128 and the signal's number, nothing left behind, whatever it is doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headless.interruption import CHILD
from tests.worker.waiting import wait_gone

CHECKOUT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")

COMMAND = """
import os, subprocess, sys, tempfile, time
from pathlib import Path
from headless import cli, interruption
from metaspatial_addon.core.files import written_beside

def sleeping():
    time.sleep(60)

def deaf():  # as a callback of Blender's, which prints exceptions and goes on
    child = subprocess.Popen(["sleep", "60"])
    with written_beside(sys.argv[2]) as part:
        part.write_text("half")
        print(child.pid, flush=True)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                time.sleep(60)
            except BaseException:
                pass

def rendering():
    import bpy
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x = scene.render.resolution_y = 16
    scene.cycles.samples, scene.cycles.use_denoising = 16, False
    print("rendering", flush=True)
    while True:
        bpy.ops.render.render()

def stepping():
    with interruption.deferred(lambda: cli.progress("stopping")) as pending:
        for step in range(60):
            print(step, flush=True)
            until = time.monotonic() + 0.5
            while time.monotonic() < until:
                time.sleep(0.01)
            if pending():
                cli.progress(f"saved {step}")
                raise pending()

def main(argv):
    tempfile.mkdtemp()
    print("ready", flush=True)
    globals()[argv[0]]()

cli.run(main)
"""


def start(tmp_path, kind: str, child: bool = False, **options) -> subprocess.Popen[str]:
    """A command that has begun its work; its temporary files go to `tmp_path`/temporary."""
    (tmp_path / "temporary").mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary"), "PYTHONPATH": str(CHECKOUT)}
    if child:
        environment[CHILD] = "1"
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, kind, str(tmp_path / "file")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str], tmp_path) -> tuple[int, str]:
    """The exit code and the words of a command that has left no temporary file."""
    _, words = process.communicate(timeout=20)
    assert os.listdir(tmp_path / "temporary") == []
    return process.returncode, words


@pytest.mark.parametrize(
    ("name", "words"), [("SIGTERM", "ended by SIGTERM\n"), ("SIGHUP", "ended by SIGHUP\n"), ("SIGINT", "interrupted\n")]
)
def test_a_signal_ends_a_command_with_a_line(tmp_path, name, words):
    number = getattr(signal, name)
    process = start(tmp_path, "sleeping")
    process.send_signal(number)
    assert ended(process, tmp_path) == (128 + number, words)


@pytest.mark.parametrize("command", ["generate", "tasks"])
def test_a_signal_while_a_command_is_imported_ends_it_with_a_line(command):
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", f"headless/{command}.py", "--help"],
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = iter(process.stderr.readline, "")
    assert any("headless.interruption" in line for line in lines)
    process.send_signal(signal.SIGINT)
    rest = [line for line in lines if not line.startswith("import time:")]
    assert (process.wait(20), rest) == (128 + signal.SIGINT, ["interrupted\n"])


def test_work_that_does_not_heed_the_signal_is_ended_with_its_children_and_half_files(tmp_path):
    process = start(tmp_path, "deaf")
    child = int(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert ended(process, tmp_path) == (128 + signal.SIGTERM, "ended by SIGTERM\n")
    assert time.monotonic() - began < 4
    wait_gone(child)
    assert os.listdir(tmp_path) == ["temporary"]


def test_a_step_is_brought_to_its_end_unless_a_second_signal_comes(tmp_path):
    process = start(tmp_path, "stepping")
    assert process.stdout.readline() == "0\n"
    process.send_signal(signal.SIGTERM)
    assert ended(process, tmp_path) == (128 + signal.SIGTERM, "stopping\nsaved 0\nended by SIGTERM\n")
    process = start(tmp_path, "stepping")
    assert process.stdout.readline() == "0\n"
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "stopping\n"
    process.send_signal(signal.SIGHUP)
    assert ended(process, tmp_path) == (128 + signal.SIGHUP, "ended by SIGHUP\n")


def test_a_signal_during_a_render_ends_it_without_a_traceback(tmp_path):
    pytest.importorskip("bpy")
    process = start(tmp_path, "rendering")
    while process.stdout.readline() != "rendering\n":
        assert process.poll() is None
    time.sleep(0.3)  # until Cycles has begun
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert words.splitlines() == ["ended by SIGTERM"]


def test_a_child_of_a_command_ends_with_it(tmp_path):
    process = start(tmp_path, "sleeping", stdin=subprocess.PIPE, child=True)
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(20) == 128 + signal.SIGTERM
    assert process.stderr.read() == "ended by SIGTERM\n" and os.listdir(tmp_path / "temporary") == []


def test_a_signal_that_the_caller_ignores_is_ignored(tmp_path):
    process = start(tmp_path, "stepping", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert ended(process, tmp_path)[0] == 128 + signal.SIGTERM
