"""Grouped Newton: steps by hand, exact fractions, the claims' counterexamples, runs, bad input."""

import itertools
import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from closed_form import Quadratic, quadratic
from conftest import Lane

from refopt import load_problem
from refopt.first_order import GradientDescent
from refopt.grouped_newton import GroupedNewton
from refopt.groups import Groups
from refopt.iterate import iterate, minimize
from refopt.newton import Newton, SteepestDescent
from refopt.plateau import Plateau, PlateauState, plateau_start
from refopt.schedules import Exponential
from refopt.trace import NonFinite, NoStep, Outcome, Trace

ROUNDING = 16 * 2.0**-52  # a handful of operations on numbers near 1
HOST = Lane("numpy", np, lambda values: values)


class Tensors(NamedTuple):
    value: object
    gradient: object
    g_bar: object
    H_bar: object
    third_diagonal: object


class Cubes(Quadratic):
    """f = theta'H theta/2 - b'theta + sum_i c_i theta_i^3 / 6, with its summary tensors in closed form."""

    def __init__(self, lane, H, b, c, dtype="float64"):
        super().__init__(lane.array(H, dtype), lane.array(b, dtype))
        self.lane, self.c, self.dtype = lane, lane.array(c, dtype), dtype
        self.calls = []

    def value(self, theta):
        return super().value(theta) + self.xp.sum(self.c * theta**3) / 6

    def gradient(self, theta):
        return super().gradient(theta) + self.c * theta**2 / 2

    def summary(self, theta, direction, groups, *, interactions=True):
        self.calls.append(interactions)
        xp, S = self.xp, max(groups.labels()) + 1
        sums = self.lane.array(
            [[float(label == s) for label in groups.labels()] for s in range(S)], self.dtype
        )
        parts = sums * direction
        H = self.H + self.c * theta * self.lane.array(np.eye(len(groups.labels())), self.dtype)
        H_bar = xp.matmul(parts, xp.matmul(H, parts.T))
        if not interactions:
            H_bar = H_bar * self.lane.array(np.eye(S), self.dtype)
        g = self.gradient(theta)
        third = xp.matmul(sums, self.c * direction**3)
        return Tensors(self.value(theta), g, xp.matmul(parts, g), (H_bar + H_bar.T) / 2, third)


class Given:
    """Derivatives that answer what they are given, whatever the point."""

    def __init__(self, H_bar, g_bar, third=None, gradient=None, value=1.0):
        self.H_bar, self.g_bar = np.array(H_bar, dtype=float), np.array(g_bar, dtype=float)
        self.third = np.zeros(len(self.g_bar)) if third is None else np.array(third, dtype=float)
        self.g = np.ones(len(self.g_bar)) if gradient is None else np.array(gradient, dtype=float)
        self.f = np.float64(value)

    def value_and_gradient(self, theta):
        return self.f, self.g

    def summary(self, theta, direction, groups, *, interactions=True):
        return Tensors(self.f, self.g, self.g_bar, self.H_bar, self.third)


def eq_8(groups, **settings):
    """The step of eq. 8: no cubic term."""
    return GroupedNewton(groups=groups, internal_damping=0.0, **settings)


def first_step(optimizer, f, theta, **options):
    return optimizer.step(f, theta, optimizer.init(theta), **options)


def steps_of(f, optimizer, theta, count, **options):
    return list(itertools.islice(iterate(f, optimizer, theta, **options), count))


def diagonal(values):
    return Cubes(HOST, np.diag(values), np.zeros(len(values)), np.zeros(len(values)))


# One step by hand.


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_step_with_every_intermediate(lane, dtype):
    # Groups A = {1}, B = {0, 2}, so that group order is not parameter order. f = (x^2 + y^2 + 3 z^2)/2 +
    # y^3/3 at (1, 1, 1/3): g = (1, 2, 1), u = g. A: g_bar = 2^2, H_bar = 2^2 * 3, D^3 = 2^3 * 2. B: 1 + 1,
    # 1 + 3, 0. lambda_int = 2: 4 = 12 e + 16 e^2 has the root e = 1/4 >= 0; B: e = 2/4. r = 16^(1/3)/4. T =
    # (-1 + 12/32 + (2/6) 16/64) + (-2/2 + 4/8) = -13/24 - 1/2.
    f = Cubes(lane, np.diag([1.0, 1.0, 3.0]), np.zeros(3), [0.0, 2.0, 0.0], dtype)
    theta = lane.array([1, 1, 1 / 3], dtype)
    optimizer = GroupedNewton(groups=Groups.from_labels([1, 0, 1]), internal_damping=2.0)
    state = optimizer.init(theta)
    step = optimizer.step(f, theta, state)
    expected = {
        "value": (1 + 1 + 1 / 3) / 2 + 1 / 3,
        "gradient": [1, 2, 1],
        "direction": [1, 2, 1],
        "active": [True, True],
        "g_bar": [4, 2],
        "H_bar": [[12, 0], [0, 4]],
        "third_diagonal": [16, 0],
        "D": [16 ** (1 / 3), 0],
        "r": 16 ** (1 / 3) / 4,
        "eta": [1 / 4, 1 / 2],
        "model_change": -25 / 24,
        "clipped": [False, False],
        "model_change_clipped": -25 / 24,
        "learning_rates": [1 / 4, 1 / 2],
        "step_size": 1.0,
        "theta_next": [1 / 2, 1 / 2, 1 / 3 - 1 / 2],
    }
    tolerance = 16 * float(np.finfo(dtype).eps)
    for name, value in expected.items():
        np.testing.assert_allclose(
            lane.host(getattr(step, name)), value, rtol=0, atol=16 * tolerance, err_msg=name
        )
    for name in ("direction", "g_bar", "H_bar", "third_diagonal", "D", "eta", "learning_rates", "theta_next"):
        assert getattr(step, name).dtype == theta.dtype, name
    assert (step.refresh, step.loses_descent, step.state.iteration) == ("refreshed", False, 1)
    assert step.model.status == "unique"
    assert step.model.certificate.holds()
    np.testing.assert_array_equal(lane.host(state.learning_rates), [0, 0])  # the state given is not changed
    again = optimizer.step(f, theta, state)
    np.testing.assert_array_equal(lane.host(again.theta_next), lane.host(step.theta_next))


