"""The trainers themselves, update by update in a table, beside the direction and the speed of the page on GRPO.

One update of a large batch is compared with the exact gradient of the success probability: how far
it goes along it (the speed), and how far to one side.  Source: ours; what the speeds are is on the
page, and in :mod:`theorems.grpo`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from planlib import train
from planlib.evidence import Finding, claims, decide
from planlib.graph import PlanningGraph
from planlib.intervals import Estimate, estimate
from planlib.models import TabularModel
from planlib.studies import STAGES
from planlib.study import SAMPLED
from planlib.task import length_of
from theorems.speeds import FORK, float_speed, success

claim = claims("grpo")

GROUP, NEGATIVE, STEPS = 8, 0.5, 4
BATCH, RATE = 16_384, 1e-3
SEEDS = tuple(range(1, 13))  # seed 0 was scouted
# Of the speed, beyond what is stated; of the squared sine of the angle to the gradient (2.9 degrees).
SPEED_MARGIN, TURN_MARGIN = 0.03, 0.0025

_COMMON = {
    "steps": 1, "batch_size": BATCH, "learning_rate": RATE, "optimizer": "sgd",
    "max_length": length_of(STEPS),
}  # fmt: skip
RULES = {
    "REINFORCE": train.PolicyGradientConfig(**_COMMON),
    "less the batch's mean": train.PPOConfig(**_COMMON, inner_steps=1),
    "less the group's mean": train.GRPOConfig(**_COMMON, deviation="none", average="sum"),
    "GRPO": train.GRPOConfig(**_COMMON, average="sum"),
    "filtered SFT": train.FilteredSFTConfig(**_COMMON),
    "with negatives": train.FilteredSFTConfig(**_COMMON, negative_weight=NEGATIVE),
}


def stated(rule: str, j: float) -> float:
    """The speed that the page gives each method, at success probability ``j``."""
    return {
        "REINFORCE": 1.0,
        "less the batch's mean": 1 - 1 / BATCH,
        "less the group's mean": 1 - 1 / GROUP,
        "GRPO": float_speed(GROUP, j),
        "filtered SFT": (1 - (1 - j) ** BATCH) / j,
        "with negatives": 1 + NEGATIVE,
    }[rule]


def at_the_limit(rule: str, j: float) -> float:
    """Rival: groups of eight are large, so that GRPO climbs the arcsine."""
    return (j * (1 - j)) ** -0.5 if rule == "GRPO" else stated(rule, j)


def at_one_speed(rule: str, j: float) -> float:
    """Rival: all of them are policy gradient."""
    return 1.0


# One thing changed, and an update on which it can be seen; of two updates, or of two inner steps,
# the second is looked at, large enough that a step's ratio leaves its clip.
LARGE = 3.0
_SECOND = {"inner_steps": 2, "learning_rate": LARGE}
CHANGED = {
    "the factor 1/length": replace(RULES["GRPO"], average="sequence"),
    "a second step on the batch, clipped": replace(RULES["less the batch's mean"], **_SECOND),
    "a second step, not clipped": replace(
        RULES["less the batch's mean"], **_SECOND, clip_low=0.999999, clip_high=1e9
    ),
    "KL a token": replace(RULES["GRPO"], steps=2, kl_weight=1.0, learning_rate=LARGE / 2),
    "Adam": replace(RULES["GRPO"], optimizer="adam"),
}


def start(seed: int) -> np.ndarray:
    """Random logits ``(n, n)``, with a bonus for legal steps, so that J is neither 0 nor 1."""
    return np.random.default_rng([1806, seed]).normal(size=FORK.shape) + 2 * FORK


TRAINERS = {STAGES[name]: trainer for name, trainer in SAMPLED.items()}  # by configuration


def trained(config, logits: np.ndarray, seed: int) -> np.ndarray:
    """The rows toward the target after a trainer's call, ``(n, n)``."""
    n, target = len(FORK), len(FORK) - 1
    model = TabularModel(n)
    with torch.no_grad():
        model.f[target] = torch.as_tensor(logits)
    how = {"generator": torch.Generator().manual_seed(seed), "progress": False}
    TRAINERS[type(config)](model, PlanningGraph(FORK), [(0, target)], config, **how)
    return model.f[target].detach().numpy()


