"""What commands share: arguments under `blender -b -P X.py -- …` and under `python X.py …`, files, the exit code.

An error that a user can correct is one line on stderr and exit code 2; anything else is a traceback and exit code 1
(Blender itself would exit 0 after an uncaught exception).
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import math
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.files import named
from metaspatial_addon.core.task import LONGEST_PROMPT, MOST_METRES
from metaspatial_addon.episode.records import append_line
from metaspatial_addon.policy.base import PolicyError

USAGE = 2
"""Exit code for what the user can correct: arguments, files, a full disk, a server that is not there."""

_ROOM = "free space on that disk, or choose another place"
_RIGHTS = "choose a place that you may write to"
_NAME = "choose another name"
REMEDIES = {
    errno.ENOSPC: _ROOM,
    getattr(errno, "EDQUOT", errno.ENOSPC): _ROOM,
    errno.EROFS: _RIGHTS,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EISDIR: _NAME,
    errno.ENOTDIR: _NAME,
    errno.ENAMETOOLONG: _NAME,
    errno.EIO: "check the free space on that disk, or choose another place",
}
"""What a user can do about an OSError, by its number. Any other OSError is a bug."""

MOST = 2**31 - 1
"""The largest whole number that an option takes: generators of random numbers overflow with larger seeds."""

LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.001, 100
"""Temperatures other than 0 between which a distribution is neither one token's nor everyone's alike."""

LOCK = ".lock"
"""Name of the file in a folder of results that a running command holds locked."""

LOCK_TRIES = 100
"""Times that the file is opened anew since it was replaced before it was locked: on some file systems it always is."""


class CommandError(RuntimeError):
    """A command cannot do its work, for a reason that the message states in full."""


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows a default where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None or action.default is False else super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    """Raises CommandError for wrong arguments, which is reported in one line as any other."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (--help lists the options)")


def parser(command: str, description: str) -> argparse.ArgumentParser:
    """An argument parser of a command, with its name as both ways of running it know it."""
    return _Parser(
        prog=command,
        description=description,
        formatter_class=_Help,
        allow_abbrev=False,
    )


def positive(text: str) -> int:
    """Convert an argument that is a whole number above 0."""
    return _whole(text, 1)


def not_negative(text: str) -> int:
    """Convert an argument that is a whole number, 0 or above."""
    return _whole(text, 0)


def seeds(text: str) -> tuple[int, ...]:
    """Convert an argument that lists whole numbers, 0 or above, separated by commas, each once."""
    numbers = tuple(_whole(part, 0) for part in text.split(","))
    if len(set(numbers)) < len(numbers):
        raise _unexpected("each number once", text)
    return numbers


def length(text: str) -> float:
    """Convert an argument that is a length in metres, above 0."""
    expected = f"metres, above 0 and at most {MOST_METRES}"
    metres = _finite(text, expected)
    if not 0 < metres <= MOST_METRES:
        raise _unexpected(expected, text)
    return metres


def factor(text: str) -> float:
    """Convert an argument that lengths are multiplied by."""
    expected = f"a factor from {1 / MOST_METRES} to {MOST_METRES}"
    number = _finite(text, expected)
    if not 1 / MOST_METRES <= number <= MOST_METRES:
        raise _unexpected(expected, text)
    return number


def temperature(text: str) -> float:
    """Convert an argument that is a temperature of sampling: 0, or a number that logits can be divided by."""
    expected = f"0, or a number from {LEAST_TEMPERATURE} to {MOST_TEMPERATURE}"
    number = _finite(text, expected)
    if number != 0 and not LEAST_TEMPERATURE <= number <= MOST_TEMPERATURE:
        raise _unexpected(expected, text)
    return number


def _whole(text: str, least: int) -> int:
    expected = f"a whole number of at least {least}"
    try:
        number = int(text)
    except ValueError as error:
        raise _unexpected(expected, text) from error
    if not least <= number <= MOST:
        raise _unexpected(expected if number < least else f"a whole number of at most {MOST}", text)
    return number


