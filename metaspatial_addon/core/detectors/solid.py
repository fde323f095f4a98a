"""What detectors ask of a placed item. `blender/physics/body.py` answers by meshes, `boxes.py` by boxes."""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np

from ..geometry import OrientedBox
from ..task import Item


class Solid(Protocol):
    """A placed item. All points are in the room's frame, in metres."""

    @property
    def item(self) -> Item: ...

    @property
    def box(self) -> OrientedBox:
        """The bounding box of the shape where it stands."""
        ...

    @property
    def outline(self) -> np.ndarray:
        """The edges (E, 2, 2) of the shape, seen from above."""
        ...

    @property
    def contacts(self) -> np.ndarray:
        """Points (P, 3) of the underside by which the item may be carried."""
        ...

    def drop(self, points: np.ndarray) -> float:
        """The least distance straight down from one of the points (P, 3) to the shape: 0 from inside it, inf where it
        lies below none of them."""
        ...


SolidT = TypeVar("SolidT", bound=Solid)
