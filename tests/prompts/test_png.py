"""PNG in memory: what is written reads back, other writers' files read too, broken ones are refused in words."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.prompts.png import read_png, write_png


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_what_is_written_reads_back(height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    assert np.array_equal(read_png(write_png(pixels)), pixels)
    assert write_png(pixels) == write_png(pixels)


def other_writers(pixels: np.ndarray, kinds: list[int], colour: int) -> bytes:
    """A PNG in which row k has filter `kinds[k]`, by the definitions of the standard."""
    height, width, channels = pixels.shape
    rows = pixels.reshape(height, -1).astype(int)
    body = b""
    for k, kind in enumerate(kinds):
        row, above = rows[k], rows[k - 1] if k else np.zeros_like(rows[0])
        left = np.concatenate([np.zeros(channels, int), row[:-channels]])
        corner = np.concatenate([np.zeros(channels, int), above[:-channels]])
        p = left + above - corner
        near = np.stack([abs(p - left), abs(p - above), abs(p - corner)]).argmin(axis=0)
        guess = [0 * row, left, above, (left + above) // 2, np.choose(near, [left, above, corner])][kind]
        body += bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes()

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packed = zlib.compress(body)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    parts = chunk(b"tEXt", b"File\0/home/me/x.blend") + chunk(b"IDAT", packed[:9]) + chunk(b"IDAT", packed[9:])
    return b"\x89PNG\r\n\x1a\n" + head + parts + chunk(b"IEND", b"")


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_every_filter_and_kind_of_other_writers(colour, channels):
    pixels = np.random.default_rng(1).integers(0, 256, (10, 7, channels)).astype(np.uint8)
    shown = read_png(other_writers(pixels, [0, 1, 2, 3, 4, 4, 3, 2, 1, 0], colour))
    expected = pixels[:, :, :3] if channels >= 3 else pixels[:, :, :1].repeat(3, axis=2)
    assert np.array_equal(shown, expected)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda png: b"",
        lambda png: b"GIF89a",
        lambda png: png[:8],
        lambda png: png[:30],
        lambda png: png[:-30],
        lambda png: png.replace(b"\x08\x02", b"\x10\x02", 1),
        lambda png: png[:60] + b"\0\0\0\0" + png[64:],
    ],
)
def test_broken_files_are_refused_in_words(spoil):
    png = write_png(np.random.default_rng(2).integers(0, 256, (8, 8, 3)).astype(np.uint8))
    with pytest.raises(InputError, match="view.png: expected an 8-bit PNG"):
        read_png(spoil(png), "view.png")
