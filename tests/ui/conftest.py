"""A scene with the add-on enabled, and a worker that is recorded instead of started."""

from __future__ import annotations

import threading

import bpy
import pytest

import metaspatial_addon
from metaspatial_addon.ui.screen import ProgressBar
from metaspatial_addon.ui.state import job
from metaspatial_addon.ui.state.job_status import IDLE, status
from tests.blender.turns.arrivals import box
from tests.ui.jobs import wait_until
from tests.ui.recorded import RecordedWorker


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the add-on's own files go."""
    kept = tmp_path / "kept"
    kept.mkdir()
    for module in ("folders", "api_key", "recent", "feedback", "whats_new"):
        monkeypatch.setattr(f"metaspatial_addon.ui.state.{module}.user_folder", lambda: kept)
    monkeypatch.delenv("METASPATIAL_API_KEY", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def scene(folder):
    """A floor, three boxes on it, two of them selected, with the add-on enabled."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    metaspatial_addon.register()
    scene = bpy.context.scene
    floor = box("Floor", (0, 0, -1))
    floor.scale = (6, 6, 1)
    scene.metaspatial.floor = floor
    for k, name in enumerate(("Bed", "Lamp", "Plant")):
        box(name, (k, 0, 0)).select_set(k < 2)
    bpy.context.view_layer.update()
    yield scene
    metaspatial_addon.unregister()
    wait_until(lambda: not [t for t in threading.enumerate() if t.name == "MetaSpatial worker end"])
    status.update(IDLE, ProgressBar(), None)
    job.current = job.Job(status)


@pytest.fixture
def recorded(monkeypatch):
    monkeypatch.setattr(job, "Worker", RecordedWorker)
    monkeypatch.setattr(RecordedWorker, "started", [])
    return RecordedWorker.started
