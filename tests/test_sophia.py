"""Sophia: Algorithm 3 by hand, clipping, estimates, as a base of FOSI, in the loop, bad input."""

import itertools
import re

import numpy as np
import pytest
from closed_form import quadratic
from conftest import Lane
from faults.patching import change, planted

from refopt import load_problem
from refopt.derivatives import Derivatives
from refopt.first_order import FIRST_ORDER, HeavyBall
from refopt.fosi import Fosi
from refopt.hessian_diagonal import ExactDiagonal, Hutchinson
from refopt.iterate import iterate, minimize
from refopt.schedules import Piecewise
from refopt.sophia import Sophia, SophiaState
from refopt.trace import Trace

HOST = Lane("numpy", np, lambda values: values)
SETTINGS = {"learning_rate": 0.5, "beta1": 0.5, "beta2": 0.75, "rho": 0.25, "epsilon": 0.125}
ROUNDING = {"float64": 8 * 2.0**-52, "float32": 8 * 2.0**-23}


class Given:
    """An estimator that answers what it is given, and counts."""

    def __init__(self, answer):
        self.answer, self.asked = np.asarray(answer, dtype=float), 0

    def diagonal(self, theta):
        self.asked += 1
        return self.answer


def steps_of(f, optimizer, theta, count, **options):
    return list(itertools.islice(iterate(f, optimizer, theta, **options), count))


