"""The key of a model server. It lives in the environment or in a file of its own that only this user may read.

Blender writes every other preference, passwords too, in clear to a file that anybody on the machine may read.
"""

from __future__ import annotations

import os
from pathlib import Path

from .folders import user_folder, write_private

VARIABLE = "METASPATIAL_API_KEY"
"""Environment variable that wins over the file; the worker gets the key by it as well."""


def _path() -> Path:
    return user_folder() / "key"


def from_environment() -> bool:
    """Whether the key comes from the environment."""
    return bool(os.environ.get(VARIABLE))


def read_key() -> str:
    """The key that is used: the environment's, else the stored one; "" where there is none."""
    return os.environ.get(VARIABLE) or stored_key()


def stored_key() -> str:
    """The key in the file; "" where there is none, or where it cannot be read."""
    try:
        return _path().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def store_key(key: str) -> None:
    """Keep a key; the empty one removes the file. Raises OSError."""
    key = key.strip()
    if key:
        write_private(_path(), key)
    else:
        _path().unlink(missing_ok=True)
