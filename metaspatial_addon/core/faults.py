"""The kinds of fault that a layout can have: one class each, with all that other parts need to know about it.

A new kind is a subclass of `Fault` here, listed in `KINDS`, a detector that finds it (in `blender/physics` or
`core/access`), and where it is to cost something a term in `scoring/terms`. Scores, feedback to models, reports, the
panel and records iterate over `Evidence.faults()` or `faults_from_json` and name no kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Protocol, Self

from .errors import InputError
from .relation_words import relation_sentence
from .task import PREDICATES, Relation

ROOM = "room"
"""What stands for the room in `Fault.colliding_pair`. No item has this id."""

COMPACT_TOKENS = (
    *(" outside", " floats", " falls\n", " blocks door\n", " blocks window\n", " unreachable\n"),
    *(" overlaps ", " not", " cramped"),
)
"""Tokens of the embedded model's vocabulary that only `Fault.compact_lines` uses, in the order of their ids. The ids of
a trained model are fixed: a later kind appends its tokens to the end of the whole vocabulary, not here."""


class CompactNames(Protocol):
    """How a compact conversation calls what a fault names."""

    def item_name(self, item_id: str) -> str | None:
        """The name of an item; None for one that the conversation leaves out."""
        ...

    def opening_kind(self, opening_id: str) -> str:
        """`door` or `window`."""
        ...

    def target_name(self, target: str) -> str | None:
        """The name of a relation's object: an item, a wall or the room; None for an item that is left out."""
        ...

    def knows_predicate(self, predicate: str) -> bool:
        """Whether the vocabulary has a token for a relation."""
        ...

    def amount(self, metres: float) -> str:
        """The end of a line that gives a size."""
        ...

    @property
    def avoid(self) -> str:
        """What stands before a relation that must not hold."""
        ...


