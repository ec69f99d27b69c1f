"""Reach: the headline claims of figures 2 and 3 for other networks and on other graphs.

What the theorems say rests on no attention: a table has it all.  Does it survive more layers, more
heads, attention without a softmax, a recurrent state, and other graphs?  Margins were set on seed 0
of one layer; the claims were committed before any run of another network or of the seeds that decide.

Source: ours; what is claimed is that of Wang et al., arXiv 2509.22613, figures 2 and 3 and
Assumption 3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from planlib import metrics
from planlib.evidence import Finding, claims, decide, inapplicable
from planlib.intervals import Estimate, estimate
from planlib.rollout import sample
from planlib.studies import (
    REACH_GRAPH_SEEDS,
    REACH_NETWORKS,
    REACH_SEEDS,
    REACH_STEADY_SEEDS,
    STUDIES,
    RunConfig,
    reach_base,
    reach_graphs,
    reach_networks,
    reach_steady,
)
from planlib.study import READ_OUT, load_run
from theorems import rank
from theorems.comparing import END, FIRST, Gap, Point, apart, claims_on, margins, rises
from theorems.readings import Reading

claim = claims("reach")
PG, PROCESS, OUTCOME = "PG", "Q, process", "Q, outcome"
SFT, HELD = "more SFT", "PG, λ = 0.1"
OFF_PROCESS, OFF_OUTCOME = "Q, process, off-policy", "Q, outcome, off-policy"
Runs = Callable[[int], dict[str, dict[str, RunConfig]]]


SEEDS_OF = {reach_networks: tuple(REACH_SEEDS), reach_graphs: tuple(REACH_GRAPH_SEEDS)}


def values(of: Runs, gap: Gap) -> dict[str, list[float]]:
    """A difference by network or graph, one number a seed.

    Raises
    ------
    MissingRunError
        If a run that it needs is not stored.
    """
    seeds = [of(seed) for seed in SEEDS_OF[of]]
    return {name: [gap.of(runs[name]) for runs in seeds] for name in seeds[0]}


def by_network(gap: Gap) -> dict[str, Estimate]:
    """Estimates over seeds, one a network: the claim is on each."""
    of = values(reach_networks, gap)
    return {name: estimate(x, least=gap.least, most=gap.most) for name, x in of.items()}


@dataclass(frozen=True)
class Spread:
    """A difference over graphs, and where its spread comes from.

    Attributes
    ----------
    over
        The estimate over graphs, each by its mean over seeds.
    graphs, seeds
        Standard deviation of the graphs' true means and of seeds on one graph: of the variance
        of the graphs' means, what the seeds account for is taken off, down to 0.
    by_graph
        The graphs' means.
    """

    over: Estimate
    graphs: float
    seeds: float
    by_graph: dict[str, float]


def by_graph(gap: Gap, without: tuple[str, ...] = ()) -> Spread:
    """Estimate a difference over graphs (but for some), and tell graphs and seeds apart."""
    found = {name: x for name, x in values(reach_graphs, gap).items() if name not in without}
    table = np.array(list(found.values()))  # (G, S)
    means, within = table.mean(1), float(table.var(1, ddof=1).mean())
    between = max(0.0, float(means.var(ddof=1)) - within / table.shape[1])
    over = estimate(means, least=gap.least, most=gap.most, of="graphs")
    by = dict(zip(found, means.tolist(), strict=True))
    return Spread(over, between**0.5, within**0.5, by)


def _on_networks(gaps: tuple[Gap, ...], size: str) -> Finding:
    found = [(name, e) for gap in gaps for name, e in by_network(gap).items()]
    decided = [e.holds for _, e in found]
    worst, least_room = min(
        found, key=lambda one: min(one[1].low - one[1].least, one[1].most - one[1].high)
    )
    counts = f"{decided.count(True)} of {len(found)} inside, {decided.count(False)} outside"
    figure = f"{counts}; {worst} {least_room:.3f}, margin: {margins(gaps[0])}"
    scope = f"each of {len(REACH_NETWORKS)} networks by itself, the worst of them named; one graph of 60 nodes, {len(REACH_SEEDS)} seeds, Student's t"
    return decide(True, figure, scope, *(e for _, e in found))


def _over_attention(gaps: tuple[Gap, ...], size: str) -> Finding:
    (gap,) = gaps
    of = values(reach_networks, gap)
    means = [float(np.mean(of[name])) for name in WITH_ATTENTION]
    found = estimate(means, least=gap.least, most=gap.most, of="networks")
    figure = f"{found:.3f}, by network {min(means):.3f} to {max(means):.3f}, margin: {margins(gap)}"
    scope = f"mean over {len(means)} networks with attention, Student's t over networks, which were chosen and share one graph and {len(REACH_SEEDS)} seeds"
    return decide(True, figure, scope, found)


def _on_graphs(gaps: tuple[Gap, ...], size: str, without: tuple[str, ...] = ()) -> Finding:
    (gap,) = gaps
    found = by_graph(gap, without)
    spread = f"spread of graphs {found.graphs:.3f}, of seeds {found.seeds:.3f}"
    sizes = sorted(int(name.split()[0]) for name in found.by_graph)
    scope = f"mean over {len(sizes)} graphs of {sizes[0]} to {sizes[-1]} nodes, one layer, {len(REACH_GRAPH_SEEDS)} seeds each, Student's t over graphs, which were chosen by size and seen with another seed before"
    return decide(True, f"{found.over:.3f}, margin: {margins(gap)}; {spread}", scope, found.over)


def along(by: str) -> tuple[Gap, ...]:
    """The share of the logits' variance that a part of the step explains after SFT, policy gradient and Q-learning."""
    ends = ((PG, FIRST), (PG, END), (PROCESS, END))
    return tuple(Gap(Point(method, f"explained{by}", at), None, 0.9) for method, at in ends)


