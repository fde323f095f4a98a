"""Folders that a local model cannot be loaded from: one line says what to do, and no code of theirs is run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.local import LocalPolicy

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("PIL")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    from tests.policy.models import build

    return build("qwen2_5_vl", tmp_path_factory.mktemp("models") / "whole")


@pytest.fixture
def folder(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def change(folder: Path, name: str, **keys) -> None:
    """Set keys of a JSON file of a model."""
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


def refusal(folder: Path, **options) -> str:
    """What is said of a folder that cannot be loaded."""
    with pytest.raises(PolicyError) as refused:
        LocalPolicy(folder, **options)
    assert not isinstance(refused.value.__cause__, ImportError), "the worker would advise to install torch"
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400
    return str(refused.value)


CODE = {
    "config.json": {"model_type": "other", "auto_map": {"AutoConfig": "code.C"}},
    "preprocessor_config.json": {
        "auto_map": {"AutoProcessor": "code.C", "AutoImageProcessor": "code.C"},
        "image_processor_type": "C",
        "processor_class": "C",
    },
    "tokenizer_config.json": {"auto_map": {"AutoTokenizer": ["code.C", "code.C"]}, "tokenizer_class": "C"},
}
LOADING = """
import sys
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.local import LocalPolicy
try:
    LocalPolicy(sys.argv[1])
except PolicyError as error:
    print(f"refused: {error}")
"""


@pytest.mark.parametrize("name", CODE)
def test_code_that_comes_with_a_model_is_never_asked_about_and_never_run(folder, checkout, name):
    change(folder, name, **CODE[name])
    (folder / "code.py").write_text(f"open({str(folder / 'RAN')!r}, 'w').close()\nclass C:\n    pass\n")
    yes = "y\n" * 9
    done = subprocess.run(
        [sys.executable, "-c", LOADING, str(folder)],
        input=yes,
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and not (folder / "RAN").exists(), done.stderr
    assert "[y/N]" not in done.stdout + done.stderr
    if name != "tokenizer_config.json":  # a tokenizer of plain files needs no code, and is read without
        assert "needs code of its own, which comes with its files and is never run here" in done.stdout


def test_code_beside_a_model_that_transformers_knows_is_left_out(folder):
    change(folder, "config.json", auto_map={"AutoModelForImageTextToText": "code.C"})
    (folder / "code.py").write_text("raise SystemExit('run')\n")
    assert LocalPolicy(folder).name == "local:model"


def test_an_adapter_in_the_place_of_a_model_is_named_as_one(tmp_path, whole):
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(whole)}))
    said = refusal(folder)
    assert "is an adapter and no whole model" in said and "this folder as the adapter" in said


def test_a_folder_without_a_model_is_told(tmp_path):
    assert "holds no config.json" in refusal(tmp_path)


def test_a_folder_without_a_tokenizer_is_told(folder):
    for path in folder.glob("*token*"):
        path.unlink()
    assert "has no tokenizer: copy the files" in refusal(folder)


@pytest.mark.parametrize(
    ("settings", "kind", "reason"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes_4bit", "requires bitsandbytes"),
        ({"quant_method": "gptq", "bits": 4}, "gptq", "requires"),
        ({"quant_method": "ours"}, "ours", "does not know this kind"),
    ],
)
def test_quantised_weights_that_cannot_be_read_are_told(folder, settings, kind, reason):
    change(folder, "config.json", quantization_config=settings)
    said = refusal(folder)
    assert f"is stored quantised ({kind})" in said and reason in said and "without quantisation" in said
