"""The second-order comparators on models solved by hand."""

import math

import numpy as np
import pytest
from closed_form import quadratic

from refopt.derivatives import Derivatives
from refopt.newton import COMPARATORS, CubicNewton, Newton, SaddleFreeNewton, SteepestDescent
from refopt.trace import NonFinite, NoStep

ROUNDING = 16 * 2.0**-52  # numbers near 1, one eigendecomposition of order 2


def close(lane, found, expected, tolerance=ROUNDING):
    np.testing.assert_allclose(lane.host(found), expected, rtol=0, atol=tolerance)


def test_newton_lands_on_the_stationary_point_of_a_quadratic(lane):
    # H = [[2, 1], [1, 3]], b = (1, -2): H theta = b at theta = (1, -1)
    f, theta = quadratic(lane, [[2, 1], [1, 3]], [1, -2]), lane.array([5.0, 7.0])
    step = Newton().step(f, theta, Newton().init(theta))
    close(lane, step.theta_next, [1, -1], 8 * ROUNDING)
    close(lane, Newton(alpha=0.25).step(f, theta, Newton().init(theta)).direction, [-1, -2], 8 * ROUNDING)
    assert step.state.iteration == 1
    # the eigenvalues of H are (5 +- sqrt 5)/2
    close(lane, step.eigenvalues, [(5 - math.sqrt(5)) / 2, (5 + math.sqrt(5)) / 2])


def test_newton_goes_to_a_saddle_and_saddle_free_newton_away_from_it(lane):
    f, theta = quadratic(lane, [[2, 0], [0, -4]]), lane.array([1.0, 0.5])
    state = Newton().init(theta)
    close(lane, Newton().step(f, theta, state).theta_next, [0, 0])
    # g = (2, -2): d = -(2/2, -2/4)
    close(lane, SaddleFreeNewton().step(f, theta, state).direction, [-1, 0.5])
    close(lane, SaddleFreeNewton(alpha=0.5).step(f, theta, state).direction, [-0.5, 0.25])
    # floor 0.75 * 4 = 3 for |2|: d = -(2/3, -2/4)
    close(lane, SaddleFreeNewton(epsilon=0.75).step(f, theta, state).direction, [-2 / 3, 0.5])


def test_newton_refuses_a_singular_hessian(lane):
    f, theta = quadratic(lane, [[1, 1], [1, 1]]), lane.array([1.0, 0.0])
    with pytest.raises(ArithmeticError, match="the Hessian is singular"):
        Newton().step(f, theta, Newton().init(theta))


def test_saddle_free_newton_refuses_a_zero_hessian(lane):
    f, theta = quadratic(lane, [[0, 0], [0, 0]], [1, 0]), lane.array([1.0, 0.0])
    with pytest.raises(ArithmeticError, match="the Hessian is 0"):
        SaddleFreeNewton().step(f, theta, Newton().init(theta))


def test_steepest_descent_takes_the_exact_step(lane):
    # H = diag(1, 3), theta = (1, 1/3): g = (1, 1), g'g/g'Hg = 2/4; the value falls from 2/3 by exactly 1/4
    # at every step, the worst case ((3-1)/(3+1))^2.
    f, theta = quadratic(lane, [[1, 0], [0, 3]]), lane.array([1.0, 1 / 3])
    state, value = SteepestDescent().init(theta), 2 / 3
    for _ in range(4):
        step = SteepestDescent().step(f, theta, state)
        assert float(lane.host(step.value)) == pytest.approx(value, rel=ROUNDING)
        assert float(lane.host(step.rate)) == pytest.approx(0.5, rel=ROUNDING)
        theta, state, value = step.theta_next, step.state, value / 4
    assert f.products == 4


def test_steepest_descent_has_no_step_along_negative_curvature_and_stays_at_zero_gradient(lane):
    f = quadratic(lane, [[1, 0], [0, -3]])
    state = SteepestDescent().init(lane.array([0.0, 1.0]))
    with pytest.raises(ArithmeticError, match="g'H g is -27"):  # g = (0, -3)
        SteepestDescent().step(f, lane.array([0.0, 1.0]), state)
    close(lane, SteepestDescent().step(f, lane.array([0.0, 0.0]), state).theta_next, [0, 0], 0)


def test_cubic_newton_minimizes_its_model(lane):
    # one variable, h = 1, g = 6, M = 1: d < 0 with d^2/2 - d = 6, so d = 1 - sqrt 13
    f, theta = quadratic(lane, [[1]], [-5]), lane.array([1.0])
    step = CubicNewton(lipschitz=1.0).step(f, theta, Newton().init(theta))
    close(lane, step.direction, [1 - math.sqrt(13)], 4 * ROUNDING)
    # at a saddle, g = 0, h = -2, M = 2: |d| = 2 * 2/2 along the negative curvature, the value falls
    f, theta = quadratic(lane, [[1, 0], [0, -2]]), lane.array([0.0, 0.0])
    step = CubicNewton(lipschitz=2.0).step(f, theta, Newton().init(theta))
    close(lane, step.direction, [0, 2])
    assert (step.model.status, len(step.model.others)) == ("two", 1)


