"""The metrics of a training step, under names that say the unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from metaspatial_addon.core.faults import hard_counts
from metaspatial_addon.scoring.score import Score
from metaspatial_addon.worker.memory import resident_mb

from ..data import Episode


def episode_metrics(episodes: Sequence[Episode], turns: int) -> dict[str, float]:
    """Means by turn over the episodes that played it: `reward/turn_1`, `terms/collision/turn_1`, and so on.

    `tokens/…` are those that the model chose, `played/…` the share of episodes that had that turn. `reward/last` and
    `reward/best` are the means of the episodes' last and best turns.
    """
    metrics: dict[str, float] = {}
    chosen = [episode.chosen_tokens() for episode in episodes]
    for k in range(turns):
        scores = [episode.scores[k] for episode in episodes if len(episode.scores) > k]
        if scores:
            of_turn = {
                **score_metrics(scores),
                "tokens": _mean([float(tokens[k]) for tokens in chosen if len(tokens) > k]),
                "played": len(scores) / len(episodes),
            }
            metrics |= {f"{name}/turn_{k + 1}": value for name, value in of_turn.items()}
    metrics["reward/last"] = _mean([_reward(episode.scores[-1]) for episode in episodes])
    metrics["reward/best"] = _mean([_reward(best_score(episode)) for episode in episodes])
    return metrics


def best_score(episode: Episode) -> Score:
    """The score of the turn with the highest reward, the first of several."""
    return max(episode.scores, key=_reward)


def score_metrics(scores: Sequence[Score]) -> dict[str, float]:
    """Means over the answers of one turn.

    `terms/…` are means over the answers that have the term: an answer without a layout has no measured view. `faulty/…`
    are shares of items, of usable answers; `usable` and `clean` shares of answers.
    """
    usable = [score for score in scores if score.status == "ok"]
    terms = dict.fromkeys(term for score in scores for term in score.terms)
    items = max(sum(score.counts["items"] for score in usable), 1)
    return {
        "reward": _mean([_reward(score) for score in scores]),
        **{f"terms/{term}": _mean([s.terms[term] for s in scores if term in s.terms]) for term in terms},
        **{f"faulty/{count}": sum(score.counts[count] for score in usable) / items for count in hard_counts()},
        "usable": len(usable) / len(scores),
        "clean": sum(score.evidence.clean for score in usable) / len(scores),
    }


@dataclass
class UpdateStatistics:
    """Sums over the tokens that the model chose, from all microbatches of one pass over the batch."""

    tokens: int = 0
    loss: float = 0.0
    clipped_low: float = 0.0
    clipped_high: float = 0.0
    kl: float = 0.0
    entropy: float = 0.0
    gap: float = 0.0
    max_gap: float = 0.0

    def add_gap(self, gap: torch.Tensor) -> None:
        """`gap` (N,) between log-probabilities of the sampler and of the learner, at the same weights."""
        self.gap += gap.abs().sum().item()
        self.max_gap = max(self.max_gap, gap.abs().max().item())

    @classmethod
    def merged(cls, parts: Sequence[UpdateStatistics]) -> UpdateStatistics:
        """The sums of processes that learnt from parts of one batch; `tokens` is the whole batch's in each."""
        merged = cls(parts[0].tokens)
        for part in parts:
            for name in ("loss", "clipped_low", "clipped_high", "kl", "entropy", "gap"):
                setattr(merged, name, getattr(merged, name) + getattr(part, name))
            merged.max_gap = max(merged.max_gap, part.max_gap)
        return merged

    def metrics(self) -> dict[str, float]:
        """The loss, and means by token."""
        count = max(self.tokens, 1)
        return {
            "loss": self.loss,
            "clip/low": self.clipped_low / count,
            "clip/high": self.clipped_high / count,
            "kl": self.kl / count,
            "entropy": self.entropy / count,
            "logprob_gap/mean": self.gap / count,
            "logprob_gap/max": self.max_gap,
        }


def memory_metrics(device: torch.device) -> dict[str, float]:
    """Resident memory of this process, and the most memory of a graphics card that it had in use in this step."""
    metrics = {"memory_mb": resident_mb()}
    if device.type == "cuda":
        metrics["memory_gpu_mb"] = torch.cuda.max_memory_allocated(device) / 2**20
        torch.cuda.reset_peak_memory_stats(device)
    return metrics


def _reward(score: Score) -> float:
    return score.reward or 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
