"""Terms of the reward that a configuration names as `module:function`."""

from __future__ import annotations

import importlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.scoring.user_terms import UserTerm

from .config import bounded

KEY = "reward.terms"
_NAMED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class TermSettings:
    """A function of a module that can be imported from the working folder or from where Python looks, as
    `my_rewards:near_window`. It is called with the task, the layout and the evidence, and returns 0 to 1."""

    function: str = ""
    weight: float = bounded(0.1, above=0)

    @property
    def name(self) -> str:
        """The term's name in scores: that of the function."""
        return self.function.rpartition(":")[2]


def import_term(settings: TermSettings) -> UserTerm:
    """The term with its function. Raises InputError where there is no such function."""
    if _NAMED.fullmatch(settings.function) is None:
        raise InputError(KEY, "function", "module:function, as my_rewards:near_window", settings.function)
    module, _, name = settings.function.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # Blender's Python, and workers, do not look there
        sys.path.append(here)
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(KEY, "function", f"a function that can be imported ({error})", settings.function) from error
    if not callable(function):
        raise InputError(KEY, "function", "a function", settings.function)
    return UserTerm(name, settings.weight, function, KEY)
