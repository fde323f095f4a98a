"""Scoring by a fresh process for every layout, as the paper's code does.

The process imports bpy and 12 .glb files, places them, measures, renders on request, and saves a .blend. Run by
`python -m benchmarks.fresh JOB.json`, this module is that process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import ROOT, Furnished, seconds
from metaspatial_addon.core.task import Task, task_from_json, task_to_json


def time_fresh(room: Furnished, render: bool, rounds: int = 3) -> float:
    """Median seconds of a fresh process that scores the layout of a room."""
    from metaspatial_addon.core.task import layout_to_json

    task, layout = room
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = {"task": task_to_json(_as_files(task, folder)), "layout": layout_to_json(layout), "render": render}
        (folder / "job.json").write_text(json.dumps(job))
        command = [sys.executable, "-m", "benchmarks.fresh", str(folder / "job.json")]

        def once() -> None:
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            if not (folder / "scene.blend").exists():
                raise RuntimeError("the fresh process saved nothing")

        return sorted(seconds(once) for _ in range(rounds))[rounds // 2]


def _as_files(task: Task, folder: Path) -> Task:
    """The task with its items' meshes as .glb files in a folder."""
    from dataclasses import replace

    import bpy

    from metaspatial_addon.blender.physics.stage import Stage

    with Stage() as stage:
        stage.open(task)
        items = []
        scene = bpy.context.scene
        for body in stage.bodies.values():
            copy = bpy.data.objects.new("item", body.shape.mesh)
            scene.collection.objects.link(copy)
            bpy.ops.object.select_all(action="DESELECT")
            copy.select_set(True)
            path = folder / f"{body.item.id}.glb"
            bpy.ops.export_scene.gltf(filepath=str(path), export_format="GLB", use_selection=True)
            bpy.data.objects.remove(copy)
            items.append(replace(body.item, asset=str(path)))
    return replace(task, items=tuple(items))


def main(job_file: Path) -> None:
    """Score the layout of a job and save the scene."""
    import bpy

    from metaspatial_addon.blender.physics.measure import measure
    from metaspatial_addon.blender.physics.stage import Stage
    from metaspatial_addon.blender.rendering.render import Renderer
    from metaspatial_addon.core.task import layout_from_json

    job = json.loads(job_file.read_text())
    task, layout = task_from_json(job["task"]), layout_from_json(job["layout"])
    stage = Stage()
    stage.open(task)
    measure(stage, task, layout)
    if job["render"]:
        Renderer(engine="cycles", samples=2).room_view(stage, task, layout, 128)
    bpy.ops.wm.save_as_mainfile(filepath=str(job_file.with_name("scene.blend")), check_existing=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # Blender's own clean-up is not what is measured
