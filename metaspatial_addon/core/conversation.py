"""The conversation between a policy and an episode."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """One message of a conversation; `images` are PNG files in memory."""

    role: str
    text: str
    images: tuple[bytes, ...] = ()


Conversation = tuple[Message, ...]
