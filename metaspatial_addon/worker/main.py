"""What a headless Blender runs as the worker: `blender -b … -P main.py -- LOG TEMPORARY`, or `python main.py -- …`.

It takes the stdout that it was born with for messages and sends all that prints to the log. A thread listens on stdin
and ends the process when that is closed, whatever runs at the time: so no worker outlives its window.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import re
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

HERE = Path(__file__).resolve().parent

LEFT_BEHIND = re.compile(r"scene\.blend.*|turn_\d+_\w+\.png")
"""What is removed of a job's folder when the window that made it is gone."""


def main() -> None:
    log, temporary = sys.argv[sys.argv.index("--") + 1 :]
    voice = _take_stdout(log)
    # The package is found from the folder that holds it, and this folder's modules only through it.
    sys.path[:] = [str(HERE.parents[1]), *(path for path in sys.path if path != str(HERE))]
    import bpy

    from metaspatial_addon.worker import jobs, protocol

    def say(message: dict[str, Any]) -> None:
        voice.write(protocol.encode(message))
        voice.flush()

    print(f"MetaSpatial worker {os.getpid()}, Blender {bpy.app.version_string}, {time.ctime()}")
    requests: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(requests, temporary), daemon=True)
    listener.start()
    say({"type": "hello", "protocol": protocol.VERSION, "blender": bpy.app.version_string})
    workshop = jobs.JobRunner(say)
    while (request := requests.get()) is None or request["type"] != "quit":
        workshop.answer(request)
    shutil.rmtree(temporary, ignore_errors=True)


def _take_stdout(log: str) -> BinaryIO:
    """What stdout led to. From here on descriptors 1 and 2, and so all that prints, lead to the log."""
    voice = os.fdopen(os.dup(1), "wb")
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    faulthandler.enable()
    if hasattr(os, "nice"):
        os.nice(5)  # the artist's Blender goes first
    return voice


def _listen(requests: queue.SimpleQueue[dict[str, Any] | None], temporary: str) -> None:
    """Thread: requests into the queue, None for one that cannot be read. At the end of stdin the process ends."""
    from metaspatial_addon.worker import protocol

    folders: set[Path] = set()
    with open(0, "rb", closefd=False) as stream:
        for line in stream:
            try:
                request = protocol.decode(line)
            except ValueError:
                requests.put(None)
                continue
            if isinstance(request.get("folder"), str):
                folders.add(Path(request["folder"]))
            requests.put(request)
    for folder in folders:
        with contextlib.suppress(OSError):  # gone already, or other files are in it
            for path in folder.iterdir():
                if LEFT_BEHIND.fullmatch(path.name):
                    path.unlink()
            folder.rmdir()
    shutil.rmtree(temporary, ignore_errors=True)
    if os.name != "nt" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # its children as well
    _leave(0)


def _leave(code: int) -> NoReturn:
    """End at once: the clean-up of bpy as a module may crash or never end, and a listening thread cannot be joined."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # nobody listens any more
        _leave(0)
    except BaseException:
        traceback.print_exc()
        _leave(1)
    _leave(0)
