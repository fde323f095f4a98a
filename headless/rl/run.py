"""A training run: from the configuration to checkpoints and figures. Called by `headless/train.py`."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.utils import KwargsHandler
from tqdm import tqdm

from headless import cli
from headless.config import write_config
from metaspatial_addon.core.faults import hard_counts
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.prompts.full import FullFormat, PromptFormat

from . import checkpoint
from .config import TrainConfig
from .envs.pool import Pool
from .envs.pool_worker import WorkerConfig
from .envs.process import ProcessWorker
from .envs.sync import SyncEnvironments
from .logs import metrics
from .logs.clock import PHASES
from .logs.gallery import RolloutGallery
from .logs.records import TurnLog
from .policies.base import TrainablePolicy
from .policies.compact import CompactPolicy
from .training_step import Trainer, train_step

LONGEST_WAIT = timedelta(hours=2)
"""Of one process for another."""


def train(config: TrainConfig, folder: Path, resume: bool, workers: int = 0, ray: str = "") -> None:
    """Train from the last checkpoint in `folder`, or from the start, to the last step. Raises CommandError.

    Environments work in this process, in `workers` of their own, or in that many actors of the Ray cluster at `ray`.
    Of several processes that torchrun started each has its environments, and the first alone writes.
    """
    accelerator = open_accelerator(config)
    earlier = checkpoint.checkpoints(folder)
    if earlier and not resume:
        raise cli.CommandError(f"--run {folder}: it holds {earlier[-1].name}: add --resume, or choose another folder")
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)  # adapters begin with random numbers
    actor = open_policy(config)
    if earlier:
        actor.load(earlier[-1])
    done = checkpoint.read_progress(earlier[-1]) if earlier else checkpoint.Progress()
    cli.output_folder(str(folder))
    first = accelerator.process_index * workers
    with open_environments(config, workers, ray, folder, first) as environments:
        trainer = Trainer(config, actor, environments, accelerator, done.drawn)
        if earlier:
            checkpoint.load_optimiser(earlier[-1], trainer)
        if accelerator.is_main_process:
            write_config(config, folder / "config.toml")
            with (
                metrics.Log(folder, done.step) as log,
                TurnLog(folder, done.step, prompt_format_of(config), record_settings(config)) as trainer.records,
                RolloutGallery(folder, log) as showing,
            ):
                _take_steps(trainer, done.step, folder, log, showing)
        else:
            _take_steps(trainer, done.step, folder)
        trainer.close()


def _take_steps(
    trainer: Trainer, done: int, folder: Path, log: metrics.Log | None = None, showing: RolloutGallery | None = None
) -> None:
    """The steps after `done`. The first process alone has a log and shows; all have a part in a checkpoint."""
    config, began, rewards = trainer.config, time.monotonic(), []
    for number in range(done, config.steps):
        figures = train_step(trainer, number)
        rewards.append(figures["reward/last"])
        if log is not None:
            log.write(number + 1, figures)
            seconds = (time.monotonic() - began) / (number + 1 - done)
            cli.progress(progress_line(number + 1, config.steps, figures, seconds))
        if (number + 1) % config.save_every == 0 or number + 1 == config.steps:
            progress = checkpoint.Progress(number + 1, trainer.drawn, sum(rewards) / len(rewards))
            checkpoint.save(folder, trainer, progress)
            rewards = []
        if showing is not None and trainer.records is not None:
            if config.gallery_every and (number == 0 or (number + 1) % config.gallery_every == 0):
                showing.begin(number + 1, trainer.records.group)
            showing.look()


def open_accelerator(config: TrainConfig) -> Accelerator:
    """Tells the processes that learn together apart, where torchrun started several. Raises CommandError."""
    # The embedded model lives on the CPU. Without pictures the vision tower has no part in the loss.
    on_cpu = config.rendering == "compact" or not torch.cuda.is_available()
    handlers: list[KwargsHandler] = [DistributedDataParallelKwargs(find_unused_parameters=True)]
    if "LOCAL_RANK" in os.environ:
        # A process may wait while another's workers are replaced. On CPUs, a torch that knows MPI would ask that, which
        # knows nothing of what torchrun started.
        handlers.append(InitProcessGroupKwargs(backend="gloo" if on_cpu else "nccl", timeout=LONGEST_WAIT))
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
    tqdm.monitor_interval = 0  # a bar would leave a thread behind, which wakes while Blender works: see `settle`
    if config.rendering == "compact":
        return CompactPolicy(config.model)
    from .policies.chat import ChatPolicy  # needs peft and pillow

    return ChatPolicy(config.model, config.lora)


def prompt_format_of(config: TrainConfig) -> PromptFormat:
    """The form of its conversations."""
    return CompactFormat() if config.rendering == "compact" else FullFormat()


def record_settings(config: TrainConfig) -> dict[str, Any]:
    """What every line of the run's turns says of how it was played."""
    return {
        "policy": config.model,
        "rendering": config.rendering,
        "temperature": config.rollout.temperature,
        "pixels": 0 if config.rendering == "compact" else config.rollout.pixels,
        "engine": "cycles",
    }


def open_environments(
    config: TrainConfig, workers: int = 0, ray: str = "", logs: Path | None = None, first: int = 0
) -> SyncEnvironments | Pool:
    """Where the run's episodes are played; a context manager. Logs of worker processes go to the folder `logs`, under
    numbers from `first`."""
    pixels = 0 if config.rendering == "compact" else config.rollout.pixels
    if not workers:
        return SyncEnvironments(prompt_format_of(config), pixels, config.threads)
    worker_config = WorkerConfig(config.rendering, pixels)
    if ray:
        from .envs import ray_worker  # needs ray

        ray_worker.connect(ray)
        return Pool(lambda number: ray_worker.RayWorker(worker_config), workers)
    return Pool(lambda number: ProcessWorker(worker_config, (logs or Path()) / f"worker_{first + number}.log"), workers)


def merge_last(config: TrainConfig, folder: Path) -> None:
    """Write the model with the last checkpoint's adapter worked in to `folder`/merged. Raises CommandError."""
    last = checkpoint.checkpoints(folder)
    if not last:
        raise cli.CommandError(f"--run {folder}: it holds no checkpoint")
    if config.rendering == "compact":
        raise cli.CommandError(f"--merge: {last[-1]} is a whole model already, without an adapter")
    from .policies.chat import merge

    merge(config.model, last[-1], folder / "merged")
    cli.progress(f"{last[-1].name} merged in {folder / 'merged'}")


def progress_line(step: int, steps: int, figures: dict[str, float], seconds: float) -> str:
    """One line for whoever watches; `seconds` is a step's mean."""
    turns = [value for name, value in figures.items() if name.startswith("reward/turn_")]
    phases = ", ".join(f"{phase} {figures[f'seconds/{phase}']:.1f}" for phase in PHASES)
    faults = "  ".join(f"{count} {figures[f'faulty/{count}/turn_1']:.1%}" for count in hard_counts())
    left = seconds * (steps - step) / 60
    return (
        f"step {step}/{steps}  reward {' '.join(f'{reward:.3f}' for reward in turns)}  {faults}  "
        f"{figures['seconds/step']:.1f} s ({phases})  {left:.0f} min left"
    )
