"""Furnishes a room by rule: the calm teacher of the embedded model.

Taste is settled by rule (which wall comes first, the middle or an end of it, fixed gaps), so that a small
model can learn it; variety comes from rooms, sizes, lists and wishes. An item that finds no free place is
left out of the task. Distances in grid units of 2.5 cm unless a name says metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metaspatial_addon.core.furniture import FURNITURE, UNKNOWN
from metaspatial_addon.core.task import Item, Pose, Relation

from .floorplan import FRONT, UNIT, Floorplan, Solid, Wall, strips_before, units
from .lists import carriers

TUCK = 6  # how far a chair stands under its table: 15 cm
SITTING_GAP = 16  # sofa to coffee table: 40 cm


@dataclass(frozen=True)
class Placed:
    """An item where it stands: centre in units, underside in metres, the wall at its back."""

    item: Item
    x: int
    y: int
    z: float
    yaw: int
    rect: tuple[int, int, int, int]
    wall: Wall | None = None

    @property
    def top(self) -> float:
        return self.z + self.item.size[2]

    @property
    def pose(self) -> Pose:
        return Pose(round(self.x * UNIT, 3), round(self.y * UNIT, 3), round(self.z, 3), float(self.yaw))


def _rects(centres: np.ndarray, half_x: int, half_y: int) -> np.ndarray:
    """(K, 2) centres to (K, 4) rectangles."""
    x, y = centres.T
    return np.stack([x - half_x, x + half_x, y - half_y, y + half_y], axis=1)


def _outward(edge: int, sign: int, distance: int) -> int:
    """The first even coordinate at least `distance` from `edge` in direction `sign`."""
    value = edge + sign * distance
    return value if value % 2 == 0 else value + sign


class Furnisher:
    """Places items one by one into a floor plan; `placed` and `relations` hold the outcome."""

    def __init__(self, plan: Floorplan, wishes: dict[str, int]):
        self.plan = plan
        self.wishes = wishes  # item id -> number of the wall that it is asked to stand against
        self.placed: list[Placed] = []
        self.relations: list[Relation] = []
        door = next(o for o in plan.room.openings if o.kind == "door")
        wall = plan.walls[door.wall]
        low, high = next((a, b) for a, b, sill, _ in plan.wall_openings[wall.index] if sill == 0)
        middle = (low + high) // 2
        self.door = (middle, wall.at) if wall.axis == 0 else (wall.at, middle)
        self.door_yaw = wall.yaw
        self.middle = plan.middle()

    # Where things may stand ------------------------------------------------------------------------------

    def _walls(self, preference: str) -> list[Wall]:
        """The walls in the order in which a piece tries them: by their direction from the door, longest first."""
        order = {"far": (180, 90, 270, 0), "side": (90, 270, 180, 0), "near": (0, 90, 270, 180)}[preference]
        return sorted(self.plan.walls, key=lambda w: (order.index((w.yaw - self.door_yaw) % 360), -w.length, w.index))

    def _half(self, item: Item, yaw: int) -> tuple[int, int]:
        half_w, half_d = units(item.size[0]) // 2, units(item.size[1]) // 2
        return (half_w, half_d) if yaw % 180 == 0 else (half_d, half_w)

    def _settle(
        self,
        item: Item,
        centres: np.ndarray,
        yaw: int,
        z: float = 0.0,
        *,
        gap: int = 2,
        clear: float = 0.0,
        exempt: tuple[str, ...] = (),
        entered: tuple[str, ...] = (),
        wall: Wall | None = None,
    ) -> Placed | None:
        """Stand the item at the first of the centres (K, 2) that is free; `clear` metres before it stay free."""
        centres = np.asarray(centres, int).reshape(-1, 2)
        if not len(centres):
            return None
        half_x, half_y = self._half(item, yaw)
        rects = _rects(centres, half_x, half_y)
        fronts = strips_before(rects, yaw, units(clear)) if clear else None
        good = self.plan.free(
            rects,
            z,
            z + item.size[2],
            gap=gap,
            fronts=fronts,
            exempt=frozenset(exempt),
            entered=frozenset(entered),
            covering=item.covering,
        )
        if not good.any():
            return None
        first = int(np.argmax(good))
        found = Placed(
            item, int(centres[first, 0]), int(centres[first, 1]), z, yaw, tuple(int(v) for v in rects[first]), wall
        )
        self._keep(found, tuple(int(v) for v in fronts[first]) if fronts is not None else None)
        return found

    def _keep(self, found: Placed, front: tuple[int, int, int, int] | None = None) -> None:
        self.placed.append(found)
        if not found.item.covering:
            self.plan.solids.append(Solid(found.item.id, found.rect, found.z, found.top, front))

    def _anchors(self, kinds: tuple[str, ...]) -> list[Placed]:
        """The placed items of those categories, in the order in which the categories are named."""
        return [p for kind in kinds for p in self.placed if p.item.category == kind]

    def _line(self, item: Item, wall: Wall, gap: int = 2) -> np.ndarray:
        """Centres along a wall, (K, 2), in order of their coordinate; the back keeps 2.5 or 5 cm from the wall."""
        half_w, half_d = units(item.size[0]) // 2, units(item.size[1]) // 2
        sign = wall.normal[wall.axis ^ 1]
        across = _outward(wall.at, sign, half_d + (1 if half_d % 2 else gap))
        along = np.arange(wall.low + half_w + half_w % 2, wall.high - half_w + 1, 2)
        columns = [along, np.full_like(along, across)]
        return np.stack(columns if wall.axis == 0 else columns[::-1], axis=1)

    # The attempts that rules name --------------------------------------------------------------------------

    def wall(self, item: Item, *, walls: str, at: str, clear: float) -> Placed | None:
        """Back to a wall: at its middle or at the end that is further from the door."""
        wish = self.wishes.get(item.id)
        for wall in self._walls(walls):
            if wish is not None and wall.index != wish:
                continue
            centres = self._line(item, wall)
            along = centres[:, wall.axis]
            if at == "middle":
                order = np.argsort(np.abs(2 * along - wall.low - wall.high), kind="stable")
            else:
                order = np.argsort(-np.abs(along - self.door[wall.axis]), kind="stable")
            found = self._settle(item, centres[order], wall.yaw, clear=clear, wall=wall)
            if found:
                if wish is not None:
                    self.relations.append(Relation(item.id, "against", f"wall_{wall.index}"))
                else:
                    self.relations.append(Relation(item.id, "against", "wall"))
                return found
        return None

    def beside(self, item: Item, *, of: tuple[str, ...]) -> Placed | None:
        """At the side of a piece that stands at a wall, its back to the same wall."""
        for anchor in self._anchors(of):
            if anchor.wall is None:
                continue
            axis = anchor.wall.axis
            low, high = anchor.rect[2 * axis], anchor.rect[2 * axis + 1]
            half = units(item.size[0]) // 2
            line = self._line(item, anchor.wall)
            for target in (_outward(low, -1, 2 + half), _outward(high, 1, 2 + half)):
                found = self._settle(item, line[line[:, axis] == target], anchor.wall.yaw, wall=anchor.wall)
                if found:
                    self.relations.append(Relation(item.id, "next_to", anchor.item.id))
                    return found
        return None

    def opposite(self, item: Item, *, of: tuple[str, ...], clear: float) -> Placed | None:
        """At the wall that a piece looks to, level with it."""
        for anchor in self._anchors(of):
            for wall in self._walls("far"):
                if wall.yaw != (anchor.yaw + 180) % 360:
                    continue
                line = self._line(item, wall)
                off = np.abs(line[:, wall.axis] - (anchor.x, anchor.y)[wall.axis])
                line, off = line[off <= 12], off[off <= 12]
                found = self._settle(item, line[np.argsort(off, kind="stable")], wall.yaw, wall=wall, clear=clear)
                if found:
                    self.relations.append(Relation(anchor.item.id, "facing", item.id))
                    return found
        return None

    def _before(self, anchor: Placed, yaw: int, item: Item, distance: int, shifts: np.ndarray) -> np.ndarray:
        """Centres before a piece's front, `distance` units away from it (negative: under it), shifted along it."""
        fx, fy = FRONT[anchor.yaw]
        half_x, half_y = self._half(item, yaw)
        x0, x1, y0, y1 = anchor.rect
        if fx:
            across = _outward(x1 if fx > 0 else x0, fx, half_x + distance)
            return np.stack([np.full_like(shifts, across), anchor.y + shifts], axis=1)
        across = _outward(y1 if fy > 0 else y0, fy, half_y + distance)
        return np.stack([anchor.x + shifts, np.full_like(shifts, across)], axis=1)

    def before(self, item: Item, *, of: tuple[str, ...]) -> Placed | None:
        """Before a seat, in the middle, at the distance of a coffee table."""
        for anchor in self._anchors(of):
            centres = self._before(anchor, anchor.yaw, item, SITTING_GAP, np.zeros(1, int))
            found = self._settle(item, centres, anchor.yaw, entered=(anchor.item.id,))
            if found:
                self.relations.append(Relation(item.id, "in_front_of", anchor.item.id))
                return found
        return None

    def flank(self, item: Item, *, of: tuple[str, ...]) -> Placed | None:
        """At a side of a coffee table, looking to it."""
        for anchor in self._anchors(of):
            seats = tuple(p.item.id for p in self.placed if p.item.category in ("sofa", "loveseat"))
            for turn in (90, 270):
                yaw = (anchor.yaw + turn) % 360
                fx, fy = FRONT[yaw]
                half_x, half_y = self._half(item, yaw)
                x0, x1, y0, y1 = anchor.rect
                if fx:
                    centre = (_outward(x0 if fx > 0 else x1, -fx, half_x + SITTING_GAP), anchor.y)
                else:
                    centre = (anchor.x, _outward(y0 if fy > 0 else y1, -fy, half_y + SITTING_GAP))
                found = self._settle(item, np.array([centre]), yaw, entered=(anchor.item.id, *seats), gap=4)
                if found:
                    self.relations.append(Relation(item.id, "facing", anchor.item.id))
                    return found
        return None

    def tuck(self, item: Item, *, of: tuple[str, ...]) -> Placed | None:
        """A seat at the front of a desk or island, pushed a little under it."""
        for anchor in self._anchors(of):
            yaw = (anchor.yaw + 180) % 360
            reach = (units(anchor.item.size[0]) - units(item.size[0])) // 2
            shifts = np.arange(0, max(reach, 1), 2)
            shifts = np.concatenate([[0], np.stack([shifts, -shifts], axis=1).ravel()])
            tuck = TUCK if "island" not in anchor.item.category else -4
            found = self._settle(item, self._before(anchor, yaw, item, -tuck, shifts), yaw, exempt=(anchor.item.id,))
            if found:
                self.relations.append(Relation(item.id, "facing", anchor.item.id))
                return found
        return None

    def around(self, item: Item, *, of: tuple[str, ...]) -> Placed | None:
        """A chair at the next free side of a table: long sides first, two on each where they fit, then the ends."""
        for anchor in self._anchors(of):
            x0, x1, y0, y1 = anchor.rect
            along = 0 if x1 - x0 >= y1 - y0 else 1
            length = max(x1 - x0, y1 - y0)
            width = units(item.size[0])
            shift = length // 4 // 2 * 2
            shifts = (-shift, shift) if length // 2 >= width + 4 else (0,)
            sides = ((0, 180), (90, 270)) if along == 0 else ((90, 270), (0, 180))
            for group, offsets in ((sides[0], shifts), (sides[1], (0,))):
                for offset in offsets:
                    for yaw in group:
                        fx, fy = FRONT[yaw]
                        half_x, half_y = self._half(item, yaw)
                        if fx:
                            centre = (_outward(x0 if fx > 0 else x1, -fx, half_x - TUCK), anchor.y + offset)
                        else:
                            centre = (anchor.x + offset, _outward(y0 if fy > 0 else y1, -fy, half_y - TUCK))
                        found = self._settle(item, np.array([centre]), yaw, exempt=(anchor.item.id,))
                        if found:
                            self.relations.append(Relation(item.id, "facing", anchor.item.id))
                            return found
        return None

    def centre(self, item: Item, *, ring: float) -> Placed | None:
        """In the middle of the room, `ring` metres free on all sides; long side along the room's long side."""
        yaw = 0 if self.plan.width >= self.plan.depth else 90
        half_x, half_y = self._half(item, yaw)
        xs = np.arange(half_x + half_x % 2, self.plan.width - half_x + 1, 4)
        ys = np.arange(half_y + half_y % 2, self.plan.depth - half_y + 1, 4)
        centres = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
        order = np.argsort(np.abs(centres - np.array(self.middle)).sum(axis=1), kind="stable")
        centres = centres[order]
        grown = units(ring)
        rects = _rects(centres, half_x, half_y)
        rings = rects + np.array([-grown, grown, -grown, grown])
        good = self.plan.free(rects, 0.0, item.size[2], fronts=rings)
        if not good.any():
            return None
        first = int(np.argmax(good))
        found = Placed(item, *(int(v) for v in centres[first]), 0.0, yaw, tuple(int(v) for v in rects[first]))
        self._keep(found, tuple(int(v) for v in rings[first]))
        return found

    def row(self, item: Item, *, of: tuple[str, ...], clear: float) -> Placed | None:
        """Beside the pieces of a kitchen run that already stand at a wall; the run grows along it."""
        run = [p for p in self.placed if p.item.category in of and p.wall is not None]
        for anchor in reversed(run):
            axis = anchor.wall.axis
            half = units(item.size[0]) // 2
            line = self._line(item, anchor.wall)
            low, high = anchor.rect[2 * axis], anchor.rect[2 * axis + 1]
            for target in (_outward(low, -1, 2 + half), _outward(high, 1, 2 + half)):
                found = self._settle(
                    item, line[line[:, axis] == target], anchor.wall.yaw, clear=clear, wall=anchor.wall
                )
                if found:
                    self.relations.append(Relation(item.id, "next_to", anchor.item.id))
                    return found
        return None

    def under(self, item: Item, *, of: tuple[str, ...]) -> Placed | None:
        """A covering, centred on the piece that stands on it (or before it), its long side along the piece's."""
        for anchor in self._anchors(of):
            x0, x1, y0, y1 = anchor.rect
            yaw = 0 if (x1 - x0 >= y1 - y0) == (item.size[0] >= item.size[1]) else 90
            found = self._settle(item, self._nearest(item, yaw, (anchor.x, anchor.y), 24), yaw)
            if found:
                return found
        yaw = 0 if (self.plan.width >= self.plan.depth) == (item.size[0] >= item.size[1]) else 90
        return self._settle(item, self._nearest(item, yaw, self.middle, 48), yaw)

    def _nearest(self, item: Item, yaw: int, target: tuple[int, int], reach: int) -> np.ndarray:
        """Even centres (K, 2) within `reach` of a point, nearest first."""
        steps = np.arange(-reach, reach + 1, 2)
        offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        offsets = offsets[np.argsort(np.abs(offsets).sum(axis=1), kind="stable")]
        return np.array([target[0] // 2 * 2, target[1] // 2 * 2]) + offsets

    def on(self, item: Item, *, of: tuple[str, ...]) -> Placed | None:
        """On a flat top, in the middle or as near to it along the top as is free; looks where its carrier looks."""
        for anchor in self._anchors(of):
            if anchor.item.asset not in carriers():
                continue
            x0, x1, y0, y1 = anchor.rect
            half_x, half_y = self._half(item, anchor.yaw)
            if half_x > (x1 - x0) // 2 or half_y > (y1 - y0) // 2:
                continue
            axis = 0 if anchor.yaw % 180 == 0 else 1
            room = ((x1 - x0) // 2 - half_x, (y1 - y0) // 2 - half_y)[axis]
            steps = np.arange(0, room + 1, 2)
            shifts = np.stack([-steps, steps], axis=1).ravel()
            centres = np.tile(np.array([anchor.x, anchor.y]), (len(shifts), 1))
            centres[:, axis] += shifts
            found = self._settle(item, centres, anchor.yaw, round(anchor.top, 3), exempt=(anchor.item.id,), gap=2)
            if found:
                self.relations.append(Relation(item.id, "on", anchor.item.id))
                return found
        return None

    def hang(self, item: Item, *, of: tuple[str, ...]) -> Placed | None:
        """On a wall: over a piece that stands there, or at the first free stretch at the height of its kind."""
        height = FURNITURE.categories[item.category].hang_at
        assert height is not None, "the table gives a height to whatever hangs"
        spots: list[tuple[Wall, float, int, int]] = []  # wall, underside, target along it, reach
        for anchor in self._anchors(of):
            if anchor.wall is not None:
                over = max(height, round(anchor.top + 0.1, 2))
                spots.append((anchor.wall, over, (anchor.x, anchor.y)[anchor.wall.axis], 8))
        spots += [(wall, height, (wall.low + wall.high) // 2, wall.length) for wall in self._walls("side")]
        half = units(item.size[0]) // 2
        for wall, z, target, reach in spots:
            top = z + item.size[2]
            if top > self.plan.room.height - 0.05:
                continue
            line = self._line(item, wall, gap=0)
            along = line[:, wall.axis]
            free = np.abs(along - target) <= reach
            for low, high, sill, lintel in self.plan.wall_openings.get(wall.index, ()):
                if z < lintel + 0.05 and sill < top + 0.05:
                    free &= (along + half + 2 <= low) | (along - half - 2 >= high)
            line = line[free]
            order = np.argsort(np.abs(line[:, wall.axis] - target), kind="stable")
            found = self._settle(item, line[order], wall.yaw, z, wall=wall)
            if found:
                return found
        return None

    def ceiling(self, item: Item, *, of: tuple[str, ...]) -> Placed | None:
        """At the ceiling, over a table or over the middle of the room."""
        z = round(self.plan.room.height - item.size[2], 3)
        for target in [(p.x, p.y) for p in self._anchors(of)] + [self.middle]:
            found = self._settle(item, self._nearest(item, 0, target, 16), 0, z)
            if found:
                return found
        return None

    def place(self, item: Item) -> bool:
        """Stand the item where its category's rules say; False if none of them finds a free place."""
        rules = FURNITURE.categories[item.category].placement or FURNITURE.categories[UNKNOWN].placement
        if item.id in self.wishes:
            rules = tuple(rule for rule in rules if rule.method == "wall")
        return any(getattr(self, rule.method)(item, **rule.settings) for rule in rules)
