"""One file a theorem: hypotheses as predicates, the statement as a residual, its mutations.

:data:`THEOREMS` names every theorem of the book, in its order, :data:`FIGURES` the
figures of the paper and :data:`OURS` what goes beyond it, whose claims are checked in the same way.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from planlib.evidence import RUNGS, Check, NotApplicable, Record
from planlib.graph import InputError

THEOREMS = {
    "3.1": "SFT memorises co-occurrence",
    "4.1": "Policy gradient is SFT on the correct samples",
    "4.2": "Policy gradient learns the training pairs",
    "4.3": "Diversity collapses",
    "4.4": "What the KL penalty does",
    "5.1": "Outcome reward: Q-value bias",
    "5.2": "Process reward: structure recovered",
    "5.3": "The linear transformer",
    "cycles": "Where 5.2 and 5.3 stop holding",
}

# Theorems on action values have a maximum in them, the solver's ground; the others are identities.
ON_VALUES = ("5.1", "5.2", "5.3", "cycles")

# The paper's figures: claims on stored runs, on the rung of transformers alone.
FIGURES = {
    "figure1": "The graph read out of the logits",
    "figure2": "More SFT and policy gradient, with and without KL",
    "figure3": "Q-learning by reward and by who generates; the frontier",
    "figure4": "The levels of the values",
}
# Ours: questions that the papers leave open, each on the rungs that it needs.
OURS = {
    "composition": "Composition: planning where SFT does not",
    "farther": "Composition, farther",
    "reach": "Other networks, other graphs",
    "grpo": "GRPO, PPO and filtered SFT: one direction, many speeds",
    "countdown": "Countdown: a benchmark as a planning graph",
    "ablation": "What is left of reinforcement learning",
    "ended": "Ended episodes: what outcome reward needs",
    "soft": "Soft values: success without forgetting",
    "judge": "A noisy judge: how far one can plan",
    "diversity": "Remedies for diversity",
    "five": "Five graphs: foretold, then trained",
}
ALL = THEOREMS | OURS | FIGURES


def stem(theorem: str) -> str:
    """Name of a theorem's (or a figure's) notebook, without its ending."""
    if theorem in OURS:
        return theorem
    name = theorem.replace(".", "_")
    return name.replace("figure", "figure_") if theorem in FIGURES else f"theorem_{name}"


def module(theorem: str) -> ModuleType:
    """Return the file of a theorem, or of a figure.

    Raises
    ------
    InputError
        If the theorem is unknown.
    """
    if theorem not in ALL:
        raise InputError("theorem", f"one of {', '.join(ALL)}", repr(theorem))
    return importlib.import_module(f"{__name__}.{stem(theorem)}")


def checks(theorem: str, rung: str | None = None) -> list[Check | NotApplicable]:
    """Return the checks of a theorem, of one rung if it is named.

    Raises
    ------
    InputError
        If the theorem or the rung is unknown, or the theorem has nothing on that rung.
    """
    if rung is not None and rung not in RUNGS:
        raise InputError("rung", f"one of {', '.join(RUNGS)}", repr(rung))
    found = [c for c in module(theorem).CHECKS if rung in (None, c.rung)]
    if not found:
        raise InputError("rung", f"one with a check of Theorem {theorem}", f"{rung!r} (still open)")
    return found


def check(claim: str) -> Check | NotApplicable:
    """Return the check of a claim such as ``3.1/rate``.

    Raises
    ------
    InputError
        If there is no such claim.
    """
    theorem = claim.partition("/")[0]
    for candidate in module(theorem).CHECKS:
        if candidate.claim == claim:
            return candidate
    raise InputError("claim", f"a claim of Theorem {theorem}", repr(claim))


def verify(theorem: str, rung: str | None = None, size: str = "full") -> list[Record]:
    """Run the checks of a theorem and return their records."""
    return [c.run(size) for c in checks(theorem, rung)]


def long_readings(name: str) -> tuple:
    """Return what the pages of a theorem or figure read for long, see :mod:`theorems.readings`."""
    return getattr(module(name), "LONG_READINGS", ())
