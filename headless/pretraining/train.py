"""One pretraining run, from configuration to checkpoints: supervised examples, with pictures or without.

A checkpoint is a plain transformers folder with the optimisers' state beside it; it is written beside its
final name and renamed, so that a run that was killed resumes from the last whole one.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.tensorboard import SummaryWriter

from headless.config import write_config
from metaspatial_addon.policy.builtin.vision import (
    IMAGE_PAD_ID,
    MERGE_SIZE,
    PATCH_SIZE,
    TEMPORAL_PATCH_SIZE,
    TOKENS_PER_SIDE,
    mrope_positions,
)
from metaspatial_addon.prompts import vocabulary as v

from .config import PretrainConfig
from .dagger import read_examples
from .examples import TrainingExample, training_examples
from .export import write_model
from .model import build

POOL = 16  # batches that are sorted by length together, so that little is padding


class Batch(NamedTuple):
    """Token ids (B, T), loss weights (B, T), and the patches (P, 64, 588) uint8 of all pictures in order."""

    ids: torch.Tensor
    weights: torch.Tensor
    patches: torch.Tensor


class ExampleBatches(IterableDataset):
    """Batches of examples from pool `start` on."""

    def __init__(self, config: PretrainConfig, start: int):
        self.config, self.start = config, start

    def __iter__(self) -> Iterator[Batch]:
        config = self.config
        size = config.batch * POOL
        dagger = read_examples(config.dagger_file) if config.dagger_file else []
        stream = training_examples(
            config.seed, self.start * size, config.repair_fraction, config.pictures, dagger, config.dagger_fraction
        )
        pool = self.start
        while True:
            drawn = sorted((next(stream) for _ in range(size)), key=lambda example: len(example.ids))
            order = np.random.default_rng((config.seed, pool)).permutation(POOL)
            for k in order:
                yield collate(drawn[k * config.batch : (k + 1) * config.batch])
            pool += 1


def collate(drawn: list[TrainingExample]) -> Batch:
    """Right-padded: causal attention never looks at what follows."""
    length = max(len(example.ids) for example in drawn)
    ids = torch.full((len(drawn), length), v.PAD, dtype=torch.long)
    weights = torch.zeros(len(drawn), length)
    for k, example in enumerate(drawn):
        ids[k, : len(example.ids)] = torch.from_numpy(example.ids)
        weights[k, : len(example.ids)] = torch.from_numpy(example.weights)
    return Batch(ids, weights, torch.from_numpy(np.concatenate([example.patches for example in drawn])))


def embedded(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """What the decoder reads, (B, T, H): the tokens' embeddings, and those of the pictures at their placeholders."""
    embeddings = model.get_input_embeddings()(batch.ids)
    if not len(batch.patches):
        return embeddings
    frame = (batch.patches.float() / 127.5 - 1).reshape(-1, 3, 1, PATCH_SIZE, PATCH_SIZE)
    pixels = frame.expand(-1, -1, TEMPORAL_PATCH_SIZE, -1, -1).reshape(
        len(frame), -1
    )  # a still picture is the same frame twice
    grid = torch.tensor([[1, TOKENS_PER_SIDE * MERGE_SIZE, TOKENS_PER_SIDE * MERGE_SIZE]]).expand(
        len(batch.patches), -1
    )
    features = torch.cat(model.model.get_image_features(pixels, grid).pooler_output).to(embeddings.dtype)
    places = (batch.ids == IMAGE_PAD_ID).nonzero(as_tuple=True)  # row by row, as the pictures are
    assert len(places[0]) == len(features), f"{len(places[0])} placeholders for {len(features)} tokens of pictures"
    return embeddings.index_put(places, features)


def weighted_loss(model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, float]:
    """Weighted cross-entropy over the tokens to be learnt, and the share of the weightiest that come first."""
    ids, weights = batch.ids, batch.weights
    hidden = model.model.language_model(
        inputs_embeds=embedded(model, batch),
        position_ids=torch.from_numpy(mrope_positions(ids.numpy())),
        use_cache=False,
    ).last_hidden_state
    learnt = weights[:, 1:] > 0  # (B, T - 1)
    logits = model.lm_head(hidden[:, :-1][learnt]).float()  # (N, V)
    targets, weight = ids[:, 1:][learnt], weights[:, 1:][learnt]
    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    main = weight == 1.0
    accuracy = (logits[main].argmax(dim=-1) == targets[main]).float().mean().item()
    return (losses * weight).sum() / weight.sum(), accuracy


