"""Where the add-on keeps its few files on the artist's machine: the log, the key, recent prompts, the last version."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy

from ...core.files import put_in_place
from .identifiers import ROOT

_has_log = False


def user_folder() -> Path:
    """The add-on's folder for this user, made where it is missing. Blender removes it together with the extension."""
    try:
        return Path(bpy.utils.extension_path_user(ROOT, create=True))
    except ValueError:  # not installed as an extension
        return Path(bpy.utils.user_resource("CONFIG", path="metaspatial", create=True))


def log_path() -> Path:
    """The log of the headless Blender that does the work."""
    return user_folder() / "worker.log"


def find_log() -> None:
    """See whether there is a log."""
    global _has_log
    _has_log = log_path().is_file()


def has_log() -> bool:
    """Whether there was a log when it was last looked for; buttons ask for it while panels draw."""
    return _has_log


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only this user may read: it is so from its first byte, and never half-written."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # made with mode 0600
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        put_in_place(Path(beside), path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


register = find_log


def unregister() -> None:
    """Nothing is kept in Blender."""
