"""Pretraining on a tiny model: it learns, its checkpoints load in the embedded policy, and a killed run goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest

from headless import cli, pretrain, tasks
from headless.pretraining.config import read_config
from headless.taskgen.make import make_task
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Layout
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy, TokenizedPrompt
from metaspatial_addon.policy.builtin.vision import IMAGE_PAD_ID, extract_patches
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.worker.memory import resident_mb

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from headless import training
from headless.pretraining import batches

ROOT = Path(__file__).parents[2]
FORMAT = CompactFormat()
SMALL_POOL = 64
CONFIG = """
layouts = "{layouts}"
seed = 3
steps = 14
warmup_steps = 2
decay_steps = 2
batch_tokens = 2048
learning_rate = 1e-2
repair_fraction = 0.5
places_fraction = 0.1
log_every = 1
save_every = 3

[shape]
hidden = 32
layers = 1
heads = 2
key_value_heads = 1
feed_forward = 32
vision_hidden = 32
vision_layers = 1
vision_heads = 2
"""


def rows(folder: Path) -> dict[int, tuple[float, float]]:
    """Loss and gradient norm by step."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: (line["loss"], line["gradient_norm"]) for line in lines}


@pytest.fixture(scope="module", autouse=True)
def small_pools() -> Iterator[None]:
    """A run of 14 steps needs no 512 examples at a time, and sees more than one pool."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "POOL", SMALL_POOL)
        yield


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("config")
    path, layouts = folder / "tiny.toml", folder / "layouts.jsonl"
    tasks.main(["--generator", "wide", "--coarse", "--count", "20", "--out", str(layouts)])
    path.write_text(CONFIG.replace("{layouts}", str(layouts)))
    return path


@pytest.fixture(scope="module", params=[False, True], ids=["text", "pictures"])
def trained(request, config, tmp_path_factory):
    """A run from start to end, and whether it had pictures."""
    folder = tmp_path_factory.mktemp("run")
    changes = ["--set", f"pictures={str(request.param).lower()}"]
    pretrain.main(["--config", str(config), "--run", str(folder), *changes])
    return folder, request.param


def test_the_loss_falls_and_the_model_answers(trained):
    folder, pictures = trained
    losses = [loss for loss, _ in rows(folder).values()]
    assert len(losses) == 14 and np.mean(losses[-3:]) < np.mean(losses[:3]) - 0.5
    policy = BuiltinPolicy(folder / "checkpoint-000014")
    assert policy.sees_images is pictures
    task, _ = make_task("test", 8, 0)
    asked = FORMAT.first(task, FORMAT.draw_images(task, Layout(task.id)))
    (reply,) = policy.answer([asked], [1])
    assert FORMAT.read(reply.text, task).status == "ok"


def test_a_finished_run_is_not_begun_again_unasked(trained, config):
    folder, _ = trained
    with pytest.raises(cli.CommandError, match="it holds checkpoint-000014: add --resume, or choose another folder"):
        pretrain.main(["--config", str(config), "--run", str(folder)])


def test_the_settings_of_a_run_are_beside_it_and_read_back(trained, config):
    folder, pictures = trained
    changes = [f"pictures={str(pictures).lower()}"]
    assert read_config(str(folder / "config.toml")) == read_config(str(config), changes)


def test_tensorboard_can_follow(trained):
    assert list(trained[0].glob("events.out.tfevents.*"))


def test_the_vision_tower_learns_where_there_are_pictures(trained):
    from safetensors.numpy import load_file

    folder, pictures = trained
    early, late = (load_file(folder / f"checkpoint-{step:06d}" / "model.safetensors") for step in (9, 14))
    moved = {name for name in early if not np.array_equal(early[name], late[name])}
    tower = {name for name in early if name.startswith("visual.") and not name.endswith("norm2.weight")}
    assert tower and (tower <= moved if pictures else not tower & moved)
    assert {name for name in early if name.startswith("model.layers.") and name.endswith("weight")} <= moved


def test_a_checkpoint_has_the_mean_of_the_last_weights(trained):
    from safetensors.torch import load_file

    from headless.pretraining.train import STATE

    checkpoint = trained[0] / "checkpoint-000014"
    saved, state = load_file(checkpoint / "model.safetensors"), torch.load(checkpoint / STATE, weights_only=True)
    name = "model.layers.0.mlp.up_proj.weight"
    inner = name.replace("model.", "0.model.language_model.")
    weight, mean = state["learnt"][inner], state["mean"][f"module.{inner}"]
    assert torch.equal(saved[name], mean) and not torch.equal(mean, weight)
    assert torch.allclose(mean, weight, atol=14 * 3e-3)


def test_a_run_killed_while_it_saves_goes_on_as_if_it_had_not_stopped(trained, config, tmp_path):
    folder, pictures = trained
    arguments = ["--config", str(config), "--run", str(tmp_path), "--set", f"pictures={str(pictures).lower()}"]
    killed = f"""
