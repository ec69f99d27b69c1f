"""Intervals, power and many claims at once, against worked numbers and against simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from planlib.graph import InputError
from planlib.intervals import MOST_CASES, Estimate, estimate, holm, interval


def test_the_interval_is_students():
    low, high = interval([1.0, 2.0, 3.0])  # mean 2, deviation 1, t(2 degrees) = 4.30265
    assert (low, high) == pytest.approx((2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-5)
    lows, highs = interval([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    assert lows == pytest.approx([low, 5]) and highs == pytest.approx([high, 5])


def test_an_estimate_has_the_ends_of_the_interval():
    values = [0.3, 0.9, 0.4, 0.8, 0.2]
    found = estimate(values)
    assert (found.low, found.high) == pytest.approx(interval(values))
    assert found.holds is True  # no margin, nothing to miss


def test_its_p_value_is_that_of_the_t_test_and_passes_with_the_interval():
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = rng.normal(0.5, 1, 6)
        found = estimate(values, least=0)
        wanted = stats.ttest_1samp(values, 0, alternative="greater").pvalue
        assert found.p_value == pytest.approx(wanted)
        assert (found.holds is True) == (found.p_value < 0.025)
    between = estimate(values, least=-3, most=1)
    assert between.p_value == max(
        estimate(values, least=-3).p_value, estimate(values, most=1).p_value
    )


@pytest.mark.parametrize(
    ("mean", "margins"),
    [
        (1.0, {"least": 0.0}),
        (0.4, {"least": 0.0}),
        (-0.5, {"least": 0.0}),  # to be refuted
        (0.0, {"least": -0.6, "most": 0.6}),
    ],
)
def test_the_cases_needed_have_the_power_that_simulation_finds(mean, margins):
    found = Estimate(mean, 1.0, 5, **margins)
    wanted = mean > margins["least"]
    rng = np.random.default_rng(1)

    def power(count):
        draws = rng.normal(mean, 1, (4000, count))
        return np.mean([estimate(x, **margins).holds is wanted for x in draws])

    assert power(found.needed) > 0.78
    assert power(max(2, found.needed - 3)) < 0.8 or found.needed <= 4


def test_an_estimate_is_written_with_its_interval():
    assert f"{Estimate(0.5, 0.0, 3):.2f}" == "0.50 in [0.50, 0.50]"
    low, high = interval([1.0, 2.0, 3.0])
    assert f"{estimate([1.0, 2.0, 3.0]):+.3f}" == f"+2.000 in [{low:+.3f}, {high:+.3f}]"
    with pytest.raises(ValueError, match="format"):
        f"{Estimate(0.5, 0.0, 3):nonsense}"


def test_cases_needed_at_the_edges():
    assert Estimate(1.0, 0.0, 3, least=0.0).needed == 2  # no spread
    assert Estimate(1.0, 1e-17, 3, least=0.0).needed == 2  # none but rounding's
    assert Estimate(0.0, 1.0, 3, least=0.0).needed is None  # on the margin
    assert Estimate(0.01, 1.0, 3, least=0.0).needed is None  # more than are worth a number
    assert 1 < Estimate(0.1, 1.0, 3, least=0.0).needed <= MOST_CASES


def test_without_spread_a_mean_is_inside_or_not():
    assert estimate([1, 1, 1], least=0).holds is True
    assert estimate([1, 1, 1], least=2).holds is False
    assert estimate([1, 1, 1], least=1).holds is None
    assert estimate([1, 1, 1], least=0).p_value == 0
    assert estimate([1, 1, 1], least=1).p_value == 1


def test_bad_cases_are_refused():
    for values, margins, name in (
        ([1.0], {}, "values"),
        ([], {}, "values"),
        ([1.0, math.nan], {}, "values"),
        ([1.0, math.inf], {}, "values"),
        ([1.0, 2.0], {"least": 1.0, "most": 1.0}, "most"),
    ):
        with pytest.raises(InputError, match=name):
            estimate(values, **margins)


def test_holm_steps_down():
    assert holm([0.01, 0.02, 0.001], 0.05) == [True, True, True]
    assert holm([0.03, 0.02, 0.001], 0.05) == [True, True, True]
    assert holm([0.03, 0.04, 0.001], 0.05) == [False, False, True]
    assert holm([0.001, 0.03, 0.06], 0.05) == [True, False, False]
    assert holm([], 0.05) == []
