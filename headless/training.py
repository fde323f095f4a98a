"""What pretraining and reinforcement learning share: learning-rate schedule, log of metrics, checkpoints."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from headless.cli import CommandError, progress
from metaspatial_addon.core.files import write_file
from metaspatial_addon.prompts.png import read_png

METRICS = "metrics.jsonl"

FILES = "files.json"
"""Name of the file in a checkpoint that has the size in bytes of each of its other files, by name."""

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
            write_file(path, "".join(kept).encode())
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
    """The whole checkpoints of a run, oldest first: the folders that hold the file `state`."""
    return [path for path in _kept(folder, state) if _is_whole(path)]


def last_checkpoint(folder: Path, state: str, resume: bool) -> Path | None:
    """The newest whole checkpoint, from which a run goes on; those after it are named in a line of progress.

    Raises CommandError where there is a checkpoint and `resume` is false, and where none of them is whole.
    """
    kept = _kept(folder, state)
    if not kept:
        return None
    if not resume:
        raise CommandError(f"--run {folder}: it holds {kept[-1].name}: add --resume, or choose another folder")
    whole = [path for path in kept if _is_whole(path)]
    damaged = ", ".join(path.name for path in kept if not whole or path > whole[-1])
    if not whole:
        raise CommandError(
            f"--run {folder}: no whole checkpoint, files missing or cut short in {damaged}: choose another folder"
        )
    if damaged and os.environ.get("RANK", "0") == "0":  # torchrun's number of the process: one of them says it
        progress(f"{folder}: {damaged} has files missing or cut short: going on from {whole[-1].name}")
    return whole[-1]


def _kept(folder: Path, state: str) -> list[Path]:
    """The checkpoints of a run, oldest first, whole or not."""
    paths = folder.glob("checkpoint-*")
    return sorted(path for path in paths if any((path / name).is_file() for name in (state, FILES)))


def _is_whole(checkpoint: Path) -> bool:
    """Whether all files are there in their full size. Checkpoints of earlier versions, without FILES, are taken as
    whole."""
    try:
        sizes = json.loads((checkpoint / FILES).read_text(encoding="utf-8"))
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except FileNotFoundError:
        return not (checkpoint / FILES).exists()
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def new_checkpoint(folder: Path, step: int) -> Iterator[Path]:
    """A folder to write a checkpoint into. It is named `checkpoint-STEP` when the body has ended and all is on disk:
    a run that is killed in between, or whose machine loses power, goes on from the one before."""
    part, final = folder / "checkpoint.part", folder / f"checkpoint-{step:06d}"
    shutil.rmtree(part, ignore_errors=True)
    yield part
    sizes = {path.relative_to(part).as_posix(): path.stat().st_size for path in part.rglob("*") if path.is_file()}
    (part / FILES).write_text(json.dumps(sizes) + "\n", encoding="utf-8")
    for path in (*part.rglob("*"), part):
        _flush_to_disk(path)
    shutil.rmtree(final, ignore_errors=True)
    os.replace(part, final)
    _flush_to_disk(folder)


def _flush_to_disk(path: Path) -> None:
    """Have the operating system write out a file, or the names in a folder where the file system can do that."""
    folder, windows = path.is_dir(), sys.platform == "win32"
    if folder and windows:  # where no folder can be opened
        return
    descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        with suppress(OSError) if folder else nullcontext():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_old(paths: Sequence[Path], keep: int, best: Path | None = None) -> None:
    """Remove all checkpoints but the last `keep` and the best."""
    for path in paths[:-keep]:
        if path != best:
            shutil.rmtree(path)
