"""FOSI: Algorithm 2 by hand, its preconditioner by another route, the claims' counterexamples, bad input."""

import itertools
import math

import numpy as np
import pytest
from closed_form import Quadratic, quadratic
from conftest import Lane

from refopt import load_problem
from refopt.derivatives import Derivatives
from refopt.first_order import (
    FIRST_ORDER,
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Nesterov,
    RMSProp,
)
from refopt.fosi import Fosi, refresh_period, refresh_period_measured
from refopt.fosi_tuning import rate_scaling
from refopt.iterate import iterate
from refopt.rates import CLOSED_FORM
from refopt.spectrum import Spectrum

ROUNDING = 16 * 2.0**-52  # a handful of operations on numbers near 1
HOST = Lane("numpy", np, lambda values: values)
GD = GradientDescent(learning_rate=0.3)
BASES = [GD, HeavyBall(learning_rate=0.1), Nesterov(learning_rate=0.1), Adam(), RMSProp()]
BASES += [AdamW(weight_decay=0.0)]
MOMENTA = ["none", "heavy-ball", "nesterov", "ema"]


def given_spectrum(lane, values, vectors, dtype="float64", num_largest=None, residuals=None):
    """A spectrum with columns `vectors`, in memory the transposed view that an estimate returns."""
    values, rows = np.array(values, dtype=float), np.array(vectors, dtype=float).T
    residuals = np.zeros(len(values)) if residuals is None else residuals
    k = len(values) if num_largest is None else num_largest
    V = lane.array(rows, dtype).T
    return Spectrum(lane.array(values), V, lane.array(residuals), k, len(values) - k, 0, 0)


def never(**settings):
    """Settings without an estimate within any test, and with the whole Newton step."""
    return {"refresh_every": 10**9, "warmup": 10**9, "alpha": 1.0, **settings}


def start(optimizer, lane, theta, values, vectors, **options):
    """A state at iteration 0 that holds the given spectrum."""
    dtype = options.get("dtype", "float64")
    theta = lane.array(theta, dtype)
    state = optimizer.init(theta, lane.array(np.ones(theta.shape[0])))
    return theta, optimizer.with_spectrum(state, given_spectrum(lane, values, vectors, **options))


def run(f, optimizer, theta, state, steps, **options):
    """The points theta_0, ..., theta_steps, and the steps."""
    found = list(itertools.islice(iterate(f, optimizer, theta, state, **options), steps))
    return [*(step.theta for step in found), found[-1].theta_next], found


# Algorithm 2 by hand.


def test_the_step_of_figure_1(lane):
    # f = 1.25 x^2 + 1.25 y^2 + 1.5 x y: H = [[2.5, 1.5], [1.5, 2.5]], eigenvalues 4 on (1, 1), 1 on (1, -1).
    # theta = (0.3, -0.9): g = (-0.6, -1.8), g1 = (-1.2, -1.2), g2 = (0.6, -0.6), d1 = -g1/4 = (0.3, 0.3),
    # d_b = -0.3 g2 = (-0.18, 0.18) = d2; f = 0.72 falls to (0.42^2 + 0.42^2) 1.25 - 1.5 0.42^2 = 0.1764.
    f = quadratic(lane, [[2.5, 1.5], [1.5, 2.5]])
    optimizer = Fosi(base=GD, largest=1, alpha=1.0, refresh_every=1)
    theta = lane.array([0.3, -0.9])
    state = optimizer.init(theta, lane.array([1.0, 0.5]))
    step = optimizer.step(f, theta, state)
    expected = {
        "gradient": [-0.6, -1.8],
        "curvature_inverse": [0.25],
        "gradient_in": [-1.2, -1.2],
        "gradient_out": [0.6, -0.6],
        "newton_gradient": [-1.2, -1.2],
        "newton_direction": [0.3, 0.3],
        "base_direction_raw": [-0.18, 0.18],
        "base_direction": [-0.18, 0.18],
        "theta_next": [0.42, -0.42],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(lane.host(getattr(step, name)), value, rtol=0, atol=ROUNDING, err_msg=name)
    assert float(lane.host(step.value)) == pytest.approx(0.72, rel=ROUNDING)
    assert float(lane.host(f.value(step.theta_next))) == pytest.approx(0.1764, rel=ROUNDING)
    assert (step.refresh, step.scaling, step.state.iteration, f.products) == ("refreshed", 1.0, 1, 2)
    assert not any(lane.host(step.clamped))
    np.testing.assert_array_equal(lane.host(state.curvature_inverse), [])  # the state given is not changed
    again = optimizer.step(f, theta, state)
    np.testing.assert_array_equal(lane.host(again.theta_next), lane.host(step.theta_next))


@pytest.mark.parametrize("kind", MOMENTA)
@pytest.mark.parametrize("seed", range(8))
def test_the_step_is_minus_the_inverse_preconditioner_times_the_gradient(kind, seed):
    # Lemma 1: P^-1 = alpha V diag(u) V' + eta (I - VV') diag(q) (I - VV'), for any orthonormal V, any lambda.
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 12))
    pairs = int(rng.integers(1, n + 1))
    V = np.linalg.qr(rng.standard_normal((n, n)))[0][:, :pairs]
    lam = np.sort(rng.standard_normal(pairs))[::-1] + 0.0
    H = rng.standard_normal((n, n))
    f = Quadratic(H @ H.T, rng.standard_normal(n))
    base = RMSProp(learning_rate=0.2, decay=0.5, epsilon=0.1)
    optimizer = Fosi(base=base, largest=pairs, newton_momentum=kind, newton_decay=0.0, **never(alpha=0.7))
    theta, state = start(optimizer, HOST, rng.standard_normal(n), lam, V)
    step = optimizer.step(f, theta, state)
    g = f.gradient(theta)
    out = np.eye(n) - V @ V.T
    q = 1 / (np.sqrt(0.5) * abs(out @ g) + 0.1)  # v = g2^2 / 2
    inverse = 0.7 * V @ np.diag(1 / abs(lam)) @ V.T + 0.2 * out @ np.diag(q) @ out
    size = np.abs(inverse).max() * np.abs(g).max() * n
    np.testing.assert_allclose(step.theta_next, theta - inverse @ g, rtol=0, atol=ROUNDING * size)
    scale = np.linalg.norm(g) ** 2
    assert abs(step.gradient_in @ step.gradient_out) <= ROUNDING * scale * n
    assert abs(step.newton_direction @ step.base_direction) <= ROUNDING * size**2 * n
    np.testing.assert_allclose(step.gradient_in + step.gradient_out, g, rtol=0, atol=ROUNDING * size)


