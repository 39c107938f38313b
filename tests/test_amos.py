"""AMOS: Algorithm 2 by hand, matching, assignment, idle memories, shared evaluations, runs, bad input."""

import itertools
import math
import re

import numpy as np
import pytest
import standin
from closed_form import Linearized, Quadratic, quadratic
from conftest import Lane
from faults.patching import change, planted

from refopt import load_problem
from refopt.amos import Amos, AmosState
from refopt.derivatives import Derivatives
from refopt.first_order import FIRST_ORDER, Adam, AdamW, GradientDescent, HeavyBall, RMSProp
from refopt.fosi import Fosi
from refopt.groups import Groups
from refopt.hessian_diagonal import Hutchinson
from refopt.iterate import iterate, minimize
from refopt.newton import Newton
from refopt.sophia import Sophia
from refopt.trace import Outcome, Trace

HOST = Lane("numpy", np, lambda values: values)
ROUNDING = {"float64": 16 * 2.0**-52, "float32": 16 * 2.0**-23}
SLOW, FAST = GradientDescent(learning_rate=0.25), GradientDescent(learning_rate=0.5)


class Cubic(Quadratic):
    """f = sum_i h_i y_i^2/2 + c_i y_i^3/6, y = U'theta, in closed form; Lipschitz constants |c_i|."""

    def __init__(self, lane, h, c, U=None, dtype="float64"):
        n = len(h)
        super().__init__(lane.array(np.eye(n) if U is None else U, dtype), lane.array(np.zeros(n), dtype))
        self.h, self.c = lane.array(h, dtype), lane.array(c, dtype)
        self.calls = {"value_and_gradient": 0, "linearize": 0, "hessian": 0}

    def _at(self, theta):
        y = self.xp.matmul(self.H.T, theta)
        value = self.xp.sum(self.h * y**2 / 2 + self.c * y**3 / 6)
        return value, self.xp.matmul(self.H, self.h * y + self.c * y**2 / 2), self.h + self.c * y

    def value(self, theta):
        return self._at(theta)[0]

    def value_and_gradient(self, theta):
        self.calls["value_and_gradient"] += 1
        return self._at(theta)[:2]

    def hessian(self, theta):
        self.calls["hessian"] += 1
        return self.xp.matmul(self.H * self._at(theta)[2], self.H.T)

    def linearize(self, theta):
        self.calls["linearize"] += 1
        value, gradient, curvatures = self._at(theta)

        def product(vector):
            self.products += 1
            return self.xp.matmul(self.H, curvatures * self.xp.matmul(self.H.T, vector))

        return Linearized(value, gradient, product)


class Refuses:
    """An optimizer that must not be asked."""

    def init(self, theta):
        return SLOW.init(theta)

    def step(self, f, theta, state):
        raise AssertionError("asked")


class Given:
    """An estimator that answers one diagonal after the other."""

    def __init__(self, *answers):
        self.answers = [np.array(answer, dtype=float) for answer in answers]

    def diagonal(self, theta):
        return self.answers.pop(0)


def amos(**settings):
    return Amos(**{"first": SLOW, "second": FAST, "threshold": 1.0, "hessian_at": 1, **settings})


def steps_of(f, optimizer, theta, count, **options):
    return list(itertools.islice(iterate(f, optimizer, theta, **options), count))


# Algorithm 2 by hand.


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_two_steps_with_every_intermediate(lane, dtype):
    # f = x^3/6 + y^2/2 at (1, 1): lambda = (1, 1), g = (1/2, 1). The first Hessian is stored only: L = 0, so
    # that everything goes to the second: d = -g/2 = (-1/4, -1/2). At (3/4, 1/2): lambda = (3/4, 1), the move
    # is sqrt(1/16 + 1/4) = sqrt(5)/4, the slopes (1/4, 0)/(sqrt(5)/4) = (1/sqrt 5, 0), and L with a = 1/2
    # (1/sqrt 20, 0): x goes to the first above 0.2. g = (9/32, 1/2): d = (-9/128, -1/4).
    f, theta = Cubic(lane, [0, 1], [1, 0], dtype=dtype), lane.array([1, 1], dtype)
    optimizer = amos(threshold=0.2, momentum=0.5, epsilon=0.0)
    state = optimizer.init(theta)
    one = optimizer.step(f, theta, state)
    two = optimizer.step(f, one.theta_next, one.state)
    root = math.sqrt(5)
    expected = (
        {
            "gradient": [0.5, 1],
            "curvatures": [1, 1],
            "slopes": [0.5, 1],
            "curvature_slopes": [math.nan, math.nan],
            "lipschitz": [0, 0],
            "updates": [0, 0],
            "statistic": [0, 0],
            "to_first": [False, False],
            "first_direction": [0, 0],  # not asked
            "second_direction": [-0.25, -0.5],
            "direction": [-0.25, -0.5],
            "theta_next": [0.75, 0.5],
        },
        {
            "gradient": [9 / 32, 0.5],
            "curvatures": [0.75, 1],
            "slopes": [9 / 32, 0.5],
            "curvature_slopes": [1 / root, 0],
            "lipschitz": [0.5 / root, 0],
            "updates": [1, 1],
            "statistic": [0.5 / root, 0],
            "to_first": [True, False],
            "first_direction": [-9 / 128, -0.125],
            "second_direction": [-9 / 64, -0.25],
            "direction": [-9 / 128, -0.25],
            "theta_next": [0.75 - 9 / 128, 0.25],
        },
    )
    for step, fields in zip((one, two), expected, strict=True):
        for name, value in fields.items():
            found = getattr(step, name)
            np.testing.assert_allclose(lane.host(found), value, rtol=0, atol=ROUNDING[dtype], err_msg=name)
            if name in ("curvatures", "slopes", "direction", "first_direction", "theta_next"):
                assert found.dtype == theta.dtype, name
    assert (one.refresh, two.refresh) == ("stored", "refreshed")
    assert (one.offload, two.offload) == (0.0, 0.5)
    assert (one.skipped, two.skipped, two.state.hessians, two.state.iteration) == (0, 0, 2, 2)
    assert (state.hessians, state.iteration) == (0, 0)  # the state given is not changed
    again = optimizer.step(f, one.theta_next, one.state)
    np.testing.assert_array_equal(lane.host(again.theta_next), lane.host(two.theta_next))


