"""What a server takes of a chat request, found out from its refusals.

Servers agree on the form of a chat request and not on what of it they take: one refuses a seed, another a temperature,
a second picture or the system role, and says so. What is refused by name is left out or put otherwise from then on.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.conversation import Conversation, Message
from ...prompts.png import read_png, write_png

ADAPTABLE = (400, 404, 415, 422, 500, 501)
"""HTTP statuses under which servers refuse what they do not support."""

JOINED_GAP = 8  # pixels between two pictures on one sheet
_JOINED = "(These pictures are on one sheet, from left to right.)"
_LEFT_OUT = "(No picture could be sent.)"
_NO_ANSWER = "(no answer)"  # in place of an empty text, which some servers refuse

_NUMBERS = {"a single": 1, "one": 1, "single": 1, "multiple": 1, "zero": 0}
_NUMBER = r"(\d+|one|a single|single|zero)"
_LIMIT = r"(?:at most|up to|only|more than|limit(?:ed)?|maximum|max|exceed\w*)"
_IMAGES = r"\b(?:image|picture)s?\b"
_MOST_IMAGES = (
    re.compile(rf"\b{_LIMIT}\b[^.\d]{{0,30}}?\b{_NUMBER}\b[^.\d]{{0,12}}{_IMAGES}", re.IGNORECASE),
    re.compile(
        rf"{_IMAGES}[^.\d]{{0,30}}(?:\d+\W+)?[^.\d]{{0,30}}\b{_LIMIT}\b[^.\d]{{0,12}}\b{_NUMBER}\b", re.IGNORECASE
    ),
    re.compile(rf"\b(multiple) {_IMAGES}", re.IGNORECASE),
)
"""Ways to say how many pictures a request may have."""

_NAMED = {
    "limit": r"max_(?:completion_|new_)?tokens|context length|context window",
    "temperature": r"temperature",
    "seed": r"\bseed\b",
    "system": r"\bsystem\W{0,2}(?:role|message|prompt|instruction)|role\b.{0,40}\bsystem\b|developer instruction|"
    r"\broles must alternate",
    "images": r"image|picture|\bvision|multi-?modal|content\b.{0,40}\bstring|unknown variant",
}
"""By part of a request, what a refusal says that means it."""
_NAMES = {name: re.compile(pattern, re.IGNORECASE | re.DOTALL) for name, pattern in _NAMED.items()}


@dataclass(frozen=True)
class Chat:
    """What is asked of a model. `max_tokens` of its answer; `temperature` and `seed` None leave them to the server."""

    model: str
    conversation: Conversation
    max_tokens: int
    seed: int | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class Dialect:
    """How a server wants a chat request.

    `limit`: the field of the most tokens of an answer, None for a server that takes none. `temperature`, `seed`,
    `system`: whether it takes these. `images`: the most pictures of a request, None where there is no limit.
    """

    limit: str | None = "max_tokens"
    temperature: bool = True
    seed: bool = True
    system: bool = True
    images: int | None = None

    def body(self, chat: Chat) -> dict[str, Any]:
        """The JSON of a chat request."""
        conversation = _limited_images(chat.conversation, self.images)
        if not self.system:
            conversation = _without_system(conversation)
        body: dict[str, Any] = {"model": chat.model, "messages": [chat_message(message) for message in conversation]}
        if self.limit is not None:
            body[self.limit] = chat.max_tokens
        if self.seed and chat.seed is not None:
            body["seed"] = int(chat.seed)
        if self.temperature and chat.temperature is not None:
            body["temperature"] = float(chat.temperature)
        return body

    def adapted(self, refusal: str, chat: Chat) -> tuple[Dialect, str] | None:
        """A dialect without what the words of a refusal name first, and a sentence on it that lacks its subject, or
        "" where nothing is lost. None where the words name nothing that the request has."""
        count = sum(len(message.images) for message in _limited_images(chat.conversation, self.images))
        sent = {
            "limit": self.limit is not None,
            "temperature": self.temperature and chat.temperature is not None,
            "seed": self.seed and chat.seed is not None,
            "system": self.system and any(message.role == "system" for message in chat.conversation),
            "images": count > 0,
        }
        named = [(match.start(), name) for name in _NAMES if sent[name] and (match := _NAMES[name].search(refusal))]
        if not named:
            return None
        match min(named)[1]:
            case "limit" if self.limit == "max_tokens" and "max_completion_tokens" in refusal:
                return replace(self, limit="max_completion_tokens"), ""  # what OpenAI's newer models call the same
            case "limit":
                return replace(self, limit=None), "refuses the limit of tokens: its own holds"
            case "temperature":
                return replace(self, temperature=False), "takes no temperature: its own holds"
            case "seed":
                return replace(self, seed=False), "takes no seed: another run may give other answers"
            case "system":
                return replace(self, system=False), "takes no system text: it is put before the first question"
        most = _most_images(refusal, count)
        words = {0: "takes no pictures: it is asked without them", 1: "takes one picture: both are sent on one sheet"}
        return replace(self, images=most), words.get(most, f"takes {most} pictures: the latest are sent")


def _most_images(refusal: str, sent: int) -> int:
    """The most pictures that a refusal says are taken: fewer than were sent, 0 where it gives no number."""
    for pattern in _MOST_IMAGES:
        match = pattern.search(refusal)
        if match is not None:
            word = match[1].lower()
            number = _NUMBERS[word] if word in _NUMBERS else int(word[:9])
            if number < sent:
                return number
    return 0


def _limited_images(conversation: Conversation, most: int | None) -> Conversation:
    """The conversation with at most so many pictures, the latest: those of a message as they are where they fit, else
    on one sheet. Messages whose pictures changed say so."""
    if most is None:
        return conversation
    limited: list[Message] = []
    for message in reversed(conversation):
        images, text = message.images, message.text
        if len(images) > most:
            images = (_sheet(images),) if most else ()
            text = f"{text}\n{_JOINED if most else _LEFT_OUT}"
        most -= len(images)
        limited.append(replace(message, text=text, images=images))
    return tuple(reversed(limited))


def _sheet(images: Sequence[bytes]) -> bytes:
    """PNG pictures side by side, their tops in line, on white."""
    pixels = [read_png(image) for image in images]
    width = sum(picture.shape[1] for picture in pixels) + JOINED_GAP * (len(pixels) - 1)
    sheet = np.full((max(picture.shape[0] for picture in pixels), width, 3), 255, np.uint8)
    left = 0
    for picture in pixels:
        height, wide = picture.shape[:2]
        sheet[:height, left : left + wide] = picture
        left += wide + JOINED_GAP
    return write_png(sheet)


def _without_system(conversation: Conversation) -> Conversation:
    """The conversation with system texts at the beginning of the first message of the user."""
    system = [message.text for message in conversation if message.role == "system"]
    others = [message for message in conversation if message.role != "system"]
    first = others[0]
    return replace(first, text="\n\n".join((*system, first.text))), *others[1:]


def chat_message(message: Message) -> dict[str, Any]:
    """A message as chat completions have it: its text, with images as content parts before it."""
    text = message.text or _NO_ANSWER
    if not message.images:
        return {"role": message.role, "content": text}
    urls = [f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}" for png in message.images]
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": message.role, "content": [*images, {"type": "text", "text": text}]}
