"""One pretraining run, from configuration to checkpoints: supervised examples, with images or without.

A checkpoint is a plain transformers folder with the run's state beside it. Its weights are the mean of those of the
last steps, which takes away much of the noise that a high rate leaves in them (Hägele et al. 2024).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from headless import cli, interruption, training
from metaspatial_addon.policy.builtin.vision import (
    IMAGE_PAD_ID,
    MERGE_SIZE,
    PATCH_SIZE,
    TEMPORAL_PATCH_SIZE,
    TOKENS_PER_SIDE,
    mrope_positions,
)
from metaspatial_addon.prompts import vocabulary as v

from . import attention
from .batches import Batch, batches
from .config import PretrainConfig
from .export import write_model
from .model import build
from .number_rows import NumberRows
from .shown_marks import shown_loss

KEEP = 3  # checkpoints
STATE = "optimisers.pt"

# oneDNN keeps the products that it has compiled, 1024 if nobody says otherwise. Hardly two batches have one shape: what
# is kept is of no use, and memory grew by 2.4 GB in 17 minutes. With 64 it stays, and a step takes as long.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")


def picture_tokens(model: Any, patches: torch.Tensor) -> torch.Tensor:
    """The decoder's inputs (P * 16, H) for P images."""
    # A still image is the same frame twice.
    frame = (patches.float() / 127.5 - 1).reshape(-1, 3, 1, PATCH_SIZE, PATCH_SIZE)
    pixels = frame.expand(-1, -1, TEMPORAL_PATCH_SIZE, -1, -1).reshape(len(frame), -1)
    side = TOKENS_PER_SIDE * MERGE_SIZE
    grid = torch.tensor([[1, side, side]]).expand(len(patches), -1)
    return torch.cat(model.model.get_image_features(pixels, grid).pooler_output)


def embedded(ids: torch.Tensor, rows: torch.Tensor, features: torch.Tensor | None) -> torch.Tensor:
    """The decoder's inputs, (B, T, H): the tokens' rows (V, H), and those of the images at their placeholders."""
    embeddings = torch.nn.functional.embedding(ids, rows)
    if features is None:
        return embeddings
    places = (ids == IMAGE_PAD_ID).nonzero(as_tuple=True)  # row by row, as the images are
    assert len(places[0]) == len(features), f"{len(places[0])} placeholders for {len(features)} tokens of images"
    return embeddings.index_put(places, features.to(embeddings.dtype))


class Losses(NamedTuple):
    """`tokens`: weighted cross-entropy over the tokens with a weight; `places`: minus the log of the probability that
    is on good numbers, where these are known; `shown` and `kinds`: what the tower and the decoder make of pictures, see
    `shown_marks`; and the accuracy of the most likely token."""

    tokens: torch.Tensor
    places: torch.Tensor
    shown: torch.Tensor
    kinds: torch.Tensor
    accuracy: float


def losses_of(model: Any, numbers: NumberRows, batch: Batch) -> Losses:
    """What a batch says of the model."""
    ids, weights = batch.ids, batch.weights
    rows = numbers(model.get_input_embeddings().weight)
    features = picture_tokens(model, batch.patches) if len(batch.patches) else None
    hidden = model.model.language_model(
        inputs_embeds=embedded(ids, rows, features),
        position_ids=torch.from_numpy(mrope_positions(ids.cpu().numpy())).to(ids.device),
        use_cache=False,
    ).last_hidden_state
    weighted = weights[:, 1:] > 0  # (B, T - 1)
    logits = (hidden[:, :-1][weighted] @ rows.T).float()  # (N, V): the embedding is tied
    targets, weight = ids[:, 1:][weighted], weights[:, 1:][weighted]
    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    accuracy = (logits.argmax(dim=-1) == targets).float().mean().item()
    tokens = (losses * weight).sum() / weight.sum()
    shown = logits.new_zeros(()) if features is None else shown_loss(features, batch.shown, rows)
    order = torch.cumsum(weighted.flatten(), 0).reshape(weighted.shape) - 1
    row, place = batch.good.at.unbind(dim=1)
    places = batch.good.loss(logits[order[row, place - 1]])
    kinds = batch.kinds.loss((hidden[tuple(batch.kinds.at.T)] @ rows.T).float())
    return Losses(tokens, places, shown, kinds, accuracy)


class Means(NamedTuple):
    """What is logged of a step, and the means of that over several."""

    loss: float
    places: float
    shown: float
    kinds: float
    accuracy: float
    gradient_norm: float


