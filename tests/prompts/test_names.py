"""What names of objects say, and which furniture a text speaks of."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaspatial_addon.core.furniture import FURNITURE
from metaspatial_addon.core.lexicon.lexicon import lexicon
from metaspatial_addon.prompts.names import find_categories, find_room, matching_categories, name_item, read_name


def pipeline_names() -> list[tuple[str, str]]:
    """(name, category) of all names of the list beside this file."""
    cases, category = [], ""
    for line in Path(__file__).with_name("pipeline_names.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            begun, colon, names = line.rpartition(": ")
            category = begun if colon else category
            cases += [(name, category) for name in names.split()]
    return cases


NAMES = pipeline_names()
CASES = [(name, category) for name, category in NAMES if category != "none"]


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("bed side lamp", "table lamp"),
        ("bedside lamp", "table lamp"),
        ("tableCoffee", "coffee table"),
        ("cabinetTelevision", "tv stand"),
        ("chairDesk", "office chair"),
        ("lampRoundFloor(Clone)", "floor lamp"),
        ("lampRoundTable(Clone)", "table lamp"),
        ("alarm clock", "alarm clock"),
        ("bar of soap", None),
        ("board game", None),
        ("Cube.003", None),
        ("", None),
    ],
)
def test_the_head_noun_decides(name, category):
    assert next(iter(read_name(name).categories), None) == category


def test_names_of_pipelines_are_read():
    wrong = [(name, category) for name, category in CASES if read_name(name).categories[:1] != (category,)]
    assert len(CASES) >= 200 and len(wrong) <= 0.05 * len(CASES), wrong
    assert [name for name, category in NAMES if category == "none" and read_name(name).categories] == []


def test_names_are_read_at_once():
    """120 names, none of which was read before, within 50 ms on one core, read thrice as the machine may be busy."""
    lexicon()
    for name, _ in CASES:
        read_name(name)
    taken = []
    for suffix in "xyz":
        names = [f"{name}_{suffix}q" for name, _ in CASES[:120]]
        start = time.process_time()
        for name in names:
            read_name(name)
        taken.append(time.process_time() - start)
    assert min(taken) < 0.05


def test_every_word_leads_to_rows_of_the_table():
    words = lexicon()
    everything = [word for language in words.languages.values() for word in language.words.values()]
    said = {name for word in everything for name in (*word.nouns, *word.qualities, *word.rooms)}
    for language in words.languages.values():
        for word in language.words.values():
            for noun in set(word.nouns) - {"building", "other"}:
                entry = words.noun(noun)
                meant = {meaning for name in entry.combined.values() for meaning in words.noun(name).meanings}
                assert {*entry.meanings, *meant} <= FURNITURE.categories.keys(), noun
                assert entry.combined.keys() <= said | {"building", "other"}, noun


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Sofa and armchair facing each other", {"Sofa": "sofa", "armchair": "armchair"}),
        (
            "Bett an der Ostwand, Schrank an der Westwand und zwei Nachttische",
            {"Bett": "double bed", "Schrank": "sideboard", "Nachttische": "nightstand"},
        ),
        (
            "un lit contre le mur nord, deux tables de chevet et une lampe de chevet",
            {"lit": "double bed", "tables de chevet": "nightstand", "lampe de chevet": "table lamp"},
        ),
        ("кровать у стены, письменный стол у окна", {"кровать": "double bed", "письменный стол": "desk"}),
        ("ベッドを北の壁に、机を窓の前に", {"ベッド": "double bed", "机": "desk"}),
        ("a calm and airy place", {}),
    ],
)
def test_furniture_is_found_in_texts(text, found):
    assert {text[m.start : m.end]: m.categories[0] for m in find_categories(text)} == found


@pytest.mark.parametrize(
    ("name", "size", "context", "category", "source"),
    [
        ("Bett.001", (0.9, 2.0, 0.5), (), "single bed", "name"),
        ("Bett.001", (2.0, 0.9, 0.5), (), "single bed", "name"),
        ("Bank", (1.2, 0.4, 0.45), (), "bench", "name"),
        ("Bank", (2.1, 0.9, 0.85), (), "sofa", "name"),
        ("stół", (0.9, 0.6, 0.45), (), "coffee table", "name"),
        ("Cube.003", (0.45, 0.5, 0.9), ("Chairs",), "dining chair", "context"),
        ("Cube.003", (0.4, 0.5, 0.1), ("Wood", "Wardrobe"), "cube", "unknown"),
        ("Cube.003", (1.6, 2.0, 0.5), (), "double bed", "size"),
        ("Cube.003", (1.0, 1.0, 1.0), ("Collection",), "cube", "unknown"),
        ("bar of soap", (1.6, 2.0, 0.5), ("Beds",), "bar of soap", "unknown"),
        ("謎の物.001", (0.1, 0.1, 0.1), (), "謎の物", "unknown"),
        ("...", (0.1, 0.1, 0.1), (), "object", "unknown"),
    ],
)
def test_names_around_an_item_and_its_size_help_where_its_own_says_nothing(name, size, context, category, source):
    naming = name_item(name, size, context)
    assert (naming.category, naming.source) == (category, source)


@pytest.mark.parametrize(
    ("text", "room"),
    [
        ("A calm bedroom", "bedroom"),
        ("ein helles Wohnzimmer mit Sofa", "living room"),
        ("une petite cuisine", "kitchen"),
        ("明亮的卧室", "bedroom"),
        ("a kitchen table", None),
        ("una mesa de cocina", None),
        ("somewhere", None),
    ],
)
def test_the_kind_of_room_is_found_in_texts(text, room):
    assert find_room(text) == room


def test_categories_are_offered_by_their_beginning_and_by_words_of_any_language():
    assert matching_categories("schreib")[:1] == [] and matching_categories("Schreibtisch")[0] == "desk"
    assert matching_categories("lamp")[:2] == ["floor lamp", "table lamp"] and "wall lamp" in matching_categories(
        "lamp"
    )
    assert len(matching_categories("")) == len(FURNITURE.categories) - 1


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_read(text):
    assert 0 <= read_name(text).certainty <= 1
    for mention in find_categories(text):
        assert 0 <= mention.start < mention.end <= len(text) and mention.categories
