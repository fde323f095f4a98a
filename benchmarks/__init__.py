"""Benchmarks of the engine beside raw Blender calls and other software, run by `python -m benchmarks.run`.

All of them compute on one thread, which numpy reads when it is first imported.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
