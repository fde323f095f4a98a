"""What pretraining and reinforcement learning share: learning-rate schedule, log of metrics, checkpoints."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from headless.cli import CommandError
from metaspatial_addon.prompts.png import read_png

METRICS = "metrics.jsonl"

_NEVER = 10**8
"""Seconds. TensorBoard's thread would wake now and then: it is flushed after each step, and sleeps while Blender works
(`metaspatial_addon/blender/physics/settle.py` says why)."""


def learning_rate_factor(step: int, steps: int, warmup_steps: int, decay_steps: float) -> float:
    """The share of the full learning rate at `step`, from 0, of `steps`: it rises linearly over the first
    `warmup_steps`, and falls linearly to 0 over the last `decay_steps`."""
    return min((step + 1) / max(warmup_steps, 1), 1.0, (steps - step) / max(decay_steps, 1))


@dataclass
class MetricsLog:
    """Writes a run's metrics to `metrics.jsonl` and TensorBoard. Use it as a context manager.

    Lines of steps after `done`, which a stopped run left behind, are removed.
    """

    folder: Path
    done: int

    def __enter__(self) -> MetricsLog:
        path = self.folder / METRICS
        if path.exists():
            kept = [line for line in path.read_text(encoding="utf-8").splitlines(True) if _step(line) <= self.done]
            part = path.with_name(METRICS + ".part")
            part.write_text("".join(kept), encoding="utf-8")
            os.replace(part, path)
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(self.folder), purge_step=self.done + 1, flush_secs=_NEVER)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        self._board.close()

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """The metrics of a step, counted from 1, rounded to six digits in the file."""
        rounded = {name: float(f"{value:.6g}") for name, value in metrics.items()}
        self._file.write(json.dumps({"step": step, **rounded}) + "\n")
        self._file.flush()
        for name, value in metrics.items():
            self._board.add_scalar(name, value, step)
        self._board.flush()

    def image(self, step: int, name: str, png: Path) -> None:
        """Show an image in TensorBoard."""
        self._board.add_image(name, read_png(png.read_bytes(), png), step, dataformats="HWC")
        self._board.flush()


def _step(line: str) -> float:
    """The step of a line; infinity for one that was cut off."""
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return float("inf")


def checkpoints(folder: Path, state: str) -> list[Path]:
    """The checkpoints of a run, oldest first: the folders that hold the file `state`."""
    return sorted(path for path in folder.glob("checkpoint-*") if (path / state).is_file())


def last_checkpoint(folder: Path, state: str, resume: bool) -> Path | None:
    """Where a run goes on from. Raises CommandError where there is a checkpoint and `resume` is false."""
    last = next(reversed(checkpoints(folder, state)), None)
    if last is not None and not resume:
        raise CommandError(f"--run {folder}: it holds {last.name}: add --resume, or choose another folder")
    return last


@contextmanager
def new_checkpoint(folder: Path, step: int) -> Iterator[Path]:
    """A folder to write a checkpoint into. It is named `checkpoint-STEP` when the body ends: a run that is killed in
    between goes on from the one before."""
    part, final = folder / "checkpoint.part", folder / f"checkpoint-{step:06d}"
    shutil.rmtree(part, ignore_errors=True)
    yield part
    shutil.rmtree(final, ignore_errors=True)
    os.replace(part, final)


def remove_old(paths: Sequence[Path], keep: int, best: Path | None = None) -> None:
    """Remove all checkpoints but the last `keep` and the best."""
    for path in paths[:-keep]:
        if path != best:
            shutil.rmtree(path)
