"""Every reader of what comes from outside, on documents with parts that nobody should write: no traceback, no read over
two seconds, no more than 300 MB. `make fuzz` runs it long, and with another seed each time.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headless.config import read_dataclass
from headless.evaluation.metrics import COUNTS
from headless.evaluation.public import public_tasks
from headless.evaluation.results import read_run
from headless.pretraining.config import CHECKS, PretrainConfig
from headless.rl.logs.records import read_recorded
from headless.score import read_weights
from metaspatial_addon.core.feedback import feedback_from_json, feedback_to_json
from metaspatial_addon.core.furniture import read_furniture
from metaspatial_addon.core.reading import parse_json
from metaspatial_addon.core.task import (
    layout_from_json,
    layout_to_json,
    read_layout,
    read_task,
    task_from_json,
    task_to_json,
)
from metaspatial_addon.policy.builtin import model_files
from metaspatial_addon.policy.builtin.policy import DEFAULT_MODEL
from metaspatial_addon.policy.builtin.safetensors import read_safetensors
from metaspatial_addon.policy.endpoint import replies
from metaspatial_addon.prompts.answer import read_answer
from metaspatial_addon.scoring.judge import read_grades
from metaspatial_addon.worker import protocol
from tests.core.test_task import LAYOUT, TASK
from tests.hostile.fuzzing import PROFILE, bounded_memory, documents, edited, mangled, read
from tests.worker.test_protocol import LAYOUT as REQUEST

CONFIGS = Path(__file__).parents[2] / "headless" / "configs"


@pytest.fixture(autouse=True, scope="module")
def memory():
    with bounded_memory():
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """file(data, name) -> the path of a file that holds it."""
    folder = tmp_path_factory.mktemp("fuzz")

    def write(data: bytes, name: str = "input.json") -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


@PROFILE
@given(data=documents(TASK))
def test_tasks(file, data):
    task = read(lambda: read_task(file(data)))
    if task is not None:
        again = task_from_json(json.loads(json.dumps(task_to_json(task))))
        assert [item.id for item in again.items] == [item.id for item in task.items]


@PROFILE
@given(data=documents(LAYOUT))
def test_layouts(file, data):
    layout = read(lambda: read_layout(file(data)))
    if layout is not None:
        assert set(layout_from_json(layout_to_json(layout)).poses) == set(layout.poses)


FEEDBACK = {"schema": "metaspatial.feedback/1", "task": TASK, "layout": LAYOUT, "rejected": [LAYOUT]}


@PROFILE
@given(data=documents(FEEDBACK))
def test_feedback(data):
    feedback = read(lambda: feedback_from_json(parse_json(data, "f.jsonl"), "f.jsonl"))
    if feedback is not None:
        assert feedback_from_json(feedback_to_json(feedback)) == feedback


ANSWER = '<think>so</think><answer>[{"id": "bed_1", "x": 2.1, "y": 2.57, "z": 0, "yaw": 180.0}]</answer>'
POSES = [{"id": "bed_1", "x": 2.1, "y": 2.57, "z": 0.0, "yaw": 180.0}]


@PROFILE
@given(data=mangled(ANSWER.encode()) | edited(POSES).map(lambda p: f"<answer>{json.dumps(p)}</answer>".encode()))
def test_answers(data):
    answer = read(lambda: read_answer(data.decode("utf-8", "replace"), task_from_json(TASK)))
    assert 0 <= answer.grade <= 1 and (answer.status == "ok") == (answer.layout is not None)


@PROFILE
@given(data=st.one_of(mangled((CONFIGS / name).read_bytes()) for name in ("tiny.toml", "qwen2_5_vl_3b_lora.toml")))
def test_configurations_of_training(file, data):
    pytest.importorskip("torch")
    from headless.rl.config import RENAMED, TrainConfig

    read(lambda: read_dataclass(TrainConfig, str(file(data, "c.toml")), (), RENAMED))


@PROFILE
@given(data=mangled((CONFIGS / "pretrain_tiny.toml").read_bytes()), change=mangled(b"shape.layers=6"))
def test_configurations_of_pretraining(file, data, change):
    path = str(file(data, "c.toml"))
    read(lambda: read_dataclass(PretrainConfig, path, [change.decode("utf-8", "replace")], {}, CHECKS))


FURNITURE = b"""[groups]
seats = ["chair"]
[[classes]]
name = "other"
colour = [1, 2, 3]
[[rooms]]
name = "office"
words = ["study"]
[[categories]]
name = "thing"
class_name = "other"
width = [0.1, 1]
depth = [0.1, 1.0]
height = [0.1, 1.0]
[[categories]]
name = "chair"
class_name = "other"
width = [0.4, 0.6]
depth = [0.4, 0.6]
height = [0.8, 1.0]
hosts = ["thing"]
placement = [{method = "wall", walls = "side", at = "end"}, {method = "beside", of = ["seats"]}]
drawn = [{ room = "office", rank = 15, chance = 0.1, most = 1 }]
needs = [["front", 0.6, 1.0]]
"""


@PROFILE
@given(data=mangled(FURNITURE))
def test_tables_of_furniture(file, data):
    read(lambda: read_furniture(file(data, "furniture.toml")))


HEADER = {
    "__metadata__": {"format": "pt"},
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]},
    "c": {"dtype": "F16", "shape": [0], "data_offsets": [32, 32]},
}


def weights(header: bytes, data: bytes = bytes(32)) -> bytes:
    return len(header).to_bytes(8, "little") + header + data


@PROFILE
@given(data=documents(HEADER).map(weights) | mangled(weights(json.dumps(HEADER).encode())))
def test_headers_of_weights(file, data):
    found = read(lambda: read_safetensors(file(data, "w.safetensors")))
    assert found is None or all(np.isfinite(tensor).all() for tensor in found[0].values())


def small_config() -> dict:
    """The embedded model's configuration, for one as small as can be."""
    config = json.loads((DEFAULT_MODEL / model_files.CONFIG).read_text())
    small = {"hidden_size": 8, "intermediate_size": 4, "num_hidden_layers": 1, "depth": 1}
    small |= {"num_attention_heads": 1, "num_key_value_heads": 1, "num_heads": 1, "head_dim": 8}
    for table in ("text_config", "vision_config"):
        config[table] |= {key: value for key, value in small.items() if key in config[table]}
    rope = config["text_config"].get("rope_parameters") or config["text_config"]
    rope["mrope_section"] = [2, 1, 1]
    return config