def _paths(method: str, **bounds: float) -> Gap:
    """Distinct paths of a method over those of the SFT model, sampled as policy gradient is."""
    before = Point(PG, "test_distinct", FIRST)
    return Gap(Point(method, "test_distinct"), before, ratio=True, **bounds)


def _accurate(method: str, **bounds: float) -> Gap:
    return Gap(Point(method, "test_accuracy"), None, **bounds)


@dataclass(frozen=True)
class _Seen:
    """What was claimed of some of the cases when all had been seen; as the headline where it is silent."""

    title: str = ""
    gap: Gap | None = None
    controls: dict[str, Gap] | None = None


@dataclass(frozen=True)
class _Headline:
    """A claim that is made of networks and of graphs, and what was seen where it was missed."""

    name: str
    title: str
    gap: Gap
    controls: dict[str, Gap]
    networks: dict[str, Gap] | None = None  # further controls, in networks alone
    attention: _Seen | None = None  # over the networks with attention
    smaller: _Seen | None = None  # over the graphs of up to 150 nodes


HEADLINES = (
    _Headline(
        "pg-rises",
        "Policy gradient raises sampled test accuracy by more than 0.02.",
        rises("test_accuracy", PG, 0.02),
        {"greedy accuracy as well": rises("test_greedy", PG, 0.02)},
        attention=_Seen(
            "Policy gradient raises sampled test accuracy.", rises("test_accuracy", PG, 0.0)
        ),
    ),
    _Headline(
        "paths-fall",
        "It ends with less than 0.75 of the distinct paths of its start.",
        _paths(PG, most=0.75),
        {"Q-learning on process reward as well": _paths(PROCESS, most=0.75)},
        attention=_Seen(),
        smaller=_Seen(
            controls={"of its accuracy as well": rises("test_accuracy", PG, most=0.75, ratio=True)}
        ),
    ),
    _Headline(
        "process",
        "Q-learning on process reward plans more than 0.9 of the test problems.",
        _accurate(PROCESS, least=0.9),
        {"on outcome reward as well": _accurate(OUTCOME, least=0.9)},
        attention=_Seen(),
        smaller=_Seen(),
    ),
    _Headline(
        "outcome",
        "Q-learning on outcome reward plans less than 0.05.",
        _accurate(OUTCOME, most=0.05),
        {"on process reward as well": _accurate(PROCESS, most=0.05)},
        # On the two largest graphs process reward has not come back by then either: the page says so.
        networks={
            "on process reward after as many updates": Gap(
                Point(PROCESS, "test_accuracy", (3, 4)), None, most=0.05
            )
        },
    ),
    _Headline(
        "more-paths",
        "Q-learning on process reward writes more than 1.5 times the distinct paths of policy gradient.",
        apart(PROCESS, PG, "test_distinct", least=1.5, ratio=True),
        {"and of the SFT model": _paths(PROCESS, least=1.5)},
        attention=_Seen(),
        smaller=_Seen(
            "Policy gradient writes less than 0.75 of the distinct paths of Q-learning on process reward.",
            apart(PG, PROCESS, "test_distinct", most=0.75, ratio=True),
            {
                "the SFT model as well": Gap(
                    Point(PG, "test_distinct", FIRST),
                    Point(PROCESS, "test_distinct"),
                    most=0.75,
                    ratio=True,
                )
            },
        ),
    ),
)


# --- attention, on the problems of the book's graph ----------------------------------------------

SHOWN = 6  # tokens: the prompt and three steps
_stages = dict(zip(("SFT", "policy gradient", "Q-learning"), STUDIES["layers"], strict=True))
LOOKED_AT = {
    (layers, method): replace(config, layers=layers)
    for layers in (1, 2)
    for method, config in _stages.items()
}


