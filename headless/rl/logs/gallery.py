"""Renders a group of rollouts now and then: images and a .blend, made by a `generate.py --replay` of its own.

It works beside the trainer, with the lowest priority, so that the trainer neither waits for renders nor keeps what
they leave in memory. Images come to TensorBoard when they are ready.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from headless import cli, interruption
from headless.training import MetricsLog
from metaspatial_addon.worker.client import worker_command

GENERATE = Path(__file__).resolve().parents[2] / "generate.py"
SHEET = "contact_sheet.png"

_LONGEST = 600.0  # seconds that the last ones may take when all steps are done
_TO_END = 0.7  # seconds that a process has to end by itself, removing its temporary files


class RolloutGallery:
    """Use it as a context manager: it waits for what was begun, unless an exception ends the run.

    Each goes to `folder`/gallery/step_N, what the processes print to gallery.log.
    """

    def __init__(self, folder: Path, log: MetricsLog):
        self._folder, self._log = folder, log
        self._due: list[tuple[int, str]] = []
        self._step = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RolloutGallery:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            while kind is None and (self._due or self._process is not None):
                if self._process is not None:
                    self._process.wait(_LONGEST)
                self.poll()
        except subprocess.TimeoutExpired:
            cli.progress(f"the pictures of step {self._step} are not ready after {_LONGEST:.0f} s and are left out")
        finally:
            if self._process is not None:
                self._process.terminate()
                try:
                    self._process.wait(_TO_END)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()

    def add(self, step: int, group: str) -> None:
        """Queue a group of a step (from 1), whose turns are in the run's record."""
        self._due.append((step, group))

    def poll(self) -> None:
        """Take in what is ready, and start what is due."""
        if self._process is not None and self._process.poll() is not None:
            if self._process.returncode == 0:
                self._log.image(self._step, "rollouts", self._place(self._step) / SHEET)
            else:  # training goes on without
                cli.progress(f"the pictures of step {self._step} could not be made: see {self._folder / 'gallery.log'}")
            self._process = None
        if self._process is None and self._due:
            self._step, group = self._due.pop(0)
            self._process = self._start(group)

    def _place(self, step: int) -> Path:
        return self._folder / "gallery" / f"step_{step:06d}"

    def _start(self, group: str) -> subprocess.Popen[bytes]:
        arguments = ["--replay", str(self._folder), "--episode", group, "--out", str(self._place(self._step))]
        with open(self._folder / "gallery.log", "ab") as log:
            process = subprocess.Popen(
                [*_command(), *arguments],
                stdin=subprocess.PIPE,  # closed when this process ends, however it ends
                stdout=log,
                stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": "1", interruption.CHILD: "1"},
                start_new_session=True,  # a terminal's signals are the trainer's to handle
            )
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, process.pid, 19)
        return process


def _command() -> list[str]:
    """The command that starts generate.py: in this Blender, or in this Python where bpy is a module of it."""
    bpy = sys.modules.get("bpy")
    blender = bpy.app.binary_path if bpy else ""
    return [*worker_command(blender)[:-1], str(GENERATE), *(["--"] if blender else [])]