@pytest.mark.parametrize("seed", range(6))
def test_the_rates_solve_the_equation_of_method_1(seed):
    # eta = (H_bar + (lambda_int/2) |D eta| D^2)^-1 g_bar with a positive semidefinite matrix: dense NumPy
    # here
    rng = np.random.default_rng(seed)
    n, S = 9, 4
    labels = [*range(S), *rng.integers(0, S, n - S).tolist()]
    H = rng.standard_normal((n, n))
    f = Cubes(HOST, H @ H.T + np.eye(n), rng.standard_normal(n), rng.standard_normal(n))
    theta = rng.standard_normal(n) / 4
    step = first_step(GroupedNewton(groups=Groups.from_labels(labels), internal_damping=1.5), f, theta)
    members = np.array([[float(label == s) for label in labels] for s in range(S)])
    g = f.gradient(theta)
    J = members * g
    H_bar, g_bar = J @ (f.H + np.diag(f.c * theta)) @ J.T, J @ g
    d = np.cbrt(abs(members @ (f.c * g**3)))
    G = H_bar + 0.75 * np.linalg.norm(d * step.eta) * np.diag(d**2)
    assert np.linalg.eigvalsh(G)[0] > 0
    bound = ROUNDING * np.linalg.cond(G) * np.abs(step.eta).max() * n
    np.testing.assert_allclose(step.eta, np.linalg.solve(G, g_bar), rtol=0, atol=bound)
    np.testing.assert_allclose(step.theta_next, theta - g * (members.T @ step.eta), rtol=0, atol=ROUNDING)


# Newton, Cauchy, the diagonal form.

SPD = [[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]]
INDEFINITE = [[1.0, 2.0, 0.5], [2.0, 1.0, -1.0], [0.5, -1.0, 2.0]]


def cubes(H, b):
    return Cubes(HOST, np.array(H), b, np.zeros(len(b)))


@pytest.mark.parametrize(("H", "stationary"), [(SPD, False), (SPD, True), (INDEFINITE, True)])
def test_the_discrete_partition_is_newton(H, stationary):
    b, theta = [1.0, -2.0, 0.5], np.array([0.5, 1.0, -1.0])
    step = first_step(eq_8(Groups.discrete(3), stationary=stationary), cubes(H, b), theta)
    expected = Newton().step(quadratic(HOST, H, b), theta, Newton().init(theta)).theta_next
    np.testing.assert_allclose(step.theta_next, expected, rtol=0, atol=8 * ROUNDING)
    assert (step.model is None) == stationary


def test_the_discrete_partition_without_a_slope_in_one_parameter_is_not_newton():
    # B4: H = [[2, 1], [1, 2]], g = (1, 0): Newton goes (-2/3, 1/3); the group with g = 0 stays: (-1/2, 0)
    f = Cubes(HOST, np.array([[2.0, 1.0], [1.0, 2.0]]), [-1.0, 0.0], np.zeros(2))
    step = first_step(eq_8(Groups.discrete(2)), f, np.zeros(2))
    np.testing.assert_allclose(step.theta_next, [-0.5, 0.0], rtol=ROUNDING)
    assert step.active.tolist() == [True, False]
    np.testing.assert_allclose(step.eta, [0.5, 0.0], rtol=ROUNDING)


@pytest.mark.parametrize("seed", range(4))
def test_the_trivial_partition_is_cauchys_steepest_descent(seed):
    rng = np.random.default_rng(seed)
    b, theta = rng.standard_normal(3), rng.standard_normal(3)
    step = first_step(eq_8(Groups.trivial(3)), cubes(SPD, b), theta)
    cauchy = SteepestDescent()
    expected = cauchy.step(quadratic(HOST, SPD, b), theta, cauchy.init(theta))
    np.testing.assert_allclose(step.theta_next, expected.theta_next, rtol=0, atol=8 * ROUNDING)
    np.testing.assert_allclose(step.eta, [expected.rate], rtol=ROUNDING)


def test_the_stationary_point_of_eq_8_can_be_a_maximum():
    # B1: H_bar = -1, g_bar = 1: eta = -1, where the model is +1/2; its minimum does not exist.
    f = Given([[-1.0]], [1.0])
    step = first_step(eq_8(Groups.trivial(1), stationary=True), f, np.zeros(1))
    assert (step.eta[0], step.model_change, step.loses_descent) == (-1.0, 0.5, True)  # exact: 1/1
    with pytest.raises(NoStep, match=r"unbounded.*no earlier learning rates"):
        first_step(eq_8(Groups.trivial(1)), f, np.zeros(1))
    with pytest.raises(NoStep, match="H_bar is singular: the row of group 'all' is zero"):
        first_step(eq_8(Groups.trivial(1), stationary=True), Given([[0.0]], [1.0]), np.zeros(1))


def test_a_stationary_point_beyond_float32_is_said():
    f = Given([[1.0]], [1.0])
    f.H_bar, f.g_bar, f.third = (np.array(x, dtype=np.float32) for x in ([[1e-30]], [1e10], [0.0]))
    with pytest.raises(NoStep, match="a learning rate leaves the range of float32"):
        first_step(eq_8(Groups.trivial(1), stationary=True), f, np.zeros(1, dtype=np.float32))


