"""Losses against loops over plain numbers, and what must hold whatever the numbers are."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import get_args

import pytest

torch = pytest.importorskip("torch")

from headless.rl.losses import BatchSize, LossConfig, LossType, Tokens, k3, policy_loss

ROWS, LENGTH = 4, 7


def tokens(seed=0, **changes) -> Tokens:
    """Random tokens in double precision; the last row has none of its own."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(scale):
        return scale * torch.randn(ROWS, LENGTH, generator=generator, dtype=torch.float64)

    old = -drawn(1.0).abs()
    mask = (torch.rand(ROWS, LENGTH, generator=generator) < 0.7).double()
    mask[-1] = 0
    made = Tokens(
        new=(old + drawn(0.3)).requires_grad_(),
        old=old,
        mask=mask,
        advantages=drawn(1.0),
        sampler=old + drawn(0.5),
        reference=old + drawn(0.3),
    )
    return replace(made, **changes)


def batch_of(made: Tokens) -> BatchSize:
    return BatchSize(len(made.mask), int(made.mask.sum()))


def by_hand(made: Tokens, settings: LossConfig) -> float:
    """The same loss, one number at a time."""
    total = 0.0
    for b in range(ROWS):
        own = [t for t in range(LENGTH) if made.mask[b, t]]
        row = 0.0
        for t in own:
            new, old, sampler, reference, advantage = (
                x[b, t].item() for x in (made.new, made.old, made.sampler, made.reference, made.advantages)
            )
            ratio = math.exp(new - old)
            if settings.loss_type == "gspo":
                ratio = math.exp(sum((made.new[b, u] - made.old[b, u]).item() for u in own) / len(own))
            low, high = 1 - settings.epsilon, 1 + settings.epsilon_high
            one = -min(ratio * advantage, min(max(ratio, low), high) * advantage)
            if abs(old - sampler) > settings.gap_threshold:
                one *= min(math.exp(old - sampler), settings.importance_cap)
            distance = math.exp(reference - new) - (reference - new) - 1
            row += one + settings.beta * distance * (ratio if settings.use_bias_correction_kl else 1)
        if settings.loss_type in ("grpo", "gspo"):
            total += row / max(len(own), 1) / ROWS
        elif settings.loss_type == "dr_grpo":
            total += row / (ROWS * settings.max_completion_length)
        else:
            total += row / float(made.mask.sum())
    return total


@pytest.mark.parametrize("kind", get_args(LossType))
@pytest.mark.parametrize("kl, use_bias_correction_kl", [(0.0, True), (0.3, True), (0.3, False)])
@pytest.mark.parametrize("epsilon_high", [0.2, 0.28])
def test_the_loss_is_the_one_worked_out_by_hand(kind, kl, use_bias_correction_kl, epsilon_high):
    settings = LossConfig(
        kind, 0.2, epsilon_high, kl, use_bias_correction_kl, max_completion_length=20, gap_threshold=0.1
    )
    for seed in range(5):
        made = tokens(seed)
        loss, watched = policy_loss(made, settings, batch_of(made))
        assert loss.item() == pytest.approx(by_hand(made, settings), abs=1e-12)
        assert watched.kl == pytest.approx((k3(made.new, made.reference) * made.mask).sum().item())


@pytest.mark.parametrize("kind", get_args(LossType))
def test_microbatches_add_up_to_the_batch(kind):
    settings = LossConfig(kind, beta=0.1)
    made = tokens()
    whole, watched = policy_loss(made, settings, batch_of(made))
    parts = []
    for rows in (slice(0, 1), slice(1, 4)):
        part = Tokens(**{name: value[rows] for name, value in vars(made).items()})
        parts.append(policy_loss(part, settings, batch_of(made)))
    assert sum(loss for loss, _ in parts).item() == pytest.approx(whole.item(), abs=1e-12)
    assert sum(w.clipped_low for _, w in parts) == watched.clipped_low
    assert sum(w.clipped_high for _, w in parts) == watched.clipped_high


