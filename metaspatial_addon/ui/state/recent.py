"""The prompts that were last used, for this user, in a small file that is no part of any .blend."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from .folders import user_folder, write_private

MOST = 20

_known: list[str] | None = None


def _path() -> Path:
    return user_folder() / "recent_prompts.json"


def prompts() -> list[str]:
    """The newest first. The file is read once a session, since menus ask while they draw."""
    global _known
    if _known is None:
        try:
            held = json.loads(_path().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            held = []
        _known = [text for text in held if isinstance(text, str)][:MOST] if isinstance(held, list) else []
    return _known


def remember(prompt: str) -> None:
    """Put a prompt first; the oldest goes. Where the file cannot be written, it is known for this session alone."""
    global _known
    prompt = prompt.strip()
    if not prompt:
        return
    _known = [prompt, *(text for text in prompts() if text != prompt)][:MOST]
    with contextlib.suppress(OSError):
        write_private(_path(), json.dumps(_known, indent=1))


def forget_cache() -> None:
    """Read the file again when prompts are next asked for."""
    global _known
    _known = None
