"""Sentences that are made outside the interface, shown in another language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import metaspatial_addon
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.faults import KINDS, faults_from_json
from metaspatial_addon.core.relation_words import PREDICATE_WORDS, relation_phrase
from metaspatial_addon.core.scale import ScaleDoubt, Sized, describe
from metaspatial_addon.policy.base import cut_off_note
from metaspatial_addon.policy.endpoint.failures import Failures
from metaspatial_addon.policy.groups import grouping_note
from metaspatial_addon.prompts.wishes.reading import read_wishes
from metaspatial_addon.ui.translations import sentences
from metaspatial_addon.ui.translations.sentences import translated, translated_wish
from metaspatial_addon.ui.translations.tables import LANGUAGES, read_po

EVIDENCE = {
    "overlaps": [{"a": "Bed", "b": "Desk", "depth": 0.2}],
    "outside": [{"id": "Bed", "distance": 0.1, "share": 0.25}, {"id": "Rug", "distance": 0.1, "share": 0.0}],
    "unsupported": [{"id": "Lamp", "gap": 0.4}],
    "unstable": [{"id": "Vase", "drift": 0.31, "tilt": 64.0}],
    "blocked": [{"opening": "door_1", "by": ["Bed", "Rug", "Desk"], "share": 0.6}],
    "unreachable": [{"id": "Desk"}],
    "cramped": [{"id": "Wardrobe", "need": "open", "wanted": 0.75, "has": 0.4}],
    "relations": [
        {"subject": "Lamp", "predicate": predicate, "object": other, "score": 0.0, "negated": negated}
        for predicate in PREDICATE_WORDS
        for other in ("Desk", "room", "wall_2")
        for negated in (False, True)
    ],
}


@pytest.fixture(scope="module", autouse=True)
def enabled() -> Iterator[None]:
    metaspatial_addon.register()
    yield
    metaspatial_addon.unregister()


@pytest.fixture
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    """bpy as a module has no languages: the table is asked in place of Blender."""
    table = read_po(LANGUAGES / "de.po")
    monkeypatch.setattr(sentences, "rpt_", lambda text, context: table[context, text])


def made_elsewhere() -> list[str]:
    """Sentences as the program makes them."""
    failures = Failures("localhost:8000", "qwen", "")
    doubts = [ScaleDoubt(Sized(name, "bed", (160, 200, 50)), factor, False) for name in "abcde" for factor in (0.01,)]
    return [
        *(fault.sentence() for fault in faults_from_json(EVIDENCE)),
        *(str(failures.refusal(status, "No way.", None)) for status in (400, 401, 403, 404, 408, 413, 500)),
        *(str(failures.refusal(status, "", None)) for status in (400, 404, 500)),
        str(failures.refusal(400, "The context length is 4096.", None)),
        grouping_note(15),
        *(str(failures.unreachable(error, 60)) for error in (TimeoutError(), ConnectionRefusedError(), OSError("x"))),
        *(describe(doubts[:count]) for count in range(1, 6)),
        describe([ScaleDoubt(Sized("Hall", "bed", (9, 9, 9)), None, False)]),
        *(cut_off_note("qwen", "its 64 tokens", text) for text in ("<think>", "Well")),
        str(InputError("", "Door", "a door within 0.3 m of a wall", "1.20 m")),
        "Tidied: Table lamp 7 cm aside and 2 cm down",
        "Bed stays where it is: physics moves Bed at this frame; at frame 1 it can be laid out",
        "Bed stays where it is: carries Cup, which stays where it is: animated or driven",
        "Not placed: bed_1, desk_1 and 4 more.",
    ]


def test_every_kind_of_fault_is_tried() -> None:
    assert EVIDENCE.keys() == KINDS.keys()


def test_in_english_they_are_what_they_were() -> None:
    for sentence in made_elsewhere():
        assert translated(sentence) == sentence


def test_each_is_recognised(german: None) -> None:
    assert [sentence for sentence in made_elsewhere() if translated(sentence) == sentence] == []


@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("Bed overlaps Night stand by 0.20 m", "Bed überschneidet sich mit Night stand um 0.20 m"),
        ("door_1 is blocked by a, b and c (60% of its space)", "door_1 wird von a, b und c blockiert (60% der Fläche)"),
        ("Tidied: Table lamp 7 cm aside and 2 cm up", "Aufgeräumt: Table lamp 7 cm zur Seite und 2 cm nach oben"),
        ("3 of 4 wishes met", "Wünsche: 3 von 4"),
        ("the room has no north wall", "der Raum hat dies nicht: Nordwand"),
        (
            "srv is reached and m answers, and it is given pictures. srv takes no seed: another run may give other "
            "answers. Its answer about a small room can be used.",
            "srv ist erreichbar und m antwortet und bekommt Bilder. srv nimmt keinen Startwert an: ein weiterer Lauf "
            "kann andere Antworten geben. Seine Antwort zu einem kleinen Raum ist brauchbar.",
        ),
        (
            'srv failed (HTTP 500). It says: "Out of {memory}.". Look at the server\'s own log. Tried 3 times.',
            "srv ist fehlgeschlagen (HTTP 500). Er meldet: „Out of {memory}.“. Das Protokoll des Servers ansehen. "
            "3-mal versucht.",
        ),
        (
            "Floor: expected visible objects that enclose a room",
            "Boden: erwartet wird sichtbare Objekte, die einen Raum umschließen",
        ),
        (
            "Rendering failed 2 times: RuntimeError: no GPU",
            "Das Rendern ist 2-mal fehlgeschlagen: RuntimeError: no GPU",
        ),
        (
            "Door: expected a door within 0.3 m of a wall, got '1.20 m'",
            "Door: erwartet wird Tür höchstens 0.3 m von einer Wand entfernt, gefunden wurde '1.20 m'",
        ),
    ],
)
def test_in_german(german: None, english: str, expected: str) -> None:
    assert translated(english) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "CUDA error on device 0",
        "room.json: items[2].size: expected three positive metres, got [1, 2]",
        "Lamp on Desk.",
        "srv model is under load.",
        "Lamp on Desk",  # no sentence: only where a wish is shown
        "{0} {name} }{",
    ],
)
def test_what_is_not_recognised_stays(german: None, sentence: str) -> None:
    assert translated(sentence) == sentence


def test_wishes_in_a_few_words(german: None) -> None:
    assert translated_wish("Lamp on Desk") == "Lamp auf Desk"
    assert translated_wish("wardrobe not against window wall") == "wardrobe nicht an Fensterwand"
    for predicate in PREDICATE_WORDS:
        for negated in (False, True):
            words = relation_phrase("Lamp", predicate, "Desk", negated)
            assert translated_wish(words) != words


@pytest.mark.parametrize("code", ["de", "es", "fr", "ja", "zh_HANS"])
def test_the_example_prompt_is_understood_in_its_language(code: str) -> None:
    prompt = next(
        text for (_, english), text in read_po(LANGUAGES / f"{code}.po").items() if english.startswith("A calm bedroom")
    )
    wishes = read_wishes(prompt, {"Desk": "desk", "Bed": "double bed"}).wishes
    assert [(wish.subject, wish.predicate, wish.object) for wish in wishes] == [("Desk", "against", "window wall")]
