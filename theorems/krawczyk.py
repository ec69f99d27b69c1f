"""Zeros of maps proved to be in a box, or not to be, in arb balls.

Krawczyk's test is an interval form of Newton's method: if the image of a box lies inside of it,
the box holds exactly one zero.  If the mean value form of the map keeps clear of 0 on a box, the
box holds none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flint import arb, arb_mat, arb_series, ctx

BITS = 128


def certify(
    function: Callable[[list], list], centre: Sequence[float], radius: float
) -> tuple[bool | None, list]:
    """Decide whether a box holds exactly one zero of ``function``, or none.

    Parameters
    ----------
    function
        From ``d`` balls, or power series of balls, to as many.
    centre, radius
        The box: ``d`` numbers and half its width.

    Returns
    -------
    tuple
        True if the box holds exactly one zero, False if none, None if neither is proved; and the
        box, as balls.
    """
    bits, ctx.prec = ctx.prec, BITS
    try:
        return _certify(function, centre, radius)
    except (
        ValueError,
        ZeroDivisionError,
    ):  # over so large a box something is not known to be defined
        return None, [arb(x, radius) for x in centre]
    finally:
        ctx.prec = bits


def orientation(function: Callable[[list], list], centre: Sequence[float], radius: float) -> int:
    """Sign of the Jacobian's determinant all over a box: the index of a zero there; 0 if not proved."""
    bits, ctx.prec = ctx.prec, BITS
    det = _jacobian(function, [arb(x, radius) for x in centre]).det()
    ctx.prec = bits
    return 1 if det > 0 else -1 if det < 0 else 0


def _jacobian(function, box: list) -> arb_mat:
    """Derivatives along each direction, over the whole box."""
    d = len(box)
    jacobian = arb_mat(d, d)
    for i in range(d):
        series = [arb_series([x, int(k == i)], prec=2) for k, x in enumerate(box)]
        for row, value in enumerate(function(series)):
            jacobian[row, i] = arb_series(value)[1]
    return jacobian


def _certify(function, centre, radius) -> tuple[bool | None, list]:
    d = len(centre)
    middle = [arb(x) for x in centre]
    box = [x + arb(0, radius) for x in middle]
    jacobian = _jacobian(function, box)
    value = arb_mat(d, 1, function(middle))
    spread = arb_mat(d, 1, [arb(0, radius)] * d)
    if any(not x.contains(0) for x in (value + jacobian * spread).entries()):
        return False, box
    inverse = jacobian.mid().inv().mid()
    identity = arb_mat(d, d, [int(a == b) for a in range(d) for b in range(d)])
    image = arb_mat(d, 1, middle) - inverse * value + (identity - inverse * jacobian) * spread
    inside = all(b.contains_interior(x) for b, x in zip(box, image.entries(), strict=True))
    return (True if inside else None), box
