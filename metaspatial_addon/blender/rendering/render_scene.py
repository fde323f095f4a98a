"""The scene that is rendered: camera, lights, world, floor materials, engine settings.

It is a scene of its own. Objects of the stage are linked into it for the time of one render, so that hiding the
ceiling or a wall changes nothing on the stage or in an artist's file. `close()` removes all that it made.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ...core.furniture import FURNITURE
from ...core.temporary import TemporaryFolder
from .canvas import without_grain

PREFIX = "MetaSpatial Render: "

EXPOSURE = -0.35
WORKBENCH_LIFT = 1.2

GROUND = (0.93, 0.915, 0.885)
"""Colour around the room, linear, as the camera sees it."""

_TILED = ("bath", "kitchen", "toilet", "laundry", "wc")
"""Room types (their beginnings) with a tiled floor; others have planks."""

STRIP = 2**20
"""Samples of a strip of a render that may be broken off: about one second of one core."""

_BMP_HEADER = (("<I", 10), ("<I", 18), ("<I", 22), ("<H", 28))
"""Kinds and places of the fields that matter: where pixels start, width, height, bits a pixel."""

_PLANKS = {"Color1": (0.50, 0.335, 0.20, 1), "Color2": (0.44, 0.285, 0.165, 1), "Mortar": (0.27, 0.17, 0.10, 1)}
_TILES = {"Color1": (0.60, 0.61, 0.61, 1), "Color2": (0.55, 0.56, 0.565, 1), "Mortar": (0.36, 0.36, 0.36, 1)}


class RenderScene:
    """One scratch scene for all renders of a process."""

    def __init__(self, threads: int | None = None):
        self._made: list[bpy.types.ID] = []
        self._folder = TemporaryFolder()
        self.scene = self._own(bpy.data.scenes.new(PREFIX + "scene"))
        self.camera = self._add("camera", bpy.data.cameras.new(PREFIX + "camera"))
        self.scene.camera = self.camera
        self._view_cameras: list[bpy.types.Object] = []
        self._sun = self._add("sun", bpy.data.lights.new(PREFIX + "sun", "SUN"))
        self._sun.data.energy, self._sun.data.angle, self._sun.data.color = 2.3, 0.2, (1.0, 0.92, 0.80)
        self._fill = self._add("fill", bpy.data.lights.new(PREFIX + "fill", "SUN"))
        self._fill.data.use_shadow = False
        self._fill.visible_glossy = False  # or whatever faces the camera would mirror it
        self._planks = self._floor("planks", _PLANKS, 1.3, 0.16)
        self._tiles = self._floor("tiles", _TILES, 0.4, 0.4)
        self._finishes = {"wall": self._matt("wall", (0.74, 0.70, 0.64)), "glass": self._sky()}
        self._plain: dict[str, bpy.types.Material] = {}
        self._ids = self._id_material()
        self.scene.world = self._world = self._make_world()
        self._settings(threads)

    def close(self) -> None:
        """Remove every data-block and file that this scene made."""
        bpy.data.batch_remove(self._made)
        self._made = []
        self._folder.remove()

    def light_from(self, towards: np.ndarray, fill: float) -> None:
        """Let the sun shine from a direction (3,): warm, with the soft shadows of a large lamp. `fill` is the strength
        of a light from the viewer without shadows: dark corners stay readable, and have less grain."""
        self._sun.matrix_world = Vector(towards.tolist()).to_track_quat("Z", "Y").to_matrix().to_4x4()
        self._fill.matrix_world = self.camera.matrix_world
        self._fill.data.energy = fill

    @contextmanager
    def linked(self, objects: Iterable[bpy.types.Object]) -> Iterator[None]:
        """Link the objects into the scene as well, until the end of the block."""
        linked = list(objects)
        for obj in linked:
            self.scene.collection.objects.link(obj)
        try:
            yield
        finally:
            for obj in linked:
                self.scene.collection.objects.unlink(obj)

    def render(self, engine: str, pixels: int, samples: int, between: Callable[[], None] | None = None) -> np.ndarray:
        """(pixels, pixels, 3) uint8: what the camera sees. Raises RuntimeError where Blender cannot render.

        With `between` Cycles renders strips of STRIP samples each, and calls it before each: an exception ends it.
        """
        self.scene.world = self._world
        view = self.scene.view_settings
        # Standard keeps the colours of materials; the lights are set so that nothing clips.
        view.view_transform, view.look, view.exposure, view.gamma = "Standard", "None", EXPOSURE, 1.0
        if engine == "BLENDER_WORKBENCH":  # its fixed studio light is dim
            view.exposure += WORKBENCH_LIFT
        self.scene.cycles.pixel_filter_type, self.scene.cycles.filter_width = "BLACKMAN_HARRIS", 1.5
        self.scene.view_layers[0].material_override = None
        if engine != "CYCLES":
            return self._render_images(engine, pixels, samples)[0]
        if between is None:
            return without_grain(self._render_images(engine, pixels, samples)[0])
        return without_grain(self._render_strips(pixels, samples, between))

    def render_ids(self, views: Sequence[tuple[np.ndarray, np.ndarray]], pixels: int) -> list[np.ndarray]:
        """(pixels, pixels) int32 for each view: the pass index of the object seen at each pixel's middle, 0 where there
        is none. A view is a place (3,) and a rotation (3, 3) as `aim` takes them.

        All are rendered in one go, as the views of a scene in stereo are: to begin a render takes Cycles longer than
        to take so small an image.
        """
        self.scene.world = None
        view = self.scene.view_settings
        view.view_transform, view.look, view.exposure, view.gamma = "Raw", "None", 0.0, 1.0
        self.scene.cycles.pixel_filter_type, self.scene.cycles.filter_width = "BOX", 0.01
        self.scene.view_layers[0].material_override = self._ids
        with self._multiview(views) as names:
            coded = self._render_images("CYCLES", pixels, 1, names)
        return [image[:, :, 0] + 256 * image[:, :, 1].astype(np.int32) for image in coded]

    def aim(self, place: Sequence[float], rotation: np.ndarray) -> None:
        """Put the camera somewhere; `rotation` (3, 3) has its right, up and backward directions as columns."""
        _aim(self.camera, place, rotation)

    def wall_override(self, material: bpy.types.Material | None) -> bpy.types.Material | None:
        """The material in renders of a part of the stage's walls: None to keep its own."""
        name = "" if material is None else material.name.split(".")[0]
        return next((worn for part, worn in self._finishes.items() if name.endswith(part)), None)

    def box_material(self, kind: str) -> bpy.types.Material:
        """The material of a plain box, in the colour of its class of furniture."""
        if kind not in self._plain:
            linear = tuple((c / 255) ** 2.2 for c in FURNITURE.classes[kind].colour)
            self._plain[kind] = self._matt(kind, linear)
        return self._plain[kind]

    def floor_material(self, room_type: str) -> bpy.types.Material:
        return self._tiles if room_type.lower().startswith(_TILED) else self._planks

    @contextmanager
    def _multiview(self, views: Sequence[tuple[np.ndarray, np.ndarray]]) -> Iterator[list[str]]:
        """Render with an eye for each view in place of the camera; what Blender adds to the names of their files."""
        render = self.scene.render
        while len(self._view_cameras) < len(views):
            eye = self._stand("eye", self.camera.data)
            self._view_cameras.append(eye)
            view = render.views.new(eye.name)
            view.file_suffix = eye.name.removeprefix(PREFIX)  # by which Blender finds the view's camera, too
        eyes = self._view_cameras[: len(views)]
        for eye, (place, rotation) in zip(eyes, views, strict=True):
            _aim(eye, place, rotation)
        for view in render.views:
            view.use = view.name in [eye.name for eye in eyes]
        self.scene.camera, render.use_multiview = eyes[0], len(eyes) > 1  # of one view alone some versions add nothing
        try:
            yield [render.views[eye.name].file_suffix for eye in eyes] if len(eyes) > 1 else [""]
        finally:
            self.scene.camera, render.use_multiview = self.camera, False

    def _render_strips(self, pixels: int, samples: int, between: Callable[[], None]) -> np.ndarray:
        """The image that Cycles makes in one go, put together from strips."""
        render, rows = self.scene.render, max(8, STRIP // (pixels * samples))
        strips = []
        render.use_border = render.use_crop_to_border = True
        try:
            for top in range(0, pixels, rows):
                between()
                bottom = min(top + rows, pixels)
                render.border_min_y, render.border_max_y = 1 - bottom / pixels, 1 - top / pixels
                strips += self._render_images("CYCLES", pixels, samples)
        finally:
            render.use_border = render.use_crop_to_border = False
        return np.concatenate(strips)

    def _render_images(self, engine: str, pixels: int, samples: int, names: Sequence[str] = ("",)) -> list[np.ndarray]:
        """(pixels, pixels, 3) uint8 each; `names` are what Blender adds to the file's for each view."""
        render = self.scene.render
        render.engine = engine
        render.resolution_x = render.resolution_y = pixels
        self.scene.cycles.samples = samples
        self.scene.eevee.taa_render_samples = samples
        folder = self._folder.path
        render.filepath = str(folder / "image.bmp")
        with _quiet():
            bpy.ops.render.render(write_still=True, scene=self.scene.name)
        images = []
        for name in names:
            path = folder / f"image{name}.bmp"
            if not path.is_file():
                raise RuntimeError("Blender's render wrote no image")
            images.append(_read_bmp(path.read_bytes()))
            path.unlink()
        return images

    def _settings(self, threads: int | None) -> None:
        scene = self.scene
        render, cycles = scene.render, scene.cycles
        render.resolution_percentage = 100
        render.image_settings.file_format, render.image_settings.color_mode = "BMP", "RGB"
        render.use_file_extension = False
        render.views_format = "MULTIVIEW"
        render.use_compositing = render.use_sequencer = False
        render.dither_intensity = 0.0
        if threads:
            render.threads_mode, render.threads = "FIXED", threads
        scene.display_settings.display_device = "sRGB"
        cycles.device, cycles.seed = "CPU", 0
        cycles.use_denoising = cycles.use_adaptive_sampling = False
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 2, 1, 1
        cycles.transmission_bounces, cycles.transparent_max_bounces = 2, 4
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.sample_clamp_indirect = 2.0
        shading = scene.display.shading
        shading.light, shading.color_type = "STUDIO", "MATERIAL"
        shading.show_shadows, shading.shadow_intensity = True, 0.35
        shading.show_cavity = True

    def _own(self, block: bpy.types.ID) -> bpy.types.ID:
        self._made.append(block)
        return block

    def _add(self, name: str, data: bpy.types.ID) -> bpy.types.Object:
        return self._stand(name, self._own(data))

    def _stand(self, name: str, data: bpy.types.ID) -> bpy.types.Object:
        obj = self._own(bpy.data.objects.new(PREFIX + name, data))
        self.scene.collection.objects.link(obj)
        return obj

    def _nodes(self, owner: bpy.types.World | bpy.types.Material) -> bpy.types.NodeTree:
        if owner.node_tree is None:  # from Blender 5.0 on there always is one
            owner.use_nodes = True
        owner.node_tree.nodes.clear()
        return owner.node_tree

    def _make_world(self) -> bpy.types.World:
        """Soft light from all sides, and a plain ground where the camera sees past the room."""
        world = self._own(bpy.data.worlds.new(PREFIX + "world"))
        world.color = [c * 2**-WORKBENCH_LIFT for c in GROUND]  # Workbench alone looks at this
        tree = self._nodes(world)
        seen, lit = (tree.nodes.new("ShaderNodeBackground") for _ in range(2))
        seen.inputs["Color"].default_value = (*GROUND, 1)
        lit.inputs["Color"].default_value = (0.93, 0.96, 1.0, 1)
        lit.inputs["Strength"].default_value = 0.75
        path, mix = tree.nodes.new("ShaderNodeLightPath"), tree.nodes.new("ShaderNodeMixShader")
        out = tree.nodes.new("ShaderNodeOutputWorld")
        tree.links.new(path.outputs["Is Camera Ray"], mix.inputs[0])
        tree.links.new(lit.outputs[0], mix.inputs[1])
        tree.links.new(seen.outputs[0], mix.inputs[2])
        tree.links.new(mix.outputs[0], out.inputs["Surface"])
        return world

    def _floor(self, name: str, colours: dict[str, tuple], width: float, row: float) -> bpy.types.Material:
        """Bricks of `width` by `row` metres, laid out in the room's own frame."""
        material = self._own(bpy.data.materials.new(PREFIX + name))
        material.diffuse_color = colours["Color1"]
        tree = self._nodes(material)
        place, brick = tree.nodes.new("ShaderNodeNewGeometry"), tree.nodes.new("ShaderNodeTexBrick")
        shader, out = tree.nodes.new("ShaderNodeBsdfPrincipled"), tree.nodes.new("ShaderNodeOutputMaterial")
        brick.offset = 0.37 if name == "planks" else 0.0
        for socket, colour in colours.items():
            brick.inputs[socket].default_value = colour
        for socket, value in {"Scale": 1.0, "Mortar Size": 0.006, "Brick Width": width, "Row Height": row}.items():
            brick.inputs[socket].default_value = value
        shader.inputs["Roughness"].default_value = 0.5
        tree.links.new(place.outputs["Position"], brick.inputs["Vector"])
        tree.links.new(brick.outputs["Color"], shader.inputs["Base Color"])
        tree.links.new(shader.outputs[0], out.inputs["Surface"])
        return material

    def _matt(self, name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
        material = self._own(bpy.data.materials.new(PREFIX + name))
        material.diffuse_color = (*colour, 1)
        tree = self._nodes(material)
        shader, out = tree.nodes.new("ShaderNodeBsdfPrincipled"), tree.nodes.new("ShaderNodeOutputMaterial")
        shader.inputs["Base Color"].default_value = (*colour, 1)
        shader.inputs["Roughness"].default_value = 0.65
        tree.links.new(shader.outputs[0], out.inputs["Surface"])
        return material

    def _sky(self) -> bpy.types.Material:
        """Window panes: a pale sky that shines by itself."""
        material = self._own(bpy.data.materials.new(PREFIX + "sky"))
        material.diffuse_color = (0.42, 0.66, 0.92, 1)
        tree = self._nodes(material)
        shine, out = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
        shine.inputs["Color"].default_value = (0.42, 0.66, 0.92, 1)
        shine.inputs["Strength"].default_value = 0.8
        tree.links.new(shine.outputs[0], out.inputs["Surface"])
        return material

    def _id_material(self) -> bpy.types.Material:
        """Shines with the object's pass index: its low byte in red, its high byte in green."""
        material = self._own(bpy.data.materials.new(PREFIX + "ids"))
        material.cycles.emission_sampling = "NONE"  # else every face is a lamp, and they are sorted for each image
        tree = self._nodes(material)

        def math(operation: str, value: bpy.types.NodeSocket, by: float) -> bpy.types.NodeSocket:
            node = tree.nodes.new("ShaderNodeMath")
            node.operation = operation
            tree.links.new(value, node.inputs[0])
            node.inputs[1].default_value = by
            return node.outputs[0]

        index = tree.nodes.new("ShaderNodeObjectInfo").outputs["Object Index"]
        high = math("FLOOR", math("DIVIDE", math("ADD", index, 0.5), 256.0), 0.0)
        low = math("MODULO", index, 256.0)
        combine, shine = tree.nodes.new("ShaderNodeCombineXYZ"), tree.nodes.new("ShaderNodeEmission")
        out = tree.nodes.new("ShaderNodeOutputMaterial")
        tree.links.new(math("DIVIDE", low, 255.0), combine.inputs[0])
        tree.links.new(math("DIVIDE", high, 255.0), combine.inputs[1])
        tree.links.new(combine.outputs[0], shine.inputs["Color"])
        tree.links.new(shine.outputs[0], out.inputs["Surface"])
        return material


@contextmanager
def _quiet() -> Iterator[None]:
    """Without a window Blender prints a line for every step of a render: keep them off the standard output."""
    if not bpy.app.background:
        yield
        return
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _aim(camera: bpy.types.Object, place: Sequence[float] | np.ndarray, rotation: np.ndarray) -> None:
    camera.matrix_world = Matrix.Translation(place) @ Matrix(rotation.tolist()).to_4x4()


def _read_bmp(data: bytes) -> np.ndarray:
    """(H, W, 3) uint8 of an uncompressed bitmap, which Blender writes without any metadata. Raises RuntimeError."""
    if data[:2] != b"BM":
        raise RuntimeError("Blender's render is no bitmap")
    start, width, height, bits = (struct.unpack_from(kind, data, at)[0] for kind, at in _BMP_HEADER)
    channels = bits // 8
    stride = (width * channels + 3) // 4 * 4
    rows = np.frombuffer(data, np.uint8, stride * height, start).reshape(height, stride)[::-1, : width * channels]
    return np.ascontiguousarray(rows.reshape(height, width, channels)[:, :, 2::-1])
