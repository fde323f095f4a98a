"""The terms of the reward: evidence about one layout in, numbers in [0, 1] out, 1 is best. Called by `score`.

Each fault has a severity in (0, 1]: SLIGHT for being there at all, growing with its size and never quite reaching 1,
so that half a mend is worth something whatever the size. A term of faults is 1 / (1 + STEEP * load / items), where the
load sums severities and the items are those that the answer places: it falls with every further fault and never
reaches 0. With the default weights the slightest overlap among twelve items takes 0.03 off the reward.

Items that overlap, float or are sunk into the floor are left out of the rigid-body run. So that none of these is a
cure for what tips over, being unstable weighs less than half, and the slightest of the others costs more.

Items that leave the room no longer meet any other. So that this is no cure for overlaps, `collision` counts an item
that is wholly outside as if it overlapped four others as deep as can be, and one that is half outside as one such.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..core.evidence import Evidence, ViewMeasure
from ..core.faults import Blocked, Outside, Overlap, Unreachable, Unstable, Unsupported, hard_counts
from ..core.task import Task

SLIGHT = 0.3
SLIGHT_OVERLAP = 0.4
SLIGHT_FLOATING = 0.5
UNSTABLE = 0.45
LEFT_ROOM = 4.0
"""What an item that is wholly outside adds to the load of collisions."""
STEEP = 4.0
HALF_OVERLAP = 0.2
"""Metres of depth at which half of what a fault's size can cost is reached; the same below, in metres or degrees."""
HALF_OUTSIDE = 0.3
HALF_GAP = 0.2
HALF_DRIFT = 0.3
HALF_TILT = 30.0
BLOCKED_OPENING = 2.0
"""How many faults of one item a blocked opening weighs, since it concerns everybody who comes in."""
UNREACHED_FLOOR = 0.5
"""What `access` loses when none of the free floor is reached."""
SEEN = 0.5
"""Share of an item that is enough for it to count as seen."""
FILLED = 0.2
"""Share of the frame that is enough for it to count as filled; less where few items cannot fill as much."""

MEASURED = ("format", "collision", "bounds", "support", "access", "relations")


def terms(task: Task, answer_grade: float, evidence: Evidence, judge: float | None = None) -> dict[str, float]:
    """The terms of a usable answer. `view` is there only with a render, `judge` only when one was asked.

    `answer_grade` is the reader's grade of the answer's form and `judge` a judgement's score, both in [0, 1].
    Raises ValueError for one outside that range or not finite.
    """
    items = max(len(task.movable), 1)
    found = {
        "format": in_unit("answer_grade", answer_grade),
        "collision": _falling(_collision_load(evidence), items),
        "bounds": _falling(_bounds_load(evidence), items),
        "support": _falling(_support_load(evidence), items),
        "access": _access(evidence, items),
        "relations": _relations(evidence),
    }
    if evidence.view is not None:
        found["view"] = view_term(evidence.view)
    if judge is not None:
        found["judge"] = in_unit("judge", judge)
    return found


def in_unit(name: str, value: float) -> float:
    """The value. Raises ValueError when it is no number in [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name}: expected a number from 0 to 1, got {value!r}")
    return float(value)


def counts(task: Task, evidence: Evidence) -> dict[str, int]:
    """Hard counts for reports: all items of the task, and how many of them have a fault of each kind."""
    faulty: dict[str, set[str]] = {name: set() for name in hard_counts()}
    for fault in evidence.faults():
        if fault.count is not None:
            faulty[fault.count].update(fault.items)
    return {"items": len(task.items), **{name: len(ids) for name, ids in faulty.items()}}


def _falling(load: float, items: int) -> float:
    return 1.0 / (1.0 + STEEP * load / items)


def _severity(*sizes: float, slight: float = SLIGHT) -> float:
    """`slight` and, in equal parts of the rest, the sizes in [0, 1]."""
    return slight + (1.0 - slight) * sum(sizes) / len(sizes)


def _grown(size: float, half: float) -> float:
    """A size on a scale of 0 to 1 that it never quite reaches; 0.5 at `half`."""
    return size / (size + half) if math.isfinite(size) else 1.0


def _either(severities: Iterable[float]) -> float:
    """The severity of several faults of one item together: more than each, never over 1."""
    return 1.0 - math.prod(1.0 - s for s in severities)


def _collision_load(evidence: Evidence) -> float:
    crossing = sum(_severity(_grown(o.depth, HALF_OVERLAP), slight=SLIGHT_OVERLAP) for o in evidence.of_kind(Overlap))
    return crossing + LEFT_ROOM * sum(o.share**2 for o in evidence.of_kind(Outside))


def _bounds_load(evidence: Evidence) -> float:
    return sum(_severity(_grown(o.distance, HALF_OUTSIDE), o.share) for o in evidence.of_kind(Outside))


def _support_load(evidence: Evidence) -> float:
    """Two faults of one item count both, but together no more than one item."""
    of_item: dict[str, list[float]] = {}
    for hanging in evidence.of_kind(Unsupported):
        severity = _severity(_grown(hanging.gap, HALF_GAP), slight=SLIGHT_FLOATING)
        of_item.setdefault(hanging.id, []).append(severity)
    for moved in evidence.of_kind(Unstable):
        severity = UNSTABLE * _severity(_grown(moved.drift, HALF_DRIFT), _grown(moved.tilt, HALF_TILT))
        of_item.setdefault(moved.id, []).append(severity)
    return sum(_either(severities) for severities in of_item.values())


def _access(evidence: Evidence, items: int) -> float:
    load = sum(BLOCKED_OPENING * _severity(b.share) for b in evidence.of_kind(Blocked))
    load += SLIGHT * len(evidence.of_kind(Unreachable))
    floor = 1.0 - UNREACHED_FLOOR * (1.0 - evidence.walkable)
    return floor * _falling(load, items)


def _relations(evidence: Evidence) -> float:
    """The mean score; 1 where the task asks for none."""
    scores = [r.score for r in evidence.relations]
    return sum(scores) / len(scores) if scores else 1.0


def view_term(view: ViewMeasure) -> float:
    """How well the room shows: three fifths for the items that are seen, half of it from in front, and a fifth each
    for a frame that is filled and balanced."""
    seen = [min(share / SEEN, 1.0) for shares in (view.visible, view.fronts) for share in shares.values()]
    mean = sum(seen) / len(seen) if seen else 1.0
    filled = max(min(FILLED, ViewMeasure.LOOMING * len(view.visible)), ViewMeasure.LOOMING)
    return 0.6 * mean + 0.2 * min(view.fill / filled, 1.0) + 0.2 * view.balance
