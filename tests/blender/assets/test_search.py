"""From Library: prompts in many words, the libraries that artists have, and what is picked from them."""

from __future__ import annotations

import logging
from pathlib import Path

import bpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaspatial_addon.blender.assets.library import LIBRARY_FOLDER, AssetLibrary
from metaspatial_addon.blender.assets.search import OURS, find_assets
from metaspatial_addon.blender.assets.words import AssetWords, usual_items
from metaspatial_addon.blender.meshes import data_blocks
from metaspatial_addon.core.furniture import ROOM_TYPES

CATALOG = AssetLibrary().assets
WORDS = AssetWords(CATALOG.values())


def asked(prompt: str) -> dict[str, int]:
    """Category and count of what a prompt asks for."""
    return {wish.category: wish.count for wish in WORDS.read(prompt).items}


def found(prompt: str, *folders: Path, ticked: bool | None = True) -> list[dict]:
    libraries = [{"name": folder.name, "folder": str(folder)} for folder in folders]
    every = find_assets(prompt, libraries, lambda done: None)
    return [entry for entry in every if ticked is None or entry["ticked"] == ticked]


def make_library(folder: Path, objects: tuple[str, ...] = (), collections: tuple[str, ...] = (), file="a.blend"):
    """A folder with one .blend of assets, and a material and an object that are to be left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    made: list[bpy.types.ID] = [bpy.data.objects.new(name, bpy.data.meshes.new(name)) for name in objects]
    made += [bpy.data.collections.new(name) for name in collections]
    made.append(bpy.data.materials.new("Sofa Fabric"))
    for block in made:
        block.asset_mark()
    hidden = bpy.data.objects.new("Sofa Draft", None)
    bpy.data.libraries.write(str(folder / file), {*made, hidden})
    bpy.data.batch_remove([*made, hidden, *(m for m in bpy.data.meshes if m.name in objects)])
    return folder


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("two chairs", {"dining chair": 2}),
        ("A pair of nightstands", {"nightstand": 2}),
        (
            "a bed, four simple wooden dining chairs and a table",
            {"double bed": 1, "dining chair": 4, "dining table": 1},
        ),
        ("king-size bed with a nightstand on each side", {"double bed": 1, "nightstand": 2}),
        ("a large white book case", {"bookcase": 1}),
        ("3 bar-stools, chairs x4", {"bar stool": 3, "dining chair": 4}),
        ("A couch facing the television", {"sofa": 1, "tv": 1}),
        ("TV on a tv stand", {"tv": 1, "tv stand": 1}),
        ("a two metre wide sofa, a four drawer dresser", {"sofa": 1, "dresser": 1}),
        ("3-seater couch", {"sofa": 1}),
        ("shelves full of books, two benches", {"bookcase": 1, "books": 1, "bench": 2}),
        ("half a dozen plants", {"plant": 6}),
        ("dining chairs around the dining table", {"dining chair": 4, "dining table": 1}),
        ("a couple of armchairs; the armchairs by the window", {"armchair": 2}),
        ("A double bed. Put the bed against the wall", {"double bed": 1}),
        ("one chair here and another chair there", {"dining chair": 2}),
        ("twin beds for the guests", {"single bed": 2}),
        ("Café-style: ein Sofa", {"sofa": 1}),
        ("a desk and a chair in the office", {"desk": 1, "office chair": 1}),
        ("a chair for the children's room", {"kids chair": 1}),
        ("a sink for the bathroom", {"washbasin": 1}),
        ("a kitchen sink", {"sink unit": 1}),
        ("a bedside lamp", {"table lamp": 1}),
        ("500 chairs", {"dining chair": 4}),
        ("no tv, without a rug or plants, but with a sofa", {"sofa": 1}),
        ("ein Bett, zwei Nachttische und ein Kleiderschrank", {"double bed": 1, "nightstand": 2, "wardrobe": 1}),
        ("un canapé, une table basse et une lampe sur pied", {"sofa": 1, "coffee table": 1, "floor lamp": 1}),
        ("书桌和办公椅", {"desk": 1, "office chair": 1}),
        ("a chandelier over the round table", {"pendant lamp": 1, "dining table": 1}),
        ("a calm and airy place", {}),
        ("", {}),
    ],
)
def test_prompts_are_read(prompt: str, expected: dict[str, int]) -> None:
    assert asked(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "room"),
    [
        ("A calm bedroom", "bedroom"),
        ("our LOUNGE", "living room"),
        ("kids' room with toys", "children's room"),
        ("a nursery", "children's room"),
        ("home office", "office"),
        ("the dining room", "dining room"),
        ("office chairs", None),
        ("a kitchen table", None),
        ("somewhere", None),
    ],
)
def test_rooms_are_read(prompt: str, room: str | None) -> None:
    assert WORDS.read(prompt).room == room


@pytest.mark.parametrize("category", sorted({asset.category for asset in CATALOG.values()}))
def test_every_category_is_known_by_its_words_and_their_plurals(category: str) -> None:
    irregular = {"wall shelf": "wall shelves", "bench": "benches", "toy box": "toy boxes", "books": "books"}
    assert asked(f"a {category}") == {category: 1}
    assert asked(f"three {irregular.get(category, category + 's')}") == {category: 3}
    alike = {
        word: {a.category for a in CATALOG.values() if word in (a.category, *a.words)}
        for asset in CATALOG.values()
        if asset.category == category
        for word in asset.words
    }
    for word, meant in alike.items():
        assert asked(f"a {word}").keys() <= meant and asked(f"a {word}")


@pytest.mark.parametrize("room", ROOM_TYPES)
def test_a_room_alone_asks_for_its_usual_items(room: str) -> None:
    told = found(f"a {room}")
    assert 5 <= len(told) <= 8
    assert [entry["category"] for entry in told] == [wish.category for wish in usual_items(CATALOG.values(), room)]
    assert all(room in CATALOG[entry["name"]].rooms for entry in told)


def test_a_bedroom_has_one_kind_of_bed() -> None:
    told = {entry["category"]: entry["count"] for entry in found("a bedroom")}
    assert told["double bed"] == 1 and told["nightstand"] == 2 and "single bed" not in told


def test_beside_named_furniture_the_usual_items_are_offered_unticked() -> None:
    assert [entry["category"] for entry in found("bedroom with a desk, no dresser")] == ["desk"]
    offered = {entry["category"] for entry in found("bedroom with a desk, no dresser", ticked=False)}
    assert "double bed" in offered and "dresser" not in offered and "desk" not in offered


def test_traits_choose_the_asset() -> None:
    picked = {entry["category"]: entry["name"] for entry in found("a walnut wardrobe, a white desk and a leather sofa")}
    assert picked["sofa"] == "sofa_leather" and picked["desk"] == "desk_white"
    assert found("an oak bed under a white lamp")[0]["name"] == "double_bed_oak"


def test_ours_are_told_as_meshes_of_no_file() -> None:
    assert found("a wardrobe") == [
        {
            "category": "wardrobe",
            "count": 1,
            "name": "wardrobe_oak",
            "library": OURS,
            "file": "",
            "kind": "mesh",
            "ticked": True,
        }
    ]


def test_the_artists_own_come_first_among_equals(tmp_path: Path) -> None:
    folder = make_library(tmp_path / "Studio", ("Sofa_02.001", "Sofas Old Large"), ("OfficeChair",))
    sofa, chair = found("a sofa and two office chairs", folder)
    assert sofa | {"file": ""} == {
        "category": "sofa",
        "count": 1,
        "name": "Sofa_02.001",
        "library": "Studio",
        "file": "",
        "kind": "object",
        "ticked": True,
    }
    assert Path(sofa["file"]) == folder / "a.blend"
    assert (chair["name"], chair["kind"], chair["count"]) == ("OfficeChair", "collection", 2)
    others = found("a sofa and two office chairs", folder, ticked=False)
    assert [(entry["category"], entry["library"]) for entry in others] == [("sofa", OURS), ("office chair", OURS)]


def test_a_trait_outweighs_ownership(tmp_path: Path) -> None:
    folder = make_library(tmp_path / "Studio", ("Sofa",))
    assert found("a leather sofa", folder)[0]["name"] == "sofa_leather"


def test_what_our_catalogue_lacks_is_found_by_its_name(tmp_path: Path) -> None:
    folder = make_library(tmp_path / "Studio", ("Grand Piano", "鋼琴", "The Two", "Wall", "x"), ("Schrank",))
    told = found("two grand pianos, ein Schrank by the wall, 鋼琴, the two of us", folder)
    assert [(entry["category"], entry["count"], entry["name"]) for entry in told] == [
        ("grand piano", 2, "Grand Piano"),
        ("schrank", 1, "Schrank"),
    ]


def test_libraries_are_read_with_their_folders_and_files_that_cannot_be_are_skipped(tmp_path: Path, caplog) -> None:
    make_library(tmp_path / "Studio" / "deep" / "Möbel", ("Armchair Red",), file="b.blend")
    (tmp_path / "Studio" / "broken.blend").write_bytes(b"BLENDER-v405 and no more")
    (tmp_path / "Studio" / "notes.blend").write_text("no .blend at all")
    (tmp_path / "Studio" / "folder.blend").mkdir()
    with caplog.at_level(logging.WARNING):
        told = found("a red armchair", tmp_path / "Studio", tmp_path / "missing", LIBRARY_FOLDER)
    assert [entry["name"] for entry in told] == ["Armchair Red"]
    text = caplog.text
    assert "broken.blend" in text and "notes.blend" in text and "missing" in text


def test_nothing_comes_into_the_file_and_progress_is_told(tmp_path: Path) -> None:
    folder = make_library(tmp_path / "Studio", ("Sofa",))
    make_library(tmp_path / "Studio", ("Chair",), file="b.blend")
    before = {block.session_uid for block in data_blocks()}
    shares: list[float] = []
    libraries = [{"name": "Studio", "folder": str(folder)}]
    first = find_assets("a sofa", libraries, shares.append)
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert {block.session_uid for block in data_blocks()} == before
    assert find_assets("a sofa", libraries, shares.append) == first


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(
            st.sampled_from(
                [
                    "a",
                    "an",
                    "two",
                    "3",
                    "24",
                    "99",
                    "x",
                    "of",
                    "no",
                    "without",
                    "and",
                    "or",
                    ",",
                    ".",
                    "'",
                    "-",
                    "half",
                    "dozen",
                    "pair",
                    "each",
                    "side",
                    "the",
                    "bedroom",
                    "bath",
                    "shelves",
                    *(word for asset in CATALOG.values() for word in (asset.category, *asset.words)),
                ]
            ),
            max_size=30,
        ).map(" ".join),
    )
)
def test_any_text_gives_a_list(prompt: str) -> None:
    wishes = WORDS.read(prompt)
    assert all(1 <= wish.count <= 24 for wish in wishes.items)
    assert len({wish.category for wish in wishes.items}) == len(wishes.items)
    assert wishes.refused.isdisjoint(wish.category for wish in wishes.items)
    assert WORDS.read(prompt) == wishes


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_looked_for(prompt: str) -> None:
    assert isinstance(found(prompt), list)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a sofa and a tv", {"tv stand": "for the tv"}),
        ("a sofa, a tv and a sideboard", {}),
        ("a bed and two table lamps", {"nightstand": "for the table lamp"}),
        ("a desk", {}),
    ],
)
def test_what_a_thing_stands_on_comes_along_with_a_word_on_why(prompt, expected):
    every = found(prompt, ticked=None)
    reasons = {entry["category"]: entry["reason"] for entry in every if "reason" in entry}
    assert reasons == expected
    assert all(entry["ticked"] and entry["count"] == 1 for entry in every if "reason" in entry)
    assert len({entry["category"] for entry in every}) == len(every)
