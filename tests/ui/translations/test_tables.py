"""The tables of other languages: complete, true to the English texts, and readable."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import metaspatial_addon
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.ui.translations import tables
from metaspatial_addon.ui.translations.tables import (
    ANY_CONTEXT,
    LANGUAGES,
    LISTS,
    PHRASES,
    SENTENCES,
    WISHES,
    Table,
    read_po,
    templates,
)
from tests.ui.translations import texts

MADE_ELSEWHERE = (SENTENCES, PHRASES, LISTS, WISHES)
CODES = ("de", "es", "fr", "ja", "zh_HANS")


@pytest.fixture(scope="module", autouse=True)
def enabled() -> Iterator[None]:
    metaspatial_addon.register()
    yield
    metaspatial_addon.unregister()


@pytest.fixture(scope="module")
def shown(enabled: None) -> dict[tuple[str, str], str]:
    """The texts of the interface by context and text, with their places."""
    found = (*texts.class_texts(), *texts.code_texts())
    return {(text.context, text.text): text.place for text in found if any(map(str.isalpha, text.text))}


@pytest.fixture(params=CODES)
def table(request: pytest.FixtureRequest) -> Table:
    return read_po(LANGUAGES / f"{request.param}.po")


def test_the_languages() -> None:
    assert tuple(sorted(path.stem for path in LANGUAGES.iterdir())) == CODES


def test_every_text_of_the_interface_is_in_the_table_and_no_other(
    table: Table, shown: dict[tuple[str, str], str]
) -> None:
    translated = {key for key in table if key[0] not in MADE_ELSEWHERE}
    assert {key: place for key, place in shown.items() if key not in translated} == {}
    assert translated - shown.keys() == set()


def test_every_sentence_made_elsewhere_is_in_the_table_and_no_other(table: Table) -> None:
    made = texts.sentence_skeletons()
    translated = {texts.skeleton(text) for context, text in table if context in MADE_ELSEWHERE}
    assert {text: place for text, place in made.items() if text not in translated} == {}
    assert translated - made.keys() == set()


def test_nothing_is_shown_in_english_alone() -> None:
    assert list(texts.english_only()) == []


def test_translations_have_the_same_values(table: Table) -> None:
    wrong = {
        english: translation
        for (_, english), translation in table.items()
        if sorted(set(re.findall(r"\{\w*\}", english))) != sorted(set(re.findall(r"\{\w*\}", translation)))
        or english.startswith(" ") != translation.startswith(" ")
    }
    wrong.pop("its {count} tokens", None)  # in Japanese it stands without a space
    assert wrong == {}


@pytest.mark.parametrize("code", CODES)
def test_entries_are_in_the_same_order_and_none_stands_twice(code: str) -> None:
    def keys(language: str) -> list[tuple[str, str]]:
        text = (LANGUAGES / f"{language}.po").read_text(encoding="utf-8")
        return re.findall(r'^(?:msgctxt "(.*)"\n)?msgid "(.*)"$', text, flags=re.MULTILINE)

    assert keys(code) == keys("de")
    assert len(keys(code)) == len(set(keys(code))) == len(read_po(LANGUAGES / f"{code}.po")) + 1


def test_languages_are_not_copies_of_each_other(table: Table) -> None:
    """Names, axes and file formats stay; a sentence does not."""
    same = [english for (_, english), translation in table.items() if english == translation and english.count(" ") > 2]
    assert same == []


def test_read_po(tmp_path: Path) -> None:
    path = tmp_path / "xx.po"
    path.write_text(
        '# A comment\nmsgid ""\nmsgstr ""\n"Language: xx\\n"\n\n'
        'msgid "Say \\"{name}\\""\nmsgstr ""\n"Sag "\n"„{name}“"\n\n'
        'msgctxt "MetaSpatial"\nmsgid "Floor"\nmsgstr "Boden"\n\nmsgid "Not yet"\nmsgstr ""\n',
        encoding="utf-8",
    )
    assert read_po(path) == {(ANY_CONTEXT, 'Say "{name}"'): "Sag „{name}“", ("MetaSpatial", "Floor"): "Boden"}


@pytest.mark.parametrize("line", ['msgid "Floor', "Boden", 'msgstr[0] "Boden"', 'msgid "\\x"'])
def test_read_po_names_the_line_that_is_wrong(tmp_path: Path, line: str) -> None:
    path = tmp_path / "xx.po"
    path.write_text(f'msgid "Wall"\nmsgstr "Wand"\n{line}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"xx\.po: line 3: expected one of msgctxt, msgid, msgstr and a text"):
        read_po(path)


def test_a_language_that_cannot_be_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    (tmp_path / "xx.po").write_text("damaged", encoding="utf-8")
    (tmp_path / "yy.po").write_text(f'msgctxt "{SENTENCES}"\nmsgid "Wall"\nmsgstr "Wand"\n', encoding="utf-8")
    tables.unregister()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(tables, "LANGUAGES", tmp_path)
            tables.register()
        assert list(templates(SENTENCES)) == ["Wall"]
        assert "xx.po: line 1" in caplog.text
    finally:
        tables.unregister()
        tables.register()


def test_reading_all_languages_takes_no_noticeable_time() -> None:
    spent = []
    for _ in range(3):
        begin = time.process_time()
        for code in CODES:
            read_po(LANGUAGES / f"{code}.po")
        spent.append(time.process_time() - begin)
    assert min(spent) < 0.3
