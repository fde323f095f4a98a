"""What a step is watched by: a JSON line and TensorBoard, under names that tell the unit."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import torch
from torch.utils.tensorboard import SummaryWriter

from metaspatial_addon.core.faults import hard_counts
from metaspatial_addon.prompts.png import read_png

from ..rollout import Episode, chosen_tokens

FILE = "metrics.jsonl"

_NEVER = 10**8
"""Seconds. TensorBoard's thread would wake now and then: it is flushed after each step, and sleeps while Blender works
(`metaspatial_addon/blender/physics/settle.py` says why)."""


def of_episodes(episodes: Sequence[Episode], turns: int) -> dict[str, float]:
    """Means by turn over the episodes that played it: `reward/turn_1`, `terms/collision/turn_1`, and so on.

    `faulty/…` are shares of items, of usable answers; `usable` and `clean` shares of answers; `tokens/…` are those that
    the model chose.
    """
    found: dict[str, float] = {}
    sizes = [chosen_tokens(episode) for episode in episodes]
    for k in range(turns):
        scores = [episode.scores[k] for episode in episodes if len(episode.scores) > k]
        if not scores:
            continue
        usable = [score for score in scores if score.status == "ok"]
        name = f"turn_{k + 1}"
        found[f"reward/{name}"] = _mean([score.reward or 0.0 for score in scores])
        for term in scores[0].terms:
            found[f"terms/{term}/{name}"] = _mean([score.terms.get(term, 0.0) for score in scores])
        items = max(sum(score.counts["items"] for score in usable), 1)
        for count in hard_counts():
            found[f"faulty/{count}/{name}"] = sum(score.counts[count] for score in usable) / items
        found[f"usable/{name}"] = len(usable) / len(scores)
        found[f"clean/{name}"] = sum(score.evidence.clean for score in usable) / len(scores)
        found[f"tokens/{name}"] = _mean([float(size[k]) for size in sizes if len(size) > k])
        found[f"played/{name}"] = len(scores) / len(episodes)
    found["reward/last"] = _mean([episode.scores[-1].reward or 0.0 for episode in episodes])
    found["reward/best"] = _mean([max(score.reward or 0.0 for score in episode.scores) for episode in episodes])
    return found


@dataclass
class TokenTally:
    """Sums over the tokens that the model chose, from all microbatches of a pass."""

    tokens: int = 0
    loss: float = 0.0
    clipped_low: float = 0.0
    clipped_high: float = 0.0
    kl: float = 0.0
    entropy: float = 0.0
    gap: float = 0.0
    largest_gap: float = 0.0

    def add_gap(self, gap: torch.Tensor) -> None:
        """`gap` (N,) between log-probabilities of the sampler and of the learner, at the same weights."""
        self.gap += gap.abs().sum().item()
        self.largest_gap = max(self.largest_gap, gap.abs().max().item())

    @classmethod
    def together(cls, parts: Sequence[TokenTally]) -> TokenTally:
        """The sums of processes that learnt from parts of one batch; `tokens` is the whole batch's in each."""
        found = cls(parts[0].tokens)
        for part in parts:
            for name in ("loss", "clipped_low", "clipped_high", "kl", "entropy", "gap"):
                setattr(found, name, getattr(found, name) + getattr(part, name))
            found.largest_gap = max(found.largest_gap, part.largest_gap)
        return found

    def means(self) -> dict[str, float]:
        count = max(self.tokens, 1)
        return {
            "loss": self.loss,
            "clip/low": self.clipped_low / count,
            "clip/high": self.clipped_high / count,
            "kl": self.kl / count,
            "entropy": self.entropy / count,
            "logprob_gap/mean": self.gap / count,
            "logprob_gap/max": self.largest_gap,
        }


def resident_megabytes() -> float:
    """Memory of this process that is in use now, where the system tells (Linux), else 0."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory(device: torch.device) -> dict[str, float]:
    """Memory of this process, and on a graphics card the most of its own that was in use in this step."""
    found = {"memory_mb": resident_megabytes()}
    if device.type == "cuda":
        found["memory_gpu_mb"] = torch.cuda.max_memory_allocated(device) / 2**20
        torch.cuda.reset_peak_memory_stats(device)
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@dataclass
class Log:
    """Writes each step's figures. Lines after step `done`, which a stopped run left behind, are taken out."""

    folder: Path
    done: int
    _lines: list[str] = field(default_factory=list)

    def __enter__(self) -> Log:
        path = self.folder / FILE
        if path.exists():
            kept = [line for line in path.read_text(encoding="utf-8").splitlines(True) if _step(line) <= self.done]
            beside = path.with_name(FILE + ".part")
            beside.write_text("".join(kept), encoding="utf-8")
            os.replace(beside, path)
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(self.folder), purge_step=self.done + 1, flush_secs=_NEVER)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        self._board.close()

    def write(self, step: int, figures: dict[str, float]) -> None:
        """The figures of a step, counted from 1."""
        rounded = {name: float(f"{value:.6g}") for name, value in figures.items()}
        self._file.write(json.dumps({"step": step, **rounded}) + "\n")
        self._file.flush()
        for name, value in figures.items():
            self._board.add_scalar(name, value, step)
        self._board.flush()

    def picture(self, step: int, name: str, png: Path) -> None:
        """Show a picture in TensorBoard."""
        self._board.add_image(name, read_png(png.read_bytes(), png), step, dataformats="HWC")
        self._board.flush()


def _step(line: str) -> float:
    """The step of a line; infinity for one that was cut off."""
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return float("inf")
