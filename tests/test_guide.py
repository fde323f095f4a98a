"""The pages in docs/: every picture that one shows is there, small, and what the scripts make is shown."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
DOCS = CHECKOUT / "docs"
PAGES = [
    CHECKOUT / "README.md",
    CHECKOUT / "CONTRIBUTING.md",
    *sorted(DOCS.glob("*.md")),
    *CHECKOUT.glob("examples/*.md"),
]
SHOWN = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+\.(?:png|svg|webp))\)")
LARGEST_BYTES = 150_000
"""Of a picture of the guide."""


def shown(page: Path) -> set[Path]:
    """The pictures that a page shows or links to."""
    return {(page.parent / name).resolve() for name in SHOWN.findall(page.read_text(encoding="utf-8"))}


def taken() -> set[str]:
    """The names of the pictures that the guide's script takes."""
    tree = ast.parse((CHECKOUT / "tests" / "gui" / "guide.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return {ast.literal_eval(call.args[0]) for call in calls if call.func.attr == "take"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pictures_of_a_page_are_there(page: Path) -> None:
    assert [str(path) for path in shown(page) if not path.is_file()] == []


def test_no_picture_is_left_over() -> None:
    used = set().union(*map(shown, PAGES))
    kept = {path for suffix in ("png", "svg", "webp") for path in DOCS.glob(f"*.{suffix}")}
    assert kept | {*(DOCS / "guide").iterdir()} <= used


def test_the_guide_shows_what_its_script_takes() -> None:
    names = {path.stem for path in shown(DOCS / "guide.md")}
    assert names == taken()
    assert all((DOCS / "guide" / f"{name}.png").stat().st_size <= LARGEST_BYTES for name in names)
