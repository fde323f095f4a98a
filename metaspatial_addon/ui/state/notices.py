"""How long a notice holds: one of a missing step until that is done, one of a scene while that is looked at."""

from __future__ import annotations

from collections.abc import Callable

import bpy
from bpy.types import Context

from ...blender.turns import turn_collections, turn_visibility
from ..screen import Notice
from . import api_key, preferences
from .request import NotReady
from .scene.index import current_view

_MODEL_SETTINGS = (
    *("model", "server_url", "server_model", "server_sees_images", "max_tokens"),
    *("local_folder", "local_adapter", "packages"),
)


def until_changed(context: Context, state: Callable[[Context], object]) -> Callable[[Context], bool]:
    """For `Notice.holds`: true as long as `state` gives what it gives now."""
    before = state(context)
    return lambda context: state(context) == before


def in_scene(uid: int) -> Callable[[Context], bool]:
    """For `Notice.holds`: true in the scene of that session_uid; everywhere once it was deleted."""
    return lambda context: context.scene.session_uid == uid or turn_collections.find_scene(uid) is None


def not_ready(context: Context, error: NotReady) -> Notice:
    """What is missing, until room, items or model are others."""
    context.view_layer.update()  # a change that Blender has not heard of yet came before
    return Notice("ERROR", str(error), error.operator, until_changed(context, _readiness))


def of_model(context: Context, kind: str, sentence: str) -> Notice:
    """Something about the chosen model, until another is chosen or its settings change."""
    return Notice(kind, sentence, holds=until_changed(context, _model))


def of_accepted(context: Context, sentence: str) -> Notice:
    """Something about the turn that was accepted, until that is undone or a turn is shown again."""
    return Notice("INFO", sentence, holds=until_changed(context, _accepted))


def _readiness(context: Context) -> object:
    return current_view(context.scene, context.view_layer), _model(context)


def _model(context: Context) -> object:
    options = preferences.of(context)
    settings = tuple(getattr(options, name) for name in _MODEL_SETTINGS)
    return settings, api_key.stored_key(), bpy.app.online_access


def _accepted(context: Context) -> object:
    turns = turn_collections.accepted(context.scene), turn_visibility.shown(context.scene)
    return context.scene.session_uid, *(turn and turn.session_uid for turn in turns)
