"""Identities for general parameters, decided by multiplying out."""

from __future__ import annotations

import sympy as sp


def is_zero(x: sp.Expr) -> bool:
    """Whether a rational function of symbols, and of exponentials and logarithms of them, vanishes.

    Numerator and denominator are multiplied out, which decides for rational functions
    and is much faster than ``simplify``.
    """
    return sp.cancel(sp.together(x)) == 0
