"""The main of every worker process: `blender -b … -P process_main.py -- LOG TEMPORARY SERVICE`, or by plain Python
`python process_main.py -- LOG TEMPORARY SERVICE`.

SERVICE is a module with a function `serve(send)`. It sends `hello` when it is ready, and returns what takes a message:
the add-on's `worker.jobs`, or the trainer's `envs.pool_worker`. Messages are JSON lines, see `protocol`: requests come
on stdin, answers go to the original stdout. Everything that prints is redirected to LOG.

A thread listens on stdin and ends the process when that is closed, whatever runs at the time, so that no worker
outlives its parent. It runs Python only when a message comes in.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import io
import os
import re
import shutil
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

HERE = Path(__file__).resolve().parent

LEFT_BEHIND = re.compile(r"scene\.blend.*|turn_\d+_\w+\.png|owner\.lock")
"""Files that are removed from a job's `folder` when the window that made it is gone."""


def main() -> None:
    """Serve messages until one of the type `quit`, or until a message leaves a thread that asks a server behind."""
    log, temporary, service = sys.argv[sys.argv.index("--") + 1 :]
    stdout = _take_stdout(log)
    # The packages are found from the folder that holds them, and this folder's modules only through it.
    sys.path[:] = [str(HERE.parents[1]), *(path for path in sys.path if path != str(HERE))]
    from metaspatial_addon.core.printable import PrintableStream
    from metaspatial_addon.policy.base import request_threads
    from metaspatial_addon.worker import inbox, protocol

    sys.stdout, sys.stderr = PrintableStream(sys.stdout), PrintableStream(sys.stderr)

    def send(message: dict[str, Any]) -> None:
        stdout.write(protocol.encode(message))
        stdout.flush()

    on_message = importlib.import_module(service).serve(send)
    leaving = threading.Event()
    threading.Thread(target=_listen, args=(temporary, leaving), name="listener", daemon=True).start()
    while (message := inbox.messages.get()) is None or message["type"] != "quit":
        on_message(message)
        if request_threads():  # they would run Python beside the next job's operators: a new process does that job
            break
    leaving.set()
    shutil.rmtree(temporary, ignore_errors=True)


def _take_stdout(log: str) -> BinaryIO:
    """The original stdout. From here on descriptors 1 and 2, and so everything that prints, lead to the log."""
    stdout = os.fdopen(os.dup(1), "wb")
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    faulthandler.enable()
    return stdout


def _listen(temporary: str, leaving: threading.Event) -> None:
    """Thread: messages into the inbox, None for one that cannot be read. At the end of stdin the process ends, unless
    it is leaving by itself: the window closes stdin as soon as stdout has ended."""
    from metaspatial_addon.worker import inbox, protocol

    folders: set[Path] = set()
    with open(0, "rb", closefd=False) as stream:
        for message in protocol.read_messages(stream):
            if message is not None and isinstance(message.get("folder"), str):
                folders.add(Path(message["folder"]))
            inbox.messages.put(message)
    if leaving.is_set():
        return
    for folder in folders:
        with contextlib.suppress(OSError):  # gone already, or other files are in it
            for path in folder.iterdir():
                if LEFT_BEHIND.fullmatch(path.name):
                    path.unlink()
            folder.rmdir()
    shutil.rmtree(temporary, ignore_errors=True)
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # its children as well
    _leave(0)


def _leave(code: int) -> NoReturn:
    """End at once: the clean-up of bpy as a module may crash or never end, and a listening thread cannot be joined."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def run() -> NoReturn:
    """`main`, and the end of the process: exit code 1 for an exception, which goes to the log."""
    try:
        main()
    except BrokenPipeError:  # the parent has closed its end
        _leave(0)
    except BaseException:
        traceback.print_exc()
        _leave(1)
    _leave(0)


if __name__ == "__main__":
    run()
