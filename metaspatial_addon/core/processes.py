"""The command that starts a Blender of our own beside the one that runs."""

from __future__ import annotations

import sys
from pathlib import Path


def blender_command(binary: str, script: Path) -> list[str]:
    """The command that runs a script in a headless Blender. `binary` is `bpy.app.binary_path`, which is empty where bpy
    is a module of a Python: then in another one like this. Arguments of the script follow after "--"."""
    if not binary:
        return [sys.executable, str(script)]
    return [binary, "-b", "--factory-startup", "--python-exit-code", "1", "-P", str(script)]