def _maps(config: RunConfig) -> dict[str, list]:
    run, found = load_run(config), {}
    how = {"temperature": READ_OUT if config.q else 1.0}
    for name, pairs in (
        ("training", run.task.split.train_pairs),
        ("test", run.task.split.test_pairs),
    ):
        some = np.random.default_rng(0).permutation(pairs)[:1000]
        tokens = sample(run.model, some, torch.Generator().manual_seed(0), **how)[:, :SHOWN]
        tokens = tokens[tokens[:, -1] < run.task.graph.n]  # three steps at least
        found[name] = [w.mean((0, 1)).tolist() for w in metrics.attention(run.model, tokens)]
    return found


MAPS = Reading("attention", _maps, tuple(LOOKED_AT.values()))
LONG_READINGS = (MAPS,)


def maps(config: RunConfig) -> dict[str, np.ndarray]:
    """Mean attention of a stored model, for ``training`` and for ``test`` problems: ``(layers, 6, 6)``.

    Of sequences that it writes for a thousand problems of either kind, those of three steps at
    least: from each of their first six positions to each.
    """
    return {name: np.array(found) for name, found in MAPS(config).items()}


@dataclass(frozen=True)
class Alike:
    """Two maps of attention that differ nowhere by more than ``most``: kinds of problems, or methods."""

    most: float
    methods: tuple[str, str] | None = None


def _alike(stated: Alike, size: str) -> Finding:
    """A model looks where it looks whether a problem was trained or not: on no pair of positions does its mean attention differ by more than 0.05."""
    differ = []
    for layers in (1, 2):
        if stated.methods:
            one, other = (maps(LOOKED_AT[layers, method])["test"] for method in stated.methods)
            differ.append(np.abs(one - other).max())
            continue
        for method in _stages:
            found = maps(LOOKED_AT[layers, method])
            differ.append(np.abs(found["training"] - found["test"]).max())
    largest = float(max(differ))
    scope = "stored models of one and of two layers on the book's graph, one seed; six positions, a thousand problems of either kind"
    return decide(largest <= stated.most, f"at most {largest:.3f}, margin {stated.most:g}", scope)


LOOKS = claim(
    "attention",
    "transformer",
    Alike(0.05),
    {"SFT and Q-learning as well": Alike(0.05, ("SFT", "Q-learning"))},
    seeds=(2,),
    fixed="after all seeds",
)(_alike)


LARGEST = ("200 nodes",)  # where Q-learning's values run off
WITH_ATTENTION = tuple(name for name, of in REACH_NETWORKS.items() if of.get("network") != "gru")


def _made(measure, where: str, name: str, title: str, gaps, controls, **more):
    seeds = REACH_GRAPH_SEEDS if where == "graphs" else REACH_SEEDS
    how = {"seeds": tuple(seeds), "title": title, "fixed": "after seed 0"} | more
    wrong = {what: (gap,) if isinstance(gap, Gap) else gap for what, gap in controls.items()}
    return claim(f"{where}-{name}", "transformer", gaps, wrong, **how)(measure)


def _headlines(where: str, among: str, measure, seen_among: str, seen_measure, seen_of) -> tuple:
    """The headlines among networks or graphs, then what was seen of some of those."""
    claimed, seen = [], []
    for h in HEADLINES:
        after, successor = seen_of(h), f"{h.name}-seen"
        named = {"successor": f"{where}-{successor}"} if after else {}
        further = (h.networks or {}) if where == "networks" else {}
        how = (where, h.name, f"{among}: {h.title}", (h.gap,), h.controls | further)
        claimed.append(_made(measure, *how, **named))
        if after:
            title = f"{seen_among}: {after.title or h.title}"
            how = (where, successor, title, (after.gap or h.gap,), after.controls or h.controls)
            seen.append(_made(seen_measure, *how, fixed="after all seeds"))
    return (*claimed, *seen)


# Fixed after seed 0, half as long: there a right step was worth 0.5, and 0.6 were planned.
_steady = claims_on(
    "reach",
    reach_steady,
    reach_base("200 nodes"),
    "200 nodes, one layer",
    tuple(REACH_STEADY_SEEDS),
)
USUAL, SLOW = "usual target", "slow target"


def _at_last(method: str, series: str, least: float) -> Gap:
    return Gap(Point(method, series, END), None, least)


STEADY = (
    _steady(
        "steady-holds",
        "On 200 nodes, toward a target that follows twenty times slower, a right step ends above 0.",
        _at_last(SLOW, "feasible_value", 0.0),
        {"toward the usual target as well": _at_last(USUAL, "feasible_value", 0.0)},
        fixed="after seed 0",
    ),
    _steady(
        "steady-plans",
        "And more than half of the test problems are planned.",
        _at_last(SLOW, "test_accuracy", 0.5),
        {
            "toward the usual target as well": _at_last(USUAL, "test_accuracy", 0.5),
            "as many as before, to 0.02": rises("test_accuracy", SLOW, -0.02, at=END),
        },
        fixed="after seed 0",
    ),
)