import os, signal, sys
from headless import cli, pretrain, tasks
from headless.pretraining import batches, train
batches.POOL = {SMALL_POOL}
write_model = train.write_model
def dies_at_the_second(model, folder, pictures):
    write_model(model, folder, pictures)
    if (folder.parent / "checkpoint-000003").exists():
        os.kill(os.getpid(), signal.SIGKILL)
train.write_model = dies_at_the_second
pretrain.main({arguments!r})
"""
    done = subprocess.run([sys.executable, "-c", killed], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert max(rows(tmp_path)) == 6 and (tmp_path / "checkpoint.part").exists()
    pretrain.main([*arguments, "--resume"])
    assert rows(tmp_path) == rows(folder)
    steps = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 15)), "steps that were taken again are there once"
    assert not (tmp_path / "checkpoint.part").exists()


@pytest.mark.parametrize("name", ["optimisers.pt", "model.safetensors", "config.json", "files.json"])
def test_a_checkpoint_that_is_cut_short_is_passed_over(trained, tmp_path, name, capsys):
    folder = Path(shutil.copytree(trained[0], tmp_path / "run"))
    last = folder / "checkpoint-000014"
    (last / name).write_bytes((last / name).read_bytes()[:-20])
    assert training.last_checkpoint(folder, "optimisers.pt", True) == folder / "checkpoint-000012"
    said = f"{folder}: checkpoint-000014 has files missing or cut short: going on from checkpoint-000012"
    assert capsys.readouterr().err.splitlines().count(said) == 1


def test_a_run_goes_on_from_the_checkpoint_before_one_that_is_cut_short(trained, config, tmp_path):
    finished, pictures = trained
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    last = folder / "checkpoint-000014"
    (last / "model.safetensors").write_bytes(b"cut")
    arguments = ["--config", str(config), "--run", str(folder), "--resume"]
    pretrain.main([*arguments, "--set", f"pictures={str(pictures).lower()}"])
    assert rows(folder) == rows(finished)
    assert (last / "model.safetensors").read_bytes() == (finished / last.name / "model.safetensors").read_bytes()


def test_a_run_without_a_whole_checkpoint_is_refused_in_one_line(trained, config, tmp_path):
    finished, pictures = trained
    for checkpoint in finished.glob("checkpoint-*"):
        shutil.copytree(checkpoint, tmp_path / checkpoint.name)
        (tmp_path / checkpoint.name / "model.safetensors").unlink()
    arguments = ["--config", str(config), "--run", str(tmp_path), "--set", f"pictures={str(pictures).lower()}"]
    with pytest.raises(cli.CommandError, match="no whole checkpoint, .* in checkpoint-.*14"):
        pretrain.main([*arguments, "--resume"])
    with pytest.raises(cli.CommandError, match="it holds checkpoint-000014: add --resume"):
        pretrain.main(arguments)


@pytest.mark.skipif(sys.platform != "linux", reason="open files have no names elsewhere")
def test_a_checkpoint_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch):
    flushed = []
    fsync = os.fsync

    def recorded(descriptor):
        flushed.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")), (tmp_path / "checkpoint-000001").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    with training.new_checkpoint(tmp_path, 1) as part:
        (part / "inner").mkdir(parents=True)
        for name in ("a.json", "inner/b.pt"):
            (part / name).write_text("{}")
    part = tmp_path / "checkpoint.part"
    names = {path.relative_to(part).as_posix() for path, named in flushed if not named}
    assert names == {".", "a.json", "files.json", "inner", "inner/b.pt"}
    assert flushed[-1] == (tmp_path, True)
    assert json.loads((tmp_path / "checkpoint-000001/files.json").read_text()) == {"a.json": 2, "inner/b.pt": 2}


def test_a_checkpoint_of_an_earlier_version_is_taken_as_whole(tmp_path):
    (tmp_path / "checkpoint-000001").mkdir()
    (tmp_path / "checkpoint-000001" / "optimisers.pt").write_text("{}")
    assert training.last_checkpoint(tmp_path, "optimisers.pt", True) == tmp_path / "checkpoint-000001"


def repairable(pictures):
    """A task, its layout and an example of one repair of it, and the seed of that."""
    from headless.pretraining.examples import repair_example

    for index in range(50):
        task, layout = make_task("train", 1, index)
        found = repair_example(task, layout, Random(index), pictures)
        if found is not None and (found.ids == v.TOKEN_IDS["<|assistant|>"]).sum() == 2:
            return task, layout, found, index
    raise AssertionError


def test_examples_show_what_an_episode_shows():
    from headless.pretraining.examples import SEEN, placement_example, repair_example

    task, layout = make_task("train", 1, 0)
    empty = FORMAT.draw_images(task, Layout(task.id))
    example = placement_example(task, layout, pictures=True)
    prompt = TokenizedPrompt.of(FORMAT.first(task, empty), sees_images=True)
    assert tuple(example.ids[: len(prompt.ids)]) == prompt.ids
    assert not example.weights[: len(prompt.ids)].any()
    np.testing.assert_array_equal(example.patches, extract_patches(empty))

    task, layout, repair, index = repairable(pictures=True)
    assert len(repair.patches) == 2 and (repair.patches[0] != repair.patches[1]).any()
    np.testing.assert_array_equal(repair.patches[:1], extract_patches(FORMAT.draw_images(task, Layout(task.id))))
    bare = repair_example(task, layout, Random(index))
    special = [f"<|{name}|>" for name in ("vision_start", "image_pad", "vision_end")]
    text = ~np.isin(repair.ids, [v.TOKEN_IDS[token] for token in (*special, *map(v.mark_token, range(v.MARKS)))])
    np.testing.assert_array_equal(repair.ids[text], bare.ids)
    np.testing.assert_array_equal(repair.weights[text], bare.weights)
    assert not repair.weights[~text].any() and len(bare.patches) == 0
    # Without the report only the picture tells what is wrong.
    unreported = repair_example(task, layout, Random(index), pictures=True, report=False)
    assert "<|user|><|vision_start|>" + "<|image_pad|>" * 16 + "<|vision_end|><|assistant|>" in v.decode(
        unreported.ids.tolist()
    )
    np.testing.assert_array_equal(unreported.patches, repair.patches)
    assert set(unreported.weights) == {0.0, 1.0, SEEN} and set(repair.weights) == {0.0, 1.0}
    # The perturbed layout is the one that the model is told to have said.
    said = v.decode([int(k) for k in bare.ids[len(TokenizedPrompt.of(FORMAT.first(task)).ids) :]])
    said = FORMAT.read(said[: said.index("<|end|>")], task).layout
    drawn = extract_patches(FORMAT.draw_images(task, said))[0].astype(int)
    assert np.abs(drawn - repair.patches[1]).mean() < 3


def test_the_loss_is_that_of_the_whole_model_of_transformers():
    """Beside the model's own forward pass, which finds positions and features by itself."""
    from headless.pretraining.batches import collate
    from headless.pretraining.examples import placement_example
    from headless.pretraining.model import ModelShape, build
    from headless.pretraining.number_rows import NumberRows
    from headless.pretraining.train import losses_of

    torch.manual_seed(2)
    model = build(ModelShape(hidden=32, layers=1, heads=2, key_value_heads=1, feed_forward=32, vision_hidden=32))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    numbers = NumberRows(32)
    repair = repairable(pictures=True)[2]
    batch = collate([placement_example(*make_task("train", 1, 0), pictures=True), repair])
    loss = losses_of(model, numbers, batch).tokens
    with torch.no_grad():  # as a checkpoint has them
        model.get_input_embeddings().weight.copy_(numbers(model.get_input_embeddings().weight))
    frame = (batch.patches.float() / 127.5 - 1).reshape(-1, 3, 196)
    pixels = torch.stack([frame, frame], dim=2).reshape(len(frame), -1)
    logits = model(
        input_ids=batch.ids,
        pixel_values=pixels,
        image_grid_thw=torch.tensor([[1, 8, 8]] * 3),
        mm_token_type_ids=(batch.ids == IMAGE_PAD_ID).int(),
    ).logits[:, :-1]
    each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), batch.ids[:, 1:], reduction="none")
    weights = batch.weights[:, 1:]
    assert loss.item() == pytest.approx(((each * weights).sum() / weights.sum()).item(), abs=1e-4)
    with pytest.raises(AssertionError, match="48 placeholders for 32"):
        losses_of(model, numbers, batch._replace(patches=batch.patches[:2]))


