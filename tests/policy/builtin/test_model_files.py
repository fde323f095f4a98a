"""Damaged files of the embedded model: each is refused in one line that names the file, in little memory."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.builtin.model_files import CHECKSUM, CONFIG, METADATA, WEIGHTS
from metaspatial_addon.policy.builtin.policy import DEFAULT_MODEL, BuiltinPolicy
from metaspatial_addon.policy.builtin.safetensors import read_safetensors


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the embedded model without a checksum."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in (CONFIG, WEIGHTS):
        shutil.copy(DEFAULT_MODEL / name, folder)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(PolicyError) as refused:
        BuiltinPolicy(folder)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 500
    return str(refused.value)


def parts(path: Path) -> tuple[dict[str, Any], bytes]:
    """Header and tensors of a safetensors file."""
    data = path.read_bytes()
    first = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:first]), data[first:]


def write(path: Path, header: dict[str, Any] | str, data: bytes) -> None:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_the_shipped_model_has_the_checksum_of_its_weights():
    kept = json.loads((DEFAULT_MODEL / METADATA).read_text())[CHECKSUM]
    assert kept == hashlib.sha256((DEFAULT_MODEL / WEIGHTS).read_bytes()).hexdigest()


def test_a_model_without_a_checksum_loads(folder):
    assert BuiltinPolicy(folder).name == BuiltinPolicy().name
    (folder / METADATA).write_text('{"pictures": true}')
    assert BuiltinPolicy(folder).sees_images


@pytest.mark.parametrize("where", [0, 9, 2000, 100_000, -1])
def test_one_byte_that_differs_is_refused(folder, where):
    shutil.copy(DEFAULT_MODEL / METADATA, folder)
    assert BuiltinPolicy(folder)
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[where] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    assert str(folder / WEIGHTS) in refusal(folder)


def test_weights_of_another_model_are_refused_by_the_checksum(folder):
    (folder / METADATA).write_text(json.dumps({"pictures": False, CHECKSUM: "0" * 64}))
    assert "is damaged or of another model: its SHA-256 is not the one in metaspatial.json" in refusal(folder)


@pytest.mark.parametrize("text", ["[]", "3", "null"])
def test_metadata_and_configuration_must_be_objects(folder, text):
    (folder / METADATA).write_text(text)
    assert f"{folder / METADATA} holds no JSON object" in refusal(folder)
    (folder / CONFIG).write_text(text)
    assert f"{folder / CONFIG} holds no JSON object" in refusal(folder)


def test_every_tensor_that_is_missing_or_of_another_shape_is_named(folder):
    header, data = parts(folder / WEIGHTS)
    for name in [name for name in header if name != "__metadata__"][::7]:
        write(folder / WEIGHTS, {("other" if key == name else key): entry for key, entry in header.items()}, data)
        said = refusal(folder)
        assert f"{folder / WEIGHTS} has no tensor {name}" in said
        reshaped = {**header[name], "shape": [1, *header[name]["shape"]]}
        write(folder / WEIGHTS, header | {name: reshaped}, data)
        assert f"has {name} of shape" in refusal(folder)


def test_every_key_of_the_configuration_that_is_missing_or_absurd_is_told(folder):
    config = json.loads((folder / CONFIG).read_text())
    needed = {
        "text_config": (
            "hidden_size",
            "intermediate_size",
            "num_attention_heads",
            "num_hidden_layers",
            "num_key_value_heads",
            "rms_norm_eps",
            "rope_parameters",
        ),
        "vision_config": ("depth", "hidden_size", "intermediate_size", "num_heads", "patch_size", "window_size"),
    }
    for table, keys in needed.items():
        (folder / CONFIG).write_text(json.dumps({key: value for key, value in config.items() if key != table}))
        assert f"{folder / CONFIG}: {table}: expected" in refusal(folder)
        for key in keys:
            rest = {name: value for name, value in config[table].items() if name != key}
            if key != "rope_parameters":
                (folder / CONFIG).write_text(json.dumps(config | {table: rest}))
                assert str(folder / CONFIG) in refusal(folder)
            for absurd in (None, "many", -1, 10**9, float("nan"), [1], {}, True):
                (folder / CONFIG).write_text(json.dumps(config | {table: rest | {key: absurd}}))
                with pytest.raises((PolicyError, InputError)) as refused:
                    BuiltinPolicy(folder)
                assert "\n" not in str(refused.value)


def test_headers_that_lie_are_refused(folder):
    header, data = parts(folder / WEIGHTS)
    names = [name for name in header if name != "__metadata__"]
    first = min(names, key=lambda name: header[name]["data_offsets"])
    entry = header[first]
    start, end = entry["data_offsets"]
    lies: list[dict[str, Any] | str] = [
        header | {first: entry | {"data_offsets": [start, end + 10**12]}},
        header | {first: entry | {"data_offsets": [-2, end]}},
        header | {first: entry | {"data_offsets": [end, start]}},
        header | {first: entry | {"data_offsets": "here"}},
        header | {first: entry | {"shape": [2**62, 2**62]}},
        header | {first: entry | {"shape": [-1, -2]}},
        header | {first: entry | {"shape": 7}},
        header | {first: entry | {"dtype": "F32"}},
        header | {first: entry | {"dtype": "I64"}},
        header | {first: entry | {"dtype": []}},
        header | {first: {}},
        header | {first: None},
        {name: entry for name in names},
        {**header, **{f"{first}.{k}": entry for k in range(1000)}},
        "[" * 5000,
        "[]",
        json.dumps(header)[:-1] + "".join(f', "{first}": {json.dumps(entry)}' for _ in range(1000)) + "}",
    ]
    for lie in lies:
        write(folder / WEIGHTS, lie, data)
        assert f"{folder / WEIGHTS} is no safetensors file" in refusal(folder)
    for text in (b"", b"\xff" * 8, b"\xff" * 100, (10**15).to_bytes(8, "little") + b"{}"):
        (folder / WEIGHTS).write_bytes(text)
        assert f"{folder / WEIGHTS} is no safetensors file" in refusal(folder)
    write(folder / WEIGHTS, header, data[:-100])
    assert f"{folder / WEIGHTS} is no safetensors file" in refusal(folder)
    write(folder / WEIGHTS, header, data + b"more")
    assert "4 bytes follow its last tensor" in refusal(folder)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    for number in (np.nan, np.inf):
        entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        write(tmp_path / "w.safetensors", {"a": entry}, np.array([1, number], "<f4").tobytes())
        with pytest.raises(PolicyError, match="a holds a number that is not finite"):
            read_safetensors(tmp_path / "w.safetensors")


def test_a_file_far_too_large_is_not_read(tmp_path):
    with (tmp_path / "w.safetensors").open("wb") as file:
        file.truncate(50 * 2**30)  # a sparse file
    with pytest.raises(PolicyError, match="has 53687091200 bytes, and the embedded model at most"):
        read_safetensors(tmp_path / "w.safetensors")


MEASURED = """
import resource, sys
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    BuiltinPolicy(sys.argv[1])
except PolicyError:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is that of Linux")
def test_one_tensor_under_a_thousand_names_takes_little_memory(folder, checkout):
    header, data = parts(folder / WEIGHTS)
    largest = max((name for name in header if name != "__metadata__"), key=lambda name: header[name]["data_offsets"])
    write(folder / WEIGHTS, {**header, **{f"copy{k}": header[largest] for k in range(1000)}}, data)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(folder)], cwd=checkout, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 100, "megabytes"