@functools.cache
def step(config, seed: int, batch: int) -> tuple[float, float, np.ndarray]:
    """The last update of a call: J before it, its part along the gradient of J, the rest ``(n, n)``.

    Along in multiples of the gradient; the rest in lengths of the whole update.
    """
    before, drawn = start(seed), 1000 * seed + batch
    if getattr(config, "inner_steps", 1) > 1:
        before = trained(replace(config, inner_steps=1), before, drawn)
    elif config.steps > 1:
        before = trained(replace(config, steps=1), before, drawn)
    change = (trained(config, start(seed), drawn) - before) / config.learning_rate
    j, slope = success(before, 0, STEPS)
    along = float((change * slope).sum() / (slope**2).sum())
    return j, along, (change - along * slope) / np.linalg.norm(change)


def sideways(config, seed: int) -> float:
    """Squared sine of the angle to the gradient, without bias: two batches, multiplied."""
    return float((step(config, seed, 0)[2] * step(config, seed, 1)[2]).sum())


def _turns(config) -> list[float]:
    return [sideways(config, seed) for seed in SEEDS]


@claim(
    "sampled",
    "statistical",
    stated,
    {"groups of eight at their limit": at_the_limit, "all at one speed": at_one_speed},
    seeds=SEEDS,
    fixed="after seed 0",
)
def sampled(speed: Callable[[str, float], float], size: str) -> Finding:
    """One update of each trainer, in a table, goes along the gradient of success, as far as stated."""
    found: list[Estimate] = []
    for rule, config in RULES.items():
        seen = [step(config, seed, 0) for seed in SEEDS]
        excess = [along / speed(rule, j) - 1 for j, along, _ in seen]
        found.append(estimate(excess, least=-SPEED_MARGIN, most=SPEED_MARGIN))
        found.append(estimate(_turns(config), most=TURN_MARGIN))
    fastest, widest = max(found[::2], key=lambda e: abs(e.mean)), max(e.high for e in found[1::2])
    return decide(
        True,
        f"speeds off by {fastest:+.3f} at most, margin {SPEED_MARGIN}; squared sine of the angle below {widest:.4f}, margin {TURN_MARGIN}",
        f"{len(SEEDS)} random tables on one graph of 5 nodes, one prompt; {', '.join(RULES)}; an update of {BATCH:,} samples, plain gradient steps",
        *found,
    )


def all_turn() -> dict:
    """Ours: each of these leaves the direction."""
    return CHANGED


def groups_turn() -> dict:
    """Rival: to compare within groups leaves it as well."""
    return CHANGED | {"the other": RULES["GRPO"]}


def negatives_turn() -> dict:
    """Rival: wrong samples leave it as well."""
    return CHANGED | {"the other": RULES["with negatives"]}


@claim(
    "turned",
    "statistical",
    all_turn,
    {"groups as well": groups_turn, "wrong samples as well": negatives_turn},
    seeds=SEEDS,
    fixed="after seed 0",
)
def turned(changed: Callable[[], dict], size: str) -> Finding:
    """The factor 1/length, a second step on the same batch, KL a token and Adam each turn the update."""
    found = {k: estimate(_turns(config), least=TURN_MARGIN) for k, config in changed().items()}
    return decide(
        True,
        f"squared sine of the angle: {'; '.join(f'{name} {e:.3f}' for name, e in found.items())}",
        f"{len(SEEDS)} random tables on one graph of 5 nodes, one prompt; two batches of {BATCH:,} samples a table, multiplied; "
        f"step size {RATE:g} for the factor and Adam, {LARGE:g} for a second step, {LARGE / 2:g} for KL of weight 1; margin: above {TURN_MARGIN}",
        *found.values(),
    )
