"""What every test shares: one thread a library, and files of this checkout found from wherever pytest is started."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Of the fuzzing in tests/hostile, by --hypothesis-profile; without one it is `ci` there.
_CHECKS = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("ci", max_examples=60, derandomize=True, **_CHECKS)
settings.register_profile("long", max_examples=5200, print_blob=True, **_CHECKS)

# Before numpy or torch is imported: with two cores, more threads than one slow small work down.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# A suite that runs in the background of a shell ignores Ctrl-C, and one that nohup started its end: the processes that
# it starts would as well.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root folder of this checkout."""
    return Path(__file__).parents[1]


_status = 0


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    global _status
    _status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Leave as the commands do: bpy's own clean-up may crash or never end."""
    if "bpy" in sys.modules:
        from headless import cli

        cli.leave(_status)
