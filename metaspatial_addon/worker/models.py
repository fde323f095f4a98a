"""The policy that a request names, and a check that it answers, with the result in one sentence."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
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
"""The task of a check: one desk in an empty room."""

_IMAGE = write_png(np.full((64, 64, 3), (240, 140, 30), np.uint8))  # plain orange

CHECK_SECONDS = 60.0
"""Timeout of a server in a check."""

CHECK_TOKENS = 8
"""Most tokens of the answer in a check."""


def open_policy(request: Mapping[str, Any]) -> Policy:
    """The policy of a request's `policy` object. Raises PolicyError and InputError."""
    if request["kind"] == "builtin":
        from ..policy.builtin.policy import BuiltinPolicy

        return BuiltinPolicy()
    if request["kind"] == "planner":
        from ..policy.planner.policy import PlannerPolicy

        return PlannerPolicy()
    if request["kind"] == "server":
        from ..policy.endpoint import EndpointPolicy

        return EndpointPolicy(request["url"], request["model"], sees_images=request["sees_images"])
    from ..policy.local import PACKAGES, LocalPolicy

    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a folder is all that it needs
    packages = request["packages"]
    if packages and packages not in sys.path:
        sys.path.append(packages)  # behind what Blender has itself, as its numpy, which is in use already
        importlib.invalidate_caches()
    try:
        return LocalPolicy(request["folder"], adapter=request["adapter"] or None)
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
    """Ask a model in this process about a small room. Returns a sentence on what works; raises PolicyError."""
    from ..policy.local import LocalPolicy
    from ..policy.planner.policy import PlannerPolicy

    prompt_format = prompt_format_of(policy)
    first = prompt_format.first(TASK, prompt_format.draw_images(TASK, Layout(TASK.id)) or (_IMAGE,))
    conversation = tuple(replace(message, task=TASK) for message in first)
    if policy.prompt_format == "compact":
        answer = prompt_format.read(policy.answer([conversation], [0])[0].text, TASK, None)
        if answer.layout is None:
            raise PolicyError("The built-in model answers nothing that can be used. Install the add-on again.")
        return f"The built-in model ({policy.name}) loads and answers."
    if isinstance(policy, PlannerPolicy):
        policy.answer([conversation], [0])
        return "The planner answers."
    assert isinstance(policy, LocalPolicy)
    longest, policy.max_new_tokens = policy.max_new_tokens, CHECK_TOKENS
    try:
        policy.answer([conversation], [0])
    finally:
        policy.max_new_tokens = longest
    return f"The model {policy.name} loads, is given pictures, and answers, on the device {policy.model.device}."


def check_server(request: Mapping[str, Any]) -> str:
    """Ask a model behind a server with and without an image. Returns a sentence on what works; raises PolicyError."""
    from ..policy.endpoint import EndpointPolicy

    policy = EndpointPolicy(
        request["url"],
        request["model"],
        sees_images=request["sees_images"],
        tries=1,
        timeout=CHECK_SECONDS,
        max_new_tokens=CHECK_TOKENS,
    )
    question = "What do you see? Answer in one word."
    try:
        tokens = policy.prompt_tokens((Message("user", question),))
    except PolicyError as refused:
        raise PolicyError(_other_models(policy) or str(refused)) from None
    works = f"{policy.host} is reached and {policy.model} answers"
    if not policy.sees_images:
        return f"{works}; it is sent no pictures."
    remedy = "turn Send Pictures off, or serve a model that sees"
    try:
        tokens_with_image = policy.prompt_tokens((Message("user", question, (_IMAGE,)),))
    except PolicyError as refused:
        raise PolicyError(f"{works}, but not when it is sent a picture: {remedy}. ({refused})") from None
    if tokens_with_image is None or tokens is None:
        return f"{works}; whether it sees pictures, the server does not tell."
    if tokens_with_image > tokens:
        return f"{works}, and it is given pictures."
    return f"{works}, but the server seems to drop pictures: {remedy}."


def _other_models(policy: EndpointPolicy) -> str:
    """A sentence with the server's models, where the policy's is not among them; else ""."""
    try:
        models = policy.list_models()
    except PolicyError:
        return ""
    if not models or policy.model in models:
        return ""
    listed = ", ".join(models[:8]) + (", …" if len(models) > 8 else "")
    return f'{policy.host} is reached and has no model "{policy.model}". Enter one that it has: {listed}.'
