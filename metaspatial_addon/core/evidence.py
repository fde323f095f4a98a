"""What physics, geometry and renders measured about one layout.

Filled in by `blender/` (meshes, rigid bodies, renders) and `layout/` (relations, access), turned into
numbers by `reward/` and into words for the next turn by `prompts/full.py` and `compact.py`.
Faults carry the items concerned and their size in metres or degrees; the plain numbers beside them
are what the dense reward terms need on top.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Overlap:
    """Two items whose meshes cross: `depth` metres is the smallest move that parts them."""

    a: str
    b: str
    depth: float


@dataclass(frozen=True)
class Outside:
    """An item beyond floor polygon, floor or ceiling by `distance` metres, `share` of its box outside."""

    id: str
    distance: float
    share: float


@dataclass(frozen=True)
class Unsupported:
    """An item that floats: `gap` metres to what should carry it (floor, top face, wall or ceiling)."""

    id: str
    gap: float


@dataclass(frozen=True)
class Unstable:
    """An item that moved in the rigid-body run: `drift` metres, `tilt` degrees."""

    id: str
    drift: float
    tilt: float


@dataclass(frozen=True)
class Blocked:
    """A door swing or window strip that items stand in, and the share of its area that they take."""

    opening: str
    by: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class Unreachable:
    """An item whose front cannot be walked up to."""

    id: str


@dataclass(frozen=True)
class RelationScore:
    """How well one relation of the task holds, in [0, 1]; 0.5 and more is satisfied."""

    subject: str
    predicate: str
    object: str
    score: float

    SATISFIED: ClassVar[float] = 0.5


@dataclass(frozen=True)
class ViewMeasure:
    """What renders show: per item the share of its pixels seen from eye height against the item alone, and that seen
    from in front of it; how much of the frame the items fill and how evenly, both in [0, 1].

    What stands right before the eye makes no room fuller: one item fills `LOOMING` of the frame at most.
    """

    LOOMING: ClassVar[float] = 0.05

    visible: dict[str, float]
    fronts: dict[str, float]
    fill: float
    balance: float


@dataclass(frozen=True)
class Evidence:
    """Everything measured about one layout. `relations` holds every relation, satisfied or not."""

    overlaps: tuple[Overlap, ...] = ()
    outside: tuple[Outside, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()
    unstable: tuple[Unstable, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()
    relations: tuple[RelationScore, ...] = ()
    walkable: float = 1.0
    """Share of the free floor that is reached from the door; without a door, the share of its largest area."""
    view: ViewMeasure | None = None

    @property
    def unsatisfied(self) -> tuple[RelationScore, ...]:
        return tuple(r for r in self.relations if r.score < RelationScore.SATISFIED)

    @property
    def clean(self) -> bool:
        """No fault of any kind."""
        return not (
            self.overlaps
            or self.outside
            or self.unsupported
            or self.unstable
            or self.blocked
            or self.unreachable
            or self.unsatisfied
        )

    def to_json(self) -> dict:
        """The `evidence` object of a score: faults only."""
        return {
            "overlaps": [asdict(o) for o in self.overlaps],
            "outside": [asdict(o) for o in self.outside],
            "unsupported": [asdict(u) for u in self.unsupported],
            "unstable": [asdict(u) for u in self.unstable],
            "blocked": [{"opening": b.opening, "by": list(b.by), "share": b.share} for b in self.blocked],
            "unreachable": [asdict(u) for u in self.unreachable],
            "relations": [asdict(r) for r in self.unsatisfied],
        }
