"""The losses as pure functions of what a model said and what happened.

Each returns one loss a sequence, shape ``(B,)``, or one a step, shape ``(B, S)``; the trainer
picks the divisor.  Log-probabilities and action values come with shape ``(B, S)``, ``S = L - 1``
steps, and are zero off the path, so the prompt and the padding carry no loss.

Source: Wang et al., arXiv 2509.22613, section 3, the losses of SFT, policy
gradient and Q-learning; GRPO: Shao et al., arXiv 2402.03300; without the deviation and the
length: Liu et al., arXiv 2503.20783; PPO: Schulman et al., arXiv 1707.06347; soft values and
their residual along a trajectory: arXiv 1702.08892, 2505.15311.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from planlib.graph import InputError, check_one_of

BASELINES = ("none", "mean", "leave_one_out")
DEVIATIONS = ("population", "sample", "none")
AVERAGES = ("sequence", "token", "sum")
KL_ESTIMATORS = ("k1", "k2", "k3")


def path_log_probs(model: nn.Module, tokens: Tensor, steps: Tensor) -> Tensor:
    """Log-probability of each chosen token: shape ``(B, S)``, zero off the path.

    Parameters
    ----------
    tokens
        Shape ``(B, L)``.
    steps
        Shape ``(B, L-1)`` bool: the steps of the path (:func:`planlib.task.path_steps`).
    """
    # Sequences that begin alike ask for the same prediction: make it once a prefix.
    chosen = tokens[:, 1:][steps]  # (M,)
    keys = prefix_keys(tokens)[:, :-1][steps]  # (M,)
    prefixes, of_step = torch.unique(keys, return_inverse=True)  # (U,), (M,)
    flat = steps.flatten().nonzero()[:, 0]  # (M,)
    first = torch.full_like(prefixes, steps.numel())
    first.scatter_reduce_(0, of_step, flat, "amin")  # the first step that has this prefix
    where = torch.zeros_like(steps).flatten().index_fill_(0, first, True)
    where = where.view_as(steps)  # (B, S)
    rows = where.any(1)  # a sequence that came before is not read again
    row = torch.empty_like(prefixes)
    row[first.argsort()] = torch.arange(
        len(row), device=row.device
    )  # the model answers in reading order
    logits = model(tokens[rows], F.pad(where[rows], (0, 1)))  # (U, n+1)
    table = logits.log_softmax(-1)
    taken = table.flatten()[row[of_step] * table.shape[1] + chosen]  # (M,)
    return torch.zeros_like(steps, dtype=taken.dtype).masked_scatter(steps, taken)


def prefix_keys(tokens: Tensor) -> Tensor:
    """Hash each prefix to 64 bits: shape ``(B, L)`` int64, equal where the prefixes are.

    A sum of tokens times fixed odd numbers, one a position: two different
    prefixes of a batch of a million collide with probability below 1e-6.
    """
    position = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
    mixed = position * -7046029254386353131  # splitmix64, wrapping in int64
    mixed = (mixed ^ (mixed >> 30)) * -4658895280553007687
    mixed = (mixed ^ (mixed >> 27)) * -7723592293110705685
    return ((tokens + 1) * ((mixed ^ (mixed >> 31)) | 1)).cumsum(1)


def sft(log_probs: Tensor) -> Tensor:
    r"""Supervised fine-tuning: ``-sum_m log u_m[u_{m+1}]`` of each sequence, shape ``(B,)``."""
    return -log_probs.sum(1)


def advantages(returns: Tensor, baseline: str = "none") -> Tensor:
    r"""Returns less a baseline, shape ``(B,)``; the expected gradient is that of the returns.

    Parameters
    ----------
    returns
        Shape ``(B,)``.
    baseline
        ``none``; ``mean``, the batch's mean, which scales the expected gradient by
        ``1 - 1/B``; or ``leave_one_out``, the mean of the other samples (0 in a batch of one).

    Raises
    ------
    InputError
        If the baseline is none of these.
    """
    check_one_of("baseline", baseline, BASELINES)
    if baseline == "none":
        return returns
    if not returns.is_floating_point():
        returns = returns.double()
    if (returns == returns[:1]).all():  # nothing to compare; a rounded mean would leave a rest
        return torch.zeros_like(returns)
    centred = returns - returns.mean()
    return centred if baseline == "mean" else centred * len(returns) / max(len(returns) - 1, 1)


def group_advantages(
    returns: Tensor, group: int, deviation: str = "population", stabiliser: float = 0.0
) -> Tensor:
    r"""GRPO: returns less the mean of their group, over the group's standard deviation, shape ``(B,)``.

    Parameters
    ----------
    returns
        Shape ``(B,)``; the ``group`` samples of one problem stand together.
    group
        Samples a problem, at least 2.
    deviation
        ``population`` divides by ``sqrt(mean square)``, ``sample`` by that with ``group - 1`` in
        the denominator, ``none`` by nothing, as "Dr. GRPO" does.
    stabiliser
        Added to the deviation.  A group whose returns are all equal has advantage 0 without it.

    Raises
    ------
    InputError
        If the group is too small or does not divide the batch, or the deviation is none of these.
    """
    if group < 2:
        raise InputError("group", "at least 2 samples a problem, to compare them", group)
    if len(returns) % group:
        raise InputError("group", f"a divisor of the batch of {len(returns)}", group)
    check_one_of("deviation", deviation, DEVIATIONS)
    if not returns.is_floating_point():
        returns = returns.double()
    rows = returns.view(-1, group)  # (B / group, group)
    centred = rows - rows.mean(1, keepdim=True)
    alike = (rows == rows[:, :1]).all(1, keepdim=True)  # a rounded mean would leave a rest
    if deviation == "none":
        return centred.masked_fill(alike, 0.0).view(-1)
    spread = rows.std(1, keepdim=True, correction=int(deviation == "sample")) + stabiliser
    return (centred / spread.masked_fill(alike, 1.0)).masked_fill(alike, 0.0).view(-1)


def clipped(
    log_probs: Tensor, old_log_probs: Tensor, weights: Tensor, low: float, high: float
) -> Tensor:
    r"""PPO's clipped objective, negated, a step: shape ``(B, S)``.

    ``-min(rho A, clip(rho, 1 - low, 1 + high) A)`` with ``rho = u / u_old``.  Where the two
    policies agree its gradient is that of ``-A log u``.  Off the path the ratio is 1: mask it.

    Parameters
    ----------
    log_probs, old_log_probs
        Shape ``(B, S)``; the old ones carry no gradient.
    weights
        Advantages ``A``, shape ``(B,)``.
    low, high
        How far the ratio counts below and above 1.
    """
    ratio = (log_probs - old_log_probs.detach()).exp()  # (B, S)
    weights = weights[:, None].to(log_probs)
    return -torch.minimum(ratio * weights, ratio.clamp(1 - low, 1 + high) * weights)


def kl_penalty(log_probs: Tensor, base_log_probs: Tensor, estimator: str = "k3") -> Tensor:
    r"""Estimate ``KL(u || base)`` of a step from the token that was drawn, shape ``(B, S)``.

    With ``d = log(base / u)``: ``k1 = -d``, ``k2 = d^2 / 2``, ``k3 = exp(d) - 1 - d``.  The first
    and the third have the mean ``KL``; the gradient of that mean is the mean of the gradient of
    the second alone, since the draw depends on the policy as well.

    Raises
    ------
    InputError
        If the estimator is none of these.
    """
    check_one_of("kl_estimator", estimator, KL_ESTIMATORS)
    d = base_log_probs.detach() - log_probs  # (B, S)
    if estimator == "k1":
        return -d
    return d.square() / 2 if estimator == "k2" else d.expm1() - d


def averaged(per_step: Tensor, steps: Tensor, average: str = "sequence") -> Tensor:
    r"""One loss a sequence, shape ``(B,)``, whose mean is the batch's objective.

    Parameters
    ----------
    per_step, steps
        Shape ``(B, S)``: a loss a step, and which of them count.
    average
        ``sequence`` divides by each sequence's own length (GRPO), ``token`` by the mean length of
        the batch (all steps alike), ``sum`` by nothing (REINFORCE, "Dr. GRPO").

    Raises
    ------
    InputError
        If the average is none of these.
    """
    check_one_of("average", average, AVERAGES)
    total, lengths = (per_step * steps).sum(1), steps.sum(1)
    if average == "sequence":
        return total / lengths.clamp(min=1)
    return total if average == "sum" else total / lengths.double().mean().clamp(min=1).to(total)


def policy_gradient(
    log_probs: Tensor,
    returns: Tensor,
    base_log_probs: Tensor | None = None,
    kl_weight: float = 0.0,
) -> Tensor:
    r"""REINFORCE with a per-token KL penalty to a base model, shape ``(B,)``.

    ``-sum_m ( R log u_m - lambda log u_m {log(u_m / base_m)} )``, where ``{.}``
    carries no gradient.  This sign makes the KL term a penalty.

    Parameters
    ----------
    log_probs, base_log_probs
        Shape ``(B, S)``; the base is needed when ``kl_weight`` is not 0.
    returns
        Shape ``(B,)``: the outcome reward ``r [correct] + p`` of each sequence, or its
        :func:`advantages`.

    Raises
    ------
    InputError
        If there is a weight and no base.
    """
    if kl_weight and base_log_probs is None:
        raise InputError("base_log_probs", "those of the base model, for the KL penalty", None)
    weights = returns[:, None].to(log_probs).expand_as(log_probs)  # (B, S)
    if kl_weight:
        weights = weights - kl_weight * (log_probs - base_log_probs).detach()
    return -(weights * log_probs).sum(1)


def entropy_bonus(log_probs: Tensor, weight: float) -> Tensor:
    r"""Entropy of each step's policy, from the token that was drawn, negated: shape ``(B,)``.

    ``weight sum_m log u_m {log u_m}``, where ``{.}`` carries no gradient: its mean gradient is
    that of the entropy of the policies along the path, the path held fixed.
    """
    return weight * (log_probs * log_probs.detach()).sum(1)


def soft_maximum(values: Tensor, log_base: Tensor, weight: float) -> Tensor:
    r"""Soft values ``weight log sum_k base[k] exp(value[k] / weight)``: ``(M, K)`` to ``(M,)``.

    What is optimal with a penalty of ``weight KL(policy || base)``; the largest value as the weight
    falls to 0.  An entry that the base never takes does not count.
    """
    never = log_base == -torch.inf  # where a table has no value either: -inf, or 1 for the end
    tilted = (values / weight).masked_fill(never, 0.0) + log_base
    return weight * tilted.logsumexp(-1)


def trajectory_residual(q_tm1: Tensor, r_t: Tensor, soft_t: Tensor, discount_t: Tensor) -> Tensor:
    r"""Squared sum of the one-step soft Bellman errors along the path, shape ``(B,)``.

    ``( sum_m q_m - r_m - discount_m V_{m+1} )^2``, with gradient through the soft values: one
    equation a trajectory (arXiv 2505.15311).  Arguments as for :func:`q_learning`.
    """
    following = (discount_t.to(q_tm1) * soft_t).masked_fill(discount_t == 0, 0.0)
    return (q_tm1 - r_t - following).sum(1).square()


def q_learning(q_tm1: Tensor, r_t: Tensor, max_q_t: Tensor, discount_t: Tensor) -> Tensor:
    r"""One-step squared Bellman error summed over the path, shape ``(B,)``.

    ``sum_m ( q_m - r_m - discount_m {max_k q_{m+1}[k]} )^2``, the bootstrap
    without gradient.

    Parameters
    ----------
    q_tm1
        Value of the step taken, shape ``(B, S)``.
    r_t, max_q_t, discount_t
        Reward, largest next value over the nodes, and discount (0 where the
        episode ends), all ``(B, S)`` and zero off the path.  A next value where the
        discount is 0 does not count, whatever it is.
    """
    ended = discount_t == 0  # the largest value of a row without any is -inf, and 0 * -inf NaN
    bootstrap = (discount_t.to(q_tm1) * max_q_t.detach()).masked_fill(ended, 0.0)
    return (q_tm1 - r_t - bootstrap).square().sum(1)
