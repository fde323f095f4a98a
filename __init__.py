"""Blender loads an extension from the folder of its manifest: this hands it the add-on."""

from .metaspatial_addon import register, unregister

__all__ = ["register", "unregister"]
