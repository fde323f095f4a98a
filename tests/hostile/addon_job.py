"""The add-on at work in a Blender without windows, whose timer is called by hand: python addon_job.py.

It lays out the same room again and again, and never ends by itself. For each turn that has arrived it says "turn" and
which process made it, or why none came.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy

import metaspatial_addon
from metaspatial_addon.ui.state import job, preferences
from metaspatial_addon.ui.state.job_status import status
from tests.blender.turns.arrivals import box


def main() -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    metaspatial_addon.register()
    scene, chosen = bpy.context.scene, preferences.of(bpy.context)
    floor = box("Floor", (0, 0, -1))
    floor.scale = (6, 6, 1)
    scene.metaspatial.floor, scene.metaspatial.turns = floor, 1
    chosen.engine, chosen.picture_size, chosen.samples = "CYCLES", 64, 1
    for k, name in enumerate(("Bed", "Lamp")):
        box(name, (k, 0, 0)).select_set(True)
    bpy.context.view_layer.update()
    while True:
        bpy.ops.metaspatial.generate_layout()
        while status.busy:
            job.tick()
            time.sleep(0.005)
        print(f"turn {job.current.worker.pid}" if status.notice is None else status.notice, flush=True)


if __name__ == "__main__":
    main()
