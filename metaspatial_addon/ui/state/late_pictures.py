"""Pictures of turns that come after their layout has ended. Called by `job.py`."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from ...worker.client import Worker
from ..screen import redraw_panels
from .placement import TurnPlacement


class LatePictures:
    """Takes the worker's pictures of a layout, whose job has this number, into its turns.

    They belong to no undo step: those that an undo takes away are put back.
    """

    def __init__(self, job: int, placements: Mapping[int, TurnPlacement]) -> None:
        self._job, self._placements = job, placements
        self._taken: dict[int, tuple[bytes, bytes]] = {}

    def take(self, worker: Worker) -> None:
        """Take what has come of one turn, if anything has."""
        message = worker.receive()
        if message is None or message["type"] != "pictures" or message["job"] != self._job:
            return
        number = message["number"]
        self._taken[number] = base64.b64decode(message["top"]), base64.b64decode(message["view"])
        self._placements[number].set_images(*self._taken[number])
        redraw_panels()

    def put_back(self) -> None:
        """Give turns that lack their pictures those that have come."""
        for number, pictures in self._taken.items():
            if not self._placements[number].has_images():
                self._placements[number].set_images(*pictures)
