"""The table of furniture: what it says is consistent, what is wrong with it is named, new rows need no code."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaspatial_addon.core import furniture
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.furniture import FURNITURE, METHOD_SETTINGS, ROOM_TYPES, UNKNOWN, read_furniture

SOURCE = Path(furniture.__file__).with_name("furniture.toml")
NEW_ROW = """
[[categories]]
name = "jumping castle"
class_name = "seat"
width = [0.7, 0.9]
depth = [1.5, 1.8]
height = [0.7, 0.9]
known = false
front = 0.6
rooms = ["bedroom"]
drawn = [{ room = "bedroom", rank = 15, chance = 0.1, most = 1 }]
placement = [{ method = "beside", of = ["beds"] }, { method = "wall", walls = "side", at = "end" }]
"""


@pytest.fixture
def edited(tmp_path):
    """The table with some of its text replaced, as a file."""

    def write(old: str = "", new: str = "", more: str = "") -> Path:
        text = SOURCE.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / "furniture.toml"
        path.write_text(text.replace(old, new, 1) + more, encoding="utf-8")
        return path

    return write


def test_a_new_row_is_furniture_without_any_code(edited):
    table = read_furniture(edited(more=NEW_ROW))
    row = table.categories["jumping castle"]
    assert table.class_of("Jumping_Castle") == "seat" and FURNITURE.class_of("Jumping_Castle") == "other"
    assert [category.name for category, _ in table.used_in("bedroom")].count("jumping castle") == 1
    assert row.placement[0].settings == {"of": ("double bed", "single bed", "bunk bed")}
    assert row.placement[1].settings == {"walls": "side", "at": "end", "clear": 0.6}
    assert row.usual_size == pytest.approx((0.8, 1.65, 0.8))


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("double bed", "bed"),
        ("desk lamp", "light"),
        ("tv stand", "storage"),
        ("Office_Chair", "seat"),
        ("bath mat", "covering"),
        ("washing machine", "appliance"),
        ("potted plant", "plant"),
        ("浴缸", "bath"),
        ("gizmo", "other"),
        ("", "other"),
    ],
)
def test_classes(category, kind):
    assert FURNITURE.class_of(category) == kind


def test_every_row_has_a_class_and_names_of_its_own():
    assert all(name == name.lower().strip() for name in FURNITURE.categories)
    for row in FURNITURE.categories.values():
        assert row.name not in row.words and len(set(row.words)) == len(row.words)
        assert row.class_name == FURNITURE.class_of(row.name, row.covering)
    assert len(ROOM_TYPES) == len(set(ROOM_TYPES)) and UNKNOWN in FURNITURE.categories


@pytest.mark.parametrize("room_type", ROOM_TYPES)
def test_ranks_within_a_room_are_used_once(room_type):
    ranks = [use.rank for _, use in FURNITURE.used_in(room_type)]
    assert ranks == list(range(1, len(ranks) + 1))


@pytest.mark.parametrize(
    ("old", "new", "field", "expected"),
    [
        ('class_name = "bed"', 'class_name = "beds"', "categories.double bed.class_name", "names that the table has"),
        ("width = [1.35, 2.1]", "width = [2.1, 1.35]", "categories.double bed.width", "two positive lengths"),
        ("width = [1.35, 2.1]", "width = [1.35]", "categories.double bed.width", "2 values"),
        ("width = [1.35, 2.1]", 'width = ["1", 2]', "categories.double bed.width[0]", "a number"),
        ("width = [1.35, 2.1]", "width = [1.35, inf]", "categories.double bed.width[1]", "a number"),
        ("depth = [1.9, 2.35]", "", "categories.double bed.depth", "this field to be present"),
        ("front = 0.7", "frnt = 0.7", "categories.double bed.frnt", "only name, class_name"),
        ('rooms = ["bedroom"]', 'rooms = ["attic"]', "categories.double bed.rooms", "names that the table has"),
        ('walls = "far"', 'walls = "long"', "categories.double bed.placement[0].walls", "one of far, side, near"),
        ('method = "wall"', 'method = "row"', "categories.double bed.placement[0]", "the settings of, clear of row"),
        ('of = ["seats", "beds"]', 'of = ["pews"]', "categories.tv stand.placement[0].of", "names that the table has"),
        ("hang_at = 1.6", "", "categories.range hood.hang_at", "the height in metres"),
        (
            "chance = 0.75, most = 1",
            "chance = 0.75, most = 1.0",
            "categories.double bed.drawn[0].most",
            "a whole number",
        ),
        ('name = "single bed"', 'name = "double bed"', "categories.double bed", "a name used once"),
        ('name = "thing"', 'name = "object"', "categories", "one named 'thing'"),
        ("\n[groups]\n", "\n[gropus]\n", "gropus", "only groups, classes"),
    ],
)
def test_a_mistake_is_named_by_row_and_field(edited, old, new, field, expected):
    with pytest.raises(InputError) as error:
        read_furniture(edited(old, new))
    assert error.value.field == field and expected in str(error.value)


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    with pytest.raises(InputError, match="a readable file"):
        read_furniture(tmp_path / "missing.toml")
    path = tmp_path / "furniture.toml"
    path.write_text("[[categories]\n")
    with pytest.raises(InputError, match="TOML"):
        read_furniture(path)


def test_rules_name_methods_of_the_furnisher_with_their_settings():
    import inspect

    from headless.taskgen.furnish import Furnisher

    for method, settings in METHOD_SETTINGS.items():
        parameters = inspect.signature(getattr(Furnisher, method)).parameters.values()
        assert {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} == set(settings), method
