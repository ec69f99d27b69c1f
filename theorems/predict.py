"""What the theorems say of a graph, training paths and settings, before anything is trained.

:func:`predict` returns plain data: lines in groups, each with the claim of the book that it rests
on and with the claim's hypotheses on this input; and a verdict in words.  A graph on which a
hypothesis fails is no bad input but an answer.  ``python -m planlib predict`` prints it.

Source: ours; each line's theorem is that of its claim.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

from planlib.curves import READ_OUT
from planlib.graph import DENSE, InputError, PlanningGraph, parse_graph, plain_fields
from planlib.paths import given_task
from planlib.studies import FILTERED_SFT, GRPO, PG, Q, RunConfig
from planlib.task import Split, check_seed, length_of, sft_dataset, split_by_distance, split_pairs
from planlib.train import (
    FilteredSFTConfig,
    GRPOConfig,
    PolicyGradientConfig,
    QLearningConfig,
    SFTConfig,
)
from theorems import predict_lines, predict_values
from theorems.predict_coverage import held_out
from theorems.predict_lines import NEEDS_TABLE, Case
from theorems.predict_measured import Source, is_small, measure
from theorems.predict_report import GROUPS, Advice, Line, Prediction
from theorems.predict_verdict import verdict

__all__ = ["Advice", "Line", "Prediction", "Settings", "predict"]


LINES = predict_lines.LINES | predict_values.LINES


@dataclass(frozen=True)
class Settings:
    """The settings that predictions depend on, named as those of a run.

    Attributes
    ----------
    train_fraction, paths_per_pair, seed, within, asked
        Of the split and its paths, as in :class:`planlib.studies.RunConfig`.
    max_length
        Longest sequence that the model writes, in tokens.
    sft, pg, grpo, filtered_sft, q
        Settings of each method; those of the book if not given.
    """

    train_fraction: float = 0.2
    paths_per_pair: int = 10
    seed: int = 0
    max_length: int = 48
    within: int | None = None
    asked: float = 0.0
    sft: SFTConfig = field(default_factory=lambda: RunConfig().sft)
    pg: PolicyGradientConfig = PG
    grpo: GRPOConfig = GRPO
    filtered_sft: FilteredSFTConfig = FILTERED_SFT
    q: QLearningConfig = Q

    def __post_init__(self):
        plain_fields(self)
        check_seed(self.seed)
        # A run's own checks, which name the argument.
        RunConfig(
            train_fraction=self.train_fraction, paths_per_pair=self.paths_per_pair, seed=self.seed,
            max_length=self.max_length, within=self.within, asked=self.asked, pg=self.pg,
        )  # fmt: skip
        if self.max_length < length_of(1):
            raise InputError("max_length", f"at least {length_of(1)}: a path of one step", self.max_length)  # fmt: skip

    @property
    def steps(self) -> int:
        """Most steps of a path that fits into a sequence."""
        return self.max_length - length_of(0)


def predict(
    graph: PlanningGraph | str,
    paths: str | None = None,
    test_pairs: str | None = None,
    settings: Settings | None = None,
    *,
    progress: bool = False,
) -> Prediction:
    """Say what the theorems foretell of a graph, its training paths and the settings of a run.

    Up to 150,000 problems and 2,000 nodes every target is measured, by recursions that are exact up to
    rounding (distinct paths alone are sampled); beyond it 40 to 400 targets are drawn, and means come
    with 95% intervals.

    Parameters
    ----------
    graph
        A graph or its name, see :func:`planlib.graph.parse_graph`.
    paths, test_pairs
        Files of training paths and of test pairs (:mod:`planlib.paths`) in place of walks of our own,
        which are those that ``train`` makes with the same settings and seed.
    settings
        Those of the book if not given.
    progress
        Whether a bar on standard error shows how far it is.

    Raises
    ------
    InputError
        If the graph, a file or a setting cannot be used: bad input, as for ``train``.
    """
    settings = settings or Settings()
    graph = parse_graph(graph) if isinstance(graph, str) else graph
    if not graph.is_dense:
        raise InputError("graph", f"at most {DENSE:,} nodes", f"{graph.n:,}")
    split, data = _task(graph, paths, test_pairs, settings)
    source = Source(graph, split, data, settings)
    case = Case(source, measure(source, settings, READ_OUT, progress), settings)
    groups, notes = {}, []
    for group in GROUPS:
        lines = (make(case) for make in LINES.get(group, ()))
        if group in NEEDS_TABLE and "table" not in case.measured:
            lines = ()
            notes.append(
                f"{GROUPS[group]}: left out; on a large graph with cycles walks of our own "
                "take too long. Give the training paths (--paths)."
            )
        groups[group] = tuple(line for line in lines if line)
    groups["held-out"] = held_out(case)
    if not groups["held-out"]:
        notes.append("Held-out pairs: left out, too many nodes or no test pair.")
    if not source.whole:
        notes.append(
            f"{len(source.targets)} targets drawn of {len(graph.targets):,}, in proportion to their problems; shares and "
            "means come with 95% intervals, medians and extremes are those of what was drawn."
        )
    found = Prediction(_about(case, paths), _flat(settings), groups, tuple(notes), ())
    return replace(found, verdict=verdict(found))


def _task(graph, paths, test_pairs, settings: Settings) -> tuple[Split | None, object]:
    """The split and the SFT data, as for training; None twice where they would be too large to make."""
    if test_pairs and not paths:
        raise InputError("test_pairs", "training paths beside them", "none")
    if not (graph.adjacency[:, graph.targets]).any():
        raise InputError("graph", "an edge that leads to a target", f"none in {graph.name}")
    if paths:
        for name in ("train_fraction", "paths_per_pair", "within", "asked"):
            if (value := getattr(settings, name)) != getattr(Settings, name):
                raise InputError(name, "the default beside given paths, which decide it", value)
        return given_task(graph, paths, test_pairs)
    if not is_small(graph):
        return None, None
    if settings.within is not None:
        split = split_by_distance(
            graph, settings.within, settings.train_fraction, settings.asked, settings.seed
        )
    else:
        split = split_pairs(graph, settings.train_fraction, settings.seed, settings.asked)
    return split, sft_dataset(graph, split, settings.paths_per_pair, settings.seed)


def _about(case: Case, paths: str | None) -> dict[str, object]:
    graph, split, source = case.source.graph, case.source.split, case.source
    about = {
        "graph": graph.name,
        "nodes": graph.n,
        "edges": len(source.edges[0]),
        "acyclic": graph.is_acyclic,
        "problems": source.total,
        "targets measured": len(source.targets),
        "whole": source.whole,
        "paths": paths or "random walks of our own",
        "training sequences": round(source.sequences or case.measured.sequences),
    }
    if split is not None:
        about |= {
            "training problems": len(split.train_pairs),
            "asked problems": len(split.asked_pairs),
            "test problems": len(split.test_pairs),
        }
    return about


def _flat(settings: Settings) -> dict[str, object]:
    """Settings by name, those of a method with its name in front."""
    flat = {}
    for name, value in asdict(settings).items():
        flat |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}  # fmt: skip
    return flat