def test_components_measure_the_lipschitz_constants_themselves():
    # h + c x is linear, so that |dlambda_i| / |dtheta_i| = |c_i| between any two points; after that one slope
    # the correction gives it back whole.
    f = Cubic(HOST, [3, 1, 5], [2, -0.5, 0.25])
    settings = {"denominator": "component", "average": "bias-corrected", "momentum": 0.75, "epsilon": 0.0}
    steps = steps_of(f, amos(threshold=0.375, **settings), np.array([0.5, 1.0, -0.25]), 5)
    for step in steps[1:]:
        np.testing.assert_allclose(step.statistic, [2, 0.5, 0.25], rtol=1e-12)
        assert step.to_first.tolist() == [True, True, False]


# The first Hessian, and before it.


@pytest.mark.parametrize(("unknown", "offload"), [("second", 0.0), ("first", 1.0)])
def test_the_first_hessian_is_stored_only(unknown, offload):
    step = steps_of(Cubic(HOST, [1, 1], [9, 9]), amos(unknown=unknown), np.ones(2), 1)[0]
    assert (step.refresh, step.offload, step.skipped) == ("stored", offload, 0)
    assert step.lipschitz.tolist() == step.updates.tolist() == [0, 0]
    assert step.to_first.tolist() == [offload == 1.0] * 2


@pytest.mark.parametrize("granularity", ["coordinate", "tensor", "eigenspace"])
@pytest.mark.parametrize("default", ["first", "second"])
def test_before_the_first_hessian_one_optimizer_has_everything(granularity, default):
    groups = Groups.trivial(2) if granularity == "tensor" else None
    other = {"first": "second", "second": "first"}[default]
    optimizer = amos(
        default=default, hessian_at={3}, granularity=granularity, groups=groups, **{other: Refuses()}
    )
    f = Cubic(HOST, [1, 1], [1, 1])
    steps = steps_of(f, optimizer, np.ones(2), 3)
    alone = steps_of(f, SLOW if default == "first" else FAST, np.ones(2), 3)
    for step, single in zip(steps, alone, strict=True):
        assert (step.refresh, step.offload) == ("none", float(default == "first"))
        np.testing.assert_array_equal(step.theta_next, single.theta_next)
        assert all(step.to_first == (default == "first"))
    assert f.products == f.calls["hessian"] == 0


@pytest.mark.parametrize(
    ("hessian_at", "expected"),
    [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4]), ({1, 4}, [1, 4]), ([5, 0], [0, 5]), (range(2, 4), [2, 3])],
)
def test_hessian_times_are_a_period_or_a_set(hessian_at, expected):
    optimizer = amos(hessian_at=hessian_at)
    steps = steps_of(Cubic(HOST, [1, 2], [1, 0]), optimizer, np.ones(2), 6)
    assert [t for t, step in enumerate(steps) if step.refresh != "none"] == expected
    assert [t for t in range(6) if optimizer.refreshes_at(t)] == expected
    assert steps[expected[0]].refresh == "stored"


def test_between_hessian_times_the_assignment_and_its_numbers_stay():
    f = Cubic(HOST, [1, 1], [4, 0])
    steps = steps_of(f, amos(threshold=0.01, hessian_at=3), np.ones(2), 7)
    assert [step.to_first.tolist() for step in steps] == [[False] * 2] * 3 + [[True, False]] * 4
    assert [step.offload for step in steps] == [0.0] * 3 + [0.5] * 4
    for name in ("curvatures", "slopes", "curvature_slopes", "lipschitz", "statistic"):
        for step in steps[4:6]:
            np.testing.assert_array_equal(getattr(step, name), getattr(steps[3], name), err_msg=name)
    # the slope runs from t = 0 to t = 3, over the whole move: |4 dx| / |dtheta|
    move = steps[3].theta - steps[0].theta
    slope = 4 * abs(move[0]) / (1e-12 + np.linalg.norm(move))
    np.testing.assert_allclose(steps[3].curvature_slopes, [slope, 0], rtol=1e-14)


# No slope.


def test_without_motion_the_average_stays_and_is_counted():
    # at the minimum nothing moves; the estimates there differ all the same
    f, estimator = Cubic(HOST, [1, 1], [0, 0]), Given([1, 1], [2, 3], [5, 1])
    steps = steps_of(f, amos(), np.zeros(2), 3, curvature=estimator)
    assert [step.skipped for step in steps] == [0, 2, 2]
    for step in steps:
        assert step.lipschitz.tolist() == [0, 0]
        assert step.updates.tolist() == [0, 0]
    with planted([change("amos_averages", " & (distance > 0)", "")]):
        estimator = Given([1, 1], [2, 3], [5, 1])
        assert steps_of(f, amos(), np.zeros(2), 2, curvature=estimator)[1].lipschitz.all()


def test_a_component_that_does_not_move_skips_by_itself():
    f = Cubic(HOST, [1, 1], [1, 1])
    steps = steps_of(f, amos(denominator="component"), np.array([1.0, 0.0]), 3)
    assert [step.skipped for step in steps] == [0, 1, 1]
    assert steps[2].updates.tolist() == [2, 0]


def test_an_element_that_is_not_finite_skips_and_goes_where_the_rule_says():
    # NaN at the second time: no slope then, nor at the third, which lacks a lambda' to compare with
    def estimator():
        return Given([1, 1], [math.nan, 2], [3, 3], [4, 4])

    f = Cubic(HOST, [1, 1], [0, 0])
    steps = steps_of(f, amos(), np.ones(2), 4, curvature=estimator())
    assert [step.skipped for step in steps] == [0, 1, 1, 0]
    assert steps[3].updates.tolist() == [1, 3]
    assert np.isfinite(steps[3].lipschitz).all()
    rule = amos(threshold="newton-ascent")
    steps = steps_of(f, rule, np.ones(2), 4, curvature=estimator())
    assert [step.to_first.tolist() for step in steps[:2]] == [[False, False], [True, False]]


