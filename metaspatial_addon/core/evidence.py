"""What physics, geometry and renders measured about one layout.

Detectors in `blender/physics`, `core/access` and `core/relations` fill it in, `scoring` turns it into numbers, and
`prompts` into the feedback of the next turn. Beside the faults it holds what the dense reward terms need on top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from .faults import KINDS, Fault, RelationScore

_Kind = TypeVar("_Kind", bound=Fault)


@dataclass(frozen=True)
class ViewMeasure:
    """What renders show: per item that a layout can move the share of its pixels seen from eye height against the item
    alone, and that seen from in front of it; how much of the frame all items fill and how evenly, both in [0, 1].

    What stands right before the eye makes no room fuller: one item fills `LOOMING` of the frame at most.
    """

    LOOMING: ClassVar[float] = 0.05

    visible: dict[str, float]
    fronts: dict[str, float]
    fill: float
    balance: float


@dataclass(frozen=True)
class Evidence:
    """Everything measured about one layout."""

    detected: tuple[Fault, ...] = ()
    """What detectors found, in any order; relations are kept apart."""
    relations: tuple[RelationScore, ...] = ()
    """Every relation of the task, satisfied or not."""
    walkable: float = 1.0
    """Share of the free floor that is reached from the door; without a door, the share of its largest area."""
    function: float = 1.0
    """Weighted share of what items need to be used that they have; 1 where none needs anything."""
    view: ViewMeasure | None = None

    @property
    def unsatisfied(self) -> tuple[RelationScore, ...]:
        """The relations that are faults."""
        return tuple(r for r in self.relations if r.score < RelationScore.SATISFIED)

    def faults(self) -> tuple[Fault, ...]:
        """Every fault, kind by kind in the order of `faults.KINDS`."""
        every = (*self.detected, *self.unsatisfied)
        return tuple(fault for kind in KINDS.values() for fault in every if type(fault) is kind)

    def of_kind(self, kind: type[_Kind]) -> tuple[_Kind, ...]:
        """The faults of one kind, in the order in which they were detected."""
        return tuple(fault for fault in (*self.detected, *self.unsatisfied) if isinstance(fault, kind))

    def faulty_items(self) -> set[str]:
        """Ids of the items at fault: both of an overlap, all that block an opening, the subject of a relation."""
        return {item_id for fault in self.faults() for item_id in fault.items}

    @property
    def clean(self) -> bool:
        """Whether there is no fault of any kind."""
        return not self.faults()

    def to_json(self) -> dict[str, Any]:
        """The `evidence` object of a score: a list for each kind of fault, empty where there is none."""
        faults = self.faults()
        return {key: [fault.to_json() for fault in faults if fault.key == key] for key in KINDS}
