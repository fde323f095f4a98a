"""Contact sheets: the images of a run on one page, a captioned row for each turn."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from ...core.files import write_file
from ...prompts.png import read_png, write_png
from .annotate import INK, PAPER
from .canvas import Canvas, text_width

_GAP = 12
_CAPTION = 34
_TEXT = 17.0


def contact_sheet(rows: Sequence[Sequence[bytes]], path: str | os.PathLike[str], captions: Sequence[str] = ()) -> None:
    """Write a PNG with the images (PNG bytes) of each row side by side under its caption.

    Raises InputError for an image that cannot be read, ValueError where rows and captions differ in number.
    """
    if captions and len(captions) != len(rows):
        raise ValueError(f"captions: expected one for each of {len(rows)} rows, got {len(captions)}")
    images = [[read_png(data, f"row {k + 1}") for data in row] for k, row in enumerate(rows)]
    head = _CAPTION if captions else 0
    heights = [max((p.shape[0] for p in row), default=0) for row in images]
    widths = [sum(p.shape[1] + _GAP for p in row) for row in images]
    needed = [text_width(caption, _TEXT) + _GAP for caption in captions]
    page = np.empty((_GAP + sum(h + head + _GAP for h in heights), _GAP + max([*widths, *needed, 1]), 3), np.uint8)
    page[:] = PAPER
    canvas = Canvas(page)
    y = _GAP
    for k, row in enumerate(images):
        if captions:
            middle = _GAP + text_width(captions[k], _TEXT) / 2
            canvas.text(captions[k], middle, y + head / 2 - 2, _TEXT, INK)
        x, y = _GAP, y + head
        for image in row:
            canvas.rgb[y : y + image.shape[0], x : x + image.shape[1]] = image
            x += image.shape[1] + _GAP
        y += heights[k] + _GAP
    write_file(path, write_png(canvas.pixels()))