class CountingMatrix(np.ndarray):
    """A matrix that counts the matrix products it takes part in; transposes and slices count with it."""

    sweeps = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        CountingMatrix.sweeps += ufunc is np.matmul
        return getattr(ufunc, method)(*(np.asarray(x) for x in inputs), **kwargs)

    def __array_function__(self, func, types, args, kwargs):
        raise AssertionError(f"V went through {func.__name__}: this test does not know how often it reads V")


@pytest.mark.parametrize("kind", MOMENTA)
def test_a_step_sweeps_over_the_eigenvectors_four_times(kind):
    rng = np.random.default_rng(0)
    V = np.linalg.qr(rng.standard_normal((9, 3)))[0]
    base = HeavyBall(learning_rate=0.1)
    optimizer = Fosi(base=base, largest=3, newton_momentum=kind, **never())
    theta, state = start(optimizer, HOST, rng.standard_normal(9), [3.0, 2.0, 1.0], V)
    counting = state.spectrum._replace(eigenvectors=state.spectrum.eigenvectors.view(CountingMatrix))
    CountingMatrix.sweeps = 0
    optimizer.step(quadratic(HOST, np.eye(9)), theta, state._replace(spectrum=counting))
    assert CountingMatrix.sweeps == 4


# Warm-up, k = l = 0, the schedule.


@pytest.mark.parametrize("kind", MOMENTA)
@pytest.mark.parametrize("base", BASES, ids=lambda base: type(base).__name__)
def test_warmup_and_no_pairs_are_the_base_bit_for_bit(lane, base, kind):
    f = quadratic(lane, [[3, 1, 0], [1, 2, 0], [0, 0, -1]], [1, -2, 0.5])
    theta = lane.array([1.0, 2.0, 3.0])
    expected, _ = run(f, base, theta, base.init(theta), 6)
    for settings in ({"largest": 2, "smallest": 1, "warmup": 6}, {"largest": 0, "smallest": 0}):
        optimizer = Fosi(base=base, newton_momentum=kind, newton_decay=0.9, **settings)
        points, steps = run(f, optimizer, theta, optimizer.init(theta, lane.array([1.0, 2.0, 3.0])), 6)
        for point, other in zip(points, expected, strict=True):
            np.testing.assert_array_equal(lane.host(point), lane.host(other))
        assert all(step.refresh == "none" and step.scaling == 1.0 for step in steps)
        for step in steps:
            np.testing.assert_array_equal(lane.host(step.gradient_out), lane.host(step.gradient))
            np.testing.assert_array_equal(lane.host(step.newton_direction), np.zeros(3))
    assert f.products == 0


@pytest.mark.parametrize(
    ("warmup", "every", "expected"), [(3, 5, [3, 8, 13]), (0, 5, [0, 5, 10]), (2, 1, [*range(2, 15)])]
)
def test_estimates_come_at_t_at_least_w_with_t_minus_w_divisible_by_the_period(warmup, every, expected):
    f = quadratic(HOST, np.diag([4.0, 3.0, 2.0]))
    optimizer = Fosi(base=GD, largest=1, warmup=warmup, refresh_every=every)
    theta = np.array([1.0, 2.0, 3.0])
    _, steps = run(f, optimizer, theta, optimizer.init(theta, np.array([1.0, 2.0, 4.0])), 15)
    assert [t for t, step in enumerate(steps) if step.refresh == "refreshed"] == expected
    assert [t for t in range(15) if optimizer.refreshes_at(t)] == expected
    assert f.products == 3 * len(expected)  # m = min(n, 4) = 3


