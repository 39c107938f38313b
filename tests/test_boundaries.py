"""Decisions at their boundary, and defaults: what a mutation run found unseen by the frozen cases.

The frozen cases leave a decision within rounding open on purpose, since another implementation may round
otherwise. Here every number is exact in float64, so the boundary itself is asked for: below, at, or above.
"""

import numpy as np
import pytest

from refopt.amos_selection import select
from refopt.fosi_tuning import curvature_inverse, rate_scaling, refresh_period_measured
from refopt.groups import Groups
from refopt.rates import optimal_rates

DOUBLE = np.finfo(np.float64)


def newton_ascent(lipschitz, slopes, curvatures, **settings):
    return select(*map(np.array, (lipschitz, slopes, curvatures)), threshold="newton-ascent", **settings)


def test_a_bound_of_exactly_zero_at_newtons_step_is_no_ascent():
    """L g = 3 lambda^2: kappa is 1, which is not above 1, for an index and for a tensor's mean."""
    found = newton_ascent([3.0, 3.0], [1.0, 1.0], [1.0, 1.0])
    np.testing.assert_array_equal(found.statistic, [1.0, 1.0])
    assert not found.to_first.any()
    tensor = newton_ascent([3.0, 3.0], [1.0, 1.0], [1.0, 1.0], groups=Groups.trivial(2))
    assert tensor.statistic.tolist() == [1.0]
    assert tensor.to_first.tolist() == [False]


def test_a_resting_index_goes_to_second_also_where_its_curvature_underflows():
    """sqrt(3 (2 - a)) lambda / a rounds to 0, but Newton's step is 0 all the same: the slope is 0."""
    found = newton_ascent([1.0], [0.0], [5e-324], damping=1.9999999)
    assert found.statistic.tolist() == [0.0]
    assert found.to_first.tolist() == [False]


@pytest.mark.parametrize("name", ["gradient_descent", "heavy_ball", "nesterov"])
def test_one_eigenvalue_alone_is_met_at_once(name):
    """L = m is allowed: eta = 1/L reaches the minimizer in one step, without momentum."""
    assert optimal_rates(name, 4.0, 4.0) == (0.25, 0.0, 0.0)


def test_a_curvature_at_the_floor_is_not_raised():
    """epsilon max|lambda| = 1 = |lambda_2|: the floor did not act."""
    inverse, clamped = curvature_inverse([4.0, -1.0, 0.5], 0.25, DOUBLE)
    assert inverse == [0.25, 1.0, 1.0]
    assert clamped == [False, False, True]


def test_a_curvature_whose_inverse_just_fits_is_used():
    size = 1.5 / float(DOUBLE.max)
    assert curvature_inverse([size], 1.0, DOUBLE)[0] == [1.0 / size]


def test_a_residual_at_its_limit_is_small_enough():
    """The limit is 0.25 times 4."""
    scaled = rate_scaling(
        "gradient_descent", [4.0, 1.0], [1.0, 1.0], 2, 0, max_scaling=9.0, max_residual=0.25
    )
    assert scaled == 4.0


@pytest.mark.parametrize(
    ("residual", "scaled"),
    [(0.0, 3.0), (0.9, 3.0), (1.1, 1.0), (50.0, 1.0)],
    ids=["exact", "near", "far", "wild"],
)
def test_without_settings_the_scaling_is_a_ratio_up_to_3_of_pairs_to_a_hundredth(residual, scaled):
    assert rate_scaling("gradient_descent", [100.0, 1.0], [residual, 0.0], 2, 0) == scaled


def test_no_time_to_spare_is_refused():
    with pytest.raises(ValueError, match="already takes 2 base steps"):
        refresh_period_measured(1.0, 2.0, 1.0, 2.0)


def test_without_curvature_and_without_a_bound_the_statistic_is_infinite():
    """L = 0 and lambda = 0: 0/0 is no verdict; Newton's step does not exist, so the index goes to first."""
    found = newton_ascent([0.0], [1.0], [0.0])
    assert found.statistic.tolist() == [np.inf]
    assert found.to_first.tolist() == [True]


def test_the_largest_of_a_tensor_in_one_piece():
    """Groups in one piece each, kappa = L g / (3 lambda^2) of [4, 1] and [0.25, 2.25]."""
    found = newton_ascent(
        [12.0, 3.0, 0.75, 6.75],
        [1.0] * 4,
        [1.0] * 4,
        groups=Groups.from_labels([0, 0, 1, 1]),
        aggregate="max",
    )
    np.testing.assert_allclose(found.statistic, [4.0, 2.25], rtol=1e-15)
    assert found.to_first.all()
