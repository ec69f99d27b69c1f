"""Signs decided with rigorous rounding: arb balls, precision doubled until they decide."""

from __future__ import annotations

from collections.abc import Callable

from flint import ctx

from planlib.evidence import Finding, decide


def signs_of_balls(gap_of: Callable, rows: list, most_bits: int) -> tuple[int, int, int]:
    """Decide the sign of ``gap_of(row)`` for each row, doubling the precision until it is decided.

    Returns
    -------
    tuple
        Number of negative gaps, number left undecided at ``most_bits``, and the
        largest precision used, in bits.
    """
    failures = undecided = 0
    precision = 64
    for row in rows:
        bits = 64
        while True:
            ctx.prec = bits
            gap = gap_of(row)
            if gap > 0 or gap < 0 or bits >= most_bits:
                break
            bits *= 2
        precision = max(precision, bits)
        failures += bool(gap < 0)
        undecided += not (gap > 0 or gap < 0)
    ctx.prec = 53
    return failures, undecided, precision


def decide_signs(
    gap_of: Callable, rows: list, most_bits: int, scope: str, kind: str = "rows"
) -> Finding:
    """Make the finding that ``gap_of(row)`` is positive for each row; one that stays open decides nothing."""
    failures, undecided, bits = signs_of_balls(gap_of, rows, most_bits)
    return decide(
        False if failures else None if undecided else True,
        f"{len(rows):,} {kind}, {failures} failures, {undecided} undecided",
        f"arb balls, up to {bits} bits; {scope}",
    )
