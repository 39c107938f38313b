"""ELMO: the step by hand, exact landings, the bounds of Lemma 3.1, clusters, ties, refusals, the loop."""

import itertools
import math

import numpy as np
import pytest
from conftest import Lane

import refopt as ro
from refopt.derivatives import Derivatives
from refopt.elmo import Elmo, elmo_model_step
from refopt.first_order import Adam, AdamW, GradientDescent, HeavyBall
from refopt.lipschitz import ConstantLipschitz, ExactLipschitz, LipschitzEstimate, NoState
from refopt.newton import CubicNewton, Newton
from refopt.spectrum import Spectrum
from refopt.trace import NonFinite, NoStep, Outcome, Trace

ROUNDING = 16 * 2.0**-52


def spectrum_of(lane, values, vectors):
    """A spectrum of known pairs, its vectors as rows in memory."""
    rows = lane.array(np.ascontiguousarray(np.array(vectors, dtype="float64").T))
    k = len(values)
    return Spectrum(lane.array(values), rows.T, lane.array([0.0] * k), k, 0, 0, 0)


class Host:
    """NumPy as a lane."""

    array = staticmethod(lambda x: np.array(x, dtype="float64"))
    host = staticmethod(np.asarray)


def separable(lane, slopes, curvatures, lipschitz):
    """sum_i s z + h z^2/2 + L |z|^3/6 on a lane, with derivatives by hand."""
    s, h, L = (lane.array(x) for x in (slopes, curvatures, lipschitz))
    xp = ro.namespace(s)
    return Derivatives.from_callables(
        lambda z: xp.sum(s * z + h * z * z / 2.0 + L * z * z * xp.abs(z) / 6.0),
        lambda z: s + h * z + L * z * xp.abs(z) / 2.0,
        lambda z, v: (h + L * xp.abs(z)) * v,
    )


# The step by hand.