def test_attention_by_products_is_that_of_the_class():
    from headless.pretraining import attention
    from headless.pretraining.model import ModelShape, build

    torch.manual_seed(3)
    model = build(ModelShape(hidden=48, layers=2, heads=6, key_value_heads=2, feed_forward=32))
    ids, positions = torch.randint(0, len(v.TOKENS), (2, 40)), torch.arange(40)[None, None].expand(3, 2, 40)
    found = []
    for name in ("eager", attention.register()):
        model.set_attn_implementation(name)
        model.zero_grad()
        embedded = model.get_input_embeddings()(ids)
        hidden = model.model.language_model(inputs_embeds=embedded, position_ids=positions).last_hidden_state
        hidden.square().sum().backward()
        grads = [p.grad.clone() for p in model.model.language_model.layers.parameters()]
        found.append((hidden.detach(), *grads))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-5 * one.abs().max().item())


def test_batches_of_many_lengths_leave_nothing_in_memory():
    """A mask for each length that a run had met once took gigabytes."""
    from headless.pretraining.attention import causal_attention

    def attend(length):
        query, key = (torch.ones(1, heads, length, 4, requires_grad=True) for heads in (6, 2))
        causal_attention(torch.nn.Identity(), query, key, key, None)[0].sum().backward()

    attend(600)
    before = resident_mb()
    for length in range(200, 600, 2):
        attend(length)
    assert resident_mb() - before < 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stepz=3", "stepz: expected one of seed, steps"),
        ('pictures="yes"', "pictures: expected a value of type bool, got 'yes'"),
        ("pictures=1", "pictures: expected a value of type bool, got 1"),
        ("batch_tokens=2500.5", "batch_tokens: expected a value of type int, got 2500.5"),
        ("steps=-1", "steps: expected a number of at least 1, got -1"),
        ("batch_tokens=0", "batch_tokens: expected a number of at least 2048, got 0"),
        ("save_every=0", "save_every: expected a number of at least 1, got 0"),
        ("log_every=0", "log_every: expected a number of at least 1, got 0"),
        ("learning_rate=0", "learning_rate: expected a number above 0, got 0"),
        ("learning_rate=nan", "learning_rate: expected a finite number, got nan"),
        ("repair_fraction=1.5", "repair_fraction: expected a number of at least 0 and of at most 1, got 1.5"),
        ('layouts="nowhere/*.jsonl"', "layouts: expected files that headless/tasks.py wrote, a pattern, got 'nowhere"),
        ("seed.x=1", "seed.x: expected seed to be a table"),
        ("start=runs/nowhere", "start: expected a model's folder, with its config.json, got 'runs/nowhere'"),
        ("picture_fraction=0", "picture_fraction: expected a number above 0"),
        ("shape.width=3", "shape.width: expected one of hidden"),
        ("shape.heads=5", "shape.heads: expected a divisor"),
        ("shape.heads=0", "shape.heads: expected a number of at least 1"),
        ("shape.key_value_heads=3", "shape.key_value_heads: expected a divisor"),
        ("shape.vision_heads=5", "shape.vision_heads: expected a divisor"),
        ("steps=ten", "steps: expected a value of type int, got 'ten'"),
        ("steps", "--set: steps: expected key=value"),
        ("mending=0.5", "mending: expected its new name, repair_fraction"),
        ("own=own.npz", "own: expected its new name, dagger_file"),
        ("own_share=0.5", "own_share: expected its new name, dagger_fraction"),
    ],
)
def test_a_wrong_configuration_is_one_clear_error(config, tmp_path, change, message):
    with pytest.raises(InputError) as caught:
        pretrain.main(
            ["--config", str(config), "--run", str(tmp_path / "run"), "--set", "pictures=true", "--set", change]
        )
    assert str(caught.value).startswith((str(config), "--set: "))
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
