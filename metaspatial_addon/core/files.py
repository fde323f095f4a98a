"""Writing files: each is written beside its place, flushed to disk and renamed, so that nobody reads half a file."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from .errors import InputError

FULL_DISK = 64 * 1024
"""Bytes of free space below which a failed write without an error number is put down to a full disk."""

_REASONS = (errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EACCES)
"""Error numbers whose words libraries pass on without the number."""

unfinished: set[Path] = set()
"""The files and folders that are there only until something is written to its end: under the names that they have until
then, or as a lock. A process that ends without unwinding its stack removes them."""


def own_name(source: str | os.PathLike[str]) -> str:
    """A hub id as it is, of a file or folder its name alone: records are passed on, and paths name people."""
    path = Path(source)
    return path.resolve().name if path.is_absolute() or path.exists() else str(source)


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace a file's content. Raises OSError that names the file, and InputError for a folder that is not there."""
    with written_beside(path) as part:
        part.write_bytes(data)


@contextmanager
def written_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to, which is renamed to `path` at the end, and removed where anything is raised.

    Raises InputError for a folder that is not there. An OSError of the body is raised with an error number and the
    name of the file: Blender's writers raise it without both, and Python without the name where the disk is full.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise _no_folder(target)
    part = target.with_name(f"{target.stem}.part{target.suffix}")
    unfinished.add(part)
    try:
        yield part
        put_in_place(part, target)
    except OSError as error:
        raise named(error, target) from error
    finally:
        unfinished.discard(part)
        with suppress(OSError):
            part.unlink()


def put_in_place(part: Path, target: Path) -> None:
    """Flush a file, or a folder with all that is in it, to disk and rename it to `target`, which it replaces.

    Whatever is written comes to its name here: it is whole even when the machine loses power.
    """
    if part.is_dir():
        for path in part.rglob("*"):
            _flush_to_disk(path)
        shutil.rmtree(target, ignore_errors=True)
    _flush_to_disk(part)
    os.replace(part, target)
    _flush_to_disk(target.parent)


def remove_unfinished() -> None:
    """Remove what is unfinished, where the process ends at once."""
    for part in list(unfinished):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            with suppress(OSError):
                part.unlink()


def _flush_to_disk(path: Path) -> None:
    """Have the operating system write out a file, or the names in a folder where the file system can do that."""
    folder, windows = path.is_dir(), sys.platform == "win32"
    if folder and windows:  # where no folder can be opened
        return
    descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        with suppress(OSError) if folder else nullcontext():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def named(error: Exception, path: str | os.PathLike[str]) -> Exception:
    """The same error with an error number and the name of the file that was written; an InputError where its folder has
    gone.

    Blender's writers give no number, and remove what they wrote before it can be seen that the disk is full.
    """
    if not Path(path).parent.is_dir():
        return _no_folder(path)
    number, words = getattr(error, "errno", None), getattr(error, "strerror", None)
    if number is None:
        number = _stated_number(error, Path(path).parent)
        if number is None:
            words = " ".join(str(error).split()).replace("Error: Success", "Blender could not write it")
            return OSError(errno.EIO, words, os.fspath(path))
        words = os.strerror(number)
    return OSError(number, words, os.fspath(path))


def is_full(error: Exception, folder: Path) -> bool:
    """Whether an error of a library that writes into a folder is the disk's: it is full, or takes no file as large."""
    return folder.is_dir() and _stated_number(error, folder) is not None


def _stated_number(error: Exception, folder: Path) -> int | None:
    """The number of the operating system's error that one without a number speaks of, or that the disk tells of."""
    number = next((known for known in _REASONS if os.strerror(known) in str(error)), None)
    if number is None and shutil.disk_usage(folder).free < FULL_DISK:
        return errno.ENOSPC
    return number


def _no_folder(path: str | os.PathLike[str]) -> InputError:
    return InputError(path, "", "a path in an existing folder")


def lock(descriptor: int) -> None:
    """Lock an open file for this process, until that ends or closes any descriptor of the file.

    Raises BlockingIOError where another process holds it, and OSError where the file system has no locks.
    """
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError from error
        return
    import fcntl

    try:
        # Unlike flock's, this lock does not pass to forked children, which may outlive a process that is killed.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise BlockingIOError from error
        raise