def test_a_spectrum_that_is_not_finite_keeps_the_last_assignment():
    bad = quadratic(HOST, np.full((2, 2), np.nan))
    f = Cubic(HOST, [1, 3], [4, 0])
    for ends in ({}, {"largest": 1, "smallest": 1}):
        optimizer = amos(granularity="eigenspace", threshold=0.01, **ends)
        theta, start = np.ones(2), np.array([1.0, 2.0])
        first = optimizer.step(f, theta, optimizer.init(theta, start), curvature=bad)
        assert first.refresh.startswith("kept: ")
        assert (first.state.hessians, first.offload) == (0, 1.0)
        state, good = optimizer.init(theta, start), None
        for _ in range(2):
            good = optimizer.step(f, theta, state)
            theta, state = good.theta_next, good.state
        assert good.to_first.sum() == 1
        kept = optimizer.step(f, theta, state, curvature=bad)
        assert kept.refresh.startswith("kept: ")
        np.testing.assert_array_equal(kept.to_first, good.to_first)
        np.testing.assert_array_equal(kept.lipschitz, good.lipschitz)


# Eigenspaces: matched by their vectors.


def test_an_eigenvalue_that_crosses_another_keeps_its_own_slope(lane):
    # x^3/6 + y^2/2 from (0.9, 0) to (1.1, 0): eigenvalues (1 on y, 0.9 on x), then (1.1 on x, 1 on y). The
    # slopes are (1, 0), x first; sorted pairs would have said (|1.1 - 1|, |1 - 0.9|)/0.2 = (0.5, 0.5).
    f = Cubic(lane, [0, 1], [1, 0])
    optimizer = amos(granularity="eigenspace", momentum=0.0, epsilon=0.0, threshold=0.25)
    before, after = lane.array([0.9, 0.0]), lane.array([1.1, 0.0])
    state = optimizer.step(f, before, optimizer.init(before)).state
    step = optimizer.step(f, after, state)
    np.testing.assert_allclose(lane.host(step.curvatures), [1.1, 1], rtol=1e-14)
    np.testing.assert_allclose(lane.host(step.lipschitz), [1, 0], rtol=0, atol=1e-14)
    assert lane.host(step.to_first).tolist() == [True, False]
    sorted_pairs = change("amos", "match_eigenvectors(last.spectrum.eigenvectors, V)", "[0, 1]")
    with planted([sorted_pairs]):
        wrong = optimizer.step(f, after, state)
        np.testing.assert_allclose(lane.host(wrong.lipschitz), [0.5, 0.5], rtol=1e-13)


def test_an_average_follows_its_eigenvector_over_several_times():
    # as above, through the crossing and on, with a = 1/2 and steps of 0.2 in x: L = (0 for y, 1 - 2^-k for x)
    f = Cubic(HOST, [0, 1], [1, 0])
    optimizer = amos(granularity="eigenspace", momentum=0.5, epsilon=0.0, threshold=0.25)
    points = [np.array([x, 0.0]) for x in (0.5, 0.7, 0.9, 1.1, 1.3)]
    state, found = optimizer.init(points[0]), []
    for theta in points:
        step = optimizer.step(f, theta, state)
        found, state = [*found, step.lipschitz], step.state
    of_x = [L[1] for L in found[:3]] + [L[0] for L in found[3:]]  # sorted downwards, x overtakes y
    np.testing.assert_allclose(of_x, [0, 0.5, 0.75, 0.875, 0.9375], rtol=1e-13)
    assert state.estimate.updates.tolist() == [4, 4]


def test_an_eigenvector_that_continues_none_starts_anew():
    # turned by 45 degrees every overlap is 1/2, which is not above 1/2
    turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2)
    axes, turned = Cubic(HOST, [3, 1], [0.5, 0.5]), Cubic(HOST, [3, 1], [0.5, 0.5], turn)
    optimizer = amos(granularity="eigenspace", unknown="first")
    theta = np.array([1.0, 0.5])
    state, steps = optimizer.init(theta), []
    for f in (axes, axes, turned):
        steps.append(optimizer.step(f, theta, state))
        theta, state = steps[-1].theta_next, steps[-1].state
    assert [step.updates.tolist() for step in steps] == [[0, 0], [1, 1], [0, 0]]
    assert steps[1].lipschitz.all()
    assert not steps[2].lipschitz.any()
    assert [step.skipped for step in steps] == [0, 0, 0]
    assert steps[2].to_first.tolist() == [True, True]


def rotation():
    return np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_each_eigenspace_moves_by_its_optimizer(lane, dtype):
    # y = U'theta; eigenvalues 9 + y_0, 4, 1: only the first changes. It goes to gradient descent, -g/4 along
    # it; the rest to Newton, -y there: exact, because the rest is quadratic.
    U = rotation()
    f = Cubic(lane, [9, 4, 1], [1, 0, 0], U, dtype)
    optimizer = amos(
        second=Newton(), granularity="eigenspace", threshold=0.01, momentum=0.5, hessian_at=[0, 1]
    )
    theta = lane.array(U @ [0.5, 1, -1], dtype)
    one = optimizer.step(f, theta, optimizer.init(theta))
    theta = lane.array(U @ [0.25, 2, 3], dtype)
    two = optimizer.step(f, theta, one.state)
    assert one.offload == 0.0
    assert lane.host(two.to_first).tolist() == [True, False, False]
    assert two.offload == 1 / 3
    y0 = 0.25 - (9 * 0.25 + 0.25**2 / 2) / 4
    np.testing.assert_allclose(lane.host(two.theta_next), U @ [y0, 0, 0], rtol=0, atol=8 * ROUNDING[dtype])
    assert two.theta_next.dtype == theta.dtype
    three = optimizer.step(f, theta, two.state)  # without a Hessian the same assignment
    np.testing.assert_array_equal(lane.host(three.theta_next), lane.host(two.theta_next))


def test_what_the_eigenvectors_do_not_span_goes_to_the_first(lane):
    # k = l = 1 of eigenvalues (9 + y_0, 4, 1 + y_2): y_1 is outside. Both ends change by |c| = 1 along their
    # vectors: with 1/4 they go to the first, with 2 to the second.
    U = rotation()
    f = Cubic(lane, [9, 4, 1], [1, 0, 1], U)
    settings = {"granularity": "eigenspace", "largest": 1, "smallest": 1, "denominator": "component"}
    settings |= {"average": "bias-corrected", "epsilon": 0.0}
    for threshold, rates in ((0.25, [0.25, 0.25, 0.25]), (2.0, [0.5, 0.25, 0.5])):
        optimizer = amos(threshold=threshold, **settings)
        theta = lane.array(U @ [0.5, 1, -0.25])
        one = optimizer.step(f, theta, optimizer.init(theta, lane.array([1.0, 2.0, 3.0])))
        two = optimizer.step(f, lane.array(U @ [0.25, 2, 0.25]), one.state)
        np.testing.assert_allclose(lane.host(two.statistic), [1, 1], rtol=1e-12)
        assert two.offload == (1.0 if threshold < 1 else 0.0)
        g = U.T @ lane.host(two.gradient)
        np.testing.assert_allclose(U.T @ lane.host(two.direction), -np.array(rates) * g, rtol=1e-12)


