"""The sampled trainer with soft values, on tables: it finds them from high starts as from low."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from planlib import exact
from planlib.evidence import Finding, claims, decide
from planlib.graph import erdos_renyi
from planlib.intervals import estimate
from planlib.models import TabularModel
from planlib.train import QLearningConfig
from theorems.readings import Reading
from theorems.soft_solved import others, tilted_success
from theorems.tables import learn_entries

claim = claims("soft")

# --- statistical: the sampled trainer -----------------------------------------------------------------

SEEDS = tuple(range(80, 88))  # fresh: named, with the settings, before any of them was run
MARGIN = 0.05  # largest error of an entry, as for the cycles
UPDATES, STEP, WEIGHT, NODES = 300, 0.5, 1.0, 4


@dataclass(frozen=True)
class Sampled:
    """The trainer's soft weight (0: the maximum), its start above the base's logits, and what an error does."""

    weight: float = WEIGHT
    above: float = 4.0
    ended: bool = True


def wanted_values(adjacency, base: np.ndarray, target: int, weight: float) -> np.ndarray:
    """Values toward a target, ``(n, n)``: soft ones in closed form, or those of the maximum at weight 0."""
    n = len(adjacency)
    if weight:
        p = np.array(exact.base_success(adjacency, base.tolist(), target), dtype=float)
        value = weight * np.log(tilted_success(math.exp(1 / weight), p))
    else:
        value = np.array(exact.reaches(adjacency, target), dtype=float)
    value[target] = 1
    return np.array(adjacency) * value[None, :] * np.ones((n, 1))


def sampled_error(case: tuple) -> tuple[float, int]:
    """Largest error of the trained table, and the fewest updates that one of its entries had."""
    seed, weight, over, ended = case
    graph = erdos_renyi(NODES, 0.6, acyclic=False, seed=seed)
    model = TabularModel(NODES)
    noise = torch.randn(
        NODES, NODES, NODES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    with torch.no_grad():
        model.f.copy_(
            over + noise / 2
        )  # the base is their softmax: the constant changes only the start
    base = (noise / 2).softmax(-1).numpy()
    config = QLearningConfig(
        steps=UPDATES, batch_size=128, learning_rate=STEP, optimizer="sgd", epsilon=0.0, temperature=1.0,
        target_decay=0.0, max_length=24, reward="outcome", stop_at_error=ended, soft_weight=weight,
    )  # fmt: skip
    updates = learn_entries(model, graph, config, seed)
    adjacency, found = graph.adjacency.astype(int).tolist(), model.f.detach().numpy()
    worst, least = 0.0, 10**9
    for target in np.unique(graph.reachable_pairs()[:, 1]):
        value = wanted_values(adjacency, base[target], target, weight)
        for j in others(NODES, target):
            if updates[target, j].any():  # a row that no prompt can come to stays as it was
                worst = max(worst, float(np.abs(found[target, j] - value[j]).max()))
                least = min(least, int(updates[target, j].min()))
    return worst, least


CASES = (Sampled(), Sampled(above=-1.0), Sampled(weight=0.0), Sampled(ended=False))
SAMPLED = Reading(
    "sampled-soft",
    sampled_error,
    tuple((seed, case.weight, case.above, case.ended) for seed in SEEDS for case in CASES),
)


@claim(
    "sampled",
    "statistical",
    CASES[:2],
    {"the maximum": CASES[2:3], "an error ends nothing": CASES[3:]},
    seeds=SEEDS,
    source="kept",
    fixed="before any run",
)
def sampled(stated: tuple[Sampled, ...], size: str) -> Finding:
    """The sampled trainer finds the soft values on graphs with cycles, from high starts as from low ones."""
    estimates, words, fewest = [], [], 10**9
    for one in stated:
        cases = [
            SAMPLED((s, one.weight, one.above, one.ended)) for s in SEEDS
        ]  # kept: no size is smaller
        errors, updates = zip(*cases, strict=True)
        found = estimate(errors, most=MARGIN, of="graphs")
        estimates.append(found)
        fewest = min(fewest, *updates)
        words.append(f"from {one.above:+g}: largest error {found:.2g}")
    graphs = [erdos_renyi(NODES, 0.6, acyclic=False, seed=seed) for seed in SEEDS]
    cyclic = all(
        any(any(exact.on_cycle(g.adjacency.tolist(), i)) for i in range(NODES)) for g in graphs
    )
    return decide(
        fewest > 0 and cyclic,
        f"{'; '.join(words)}; each entry updated at least {fewest} times",
        f"{len(SEEDS)} random digraphs of {NODES} nodes, each with a cycle off some target, outcome reward, weight {stated[0].weight:g}, on-policy, starts at the logits of a random base plus a constant, the trainer without target "
        f"network, an entry's step {STEP} toward the mean of its targets, {UPDATES} updates of 128 sequences; margin {MARGIN}",
        *estimates,
    )
