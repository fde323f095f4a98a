"""The add-on's page on extensions.blender.org: what its manifest and its pictures must be."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
PICTURES = {
    "icon.png": (256, 256),
    "featured.webp": (1920, 1080),
    **{f"{name}.webp": (1200, 675) for name in ("example", "turns", "mended")},
}
FOLDER = CHECKOUT / "docs" / "listing"
LARGEST_BYTES = 500_000


def test_the_manifest_says_whose_it_is_and_where_to_read_on() -> None:
    manifest = tomllib.loads((CHECKOUT / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert manifest["website"].startswith("https://")
    assert all(re.fullmatch(r"\d{4}(-\d{4})? \S.*", line) for line in manifest["copyright"])
    assert "blender" not in manifest["name"].lower()
    assert len(manifest["tagline"]) <= 64 and manifest["tagline"][-1].isalnum()
    assert all(len(reason) <= 64 and reason[-1].isalnum() for reason in manifest["permissions"].values())


def test_every_picture_is_known() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*PICTURES}


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_are_as_the_platform_takes_them(name: str) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="Pillow is not installed here")
    path = FOLDER / name
    with image_module.open(path) as image:
        image.load()
        assert image.size == PICTURES[name]
        assert image.mode == ("RGBA" if name == "icon.png" else "RGB")
    assert path.stat().st_size <= LARGEST_BYTES