# Both optimizers the same, or one that has everything.


@pytest.mark.parametrize("idle", ["freeze", "update"])
@pytest.mark.parametrize("name", FIRST_ORDER)
def test_an_optimizer_beside_itself_is_itself_bit_for_bit(name, idle):
    # by coordinates; frozen memories are taken up where each coordinate stands, so that only "update" is the
    # optimizer alone once a coordinate has changed hands
    optimizer = FIRST_ORDER[name](learning_rate=0.05)
    f, theta = Cubic(HOST, [1, 2, 0.5], [1, 0, 3]), np.array([1.0, -1.0, 0.5])
    pair = amos(first=optimizer, second=optimizer, threshold=0.05, momentum=0.0, idle=idle, hessian_at=2)
    single = steps_of(f, optimizer, theta, 6)
    steps = steps_of(f, pair, theta, 6)
    assert steps[3].offload not in (0.0, 1.0)
    count = 6 if idle == "update" else 2
    for step, other in zip(steps[:count], single, strict=False):
        np.testing.assert_array_equal(step.theta_next, other.theta_next)


@pytest.mark.parametrize("granularity", ["coordinate", "tensor", "eigenspace"])
def test_a_threshold_beyond_every_slope_gives_everything_to_one(granularity):
    groups = Groups.from_labels([0, 1, 0]) if granularity == "tensor" else None
    f, theta = Cubic(HOST, [2, 3, 4], [1, 1, 1], rotation()), np.array([1.0, -0.5, 0.25])
    options = {"granularity": granularity, "groups": groups, "momentum": 0.5, "default": "second"}
    momentum = HeavyBall(learning_rate=0.1)
    all_second = steps_of(f, amos(first=Refuses(), second=momentum, threshold=math.inf, **options), theta, 4)
    options |= {"default": "first", "unknown": "first"}
    all_first = steps_of(f, amos(first=momentum, second=Refuses(), threshold=1e-300, **options), theta, 4)
    single = steps_of(f, momentum, theta, 4)
    for one, two, three in zip(all_second, all_first, single, strict=True):
        np.testing.assert_array_equal(one.theta_next, three.theta_next)
        np.testing.assert_array_equal(two.theta_next, three.theta_next)
        assert (one.offload, two.offload) == (0.0, 1.0)


# Idle memories.


def test_a_frozen_memory_stands_still_where_its_optimizer_owns_nothing(lane):
    # c = (4, 0): from t = 1 on x is the first's, y the second's. The first has not been asked at t = 0.
    f, theta = Cubic(lane, [1, 1], [4, 0]), lane.array([1.0, 1.0])
    ball = HeavyBall(learning_rate=0.01, momentum=0.5)
    optimizer = amos(first=ball, second=ball, threshold=0.01)
    steps = steps_of(f, optimizer, theta, 4)
    assert [lane.host(step.to_first).tolist() for step in steps] == [[False, False]] + [[True, False]] * 3
    g = [lane.host(step.gradient) for step in steps]
    x1 = g[1][0]
    x2, x3 = x1 / 2 + g[2][0], (x1 / 2 + g[2][0]) / 2 + g[3][0]
    first = [lane.host(step.state.first.velocity) for step in steps]
    np.testing.assert_allclose(first, [[0, 0], [x1, 0], [x2, 0], [x3, 0]], rtol=1e-14)
    second = [lane.host(step.state.second.velocity) for step in steps]
    assert [v[0] for v in second] == [g[0][0]] * 4  # x stands still once it has gone
    np.testing.assert_allclose(second[1][1], g[0][1] / 2 + g[1][1], rtol=1e-14)
    assert [step.state.first.iteration for step in steps] == [1, 2, 3, 4]  # its clock goes on
    seeing = steps_of(f, amos(first=ball, second=ball, threshold=0.01, idle="update"), theta, 2)
    np.testing.assert_allclose(lane.host(seeing[1].state.first.velocity), g[0] / 2 + g[1], rtol=1e-14)
    with planted([change("amos", "second = _kept(~found.mask", "second = _kept(found.mask")]):
        wrong = steps_of(f, optimizer, theta, 2)
        assert lane.host(wrong[1].state.second.velocity)[0] != g[0][0]


@pytest.mark.parametrize("granularity", ["coordinate", "eigenspace"])
def test_memories_that_are_no_vectors_stand_still_only_as_a_whole(granularity):
    # FOSI keeps a spectrum: while it owns something it sees every gradient; while it owns nothing it is not
    # asked
    fosi = Fosi(base=HeavyBall(learning_rate=0.01), largest=1, refresh_every=1)
    f, theta = Cubic(HOST, [5, 1], [4, 0]), np.array([1.0, 2.0])
    optimizer = amos(second=fosi, threshold=0.01, granularity=granularity)
    steps = steps_of(f, optimizer, theta, 3, state=optimizer.init(theta, np.array([1.0, 1.5])))
    assert [step.offload for step in steps] == [0.0, 0.5, 0.5]
    alone = fosi.step(f, steps[1].theta, steps[0].state.second)
    np.testing.assert_array_equal(steps[1].state.second.base.velocity, alone.state.base.velocity)
    frozen = amos(second=fosi, threshold=1e-300, granularity=granularity, unknown="first", momentum=0.0)
    f, theta = Cubic(HOST, [5, 1], [4, 4]), np.array([0.5, 0.75])
    steps = steps_of(f, frozen, theta, 3, state=frozen.init(theta, np.array([1.0, 1.5])))
    assert [step.offload for step in steps] == [1.0] * 3
    state = steps[-1].state.second
    assert (state.iteration, state.base.iteration) == (3, 3)
    assert state.spectrum.eigenvalues.shape == (0,)
    assert not state.base.velocity.any()


