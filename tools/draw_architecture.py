"""Draw docs/architecture.svg from the imports in the source: `python tools/draw_architecture.py [--check]`.

A box is a part of the code; an arrow points to a part that it imports. Arrows that follow from others are left out: a
part may use whatever it reaches along arrows. With `--check` nothing is written, and the exit
code is 1 if the picture is out of date.
"""

from __future__ import annotations

import ast
import sys
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.import_graph import CHECKOUT, parts_graph

PICTURE = CHECKOUT / "docs" / "architecture.svg"
WIDTH, BOX_WIDTH, BOX_HEIGHT, ROW_HEIGHT = 1240, 268, 76, 120
COLOURS = {"metaspatial_addon": ("#e8f1fb", "#3f74a8"), "headless": ("#fbf0e4", "#b0763a")}
SHARED_TEXT = {
    "headless.commands": "metaspatial: generate, score, tasks, pretrain, train, evaluate, serve",
    "headless.shared": "What the commands share: arguments, exit codes, configuration",
}


def levels(graph: dict[str, set[str]]) -> dict[str, int]:
    """The longest way down from each part; 0 for those that import no other. Raises ValueError for a circle."""
    found: dict[str, int] = {}

    def level(part: str, above: tuple[str, ...]) -> int:
        if part in above:
            raise ValueError("parts import each other in a circle: " + " -> ".join((*above, part)))
        if part not in found:
            found[part] = max((level(other, (*above, part)) + 1 for other in graph[part]), default=0)
        return found[part]

    for part in graph:
        level(part, ())
    return found


def reachable(graph: dict[str, set[str]], part: str) -> set[str]:
    """All parts that `part` imports, directly or through others."""
    return graph[part].union(*(reachable(graph, other) for other in graph[part]))


def wrapped(text: str, length: int, lines: int) -> list[str]:
    """`text` in at most `lines` lines of about `length` characters; what is left is cut off with an ellipsis."""
    rows = [""]
    for word in text.split():
        if len(rows[-1]) + len(word) > length and rows[-1]:
            rows.append("")
        rows[-1] = f"{rows[-1]} {word}".strip()
    return rows if len(rows) <= lines else [*rows[: lines - 1], rows[lines - 1] + " …"]


def description(part: str) -> str:
    """The first sentence of the part's docstring."""
    if part in SHARED_TEXT:
        return SHARED_TEXT[part]
    source = CHECKOUT.joinpath(*part.split("."), "__init__.py").read_text(encoding="utf-8")
    paragraph = (ast.get_docstring(ast.parse(source)) or "").partition("\n\n")[0]
    return paragraph.split(". ")[0].replace("\n", " ").replace("`", "").rstrip(".")


def draw() -> str:
    """The picture as SVG."""
    graph = parts_graph()
    level = levels(graph)
    rows = [sorted(part for part in graph if level[part] == k) for k in range(max(level.values()) + 1)]
    height = ROW_HEIGHT * len(rows) + 20
    places = {}
    for k, row in enumerate(rows):
        for part in row:
            y = height - ROW_HEIGHT * (k + 1) + (ROW_HEIGHT - BOX_HEIGHT) / 2
            # Headless work has the left half, the add-on the right; a box that shares its row's half steps aside.
            half = [other for other in row if other.partition(".")[0] == part.partition(".")[0]]
            middle = WIDTH * (0.25 if part.startswith("headless.") else 0.75)
            spread = (half.index(part) - (len(half) - 1) / 2) * (BOX_WIDTH + 18)
            places[part] = (middle + spread + 34 * (-1) ** k - BOX_WIDTH / 2, y)
    arrows, boxes = [], []
    for part in graph:
        direct = {o for o in graph[part] if not any(o in reachable(graph, other) for other in graph[part] - {o})}
        for other in sorted(direct):
            (x0, y0), (x1, y1) = places[part], places[other]
            x0, y0, x1 = x0 + BOX_WIDTH / 2, y0 + BOX_HEIGHT, x1 + BOX_WIDTH / 2
            bend = (y1 - y0) / 2
            curve = f"C{x0:.0f},{y0 + bend:.0f} {x1:.0f},{y1 - bend:.0f} {x1:.0f},{y1 - 7:.0f}"
            arrows.append(
                f'<path d="M{x0:.0f},{y0:.0f} {curve}" fill="none" stroke="#8a8f98" stroke-width="1.6" '
                'marker-end="url(#head)"/>'
            )
        x, y = places[part]
        package, _, name = part.partition(".")
        fill, line = COLOURS[package]
        boxes.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" '
            f'fill="{fill}" stroke="{line}"/>'
            f'<text x="{x + 12:.0f}" y="{y + 22:.0f}" font-size="15" font-weight="600" fill="#1d2733">{name}</text>'
            f'<text x="{x + BOX_WIDTH - 12:.0f}" y="{y + 22:.0f}" font-size="11" fill="{line}" text-anchor="end">'
            f"{package}</text>"
        )
        for k, text in enumerate(wrapped(description(part), 40, 3)):
            boxes.append(
                f'<text x="{x + 12:.0f}" y="{y + 39 + 13 * k:.0f}" font-size="11" fill="#465261">{escape(text)}</text>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">\n'
        '<defs><marker id="head" markerWidth="9" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0,0 L9,4 L0,8 z" fill="#8a8f98"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n' + "\n".join([*arrows, *boxes]) + "\n</svg>\n"
    )


def main() -> int:
    picture = draw()
    if "--check" in sys.argv[1:]:
        same = PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == picture
        if not same:
            print("docs/architecture.svg is out of date: run python tools/draw_architecture.py", file=sys.stderr)
        return 0 if same else 1
    PICTURE.write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
