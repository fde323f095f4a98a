"""Our losses beside those of TRL, on a grid of settings: the loss and its gradient within 1e-6.

TRL wants packages that bpy does not stand, so it has an environment of its own: `make test-trl`.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from types import SimpleNamespace
from typing import get_args

import pytest

torch = pytest.importorskip("torch")
trl = pytest.importorskip("trl", reason="TRL has an environment of its own: make test-trl")

from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.utils import nanstd

from headless.rl.advantages import turn_advantages
from headless.rl.losses import BatchSize, LossConfig, LossType, Tokens, policy_loss

pytestmark = pytest.mark.slow
ROWS, LENGTH, LONGEST, MICROBATCHES = 4, 9, 33, 2


class Accelerator:
    """One process: nothing to gather."""

    num_processes = 1
    sync_gradients = True

    def gather(self, value):
        return value

    def reduce(self, value, reduction):
        return value


def trainer(new: torch.Tensor, settings: LossConfig, corrected: bool) -> SimpleNamespace:
    """A GRPOTrainer as far as its `_compute_loss` looks, whose model says `new`."""
    level = "sequence" if settings.loss_type == "gspo" else "token"
    return SimpleNamespace(
        model=SimpleNamespace(training=True),
        args=SimpleNamespace(
            delta=None, use_bias_correction_kl=settings.use_bias_correction_kl, steps_per_generation=MICROBATCHES
        ),
        loss_type="grpo" if settings.loss_type == "gspo" else settings.loss_type,
        importance_sampling_level=level,
        epsilon_low=settings.epsilon,
        epsilon_high=settings.epsilon_high,
        beta=settings.beta,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=corrected,
        vllm_importance_sampling_correction=corrected,
        max_completion_length=LONGEST,
        current_gradient_accumulation_steps=MICROBATCHES,
        accelerator=Accelerator(),
        aux_loss_enabled=False,
        _entropy_bonus_enabled=False,
        _metrics={"train": defaultdict(list)},
        _get_per_token_logps_and_entropies=lambda *args, **kwargs: (new, torch.zeros_like(new), None),
    )


def drawn(seed: int, *, by_token: bool, on_policy: bool) -> Tokens:
    """Two microbatches of tokens in float32; the last row has none of its own."""
    generator = torch.Generator().manual_seed(seed)
    rows = ROWS * MICROBATCHES

    def normal(scale, length=LENGTH):
        return scale * torch.randn(rows, length, generator=generator)

    old = -normal(1.0).abs()
    mask = (torch.rand(rows, LENGTH, generator=generator) < 0.7).float()
    mask[-1] = 0
    new = old.clone() if on_policy else old + normal(0.3)
    advantages = normal(1.0) if by_token else normal(1.0, 1).expand(-1, LENGTH)
    return Tokens(new.requires_grad_(), old, mask, advantages, sampler=old + normal(0.5), reference=old + normal(0.3))


GRID = list(
    itertools.product(
        get_args(LossType), (0.2, 0.28), (0.0, 0.04), (True, False), (True, False), (True, False), (True, False)
    )
)


@pytest.mark.parametrize("kind, epsilon_high, kl, use_bias_correction_kl, corrected, by_token, on_policy", GRID)
def test_loss_and_gradient_are_those_of_trl(
    kind, epsilon_high, kl, use_bias_correction_kl, corrected, by_token, on_policy
):
    settings = LossConfig(
        kind,
        0.2,
        epsilon_high,
        kl,
        use_bias_correction_kl,
        max_completion_length=LONGEST,
        gap_threshold=0.0,
        importance_cap=2.0,
    )
    for seed in range(3):
        made = drawn(seed, by_token=by_token, on_policy=on_policy)
        batch = BatchSize(ROWS * MICROBATCHES, int(made.mask.sum()))
        ours = theirs = 0.0
        gradients = []
        for k in range(MICROBATCHES):
            part = Tokens(
                **{
                    name: None if value is None else value[k * ROWS : (k + 1) * ROWS]
                    for name, value in vars(made).items()
                }
            )
            if not corrected:
                part = Tokens(**(vars(part) | {"sampler": None}))
            if not kl:
                part = Tokens(**(vars(part) | {"reference": None}))
            ours = ours + policy_loss(part, settings, batch)[0]
            theirs = theirs + GRPOTrainer._compute_loss(
                trainer(part.new, settings, corrected), None, trl_inputs(part, settings, batch)
            )
        for loss in (ours, theirs):
            made.new.grad = None
            loss.backward(retain_graph=True)
            gradients.append(made.new.grad.clone())
        assert ours.item() == pytest.approx(theirs.item(), abs=1e-6)
        assert (gradients[0] - gradients[1]).abs().max() < 1e-6


def trl_inputs(part: Tokens, settings: LossConfig, batch: BatchSize) -> dict:
    """The microbatch as TRL holds it. Whole answers are the "completion", other's words in them its tool mask."""
    nothing = torch.zeros(ROWS, 0, dtype=torch.long)
    inputs = {
        "prompt_ids": nothing,
        "prompt_mask": nothing,
        "completion_ids": torch.zeros(ROWS, LENGTH, dtype=torch.long),
        "completion_mask": torch.ones(ROWS, LENGTH),
        "tool_mask": part.mask,
        "advantages": part.advantages,
        "old_per_token_logps": part.old,
        "num_items_in_batch": torch.tensor(float(batch.tokens)),
    }
    if part.reference is not None:
        inputs["ref_per_token_logps"] = part.reference
    if part.sampler is not None:  # its "token_truncate"
        inputs["importance_sampling_ratio"] = torch.exp(part.old - part.sampler).clamp(max=settings.importance_cap)
    return inputs


def test_one_turn_has_the_advantages_of_trl():
    rewards = torch.rand(6 * 8, generator=torch.Generator().manual_seed(1))
    groups = torch.arange(6).repeat_interleave(8)
    mean = rewards.view(-1, 8).mean(dim=1).repeat_interleave(8)
    deviation = nanstd(rewards.view(-1, 8), dim=1).repeat_interleave(8)
    found = turn_advantages(rewards[:, None], torch.ones(48, 1, dtype=torch.bool), groups)
    assert (found[:, 0] - (rewards - mean) / (deviation + 1e-4)).abs().max() < 1e-6
