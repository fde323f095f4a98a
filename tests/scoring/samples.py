"""Evidence drawn at random, and the same evidence with one fault more or one fault deeper."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Blocked, Outside, Overlap, RelationScore, Unreachable, Unstable, Unsupported
from metaspatial_addon.core.task import Item, Relation, Room, Task

IDS = [f"item_{k}" for k in range(12)]
TASK = Task(
    "task",
    "A room.",
    Room("room", ((0, 0), (5, 0), (5, 4), (0, 4)), 2.7),
    tuple(Item(i, "chair", (0.5, 0.5, 0.9)) for i in IDS),
    tuple(Relation(IDS[k], "near", IDS[k + 1]) for k in range(4)),
)
CLEAN = Evidence(relations=tuple(RelationScore(r.subject, r.predicate, r.object, 1.0) for r in TASK.relations))

ids = st.sampled_from(IDS)
metres = st.floats(0.0101, 5.0)
shares = st.floats(0.0, 1.0)
overlaps = st.builds(lambda pair, d: Overlap(*sorted(pair), d), st.sets(ids, min_size=2, max_size=2), metres)
outside = st.builds(Outside, ids, metres, shares)
unsupported = st.builds(Unsupported, ids, metres)
unstable = st.builds(Unstable, ids, metres, st.floats(0, 180))
blocked = st.builds(lambda opening, i, share: Blocked(opening, (i,), share), st.sampled_from(["d", "w"]), ids, shares)
unreachable = st.builds(Unreachable, ids)
FAULTS = {
    "overlaps": overlaps,
    "outside": outside,
    "unsupported": unsupported,
    "unstable": unstable,
    "blocked": blocked,
    "unreachable": unreachable,
}


@st.composite
def evidences(draw):
    faults = tuple(fault for kind in FAULTS.values() for fault in draw(st.lists(kind, max_size=4)))
    scores = tuple(replace(r, score=draw(shares)) for r in CLEAN.relations)
    return Evidence(faults, scores, walkable=draw(shares))


@st.composite
def worsened(draw):
    """Some evidence, the same with a fault added or made worse, and the name of what was changed."""
    before = draw(evidences())
    name = draw(st.sampled_from([*FAULTS, "relations", "walkable"]))
    if name == "walkable":
        return before, replace(before, walkable=before.walkable * draw(shares)), name
    if name == "relations":
        scores = before.relations
        k = draw(st.integers(0, len(scores) - 1))
        worse = replace(scores[k], score=scores[k].score * draw(shares))
        return before, replace(before, relations=(*scores[:k], worse, *scores[k + 1 :])), name
    faults = tuple(fault for fault in before.detected if fault.key == name)
    others = tuple(fault for fault in before.detected if fault.key != name)
    sizes = [f for f in ("depth", "distance", "gap", "drift", "tilt", "share") if faults and hasattr(faults[0], f)]
    if sizes and draw(st.booleans()):
        k, size = draw(st.integers(0, len(faults) - 1)), draw(st.sampled_from(sizes))
        old = getattr(faults[k], size)
        new = old + (1 - old) * draw(shares) if size == "share" else old + draw(metres)
        changed = (*faults[:k], replace(faults[k], **{size: new}), *faults[k + 1 :])
        return before, replace(before, detected=(*others, *changed)), name
    return before, replace(before, detected=(*before.detected, draw(FAULTS[name]))), name
