"""Folders for temporary files, each held by the process that made it.

A process that is killed leaves its folders behind. The next process of this user that makes one removes them.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from .files import lock

PREFIX = "metaspatial-"
LOCK = "owner.lock"
"""Name of the file in each folder that its owner holds locked. The operating system gives the lock up when the process
ends, however it ends: unlike a process id, which another process or container may have, it is never wrong."""

REMOVED = ".removed"
"""End of the name of a folder that is being removed, by whoever: with it, one removed in part is no longer held."""

_UNLOCKED_S = 60.0
"""Age in seconds from which a folder without its lock file is taken as left behind, and not as being made."""

_own: set[Path] = set()
"""Folders of this process. To lock one of them a second time would give the first lock up."""


class TemporaryFolder:
    """A new folder that only this user may read, until `remove`. Use it as a context manager, or call `remove`.

    Folders that killed processes left behind are removed first. Raises OSError where no folder can be made.
    """

    def __init__(self) -> None:
        remove_abandoned()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        _own.add(self.path)
        # Under its name nobody finds it unlocked. Windows renames no open file.
        new = self.path / (LOCK if sys.platform == "win32" else f"{LOCK}.new")
        self._lock = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
        with suppress(OSError):  # a file system without locks: nobody else gets one there either
            lock(self._lock)
        os.replace(new, self.path / LOCK)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the folder and all that is in it, as far as the operating system allows. May be called again."""
        if self.path in _own:
            _own.discard(self.path)
            os.close(self._lock)  # Windows removes no open file
        _remove(self.path)


def remove_abandoned() -> None:
    """Remove the folders of this user whose owner has ended. No link is followed, and no other folder touched."""
    try:
        entries = [entry for entry in os.scandir(tempfile.gettempdir()) if entry.name.startswith(PREFIX)]
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if path not in _own and _is_abandoned(path):
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a folder under a name that says so, for the next process to go on where this one is killed."""
    gone = path if path.suffix == REMOVED else path.with_name(path.name + REMOVED)
    try:
        path.rename(gone)
    except OSError:  # somebody else has removed it, or a file in it is open on Windows
        gone = path
    shutil.rmtree(gone, ignore_errors=True)


def _is_abandoned(path: Path) -> bool:
    try:
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or hasattr(os, "getuid") and status.st_uid != os.getuid():
            return False
        if path.suffix == REMOVED:
            return True
        descriptor = os.open(path / LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return path.is_dir() and time.time() - status.st_mtime > _UNLOCKED_S
    except OSError:
        return False
    try:
        lock(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
