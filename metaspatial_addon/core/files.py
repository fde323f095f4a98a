"""Writing files: each is written beside its place, flushed to disk and renamed, so that nobody reads half a file."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError

FULL_DISK = 64 * 1024
"""Bytes of free space below which a failed write without an error number is put down to a full disk."""


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
        raise InputError(target, "", "a path in an existing folder")
    part = target.with_name(f"{target.stem}.part{target.suffix}")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        raise named(error, target) from error
    finally:
        part.unlink(missing_ok=True)


def named(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """The same error with an error number and the name of the file that was written.

    Blender's writers give no number, and remove what they wrote before it can be seen that the disk is full.
    """
    number, words = error.errno, error.strerror
    if number is None:
        words = " ".join(str(error).split())
        full = os.strerror(errno.ENOSPC)
        if full in words or shutil.disk_usage(Path(path).parent).free < FULL_DISK:
            number, words = errno.ENOSPC, full
        else:
            number, words = errno.EIO, words.replace("Error: Success", "Blender could not write it")
    return OSError(number, words, os.fspath(path))
