"""One pretraining run, from configuration to checkpoints: supervised examples, with images or without.

A checkpoint is a plain transformers folder with the optimisers' state beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from headless import cli, training
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
KEEP = 3  # checkpoints
STATE = "optimisers.pt"


class Batch(NamedTuple):
    """Token ids (B, T), loss weights (B, T), and the patches (P, 64, 588) uint8 of all images in order."""

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


def collate(examples: list[TrainingExample]) -> Batch:
    """Pad on the right: causal attention never looks at what follows."""
    length = max(len(example.ids) for example in examples)
    ids = torch.full((len(examples), length), v.PAD, dtype=torch.long)
    weights = torch.zeros(len(examples), length)
    for k, example in enumerate(examples):
        ids[k, : len(example.ids)] = torch.from_numpy(example.ids)
        weights[k, : len(example.ids)] = torch.from_numpy(example.weights)
    return Batch(ids, weights, torch.from_numpy(np.concatenate([example.patches for example in examples])))


def embedded(model: Any, batch: Batch) -> torch.Tensor:
    """The decoder's inputs, (B, T, H): the tokens' embeddings, and those of the images at their placeholders."""
    embeddings = model.get_input_embeddings()(batch.ids)
    if not len(batch.patches):
        return embeddings
    # A still image is the same frame twice.
    frame = (batch.patches.float() / 127.5 - 1).reshape(-1, 3, 1, PATCH_SIZE, PATCH_SIZE)
    pixels = frame.expand(-1, -1, TEMPORAL_PATCH_SIZE, -1, -1).reshape(len(frame), -1)
    side = TOKENS_PER_SIDE * MERGE_SIZE
    grid = torch.tensor([[1, side, side]]).expand(len(batch.patches), -1)
    features = torch.cat(model.model.get_image_features(pixels, grid).pooler_output).to(embeddings.dtype)
    places = (batch.ids == IMAGE_PAD_ID).nonzero(as_tuple=True)  # row by row, as the images are
    assert len(places[0]) == len(features), f"{len(places[0])} placeholders for {len(features)} tokens of images"
    return embeddings.index_put(places, features)


def weighted_loss(model: Any, batch: Batch) -> tuple[torch.Tensor, float]:
    """Weighted cross-entropy over the tokens with a weight, and the accuracy of the most likely token where it is 1."""
    ids, weights = batch.ids, batch.weights
    hidden = model.model.language_model(
        inputs_embeds=embedded(model, batch),
        position_ids=torch.from_numpy(mrope_positions(ids.numpy())),
        use_cache=False,
    ).last_hidden_state
    weighted = weights[:, 1:] > 0  # (B, T - 1)
    logits = model.lm_head(hidden[:, :-1][weighted]).float()  # (N, V)
    targets, weight = ids[:, 1:][weighted], weights[:, 1:][weighted]
    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    free = weight == 1.0
    accuracy = (logits[free].argmax(dim=-1) == targets[free]).float().mean().item()
    return (losses * weight).sum() / weight.sum(), accuracy


def optimisers(model: Any, config: PretrainConfig) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the hidden matrices, AdamW for embeddings and norms.

    The vision tower is left out of a run without images.
    """
    decoder, tower = model.model.language_model, model.model.visual
    vision = list(tower.parameters()) if config.pictures else []
    matrices = [p for p in (*decoder.layers.parameters(), *vision) if p.ndim == 2]
    in_matrices = {id(p) for p in matrices}
    others = [p for p in (*decoder.parameters(), *vision) if id(p) not in in_matrices]
    return [
        torch.optim.Muon(matrices, lr=config.learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def run(config: PretrainConfig, folder: Path, resume: bool) -> None:
    """Train from the last checkpoint in `folder`, or from the start, to the last step. Raises CommandError."""
    cli.output_folder(str(folder), "--run")
    with cli.sole_use(folder, "--run"):
        _train(config, folder, training.last_checkpoint(folder, STATE, resume))


def _train(config: PretrainConfig, folder: Path, last: Path | None) -> None:
    """Train from the checkpoint `last`, or from the start, in a folder that no other command writes to."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    model = build(config.shape)
    if config.start:
        model = type(model).from_pretrained(config.start, dtype=torch.float32)
    model.set_attn_implementation("eager")  # on a CPU in bfloat16 1.6 x as fast as the fused kernel, which is float32
    tuned = optimisers(model, config)
    done = _load(last, model, tuned) if last else 0
    write_config(config, folder / "config.toml")
    loader = DataLoader(ExampleBatches(config, done // POOL), batch_size=None, num_workers=1, prefetch_factor=32)
    batches = iter(loader)
    for _ in range(done % POOL):
        next(batches)
    with training.MetricsLog(folder, done) as log:
        _run_steps(config, folder, model, tuned, batches, log, done)


def _run_steps(
    config: PretrainConfig,
    folder: Path,
    model: Any,
    tuned: list[torch.optim.Optimizer],
    batches: Iterator[Batch],
    log: training.MetricsLog,
    done: int,
) -> None:
    """The steps after `done`. Metrics are means over the last `log_every` steps."""
    began, tokens, window = time.monotonic(), 0, []
    for step in range(done + 1, config.steps + 1):
        batch = next(batches)
        factor = training.learning_rate_factor(step - 1, config.steps, config.warmup_steps, config.decay_steps)
        for optimiser in tuned:
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * factor
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bf16):
            loss, accuracy = weighted_loss(model, batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        for optimiser in tuned:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        tokens += batch.ids.numel()
        window.append((loss.item(), accuracy, norm))
        if step % config.log_every == 0:
            seconds = time.monotonic() - began
            means = dict(zip(("loss", "accuracy", "gradient_norm"), np.mean(window, axis=0).tolist(), strict=True))
            log.write(step, {**means, "tokens_per_second": tokens / seconds, "minutes": seconds / 60})
            left = seconds / (step - done) * (config.steps - step) / 60
            cli.progress(
                f"step {step}/{config.steps}  loss {means['loss']:.3f}  right {means['accuracy']:.1%}  "
                f"{tokens / seconds:.0f} tokens/s  {left:.0f} min left"
            )
            window = []
        if step % config.save_every == 0 or step == config.steps:
            with training.new_checkpoint(folder, step) as part:
                write_model(model, part, config.pictures)
                torch.save({"step": step, "optimisers": [o.state_dict() for o in tuned]}, part / STATE)
            training.remove_old(training.checkpoints(folder, STATE), KEEP)


def _load(checkpoint: Path, model: Any, tuned: list[torch.optim.Optimizer]) -> int:
    """Restore weights and optimisers; returns the checkpoint's step."""
    loaded = type(model).from_pretrained(checkpoint, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    state = torch.load(checkpoint / STATE, weights_only=True)
    for optimiser, saved in zip(tuned, state["optimisers"], strict=True):
        optimiser.load_state_dict(saved)
    return state["step"]
