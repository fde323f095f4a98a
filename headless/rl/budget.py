"""Whether a conversation fits the context, told where no model is and before its pictures are rendered.

Made by the actor, used by whoever plays the environment. What is counted here leaves out nothing but how an answer was
cut into tokens when it was sampled; the rollout counts again with the tokens themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from metaspatial_addon.core.conversation import Conversation


@dataclass(frozen=True)
class Budget:
    """At most `tokens` when an answer begins.

    `tokenizer` is a tokenizer.json. The chat template adds `frames` tokens to a message, by its role, `opening` before
    an answer and `picture` for a picture, its placeholders included.
    """

    tokens: int
    tokenizer: str
    frames: dict[str, int]
    opening: int
    picture: int

    def holds(self, conversation: Conversation) -> bool:
        """Whether an answer to the conversation may begin. Its pictures are counted, not looked at."""
        tokenizer = _tokenizer(self.tokenizer)
        if tokenizer is None:
            return True
        count = self.opening
        for message in conversation:
            words = len(tokenizer.encode(message.text, add_special_tokens=False))
            count += self.frames[message.role] + words + self.picture * len(message.images)
        return count <= self.tokens


@cache
def _tokenizer(path: str) -> Any:
    """None on a machine that does not have it."""
    try:
        from tokenizers import Tokenizer

        return Tokenizer.from_file(path)
    except Exception:  # whatever tokenizers raises for a file that is not there
        return None
