"""Images of a layout: the annotated top view and the perspective view, with any of Blender's engines.

Both are framed to the room at its true size, so they look the same from turn to turn whatever the items do.
The stage must have the task open. Returned PNG bytes hold pixels and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import bpy
import numpy as np

from ...core.engines import ViewMethod
from ...core.evidence import ViewMeasure
from ...core.furniture import FURNITURE
from ...core.task import Layout, Room, Task
from ...prompts.png import write_png
from ..physics.room_meshes import WALL_THICKNESS_M
from ..physics.stage import Stage
from .annotate import PlanFrame, annotate
from .engines import resolve
from .ray_view import measure_view_by_rays
from .render_scene import RenderScene
from .standing_places import floor_points
from .visibility import measure_view, open_room

ELEVATION = 40.0
"""Degrees above the horizon from which the room is seen."""
HALF_FIELD = math.tan(math.radians(19.0))
"""Tangent of half the perspective camera's field of view: a long lens, as for a model on a table."""
MARGIN = 0.04
"""Share of the image left free at each side of the room."""


class Renderer:
    """Renders what stands on a stage.

    `engine` is auto, cycles, eevee or workbench. One that cannot run on this machine gives way to Cycles with a
    warning; `auto` is EEVEE where a graphics card can be used and Cycles everywhere else. `samples` a pixel are for
    512 px and grow where images are smaller; `threads` limits Cycles. Use it as a context manager, or `close()` it.

    Images are `pixels` wide and high. With 0 none are rendered: `top_view` and `room_view` return no bytes, and only
    `measure_view` does something: by renders, or by rays if that is its `view_method`. `between` is called often while
    Cycles makes an image; what it raises ends that. All of these may be changed at any time.
    """

    def __init__(self, engine: str = "auto", samples: int = 16, threads: int | None = None, pixels: int = 512):
        self.engine = resolve(engine)
        self.samples, self.pixels = samples, pixels
        self.view_method: ViewMethod = "renders"
        self.between: Callable[[], None] | None = None
        self._threads = threads
        self._render_scene: RenderScene | None = None

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove every data-block that this renderer made. It can be used again afterwards."""
        if self._render_scene is not None:
            self._render_scene.close()
            self._render_scene = None

    @property
    def render_scene(self) -> RenderScene:
        if self._render_scene is None:
            self._render_scene = RenderScene(self._threads)
        return self._render_scene

    def top_view(self, stage: Stage, task: Task, layout: Layout, pixels: int | None = None) -> bytes:
        """PNG: the plan with metre ticks, openings, fronts and names. Items too small or hidden are still named.

        `pixels` overrides the renderer's own.
        """
        pixels = self.pixels if pixels is None else pixels
        if not pixels:
            return b""
        stage.place(layout)
        frame = PlanFrame.of(task.room, pixels)
        camera = self.render_scene.camera.data
        camera.type, camera.ortho_scale = "ORTHO", frame.extent
        camera.clip_start, camera.clip_end = 0.1, task.room.height + 60
        self.render_scene.aim((*frame.centre, task.room.height + 30), np.eye(3))
        self.render_scene.light_from(np.array([-0.45, 0.4, 1.0]), fill=0.2)
        shown = [b.object for b in stage.placed if b.item.mount != "ceiling"]
        return write_png(annotate(self._render(stage, task, shown, pixels), frame, task, layout))

    def room_view(self, stage: Stage, task: Task, layout: Layout, pixels: int | None = None) -> bytes:
        """PNG: the room from above one corner, without ceiling and the walls towards the camera.

        `pixels` overrides the renderer's own.
        """
        pixels = self.pixels if pixels is None else pixels
        if not pixels:
            return b""
        stage.place(layout)
        rotation, place, hidden = frame_room(task.room)
        camera = self.render_scene.camera.data
        camera.type, camera.sensor_fit, camera.angle = "PERSP", "AUTO", 2 * math.atan(HALF_FIELD)
        camera.clip_start, camera.clip_end = 0.1, 500
        self.render_scene.aim(place, rotation)
        # Over the viewer's left shoulder: the far walls are lit, and shadows fall away to the right.
        self.render_scene.light_from(rotation @ np.array([-0.62, 0.75, 0.75]), fill=0.7)
        walls = [obj for k, obj in enumerate(open_room(stage).walls) if k not in hidden]
        shown = [*walls, *(body.object for body in stage.placed)]
        return write_png(self._render(stage, task, shown, pixels))

    def measure_view(self, stage: Stage, task: Task, layout: Layout) -> ViewMeasure:
        """How much of each item people standing in the room see. Renders are always of Cycles here."""
        stage.place(layout)
        if self.view_method == "rays":
            return measure_view_by_rays(stage, task)
        return measure_view(self.render_scene, stage, task)

    def _render(self, stage: Stage, task: Task, shown: list[bpy.types.Object], pixels: int) -> np.ndarray:
        """(pixels, pixels, 3) uint8: the floor and the objects `shown`, from where the camera is."""
        render_scene, room = self.render_scene, open_room(stage)
        overrides = {room.floor: [render_scene.floor_material(task.room.type)]}
        for obj in room.walls:
            overrides[obj] = [render_scene.wall_override(slot.material) for slot in obj.material_slots]
        for body in stage.placed:
            if not any(body.object.data.materials):
                furniture_class = FURNITURE.class_of(body.item.category, body.item.covering)
                overrides[body.object] = [render_scene.box_material(furniture_class)]
        with _material_overrides(overrides), render_scene.linked([room.floor, *shown]):
            return render_scene.render(self.engine, pixels, self._samples(pixels), self.between)

    def _samples(self, pixels: int) -> int:
        """Samples a pixel: more for small images, whose noise is as visible and which cost little."""
        return max(self.samples, round(self.samples * min(512 / pixels, 2.0)))


@contextmanager
def _material_overrides(overrides: Mapping[bpy.types.Object, Sequence[bpy.types.Material | None]]) -> Iterator[None]:
    """Give objects other materials, by slot, until the end of the block; None keeps a slot's own.

    Their meshes, which may be shared or an artist's, end as they were.
    """
    bare = {obj.data for obj in overrides if not obj.material_slots}
    for mesh in bare:
        mesh.materials.append(None)
    for obj, materials in overrides.items():
        for slot, material in zip(obj.material_slots, materials, strict=False):
            if material is not None:
                slot.link, slot.material = "OBJECT", material
    try:
        yield
    finally:
        for obj in overrides:
            for slot in obj.material_slots:
                if slot.link == "OBJECT":
                    slot.material = None
                    slot.link = "DATA"
        for mesh in bare:
            mesh.materials.clear()


def frame_room(room: Room) -> tuple[np.ndarray, tuple[float, float, float], frozenset[int]]:
    """The perspective camera of a room: its axes (3, 3) as columns, its place, and the walls to leave out.

    Of four corners it takes the one from which most of the floor and of the windows is seen. The camera is as near
    as the whole room allows: exact, since with fixed axes every side of the frame bounds its place linearly.
    """
    longest = max(room.walls, key=lambda edge: round(edge.length, 6))
    base = math.degrees(math.atan2(longest.direction[1], longest.direction[0]))
    views = [_frame(room, base + 90 * k - 50) for k in range(4)]
    return max(views, key=lambda candidate: round(_shows(room, candidate[1], candidate[2]), 6))


def _frame(room: Room, azimuth: float) -> tuple[np.ndarray, tuple[float, float, float], frozenset[int]]:
    a, e = math.radians(azimuth), math.radians(ELEVATION)
    back = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    right = np.array([-math.sin(a), math.cos(a), 0.0])
    rotation = np.stack([right, np.cross(back, right), back], axis=1)
    walls = room.walls
    hidden = frozenset(k for k, edge in enumerate(walls) if float(np.dot(edge.inward, back[:2])) < 0.02)
    points = []
    for k, edge in enumerate(walls):
        for corner in (edge.at(0.0), edge.at(edge.length)):
            points.append((*corner, 0.0))
            if k not in hidden:
                out = -WALL_THICKNESS_M * np.asarray(edge.inward)
                points.append((corner[0] + out[0], corner[1] + out[1], room.height))
    u, v, w = (np.array(points) @ rotation).T
    t = HALF_FIELD * (1 - 2 * MARGIN)
    far = max((np.max(s + t * w) - np.min(s - t * w)) / (2 * t) for s in (u, v))
    middle = [0.5 * (np.max(s + t * w) + np.min(s - t * w)) for s in (u, v)]
    x, y, z = rotation @ np.array([*middle, far])
    return rotation, (float(x), float(y), float(z)), hidden


def _shows(room: Room, place: tuple[float, float, float], hidden: frozenset[int]) -> float:
    """How well a view shows the room: standing walls that cover floor count against it, windows in sight for it, and
    a little that one looks in from the door."""
    points = floor_points(room, 12)
    covered = np.zeros(len(points), bool)
    eye = np.array(place)
    for k in range(len(room.floor)):
        if k in hidden:
            continue
        edge = room.walls[k]
        normal, start = np.array(edge.inward), np.array(edge.at(0.0))
        near, far = (points - start) @ normal, float((eye[:2] - start) @ normal)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = near / (near - far)  # of the way from the floor to the eye, where the wall's plane is crossed
        along = (points + share[:, None] * (eye[:2] - points) - start) @ np.array(edge.direction)
        between = (share > 1e-6) & (share < 1) & (along > 0) & (along < edge.length)
        covered |= between & (share * eye[2] < room.height)
    windows = [o for o in room.openings if o.kind == "window"]
    seen = sum(o.wall not in hidden for o in windows) / max(len(windows), 1)
    doors = [o for o in room.openings if o.kind == "door"]
    shut = sum(o.wall in hidden for o in doors) / max(len(doors), 1)
    return -3.0 * float(covered.mean() if len(points) else 0) + 0.2 * seen + 0.05 * shut
