"""The words of a language as a file: what is wrong with it is named, and how words are known by their forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.lexicon import language
from metaspatial_addon.core.lexicon.language import fold, read_language
from metaspatial_addon.core.lexicon.lexicon import lexicon, read_meanings

GERMAN = Path(language.__file__).parent / "languages" / "de.toml"


@pytest.mark.parametrize(
    ("old", "new", "field", "expected"),
    [
        ('head = "last"', 'head = "middle"', "head", "one of first, last"),
        ('compounds = "any"', "", "compounds", "this field to be present"),
        ('name = "German"', 'title = "German"\nname = "German"', "title", "only name, head"),
        ('name = "German"', "name = 3", "name", "a text"),
        ('extras = ["mit", "ohne"]', 'extras = "mit"', "extras", "a list of words"),
        ('chair = ["Stuhl", ', 'chair = [7, "Stuhl", ', "furniture.chair", "a list of words"),
        ('head = "last"', "head = ", "", "TOML"),
    ],
)
def test_a_mistake_is_named_by_its_field(tmp_path, old, new, field, expected):
    text = GERMAN.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "de.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_language(path)
    assert error.value.field == field and expected in str(error.value)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[chair]\nmeaning = ["chair"]', "chair"),
        ("[chair]\nmeanings = 3", "chair.meanings"),
        ("chair = 3", "chair"),
        ("[chair.with]\nstool = 3", "chair.with.stool"),
    ],
)
def test_a_mistake_in_the_meanings_is_named(tmp_path, text, field):
    path = tmp_path / "meanings.toml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_meanings(path)
    assert error.value.field == field


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Küche", "kuche"), ("ŁÓŻKO", "lozko"), ("Fußhocker", "fusshocker"), ("ベッド", "ベッド"), ("masası", "masasi")],
)
def test_letters_are_compared_without_accents(text, folded):
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Stuehle", "dining chair"),
        ("Küchenhängeschränke", "wall cabinet"),
        ("Vollholzesstisch", "dining table"),
        ("boekenkasten", "bookcase"),
        ("sängarna", "double bed"),
        ("книжные шкафы", "bookcase"),
        ("szafki nocne", "nightstand"),
        ("çalışma masaları", "desk"),
        ("tables de nuit", "nightstand"),
        ("儿童双层床", "bunk bed"),
    ],
)
def test_inflected_words_and_compounds_are_known(text, category):
    assert lexicon().meanings(text)[0] == category
