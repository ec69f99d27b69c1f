"""Losses against values worked out by hand, and autograd against closed form and enumeration."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest
import torch

from planlib import exact, losses, task
from planlib.graph import InputError
from planlib.models import TabularModel
from theorems.small_graphs import rational_policy

END = 3


def tokens_of(*paths, target=2, n=3):
    length = 2 + max(map(len, paths))
    rows = [[p[0], target, *p] + [task.pad_token(n)] * (length - 2 - len(p)) for p in paths]
    return torch.tensor(rows)


def test_sft_by_hand():
    # All logits 0: each of the two steps of 0, 1, 2 has probability 1/3, the end token 1.
    tokens = tokens_of((0, 1, 2, END), (0, 2, END))
    steps = torch.as_tensor(task.path_steps(tokens, 3))
    loss = losses.sft(losses.path_log_probs(TabularModel(3), tokens, steps))
    assert loss.tolist() == pytest.approx([2 * math.log(3), math.log(3)], abs=1e-15)


def test_policy_gradient_by_hand():
    log_probs = torch.log(torch.tensor([[0.0, 0.5, 0.25], [0.0, 0.1, 1.0]]).clamp(min=1e-9))
    log_probs[:, 0] = 0
    base = torch.zeros(2, 3)
    base[0, 1] = math.log(0.25)
    base[0, 2] = math.log(0.25)
    plain = losses.policy_gradient(log_probs, torch.tensor([1.0, 0.0]))
    assert plain.tolist() == pytest.approx([math.log(2) + math.log(4), 0], abs=1e-6)
    # With lambda = 2 the first step weighs 1 - 2 log(0.5 / 0.25), the second 1 - 0.
    kl = losses.policy_gradient(log_probs, torch.tensor([1.0, 0.0]), base, 2.0)
    assert kl[0].item() == pytest.approx(
        (1 - 2 * math.log(2)) * math.log(2) + math.log(4), abs=1e-6
    )
    # A step that the policy has made likelier than its base is pushed down: a penalty.
    x = torch.tensor([[math.log(0.9)]], requires_grad=True)
    loss = losses.policy_gradient(x, torch.tensor([0.0]), torch.tensor([[math.log(0.1)]]), 1.0)
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    assert gradient.item() == pytest.approx(math.log(9), abs=1e-6)


def test_group_advantages_by_hand():
    """Positives weigh sqrt((1-a)/a), negatives -sqrt(a/(1-a)) at a group's accuracy a."""
    returns = torch.tensor([1.0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0], dtype=torch.float64)
    found = losses.group_advantages(returns, 4)
    assert found[:4].tolist() == pytest.approx([math.sqrt(3), *[-math.sqrt(1 / 3)] * 3])
    assert found[4:].tolist() == [0] * 8  # all right or all wrong: 0, not 0/0
    sample = losses.group_advantages(returns, 4, "sample")
    assert sample.tolist() == pytest.approx((found * math.sqrt(3 / 4)).tolist())
    plain = losses.group_advantages(returns, 4, "none")
    assert plain[:4].tolist() == [0.75, -0.25, -0.25, -0.25]
    damped = losses.group_advantages(returns, 4, stabiliser=1.0)
    assert damped[0].item() == pytest.approx(0.75 / (math.sqrt(3) / 4 + 1))
    third = torch.full((3,), 1 / 3, dtype=torch.float64)  # whose mean is rounded
    assert losses.group_advantages(third, 3).tolist() == [0, 0, 0]
    for group in (1, 5):
        with pytest.raises(InputError, match="group"):
            losses.group_advantages(returns, group)
    with pytest.raises(InputError, match="deviation"):
        losses.group_advantages(returns, 4, "mad")


def test_clipped_by_hand():
    old = torch.log(torch.tensor([[0.5, 0.5], [0.5, 0.5]], dtype=torch.float64))
    new = torch.log(torch.tensor([[0.9, 0.55], [0.9, 0.1]], dtype=torch.float64))
    new.requires_grad_(True)
    loss = losses.clipped(new, old, torch.tensor([2.0, -1.0]), 0.2, 0.3)
    # Ratios 1.8 (clipped), 1.1; of a negative advantage 1.8 counts, 0.2 is held at 0.8.
    assert loss.flatten().tolist() == pytest.approx([-2.6, -2.2, 1.8, 0.8])
    loss.sum().backward()
    assert new.grad.flatten().tolist() == pytest.approx([0, -2.2, 1.8, 0])


