"""Lays out a task: hosts with what belongs to them, then the rest, then what stands on tops, hangs and lies.

Every piece takes the cheapest of its free candidate places; what finds none is tried again first, in another order. The
plan of the lowest cost of a few rounds is the answer. Wishes (the task's relations) are part of a place's cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ...core.access import measure_access
from ...core.furniture import Way
from ...core.geometry import OrientedBox, gap
from ...core.relations import relation_scores
from ...core.task import Layout, Pose, Relation, Task
from .candidates import LEGS, Candidates, candidates, may_tuck, near_others
from .roles import category_of
from .scene import Piece, Scene, box_at
from .upper import place_covering, place_on_ceiling, place_on_top, place_on_wall

ROUNDS = 4
GOOD = 2.0
"""Cost of a plan that is not tried again: nothing is left out, blocked or unreached, and wishes are met."""
WISH = 6.0
"""What it costs to miss a wish altogether."""
TRIED = 300
"""Candidates whose wishes are measured, cheapest first."""
OTHER_PLACES, MOST_MOVED, IN_THE_WAY = 6, 6, 0.9
"""Places that are tried for a piece that clears a way, pieces that are moved, and metres within which one is in the
way."""
MISSING, UNREACHED, BLOCKED = 20.0, 4.0, 4.0


@dataclass(frozen=True)
class Plan:
    """A layout of a task, what it costs, and the ids of the items for which there was no free place."""

    layout: Layout
    cost: float
    left: tuple[str, ...]


def plan(task: Task, seed: int = 0, rounds: int = ROUNDS, vary: bool = False) -> Plan:
    """The best plan of a few rounds. The same seed gives the same plan; with `vary` another seed gives another."""
    rng = np.random.default_rng(seed)
    best: Plan | None = None
    first: list[str] = []
    for number in range(rounds):
        builder = _Builder(task, rng, first, jitter=0.1 * (number + vary), careful=number > 0)
        left = builder.build()
        layout = builder.finish(left)
        cost = builder.total(layout) + MISSING * len(left)
        if builder.in_trouble and not left:
            layout, cost = builder.clear_ways(layout, cost)
        if best is None or cost < best.cost:
            best = Plan(layout, cost, tuple(piece.item.id for piece in left))
        if cost < GOOD:
            break
        first = [piece.item.id for piece in left] + builder.in_trouble
    assert best is not None
    return best


class _Builder:
    """One round: a scene that fills."""

    def __init__(self, task: Task, rng: np.random.Generator, first: Iterable[str], jitter: float, careful: bool):
        self.task, self.rng, self.jitter, self.careful = task, rng, jitter, careful
        self.first = list(first)
        self.scene = Scene(task)
        movable = sorted(task.movable, key=lambda i: (-i.size[0] * i.size[1], -i.size[2], i.category))
        self.pieces = {item.id: Piece(item, category_of(item)) for item in movable}  # the task's order says nothing
        self.by_id = {**{p.item.id: p for p in self.scene.pieces}, **self.pieces}
        self.relations: dict[str, list[Relation]] = {}
        for relation in task.relations:
            for item_id in {relation.subject, relation.object}:
                self.relations.setdefault(item_id, []).append(relation)
        self.in_trouble: list[str] = []
        self._assign()

    def _assign(self) -> None:
        """Give guests to hosts: wishes first, then the dearest kind of host that has room, in turns."""
        standing = {name: p for name, p in self.by_id.items() if p.item.mount == "floor" and not p.item.covering}
        for piece in self.pieces.values():
            if piece.item.id not in standing or not piece.role.hosts or piece.role.way == "run":
                continue
            asked = [
                standing[r.object]
                for r in self.relations.get(piece.item.id, ())
                if r.subject == piece.item.id and r.object in standing
            ]
            hosts = [p for p in asked if p.kind in piece.role.hosts and not self._belongs(p, piece)]
            if not hosts:
                for kind in piece.role.hosts:
                    hosts = [p for p in standing.values() if p.kind == kind and self._takes(p, piece)]
                    if hosts:
                        break
            if hosts:
                piece.host = min(hosts, key=lambda p: sum(g.kind == piece.kind for g in p.guests))
                piece.host.guests.append(piece)

    @staticmethod
    def _belongs(piece: Piece | None, other: Piece) -> bool:
        """Whether a piece is the other, or belongs to it through any number of hosts."""
        while piece is not None:
            if piece is other:
                return True
            piece = piece.host
        return False

    def _takes(self, host: Piece, guest: Piece) -> bool:
        """Whether a host has room for one more of the guest's kind, and does not belong to the guest itself."""
        there = sum(other.kind == guest.kind for other in host.guests)
        return there < self._room_for(host, guest) and not self._belongs(host, guest)

    @staticmethod
    def _room_for(host: Piece, guest: Piece) -> int:
        """How many guests of its kind a host takes; a table as many chairs as its edge has room for."""
        if guest.role.way != "around" or guest.role.guests < 6:
            return guest.role.guests
        width, depth, _ = host.item.size
        seat = guest.item.size[0] + 0.05
        return max(2 * int((width - 2 * LEGS) / seat) + 2 * int((depth - 2 * LEGS) / seat), 2)

    # Building ---------------------------------------------------------------------------------------------------

    def build(self) -> list[Piece]:
        """Place everything; what found no place is returned."""
        left: list[Piece] = []
        floor = [p for p in self.pieces.values() if p.item.mount == "floor" and not p.item.covering]
        hosts = [p for p in floor if p.host is None or p.host.item.locked]
        waiting = sorted(hosts, key=self._order)
        while waiting:
            piece = next((p for p in waiting if self._wished_by(p)), waiting[0])
            waiting.remove(piece)
            left += self._place_group(piece)
        rest = [p for p in self.pieces.values() if p not in floor]
        for piece in sorted((p for p in rest if p.item.covering), key=lambda p: -p.item.size[0] * p.item.size[1]):
            if not place_covering(self.scene, piece, self.wishes):
                left.append(piece)
        for mount, place in (("surface", place_on_top), ("wall", place_on_wall), ("ceiling", place_on_ceiling)):
            of_mount = [p for p in rest if p.item.mount == mount and not p.item.covering]
            for piece in sorted(of_mount, key=lambda p: -p.item.size[0] * p.item.size[1]):
                if not place(self.scene, piece, self.wishes):
                    left.append(piece)
        return left

    def _wished_by(self, piece: Piece) -> list[OrientedBox]:
        """What stands already and is the object of a wish about the piece."""
        named = {r.object for r in self.relations.get(piece.item.id, ()) if r.subject == piece.item.id}
        boxes = [self.by_id[name].box for name in named if name in self.by_id]
        return [box for box in boxes if box is not None]

    def _order(self, piece: Piece) -> tuple[int, bool, float, float]:
        """Hosts that failed before come first, then those with a wish about the room, then by rank and size."""
        urgent = self.first.index(piece.item.id) if piece.item.id in self.first else len(self.first)
        family = [piece, *piece.guests]
        area = sum(p.item.size[0] * p.item.size[1] for p in family)
        asked = {r.object for p in family for r in self.relations.get(p.item.id, ()) if r.subject == p.item.id}
        return urgent, asked <= self.by_id.keys(), piece.role.rank + self.jitter * self.rng.normal(), -area

    def _place_group(self, piece: Piece) -> list[Piece]:
        """A host and its guests, who may have guests; the first place of the host at which all find theirs."""
        guests = sorted(piece.guests, key=lambda p: p.role.rank)
        ranked = self._ranked(piece)
        best: tuple[int, float, list[tuple[Piece, OrientedBox]]] | None = None
        tries = self._spread(ranked, 6 if self.careful else 4 if guests else 1)
        for cost, box in tries:
            placed, missing, total = [(piece, box)], 0, cost
            self.scene.add(piece, box)
            for guest in guests:
                found = self._ranked(guest, own_host=True)
                if not found:
                    missing += 1
                    continue
                total += found[0][0]
                self.scene.add(guest, found[0][1])
                placed.append((guest, found[0][1]))
            if self.careful:
                total += self._shut_off()
            for member, _ in placed:
                self.scene.remove(member)
            if best is None or (missing, total) < best[:2]:
                best = missing, total, placed
            if missing == 0 and total < cost + 0.6 * len(guests):
                break
        left: list[Piece] = []
        if best is None:
            return [piece, *self._alone(guests)]
        for member, box in best[2]:
            self.scene.add(member, box)
        there = [member for member, _ in best[2]]
        left += self._alone([guest for guest in guests if guest not in there])
        for guest in there[1:]:
            if guest.guests:
                left += self._guests_of(guest)
        return left

    def _shut_off(self) -> float:
        """The cost of what nobody could walk up to any more, of what stands so far."""
        layout = self.scene.layout()
        items = tuple(item for item in self.task.items if item.locked or item.id in layout.poses)
        access = measure_access(replace(self.task, items=items, relations=()), layout)
        return UNREACHED * len(access.unreachable) + 2.0 * (1.0 - access.walkable)

    def _guests_of(self, host: Piece) -> list[Piece]:
        left = []
        for guest in host.guests:
            found = self._ranked(guest, own_host=True) or self._ranked(guest)
            if found:
                self.scene.add(guest, found[0][1])
                left += self._guests_of(guest)
            else:
                left += [guest, *self._alone(guest.guests)]
        return left

    def _alone(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Pieces whose host has no place for them, where else they can stand, with their own guests."""
        left = []
        for piece in pieces:
            found = self._ranked(piece)
            if found:
                self.scene.add(piece, found[0][1])
                left += self._guests_of(piece)
            else:
                left += [piece, *self._alone(piece.guests)]
        return left

    def _ranked(self, piece: Piece, own_host: bool = False) -> list[tuple[float, OrientedBox]]:
        """The free places of a piece, cheapest first."""
        ways: tuple[tuple[Way, float], ...] = ((piece.role.way, 0.0),)
        if not own_host or self.relations.get(piece.item.id):
            otherwise: tuple[Way, ...] = ("loose",) if piece.role.way in ("middle", "rows") else ("wall", "loose")
            ways += tuple((way, 1.0 + 0.5 * k) for k, way in enumerate(otherwise))
        friends = self._friends(piece)
        under: tuple[Piece, ...] = ()
        if piece.role.way in ("around", "tuck") and piece.host is not None and may_tuck(piece, piece.host):
            under = (piece.host,)
        found: list[tuple[float, OrientedBox]] = []
        height = piece.item.size[2]
        related = [
            box
            for r in self.relations.get(piece.item.id, ())
            for name in (r.subject, r.object)
            if name in self.by_id and name != piece.item.id and (box := self.by_id[name].box) is not None
        ]
        offers: list[tuple[float, bool, Candidates]] = []
        if related:
            offers.append((0.0, True, near_others(self.scene, piece, related)))
        offers += [(extra, False, candidates(self.scene, piece, way, piece.host)) for way, extra in ways]
        for extra, wished, (rows, cost) in offers:
            free = self.scene.free(rows, 0.0, height, but=under)
            rows, cost = rows[free], cost[free] + extra
            if not len(rows):
                continue
            cost = cost + self.scene.cost(piece, rows, friends)
            if self.jitter:
                cost = cost + self.jitter * self.rng.random(len(cost))
            order = np.argsort(cost, kind="stable")[: 2 * TRIED if wished else TRIED]
            boxes = [box_at(piece, rows[k]) for k in order]
            wishes = self.wishes(piece, boxes)
            found += [(float(cost[k] + w), box) for k, box, w in zip(order, boxes, wishes, strict=True)]
            if wished or (self.relations.get(piece.item.id) and min(wishes) > 0.1 * WISH):
                continue  # another way may do what is wished, or do it at less cost
            break
        return sorted(found, key=lambda pair: pair[0])

    def _friends(self, piece: Piece) -> tuple[Piece, ...]:
        """Who may take whose needs: host, fellow guests and own guests."""
        if piece.host is None:
            return tuple(piece.guests)
        return (piece.host, *piece.host.guests, *piece.guests)

    @staticmethod
    def _spread(ranked: list[tuple[float, OrientedBox]], count: int) -> list[tuple[float, OrientedBox]]:
        """The cheapest places that are not next to one another."""
        chosen: list[tuple[float, OrientedBox]] = []
        for cost, box in ranked:
            if all(abs(box.x - b.x) + abs(box.y - b.y) > 0.6 or box.yaw != b.yaw for _, b in chosen):
                chosen.append((cost, box))
                if len(chosen) == count:
                    break
        return chosen

    # Wishes -----------------------------------------------------------------------------------------------------

    def wishes(self, piece: Piece, boxes: list[OrientedBox]) -> list[float]:
        """What each place costs in wishes that are missed, of those whose other side stands already."""
        related = [
            r
            for r in self.relations.get(piece.item.id, ())
            if r.predicate != "around" and all(self._known(name, piece) for name in (r.subject, r.object))
        ]
        if not related:
            return [0.0] * len(boxes)
        others = {
            name: self.by_id[name].box
            for r in related
            for name in (r.subject, r.object)
            if name in self.by_id and name != piece.item.id
        }
        poses = {name: Pose(b.x, b.y, b.z, b.yaw) for name, b in others.items() if b is not None}
        items = tuple(replace(i, locked=False) for i in self.task.items if i.id in poses or i.id == piece.item.id)
        small = Task(self.task.id, "", self.task.room, items, tuple(related))
        costs = []
        for box in boxes:
            pose = Pose(box.x, box.y, box.z, box.yaw)
            scores = relation_scores(small, Layout(small.id, {**poses, piece.item.id: pose}))
            costs.append(WISH * sum(1.0 - s.score for s in scores))
        return costs

    def _known(self, name: str, piece: Piece) -> bool:
        return name not in self.by_id or name == piece.item.id or self.by_id[name].box is not None

    # Clearing ways ----------------------------------------------------------------------------------------------

    def clear_ways(self, layout: Layout, cost: float) -> tuple[Layout, float]:
        """Move what stands in the way of items that cannot be reached, and these themselves, one by one, the smallest
        first: each to the best of a few places by the cost of the whole layout."""
        for piece in self._in_the_way():
            if not self.in_trouble:
                break
            before = piece.box
            assert before is not None
            self.scene.remove(piece)
            best = before
            for _, box in self._spread(self._ranked(piece), OTHER_PLACES):
                self.scene.add(piece, box)
                tried = self.finish([])
                tried_cost = self.total(tried)
                self.scene.remove(piece)
                if tried_cost < cost - 1e-6:
                    layout, cost, best = tried, tried_cost, box
            self.scene.add(piece, best)
            cost = self.total(layout)  # and who is in trouble now
        return layout, cost

    def _in_the_way(self) -> list[Piece]:
        """Movable pieces on the floor without guests that are in trouble or near what is, small ones first."""
        troubled = [self.by_id[item_id].box for item_id in self.in_trouble]
        near = [
            piece
            for piece in self.pieces.values()
            if piece.box is not None
            and piece.item.mount == "floor"
            and not piece.item.covering
            and not any(guest.box is not None for guest in piece.guests)
            and not any(self._rests_on(other, piece) for other in self.scene.pieces)
            and any(gap(piece.box, box) < IN_THE_WAY for box in troubled if box is not None)
        ]
        return sorted(near, key=lambda p: p.item.size[0] * p.item.size[1])[:MOST_MOVED]

    @staticmethod
    def _rests_on(upper: Piece, lower: Piece) -> bool:
        if upper.item.mount != "surface" or upper.box is None or lower.box is None:
            return False
        return abs(upper.box.z - lower.box.top) < 0.01 and gap(upper.box, lower.box) == 0.0

    # Ending -----------------------------------------------------------------------------------------------------

    def finish(self, left: list[Piece]) -> Layout:
        """The layout; pieces without a place stand in the middle of the room."""
        layout = self.scene.layout()
        x, y = self.scene.middle.tolist()
        poses = dict(layout.poses)
        for piece in left:
            z = 0.0
            if piece.item.mount == "ceiling":
                z = max(self.task.room.height - piece.item.size[2], 0.0)
            elif piece.item.mount == "wall":
                z = 1.4
            poses[piece.item.id] = Pose(round(x, 4), round(y, 4), z, 0.0)
        return Layout(self.task.id, {item.id: poses[item.id] for item in self.task.movable})

    def total(self, layout: Layout) -> float:
        """The cost of a whole layout: faults of access, wishes missed, needs cut."""
        access = measure_access(self.task, layout)
        self.in_trouble = [fault.id for fault in access.unreachable]
        missed = sum(1.0 - s.score for s in relation_scores(self.task, layout) if s.score < 0.95)
        needs = 0.0
        for piece in self.scene.pieces:
            if piece.box is None or piece.item.locked or piece.item.mount != "floor":
                continue
            box = piece.box
            row = np.array([(box.x, box.y, box.width, box.depth, box.yaw)])
            self.scene.remove(piece)
            needs += float(self.scene.cost(piece, row, self._friends(piece))[0])
            self.scene.add(piece, box)
        return UNREACHED * len(access.unreachable) + BLOCKED * len(access.blocked) + WISH * missed + 0.3 * needs
