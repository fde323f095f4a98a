"""The prompts that were last used, for this user, in a small file that is no part of any .blend."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from .folders import user_folder, write_private

MAX_PROMPTS = 20

_prompts: list[str] = []


def _path() -> Path:
    return user_folder() / "recent_prompts.json"


def prompts() -> list[str]:
    """The newest first, as last read or written; menus ask while they draw."""
    return _prompts


def load() -> None:
    """Read the file. One that is missing or cannot be read holds no prompts."""
    global _prompts
    try:
        content = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = []
    texts = content if isinstance(content, list) else []
    _prompts = [text for text in texts if isinstance(text, str)][:MAX_PROMPTS]


def remember(prompt: str) -> None:
    """Put a prompt first; the oldest goes. Where the file cannot be written, it is known for this session alone."""
    global _prompts
    prompt = prompt.strip()
    if not prompt:
        return
    _prompts = [prompt, *(text for text in _prompts if text != prompt)][:MAX_PROMPTS]
    with contextlib.suppress(OSError):
        write_private(_path(), json.dumps(_prompts, indent=1))


register = load


def unregister() -> None:
    global _prompts
    _prompts = []