def test_weights_decay_once_by_their_owner():
    # gradient 0: the decays -0.1 * 0.5 theta and -0.2 * 0.25 theta, which are 1/20 of theta each, but for
    # which optimizer's they are: 0.1 * 1 against 0.2 * 0.25
    f, estimator = quadratic(HOST, np.zeros((2, 2))), Given([1, 1], [1, 3])
    first, second = AdamW(learning_rate=0.1, weight_decay=1.0), Sophia(learning_rate=0.2, weight_decay=0.25)
    optimizer = amos(first=first, second=second, threshold=1e-3)
    theta = np.array([8.0, 4.0])
    one = optimizer.step(f, theta, optimizer.init(theta), curvature=estimator)
    np.testing.assert_allclose(one.direction, [-0.4, -0.2], rtol=1e-14)
    two = optimizer.step(f, theta / 2, one.state, curvature=Given([1, 3]))
    assert two.to_first.tolist() == [False, True]
    np.testing.assert_allclose(two.direction, [-0.2, -0.2], rtol=1e-14)


# Tensors.


@pytest.mark.parametrize(("aggregate", "threshold", "expected"), [("mean", 1.5, False), ("max", 1.5, True)])
def test_a_tensor_goes_by_its_mean_or_its_maximum(lane, aggregate, threshold, expected):
    # slopes by component are |c| = (2, 0.5 | 0.25, 0.25): means 1.25, 0.25, maxima 2, 0.25
    f = Cubic(lane, [1, 1, 1, 1], [2, 0.5, 0.25, 0.25])
    optimizer = amos(
        granularity="tensor", groups=Groups.from_labels([0, 1, 0, 1]), aggregate=aggregate,
        threshold=threshold, denominator="component", average="first-slope", epsilon=0.0,
    )  # fmt: skip
    # labels interleave: tensor 0 holds c = 2 and 0.25, tensor 1 holds 0.5 and 0.25
    steps = steps_of(f, optimizer, lane.array([0.5, -0.5, 0.25, 1.0]), 2)
    statistic = [1.125, 0.375] if aggregate == "mean" else [2, 0.5]
    np.testing.assert_allclose(lane.host(steps[1].statistic), statistic, rtol=1e-12)
    assert lane.host(steps[1].to_first).tolist() == [expected, False]
    assert steps[1].offload == (0.5 if expected else 0.0)
    g = lane.host(steps[1].gradient)
    rates = np.array([0.25, 0.5, 0.25, 0.5]) if expected else np.full(4, 0.5)
    np.testing.assert_allclose(lane.host(steps[1].direction), -rates * g, rtol=1e-12)


def test_offload_counts_parameters_and_not_tensors():
    f = Cubic(HOST, [1, 1, 1, 1], [4, 0, 0, 0])
    groups = Groups.of(4, [[0], [1, 2, 3]])
    steps = steps_of(f, amos(granularity="tensor", groups=groups, threshold=0.01), np.ones(4), 2)
    assert (steps[1].to_first.tolist(), steps[1].offload) == ([True, False], 0.25)


def test_the_step_uses_the_averages_of_elements_and_not_of_tensors():
    # the claims' example in a run: slopes (2, 0), then (0, 2), a = 1/2: the maximum of averages is 1, not 3/2
    f, groups = Cubic(HOST, [1, 1], [0, 0]), Groups.trivial(2)
    optimizer = amos(
        granularity="tensor", groups=groups, aggregate="max", momentum=0.5, epsilon=0.0, threshold=1.25
    )
    theta, other = np.array([1.0, 0.0]), np.array([2.0, 0.0])
    state = optimizer.init(theta)
    for point, lam in ((theta, [0, 0]), (other, [2, 0]), (theta, [2, 2])):
        step = optimizer.step(f, point, state, curvature=Given(lam))
        state = step.state
    assert step.statistic.tolist() == [1.0]
    assert step.offload == 0.0
    with planted(
        [change("amos", "averaged(averages, rates,", "averaged(averages, rates * 0 + rates.max(),")]
    ):
        state = optimizer.init(theta)
        for point, lam in ((theta, [0, 0]), (other, [2, 0]), (theta, [2, 2])):
            step = optimizer.step(f, point, state, curvature=Given(lam))
            state = step.state
    assert step.statistic.tolist() == [1.5]


# What is evaluated.


def test_value_and_gradient_are_evaluated_once_and_the_diagonal_is_shared():
    f = Cubic(HOST, [1, 2, 3], [1, 0, 2])
    optimizer = amos(second=Sophia(learning_rate=0.1, refresh_every=2), hessian_at=2, threshold=0.1)
    theta = np.ones(3)
    one = optimizer.step(f, theta, optimizer.init(theta))
    # the linearization has value and gradient; its 3 products are AMOS' and Sophia's
    assert (f.calls, f.products) == ({"value_and_gradient": 0, "linearize": 1, "hessian": 0}, 3)
    optimizer.step(f, one.theta_next, one.state)
    assert (f.calls, f.products) == ({"value_and_gradient": 1, "linearize": 1, "hessian": 0}, 3)


def test_the_hessian_is_shared_with_newton():
    f = Cubic(HOST, [9, 4, 1], [4, 0, 0])
    optimizer = amos(second=Newton(), granularity="eigenspace", threshold=0.01)
    steps_of(f, optimizer, np.ones(3), 3)
    assert f.calls == {"value_and_gradient": 3, "linearize": 0, "hessian": 3}


def test_curvature_is_asked_where_amos_or_an_optimizer_uses_it():
    problem = load_problem("logistic-7x4")
    probes, asked = np.random.default_rng(0).choice([-1.0, 1.0], size=(9, 2, 4)), []

    def estimator(iteration):
        asked.append(iteration)
        return Hutchinson(problem.derivatives, probes[iteration])

    optimizer = amos(second=Sophia(learning_rate=0.1, refresh_every=2), hessian_at=3)
    trace = minimize(problem.derivatives, optimizer, problem.start, curvature=estimator, max_steps=7)
    assert asked == [0, 2, 3, 4, 6]
    # two products for each, shared where both are due; without a Hessian and with everything Sophia's
    assert trace["product_count"].tolist() == [2, 2, 4, 6, 8, 8, 10]
    # the estimator is over the objective itself, so that at AMOS' own times its linearization, which comes
    # first, has the step's gradient; at Sophia's (2 and 4) it comes second
    assert trace["gradient_count"].tolist() == [1, 2, 4, 5, 7, 8, 9]
    other = problem.derivatives.with_weight_decay(0.1)
    trace = minimize(
        problem.derivatives, optimizer, problem.start, curvature=Hutchinson(other, probes[0]), max_steps=3
    )
    assert trace["gradient_count"].tolist() == [2, 3, 5]  # another objective: nothing to share


