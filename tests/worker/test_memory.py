"""Memory of a process is the system's own figure, and 0 of a process that is gone."""

from __future__ import annotations

import subprocess
import sys

from metaspatial_addon.worker.memory import resident_mb


def test_memory_is_that_of_this_process():
    before = resident_mb()
    held = bytearray(200 << 20)
    held[::4096] = b"x" * len(held[::4096])
    assert before < resident_mb() - 150


def test_memory_of_another_process_is_its_own():
    holds = "held = b'x' * (300 << 20); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert 300 < resident_mb(process.pid) < 500
        process.communicate(b"\n")
    assert resident_mb(process.pid) == 0
