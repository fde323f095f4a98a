"""The interface in Blender's window: panels, operators, properties, preferences. Imported when the add-on registers."""

from __future__ import annotations

import logging
from types import ModuleType

from .operators import check, first_steps, library, openings, run, setup
from .operators import items as item_operators
from .operators import turns as turn_operators
from .operators import wishes as wish_operators
from .overlay import handler
from .panels import items, main, menus
from .panels import turns as turn_panels
from .panels import wishes as wish_panels
from .state import api_key, feedback, folders, item_cache, job, preferences, properties, recent, turn_cache, whats_new
from .state.scene import index
from .translations import sentences, tables

log = logging.getLogger(__name__)

# In the order of registration: what a module needs comes before it.
MODULES = (
    tables,
    sentences,
    properties,
    folders,
    api_key,
    recent,
    feedback,
    whats_new,
    turn_cache,
    item_cache,
    preferences,
    index,
    job,
    setup,
    check,
    openings,
    item_operators,
    wish_operators,
    library,
    first_steps,
    run,
    turn_operators,
    handler,
    main,
    wish_panels,
    items,
    turn_panels,
    menus,
)

_registered: list[ModuleType] = []


def register() -> None:
    """Register everything, or, where a part cannot be, nothing."""
    try:
        for module in MODULES:
            module.register()
            _registered.append(module)
    except BaseException:
        unregister()
        raise


def unregister() -> None:
    """Undo `register`, last part first. A part that fails does not keep the others."""
    while _registered:
        module = _registered.pop()
        try:
            module.unregister()
        except Exception:
            log.exception("MetaSpatial: %s could not be unregistered", module.__name__)