def test_a_step_without_a_hessian_leaves_everything_on_the_device():
    xp = standin.xp
    f, theta = (
        Cubic(Lane("standin", xp, xp.asarray), np.ones(50), np.cos(np.arange(50))),
        xp.asarray(np.ones(50)),
    )
    optimizer = amos(second=Sophia(learning_rate=0.1), threshold=1e-3, hessian_at=[0, 1])
    steps = steps_of(f, optimizer, theta, 2)
    assert steps[1].offload not in (0.0, 1.0)
    before = standin.crossings["elements"]
    optimizer.step(f, steps[1].theta_next, steps[1].state)
    assert standin.crossings["elements"] == before


# Out of the box: SGD + Sophia, GD + Newton, SGD + FOSI, in whole runs, saved and resumed.


def pairs():
    gd = GradientDescent(learning_rate=0.3)
    yield "sgd-sophia", Amos(first=gd, second=Sophia(learning_rate=0.05), threshold=1e-3, hessian_at=3)
    yield "sgd-sophia-eq8", Amos(
        first=gd, second=Sophia(learning_rate=0.05, refresh_every=2), threshold="newton-ascent", damping=0.05,
        hessian_at=2, average="bias-corrected",
    )  # fmt: skip
    yield "adam-rmsprop-tensor", Amos(
        first=Adam(learning_rate=0.05), second=RMSProp(learning_rate=0.02), threshold=1e-3,
        hessian_at={1, 2, 5}, granularity="tensor", groups=Groups.from_labels([0, 1, 0, 1]),
        aggregate="max", idle="update",
    )  # fmt: skip
    yield (
        "gd-newton",
        Amos(
            first=gd, second=Newton(), threshold=1e-2, hessian_at=2, granularity="eigenspace", unknown="first"
        ),
    )
    fosi = Fosi(base=HeavyBall(learning_rate=0.1), largest=2, alpha=0.5, refresh_every=2)
    yield "sgd-fosi", Amos(first=gd, second=fosi, threshold=1e-3, hessian_at=2, granularity="coordinate")
    yield (
        "sgd-fosi-eigenspaces",
        Amos(
            first=gd,
            second=fosi,
            threshold=1e-3,
            hessian_at=2,
            granularity="eigenspace",
            largest=2,
            smallest=1,
        ),
    )


@pytest.mark.parametrize("cut", [1, 2, 5])
@pytest.mark.parametrize(("name", "optimizer"), list(pairs()), ids=lambda x: str(x)[:20])
def test_a_saved_run_goes_on_bit_for_bit(tmp_path, name, optimizer, cut):
    problem = load_problem("logistic-7x4")
    f, theta = problem.derivatives, problem.start
    batches = [f, f.with_weight_decay(0.01)]
    options = {
        "record": ("value", "theta", "theta_next", "lipschitz", "to_first", "offload", "refresh", "skipped")
    }
    first = optimizer.init(theta, np.linspace(1.0, 2.0, 4))

    def run(point, state, count):
        return minimize(lambda t: batches[t % 2], optimizer, point, state=state, max_steps=count, **options)

    whole, kept = run(theta, first, 8), run(theta, first, cut)
    kept.save(tmp_path / "run.npz")
    loaded = Trace.load(tmp_path / "run.npz")
    rest = run(loaded.theta, loaded.resume_state(optimizer), 8 - cut)
    np.testing.assert_array_equal(rest.theta, whole.theta)
    joined = loaded.joined(rest)
    for column in whole.records:
        np.testing.assert_array_equal(joined[column], whole[column], err_msg=column)
    assert whole.outcome is Outcome.MAX_STEPS
    assert whole["value"][-1] < whole["value"][0]


def test_a_run_of_a_traced_objective_in_float32():
    problem = load_problem("logistic-7x4", dtype="float32")
    f, theta = Derivatives(problem.objective), problem.start
    for name, optimizer in pairs():
        state = optimizer.init(theta, np.linspace(1.0, 2.0, 4))
        for step in steps_of(f, optimizer, theta, 5, state=state):
            for field in ("gradient", "direction", "first_direction", "second_direction", "theta_next"):
                assert getattr(step, field).dtype == np.float32, (name, field)
            assert step.lipschitz.dtype == step.statistic.dtype == np.float64


def test_amos_serves_inside_amos():
    inner = amos(threshold=0.01, hessian_at=2)
    f, theta = Cubic(HOST, [1, 1], [4, 0]), np.ones(2)
    outer = amos(first=inner, second=FAST, threshold=0.01, hessian_at=2, default="first", unknown="first")
    steps = steps_of(f, outer, theta, 4)
    alone = steps_of(f, inner, theta, 2)
    np.testing.assert_array_equal(steps[1].theta_next, alone[1].theta_next)