def test_large_cubic_term_shortens_and_small_one_gives_newton():
    from conftest import Lane

    lane = Lane("numpy", np, lambda values: values)
    f, theta = quadratic(lane, [[2, 1], [1, 3]], [1, -2]), np.array([5.0, 7.0])
    newton = Newton().step(f, theta, Newton().init(theta)).direction
    weak = CubicNewton(lipschitz=1e-12).step(f, theta, Newton().init(theta)).direction
    strong = CubicNewton(lipschitz=100.0).step(f, theta, Newton().init(theta)).direction
    np.testing.assert_allclose(weak, newton, rtol=1e-10)  # M r/2 = 4e-12 beside eigenvalues above 1
    assert np.linalg.norm(strong) < 0.1 * np.linalg.norm(newton)


@pytest.mark.parametrize("name", COMPARATORS)
def test_float32_stays_float32_and_steps_are_pure(lane, name):
    settings = {"lipschitz": np.float64(1.0)} if name == "cubic_newton" else {}
    optimizer = COMPARATORS[name](**settings)
    f, theta = quadratic(lane, [[2, 1], [1, 3]], [1, -2], "float32"), lane.array([5.0, 7.0], "float32")
    first, second = (optimizer.step(f, theta, optimizer.init(theta)) for _ in range(2))
    assert first.direction.dtype == theta.dtype
    np.testing.assert_array_equal(lane.host(first.theta_next), lane.host(second.theta_next))


@pytest.mark.parametrize(
    ("cls", "settings", "error"),
    [
        (Newton, {"alpha": 0.0}, ValueError),
        (Newton, {"alpha": -1.0}, ValueError),
        (Newton, {"alpha": "one"}, TypeError),
        (SaddleFreeNewton, {"epsilon": 0.0}, ValueError),
        (CubicNewton, {"lipschitz": 0.0}, ValueError),
        (CubicNewton, {"lipschitz": math.inf}, ValueError),
    ],
)
def test_bad_settings_are_refused(cls, settings, error):
    with pytest.raises(error, match=f"`{next(iter(settings))}`"):
        cls(**settings)


# What a mutation run left alive.


@pytest.mark.parametrize(
    "optimizer", [Newton(), SaddleFreeNewton(), SteepestDescent(), CubicNewton(lipschitz=1.0)]
)
def test_a_step_shows_where_it_was(optimizer, lane):
    """f = theta'H theta/2 with H = diag(2, 4) at (1, 1/2): 3/2, g = (2, 2), H g = (4, 8), rate 8/24."""
    f, theta = quadratic(lane, [[2, 0], [0, 4]]), lane.array([1.0, 0.5])
    step = optimizer.step(f, theta, optimizer.init(theta))
    expected = {
        "theta": [1.0, 0.5],
        "value": 1.5,
        "gradient": [2.0, 2.0],
        "hessian": [[2.0, 0.0], [0.0, 4.0]],
        "eigenvalues": [2.0, 4.0],
        "hessian_gradient": [4.0, 8.0],
        "rate": 1 / 3,
    }
    for name in set(expected) & set(step._fields):
        close(lane, getattr(step, name), expected[name])
    assert step.state.iteration == 1


@pytest.mark.parametrize(
    "optimizer", [Newton(), SaddleFreeNewton(), SteepestDescent(), CubicNewton(lipschitz=1.0)]
)
def test_what_is_not_finite_or_no_vector_is_named(optimizer):
    theta, nan = np.ones(2), np.float64(math.nan)

    def step(value=lambda z: np.float64(1.0), gradient=lambda z: z, hvp=lambda z, v: v):
        f = Derivatives.from_callables(value, gradient, hvp)
        return optimizer.step(f, theta, optimizer.init(theta))

    with pytest.raises(NonFinite, match="the value is not finite"):
        step(value=lambda z: nan)
    with pytest.raises(NonFinite, match="the gradient is not finite"):
        step(gradient=lambda z: z * nan)
    with pytest.raises(NonFinite, match=r"the (Hessian|Hessian product H g) is not finite"):
        step(hvp=lambda z, v: v * np.array([1.0, nan]))
    with pytest.raises(ValueError, match="`theta` "):
        optimizer.init(np.ones((2, 2)))


@pytest.mark.parametrize("optimizer", [Newton(), SaddleFreeNewton(), CubicNewton(lipschitz=1.0)])
def test_a_hessian_that_is_not_symmetric_is_refused_as_such(optimizer):
    """Every product is finite, so the refusal is that of the Hessian and not of what is in it."""
    f = Derivatives.from_callables(
        lambda z: np.float64(1.0), lambda z: z, lambda z, v: np.array([v[0] + v[1], v[1]])
    )
    with pytest.raises(ValueError, match="symmetric"):
        optimizer.step(f, np.ones(2), optimizer.init(np.ones(2)))


def test_steepest_descent_has_no_step_along_flat_ground():
    """H = diag(0, 1), g = (1, 0): g'H g is 0, and there is no minimum along -g."""
    f = Derivatives.from_callables(
        lambda z: z[0] + z[1] ** 2 / 2, lambda z: np.array([1.0, z[1]]), lambda z, v: np.array([0.0, v[1]])
    )
    with pytest.raises(NoStep, match="g'H g is 0"):
        SteepestDescent().step(f, np.zeros(2), SteepestDescent().init(np.zeros(2)))


def test_the_scale_of_a_saddle_free_step_is_positive():
    with pytest.raises(ValueError, match="`alpha` is -1"):
        SaddleFreeNewton(alpha=-1.0)
