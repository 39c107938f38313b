"""Derivatives: the dialect on every lane, closed forms, given derivatives, checks, bad input."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import autograd.numpy.numpy_wrapper as anp
import numpy as np
import pytest
import standin
from autograd.core import primitive_vjps
from autograd.extend import defvjp
from autograd.numpy import numpy_vjps
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.tracer import trace_primitives_map
from conftest import Lane
from dialect import DIALECT, FUNCTIONS, MATRIX, POINT, VECTOR, objective

import refopt.derivatives
from refopt.arrays import asarray_like, dtype_name, namespace
from refopt.derivatives import Derivatives, symmetry_defect

EPS = {"float32": 2.0**-23, "float64": 2.0**-52}
ROUNDINGS = 64  # of each dtype's eps: some tens of operations, none of which cancels more than a digit


def quadratic(H: np.ndarray) -> Callable[[Any], Any]:
    """theta' H theta / 2 on any lane."""
    return lambda x: namespace(x).matmul(x, namespace(x).matmul(asarray_like(H, x), x)) / 2


# ---- the dialect ----


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("entry", DIALECT)
def test_dialect_entry(entry: str, dtype: str, derivative_lane: Lane) -> None:
    """What a lane gives is what NumPy gives in float64, in the lane's own type and dtype."""
    lane, f = derivative_lane, Derivatives(objective(entry))
    x, u = np.array(POINT), np.array(VECTOR)
    theta, vector = lane.array(POINT, dtype), lane.array(VECTOR, dtype)
    at = f.linearize(theta)
    expected = (f.value(x), f.gradient(x), f.hvp(x, u), f.along(x, u, 3))
    found = (at.value, at.gradient, at.hvp(vector))
    for name, ours, theirs in zip(("value", "gradient", "hvp"), found, expected, strict=False):
        error = np.max(np.abs(lane.host(ours) - theirs))
        assert error <= ROUNDINGS * EPS[dtype] * np.max(np.abs(theirs)), name
        assert dtype_name(ours) == dtype, name
    assert type(at.gradient) is type(at.hvp(vector)) is type(theta)
    scale = max(abs(float(d)) for d in expected[3])
    for ours, theirs in zip(f.along(theta, vector, 3), expected[3], strict=True):
        assert abs(float(ours) - theirs) <= ROUNDINGS * EPS[dtype] * scale
        assert dtype_name(ours) == dtype


@pytest.mark.parametrize("entry", DIALECT)
def test_dialect_entry_against_differences(entry: str) -> None:
    """What the lanes are compared with agrees with differences: gradient, product, third and fourth."""
    f, x, u = Derivatives(objective(entry)), np.array(POINT), np.array(VECTOR)
    check = f.check(x)
    assert check.passed, str(check)
    # The central difference of phi'' at step h is phi''' + h^2 phi'''''/6: two steps give its error.
    third, fourth = f.along(x, u, 4)[3:]
    for order, given in ((2, third), (3, fourth)):
        near, far = (
            (f.along(x + h * u, u, order)[order] - f.along(x - h * u, u, order)[order]) / (2 * h)
            for h in (1e-3, 2e-3)
        )
        scale = max(abs(v) for v in f.along(x, u, 4))
        assert abs((4 * near - far) / 3 - given) <= 1e-2 * abs(near - far) + 1e-9 * scale


def test_the_documented_dialect_is_the_tested_one() -> None:
    documented = set()
    for names in re.findall(r"``xp\.([\w\s]+)``", str(refopt.derivatives.__doc__)):
        documented |= set(names.split())
    tested = {entry.split(" ")[0] for entry in FUNCTIONS}
    assert documented == tested
    assert len(tested) > 30


