"""A worker process that misbehaves as METASPATIAL_FAULT says, `KIND:KEY:TURN`, the first time that it is asked for
that turn.

KIND: hang, crash, grow, or bug. A file in METASPATIAL_FAULT_FOLDER tells later processes that it has happened.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4]))

from headless.rl.envs import pool_worker
from metaspatial_addon.worker import process_main

kind, key, turn = os.environ["METASPATIAL_FAULT"].split(":")
play = pool_worker.PoolWorker.play


def misbehaves(self, request):
    happened = Path(os.environ["METASPATIAL_FAULT_FOLDER"], kind)
    if (request.key, len(request.completions)) == (int(key), int(turn)) and not happened.exists():
        happened.touch()
        if kind == "hang":
            time.sleep(1000)
        elif kind == "crash":
            os.abort()
        elif kind == "bug":
            raise KeyError("sofa")
        kept = []
        while True:
            kept.append(b"x" * 2**24)
            time.sleep(0.01)
    return play(self, request)


pool_worker.PoolWorker.play = misbehaves
process_main.run()
