"""The lines on the task, SFT, policy gradient and GRPO: figures from the measured tables, in words.

Each takes a :class:`Case` and returns a :class:`~theorems.predict_report.Line`, or None where it has
nothing to say.  Rules that were derived for the report stand beside their line, with the claim whose
law they follow from.

Source: the chapters that the claims belong to; :mod:`theorems.predict_measured` for the figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from planlib.intervals import interval
from planlib.task import length_of
from theorems.frontier import law_routes
from theorems.gaps import gap_of
from theorems.predict_measured import EDGE, PATH, SAMPLES, TEST, Measured, Source
from theorems.predict_report import OPEN, Assumed, Line, if_so, percent, shown
from theorems.speeds import float_speed

FAVOURITE = 0.9  # share at which a row of two counts as decided
KEPT_ROUTES = 1.9  # effective number of two routes that counts as kept
ASYMPTOTIC = 0.1  # missing mass below which the rate of 3.1 is taken at its word
TABLE = Assumed("a table (Assumption 3.1)", OPEN, "a transformer shares between rows")


@dataclass(frozen=True)
class Case:
    """What lines are made of."""

    source: Source
    measured: Measured
    settings: object  # theorems.predict.Settings

    def mean(self, column: str, among=None) -> tuple[float, tuple[float, float] | None]:
        """Mean of a column over some problems, and its 95% interval if targets were drawn.

        Targets are drawn in proportion to their problems, so that the mean over draws of their
        means is that over problems; the interval is Student's t over draws.
        """
        m = self.measured
        x = m[column].astype(float)
        chosen = ~np.isnan(x) if among is None else among & ~np.isnan(x)
        if not chosen.any():
            return float("nan"), None
        if m.whole:
            return float(x[chosen].mean()), None
        means = np.array([x[d].mean() for d in _draws(m.draw, chosen)])
        low, high = interval(means) if len(means) > 1 else (means[0], means[0])
        return float(means.mean()), (float(low), float(high))


def _draws(draw: np.ndarray, chosen: np.ndarray):
    for number in np.unique(draw[chosen]):
        yield chosen & (draw == number)


def make_line(case: Case, name, figures, unit, sentence: str, claim: str, *assumed) -> Line:
    """Make a line of figures, each ``(value, interval)`` or a plain number."""
    values = {k: v[0] if isinstance(v, tuple) else v for k, v in figures.items()}
    known = {k: v[1] for k, v in figures.items() if isinstance(v, tuple) and v[1]}
    # Each figure stands in the sentence by its name, or as a percentage with _pct behind it.
    written = {k.replace(" ", "_"): shown(_finite(v)) for k, v in values.items()}
    written |= {f"{k.replace(' ', '_')}_pct": percent(_finite(v)) for k, v in values.items()}
    words = sentence.format(**written)
    return Line(name, values, unit, words, claim, tuple(assumed), known)


def _finite(x):
    x = x.item() if hasattr(x, "item") else x
    return None if isinstance(x, float) and not math.isfinite(x) else x


def as_column(m: Measured, holds: np.ndarray):
    """A column of 0 and 1, to be averaged as any other."""
    m.columns["_"] = holds
    return "_"


# --- the task ------------------------------------------------------------------------------------


def distances(case: Case) -> Line:
    """How far targets are: as many sweeps, and one more, do values need from a low start."""
    m = case.measured
    far = m["distance"]
    figures = {
        "mean": case.mean("distance"),
        "median": float(np.median(far)),
        "largest": int(far.max()),
        "sweeps": int(far.max()) + 1,
    }
    return make_line(
        case, "distance", figures, "steps",
        "Problems are {mean} steps apart on average, {largest} at most; from zeros values need {sweeps} sweeps.",
        "cycles/low",
        if_so("values start at zero or below", None, "depends on the model's start"),
    )  # fmt: skip


def choices(case: Case) -> Line:
    """Rows with two correct next nodes or more: where diversity can be lost at all."""
    open_rows = as_column(case.measured, case.measured["choices"] >= 2)
    figures = {
        "rows": len(case.measured["choices"]),
        "with a choice": case.mean(open_rows),
        "next nodes": case.mean("choices"),
    }
    sentence = (
        "Of the rows (target, current) that can arrive {with_a_choice_pct} have two correct next nodes or more "
        "({next_nodes} on average): only there can diversity be lost."
    )
    return make_line(case, "rows with a choice", figures, "rows, shares", sentence, "4.3/increase")


def paths(case: Case) -> Line:
    """Correct paths a problem."""
    m, acyclic = case.measured, case.source.graph.is_acyclic
    figures = {
        "median": float(np.median(m["paths"])),
        "least": float(m["paths"].min()),
        "most": float(m["paths"].max()),
        "problems with one": case.mean(as_column(m, m["paths"] == 1)),
    }
    within = "" if acyclic else f" of at most {case.settings.steps} steps"
    sentence = (
        f"A problem has {{median}} correct paths{within} (median; {{least}} to {{most}}); "
        "{problems_with_one_pct} of the problems have a single one."
    )
    return make_line(case, "correct paths", figures, "paths a problem", sentence, "4.3/proved")


def lengths(case: Case) -> Line:
    """What the model must be able to write, in tokens: prompt, path and end token."""
    m, steps = case.measured, case.settings.steps
    acyclic = case.source.graph.is_acyclic
    figures = {
        "allowed": case.settings.max_length,
        "shortest paths need": length_of(int(m["distance"].max())),
        "all paths need": length_of(int(m["longest"].max())) if acyclic else None,
        "problems that fit": case.mean(as_column(m, m["distance"] <= steps)),
    }
    sentence = (
        "Sequences of {allowed} tokens are allowed; shortest paths need up to {shortest_paths_need}, "
        + ("all correct paths {all_paths_need}" if acyclic else "with cycles paths have no longest")
        + "; {problems_that_fit_pct} of the problems can be answered at all."
    )
    out = (m["longest"] <= steps).all() if acyclic else False
    because = "some correct paths are longer" if acyclic else "with cycles some are longer"
    return make_line(
        case, "length", figures, "tokens", sentence, "4.2/stationary",
        if_so("no correct path is cut off", bool(out), because),
    )  # fmt: skip


# --- SFT: the table of frequencies ---------------------------------------------------------------


def table_accuracy(case: Case) -> Line:
    """Accuracy of Theorem 3.1's table; where no path went it is uniform over all nodes."""
    m = case.measured
    test = m.has(TEST)
    figures = {
        "training problems": case.mean("table", m.has(EDGE, PATH)),
        "test problems": case.mean("table", test),
        "blank rows wrong": case.mean("table low", test),
        "blank rows right": case.mean("table high", test),
    }
    sentence = (
        "The table of frequencies is right on {training_problems_pct} of the training problems and on {test_problems_pct} of "
        "the test problems; what its blank rows are worth decides between {blank_rows_wrong_pct} and {blank_rows_right_pct}."
    )
    return make_line(
        case, "accuracy of the table", figures, "share", sentence, "3.1/proved",
        TABLE,
        if_so("trained to the end", None, "the limit of many updates; see the mass that is missing"),
        if_so("no weight decay", True),
        _visited_everywhere(m, test),
    )  # fmt: skip


