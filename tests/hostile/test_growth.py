"""What is read takes time in proportion to its size, whatever of it is large."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from metaspatial_addon.core.furniture import FURNITURE
from metaspatial_addon.core.reading import parse_json, parse_toml
from metaspatial_addon.core.task import LONGEST_PROMPT, layout_from_json, task_from_json
from metaspatial_addon.policy.builtin.safetensors import read_safetensors
from metaspatial_addon.prompts.answer import read_answer
from metaspatial_addon.prompts.wishes.reading import read_wishes
from metaspatial_addon.worker import protocol
from tests.core.test_task import LAYOUT, TASK
from tests.growth import growth
from tests.worker.test_protocol import LAYOUT as REQUEST

WORDS = "the large white bookcase behind a sofa for two without arms, and no table; "


def items(count: int) -> list[dict]:
    return [{"id": f"chair_{k}", "category": f"chair {k}", "size": [0.5, 0.5, 0.9]} for k in range(count)]


def task(count: int) -> object:
    return task_from_json({**TASK, "items": [*TASK["items"], *items(count)]})


def relations(count: int) -> object:
    return task_from_json({**TASK, "relations": TASK["relations"][:1] * count})


def openings(count: int) -> object:
    door = {"kind": "door", "wall": 0, "offset": 0.5, "width": 0.9, "sill": 0, "height": 2.0}
    return task_from_json(
        {**TASK, "room": {**TASK["room"], "openings": [{**door, "id": f"d{k}"} for k in range(count)]}}
    )


def layout(count: int) -> object:
    return layout_from_json(
        {**LAYOUT, "placements": [{**LAYOUT["placements"][0], "id": f"c{k}"} for k in range(count)]}
    )


def answer(count: int) -> object:
    entry = '{"id": "bed_1", "x": 1, "y": 1, "z": 0, "yaw": 0},'
    return read_answer(f"<answer>[{entry * count}]</answer>", task_from_json(TASK))


def brackets(count: int) -> object:
    return parse_json("[" + "[]," * count + "0]", "x")


def strings(count: int) -> object:
    return parse_json('["' + 'a\\"[{9' * count + '"]', "x")


def toml_tables(count: int) -> object:
    return parse_toml("".join(f"[a.b.k{k}]\nx.y.z = {k}.5\n" for k in range(count)), "x")


def toml_strings(count: int) -> object:
    return parse_toml('a = """' + "[[.\" \\n'" * count + '"""', "x")


def category(count: int) -> object:
    FURNITURE.__dict__.pop("_kinds", None)  # what it remembers
    return FURNITURE.kind_of(WORDS * count, (1.0, 1.0))


def worker_lines(count: int) -> object:
    line = protocol.encode(REQUEST)
    return [protocol.check_request(message) for message in protocol.read_messages(io.BytesIO(line * count))]


def worker_objects(count: int) -> object:
    request = {**REQUEST, "start": {f"Bed {k}": [0.0] * 16 for k in range(count)}}
    return protocol.check_request(protocol.decode(protocol.encode(request)))


def wishes(count: int) -> object:
    return read_wishes("the bed beside the desk and a lamp on it; " * count, {"b": "bed", "d": "desk", "l": "lamp"})


@pytest.mark.parametrize(
    ("call", "size"),
    [
        (task, 200),
        (relations, 500),
        (openings, 200),
        (layout, 200),
        (answer, 500),
        (brackets, 10_000),
        (strings, 100_000),
        (toml_tables, 200),
        (toml_strings, 3000),
        (category, 200),
        (wishes, 20),
        (worker_lines, 15),
        (worker_objects, 300),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_reading_takes_time_in_proportion(call, size):
    assert growth(call, size, factor=4, rounds=5) < 9


def test_weights_take_time_in_proportion_to_their_tensors(tmp_path: Path):
    def write(count: int) -> Path:
        header = {f"t{k}": {"dtype": "F32", "shape": [1], "data_offsets": [4 * k, 4 * k + 4]} for k in range(count)}
        text = json.dumps(header).encode()
        path = tmp_path / f"{count}.safetensors"
        path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4 * count))
        return path

    files = {count: write(count) for count in (1000, 4000)}
    assert growth(lambda count: read_safetensors(files[count]), 1000, factor=4) < 9


def test_gltf_takes_time_in_proportion_to_its_nodes(tmp_path: Path):
    pytest.importorskip("bpy")
    from metaspatial_addon.blender.assets.gltf import check_gltf
    from tests.hostile.assets import gltf, gltf_content

    files = {count: gltf(tmp_path / f"{count}.gltf", gltf_content(count)) for count in (800, 3200)}
    assert growth(lambda count: check_gltf(files[count]), 800, factor=4) < 9


@pytest.mark.parametrize("text", [WORDS, "not the chair ", "椅子靠墙", "стул у окна, "])
def test_prompts_take_time_in_proportion_to_their_length(text):
    categories = {"bed_1": "double bed", "desk_1": "desk", "sofa_1": "sofa"}
    size = LONGEST_PROMPT // (16 * len(text))
    assert growth(lambda count: read_wishes(text * count, categories), size, factor=4, rounds=3) < 9