@dataclass(frozen=True)
class Fault(ABC):
    """One thing that is wrong with a layout. The fields of a subclass are those of its JSON object, and each is a
    `str`, a `float`, a `bool` or a `tuple[str, ...]`; one with a default is left out where it has that."""

    key: ClassVar[str]
    """Name of the list of this kind in the `evidence` object of a score."""
    physical: ClassVar[bool] = True
    """Whether the layout is impossible or unusable as built; False where it only misses a wish of the task."""
    count: ClassVar[str | None] = None
    """The hard count that the items at fault belong to (`counts` of a score); None: reports do not count them."""
    count_label: ClassVar[str] = ""
    """What a table calls that count."""

    @property
    @abstractmethod
    def items(self) -> tuple[str, ...]:
        """Ids of the items at fault: those that a repair may move."""

    @property
    def concerned(self) -> tuple[str, ...]:
        """Ids of all items that the fault is about (a relation's object may be a wall or the room)."""
        return self.items

    @property
    @abstractmethod
    def name(self) -> str:
        """A few words without sizes, so that the faults of two turns can be compared."""

    @property
    def metres(self) -> float | None:
        """The size of the fault; None where a length does not measure it."""
        return None

    @property
    def colliding_pair(self) -> frozenset[str] | None:
        """The two solids that intersect: ids of items, or `ROOM`; None for faults of another nature."""
        return None

    @abstractmethod
    def sentence(self) -> str:
        """A line with all sizes for a model and for people. Depends on the fields alone, byte for byte."""

    def compact_lines(self, names: CompactNames) -> list[str]:
        """Lines for the embedded model, in tokens of its vocabulary. None for a kind that the vocabulary has no tokens
        for, or whose items are left out of the conversation."""
        return []

    def to_json(self) -> dict[str, Any]:
        """The object in the list `key` of a score's evidence."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {field.name: values[field.name] != field.default for field in fields(self)}
        return {n: list(value) if isinstance(value, tuple) else value for n, value in values.items() if given[n]}

    @classmethod
    def from_json(cls, entry: Any, source: object = "evidence", path: str = "") -> Self:
        """The fault of a JSON object; fields that it does not know are ignored. Raises InputError, which names
        `source` (a file) and the field below `path`."""
        if not isinstance(entry, Mapping):
            raise InputError(source, path, "an object", entry)
        values = {}
        for field in fields(cls):
            expected, read = _READERS[str(field.type)]
            if field.name not in entry and field.default is not MISSING:
                continue
            value = entry.get(field.name)
            values[field.name] = read(value)
            if values[field.name] is None:
                raise InputError(source, f"{path}.{field.name}" if path else field.name, expected, value)
        return cls(**values)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _texts(value: Any) -> tuple[str, ...] | None:
    usable = isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value)
    return tuple(value) if usable else None


_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "str": ("a text", _text),
    "float": ("a number", _number),
    "bool": ("true or false", lambda value: value if isinstance(value, bool) else None),
    "tuple[str, ...]": ("a list of texts", _texts),
}
"""By annotation of a field: what is expected of a JSON value, and the value that is stored; None for a wrong one."""


@dataclass(frozen=True)
class Overlap(Fault):
    """Two items whose meshes intersect: `depth` metres is the smallest move that parts them."""

    key = "overlaps"
    count = "colliding"
    count_label = "items colliding"

    a: str
    b: str
    depth: float

    @property
    def items(self) -> tuple[str, ...]:
        return self.a, self.b

    @property
    def name(self) -> str:
        return f"{self.a} overlaps {self.b}"

    @property
    def metres(self) -> float:
        return self.depth

    @property
    def colliding_pair(self) -> frozenset[str]:
        return frozenset((self.a, self.b))

    def sentence(self) -> str:
        return f"{self.a} overlaps {self.b} by {self.depth:.2f} m"

    def compact_lines(self, names: CompactNames) -> list[str]:
        """Where one of the two is left out of the conversation, there is no room for the other: it is outside."""
        named = [name for item_id in self.items if (name := names.item_name(item_id))]
        if len(named) == 2:
            return [f"{named[0]} overlaps {named[1]}{names.amount(self.depth)}"]
        return [f"{name} outside{names.amount(self.depth)}" for name in named]


@dataclass(frozen=True)
class _ItemFault(Fault):
    """A fault of a single item."""

    id: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.id,)

    @property
    def name(self) -> str:
        return f"{self.id} {self.key}"


@dataclass(frozen=True)
class Outside(_ItemFault):
    """An item beyond floor polygon, floor or ceiling by `distance` metres, `share` of its box outside."""

    key = count = "outside"
    count_label = "items outside"

    distance: float
    share: float

    @property
    def metres(self) -> float:
        return self.distance

    @property
    def colliding_pair(self) -> frozenset[str]:
        return frozenset((self.id, ROOM))

    def sentence(self) -> str:
        line = f"{self.id} reaches {self.distance:.2f} m out of the room"
        return f"{line} ({self.share:.0%} of its footprint)" if self.share >= 0.005 else line

    def compact_lines(self, names: CompactNames) -> list[str]:
        name = names.item_name(self.id)
        return [f"{name} outside{names.amount(self.distance)}"] if name else []


@dataclass(frozen=True)
class Unsupported(_ItemFault):
    """An item that floats: `gap` metres to what should carry it (floor, top face, wall or ceiling)."""

    key = count = count_label = "unsupported"

    gap: float

    @property
    def metres(self) -> float:
        return self.gap

    def sentence(self) -> str:
        return f"{self.id} is {self.gap:.2f} m away from what should carry it"

    def compact_lines(self, names: CompactNames) -> list[str]:
        name = names.item_name(self.id)
        return [f"{name} floats{names.amount(self.gap)}"] if name else []


@dataclass(frozen=True)
class Unstable(_ItemFault):
    """An item that moved in the rigid-body simulation: `drift` metres, `tilt` degrees."""

    key = count = count_label = "unstable"

    drift: float
    tilt: float

    @property
    def metres(self) -> float:
        return self.drift

    def sentence(self) -> str:
        return f"{self.id} does not stay: it moves by {self.drift:.2f} m and tilts by {self.tilt:.0f} degrees"

    def compact_lines(self, names: CompactNames) -> list[str]:
        name = names.item_name(self.id)
        return [f"{name} falls\n"] if name else []


@dataclass(frozen=True)
class Blocked(Fault):
    """A door swing or window strip that items stand in, and the share of its area that they take."""

    key = "blocked"

    opening: str
    by: tuple[str, ...]
    share: float

    @property
    def items(self) -> tuple[str, ...]:
        return self.by

    @property
    def name(self) -> str:
        return f"{self.opening} blocked"

    def sentence(self) -> str:
        listed = " and ".join(filter(None, (", ".join(self.by[:-1]), self.by[-1]))) if self.by else "items"
        return f"{self.opening} is blocked by {listed} ({self.share:.0%} of its space)"

    def compact_lines(self, names: CompactNames) -> list[str]:
        named = [name for item_id in self.by if (name := names.item_name(item_id))]
        return [f"{name} blocks {names.opening_kind(self.opening)}\n" for name in named]


@dataclass(frozen=True)
class Unreachable(_ItemFault):
    """An item whose front cannot be walked up to."""

    key = count = "unreachable"
    count_label = "items unreachable"

    def sentence(self) -> str:
        return f"{self.id} cannot be reached on foot"

    def compact_lines(self, names: CompactNames) -> list[str]:
        name = names.item_name(self.id)
        return [f"{name} unreachable\n"] if name else []


@dataclass(frozen=True)
class Cramped(_ItemFault):
    """An item that lacks free floor to be used: what it is needed for, the metres `wanted`, and those that it `has`."""

    key = count = "cramped"
    count_label = "items cramped"
    physical = False

    need: str
    wanted: float
    has: float

    @property
    def metres(self) -> float:
        return self.wanted - self.has

    def sentence(self) -> str:
        return f"{self.id} has {self.has:.2f} m of free floor to {self.need} and needs {self.wanted:.2f} m"

    def compact_lines(self, names: CompactNames) -> list[str]:
        name = names.item_name(self.id)
        return [f"{name} cramped{names.amount(self.metres)}"] if name else []


@dataclass(frozen=True)
class RelationScore(Fault):
    """How well one relation of the task holds, in [0, 1]. A fault below `SATISFIED`, which is the subject's."""

    SATISFIED: ClassVar[float] = 0.5
    key = "relations"
    physical = False

    subject: str
    predicate: str
    object: str
    score: float
    negated: bool = False

    @property
    def items(self) -> tuple[str, ...]:
        return (self.subject,)

    @property
    def concerned(self) -> tuple[str, ...]:
        return self.subject, self.object

    @property
    def name(self) -> str:
        return f"{self.subject} {'' if self.negated else 'not '}{self.predicate} {self.object}"

    def sentence(self) -> str:
        return f"not met: {relation_sentence(Relation(self.subject, self.predicate, self.object, self.negated))}"

    def compact_lines(self, names: CompactNames) -> list[str]:
        subject, target = names.item_name(self.subject), names.target_name(self.object)
        stated = subject and target and names.knows_predicate(self.predicate)
        return [f"{subject} not{names.avoid if self.negated else ''} >{self.predicate} {target}\n"] if stated else []

    @classmethod
    def from_json(cls, entry: Any, source: Any = "evidence", path: str = "") -> Self:
        relation = super().from_json(entry, source, path)
        if relation.predicate not in PREDICATES:
            expected = f"one of {', '.join(PREDICATES)}"
            raise InputError(source, f"{path}.predicate" if path else "predicate", expected, relation.predicate)
        return relation


KINDS: dict[str, type[Fault]] = {
    kind.key: kind for kind in (Overlap, Outside, Unsupported, Unstable, Blocked, Unreachable, Cramped, RelationScore)
}
"""Every kind by its key, in the order in which evidence, feedback and reports list them."""


def hard_counts() -> dict[str, str]:
    """Names of the hard counts of a score, in the order of `KINDS`, each with what a table calls it."""
    return {kind.count: kind.count_label for kind in KINDS.values() if kind.count is not None}


def faults_from_json(evidence: Mapping[str, Any], source: object = "evidence") -> tuple[Fault, ...]:
    """The faults in the `evidence` object of a score, in the order of `KINDS`.

    Kinds that are missing (a file from before they were measured) or not known are left out. Raises InputError, which
    names `source` (a file) and the field.
    """
    faults: list[Fault] = []
    for key, kind in KINDS.items():
        entries = evidence.get(key, ())
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            raise InputError(source, key, "a list", entries)
        faults += [kind.from_json(entry, source, f"{key}[{k}]") for k, entry in enumerate(entries)]
    return tuple(faults)
