"""The parent's end of a worker: a process, a queue of its messages, and a reliable way to end it. No bpy in here.

Nothing that the window calls blocks: one thread reads the process's messages, another writes to it. Used by
`ui.state.job` and, for training, by `headless.rl.envs.process`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.processes import blender_command
from ..core.temporary import TemporaryFolder
from . import protocol

LARGEST_LOG = 1_000_000
"""Bytes; a longer log is renamed to NAME.old when the next process starts."""

MAIN = Path(__file__).resolve().with_name("process_main.py")
SERVICE = "metaspatial_addon.worker.jobs"

_TO_END = 0.7  # seconds that a worker has to end by itself, removing its temporary files, before it is killed
_TO_DRAIN = 1.0  # seconds after its end in which messages that it sent before are still waited for


def worker_command(blender_binary: str) -> list[str]:
    """The command that starts a worker: of a headless Blender, or of this Python where bpy is a module of it."""
    return blender_command(blender_binary, MAIN)


class Worker:
    """A worker process. What it and Blender print goes to the end of the file `log`.

    `environment` is added to this process's own; the API key travels in it. All temporary files of the process are in
    a folder of its own, which is removed with it. `service` is the module that handles messages, see `process_main`.
    Raises OSError when the process cannot be started or the log cannot be written.
    """

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str], service: str = SERVICE):
        with contextlib.suppress(FileNotFoundError):
            if log.stat().st_size > LARGEST_LOG:
                os.replace(log, log.with_name(log.name + ".old"))
        own_group: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        self._folder = TemporaryFolder()
        self.temporary = str(self._folder.path)
        folders = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self.temporary)
        try:
            with open(log, "ab") as errors:
                self._process = subprocess.Popen(
                    [*command, "--", str(log), self.temporary, service],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={**os.environ, **environment, **folders},
                    **own_group,
                )
        except OSError:
            self._folder.remove()
            raise
        self.pid = self._process.pid
        self._received: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._to_send: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._ended: float | None = None
        self._reader = threading.Thread(target=self._read, name="MetaSpatial worker reader", daemon=True)
        self._writer = threading.Thread(target=self._write, name="MetaSpatial worker writer", daemon=True)
        self._reader.start()
        self._writer.start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message. One to a worker that has ended is lost; check `alive`."""
        self._to_send.put(protocol.encode(message))

    def receive(self, seconds: float = 0.0) -> dict[str, Any] | None:
        """The next message, the `hello` first, waiting so many seconds for it; None when none has come until then."""
        try:
            return self._received.get(timeout=seconds)
        except queue.Empty:
            return None

    @property
    def alive(self) -> bool:
        """Whether more messages may come: once it is False, all have been received and the process has ended."""
        if self._process.poll() is None:
            return True
        if self._ended is None:
            self._ended = time.monotonic()
        # A child of the worker may hold the stream open after its end.
        reading = self._reader.is_alive() and time.monotonic() < self._ended + _TO_DRAIN
        return reading or not self._received.empty()

    @property
    def returncode(self) -> int | None:
        """The exit code, a negative signal number where one ended it on POSIX; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """End the process and its children within a second; further messages are not received. May be called again.

        Returns at once: a thread does it.
        """
        threading.Thread(target=self.end, name="MetaSpatial worker end").start()

    def end(self) -> None:
        """As `stop`, in this thread, within a second: while Python ends, it starts no more threads."""
        self._to_send.put(None)  # closes stdin
        try:
            self._process.wait(_TO_END)
        except subprocess.TimeoutExpired:
            if sys.platform == "win32":
                command = ["taskkill", "/F", "/T", "/PID", str(self.pid)]
                subprocess.run(command, capture_output=True, check=False, creationflags=subprocess.CREATE_NO_WINDOW)
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        self._folder.remove()

    def _read(self) -> None:
        """Thread: messages from the `hello` on into the queue, until the stream ends."""
        greeted = False
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for message in protocol.read_messages(stream):
                if message is None:
                    continue  # Blender's own output, or the half line of a process that was killed
                greeted = greeted or message["type"] == "hello"
                if greeted:
                    self._received.put(message)
        self._to_send.put(None)

    def _write(self) -> None:
        """Thread: the queue to the process's stdin, until None closes it or the process has ended."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError), self._process.stdin as stream:
            while (line := self._to_send.get()) is not None:
                stream.write(line)
                stream.flush()
