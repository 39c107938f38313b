"""First-order optimizers: steps worked by hand, closed-form rates, schedules, dtypes, bad input."""

import math
import re

import numpy as np
import pytest
from closed_form import quadratic

from refopt.first_order import (
    FIRST_ORDER,
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Nesterov,
    RMSProp,
    Sophia,
    optimal_rates,
)
from refopt.schedules import SCHEDULES, Cosine, Exponential, LinearWarmup, Piecewise, rate_at

ROUNDING = 8 * 2.0**-52  # a step is fewer than eight operations on numbers near 1
SINGLE = 8 * 2.0**-23
GRADIENTS = [[1.0, -3.0], [3.0, -1.0]]
THETA = [2.0, -1.0]
# Directions for the two gradients above at theta = (2, -1) throughout, worked out by hand.
WORKED = {
    # d = -g/10
    "gradient_descent": (GradientDescent(learning_rate=0.1), [[-0.1, 0.3], [-0.3, 0.1]]),
    # v1 = (1, -3); v2 = (1, -3)/2 + (3, -1) = (3.5, -2.5)
    "heavy_ball": (HeavyBall(learning_rate=0.1, momentum=0.5), [[-0.1, 0.3], [-0.35, 0.25]]),
    # g + v/2 = (1.5, -4.5), then (3, -1) + (1.75, -1.25) = (4.75, -2.25)
    "nesterov": (Nesterov(learning_rate=0.1, momentum=0.5), [[-0.15, 0.45], [-0.475, 0.225]]),
    # step 1: m^ = g, v^ = g^2: d = -0.1 g/(|g| + 1) = (-1/20, 3/40)
    # step 2: m = (1/4 + 3/2, -3/4 - 1/2) = (7/4, -5/4), m^ = m/(3/4) = (7/3, -5/3);
    #         v = (3/16 + 9/4, 27/16 + 1/4) = (39/16, 31/16), v^ = v/(7/16) = (39/7, 31/7)
    "adam": (
        Adam(learning_rate=0.1, beta1=0.5, beta2=0.75, epsilon=1.0),
        [[-0.05, 0.075], [-0.7 / 3 / (math.sqrt(39 / 7) + 1), 0.5 / 3 / (math.sqrt(31 / 7) + 1)]],
    ),
    # Adam's, minus 0.1 * 0.25 * theta = (0.05, -0.025)
    "adamw": (
        AdamW(learning_rate=0.1, beta1=0.5, beta2=0.75, epsilon=1.0, weight_decay=0.25),
        [
            [-0.1, 0.1],
            [-0.7 / 3 / (math.sqrt(39 / 7) + 1) - 0.05, 0.5 / 3 / (math.sqrt(31 / 7) + 1) + 0.025],
        ],
    ),
    # v = g^2/4 = (1/4, 9/4): roots (1/2, 3/2); then v = (39/16, 31/16) as above
    "rmsprop": (
        RMSProp(learning_rate=0.1, decay=0.75, epsilon=1.0),
        [[-0.1 / 1.5, 0.3 / 2.5], [-0.3 / (math.sqrt(39) / 4 + 1), 0.1 / (math.sqrt(31) / 4 + 1)]],
    ),
    # without an estimate h = 0, so that the ratio is m / epsilon = 2 m: m = g/2 = (1/2, -3/2), clipped to
    # (1, -1); then m = (1/4 + 3/2, -3/4 - 1/2): clipped again
    "sophia": (Sophia(learning_rate=0.1, beta1=0.5, epsilon=0.5), [[-0.1, 0.1], [-0.1, 0.1]]),
    # sqrt(v + 1): sqrt(5/4), sqrt(13/4); sqrt(55/16), sqrt(47/16)
    "rmsprop-inside": (
        RMSProp(learning_rate=0.1, decay=0.75, epsilon=1.0, epsilon_inside=True),
        [[-0.2 / math.sqrt(5), 0.6 / math.sqrt(13)], [-1.2 / math.sqrt(55), 0.4 / math.sqrt(47)]],
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", WORKED)
def test_two_directions_are_the_worked_ones(lane, name, dtype):
    optimizer, expected = WORKED[name]
    theta = lane.array(THETA, dtype)
    state = optimizer.init(theta)
    for iteration, (gradient, direction) in enumerate(zip(GRADIENTS, expected, strict=True)):
        assert state.iteration == iteration
        found, state = optimizer.direction(lane.array(gradient, dtype), theta, state)
        assert found.dtype == theta.dtype
        np.testing.assert_allclose(
            lane.host(found), direction, rtol=0, atol=ROUNDING if dtype == "float64" else SINGLE
        )
    for memory in state[1:]:
        assert memory.dtype == theta.dtype


@pytest.mark.parametrize("name", WORKED)
def test_a_step_moves_theta_by_the_direction_and_is_pure(lane, name):
    optimizer = WORKED[name][0]
    f, theta = quadratic(lane, [[2.0, 0.5], [0.5, 1.0]], [1.0, 3.0]), lane.array(THETA)
    state = optimizer.step(f, theta, optimizer.init(theta)).state
    first, second = (optimizer.step(f, theta, state) for _ in range(2))
    assert state.iteration == 1
    for one, two in zip(first, second, strict=True):
        parts = zip(one, two, strict=True) if isinstance(one, tuple) else [(one, two)]
        for a, b in parts:
            np.testing.assert_array_equal(lane.host(a), lane.host(b))
    # g = H theta - b with theta = (2, -1): (4 - 0.5, 1 - 1) - (1, 3) = (2.5, -3); f = (2*3.5 + 0)/2 - (2 - 3)
    np.testing.assert_array_equal(lane.host(first.gradient), [2.5, -3.0])
    assert float(lane.host(first.value)) == 4.5
    np.testing.assert_array_equal(lane.host(first.theta_next), THETA + lane.host(first.direction))


@pytest.mark.parametrize("cls", [HeavyBall, Nesterov])
def test_without_momentum_they_are_gradient_descent(cls):
    f = quadratic(_plain(), [[2.0, 0.5], [0.5, 1.0]], [1.0, 3.0])
    theta, other = np.array(THETA), np.array(THETA)
    base, momentum = GradientDescent(learning_rate=0.3), cls(learning_rate=0.3, momentum=0.0)
    states = base.init(theta), momentum.init(theta)
    for _ in range(5):
        steps = base.step(f, theta, states[0]), momentum.step(f, other, states[1])
        theta, other = (step.theta_next for step in steps)
        states = tuple(step.state for step in steps)
        np.testing.assert_array_equal(theta, other)


def _plain():
    from conftest import Lane

    return Lane("numpy", np, lambda values: values)


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_numpy_scalars_as_settings_do_not_widen_float32(name):
    cls = FIRST_ORDER[name]
    settings = {"learning_rate": np.float64(0.1)}
    for setting in ("momentum", "beta1", "beta2", "epsilon", "weight_decay", "decay"):
        if hasattr(cls, setting):
            settings[setting] = np.float64(0.5)
    optimizer = cls(**settings)
    theta = np.ones(3, dtype=np.float32)
    direction, state = optimizer.direction(theta, theta, optimizer.init(theta))
    assert direction.dtype == np.float32
    assert all(memory.dtype == np.float32 for memory in state[1:])


# Closed-form rates (claims R1).


def test_optimal_rates_of_a_worked_spectrum():
    # L = 9, m = 1: gradient descent 2/10; heavy ball 4/(3+1)^2 = 1/4 and ((3-1)/(3+1))^2 = 1/4;
    # Nesterov 4/28 with kappa = 9: (sqrt 28 - 2)/(sqrt 28 + 2) and 1 - 2/sqrt 28.
    assert optimal_rates("gradient_descent", 9, 1) == pytest.approx((0.2, 0, 0.8), rel=ROUNDING)
    assert optimal_rates("heavy_ball", 9, 1) == pytest.approx((0.25, 0.25, 0.5), rel=ROUNDING)
    root = math.sqrt(28)
    worked = (1 / 7, (root - 2) / (root + 2), 1 - 2 / root)
    assert optimal_rates("nesterov", 9, 1) == pytest.approx(worked, rel=ROUNDING)
    # m = 0: 2/L, 4/L, 4/(3L), no contraction
    for name, rate in (("gradient_descent", 0.5), ("heavy_ball", 1.0), ("nesterov", 1 / 3)):
        rates = optimal_rates(name, 4, 0)
        assert rates.learning_rate == pytest.approx(rate, rel=ROUNDING)
        assert rates.contraction == 1


def spectral_radius(name, rate, momentum, eigenvalue):
    """Largest |eigenvalue| of one iteration as a map of (theta, v) in one eigen-coordinate."""
    h, b = eigenvalue, momentum
    if name == "gradient_descent":
        return abs(1 - rate * h)
    if name == "heavy_ball":  # v' = b v + h x, x' = x - rate v'
        matrix = [[1 - rate * h, -rate * b], [h, b]]
    else:  # v' = b v + h x, x' = x - rate (h x + b v')
        matrix = [[1 - rate * h * (1 + b), -rate * b * b], [h, b]]
    return max(abs(np.linalg.eigvals(np.array(matrix))))


@pytest.mark.parametrize("kappa", [1.0, 3.0, 40.0, 1e4])
@pytest.mark.parametrize("name", ["gradient_descent", "heavy_ball", "nesterov"])
def test_optimal_rates_contract_as_stated_and_no_neighbour_contracts_faster(name, kappa):
    rates = optimal_rates(name, kappa, 1.0)
    spectrum = np.geomspace(1.0, kappa, 7)
    worst = max(spectral_radius(name, rates.learning_rate, rates.momentum, h) for h in spectrum)
    double_root = 3 * math.sqrt(ROUNDING)  # the optimum is a double root: errors enter by their square root
    assert worst == pytest.approx(rates.contraction, abs=double_root)
    if kappa > 1:
        for change in (0.99, 1.01):
            other = max(
                spectral_radius(name, change * rates.learning_rate, rates.momentum, h) for h in spectrum
            )
            assert other > worst - double_root
            momentum = min(change * rates.momentum, 0.9999999)
            other = max(spectral_radius(name, rates.learning_rate, momentum, h) for h in spectrum)
            assert other > worst - double_root


@pytest.mark.parametrize("cls", [GradientDescent, HeavyBall, Nesterov])
def test_optimal_takes_both_rates(cls):
    optimizer = cls.optimal(9.0, 1.0)
    rates = optimal_rates(cls.closed_form, 9.0, 1.0)
    assert optimizer.learning_rate == rates.learning_rate
    assert getattr(optimizer, "momentum", 0.0) == rates.momentum


def test_optimal_is_refused_where_there_is_no_closed_form():
    with pytest.raises(ValueError, match="Adam has no closed-form rates"):
        Adam.optimal(9.0, 1.0)
    with pytest.raises(ValueError, match="`smallest_eigenvalue` is 0"):
        HeavyBall.optimal(9.0, 0)


# Schedules.


def test_schedules_follow_their_formulas():
    halving = Exponential(initial=1.0, decay=0.25, every=2)
    assert [halving(t) for t in range(4)] == pytest.approx([1, 0.5, 0.25, 0.125], rel=ROUNDING)
    # half a cosine over 4 steps from 1 to 0.5: 0.75 + 0.25 cos(pi t/4)
    cosine = Cosine(initial=1.0, steps=4, final=0.5)
    half = math.sqrt(0.5)
    expected = [1, 0.75 + 0.25 * half, 0.75, 0.75 - 0.25 * half, 0.5, 0.5]
    assert [cosine(t) for t in range(6)] == pytest.approx(expected, rel=ROUNDING)
    steps = Piecewise(rates=[1.0, 0.1, 0.01], boundaries=[2, 4])
    assert [steps(t) for t in range(6)] == [1, 1, 0.1, 0.1, 0.01, 0.01]
    warm = LinearWarmup(after=steps, steps=4, start=0.2)
    assert [warm(t) for t in range(7)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 0.1], rel=ROUNDING)
    assert LinearWarmup(after=2.0, steps=2)(1) == 1.0
    assert all(type(schedule(1)) is float for schedule in (halving, cosine, steps, warm))


def test_a_schedule_is_read_at_the_iteration_of_the_state():
    optimizer = GradientDescent(learning_rate=Piecewise(rates=[1.0, 0.5], boundaries=[1]))
    g, state = np.array([1.0]), optimizer.init(np.array([1.0]))
    d1, state = optimizer.direction(g, g, state)
    d2, state = optimizer.direction(g, g, state)
    assert (d1[0], d2[0]) == (-1.0, -0.5)


def test_adamw_decays_with_the_scheduled_rate():
    optimizer = AdamW(learning_rate=Piecewise(rates=[1.0, 0.5], boundaries=[1]), weight_decay=0.25)
    theta, zero = np.array([8.0]), np.array([0.0])
    state = optimizer.init(theta)
    d1, state = optimizer.direction(zero, theta, state)
    d2, state = optimizer.direction(zero, theta, state)
    assert (d1[0], d2[0]) == (-2.0, -1.0)  # rate * 0.25 * 8


@pytest.mark.parametrize("answer", [-0.1, math.nan, math.inf])
def test_a_bad_answer_of_a_schedule_is_refused(answer):
    optimizer = GradientDescent(learning_rate=lambda t: answer)
    theta = np.array([1.0])
    with pytest.raises(ValueError, match=r"`learning_rate` is .* at iteration 0"):
        optimizer.direction(theta, theta, optimizer.init(theta))


def test_schedules_have_names():
    assert {cls.__name__ for cls in SCHEDULES.values()} == {
        "Exponential",
        "Cosine",
        "Piecewise",
        "LinearWarmup",
    }


# Bad input: one sentence that names the argument.

BAD_SETTINGS = [
    (GradientDescent, {"learning_rate": 0.0}, ValueError, "`learning_rate` is 0.0; it must be positive"),
    (GradientDescent, {"learning_rate": -0.1}, ValueError, "`learning_rate`"),
    (GradientDescent, {"learning_rate": math.nan}, ValueError, "`learning_rate`"),
    (GradientDescent, {"learning_rate": math.inf}, ValueError, "`learning_rate`"),
    (GradientDescent, {"learning_rate": "fast"}, TypeError, "`learning_rate`"),
    (HeavyBall, {"learning_rate": 0.1, "momentum": 1.0}, ValueError, "`momentum`"),
    (Nesterov, {"learning_rate": 0.1, "momentum": -0.1}, ValueError, "`momentum`"),
    (Adam, {"beta1": 1.0}, ValueError, "`beta1`"),
    (Adam, {"beta2": -0.5}, ValueError, "`beta2`"),
    (Adam, {"epsilon": 0.0}, ValueError, "`epsilon`"),
    (AdamW, {"weight_decay": -1.0}, ValueError, "`weight_decay`"),
    (RMSProp, {"decay": 1.0}, ValueError, "`decay`"),
    (RMSProp, {"epsilon": -1.0}, ValueError, "`epsilon`"),
    (RMSProp, {"epsilon_inside": 1}, TypeError, "`epsilon_inside`"),
    (Exponential, {"initial": 1.0, "decay": 0.0}, ValueError, "`decay`"),
    (Exponential, {"initial": 1.0, "decay": 0.5, "every": 0}, ValueError, "`every`"),
    (Cosine, {"initial": 1.0, "steps": 0}, ValueError, "`steps`"),
    (Cosine, {"initial": 1.0, "steps": 2, "final": -1.0}, ValueError, "`final`"),
    (Piecewise, {"rates": (1.0,), "boundaries": (3,)}, ValueError, "`rates` has 1 entries"),
    (Piecewise, {"rates": (1.0, 0.5, 0.2), "boundaries": (3, 3)}, ValueError, "`boundaries`"),
    (Piecewise, {"rates": (1.0, -0.5), "boundaries": (3,)}, ValueError, "`rates`"),
    (LinearWarmup, {"after": 0.0, "steps": 3}, ValueError, "`after`"),
    (LinearWarmup, {"after": 1.0, "steps": 3, "start": 1.0}, ValueError, "`start`"),
]


@pytest.mark.parametrize(("cls", "settings", "error", "words"), BAD_SETTINGS)
def test_bad_settings_are_refused(cls, settings, error, words):
    with pytest.raises(error, match=words):
        cls(**settings)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("adam", 2.0, 1.0), ValueError, "`name` is 'adam'; closed forms exist for gradient_descent"),
        (("heavy_ball", 0.0, 0.0), ValueError, "`largest_eigenvalue`"),
        (("heavy_ball", 1.0, -1.0), ValueError, "`smallest_eigenvalue`"),
        (("heavy_ball", 1.0, 2.0), ValueError, "must not exceed"),
        (("heavy_ball", None, 2.0), TypeError, "`largest_eigenvalue`"),
    ],
)
def test_bad_ends_of_a_spectrum_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        optimal_rates(*arguments)


