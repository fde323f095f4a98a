"""The render engines and methods that a user can choose between, listed without Blender for options and messages."""

from __future__ import annotations

from typing import Literal, get_args

Engine = Literal["auto", "cycles", "eevee", "workbench"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

ViewMethod = Literal["renders", "rays"]
"""What measures the view term: images that Cycles renders, or rays at the same meshes through fewer pixels."""
