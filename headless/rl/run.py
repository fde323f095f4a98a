"""A training run: from the configuration to checkpoints and metrics. Called by `headless/train.py`."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.utils import KwargsHandler, gather_object

from headless import cli
from headless.judge import JudgeSettings, open_judge
from headless.training import (
    MetricsLog,
    changed_settings,
    last_checkpoint,
    open_wandb,
    stopped_after_a_step,
    write_settings,
)
from headless.user_terms import import_term
from metaspatial_addon.core.faults import hard_counts
from metaspatial_addon.core.shipped import shipped
from metaspatial_addon.policy.model_loading import load_in_one_thread

from . import checkpoint
from .config import TrainConfig
from .envs.pool import Pool, Timeouts
from .envs.pool_worker import WorkerConfig
from .envs.process import ProcessWorker
from .envs.sync import SyncEnvironments
from .logs.gallery import RolloutGallery
from .logs.records import TurnWriter
from .logs.timer import PHASES
from .policies.base import TrainablePolicy
from .policies.compact import CompactPolicy
from .success import SuccessRates
from .training_step import Trainer, train_step
from .validation import validate

PROCESS_TIMEOUT = timedelta(hours=2)
"""How long one process may wait for another."""
MOST_IDLE_STEPS = 10
"""Steps in a row from which nothing could be learnt, after which a run ends."""
JUDGED_TURN_TIMEOUT = 900.0
"""Seconds that a worker may take at least for a turn with a judge, whose server may be asked several times."""
LARGE_GAP = 5e-3
"""Mean difference of a token's log-probability, sampler to learner, at which importance weights act everywhere."""


def train(
    config: TrainConfig, folder: Path, resume: bool, workers: int = 0, ray: str = "", sets: Sequence[str] = ()
) -> None:
    """Train from the last checkpoint in `folder`, or from the start, to the last step. Raises CommandError.

    `sets` are the `key=value` that the command gave, which a run may go on with in other values than it was begun.
    Environments work in this process, in `workers` processes of their own, or in that many actors of the Ray cluster
    at `ray`. Of several processes that torchrun started each has its environments, and the first alone writes.
    """
    accelerator = open_accelerator(config)
    cli.output_folder(str(folder), "--run", made=not resume)
    with cli.sole_use(folder, "--run") if accelerator.is_main_process else nullcontext():
        _train(config, folder, accelerator, last_checkpoint(folder, checkpoint.STATE, resume), workers, ray, sets)


