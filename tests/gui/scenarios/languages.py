"""The interface in other languages, in a Blender that has them: every text as the tables say, and pictures of it."""

from __future__ import annotations

from tests.gui.session import Bench
from tests.gui.studio import Studio

LANGUAGES = {"de_DE": "de", "fr_FR": "fr", "es": "es", "ja_JP": "ja", "zh_HANS": "zh_HANS"}
"""Blender's codes of the languages, with the names of the tables."""
FAULT = "bed overlaps desk by 0.20 m"
FAULTS = {
    "de_DE": "bed überschneidet sich mit desk um 0.20 m",
    "fr_FR": "bed chevauche desk de 0.20 m",
    "es": "bed se superpone 0.20 m con desk",
    "ja_JP": "bed が desk と 0.20 m 重なっています",
    "zh_HANS": "bed 与 desk 重叠 0.20 米",
}


def languages(bench: Bench) -> str:
    studio = Studio(
        bench, **{"scene.prompt": "The bed against the north wall. The piano by the window", "scene.turns": 1}
    )
    session = studio.session
    studio.generate()
    studio.finish()
    blenders_own = {}
    for language, table in LANGUAGES.items():
        others = session.ask("speak", language=language, table=table)
        # A word that Blender has itself, in a context of all add-ons, may be another in another version.
        assert all(text.startswith(("*: ", "Operator: ")) for text in others), (language, others)
        assert len(others) < 5, (language, others)
        blenders_own[table] = len(others)
        assert session.ask("shown_sentence", sentence=FAULT) == FAULTS[language]
        session.picture(table)
        x, y, width, height = studio.sidebar.region()
        bench.desktop.scroll(x + width // 2, y + height // 2, 60)
        session.picture(f"{table}-below")
        bench.desktop.scroll(x + width // 2, y + height // 2, -60)
    return ", ".join(f"{table}: {number} texts are Blender's own" for table, number in blenders_own.items())