def test_one_step_by_hand(lane: Lane):
    # At the kink of matched-cubic-3, g = (-3/2, -4, 3/2), lam = (1, 0, -1), L = (1, 2, 1): R = (2, 4, 2),
    # x* = (R - lam)/L = (1, 2, 3), downhill to (1, 2, -3); M* = -(1 * 5, 4 * 8, 9 * 3)/6 sum to -32/3, which
    # is what f falls, being sum M_i; m* = -(1 * 7, 4 * 16, 9 * 9)/6.
    f = separable(lane, [-1.5, -4.0, 1.5], [1.0, 0.0, -1.0], [1.0, 2.0, 1.0])
    optimizer = Elmo(lipschitz=ConstantLipschitz([1.0, 2.0, 1.0]))
    theta = lane.array([0.0, 0.0, 0.0])
    step = optimizer.step(f, theta, optimizer.init(theta))
    expected = {
        "lipschitz": [1.0, 2.0, 1.0],
        "slopes": [1.5, 4.0, 1.5],
        "step_sizes": [1.0, 2.0, 3.0],
        "upper": [-5 / 6, -16 / 3, -4.5],
        "lower": [-7 / 6, -32 / 3, -13.5],
        "elmo_direction": [1.0, 2.0, -3.0],
        "base_direction": [0.0, 0.0, 0.0],
        "theta_next": [1.0, 2.0, -3.0],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(
            lane.host(getattr(step, name)), value, rtol=ROUNDING, atol=ROUNDING, err_msg=name
        )
    assert step.promise == pytest.approx(32 / 3, rel=ROUNDING)
    assert float(lane.host(f.value(step.theta_next))) == pytest.approx(-32 / 3, rel=ROUNDING)
    assert step.state.iteration == 1
    again = optimizer.step(f, theta, optimizer.init(theta))  # pure
    np.testing.assert_array_equal(lane.host(again.theta_next), lane.host(step.theta_next))


@pytest.mark.parametrize("signs", list(itertools.product((1.0, -1.0), repeat=3)))
def test_the_sign_of_an_eigenvector_changes_nothing(signs):
    V = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    g, values, L = np.array([1.0, -2.0, 0.5]), [2.0, 0.5, -1.0], np.array([1.0, 2.0, 0.5])
    plain = elmo_model_step(g, spectrum_of(Host, values, V), L)
    turned = elmo_model_step(g, spectrum_of(Host, values, V * signs), L)
    np.testing.assert_allclose(turned.displacement, plain.displacement, rtol=0, atol=1e-15)
    assert g @ plain.displacement < 0
    # line 6 as printed, sum x* v, is uphill for some signs: the check can fail
    printed = (V * signs) @ plain.step_sizes
    uphill = V * signs @ (np.sign((V * signs).T @ g) * plain.step_sizes)
    assert not np.allclose(plain.displacement, uphill)
    assert np.allclose(plain.displacement, printed) == bool(np.all((V * signs).T @ g < 0))


@pytest.mark.parametrize("name", ["matched-cubic-3", "matched-cubic-5"])
def test_it_lands_in_one_step_where_f_is_the_sum_of_its_models(name):
    # f = sum M_i seen from its kink: the minimum of the model is the minimum of f.
    problem = ro.load_problem(name)
    optimizer, theta = Elmo(lipschitz=ExactLipschitz.of(problem)), problem.starts["kink"]
    step = optimizer.step(problem.derivatives, theta, optimizer.init(theta))
    gradient = problem.derivatives.gradient(step.theta_next)
    assert np.max(np.abs(gradient)) <= 1e-13
    change = problem.derivatives.value(step.theta_next) - step.value
    assert change == pytest.approx(-step.promise, rel=1e-13)
    half = Elmo(lipschitz=ConstantLipschitz(0.5)).step(problem.derivatives, theta, optimizer.init(theta))
    assert np.max(np.abs(problem.derivatives.gradient(half.theta_next))) > 0.1  # another L does not land


@pytest.mark.parametrize("name", ["log-cosh-6", "log-cosh-rotated-2", "log-cosh-rotated-6"])
def test_lemma_3_1_holds_with_the_exact_constants(name):
    problem = ro.load_problem(name)
    f, rng = problem.derivatives, np.random.default_rng(3)
    optimizer = Elmo(lipschitz=ExactLipschitz.of(problem))
    broken = 0
    for _ in range(12):
        theta = 3 * rng.standard_normal(problem.n)
        step = optimizer.step(f, theta, optimizer.init(theta))
        change = float(f.value(step.theta_next) - step.value)
        size = 1e-13 * (1 + abs(float(step.value)))
        assert np.sum(step.lower) - size <= change <= -step.promise + size
        low = Elmo(lipschitz=ConstantLipschitz(1e-3)).step(f, theta, optimizer.init(theta))
        broken += not float(f.value(low.theta_next) - low.value) <= -low.promise + size
    assert broken  # constants that are too small break it, so that the check can fail


def test_a_run_across_a_crossing_keeps_each_axis_its_constant():
    # The sorted order swaps between the steps: L follows the eigenvector, not the rank.
    # Slopes 7, 1/4, curvatures 6, 7/2: x* = (sqrt(36 + 42) - 6)/3 = 0.944 and 0.071 leave 3.168 and 3.465.
    f = separable(Host, [1.0, -3.0], [0.0, 3.0], [3.0, 0.5])
    theta = np.array([2.0, 1.0])
    optimizer = Elmo(lipschitz=ExactLipschitz(None, np.array([3.0, 0.5])))
    first = optimizer.step(f, theta, optimizer.init(theta))
    second = optimizer.step(f, first.theta_next, first.state)
    np.testing.assert_array_equal(first.lipschitz, [3.0, 0.5])
    np.testing.assert_array_equal(second.lipschitz, [0.5, 3.0])


# Clusters.


@pytest.mark.parametrize("value", [0.0, 1.5, -0.75])
def test_a_cluster_is_invariant_under_rotation(lane: Lane, value):
    rng = np.random.default_rng(5)
    V = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    turn = np.eye(4)
    turn[1:3, 1:3] = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    g, L = lane.array(rng.standard_normal(4)), lane.array([1.0, 0.5, 2.0, 0.25])
    values = [3.0, value, value, -4.0]
    found = [elmo_model_step(g, spectrum_of(lane, values, W), L) for W in (V, V @ turn)]
    assert found[0].promise == pytest.approx(found[1].promise, rel=1e-14)
    a, b = (lane.host(step.displacement) for step in found)
    if value < 0:  # what is orthogonal to the gradient in the cluster is on a hill: a tie of two signs
        w = lane.host(found[0].spectrum.eigenvectors)[:, 2]
        a, b = (x - w * (w @ x) for x in (a, b))
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-14)
    given = [elmo_model_step(g, spectrum_of(lane, values, W), L, clusters="as-given") for W in (V, V @ turn)]
    assert not np.allclose(*(lane.host(step.displacement) for step in given))  # which is why


