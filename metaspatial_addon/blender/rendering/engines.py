"""Which render engine can run here. EEVEE and Workbench need OpenGL, and without it asking for them can end the
whole process, so a child process tries first."""

from __future__ import annotations

import logging
import subprocess
import sys
from functools import cache
from pathlib import Path

import bpy

from ...core.engines import ENGINES

log = logging.getLogger(__name__)

PROBE_SECONDS = 30
"""After which a child process that tries OpenGL is given up."""
_SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast", "software", "swiftshader")

_PROBE = """
import bpy
scene = bpy.context.scene
scene.render.engine = "BLENDER_WORKBENCH"
scene.render.resolution_x = scene.render.resolution_y = 8
bpy.ops.render.render()
import gpu
print("metaspatial-opengl", gpu.platform.renderer_get())
"""


@cache
def opengl() -> str | None:
    """The name of the OpenGL renderer that Blender gets on this machine, None without one. Asked once a process."""
    blender = bpy.app.binary_path  # empty where Python has bpy as a module
    command = [blender, "-b", "--factory-startup", "--python-expr"] if blender else [sys.executable, "-c"]
    try:
        done = subprocess.run(
            [*command, _PROBE], capture_output=True, timeout=PROBE_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.debug("OpenGL cannot be tried: %s", error)
        return None
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith("metaspatial-opengl"):
            return line.partition(" ")[2].strip() or "unknown"
    return None


def may_have_card() -> bool:
    """False where the system has no graphics card, so that `auto` need not wait seconds for a child process."""
    devices = Path("/dev")
    return not sys.platform.startswith("linux") or any(
        any(devices.glob(name)) for name in ("dri/renderD*", "nvidia[0-9]*")
    )


def resolve(engine: str) -> str:
    """Blender's name for an engine of ENGINES, or for Cycles where that one cannot run. Raises ValueError."""
    if engine not in ENGINES:
        raise ValueError(f"engine: expected one of {', '.join(ENGINES)}, got {engine!r}")
    if engine == "cycles":
        return "CYCLES"
    if engine == "auto":
        # In software EEVEE takes half a minute where Cycles takes two seconds.
        renderer = opengl() if may_have_card() else None
        usable = renderer is not None and not any(word in renderer.lower() for word in _SOFTWARE_RENDERERS)
        return eevee() if usable else "CYCLES"
    if opengl() is None:
        log.warning("%s needs OpenGL, which Blender does not get on this machine: using Cycles instead.", engine)
        return "CYCLES"
    return eevee() if engine == "eevee" else "BLENDER_WORKBENCH"


def eevee() -> str:
    """Blender's identifier of EEVEE: BLENDER_EEVEE_NEXT from 4.2 to 4.5, BLENDER_EEVEE from 5.0 on."""
    known = bpy.types.RenderSettings.bl_rna.properties["engine"].enum_items.keys()
    return "BLENDER_EEVEE_NEXT" if "BLENDER_EEVEE_NEXT" in known else "BLENDER_EEVEE"
