"""The verdict in words: rules of the page of advice, each over the lines, each with its claims.

Source: ours; the rules are those of the book's page "What to do differently", and hold as far as
their claims do.
"""

from __future__ import annotations

from collections.abc import Callable

from theorems.predict_report import FAILS, Advice, Prediction, percent, shown

NEAR_ONE, RARE, MANY = 0.99, 0.05, 0.2


def nothing_to_learn(p: Prediction) -> Advice | None:
    """What policy gradient can still gain from this start."""
    if not p.has("success at the start"):
        return None
    at = p.line("success at the start").values
    if at["prompts"] > NEAR_ONE:
        choice = p.line("rows with a choice").values["with a choice"] >= RARE
        return Advice(
            "Trained to the end, SFT leaves policy gradient next to nothing to gain on its prompts"
            + (": expect noise and less diversity there." if choice else ".")
            + " What a transformer gains comes from mass that SFT still lacks, and from shared rows.",
            ("3.1/proved", "4.2/stationary", "4.3/proved"),
        )
    return Advice(
        f"The start succeeds with {percent(at['prompts'])} on its prompts: policy gradient has something to gain, and "
        "selection takes diversity while it does.",
        ("4.2/proved", "4.3/selection"),
    )


def unreachable_prompts(p: Prediction) -> Advice | None:
    """Problems that sampling will not find."""
    if not p.has("nothing to find"):
        return None
    share = p.line("nothing to find").values["prompts"]
    if share is None or share < RARE:
        return None
    return Advice(
        f"For {percent(share)} of the prompts no sample is expected to be right: outcome rewards cannot move them. "
        "Show a path of each, or learn values of steps.",
        ("4.2/proved", "grpo/proved", "figure2/one-path"),
    )


def which_method(p: Prediction) -> Advice:
    """Q-learning or not, by cycles and by what it can be paid."""
    cycles = p.line("targets with a cycle off them").values["with a cycle"]
    tie = p.line("accuracy at the tie").values["test problems"]
    if not cycles:
        return Advice(
            "With a verifier of steps learn values by Q-learning: without cycles off a target they are the graph itself, from any "
            f"start, and the walk is right on {percent(tie)} of the test problems with all its ways.",
            ("5.2/proved", "5.2/unique", "figure3/frontier-accuracy"),
        )
    line = p.line("discount").values
    better = line["its accuracy"] - (tie or 0) > RARE
    return Advice(
        "With a verifier of steps learn values by Q-learning, "
        + (
            f"with a discount near {line['best']:g}: undiscounted the walk wanders, right on {percent(tie)} of the test "
            f"problems against {percent(line['its accuracy'])}. The price is the longer paths."
            if better
            else f"from low values; the walk at the tie is right on {percent(tie)} of the test problems all the same."
        ),
        ("cycles/proved", "cycles/discount", "figure3/blocksworld-discount"),
    )


def starts(p: Prediction) -> Advice | None:
    """Scale the start down where cycles hold high values."""
    if not p.has("starts that find the plan"):
        return None
    if p.settings["q.discount"] < 1:
        return None
    return Advice(
        "Without a discount start the values low: SFT logits are above every true value, stay high on cycles, and a "
        "greedy policy then circles; a target network does not help.",
        ("cycles/basin", "cycles/greedy", "cycles/no-remedy"),
    )


def outcome_reward(p: Prediction) -> Advice:
    """Outcome reward alone."""
    at = p.line("outcome reward").values
    # From high starts values stay high on cycles: (d) of the chapter on ended episodes.
    low = p.line("targets with a cycle off them").values["with a cycle"]
    return Advice(
        "If outcomes are all that is paid, end an episode at its first illegal step: values"
        + (", begun low," if low else "")
        + " then plan "
        f"({percent(at['ended'])} of the test problems at the tie), else they lose the graph ({percent(at['goes on'])}). "
        "In transformers soft values did so soonest.",
        ("5.1/proved", "ended/proved", "soft/plans"),
    )


