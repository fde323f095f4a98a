"""What names of objects say, and which furniture a text speaks of."""

from __future__ import annotations

import pytest

from metaspatial_addon.core.furniture import FURNITURE
from metaspatial_addon.core.lexicon.lexicon import lexicon
from metaspatial_addon.prompts.names import find_categories, read_name


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
