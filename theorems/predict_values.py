"""The lines on Q-learning and on a noisy judge, as :mod:`theorems.predict_lines` has the others.

Source: the chapters that the claims belong to.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from planlib.curves import READ_OUT
from theorems.predict_lines import TABLE, Case, as_column, make_line
from theorems.predict_measured import DISCOUNTS, TEST
from theorems.predict_report import Line, if_so, shown

# --- Q-learning ----------------------------------------------------------------------------------


def unique(case: Case) -> Line:
    """Targets with a legal cycle that avoids them: more than one fixed point."""
    t, q = case.measured.targets, case.settings.q
    figures = {"targets": len(t["cycle"]), "with a cycle": float(t["cycle"].mean())}
    none = not t["cycle"].any()
    sentence = (
        "No cycle avoids a target: A + R - 1 is the only fixed point, and every start finds it."
        if none
        else "{with_a_cycle_pct} of the targets have a legal cycle off them: there the values have no unique fixed "
        "point, and high ones stay high."
    )
    return make_line(
        case, "targets with a cycle off them", figures, "share of targets", sentence,
        "5.2/unique" if none else "cycles/unique",
        if_so("process reward", q.reward == "process", f"the reward is {q.reward}"),
        if_so("no discount", q.discount == 1, f"it is {q.discount:g}: then the fixed point is unique"),
        if_so("a judge without errors", _exact_judge(q), "see the group of a noisy judge"),
        if_so("a maximum over next values", q.soft_weight == 0, "soft values are unique on every graph"),
    )  # fmt: skip


def _exact_judge(q) -> bool:
    return q.false_alarm == 0 and q.detection == 1


def starts(case: Case) -> Line | None:
    """Which constant starts find the plan: up to 1 if all cycles off the target reach it, else up to 0.

    Part (e) of the proposition on cycles, for ``V_0`` constant: every node leads to itself, so that
    the start may not exceed ``r_c`` on any cycle.
    """
    t = case.measured.targets
    if not t["cycle"].any():
        return None
    figures = {
        "any start": float(np.isinf(t["start"]).mean()),
        "up to 1": float((t["start"] == 1).mean()),
        "up to 0": float((t["start"] == 0).mean()),
    }
    q = case.settings.q
    sentence = (
        "Constant starts find the plan: any for {any_start_pct} of the targets, up to 1 for {up_to_1_pct}, up to 0 for "
        "{up_to_0_pct} alone. What starts above 1 on a cycle stays there, and a greedy walk circles. SFT logits lie far above: scale them down."
    )
    return make_line(
        case, "starts that find the plan", figures, "share of targets", sentence, "cycles/basin",
        if_so("the start lies below", None, f"SFT logits times {q.initial_scale:g}: depends on the model"),
        if_so("no discount", q.discount == 1, "with one any start will do"),
    )  # fmt: skip


def high_start(case: Case) -> Line | None:
    """What a constant start above 1 costs: it stays on the cycles, and greedy walks arrive only where V is at most 1.

    Part (a) of the proposition with that constant on every cycle: nodes that lead to one have it too, the
    others one less or what they are worth; so up to 2 the first alone are lost, beyond it all.
    """
    m = case.measured
    if not m.targets["cycle"].any():
        return None
    figures = {"lost from 1 to 2": case.mean("circles"), "lost above 2": case.mean("cycle")}
    sentence = (
        "From a constant start between 1 and 2 greedy walks never arrive on {lost_from_1_to_2_pct} of the problems, those that "
        "lead to a cycle off their target; from one above 2 on {lost_above_2_pct}."
    )
    q = case.settings.q
    return make_line(
        case, "what a high start costs", figures, "share of problems", sentence, "cycles/greedy",
        if_so("no discount", q.discount == 1, "with one it comes down"),
        if_so("all values start alike", None, "depends on the model's start"),
        TABLE,
    )  # fmt: skip


def tie_walk(case: Case) -> Line:
    """Accuracy of the walk at ``A + R - 1``, where all correct steps tie, within the length."""
    m, q, acyclic = case.measured, case.settings.q, case.source.graph.is_acyclic
    test = m.has(TEST)
    figures = {
        "test problems": case.mean("discount 1", test),
        "exact tie": case.mean("tie", test),
        "prompts": case.mean("discount 1", m.asked),
    }
    sentence = (
        "At A + R - 1 all correct steps tie: the walk arrives within "
        f"{case.settings.steps} steps on {{test_problems_pct}} of the test problems, read out at temperature {READ_OUT:g}."
    )
    return make_line(
        case, "accuracy at the tie", figures, "share", sentence,
        "5.2/unique" if acyclic else "cycles/walk",
        if_so("process reward", q.reward == "process", f"the reward is {q.reward}"),
        if_so("no discount", q.discount == 1, f"it is {q.discount:g}"),
        if_so("every row can be tried", q.epsilon > 0 and not q.stop_at_error, "without exploration rows that are not on the way stay as they are"),
        TABLE,
    )  # fmt: skip


def discounts(case: Case) -> Line:
    """Accuracy at the discounted fixed point, and the discount that tells distances apart best."""
    test = case.measured.has(TEST)
    q, far = case.settings.q, int(case.measured["distance"].max())
    grid = {d: case.mean(f"discount {d:g}", test) for d in sorted({q.discount, *DISCOUNTS, 1.0})}
    best = max(grid, key=lambda d: (round(grid[d][0], 3), d))
    gap = best ** (far - 1) * (1 - best)
    figures = {
        "best": best,
        "its accuracy": grid[best],
        "accuracy as set": grid[q.discount],
        "gap at the farthest": gap,
        "gap over temperature": gap / READ_OUT,
    }
    sentence = (
        "Of the discounts tried "
        + ("none (1)" if best == 1 else "{best}")
        + " is best: the walk is right on {its_accuracy_pct} of the test problems (as set: "
        f"{{accuracy_as_set_pct}}). At distance {far} it keeps neighbouring distances {{gap_at_the_farthest}} apart, "
        f"{{gap_over_temperature}} times the read-out temperature {READ_OUT:g}."
    )
    return make_line(
        case, "discount", figures, "discount; share; value", sentence, "cycles/discount",
        if_so("process reward", q.reward == "process", f"the reward is {q.reward}"),
        if_so("a judge without errors", _exact_judge(q), "errors act as a cost of steps"),
        TABLE,
    )  # fmt: skip


def outcome(case: Case) -> Line:
    """What outcome reward comes to: one constant if episodes go on after an error, ``A R`` if they end."""
    m, q = case.measured, case.settings.q
    test = m.has(TEST)
    ends = q.stop_at_error and q.stop_probability == 1
    figures = {
        "goes on": case.mean("blind", test),
        "ended": case.mean("ended", test),
        "ends at an error": ends,
    }
    cycles = bool(m.targets["cycle"].any())
    sentence = (
        "With outcome reward, if episodes go on after an illegal step, all steps off a target are worth the same and the "
        "walk is right on {goes_on_pct} of the test problems; if the first error ends them the values are A R, and it is "
        "right on {ended_pct}."
    )
    return make_line(
        case, "outcome reward", figures, "share", sentence, "ended/unique" if ends else "5.1/proved",
        if_so("outcome reward", q.reward == "outcome", f"the reward is {q.reward}: for comparison"),
        if_so("errors end the episode for certain, or never", q.stop_probability == 1 or not q.stop_at_error, "in part: see the chapter on ended episodes"),
        if_so("no cycle off a target, if ended", not cycles, "with one, low starts are needed"),
        TABLE,
    )  # fmt: skip


SOFT_WEIGHT = 0.2  # for comparison, where none is set: that of the chapter's runs


def soft_values(case: Case) -> Line | None:
    """What soft values make of the start: each problem's log-odds of success rise by ``1 / lambda``."""
    m, q = case.measured, case.settings.q
    if "table" not in m:
        return None
    weight = q.soft_weight or SOFT_WEIGHT
    with np.errstate(divide="ignore"):
        m.columns["soft"] = special.expit(special.logit(m["table"]) + 1 / weight)
    test = m.has(TEST)
    figures = {
        "weight": weight,
        "start": case.mean("table", test),
        "test problems": case.mean("soft", test),
        "prompts": case.mean("soft", m.asked),
    }
    sentence = (
        "Soft values of weight {weight} raise each problem's log-odds of success by its inverse: from {start_pct} of the test "
        "problems at the table of frequencies to {test_problems_pct}, right answers in the proportions of the start; what "
        "the start never answers stays so."
    )
    return make_line(
        case, "soft values", figures, "share", sentence, "soft/success",
        if_so("soft values are learned", q.soft_weight > 0, f"their weight is 0: for comparison, at {SOFT_WEIGHT:g}"),
        if_so("outcome reward", q.reward == "outcome", f"the reward is {q.reward}"),
        if_so("errors end the episode", q.stop_at_error and q.stop_probability == 1, "where episodes go on, other values solve the equation"),
        TABLE,
    )  # fmt: skip


