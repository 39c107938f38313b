"""Slopes, their averages and the rules of AMOS: by hand, the claims' examples, corners, aggregates."""

import math
from fractions import Fraction

import numpy as np
import pytest
from conftest import Lane
from faults.patching import change, planted

from refopt.amos_averages import Averages, averaged, corrected, curvature_slopes, length
from refopt.amos_selection import aggregated, maxima, select
from refopt.elmo_proxy import newton_threshold
from refopt.groups import Groups

HOST = Lane("numpy", np, lambda values: values)
EPS = 2.0**-52


def fresh(lane, n):
    return Averages(lane.array([0.0] * n), lane.array([0] * n, "int64"))


# Slopes (line 5).


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_slope_is_the_change_over_the_distance(lane, dtype):
    # |3 - 1| / (1/2 + 7/2) = 1/2, |-1 - 2| / 4 = 3/4; by components: 2 / (1/2 + 1/2) = 2, 3 / (1/2 + 1) = 2
    now, before = lane.array([3, -1], dtype), lane.array([1, 2], dtype)
    found = curvature_slopes(now, before, lane.array(3.5), 0.5)
    assert found.dtype == lane.xp.float64
    np.testing.assert_array_equal(lane.host(found), [0.5, 0.75])
    parts = curvature_slopes(now, before, lane.array([0.5, 1.0]), 0.5)
    np.testing.assert_array_equal(lane.host(parts), [2, 2])


@pytest.mark.parametrize(
    ("now", "before", "distance"),
    [
        (1.0, 2.0, 0.0),  # no motion: |dlam| / eps would be noise
        (1.0, 1.0, 0.0),
        (math.nan, 1.0, 1.0),
        (1.0, math.nan, 1.0),
        (math.inf, math.inf, 1.0),
        (1.0, 2.0, math.nan),
        (1.0, 2.0, math.inf),
        (1e300, 0.0, 1e-12),  # beyond float64
    ],
)
def test_where_there_is_no_slope_it_is_nan_and_nothing_warns(lane, now, before, distance):
    found = curvature_slopes(lane.array([now, 3]), lane.array([before, 1]), lane.array([distance, 1]), 0.0)
    host = lane.host(found)
    assert math.isnan(host[0])
    assert host[1] == 2


def test_a_tiny_move_is_a_move():
    assert curvature_slopes(np.array([2e-200]), np.array([1e-200]), np.array(1e-200), 0.0).tolist() == [1]


@pytest.mark.parametrize(("scale", "dtype"), [(1e-200, "float64"), (1e200, "float64"), (1e30, "float32")])
def test_lengths_neither_overflow_nor_underflow(lane, scale, dtype):
    found = float(lane.host(length(lane.array([3 * scale, -4 * scale], dtype))))
    assert found == pytest.approx(5 * scale, rel=4 * EPS if dtype == "float64" else 2.0**-22)
    assert float(lane.host(length(lane.array([0.0, 0.0], dtype)))) == 0
    assert math.isnan(float(lane.host(length(lane.array([math.nan, 0.0], dtype)))))


# Averages.


def run_of(slopes, momentum, average):
    """The averages after a sequence of slopes of one index."""
    averages = fresh(HOST, 1)
    for slope in slopes:
        averages = averaged(averages, np.array([slope]), momentum, average)
    return averages


@pytest.mark.parametrize("k", [1, 2, 10, 200])
@pytest.mark.parametrize("a", [0.0, 0.5, 0.99])
def test_a_constant_slope_shows_the_bias_of_the_average(a, k):
    # from 0: L_k = c (1 - a^k); corrected it is c, and with the first slope whole it is c from the start
    c = 3.0
    literal = run_of([c] * k, a, "literal")
    bias = float(1 - Fraction(a) ** k)
    assert literal.lipschitz[0] == pytest.approx(c * bias, rel=8 * k * EPS)
    assert literal.updates.tolist() == [k]
    assert corrected(literal, a, "literal")[0] == literal.lipschitz[0]
    assert corrected(literal, a, "bias-corrected")[0] == pytest.approx(c, rel=8 * k * EPS)
    assert run_of([c] * k, a, "first-slope").lipschitz[0] == pytest.approx(c, rel=2 * k * EPS)


def test_the_claims_bias_at_momentum_099():
    assert run_of([1.0], 0.99, "literal").lipschitz[0] == pytest.approx(0.01, rel=1e-13)
    assert run_of([1.0] * 200, 0.99, "literal").lipschitz[0] == pytest.approx(0.866, abs=5e-4)


def test_without_momentum_it_is_the_last_slope():
    for average in ("literal", "bias-corrected", "first-slope"):
        averages = run_of([5.0, 1.0, 2.0], 0.0, average)
        assert corrected(averages, 0.0, average).tolist() == [2]


