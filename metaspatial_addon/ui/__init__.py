"""The interface in Blender's window: panels, operators, properties, preferences. Imported when the add-on registers."""

from __future__ import annotations

import logging
from types import ModuleType

from . import (
    chosen,
    facts,
    job,
    operators_check,
    operators_library,
    operators_openings,
    operators_run,
    operators_setup,
    operators_turns,
    overlay,
    panels,
    panels_items,
    panels_turns,
    preferences,
    properties,
    recent,
)

log = logging.getLogger(__name__)

# In the order of registration: what a module stands on comes before it.
MODULES = (
    properties, preferences, job, operators_setup, operators_check, operators_openings, operators_library,
    operators_run, operators_turns, overlay, chosen, panels, panels_items, panels_turns,
)  # fmt: skip

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
    facts.forget()
    recent.forget_cache()
