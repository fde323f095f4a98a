"""Detectors of faults between placed items, on meshes in Blender or on boxes without it."""