def test_the_cluster_of_the_ledger():
    # H = 0, grad = (-1, -1)/sqrt 2, L = 1: along one axis sqrt(2) with -(2 sqrt 2)/3, as two axes 2^(3/4) and
    # twice -(2 sqrt 2/3) 2^(-3/4) = -(4/3) 2^(-1/4) (section 4: 1.41421, -0.94281; 1.68179, -1.12120).
    g = -np.ones(2) / math.sqrt(2)
    spectrum = spectrum_of(Host, [0.0, 0.0], np.eye(2))
    rotated = elmo_model_step(g, spectrum, np.ones(2))
    assert np.linalg.norm(rotated.displacement) == pytest.approx(math.sqrt(2), rel=1e-15)
    assert rotated.promise == pytest.approx(2 * math.sqrt(2) / 3, rel=1e-15)
    plain = elmo_model_step(g, spectrum, np.ones(2), clusters="as-given")
    assert np.linalg.norm(plain.displacement) == pytest.approx(2**0.75, rel=1e-15)
    assert plain.promise == pytest.approx(4 / 3 * 2**-0.25, rel=1e-15)


def test_what_counts_as_equal_is_a_setting():
    """1 and 0.999 are apart; within 1 per cent they are a cluster, which the gradient (3, 4) meets as one."""
    f = separable(Host, [3.0, 4.0], [1.0, 0.999], [0.0, 0.0])
    spectrum, L = spectrum_of(Host, [1.0, 0.999], np.eye(2)), np.array([2.0, 2.0])
    for tolerance, slopes in ((None, [3.0, 4.0]), (0.01, [0.0, 5.0])):
        found = elmo_model_step(np.array([3.0, 4.0]), spectrum, L, cluster_tolerance=tolerance)
        np.testing.assert_allclose(np.sort(found.slopes), slopes, atol=1e-14)
        optimizer = Elmo(lipschitz=ConstantLipschitz(2.0), cluster_tolerance=tolerance)
        theta = np.zeros(2)
        step = optimizer.step(f, theta, optimizer.init(theta))
        np.testing.assert_allclose(np.sort(step.slopes), slopes, atol=1e-14)
    with pytest.raises(ValueError, match="`cluster_tolerance` is -1"):
        elmo_model_step(np.array([3.0, 4.0]), spectrum, L, cluster_tolerance=-1.0)


# Slopes that are 0, and models without a minimum.


def test_a_tie_goes_along_plus_v_or_stays(lane: Lane):
    # g = 0, lam = -1, L = 1/2 along (0.6, -0.8) and its negative: 2|lam|/L = 4, up to the sign that makes the
    # largest element positive: (-0.6, 0.8) * 4.
    for sign in (1.0, -1.0):
        V = [[0.8, 0.6 * sign], [0.6, -0.8 * sign]]
        step = elmo_model_step(
            lane.array([0.0, 0.0]), spectrum_of(lane, [2.0, -1.0], V), lane.array([1.0, 0.5])
        )
        np.testing.assert_allclose(lane.host(step.displacement), [-2.4, 3.2], rtol=ROUNDING)
        np.testing.assert_allclose(lane.host(step.step_sizes), [0.0, 4.0])
        assert step.promise == pytest.approx(2 / 3 / 0.25, rel=ROUNDING)  # (2/3)|lam|^3/L^2
        still = elmo_model_step(
            lane.array([0.0, 0.0]), spectrum_of(lane, [2.0, -1.0], V), lane.array([1.0, 0.5]), tie="stay"
        )
        np.testing.assert_array_equal(lane.host(still.displacement), [0.0, 0.0])


@pytest.mark.parametrize(
    ("g", "values", "L", "witness"),
    [
        ([1.0, 1.0], [2.0, -1.0], [0.0, 0.0], [0.0, -1.0]),  # down the slope
        ([1.0, 0.0], [2.0, -1.0], [0.0, 0.0], [0.0, 1.0]),  # a tie
        ([1.0, -1.0], [2.0, 0.0], [0.0, 0.0], [0.0, 1.0]),  # no curvature at all
    ],
)
def test_an_unbounded_model_has_a_witness(lane: Lane, g, values, L, witness):
    step = elmo_model_step(lane.array(g), spectrum_of(lane, values, np.eye(2)), lane.array(L))
    assert (step.status, step.displacement, step.promise) == ("unbounded", None, math.inf)
    np.testing.assert_array_equal(lane.host(step.witness), witness)
    assert not np.isnan(lane.host(step.step_sizes)).any()
    bounded = elmo_model_step(lane.array(g), spectrum_of(lane, values, np.eye(2)), lane.array([0.0, 1.0]))
    assert (bounded.status, bounded.witness) == ("bounded", None)


