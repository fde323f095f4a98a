"""Growth of one process over many episodes, in memory and in data-blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.common import Furnished, random_layout
from metaspatial_addon.blender.meshes import data_blocks
from metaspatial_addon.blender.physics.measure import measure
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering.render import Renderer
from metaspatial_addon.worker.memory import resident_mb


@dataclass(frozen=True)
class Growth:
    """What `episodes` episodes added after each room had been built twice."""

    episodes: int
    megabytes: float
    blocks: int
    left_over: int
    """Data-blocks that remain after the stage and the renderer are closed."""


def grow(rooms: Sequence[Furnished], episodes: int) -> Growth:
    """Play episodes, each of which builds a room, places a layout and measures it.

    Every fourth layout is random, and every 20th episode renders an image.
    """
    before = _count()
    with Stage() as stage, Renderer(engine="cycles", samples=1) as renderer:

        def episode(number: int) -> None:
            task, clean = rooms[number % len(rooms)]
            layout = clean if number % 4 else random_layout(task, number)
            stage.open(task)
            measure(stage, task, layout)
            if number % 20 == 0:
                renderer.room_view(stage, task, layout, 64)

        for number in range(2 * len(rooms)):
            episode(number)
        stage.open(rooms[0][0])
        memory, blocks = resident_mb(), _count()
        for number in range(episodes):
            episode(number)
        stage.open(rooms[0][0])
        grown, more = resident_mb() - memory, _count() - blocks
    return Growth(episodes, grown, more, _count() - before)


def _count() -> int:
    return sum(1 for _ in data_blocks())
