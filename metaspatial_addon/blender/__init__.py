"""Everything that touches Blender."""

import bpy  # noqa: F401  # outside Blender, mathutils and bmesh can be imported once bpy is loaded