def _visited_everywhere(m: Measured, test: np.ndarray) -> Assumed:
    blank = 1 - m["visited"][test].mean() if test.any() else 0.0
    return if_so(
        "every row of a problem is visited", not blank,
        f"{percent(float(blank))} of the test problems begin in a row that no path visits",
    )  # fmt: skip


def blank_rows(case: Case) -> Line:
    """Rows that no training path visits: free in a table, and what a transformer must make up."""
    m = case.measured
    figures = {
        "rows": case.mean(as_column(m, ~m["visited"])),
        "test problems": case.mean(as_column(m, ~m["visited"]), m.has(TEST)),
    }
    sentence = (
        "No training path visits {rows_pct} of the rows; {test_problems_pct} of the test problems begin in one. A table "
        "knows nothing there; a trained transformer knew some correct steps."
    )
    return make_line(case, "blank rows", figures, "share", sentence, "3.1/unseen-rows", TABLE)


def table_paths(case: Case) -> Line | None:
    """Distinct correct paths among 100 samples of the table, on a few problems a target."""
    m = case.measured
    trained, test = m.has(PATH), m.has(TEST)
    figures = {}
    for name, among in (("training problems", trained), ("test problems", test)):
        x = m["distinct"][among]
        x = x[~np.isnan(x)]
        if len(x) < 2:
            return None
        low, high = interval(x)
        figures[name] = (float(x.mean()), (float(low), float(high)))
    sentence = (
        f"Of {SAMPLES} samples of the table {{training_problems}} are distinct correct paths on training problems, "
        "{test_problems} on test problems (sampled)."
    )
    return make_line(
        case, "distinct paths of the table", figures, f"paths of {SAMPLES} samples", sentence,
        "3.1/proved", TABLE,
    )  # fmt: skip