def test_the_estimate_follows_its_settings():
    # one Krylov space holds one copy of the 5; two steps from a start along no eigenvector make two products
    f, theta = quadratic(HOST, np.diag([5.0, 5.0, 3.0, 1.0])), np.ones(4)
    vector = np.array([1.0, 2.0, 3.0, 4.0])
    for settings, values, products in (
        ({}, [5, 3], 3),
        ({"multiplicity": "full"}, [5, 5], 4),
        ({"steps": 2}, None, 2),
    ):
        optimizer = Fosi(base=GD, largest=2, **settings)
        spectrum = optimizer.step(f, theta, optimizer.init(theta, vector)).spectrum
        assert spectrum.products == products
        if values:
            np.testing.assert_allclose(spectrum.eigenvalues, values, rtol=0, atol=8 * ROUNDING)


def test_the_estimate_is_made_before_the_update_of_its_iteration():
    f = quadratic(HOST, np.diag([4.0, 1.0]))
    optimizer = Fosi(base=GD, largest=1, alpha=1.0, warmup=1)
    theta = np.array([1.0, 1.0])
    points, _ = run(f, optimizer, theta, optimizer.init(theta, np.array([1.0, 2.0])), 2)
    # step 0: gradient descent, (1 - 1.2, 1 - 0.3); step 1: Newton on the first axis, factor 0.7 on the second
    np.testing.assert_allclose(points[2], [0.0, 0.49], rtol=0, atol=ROUNDING)


# Curvature: negative, zero, all of it.


def test_the_newton_part_moves_away_from_a_saddle():
    # lambda = -3: d1 = -alpha (lambda/|lambda|) x = + alpha x; the component grows by 1 + alpha
    optimizer = Fosi(base=GD, largest=1, smallest=1, alpha=0.5, refresh_every=1)
    f, theta = quadratic(HOST, np.diag([2.0, 1.0, -3.0])), np.array([1.0, 1.0, 1.0])
    step = optimizer.step(f, theta, optimizer.init(theta, np.array([1.0, 2.0, 3.0])))
    np.testing.assert_allclose(step.theta_next, [0.5, 0.7, 1.5], rtol=0, atol=8 * ROUNDING)
    assert step.gradient @ step.newton_direction < 0


def test_with_every_pair_it_is_scaled_newton_and_the_base_is_projected_out():
    # Adam makes full steps of rounding noise in g2; the projection of line 10 takes them out.
    H = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, -2.0]])
    optimizer = Fosi(base=Adam(learning_rate=0.5), largest=2, smallest=1, alpha=0.25, refresh_every=1)
    f, theta = quadratic(HOST, H, [1, 2, 3]), np.array([1.0, -1.0, 2.0])
    step = optimizer.step(f, theta, optimizer.init(theta, np.array([1.0, 2.0, 4.0])))
    assert abs(step.base_direction_raw).max() > 1e-9  # Adam did answer to noise
    np.testing.assert_allclose(step.base_direction, np.zeros(3), rtol=0, atol=ROUNDING)
    lam, Q = np.linalg.eigh(H)
    expected = -0.25 * Q @ ((Q.T @ f.gradient(theta)) / abs(lam))
    np.testing.assert_allclose(step.newton_direction, expected, rtol=0, atol=8 * ROUNDING)