OWN_RULES: dict[str, tuple[Any, tuple[Any, ...], str]] = {
    "sum": (anp.sum, (numpy_vjps.grad_np_sum,), "sum"),
    "mean": (anp._primitive_mean, (numpy_vjps.grad_np_mean,), "mean"),
    "max": (anp.max, (numpy_vjps.grad_chooser,), "max"),
    "transpose": (anp.transpose, (numpy_vjps.grad_transpose,), "permute_dims"),
    "tensordot": (
        anp.tensordot,
        (numpy_vjps.tensordot_vjp_0, numpy_vjps.tensordot_vjp_1),
        "tensordot over pairs",
    ),
    "getitem": (
        ArrayBox.__getitem__,
        (lambda ans, A, i: lambda g: numpy_vjps.untake(g, i, numpy_vjps.vspace(A)),),
        "slices",
    ),
    "where": (
        trace_primitives_map[np.where],
        (None, lambda ans, c, x, y: lambda g: anp.where(c, g, anp.zeros(g.shape))),
        "where",
    ),
}


@pytest.mark.parametrize("name", OWN_RULES)
def test_autograds_own_rule_fails_on_a_device_array(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each replaced rule is needed: with autograd's own in its place, the stand-in refuses."""
    primitive, rules, entry = OWN_RULES[name]
    monkeypatch.setitem(primitive_vjps, primitive, None)  # restored at the end of the test
    defvjp(primitive, *rules)
    with pytest.raises((TypeError, NotImplementedError)):
        Derivatives(objective(entry)).gradient(standin.xp.asarray(np.array(POINT)))


# ---- closed forms ----


def test_along_a_polynomial_is_exact(derivative_lane: Lane) -> None:
    # f(x) = x0^4 + x0 x1^2 at (1, 2) along (1, 1): (1 + t)^4 + (1 + t)(2 + t)^2
    #   = 5 + 12 t + 11 t^2 + 5 t^3 + t^4; derivatives k! times the coefficients: 5, 12, 22, 30, 24, 0
    # ((1 + t)(4 + 4 t + t^2) = 4 + 8 t + 5 t^2 + t^3, (1 + t)^4 = 1 + 4 t + 6 t^2 + 4 t^3 + t^4)
    lane = derivative_lane
    f = Derivatives(lambda x: x[0] ** 4 + x[0] * x[1] ** 2)
    found = f.along(lane.array([1.0, 2.0]), lane.array([1.0, 1.0]), 5)
    assert [float(d) for d in found] == [5.0, 12.0, 22.0, 30.0, 24.0, 0.0]


def test_along_order_zero_and_one_are_value_and_slope(derivative_lane: Lane) -> None:
    lane = derivative_lane
    f = Derivatives(objective("weight decay"))
    theta, u = lane.array(POINT), lane.array(VECTOR)
    (value,) = f.along(theta, u, 0)
    assert float(value) == float(f.value(theta))
    slope = float(lane.xp.sum(f.gradient(theta) * u))
    assert abs(float(f.along(theta, u, 1)[1]) - slope) <= ROUNDINGS * EPS["float64"] * abs(slope)


def test_derivatives_that_vanish_identically_are_zero_without_a_warning(derivative_lane: Lane) -> None:
    # Warnings are errors in this suite: autograd's "Output seems independent of input" would fail here.
    lane = derivative_lane
    theta, u = lane.array(POINT), lane.array(VECTOR)
    H = np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    derivatives = Derivatives(quadratic(H)).along(theta, u, 4)
    assert [float(d) for d in derivatives[3:]] == [0.0, 0.0]
    assert [tuple(d.shape) for d in derivatives] == [()] * 5
    linear = Derivatives(lambda x: namespace(x).sum(x))
    np.testing.assert_array_equal(lane.host(linear.hvp(theta, u)), np.zeros(6))
    np.testing.assert_array_equal(lane.host(linear.hessian(theta)), np.zeros((6, 6)))


def test_hessian_of_a_quadratic_is_its_matrix(derivative_lane: Lane) -> None:
    lane = derivative_lane
    H = np.array([[2.0, -1.0, 0.5], [-1.0, 3.0, 0.25], [0.5, 0.25, -4.0]])  # exact in binary
    found = lane.host(Derivatives(quadratic(H)).hessian(lane.array([1.0, 2.0, 3.0])))
    np.testing.assert_array_equal(found, H)


def test_gradient_of_a_plain_sum_is_writable_memory(derivative_lane: Lane) -> None:
    gradient = Derivatives(lambda x: namespace(x).sum(x)).gradient(derivative_lane.array(POINT))
    gradient += gradient  # a broadcast view would refuse, or add to every element at once
    np.testing.assert_array_equal(derivative_lane.host(gradient), np.full(6, 2.0))


def test_float32_constants_of_float64_still_give_float32(derivative_lane: Lane) -> None:
    lane = derivative_lane
    A = lane.array(MATRIX, "float64")
    f = Derivatives(lambda x: namespace(x).sum(namespace(x).tanh(namespace(x).matmul(A, x))))
    theta = lane.array(POINT, "float32")
    value, gradient = f.value_and_gradient(theta)
    at = f.linearize(theta)
    for result in (value, gradient, at.value, at.gradient, at.hvp(lane.array(VECTOR, "float32"))):
        assert dtype_name(result) == "float32"


@pytest.mark.parametrize("dtype", EPS)
def test_a_saturated_tanh_has_finite_derivatives(dtype: str, derivative_lane: Lane) -> None:
    # At z = 500, tanh is 1 and its derivatives are below 1e-400: x tanh(500 x) has gradient 1, product 0.
    # cosh(z)^2 overflows at 45 in float32 and at 356 in float64.
    lane = derivative_lane
    f = Derivatives(lambda x: namespace(x).sum(x * namespace(x).tanh(500 * x)))
    one = lane.array([1.0, -1.0], dtype)
    np.testing.assert_array_equal(lane.host(f.gradient(one)), [1.0, -1.0])
    np.testing.assert_array_equal(lane.host(f.hvp(one, one)), [0.0, 0.0])
    assert [float(d) for d in f.along(one, one, 3)] == [2.0, 2.0, 0.0, 0.0]


# ---- given derivatives and weight decay ----


def given(lane: Lane, **changes: Any) -> Derivatives:
    """Closed forms of sum x^4 / 12."""
    forms: dict[str, Any] = {
        "value": lambda x: lane.xp.sum(x**4) / 12,
        "gradient": lambda x: x**3 / 3,
        "hvp": lambda x, v: x**2 * v,
    }
    return Derivatives.from_callables(**(forms | changes))


def test_from_callables_answers_on_every_library(lane: Lane) -> None:
    f = given(lane)
    theta, u = lane.array([1.0, 2.0, -3.0]), lane.array([1.0, -1.0, 2.0])
    # derivatives at theta along u: f = 98/12, g'u = (1 - 8 - 54)/3 = -61/3, u'Hu = 1 + 4 + 36 = 41
    assert [float(d) for d in f.along(theta, u, 2)] == pytest.approx([98 / 12, -61 / 3, 41.0], rel=1e-15)
    np.testing.assert_array_equal(lane.host(f.hvp(theta, u)), [1.0, -4.0, 18.0])
    np.testing.assert_array_equal(lane.host(f.hessian(theta)), np.diag([1.0, 4.0, 9.0]))
    assert f.check(theta).passed
    at = f.linearize(theta)
    assert float(at.value) == float(f.value(theta))
    assert type(at.gradient) is type(theta)


def test_from_callables_prefers_linearize_and_calls_it_once(lane: Lane) -> None:
    calls = []

    def linearize(x: Any) -> Callable[[Any], Any]:
        calls.append(x)
        return lambda v: x**2 * v

    f = given(lane, hvp=None, linearize=linearize)
    at = f.linearize(lane.array([2.0, 3.0]))
    for _ in range(3):
        np.testing.assert_array_equal(lane.host(at.hvp(lane.array([1.0, 1.0]))), [4.0, 9.0])
    assert len(calls) == 1


def test_results_of_another_library_come_back_in_thetas() -> None:
    x = standin.xp.asarray([1.0, 2.0])
    f = Derivatives.from_callables(
        lambda t: 1.0, lambda t: t.get() ** 3 / 3, lambda t, v: t.get() ** 2 * v.get()
    )
    assert type(f.gradient(x)) is standin.StandinArray
    np.testing.assert_array_equal(f.hvp(x, x).get(), [1.0, 8.0])


def test_given_values_may_be_python_numbers() -> None:
    f = Derivatives.from_callables(lambda x: float(x @ x), lambda x: 2 * x, lambda x, v: 2 * v)
    x, u = np.array([1.0, 2.0]), np.array([3.0, -1.0])
    # |x|^2 = 5, 2 x'u = 2, 2 |u|^2 = 20
    assert f.along(x, u, 2) == (5.0, 2.0, 20.0)
    assert Derivatives.from_callables(lambda x: 3, lambda x: 0 * x).along(x, u, 1) == (3, 0.0)
    with pytest.raises(ValueError, match="`derivative of order 0` holds inf"):
        Derivatives.from_callables(lambda x: float("inf"), lambda x: x).along(x, u, 0)


def test_given_products_keep_the_point_they_were_asked_for(lane: Lane) -> None:
    theta, ones = lane.array([1.0, 2.0]), lane.array([1.0, 1.0])
    for hvp, linearize in ((lambda x, v: x**2 * v, None), (None, lambda x: lambda v: x**2 * v)):
        point = lane.xp.asarray(theta, copy=True)
        product = given(lane, hvp=hvp, linearize=linearize).linearize(point).hvp
        point *= 3
        np.testing.assert_array_equal(lane.host(product(ones)), [1.0, 4.0])


def test_given_results_are_the_callers_own_memory(lane: Lane) -> None:
    # f = |x|^2 / 2: the gradient is x and the product v, which these callables hand back themselves
    half = Derivatives.from_callables(lambda x: lane.xp.sum(x * x) / 2, lambda x: x, lambda x, v: v)
    theta, vector = lane.xp.asarray([1.0, 2.0]), lane.xp.asarray([3.0, 4.0])
    at = half.linearize(theta)
    for result in (half.gradient(theta), half.value_and_gradient(theta)[1], at.gradient, at.hvp(vector)):
        result *= 0.0
    np.testing.assert_array_equal(lane.host(theta), [1.0, 2.0])
    np.testing.assert_array_equal(lane.host(vector), [3.0, 4.0])


def test_a_given_product_may_use_one_buffer_over_again() -> None:
    buffer = np.zeros(2)

    def hvp(x: np.ndarray, v: np.ndarray) -> np.ndarray:
        buffer[:] = [2 * v[0] + v[1], v[0] + 3 * v[1]]
        return buffer

    f = Derivatives.from_callables(lambda x: 0.0, lambda x: x, hvp)
    np.testing.assert_array_equal(f.hessian(np.ones(2)), [[2.0, 1.0], [1.0, 3.0]])


def test_weight_decay_is_that_of_the_penalised_objective(derivative_lane: Lane) -> None:
    lane, plain = derivative_lane, objective("tanh")
    theta, u = lane.array(POINT), lane.array(VECTOR)
    decayed = Derivatives(plain).with_weight_decay(0.3)
    explicit = Derivatives(lambda x: plain(x) + 0.15 * namespace(x).sum(x * x))
    pairs = [
        (decayed.value(theta), explicit.value(theta)),
        (decayed.gradient(theta), explicit.gradient(theta)),
        (decayed.hvp(theta, u), explicit.hvp(theta, u)),
        *zip(decayed.along(theta, u, 3), explicit.along(theta, u, 3), strict=True),
        (Derivatives(decayed.objective).hvp(theta, u), explicit.hvp(theta, u)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(lane.host(ours), lane.host(theirs), rtol=ROUNDINGS * EPS["float64"])
    assert dtype_name(decayed.gradient(lane.array(POINT, "float32"))) == "float32"


# ---- check finds what is wrong ----


def test_check_names_the_wrong_component_of_the_gradient() -> None:
    def wrong(x: np.ndarray) -> np.ndarray:
        g = x**3 / 3
        g[1] *= 1 + 1e-4
        return g

    f = Derivatives.from_callables(lambda x: np.sum(x**4) / 12, wrong, lambda x, v: x**2 * v)
    check = f.check(np.array([1.0, 2.0, -3.0]))
    assert not check.passed
    assert check.gradient.component == 1
    # given 8/3 (1 + 1e-4), difference 8/3
    assert re.search(r"gradient parts .* component 1: given 2\.66693333, difference 2\.66666667", str(check))


def test_check_finds_a_wrong_component_that_it_did_not_single_out() -> None:
    n = 1000

    def wrong(x: np.ndarray) -> np.ndarray:
        g = x**3 / 3
        g[n // 2 + 1] += 0.01
        return g

    f = Derivatives.from_callables(lambda x: np.sum(x**4) / 12, wrong, lambda x, v: x**2 * v)
    check = f.check(np.ones(n), components=5)
    assert not check.gradient.passed
    assert check.gradient.component == -1


@pytest.mark.parametrize("dtype", EPS)
def test_check_finds_a_wrong_product(dtype: str, derivative_lane: Lane) -> None:
    lane = derivative_lane
    right = Derivatives(objective("weight decay"))
    tilt = lane.array([1.0, 1.0, 1.0, 1.05, 1.0, 1.0], dtype)
    wrong = Derivatives.from_callables(right.value, right.gradient, lambda x, v: tilt * right.hvp(x, v))
    theta = lane.array(POINT, dtype)
    assert right.check(theta).passed
    check = wrong.check(theta)
    assert check.gradient.passed
    assert not check.hvp.passed
    assert check.hvp.component == 3
    assert check.asymmetry > check.asymmetry_allowed


def test_check_never_passes_nan() -> None:
    f = Derivatives.from_callables(lambda x: np.sum(x**2), lambda x: 2 * x, lambda x, v: 2 * v)
    check = f.check(np.ones(3))
    assert check.passed
    assert not check._replace(gradient=check.gradient._replace(ratio=float("nan"))).passed
    assert not check._replace(asymmetry=float("nan")).passed


def test_symmetry_defect_of_a_rotation_and_of_zero() -> None:
    # J = [[0, -1], [1, 0]]: u'Jv = -v'Ju and |Ju| = |u|: the defect is |u'Jv| / (|u||v|), the probes' sine
    J = np.array([[0.0, -1.0], [1.0, 0.0]])
    from refopt.derivative_check import probe_vectors

    u, v = probe_vectors(np.ones(2), 2)
    sine = abs(u @ J @ v) / np.linalg.norm(u) / np.linalg.norm(v)
    assert symmetry_defect(lambda x: J @ x, np.ones(2), 2) == pytest.approx(sine, rel=1e-14)
    assert sine > 0.1
    assert symmetry_defect(lambda x: 0 * x, np.ones(2)) == 0.0
    assert symmetry_defect(lambda x: np.array([[2.0, 1.0], [1.0, 5.0]]) @ x, np.ones(2)) < 1e-15


def test_an_asymmetric_hessian_is_refused_with_its_asymmetry() -> None:
    H = np.array([[2.0, 1.0], [0.5, 1.0]])
    f = Derivatives.from_callables(lambda x: 0.0, lambda x: H @ x, lambda x, v: H @ v)
    with pytest.raises(
        ValueError, match=r"`hessian` is not symmetric: .* an asymmetry of 0\.25 of the largest"
    ):
        f.hessian(np.ones(2))
    np.testing.assert_array_equal(f.hessian(np.ones(2), tolerance=0.3), [[2.0, 0.75], [0.75, 1.0]])


# ---- bad input ----

X = np.array([0.5, 1.5])
SQUARES = Derivatives(lambda x: namespace(x).sum(x * x))


def of(objective: Callable[[Any], Any]) -> Derivatives:
    return Derivatives(objective)


BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "not callable": (lambda: Derivatives(3.0), TypeError, "`objective` is a float"),  # type: ignore[arg-type]
    "list": (lambda: SQUARES.gradient([1.0]), TypeError, "`theta` is a list"),
    "integers": (lambda: SQUARES.value_and_gradient(np.arange(3)), TypeError, "`theta` has dtype int64"),
    "complex": (
        lambda: SQUARES.value(X + 1j),
        TypeError,
        "`theta` has dtype complex128; it must be float32 or float64",
    ),
    "matrix": (lambda: SQUARES.linearize(np.ones((2, 2))), ValueError, r"`theta` has shape \(2, 2\)"),
    "nan": (lambda: SQUARES.gradient(np.array([1.0, np.nan])), ValueError, "`theta` holds nan at index 1"),
    "inf": (lambda: SQUARES.hvp(np.array([np.inf, 1.0]), X), ValueError, "`theta` holds inf at index 0"),
    "vector shape": (
        lambda: SQUARES.hvp(X, np.ones(3)),
        ValueError,
        "`vector` has 3 elements; it must have 2",
    ),
    "vector dtype": (
        lambda: SQUARES.linearize(X).hvp(np.ones(2, np.float32)),
        TypeError,
        "`vector` has dtype float32; it must be float64, as `theta`",
    ),
    "vector nan": (lambda: SQUARES.hvp(X, X * np.nan), ValueError, "`vector` holds nan at index 0"),
    "direction": (
        lambda: SQUARES.along(X, np.ones(1), 2),
        ValueError,
        "`direction` has 1 elements; it must have 2",
    ),
    "order": (lambda: SQUARES.along(X, X, -1), ValueError, "`order` is -1; it must be at least 0"),
    "order type": (lambda: SQUARES.along(X, X, 1.5), TypeError, r"`order` is 1\.5; it must be an integer"),  # type: ignore[arg-type]
    "masked": (
        lambda: SQUARES.value(np.ma.masked_array(X, [True, False])),
        TypeError,
        "`theta` is a masked array; it must be a plain array",
    ),
    "hessian of a list": (lambda: SQUARES.hessian([1.0, 2.0]), TypeError, "`theta` is a list"),
    "hessian's tolerance": (
        lambda: SQUARES.hessian(X, tolerance=-1),
        ValueError,
        "`tolerance` is -1; it must be at least 0",
    ),
    "vector objective": (
        lambda: of(lambda x: x * x).gradient(X),
        TypeError,
        r"returned an array of shape \(2,\); it must",
    ),
    "vector objective, value": (
        lambda: of(lambda x: x * x).value(X),
        TypeError,
        r"returned an array of shape \(2,\)",
    ),
    "vector objective, trace": (
        lambda: of(lambda x: x * x).linearize(X),
        TypeError,
        r"array of shape \(2,\)",
    ),
    "vector objective, along": (
        lambda: of(lambda x: x * x).along(X, X, 2),
        TypeError,
        r"array of shape \(2,\)",
    ),
    "one element": (lambda: of(lambda x: x[:1] * 2).gradient(X), TypeError, r"array of shape \(1,\)"),
    "none": (
        lambda: of(lambda x: None).value(X),
        TypeError,
        "the objective returned a NoneType; it must return a real",
    ),
    "none, gradient": (
        lambda: of(lambda x: None).gradient(X),
        TypeError,
        "the objective returned a NoneType",
    ),
    "complex objective": (
        lambda: of(lambda x: anp.sum(x) * 1j).gradient(X),
        TypeError,
        "returned dtype complex128",
    ),
    "no reverse rule": (
        lambda: of(lambda x: anp.sum(anp.heaviside(x, 0.5) * x)).gradient(X),
        NotImplementedError,
        "the objective uses `heaviside`, which autograd cannot differentiate; refopt.derivatives lists",
    ),
    "no forward rule": (
        lambda: of(lambda x: anp.sum(x.astype("float64") ** 2)).hvp(X, X),
        NotImplementedError,
        "the objective uses `astype`, which autograd cannot differentiate",
    ),
    "not in the namespace": (
        lambda: of(lambda x: namespace(x).sigmoid(x)).gradient(X),
        AttributeError,
        r"no `xp\.sigmoid`; refopt\.derivatives lists",
    ),
    "not traced": (
        lambda: of(lambda x: float(x[0])).gradient(X),
        TypeError,
        "the objective uses a function that autograd cannot trace",
    ),
    "gradient not finite": (
        lambda: of(lambda x: anp.sum(x ** (1 / 3))).gradient(np.array([1.0, 0.0])),
        ValueError,
        "`gradient` holds inf at index 1",
    ),
    "product not finite": (
        lambda: of(lambda x: anp.sum(x**1.5)).hvp(np.array([0.0, 1.0]), X),
        ValueError,
        "`hvp` holds inf at index 0",
    ),
    "decay": (
        lambda: SQUARES.with_weight_decay(-1.0),
        ValueError,
        r"`decay` is -1\.0; it must be at least 0",
    ),
    "given nothing": (
        lambda: Derivatives.from_callables(lambda x: 0.0, lambda x: x).hvp(X, X),
        NotImplementedError,
        "given neither `hvp` nor `linearize`",
    ),
    "given no function": (
        lambda: Derivatives.from_callables(lambda x: 0.0, X),  # type: ignore[arg-type]
        TypeError,
        "`gradient` is a ndarray; it must be a function",
    ),
    "given gradient of another shape": (
        lambda: Derivatives.from_callables(lambda x: 0.0, lambda x: x[:1]).gradient(X),
        ValueError,
        "`gradient` has 1 elements; it must have 2",
    ),
    "given product of another dtype": (
        lambda: Derivatives.from_callables(lambda x: 0.0, lambda x: x, lambda x, v: v.astype(int)).hvp(X, X),
        TypeError,
        "`hvp` has dtype int64",
    ),
    "given value a list": (
        lambda: Derivatives.from_callables(lambda x: [0.0], lambda x: x).value(X),
        TypeError,
        "^`value` returned a list; it must return a real scalar",
    ),
    "given gradient a list": (
        lambda: Derivatives.from_callables(lambda x: 0.0, lambda x: [1.0, 2.0]).gradient(X),  # type: ignore[arg-type, return-value]
        TypeError,
        "^`gradient` returned a list; it must return an array of 2 elements of float64",
    ),
    "given gradient nothing": (
        lambda: Derivatives.from_callables(lambda x: 0.0, lambda x: None).value_and_gradient(X),
        TypeError,
        "^`gradient` returned a NoneType; it must return an array of 2",
    ),
    "given product a list": (
        lambda: Derivatives.from_callables(lambda x: 0.0, lambda x: x, lambda x, v: [1.0, 2.0]).hvp(X, X),
        TypeError,
        "^`hvp` returned a list; it must return an array of 2",
    ),
    "given product nothing": (
        lambda: Derivatives.from_callables(lambda x: 0.0, lambda x: x, lambda x, v: None).hvp(X, X),
        TypeError,
        "^`hvp` returned a NoneType; it must return an array of 2",
    ),
    "given linearize returning three": (
        lambda: Derivatives.from_callables(
            lambda x: 0.0,
            lambda x: x,
            linearize=lambda x: (0.0, x, lambda v: v),  # type: ignore[arg-type, return-value]
        ).linearize(X),
        TypeError,
        "^`linearize` returned a tuple of 3; it must return one function, vector -> Hessian times vector",
    ),
    "given linearize returning nothing": (
        lambda: Derivatives.from_callables(lambda x: 0.0, lambda x: x, linearize=lambda x: None).hvp(X, X),  # type: ignore[arg-type, return-value]
        TypeError,
        "^`linearize` returned a NoneType; it must return one function",
    ),
    "given order 3": (
        lambda: Derivatives.from_callables(lambda x: 0.0, lambda x: x, lambda x, v: v).along(X, X, 3),
        NotImplementedError,
        "`order` is 3; without `along`, derivatives given by callables reach order 2",
    ),
}


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # the cases that are not finite
@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_a_sentence(case: str) -> None:
    call, kind, match = BAD[case]
    with pytest.raises(kind, match=match):
        call()


@pytest.mark.parametrize("method", ["value", "gradient", "linearize", "hvp", "along"])
def test_a_numpy_constant_in_a_device_objective_is_explained(method: str) -> None:
    f = Derivatives(lambda x: namespace(x).sum(np.array([1.0, 2.0]) * x * x))
    x = standin.xp.asarray([1.0, 2.0])
    arguments = {"hvp": (x,), "along": (x, 2)}.get(method, ())
    with pytest.raises(
        TypeError, match=r"mixes a NumPy array with `theta`.*standin.*asarray_like\(values, theta\)"
    ):
        getattr(f, method)(x, *arguments)


def test_a_function_that_the_library_lacks_is_named() -> None:
    f = Derivatives(lambda x: anp.sum(anp.cumprod(x)))
    with pytest.raises(NotImplementedError, match=r"uses `numpy\.cumprod`, which standin does not have"):
        f.gradient(standin.xp.asarray([1.0, 2.0]))


def test_a_library_outside_numpys_dispatch_is_pointed_to_callables() -> None:
    xp = pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match=r"cannot trace arrays of type array_api_strict.*from_callables"):
        SQUARES.gradient(xp.asarray([1.0, 2.0]))


def columns(x: Any) -> Any:
    """A regular 2 x 2 matrix that depends on x."""
    return anp.outer(x, x) + np.eye(2)


UNTRACED: dict[str, Callable[[Any], Any]] = {
    "eigvals": lambda x: np.sum(np.linalg.eigvals(columns(x)).real),
    "median": lambda x: np.median(x),
    "interp": lambda x: np.interp(x[0], [0.0, 1.0, 2.0], [0.0, 1.0, 4.0]),
    "det": lambda x: np.linalg.det(columns(x)),
    "solve": lambda x: np.sum(np.linalg.solve(columns(x), x)),
    "slogdet": lambda x: np.linalg.slogdet(columns(x))[1],
    "eigh": lambda x: np.sum(np.linalg.eigh(columns(x))[0]),
    "copy": lambda x: np.sum(x.copy() ** 2),
    "item": lambda x: x[0].item(),
    "tolist": lambda x: sum(x.tolist()),
    "vdot": lambda x: np.vdot(x, x),
    "assignment": lambda x: x.__setitem__(0, 7.0) or np.sum(x),
}
TRACING = {"gradient": (), "linearize": (), "hvp": (X,), "along": (X, 2)}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", TRACING)
@pytest.mark.parametrize("name", UNTRACED)
def test_a_function_that_is_not_traced_is_explained(name: str, method: str) -> None:
    theta = X.copy()
    sentence = r"^the objective uses a function that autograd cannot trace; refopt\.derivatives lists"
    with pytest.raises(TypeError, match=sentence) as caught:
        getattr(Derivatives(UNTRACED[name]), method)(theta, *TRACING[method])
    assert isinstance(caught.value.__cause__, (TypeError, ValueError, AttributeError))
    np.testing.assert_array_equal(theta, X)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", TRACING)
@pytest.mark.parametrize("returned", [None, "a", [1.0], np.int64(3)], ids=repr)
def test_an_objective_without_a_scalar_is_explained_by_every_method(returned: Any, method: str) -> None:
    with pytest.raises(TypeError, match=r"^the objective returned .*; it must return a real scalar"):
        getattr(Derivatives(lambda x: returned), method)(X, *TRACING[method])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("constant", [3, 2.5, np.float64(2.5)], ids=repr)
def test_a_constant_objective_has_zero_derivatives_and_no_warning(constant: Any) -> None:
    f = Derivatives(lambda x: constant)
    value, gradient = f.value_and_gradient(X)
    assert value == f.linearize(X).value == constant
    for zero in (gradient, f.linearize(X).gradient, f.hvp(X, X)):
        np.testing.assert_array_equal(zero, [0.0, 0.0])
    assert f.along(X, X, 2) == (constant, 0.0, 0.0)


@pytest.mark.parametrize("method", TRACING)
@pytest.mark.parametrize("kind", [ValueError, TypeError, AttributeError, KeyError])
def test_errors_of_the_objective_itself_are_left_alone(kind: type[Exception], method: str) -> None:
    def broken(x: Any) -> Any:
        raise kind("my own mistake")

    with pytest.raises(kind, match="my own mistake"):
        getattr(Derivatives(broken), method)(X, *TRACING[method])


def test_value_and_gradient_of_a_diverged_point_are_returned_for_the_loop_to_judge() -> None:
    value, gradient = SQUARES.value_and_gradient(np.array([np.inf, 1.0]))
    assert value == np.inf
    assert gradient[0] == np.inf
