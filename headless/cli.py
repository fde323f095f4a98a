"""What every command shares: its arguments under `blender -b -P X.py -- …` and under `python X.py …`, and its exit.

An error that a user can mend is one line on stderr and exit code 2; anything else is a traceback and exit code 1
(Blender itself would exit 0 after an uncaught exception).
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TextIO

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.policy.base import PolicyError

ENGINES = ("auto", "cycles", "eevee", "workbench")
USAGE = 2
"""Exit code for what the user can mend: arguments, files, a server that is not there."""


class CommandError(RuntimeError):
    """A command cannot do its work, for a reason that the message states in full."""


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Tells a default where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None or action.default is False else super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    """Reports wrong arguments as any other error, in one line."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (--help lists the options)")


def parser(command: str, description: str) -> argparse.ArgumentParser:
    """An argument parser that names the command as both ways of running it know it."""
    return _Parser(
        prog=command,
        description=description,
        formatter_class=_Help,
        allow_abbrev=False,
    )


def positive(text: str) -> int:
    """An argument that is a whole number above 0."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def text(given: str) -> str:
    """An argument that files can hold: what a terminal sends may be no text at all."""
    given.encode()  # a UnicodeEncodeError is a ValueError, which argparse explains
    return given


def arguments() -> list[str]:
    """The command's own arguments: after `--` inside Blender, after the script's name elsewhere."""
    inside_blender = os.path.basename(sys.argv[0] if sys.argv else "").lower().startswith("blender")
    if inside_blender:
        return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    return sys.argv[1:]


def progress(line: str) -> None:
    """One line for whoever watches, on stderr at once: stdout is for results."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def output(path: str | None) -> Iterator[TextIO]:
    """The file to write lines to, stdout without a path. Raises CommandError.

    Blender, its importers and their children print to stdout as they please: it is kept from them as long as this is
    open, and what they print goes to stderr.
    """
    if path is None:
        with _own_stdout() as kept:
            yield kept
        return
    try:
        file = open(path, "w", encoding="utf-8")  # noqa: SIM115 (an OSError of the body is not one of opening)
    except OSError as error:
        raise CommandError(f"--out {path}: the file cannot be written ({error.strerror})") from error
    with file:
        yield file


@contextmanager
def _own_stdout() -> Iterator[TextIO]:
    """What stdout leads to, while descriptor 1 itself leads to stderr."""
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
    """Write out what C code has printed: Blender's text waits in a buffer of its own, and may wait for ever."""
    library = ctypes.CDLL("ucrtbase" if os.name == "nt" else None)
    library.fflush(None)


def output_folder(path: str) -> Path:
    """The folder, made with its parents. Raises CommandError."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"--out {path}: the folder cannot be made ({error.strerror})") from error
    return folder


def run(main: Callable[[list[str]], int | None]) -> NoReturn:
    """Run a command's `main(argv)` and end the process with its exit code."""
    try:
        code = main(arguments()) or 0
    except (InputError, PolicyError, CommandError) as error:
        progress("error: " + " ".join(str(error).split()))
        code = USAGE
    except KeyboardInterrupt:
        progress("interrupted")
        code = 130
    except Exception:
        traceback.print_exc()
        code = 1
    leave(code)


def leave(code: int) -> NoReturn:
    """End the process. Where bpy is a module, without its clean-up, which is not fit for an ending Python: 4.2 crashes
    after a glTF export, and 4.5 waits for ever on a thread of its own when something still refers to bpy.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    bpy = sys.modules.get("bpy")
    if bpy is None or bpy.app.binary_path:
        sys.exit(code)
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    os._exit(code)
