"""The shared materials: one Principled material for each name, made when it is first asked for."""

from __future__ import annotations

from typing import NamedTuple

import bpy


class Finish(NamedTuple):
    """How a surface looks: sRGB colour, roughness, metalness, opacity, light given off."""

    colour: str
    roughness: float = 0.6
    metallic: float = 0.0
    alpha: float = 1.0
    glow: float = 0.0


FINISHES = {
    "oak": Finish("c49a68", 0.5),
    "oak dark": Finish("a97e50", 0.5),
    "walnut": Finish("6e4a32", 0.45),
    "walnut dark": Finish("553725", 0.45),
    "pine": Finish("dcb988", 0.55),
    "pine dark": Finish("c6a06c", 0.55),
    "birch": Finish("e6d2ae", 0.5),
    "white": Finish("f0eee9", 0.4),
    "white dark": Finish("d9d6cf", 0.45),
    "grey": Finish("8d9193", 0.5),
    "grey dark": Finish("55595c", 0.5),
    "black": Finish("26272a", 0.4),
    "linen": Finish("e9e3d7", 0.9),
    "sheet": Finish("f6f4ef", 0.85),
    "wool grey": Finish("8b9096", 0.95),
    "wool dark": Finish("5d6268", 0.95),
    "wool blue": Finish("47617d", 0.95),
    "wool light blue": Finish("93abc0", 0.95),
    "wool green": Finish("5f7a63", 0.95),
    "wool sage": Finish("a3b39a", 0.95),
    "wool beige": Finish("cfc0a6", 0.95),
    "wool mustard": Finish("cf9a3c", 0.95),
    "wool terracotta": Finish("b8694a", 0.95),
    "wool red": Finish("9c4340", 0.95),
    "wool rose": Finish("d0a098", 0.95),
    "leather": Finish("8a5433", 0.4),
    "leather dark": Finish("6d4028", 0.4),
    "leather black": Finish("2d2a29", 0.4),
    "steel": Finish("b9bdc1", 0.3, 1.0),
    "chrome": Finish("dfe2e5", 0.12, 1.0),
    "brass": Finish("c2995a", 0.28, 1.0),
    "iron": Finish("2b2d30", 0.45, 0.6),
    "ceramic": Finish("f7f7f5", 0.15),
    "ceramic blue": Finish("6f8fa8", 0.2),
    "terracotta": Finish("b96f4d", 0.8),
    "stone": Finish("ded9d1", 0.3),
    "stone dark": Finish("4b4c4f", 0.3),
    "glass": Finish("d5e4e6", 0.05, 0.0, 0.2),
    "mirror": Finish("e4eaec", 0.03, 1.0),
    "water": Finish("a9cbd6", 0.05),
    "screen": Finish("14181f", 0.15),
    "picture blue": Finish("6f95b5", 0.6),
    "screen lit": Finish("5c8fc2", 0.3, glow=0.4),
    "plastic white": Finish("ececea", 0.35),
    "plastic grey": Finish("a7abae", 0.4),
    "plastic black": Finish("1d1e20", 0.4),
    "red": Finish("bf4a41", 0.45),
    "blue": Finish("4f7fab", 0.45),
    "yellow": Finish("e0b248", 0.45),
    "green": Finish("6b9a6b", 0.45),
    "orange": Finish("d98341", 0.5),
    "leaf": Finish("4d7a43", 0.55),
    "leaf dark": Finish("35603c", 0.5),
    "leaf light": Finish("82a65c", 0.55),
    "bark": Finish("70563f", 0.9),
    "soil": Finish("43342a", 0.95),
    "wicker": Finish("b58b58", 0.85),
    "wicker dark": Finish("96703f", 0.85),
    "paper": Finish("f3efe3", 0.85),
    "jute": Finish("bfa377", 0.95),
    "shade": Finish("f4ead2", 0.8, glow=0.35),
    "bulb": Finish("fff3d6", 0.4, glow=2.0),
    "book red": Finish("9d4b44", 0.7),
    "book blue": Finish("3f5f7d", 0.7),
    "book green": Finish("5c7a61", 0.7),
    "book cream": Finish("e0d3b5", 0.7),
    "book ochre": Finish("c48f43", 0.7),
    "hair": Finish("5a3b26", 0.9),
}


def material(name: str) -> bpy.types.Material:
    """The material of that palette name, shared by all pieces; KeyError for a name outside the palette."""
    finish = FINISHES[name]
    known = bpy.data.materials.get(name)
    if known is not None:
        return known
    colour = (*_linear(finish.colour), 1.0)
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    principled = made.node_tree.nodes["Principled BSDF"].inputs
    principled["Base Color"].default_value = colour
    principled["Roughness"].default_value = finish.roughness
    principled["Metallic"].default_value = finish.metallic
    principled["Alpha"].default_value = finish.alpha
    principled["Emission Color"].default_value = colour
    principled["Emission Strength"].default_value = finish.glow
    # The flat viewport shows these three.
    made.diffuse_color = (*colour[:3], finish.alpha)
    made.roughness = finish.roughness
    made.metallic = finish.metallic
    return made


def _linear(colour: str) -> tuple[float, ...]:
    """Linear light of an sRGB colour in hexadecimal."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    return tuple(s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
