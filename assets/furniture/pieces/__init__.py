"""Builders of the furniture library, one module for each room family.

Importing a family module fills `BUILDERS`; `build.py` calls one builder for each asset of the catalog.
"""

from __future__ import annotations

from . import (
    appliances,
    bathroom,
    bathroom_fittings,
    bedroom,
    children,
    decor,
    dining,
    hallway,
    kitchen,
    lights,
    living,
    office,
)
from .solid import BUILDERS, Piece

__all__ = [
    "BUILDERS",
    "Piece",
    "appliances",
    "bathroom",
    "bathroom_fittings",
    "bedroom",
    "children",
    "decor",
    "dining",
    "hallway",
    "kitchen",
    "lights",
    "living",
    "office",
]
