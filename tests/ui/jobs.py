"""Steps that the tests of the button's job share."""

from __future__ import annotations

import time
from pathlib import Path

import bpy
from mathutils import Matrix

from metaspatial_addon.core.temporary import PREFIX
from metaspatial_addon.ui.state import job
from metaspatial_addon.ui.state.job_status import status
from tests.blender.turns.arrivals import task_message, turn_message
from tests.ui.recorded import RecordedWorker

MOVE = Matrix.Translation((3, 1, 0))


def wait_until(holds, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{status.state} {status.progress} {status.notice}"
        time.sleep(0.01)


def ticked(times: int = 1) -> None:
    for _ in range(times):
        job.tick()


def until_idle(most: int = 500) -> None:
    for _ in range(most):
        if not status.busy:
            job.tick()  # removes temporary files
            return
        job.tick()
    raise AssertionError(f"still {status.state}: {status.progress}")


def generate() -> RecordedWorker:
    """Click, and let the worker start; what it has been asked for is in `sent`."""
    assert bpy.ops.metaspatial.generate_layout() == {"FINISHED"}
    ticked(2)
    return RecordedWorker.started[-1]


def say_turn(worker: RecordedWorker, number: int = 1, move: Matrix = MOVE, names: tuple[str, ...] = ("Bed", "Lamp")):
    """Have the worker send the task and a turn."""
    roots = [bpy.data.objects[name] for name in names]
    number_of_job = worker.sent[-1]["job"]
    worker.outbox.append({**task_message(roots), "job": number_of_job})
    worker.outbox.append({**turn_message(dict.fromkeys(roots, move), number), "job": number_of_job})


def names(turn: bpy.types.Collection) -> set[str]:
    return {obj.name for obj in turn.objects}


def job_folders(folder: Path) -> list[Path]:
    """The temporary folders that hold a job's files; a worker has one as well."""
    return [path for path in folder.glob(f"{PREFIX}*") if [*path.glob("scene.blend*"), *path.glob("turn_*")]]
