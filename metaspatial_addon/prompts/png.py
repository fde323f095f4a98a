"""PNG images in memory, written and read with zlib and numpy alone: without metadata, the same bytes every time.

`plan.py`, the renderer, contact sheets and the embedded model exchange images as PNG bytes.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from ..core.errors import InputError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UP = 2
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_png(pixels: np.ndarray, level: int = 6) -> bytes:
    """PNG bytes of (H, W, 3) uint8 pixels, first row on top; `level` is zlib's, 1 (fast) to 9 (small)."""
    height, width, _ = pixels.shape
    rows = np.empty((height, 1 + 3 * width), np.uint8)
    flat = np.ascontiguousarray(pixels).reshape(height, 3 * width)
    # Filter "up": each row as its difference from the one above. Even areas become zeros, and reading is one cumsum.
    rows[:, 0] = _UP
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), level)
    return _SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def read_png(data: bytes, source: object = "picture") -> np.ndarray:
    """(H, W, 3) uint8 pixels of an 8-bit grey, RGB or RGBA image that is not interlaced; alpha is dropped.

    Raises InputError, whose message begins with `source`.
    """
    try:
        return _read(data)
    except (ValueError, struct.error, zlib.error, KeyError) as error:
        raise InputError(source, "", f"an 8-bit PNG picture that is not interlaced ({error})") from error


def _read(data: bytes) -> np.ndarray:
    if not data.startswith(_SIGNATURE):
        raise ValueError("no PNG signature")
    at, packed, shape = len(_SIGNATURE), b"", None
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        at += 12 + length
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if depth != 8 or interlaced:
                raise ValueError(f"{depth} bits, interlaced {interlaced}")
            shape = (height, width, _CHANNELS[colour])
        elif kind == b"IDAT":
            packed += body
    if shape is None:
        raise ValueError("no header")
    height, width, channels = shape
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    filters, rows = rows[:, 0], rows[:, 1:]
    only_up = np.all(filters == _UP)
    rows = np.cumsum(rows, axis=0, dtype=np.uint8) if only_up else _unfilter(filters, rows, channels)
    pixels = rows.reshape(shape)
    return pixels[:, :, :3].copy() if channels >= 3 else np.repeat(pixels[:, :, :1], 3, axis=2)


def _unfilter(filters: np.ndarray, rows: np.ndarray, step: int) -> np.ndarray:
    """The (H, W * channels) bytes of rows with a filter each, as other writers make them; `step` bytes a pixel."""
    out = np.zeros_like(rows)
    above = np.zeros(rows.shape[1], np.uint8)
    for k, (kind, row) in enumerate(zip(filters, rows, strict=True)):
        if kind == 0:
            out[k] = row
        elif kind == 1:
            out[k] = np.cumsum(row.reshape(-1, step), axis=0, dtype=np.uint8).ravel()
        elif kind == _UP:
            out[k] = row + above
        elif kind in (3, 4):
            out[k] = _predicted(int(kind), row.tolist(), above.tolist(), step)
        else:
            raise ValueError(f"filter {kind}")
        above = out[k]
    return out


def _predicted(kind: int, row: list[int], above: list[int], step: int) -> list[int]:
    """One row of filter 3 (average) or 4 (Paeth), where each byte depends on the one before."""
    out: list[int] = []
    for k, value in enumerate(row):
        left, corner = (out[k - step], above[k - step]) if k >= step else (0, 0)
        up = above[k]
        if kind == 3:
            guess = (left + up) // 2
        else:
            away = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
            guess = (left, up, corner)[away.index(min(away))]
        out.append((value + guess) & 255)
    return out
