"""What a trained transformer says in the rows (target, current) of a data set, visited and not.

Theorem 3.1 is about tables; these are the rows of a transformer beside what the theorem and its
rivals say of them, read for one stored run and averaged for each of several seeds.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import torch

from planlib import metrics, task
from planlib.studies import ACYCLIC, RunConfig
from planlib.study import load_run
from theorems.readings import Reading

# Margins were set when seeds 0 and 2 alone had been read; these decide.
DECIDING = (1, 3, 4, 5, 6, 7)
LAWS = ("frequencies", "blind", "uniform")


@functools.cache
def rows_of(config: RunConfig, model_of: RunConfig | None = None) -> dict[str, np.ndarray]:
    """Predicted and learned next-node distributions of a stored transformer.

    The learned row of a visited (target, current) is the mean prediction over
    its visits in the training data; that of an unseen one the prediction after
    the prompt.

    Parameters
    ----------
    config
        The run whose training data are meant, and whose model answers,
    model_of
        unless another run's is to.

    Returns
    -------
    dict
        Over visited rows ``(m, ...)``: ``targets``, ``nodes``, ``visits``,
        ``learned``, ``frequencies``, ``blind``, ``uniform`` (each ``(m, n)``);
        over unseen ones ``unseen_targets``, ``unseen_nodes``, ``unseen_correct``, and the
        distributions ``unseen_learned``, ``unseen_blind`` (edges without targets),
        ``unseen_other`` (the model asked for another target that the node can
        reach), ``unseen_factored`` (edges, each weighed by how often the paths toward the
        target take its end) and ``unseen_legal`` (uniform over legal steps).
    """
    run = load_run(config)
    model = load_run(model_of).model if model_of else run.model
    graph, n = run.task.graph, run.task.graph.n
    data = torch.as_tensor(run.task.data)
    steps = torch.as_tensor(task.path_steps(run.task.data, n))  # (N, L-1)
    with torch.no_grad():
        predicted = torch.cat(
            [
                model(d, torch.nn.functional.pad(s, (0, 1))).softmax(-1)[:, :n]
                for d, s in zip(data.split(1024), steps.split(1024), strict=True)
            ]
        ).double()  # (M, n)
    target = data[:, 1:2].expand_as(steps)[steps]
    current, following = data[:, :-1][steps], data[:, 1:][steps]
    inside = following < n  # the end token is no node
    predicted, following = predicted[inside], following[inside]
    rows, row = (target * n + current)[inside].unique(return_inverse=True)  # (m,), (M,)
    one_hot = torch.nn.functional.one_hot(following, n).double()
    counts = torch.zeros(len(rows), n, dtype=torch.float64).index_add_(0, row, one_hot)
    visits = counts.sum(1, keepdim=True)  # (m, 1)
    pooled = torch.zeros(n, n, dtype=torch.float64).index_add_(0, current[inside], one_hot)
    toward = torch.zeros(n, n, dtype=torch.float64).index_add_(0, target[inside], one_hot).numpy()
    targets, nodes = (rows // n).numpy(), (rows % n).numpy()
    correct = graph.correct_next(targets, nodes).astype(float)
    reachable = graph.reachability & ~np.eye(n, dtype=bool)
    reachable.flat[rows.numpy()] = False
    unseen_targets, unseen_nodes = np.nonzero(reachable)
    rng = np.random.default_rng(0)
    elsewhere = graph.reachability[:, unseen_nodes].T.copy()  # (m, n): targets that node can reach
    elsewhere[np.arange(len(unseen_nodes)), unseen_nodes] = False
    elsewhere[np.arange(len(unseen_nodes)), unseen_targets] = False
    other_targets = (elsewhere * rng.random(elsewhere.shape)).argmax(1)
    unseen, other = (
        metrics.next_node_logits(model, asked, unseen_nodes).softmax(-1).double().numpy()
        for asked in (unseen_targets, other_targets)
    )
    blind = (pooled / pooled.sum(1, keepdim=True).clamp(min=1)).numpy()  # (n, n)
    legal = graph.adjacency[unseen_nodes].astype(float)
    # Where no path toward the target takes any of the edges' ends, the edges alone are left.
    factored = blind[unseen_nodes] * (toward[unseen_targets] + 1e-9)
    learned = torch.zeros_like(counts).index_add_(0, row, predicted) / visits
    return {
        "targets": targets,
        "nodes": nodes,
        "visits": visits[:, 0].numpy(),
        "learned": learned.numpy(),
        "frequencies": (counts / visits).numpy(),
        "blind": blind[nodes],
        "uniform": correct / correct.sum(1, keepdims=True),
        "unseen_targets": unseen_targets,
        "unseen_nodes": unseen_nodes,
        "unseen_correct": graph.correct_next(unseen_targets, unseen_nodes),
        "unseen_learned": unseen,
        "unseen_blind": blind[unseen_nodes],
        "unseen_other": other,
        "unseen_factored": factored / factored.sum(1, keepdims=True),
        "unseen_legal": legal / legal.sum(1, keepdims=True),
    }


def total_variation(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Total-variation distance of distributions along the last axis, in [0, 1]."""
    return 0.5 * np.abs(p - q).sum(-1)


def distances(rows: dict[str, np.ndarray]) -> dict[str, float]:
    """Mean distance of the learned rows to each of :data:`LAWS`, a visit a weight.

    Rows with one correct step decide nothing and are left out.
    """
    several = rows["uniform"].max(-1) < 1
    weights = rows["visits"][several] / rows["visits"][several].sum()
    return {
        law: float(weights @ total_variation(rows["learned"], rows[law])[several]) for law in LAWS
    }


def share_followed(rows: dict[str, np.ndarray]) -> float:
    """How much of the frequencies' departure from uniform the model follows: 1 all of it, 0 none.

    The slope of learned less uniform on frequencies less uniform, over correct steps, a visit a
    weight.
    """
    weights = rows["visits"][:, None] * (rows["uniform"] > 0)
    noise = rows["frequencies"] - rows["uniform"]
    return float(
        (weights * noise * (rows["learned"] - rows["uniform"])).sum() / (weights * noise**2).sum()
    )


def _averages(config: RunConfig) -> dict:
    rows = rows_of(config)
    # The same graph and the same law, other paths: what it knows of these data is no memory.
    stranger = rows_of(config, replace(config, seed=config.seed - 1))
    unseen = ("learned", "blind", "other", "factored", "legal")
    return {
        "own": distances(rows),
        "stranger": distances(stranger),
        "followed": [share_followed(rows), share_followed(stranger)],
        "visited": int((rows["uniform"].max(-1) < 1).sum()),
        "unseen": {
            who: float((rows[f"unseen_{who}"] * rows["unseen_correct"]).sum(-1).mean())
            for who in unseen
        },
        "blank": float(rows["unseen_correct"].mean()),
        "never": len(rows["unseen_targets"]),
    }


AVERAGES = Reading(
    "learned-rows", _averages, tuple(replace(ACYCLIC, seed=seed) for seed in DECIDING)
)


def averages(seed: int) -> dict:
    """Averages over the rows of the stored SFT run of a seed.

    Returns
    -------
    dict
        ``own`` and ``stranger``: :func:`distances` of the run's model, and of one trained with
        another seed, to the laws of the run's data; ``followed``: :func:`share_followed` of
        both; ``unseen``: mean mass on correct steps where no path went, by who says it;
        ``blank``: the same of a uniform guess; ``visited``, ``never``: how many rows.
    """
    return AVERAGES(replace(ACYCLIC, seed=seed))
