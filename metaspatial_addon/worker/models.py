"""Which model answers: the policy that a request names, and whether it works, said in one sentence."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.conversation import Message
from ..core.task import Item, Layout, Room, Task
from ..episode.env import prompt_format_of
from ..policy.base import Policy, PolicyError
from ..prompts.png import write_png

if TYPE_CHECKING:
    from ..policy.endpoint import EndpointPolicy

TASK = Task(
    "self-check",
    "A small study.",
    Room("study", ((0.0, 0.0), (3.0, 0.0), (3.0, 3.0), (0.0, 3.0)), 2.5),
    (Item("desk_1", "desk", (1.2, 0.6, 0.75)),),
)
"""What a model is tried with: one desk in an empty room."""

SECONDS = 60.0
"""What a server has to answer a try in."""

FEW_TOKENS = 8
"""Length of the answer to a try."""


def open_policy(wanted: Mapping[str, Any]) -> Policy:
    """The policy of a request. Raises PolicyError and InputError."""
    if wanted["kind"] == "builtin":
        from ..policy.builtin.policy import BuiltinPolicy

        return BuiltinPolicy()
    if wanted["kind"] == "server":
        from ..policy.endpoint import EndpointPolicy

        return EndpointPolicy(wanted["url"], wanted["model"], sees_images=wanted["sees_images"])
    from ..policy.local import PACKAGES, LocalPolicy

    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a folder is all that it needs
    packages = wanted["packages"]
    if packages and packages not in sys.path:
        sys.path.append(packages)  # behind what Blender has itself, as its numpy, which is in use already
        importlib.invalidate_caches()
    try:
        return LocalPolicy(wanted["folder"], adapter=wanted["adapter"] or None)
    except PolicyError as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        folder = packages or str(Path.home() / f"metaspatial-python-{version}")
        raise PolicyError(
            f"Local models need packages that this Blender's Python {version} does not find: {error.__cause__}. "
            f'Install them with: "{sys.executable}" -m pip install --target "{folder}" --python-version {version} '
            f"--only-binary=:all: {PACKAGES} and choose that folder as Packages in the preferences."
        ) from error


def check(policy: Policy) -> str:
    """Ask a model in this process about a tiny room: what works, in one sentence. Raises PolicyError."""
    prompt_format = prompt_format_of(policy)
    conversation = prompt_format.first(TASK, prompt_format.draw_images(TASK, Layout(TASK.id)) or (_picture(),))
    if policy.rendering == "compact":
        answer = prompt_format.read(policy.answer([conversation], [0])[0].text, TASK, None)
        if answer.layout is None:
            raise PolicyError("The built-in model answers nothing that can be used. Install the add-on again.")
        return f"The built-in model ({policy.name}) loads and answers."
    longest, policy.max_new_tokens = policy.max_new_tokens, FEW_TOKENS
    try:
        policy.answer([conversation], [0])
    finally:
        policy.max_new_tokens = longest
    return f"The model {policy.name} loads, is given pictures, and answers, on the device {policy.model.device}."


def check_server(wanted: Mapping[str, Any]) -> str:
    """Ask a model behind a server: what works, in one sentence. Raises PolicyError."""
    from ..policy.endpoint import EndpointPolicy

    policy = EndpointPolicy(
        wanted["url"],
        wanted["model"],
        sees_images=wanted["sees_images"],
        tries=1,
        timeout=SECONDS,
        max_new_tokens=FEW_TOKENS,
    )
    question = "What do you see? Answer in one word."
    try:
        unseen = policy.prompt_tokens((Message("user", question),))
    except PolicyError as refused:
        raise PolicyError(_other_models(policy) or str(refused)) from None
    works = f"{policy.host} is reached and {policy.model} answers"
    if not policy.sees_images:
        return f"{works}; it is sent no pictures."
    remedy = "turn Send Pictures off, or serve a model that sees"
    try:
        seen = policy.prompt_tokens((Message("user", question, (_picture(),)),))
    except PolicyError as refused:
        raise PolicyError(f"{works}, but not when it is sent a picture: {remedy}. ({refused})") from None
    if seen is None or unseen is None:
        return f"{works}; whether it sees pictures, the server does not tell."
    if seen > unseen:
        return f"{works}, and it is given pictures."
    return f"{works}, but the server seems to drop pictures: {remedy}."


def _other_models(policy: EndpointPolicy) -> str:
    """What to say when the server does not have the policy's model; "" when it has, or does not tell."""
    try:
        there = policy.list_models()
    except PolicyError:
        return ""
    if not there or policy.model in there:
        return ""
    listed = ", ".join(there[:8]) + (", …" if len(there) > 8 else "")
    return f'{policy.host} is reached and has no model "{policy.model}". Enter one that it has: {listed}.'


def _picture() -> bytes:
    """PNG of a plain orange."""
    return write_png(np.full((64, 64, 3), (240, 140, 30), np.uint8))