def rare_steps(case: Case) -> Line:
    """Correct steps that a visited row never shows: SFT gives them no mass at all."""
    m = case.measured
    seen = m["visited"]
    right, shown_of = m["choices"][seen], m["shown"][seen]
    figures = {
        "never shown": float(1 - shown_of.sum() / max(right.sum(), 1)),
        "rows short of one": case.mean(as_column(m, m["shown"] < m["choices"]), seen),
        "visits of a row": float(np.median(m["count"][seen])) if seen.any() else None,
    }
    sentence = (
        "In visited rows {never_shown_pct} of the correct steps are never shown and keep no mass; a row is visited "
        "{visits_of_a_row} times (median), and a step shown once among N keeps 1/N."
    )
    return make_line(
        case, "steps never shown", figures, "share", sentence, "3.1/maximum-likelihood", TABLE
    )


def missing_mass(case: Case) -> Line:
    """Mass on steps not shown after the settings' updates: ``seen unseen / (n c t)`` a row.

    ``c`` is a row's visits over the number of sequences times the learning rate.
    """
    m, sft = case.measured, case.settings.sft
    rows = m["visited"]
    seen, count, n = m["shown"][rows], m["count"][rows], case.source.graph.n
    c = sft.learning_rate * count / case.measured.sequences
    missing = seen * (n - seen) / (n * c * max(sft.steps, 1))
    figures = {
        "median": float(np.median(missing)),
        "rows below a tenth": float((missing < ASYMPTOTIC).mean()),
        "updates to one hundredth": float(np.median(missing) * sft.steps / 0.01),
        "step for it in the budget": float(np.median(missing) * sft.learning_rate / 0.01),
    }
    sentence = (
        f"With plain steps of {sft.learning_rate:g} {{rows_below_a_tenth_pct}} of the visited rows have less than a "
        f"tenth of their mass missing after {sft.steps:,} updates; the median row comes to 0.01 after "
        "{updates_to_one_hundredth} of them, or in the budget with steps of {step_for_it_in_the_budget}."
    )
    return make_line(
        case, "missing mass", figures, "probability; updates",
        sentence,
        "3.1/rate",
        if_so("plain gradient steps", sft.optimizer == "sgd", f"the optimizer is {sft.optimizer}, whose steps do not shrink"),
        if_so("a constant step", sft.schedule == "constant", f"the schedule is {sft.schedule}"),
        if_so("all data in each update", sft.batch_size >= case.measured.sequences, f"batches of {sft.batch_size}: in the mean"),
        if_so("late enough", bool((missing < ASYMPTOTIC).all()), "in some rows the mass is not yet below a tenth"),
        TABLE,
    )  # fmt: skip


# --- policy gradient -----------------------------------------------------------------------------


def start_success(case: Case) -> Line:
    """Success of the start, problem by problem; policy gradient moves where it is neither 0 nor 1."""
    m = case.measured
    success, asked = m["table"], m.asked
    figures = {
        "prompts": case.mean("table", asked),
        "least": float(success[asked].min()) if asked.any() else None,
        "prompts at 1": case.mean(as_column(m, success > 1 - 1e-9), asked),
        "test problems": case.mean("table", m.has(TEST)),
    }
    sentence = (
        "At the table of frequencies the prompts succeed with {prompts_pct} (least {least_pct}); {prompts_at_1_pct} of them are at 1, "
        "where the expected update is 0 and noise alone is left. Test problems start at {test_problems_pct}."
    )
    return make_line(
        case, "success at the start", figures, "probability", sentence, "4.2/stationary", TABLE
    )


def samples_a_prompt(case: Case) -> float:
    """Samples that a prompt gets in the budget of policy gradient."""
    pg = case.settings.pg
    return pg.steps * pg.batch_size / max(case.measured.prompts, 1)


