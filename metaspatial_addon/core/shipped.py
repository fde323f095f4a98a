"""The files that come with the program: furniture, the embedded model, tasks and configurations.

A checkout and the extension's zip have `assets/` beside this package, an installed wheel has it inside (see setup.py).
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_INSIDE = _PACKAGE / "assets"
ASSETS = _INSIDE if _INSIDE.is_dir() else _PACKAGE.parent / "assets"
_ROOTS = {"assets/": ASSETS.parent, "headless/configs/": _PACKAGE.parent}


def shipped(path: str) -> str:
    """The path of a file or folder. Where nothing is there, and it is one of this program's by its name in a checkout,
    such as `assets/tasks/demo.json` or `headless/configs/tiny.toml`, the path of that one."""
    for prefix, root in _ROOTS.items():
        if path.startswith(prefix) and not os.path.exists(path) and (root / path).exists():
            return str(root / path)
    return path