def test_kl_estimators_by_enumeration():
    """Means of k1 and k3 are the KL; mean gradients are 0, that of KL(u || base), of KL(base || u)."""
    u = torch.tensor([0.2, 1.0, -0.3], dtype=torch.float64, requires_grad=True)
    base = torch.tensor([0.5, -0.4, 0.1], dtype=torch.float64).log_softmax(0)
    policy = u.log_softmax(0)
    forward = (policy.exp() * (policy - base)).sum()
    reverse = (base.exp() * (base - policy)).sum()
    drawn = policy.exp().detach()
    wanted = {
        "k1": torch.zeros(3, dtype=torch.float64),
        "k2": torch.autograd.grad(forward, u, retain_graph=True)[0],
        "k3": torch.autograd.grad(reverse, u, retain_graph=True)[0],
    }
    for name, gradient in wanted.items():
        mean = (drawn * losses.kl_penalty(policy, base, name)).sum()
        assert (name == "k2") != (mean.item() == pytest.approx(forward.item()))
        (found,) = torch.autograd.grad(mean, u, retain_graph=True)
        assert torch.allclose(found, gradient, atol=1e-12)
    with pytest.raises(InputError, match="kl_estimator"):
        losses.kl_penalty(policy, base, "k4")


def test_averages_by_hand():
    steps = torch.tensor([[True, True, False, True], [True, False, False, False]])
    each = torch.tensor([[1.0, 2.0, 100.0, 3.0], [4.0, 100.0, 100.0, 100.0]])
    assert losses.averaged(each, steps, "sum").tolist() == [6, 4]
    assert losses.averaged(each, steps, "sequence").tolist() == [2, 4]
    token = losses.averaged(each, steps, "token")
    assert token.tolist() == [3, 2] and token.mean() == each[steps].mean()
    with pytest.raises(InputError, match="average"):
        losses.averaged(each, steps, "batch")


def test_q_learning_by_hand():
    q = torch.tensor([[0.0, 0.5, 2.0]], requires_grad=True)
    best = torch.tensor([[0.0, 3.0, 7.0]], requires_grad=True)
    r, discount = torch.tensor([[0.0, -1.0, 1.0]]), torch.tensor([[0.0, 0.5, 0.0]])
    loss = losses.q_learning(q, r, best, discount)
    assert loss.tolist() == [(0.5 + 1 - 1.5) ** 2 + (2 - 1) ** 2]
    loss.sum().backward()
    assert q.grad.tolist() == [[0, 0, 2]]
    assert best.grad is None  # semi-gradient


def test_soft_maximum_by_hand():
    values, base = (
        torch.tensor([[0.0, 1.0, 9.0]]).double(),
        torch.tensor([[0.5, 0.5, 0.0]]).double(),
    )
    soft = losses.soft_maximum(values, base.log(), 0.5)
    assert soft.item() == pytest.approx(0.5 * math.log(0.5 + 0.5 * math.exp(2)), abs=1e-12)
    assert losses.soft_maximum(values, base.log(), 1e-3).item() == pytest.approx(1, abs=1e-3)
    assert losses.soft_maximum(values, base.log(), 1e3).item() == pytest.approx(0.5, abs=1e-3)
    values[0, 2] = -math.inf  # an entry that a table has not, and its base never takes
    assert losses.soft_maximum(values, base.log(), 0.5).item() == pytest.approx(soft.item())


def test_trajectory_residual_by_hand():
    q = torch.tensor([[0.0, 0.5, 2.0]], requires_grad=True)
    soft = torch.tensor([[0.0, 3.0, math.nan]], requires_grad=True)
    r, discount = torch.tensor([[0.0, -1.0, 1.0]]), torch.tensor([[0.0, 0.5, 0.0]])
    loss = losses.trajectory_residual(q, r, soft, discount)
    error = (0.5 + 1 - 1.5) + (2 - 1)
    assert loss.tolist() == [error**2]
    loss.sum().backward()
    assert q.grad.tolist() == [[2 * error] * 3]
    assert soft.grad[0, 1] == -2 * error * 0.5  # through the next value as well