CONFIG = small_config()


@pytest.fixture(scope="module")
def small_model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    text, tower = CONFIG["text_config"], CONFIG["vision_config"]
    decoder = model_files._decoder_config(folder, text)
    header, end = {}, 0
    for name, shape in model_files._shapes(text, tower, decoder, 5):
        size = int(np.prod(shape)) * 4
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    (folder / model_files.WEIGHTS).write_bytes(weights(json.dumps(header).encode(), bytes(end)))
    (folder / model_files.CONFIG).write_text(json.dumps(CONFIG))
    assert model_files.read_model_files(folder).decoder.layers == 1
    return folder


@PROFILE
@given(config=documents(CONFIG), metadata=documents({"pictures": True, "format": 1}))
def test_folders_of_embedded_models(small_model, config, metadata):
    (small_model / model_files.CONFIG).write_bytes(config)
    (small_model / model_files.METADATA).write_bytes(metadata)
    read(lambda: model_files.read_model_files(small_model))


@PROFILE
@given(lines=st.lists(documents(REQUEST), min_size=1, max_size=3))
def test_lines_of_a_worker(lines):
    def check() -> None:
        for message in protocol.read_messages(io.BytesIO(b"\n".join(lines))):
            if message is not None:
                protocol.check_request(message)

    read(check)


METRICS = {
    "schema": "metaspatial.evaluation/1",
    "policy": "p",
    "pictures": False,
    "columns": list(COUNTS),
    "tasks": {"t": "x"},
    "values": [{"row": "r", "task": "t", "seed": 0, "counts": [0.5] * len(COUNTS)}],
}


@PROFILE
@given(data=documents(METRICS))
def test_metrics_of_an_earlier_run(file, data):
    read(lambda: read_run(str(file(data))))


RECORD = {
    "episode": "25-97-3",
    "task_json": TASK,
    "turn": 1,
    "seed": [1, 2, 3],
    "failure": "",
    "answer": "<answer>[]</answer>",
    "reward": 0.5,
    "settings": {
        "rendering": "compact",
        "pictures": False,
        "render": False,
        "temperature": 1.0,
        "weights": {"view": 1},
    },
}


@PROFILE
@given(data=documents(RECORD))
def test_records_of_training(file, data):
    found = read(lambda: read_recorded(file(data + b"\n", "turns.jsonl"), "25-97"))
    for episode in found or ():
        assert isinstance(episode.reward, (int, float)) and episode.answers is not None and episode.weights is not None


@PROFILE
@given(data=documents({"collision": 0.4, "view": 1, "format": 0}))
def test_weights_of_terms(file, data):
    read(lambda: read_weights(str(file(data))))


LAYOUTGPT = [
    {
        "prompt": "Room Type: bedroom\nRoom Size: max length 256px, max width 300px",
        "object_list": [["double_bed", {"width": 90, "length": 100, "height": 50}]],
    }
]
R3L = {
    "constr_json": {
        "scene_entities": {
            "clusters": [{"cluster_id": "a", "anchor": {"anchor_object_id": "bed-1"}, "members": ["x"]}]
        },
        "constraints": {
            "composition": {"against_wall": [{"src_id": "bed-1", "wall": "B"}], "corner": [{"src_id": "bed-1"}]},
            "scene_relational": {"facing": [{"src_id": "bed-1", "tar_kind": "object", "tar_id": "lamp-1"}]},
            "cluster_internal": {"a": {"around": [{"src_id": "lamp-1", "tar_kind": "anchor"}]}},
        },
    },
    "room_size": [4, 3],
    "objects": ["bed-1", "lamp-1"],
    "bbox": {"x": [1, 1], "y": [2, 1], "z": [0.5, 1]},
}
SCENEEVAL = """ID,Description,ObjCount,ObjAttr,OORel,OARel
1,"A bedroom","eq,1,bed;eq,2,lamp","","eq,1,on,0,lamp,bed","eq,1,against,bed,wall"
"""


@PROFILE
@given(data=documents(LAYOUTGPT) | documents(R3L))
def test_public_problems(file, data):
    read(lambda: public_tasks(file(data, "bedroom_1.json")))


@PROFILE
@given(data=mangled(SCENEEVAL.encode()))
def test_public_tables(file, data):
    read(lambda: public_tasks(file(data, "scenes.csv")))


REPLY = {
    "choices": [{"message": {"content": ANSWER}, "logprobs": {"content": [{"token": "a", "logprob": -(10**399)}]}}]
}


@PROFILE
@given(data=documents(REPLY))
def test_replies_of_servers(data):
    try:
        read(lambda: replies.parse(data))
    except (ValueError, replies.TooLarge) as error:
        assert "\n" not in str(error)


@PROFILE
@given(data=documents({"realism": 3, "functionality": 4, "layout": 2, "completion": 5}))
def test_grades_of_a_judge(data):
    try:
        grades = read(lambda: read_grades(data.decode("utf-8", "replace")))
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert all(1 <= grade <= 5 for grade in grades.values())
