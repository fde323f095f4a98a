"""Waiting for messages of a process, and for its end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from metaspatial_addon.worker.client import Worker


class Ended(AssertionError):
    """The worker ended before the message that was waited for."""


def wait_for(worker: Worker, *types: str, seconds: float = 90, until: Callable[[dict], bool] | None = None) -> list:
    """All messages up to the first of these types (for which `until` holds). Raises Ended."""
    messages = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        message = worker.receive()
        if message is not None:
            messages.append(message)
            if message["type"] in types and (until is None or until(message)):
                return messages
        elif not worker.alive:
            raise Ended(f"exit code {worker.returncode} after {messages}")
        else:
            time.sleep(0.005)
    raise AssertionError(f"none of {types} in {seconds} s, but {messages}")


def wait_until(holds: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for something to be so."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.01)


def wait_gone(pid: int, seconds: float = 5) -> None:
    """Wait for a process, ours or not, to be gone. A zombie is."""
    wait_until(lambda: not _runs(pid), seconds)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def our_threads() -> list[str]:
    """Names of the threads that clients left running."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("MetaSpatial")]
