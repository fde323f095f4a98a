"""Preview images for the asset browser, rendered on a transparent ground."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

PIXELS, SAMPLES = 128, 24


class PreviewStudio:
    """A scene with a camera and two lamps that photographs one object at a time."""

    def __init__(self, pixels: int = PIXELS, samples: int = SAMPLES):
        self._scene = bpy.data.scenes.new("Preview Studio")
        self._folder = tempfile.TemporaryDirectory()
        render = self._scene.render
        render.engine = "CYCLES"
        render.resolution_x = render.resolution_y = pixels
        render.film_transparent = True
        render.filepath = str(Path(self._folder.name) / "preview.png")
        render.image_settings.file_format = "PNG"
        render.image_settings.color_mode = "RGBA"
        self._scene.cycles.samples = samples
        self._scene.cycles.use_denoising = False
        self._scene.cycles.max_bounces = 4
        self._scene.cycles.seed = 0
        self._scene.view_settings.view_transform = "Standard"
        self._scene.world = bpy.data.worlds.new("Preview Studio")
        self._scene.world.use_nodes = True
        self._scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.9, 0.95, 1.0, 1.0)
        self._scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.55
        camera = bpy.data.cameras.new("Preview Studio")
        camera.lens = 85
        self._camera = bpy.data.objects.new("Preview Studio", camera)
        self._scene.collection.objects.link(self._camera)
        self._scene.camera = self._camera
        sun = bpy.data.lights.new("Preview Studio", "SUN")
        sun.energy, sun.angle = 2.2, 0.3
        self._sun = bpy.data.objects.new("Preview Studio Sun", sun)
        self._sun.rotation_euler = (math.radians(42), math.radians(12), math.radians(28))
        self._scene.collection.objects.link(self._sun)

    def image(self, subject: bpy.types.Object, hangs: bool) -> np.ndarray:
        """A picture from the front right, taken from below if the object hangs.

        (pixels, pixels, 4) floats, the bottom row first.
        """
        self._scene.collection.objects.link(subject)
        size = Vector(subject.dimensions)
        middle = Vector((0, 0, size.z / 2))
        flat = size.z < 0.1 * max(size.x, size.y)
        rise = -0.35 if hangs else 0.95 if flat else 0.5
        towards = Vector((0.62, -1.0, rise)).normalized()
        self._camera.location = middle + towards * (size.length * 2.35 + 0.05)
        self._camera.rotation_euler = towards.to_track_quat("Z", "Y").to_euler()
        self._camera.data.clip_start = 0.01
        bpy.ops.render.render(write_still=True, scene=self._scene.name)
        self._scene.collection.objects.unlink(subject)
        picture = bpy.data.images.load(self._scene.render.filepath)
        pixels = np.empty(len(picture.pixels), np.float32)
        picture.pixels.foreach_get(pixels)
        shape = picture.size[1], picture.size[0], 4
        bpy.data.images.remove(picture)
        return pixels.reshape(shape)

    def photograph(self, subject: bpy.types.Object, hangs: bool) -> None:
        """Give the object its preview image."""
        pixels = self.image(subject, hangs)
        # Fewer tones compress better and look the same at this size.
        pixels = np.round(pixels * 63) / 63
        pixels[pixels[..., 3] == 0] = 0
        preview = subject.preview_ensure()
        preview.image_size = pixels.shape[1], pixels.shape[0]
        preview.image_pixels_float.foreach_set(pixels.ravel())
        small = pixels.reshape(32, pixels.shape[0] // 32, 32, pixels.shape[1] // 32, 4).mean(axis=(1, 3))
        preview.icon_size = 32, 32
        preview.icon_pixels_float.foreach_set(np.ascontiguousarray(small).ravel())

    def close(self) -> None:
        """Remove everything the studio brought."""
        data, world, lamp = self._camera.data, self._scene.world, self._sun.data
        for thing in (self._camera, self._sun):
            bpy.data.objects.remove(thing)
        bpy.data.scenes.remove(self._scene)
        bpy.data.cameras.remove(data)
        bpy.data.lights.remove(lamp)
        bpy.data.worlds.remove(world)
        self._folder.cleanup()
