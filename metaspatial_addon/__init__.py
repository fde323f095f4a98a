"""MetaSpatial: a vision-language model lays out the furniture of the open scene and mends it turn by turn.

Importing this package needs no Blender: whatever touches bpy is imported inside the functions that need it.
"""

from __future__ import annotations

__version__ = "0.1.0"


def register() -> None:
    """Called by Blender when the add-on is enabled."""
    from . import ui

    ui.register()


def unregister() -> None:
    """Called by Blender when the add-on is disabled; undoes `register`."""
    from . import ui

    ui.unregister()
