"""What pretraining and reinforcement learning share: learning-rate schedule, log of metrics, checkpoints."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from torch.utils.tensorboard import SummaryWriter

from headless.cli import CommandError, progress
from headless.config import write_config
from headless.interruption import Interrupted, deferred
from metaspatial_addon.core import files
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.reading import parse_json
from metaspatial_addon.episode.records import append_line
from metaspatial_addon.prompts.png import read_png

if TYPE_CHECKING:
    from headless.weights_and_biases import WandbLog

METRICS = "metrics.jsonl"
BOARD = "events.out.tfevents"
"""Beginning of the names that TensorBoard gives its files."""

CONFIG = "config.toml"
CHANGES = "changes.jsonl"
"""The settings with which a run went on otherwise than it was begun: a line each."""

MAY_CHANGE = (
    *("steps", "threads", "learner.threads", "workers", "save_every", "keep", "log_every", "gallery_every"),
    *("wandb", "validation.every", "rollout.turn_timeout"),
)
"""Settings that a run may go on with in other values: how long it is, what it costs, and what it shows. Others may
change where `--set` names them."""
BEGUN_WITH = ("model", "start", "rendering", "seed", "tasks", "layouts", "lora", "shape")
"""Settings and tables that stay as the run was begun: its weights, and its place in the tasks or lessons."""

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
    """Writes a run's metrics to `metrics.jsonl`, TensorBoard and, if given, Weights & Biases. Use it as a context
    manager.

    Lines of steps after `done`, which a stopped run left behind, are removed.
    """

    folder: Path
    done: int
    wandb: WandbLog | None = None

    def __enter__(self) -> MetricsLog:
        path = self.folder / METRICS
        if path.exists():
            kept = [line for line in path.read_text(encoding="utf-8").splitlines(True) if _step(line) <= self.done]
            files.write_file(path, "".join(kept).encode())
        self._board = SummaryWriter(str(self.folder), purge_step=self.done + 1, flush_secs=_NEVER)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):  # of a full disk, which has been said
            self._board.close()
        if self.wandb is not None:
            self.wandb.close(failed=kind is not None)

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """The metrics of a step, counted from 1, rounded to six digits in the file."""
        if self.wandb is not None:
            self.wandb.write(step, metrics)
        rounded = {name: float(f"{value:.6g}") for name, value in metrics.items()}
        append_line(self.folder / METRICS, {"step": step, **rounded})
        try:
            for name, value in metrics.items():
                self._board.add_scalar(name, value, step)
            self._board.flush()
        except OSError as error:
            raise files.named(error, self.folder / BOARD) from error

    def image(self, step: int, name: str, png: Path) -> None:
        """Show an image."""
        if self.wandb is not None:
            self.wandb.image(step, name, png)
        self._board.add_image(name, read_png(png.read_bytes(), png), step, dataformats="HWC")
        self._board.flush()


def open_wandb(folder: Path, config: Any) -> WandbLog | None:
    """The log of a run in Weights & Biases, None where its configuration names no project. Raises CommandError."""
    if not config.wandb:
        return None
    from headless.weights_and_biases import WandbLog  # needs wandb

    return WandbLog(folder, config.wandb, config)


def _step(line: str) -> float:
    """The step of a line; infinity for one that was cut off."""
    try:
        return float(parse_json(line, "", allow_nan=True)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


@contextmanager
def stopped_after_a_step() -> Iterator[Callable[[], Interrupted | None]]:
    """Let the first signal wait until the step at hand has ended and its checkpoint is written.

    Yields a function that returns the signal, which the caller raises then; a second one raises at once.
    """

    def say() -> None:
        progress("stopping after this step, with a checkpoint; a second signal stops at once")

    with deferred(say) as pending:
        yield pending


def checkpoints(folder: Path, state: str) -> list[Path]:
    """The whole checkpoints of a run, oldest first: the folders that hold the file `state`."""
    return [path for path in _kept(folder, state) if _is_whole(path)]


def last_checkpoint(folder: Path, state: str, resume: bool) -> Path | None:
    """The newest whole checkpoint, from which a run goes on: a line of progress says so, and names those after it.

    Raises CommandError where there is a checkpoint and `resume` is false, where there is none and it is true, and where
    none of them is whole.
    """
    kept = _kept(folder, state)
    if not kept and resume:
        raise CommandError(f"--resume: --run {folder} holds no checkpoint: look for its name, or leave --resume out")
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
    if os.environ.get("RANK", "0") == "0":  # torchrun's number of the process: one of them says it
        passed_over = f"{damaged} has files missing or cut short: " if damaged else ""
        progress(f"{folder}: {passed_over}going on from {whole[-1].name}")
    return whole[-1]


def changed_settings(config: Any, folder: Path, done: int, sets: Sequence[str]) -> list[dict[str, Any]]:
    """The settings that a run of `done` steps goes on with and its `config.toml` has otherwise: lines of CHANGES.

    They may be those of MAY_CHANGE, and others that `sets`, the `key=value` of the command, name. Raises CommandError
    for any other, which it names.
    """
    named = [text.partition("=")[0].strip() for text in sets]
    try:
        before = _flat(tomllib.loads((folder / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValueError):  # of a run that was begun otherwise
        before = {}
    changes = []
    for key, value in _flat(json.loads(json.dumps(asdict(config)))).items():
        if before.get(key, value) == value:
            continue
        fixed = _is_of(key, BEGUN_WITH)
        if fixed or not _is_of(key, (*MAY_CHANGE, *named)):
            way = "choose another folder for a run with another" if fixed else "name it by --set to change it"
            raise CommandError(
                f"--run {folder}: {key}: expected {before[key]!r}, as the run was begun, got {value!r}: {way}"
            )
        changes.append({"step": done, "key": key, "before": before[key], "after": value})
    if done > config.steps:
        raise CommandError(f"--run {folder}: steps: expected at least the {done} that are done, got {config.steps}")
    if done == config.steps:
        progress(f"{folder}: all {done} steps are done: raise steps to go on")
    return changes


def write_settings(config: Any, folder: Path, changes: Sequence[Mapping[str, Any]]) -> None:
    """Write the settings that a run begins or goes on with, and a line for each change."""
    for change in changes:
        append_line(folder / CHANGES, change)
    write_config(config, folder / CONFIG)


def _is_of(key: str, names: Sequence[str]) -> bool:
    """Whether a dotted key is one of the names, or in a table of that name."""
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a table and of the tables in it, by dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _kept(folder: Path, state: str) -> list[Path]:
    """The checkpoints of a run, oldest first, whole or not."""
    paths = folder.glob("checkpoint-*")
    return sorted(path for path in paths if any((path / name).is_file() for name in (state, FILES)))


def _is_whole(checkpoint: Path) -> bool:
    """Whether all files are there in their full size. Checkpoints of earlier versions, without FILES, are taken as
    whole."""
    try:
        sizes = parse_json((checkpoint / FILES).read_text(encoding="utf-8"), checkpoint / FILES)
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except FileNotFoundError:
        return not (checkpoint / FILES).exists()
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def new_checkpoint(folder: Path, step: int) -> Iterator[Path]:
    """A folder to write a checkpoint into. It is named `checkpoint-STEP` when the body has ended and all is on disk:
    a run that is killed in between, or whose machine loses power, goes on from the one before.

    Raises OSError that names it where it cannot be written, and InputError where `folder` has gone.
    """
    part, final = folder / "checkpoint.part", folder / f"checkpoint-{step:06d}"
    shutil.rmtree(part, ignore_errors=True)
    files.unfinished.add(part)
    try:
        if not folder.is_dir():  # libraries would make it anew
            raise InputError(folder, "", "the folder of this run: it has gone")
        yield part
        sizes = {path.relative_to(part).as_posix(): path.stat().st_size for path in part.rglob("*") if path.is_file()}
        (part / FILES).write_text(json.dumps(sizes) + "\n", encoding="utf-8")
        files.put_in_place(part, final)
    except Exception as error:
        if isinstance(error, OSError) or files.is_full(error, folder):  # safetensors and torch have errors of their own
            raise files.named(error, final) from error
        raise
    finally:
        files.unfinished.discard(part)
        shutil.rmtree(part, ignore_errors=True)


def remove_old(paths: Sequence[Path], keep: int, best: Path | None = None) -> None:
    """Remove all checkpoints but the last `keep` and the best."""
    for path in paths[:-keep]:
        if path != best:
            shutil.rmtree(path)
