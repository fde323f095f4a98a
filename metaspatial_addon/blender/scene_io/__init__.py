"""A Blender scene to a task, and layouts back into .blend, .glb and .usd files."""
