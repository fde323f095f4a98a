"""A worker process of the pool: `python process_main.py -- LOG TEMPORARY`, or `blender -b -P process_main.py -- …`.

Requests come on stdin and answers go to the stdout that it was born with, one line each; all that prints goes to the
log. A thread ends the process when stdin is closed, whatever runs at the time: no worker outlives its trainer.
"""

from __future__ import annotations

import base64
import faulthandler
import os
import pickle
import queue
import shutil
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    log, temporary = sys.argv[sys.argv.index("--") + 1 :]
    voice = os.fdopen(os.dup(1), "wb")
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.enable()
    # The packages are found from the checkout, and this folder's modules only through it.
    sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(Path(__file__).parent))]
    from metaspatial_addon.worker import protocol

    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines, temporary), name="listener", daemon=True).start()

    def say(kind: str, **content: Any) -> None:
        voice.write(protocol.encode({"type": kind, **content}))
        voice.flush()

    say("hello")
    worker = None
    while True:
        message = protocol.decode(lines.get())
        given = pickle.loads(base64.b64decode(message["content"]))
        try:
            if message["type"] == "open":
                worker = worker or open_worker(given)
                say("opened")
            else:
                say("told", content=base64.b64encode(pickle.dumps(worker.play(given))).decode())
        except MemoryError:
            raise
        except Exception:
            traceback.print_exc()
            say("bug", content=traceback.format_exc())


def open_worker(place: Any) -> Any:
    """The worker that plays here."""
    from headless.rl.envs.pool_worker import PoolWorker

    return PoolWorker.from_config(place)


def _listen(lines: queue.SimpleQueue[bytes], temporary: str) -> None:
    """Thread: lines into the queue. At the end of stdin the process ends, with its children."""
    with open(0, "rb", closefd=False) as stream:
        for line in stream:
            lines.put(line)
    shutil.rmtree(temporary, ignore_errors=True)
    if os.name != "nt" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