def test_a_step_without_a_minimum_raises_and_ends_a_run():
    f = separable(Host, [1.0, 1.0], [2.0, -1.0], [0.0, 0.0])
    optimizer, theta = Elmo(lipschitz=ConstantLipschitz(0.0)), np.zeros(2)
    sentence = "constant 0 the model of eigenpair 1, of eigenvalue -1 and slope 1, falls without end"
    with pytest.raises(NoStep, match=sentence):
        optimizer.step(f, theta, optimizer.init(theta))
    trace = ro.minimize(f, optimizer, theta, max_steps=5)
    assert trace.outcome is Outcome.NO_STEP
    assert sentence in trace.message


@pytest.mark.parametrize(
    ("dtype", "slopes", "curvatures", "lipschitz"),
    [
        ("float64", [1.0, 0.0], [1.0, -1e10], [1.0, 1e-310]),  # x* = 2|lam|/L = 2e320
        ("float32", [1.0, 1.0], [1.0, 1e-40], [0.0, 0.0]),  # x* = 1e40, in range of float64 alone
    ],
)
def test_a_minimum_beyond_the_range_is_no_step_and_never_nan(dtype, slopes, curvatures, lipschitz):
    V = np.eye(2, dtype=dtype)
    spectrum = Spectrum(np.array(curvatures), V, np.zeros(2), 2, 0, 0, 0)
    found = elmo_model_step(np.array(slopes, dtype=dtype), spectrum, np.array(lipschitz))
    assert (found.status, found.displacement, found.promise) == ("unbounded", None, math.inf)
    np.testing.assert_array_equal(abs(found.witness), [0.0, 1.0])
    in_range = elmo_model_step(np.array(slopes, dtype=dtype), spectrum, np.array([1.0, 1.0]))
    assert in_range.status == "bounded"
    assert np.isfinite(in_range.displacement).all()


def test_a_run_ends_where_a_minimum_is_beyond_the_range():
    f = separable(Host, [0.0, 0.0], [1.0, -1e10], [0.0, 0.0])
    optimizer, theta = Elmo(lipschitz=ConstantLipschitz([1.0, 1e-310])), np.zeros(2)
    trace = ro.minimize(f, optimizer, theta, max_steps=5)
    assert trace.outcome is Outcome.NO_STEP
    assert "eigenpair 1, of eigenvalue -1e+10 and slope 0, has its minimum beyond the range of float64" in (
        trace.message
    )


# The neighbours: what ELMO is in special cases.


def test_on_a_convex_quadratic_it_is_newtons_step():
    problem = ro.load_problem("quadratic-a4")
    f, theta = problem.derivatives, problem.start
    step = Elmo(lipschitz=ExactLipschitz.of(problem))
    elmo = step.step(f, theta, step.init(theta))
    newton = Newton().step(f, theta, Newton().init(theta))
    np.testing.assert_allclose(elmo.theta_next, newton.theta_next, rtol=0, atol=1e-12)


@pytest.mark.parametrize("h", [2.0, 0.0, -3.0])
def test_in_one_variable_it_is_cubic_newton(h):
    # sigma = L: one eigenpair, the same model
    f = separable(Host, [1.25], [h], [0.0])
    theta, cubic = np.array([0.3]), CubicNewton(lipschitz=1.5)
    optimizer = Elmo(lipschitz=ConstantLipschitz(1.5))
    elmo = optimizer.step(f, theta, optimizer.init(theta))
    np.testing.assert_allclose(
        elmo.theta_next, cubic.step(f, theta, cubic.init(theta)).theta_next, rtol=1e-14
    )


# The subspace form.


