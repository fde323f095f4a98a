"""The texts of the interface in other languages, as Blender's own translation tables take them.

Each language is a file `languages/CODE.po` in the format of GNU gettext, which translators' editors open; CODE is
Blender's code of the language, with or without its country. A text with values has them as {name}, in every language.
A new language is a copy of another's file with other `msgstr`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path

import bpy

from ...core.errors import InputError
from ...core.reading import read_bytes
from ..state.identifiers import ROOT

log = logging.getLogger(__name__)

LANGUAGES = Path(__file__).with_name("languages")
ANY_CONTEXT = "*"
"""Blender's name for texts without a `msgctxt`."""
SENTENCES, PHRASES, LISTS, WISHES = (f"MetaSpatial {kind}" for kind in ("sentence", "phrase", "list", "wish"))
"""`msgctxt` of what is recognised when it is shown, see `sentences.py`: whole sentences, parts of such, lists of names,
and wishes in a few words."""

_LARGEST_PO = 2**20
"""Bytes of a file. Our own have about 100 kB."""
_FIELDS = ("msgctxt", "msgid", "msgstr")

Table = dict[tuple[str, str], str]
"""By context and English text, the text of a language."""

_tables: dict[str, Table] = {}


def read_po(path: Path) -> Table:
    """The texts of a .po file without plural forms. Raises InputError, which names the line.

    The first entry of such a file tells about the file: its `msgid` is empty. What has no `msgstr` is left out.
    """
    table: Table = {}
    entry: dict[str, str] = {}
    field = ""
    for number, line in enumerate(read_bytes(path, _LARGEST_PO).decode("utf-8", "replace").splitlines(), 1):
        if not line or line[0] == "#":
            continue
        keyword, _, quoted = (field, "", line) if line[0] == '"' else line.partition(" ")
        try:
            if keyword not in _FIELDS or quoted[:1] != '"' or quoted[-1:] != '"':
                raise ValueError
            text = json.loads(quoted) if "\\" in quoted else quoted[1:-1]
        except ValueError:
            expected = f"one of {', '.join(_FIELDS)} and a text in double quotes"
            raise InputError(path, f"line {number}", expected, line) from None
        if keyword != "msgstr" and "msgstr" in entry:
            _add(table, entry)
            entry = {}
        entry[keyword] = entry.get(keyword, "") + text
        field = keyword
    _add(table, entry)
    return table


def _add(table: Table, entry: dict[str, str]) -> None:
    if entry.get("msgid") and entry.get("msgstr"):
        table[entry.get("msgctxt", ANY_CONTEXT), entry["msgid"]] = entry["msgstr"]


def templates(context: str) -> Iterable[str]:
    """The English texts of a context that any language translates, with {name} where they have values."""
    return dict.fromkeys(text for table in _tables.values() for other, text in table if other == context)


def register() -> None:
    """Hand the tables to Blender. A file that cannot be read leaves its language in English."""
    for path in sorted(LANGUAGES.glob("*.po")):
        try:
            _tables[path.stem] = read_po(path)
        except InputError as error:
            log.warning("MetaSpatial: a language is left out: %s", error)
    bpy.app.translations.register(ROOT, _tables)


def unregister() -> None:
    bpy.app.translations.unregister(ROOT)
    _tables.clear()