@pytest.mark.parametrize("kind", get_args(LossType))
def test_a_step_against_the_gradient_makes_what_was_good_likelier(kind):
    """On the policy that sampled, before any clip: the gradient of a token's log-probability has -A's sign."""
    made = tokens(sampler=None, reference=None)
    if kind == "gspo":  # its ratio is the row's, so its gradient is of the row's sum
        made = replace(made, advantages=made.advantages[:, :1].expand(-1, LENGTH))
    made = replace(made, old=made.new.detach())
    loss, watched = policy_loss(made, LossConfig(kind), batch_of(made))
    loss.backward()
    own = made.mask.bool()
    assert (made.new.grad[own].sign() == -made.advantages[own].sign()).all()
    assert not made.new.grad[~own].any()
    assert watched.clipped_low == watched.clipped_high == 0


@pytest.mark.parametrize("kind", get_args(LossType))
def test_what_others_wrote_changes_nothing(kind):
    made = tokens()
    settings = LossConfig(kind, beta=0.2)
    loss, watched = policy_loss(made, settings, batch_of(made))
    other = {name: torch.where(made.mask.bool(), value, value - 0.7) for name, value in vars(made).items()}
    again, watched_again = policy_loss(Tokens(**(other | {"mask": made.mask})), settings, batch_of(made))
    assert again.item() == pytest.approx(loss.item(), abs=1e-12) and watched == watched_again


def test_beyond_the_clip_there_is_no_gradient_where_it_would_go_on():
    ratio = torch.tensor([[0.5, 0.5, 1.5, 1.5, 1.25, 1.25]], dtype=torch.float64)
    made = Tokens(
        new=ratio.log().requires_grad_(),
        old=torch.zeros(1, 6, dtype=torch.float64),
        mask=torch.ones(1, 6),
        advantages=torch.tensor([[1.0, -1.0, 1.0, -1.0, 1.0, -1.0]]),
    )
    for high, free in ((0.2, [True, False, False, True, False, True]), (0.28, [True, False, False, True, True, True])):
        made.new.grad = None
        loss, watched = policy_loss(made, LossConfig("dapo", 0.2, high), BatchSize(1, 6))
        loss.backward()
        assert (made.new.grad[0] != 0).tolist() == free
        assert (watched.clipped_low, watched.clipped_high) == (1, free[:4:2].count(False) + (not free[4]))


def test_kl_is_never_negative_and_none_for_the_same_model():
    made = tokens()
    assert (k3(made.new, made.reference) >= 0).all()
    assert not k3(made.new, made.new).any()


def test_only_gaps_beyond_the_threshold_are_corrected_up_to_the_cap():
    gaps = torch.tensor([[0.0, 5e-4, -5e-4, 0.1, -0.1, 3.0]], dtype=torch.float64)
    old = torch.full((1, 6), -1.0, dtype=torch.float64)
    for t, expected in enumerate([1, 1, 1, math.exp(0.1), math.exp(-0.1), 2.0]):
        mask = torch.zeros(1, 6, dtype=torch.float64)
        mask[0, t] = 1
        made = Tokens(old.clone().requires_grad_(), old, mask, torch.ones(1, 6), sampler=old - gaps)
        loss, _ = policy_loss(made, LossConfig("dapo"), BatchSize(1, 1))
        assert loss.item() == pytest.approx(-expected)


def test_all_losses_agree_where_they_must():
    """One row, all its tokens its own: grpo and dapo are the same, dr_grpo too when the row is the longest."""
    made = tokens(mask=torch.ones(ROWS, LENGTH, dtype=torch.float64))
    one = Tokens(**{name: value[:1] for name, value in vars(made).items()})
    losses = [
        policy_loss(one, LossConfig(kind, max_completion_length=LENGTH), BatchSize(1, LENGTH))[0].item()
        for kind in ("grpo", "dapo", "dr_grpo")
    ]
    for a, b in itertools.pairwise(losses):
        assert a == pytest.approx(b, abs=1e-12)