@pytest.mark.parametrize(
    "base", [GradientDescent(learning_rate=0.1), HeavyBall(learning_rate=0.1, momentum=0.5)]
)
def test_the_base_moves_in_the_rest(lane: Lane, base):
    f = separable(lane, [1.0, -2.0, 0.5, 3.0], [4.0, 2.0, 1.0, -1.0], [1.0] * 4)
    optimizer = Elmo(lipschitz=ConstantLipschitz(1.0), largest=1, smallest=1, base=base)
    theta = lane.array([0.0, 0.0, 0.0, 0.0])
    step = optimizer.step(f, theta, optimizer.init(theta, lane.array([1.0, 0.5, -0.25, 0.75])))
    # e_1 and e_4 are the ends: x* by the kernel's formula, -eta g = (0.2, -0.05) on the rest
    root = np.sqrt(np.array([16.0 + 2.0, 1.0 + 6.0]))
    x = (root - [4.0, -1.0]) / 1.0
    np.testing.assert_allclose(lane.host(step.elmo_direction), [-x[0], 0.0, 0.0, -x[1]], rtol=0, atol=1e-13)
    np.testing.assert_allclose(lane.host(step.base_direction), [0.0, 0.2, -0.05, 0.0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(lane.host(step.theta_next), [-x[0], 0.2, -0.05, -x[1]], rtol=0, atol=1e-13)
    assert step.spectrum[3:5] == (1, 1)


@pytest.mark.parametrize("ends", [{}, {"largest": 1, "smallest": 1}])
def test_the_eigenpairs_are_those_of_the_curvature_that_is_given(ends):
    """Value and gradient are f's, the eigenvalues those of the other function."""
    zeros, start = np.zeros(2), np.array([1.0, 2.0])
    f, other = (separable(Host, [-1.5, 1.5], h, [1.0, 1.0]) for h in ([1.0, -1.0], [3.0, -2.0]))
    optimizer = Elmo(lipschitz=ConstantLipschitz(1.0), **ends)
    own = optimizer.step(f, zeros, optimizer.init(zeros, start))
    step = optimizer.step(f, zeros, optimizer.init(zeros, start), curvature=other)
    np.testing.assert_allclose(own.spectrum.eigenvalues, [1.0, -1.0], rtol=1e-12)
    np.testing.assert_allclose(step.spectrum.eigenvalues, [3.0, -2.0], rtol=1e-12)
    np.testing.assert_array_equal(step.gradient, [-1.5, 1.5])


def test_how_the_ends_are_found_is_a_setting():
    """Two Lanczos steps do not find the end of four eigenvalues; a repeated one is found twice if asked."""
    start = np.array([1.0, 2.0, 3.0, 4.0])
    zeros = np.zeros(4)
    for settings, curvatures, expected in (
        ({"largest": 1, "steps": 4}, [4.0, 1.0, -1.0, -3.0], [4.0]),
        ({"largest": 2}, [4.0, 4.0, -1.0, -3.0], [4.0, -1.0]),
        ({"largest": 2, "multiplicity": "full"}, [4.0, 4.0, -1.0, -3.0], [4.0, 4.0]),
    ):
        optimizer = Elmo(lipschitz=ConstantLipschitz(1.0), **settings)
        step = optimizer.step(separable(Host, zeros, curvatures, zeros), zeros, optimizer.init(zeros, start))
        np.testing.assert_allclose(step.spectrum.eigenvalues, expected, rtol=1e-12)
    hasty = Elmo(lipschitz=ConstantLipschitz(1.0), largest=1, steps=1)
    f = separable(Host, zeros, [4.0, 1.0, -1.0, -3.0], zeros)
    step = hasty.step(f, zeros, hasty.init(zeros, start))
    quotient = np.sum(np.array([4.0, 1.0, -1.0, -3.0]) * start**2) / np.sum(start**2)  # of one step
    np.testing.assert_allclose(step.spectrum.eigenvalues, [quotient], rtol=1e-12)


def test_the_subspace_of_everything_is_the_dense_form():
    problem = ro.load_problem("log-cosh-rotated-6")
    f, theta, exact = problem.derivatives, problem.start, ExactLipschitz.of(problem)
    dense = Elmo(lipschitz=exact)
    ends = Elmo(lipschitz=exact, largest=4, smallest=2, multiplicity="full")
    a = dense.step(f, theta, dense.init(theta))
    b = ends.step(f, theta, ends.init(theta, problem.lanczos_start))
    np.testing.assert_allclose(b.theta_next, a.theta_next, rtol=0, atol=1e-12)
    nothing = Elmo(lipschitz=exact, largest=0, base=GradientDescent(learning_rate=0.1))
    c = nothing.step(f, theta, nothing.init(theta))
    np.testing.assert_allclose(c.theta_next, theta - 0.1 * c.gradient, rtol=1e-15)
    assert c.promise == 0.0


class CountingMatrix(np.ndarray):
    """A matrix that counts the matrix products it takes part in; transposes count with it."""

    sweeps = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        CountingMatrix.sweeps += ufunc is np.matmul
        return getattr(ufunc, method)(*(np.asarray(x) for x in inputs), **kwargs)

    def __array_function__(self, func, types, args, kwargs):
        raise AssertionError(f"V went through {func.__name__}: this test does not know how often it reads V")


def test_a_step_sweeps_over_the_eigenvectors_twice():
    V = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 4)))[0]
    spectrum = spectrum_of(Host, [3.0, 2.0, 1.0, -1.0], V)
    CountingMatrix.sweeps = 0
    counted = spectrum._replace(eigenvectors=spectrum.eigenvectors.view(CountingMatrix))
    elmo_model_step(np.ones(50), counted, np.ones(4))
    assert CountingMatrix.sweeps == 2