def test_an_index_without_a_slope_keeps_its_average_and_its_count(lane):
    # L = 4, then slopes (NaN, 2) with a = 3/4: (4, 3 + 1/2); counts (1, 2)
    averages = Averages(lane.array([4.0, 4.0]), lane.array([1, 1], "int64"))
    L, k = averaged(averages, lane.array([math.nan, 2.0]), 0.75, "literal")
    np.testing.assert_array_equal(lane.host(L), [4, 3.5])
    np.testing.assert_array_equal(lane.host(k), [1, 2])
    assert (L.dtype, k.dtype) == (lane.xp.float64, lane.xp.int64)
    # the correction counts by index: 4 / (1 - 3/4) = 16, 3.5 / (1 - 9/16) = 8; without a slope 0 stays 0
    found = lane.host(corrected(Averages(L, k), 0.75, "bias-corrected"))
    np.testing.assert_allclose(found, [16, 8], rtol=8 * EPS)
    assert lane.host(corrected(fresh(lane, 1), 0.75, "bias-corrected")).tolist() == [0]


def test_the_correction_counts_slopes_and_not_steps():
    averages = run_of([3.0, math.nan, math.nan, 3.0], 0.5, "literal")
    assert averages.updates.tolist() == [2]
    assert corrected(averages, 0.5, "bias-corrected")[0] == pytest.approx(3, rel=4 * EPS)


# Means and maxima over tensors.

CONTIGUOUS = Groups.of(40, [range(0, 20), range(20, 40)])
SCATTERED = Groups.from_labels([0, 1, 0, 1])


@pytest.mark.parametrize("groups", [CONTIGUOUS, SCATTERED, Groups.trivial(4), Groups.discrete(4)])
def test_aggregates_are_those_of_each_group(lane, groups):
    x = np.cos(np.arange(groups.n)) * np.arange(groups.n)
    labels = np.array(groups.labels())
    parts = [x[labels == s] for s in range(groups.count)]
    found = maxima(lane.array(x), groups)
    np.testing.assert_array_equal(lane.host(found), [part.max() for part in parts])
    mean = aggregated(lane.array(x), groups, "mean")
    np.testing.assert_allclose(lane.host(mean), [part.mean() for part in parts], rtol=0, atol=64 * EPS)


@pytest.mark.parametrize("aggregate", ["mean", "max"])
@pytest.mark.parametrize("groups", [CONTIGUOUS, SCATTERED, Groups.discrete(4)])
def test_a_nan_is_not_dropped_and_goes_to_the_first_optimizer(lane, groups, aggregate):
    for place in (0, 2):
        x = np.zeros(groups.n)
        x[place] = math.nan
        found = select(
            lane.array(x), lane.array(x), lane.array(x), threshold=1.0, groups=groups, aggregate=aggregate
        )
        where = groups.labels()[place]
        expected = [s == where for s in range(groups.count)]
        assert np.isnan(lane.host(found.statistic)).tolist() == expected
        assert lane.host(found.to_first).tolist() == expected
    with planted([change("amos_selection", "~(statistic <= threshold)", "statistic > threshold")]):
        assert not lane.host(select(*[lane.array([math.nan])] * 3, threshold=1.0).to_first)[0]


def test_the_mean_of_averages_is_the_average_of_means_and_the_maximum_is_not():
    # a = 1/2, slopes (2, 0) then (0, 2): L = (1, 0), then (1/2, 1). Means: 1/2, then 3/4, which is the
    # average of the means 1 and 1. Maximum: 1, where the average of the maxima 2 and 2 is 3/2.
    averages = fresh(HOST, 2)
    for slopes in ([2.0, 0.0], [0.0, 2.0]):
        averages = averaged(averages, np.array(slopes), 0.5, "literal")
    together = Groups.trivial(2)
    assert aggregated(averages.lipschitz, together, "mean").tolist() == [0.75]
    assert run_of([1.0, 1.0], 0.5, "literal").lipschitz.tolist() == [0.75]
    assert aggregated(averages.lipschitz, together, "max").tolist() == [1.0]
    assert run_of([2.0, 2.0], 0.5, "literal").lipschitz.tolist() == [1.5]


@pytest.mark.parametrize("seed", range(5))
def test_max_of_averages_never_exceeds_the_average_of_maxima(seed):
    rng = np.random.default_rng(seed)
    averages, tops = fresh(HOST, 6), fresh(HOST, 1)
    means, a = fresh(HOST, 1), 0.8
    for _ in range(20):
        slopes = rng.exponential(size=6)
        averages = averaged(averages, slopes, a, "literal")
        tops = averaged(tops, slopes.max(keepdims=True), a, "literal")
        means = averaged(means, slopes.mean(keepdims=True), a, "literal")
        top = aggregated(averages.lipschitz, Groups.trivial(6), "max")[0]
        assert top <= tops.lipschitz[0] * (1 + 4 * EPS)
        mean = aggregated(averages.lipschitz, Groups.trivial(6), "mean")[0]
        assert mean == pytest.approx(means.lipschitz[0], rel=32 * EPS)