@pytest.mark.parametrize(
    ("theta", "error"),
    [
        (np.array([1, 2]), TypeError),
        (np.array([1.0 + 2j]), TypeError),
        ([1.0, 2.0], TypeError),
        (np.ones((2, 2)), ValueError),
        (np.array([1.0, np.nan]), ValueError),
    ],
)
@pytest.mark.parametrize("name", FIRST_ORDER)
def test_init_refuses_a_bad_point(name, theta, error):
    with pytest.raises(error, match="`theta`"):
        FIRST_ORDER[name](learning_rate=0.1).init(theta)


def test_a_numpy_iteration_does_not_widen_adams_direction():
    theta = np.ones(3, dtype="float32")
    state = Adam().init(theta)._replace(iteration=np.int64(4))
    assert Adam().direction(theta, theta, state).direction.dtype == np.float32


def test_a_growing_exponential_leaves_the_range_with_a_sentence():
    schedule = Exponential(initial=1.0, decay=10.0)
    assert schedule(10_000) == math.inf
    theta = np.ones(2)
    method = GradientDescent(learning_rate=schedule)
    state = method.init(theta)._replace(iteration=10_000)
    with pytest.raises(ValueError, match="`learning_rate` is inf at iteration 10000"):
        method.direction(theta, theta, state)


