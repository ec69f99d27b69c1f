"""How nearly a stored transformer satisfies Assumption 3.1, on the paths that it writes itself."""

from __future__ import annotations

import numpy as np
import torch

from planlib import metrics, task
from planlib.rollout import sample
from planlib.studies import STUDIES, RunConfig
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
