"""A server's chat completion as a reply: its text, and what a user should know about how it ended."""

from __future__ import annotations

import json
from typing import Any

from ..base import PolicyError, Reply, cut_off_note, still_thinking
from .failures import Failures
from .replies import summary

CUT_OFF = ("length", "max_tokens")
"""What servers give as the reason for an answer that the limit of tokens ended."""


def read_completion(answer: Any, failures: Failures, max_tokens: int | None) -> Reply:
    """The reply in the JSON of a chat completion; `max_tokens` was the limit that the server was given.

    Where a server takes a model's reasoning out of its answer and nothing is left, the reasoning, which may end with
    the answer, is the text. Raises PolicyError for JSON that is no chat completion.
    """
    try:
        choice = answer["choices"][0]
        message = choice["message"]
        content = message.get("content") or ""
        if isinstance(content, list):  # some servers answer in parts, as requests may
            content = "".join(part.get("text") or "" for part in content)
        if not isinstance(content, str):
            raise TypeError
    except (LookupError, TypeError, AttributeError):
        raise PolicyError(
            f"The reply of {failures.host} holds no answer ({failures.quote(json.dumps(summary(answer)))}). "
            "Check that the URL is an OpenAI-compatible server's and that the model can chat."
        ) from None
    reasoning = next((text for key in ("reasoning_content", "reasoning") if (text := _text(message, key))), "")
    refusal = _text(message, "refusal")
    if choice.get("finish_reason") in CUT_OFF:
        note = _cut_off(answer, content, failures, max_tokens)
        return Reply(content, notes=(note,), cut_off=not still_thinking(content))
    if not content.strip() and refusal:
        return Reply(content, notes=(f'{failures.model_name} refused to answer: "{failures.quote(refusal)}".',))
    if not content.strip() and reasoning:
        content = f"<think>{reasoning}"
    return Reply(content)


def _text(message: dict[str, Any], key: str) -> str:
    text = message.get(key)
    return text.strip() if isinstance(text, str) else ""


def _cut_off(answer: dict[str, Any], content: str, failures: Failures, max_tokens: int | None) -> str:
    """A sentence on an answer that a limit ended: the one that was asked for, or an earlier one of the server's."""
    usage = answer.get("usage")
    spent = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if max_tokens is None or isinstance(spent, int) and 0 < spent < 0.9 * max_tokens:
        remedy = f"Give it a longer context, or more tokens, on {failures.host}"
        return cut_off_note(failures.model_name, "the tokens that its server allows", content, remedy)
    return cut_off_note(failures.model_name, f"its {max_tokens} tokens", content)