# Bad input.


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"first": None}, TypeError, "`first` is a NoneType; it must be an optimizer with `init` and `step`"),
        ({"second": Newton}, TypeError, "`second` is the class Newton; it must be an optimizer"),
        ({"threshold": 0.0}, ValueError, "`threshold` is 0.0; it must be positive"),
        ({"threshold": -1.0}, ValueError, "`threshold` is -1.0; it must be positive"),
        ({"threshold": math.nan}, ValueError, "`threshold` is nan"),
        (
            {"threshold": "newton"},
            ValueError,
            "`threshold` is 'newton'; it must be a positive number or 'newton-a",
        ),
        ({"threshold": None}, TypeError, "`threshold` is None"),
        ({"momentum": 1.0}, ValueError, "`momentum` is 1.0; it must be at least 0 and less than 1"),
        ({"momentum": -0.1}, ValueError, "`momentum` is -0.1"),
        ({"momentum": math.nan}, ValueError, "`momentum` is nan"),
        ({"epsilon": -1e-12}, ValueError, "`epsilon` is -1e-12; it must be at least 0"),
        ({"hessian_at": iter([0, 5])}, TypeError, "`hessian_at` is a list_iterator; it must be a period or"),
        ({"hessian_at": set()}, ValueError, "`hessian_at` is an empty set; it must hold an iteration"),
        ({"hessian_at": 0}, ValueError, "`hessian_at` is 0; it must be at least 1"),
        ({"hessian_at": {-1}}, ValueError, "`hessian_at` is -1; it must be at least 0"),
        ({"hessian_at": 1.5}, TypeError, "`hessian_at` is 1.5; it must be an integer"),
        ({"hessian_at": "all"}, TypeError, "`hessian_at` is 'all'; it must be an integer"),
        ({"hessian_at": b"all"}, TypeError, "`hessian_at` is b'all'; it must be an integer"),
        ({"hessian_at": np.array(2.5)}, TypeError, "`hessian_at` is array(2.5); it must be an integer"),
        ({"threshold": np.ones(2)}, TypeError, "`threshold` is array([1., 1.]); it must be a real number"),
        ({"damping": 0.0}, ValueError, "`damping` is 0.0; it must be positive"),
        ({"damping": 2.0}, ValueError, "`damping` is 2.0; it must be less than 2"),
        (
            {"granularity": "layer"},
            ValueError,
            "`granularity` is 'layer'; allowed are 'coordinate', 'tensor'",
        ),
        ({"aggregate": "sum"}, ValueError, "`aggregate` is 'sum'; allowed are 'mean', 'max'"),
        ({"average": "adam"}, ValueError, "`average` is 'adam'; allowed are 'literal'"),
        ({"denominator": "max"}, ValueError, "`denominator` is 'max'; allowed are 'norm', 'component'"),
        ({"unknown": "third"}, ValueError, "`unknown` is 'third'; allowed are 'first', 'second'"),
        ({"default": None}, ValueError, "`default` is None; allowed are 'first', 'second'"),
        ({"idle": "reset"}, ValueError, "`idle` is 'reset'; allowed are 'freeze', 'update'"),
        (
            {"granularity": "tensor"},
            TypeError,
            "`groups` is a NoneType; with `granularity` 'tensor' it must be",
        ),
        (
            {"groups": Groups.trivial(2)},
            ValueError,
            "`groups` is given; with `granularity` 'coordinate' it must",
        ),
        ({"largest": 1}, ValueError, "`largest` is 1; with `granularity` 'coordinate' it must be None"),
        ({"granularity": "eigenspace", "largest": -1}, ValueError, "`largest` is -1; it must be at least 0"),
        (
            {"granularity": "eigenspace", "largest": 0},
            ValueError,
            "`largest` + `smallest` is 0; it must be at",
        ),
    ],
)
def test_bad_settings_are_refused(settings, error, words):
    with pytest.raises(error, match=re.escape(words)):
        amos(**settings)


class Asks:
    """An optimizer whose state needs what AMOS does not have."""

    def init(self, theta, temperature):
        return None

    def step(self, f, theta, state):
        return None


def test_an_optimizer_that_asks_for_more_is_refused():
    with pytest.raises(
        TypeError, match="`second` is a Asks, whose `init` asks for `temperature`; it may ask"
    ):
        amos(second=Asks())


@pytest.mark.parametrize(
    ("settings", "theta", "vector", "error", "words"),
    [
        ({}, np.ones((2, 2)), None, ValueError, "`theta` has shape (2, 2)"),
        ({}, np.array([1.0, np.nan]), None, ValueError, "`theta` holds nan"),
        (
            {"granularity": "tensor", "groups": Groups.trivial(3)},
            np.ones(2),
            None,
            ValueError,
            "`groups` part",
        ),
        (
            {"granularity": "eigenspace", "largest": 3},
            np.ones(2),
            np.ones(2),
            ValueError,
            "must be at most 2",
        ),
        (
            {"granularity": "eigenspace", "largest": 1},
            np.ones(2),
            None,
            ValueError,
            "`lanczos_start` is missing",
        ),
        (
            {"granularity": "eigenspace", "largest": 1},
            np.ones(2),
            np.zeros(2),
            ValueError,
            "is zero in float64",
        ),
        ({"second": Fosi(base=SLOW, largest=1)}, np.ones(2), None, ValueError, "`lanczos_start` is missing"),
    ],
)
def test_a_bad_start_is_refused(settings, theta, vector, error, words):
    with pytest.raises(error, match=re.escape(words)):
        amos(**settings).init(theta, vector)


def test_states_of_another_granularity_are_refused():
    f = Derivatives(lambda p: p[0] ** 3 / 6 + p[1] ** 2 / 2)
    optimizers = {
        "coordinate": amos(),
        "tensor": amos(granularity="tensor", groups=Groups.trivial(2)),
        "eigenspace": amos(granularity="eigenspace"),
    }
    states = {name: own.step(f, np.ones(2), own.init(np.ones(2))).state for name, own in optimizers.items()}
    for name, optimizer in optimizers.items():
        for other, state in states.items():
            if name == other:
                optimizer.step(f, np.ones(2), state)
                continue
            sentence = (
                f"`state.estimate.[a-z_]+` has shape .*; for 2 parameters and `granularity` '{name}' it"
            )
            with pytest.raises(ValueError, match=sentence):
                optimizer.step(f, np.ones(2), state)
        with pytest.raises(ValueError, match=r"`state.point` has shape \(2,\); for 3 parameters"):
            optimizer.step(f, np.ones(3), states[name])


def test_a_run_saved_between_two_hessians_goes_on_bit_for_bit(tmp_path):
    # the basis is frozen there: its vectors are used again, after a way through a file
    problem = load_problem("log-cosh-rotated-6")
    optimizer = amos(
        first=HeavyBall(learning_rate=0.05, momentum=0.5), second=Newton(), granularity="eigenspace",
        threshold=1e-2, hessian_at=2, idle="update", denominator="component", momentum=0.99,
    )  # fmt: skip
    f, theta = problem.derivatives, problem.start
    whole = minimize(f, optimizer, theta, max_steps=7)
    minimize(f, optimizer, theta, max_steps=3).save(tmp_path / "run.npz")
    loaded = Trace.load(tmp_path / "run.npz")
    rest = minimize(f, optimizer, loaded.theta, state=loaded.resume_state(optimizer), max_steps=4)
    np.testing.assert_array_equal(rest.theta, whole.theta)