def test_a_model_beyond_float64_promises_a_rise():
    # eta = 1 from H_bar = g_bar = 1: the model at lambda eta is 1e400/2 - 1e200; with eta = 1e200, lambda
    # eta is 1e400
    for g_bar in (1.0, 1e150):
        f = Given([[1.0]], [g_bar], gradient=[1e-200])
        with np.errstate(over="ignore"):
            step = first_step(eq_8(Groups.trivial(1), learning_rate=1e200), f, np.zeros(1))
        assert step.loses_descent


def test_the_diagonal_approximation_asks_for_no_interactions():
    f = Cubes(HOST, np.array(SPD), [1.0, -2.0, 0.5], [0.3, -0.2, 0.7])
    theta = np.array([0.5, 1.0, -1.0])
    step = first_step(GroupedNewton(groups=Groups.discrete(3), interactions=False), f, theta)
    assert f.calls == [False]
    h, d3 = np.diag(step.H_bar), abs(step.third_diagonal)
    np.testing.assert_array_equal(step.H_bar, np.diag(h))
    residual = (h + step.r / 2 * d3 ** (2 / 3)) * step.eta - step.g_bar
    np.testing.assert_allclose(residual, np.zeros(3), rtol=0, atol=ROUNDING * abs(step.g_bar).max())


# Theorem 1 and its corrections, as exact fractions.


def exact_run(blocks, theta, rates=1, steps=1):
    """Values of f = sum h x^2 / 2 along eq. 8 for diagonal blocks [(h, index), ...], in fractions."""
    theta, values = list(map(Fraction, theta)), []
    for _ in range(steps + 1):
        values.append(sum(h * theta[i] ** 2 / 2 for block in blocks for h, i in block))
        for block in blocks:
            g = {i: h * theta[i] for h, i in block}
            if any(g.values()):
                eta = sum(x**2 for x in g.values()) / sum(h * g[i] ** 2 for h, i in block)
                for i in g:
                    theta[i] -= rates * eta * g[i]
    return values


# diagonal of H, groups, start, lambda_1, steps, the ratio of each step
BLOCKS = [
    ([1, 3], [[0, 1]], [1, Fraction(1, 3)], Fraction(1), 8, Fraction(1, 4)),  # ((3-1)/(3+1))^2
    (
        [1, 3, 2, 6], [[0, 1], [2, 3]], [1, Fraction(1, 3), Fraction(1, 2), Fraction(1, 6)],
        Fraction(1), 6, Fraction(1, 4),
    ),  # F5: every g_s not 0 and all R_s equal
    ([1, 3], [[0, 1]], [1, Fraction(1, 3)], Fraction(1, 2), 1, Fraction(7, 16)),  # F9: 1 - (3/4)(3/4)
]  # fmt: skip


@pytest.mark.parametrize(("h", "members", "start", "rate", "count", "ratio"), BLOCKS)
def test_theorem_1_is_attained(h, members, start, rate, count, ratio):
    blocks = [[(h[i], i) for i in block] for block in members]
    exact = exact_run(blocks, start, rate, count)
    assert all(b / a == ratio for a, b in itertools.pairwise(exact))
    f, theta = diagonal(h), np.array([float(x) for x in start])
    optimizer = eq_8(Groups.of(len(h), members), learning_rate=float(rate))
    values = [float(step.value) for step in steps_of(f, optimizer, theta, count + 1)]
    for found, value in zip(values, exact, strict=True):
        # each step's rounding is amplified by at most cond(H) = 6 in the value
        np.testing.assert_allclose(found, float(value), rtol=6 * count * ROUNDING)


def test_a_group_without_a_slope_is_left_out_for_ever():
    # F1: H = diag(2; 1, 3), theta = (1; 1, 1): the first step solves the first group, H_bar is singular
    # from then on. From (0; 1, 1) it is so at once, and to the last bit.
    f, optimizer = diagonal([2, 1, 3]), eq_8(Groups.of(3, [[0], [1, 2]]))
    for start in ([1, 1, 1], [0, 1, 1]):
        steps = steps_of(f, optimizer, np.array(start, dtype=float), 6)
        exact = exact_run([[(2, 0)], [(1, 1), (3, 2)]], start, steps=5)
        values = [float(step.value) for step in steps]
        np.testing.assert_allclose(values, [float(x) for x in exact], rtol=20 * ROUNDING)
        assert all(b / a <= Fraction(1, 4) for a, b in itertools.pairwise(exact))
    assert all(step.active.tolist() == [False, True] for step in steps)
    assert all(step.eta[0] == 0.0 for step in steps)


def test_a_finer_partition_can_end_higher_after_two_steps():
    # F7: diag(1, 4, 4) from (-1, -1, -2): {0, 1, 2} against {0, 1}, {2}
    h, start, ends = [1, 4, 4], [-1, -1, -2], []
    for members in ([[0, 1, 2]], [[0, 1], [2]]):
        blocks = [[(h[i], i) for i in block] for block in members]
        exact = exact_run(blocks, start, steps=2)
        steps = steps_of(diagonal(h), eq_8(Groups.of(3, members)), np.array(start, dtype=float), 3)
        for step, value in zip(steps, exact, strict=True):
            # |theta_2| is about 0.1: rounding of numbers near 1 enters the value at that size
            np.testing.assert_allclose(float(step.value), float(value), rtol=0, atol=ROUNDING)
        ends.append(exact[2])
    assert ends == [Fraction(600, 80143), Fraction(648, 21125)]


