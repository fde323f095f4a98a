"""What to install where a package is missing: the commands that messages name."""

from __future__ import annotations

import sys
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
TORCH = "torch==2.13.0"


def pip_install(extras: str) -> str:
    """The command that installs, for this Python, what the optional groups `extras` of pyproject.toml name, by commas.

    torch comes first and by its version: with others at once, pip may choose a build for other machines. A checkout is
    named by its folder, in which the command is run; an installed package by its name.
    """
    package = "." if PYPROJECT.is_file() else "metaspatial"
    first = [TORCH] if "train" in extras.split(",") else []
    return " && ".join(f'"{sys.executable}" -m pip install "{name}"' for name in (*first, f"{package}[{extras}]"))


def not_installed(error: ModuleNotFoundError, extras: str) -> str:
    """What a command says where a package of these groups is missing."""
    return f"{error.name} is not installed for {sys.executable}: run {pip_install(extras)}"