def never_found(case: Case) -> Line:
    """Problems of which the start finds no answer in the budget, more likely than not."""
    m, number = case.measured, samples_a_prompt(case)
    with np.errstate(divide="ignore", invalid="ignore"):
        missed = np.exp(number * np.log1p(-np.minimum(m["table"], 1.0)))
    m.columns["missed"] = np.where(m["table"] >= 1, 0.0, missed)
    lost = m["missed"] > 0.5
    figures = {
        "samples a prompt": number,
        "prompts": case.mean(as_column(m, lost), m.asked),
        "test problems asked": case.mean(as_column(m, lost), m.has(TEST)),
    }
    sentence = (
        "A prompt gets {samples_a_prompt} samples; of {prompts_pct} of the prompts none is expected to be right, "
        "and such rows do not move. Of test problems, were they asked as often: {test_problems_asked_pct}."
    )
    return make_line(
        case, "nothing to find", figures, "samples; shares", sentence, "4.2/proved",
        TABLE,
        if_so("the start does not move meanwhile", None, "other prompts may teach rows that are shared"),
    )  # fmt: skip


def selection(case: Case) -> Line:
    """Rows in which one step is ahead: before perfection the exact flow lets it alone grow for ever."""
    m = case.measured
    rows = m["shown"] >= 2
    figures = {
        "rows": int(rows.sum()),
        "with a favourite": case.mean(as_column(m, m["tied"] == 1), rows),
        "its share": case.mean("most", rows),
    }
    sentence = (
        "{with_a_favourite_pct} of the rows with two steps shown or more have one that is most frequent "
        "({its_share_pct} of the mass on average): selection would pick it, as long as accuracy is below 1."
    )
    perfect = bool((m["table"][m.asked] > 1 - 1e-9).all())
    return make_line(
        case, "selection's favourite", figures, "rows, shares", sentence, "4.3/selection",
        if_so("the start is not perfect", not perfect, "every prompt starts at 1: selection has nothing to do"),
        if_so("all right answers of a row are worth the same", None, "later rows may differ in success"),
    )  # fmt: skip


def clock(favourite: float) -> float:
    """Mean time that the gap of an even row takes to ``favourite``, in units of ``B / (eta^2 d)``.

    The gap g diffuses with variance ``4 pi (1 - pi) eta^2 d / B = (eta^2 d / B) / cosh(g/2)^2`` an
    update (Theorem 4.3's fan), so that the mean time out of ``(-G, G)`` from g is ``F(G) - F(g)``
    with ``F(g) = g^2 / 2 + cosh g - 1``.
    """
    gap = gap_of(favourite)
    return gap**2 / 2 + math.cosh(gap) - 1


def updates_until(favourite: np.ndarray, visits: np.ndarray, step: float, batch: int, weight=1.0):
    """Mean number of updates until noise gives rows of two steps a favourite of 0.9: shape ``(m,)``.

    Parameters
    ----------
    favourite
        Share of the larger step now; 0 is returned where it is 0.9 or more.
    visits
        Expected visits of the row in a sample.
    weight
        Square of a right sample's return less its baseline (``4.3/baseline``).
    """
    shares = np.clip(favourite, 0.5, FAVOURITE)
    left = clock(FAVOURITE) - np.array([clock(x) for x in shares])
    return np.maximum(left, 0) * batch / (step**2 * weight * visits)