@pytest.mark.parametrize(("dtype", "epsilon"), [("float64", None), ("float32", None), ("float64", 1e-3)])
def test_small_curvature_is_clamped_relative_to_the_largest(lane, dtype, epsilon):
    # |lambda| below eps^(2/3) * 2 is raised to it; the sign does not matter; 2 itself and 0.5 stay exact
    floor = 2 * (epsilon or float(np.finfo(dtype).eps) ** (2 / 3))
    optimizer = Fosi(base=GD, largest=2, smallest=2, epsilon=epsilon, **never())
    values = [2.0, 0.5, floor / 4, -floor / 8]
    theta, state = start(optimizer, lane, np.ones(5), values, np.eye(5)[:, :4], dtype=dtype, num_largest=2)
    assert lane.host(state.clamped).tolist() == [False, False, True, True]
    assert state.curvature_inverse.dtype == theta.dtype
    expected = np.array([0.5, 2.0, 1 / floor, 1 / floor])
    np.testing.assert_allclose(lane.host(state.curvature_inverse), expected, rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_curvature_at_all_keeps_the_last_spectrum(dtype):
    f = quadratic(HOST, np.zeros((3, 3)), [1, 2, 3], dtype)
    optimizer = Fosi(base=GD, largest=1, refresh_every=1)
    theta = np.ones(3, dtype=dtype)
    step = optimizer.step(f, theta, optimizer.init(theta, np.array([1.0, 2.0, 4.0])))
    assert step.refresh.startswith("kept: the largest estimated |eigenvalue| is 0")
    np.testing.assert_array_equal(step.theta_next, GD.step(f, theta, GD.init(theta)).theta_next)


def test_an_estimate_that_is_not_finite_keeps_the_last_spectrum():
    good = quadratic(HOST, np.diag([4.0, 2.0, 1.0]))
    bad = quadratic(HOST, np.full((3, 3), np.nan))
    optimizer = Fosi(base=GD, largest=1, alpha=1.0, refresh_every=1)
    theta, vector = np.ones(3), np.array([1.0, 2.0, 4.0])
    first = optimizer.step(good, theta, optimizer.init(theta, vector), curvature=bad)
    assert first.refresh.startswith("kept: ")
    np.testing.assert_array_equal(first.theta_next, theta - 0.3 * good.gradient(theta))
    second = optimizer.step(good, theta, first.state)
    assert second.refresh == "refreshed"
    third = optimizer.step(good, theta, second.state, curvature=bad)
    assert third.refresh.startswith("kept: ")
    np.testing.assert_array_equal(third.theta_next, second.theta_next)
    with pytest.raises(ArithmeticError, match="eigenvector is not finite"):
        optimizer.with_spectrum(first.state, given_spectrum(HOST, [1.0], [[np.nan], [0.0], [1.0]]))
    with pytest.raises(ArithmeticError, match="eigenvalue is not finite"):
        optimizer.with_spectrum(first.state, given_spectrum(HOST, [np.nan], [[1.0], [0.0], [0.0]]))


# Momentum.


@pytest.mark.parametrize(
    ("kind", "response"),
    [
        ("none", [1, 0, 0, 0]),
        ("heavy-ball", [1, 0.9, 0.81, 0.729]),
        ("nesterov", [1.9, 0.81, 0.729, 0.6561]),
        ("ema", [0.1, 0.09, 0.081, 0.0729]),
    ],
)
def test_the_filters_answer_to_an_impulse(kind, response):
    # lambda = 2, alpha = 1: d1 = -response/2 on the first axis for g = (1, 0), then 0
    optimizer = Fosi(base=GD, largest=1, newton_momentum=kind, newton_decay=0.9, **never())
    theta, state = start(optimizer, HOST, [0.0, 0.0], [2.0], [[1.0], [0.0]])
    for t, expected in enumerate(response):
        f = quadratic(HOST, np.zeros((2, 2)), [-1.0 if t == 0 else 0.0, 0.0])
        step = optimizer.step(f, theta, state)
        np.testing.assert_allclose(step.newton_gradient, [expected, 0], rtol=0, atol=ROUNDING)
        np.testing.assert_allclose(step.newton_direction, [-expected / 2, 0], rtol=0, atol=ROUNDING)
        state = step.state


@pytest.mark.parametrize(
    ("kind", "base"),
    [("heavy-ball", HeavyBall(learning_rate=0.05)), ("nesterov", Nesterov(learning_rate=0.05))],
)
def test_with_equal_rates_on_both_parts_it_is_the_base_across_changes_of_the_subspace(lane, kind, base):
    # alpha u = eta and the same filter on g1 and g2: whatever V is, the step is the base's (section 3.4),
    # also when V changes, because the momentum is divided anew (E6).
    rng = np.random.default_rng(3)
    H = np.diag([5.0, 3.0, 1.0, 0.5, 0.1])
    f, theta = quadratic(lane, H), lane.array([1.0, -2.0, 3.0, 1.0, 4.0])
    optimizer = Fosi(base=base, largest=2, newton_momentum=kind, scaling="none", **never(alpha=0.05))
    state, other = optimizer.init(theta, lane.array(np.ones(5))), base.init(theta)
    point = theta
    for t in range(12):
        if t % 3 == 0:
            V = np.linalg.qr(rng.standard_normal((5, 2)))[0]
            state = optimizer.with_spectrum(state, given_spectrum(lane, [1.0, 1.0], V))
        step, expected = optimizer.step(f, theta, state), base.step(f, point, other)
        theta, state, point, other = step.theta_next, step.state, expected.theta_next, expected.state
        np.testing.assert_allclose(lane.host(theta), lane.host(point), rtol=0, atol=32 * ROUNDING)
        total = lane.host(state.newton_velocity) + lane.host(state.base.velocity)
        np.testing.assert_allclose(total, lane.host(other.velocity), rtol=0, atol=256 * ROUNDING)


def test_momentum_is_divided_anew_when_the_subspace_changes():
    # E6: V = e1 then e2, g = (1, 1) then 0, decay 0.9, lambda = (2, 1), alpha = 1, eta = 0.1:
    # the filtered gradient is (0.9, 0.9) in the second step, so d = -(0.1 * 0.9, 0.9/1), not 0.
    base = HeavyBall(learning_rate=0.1)
    optimizer = Fosi(base=base, largest=1, newton_momentum="heavy-ball", **never())
    theta, state = start(optimizer, HOST, [0.0, 0.0], [2.0], [[1.0], [0.0]])
    first = optimizer.step(quadratic(HOST, np.zeros((2, 2)), [-1.0, -1.0]), theta, state)
    np.testing.assert_allclose(first.theta_next, [-0.5, -0.1], rtol=0, atol=ROUNDING)
    state = optimizer.with_spectrum(first.state, given_spectrum(HOST, [1.0], [[0.0], [1.0]]))
    np.testing.assert_array_equal(state.newton_velocity, [0.0, 1.0])
    np.testing.assert_array_equal(state.base.velocity, [1.0, 0.0])
    second = optimizer.step(quadratic(HOST, np.zeros((2, 2))), theta, state)
    np.testing.assert_allclose(second.theta_next, [-0.09, -0.9], rtol=0, atol=ROUNDING)


def test_without_newton_momentum_a_new_subspace_leaves_the_base_alone():
    base = HeavyBall(learning_rate=0.1)
    optimizer = Fosi(base=base, largest=1, **never())
    theta, state = start(optimizer, HOST, [0.0, 0.0], [2.0], [[1.0], [0.0]])
    state = optimizer.step(quadratic(HOST, np.eye(2), [1.0, 1.0]), theta, state).state
    after = optimizer.with_spectrum(state, given_spectrum(HOST, [1.0], [[0.0], [1.0]]))
    assert after.base is state.base


def test_adam_lends_its_first_moment_and_its_decay():
    optimizer = Fosi(base=Adam(beta1=0.75), largest=1, newton_momentum="ema", **never())
    theta, state = start(optimizer, HOST, [0.0, 0.0], [2.0], [[1.0], [0.0]])
    state = optimizer.step(quadratic(HOST, np.zeros((2, 2)), [-1.0, -2.0]), theta, state).state
    np.testing.assert_allclose(state.newton_velocity, [0.25, 0.0], rtol=0, atol=ROUNDING)
    state = optimizer.with_spectrum(state, given_spectrum(HOST, [1.0], [[0.0], [1.0]]))
    np.testing.assert_allclose(state.newton_velocity, [0.0, 0.5], rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(state.base.first_moment, [0.25, 0.0], rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(state.base.second_moment, [0.0, 0.004], rtol=ROUNDING, atol=0)


# Learning-rate scaling.

OLD_HB, OLD_NESTEROV = 9 / (1 + math.sqrt(3)) ** 2, 13 / 10
# optimizer, eigenvalues, k, l, scaling, the factor before clipping
SCALED = [
    ("gradient_descent", (6, 4, 3), 3, 0, "ratio", 2.0),
    ("nesterov", (6, 4, 3, 1), 3, 1, "ratio", 2.0),  # the same for every base
    ("gradient_descent", (6, 4, 3), 3, 0, "closed-form", 2.0),  # (2/3) / (2/6)
    ("heavy_ball", (6, 4, 3), 3, 0, "closed-form", 2.0),
    ("nesterov", (6, 4, 3), 3, 0, "closed-form", 2.0),
    ("gradient_descent", (4, 3, 1), 2, 1, "closed-form", 5 / 4),  # (2/(3+1)) / (2/(4+1))
    ("heavy_ball", (4, 3, 1), 2, 1, "closed-form", OLD_HB),  # (2+1)^2 / (sqrt 3 + 1)^2
    ("nesterov", (4, 3, 1), 2, 1, "closed-form", OLD_NESTEROV),  # (12+1) / (9+1)
    ("gradient_descent", (4, 3.9, 3.8, 0.1), 2, 2, "closed-form", 1.0),  # 4.1/7.7 < 1, clipped up
    ("gradient_descent", (30, 4, 3), 3, 0, "ratio", 3.0),  # 10, clipped to the default 3
    ("gradient_descent", (6, 4, 3), 3, 0, "none", 1.0),
    ("adam", (6, 4, 3), 3, 0, "ratio", 1.0),  # no closed form
    (None, (6, 4, 3), 3, 0, "ratio", 1.0),
    ("gradient_descent", (6,), 1, 0, "ratio", 1.0),  # k <= 1
    ("gradient_descent", (6, 1), 1, 1, "closed-form", 1.0),
    ("gradient_descent", (2, 1), 0, 2, "closed-form", 1.0),  # k = 0; E3: (2/(2+1)) / ... would be below 1
    ("gradient_descent", (6, 4, 0), 3, 0, "ratio", 1.0),  # one of the k largest is not positive
    ("gradient_descent", (6, 4, -3), 3, 0, "ratio", 1.0),
    ("heavy_ball", (6, 4, -3), 2, 1, "closed-form", 1.0),  # lambda_n < 0: the closed form has no meaning
    ("heavy_ball", (6, 4, 0), 2, 1, "closed-form", 1.0),
    ("heavy_ball", (6, 4, -3), 2, 1, "ratio", 1.5),  # the ratio does not ask for lambda_n
]


@pytest.mark.parametrize(("name", "values", "k", "l", "scaling", "expected"), SCALED)
def test_rate_scaling(name, values, k, l, scaling, expected):
    found = rate_scaling(name, values, [0.0] * len(values), k, l, scaling=scaling)
    assert found == pytest.approx(expected, rel=ROUNDING)


def test_rate_scaling_is_clipped_by_its_setting_and_refused_for_large_residuals():
    values = (30.0, 4.0, 3.0)
    exact = [0.0] * 3
    unclipped = rate_scaling("nesterov", values, exact, 3, 0, max_scaling=math.inf)
    assert unclipped == pytest.approx(10, rel=ROUNDING)
    assert rate_scaling("nesterov", values, exact, 3, 0, max_scaling=1.0) == 1.0
    # relative to the largest |Ritz value|, 30: 0.3 is just allowed at 0.01, and only the k largest count
    assert rate_scaling("nesterov", values, [0.0, 0.3, 0.0], 3, 0) == 3.0
    assert rate_scaling("nesterov", values, [0.0, 0.3001, 0.0], 3, 0) == 1.0
    assert rate_scaling("nesterov", values, [0.0, 0.0, 0.3001], 2, 1) == 3.0
    assert rate_scaling("nesterov", values, [0.0, math.nan, 0.0], 3, 0) == 1.0
    assert rate_scaling("nesterov", (30, 10, -60), [0.5, 0, 0], 2, 1) == 3.0  # 0.5 <= 0.01 * 60


@pytest.mark.parametrize("base", BASES, ids=lambda base: type(base).__name__)
def test_the_scaling_multiplies_the_projected_base_step(lane, base):
    f = quadratic(lane, np.diag([6.0, 3.0, 1.0, 0.5]), [1, 1, 1, 1])
    optimizer = Fosi(base=base, largest=2, **never())
    theta, state = start(optimizer, lane, [1.0, 2.0, 3.0, 4.0], [6.0, 3.0], np.eye(4)[:, :2])
    step = optimizer.step(f, theta, state)
    assert step.scaling == (2.0 if base.closed_form else 1.0)
    raw = lane.host(step.base_direction_raw)
    np.testing.assert_array_equal(lane.host(step.base_direction), step.scaling * np.array([0, 0, *raw[2:]]))


def test_unconverged_pairs_refuse_the_scaling_that_would_diverge():
    # E4: H = diag(100, ..., 1), theta = start = ones, k = 2, m = 10, GD at 2/101, c infinite.
    # With the scaling lambda_max(P^-1 H) = 2.0787 and f(100) = 2.8e6; refused, it is 1.964 and f falls.
    problem = load_problem("quadratic-hundred")
    settings = {"base": GradientDescent(learning_rate=2 / 101), "largest": 2, "steps": 10}
    settings |= {"max_scaling": math.inf, "alpha": 1.0, "refresh_every": 1000}
    values = {}
    for name, limit in (("refused", 1e-2), ("allowed", 10.0)):
        optimizer = Fosi(**settings, max_residual=limit)
        state = optimizer.init(problem.start, problem.lanczos_start)
        _, steps = run(problem.derivatives, optimizer, problem.start, state, 101)
        values[name] = [float(step.value) for step in steps]
        assert steps[0].value == 2525.0
        assert (steps[0].scaling == 1.0) == (name == "refused")
        np.testing.assert_allclose(steps[0].spectrum.eigenvalues, [99.138, 93.679], rtol=0, atol=5e-4)
    assert values["allowed"][1] == pytest.approx(513.67, abs=5e-3)  # the claims' figures, to their digits
    assert values["allowed"][10] == pytest.approx(23.18, abs=5e-3)
    assert values["allowed"][100] == pytest.approx(2.8e6, rel=0.02)
    assert values["refused"][100] < 1.0
    assert all(b < a for a, b in zip(values["refused"], values["refused"][1:], strict=False))


# The paper's experiments.


@pytest.mark.parametrize("lambda1", [5, 200])
def test_section_4_3_ends_where_the_published_curves_end(lambda1):
    # Claims, table of R5 and Q6: FOSI-GD ends at 1.49986e-5 for every lambda_1, from 2/(lambda_1 + lambda_n).
    problem = load_problem(f"quadratic-paper-{lambda1}-100")
    base = GradientDescent.optimal(lambda1, 1.5**-98)
    settings = {"largest": 10, "alpha": 1.0, "refresh_every": 1000, "max_scaling": math.inf}
    optimizer = Fosi(base=base, **settings)
    state = optimizer.init(problem.start, problem.lanczos_start)
    points, _ = run(problem.derivatives, optimizer, problem.start, state, 200)
    assert float(problem.derivatives.value(points[200])) == pytest.approx(1.49986e-5, rel=1e-5)
    if lambda1 == 5:  # heavy ball at half its optimal rate, EMA on the Newton part
        base = HeavyBall(learning_rate=2 / (math.sqrt(5) + math.sqrt(1.5**-98)) ** 2)
        optimizer = Fosi(base=base, newton_momentum="ema", **settings)
        state = optimizer.init(problem.start, problem.lanczos_start)
        points, _ = run(problem.derivatives, optimizer, problem.start, state, 200)
        assert float(problem.derivatives.value(points[200])) == pytest.approx(1.50185e-6, rel=1e-5)


def test_appendix_a_4_ends_where_the_published_curve_ends():
    # Claims A4.2: f(250) = 0.7252 for gradient descent, 0.610486 for FOSI with k = 9, eta = 0.001, alpha = 1.
    problem = load_problem("quadratic-a4")
    base = GradientDescent(learning_rate=1e-3)
    optimizer = Fosi(base=base, largest=9, alpha=1.0, refresh_every=1000, scaling="none", multiplicity="full")
    first = optimizer.init(problem.start, problem.lanczos_start)
    for method, state, expected in ((base, None, 0.7252), (optimizer, first, 0.610486)):
        points, _ = run(problem.derivatives, method, problem.start, state, 250)
        assert float(problem.derivatives.value(points[250])) == pytest.approx(expected, rel=1e-5)


# float32, batches, weight decay.


@pytest.mark.parametrize("kind", MOMENTA)
@pytest.mark.parametrize("base", BASES, ids=lambda base: type(base).__name__)
def test_float32_parameters_stay_float32_around_a_float64_estimate(lane, base, kind):
    H = np.diag([200.0, 40.0, 3.0, 1.0, 0.04])
    f, theta = quadratic(lane, H, np.ones(5), "float32"), lane.array(np.ones(5), "float32")
    momentum = {"newton_momentum": kind, "newton_decay": 0.5}
    optimizer = Fosi(base=base, largest=2, smallest=1, refresh_every=2, **momentum)
    state = optimizer.init(theta, lane.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    _, steps = run(f, optimizer, theta, state, 4)
    vectors = ("gradient_in", "gradient_out", "newton_gradient", "newton_direction", "base_direction")
    for step in steps:
        for name in (*vectors, "curvature_inverse", "gradient", "base_direction_raw", "theta_next"):
            assert getattr(step, name).dtype == theta.dtype, name
        for part in (step.spectrum.eigenvectors, step.state.newton_velocity, *step.state.base[1:]):
            assert part.dtype == theta.dtype
        assert step.spectrum.eigenvalues.dtype == lane.xp.float64
        # K11: products in float32 put an error of 2.4e-6 of the largest eigenvalue into the others
        np.testing.assert_allclose(lane.host(step.spectrum.eigenvalues), [200, 40, 0.04], rtol=0, atol=5e-4)
        overlap = lane.host(step.newton_direction) @ lane.host(step.base_direction)
        sizes = (lane.host(step.newton_direction), lane.host(step.base_direction))
        assert abs(overlap) <= 1e-6 * np.linalg.norm(sizes[0]) * np.linalg.norm(sizes[1]) + 1e-12


def test_the_estimate_uses_the_batch_it_is_told_to():
    f, batch = quadratic(HOST, np.diag([1.0, 2.0]), [1, 1]), quadratic(HOST, np.diag([9.0, 2.0]), [5, 5])
    optimizer = Fosi(base=GD, largest=1, alpha=1.0, refresh_every=3)
    theta = np.array([1.0, 3.0])
    step = optimizer.step(f, theta, optimizer.init(theta, np.array([1.0, 2.0])), curvature=batch)
    # curvature 9 on e1 from the batch; the gradient (0, 5) is f's: it is all in e2
    np.testing.assert_allclose(step.spectrum.eigenvalues, [9.0], rtol=ROUNDING)
    np.testing.assert_allclose(step.theta_next, [1.0, 1.5], rtol=0, atol=8 * ROUNDING)
    assert (f.products, batch.products) == (0, 2)
    asked = []
    run(
        lambda t: f,
        optimizer,
        theta,
        optimizer.init(theta, np.array([1.0, 2.0])),
        7,
        curvature=lambda t: asked.append(t) or batch,
    )
    assert asked == [0, 3, 6]


def test_weight_decay_belongs_into_the_loss():
    with pytest.raises(ValueError, match=r"`base` decays weights by 0.01 .* Derivatives.with_weight_decay"):
        Fosi(base=AdamW())
    problem = load_problem("quadratic-figure1")
    f = Derivatives(problem.objective).with_weight_decay(0.5)
    optimizer = Fosi(base=GD, largest=1, smallest=1, alpha=1.0, refresh_every=1)
    step = optimizer.step(f, problem.start, optimizer.init(problem.start, np.array([1.0, 0.5])))
    np.testing.assert_allclose(step.spectrum.eigenvalues, [4.5, 1.5], rtol=0, atol=8 * ROUNDING)
    np.testing.assert_allclose(step.theta_next, [0, 0], rtol=0, atol=8 * ROUNDING)


# Periods.


def test_the_period_by_formula_is_rounded_before_it_is_rounded_up():
    assert refresh_period(40, 1.1) == 800  # float64 gives 799.9999999999993
    assert refresh_period(40, 1.2) == 400  # float64 gives 400.00000000000006
    assert refresh_period(40, 1.3) == 267  # 266.67, up
    assert refresh_period(1, 100.0) == 1
    assert refresh_period(1, 1e10) == 1  # 2e-10 is an integer but for 1e-9


def test_the_period_from_latencies_keeps_to_the_overhead():
    # 30/(1.5 * 2 - 2.5) = 60; 30/(1.5 * 2 - 2.3) = 42.86, up
    assert refresh_period_measured(2.0, 2.5, 30.0, 1.5) == 60
    assert refresh_period_measured(2.0, 2.3, 30.0, 1.5) == 43
    with pytest.raises(ValueError, match=r"`overhead` is 1.2, but .* 1.25 base steps"):
        refresh_period_measured(2.0, 2.5, 30.0, 1.2)
    with pytest.raises(ValueError, match="`overhead`"):
        refresh_period_measured(2.0, 3.0, 30.0, 1.5)  # rho tau_1 = tau_2: no period at all


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: refresh_period(0, 1.1), "`lanczos_steps`"),
        (lambda: refresh_period(40, 1.0), "`overhead` is 1.0; it must be larger than 1"),
        (lambda: refresh_period(40, math.nan), "`overhead`"),
        (lambda: refresh_period_measured(0.0, 1.0, 1.0, 2.0), "`base_latency`"),
        (lambda: refresh_period_measured(1.0, -1.0, 1.0, 2.0), "`fosi_latency`"),
        (lambda: refresh_period_measured(1.0, 1.0, math.inf, 2.0), "`ese_latency`"),
    ],
)
def test_bad_periods_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# Bad input.

BAD_SETTINGS = [
    ({"base": None}, TypeError, "`base` is a NoneType"),
    ({"largest": -1}, ValueError, "`largest`"),
    ({"largest": 1.5}, TypeError, "`largest`"),
    ({"smallest": -1}, ValueError, "`smallest`"),
    ({"alpha": 0.0}, ValueError, "`alpha`"),
    ({"alpha": -0.1}, ValueError, "`alpha` is -0.1; it must be positive"),
    ({"alpha": math.nan}, ValueError, "`alpha`"),
    ({"refresh_every": 0}, ValueError, "`refresh_every` is 0; it must be at least 1"),
    ({"warmup": -1}, ValueError, "`warmup`"),
    ({"newton_momentum": "polyak"}, ValueError, "`newton_momentum` is 'polyak'; allowed are 'none'"),
    ({"newton_momentum": "ema"}, ValueError, "`newton_decay` is None and GradientDescent has no momentum"),
    ({"newton_decay": 1.0}, ValueError, "`newton_decay`"),
    ({"scaling": "auto"}, ValueError, "`scaling` is 'auto'"),
    ({"max_scaling": 0.5}, ValueError, "`max_scaling` is 0.5; it must be at least 1"),
    ({"max_scaling": math.nan}, ValueError, "`max_scaling`"),
    ({"max_residual": 0.0}, ValueError, "`max_residual`"),
    ({"epsilon": 0.0}, ValueError, "`epsilon`"),
    ({"steps": 9}, ValueError, "`steps` is 9; it must be at least 10"),
    ({"multiplicity": "some"}, ValueError, "`multiplicity` is 'some'"),
]


@pytest.mark.parametrize(("settings", "error", "words"), BAD_SETTINGS)
def test_bad_settings_are_refused(settings, error, words):
    with pytest.raises(error, match=words):
        Fosi(**{"base": GD, **settings})


@pytest.mark.parametrize(
    ("theta", "vector", "error", "words"),
    [
        (np.ones(9), np.ones(9), ValueError, "`largest` . `smallest` is 10; it must be at most 9"),
        (np.ones(20), None, ValueError, "`lanczos_start` is missing"),
        (np.ones(20), np.zeros(20), ValueError, "`lanczos_start` is zero"),
        (np.ones(20), np.ones(19), ValueError, "`lanczos_start` has 19 elements; it must have 20"),
        (np.ones(20), np.full(20, np.nan), ValueError, "`lanczos_start`"),
        (np.ones(20), np.ones(20, dtype=int), TypeError, "`lanczos_start`"),
        (np.ones(20, dtype=int), np.ones(20), TypeError, "`theta`"),
        (np.full(20, np.inf), np.ones(20), ValueError, "`theta`"),
    ],
)
def test_a_bad_start_is_refused(theta, vector, error, words):
    with pytest.raises(error, match=words):
        Fosi(base=GD, largest=10).init(theta, vector)


def test_every_base_of_the_registry_works_inside():
    theta = np.array([1.0, 2.0, 3.0])
    for name, cls in FIRST_ORDER.items():
        base = cls(learning_rate=0.01, **({"weight_decay": 0.0} if name == "adamw" else {}))
        optimizer = Fosi(base=base, largest=1, smallest=1, alpha=1.0, refresh_every=2)
        state = optimizer.init(theta, np.array([1.0, 2.0, 4.0]))
        _, steps = run(quadratic(HOST, np.diag([5.0, 2.0, 1.0])), optimizer, theta, state, 5)
        assert steps[-1].value < steps[0].value


def test_a_class_in_the_place_of_a_base_is_refused():
    with pytest.raises(TypeError, match="`base` is the class GradientDescent; it must be an optimizer with"):
        Fosi(base=GradientDescent)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("start", "words"), [(1e300, "has an element of size 1e\\+300"), (1e-300, "is zero in float32")]
)
def test_a_start_that_theta_s_dtype_cannot_hold_is_refused(start, words):
    theta = np.ones(3, dtype="float32")
    with pytest.raises(ValueError, match=f"`lanczos_start` {words}"):
        Fosi(base=GradientDescent(learning_rate=0.1), largest=1).init(theta, np.full(3, start))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"optimizer": "sgd"}, ValueError, "`optimizer` is 'sgd'; allowed are None, 'gradient_descent'"),
        ({"scaling": "ratios"}, ValueError, "`scaling` is 'ratios'; allowed are 'ratio'"),
        ({"max_scaling": 0.5}, ValueError, "`max_scaling` is 0.5; it must be at least 1"),
        ({"max_scaling": math.nan}, ValueError, "`max_scaling` is nan"),
        ({"max_residual": -1.0}, ValueError, "`max_residual`"),
        ({"largest": 3}, ValueError, "`eigenvalues` has 3 entries; it must have 4"),
        ({"largest": -1}, ValueError, "`largest` is -1"),
        ({"smallest": 1.0}, TypeError, "`smallest`"),
        ({"residuals": [0.0]}, ValueError, "`residuals` has 1 entries; it must have 3"),
    ],
)
def test_rate_scaling_refuses_what_it_cannot_mean(change, error, words):
    given = {
        "optimizer": "heavy_ball",
        "eigenvalues": [4.0, 2.0, 1.0],
        "residuals": [0.0] * 3,
        "largest": 2,
        "smallest": 1,
    }
    assert rate_scaling(**given) == 2.0
    with pytest.raises(error, match=words):
        rate_scaling(**{**given, **change})


def test_rate_scaling_knows_every_first_order_optimizer():
    for name in (None, *FIRST_ORDER):
        assert rate_scaling(name, [4.0, 2.0], [0.0, 0.0], 2, 0) == (2.0 if name in CLOSED_FORM else 1.0)