# Algorithm 3 by hand. H = diag(8, 1, -2), theta = (1, 1, 1): g = (8, 1, -2).
# t = 0: m = g/2 = (4, 1/2, -1); h = H/4 = (2, 1/4, -1/2); rho h = (1/2, 1/16, -1/8), the last two below
#        epsilon = 1/8; m / max = (8, 4, -8): all clipped: d = (-1/2, -1/2, 1/2), minus 1/2 * 1/8 theta where
#        weights decay.
HAND = {
    "gradient": [8, 1, -2],
    "diagonal_estimate": [8, 1, -2],
    "hessian_diagonal": [2, 0.25, -0.5],
    "first_moment": [4, 0.5, -1],
    "ratio": [8, 4, -8],
    "clipped": [True, True, True],
    "direction": [-0.5, -0.5, 0.5],
    "theta_next": [0.5, 0.5, 1.5],
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_first_step_with_every_intermediate(lane, dtype):
    f, theta = quadratic(lane, np.diag([8.0, 1.0, -2.0]), dtype=dtype), lane.array(np.ones(3), dtype)
    optimizer = Sophia(**SETTINGS)
    state = optimizer.init(theta)
    step = optimizer.step(f, theta, state)
    for name, value in HAND.items():
        np.testing.assert_array_equal(lane.host(getattr(step, name)), value, err_msg=name)
        if name != "clipped":
            assert getattr(step, name).dtype == theta.dtype, name
    assert (step.refresh, float(lane.host(step.value)), f.products) == ("refreshed", 3.5, 3)
    assert step.state.iteration == 1
    np.testing.assert_array_equal(lane.host(state.first_moment), np.zeros(3))  # the state given is unchanged
    decayed = Sophia(**SETTINGS, weight_decay=0.125).step(f, theta, state)
    np.testing.assert_array_equal(lane.host(decayed.direction), [-0.5625, -0.5625, 0.4375])


def test_a_second_step_divides_where_it_does_not_clip(lane):
    # m = (1, -1/4, 1/8)/2 with g = 0; rho h = (1, 1/2, 1/4): ratios (1/2, -1/4, 1/4): d = -ratio/2
    optimizer, theta = Sophia(**SETTINGS), lane.array([3.0, 4.0, 5.0])
    state = SophiaState(3, lane.array([1, -0.25, 0.125]), lane.array([4, 2, 1]))
    step = optimizer.step(quadratic(lane, np.zeros((3, 3))), theta, state)
    assert (step.refresh, step.state.iteration) == ("none", 4)
    np.testing.assert_array_equal(lane.host(step.ratio), [0.5, -0.25, 0.25])
    np.testing.assert_array_equal(lane.host(step.clipped), [False] * 3)
    np.testing.assert_array_equal(lane.host(step.direction), [-0.25, 0.125, -0.125])
    np.testing.assert_array_equal(lane.host(step.diagonal_estimate), np.zeros(3))
    direction, state_next = optimizer.direction(lane.array(np.zeros(3)), theta, state)
    np.testing.assert_array_equal(lane.host(direction), lane.host(step.direction))
    np.testing.assert_array_equal(lane.host(state_next.first_moment), lane.host(step.first_moment))


def test_a_ratio_of_exactly_one_is_not_clipped():
    # m = 1/4 and rho h = 1/4 (ratio 1), and the next float above (clipped)
    state = SophiaState(1, np.array([0.5, np.nextafter(0.5, 1)]), np.array([1.0, 1.0]))
    step = Sophia(**SETTINGS).step(quadratic(HOST, np.zeros((2, 2))), np.zeros(2), state)
    assert step.clipped.tolist() == [False, True]
    assert step.direction.tolist() == [-0.5, -0.5]


def test_negative_curvature_makes_a_signed_step_downhill():
    f, theta = quadratic(HOST, np.diag([-3.0, -1.0])), np.array([1e-6, -2.0])
    step = Sophia(learning_rate=0.25).step(f, theta, Sophia(learning_rate=0.25).init(theta))
    np.testing.assert_array_equal(step.direction, [0.25, -0.25])  # away from the maximum, by the rate
    assert step.gradient @ step.direction < 0


def test_estimates_come_every_k_steps_and_are_averaged():
    # beta2 = 3/4, estimates 4: h = 1 at t = 0, 1 * 3/4 + 1 = 7/4 at t = 3, 7/4 * 3/4 + 1 = 37/16 at t = 6
    f, estimator = quadratic(HOST, np.diag([2.0])), Given([4.0])
    optimizer = Sophia(**SETTINGS, refresh_every=3)
    steps = steps_of(f, optimizer, np.array([9.0]), 8, curvature=estimator)
    assert [step.refresh == "refreshed" for step in steps] == [True, False, False] * 2 + [True, False]
    assert [step.hessian_diagonal[0] for step in steps] == [1, 1, 1, 1.75, 1.75, 1.75, 2.3125, 2.3125]
    assert (estimator.asked, f.products) == (3, 0)
    with planted([change("sophia", "1.0 - self.beta2) * estimate", "1.0 - self.beta1) * estimate")]):
        wrong = steps_of(f, optimizer, np.array([9.0]), 1, curvature=estimator)
        assert wrong[0].hessian_diagonal[0] != 1


def test_weights_decay_by_the_scheduled_rate_and_beside_the_clip():
    rate = Piecewise(rates=[0.5, 0.25], boundaries=[1])
    optimizer = Sophia(**{**SETTINGS, "learning_rate": rate}, weight_decay=0.125)
    theta, zero = np.array([8.0]), np.array([0.0])
    d1, state = optimizer.direction(zero, theta, optimizer.init(theta))
    d2, state = optimizer.direction(zero, theta, state)
    assert (d1[0], d2[0]) == (-0.5, -0.25)


def test_an_estimate_that_is_not_finite_is_not_taken_over():
    f, optimizer, theta = quadratic(HOST, np.eye(2)), Sophia(**SETTINGS, refresh_every=1), np.ones(2)
    first = optimizer.step(f, theta, optimizer.init(theta))
    for bad in (np.nan, np.inf, -np.inf):
        step = optimizer.step(f, first.theta_next, first.state, curvature=Given([1.0, bad]))
        assert step.refresh == "kept: an element of the estimated diagonal is not finite"
        np.testing.assert_array_equal(step.hessian_diagonal, first.hessian_diagonal)
        assert np.isfinite(step.theta_next).all()
        with pytest.raises(ArithmeticError, match="not finite"):
            optimizer.with_diagonal(first.state, np.array([1.0, bad]))


@pytest.mark.parametrize("estimator", [ExactDiagonal, lambda f: Hutchinson(f, np.array([[1.0, -1.0, 1.0]]))])
def test_derivatives_and_estimators_serve_as_curvature(estimator):
    # the Hessian is diagonal, so that one probe of signs is exact
    f, batch = (quadratic(HOST, np.diag(values)) for values in ([1.0, 2.0, 3.0], [8.0, 4.0, 2.0]))
    optimizer, theta = Sophia(**SETTINGS), np.ones(3)
    step = optimizer.step(f, theta, optimizer.init(theta), curvature=estimator(batch))
    np.testing.assert_array_equal(step.hessian_diagonal, [2, 1, 0.5])
    np.testing.assert_array_equal(step.gradient, [1, 2, 3])
    plain = optimizer.step(f, theta, optimizer.init(theta), curvature=batch)
    np.testing.assert_array_equal(plain.theta_next, step.theta_next)


# In the loop.


def test_the_loop_asks_for_estimators_at_the_iterations_with_an_estimate_and_counts_their_products():
    problem = load_problem("logistic-7x4")
    f, theta, asked = problem.derivatives, problem.start, []
    probes = np.random.default_rng(0).choice([-1.0, 1.0], size=(7, 2, problem.n))

    def estimator(iteration):
        asked.append(iteration)
        return Hutchinson(f, probes[iteration])

    optimizer = Sophia(learning_rate=0.05, refresh_every=3)
    trace = minimize(f, optimizer, theta, curvature=estimator, max_steps=7, record=("value", "refresh"))
    assert asked == [0, 3, 6]
    assert trace["product_count"].tolist() == [2, 2, 2, 4, 4, 4, 6]
    assert trace["value"][-1] < trace["value"][0]
    exact = minimize(f, optimizer, theta, max_steps=7)
    assert exact["product_count"].tolist() == [problem.n * k for k in (1, 1, 1, 2, 2, 2, 3)]


def test_a_saved_run_with_probes_goes_on_bit_for_bit(tmp_path):
    problem = load_problem("logistic-7x4")
    f, theta = problem.derivatives, problem.start
    probes = np.random.default_rng(1).choice([-1.0, 1.0], size=(9, 1, problem.n))
    options = {"curvature": lambda t: Hutchinson(f, probes[t]), "record": ("value", "clipped")}
    optimizer = Sophia(learning_rate=0.05, refresh_every=2, weight_decay=0.1)
    whole = minimize(f, optimizer, theta, max_steps=9, **options)
    part = minimize(f, optimizer, theta, max_steps=4, **options)
    part.save(tmp_path / "run.npz")
    loaded = Trace.load(tmp_path / "run.npz")
    rest = minimize(f, optimizer, loaded.theta, state=loaded.resume_state(optimizer), max_steps=5, **options)
    np.testing.assert_array_equal(rest.theta, whole.theta)
    np.testing.assert_array_equal(loaded.joined(rest)["clipped"], whole["clipped"])


def test_the_loop_refuses_what_answers_no_diagonal():
    f, optimizer = quadratic(HOST, np.eye(2)), Sophia(learning_rate=0.1)
    with pytest.raises(TypeError, match="`curvature` is a float; it must be a Derivatives or a function"):
        iterate(f, optimizer, np.ones(2), curvature=1.0)
    with pytest.raises(TypeError, match="`f` is a Given; it must be a Derivatives"):
        iterate(Given([1.0, 1.0]), optimizer, np.ones(2))
    with pytest.raises(TypeError, match="`curvature` answered a float at iteration 0"):
        next(iterate(f, optimizer, np.ones(2), curvature=lambda t: 1.0))
    with pytest.raises(TypeError, match="`curvature` was given, but HeavyBall"):
        iterate(f, HeavyBall(learning_rate=0.1), np.ones(2), curvature=Given([1.0, 1.0]))


# As the base of FOSI.


def test_inside_fosi_its_diagonal_comes_through_the_curvature():
    # H = diag(9, 4, 1), k = 1: V = e1. The base sees g2 = (0, 4, 1) and takes in the diagonal at t = 0, 2, 4;
    # FOSI estimates at t = 0, 3. h = (9, 4, 1)/4, m = g2/2 = (0, 2, 1/2), rho h = (9/16, 1/4, 1/16) with the
    # last below 1/8: ratios (0, 8, 4), both clipped: d_b = (0, -1/2, -1/2); d1 = -g1/9 = (-1, 0, 0).
    f = quadratic(HOST, np.diag([9.0, 4.0, 1.0]))
    optimizer = Fosi(base=Sophia(**SETTINGS, refresh_every=2), largest=1, alpha=1.0, refresh_every=3)
    assert [t for t in range(7) if optimizer.refreshes_at(t)] == [0, 2, 3, 4, 6]
    theta = np.ones(3)
    state = optimizer.init(theta, np.array([1.0, 2.0, 3.0]))
    steps = steps_of(f, optimizer, theta, 5, state=state)
    assert [step.refresh for step in steps] == ["refreshed", "none", "none", "refreshed", "none"]
    np.testing.assert_array_equal(steps[0].state.base.hessian_diagonal, [2.25, 1, 0.25])
    np.testing.assert_allclose(steps[0].theta_next, [0.0, 0.5, 0.5], rtol=0, atol=1e-13)
    assert [step.state.base.hessian_diagonal[1] for step in steps] == [1, 1, 1.75, 1.75, 2.3125]
    both = Hutchinson(quadratic(HOST, np.diag([9.0, 8.0, 1.0])), np.array([[1.0, -1.0, 1.0]]))
    step = optimizer.step(f, theta, state, curvature=both)
    np.testing.assert_array_equal(step.state.base.hessian_diagonal, [2.25, 2, 0.25])
    np.testing.assert_allclose(step.spectrum.eigenvalues, [9.0], rtol=1e-14)


def test_inside_fosi_a_diagonal_that_is_not_finite_is_said():
    f, theta = quadratic(HOST, np.diag([9.0, 4.0])), np.ones(2)
    bad = quadratic(HOST, np.full((2, 2), np.nan))
    optimizer = Fosi(base=Sophia(**SETTINGS, refresh_every=1), largest=1, refresh_every=2)
    first = optimizer.step(f, theta, optimizer.init(theta, np.array([1.0, 2.0])), curvature=bad)
    assert re.fullmatch(r"kept: .*; the base kept its diagonal: an element .* not finite", first.refresh)
    second = optimizer.step(f, theta, first.state, curvature=bad)
    assert second.refresh.startswith("the base kept its diagonal: an element")
    np.testing.assert_array_equal(second.state.base.hessian_diagonal, np.zeros(2))


def test_fosi_lends_its_momentum_and_refuses_its_weight_decay():
    Fosi(base=Sophia(learning_rate=0.1), largest=1, newton_momentum="ema")
    with pytest.raises(ValueError, match=r"`base` decays weights by 0.1"):
        Fosi(base=Sophia(learning_rate=0.1, weight_decay=0.1))


# Bad input.


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"learning_rate": 0.0}, ValueError, "`learning_rate` is 0.0; it must be positive"),
        ({"beta1": 1.0}, ValueError, "`beta1` is 1.0; it must be at least 0 and less than 1"),
        ({"beta2": -0.1}, ValueError, "`beta2`"),
        ({"rho": 0.0}, ValueError, "`rho` is 0.0; it must be positive"),
        ({"epsilon": -1.0}, ValueError, "`epsilon`"),
        ({"refresh_every": 0}, ValueError, "`refresh_every` is 0; it must be at least 1"),
        ({"refresh_every": 1.5}, TypeError, "`refresh_every` is 1.5; it must be an integer"),
        ({"weight_decay": -1.0}, ValueError, "`weight_decay`"),
    ],
)
def test_bad_settings_are_refused(settings, error, words):
    with pytest.raises(error, match=re.escape(words)):
        Sophia(**{"learning_rate": 0.1, **settings})


