"""How many names of a public furniture catalogue are read right, in each language of the lexicon.

    apt-get download sweethome3d sweethome3d-furniture   # then: dpkg-deb -x FILE.deb FOLDER for both
    python -m benchmarks.names FOLDER

The catalogues of Sweet Home 3D name each model in English and in twelve more of our languages, and give its size.
Names are judged by `names.toml` beside this file: by English name the categories of our table that the model may be
called. Counted are the indoor models that have an entry there; food, clothes, tools, sockets and what else is no
furnishing have none. A name is read as an object of that size is, without being told the language. The translators
sometimes call a model something else than its English name says ("Kronleuchter" for a lamp): where several of them
agree, the entry allows it, otherwise it counts as wrong.

*Held out* is a quarter of the models, by the SHA-256 of their English names: their foreign names were not looked at
while the words of the lexicon were written; which of the English names failed was, once. The English names were all
seen when the key was written.
"""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from metaspatial_addon.core.reading import read_toml
from metaspatial_addon.prompts.names import name_item

KEY = Path(__file__).with_name("names.toml")
LANGUAGES = {
    "en": "",
    "zh": "_zh_CN",
    **{code: f"_{code}" for code in ("de", "fr", "es", "it", "nl", "pt", "pl", "sv", "ru", "tr", "ja")},
}
"""What the file of a language adds to the catalogue's name."""
OTHER_PLACES = ("Exterior", "Vehicles", "Characters", "Doors and windows", "Staircases")


class Model(NamedTuple):
    """A model of the catalogue: its names by language, and width, depth and height in metres."""

    names: dict[str, str]
    size: tuple[float, float, float]


def models(folder: Path) -> Iterator[Model]:
    """The indoor models of all catalogues below a folder, which are zip files."""
    for path in sorted([*folder.rglob("*.sh3f"), *folder.rglob("sweethome3d.jar")]):
        with zipfile.ZipFile(path) as held:
            base = next(n for n in held.namelist() if n.endswith("FurnitureCatalog.properties"))
            stem = base.removesuffix(".properties")
            tables = {
                code: _properties(held.read(f"{stem}{ending}.properties").decode("latin-1"))
                for code, ending in LANGUAGES.items()
                if f"{stem}{ending}.properties" in held.namelist()
            }
        english = tables["en"]
        for key in (key for key in english if re.fullmatch(r"name#\d+", key)):
            number = key.removeprefix("name#")
            if english.get(f"category#{number}") not in OTHER_PLACES:
                sides = [float(english[f"{side}#{number}"]) / 100 for side in ("width", "depth", "height")]
                names = {code: table[key] for code, table in tables.items() if key in table}
                yield Model(names, (sides[0], sides[1], sides[2]))


def _properties(text: str) -> dict[str, str]:
    """The entries of a Java properties file."""
    lines = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    escape = re.compile(r"\\u([0-9a-fA-F]{4})")
    return {
        key.strip(): escape.sub(lambda match: chr(int(match[1], 16)), value).replace("\\", "").strip()
        for key, value in lines
    }


def is_held_out(english: str) -> bool:
    return hashlib.sha256(english.encode()).digest()[0] % 4 == 3


def measure(folder: Path) -> dict[str, dict[bool, tuple[int, int]]]:
    """By language and by whether they were held out: how many different names are right, and how many there are."""
    key = read_toml(KEY)["categories"]
    right: Counter[tuple[str, bool]] = Counter()
    total: Counter[tuple[str, bool]] = Counter()
    seen = set()
    for model in models(folder):
        english = model.names["en"]
        for code, name in model.names.items():
            if english in key and (code, english, name) not in seen:
                seen.add((code, english, name))
                total[code, is_held_out(english)] += 1
                right[code, is_held_out(english)] += name_item(name, model.size).category in key[english]
    return {code: {held: (right[code, held], total[code, held]) for held in (False, True)} for code in LANGUAGES}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("python -m benchmarks.names FOLDER, where both packages are unpacked")
    for language, found in measure(Path(sys.argv[1])).items():
        (seen_right, seen), (held_right, held) = found[False], found[True]
        share = (seen_right + held_right) / (seen + held)
        print(f"{language}: {share:.1%} of {seen + held}; held out {held_right / held:.1%} of {held}")
