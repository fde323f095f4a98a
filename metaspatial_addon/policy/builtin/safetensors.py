"""Reads model weights from a safetensors file with numpy alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ...core.errors import InputError

_TYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of the file as float32, by name. Raises InputError.

    The format: eight bytes of header length, a JSON header, the raw little-endian tensors.
    """
    try:
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        header.pop("__metadata__", None)
        tensors = {}
        for name, entry in header.items():
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            raw = np.frombuffer(data[start:end], dtype=_TYPES[entry["dtype"]]).reshape(entry["shape"])
            if entry["dtype"] == "BF16":
                raw = (raw.astype(np.uint32) << 16).view(np.float32)
            tensors[name] = raw.astype(np.float32)
    except OSError as error:
        raise InputError(path, "", f"a readable file ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, "", f"a safetensors file of 16- or 32-bit floats ({error})") from error
    return tensors
