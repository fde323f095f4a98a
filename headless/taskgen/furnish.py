"""Places items by the rules of the table of furniture: the layouts from which the embedded model learns.

What is a matter of taste is fixed by rule (which wall comes first, its middle or an end of it, the gaps), so that a
small model can learn it; variety comes from rooms, sizes, lists of items and wishes. An item that finds no free place
is left out of the task. Distances are in grid units of 2.5 cm unless a name or docstring says metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metaspatial_addon.core.furniture import FURNITURE, UNKNOWN
from metaspatial_addon.core.task import Item, Pose, Relation

from .floorplan import FRONT, UNIT, Floorplan, GridWall, Obstacle, Rect, strips_before, units
from .lists import carriers

TUCK = 6
"""Units that a chair stands under its table (15 cm)."""
SEATING_GAP = 16
"""Units between a seat and its coffee table (40 cm)."""


@dataclass(frozen=True)
class PlacedItem:
    """An item with its centre and footprint in units, its underside `z` in metres, and the wall at its back."""

    item: Item
    x: int
    y: int
    z: float
    yaw: int
    rect: Rect
    wall: GridWall | None = None

    @property
    def top(self) -> float:
        """Height of its top in metres."""
        return self.z + self.item.size[2]

    @property
    def pose(self) -> Pose:
        return Pose(round(self.x * UNIT, 3), round(self.y * UNIT, 3), round(self.z, 3), float(self.yaw))


def _rects(centres: np.ndarray, half_x: int, half_y: int) -> np.ndarray:
    """The rectangles (K, 4) around centres (K, 2)."""
    x, y = centres.T
    return np.stack([x - half_x, x + half_x, y - half_y, y + half_y], axis=1)


def _rect(row: np.ndarray) -> Rect:
    x0, x1, y0, y1 = row.tolist()
    return x0, x1, y0, y1


def _outward(edge: int, sign: int, distance: int) -> int:
    """The nearest even coordinate that is at least `distance` from `edge` in the direction `sign`."""
    value = edge + sign * distance
    return value if value % 2 == 0 else value + sign


class Furnisher:
    """Places items one by one on a floor plan.

    `wishes` gives the number of the wall against which an item is asked to stand, by its id. `placed` and `relations`
    hold what has been placed and the relations that thereby hold. The methods from `wall` to `ceiling` are those that
    rules of the table name: each returns the placed item, or None where there is no free place.
    """

    def __init__(self, plan: Floorplan, wishes: dict[str, int]):
        self.plan = plan
        self.wishes = wishes
        self.placed: list[PlacedItem] = []
        self.relations: list[Relation] = []
        door = next(o for o in plan.room.openings if o.kind == "door")
        wall = plan.walls[door.wall]
        low, high = next((a, b) for a, b, sill, _ in plan.wall_openings[wall.index] if sill == 0)
        middle = (low + high) // 2
        self.door = (middle, wall.at) if wall.axis == 0 else (wall.at, middle)
        self.door_yaw = wall.yaw
        self.middle = plan.middle()

    def place(self, item: Item) -> bool:
        """Place an item by its category's rules, the first that finds a free place; False if none does."""
        rules = FURNITURE.categories[item.category].placement or FURNITURE.categories[UNKNOWN].placement
        if item.id in self.wishes:
            rules = tuple(rule for rule in rules if rule.method == "wall")
        return any(getattr(self, rule.method)(item, **rule.settings) for rule in rules)

    # Candidate places -------------------------------------------------------------------------------------

    def _walls(self, preference: str) -> list[GridWall]:
        """The walls in order of preference: by their direction as seen from the door's wall, the longest first."""
        order = {"far": (180, 90, 270, 0), "side": (90, 270, 180, 0), "near": (0, 90, 270, 180)}[preference]
        return sorted(self.plan.walls, key=lambda w: (order.index((w.yaw - self.door_yaw) % 360), -w.length, w.index))

    def _half(self, item: Item, yaw: int) -> tuple[int, int]:
        half_w, half_d = units(item.size[0]) // 2, units(item.size[1]) // 2
        return (half_w, half_d) if yaw % 180 == 0 else (half_d, half_w)

    def _place_first_free(
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
        wall: GridWall | None = None,
    ) -> PlacedItem | None:
        """Place the item at the first of the centres (K, 2) that is free and keep `clear` metres before it free.

        `gap`, `exempt` and `entered` are those of `Floorplan.free`.
        """
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
        x, y = centres[first].tolist()
        placed = PlacedItem(item, x, y, z, yaw, _rect(rects[first]), wall)
        self._add(placed, None if fronts is None else _rect(fronts[first]))
        return placed

    def _add(self, placed: PlacedItem, front: Rect | None) -> None:
        self.placed.append(placed)
        if not placed.item.covering:
            self.plan.obstacles.append(Obstacle(placed.item.id, placed.rect, placed.z, placed.top, front))

    def _anchors(self, categories: tuple[str, ...]) -> list[PlacedItem]:
        """The placed items of these categories, in the order of the categories."""
        return [p for category in categories for p in self.placed if p.item.category == category]

    def _line(self, item: Item, wall: GridWall, gap: int = 2) -> np.ndarray:
        """Centres (K, 2) along a wall by their coordinate; the item's back keeps 2.5 or 5 cm from the wall."""
        half_w, half_d = units(item.size[0]) // 2, units(item.size[1]) // 2
        sign = wall.normal[wall.axis ^ 1]
        across = _outward(wall.at, sign, half_d + (1 if half_d % 2 else gap))
        along = np.arange(wall.low + half_w + half_w % 2, wall.high - half_w + 1, 2)
        columns = [along, np.full_like(along, across)]
        return np.stack(columns if wall.axis == 0 else columns[::-1], axis=1)

    # The methods that rules name ----------------------------------------------------------------------------

    def wall(self, item: Item, *, walls: str, at: str, clear: float) -> PlacedItem | None:
        """With its back to a wall: at the wall's middle, or at the end that is further from the door."""
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
            placed = self._place_first_free(item, centres[order], wall.yaw, clear=clear, wall=wall)
            if placed:
                target = "wall" if wish is None else f"wall_{wall.index}"
                self.relations.append(Relation(item.id, "against", target))
                return placed
        return None

    def beside(self, item: Item, *, of: tuple[str, ...]) -> PlacedItem | None:
        """Beside an item that stands at a wall, with its back to the same wall."""
        return self._at_side(item, self._anchors(of), 0.0)

    def row(self, item: Item, *, of: tuple[str, ...], clear: float) -> PlacedItem | None:
        """Beside the item that was placed last of those at a wall: a kitchen run grows along its wall."""
        return self._at_side(item, [p for p in reversed(self.placed) if p.item.category in of], clear)

    def _at_side(self, item: Item, anchors: list[PlacedItem], clear: float) -> PlacedItem | None:
        for anchor in anchors:
            wall = anchor.wall
            if wall is None:
                continue
            low, high = anchor.rect[2 * wall.axis], anchor.rect[2 * wall.axis + 1]
            half = units(item.size[0]) // 2
            line = self._line(item, wall)
            for target in (_outward(low, -1, 2 + half), _outward(high, 1, 2 + half)):
                centres = line[line[:, wall.axis] == target]
                placed = self._place_first_free(item, centres, wall.yaw, clear=clear, wall=wall)
                if placed:
                    self.relations.append(Relation(item.id, "next_to", anchor.item.id))
                    return placed
        return None

    def opposite(self, item: Item, *, of: tuple[str, ...], clear: float) -> PlacedItem | None:
        """At the wall that an item faces, opposite it (within 30 cm)."""
        for anchor in self._anchors(of):
            for wall in self._walls("far"):
                if wall.yaw != (anchor.yaw + 180) % 360:
                    continue
                line = self._line(item, wall)
                off = np.abs(line[:, wall.axis] - (anchor.x, anchor.y)[wall.axis])
                line, off = line[off <= 12], off[off <= 12]
                placed = self._place_first_free(
                    item, line[np.argsort(off, kind="stable")], wall.yaw, wall=wall, clear=clear
                )
                if placed:
                    self.relations.append(Relation(anchor.item.id, "facing", item.id))
                    return placed
        return None

    def _before(self, anchor: PlacedItem, yaw: int, item: Item, distance: int, shifts: np.ndarray) -> np.ndarray:
        """Centres (K, 2) before an item's front, `distance` units from it (negative: under it), shifted along it."""
        fx, fy = FRONT[anchor.yaw]
        half_x, half_y = self._half(item, yaw)
        x0, x1, y0, y1 = anchor.rect
        if fx:
            across = _outward(x1 if fx > 0 else x0, fx, half_x + distance)
            return np.stack([np.full_like(shifts, across), anchor.y + shifts], axis=1)
        across = _outward(y1 if fy > 0 else y0, fy, half_y + distance)
        return np.stack([anchor.x + shifts, np.full_like(shifts, across)], axis=1)

    def before(self, item: Item, *, of: tuple[str, ...]) -> PlacedItem | None:
        """Centred before a seat, at the distance of a coffee table."""
        for anchor in self._anchors(of):
            centres = self._before(anchor, anchor.yaw, item, SEATING_GAP, np.zeros(1, int))
            placed = self._place_first_free(item, centres, anchor.yaw, entered=(anchor.item.id,))
            if placed:
                self.relations.append(Relation(item.id, "in_front_of", anchor.item.id))
                return placed
        return None

    def flank(self, item: Item, *, of: tuple[str, ...]) -> PlacedItem | None:
        """At an end of a coffee table, facing it."""
        for anchor in self._anchors(of):
            seats = tuple(p.item.id for p in self.placed if p.item.category in ("sofa", "loveseat"))
            for rotation in (90, 270):
                yaw = (anchor.yaw + rotation) % 360
                fx, fy = FRONT[yaw]
                half_x, half_y = self._half(item, yaw)
                x0, x1, y0, y1 = anchor.rect
                if fx:
                    centre = (_outward(x0 if fx > 0 else x1, -fx, half_x + SEATING_GAP), anchor.y)
                else:
                    centre = (anchor.x, _outward(y0 if fy > 0 else y1, -fy, half_y + SEATING_GAP))
                placed = self._place_first_free(item, np.array([centre]), yaw, entered=(anchor.item.id, *seats), gap=4)
                if placed:
                    self.relations.append(Relation(item.id, "facing", anchor.item.id))
                    return placed
        return None

    def tuck(self, item: Item, *, of: tuple[str, ...]) -> PlacedItem | None:
        """At the front of a desk, pushed a little under it; before a kitchen island."""
        for anchor in self._anchors(of):
            yaw = (anchor.yaw + 180) % 360
            reach = (units(anchor.item.size[0]) - units(item.size[0])) // 2
            shifts = np.arange(0, max(reach, 1), 2)
            shifts = np.concatenate([[0], np.stack([shifts, -shifts], axis=1).ravel()])
            tuck = TUCK if "island" not in anchor.item.category else -4
            placed = self._place_first_free(
                item, self._before(anchor, yaw, item, -tuck, shifts), yaw, exempt=(anchor.item.id,)
            )
            if placed:
                self.relations.append(Relation(item.id, "facing", anchor.item.id))
                return placed
        return None

    def around(self, item: Item, *, of: tuple[str, ...]) -> PlacedItem | None:
        """At the next free side of a table: the long sides first, two places on each where they fit, then the ends."""
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
                        placed = self._place_first_free(item, np.array([centre]), yaw, exempt=(anchor.item.id,))
                        if placed:
                            self.relations.append(Relation(item.id, "facing", anchor.item.id))
                            return placed
        return None

    def centre(self, item: Item, *, ring: float) -> PlacedItem | None:
        """Near the middle of the room, `ring` metres free on all sides, long side along the room's long side."""
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
        x, y = centres[first].tolist()
        placed = PlacedItem(item, x, y, 0.0, yaw, _rect(rects[first]))
        self._add(placed, _rect(rings[first]))
        return placed

    def under(self, item: Item, *, of: tuple[str, ...]) -> PlacedItem | None:
        """A covering: centred under an item, else in the middle of the room, long side along the long side."""
        for anchor in self._anchors(of):
            x0, x1, y0, y1 = anchor.rect
            yaw = 0 if (x1 - x0 >= y1 - y0) == (item.size[0] >= item.size[1]) else 90
            placed = self._place_first_free(item, self._nearest(item, yaw, (anchor.x, anchor.y), 24), yaw)
            if placed:
                return placed
        yaw = 0 if (self.plan.width >= self.plan.depth) == (item.size[0] >= item.size[1]) else 90
        return self._place_first_free(item, self._nearest(item, yaw, self.middle, 48), yaw)

    def _nearest(self, item: Item, yaw: int, target: tuple[int, int], reach: int) -> np.ndarray:
        """Even centres (K, 2) within `reach` of a point, the nearest first."""
        steps = np.arange(-reach, reach + 1, 2)
        offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        offsets = offsets[np.argsort(np.abs(offsets).sum(axis=1), kind="stable")]
        return np.array([target[0] // 2 * 2, target[1] // 2 * 2]) + offsets

    def on(self, item: Item, *, of: tuple[str, ...]) -> PlacedItem | None:
        """On a flat top, as near to its middle as is free, facing the same way."""
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
            placed = self._place_first_free(
                item, centres, anchor.yaw, round(anchor.top, 3), exempt=(anchor.item.id,), gap=2
            )
            if placed:
                self.relations.append(Relation(item.id, "on", anchor.item.id))
                return placed
        return None

    def hang(self, item: Item, *, of: tuple[str, ...]) -> PlacedItem | None:
        """On a wall: above an item that stands there, else where the wall is free, at the height of its category."""
        height = FURNITURE.categories[item.category].hang_at
        assert height is not None, "the table gives a height to whatever hangs"
        spots: list[tuple[GridWall, float, int, int]] = []  # wall, underside, target along it, reach
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
            placed = self._place_first_free(item, line[order], wall.yaw, z, wall=wall)
            if placed:
                return placed
        return None

    def ceiling(self, item: Item, *, of: tuple[str, ...]) -> PlacedItem | None:
        """At the ceiling, above an item or above the middle of the room."""
        z = round(self.plan.room.height - item.size[2], 3)
        for target in [(p.x, p.y) for p in self._anchors(of)] + [self.middle]:
            placed = self._place_first_free(item, self._nearest(item, 0, target, 16), 0, z)
            if placed:
                return placed
        return None