def test_a_mean_of_many_small_numbers_is_summed_in_float64():
    # 2^24 + 1 is no float32: a sum there would stand still
    n = 1 << 12
    x = np.full(n, 2.0**-24, dtype=np.float32)
    x[0] = 1.0
    found = select(x, x, x, threshold=1.0, groups=Groups.trivial(n))
    assert found.statistic[0] == (1.0 + (n - 1) * 2.0**-24) / n
    assert found.statistic.dtype == np.float64


# The rules (line 7).


def test_equality_with_the_threshold_goes_to_the_second_optimizer(lane):
    L = lane.array([0.25, np.nextafter(0.25, 1), np.nextafter(0.25, 0), 0.0])
    found = select(L, L, L, threshold=0.25)
    assert lane.host(found.to_first).tolist() == [False, True, False, False]
    np.testing.assert_array_equal(lane.host(found.statistic), lane.host(L))


# lambda, g, L, kappa at a = 1, first?
CORNERS = [
    (1.0, 1.0, 3.0, 1.0, False),  # M = 0 exactly: equality
    (1.0, 1.0, 2.0, 2 / 3, False),  # M = -1/6
    (1.0, 1.0, 4.0, 4 / 3, True),  # M = +1/6
    (2.0, 3.0, 4.0, 1.0, False),
    (1.0, 0.0, 1e300, 0.0, False),  # the Newton step is 0
    (1.0, 1.0, 0.0, 0.0, False),
    (0.0, 1.0, 0.0, math.inf, True),  # never divides by 0
    (0.0, 0.0, 0.0, math.inf, True),
    (-1.0, 1.0, 0.0, math.inf, True),  # Newton's step goes up for every L
    (-1.0, 0.0, 0.0, math.inf, True),
    (math.nan, 1.0, 1.0, math.inf, True),
    (math.nan, 0.0, 0.0, math.inf, True),
    (1e-200, 1e-200, 1e-200, 1 / 3, False),  # lambda^2 and L g underflow
    (1e-200, 1e-200, 4e-200, 4 / 3, True),
    (1e200, 1e200, 1e200, 1 / 3, False),  # they overflow
    (1e-300, 1.0, 1.0, math.inf, True),  # kappa overflows
]


@pytest.mark.parametrize(("lam", "g", "L", "kappa", "first"), CORNERS)
def test_newton_ascent_and_its_corners(lane, lam, g, L, kappa, first):
    arrays = [lane.array([x]) for x in (L, g, lam)]
    found = select(*arrays, threshold="newton-ascent")
    assert lane.host(found.to_first).tolist() == [first]
    assert float(lane.host(found.statistic)[0]) == pytest.approx(kappa, rel=8 * EPS)


@pytest.mark.parametrize("a", [Fraction(1, 128), Fraction(1, 2), Fraction(1), Fraction(3, 2)])
@pytest.mark.parametrize("side", [-1, 1])
def test_newton_ascent_is_the_sign_of_the_model_at_the_damped_step(a, side):
    # M(x) = -g x + lam x^2/2 + L x^3/6 at x = a g/lam, in fractions, a relative 2^-40 beside the threshold
    g, lam = Fraction(7, 4), Fraction(5, 8)
    L = Fraction(3 * (2 - a)) * lam**2 / (a**2 * g) * (1 + side * Fraction(1, 2**40))
    x = a * g / lam
    model = -g * x + lam * x**2 / 2 + L * x**3 / 6
    arrays = [np.array([float(value)]) for value in (L, g, lam)]
    found = select(*arrays, threshold="newton-ascent", damping=float(a))
    assert found.to_first.tolist() == [model > 0] == [side > 0]
    threshold = newton_threshold(*arrays[1:], damping=float(a))
    assert (arrays[0] > threshold).tolist() == found.to_first.tolist()
    fault = change("amos_selection", "3.0 * (2.0 - damping)", "3.0")
    if a != 1:  # the threshold of the whole Newton step differs by 2 - a
        with planted([fault]):
            others = [
                select(factor * arrays[0], *arrays[1:], threshold="newton-ascent", damping=float(a))
                for factor in (0.8, 1.25)
            ]
        assert any(
            other.to_first[0] != (factor > 1) for other, factor in zip(others, (0.8, 1.25), strict=True)
        )


def test_a_tensor_goes_by_the_aggregate_of_its_margins():
    # kappa = L/3 for g = lambda = 1: (3/2, 0) has the mean 3/4 and the maximum 3/2; one lambda <= 0 is enough
    groups, g = Groups.from_labels([0, 0, 1, 1]), np.ones(4)
    L, lam = np.array([4.5, 0.0, 0.0, 0.0]), np.array([1.0, 1.0, 1.0, -1.0])
    mean = select(L, g, lam, threshold="newton-ascent", groups=groups)
    assert mean.statistic.tolist() == [pytest.approx(0.75), math.inf]
    assert mean.to_first.tolist() == [False, True]
    top = select(L, g, lam, threshold="newton-ascent", groups=groups, aggregate="max")
    assert top.statistic.tolist() == [pytest.approx(1.5), math.inf]
    assert top.to_first.tolist() == [True, True]
