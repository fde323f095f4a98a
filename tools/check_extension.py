"""Is the installed extension enabled, and of this checkout's version? Run inside Blender by tools/test_blender.sh."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import bpy

MODULE = "bl_ext.user_default.metaspatial"

expected = tomllib.loads((Path(__file__).parents[1] / "blender_manifest.toml").read_text())["version"]
if MODULE not in bpy.context.preferences.addons:
    sys.exit(f"{MODULE} is not enabled in Blender {bpy.app.version_string}")
installed = sys.modules[f"{MODULE}.metaspatial_addon"].__version__
if installed != expected:
    sys.exit(f"{MODULE} is version {installed} where {expected} was installed")
print(f"{MODULE} {installed} is enabled in Blender {bpy.app.version_string}")