# Learning from what the SFT model writes.  On 200 nodes values had run off on-policy: what is claimed
# over all graphs is claimed once more without it, both before any run.
_soon = Gap(Point(OFF_PROCESS, "test_accuracy", (1, 2)), None, 0.9)  # at a ninth of the updates
OFF_POLICY = (
    _made(
        _on_graphs,
        "graphs",
        "off-policy",
        "Over graphs: Q-learning on process reward from what the SFT model writes plans more than 0.9 of the test problems.",
        (_accurate(OFF_PROCESS, least=0.9),),
        {"at its first evaluation as well": _soon},
        fixed="before any run",
        successor="graphs-off-policy-seen",
    ),
    _made(
        partial(_on_graphs, without=LARGEST),
        "graphs",
        "off-policy-smaller",
        "Over the graphs of up to 150 nodes: Q-learning on process reward from what the SFT model writes plans more than 0.9 of the test problems.",
        (_accurate(OFF_PROCESS, least=0.9),),
        {"at its first evaluation as well": _soon},
        fixed="before any run",
    ),
    _made(
        _on_graphs,
        "graphs",
        "off-policy-seen",
        "Over graphs: Q-learning on process reward from what the SFT model writes plans more than half of the test problems.",
        (_accurate(OFF_PROCESS, least=0.5),),
        {"on outcome reward as well": _accurate(OFF_OUTCOME, least=0.5)},
        fixed="after all seeds",
    ),
    _made(
        _on_graphs,
        "graphs",
        "off-outcome",
        "Over graphs: Q-learning on outcome reward from what the SFT model writes plans less than 0.05.",
        (_accurate(OFF_OUTCOME, most=0.05),),
        {
            "on process reward as well": _accurate(OFF_PROCESS, most=0.05),
            "before its first update, at the same temperature": Gap(
                Point(OFF_OUTCOME, "test_accuracy", FIRST), None, most=0.05
            ),
        },
        fixed="before any run",
    ),
)

CHECKS = (
    LOOKS,
    _made(
        _on_networks,
        "networks",
        "pair",
        "Target and current node explain more than 0.9 of the variance of the logits along the model's own paths, after SFT, policy gradient and Q-learning, in each network.",
        along(""),
        {"the current node alone": along("_current"), "shuffled pairs": along("_shuffled")},
    ),
    *_headlines(
        "networks",
        "In each network",
        _on_networks,
        "Over the networks with attention",
        _over_attention,
        lambda h: h.attention,
    ),
    *_headlines(
        "graphs",
        "Over graphs",
        _on_graphs,
        "Over the graphs of up to 150 nodes",
        partial(_on_graphs, without=LARGEST),
        lambda h: h.smaller,
    ),
    _made(
        _on_graphs,
        "graphs",
        "process-start",
        "Over graphs: before Q-learning's first update the SFT model, at the low temperature of values, plans more than 0.9 of the test problems.",
        (Gap(Point(PROCESS, "test_accuracy", FIRST), None, 0.9),),
        {
            "at policy gradient's temperature as well": Gap(
                Point(PG, "test_accuracy", FIRST), None, 0.9
            )
        },
        fixed="after all seeds",
    ),
    _made(
        _on_graphs,
        "graphs",
        "kept",
        "Over graphs: with λ = 0.1 policy gradient ends with more than 1.2 times the distinct paths that it has without.",
        (apart(HELD, PG, "test_distinct", least=1.2, ratio=True),),
        {"the accuracy as well": apart(HELD, PG, "test_accuracy", least=1.2, ratio=True)},
        fixed="before any run",
    ),
    _made(
        _on_graphs,
        "graphs",
        "more-sft",
        "Over graphs: more SFT does not lower sampled test accuracy, to 0.005.",
        (rises("test_accuracy", SFT, -0.005),),
        {"it raises it by 0.02, as policy gradient": rises("test_accuracy", SFT, 0.02)},
        fixed="before any run",
        successor="graphs-more-sft-seen",
    ),
    _made(
        _on_graphs,
        "graphs",
        "more-sft-seen",
        "Over graphs: more SFT raises sampled test accuracy by more than 0.02.",
        (rises("test_accuracy", SFT, 0.02),),
        {"greedy accuracy as well": rises("test_greedy", SFT, 0.02)},
        fixed="after all seeds",
    ),
    *OFF_POLICY,
    *rank.CHECKS,
    *STEADY,
    *inapplicable(
        "reach",
        formal="no theorem of its own: the networks are held against those of the other chapters",
        symbolic="no identity: figures of trained networks",
        solver="no table of reals is left free",
        certified="no inequality between reals",
    ),
)