def learning_rate_factor(step: int, config: PretrainConfig) -> float:
    """Warm-up, a plateau, and a linear decay to zero over the last `decay_steps`."""
    return min((step + 1) / config.warmup_steps, 1.0, (config.steps - step) / config.decay_steps)


def optimisers(model: torch.nn.Module, config: PretrainConfig) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the hidden matrices, AdamW for embeddings and norms.

    The vision tower is left out where it has nothing to learn from.
    """
    decoder, tower = model.model.language_model, model.model.visual
    seeing = list(tower.parameters()) if config.pictures else []
    matrices = [p for p in (*decoder.layers.parameters(), *seeing) if p.ndim == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in (*decoder.parameters(), *seeing) if id(p) not in chosen]
    return [
        torch.optim.Muon(matrices, lr=config.learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def run(config: PretrainConfig, folder: Path, resume: bool) -> None:
    """Train from the last checkpoint in `folder` (or from the start) to the last step."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    model = build(config.shape)
    if config.start:
        model = type(model).from_pretrained(config.start, dtype=torch.float32)
    model.set_attn_implementation("eager")  # on a CPU in bfloat16 1.6 x as fast as the fused kernel, which is float32
    tuned = optimisers(model, config)
    step = _load(folder, model, tuned) if resume else 0
    folder.mkdir(parents=True, exist_ok=True)
    write_config(config, folder / "config.toml")
    batches = iter(DataLoader(ExampleBatches(config, step // POOL), batch_size=None, num_workers=1, prefetch_factor=32))
    for _ in range(step % POOL):
        next(batches)
    log = (folder / "metrics.jsonl").open("a", encoding="utf-8")
    board = SummaryWriter(str(folder), purge_step=step)
    began, window, seen = time.monotonic(), [], 0
    first = step
    while step < config.steps:
        batch = next(batches)
        for optimiser in tuned:
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * learning_rate_factor(step, config)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bf16):
            loss, accuracy = weighted_loss(model, batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        for optimiser in tuned:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        step += 1
        seen += batch.ids.numel()
        window.append((loss.item(), accuracy, norm))
        if step % config.log_every == 0:
            seconds = time.monotonic() - began
            means = np.mean(window, axis=0)
            row = {
                "step": step,
                "loss": round(float(means[0]), 4),
                "accuracy": round(float(means[1]), 4),
                "gradient_norm": round(float(means[2]), 3),
                "tokens_per_second": round(seen / seconds),
                "minutes": round(seconds / 60, 2),
            }
            log.write(json.dumps(row) + "\n")
            log.flush()
            for name in ("loss", "accuracy", "gradient_norm", "tokens_per_second"):
                board.add_scalar(name, row[name], step)
            left = seconds / (step - first) * (config.steps - step) / 60
            print(
                f"step {step}/{config.steps}  loss {row['loss']:.3f}  right {row['accuracy']:.1%}  "
                f"{row['tokens_per_second']} tokens/s  {left:.0f} min left",
                flush=True,
            )
            window = []
        if step % config.save_every == 0 or step == config.steps:
            _save(folder, step, model, tuned, config.pictures)
    log.close()
    board.close()


def _save(folder: Path, step: int, model: torch.nn.Module, tuned: list[torch.optim.Optimizer], pictures: bool) -> None:
    beside, final = folder / "checkpoint.part", folder / f"checkpoint-{step:06d}"
    shutil.rmtree(beside, ignore_errors=True)
    write_model(model, beside, pictures)
    torch.save({"step": step, "optimisers": [o.state_dict() for o in tuned]}, beside / "optimisers.pt")
    shutil.rmtree(final, ignore_errors=True)
    os.replace(beside, final)
    for old in sorted(folder.glob("checkpoint-*"))[:-3]:
        shutil.rmtree(old)


def _load(folder: Path, model: torch.nn.Module, tuned: list[torch.optim.Optimizer]) -> int:
    checkpoints = sorted(folder.glob("checkpoint-*"))
    if not checkpoints:
        return 0
    loaded = type(model).from_pretrained(checkpoints[-1], dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    state = torch.load(checkpoints[-1] / "optimisers.pt", weights_only=True)
    for optimiser, saved in zip(tuned, state["optimisers"], strict=True):
        optimiser.load_state_dict(saved)
    return state["step"]