def _finite(text: str, expected: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise _unexpected(expected, text) from error
    if not math.isfinite(number):
        raise _unexpected(expected, text)
    return number


def _unexpected(expected: str, text: str) -> argparse.ArgumentTypeError:
    """An error that argparse reports behind the option's name."""
    return argparse.ArgumentTypeError(f"expected {expected}, got {text[:40]!r}")


def text(argument: str) -> str:
    """Accept an argument that UTF-8 can encode: what a terminal sends may have lone surrogates."""
    argument.encode()  # a UnicodeEncodeError is a ValueError, which argparse explains
    if len(argument) > LONGEST_PROMPT:
        raise _unexpected(f"at most {LONGEST_PROMPT:,} characters", argument)
    return argument


def arguments() -> list[str]:
    """The command's own arguments: after `--` inside Blender, after the script's name elsewhere."""
    inside_blender = os.path.basename(sys.argv[0] if sys.argv else "").lower().startswith("blender")
    if inside_blender:
        return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    return sys.argv[1:]


def progress(line: str) -> None:
    """Print a line to stderr at once: stdout is for results."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def json_lines(path: str | None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield a function that writes a record as a line of JSON: to a file, or to stdout without a path.

    The file is written beside its place. At the end, also at one by an error, it is renamed: it then has the lines
    until there, each of them whole. A pipe or a device is written to directly. Raises CommandError for a file that
    cannot be written.

    Blender, its importers and their children print to stdout as they please: it is kept from them as long as this is
    open, and what they print goes to stderr.
    """
    special = path is not None and os.path.exists(path) and not os.path.isfile(path)
    if path is None or special and os.path.samestat(os.stat(path), os.fstat(1)):
        with _own_stdout() as stdout:
            yield lambda record: print(json.dumps(record), file=stdout, flush=True)
        return
    target = Path(os.path.realpath(path))
    part = target.with_name(target.name + ".part")
    if target.is_dir():
        raise CommandError(f"--out {path}: this is no file: {_NAME}")
    try:
        if special:
            stream = open(path, "w", encoding="ascii")  # noqa: SIM115 (errors of opening alone are caught here)
        else:
            part.write_bytes(b"")
    except OSError as error:
        raise CommandError(f"--out {path}: the file cannot be written ({error.strerror})") from error
    if special:
        with stream:
            yield lambda record: print(json.dumps(record), file=stream, flush=True)
        return

    def write(record: Mapping[str, Any]) -> None:
        try:
            append_line(part, record)
        except OSError as error:
            raise named(error, path) from error

    try:
        yield write
    finally:
        os.replace(part, target)


@contextmanager
def _own_stdout() -> Iterator[TextIO]:
    """Yield the real stdout, while descriptor 1 itself leads to stderr."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as kept:
        os.dup2(2, 1)
        try:
            yield kept
        finally:
            sys.stdout.flush()
            _flush_c()
            os.dup2(kept.fileno(), 1)


def _flush_c() -> None:
    """Flush the buffer of C's stdout, in which what Blender prints may wait until the process ends."""
    library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
    library.fflush(None)


def output_folder(path: str, option: str = "--out") -> Path:
    """Make the folder of results that `option` named, with its parents. Raises CommandError."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{option} {path}: the folder cannot be made ({error.strerror})") from error
    return folder


@contextmanager
def sole_use(folder: Path, option: str = "--out") -> Iterator[None]:
    """Hold a folder of results, so that no other process mixes its files into it. Raises CommandError where one does.

    `option` named the folder.

    The operating system gives the lock up when the process ends, however it ends: none is ever stale. Where the file
    system has no locks, nothing is held.
    """
    path = folder / LOCK
    for _ in range(LOCK_TRIES):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            raise CommandError(
                f"{option} {folder}: another command is writing to this folder: wait for it, or choose another folder"
            ) from None
        try:
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                break
        except FileNotFoundError:  # its holder has removed it since it was opened here
            pass
        os.close(descriptor)
    else:
        raise CommandError(f"{option} {folder}: this folder cannot be locked: choose another folder")
    try:
        yield
    finally:
        if sys.platform == "win32":  # where no open file can be removed, nor one that another process has open
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
        else:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock an open file. Raises BlockingIOError where another process holds it."""
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
        progress(f"this folder cannot be locked ({error.strerror}): take care that nothing else writes to it")


def run(main: Callable[[list[str]], int | None]) -> NoReturn:
    """Run a command's `main(argv)` and end the process with its exit code."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as a shell has it for what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # Blender has its own, which takes the first Ctrl-C
    try:
        code = main(arguments()) or 0
    except (InputError, PolicyError, CommandError) as error:
        progress("error: " + " ".join(str(error).split()))
        code = USAGE
    except KeyboardInterrupt:
        progress("interrupted")
        code = 130
    except Exception as error:
        remedy = REMEDIES.get(error.errno or 0) if isinstance(error, OSError) else None
        if isinstance(error, OSError) and remedy is not None:
            progress(f"error: {error.filename or 'a file'}: {error.strerror}: {remedy}")
            code = USAGE
        else:
            traceback.print_exc()
            code = 1
    leave(code)


def leave(code: int) -> NoReturn:
    """End the process. Where bpy is a module, its clean-up is skipped: in an ending Python, 4.2 crashes after a glTF
    export, and 4.5 waits for ever for a thread of its own while anything refers to bpy.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    bpy = sys.modules.get("bpy")
    if bpy is None or bpy.app.binary_path:
        sys.exit(code)
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    os._exit(code)