def noise(case: Case) -> Line | None:
    """Updates until sampling noise alone gives a row of two a favourite of 0.9."""
    m, pg = case.measured, case.settings.pg
    if not m.two or not len(m.two["visits"]):
        return None
    weight = (pg.reward + pg.penalty) ** 2 if pg.baseline == "none" else 0.0
    visits = m.two["visits"]
    typical = float(np.median(visits))
    step = math.sqrt(clock(FAVOURITE) * pg.batch_size / typical / max(pg.steps, 1))
    if weight:
        even = float(
            updates_until(np.array([0.5]), np.array([typical]), pg.learning_rate, pg.batch_size, weight)[0]
        )  # fmt: skip
        each = updates_until(m.two["favourite"], visits, pg.learning_rate, pg.batch_size, weight)
        within = float((each <= pg.steps).mean())
    else:
        even, within = math.inf, 0.0
    figures = {
        "rows of two": len(visits),
        "updates from even": even,
        "rows in the budget": within,
        "step for it in the budget": step / math.sqrt(weight or 1),
    }
    sentence = (
        f"Once right, an even row of two steps (of the median visits) has a favourite of {FAVOURITE:g} after "
        f"{{updates_from_even}} plain updates of step {pg.learning_rate:g} and batch {pg.batch_size}: B / (eta^2 d) times "
        f"{clock(FAVOURITE):.2f}. In the budget of {pg.steps:,} it takes a step of {{step_for_it_in_the_budget}}."
        if weight
        else "A group's or batch's mean as baseline takes the update to 0 at perfection: noise stops there."
    )
    return make_line(
        case, "updates until a favourite", figures, "updates; rows; step", sentence,
        "4.3/fan" if weight else "4.3/baseline",
        *perfect(case),
        if_so("plain gradient steps", pg.optimizer == "sgd", f"the optimizer is {pg.optimizer}: its steps do not shrink with the gradient, and it is faster"),
        if_so("a constant step", pg.schedule == "constant", f"the schedule is {pg.schedule}"),
        if_so("no KL penalty", pg.kl_weight == 0, f"its weight is {pg.kl_weight:g}, see what it leaves"),
        TABLE,
    )  # fmt: skip


def perfect(case: Case) -> tuple[Assumed, ...]:
    m = case.measured
    success = m["table"][m.asked]
    short = 1 - float((success > 1 - 1e-9).mean()) if len(success) else 1.0
    return (
        if_so("perfect on the prompts, in time", short == 0, f"{percent(short)} of the prompts are below 1"),
    )  # fmt: skip


def rise(case: Case) -> Line | None:
    """Leading term of a row's rise of divergence from uniform, an update: ``eta^2 d / 2B (...)``."""
    m, pg = case.measured, case.settings.pg
    rows = (m["shown"] >= 2) & (m["visits"] > 0)
    if not rows.any() or pg.baseline != "none":
        return None
    s2, s3 = m["square"][rows], m["cube"][rows]
    step = (pg.learning_rate * (pg.reward + pg.penalty)) ** 2 * m["visits"][rows]
    rises = step / (2 * pg.batch_size) * (s2 - 2 * s3 + s2**2)
    figures = {
        "rows": int(rows.sum()),
        "median": float(np.median(rises)),
        "in the budget": float(np.median(rises) * pg.steps),
    }
    sentence = (
        "To leading order the divergence from uniform of a row rises by {median} nats an update (median over {rows} rows "
        "with a choice), {in_the_budget} in the budget."
    )
    bare = float((m["shown"] < m["choices"])[rows].mean())
    return make_line(
        case, "rise of the divergence", figures, "nats", sentence, "4.3/leading",
        *perfect(case),
        if_so("every correct step has mass", bare == 0, f"{percent(bare)} of these rows lack one: read uniform as over the steps that are shown"),
        if_so("plain gradient steps", pg.optimizer == "sgd", f"the optimizer is {pg.optimizer}"),
        TABLE,
    )  # fmt: skip


def kl_leaves(case: Case) -> Line:
    """Routes of two that a KL penalty leaves, by the law of spread ``eta / (B lambda)``."""
    pg = case.settings.pg
    rate = pg.learning_rate / pg.batch_size
    spread = optimize.brentq(lambda s: law_routes(s) - KEPT_ROUTES, 1e-3, 5)
    figures = {
        "weight": pg.kl_weight,
        "routes left": law_routes(rate / pg.kl_weight) if pg.kl_weight else None,
        "weight for 1.9": rate / spread,
    }
    sentence = (
        "KL of weight {weight} leaves {routes_left} of two even routes at rest; "
        if pg.kl_weight
        else "Without KL rows never come to rest; "
    ) + "a weight of {w} would leave 1.9 of two at this step and batch.".replace(
        "{w}", shown(figures["weight for 1.9"])
    )
    return make_line(
        case, "what KL leaves", figures, "routes; weight", sentence, "4.4/frontier-seeds",
        if_so("a KL penalty a token", pg.kl_weight > 0 and pg.kl_over == "token", "its weight is 0" if not pg.kl_weight else "it is over sequences"),
        if_so("plain gradient steps", pg.optimizer == "sgd", f"the optimizer is {pg.optimizer}"),
        if_so("the base holds both routes alike", None, "depends on the row"),
        TABLE,
    )  # fmt: skip


# --- GRPO and filtered SFT -----------------------------------------------------------------------