def test_the_interleaved_grouping_can_be_the_better_one():
    # F7: diag(1, 2, 100, 200) from (1, 1/2, 0, 0): {0, 1}{2, 3} has the ratio 1/9, {0, 2}{1, 3} ends in one
    # step
    f, theta = diagonal([1, 2, 100, 200]), np.array([1, 0.5, 0, 0])
    for members, ratio in (([[0, 1], [2, 3]], 1 / 9), ([[0, 2], [1, 3]], 0.0)):
        step = first_step(eq_8(Groups.of(4, members)), f, theta)
        assert f.value(step.theta_next) / step.value == pytest.approx(ratio, rel=ROUNDING, abs=ROUNDING**2)


# The cubic term on real losses.


def test_the_diagonal_third_derivatives_miss_a_valley():
    # D11: f = (x^2 + y^2)/2 + x^2 y at (1/2, 1/10), each parameter a group: g = (3/5, 7/20), H = [[6/5, 1],
    # [1, 1]], D = 0, so the step is Newton's, H^-1 g = (5/4, -9/10), and f rises from 31/200 to 43/32.
    f = load_problem("polynomial-valley-2").derivatives
    theta = np.array([0.5, 0.1])
    step = first_step(GroupedNewton(groups=Groups.discrete(2), internal_damping=100.0), f, theta)
    np.testing.assert_allclose(step.gradient, [0.6, 0.35], rtol=ROUNDING)
    np.testing.assert_array_equal(step.third_diagonal, [0, 0])
    # H has the determinant 1/5 and the largest element 6/5
    np.testing.assert_allclose(step.theta_next, [0.5 - 5 / 4, 0.1 + 9 / 10], rtol=0, atol=20 * ROUNDING)
    assert float(step.value) == pytest.approx(31 / 200, rel=ROUNDING)
    assert float(f.value(step.theta_next)) == pytest.approx(43 / 32, rel=80 * ROUNDING)
    assert not step.loses_descent  # the model promised a decrease: it does not see this rise


def test_a_network_of_two_weights_has_an_unbounded_model():
    # (e): f = (w1 w2 - 1)^2/2 at (1/4, 1/4), one group per weight: no third derivative along an axis, H_bar
    # = (225/65536) [[1, -14], [-14, 1]] indefinite: no minimum, whatever lambda_int. Eq. 8 as printed goes
    # to (-1/26, -1/26) and raises f from 225/512 to (675/676)^2/2.
    f, theta = load_problem("polynomial-product-2").derivatives, np.array([0.25, 0.25])
    for damping in (0.0, 1.0, 1e6):
        optimizer = GroupedNewton(groups=Groups.discrete(2), internal_damping=damping)
        with pytest.raises(NoStep, match="unbounded"):
            first_step(optimizer, f, theta)
        trace = minimize(f, optimizer, theta, max_steps=3)
        assert trace.outcome is Outcome.NO_STEP
        assert "no earlier learning rates" in trace.message
    step = first_step(eq_8(Groups.discrete(2), stationary=True), f, theta)
    np.testing.assert_allclose(
        step.H_bar, 225 / 65536 * np.array([[1, -14], [-14, 1]]), rtol=ROUNDING, atol=0
    )
    np.testing.assert_allclose(step.theta_next, [-1 / 26, -1 / 26], rtol=30 * ROUNDING)
    assert float(step.value) == pytest.approx(225 / 512, rel=ROUNDING)
    assert float(f.value(step.theta_next)) == pytest.approx(455625 / 913952, rel=ROUNDING)


def test_the_hard_case_takes_one_of_two_minimizers():
    # claims section 2 (a): H_bar = diag(1, -1), g_bar = (1, 0), D = I, lambda_int = 2: (1/2, +-sqrt(3)/2),
    # -5/12
    f = Given(np.diag([1.0, -1.0]), [1.0, 0.0], third=[1.0, -1.0])
    step = first_step(GroupedNewton(groups=Groups.discrete(2), internal_damping=2.0), f, np.zeros(2))
    assert step.model.status == "two"
    np.testing.assert_allclose(abs(step.eta), [0.5, math.sqrt(3) / 2], rtol=0, atol=ROUNDING)
    assert step.model_change == pytest.approx(-5 / 12, rel=ROUNDING)
    assert step.r == pytest.approx(1, rel=ROUNDING)


def test_anisotropic_damping_keeps_the_step_under_scaling_and_the_usual_ones_do_not():
    # f = x^2/2 + x^3/6 at x = 1, and f(2 x~) at x~ = 1/2. S = 1. The steps must be those of x = 2 x~. E9
    # and E10 for comparison, H_bar = g_bar = lambda = 1 and the doubled parameter's 16 and 4: 1/(1 + 1) =
    # 1/2 against 4 * 4/(16 + 1) = 16/17, and roots of e (h + e) = g: 0.618 against 4 (sqrt 68 - 8).
    near = Cubes(HOST, np.eye(1), [0.0], [1.0])
    far = Cubes(HOST, 4 * np.eye(1), [0.0], [8.0])
    optimizer = GroupedNewton(groups=Groups.trivial(1), internal_damping=2.0)
    pairs = zip(
        steps_of(near, optimizer, np.array([1.0]), 5),
        steps_of(far, optimizer, np.array([0.5]), 5),
        strict=True,
    )
    for step, other in pairs:
        np.testing.assert_allclose(step.theta_next, 2 * other.theta_next, rtol=0, atol=ROUNDING)
        np.testing.assert_allclose(step.eta, 4 * other.eta, rtol=8 * ROUNDING)
    given, scaled = Given([[1.0]], [1.0], third=[1.0]), Given([[16.0]], [4.0], third=[1.0])  # D = I in both
    rates = [first_step(optimizer, f, np.zeros(1)).eta[0] for f in (given, scaled)]
    assert rates[0] == pytest.approx((math.sqrt(5) - 1) / 2, rel=ROUNDING)
    assert 4 * rates[1] == pytest.approx(4 * (math.sqrt(68) - 8), rel=64 * ROUNDING)  # 8.246 - 8 cancels
    scaled = Given([[16.0]], [4.0], third=[2.0**6])  # D = 2^2, as the parameter's scaling makes it
    assert 4 * first_step(optimizer, scaled, np.zeros(1)).eta[0] == pytest.approx(rates[0], rel=8 * ROUNDING)