def test_float32_stays_float32():
    problem = ro.load_problem("log-cosh-rotated-6", dtype="float32")
    exact = ExactLipschitz.of(problem)
    for optimizer, start in (
        (Elmo(lipschitz=exact), None),
        (Elmo(lipschitz=exact, largest=2, base=Adam(learning_rate=0.1)), problem.lanczos_start),
    ):
        step = optimizer.step(problem.derivatives, problem.start, optimizer.init(problem.start, start))
        assert {x.dtype.name for x in (step.elmo_direction, step.base_direction, step.theta_next)} == {
            "float32"
        }
        assert step.upper.dtype == np.float64


# The loop.


def test_a_run_stops_on_its_promise():
    problem = ro.load_problem("matched-cubic-3")
    optimizer = Elmo(lipschitz=ExactLipschitz.of(problem))
    trace = ro.minimize(
        problem.derivatives, optimizer, problem.start, max_steps=20, promise_tolerance=1e-20,
        record=("value", "promise", "lipschitz", "spectrum.eigenvalues"),
    )  # fmt: skip
    assert trace.outcome is Outcome.PROMISE_SMALL
    assert trace.outcome.success
    np.testing.assert_allclose(trace.theta, problem.facts["minimiser"], rtol=0, atol=1e-12)
    assert trace["promise"][-1] <= 1e-20 < trace["promise"][-2]
    assert trace["lipschitz"].shape == (len(trace), 3)


def test_the_promise_is_zero_exactly_at_second_order_critical_points():
    at_rest = separable(Host, [0.0, 0.0], [1.0, 0.0], [1.0, 1.0])
    optimizer, zero = Elmo(lipschitz=ConstantLipschitz(1.0)), np.zeros(2)
    trace = ro.minimize(at_rest, optimizer, zero, max_steps=3, promise_tolerance=0)
    assert (trace.outcome, trace.iterations) == (Outcome.PROMISE_SMALL, 0)
    saddle = separable(Host, [0.0, 0.0], [1.0, -1e-3], [1.0, 1.0])
    assert optimizer.step(saddle, zero, optimizer.init(zero)).promise == pytest.approx(
        2 / 3 * 1e-9, rel=1e-12
    )


def test_promise_tolerance_needs_a_promise():
    f = separable(Host, [1.0], [1.0], [0.0])
    with pytest.raises(TypeError, match="a FirstOrderStep has no `promise`; it must be None"):
        ro.minimize(f, GradientDescent(learning_rate=0.1), np.zeros(1), max_steps=2, promise_tolerance=1e-3)
    with pytest.raises(ValueError, match=r"`promise_tolerance` is -1\.0; it must be at least 0"):
        ro.minimize(
            f, Elmo(lipschitz=ConstantLipschitz(1.0)), np.zeros(1), max_steps=2, promise_tolerance=-1.0
        )


