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
from ..episode.play import prompt_format_of
from ..policy.base import Policy, PolicyError
from ..policy.groups import GroupingPolicy
from ..prompts.png import write_png

TASK = Task(
    "self-check",
    "A small study.",
    Room("study", ((0.0, 0.0), (3.0, 0.0), (3.0, 3.0), (0.0, 3.0)), 2.5),
    (Item("desk_1", "desk", (1.2, 0.6, 0.75)),),
)
"""The task of a check: one desk in an empty room."""

if TYPE_CHECKING:
    from ..policy.endpoint.policy import EndpointPolicy

_IMAGE = write_png(np.full((64, 64, 3), (240, 140, 30), np.uint8))  # plain orange

CHECK_SECONDS, ANSWER_SECONDS = 60.0, 180.0
"""Timeouts of a server in a check: for a word, and for a whole answer."""

CHECK_TOKENS = 8
"""Most tokens of a word in a check."""

CHECK_TEMPERATURE = 0.7
"""Of the whole answer: a setting that no server has by itself, so that one that refuses any is found out."""


def open_policy(request: Mapping[str, Any]) -> Policy:
    """The policy of a request's `policy` object. Raises PolicyError and InputError."""
    if request["kind"] == "builtin":
        from ..policy.builtin.policy import BuiltinPolicy

        return BuiltinPolicy(free_places=request.get("free_places", True))
    if request["kind"] == "planner":
        from ..policy.planner.policy import PlannerPolicy

        return PlannerPolicy()
    if request["kind"] == "server":
        return GroupingPolicy(_open_endpoint(request))
    from ..policy.local import PACKAGES, LocalPolicy

    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a folder is all that it needs
    packages = request["packages"]
    if packages and packages not in sys.path:
        sys.path.append(packages)  # behind what Blender has itself, as its numpy, which is in use already
        importlib.invalidate_caches()
    try:
        return LocalPolicy(request["folder"], adapter=request["adapter"] or None, max_new_tokens=request["max_tokens"])
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


def _open_endpoint(request: Mapping[str, Any]) -> EndpointPolicy:
    from ..policy.endpoint.policy import EndpointPolicy

    return EndpointPolicy(
        request["url"], request["model"], sees_images=request["sees_images"], max_new_tokens=request["max_tokens"]
    )


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
    """Try the whole way to a model behind a server: a word, a picture, and a small room with sampling settings.
    Returns sentences on what works; raises PolicyError."""
    policy = _open_endpoint(request)
    policy.tries, policy.timeout, policy.max_new_tokens = 1, CHECK_SECONDS, CHECK_TOKENS
    question = "What do you see? Answer in one word."
    try:
        tokens = policy.prompt_tokens((Message("user", question),))
    except PolicyError as refused:
        raise PolicyError(_other_models(policy) or str(refused)) from None
    works = f"{policy.host} is reached and {policy.model} answers"
    if policy.sees_images:
        works = _check_pictures(policy, works, question, tokens)
    else:
        works = f"{works}; it is sent no pictures"
    policy.timeout, policy.max_new_tokens = ANSWER_SECONDS, request["max_tokens"]
    return f"{works}. {_check_answer(policy)}"


def _check_pictures(policy: EndpointPolicy, works: str, question: str, tokens: int | None) -> str:
    """The sentence `works` with what becomes of a picture. `tokens`: of the question alone, where known."""
    remedy = "turn Send Pictures off, or serve a model that sees"
    try:
        tokens_with_image = policy.prompt_tokens((Message("user", question, (_IMAGE,)),))
    except PolicyError as refused:
        raise PolicyError(f"{works}, but not when it is sent a picture: {remedy}. ({refused})") from None
    if policy.dialect.images == 0:
        return f"{works}, but it takes no pictures: {remedy}"
    if tokens_with_image is None or tokens is None:
        return f"{works}; whether it sees pictures, the server does not tell"
    if tokens_with_image > tokens:
        return f"{works}, and it is given pictures"
    return f"{works}, but the server seems to drop pictures: {remedy}"


def _check_answer(policy: EndpointPolicy) -> str:
    """Sentences on what the server would not take of a whole request, and on its answer. Raises PolicyError where that
    cannot be used."""
    prompt_format = prompt_format_of(policy)
    [reply] = policy.answer([prompt_format.first(TASK, (_IMAGE, _IMAGE))], [0], CHECK_TEMPERATURE)
    answer = prompt_format.read(reply.text, TASK, None)
    if answer.layout is None:
        why = " ".join((*answer.problems[:1], *reply.notes))
        raise PolicyError(f"{policy.host} is reached, but the answer of {policy.model} cannot be used: {why}")
    return " ".join((*reply.notes, "Its answer about a small room can be used."))


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