# --- a noisy judge -------------------------------------------------------------------------------


def judge(case: Case) -> Line:
    """How far a noisy judge lets one plan: ``d < beta / alpha``, or ``d = 1``."""
    m, q = case.measured, case.settings.q
    alpha, beta, far = q.false_alarm, q.detection, m["distance"]
    if alpha == 0:
        within = np.full(far.shape, beta > 0)
    else:
        within = ((far < beta / alpha) | (far == 1)) & (alpha <= beta)
    figures = {
        "false alarm": alpha,
        "detection": beta,
        "horizon": beta / alpha if alpha else None,
        "problems within": case.mean(as_column(m, within)),
        "accuracy": case.mean("judged", m.has(TEST)),
        "false alarm for 95%": beta / (float(np.quantile(far, 0.95)) + 1),
    }
    reach = f"{{horizon}} steps: {'beta / alpha'}" if alpha else "as far as there is a way"
    sentence = (
        "A judge that blames legal steps with chance {false_alarm} and illegal ones with {detection} lets one plan "
        f"{reach}; {{problems_within_pct}} of the problems are within, and the walk at temperature {READ_OUT:g} is "
        "right on {accuracy_pct} of the test problems. False alarms up to {limit} keep 95% of them within."
    ).replace("{limit}", shown(figures["false alarm for 95%"]))
    return make_line(
        case, "planning with a noisy judge", figures, "probability; steps; share", sentence,
        "judge/horizon" if alpha else "judge/scale",
        if_so("process reward by a judge", q.reward == "process", f"the reward is {q.reward}"),
        if_so("false alarms no more frequent than detections", alpha <= beta, "then illegal steps are planned"),
        if_so("no discount", q.discount == 1, f"it is {q.discount:g}"),
        if_so("low starts, if there are no false alarms", True if alpha else None, "depends on the model's start"),
        TABLE,
    )  # fmt: skip


LINES: dict[str, tuple[Callable, ...]] = {
    "q": (unique, starts, high_start, tie_walk, discounts, outcome, soft_values),
    "judge": (judge,),
}