@pytest.mark.parametrize(("cls", "L", "m"), [(HeavyBall, 1e18, 1e-18), (GradientDescent, 1e-320, 1e-320)])
def test_optimal_names_the_eigenvalues_when_its_rates_leave_float64(cls, L, m):
    with pytest.raises(ValueError, match=re.escape(f"is {L!r} and `smallest_eigenvalue` is {m!r}; they")):
        cls.optimal(L, m)


# What a mutation run left alive in the schedules.


def test_settings_of_schedules_at_the_edge_and_over_it():
    assert Cosine(initial=0.5, steps=1)(0) == 0.5
    assert LinearWarmup(steps=1, after=0.5)(1) == 0.5
    assert rate_at(lambda t: 0.0, 3) == 0.0
    piecewise = Piecewise(rates=[0.5, 0.25], boundaries=[2])
    assert (piecewise.rates, piecewise.boundaries) == ((0.5, 0.25), (2,))
    for make, sentence in (
        (lambda: Exponential(initial=0.0, decay=0.5, every=1), "`initial` is 0"),
        (lambda: Cosine(initial=0.0, steps=2), "`initial` is 0"),
        (lambda: Piecewise(rates=[0.5, 0.25], boundaries=[0]), "`boundaries` is 0"),
        (lambda: LinearWarmup(steps=0, after=0.5), "`steps` is 0"),
    ):
        with pytest.raises(ValueError, match=sentence):
            make()


def test_a_warmup_climbs_to_the_first_rate_of_what_follows():
    """Half way, after one step of two, to the first rate of 1/2, and not to the 1/4 after it."""
    after = Exponential(initial=0.5, decay=0.5, every=1)
    assert LinearWarmup(steps=2, after=after)(1) == 0.25
