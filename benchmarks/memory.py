"""Row 4: many episodes in one process must not grow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common import Placed, resident, thrown_in

from metaspatial_addon.blender.meshes import data_blocks
from metaspatial_addon.blender.physics.measure import measure
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering.render import Renderer


@dataclass(frozen=True)
class Growth:
    """What `episodes` episodes added, after a first round in which every room was built once."""

    episodes: int
    megabytes: float
    blocks: int
    left_over: int
    """Data-blocks still there once the stage and the renderer are closed."""


def grow(rooms: Sequence[Placed], episodes: int) -> Growth:
    """Each episode builds a room, places a layout and measures it, rigid bodies and all. In every fourth the items lie
    about; every 20th takes a picture."""
    before = _count()
    with Stage() as stage, Renderer(engine="cycles", samples=1) as renderer:

        def episode(number: int) -> None:
            task, clean = rooms[number % len(rooms)]
            layout = clean if number % 4 else thrown_in(task, number)
            stage.open(task)
            measure(stage, task, layout)
            if number % 20 == 0:
                renderer.room_view(stage, task, layout, 64)

        for number in range(2 * len(rooms)):
            episode(number)
        stage.open(rooms[0][0])
        memory, blocks = resident(), _count()
        for number in range(episodes):
            episode(number)
        stage.open(rooms[0][0])
        grown, more = resident() - memory, _count() - blocks
    return Growth(episodes, grown, more, _count() - before)


def _count() -> int:
    return sum(1 for _ in data_blocks())
