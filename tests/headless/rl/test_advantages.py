"""Advantages against figures worked out by hand, and what must hold whatever the rewards are."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from headless.rl.advantages import (
    DEVIATION_EPSILON,
    discounted_returns,
    pad_with_last,
    spread_over_tokens,
    term_advantages,
    turn_advantages,
    zero_variance_groups,
)

ALL = torch.ones(2, 3, dtype=torch.bool)


def test_a_turn_is_worth_what_comes_after_it_discounted():
    rewards = torch.tensor([[0.5, 0.25, 1.0], [0.2, 0.4, 0.6]])
    # 0.5 + 0.5 * 0.25 + 0.25 * 1 = 0.875; 0.25 + 0.5 * 1 = 0.75; 0.2 + 0.2 + 0.15 = 0.55; 0.4 + 0.3 = 0.7
    expected = torch.tensor([[0.875, 0.75, 1.0], [0.55, 0.7, 0.6]])
    torch.testing.assert_close(discounted_returns(rewards, 0.5), expected)
    torch.testing.assert_close(discounted_returns(rewards, 0.0), rewards)
    torch.testing.assert_close(discounted_returns(rewards, 1.0)[:, 0], rewards.sum(dim=1))


def test_an_episode_that_is_over_keeps_its_last_reward():
    rewards = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.7, 0.0], [0.1, 0.2, 0.3]])
    played = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]], dtype=torch.bool)
    expected = torch.tensor([[1.0, 1.0, 1.0], [0.5, 0.7, 0.7], [0.1, 0.2, 0.3]])
    torch.testing.assert_close(pad_with_last(rewards, played), expected)


def test_rejection_sampling_learns_from_the_first_of_the_best_alone():
    returns = torch.tensor([[1.0, 4.0], [3.0, 8.0], [10.0, 0.0], [3.0, 9.0], [10.0, 7.0]])
    played = torch.tensor([[1, 1], [1, 0], [1, 1], [1, 1], [1, 1]], dtype=torch.bool)
    groups = torch.tensor([0, 0, 1, 0, 1])
    expected = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(turn_advantages(returns, played, groups, "best"), expected)


def test_the_baseline_is_the_mean_of_the_group_at_the_same_turn():
    returns = torch.tensor([[1.0, 4.0], [3.0, 8.0], [10.0, 0.0], [20.0, 1.0]])
    groups = torch.tensor([7, 7, 9, 9])
    found = turn_advantages(returns, torch.ones(4, 2, dtype=torch.bool), groups, divide_by_deviation=False)
    torch.testing.assert_close(found, torch.tensor([[-1.0, -2.0], [1.0, 2.0], [-5.0, -0.5], [5.0, 0.5]]))


def test_episodes_that_are_over_have_no_part_in_a_later_baseline():
    returns = torch.tensor([[1.0, 9.0], [2.0, 4.0], [3.0, 6.0]])
    played = torch.tensor([[1, 0], [1, 1], [1, 1]], dtype=torch.bool)
    found = turn_advantages(returns, played, torch.zeros(3, dtype=torch.long), divide_by_deviation=False)
    torch.testing.assert_close(found, torch.tensor([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]]))


def test_the_deviation_is_unbiased_and_that_of_the_turn():
    returns = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    found = turn_advantages(returns, torch.ones(2, 2, dtype=torch.bool), torch.zeros(2, dtype=torch.long))
    first = 1 / (math.sqrt(2) + DEVIATION_EPSILON)  # ((1 - 2)^2 + (3 - 2)^2) / (2 - 1) = 2
    torch.testing.assert_close(found, torch.tensor([[-first, 0.0], [first, 0.0]]))


def test_an_episode_alone_in_its_group_is_worth_nothing():
    found = turn_advantages(torch.tensor([[5.0, 6.0, 7.0]] * 2), ALL, torch.tensor([0, 1]))
    assert not found.any()


def test_the_outcome_of_the_whole_episode_goes_to_all_its_turns():
    returns = torch.tensor([[1.0, 4.0, 2.0], [3.0, 8.0, 0.0]])
    played = torch.tensor([[1, 1, 1], [1, 0, 0]], dtype=torch.bool)
    found = turn_advantages(returns, played, torch.zeros(2, dtype=torch.long), "episode", divide_by_deviation=False)
    torch.testing.assert_close(found, torch.tensor([[-1.0, -1.0, -1.0], [1.0, 0.0, 0.0]]))


@pytest.mark.parametrize("credit", ["turn", "episode"])
@pytest.mark.parametrize("divide", [True, False])
def test_whatever_the_rewards(credit, divide):
    generator = torch.Generator().manual_seed(3)
    for _ in range(20):
        rewards = torch.rand(12, 4, generator=generator, dtype=torch.float64)
        groups = torch.randint(0, 3, (12,), generator=generator)
        lengths = torch.randint(1, 5, (12, 1), generator=generator)
        played = torch.arange(4) < lengths
        found = turn_advantages(rewards, played, groups, credit, divide)
        assert not found[~played].any()
        for group in groups.unique():
            rows = groups == group
            if credit == "turn":  # a baseline takes out what all have in common, at every turn
                assert found[rows].sum(dim=0).abs().max() < 1e-9
            moved = rewards + 5.0 * rows[:, None]
            torch.testing.assert_close(turn_advantages(moved, played, groups, credit, divide), found)
        order = torch.randperm(12, generator=generator)
        shuffled = turn_advantages(rewards[order], played[order], groups[order], credit, divide)
        torch.testing.assert_close(shuffled, found[order])
        if divide:
            close = turn_advantages(3 * rewards, played, groups, credit, divide)
            torch.testing.assert_close(close, found, rtol=2e-2, atol=1e-2)


def test_groups_without_variance_are_found():
    returns = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 3.0], [5.0, 1.0], [5.0, 9.0]])
    played = torch.tensor([[1, 1], [1, 1], [1, 1], [1, 1], [1, 1], [1, 0]], dtype=torch.bool)
    groups = torch.tensor([0, 0, 1, 1, 2, 2])
    assert zero_variance_groups([returns], played, groups) == [0, 2]
    other = torch.tensor([[1.0, 2.0]] * 4 + [[1.0, 2.0], [2.0, 2.0]])  # terms that add up to equal rewards
    assert zero_variance_groups([returns, other], played, groups) == [0]


def test_normalised_by_term_a_term_counts_by_its_weight_however_little_it_varies():
    """Four answers: collisions are all or nothing, of the relations hardly more or fewer hold."""
    terms = {"collision": torch.tensor([[1.0], [1.0], [0.0], [0.0]]), "relations": torch.tensor([[0.8], [0.7]] * 2)}
    played, group = torch.ones(4, 1, dtype=torch.bool), torch.zeros(4, dtype=torch.long)
    reward = (terms["collision"] + terms["relations"]) / 2
    by_reward = turn_advantages(reward, played, group)[:, 0]
    even = {"collision": 0.5, "relations": 0.5}
    by_term = term_advantages(terms, even, played, group)[:, 0]
    # By the reward the relations are a tenth of what tells two answers apart; by term they weigh as much as collisions.
    collision, relations = by_reward[0] - by_reward[2], by_reward[0] - by_reward[1]
    assert relations == pytest.approx(float(collision) / 10, rel=1e-4)
    root = math.sqrt(2)
    torch.testing.assert_close(by_term, torch.tensor([root, 0.0, 0.0, -root]), rtol=2e-3, atol=2e-3)
    heavier = term_advantages(terms, {"collision": 0.1, "relations": 0.3}, played, group)[:, 0]
    assert heavier[2] == pytest.approx(float(heavier[0]) / 2, rel=1e-2), "of weights the ratio counts"


def test_each_token_gets_the_advantage_of_its_turn():
    advantages = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    turns = torch.tensor([[-1, 0, 0, -1, 1, 2], [-1, -1, 2, 1, 0, -1]])
    expected = torch.tensor([[0.0, 1.0, 1.0, 0.0, 2.0, 3.0], [0.0, 0.0, 6.0, 5.0, 4.0, 0.0]])
    torch.testing.assert_close(spread_over_tokens(advantages, turns), expected)
