"""How nearly a stored transformer satisfies Assumption 3.1, on the paths that it writes itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from planlib import metrics, task
from planlib.rollout import sample
from planlib.studies import (
    BLOCKSWORLD,
    CYCLIC,
    SEEDS,
    STUDIES,
    Q,
    RunConfig,
    after_sft,
    rewards_and_policies,
    with_cycles,
)
from planlib.study import READ_OUT, load_run
from theorems.readings import Reading


def _with_layers(config: RunConfig) -> dict:
    run = load_run(config)
    graph, pairs = run.task.graph, run.task.split.test_pairs
    how = {"temperature": READ_OUT if config.q else 1.0}
    tokens = sample(run.model, pairs, torch.Generator().manual_seed(0), samples=4, **how)
    targets, nodes, logits = metrics.path_logits(run.model, tokens)
    table = metrics.averaged_table(run.model, targets, nodes, logits)
    right = [
        metrics.accuracy(m, graph, pairs, torch.Generator().manual_seed(1), samples=2, **how)
        for m in (run.model, table)
    ]
    looks = []
    rows, places = np.nonzero(task.episode_steps(tokens[:1000], graph.n))
    for weights in metrics.attention(run.model, tokens[:1000]):
        at = weights[:, 0].numpy()[rows, places]  # (M, L)
        looks.append((float(at[:, 1].mean()), float(at[np.arange(len(at)), places].mean())))
    share = float(metrics.explained_by(targets * graph.n + nodes, logits))
    return {"share": share, "right": right, "looks": looks}


# Graphs with cycles: every stored model that there is.  Of the second stages one seed's were kept.
WITH_CYCLES = {
    "Blocksworld": {
        **{f"SFT, seed {seed}": replace(BLOCKSWORLD, seed=seed) for seed in SEEDS},
        "policy gradient, seed 0": after_sft(BLOCKSWORLD)["PG, λ = 0"],
        "Q-learning, seed 0": rewards_and_policies(BLOCKSWORLD)["process reward, on-policy"],
    },
    "cyclic graph": {
        "SFT, seed 0": CYCLIC,
        "Q-learning, seed 2": with_cycles(CYCLIC, 2, Q.initial_scale),
    },
}
PROBLEMS = 1000  # test problems that are drawn where there are more


def _as_a_table(config: RunConfig) -> dict:
    run = load_run(config)
    graph, n = run.task.graph, run.task.graph.n
    rng = np.random.default_rng(0)
    pairs = rng.permutation(run.task.split.test_pairs)[:PROBLEMS]
    # With cycles an answer may be as long as the model reads.
    how = {"temperature": READ_OUT if config.q else 1.0, "max_length": config.max_length}
    tokens = sample(run.model, pairs, torch.Generator().manual_seed(0), samples=4, **how)
    targets, nodes, logits = metrics.path_logits(run.model, tokens)
    pair = targets * n + nodes
    table = metrics.averaged_table(run.model, targets, nodes, logits)
    by = {"pair": pair, "current": nodes, "target": targets, "shuffled": rng.permutation(pair)}
    steps = (task.episode_steps(tokens, n) & (tokens[:, :-1] != tokens[:, 1:2]).numpy()).nonzero()
    place = steps[1]  # in the sequence, of each of these steps
    among = np.empty_like(place)  # the places of a pair's steps, shuffled among them
    among[np.argsort(pair, kind="stable")] = place[np.lexsort((rng.random(len(pair)), pair))]
    far = tokens.shape[1]
    by |= {"pair and place": pair * far + place, "pair and place shuffled": pair * far + among}
    walked = tokens.numpy()
    back = [node in walked[row, 2:at] for row, at, node in zip(*steps, nodes, strict=True)]
    return {
        "explained": {name: metrics.explained_by(groups, logits) for name, groups in by.items()},
        "ends": [
            metrics.outcomes(m, graph, pairs, torch.Generator().manual_seed(1), samples=2, **how)
            for m in (run.model, table)
        ],
        "back": float(np.mean(back)),
        "rows": [len(np.unique(pair)), len(pair)],
    }


AS_A_TABLE = Reading(
    "as-a-table",
    _as_a_table,
    tuple(config for models in WITH_CYCLES.values() for config in models.values()),
)


def as_a_table(config: RunConfig) -> dict:
    """Read how nearly a stored model is a table, on the paths that it writes for test problems.

    Returns
    -------
    dict
        ``explained``: share of the variance of its logits by (target, current), by either alone,
        by shuffled pairs, and by the pair with the step's place in the sequence, which is once
        shuffled within the pair; ``back``: share of steps from a node where the path has been
        before; ``ends``: how the sequences end (:func:`planlib.metrics.outcomes`) of
        the model and of the table of its mean logits; ``rows``: how many (target, current) there were, in how many steps.
    """
    return AS_A_TABLE(config)


LAYERS = Reading("layers", _with_layers, STUDIES["layers"])


def with_layers(config: RunConfig) -> dict:
    """Read a stored model with one head a layer.

    Returns
    -------
    dict
        ``share`` of the variance of its logits that (target, current) explains; ``right``,
        accuracy of the model and of the table of its mean logits; ``looks``, a layer: mean
        attention to the target and to the current node.
    """
    return LAYERS(config)