def diversity(p: Prediction) -> Advice | None:
    """Where diversity is at stake, and what holds it."""
    choice = p.line("rows with a choice").values["with a choice"]
    if choice < RARE:
        return Advice(
            "Hardly a row has two correct steps: diversity is not at stake.", ("4.3/increase",)
        )
    if not p.has("updates until a favourite"):
        return None
    line, kl = p.line("updates until a favourite"), p.line("what KL leaves").values
    if line.values["updates from even"] is None:
        return Advice(
            "The baseline stops the update at perfection, and with it the noise: diversity is lost only before.",
            ("4.3/baseline", "4.3/selection"),
        )
    plain = all(a.status != FAILS or "plain" not in a.name for a in line.assumed)
    how = (
        f"an even row of two has a favourite after about {shown(line.values['updates from even'])} updates"
        if plain
        else "the optimizer's steps do not shrink as a row settles, so that it goes faster than plain steps of that size"
    )
    return Advice(
        f"{percent(choice)} of the rows can lose diversity, and policy gradient takes it by noise for ever: {how}. "
        "Larger batches slow it, a baseline that is the return at perfection stops it, a small KL penalty holds it"
        + ("." if kl["weight"] else "; there is none here."),
        ("4.3/proved", "4.3/orders", "4.3/baseline", "4.4/frontier-fair"),
    )


def held_out(p: Prediction) -> Advice | None:
    """Whether what is asked of held-out problems was ever connected."""
    if not p.has("held-out problems determined"):
        return None
    at = p.line("held-out problems determined").values
    if at["a table"] > 1 - MANY and at["additive, every step"] > 1 - MANY:
        return Advice(
            "Held-out problems need rows that the behaviour tries: expect them to be planned.",
            ("composition/sighted", "5.3/constants"),
        )
    if p.settings["q.stop_at_error"] and p.settings["q.epsilon"] > 0:
        return Advice(
            f"Episodes that end at an error never try all that {percent(1 - at['a table'])} of the held-out problems need: "
            f"even if an additive model has {percent(at['additive, every step'])} of them determined, transformers planned "
            "next to none so. Let episodes go on.",
            ("composition/stopped", "composition/stopped-runs", "5.3/constants"),
        )
    if at["additive, every step"] > 1 - MANY:
        return Advice(
            f"A table tries what only {percent(at['a table'])} of the held-out problems need; a model that shares between "
            "targets and nodes has all of it determined, if it is tried often enough.",
            ("composition/sighted", "composition/phase"),
        )
    return Advice(
        f"What the behaviour tries determines only {percent(at['additive, every step'])} of the held-out problems even in an "
        "additive model: explore uniformly, and let episodes go on after an error.",
        ("composition/blind", "composition/unexplored", "composition/sighted"),
    )


def blank(p: Prediction) -> Advice | None:
    """What SFT leaves to chance."""
    if not p.has("blank rows"):
        return None
    share = p.line("blank rows").values["test problems"]
    if share is None or share < RARE:
        return None
    return Advice(
        f"{percent(share)} of the test problems begin where no path went: a table is blank there, and whatever a "
        "trained transformer gets right is its own generalisation, which the theorems do not promise.",
        ("3.1/proved", "3.1/unseen-rows"),
    )


def noisy_judge(p: Prediction) -> Advice | None:
    """What false alarms cut off."""
    at = p.line("planning with a noisy judge").values
    if not at["false alarm"]:
        return None
    return Advice(
        f"The judge's false alarms act as a price of steps: plans reach {shown(at['horizon'])} steps, which leaves "
        f"{percent(1 - at['problems within'])} of the problems to an illegal jump.",
        ("judge/horizon", "judge/far-seen"),
    )


RULES: tuple[Callable[[Prediction], Advice | None], ...] = (
    which_method, starts, nothing_to_learn, unreachable_prompts, blank, diversity, held_out,
    noisy_judge, outcome_reward,
)  # fmt: skip


def verdict(prediction: Prediction) -> tuple[Advice, ...]:
    """What the rules say of a prediction, in their order."""
    said = (rule(prediction) for rule in RULES)
    return tuple(advice for advice in said if advice)