# Algorithm 4: averages, period, positive part, samplers, schedule.


def test_the_positive_part_can_lose_the_descent_and_says_so():
    # F13: H_bar = [[1, 9/10], [9/10, 1]], g_bar = (1, 1/2): eta = (55/19, -40/19), model -35/38; its
    # positive part (55/19, 0) is at -55/19 + (55/19)^2/2 = 935/722 > 0.
    f = Given([[1.0, 0.9], [0.9, 1.0]], [1.0, 0.5], third=[1.0, 1.0])
    step = first_step(eq_8(Groups.discrete(2), positive_part=True), f, np.zeros(2))
    np.testing.assert_allclose(step.eta, [55 / 19, -40 / 19], rtol=20 * ROUNDING)  # cond(H_bar) = 19
    assert step.model_change == pytest.approx(-35 / 38, rel=20 * ROUNDING)
    assert step.clipped.tolist() == [False, True]
    assert step.model_change_clipped == pytest.approx(935 / 722, rel=20 * ROUNDING)
    np.testing.assert_array_equal(step.learning_rates, [step.eta[0], 0.0])
    assert step.loses_descent
    free = first_step(eq_8(Groups.discrete(2)), f, np.zeros(2))
    assert (free.clipped.any(), free.loses_descent, free.model_change_clipped) == (
        False,
        False,
        free.model_change,
    )
    # with lambda = 2 x the half, below the other root of the model along eta, it is a descent again
    small = first_step(eq_8(Groups.discrete(2), positive_part=True, learning_rate=0.5), f, np.zeros(2))
    assert not small.loses_descent  # -(55/38) + (55/38)^2/2 = -55*21/2888 < 0


@pytest.mark.parametrize(("rate", "loses"), [(1.999, False), (2.001, True)])
def test_a_step_size_beyond_two_loses_the_descent_and_says_so(rate, loses):
    # F9: the quadratic model along eta is (rate^2/2 - rate) g_bar.eta, which is 0 at rate = 2
    step = first_step(eq_8(Groups.trivial(1), learning_rate=rate), Given([[2.0]], [1.0]), np.zeros(1))
    assert step.loses_descent == loses


def test_the_positive_part_comes_before_the_average():
    # eta = -1, 1, -1, mu_eta = 1/2: 0, 1/2, 1/4, and -1, 0, -1/2 without the positive part. After the
    # average it would give 0, 0, 0, or 0, 1/2, 0 where the average goes on from what was clipped.
    sources = [Given([[1.0]], [g]) for g in (-1.0, 1.0, -1.0)]
    for positive, expected in ((True, [0.0, 0.5, 0.25]), (False, [-1.0, 0.0, -0.5])):
        optimizer = eq_8(Groups.trivial(1), rate_momentum=0.5, positive_part=positive)
        steps = steps_of(lambda t: sources[t], optimizer, np.zeros(1), 3)
        assert [step.learning_rates[0] for step in steps] == pytest.approx(expected, rel=ROUNDING)
        assert [step.eta[0] for step in steps] == pytest.approx([-1.0, 1.0, -1.0], rel=ROUNDING)


def test_the_direction_is_the_average_of_the_gradients():
    # mu_g = 3/4: u = 8, then 6 + 1/4 * 4 = 7, then 21/4 + 1/4 * 0 = 21/4; learning rate 1/2 from H_bar = 2,
    # g_bar = 1
    gradients = [8.0, 4.0, 0.0]
    sources = [Given([[2.0]], [1.0], gradient=[g]) for g in gradients]
    steps = steps_of(lambda t: sources[t], eq_8(Groups.trivial(1), momentum=0.75), np.zeros(1), 3)
    assert [step.direction[0] for step in steps] == [8.0, 7.0, 5.25]
    assert [step.gradient[0] for step in steps] == gradients
    assert [step.theta_next[0] for step in steps] == pytest.approx([-4.0, -7.5, -10.125], rel=ROUNDING)


def test_the_tensors_are_those_of_the_averaged_direction():
    # f = x^2 at x = 2, u_0 = g = 4; eta = 1/2 goes to 0, where g = 0 and u = 0.75 * 4 = 3: g_bar = 0, H_bar
    # = 3^2 * 2
    f = Cubes(HOST, 2 * np.eye(1), [0.0], [0.0])
    first, second = steps_of(f, eq_8(Groups.trivial(1), momentum=0.75), np.array([2.0]), 2)
    assert (first.g_bar[0], first.H_bar[0, 0]) == (16.0, 32.0)
    np.testing.assert_allclose(
        [second.g_bar[0], second.H_bar[0, 0]], [0, 18], rtol=ROUNDING, atol=8 * ROUNDING
    )


def test_learning_rates_are_computed_at_the_first_step_and_every_tau_steps():
    f = Cubes(HOST, np.diag([1.0, 2.0, 4.0]), [1.0, 1.0, 1.0], [0.1, 0.2, 0.3])
    asked, groups = [], Groups.of(3, [[0, 1], [2]])
    optimizer = GroupedNewton(groups=groups, refresh_every=3)

    def curvature(iteration):
        asked.append(iteration)
        return f

    steps = steps_of(f, optimizer, np.array([3.0, -1.0, 2.0]), 8, curvature=curvature)
    assert asked == [0, 3, 6]
    assert [step.refresh for step in steps] == (["refreshed", "none", "none"] * 3)[:8]
    for step, last in zip(steps[1:], steps, strict=False):
        np.testing.assert_array_equal(step.direction, f.gradient(step.theta))
        if step.refresh == "none":
            assert step.model is None
            for name in ("H_bar", "g_bar", "D", "eta", "learning_rates", "active"):
                np.testing.assert_array_equal(getattr(step, name), getattr(last, name))


