"""Kinds of fault: JSON there and back, what iterates over them, and a kind that is added later."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaspatial_addon.core import faults
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import (
    KINDS,
    ROOM,
    Blocked,
    Cramped,
    Fault,
    Outside,
    Overlap,
    RelationScore,
    Unreachable,
    Unstable,
    Unsupported,
    faults_from_json,
)
from metaspatial_addon.core.task import PREDICATES, Item, Layout, Opening, Pose, Room, Task
from metaspatial_addon.episode.records import fault_changes
from metaspatial_addon.episode.repair import lock_faultless_items
from metaspatial_addon.prompts import vocabulary
from metaspatial_addon.prompts.compact import CompactEncoding
from metaspatial_addon.prompts.full import FullFormat
from metaspatial_addon.scoring.score import Score
from metaspatial_addon.scoring.terms import counts

TASK = Task(
    "study",
    "",
    Room("study", ((0, 0), (5, 0), (5, 4), (0, 4)), 2.5, (Opening("door_1", "door", 0, 1.0, 0.9, 0.0, 2.0),)),
    (Item("desk", "desk", (1.2, 0.6, 0.75)), Item("chair", "chair", (0.5, 0.5, 0.9))),
)
LAYOUT = Layout("study", {"desk": Pose(2, 2), "chair": Pose(3, 3)})

ids = st.text(min_size=1)
numbers = st.floats(allow_nan=False)
OF_KIND: dict[str, st.SearchStrategy[Fault]] = {
    "overlaps": st.builds(Overlap, ids, ids, numbers),
    "outside": st.builds(Outside, ids, numbers, numbers),
    "unsupported": st.builds(Unsupported, ids, numbers),
    "unstable": st.builds(Unstable, ids, numbers, numbers),
    "blocked": st.builds(Blocked, ids, st.lists(ids).map(tuple), numbers),
    "unreachable": st.builds(Unreachable, ids),
    "cramped": st.builds(Cramped, ids, ids, numbers, numbers),
    "relations": st.builds(RelationScore, ids, st.sampled_from(PREDICATES), ids, st.floats(0, 0.49), st.booleans()),
}


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    """Faults of all kinds, in no order, and relations of which some hold."""
    detected = draw(st.lists(st.one_of(*(OF_KIND[key] for key in OF_KIND if key != "relations"))))
    met = st.builds(RelationScore, ids, st.sampled_from(PREDICATES), ids, st.floats(0.5, 1))
    return Evidence(tuple(detected), tuple(draw(st.lists(st.one_of(OF_KIND["relations"], met)))))


def test_every_kind_is_tested_here() -> None:
    assert list(KINDS) == list(OF_KIND)


@given(evidences())
def test_faults_go_through_json_and_come_back_the_same(evidence: Evidence) -> None:
    written = json.loads(json.dumps(evidence.to_json()))
    assert list(written) == list(KINDS)
    assert faults_from_json(written) == evidence.faults()
    assert [fault.sentence() for fault in faults_from_json(written)] == [f.sentence() for f in evidence.faults()]


@given(evidences())
def test_faults_are_listed_kind_by_kind_and_none_is_lost(evidence: Evidence) -> None:
    listed = evidence.faults()
    order = list(KINDS)
    assert [order.index(fault.key) for fault in listed] == sorted(order.index(fault.key) for fault in listed)
    assert sorted(map(repr, listed)) == sorted(map(repr, (*evidence.detected, *evidence.unsatisfied)))
    assert evidence.clean == (not listed)
    assert [fault for kind in KINDS.values() for fault in evidence.of_kind(kind)] == list(listed)
    assert evidence.faulty_items() == {item_id for fault in listed for item_id in fault.items}


@given(st.one_of(*OF_KIND.values()))
def test_items_at_fault_are_among_those_concerned_and_sentences_are_one_line_each(fault: Fault) -> None:
    assert set(fault.items) <= set(fault.concerned)
    assert fault.name and fault.sentence()
    assert fault.physical == (fault.key not in ("cramped", "relations"))


def test_what_concerns_nobody_but_the_subject_is_repaired_at_the_subject() -> None:
    fault = RelationScore("chair", "facing", "desk", 0.2)
    assert fault.items == ("chair",) and fault.concerned == ("chair", "desk")


def test_solids_that_collide_are_two_items_or_an_item_and_the_room() -> None:
    assert Overlap("a", "b", 0.1).colliding_pair == Overlap("b", "a", 0.2).colliding_pair == {"a", "b"}
    assert Outside("a", 0.1, 0.1).colliding_pair == {"a", ROOM}
    assert Unsupported("a", 0.1).colliding_pair is None


def test_a_file_without_a_kind_and_with_an_unknown_one_is_read() -> None:
    written = {"overlaps": [{"a": "x", "b": "y", "depth": 1, "colour": "red"}], "melted": [{"id": "x"}]}
    assert faults_from_json(written) == (Overlap("x", "y", 1),)


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        ({"overlaps": {"a": "x"}}, "overlaps: expected a list"),
        ({"outside": ["desk"]}, "outside[0]: expected an object"),
        ({"outside": [{"id": "desk", "distance": 1}]}, "outside[0].share: expected a number"),
        ({"overlaps": [{"a": "x", "b": 3, "depth": 1}]}, "overlaps[0].b: expected a text, got 3"),
        ({"unsupported": [{"id": "x", "gap": True}]}, "unsupported[0].gap: expected a number, got True"),
        ({"blocked": [{"opening": "d", "by": "desk", "share": 1}]}, "blocked[0].by: expected a list of texts"),
        (
            {"relations": [{"subject": "a", "predicate": "likes", "object": "b", "score": 0}]},
            "relations[0].predicate: expected one of",
        ),
    ],
)
def test_a_broken_record_is_refused_in_one_sentence(evidence: dict, message: str) -> None:
    with pytest.raises(InputError) as refused:
        faults_from_json(evidence, "turns.jsonl")
    assert str(refused.value).startswith(f"turns.jsonl: {message}")


def test_compact_lines_are_in_the_words_of_the_vocabulary() -> None:
    evidence = Evidence(
        (
            Overlap("desk", "chair", 0.2),
            Outside("desk", 9.0, 1.0),
            Unsupported("chair", 0.0),
            Unstable("chair", 0.1, 9.0),
            Blocked("door_1", ("desk", "chair"), 0.3),
            Unreachable("chair"),
        ),
        (RelationScore("desk", "against", "wall", 0.0),),
    )
    report = CompactEncoding(TASK).feedback_text(evidence.to_json())
    assert len(report.splitlines()) == 8
    assert vocabulary.decode(vocabulary.encode(report)) == report


@dataclass(frozen=True)
class Gloomy(Fault):
    """A kind that only this test knows: an item without the light that it needs."""

    key = count = count_label = "gloomy"

    item: str
    need: str
    wanted: float
    has: float

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item,)

    @property
    def name(self) -> str:
        return f"{self.item} gloomy: {self.need}"

    def sentence(self) -> str:
        return f"{self.item} has {self.has:.0f} lx to {self.need} and needs {self.wanted:.0f} lx"


def test_a_new_kind_reaches_all_that_iterates_over_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(faults.KINDS, "gloomy", Gloomy)
    gloomy = Gloomy("desk", "read", 500.0, 40.0)
    evidence = Evidence((gloomy, Unstable("chair", 0.1, 3.0)))
    assert not evidence.clean and evidence.faults()[-1] == gloomy
    assert evidence.faulty_items() == {"desk", "chair"}
    assert counts(TASK, evidence)["gloomy"] == 1
    written = json.loads(json.dumps(Score.of(TASK, 1.0, evidence).to_json()))
    assert written["evidence"]["gloomy"] == [{"item": "desk", "need": "read", "wanted": 500.0, "has": 40.0}]
    assert faults_from_json(written["evidence"]) == evidence.faults()
    assert "- desk has 40 lx to read and needs 500 lx\n" in FullFormat().feedback(TASK, LAYOUT, written).text
    assert CompactEncoding(TASK).feedback_text(written["evidence"]) == "chair_1 falls\n"  # it has no tokens for it
    assert fault_changes(evidence, Evidence()) == (["chair unstable", "desk gloomy: read"], [])
    assert [item.id for item in lock_faultless_items(TASK, LAYOUT, Evidence((gloomy,))).movable] == ["desk"]
