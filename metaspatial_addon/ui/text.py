"""Sentences in a panel: Blender's labels are one line each and cut what does not fit. And how wide pictures are."""

from __future__ import annotations

from functools import lru_cache

import blf
from bpy.types import Context, UILayout

INTERFACE_FONT = 0
MARGIN_PX, TABS_PX, ICON_PX = 60, 22, 20
"""Widths, at a resolution scale of 1, of what a box in a panel leaves free at its sides, of the tabs and of an icon."""
MIN_WIDTH_PX = 120
LONGEST_SHOWN = 10_000
"""Characters of a text, however long it is: a word of more would take minutes to be cut into lines."""
NAME_MARGIN_PX, LEAST_LETTERS = 12, 6
"""What a label leaves free beside a name, and letters that a cut name keeps."""


def draw_text(
    layout: UILayout, context: Context, text: str, icon: str = "NONE", taken: float = 0.0, most: int = 0
) -> None:
    """A text in as many lines as it takes in the region's width, the first with the icon.

    `taken`: pixels, at a resolution scale of 1, that buttons beside the text need. `most`: lines; 0: all of them.
    """
    lines = wrapped(context, text, icon != "NONE", taken)
    if most and len(lines) > most:
        lines = (*lines[: most - 1], f"{lines[most - 1]} …")
    column = layout.column(align=True)
    column.scale_y = 0.8
    for k, line in enumerate(lines):
        column.label(text=line, translate=False, icon=icon if k == 0 else "NONE" if icon == "NONE" else "BLANK1")


def wrapped(context: Context, text: str, icon: bool, taken: float = 0.0) -> tuple[str, ...]:
    """The lines of a text that fit into the region's width, beside an icon or not."""
    width = _free_width(context) - taken - (ICON_PX if icon else 0)
    return wrap(text, int(max(width, MIN_WIDTH_PX)), context.preferences.ui_styles[0].widget.points)


def icon_scale(context: Context, columns: int) -> float:
    """The `scale` of `template_icon` with which so many icons fit beside each other into the region's width."""
    return max(_free_width(context), MIN_WIDTH_PX) / columns / ICON_PX


def _free_width(context: Context) -> float:
    """Pixels at a resolution scale of 1 that a box in a panel has for its content."""
    tabs = TABS_PX if context.region.type == "UI" else 0
    return context.region.width / context.preferences.system.ui_scale - MARGIN_PX - tabs


def fitted(context: Context, name: str, share: float) -> str:
    """A name that fits into a share of the region's width, cut in its middle where it is longer: names of objects
    differ at their ends."""
    width = max(context.region.width / context.preferences.system.ui_scale * share - NAME_MARGIN_PX, 0)
    return cut_in_middle(name, int(width), context.preferences.ui_styles[0].widget.points)


@lru_cache(maxsize=1024)
def cut_in_middle(name: str, width: int, points: float) -> str:
    """The name with its middle replaced by "…" where it is wider than `width` pixels in letters of that size."""
    blf.size(INTERFACE_FONT, points)
    cut, left = name, len(name)
    while _width(cut) > width and left > LEAST_LETTERS:
        left -= 1
        cut = f"{name[: (left + 1) // 2]}…{name[len(name) - left // 2 :]}"
    return cut


@lru_cache(maxsize=256)
def wrap(text: str, width: int, points: float) -> tuple[str, ...]:
    """The lines of a text, its own line breaks kept, none wider than `width` pixels in letters of that size.

    A word that is wider stands cut over several lines. Of a longer text only LONGEST_SHOWN characters are there.
    """
    blf.size(INTERFACE_FONT, points)
    return tuple(line for paragraph in text[:LONGEST_SHOWN].splitlines() for line in _lines(paragraph, width))


def _lines(paragraph: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in paragraph.split() or [""]:
        longer = f"{line} {word}" if line else word
        if _width(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        while _width(word) > width and len(word) > 1:
            fitting = next(k for k in range(len(word) - 1, 0, -1) if k == 1 or _width(word[:k]) <= width)
            lines.append(word[:fitting])
            word = word[fitting:]
        line = word
    return [*lines, line]


def _width(text: str) -> float:
    return blf.dimensions(INTERFACE_FONT, text)[0]
