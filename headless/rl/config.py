"""Configuration of a training run: its keys, their bounds, and what settings exclude each other.

docs/training.md describes every key with its unit and where it comes from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from headless.config import Check, bounded, read_dataclass
from headless.user_terms import TermSettings
from metaspatial_addon.core.engines import ViewMethod
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.reading import read_json
from metaspatial_addon.core.shipped import shipped
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.prompts.full import FullFormat, PromptFormat
from metaspatial_addon.scoring.weights import Weights

from .advantages import AdvantageLevel, Normalize
from .losses import LossConfig

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm", "idefics3", "internvl", "llava")
"""Model types whose positions, pictures and cache `ChatPolicy` knows."""
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class RolloutConfig:
    """A step plays `tasks_per_step` x `num_generations` episodes of up to `turns` turns, at `temperature`.

    `pictures` shows the model images, renders of `pixels` where its rendering draws none; with `free_places` the
    embedded model chooses among free places alone, and learns log-probabilities over them. An answer has at most
    `max_completion_tokens`, an episode `max_sequence_tokens`. Groups from which nothing can be learnt are played again
    with other tasks up to `max_resamples` times (DAPO's dynamic sampling). With `draw_by_success` kinds of tasks that
    are neither always solved nor never are drawn more often. A worker that takes longer than `turn_timeout` seconds for
    a turn is replaced.
    """

    tasks_per_step: int = bounded(4, at_least=1)
    num_generations: int = bounded(8, at_least=2)
    turns: int = bounded(3, at_least=1)
    temperature: float = bounded(1.0, above=0)
    pictures: bool = True
    pixels: int = bounded(384, at_least=28)
    free_places: bool = False
    max_completion_tokens: int = bounded(256, at_least=2)
    max_sequence_tokens: int = 2048
    max_resamples: int = 0
    draw_by_success: bool = False
    turn_timeout: float = bounded(60.0, above=0)


@dataclass(frozen=True)
class WeightStage:
    """The terms' weights at a step."""

    step: int = 0
    weights: Weights = field(default_factory=Weights)


@dataclass(frozen=True)
class JudgeConfig:
    """A vision-language model that grades renders of each layout: the model's name at the OpenAI-compatible server at
    `url`, "" for no judge. A grade is the mean over `samples` replies."""

    model: str = ""
    url: str = ""
    samples: int = bounded(1, at_least=1)


@dataclass(frozen=True)
class RewardConfig:
    """`render` measures the view term, by `view_method`: renders, or rays through fewer pixels. `weights` are those of
    the terms, see `scoring/weights.py`, or "paper" for the formula of the paper, see `scoring/paper.py`. `judge` adds
    the term of that name.

    With `stages` the weights change: from one stage's step to the next's in a straight line, and not before the first
    or after the last. Stages at neighbouring steps make a leap. `terms` are functions of the user's own.
    """

    render: bool = True
    view_method: ViewMethod = "renders"
    weights: Weights | Literal["paper"] = field(default_factory=Weights)
    stages: tuple[WeightStage, ...] = ()
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    terms: tuple[TermSettings, ...] = ()

    def weights_at(self, step: int) -> Weights | Literal["paper"]:
        """The weights at a step, counted from 0."""
        if not self.stages:
            return self.weights
        steps = [stage.step for stage in self.stages]
        rows = [asdict(stage.weights) for stage in self.stages]
        return Weights(**{term: float(np.interp(step, steps, [row[term] for row in rows])) for term in rows[0]})

    def term_weights_at(self, step: int) -> dict[str, float]:
        """The weights at a step by term, those of the user's own among them. Not for "paper", which has none."""
        weights = self.weights_at(step)
        assert isinstance(weights, Weights)
        return {**asdict(weights), **{term.name: term.weight for term in self.terms}}


@dataclass(frozen=True)
class CreditConfig:
    """Each turn is worth its discounted return (`advantage_level` "turn") or the episode's ("episode"), or of a group
    only the best episode is learnt from ("best"). With `normalize` "terms" the advantages of the reward's terms are
    normalised one by one and then summed, see `advantages.term_advantages`.

    Tokens that state an item's pose lose `item_penalty` of reward for a fault of that item, see `token_credit.py`.
    """

    advantage_level: AdvantageLevel = "turn"
    normalize: Normalize = "reward"
    discount: float = bounded(0.5, at_most=1)
    item_penalty: float = 0.0


@dataclass(frozen=True)
class LearnerConfig:
    """AdamW on the whole batch, `num_iterations` times a step, in microbatches of up to `microbatch_tokens`.

    The learning rate rises over `warmup_steps` and falls to 0 over the last `lr_decay_fraction` of all steps. `threads`
    are torch's in the update, when the workers' cores are free. `bf16` computes in bfloat16; weights stay float32.
    `fsdp` shards weights and optimiser over the processes of torchrun instead of keeping them whole in each.
    """

    learning_rate: float = bounded(1e-4, above=0)
    warmup_steps: int = 5
    lr_decay_fraction: float = bounded(0.0, at_most=1)
    weight_decay: float = 0.0
    max_grad_norm: float = bounded(1.0, above=0)
    num_iterations: int = bounded(1, at_least=1)
    microbatch_tokens: int = bounded(4096, at_least=1)
    threads: int = bounded(1, at_least=1)
    bf16: bool = False
    fsdp: bool = False


@dataclass(frozen=True)
class CurriculumStage:
    """The most items that a task may have to place at a step, counted from 0."""

    step: int = 0
    items: int = bounded(8, at_least=1)


@dataclass(frozen=True)
class ValidationConfig:
    """Before the first step and after every `every` steps, 0 for never, `tasks` rooms that are not learnt from are laid
    out, greedily. The checkpoint with the best `measure` of them is kept: the mean reward, or the share of rooms that
    are clean, of each episode's best turn."""

    every: int = 0
    tasks: int = bounded(32, at_least=1)
    measure: Literal["reward", "clean"] = "reward"


@dataclass(frozen=True)
class FeedbackConfig:
    """What artists made of layouts, a `file` of the add-on's, "" for none: at each step the model learns from `batch`
    of its lines as well, at `weight` times the episodes' loss, and prefers the kept to the rejected by DPO's `beta`."""

    file: str = ""
    batch: int = bounded(16, at_least=1)
    weight: float = bounded(1.0, above=0)
    beta: float = bounded(0.1, above=0)


@dataclass(frozen=True)
class LoraConfig:
    """`rank` of the adapters, 0 for none; their output is scaled by `alpha` / `rank`. `gradient_checkpointing` computes
    activations a second time in the backward pass instead of keeping them."""

    rank: int = 0
    alpha: float = 32.0
    gradient_checkpointing: bool = False


@dataclass(frozen=True)
class TrainConfig:
    """`model` is the folder of the model to begin with, or a hub id. With `rendering` "compact" it is the embedded
    model, all of whose weights learn; with "full" a pretrained model, on whose language layers adapters learn.

    `tasks` are those of a generator, "typical" or "wide", or the path of a file as tasks.py writes it. `seed` sets
    which ones are drawn, and all else that is random. With a `curriculum` tasks have at most so many items to place as
    its stages say, in a straight line from one to the next; after the last one, any number.

    The newest `keep` checkpoints and the best are kept, the best by the rewards of training where there is no
    validation. After the first step and every `gallery_every` steps a group is rendered and written as a .blend; 0 for
    never. `wandb` is a project of Weights & Biases that metrics are logged to as well, "" for none.
    """

    model: str = "assets/models/tiny"
    rendering: Literal["compact", "full"] = "compact"
    tasks: str = "typical"
    seed: int = bounded(1, at_most=LARGEST_SEED)
    steps: int = bounded(150, at_least=1)
    threads: int = bounded(1, at_least=1)
    save_every: int = bounded(10, at_least=1)
    keep: int = bounded(2, at_least=1)
    gallery_every: int = 50
    wandb: str = ""
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    credit: CreditConfig = field(default_factory=CreditConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    curriculum: tuple[CurriculumStage, ...] = ()
    feedback: FeedbackConfig = field(default_factory=FeedbackConfig)

    @property
    def prompt_format(self) -> PromptFormat:
        """The form of the model's conversations."""
        return CompactFormat() if self.rendering == "compact" else FullFormat()

    def most_items_at(self, step: int) -> float:
        """The most items of a task at a step, counted from 0: infinity without a curriculum, and after its end."""
        if not self.curriculum or step > self.curriculum[-1].step:
            return math.inf
        steps, items = [stage.step for stage in self.curriculum], [stage.items for stage in self.curriculum]
        return math.floor(float(np.interp(step, steps, items)))


RENAMED = {
    "show_every": "gallery_every",
    "rollout.tasks": "rollout.tasks_per_step",
    "rollout.group": "rollout.num_generations",
    "rollout.answer_tokens": "rollout.max_completion_tokens",
    "rollout.context": "rollout.max_sequence_tokens",
    "rollout.resample": "rollout.max_resamples",
    "credit.credit": "credit.advantage_level",
    "credit.fault_penalty": "credit.item_penalty",
    "loss.kind": "loss.loss_type",
    "loss.clip_low": "loss.epsilon",
    "loss.clip_high": "loss.epsilon_high",
    "loss.kl": "loss.beta",
    "loss.kl_with_ratio": "loss.use_bias_correction_kl",
    "loss.longest": "loss.max_completion_length",
    "learner.decay": "learner.lr_decay_fraction",
    "learner.gradient_norm": "learner.max_grad_norm",
    "learner.passes": "learner.num_iterations",
    "learner.shard": "learner.fsdp",
    "lora.recompute": "lora.gradient_checkpointing",
}
"""Keys of former versions, and their names today."""

CHECKS = (
    Check(
        lambda c: c.rollout.max_completion_tokens < c.rollout.max_sequence_tokens,
        "rollout.max_completion_tokens",
        "less than rollout.max_sequence_tokens ({c.rollout.max_sequence_tokens})",
    ),
    Check(
        lambda c: c.loss.epsilon_high >= c.loss.epsilon, "loss.epsilon_high", "at least loss.epsilon ({c.loss.epsilon})"
    ),
    Check(
        lambda c: c.loss.loss_type != "gspo" or c.loss.epsilon_high <= 0.05,
        "loss.epsilon_high",
        "some 4e-4 for gspo, whose ratio is a mean over the episode",
    ),
    Check(
        lambda c: c.credit.advantage_level != "best" or not c.credit.item_penalty,
        "credit.item_penalty",
        'none beside credit.advantage_level = "best", which learns from whole episodes',
    ),
    Check(
        lambda c: c.credit.normalize == "reward" or c.credit.advantage_level != "best",
        "credit.normalize",
        '"reward" beside credit.advantage_level = "best", which ranks episodes by their rewards',
    ),
    Check(
        lambda c: c.credit.normalize == "reward" or c.loss.scales_rewards,
        "credit.normalize",
        '"reward" for dr_grpo, which divides by no deviation',
    ),
    Check(
        lambda c: c.credit.normalize == "reward" or c.reward.weights != "paper",
        "credit.normalize",
        '"reward" beside reward.weights = "paper", which has no weights of terms',
    ),
    Check(
        lambda c: c.loss.loss_type != "gspo" or not c.credit.item_penalty,
        "credit.item_penalty",
        "0 for gspo, which has one ratio for all tokens of an answer",
    ),
    Check(
        lambda c: all(a.step < b.step for a, b in zip(c.reward.stages, c.reward.stages[1:], strict=False)),
        "reward.stages",
        "each at a later step than the one before",
    ),
    Check(
        lambda c: all(a.step < b.step for a, b in zip(c.curriculum, c.curriculum[1:], strict=False)),
        "curriculum",
        "each stage at a later step than the one before",
    ),
    Check(
        lambda c: c.reward.weights != "paper" or not c.reward.stages,
        "reward.stages",
        'none beside reward.weights = "paper", which has no weights to change',
    ),
    Check(
        lambda c: c.reward.weights != "paper" or not c.reward.terms,
        "reward.terms",
        'none beside reward.weights = "paper", which has no weights to add to',
    ),
    Check(
        lambda c: len({term.name for term in c.reward.terms} - {*asdict(Weights())}) == len(c.reward.terms),
        "reward.terms",
        "functions with different names, none of them that of a term of reward.weights",
    ),
    Check(
        lambda c: bool(c.reward.judge.model) == bool(c.reward.judge.url),
        "reward.judge.url",
        "the base address of the server that has reward.judge.model, and none without a model",
    ),
    Check(
        lambda c: c.reward.render or not c.reward.judge.model,
        "reward.render",
        "true, since the judge grades renders",
    ),
    Check(
        lambda c: c.rendering == "full" or not c.lora.rank,
        "lora.rank",
        "0 for the compact rendering: all weights learn",
    ),
    Check(
        lambda c: c.rendering == "full" or not c.learner.fsdp,
        "learner.fsdp",
        "false for the compact rendering: its model is small",
    ),
    Check(
        lambda c: c.rendering == "compact" or c.lora.rank,
        "lora.rank",
        "at least 1 for the full rendering: adapters learn",
    ),
    Check(
        lambda c: c.rendering == "compact" or c.reward.render or not c.rollout.pictures,
        "reward.render",
        "true, since the images of the full rendering are renders",
    ),
)
"""What settings must fulfil together; the first that does not hold is reported."""


def read_config(path: str, changes: Sequence[str] = ()) -> TrainConfig:
    """The configuration of a TOML file with `key=value` changes on top. Raises InputError that names the key."""
    config = read_dataclass(TrainConfig, path, changes, RENAMED, CHECKS)
    _check_model(config, path)
    return config


def _check_model(config: TrainConfig, source: str) -> None:
    """The folder holds a model of the kind that is asked for; what a hub id stands for is not known yet."""
    folder = Path(shipped(config.model))
    if config.rendering == "full" and not folder.exists() and HUB_ID.fullmatch(config.model):
        return
    if not (folder / "config.json").is_file():
        raise InputError(source, "model", "a model's folder, with its config.json", config.model)
    if config.rendering == "compact":
        if not (folder / "metaspatial.json").is_file():
            raise InputError(source, "model", "one with a metaspatial.json, as the embedded model", config.model)
        return
    family = read_json(folder / "config.json").get("model_type")
    if family not in FAMILIES:
        raise InputError(source, "model", f"one of {', '.join(FAMILIES)}", family)