def test_a_floor_that_is_none_in_the_dtype_is_refused():
    # 1e-50 is 0 in float32, where a direction without gradient and curvature would be 0/0
    with pytest.raises(ValueError, match="`epsilon` is 1e-50; it must be a normal number of float32"):
        Sophia(learning_rate=0.1, epsilon=1e-50).init(np.ones(2, dtype="float32"))
    with pytest.raises(ValueError, match=r"`epsilon` is 1e\+50; it must be a normal number of float32"):
        Sophia(learning_rate=0.1, epsilon=1e50).init(np.ones(2, dtype="float32"))
    f, optimizer = Derivatives(lambda p: p[0] * 2.0), Sophia(learning_rate=0.1, epsilon=1e-50)
    step = optimizer.step(f, np.ones(2), optimizer.init(np.ones(2)))
    np.testing.assert_array_equal(step.ratio[1], 0.0)


def test_it_is_registered():
    assert FIRST_ORDER["sophia"] is Sophia
    with pytest.raises(ValueError, match="Sophia has no closed-form rates"):
        Sophia.optimal(2.0, 1.0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("xp.abs(ratio) > 1.0", "xp.abs(ratio) >= 0.0"),
        ("xp.maximum(self.rho * h,", "xp.maximum(h,"),
        ("self.beta1 * state.first_moment + (1.0 - self.beta1) * gradient", "state.first_moment + gradient"),
        ("xp.minimum(xp.maximum(ratio, -one), one)", "ratio"),
        ("d - (rate * self.weight_decay) * theta", "d - self.weight_decay * theta"),
    ],
)
def test_planted_faults_are_seen(old, new):
    def checks():
        test_a_first_step_with_every_intermediate(HOST, "float64")
        test_a_second_step_divides_where_it_does_not_clip(HOST)
        test_a_ratio_of_exactly_one_is_not_clipped()

    checks()
    with planted([change("sophia", old, new)]), pytest.raises(AssertionError):
        checks()
