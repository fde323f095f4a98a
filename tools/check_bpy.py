"""Does bpy import? If not, say which apt packages bring the system libraries that it lacks.

Run by make with the Python that is to import bpy.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable

# What the bpy wheels take from the system, by the package of Debian and Ubuntu that has it.
APT_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXrender.so.1": "libxrender1",
    "libxkbcommon.so.0": "libxkbcommon0",
}


def loads(library: str) -> bool:
    """Whether the system's loader finds `library`."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def advice(error: str, present: Callable[[str], bool] = loads) -> str:
    """What to do about the text of an ImportError of bpy.

    The loader names only the first library that it misses, so every one in the table is tried: one apt-get
    line then brings them all.
    """
    match = re.search(r"(lib[^\s:]+\.so[.\d]*): cannot open shared object file", error)
    if match is None:
        return f"bpy does not import: {error}"
    first = match[1]
    missing = sorted({first, *(name for name in APT_PACKAGES if not present(name))})
    packages = [APT_PACKAGES[name] for name in missing if name in APT_PACKAGES]
    lines = [f"bpy needs system libraries that this machine lacks: {', '.join(missing)}"]
    if packages:
        lines.append(f"On Debian or Ubuntu: apt-get update && apt-get install {' '.join(packages)}")
    if first not in APT_PACKAGES:
        lines.append(f"Debian's packages.debian.org says which one brings {first}")
    return "\n".join(lines)


def main() -> int:
    try:
        import bpy
    except ImportError as error:
        print(advice(str(error)), file=sys.stderr)
        return 1
    print(f"bpy {bpy.app.version_string} on Python {sys.version.split()[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
