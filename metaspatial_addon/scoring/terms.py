"""The terms of the reward: evidence about one layout in, numbers in [0, 1] out, 1 is best. Called by `score`.

Each fault has a severity in (0, 1]: `SLIGHT` for being there at all, plus a part that grows with its size and stays
below 1, so that a repair which only reduces a fault is worth something at any size. A term of faults is
1 / (1 + STEEP * load / items), where the load sums severities and `items` counts those that the answer places: it
falls with every further fault and never reaches 0. With the default weights the slightest overlap among twelve items
takes 0.03 off the reward.

The rigid-body simulation leaves out items that overlap, float or are sunk into the floor. An unstable item must not
gain by getting one of these faults instead: being unstable weighs less than half, the slightest of the others more.

Items that leave the room no longer overlap others. They must not gain by it either: `collision` counts an item that is
wholly outside like four overlaps of unlimited depth, and one that is half outside like one.
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
"""Load of collisions that an item wholly outside adds."""
STEEP = 4.0
HALF_OVERLAP = 0.2
"""Metres of depth at which a fault costs half of what its size can cost; the same for the next four, in metres or
degrees."""
HALF_OUTSIDE = 0.3
HALF_GAP = 0.2
HALF_DRIFT = 0.3
HALF_TILT = 30.0
BLOCKED_OPENING = 2.0
"""Faults of one item that a blocked opening weighs like: it concerns everybody who comes in."""
UNREACHED_FLOOR = 0.5
"""Share of `access` that is lost when none of the free floor is reached."""
SEEN = 0.5
"""Visible share of an item from which it counts as seen."""
FILLED = 0.2
"""Share of the frame from which it counts as filled; less where the items are too few for that."""

MEASURED = ("format", "collision", "bounds", "support", "access", "function", "relations")


def terms(task: Task, answer_grade: float, evidence: Evidence, judge: float | None = None) -> dict[str, float]:
    """Compute the terms of a usable answer. `view` is present only with a render, `judge` only with a judge's score.

    `answer_grade`: the parser's grade of the answer's form, and `judge`: a judge's score, both in [0, 1].
    Raises ValueError for one outside that range or not finite.
    """
    items = max(len(task.movable), 1)
    values = {
        "format": in_unit("answer_grade", answer_grade),
        "collision": _falling(_collision_load(evidence), items),
        "bounds": _falling(_bounds_load(evidence), items),
        "support": _falling(_support_load(evidence), items),
        "access": _access(evidence, items),
        "function": evidence.function,
        "relations": _relations(evidence),
    }
    if evidence.view is not None:
        values["view"] = view_term(evidence.view)
    if judge is not None:
        values["judge"] = in_unit("judge", judge)
    return values


def in_unit(name: str, value: float) -> float:
    """Return the value as a float. Raises ValueError, which gives `name`, unless it is a number in [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name}: expected a number from 0 to 1, got {value!r}")
    return float(value)


def counts(task: Task, evidence: Evidence) -> dict[str, int]:
    """Count for reports: all items of the task, and how many of them have a fault of each kind that is counted."""
    faulty: dict[str, set[str]] = {name: set() for name in hard_counts()}
    for fault in evidence.faults():
        if fault.count is not None:
            faulty[fault.count].update(fault.items)
    return {"items": len(task.items), **{name: len(ids) for name, ids in faulty.items()}}


def _falling(load: float, items: int) -> float:
    return 1.0 / (1.0 + STEEP * load / items)


def _severity(*sizes: float, slight: float = SLIGHT) -> float:
    """`slight` plus the rest up to 1 times the mean of the sizes, which are in [0, 1]."""
    return slight + (1.0 - slight) * sum(sizes) / len(sizes)


def _saturated(size: float, half: float) -> float:
    """Map a size in [0, inf] to [0, 1]: size / (size + half), so 0.5 at `half`."""
    return size / (size + half) if math.isfinite(size) else 1.0


def _joint_severity(severities: Iterable[float]) -> float:
    """The joint severity of several faults of one item: more than each, at most 1."""
    return 1.0 - math.prod(1.0 - s for s in severities)


def _collision_load(evidence: Evidence) -> float:
    load = sum(_severity(_saturated(o.depth, HALF_OVERLAP), slight=SLIGHT_OVERLAP) for o in evidence.of_kind(Overlap))
    return load + LEFT_ROOM * sum(o.share**2 for o in evidence.of_kind(Outside))


def _bounds_load(evidence: Evidence) -> float:
    return sum(_severity(_saturated(o.distance, HALF_OUTSIDE), o.share) for o in evidence.of_kind(Outside))


def _support_load(evidence: Evidence) -> float:
    """Both kinds of fault of one item count, together at most like one item."""
    of_item: dict[str, list[float]] = {}
    for floating in evidence.of_kind(Unsupported):
        severity = _severity(_saturated(floating.gap, HALF_GAP), slight=SLIGHT_FLOATING)
        of_item.setdefault(floating.id, []).append(severity)
    for unstable in evidence.of_kind(Unstable):
        severity = UNSTABLE * _severity(_saturated(unstable.drift, HALF_DRIFT), _saturated(unstable.tilt, HALF_TILT))
        of_item.setdefault(unstable.id, []).append(severity)
    return sum(_joint_severity(severities) for severities in of_item.values())


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
    """How well the renders show the room: 0.6 times the mean over items of how much is visible from eye height and from
    in front, 0.2 for a filled frame, 0.2 for a balanced one."""
    seen = [min(share / SEEN, 1.0) for shares in (view.visible, view.fronts) for share in shares.values()]
    mean = sum(seen) / len(seen) if seen else 1.0
    filled = max(min(FILLED, ViewMeasure.LOOMING * len(view.visible)), ViewMeasure.LOOMING)
    return 0.6 * mean + 0.2 * min(view.fill / filled, 1.0) + 0.2 * view.balance
