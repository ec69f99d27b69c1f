"""Boxes with one zero, with none, and undecided; bounds of the two-route map hold what they should."""

import numpy as np
import pytest
from flint import arb, ctx

from theorems import frontier, two_routes
from theorems.krawczyk import certify, orientation


def squares(x):
    """Zeros at (sqrt 2, sqrt 3) and the three other choices of sign."""
    return [x[0] * x[0] - 2, x[1] * x[1] - 3]


@pytest.mark.parametrize(
    ("centre", "radius", "holds"),
    [
        ((2**0.5, 3**0.5), 0.1, True),
        ((2**0.5, -(3**0.5)), 1e-9, True),
        ((1.5, 1.5), 0.05, False),
        ((0.0, 0.0), 2.0, None),  # four zeros: neither one nor none
    ],
)
def test_a_box_is_decided(centre, radius, holds):
    assert certify(squares, centre, radius)[0] is holds


def test_the_index_of_a_zero_is_the_sign_of_its_jacobian():
    a, b = 2**0.5, 3**0.5
    assert orientation(squares, (a, b), 0.1) == orientation(squares, (-a, -b), 0.1) == 1
    assert orientation(squares, (-a, b), 0.1) == -1
    assert orientation(squares, (0.0, b), 0.1) == 0


def test_the_image_of_a_box_holds_the_images_of_its_points():
    rng = np.random.default_rng(0)
    low = 0.8 * rng.random((4, 500))
    high = low + 0.2 * rng.random(low.shape)
    least, most = two_routes.image(low, high, "0.15")
    for _ in range(5):
        point = low + (high - low) * rng.random(low.shape)
        y = np.zeros((500, 9))
        y[:, [0, 1, 5, 8]] = point.T / 0.15  # its exponents
        image = 0.15 * (y - two_routes.residual(y, 0.15))[:, [0, 1, 5, 8]].T
        assert (least <= image).all() and (image <= most).all()


def test_the_widening_is_a_thousand_times_what_rounding_makes():
    points = np.random.default_rng(1).random((4, 50))
    least, most = two_routes.image(points, points, "0.15")  # a box that is one point
    bits, ctx.prec = ctx.prec, 128
    for k in range(points.shape[1]):
        p = [arb(x) for x in points[:, k].tolist()]
        off = two_routes._in_balls(p, arb("0.15"))
        exact = [x - o for x, o in zip(p, off, strict=True)]
        for bounds, widened in (
            (least, 1 - arb(two_routes.SLACK)),
            (most, 1 + arb(two_routes.SLACK)),
        ):
            for found, right in zip(bounds[:, k].tolist(), exact, strict=True):
                error = abs(arb(found) / widened / right - 1)
                assert error < two_routes.SLACK / 1000
    ctx.prec = bits


def test_the_routes_of_a_share():
    assert frontier.routes(np.array([0.5, 1.0, 0.0])) == pytest.approx([2, 1, 1])
    assert frontier.law_routes(1e-6) == pytest.approx(2, abs=1e-4)