def test_the_tensors_come_from_the_second_sampler():
    # F14: g from f, g_bar and H_bar from the curvature: u = 3, g_bar = 4, H_bar = 8: theta - 3/2
    f, other = Given([[1.0]], [9.0], gradient=[3.0], value=5.0), Given([[8.0]], [4.0], gradient=[7.0])
    step = first_step(eq_8(Groups.trivial(1)), f, np.zeros(1), curvature=other)
    assert (step.value, step.gradient[0], step.direction[0], step.g_bar[0]) == (5.0, 3.0, 3.0, 4.0)
    assert step.theta_next[0] == pytest.approx(-1.5, rel=ROUNDING)


def test_a_model_without_a_minimum_keeps_the_last_rates():
    bounded, unbounded = Given([[2.0]], [1.0]), Given([[-2.0]], [1.0])
    optimizer = eq_8(Groups.trivial(1), rate_momentum=0.5)
    sources = [bounded, unbounded, Given([[1.0]], [1.5])]
    steps = steps_of(lambda t: sources[t], optimizer, np.zeros(1), 3)
    assert steps[1].refresh.startswith("kept: the model is unbounded")
    assert steps[1].H_bar[0, 0] == -2.0  # what was found, and why it was not used
    assert steps[1].model.status == "unbounded"
    assert steps[1].model.witness is not None
    # the step in the middle does not enter the average
    assert [step.learning_rates[0] for step in steps] == pytest.approx([0.5, 0.5, 1.0], rel=ROUNDING)
    assert [step.eta[0] for step in steps] == pytest.approx([0.5, 0.5, 1.5], rel=ROUNDING)


def test_at_a_stationary_point_nothing_moves():
    f, theta = Cubes(HOST, np.eye(2), [1.0, 2.0], np.zeros(2)), np.array([1.0, 2.0])
    step = first_step(GroupedNewton(groups=Groups.discrete(2)), f, theta)
    np.testing.assert_array_equal(step.theta_next, theta)
    assert step.refresh == "kept: the direction is 0 in every group"
    assert (step.model, step.state.has_rates) == (None, False)
    later = eq_8(Groups.discrete(2), rate_momentum=0.5).step(f, theta + 1, step.state)
    np.testing.assert_array_equal(later.learning_rates, [1.0, 1.0])  # an undefined average starts anew


def test_a_schedule_and_the_plateau_make_the_step_size():
    # losses 1, 1, ...: the first call is better than infinity; patience 1: bad after calls 2 and 3, so
    # halved after step 6 with every = 2; then after two more bad calls, step 10.
    rate = Exponential(initial=3.0, decay=0.5)
    optimizer = eq_8(Groups.trivial(1), learning_rate=rate, plateau=Plateau(every=2, patience=1, factor=0.5))
    steps = steps_of(Given([[1.0]], [1.0]), optimizer, np.zeros(1), 12)
    factors = [1.0] * 6 + [0.5] * 4 + [0.25] * 2
    assert [step.step_size for step in steps] == [3 * 0.5**t * c for t, c in enumerate(factors)]


def replayed(plateau, losses, rate=1.0):
    """The step sizes of a run with these losses."""
    state, sizes = plateau_start(), []
    for t, loss in enumerate(losses):
        sizes.append(rate * state.factor)
        if plateau.due(t):
            state = plateau.called(state, loss, rate * state.factor)
    return sizes