def test_an_average_that_is_not_finite_is_refused():
    f, optimizer = Derivatives(lambda p: p[0] ** 3 / 6 + p[1] ** 2 / 2), amos()
    state = optimizer.step(f, np.ones(2), optimizer.init(np.ones(2))).state
    state = state._replace(estimate=state.estimate._replace(lipschitz=np.array([0.0, math.nan])))
    with pytest.raises(ValueError, match=r"`state.estimate.lipschitz` holds nan at index 1"):
        optimizer.step(f, np.ones(2), state)


def test_states_that_clash_are_refused():
    f, theta = quadratic(HOST, np.eye(2)), np.ones(2)
    optimizer = amos(first=HeavyBall(learning_rate=0.1))
    state = optimizer.init(theta)
    with pytest.raises(TypeError, match="`state` is a CountState; it must be an AmosState"):
        optimizer.step(f, theta, SLOW.init(theta))
    swapped = state._replace(first=state.second, second=state.first)
    with pytest.raises(TypeError, match=r"`state.first` is a CountState; it must be a VelocityState"):
        iterate(f, optimizer, theta, swapped)
    late = state._replace(second=state.second._replace(iteration=3))
    with pytest.raises(
        ValueError, match=r"`state.second.iteration` is 3; it must be 0, as `state.iteration` is"
    ):
        optimizer.step(f, theta, late)
    short = state._replace(first=state.first._replace(velocity=np.zeros(3)))
    with pytest.raises(ValueError, match=r"`state.first.velocity` has 3 elements; it must have 2"):
        iterate(f, optimizer, theta, short)
    assert isinstance(state, AmosState)


def test_eigenspaces_need_more_than_a_diagonal():
    optimizer, theta = amos(granularity="eigenspace"), np.ones(2)
    with pytest.raises(
        TypeError, match="`curvature` is a Given without `hessian`; with `granularity` 'eigens"
    ):
        optimizer.step(quadratic(HOST, np.eye(2)), theta, optimizer.init(theta), curvature=Given([1, 1]))


# Planted faults: each is seen by a test above.


@pytest.mark.parametrize(
    ("module", "old", "new", "seen_by"),
    [
        ("amos", "state.hessians + 1, point=theta,", "state.hessians + 1,",
         test_between_hessian_times_the_assignment_and_its_numbers_stay),
        ("amos_averages", "(1.0 - momentum) * slopes", "slopes",
         lambda: test_two_steps_with_every_intermediate(HOST, "float64")),
        ("amos", "xp.where(found.mask, *points)", "xp.where(~found.mask, *points)",
         lambda: test_two_steps_with_every_intermediate(HOST, "float64")),
        ("amos", "found.to_first, c[0, :], c[1, :])", "found.to_first, c[1, :], c[0, :])",
         lambda: test_each_eigenspace_moves_by_its_optimizer(HOST, "float64")),
        ("amos", "d = directions[0] + xp.matmul(V, parts - c[0, :])", "d = xp.matmul(V, parts)",
         lambda: test_what_the_eigenvectors_do_not_span_goes_to_the_first(HOST)),
        ("amos", "return theta, _later(own)", "return theta, own",
         lambda: test_a_frozen_memory_stands_still_where_its_optimizer_owns_nothing(HOST)),
        ("amos", "owned = to_first if eigenspaces else mask", "owned = to_first",
         test_offload_counts_parameters_and_not_tensors),
        ("remembered", 'if theta is self._theta and "linearize" in self._known', "if False",
         test_value_and_gradient_are_evaluated_once_and_the_diagonal_is_shared),
        ("amos", "if not state.hessians:\n            averages", "if False:\n            averages",
         lambda: test_the_first_hessian_is_stored_only("first", 1.0)),
    ],
)  # fmt: skip
def test_planted_faults_are_seen(module, old, new, seen_by):
    seen_by()
    with planted([change(module, old, new)]), pytest.raises((AssertionError, ValueError)):
        seen_by()


# What a mutation run left alive.


def test_nothing_is_known_before_the_first_hessian():
    found = Amos(first=SLOW, second=FAST, threshold=1.0, hessian_at=5).init(np.ones(2)).estimate
    for name in ("curvatures", "slopes", "lipschitz", "updates", "statistic"):
        np.testing.assert_array_equal(getattr(found, name), np.zeros(2), err_msg=name)
    assert np.isnan(found.curvature_slopes).all()
    assert found.updates.dtype == np.int64
    assert found.skipped == 0
    assert found.to_first.tolist() == [True, True]  # the default


@pytest.mark.parametrize("name", ["first", "second"])
def test_each_optimizer_sees_the_curvature_that_is_given(name):
    """Sophia's estimate is the diagonal of the other function, 1 - beta2 = 1/2 of it after one step."""
    sophia = Sophia(learning_rate=0.25, beta2=0.5)
    pair = {"first": SLOW, "second": FAST, name: sophia}
    optimizer = Amos(**pair, threshold=1.0, default=name, idle="update")
    f, theta = Cubic(HOST, [1.0, 1.0], [0.0, 0.0]), np.ones(2)
    other = Derivatives.from_callables(lambda z: 0.0, lambda z: z, lambda z, v: np.array([3.0, 5.0]) * v)
    step = optimizer.step(f, theta, optimizer.init(theta), curvature=other)
    np.testing.assert_array_equal(getattr(step.state, name).hessian_diagonal, [1.5, 2.5])


@pytest.mark.parametrize(("ends", "expected"), [({"largest": 1}, 4.0), ({"smallest": 1}, -3.0)])
def test_one_end_alone_is_one_pair(ends, expected):
    h, theta = [4.0, 1.0, -1.0, -3.0], np.ones(4)
    optimizer = Amos(first=SLOW, second=FAST, threshold=1.0, granularity="eigenspace", **ends)
    f = Cubic(HOST, h, [0.0] * 4)
    step = optimizer.step(f, theta, optimizer.init(theta, np.array([1.0, 2.0, 3.0, 4.0])))
    np.testing.assert_allclose(step.curvatures, [expected], rtol=1e-12)