def test_entropy_bonus_has_the_gradient_of_the_entropy():
    f = torch.randn(5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    f.requires_grad_(True)
    u = f.log_softmax(-1)
    (wanted,) = torch.autograd.grad(-0.3 * -(u.exp() * u).sum(), f, retain_graph=True)
    mean = (u.exp().detach() * losses.entropy_bonus(u[:, None], 0.3)).sum()
    (found,) = torch.autograd.grad(mean, f)
    assert torch.allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_autograd_closed_form_and_enumeration_agree(seed):
    """The expected policy gradient by three code paths, to 1e-12."""
    rng = random.Random(seed)
    n, source, target, horizon = 3, 0, 2, 3
    adjacency = [[0, 1, 1], [1, 0, 1], [0, 0, 0]]
    policy = [
        [[Fraction(int(x.p), int(x.q)) for x in row] for row in t] for t in rational_policy(n, rng)
    ]
    closed = exact.success_gradient(adjacency, policy, source, target, horizon)

    batch = list(exact.episodes(n, source, target, horizon))
    probability = [exact.path_probability(policy, u, target) for u in batch]
    assert sum(probability) == 1
    reward = [int(exact.is_correct(adjacency, u, target)) for u in batch]
    enumerated = exact.weighted_gradient(
        policy, [(u, target, p * r) for u, p, r in zip(batch, probability, reward, strict=True)]
    )
    assert exact.largest(exact.add((1, closed), (1, enumerated))) == 0

    model = TabularModel(n)
    with torch.no_grad():
        model.f.copy_(torch.tensor(np.log(np.array(policy, dtype=float))))
    tokens = tokens_of(*batch)
    steps = torch.as_tensor(task.path_steps(tokens, n))
    log_probs = losses.path_log_probs(model, tokens, steps)
    weights = torch.tensor(
        [float(p * r) for p, r in zip(probability, reward, strict=True)], dtype=torch.float64
    )
    losses.policy_gradient(log_probs, weights).sum().backward()
    for (i, j), row in closed.items():
        assert model.f.grad[i, j].tolist() == pytest.approx([-float(x) for x in row], abs=1e-12)


def test_advantages():
    returns = torch.tensor([1.0, 1.0, 0.0, 0.0])
    assert losses.advantages(returns) is returns
    assert losses.advantages(returns, "mean").tolist() == [0.5, 0.5, -0.5, -0.5]
    others = [1 - 1 / 3, 1 - 1 / 3, -2 / 3, -2 / 3]  # each less the mean of the other three
    assert losses.advantages(returns, "leave_one_out").tolist() == pytest.approx(others)
    assert losses.advantages(torch.ones(1), "leave_one_out").tolist() == [0.0]


def test_equal_returns_hold_no_signal():
    for baseline in ("mean", "leave_one_out"):
        for value in (0.1, 0.3, -1.0):  # a rounded mean of these would leave a rest
            assert (losses.advantages(torch.full((7,), value), baseline) == 0).all()
        whole = losses.advantages(torch.tensor([2, -1, -1]), baseline)  # integers
        assert whole.tolist() == pytest.approx(
            [2, -1, -1] if baseline == "mean" else [3, -1.5, -1.5]
        )
    with pytest.raises(InputError, match="baseline"):
        losses.advantages(torch.ones(2), "median")


def test_a_next_value_that_does_not_count_may_be_anything():
    for value in (-math.inf, math.inf, math.nan):
        best = torch.tensor([[0.5, value]])
        loss = losses.q_learning(
            torch.ones(1, 2), torch.ones(1, 2), best, torch.tensor([[1.0, 0.0]])
        )
        assert loss.tolist() == [0.25]


def test_a_weight_needs_a_base():
    with pytest.raises(InputError, match="base_log_probs"):
        losses.policy_gradient(torch.zeros(1, 2), torch.ones(1), kl_weight=0.1)
