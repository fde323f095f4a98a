"""Files of assets, opened by a process of their own and handed over as a .blend with one mesh that was checked.

An asset that crashes that process, does not end or fills the memory costs itself alone. An asset is converted once in a
run: what came of it is kept, by folder and content, as long as Blender's temporary folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...core.processes import blender_command

MAIN = Path(__file__).resolve().with_name("conversion_main.py")
SECONDS = 60
"""That an asset may take, and that the process may take to start."""
MOST_MEMORY = 4 * 2**30
"""Bytes that the process may take, where the system can limit it."""

_MOST_ASSETS = 100  # of one process: what importers leave behind adds up
_POLL = 0.002  # seconds


@dataclass(frozen=True)
class Converted:
    """What came of an asset: a .blend with its mesh, or None and in a sentence what is wrong with it. `notes` are
    sentences about what was left out."""

    blend: Path | None
    failure: str = ""
    notes: tuple[str, ...] = ()


class _Process:
    """A process that opens assets. Raises RuntimeError where it cannot be started."""

    def __init__(self, folder: Path):
        self.assets = 0
        ready, log = folder / "ready", folder / "log"
        ready.unlink(missing_ok=True)
        hidden: dict[str, Any] = {}
        if sys.platform == "win32":
            hidden = {"creationflags": subprocess.CREATE_NO_WINDOW}
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*blender_command(bpy.app.binary_path, MAIN), "--", str(ready), str(MOST_MEMORY), str(SECONDS)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))},
                **hidden,
            )
        if not self._wait(ready.exists):
            last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
            self.end()
            raise RuntimeError(f"the process that opens assets cannot be started: {last[:200]}")

    @property
    def usable(self) -> bool:
        return self._process.poll() is None and self.assets < _MOST_ASSETS

    def convert(self, source: Path, target: Path) -> Converted:
        """Have an asset written to a .blend."""
        self.assets += 1
        result = target.with_suffix(".json")
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([os.getcwd(), str(source), str(target)]).encode() + b"\n")
        self._process.stdin.flush()
        if not self._wait(result.exists):
            late = self._process.poll() is None
            self.end()
            why = f"it takes Blender more than {SECONDS} seconds" if late else "Blender crashes on it"
            return Converted(None, f"{source}: expected a file that can be read: {why}")
        said = json.loads(result.read_text(encoding="utf-8"))
        return Converted(None if said["failure"] else target, said["failure"], tuple(said["notes"]))

    def _wait(self, holds: Callable[[], bool]) -> bool:
        """Whether it became so before the process ended, and within SECONDS."""
        deadline = time.monotonic() + SECONDS
        try:
            while not holds():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    return holds()
                time.sleep(_POLL)
        except BaseException:
            self.end()
            raise
        return True

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


_process: _Process | None = None
_done: dict[str, Converted] = {}
"""By `_key`, all that was converted in this run."""


def convert(asset: Path) -> Converted:
    """Convert the file of an asset. Its process stays for the next one, see `end_process`.

    Raises RuntimeError where no process can be started, and OSError for a file that is not there.
    """
    global _process
    key = _key(asset)
    known = _done.get(key)
    if known is None or known.blend is not None and not known.blend.exists():
        folder = Path(bpy.app.tempdir) / "metaspatial-assets"
        folder.mkdir(parents=True, exist_ok=True)
        if _process is None or not _process.usable:
            end_process()
            _process = _Process(folder)
        target = folder / f"{key}.blend"
        target.with_suffix(".json").unlink(missing_ok=True)
        _done[key] = _process.convert(asset, target)
    return _done[key]


def end_process() -> None:
    """End the process that opens assets, if there is one."""
    global _process
    if _process is not None:
        _process.end()
    _process = None


def _key(asset: Path) -> str:
    """Of a file's folder, whose other files it may name, and content."""
    digest = hashlib.sha256(os.fsencode(asset.resolve().parent) + b"\0" + os.fsencode(asset.name) + b"\0")
    with asset.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()