def optimisers(model: Any, numbers: NumberRows, config: PretrainConfig) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the hidden matrices, AdamW for embeddings and norms.

    The vision tower is left out of a run without images.
    """
    decoder, tower = model.model.language_model, model.model.visual
    vision = list(tower.parameters()) if config.pictures else []
    matrices = [p for p in (*decoder.layers.parameters(), *vision) if p.ndim == 2]
    in_matrices = {id(p) for p in matrices}
    others = [p for p in (*decoder.parameters(), *vision, *numbers.parameters()) if id(p) not in in_matrices]
    return [
        torch.optim.Muon(matrices, lr=config.learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def run(config: PretrainConfig, folder: Path, resume: bool, sets: Sequence[str] = ()) -> None:
    """Train from the last checkpoint in `folder`, or from the start, to the last step. `sets` are the `key=value` that
    the command gave. Raises CommandError."""
    cli.output_folder(str(folder), "--run", made=not resume)
    with cli.sole_use(folder, "--run"):
        _Run(config, folder).train(training.last_checkpoint(folder, STATE, resume), sets)


class _Run:
    """A run in a folder that no other command writes to: the model, what updates it, and how far it is."""

    def __init__(self, config: PretrainConfig, folder: Path):
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config, self.folder = config, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = build(config.shape)
        if config.start:
            model = type(model).from_pretrained(config.start, dtype=torch.float32)
            # An older vocabulary is the beginning of this one.
            model.resize_token_embeddings(len(v.TOKENS), mean_resizing=False)
        if self.device.type == "cpu":
            model.set_attn_implementation(attention.register())
        self.model = model.to(self.device)
        self.numbers = NumberRows(config.shape.hidden).to(self.device)
        if config.start:  # its rows hold the waves already
            torch.nn.init.zeros_(self.numbers.projection)
        self.learnt = torch.nn.ModuleList([self.model, self.numbers])
        self.mean = AveragedModel(self.learnt, multi_avg_fn=self._follow)
        self.optimisers = optimisers(self.model, self.numbers, config)
        self.step = self.pool = self.batch = self.saved = 0

    def train(self, last: Path | None, sets: Sequence[str]) -> None:
        """Train to the last step, from the checkpoint `last` if there is one."""
        config, changes = self.config, []
        if last is not None:
            self._load(last)
            changes = training.changed_settings(config, self.folder, self.step, sets)
        training.write_settings(config, self.folder, changes)
        stream = batches(config, self.pool, self.batch)
        with training.MetricsLog(self.folder, self.step, training.open_wandb(self.folder, config)) as log:
            clock = _Clock()
            while self.step < config.steps:
                try:
                    with interruption.patient():
                        pool, number, batch = next(stream)
                except KeyboardInterrupt:  # of the next step nothing is done yet
                    if self.step > self.saved:
                        self._save()
                    raise
                with training.stopped_after_a_step() as pending:
                    self.pool, self.batch = pool, number
                    clock.add(batch, self._update(batch))
                    self.step += 1
                    if self.step % config.log_every == 0:
                        metrics = clock.metrics()
                        log.write(self.step, metrics)
                        cli.progress(progress_line(self.step, config.steps, metrics))
                    interrupt = pending()
                    if self.step % config.save_every == 0 or self.step == config.steps or interrupt is not None:
                        self._save()
                    if interrupt is not None:
                        raise interrupt

    def _update(self, batch: Batch) -> Means:
        """One step."""
        config = self.config
        factor = training.learning_rate_factor(self.step, config.steps, config.warmup_steps, config.decay_steps)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * factor
        batch = batch.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.bf16):
            losses = losses_of(self.model, self.numbers, batch)
        (losses.tokens + config.places_weight * losses.places + losses.shown + losses.kinds).backward()
        norm = torch.nn.utils.clip_grad_norm_([*self.model.parameters(), *self.numbers.parameters()], 1.0).item()
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.mean.update_parameters(self.learnt)
        tokens, places, shown, kinds = (loss.item() for loss in losses[:4])
        return Means(tokens, places, shown, kinds, losses.accuracy, norm)

    def _follow(
        self, means: Sequence[torch.Tensor], weights: Sequence[torch.Tensor], steps: torch.Tensor | int
    ) -> None:
        """Move the means towards the weights, after so many `steps`: they are of the last quarter of those, and of no
        more than `average_steps`."""
        share = 1 / min(self.config.average_steps, 1 + int(steps) // 4)
        torch._foreach_lerp_(list(means), list(weights), share)

    def _save(self) -> None:
        """Write a checkpoint: a model folder with the means, whose rows hold the waves, and the state beside it."""
        averaged: Any = self.mean.module
        model, numbers = averaged
        weight = model.get_input_embeddings().weight
        free = weight.detach().clone()
        with training.new_checkpoint(self.folder, self.step) as part:
            with torch.no_grad():
                weight.copy_(numbers(free))
            write_model(model, part, self.config.pictures)
            with torch.no_grad():
                weight.copy_(free)
            state = {
                "step": self.step,
                "pool": self.pool,
                "batch": self.batch,
                "learnt": self.learnt.state_dict(),
                "mean": self.mean.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            }
            torch.save(state, part / STATE)
        self.saved = self.step
        training.remove_old(training.checkpoints(self.folder, STATE), KEEP)

    def _load(self, checkpoint: Path) -> None:
        """Restore weights, their means, optimisers and the place in the stream of examples."""
        state = torch.load(checkpoint / STATE, weights_only=True, map_location=self.device)
        self.learnt.load_state_dict(state["learnt"])
        self.mean.load_state_dict(state["mean"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.pool, self.batch = state["step"], state["pool"], state["batch"]
        self.saved = self.step


def progress_line(step: int, steps: int, metrics: dict[str, float]) -> str:
    left = metrics["seconds_per_step"] * (steps - step) / 60
    return (
        f"step {step}/{steps}  loss {metrics['loss']:.3f}  places {metrics['places']:.3f}  "
        f"right {metrics['accuracy']:.1%}  "
        f"{metrics['examples_per_second']:.0f} examples/s  {left:.0f} min left"
    )


class _Clock:
    """Means over the steps since the last report."""

    def __init__(self) -> None:
        self.began = self.reported = time.monotonic()
        self.updates: list[Means] = []
        self.examples = self.tokens = 0

    def add(self, batch: Batch, update: Means) -> None:
        """A step that has just ended."""
        self.updates.append(update)
        self.examples += len(batch.ids)
        self.tokens += batch.ids.numel()

    def metrics(self) -> dict[str, float]:
        """The means, and a fresh start."""
        now = time.monotonic()
        seconds = now - self.reported
        found = {
            **Means(*np.mean(self.updates, axis=0).tolist())._asdict(),
            "seconds_per_step": seconds / len(self.updates),
            "examples_per_second": self.examples / seconds,
            "tokens_per_second": self.tokens / seconds,
            "minutes": (now - self.began) / 60,
        }
        self.updates, self.examples, self.tokens, self.reported = [], 0, 0, now
        return found
