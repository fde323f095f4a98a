"""Scoring a layout of 12 items beside the raw Blender calls that it needs, with and without a render."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

from benchmarks.common import Furnished, random_layout, side_by_side
from benchmarks.raw import raw_scoring
from metaspatial_addon.blender.physics.measure import measure
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering.render import Renderer, frame_room

PIXELS, SAMPLES = 128, 4


@dataclass(frozen=True)
class Timing:
    """Mean over rooms of the median seconds of our scorer, of the raw calls, and of both with a render."""

    ours: float
    raw: float
    ours_rendered: float
    raw_rendered: float


def time_scoring(rooms: Sequence[Furnished], random: bool, rounds: int = 5) -> Timing:
    """Time the scoring of clean or random layouts. Shapes are cached; each round places another layout first."""
    with Stage() as stage, Renderer(engine="cycles", samples=SAMPLES // 2) as renderer:  # small images get twice that
        rows = [_time_room(stage, renderer, room, random, rounds) for room in rooms]
    return Timing(*(sum(column) / len(rows) for column in zip(*rows, strict=True)))


def _time_room(stage: Stage, renderer: Renderer, room: Furnished, random: bool, rounds: int) -> list[float]:
    task, clean = room
    layout, elsewhere = random_layout(task, 1) if random else clean, random_layout(task, 2)
    stage.open(task)
    stage.place(layout)

    def ours() -> None:
        measure(stage, task, layout)

    def raw() -> None:
        stage.place(layout)
        raw_scoring(stage.placed)

    def ours_rendered() -> None:
        ours()
        renderer.room_view(stage, task, layout, PIXELS)

    visible = _visible_objects(stage)

    def raw_rendered() -> None:
        raw()
        with renderer.render_scene.linked(visible):
            bpy.ops.render.render(write_still=True, scene=renderer.render_scene.scene.name)

    ours_rendered()  # sets the camera and the engine
    with tempfile.TemporaryDirectory() as folder:
        renderer.render_scene.scene.render.filepath = str(Path(folder) / "raw.bmp")
        return side_by_side([ours, raw, ours_rendered, raw_rendered], rounds, lambda: stage.place(elsewhere))


def _visible_objects(stage: Stage) -> list[bpy.types.Object]:
    """What a render of the room shows: the floor, the walls away from the camera and the items."""
    assert stage.task is not None and stage.room is not None
    _, _, hidden = frame_room(stage.task.room)
    walls = [obj for k, obj in enumerate(stage.room.walls) if k not in hidden]
    return [stage.room.floor, *walls, *(body.object for body in stage.placed)]
