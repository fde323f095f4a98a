"""What commands share: arguments under `blender -b -P X.py -- …` and under `python X.py …`, files, the exit code.

An error that a user can correct is one line on stderr and exit code 2; a signal is one line and 128 plus its number;
anything else is a traceback and exit code 1 (Blender itself would exit 0 after an uncaught exception).
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

from headless import interruption, option_types
from metaspatial_addon.core import files
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.printable import PrintableStream, one_line
from metaspatial_addon.core.shipped import shipped
from metaspatial_addon.core.temporary import TemporaryFolder
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
    errno.EFBIG: "allow larger files, or choose another place",
    errno.EPIPE: "keep open what reads the output",
    errno.EBADF: "leave it open",
}
"""What a user can do about an OSError, by its number. Any other OSError is a bug."""

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
    """An argument parser of a command, with its name as it was called: `generate.py`, or `metaspatial generate`."""
    return _Parser(
        prog=sys.argv[0] if sys.argv[0].startswith("metaspatial ") else command,
        description=description,
        formatter_class=_Help,
        allow_abbrev=False,
    )


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the commands that train: a configuration, changes to it, the run's folder, and going on in it."""
    parser.add_argument("--config", required=True, type=shipped, help="a TOML file, see headless/configs/")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=option_types.text,
        metavar="KEY=VALUE",
        help="change a key of the file",
    )
    parser.add_argument("--run", required=True, metavar="DIR", help="folder for checkpoints and figures")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's last checkpoint")


def arguments() -> list[str]:
    """The command's own arguments: after `--` inside Blender, after the script's name elsewhere."""
    inside_blender = os.path.basename(sys.argv[0] if sys.argv else "").lower().startswith("blender")
    if inside_blender:
        return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    return sys.argv[1:]


def progress(line: str) -> None:
    """Print a line to stderr at once: stdout is for results. Where nobody reads it any more the work goes on."""
    with suppress(OSError):
        print(one_line(line), file=sys.stderr, flush=True)


def output(*lines: str) -> None:
    """Print lines to stdout. Raises OSError that names it."""
    with _named_stdout():
        print("\n".join(map(one_line, lines)), flush=True)


@contextmanager
def _named_stdout() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, "stdout") from error


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
        with _named_stdout(), _own_stdout() as stdout:
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
        except (OSError, InputError) as error:
            raise files.named(error, target) from error

    try:
        yield write
    finally:
        if part.exists():  # its folder may have gone
            files.put_in_place(part, target)


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


def output_folder(path: str, option: str = "--out", made: bool = True) -> Path:
    """Make the folder of results that `option` named, with its parents; with `made` False it is to be there already.
    Raises CommandError."""
    folder = Path(path)
    if not made and not folder.is_dir():
        raise CommandError(f"{option} {path}: there is no such folder: look for its name")
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
    files.unfinished.add(path)
    try:
        yield
    finally:
        files.unfinished.discard(path)
        if sys.platform == "win32":  # where no open file can be removed, nor one that another process has open
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
        else:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock an open file. Raises BlockingIOError where another process holds it."""
    try:
        files.lock(descriptor)
    except BlockingIOError:
        raise
    except OSError as error:
        progress(f"this folder cannot be locked ({error.strerror}): take care that nothing else writes to it")


def run(main: Callable[[list[str]], int | None]) -> NoReturn:
    """Run a command's `main(argv)` and end the process with its exit code."""
    _open_standard_streams()
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python has them so, and Blender before 5.0 has not: they are OSErrors then
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = PrintableStream(sys.stdout), PrintableStream(sys.stderr)
    try:
        code = _run(main)
    except (OSError, KeyboardInterrupt) as error:  # while the temporary folder was made
        code = _report(error)
    finally:
        sys.stdout, sys.stderr = streams
    leave(code)


def _run(main: Callable[[list[str]], int | None]) -> int:
    """The exit code of a command, which has a temporary folder of its own meanwhile."""
    with TemporaryFolder() as temporary, _temporary_files_in(temporary):

        def end(interrupt: interruption.Interrupted) -> None:
            """End at once, from a thread: the main thread is held up."""
            interruption.kill_children()
            files.remove_unfinished()
            shutil.rmtree(temporary, ignore_errors=True)
            progress(str(interrupt))
            os._exit(interruption.exit_code(interrupt))

        with interruption.watched(end) as watch:
            try:
                return main(arguments()) or 0
            except (Exception, KeyboardInterrupt) as error:
                watch.leave()
                if isinstance(error, KeyboardInterrupt):
                    interruption.end_children()
                return _report(error)
            finally:
                watch.leave()


def _report(error: BaseException) -> int:
    """Say what ended a command; returns its exit code."""
    if isinstance(error, KeyboardInterrupt):
        progress(str(error) or "interrupted")
        return interruption.exit_code(error)
    if isinstance(error, (InputError, PolicyError, CommandError)):
        progress(f"error: {error}")
        return USAGE
    remedy = REMEDIES.get(error.errno or 0) if isinstance(error, OSError) else None
    if isinstance(error, OSError) and remedy is not None:
        progress(f"error: {error.filename or 'a file'}: {error.strerror}: {remedy}")
        return USAGE
    traceback.print_exception(error)
    return 1


def _open_standard_streams() -> None:
    """Open what the caller has closed of descriptors 0 to 2: the next file that is opened would be taken for it.

    A closed stdout stays one that cannot be written to.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDONLY if descriptor < 2 else os.O_WRONLY)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
        if getattr(sys, name) is None:
            stream = os.fdopen(descriptor, mode, encoding="utf-8", closefd=False)
            setattr(sys, name, stream)


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Have this process, its children and Blender make all temporary files in a folder."""
    before = tempfile.gettempdir()
    variables = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    if "RAY_TMPDIR" not in os.environ:  # where Ray looks for a cluster of this machine
        variables["RAY_TMPDIR"] = before
    kept = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    tempfile.tempdir = str(folder)
    bpy = sys.modules.get("bpy")
    if bpy is not None:  # its folder of this session is there already, and moves; the preference is not saved
        paths = bpy.context.preferences.filepaths
        preferred, paths.temporary_directory = paths.temporary_directory, str(folder)
    try:
        yield
    finally:
        if bpy is not None:
            bpy.context.preferences.filepaths.temporary_directory = preferred
        tempfile.tempdir = before
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def leave(code: int) -> NoReturn:
    """End the process.

    Where bpy is a module, Python's clean-up is skipped: 4.2 crashes in it after a glTF export, and 4.5 waits for ever
    for a thread of its own while anything refers to bpy. So it is after a signal: with torch it takes a second.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        if not code:  # or it has been said
            progress(f"error: stdout: {error.strerror}: {REMEDIES.get(error.errno or 0, 'try again')}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes once more
        code = code or USAGE
    with suppress(OSError):
        sys.stderr.flush()
    bpy = sys.modules.get("bpy")
    if bpy is not None and not bpy.app.binary_path:
        shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    elif bpy is not None or code <= interruption.SIGNALLED:
        sys.exit(code)
    os._exit(code)