def _train(
    config: TrainConfig,
    folder: Path,
    accelerator: Accelerator,
    last: Path | None,
    workers: int,
    ray: str,
    sets: Sequence[str],
) -> None:
    """Train from the checkpoint `last`, or from the start, in a folder that no other command writes to."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)  # adapters begin with random numbers
    policy = open_policy(config)
    if last:
        policy.load(last)
    progress = checkpoint.read_progress(last) if last else checkpoint.TrainingProgress()
    changes = changed_settings(config, folder, progress.step, sets) if last else []
    first = accelerator.process_index * workers
    with open_environments(config, workers, ray, folder, first) as environments:
        trainer = Trainer(config, policy, environments, accelerator, progress.drawn, SuccessRates(progress.success))
        if last:
            checkpoint.load_optimiser(last, trainer)
        if accelerator.is_main_process:
            write_settings(config, folder, changes)
            if trainer.feedback:
                cli.progress(trainer.feedback.summary())
            trainer.records = TurnWriter(folder, progress.step, config.prompt_format, record_settings(config))
            mirror = open_wandb(folder, config)
            with MetricsLog(folder, progress.step, mirror) as log, RolloutGallery(folder, log) as gallery:
                _run_steps(trainer, progress.step, folder, log, gallery)
        else:
            _run_steps(trainer, progress.step, folder)
        trainer.close()


def _run_steps(
    trainer: Trainer, done: int, folder: Path, log: MetricsLog | None = None, gallery: RolloutGallery | None = None
) -> None:
    """The steps after `done`. The first process alone has a log and a gallery; all take part in a checkpoint.

    A signal to one of the processes ends all after the step at hand, with a checkpoint.
    """
    config, began, rewards = trainer.config, time.monotonic(), []
    idle_steps = 0
    if config.validation.every and not done:
        at_start = validate(trainer, 0)
        if log is not None:
            log.write(0, at_start)
            cli.progress(f"before the first step: {validation_text(at_start)}")
    with stopped_after_a_step() as pending:
        for number in range(done, config.steps):
            metrics = train_step(trainer, number)
            rewards.append(metrics["reward/last"])
            validated = bool(config.validation.every) and (number + 1) % config.validation.every == 0
            if validated:
                metrics |= validate(trainer, number + 1)
            if log is not None:
                log.write(number + 1, metrics)
                seconds = (time.monotonic() - began) / (number + 1 - done)
                cli.progress(progress_line(number + 1, config.steps, metrics, seconds))
                if validated:
                    cli.progress(f"after step {number + 1}: {validation_text(metrics)}")
            interrupt = next(filter(None, gather_object([pending()])), None)
            last = number + 1 == config.steps or interrupt is not None
            if (number + 1) % config.save_every == 0 or validated or last:
                reward, worth = sum(rewards) / len(rewards), metrics.get(f"validation/{config.validation.measure}")
                progress = checkpoint.TrainingProgress(number + 1, trainer.drawn, reward, worth, trainer.success.counts)
                checkpoint.save(folder, trainer, progress)
                rewards = []
            if interrupt is not None:
                raise interrupt
            idle_steps = idle_steps + 1 if metrics["groups/without_variance"] == 1 else 0
            if idle_steps == MOST_IDLE_STEPS:
                raise cli.CommandError(
                    f"{idle_steps} steps in a row taught nothing: in no group were two answers worth different rewards "
                    f"({metrics['usable/turn_1']:.0%} of the answers could be used): try other tasks, a higher "
                    "temperature, or a model that answers in the expected form"
                )
            if gallery is not None and trainer.records is not None:
                if config.gallery_every and (number == 0 or (number + 1) % config.gallery_every == 0):
                    gallery.add(number + 1, trainer.records.group)
                gallery.poll()


def open_accelerator(config: TrainConfig) -> Accelerator:
    """The accelerator, which knows the processes that torchrun started to learn together. Raises CommandError."""
    # The embedded model is on the CPU. Without images the vision tower has no part in the loss.
    on_cpu = config.rendering == "compact" or not torch.cuda.is_available()
    handlers: list[KwargsHandler] = [DistributedDataParallelKwargs(find_unused_parameters=True)]
    if "LOCAL_RANK" in os.environ:
        # A process may wait while another's workers are replaced. On CPUs, a torch with MPI would choose that, which
        # does not know the processes that torchrun started.
        handlers.append(InitProcessGroupKwargs(backend="gloo" if on_cpu else "nccl", timeout=PROCESS_TIMEOUT))
    accelerator = Accelerator(cpu=on_cpu, kwargs_handlers=handlers)
    if config.learner.fsdp and accelerator.num_processes == 1:
        raise cli.CommandError("learner.fsdp: there is one process to spread a model over: start several by torchrun")
    if config.rollout.tasks_per_step % accelerator.num_processes:
        raise cli.CommandError(
            f"rollout.tasks_per_step: expected a multiple of the {accelerator.num_processes} processes, "
            f"got {config.rollout.tasks_per_step}"
        )
    return accelerator


def open_policy(config: TrainConfig) -> TrainablePolicy:
    """The model that the run begins with."""
    load_in_one_thread()
    if config.rendering == "compact":
        return CompactPolicy(shipped(config.model), config.rollout.free_places)
    from .policies.chat import ChatPolicy  # needs peft and pillow

    return ChatPolicy(config.model, config.lora)


def record_settings(config: TrainConfig) -> dict[str, Any]:
    """The run's settings as every line of `turns.jsonl` has them."""
    return {
        "policy": config.model,
        "rendering": config.rendering,
        "temperature": config.rollout.temperature,
        "pixels": 0 if config.rendering == "compact" else config.rollout.pixels,
        "engine": "cycles",
        "judge": config.reward.judge.model,
    }


