"""A run that is stored, beside what the report says of its graph, paths and settings.

Only figures that have one: policy gradient and its relatives have no closed form for where they end.

Source: ours; each row's claim is that of its line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from planlib.graph import InputError
from planlib.studies import RunConfig
from planlib.study import RUNS, load_record
from theorems.predict import Settings, predict
from theorems.predict_report import Line, Prediction


@dataclass(frozen=True)
class Row:
    """One figure: what foretells it and what was measured, both shares in [0, 1].

    Attributes
    ----------
    figure
        In a few words.
    foretold, measured
        Of the report, and of the stored run's final metrics.
    line
        The line that foretells it, with its claim and its hypotheses on this input.
    """

    figure: str
    foretold: float
    measured: float
    line: Line

    def text(self) -> str:
        """Write the row for people, hypotheses that fail on this input behind it."""
        fails = "; ".join(str(a) for a in self.line.fails)
        row = f"{self.figure:38} foretold {self.foretold:.3f}  measured {self.measured:.3f}  {self.line.claim}"
        return row + (f"\n    {fails}" if fails else "")


def settings_of(config: RunConfig) -> Settings:
    """What the report is asked for a run: its own settings, those of the book for other methods."""
    given = {name: getattr(config, name) for name in ("pg", "grpo", "filtered_sft", "q")}
    return Settings(
        train_fraction=config.train_fraction, paths_per_pair=config.paths_per_pair,
        seed=config.seed, max_length=config.max_length, within=config.within, asked=config.asked,
        sft=config.sft, **{name: stage for name, stage in given.items() if stage},
    )  # fmt: skip


def compared(config: RunConfig, folder: Path = RUNS) -> list[Row]:
    """Foretold and measured figures of a run and of the SFT run that it starts from.

    Raises
    ------
    MissingRunError
        If one of the two is not stored, with the command that makes it.
    InputError
        If the run hides edges, of which the report knows nothing.
    """
    if config.hidden:
        raise InputError(
            "hidden", "0: the report foretells no run with hidden edges", config.hidden
        )
    base = load_record(config.base, folder)[0]["metrics"]
    end = load_record(config, folder)[0]["metrics"]
    found = predict(config.graph, config.paths, config.test_pairs, settings_of(config))
    rows = [
        _row(found, "SFT, training problems", base["sampled_train"], "accuracy of the table", "training problems"),
        _row(found, "SFT, test problems", base["sampled_test"], "accuracy of the table", "test problems"),
    ]  # fmt: skip
    if config.q:
        rows.append(_row(found, "Q-learning, test problems", end["sampled_test"], *_of_q(config.q)))
    return rows


def _of_q(q) -> tuple[str, str]:
    """The line and the figure that foretell where Q-learning ends."""
    if q.soft_weight:
        return "soft values", "test problems"
    if q.reward == "outcome":
        return "outcome reward", "ended" if q.stop_at_error else "goes on"
    if q.false_alarm or q.detection < 1:
        return "planning with a noisy judge", "accuracy"
    if q.discount < 1:
        return "discount", "accuracy as set"
    return "accuracy at the tie", "test problems"


def _row(found: Prediction, figure: str, measured: float, line: str, value: str) -> Row:
    return Row(figure, found.line(line).values[value], measured, found.line(line))
