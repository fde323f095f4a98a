"""Sizes that are not of their kind, and the factor that is missing."""

from __future__ import annotations

import json
import random

import pytest

from metaspatial_addon.core.scale import Sized, by_factor, common_factor, describe, scale_doubts

ROOM = (5.0, 4.0)


@pytest.fixture(scope="module")
def furniture(checkout):
    """Our library, which is of usual sizes."""
    assets = json.loads((checkout / "assets/furniture/catalog.json").read_text(encoding="utf-8"))["assets"]
    return [Sized(asset["name"], asset["category"], tuple(asset["size"])) for asset in assets]


def scaled(items, factor):
    return [item._replace(size=tuple(side * factor for side in item.size)) for item in items]


@pytest.mark.parametrize("factor", [1, 0.001, 0.01, 0.0254, 0.3048, 0.5, 10, 39.37, 100, 1000])
@pytest.mark.parametrize("count", [4, 8])
def test_the_factor_of_an_import_is_found(furniture, factor, count):
    """To within a third: feet and inches to the centimetre are that far apart, and so are kinds of furniture."""
    draw = random.Random(3)
    found = [common_factor(scaled(draw.sample(furniture, count), factor)) for _ in range(100)]
    assert sum(0.75 < one * factor < 1.33 for one in found) >= 98
    assert factor != 1 or set(found) == {1.0}


def test_furniture_of_usual_sizes_is_not_doubted(furniture):
    assert not [doubt for doubt in scale_doubts(furniture, (20, 20)) if doubt.item.name != "corner_sofa"]


def test_one_item_out_of_scale_is_named_alone(furniture):
    bed = Sized("Bed", "double bed", (160, 205, 55))
    (doubt,) = scale_doubts([bed, *furniture[:6]], (20, 20))
    assert doubt.item is bed and doubt.factor == 0.01 and not doubt.fits
    assert describe([doubt]) == "Bed (160 x 205 x 55 m) is about 100 times as large as usual: scale by 0.01"


def test_what_is_larger_than_the_room_is_named():
    table = Sized("Table", "conference table", (4.2, 1.5, 0.75))
    assert not scale_doubts([table], ROOM) and not scale_doubts([Sized("Rock", "moon rock", (3, 3, 3))], ROOM)
    (doubt,) = scale_doubts([table], (1.4, 4))
    assert doubt.factor is None and "Table (4.2 x 1.5 x 0.75 m) is larger than the room" in describe([doubt])
    (doubt,) = scale_doubts([Sized("Rock", "moon rock", (100, 90, 80))], ROOM)
    assert doubt.factor == 0.01


def test_one_sentence_for_all_of_a_factor():
    chairs = [Sized(f"Chair {k}", "chair", (0.23, 0.24, 0.45)) for k in range(6)]
    (doubts,) = by_factor(scale_doubts([*chairs, Sized("Thing", "moon rock", (1, 1, 1))], ROOM))
    assert describe(doubts) == (
        "Chair 0 (0.23 x 0.24 x 0.45 m), Chair 1 (0.23 x 0.24 x 0.45 m), Chair 2 (0.23 x 0.24 x 0.45 m) and 4 more are "
        "about 1/2 of what is usual: scale by 2"
    )