@pytest.mark.parametrize("form", ["dense", "subspace"])
def test_a_run_can_be_stopped_and_resumed(tmp_path, form):
    problem = ro.load_problem("log-cosh-rotated-6")
    f = problem.derivatives
    settings = {} if form == "dense" else {"largest": 2, "base": Adam(learning_rate=0.05)}
    optimizer = Elmo(lipschitz=ro.EigenArcLipschitz(), **settings)
    start = None if form == "dense" else problem.lanczos_start
    whole = ro.minimize(f, optimizer, problem.start, state=optimizer.init(problem.start, start), max_steps=7)
    part = ro.minimize(f, optimizer, problem.start, state=optimizer.init(problem.start, start), max_steps=3)
    part.save(tmp_path / "run.npz")
    loaded = Trace.load(tmp_path / "run.npz")
    rest = ro.minimize(f, optimizer, loaded.theta, state=loaded.resume_state(optimizer), max_steps=4)
    np.testing.assert_array_equal(rest.theta, whole.theta)
    np.testing.assert_array_equal(part.joined(rest)["value"], whole["value"])


def test_scipy_runs_it():
    optimize = pytest.importorskip("scipy.optimize")
    problem = ro.load_problem("matched-cubic-3")
    found = optimize.minimize(
        problem.objective, problem.start, method=ro.scipy_method(Elmo(lipschitz=ExactLipschitz.of(problem))),
        options={"ptol": 1e-20, "gtol": 1e-300},
    )  # fmt: skip
    assert found.success
    np.testing.assert_allclose(found.x, problem.facts["minimiser"], rtol=0, atol=1e-12)


# Bad input.


class Answers:
    """A LIPSCHITZ oracle that answers what it was made with."""

    def __init__(self, answer):
        self.answer = answer

    def init(self, theta):
        return NoState()

    def at(self, f, theta, value, gradient, spectrum, state):
        return LipschitzEstimate(self.answer, state)


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        (
            np.ones(3),
            ValueError,
            r"the LIPSCHITZ oracle Answers answered has shape \(3,\); it must be \(2,\)",
        ),
        (np.array([1.0, -1.0]), ValueError, r"answered is -1\.0 at index 1; .* finite and at least 0"),
        (np.array([np.nan, 1.0]), ValueError, "answered is nan at index 0"),
        (np.array([1.0, np.inf]), ValueError, "answered is inf at index 1"),
        ([1.0, 1.0], TypeError, "answered is a list; it must be an array of 2 numbers"),
        (np.array([1, 1]), TypeError, "answered has dtype int64; it must be float32 or float64"),
    ],
)
def test_a_bad_answer_of_lipschitz_gets_a_sentence(answer, error, sentence):
    f = separable(Host, [1.0, 1.0], [2.0, 1.0], [0.0, 0.0])
    optimizer = Elmo(lipschitz=Answers(answer))
    with pytest.raises(error, match=sentence):
        optimizer.step(f, np.zeros(2), optimizer.init(np.zeros(2)))


@pytest.mark.parametrize(
    "answer", [None, 1.0, np.ones(2), (np.ones(2), NoState(), 0), [np.ones(2), NoState()]]
)
def test_an_answer_of_lipschitz_that_is_no_estimate_gets_a_sentence(answer):
    f = separable(Host, [1.0, 1.0], [2.0, 1.0], [0.0, 0.0])
    oracle = ConstantLipschitz(1.0)
    object.__setattr__(oracle, "at", lambda *arguments: answer)
    optimizer = Elmo(lipschitz=oracle)
    kind = type(answer).__name__
    sentence = f"the LIPSCHITZ oracle ConstantLipschitz answered a {kind}; it must answer a LipschitzEstimate"
    with pytest.raises(TypeError, match=sentence):
        optimizer.step(f, np.zeros(2), optimizer.init(np.zeros(2)))


@pytest.mark.parametrize(("settings", "needed"), [({}, "hessian"), ({"largest": 1}, "linearize")])
def test_a_curvature_without_a_hessian_gets_a_sentence(settings, needed):
    class Diagonal:
        def diagonal(self, theta):
            return np.ones(2)

    f = separable(Host, [1.0, 1.0], [2.0, 1.0], [0.0, 0.0])
    optimizer = Elmo(lipschitz=ONE, **settings)
    state = optimizer.init(np.zeros(2), np.array([1.0, 2.0]))
    sentence = f"`curvature` is a Diagonal without `{needed}`; it must be a Derivatives or have that method"
    with pytest.raises(TypeError, match=sentence):
        optimizer.step(f, np.zeros(2), state, curvature=Diagonal())
    with pytest.raises(TypeError, match=sentence):
        ro.minimize(f, optimizer, np.zeros(2), state=state, curvature=Diagonal(), max_steps=1)


ONE = ConstantLipschitz(1.0)


