"""The main of the process that opens assets: `blender -b … -P conversion_main.py -- READY MEMORY SECONDS`, or by plain
Python. See `conversion`, which starts it.

READY is a file that is made when assets can be sent; MEMORY and SECONDS are what the process may take, in bytes, and an
asset. A line on stdin is a JSON list of a working directory, an asset's file and the .blend to write. Beside that comes
a .json when the asset is done: `failure`, "" or why there is no .blend, and `notes`, sentences about what was left out.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import sys
from pathlib import Path

import bpy

HERE = Path(__file__).resolve().parent


class _Notes(logging.Handler):
    """Keeps the warnings that are logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def main(ready: str, memory: int, seconds: int) -> None:
    # The packages are found from the folder that holds them, and this folder's modules only through it.
    sys.path[:] = [str(HERE.parents[2]), *(path for path in sys.path if path != str(HERE))]
    from metaspatial_addon.core.files import write_file

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has none; macOS refuses some
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    Path(ready).touch()
    for line in sys.stdin.buffer:
        folder, source, target = map(Path, json.loads(line))
        os.chdir(folder)
        notes = _Notes()
        logging.getLogger("metaspatial_addon").addHandler(notes)
        if hasattr(signal, "alarm"):  # this process may have outlived its parent
            signal.alarm(2 * seconds)
        failure = _convert(source, target)
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        logging.getLogger("metaspatial_addon").removeHandler(notes)
        result = json.dumps({"failure": failure, "notes": notes.lines})
        write_file(target.with_suffix(".json"), result.encode())


def _convert(source: Path, target: Path) -> str:
    """Write the mesh of an asset. Returns "", or in a sentence what is wrong with the asset."""
    from metaspatial_addon.blender.assets.import_file import import_mesh
    from metaspatial_addon.core.errors import InputError

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    try:
        mesh = import_mesh(source)
        bpy.data.libraries.write(str(target), {mesh}, path_remap="NONE", compress=False)
    except InputError as error:
        return str(error)
    except (MemoryError, OSError, RuntimeError) as error:
        return f"{source}: expected a file that can be read ({' '.join(str(error).split()) or 'out of memory'})"
    return ""


if __name__ == "__main__":
    ready, memory, seconds = sys.argv[sys.argv.index("--") + 1 :]
    main(ready, int(memory), int(seconds))
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    os._exit(0)  # the clean-up of bpy as a module may crash or never end
