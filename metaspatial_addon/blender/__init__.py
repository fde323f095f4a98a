"""The only part below `episode` that imports bpy."""

import bpy  # noqa: F401  # outside Blender, mathutils and bmesh can be imported once bpy is loaded