def test_the_plateau_by_hand():
    # a loss must be below (1 - 1e-4) best to be better; more than `patience` bad calls reduce; a call with
    # a better loss starts the count anew
    sizes = replayed(Plateau(every=1, patience=1, factor=0.25), [1, 0.99995, 0.5, 0.5, 0.5, 0.5, 0.4, 0.4])
    assert sizes == [1, 1, 1, 1, 1, 0.25, 0.25, 0.25]
    assert replayed(Plateau(every=1, patience=0), [1, math.nan, 0.5]) == [1, 1, 0.5]
    assert replayed(Plateau(every=1, patience=0), [1, 0.99995, 1]) == [1, 1, 0.5]
    assert replayed(Plateau(every=1, patience=0), [1, 0.9998, 1]) == [1, 1, 1]
    # a reduction by at most 1e-8 is not made
    assert replayed(Plateau(every=1, patience=0), [1] * 4, rate=2e-8) == [2e-8] * 4
    assert replayed(Plateau(every=1, patience=0), [1] * 3, rate=4e-8) == [4e-8, 4e-8, 2e-8]
    start = plateau_start()
    assert Plateau(every=1).called(start, 3.0, 1.0) == PlateauState(3.0, 0, 1.0)
    assert start.best == math.inf


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(20))
def test_the_plateau_is_torchs(seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    every, patience = int(rng.integers(1, 4)), int(rng.integers(0, 4))
    losses = (np.round(rng.standard_normal(400) * 4) / 4 + rng.choice([0.0, 3.0])).tolist()  # with ties
    losses[7] = math.nan
    losses = [x * (1 + float(rng.choice([0, 5e-5, -5e-5, 2e-4]))) for x in losses]
    sgd = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(sgd, patience=patience, factor=0.5)
    expected = []
    for t, loss in enumerate(losses):
        expected.append(sgd.param_groups[0]["lr"])
        if (t + 1) % every == 0:
            schedule.step(loss)
    assert replayed(Plateau(every=every, patience=patience, factor=0.5), losses) == expected
    assert expected[-1] < 1e-6  # many reductions, the last ones refused


def test_algorithm_4_has_the_values_of_table_2():
    groups = Groups.trivial(3)
    optimizer = GroupedNewton.algorithm_4(groups, 7)
    assert optimizer == GroupedNewton(
        groups=groups, learning_rate=0.1, internal_damping=10.0, momentum=0.9, rate_momentum=0.5,
        refresh_every=10, positive_part=True, plateau=Plateau(every=7, patience=5, factor=0.5),
    )  # fmt: skip
    assert GroupedNewton.algorithm_4(groups, 7, momentum=0.5, plateau=None).plateau is None
    assert GroupedNewton.algorithm_4(groups, 7, learning_rate=0.3).learning_rate == 0.3


# Runs: a network, stop and resume, records, lanes.

RECORD = ("value", "learning_rates", "H_bar", "eta", "refresh", "step_size", "loses_descent", "D", "active")


def network_run():
    problem = load_problem("tanh-network-18")
    groups = Groups.canonical(problem.layout)
    plateau = Plateau(every=2, patience=0, threshold=0.05)
    optimizer = GroupedNewton.algorithm_4(groups, 1, refresh_every=3, learning_rate=0.2, plateau=plateau)
    return problem, optimizer


def test_a_network_is_trained_and_a_resumed_run_is_the_same_bit_for_bit(tmp_path):
    problem, optimizer = network_run()
    f, second = problem.derivatives, load_problem("tanh-network-18-second").derivatives
    run = {"curvature": lambda t: second if t % 2 else f, "record": RECORD}
    whole = minimize(f, optimizer, problem.start, max_steps=17, **run)
    assert whole["value"][-1] < whole["value"][0]
    assert whole["step_size"][-1] < 0.2  # the schedule took part
    first = minimize(f, optimizer, problem.start, max_steps=8, **run)
    first.save(tmp_path / "first.npz")
    loaded = Trace.load(tmp_path / "first.npz")
    state = loaded.resume_state(optimizer)
    rest = minimize(f, optimizer, loaded.theta, state=state, max_steps=9, **run)
    joined = loaded.joined(rest)
    np.testing.assert_array_equal(rest.theta, whole.theta)
    assert set(joined.records) == set(whole.records)
    for name in whole.records:
        np.testing.assert_array_equal(joined[name], whole[name], err_msg=name)
    assert joined["H_bar"].shape == (17, 6, 6)
    assert joined["learning_rates"].shape == joined["eta"].shape == (17, 6)
    assert (whole["learning_rates"] >= 0).all()
    assert (whole["eta"] < 0).any()


def test_evaluations_are_counted():
    problem, optimizer = network_run()
    trace = minimize(problem.derivatives, optimizer, problem.start, max_steps=4)
    # a step has a gradient; refreshes, at 0 and 3, have another one and a product per group
    assert trace["gradient_count"].tolist() == [2, 3, 4, 6]
    assert trace["product_count"].tolist() == [6, 6, 6, 12]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_library_makes_the_same_run(lane, dtype):
    H, b, c = [[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 3.0]], [1.0, -2.0, 0.5], [0.5, 0.25, -1.0]
    optimizer = GroupedNewton.algorithm_4(
        Groups.from_labels([1, 0, 1]), 3, refresh_every=2, learning_rate=0.5
    )
    theta = lane.array([0.5, -0.5, 0.25], dtype)
    steps = steps_of(Cubes(lane, H, b, c, dtype), optimizer, theta, 7)
    expected = steps_of(Cubes(HOST, H, b, c), optimizer, np.array([0.5, -0.5, 0.25]), 7)
    for step, other in zip(steps, expected, strict=True):
        assert step.theta_next.dtype == theta.dtype
        tolerance = 64 * float(np.finfo(dtype).eps)  # seven contracting steps of numbers near 1
        np.testing.assert_allclose(lane.host(step.theta_next), other.theta_next, rtol=0, atol=tolerance)
        assert type(step.state.has_rates) is bool


def test_objectives_are_traced_on_every_library(derivative_lane):
    lane = derivative_lane
    problem, optimizer = network_run()
    expected = steps_of(problem.derivatives, optimizer, problem.start, 4)
    here = load_problem("tanh-network-18", backend=lane.array([0.0]))
    for step, other in zip(steps_of(here.derivatives, optimizer, here.start, 4), expected, strict=True):
        np.testing.assert_allclose(
            lane.host(step.theta_next),
            other.theta_next,
            rtol=0,
            atol=1024 * ROUNDING,  # cond(H_bar)
        )


# Bad input.

SETTINGS = [
    ({"groups": [0, 1]}, TypeError, "`groups` is a list; it must be a Groups"),
    ({"learning_rate": 0.0}, ValueError, "`learning_rate` is 0.0; it must be positive and finite"),
    ({"learning_rate": "fast"}, TypeError, "`learning_rate` is 'fast'; it must be a real number"),
    ({"internal_damping": -1}, ValueError, "`internal_damping` is -1; it must be at least 0 and finite"),
    (
        {"internal_damping": math.inf},
        ValueError,
        "`internal_damping` is inf; it must be at least 0 and finite",
    ),
    ({"momentum": 1.0}, ValueError, "`momentum` is 1.0; it must be at least 0 and less than 1"),
    ({"rate_momentum": -0.5}, ValueError, "`rate_momentum` is -0.5; it must be at least 0 and less than 1"),
    ({"rate_momentum": math.nan}, ValueError, "`rate_momentum` is nan"),
    ({"refresh_every": 0}, ValueError, "`refresh_every` is 0; it must be at least 1"),
    ({"refresh_every": 2.0}, TypeError, "`refresh_every` is 2.0; it must be an integer"),
    ({"positive_part": 1}, TypeError, "`positive_part` is 1; it must be True or False"),
    ({"interactions": None}, TypeError, "`interactions` is None; it must be True or False"),
    ({"stationary": True}, ValueError, "`stationary` is True and `internal_damping` is 1.0; the stationary"),
    ({"plateau": 5}, TypeError, "`plateau` is a int; it must be a Plateau or None"),
]
PLATEAUS = [
    ({"every": 0}, ValueError, "`every` is 0; it must be at least 1"),
    ({"every": 1, "patience": -1}, ValueError, "`patience` is -1; it must be at least 0"),
    ({"every": 1, "factor": 0.0}, ValueError, "`factor` is 0.0; it must be positive and finite"),
    ({"every": 1, "factor": 1.0}, ValueError, "`factor` is 1.0; it must be at least 0 and less than 1"),
    ({"every": 1, "threshold": -1e-4}, ValueError, "`threshold` is -0.0001; it must be at least 0"),
]


@pytest.mark.parametrize(("settings", "error", "sentence"), SETTINGS)
def test_settings_are_refused_in_one_sentence(settings, error, sentence):
    with pytest.raises(error) as caught:
        GroupedNewton(**{"groups": Groups.trivial(2), **settings})
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(("settings", "error", "sentence"), PLATEAUS)
def test_plateaus_are_refused_in_one_sentence(settings, error, sentence):
    with pytest.raises(error) as caught:
        Plateau(**settings)
    assert str(caught.value).startswith(sentence)


def test_a_partition_of_another_length_and_a_foreign_state_are_refused():
    optimizer, f = GroupedNewton(groups=Groups.trivial(2)), Given([[1.0]], [1.0])
    sentence = "`theta` has 3 elements; it must have 2, as `groups` partitions"
    with pytest.raises(ValueError, match=sentence):
        optimizer.init(np.zeros(3))
    with pytest.raises(ValueError, match=sentence):
        optimizer.step(f, np.zeros(3), optimizer.init(np.zeros(2)))
    with pytest.raises(ValueError, match="`theta` holds nan at index 1"):
        optimizer.init(np.array([0.0, np.nan]))
    other = GroupedNewton(groups=Groups.discrete(2))
    with pytest.raises(
        ValueError, match="`state` has 2 learning rates; it must have 1, as `groups` has groups"
    ):
        optimizer.step(f, np.zeros(2), other.init(np.zeros(2)))
    foreign = GradientDescent(learning_rate=0.1).init(np.zeros(2))
    with pytest.raises(TypeError, match=r"`state` is a .*; it must be a GroupedNewtonState"):
        optimizer.step(f, np.zeros(2), foreign)
    with pytest.raises(TypeError, match="must be a GroupedNewtonState"):
        next(iterate(f, optimizer, np.zeros(2), foreign))
    with pytest.raises(TypeError, match="is a Quadratic without `summary`; it must be a Derivatives"):
        first_step(optimizer, quadratic(HOST, np.eye(2)), np.ones(2))
    trace = minimize(quadratic(HOST, np.eye(2)), GradientDescent(learning_rate=0.1), np.ones(2), max_steps=1)
    with pytest.raises(ValueError, match="another state than the trace"):
        trace.resume_state(optimizer)


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        ({"value": math.nan}, "the value"),
        ({"gradient": [math.inf]}, "the gradient"),
        ({"g_bar": [math.nan]}, r"the tensor D\^1\(u\)"),
        ({"H_bar": [[math.inf]]}, r"the tensor D\^2\(u\)"),
        ({"third": [math.nan]}, r"the diagonal of D\^3\(u\)"),
    ],
)
def test_numbers_that_are_not_finite_end_a_run(broken, name):
    f = Given(**{"H_bar": [[1.0]], "g_bar": [1.0], **broken})
    optimizer = GroupedNewton(groups=Groups.trivial(1))
    with pytest.raises(NonFinite, match=f"{name} is not finite"):
        first_step(optimizer, f, np.zeros(1))
    assert minimize(f, optimizer, np.zeros(1), max_steps=2).outcome is Outcome.DIVERGED


