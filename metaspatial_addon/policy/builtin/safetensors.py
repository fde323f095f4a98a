"""Reads model weights from a safetensors file with numpy alone, and refuses a file that is damaged."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.reading import LARGEST_JSON, parse_json
from ..base import PolicyError

MOST_BYTES = 2**30
"""Size of the largest file that is read: its weights take up to twice as much memory. The embedded model has 8 MB."""

MOST_AXES = 8
"""Axes of a tensor; our own have 5 at most."""

_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """Every tensor of the file as float32, by name, and the SHA-256 of the file in hexadecimal digits.

    The format: eight bytes of header length, a JSON header, the raw little-endian tensors, which lie one after the
    other without gaps. Raises InputError for a file that cannot be read, and PolicyError for one that is too large,
    does not keep to the format or holds a number that is not finite.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise PolicyError(f"{path} has {size} bytes, and the embedded model at most {MOST_BYTES}.")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(path, "", f"a readable file ({error.strerror})") from error
    try:
        tensors = _parse(data)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        words = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise PolicyError(
            f"{path} is no safetensors file of 16- or 32-bit floats, or it is damaged ({words[:200]}): copy it again."
        ) from error
    return tensors, hashlib.sha256(data).hexdigest()


def _parse(data: bytes) -> dict[str, np.ndarray]:
    """The tensors of a file's bytes. Raises ValueError, TypeError, KeyError or RecursionError."""
    first = 8 + int.from_bytes(data[:8], "little")
    if first > min(len(data), LARGEST_JSON):
        raise ValueError(f"its header would end at byte {first}, and the file has {len(data)}")
    header = parse_json(data[8:first], "its header", pairs=_without_duplicates)
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    header.pop("__metadata__", None)
    tensors, start = {}, 0
    for name, entry in sorted(header.items(), key=lambda named: named[1]["data_offsets"]):
        dtype, shape = _TYPES[entry["dtype"]], entry["shape"]
        if len(shape) > MOST_AXES or not all(type(length) is int and 0 <= length <= MOST_BYTES for length in shape):
            raise ValueError(f"{name} has the shape {str(shape)[:40]}")
        end = start + math.prod(shape) * dtype.itemsize
        # Tensors that share bytes could fill any amount of memory.
        if entry["data_offsets"] != [start, end] or first + end > len(data):
            raise ValueError(f"{name} does not lie where its shape and the tensors before it put it")
        raw = np.frombuffer(data, dtype, math.prod(shape), first + start)
        if entry["dtype"] == "BF16":
            raw = (raw.astype(np.uint32) << 16).view(np.float32)
        tensors[name] = raw.astype(np.float32).reshape(shape)
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} holds a number that is not finite")
        start = end
    if first + start != len(data):
        raise ValueError(f"{len(data) - first - start} bytes follow its last tensor")
    return tensors


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the header. Raises ValueError for a name that stands there twice."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands twice in its header")
    return values