@pytest.mark.parametrize(
    ("settings", "error", "sentence"),
    [
        (
            {"lipschitz": 1.0},
            TypeError,
            "`lipschitz` is a float; it must be a LIPSCHITZ oracle with `init` and `at`",
        ),
        ({"lipschitz": ConstantLipschitz}, TypeError, "`lipschitz` is the class ConstantLipschitz"),
        (
            {"lipschitz": ONE, "clusters": "turn"},
            ValueError,
            "`clusters` is 'turn'; allowed are 'rotate' and",
        ),
        ({"lipschitz": ONE, "tie": "up"}, ValueError, "`tie` is 'up'; allowed are 'positive' and 'stay'"),
        ({"lipschitz": ONE, "cluster_tolerance": -1.0}, ValueError, "`cluster_tolerance` is"),
        ({"lipschitz": ONE, "largest": -1}, ValueError, "`largest` is -1; it must be at least 0"),
        ({"lipschitz": ONE, "largest": 1.5}, TypeError, r"`largest` is 1\.5; it must be an integer"),
        (
            {"lipschitz": ONE, "base": GradientDescent(learning_rate=0.1)},
            ValueError,
            "`base` is given with the dense",
        ),
        (
            {"lipschitz": ONE, "largest": 1, "base": Newton()},
            TypeError,
            "`base` is a Newton; it must be an optimizer",
        ),
        (
            {"lipschitz": ONE, "largest": 1, "base": AdamW(learning_rate=0.1, weight_decay=0.1)},
            ValueError,
            r"`base` decays weights by 0\.1 inside its step",
        ),
        ({"lipschitz": ONE, "largest": 3, "steps": 2}, ValueError, "`steps` is 2; it must be at least 3"),
        ({"lipschitz": ONE, "multiplicity": "all"}, ValueError, "`multiplicity` is 'all'"),
    ],
)
def test_bad_settings_get_a_sentence(settings, error, sentence):
    with pytest.raises(error, match=sentence):
        Elmo(**settings)


def test_bad_starts_get_a_sentence():
    optimizer = Elmo(lipschitz=ONE, largest=2)
    for start, sentence in (
        (None, "`lanczos_start` is missing; it must be a vector of 3 elements"),
        (np.zeros(3), "`lanczos_start` is zero"),
        (np.ones(2), "`lanczos_start` has 2 elements; it must have 3"),
    ):
        with pytest.raises(ValueError, match=sentence):
            optimizer.init(np.ones(3), start)
    with pytest.raises(ValueError, match=r"`largest` [+] `smallest` is 2; it must be at most 1"):
        optimizer.init(np.ones(1), np.ones(1))
    with pytest.raises(ValueError, match="`theta` "):
        Elmo(lipschitz=ConstantLipschitz(1.0)).init(np.ones((2, 2)))


def test_bad_models_get_a_sentence():
    spectrum = spectrum_of(Host, [2.0, 1.0], np.eye(2))
    for arguments, sentence in (
        (
            (np.ones(3), spectrum, np.ones(2)),
            r"`spectrum` has vectors of shape \(2, 2\); it must be \(3, 2\)",
        ),
        ((np.array([1.0, np.nan]), spectrum, np.ones(2)), "`gradient` holds nan at index 1"),
        ((np.ones(2), spectrum, -np.ones(2)), r"`lipschitz` is -1\.0 at index 0"),
        (
            (np.ones(2), spectrum._replace(eigenvalues=np.array([np.inf, 1.0])), np.ones(2)),
            r"`spectrum\.eigenvalues` holds inf at index 0",
        ),
    ):
        with pytest.raises(ValueError, match=sentence):
            elmo_model_step(*arguments)
    with pytest.raises(TypeError, match="`spectrum` is a tuple; it must be a Spectrum"):
        elmo_model_step(np.ones(2), (np.ones(2), np.eye(2)), np.ones(2))


@pytest.mark.parametrize("part", ["value", "gradient"])
def test_what_is_not_finite_is_named(part):
    bad = {"value": (math.inf, 1.0), "gradient": (1.0, math.nan)}[part]
    f = Derivatives.from_callables(
        lambda z: np.float64(bad[0]), lambda z: bad[1] * np.ones(2), lambda z, v: v
    )
    optimizer = Elmo(lipschitz=ONE)
    with pytest.raises(NonFinite, match=f"the {part} is not finite"):
        optimizer.step(f, np.zeros(2), optimizer.init(np.zeros(2)))
