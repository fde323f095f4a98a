"""A turn on its way into the artist's file: built and shown in steps of a few milliseconds. Called by `job.py`."""

from __future__ import annotations

import time
from collections.abc import Generator

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...blender.turns import turn_collections, turn_properties, turn_visibility, turns
from ..screen import list_turn, push_undo

MAX_RESTARTS = 20
"""Of one turn; each because the artist removed what was being copied."""


class TurnPlacement:
    """Puts one turn into the file. `turn_uid` is its collection's session_uid once it is there."""

    def __init__(self, incoming: turn_collections.IncomingTurn) -> None:
        self.turn_uid: int | None = None
        self._incoming = incoming
        self._steps = self._build()
        self._restarts = 0
        self._undo_message = ""

    def advance(self, until: float) -> bool:
        """Take a step, and more until `time.perf_counter()` is `until`; whether the turn is there and shown.

        Raises LookupError without the scene, and ReferenceError when what is copied was removed too often.
        """
        try:
            next(self._steps)
            while time.perf_counter() < until:
                next(self._steps)
        except StopIteration:
            return True
        except ReferenceError:
            if self._restarts >= MAX_RESTARTS:
                raise
            self.restart()
        return False

    def restart(self) -> None:
        """Begin again: the file was changed meanwhile, so what was being copied or shown may be gone."""
        self._restarts += 1
        self._steps.close()
        place = self._find_turn()
        self._steps = self._build() if place is None else self._show(*place)

    def show_now(self) -> None:
        """Show and list the turn at once, if it is in the file."""
        place = self._find_turn()
        if place is not None:
            turn_collections.show(*place)
            list_turn(*place)

    def is_shown(self) -> bool:
        """Whether the artist looks at the turn."""
        place = self._find_turn()
        return place is not None and turn_visibility.shown(place[0]) == place[1]

    def push_undo(self) -> None:
        """Add the undo step of the turn, if it lacks one."""
        message, self._undo_message = self._undo_message, ""
        if message:
            push_undo(message)

    @property
    def lacks_undo(self) -> bool:
        """Whether the turn is in the file and no undo step holds it yet."""
        return bool(self._undo_message)

    def has_images(self) -> bool:
        """Whether the turn has its images, or is not in the file."""
        place = self._find_turn()
        return place is None or len(turn_properties.images(place[1])) == 2

    def set_images(self, top: bytes, view: bytes) -> None:
        """Give the turn its images, if it is in the file."""
        place = self._find_turn()
        if place is not None:
            turn_collections.set_images(place[1], top, view)

    def close(self) -> None:
        """Stop, and remove a turn that is not complete."""
        self._steps.close()
        turn_collections.discard_unfinished()

    def _build(self) -> Generator[None, None, None]:
        turn = yield from turn_collections.build_turn(self._incoming)
        self.turn_uid = turn.session_uid
        self._undo_message = iface_("MetaSpatial: Turn {number}").format(number=turn[turns.KEY]["turn"])
        place = self._find_turn()
        if place is not None:
            yield from self._show(*place)

    def _show(self, scene: bpy.types.Scene, turn: bpy.types.Collection) -> Generator[None, None, None]:
        """Show the turn, then list it: a turn that is listed before it is shown is shown at once, not in steps."""
        yield from turn_visibility.show_in_steps(scene, turn)
        list_turn(scene, turn)

    def _find_turn(self) -> tuple[bpy.types.Scene, bpy.types.Collection] | None:
        """The scene and the turn in it, once the turn is there."""
        scene = turn_collections.find_scene(self._incoming.scene)
        for turn in turn_visibility.all_turns(scene) if scene is not None else ():
            if turn.session_uid == self.turn_uid:
                return scene, turn
        return None