# What a mutation run left alive.


def test_nothing_is_known_before_the_first_step():
    state = GroupedNewton(groups=Groups.discrete(2)).init(np.array([1.0, 2.0]))
    assert (state.iteration, state.has_rates, state.plateau) == (0, False, plateau_start())
    np.testing.assert_array_equal(state.velocity, np.zeros(2))
    found = state.estimate
    for name, shape in (("g_bar", 2), ("H_bar", (2, 2)), ("third_diagonal", 2), ("D", 2), ("eta", 2)):
        np.testing.assert_array_equal(getattr(found, name), np.zeros(shape), err_msg=name)
    assert not found.active.any()
    assert not found.clipped.any()
    known = (found.r, found.model_change, found.model_change_clipped, found.loses_descent)
    assert known == (0.0, 0.0, 0.0, False)


def test_a_small_rate_is_not_clipped():
    """Of H = diag(4, 2) without a cubic term the rates are 1/4 and 1/2, both positive."""
    f = Cubes(HOST, [[4.0, 0.0], [0.0, 2.0]], [0.0, 0.0], [0.0, 0.0])
    optimizer = GroupedNewton(groups=Groups.discrete(2), internal_damping=0.0, positive_part=True)
    theta = np.ones(2)
    step = optimizer.step(f, theta, optimizer.init(theta))
    np.testing.assert_allclose(step.eta, [0.25, 0.5], rtol=ROUNDING)
    assert step.clipped.tolist() == [False, False]


def test_an_epoch_without_steps_is_named():
    with pytest.raises(ValueError, match="`steps_per_epoch` is 0; it must be at least 1"):
        GroupedNewton.algorithm_4(Groups.trivial(2), 0)