def open_environments(
    config: TrainConfig, workers: int = 0, ray: str = "", logs: Path | None = None, first: int = 0
) -> SyncEnvironments | Pool:
    """The environments of the run, a context manager. Worker processes write their logs to the folder `logs`, numbered
    from `first`. Raises PolicyError for a judge's address or key that cannot be used, InputError for a term."""
    grader = config.reward.judge
    judge = JudgeSettings(grader.model, grader.url, grader.samples) if grader.model else None
    pixels = config.rollout.pixels if config.rendering == "full" or judge else 0
    if workers and judge and judge.url:
        open_judge(judge)  # an address or a key that cannot be used is refused here: in a worker it would be a bug
    for term in config.reward.terms if workers else ():
        import_term(term)  # the same holds for a function
    if not workers:
        return SyncEnvironments(config.prompt_format, pixels, config.threads, judge, config.reward.terms)
    worker_config = WorkerConfig(config.rendering, pixels, judge=judge, user_terms=config.reward.terms)
    seconds = config.rollout.turn_timeout
    timeouts = Timeouts(turn=max(seconds, JUDGED_TURN_TIMEOUT) if judge else seconds)
    if ray:
        from .envs import ray_worker  # needs ray

        ray_worker.connect(ray)
        return Pool(lambda number: ray_worker.RayWorker(worker_config), workers, timeouts)
    folder = logs or Path()
    return Pool(lambda number: ProcessWorker(worker_config, folder / f"worker_{first + number}.log"), workers, timeouts)


def merge_last(config: TrainConfig, folder: Path) -> None:
    """Write the model with the last checkpoint's adapter merged into it to `folder`/merged. Raises CommandError."""
    paths = checkpoint.checkpoints(folder)
    if not paths:
        raise cli.CommandError(f"--run {folder}: it holds no checkpoint")
    if config.rendering == "compact":
        raise cli.CommandError(f"--merge: {paths[-1]} is a whole model already, without an adapter")
    from .policies.chat import merge

    merge(config.model, paths[-1], folder / "merged")
    cli.progress(f"{paths[-1].name} merged in {folder / 'merged'}")


def progress_line(step: int, steps: int, metrics: dict[str, float], seconds: float) -> str:
    """A step in one line; `seconds` is the mean time of a step so far."""
    turns = [value for name, value in metrics.items() if name.startswith("reward/turn_")]
    phases = ", ".join(f"{phase} {metrics[f'seconds/{phase}']:.1f}" for phase in PHASES)
    usable, equal = metrics["usable/turn_1"], metrics["groups/without_variance"]
    faults = "  ".join(f"{count} {metrics[f'faulty/{count}/turn_1']:.1%}" for count in hard_counts()) if usable else ""
    taught = f"usable {usable:.1%}  groups without variance {equal:.0%}  {faults}".rstrip()
    left = seconds * (steps - step) / 60
    gap = metrics["logprob_gap/mean"]
    warning = f"  sampler and learner differ by {gap:.1e} a token" if gap > LARGE_GAP else ""
    return (
        f"step {step}/{steps}  reward {' '.join(f'{reward:.3f}' for reward in turns)}  {taught}  "
        f"{metrics['seconds/step']:.1f} s ({phases})  {left:.0f} min left{warning}"
    )


def validation_text(metrics: dict[str, float]) -> str:
    """What a validation gave, in a line."""
    if "validation/reward" not in metrics:
        return "no validation room has a result"
    faults = "  ".join(f"{count} {metrics[f'validation/faulty/{count}']:.1%}" for count in hard_counts())
    return f"validation  reward {metrics['validation/reward']:.3f}  clean {metrics['validation/clean']:.1%}  {faults}"
