"""A Blender in a window of its own, with the extension installed in a fresh profile: started, asked, ended."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gui.desktop import Desktop

PROBE = Path(__file__).with_name("probe.py")
START_S = 300.0
"""Seconds that a window may take to come up and answer: a busy machine without a graphics card takes minutes."""


class ProbeError(Exception):
    """Blender did not answer, or the question failed in there."""


class Session:
    """One Blender from its start to its end.

    `profile` is a home folder with the extension installed; it is copied, so that each session starts fresh.
    Pictures, logs and all that the session writes go to `folder`.
    """

    def __init__(self, desktop: Desktop, profile: Path, folder: Path, arguments: tuple[str, ...] = ()) -> None:
        self.desktop = desktop
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.home = Path("/tmp") / f"home-{folder.name}"
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(profile, self.home)
        self._socket = self.home / "probe"
        self.log = folder / "blender.log"
        environment = {**desktop.environment, "HOME": str(self.home), "TMPDIR": str(self.home / "tmp")}
        (self.home / "tmp").mkdir()
        command = ["blender", "--window-geometry", "0", "0", str(desktop.width), str(desktop.height), *arguments]
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [*command, "-P", str(PROBE), "--", str(self._socket)],
                env=environment,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=self.home,
            )
        until(self._socket.exists, START_S, "Blender's window comes up")
        self.ask("version", timeout=START_S)
        desktop.click(desktop.width // 3, desktop.height - 150)  # sends the splash screen away

    def ask(self, name: str, /, timeout: float = 120, **arguments: Any) -> Any:
        """The answer of the probe in Blender. Raises ProbeError."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(timeout)
                connection.connect(str(self._socket))
                connection.sendall(json.dumps({"ask": name, **arguments}).encode() + b"\n")
                with connection.makefile("rb") as lines:
                    reply = json.loads(lines.readline() or "{}")
        except OSError as error:
            raise ProbeError(f"{name}: {error}; Blender's last words: {self.log.read_text()[-500:]}") from error
        if "value" not in reply:
            raise ProbeError(f"{name}: {reply.get('error', 'the connection was cut')}")
        return reply["value"]

    def picture(self, name: str, crop: tuple[int, int, int, int] | None = None) -> Path:
        return self.desktop.picture(self.folder / f"{name}.png", crop)

    def children(self) -> dict[int, str]:
        """Other Blenders of this test, which are the session's workers: process id -> command line."""
        return {pid: line for pid, line in blenders().items() if pid != self.process.pid}

    def close(self) -> None:
        """End Blender, as by its window manager."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def blenders() -> dict[int, str]:
    """Every Blender of this test: process id -> command line.

    The test runs in a mount namespace of its own (tools/chroot.sh), which tells its processes from all others.
    """
    ours = os.stat("/proc/self/ns/mnt").st_ino
    processes = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                mine = os.stat(entry / "ns/mnt").st_ino == ours and (entry / "comm").read_text() == "blender\n"
                if mine and (line := (entry / "cmdline").read_bytes()):  # none: it has ended, and waits to be reaped
                    processes[int(entry.name)] = line.replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue  # it has just ended
    return processes


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait for a condition and return what it gave. Raises AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds:g} s still not so: {what}")
        time.sleep(0.05)
    return value


class Bench:
    """What a scenario has at hand: a desktop, a fresh profile, a folder for what it leaves, perhaps a model server."""

    def __init__(self, desktop: Desktop, profile: Path, folder: Path, server: tuple[str, str] | None) -> None:
        self.desktop = desktop
        self.profile = profile
        self.folder = folder
        self.server = server
        self._sessions: list[Session] = []
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def start(self, name: str = "session", *arguments: str) -> Session:
        """A fresh Blender; the one before is ended."""
        if self._sessions:
            self._sessions[-1].close()
        self._sessions.append(Session(self.desktop, self.profile, self.folder / name, arguments))
        return self._sessions[-1]

    def close(self, checked: bool = True) -> None:
        """End the last Blender. Checked: raises AssertionError if anything that it started goes on, or was an error."""
        if self._sessions:
            self._sessions[-1].close()
        try:
            until(lambda: not blenders(), 6, "every process of Blender has ended")
        except AssertionError:
            if checked:
                raise AssertionError(f"Blender has ended, and these go on: {blenders()}") from None
        finally:
            for pid in blenders():
                os.kill(pid, 9)
        for session in self._sessions if checked else ():
            log = session.log.read_text(errors="replace")
            assert "Traceback" not in log, f"{session.log}: {log[log.index('Traceback') :][:2000]}"