def mixed_groups(case: Case) -> Line:
    """Share of groups with right and wrong answers in them: the others move nothing."""
    m, g = case.measured, case.settings.grpo.group
    p = m["table"]
    m.columns["mixed"] = 1 - p**g - (1 - p) ** g
    figures = {
        "group": g,
        "prompts": case.mean("mixed", m.asked),
        "test problems asked": case.mean("mixed", m.has(TEST)),
    }
    sentence = (
        "{prompts_pct} of the groups of {group} have right and wrong answers in them (test problems, were they asked: {test_problems_asked_pct}); "
        "the others have advantage 0."
    )
    return make_line(
        case, "groups that move", figures, "share of groups", sentence, "grpo/weights", TABLE
    )


def preferred(case: Case) -> Line | None:
    """What GRPO's speed ``w_G(J)`` makes of a problem's gradient, against REINFORCE's 1."""
    m, grpo = case.measured, case.settings.grpo
    p = m["table"][m.asked]
    p = p[(p > 1e-9) & (p < 1 - 1e-9)]
    figures = {f"J = {j:g}": float_speed(grpo.group, j) for j in (0.01, 0.1, 0.5, 0.9, 0.99)}
    if len(p):
        figures["median prompt"] = float_speed(grpo.group, float(np.median(p)))
    sentence = (
        f"Groups of {grpo.group} multiply a problem's gradient by {shown(figures['J = 0.01'])} at success 0.01, "
        f"{shown(figures['J = 0.5'])} at 0.5 and {shown(figures['J = 0.99'])} at 0.99: hard and nearly solved ones are "
        + (f"preferred; the median prompt below 1 gets {shown(figures['median prompt'])}." if len(p) else "preferred. Here every prompt starts at 0 or 1, where there is no gradient.")
    )  # fmt: skip
    known = grpo.deviation == "population" and grpo.stabiliser == 0
    return Line(
        "prompts that GRPO prefers", figures, "times REINFORCE", sentence, "grpo/direction",
        (
            if_so("divided by the group's population deviation", known, f"deviation {grpo.deviation}, stabiliser {grpo.stabiliser:g}"),
            if_so("no division by length", grpo.average == "sum", f"averaged by {grpo.average}: longer answers weigh less"),
            if_so("no KL, one inner step", grpo.kl_weight == 0 and grpo.inner_steps == 1, "clipping or KL changes the direction"),
        ),
    )  # fmt: skip


def generations(case: Case) -> Line | None:
    """Generations of filtered SFT until half of a row's diversity is gone: it keeps ``1 - 1/N`` each."""
    m, config = case.measured, case.settings.filtered_sft
    rows = (m["shown"] >= 2) & (m["visits"] > 0)
    number = m["visits"][rows] * config.batch_size
    number = number[number > 1]
    figures = {
        "rows": int(rows.sum()),
        "rows with less than one sample": int(rows.sum() - len(number)),
        "samples of a row": float(np.median(number)) if len(number) else None,
        "generations to half": _half(float(np.median(number))) if len(number) else None,
    }
    sentence = (
        "Refitted to convergence on a batch of "
        f"{config.batch_size}, a row has {{samples_of_a_row}} samples (median of those with more than one) and loses "
        "half of its diversity in {generations_to_half} generations, for good; "
        "{rows_with_less_than_one_sample} of {rows} rows with a choice get one sample or less."
    )
    return make_line(
        case, "generations of filtered SFT", figures, "generations", sentence, "grpo/refit",
        if_so("each batch trained to convergence", None, f"optimizer steps on a batch: {config.inner_steps}"),
        if_so("fresh samples of the policy", config.samples_of == "policy", "the base writes them: one generation"),
        *perfect(case),
        TABLE,
    )  # fmt: skip


def _half(number: float) -> float:
    """Generations in which ``1 - 1/N`` a generation comes to one half."""
    return math.log(2) / -math.log1p(-1 / number)


LINES: dict[str, tuple[Callable, ...]] = {
    "task": (distances, choices, paths, lengths),
    "sft": (table_accuracy, blank_rows, table_paths, rare_steps, missing_mass),
    "pg": (start_success, never_found, selection, noise, rise, kl_leaves),
    "grpo": (mixed_groups, preferred, generations),
}
NEEDS_TABLE = ("sft", "pg", "grpo")
