"""What writing token by token is as a decision process: a bandit's, taken apart.

Source: Samineni et al., arXiv 2505.13697, sections 2 and 3, call it degenerate and name what makes it
so: a state is what has been written so far, and the reward comes at the end.  The predicates, and
where they fail, are ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from planlib import task
from planlib.evidence import Finding, Tally, claims
from planlib.graph import PlanningGraph
from theorems.small_graphs import digraph_classes

claim = claims("grpo")
Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Process:
    """Writing an answer, as a decision process on a graph.

    Attributes
    ----------
    state
        What a prefix is as a state.
    reward
        Reward of each step of a sequence, shape ``(1, L - 1)``.
    discount
        Of a later step's reward.
    """

    state: Callable[[Tokens], Hashable] = lambda prefix: prefix
    reward: Callable[[PlanningGraph, np.ndarray], np.ndarray] = task.outcome_reward
    discount: Fraction = Fraction(1)


def as_written() -> Process:
    """Ours: a state is the whole prefix, the reward that of the outcome, without a discount."""
    return Process()


def table_rows() -> Process:
    """Mistake: as a table has it, a state is target and current node; many prefixes share one."""
    return Process(state=lambda prefix: (prefix[1], prefix[-1]))


def rewarded_steps() -> Process:
    """Mistake: a reward a step, as Q-learning gets it."""
    return Process(reward=task.process_reward)


def discounted() -> Process:
    """Mistake: a discount, so that a step counts less the longer the answer goes on."""
    return Process(discount=Fraction(1, 2))


def _answers(graph: PlanningGraph, prompt: Tokens, steps: int) -> list[Tokens]:
    """All sequences of at most ``steps`` tokens after the prompt: ended, or cut off."""
    found, open_ones = [], [prompt]
    for _ in range(steps):
        longer = [(*p, k) for p in open_ones for k in range(graph.n + 1)]
        found += [p for p in longer if p[-1] == graph.n]
        open_ones = [p for p in longer if p[-1] != graph.n]
    return found + open_ones


def _violations(
    process: Process, graph: PlanningGraph, prompt: Tokens, steps: int
) -> list[tuple[bool, bool]]:
    """Of each answer: whether it breaks one of the three properties, and whether it is rewarded.

    A state that was come to by another way, a rewarded step before the target, or steps before
    it whose returns differ.
    """
    ways: dict[Hashable, Tokens] = {}
    found = []
    for answer in _answers(graph, prompt, steps):
        prefixes = [answer[:k] for k in range(len(prompt), len(answer) + 1)]
        alone = all(ways.setdefault(process.state(p), p) == p for p in prefixes)
        rewards = process.reward(graph, np.array([answer]))[0][len(prompt) - 1 :]
        # Onto the target and the end there are one event of a right answer: no other step counts.
        late = not rewards[:-2].any() and rewards.min(initial=0) >= 0
        returns = [Fraction(0)]
        for r in reversed(rewards):
            returns.append(Fraction(float(r)) + process.discount * returns[-1])
        right = rewards.any()
        same = not right or all(x == returns[-1] for x in returns[2:])
        found.append((not (alone and late and same), bool(right)))
    return found


@claim(
    "degenerate",
    "exhaustive",
    as_written,
    {
        "states are rows of a table": table_rows,
        "rewards of steps": rewarded_steps,
        "a discount": discounted,
    },
)
def degenerate(process: Callable[[], Process], size: str) -> Finding:
    """No state is come to in two ways, no step before the one onto the target is rewarded, and all steps up to it have one return: a bandit over answers."""
    tally = Tally("problems", "answers", "rewarded ones")
    for n, steps in ((2, 3), (3, 3)) if size == "small" else ((2, 5), (3, 4)):
        for rows in digraph_classes(n):
            graph = PlanningGraph(np.array(rows))
            for source, target in itertools.permutations(range(n), 2):
                tally.add("problems")
                for violated, right in _violations(
                    process(), graph, (source, target, source), steps
                ):
                    tally.add("answers", not violated)
                    tally.add("rewarded ones", count=right)
    return tally.finding(
        "all digraphs of 2 and 3 nodes up to isomorphism, all pairs, all answers of up to 5 and 4 tokens, legal or not"
    )
