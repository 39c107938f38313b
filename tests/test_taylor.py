"""Taylor mode: right on every rule it has, to order 6, corners included; what is constant costs nothing."""

from __future__ import annotations

import gc
import json
import math
import weakref
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import autograd.numpy as anp
import mpmath
import numpy as np
import pytest
import standin
from autograd.core import make_jvp
from autograd.tracer import getval
from conftest import Lane
from dialect import DIALECT, POINT, VECTOR, objective
from test_linearize import NUMPY_ONLY

from refopt import taylor, taylor_moves, taylor_powers, taylor_rules, taylor_series, taylor_window
from refopt.arrays import namespace
from refopt.autograd_arrays import register
from refopt.conformance.comparison import compare
from refopt.linearize import zero_derivatives_allowed
from refopt.objectives import network
from refopt.problems import list_problems, load_problem
from refopt.taylor import NoTaylorRule, TaylorTape, trace_taylor

ROOT = Path(__file__).parent.parent
EPS = {"float64": 2.0**-52, "float32": 2.0**-23}
ORDER = 6


def coefficients(
    f: Callable[[Any], Any], theta: Any, direction: Any, order: int, support: Any = None
) -> list:
    register(theta)
    return trace_taylor(f, theta).coefficients(direction, order, support)


def nested(f: Callable[[Any], Any], theta: Any, direction: Any, order: int) -> list[float]:
    """The coefficients by forward mode nested `order` times: autograd's rules, no recurrence."""
    found: list[Any] = []

    def derivative(k: int, x: Any) -> Any:
        if k == 0:
            return f(x)
        lower, highest = make_jvp(lambda y: derivative(k - 1, y), x)(direction)
        found.append(getval(lower))
        return highest

    register(theta)
    with zero_derivatives_allowed(), np.errstate(all="ignore"):
        found.append(getval(derivative(order, theta)))
    return [float(value) / math.factorial(k) for k, value in enumerate(found)]


# ---- every elementwise rule against mpmath, along a curve ----


def two(x: Any) -> mpmath.mpf:
    return mpmath.mpf(x)


X, Y = 0.6, -0.35
# name: (the function of NumPy's names, the same in mpmath, points); one argument
UNARY: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], tuple[float, ...]]] = {
    "exp": (anp.exp, mpmath.exp, (0.0, X, -30.0)),
    "expm1": (anp.expm1, mpmath.expm1, (0.0, 1e-9, X, -30.0)),
    "log": (anp.log, mpmath.log, (X, 30.0)),
    "log1p": (anp.log1p, mpmath.log1p, (0.0, 1e-9, X, -0.5)),
    "sqrt": (anp.sqrt, mpmath.sqrt, (X, 30.0)),
    "square": (anp.square, lambda u: u * u, (0.0, X)),
    "product with itself": (lambda u: u * u, lambda u: u * u, (0.0, X)),
    "reciprocal": (anp.reciprocal, lambda u: 1 / u, (X, -30.0)),
    "1 / x": (lambda u: 1 / u, lambda u: 1 / u, (X, -30.0)),
    "x / 3": (lambda u: u / 3, lambda u: u / 3, (0.0, X)),
    "negative": (lambda u: -u, lambda u: -u, (X,)),
    "1 - x": (lambda u: 1 - u, lambda u: 1 - u, (X,)),
    "tanh": (anp.tanh, mpmath.tanh, (0.0, X, 20.0, -20.0)),
    "tan": (anp.tan, mpmath.tan, (0.0, X)),
    "sin": (anp.sin, mpmath.sin, (0.0, X)),
    "cos": (anp.cos, mpmath.cos, (0.0, X)),
    "sinh": (anp.sinh, mpmath.sinh, (0.0, X, -3.0)),
    "cosh": (anp.cosh, mpmath.cosh, (0.0, X, -3.0)),
    "arctan": (anp.arctan, mpmath.atan, (0.0, X, -30.0)),
    "abs": (anp.abs, abs, (X, Y)),
    "fabs": (anp.fabs, abs, (X, Y)),
    "logaddexp with 0": (
        lambda u: anp.logaddexp(u, 0.0), lambda u: mpmath.log(1 + mpmath.exp(u)), (0.0, X, 40.0, -40.0),
    ),
    "logaddexp with 1": (
        lambda u: anp.logaddexp(1.0, u), lambda u: mpmath.log(mpmath.e + mpmath.exp(u)), (0.0, X),
    ),
    "maximum of a constant": (lambda u: anp.maximum(u, 0.1) ** 3, lambda u: max(u, two(0.1)) ** 3, (X, Y)),
    "minimum of a constant": (lambda u: anp.minimum(0.1, u) ** 3, lambda u: min(u, two(0.1)) ** 3, (X, Y)),
    "x ** 0": (lambda u: u**0, lambda u: mpmath.mpf(1), (0.0, X)),
    "x ** 1": (lambda u: u**1, lambda u: u, (0.0, X)),
    "x ** 2": (lambda u: u**2, lambda u: u**2, (0.0, X, Y)),
    "x ** 3": (lambda u: u**3, lambda u: u**3, (0.0, X, Y)),
    "x ** 7.0": (lambda u: u**7.0, lambda u: u**7, (0.0, X, Y)),
    "x ** -1": (lambda u: u**-1, lambda u: 1 / u, (X, Y)),
    "x ** -2.0": (lambda u: u**-2.0, lambda u: u**-2, (X, Y)),
    "x ** 0.5": (lambda u: u**0.5, mpmath.sqrt, (X, 30.0)),
    "x ** -2.5": (lambda u: u**-2.5, lambda u: u ** two(-2.5), (X, 30.0)),
    "x ** 1.3": (lambda u: u**1.3, lambda u: u ** two(1.3), (X,)),
    "x ** array": (
        lambda u: anp.sum(u ** np.array([0.0, 1.0, 2.0, 5.0])), lambda u: 1 + u + u**2 + u**5, (0.0, X, Y),
    ),
    "x ** integers": (
        lambda u: anp.sum(u ** np.array([0, 1, 4], dtype=np.uint8)), lambda u: 1 + u + u**4, (0.0, X, Y),
    ),
    "2 ** x": (lambda u: 2.0**u, lambda u: two(2) ** u, (0.0, X, Y)),
    "0 ** x": (lambda u: 0.0**u, lambda u: mpmath.mpf(0), (X,)),
    "array ** x": (lambda u: anp.sum(np.array([0.5, 3.0]) ** u), lambda u: two(0.5) ** u + two(3) ** u, (X,)),
    "where": (
        lambda u: anp.where(u > 0.1, anp.sin(u), u**3), lambda u: mpmath.sin(u) if u > 0.1 else u**3, (X, Y),
    ),
}  # fmt: skip
BINARY: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any], tuple[float, float]]] = {
    "sum": (lambda u, w: (u + w) ** 3, lambda u, w: (u + w) ** 3, (X, Y)),
    "difference": (lambda u, w: (u - w) ** 3, lambda u, w: (u - w) ** 3, (X, Y)),
    "product": (lambda u, w: u * w, lambda u, w: u * w, (X, Y)),
    "quotient": (lambda u, w: u / w, lambda u, w: u / w, (X, Y)),
    "power": (lambda u, w: u**w, lambda u, w: u**w, (X, Y)),
    "logaddexp": (anp.logaddexp, lambda u, w: mpmath.log(mpmath.exp(u) + mpmath.exp(w)), (X, Y)),
    "logaddexp of large": (
        lambda u, w: anp.logaddexp(u, w), lambda u, w: mpmath.log(mpmath.exp(u) + mpmath.exp(w)),
        (700.0, 699.0),
    ),
    "maximum": (lambda u, w: anp.maximum(u, w) ** 2, lambda u, w: max(u, w) ** 2, (X, Y)),
    "minimum": (lambda u, w: anp.minimum(u, w) ** 2, lambda u, w: min(u, w) ** 2, (X, Y)),
}  # fmt: skip
CURVES = {"curved": (0.7, 1.1, -0.9), "straight": (0.7, 0.0, -0.9), "first": (0.7, 1.1, 0.0)}


def expected_taylor(f: Callable[[Any], Any]) -> np.ndarray:
    """Coefficients 0 to 6 of t -> f(t) at 0, from numerical differentiation with 150 digits."""
    with mpmath.workdps(150):
        return np.array([float(c) for c in mpmath.taylor(f, 0, ORDER)])


def require_close(found: list, expected: np.ndarray) -> None:
    """Within 64 eps of the largest coefficient: at most some tens of roundings in each recurrence.

    The value is held apart: in the tails of tanh and log(1 + exp) it is far larger than its derivatives.
    """
    found = [float(c) for c in found]
    assert len(found) == len(expected)
    np.testing.assert_allclose(found[0], expected[0], rtol=4 * EPS["float64"], atol=0)
    scale = np.max(np.abs(expected[1:]))
    np.testing.assert_allclose(found[1:], expected[1:], rtol=0, atol=64 * EPS["float64"] * scale)


@cache
def expected_of_one(name: str, x: float, curve: str) -> np.ndarray:
    """The function of x + a t + b^2 t^2 / 2, by mpmath."""
    a, b, _ = CURVES[curve]
    return expected_taylor(lambda t: UNARY[name][1](two(x) + two(a) * t + (two(b) * t) ** 2 / 2))


def unary_case(name: str, x: float, curve: str) -> tuple[list, np.ndarray]:
    """The function of x + a t + b^2 t^2 / 2, by Taylor mode and by mpmath."""
    function = UNARY[name][0]
    a, b, _ = CURVES[curve]
    found = coefficients(
        lambda theta: function(theta[0] + 0.5 * theta[1] * theta[1]),
        np.array([x, 0.0]),
        np.array([a, b]),
        ORDER,
    )
    return found, expected_of_one(name, x, curve)


UNARY_CASES = [
    (name, x, curve)
    for name, (_, _, points) in UNARY.items()
    for x in points
    for curve in ("curved", "straight")
]


@pytest.mark.parametrize(("name", "x", "curve"), UNARY_CASES)
def test_a_function_of_a_curve_has_the_coefficients_of_mpmath(name: str, x: float, curve: str) -> None:
    require_close(*unary_case(name, x, curve))


@cache
def expected_of_two(name: str, curve: str) -> np.ndarray:
    """The function of x + a t + b^2 t^2 / 2 and y + c t - b^2 t^2 / 4, by mpmath."""
    _, exact, (x, y) = BINARY[name]
    a, b, c = CURVES[curve]

    def exactly(t: Any) -> Any:
        bend = (two(b) * t) ** 2
        return exact(two(x) + two(a) * t + bend / 2, two(y) + two(c) * t - bend / 4)

    return expected_taylor(exactly)


def binary_case(name: str, curve: str) -> tuple[list, np.ndarray]:
    """As `expected_of_two`, by Taylor mode beside mpmath."""
    function, _, (x, y) = BINARY[name]
    a, b, c = CURVES[curve]

    def f(theta: Any) -> Any:
        bend = theta[1] * theta[1]
        return function(theta[0] + 0.5 * bend, theta[2] - 0.25 * bend)

    found = coefficients(f, np.array([x, 0.0, y]), np.array([a, b, c]), ORDER)
    return found, expected_of_two(name, curve)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("name", BINARY)
def test_a_function_of_two_curves_has_the_coefficients_of_mpmath(name: str, curve: str) -> None:
    require_close(*binary_case(name, curve))


@pytest.mark.parametrize("varying", [0, 1])
@pytest.mark.parametrize("name", BINARY)
def test_one_constant_side_is_left_out(name: str, varying: int) -> None:
    function, exact, point = BINARY[name]
    support = [(varying, varying + 1)]
    direction = np.array([0.0, 0.0])
    direction[varying] = -0.8

    def line(t: Any) -> Any:
        sides = [two(x) for x in point]
        sides[varying] += two(-0.8) * t
        return exact(*sides)

    found = coefficients(
        lambda theta: function(theta[0], theta[1]), np.array(point), direction, ORDER, support
    )
    require_close(found, expected_taylor(line))


# ---- everything else against nested forward mode ----

POINT_ARRAY, VECTOR_ARRAY = np.array(POINT), np.array(VECTOR)
WITHOUT_RULE = {name for name in NUMPY_ONLY if name.startswith("without a rule")}
C = np.array([[0.3, -0.2, 0.5], [0.2, 0.6, -0.1]])
FURTHER: dict[str, Callable[[Any], Any]] = {
    "concatenate": lambda x: anp.sum(anp.concatenate([x[:2] ** 3, C[0], x[3:] * x[:3]]) ** 2),
    "einsum of three": lambda x: anp.einsum("i,ij,j->", x[:2] ** 2, anp.outer(x[:2], x[3:]) + C, x[:3] ** 3),
    "amax": lambda x: anp.sum(anp.amax(C * x[:3] ** 2, 1) ** 2) + anp.amin(x) ** 3,
    "tensordot of one axis": lambda x: anp.sum(anp.tensordot(C, anp.outer(x[:3] ** 2, x), 1) ** 2),
    "decay of everything": lambda x: anp.sum(x**2) * anp.sum(x[1:])
    + anp.sum(C * anp.reshape(x, (2, 3))) ** 2,
    "elementwise, then not": lambda x: anp.sum(anp.exp(x * np.arange(6.0)) * anp.tanh(x))
    + anp.sum((x * x)[::2] ** 2 * x[0]),
}  # fmt: skip
ZOO: dict[str, Callable[[Any], Any]] = (
    {name: objective(name) for name in DIALECT}
    | {name: f for name, f in NUMPY_ONLY.items() if name not in WITHOUT_RULE}
    | FURTHER
)


Support = tuple[tuple[int, int], ...] | None


@cache
def expected_of_many(name: str, order: int, support: Support) -> tuple[np.ndarray, np.ndarray]:
    """The direction that keeps to the support, and the coefficients by nested forward mode."""
    direction = VECTOR_ARRAY if support is None else np.zeros(6)
    for start, stop in support or ():
        direction[start:stop] = VECTOR_ARRAY[start:stop]
    return direction, np.array(nested(ZOO[name], POINT_ARRAY, direction, order))


def nested_disagreement(name: str, order: int = 4, support: Support = None) -> float:
    """Largest difference from nested forward mode, relative to the largest coefficient."""
    direction, expected = expected_of_many(name, order, support)
    found = np.array([float(c) for c in coefficients(ZOO[name], POINT_ARRAY, direction, order, support)])
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


@pytest.mark.parametrize("name", ZOO)
def test_coefficients_are_those_of_nested_forward_mode(name: str) -> None:
    # 128 eps: some tens of roundings in each of two orders of summation
    assert nested_disagreement(name) <= 128 * EPS["float64"]


@pytest.mark.parametrize("support", [((1, 3),), ((0, 1), (4, 6)), ((0, 6),), ((5, 6),), ()], ids=str)
@pytest.mark.parametrize("name", ZOO)
def test_a_support_changes_nothing_but_the_work(name: str, support: Support) -> None:
    assert nested_disagreement(name, 3, support) <= 128 * EPS["float64"]  # as above


@pytest.mark.parametrize("support", [None, [(1, 3)]], ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", DIALECT)
def test_the_dialect_on_every_lane(name: str, dtype: str, support: Any, derivative_lane: Lane) -> None:
    values = [v if support is None or i in (1, 2) else 0.0 for i, v in enumerate(VECTOR)]
    theta, direction = derivative_lane.array(POINT, dtype), derivative_lane.array(values, dtype)
    expected = nested(objective(name), np.array(POINT, dtype=dtype).astype("float64"), np.array(values), 3)
    found = coefficients(objective(name), theta, direction, 3, support)
    assert all(str(c.dtype) == dtype for c in found)
    assert all(type(c) is type(found[0]) for c in found)
    # 128 eps: as above; the point itself is the same in both dtypes up to its rounding, which is included
    scale = max(map(abs, expected))
    for ours, theirs in zip(found, expected, strict=True):
        assert abs(float(ours) - theirs) <= 128 * EPS[dtype] * scale


PROBLEMS = [i for i in list_problems() if not i.startswith(("quadratic-b", "quadratic-paper", "characters"))]


@pytest.mark.parametrize("problem_id", PROBLEMS)
def test_every_problem_agrees_with_nested_forward_mode(problem_id: str) -> None:
    if problem_id.startswith("digits"):
        pytest.importorskip("sklearn")
    problem = load_problem(problem_id)
    theta = problem.start + 0.01 * np.cos(np.arange(problem.n))  # away from symmetric starts
    direction = np.sin(1 + np.arange(problem.n)) / math.sqrt(problem.n)
    order = 4 if problem.n < 100 else 3
    expected = np.array(nested(problem.objective, theta, direction, order))
    found = np.array([float(c) for c in coefficients(problem.objective, theta, direction, order)])
    # sums over parameters and samples: sqrt(terms) roundings would do, 1000 eps holds for the largest
    np.testing.assert_allclose(found, expected, rtol=0, atol=1000 * EPS["float64"] * np.max(np.abs(expected)))


ALONG = json.loads((ROOT / "oracles/vectors/derivatives/L1-along.json").read_text(encoding="ascii"))["cases"]


def along(case: dict, tape_of: Callable[..., TaylorTape] = trace_taylor) -> np.ndarray:
    given = case["in"]
    problem = load_problem(given["problem"], dtype=case["dtype"])
    theta, direction = (
        np.array(given[key]["f64"], dtype=case["dtype"]).reshape(given[key]["shape"])
        for key in ("theta", "direction")
    )
    found = tape_of(problem.objective, theta).coefficients(direction, given["order"])
    return np.array([float(c) * math.factorial(k) for k, c in enumerate(found)])


@pytest.mark.parametrize("case", ALONG, ids=lambda case: case["id"])
def test_derivatives_along_a_line_are_the_oracles(case: dict) -> None:
    comparison = compare(case["expect"]["derivatives"], along(case), case["dtype"])
    assert comparison.ratio <= case["expect"]["derivatives"]["threshold"]


# ---- corners ----

# name: (function of a vector, point, direction); each compared with nested forward mode, all finite
CORNERS: dict[str, tuple[Callable[[Any], Any], tuple[float, ...]]] = {
    "abs at 0": (lambda x: anp.sum(anp.abs(x) ** 3 + 2 * anp.abs(x)), (0.0, 1.0)),
    "relu at 0": (lambda x: anp.sum(anp.maximum(x, 0.0) ** 2 + anp.sin(anp.maximum(0.0, x))), (0.0, 1.0)),
    "relu of a curve at 0": (lambda x: anp.sum(anp.maximum(x**2 + anp.sin(x), 0.0)), (0.0, -1.0)),
    "minimum of equals": (lambda x: anp.minimum(anp.sin(x[0]), x[1] ** 2 + x[1]), (0.0, 0.0)),
    "max of equals": (lambda x: anp.max(anp.sin(x)) ** 2 + anp.max(x**2 - x), (0.5, 0.5)),
    "min of equals": (lambda x: anp.exp(anp.min(anp.sin(x))), (0.5, 0.5)),
    "powers at 0": (lambda x: anp.sum(x**0 + x**1 + x**2 + x**3 + x**5), (0.0, 0.0)),
    "fractional power at 0": (lambda x: anp.sum(x**6.5), (0.0, 1.0)),
    "power with exponent 0": (lambda x: anp.sum(x ** np.array([0.0, 3.0])), (0.0, 0.0)),
    "where at its edge": (lambda x: anp.sum(anp.where(x > 0, anp.exp(x), 1 + x)), (0.0, 1.0)),
    "sine over x at 0": (
        lambda x: anp.sum(anp.where(x, anp.sin(anp.where(x, x, 1.0)) / anp.where(x, x, 1.0), 1 - x**2 / 6)),
        (0.0, 1.0),
    ),
}
DIRECTIONS = ((1.0, 0.5), (-1.0, 0.5), (0.0, 1.0))


@pytest.mark.parametrize("direction", DIRECTIONS, ids=str)
@pytest.mark.parametrize("name", CORNERS)
def test_corners_are_those_of_nested_forward_mode(name: str, direction: tuple[float, float]) -> None:
    f, point = CORNERS[name]
    expected = nested(f, np.array(point), np.array(direction), 5)
    found = [float(c) for c in coefficients(f, np.array(point), np.array(direction), 5)]
    # 64 eps of the largest: a few roundings for each order
    np.testing.assert_allclose(found, expected, rtol=0, atol=64 * EPS["float64"] * max(map(abs, expected)))


@pytest.mark.parametrize(
    "f", [lambda x: anp.sqrt(x[0]), lambda x: anp.log(x[0]), lambda x: x[0] ** 0.5, lambda x: x[0] ** 2.5]
)
def test_a_singular_point_gives_no_finite_third_derivative(f: Callable[[Any], Any]) -> None:
    with np.errstate(all="ignore"):
        assert not np.isfinite(float(coefficients(f, np.zeros(1), np.ones(1), 3)[3]))


# name: (function, point, direction, coefficients worked by hand); few binary digits, so every result is exact
BY_HAND: dict[str, tuple[Callable[[Any], Any], tuple, tuple, tuple]] = {
    # max(u, 0) with u = t + t^2 at t = 0: autograd gives each side of a tie a half, so (t + t^2)/2
    "a kink": (lambda x: anp.maximum(x[0] + x[0] ** 2, 0.0), (0.0,), (1.0,), (0.0, 0.5, 0.5, 0.0)),
    # |u| has slope sign(0) = 0 there
    "a cusp": (lambda x: anp.abs(x[0]), (0.0,), (1.0,), (0.0, 0.0, 0.0, 0.0)),
    # (1 + t)^2 (2 - t) = 2 + 3 t - t^3
    "a polynomial": (
        lambda x: x[0] ** 2 * x[1], (1.0, 2.0), (1.0, -1.0), (2.0, 3.0, 0.0, -1.0, 0.0, 0.0, 0.0),
    ),
    # (1.5 + t)^3 + 2 (2.5 - t)^3: integers are constants
    "conversions": (
        lambda x: anp.sum(x.astype("float64") ** 3 * x.astype("int64")),
        (1.5, 2.5), (1.0, -1.0), (34.625, -30.75, 19.5, -1.0, 0.0),
    ),
    # (3 + t)^2 (2 + t) + (2 + t) (3 + t): with a constant of float64, whatever the dtype of x
    "wider constants": (
        lambda x: anp.sum((x + np.ones(1)) ** 2 * x) + anp.sum(x * (x + np.ones(1))),
        (2.0,), (1.0,), (24.0, 26.0, 9.0, 1.0),
    ),
    "order zero": (lambda x: anp.sum(x**2), (1.0, 2.0), (3.0, -1.0), (5.0,)),
    "order one": (lambda x: anp.sum(x**2), (1.0, 2.0), (3.0, -1.0), (5.0, 2.0)),
    "no parameter": (lambda x: 7.0, (1.0, 2.0), (3.0, -1.0), (7.0, 0.0, 0.0)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", BY_HAND)
def test_coefficients_are_those_worked_by_hand(name: str, dtype: str) -> None:
    f, point, direction, expected = BY_HAND[name]
    found = coefficients(f, np.array(point, dtype), np.array(direction, dtype), len(expected) - 1)
    assert tuple(float(c) for c in found) == expected


# ---- range ----

# functions of one float32, points at which the derivatives of orders 0 to 5 are finite in float32 while
# squares, factorials or exponentials of what they are made of are near the largest float32, 3.4e38
RANGES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], float]] = {
    "1/x": (lambda x: 1 / x, lambda t: 1 / t, 1.5e-6),
    "log": (anp.log, mpmath.log, 1e-7),
    "exp": (anp.exp, mpmath.exp, 88.0),
    "tanh": (anp.tanh, mpmath.tanh, 30.0),
    "sinh": (anp.sinh, mpmath.sinh, -80.0),
    "logaddexp": (lambda x: anp.logaddexp(x, 0.0), lambda t: mpmath.log1p(mpmath.exp(t)), 60.0),
    "sqrt": (anp.sqrt, mpmath.sqrt, 1e-8),
    "x**-1": (lambda x: x**-1, lambda t: 1 / t, 1.5e-6),
}


@pytest.mark.parametrize("name", RANGES)
def test_coefficients_overflow_no_sooner_than_derivatives(name: str) -> None:
    f, exact, point = RANGES[name]
    theta = np.array([point], dtype="float32")
    found = coefficients(lambda x: f(x[0]), theta, np.ones(1, dtype="float32"), 5)
    expected = expected_taylor(lambda t: exact(two(float(theta[0])) + t))[:6]
    assert all(math.factorial(k) * abs(c) < np.finfo("float32").max for k, c in enumerate(expected))
    for k, c in enumerate(found):
        # 16 eps: about two roundings in each order; exp itself is good to 2 ulp in float32
        assert abs(float(c) - expected[k]) <= 16 * EPS["float32"] * abs(expected[k])


# ---- what is zero by structure ----


def test_an_order_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="`order` is -1; it must be at least 0"):
        coefficients(lambda x: anp.sum(x), np.ones(2), np.ones(2), -1)


def test_the_end_of_a_polynomial_is_of_the_type_of_the_value(derivative_lane: Lane) -> None:
    theta = derivative_lane.array([1.0, 2.0])
    found = coefficients(lambda x: namespace(x).sum(x * x), theta, theta, 4)
    assert [float(c) for c in found] == [5.0, 10.0, 5.0, 0.0, 0.0]
    assert len({type(c) for c in found}) == 1


class Counted:
    """What the stand-in computes: one entry (name, shape of the result) for each call."""

    def __init__(self, monkeypatch: Any) -> None:
        self.calls: list[tuple[str, tuple[int, ...]]] = []
        for method in ("__array_ufunc__", "__array_function__"):
            monkeypatch.setattr(
                standin.StandinArray, method, self._counting(getattr(standin.StandinArray, method))
            )

    def _counting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def counting(array: Any, function: Any, *arguments: Any, **options: Any) -> Any:
            result = original(array, function, *arguments, **options)
            if result is not NotImplemented and hasattr(result, "shape"):
                self.calls.append((function.__name__, tuple(result.shape)))
            return result

        return counting

    def during(self, work: Callable[[], Any]) -> list[tuple[str, tuple[int, ...]]]:
        self.calls.clear()
        work()
        return list(self.calls)


SIZES, SAMPLES = (5, 4, 3, 2), 7
LAYERS = ((0, 20, 24), (24, 36, 39), (39, 45, 47))  # weights from, biases from, end


def small_network(decay: float = 0.0) -> tuple[TaylorTape, np.ndarray]:
    """A tanh network of three layers on the stand-in, and a direction."""
    generator = np.random.default_rng(5)
    n = LAYERS[-1][2]
    theta, direction = generator.standard_normal((2, n))
    f = partial(
        network,
        features=standin.xp.asarray(generator.standard_normal((SIZES[0], SAMPLES))),
        targets=standin.xp.asarray(np.eye(2)[generator.integers(0, 2, SAMPLES)].T),
        sizes=SIZES,
        activation="tanh",
        loss="cross-entropy",
        decay=decay,
    )
    point = standin.xp.asarray(theta)
    register(point)
    return trace_taylor(f, point), direction


def restricted(direction: np.ndarray, start: int, stop: int) -> Any:
    inside = np.zeros_like(direction)
    inside[start:stop] = direction[start:stop]
    return standin.xp.asarray(inside)


def replay(
    tape: TaylorTape, direction: np.ndarray, start: int, stop: int, order: int = 3
) -> Callable[[], Any]:
    one = restricted(direction, start, stop)
    return lambda: tape.coefficients(one, order, [(start, stop)])


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_layer_leaves_the_earlier_ones_alone(layer: int, decay: float, monkeypatch: Any) -> None:
    tape, direction = small_network(decay)
    counted = Counted(monkeypatch)
    weights, biases, end = LAYERS[layer]
    for start, stop in ((weights, biases), (biases, end)):
        calls = counted.during(replay(tape, direction, start, stop))
        shapes = {shape for _, shape in calls}
        outputs = {(width, SAMPLES) for width in SIZES[1:]}
        assert shapes & outputs == {(width, SAMPLES) for width in SIZES[layer + 1 :]}
        assert (47,) not in shapes, "nothing of the size of theta, weight decay included"
        # one product per coefficient that is there: one where the layer is linear in t, three behind it
        products = [name for name, _ in calls].count("matmul")
        assert products == (start == weights) + 3 * (2 - layer)


def test_a_second_replay_computes_nothing_at_the_point(monkeypatch: Any) -> None:
    tape, direction = small_network()
    counted = Counted(monkeypatch)
    first = counted.during(replay(tape, direction, 0, 20))
    second = counted.during(replay(tape, direction, 20, 24))
    assert "exp" in {name for name, _ in first}, "the derivative of tanh"
    arithmetic = {"matmul", "add", "subtract", "multiply", "divide", "negative", "sum"}
    assert {name for name, _ in second} <= arithmetic | {"reshape", "broadcast_to"}


def test_the_work_grows_with_the_square_of_the_order(monkeypatch: Any) -> None:
    tape, direction = small_network()
    counted = Counted(monkeypatch)
    at = {order: len(counted.during(replay(tape, direction, 0, 47, order))) for order in (8, 16, 32)}
    # a + b d + c d^2 with a, b, c >= 0 grows at most fourfold; nested mode would grow 2^16-fold
    assert at[32] <= 4 * at[16] <= 16 * at[8]


def test_nothing_outside_the_support_is_read(derivative_lane: Lane) -> None:
    # the direction is promised to be zero there; what stands there instead does not matter to a slice
    def f(x: Any) -> Any:
        xp = namespace(x)
        return xp.sum(xp.exp(x[:2])) * xp.sum(x[2:] ** 2) + xp.sum(x * x) * 0.5

    theta = derivative_lane.array([0.1, 0.2, 0.3, 0.4])
    clean = coefficients(f, theta, derivative_lane.array([0.0, 0.0, 1.0, -1.0]), 3, [(2, 4)])
    dirty = coefficients(f, theta, derivative_lane.array([math.nan, math.nan, 1.0, -1.0]), 3, [(2, 4)])
    assert [float(c) for c in clean] == [float(c) for c in dirty]


def test_the_arrays_of_a_tape_go_with_it() -> None:
    theta = np.array(POINT)
    held: list[Any] = []

    def f(x: Any) -> Any:
        inner = anp.exp(x)
        held.append(weakref.ref(getval(inner)))
        return anp.sum(inner**2)

    gc.disable()
    try:
        tape = trace_taylor(f, theta)
        tape.coefficients(np.ones(6), 2)
        assert held[0]() is not None
        del tape
        assert held[0]() is None, "no cycle keeps them until it is collected"
    finally:
        gc.enable()


# ---- what has no rule ----

NO_RULE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "prod": (lambda x: anp.prod(2 + x), "prod"),
    "logaddexp2": (lambda x: anp.sum(anp.logaddexp2(x[:3], x[3:])), "logaddexp2"),
    "initial": (lambda x: anp.sum(x, initial=1.0), "sum"),
    "ufunc with options": (lambda x: anp.sum(anp.exp(x, dtype="float64")), "exp"),
    "0 ** varying": (lambda x: anp.sum((0.0 * x) ** (2 + x)), "power"),
}


@pytest.mark.parametrize("name", NO_RULE)
def test_a_primitive_without_a_rule_is_named(name: str) -> None:
    f, primitive = NO_RULE[name]
    with pytest.raises(NoTaylorRule, match=f"Taylor mode of {primitive} "):
        trace_taylor(f, POINT_ARRAY)


# ---- every rule and every sum is noticed by the checks above when it is wrong ----


def wrong() -> bool:
    """Whether one of the functions above misses its tolerance, or fails."""
    try:
        for name, (_, _, points) in UNARY.items():
            require_close(*unary_case(name, points[-1], "curved"))
        for name, curve in product(BINARY, CURVES):
            require_close(*binary_case(name, curve))
        for name in BY_HAND:
            test_coefficients_are_those_worked_by_hand(name, "float64")
        for name, support in product(ZOO, (None, ((1, 3),))):
            assert nested_disagreement(name, 3, support) <= 128 * EPS["float64"]
    except (AssertionError, ArithmeticError, LookupError, TypeError, ValueError):
        return True
    return False


def test_without_a_fault_nothing_is_noticed() -> None:
    assert not wrong()


def _rules() -> Iterator[Any]:
    for table, rules in (("ELEMENTWISE", taylor_rules.ELEMENTWISE), ("RULES", taylor_moves.RULES)):
        for fun in rules:
            for position in (1, -1):
                yield pytest.param(table, fun, position, id=f"{fun.__name__}-{position}")


@pytest.mark.parametrize(("table", "fun", "position"), list(_rules()))
def test_a_wrong_rule_is_noticed(table: str, fun: Any, position: int, monkeypatch: Any) -> None:
    """One coefficient of one primitive, the first or the last, off by 1e-9 of itself."""
    rules = {"ELEMENTWISE": taylor_rules.ELEMENTWISE, "RULES": taylor_moves.RULES}[table]
    right = rules[fun]

    def off(*arguments: Any) -> Any:
        found = list(right(*arguments))
        if len(found) > 1:
            found[position] = found[position] * (1 + 1e-9)
        return tuple(found)

    monkeypatch.setitem(rules, fun, off)
    assert wrong()


PARTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "weights j/k": (taylor_series, "_scaled", lambda term, j, k: term),
    "indices from one end": (
        taylor_series, "_indices", lambda a, b, k, first, last: range(first, min(last, len(a) - 1)),
    ),
    "sum": (taylor_series, "total", lambda terms: next(iter(terms), None)),
    "spread": (taylor_rules, "spread", lambda coefficient, shape: coefficient * 0),
    "slope of tanh": (taylor_rules, "square_coefficient", lambda a, k, sign=1: a[0] * a[k]),
    "power of the base": (taylor_powers, "_local_power", lambda x, e, order: [e * x ** (e - 1)]),
    "window": (taylor_window.Window, "_placed", lambda window, coefficient: window.whole * 0),
    "what is outside": (taylor, "_outside", lambda taken, support: taken is not None),
    "the stretch": (taylor_series.Recorded, "within", lambda node, start, stop: node),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_a_wrong_part_is_noticed(name: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(*PARTS[name])
    assert wrong()


WASTE: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "every slice is reached": (taylor, "_outside", lambda taken, support: False),
    "no window": (taylor, "windowed", lambda node, order, sources: None),
}


@pytest.mark.parametrize("name", WASTE)
def test_work_that_is_not_needed_is_noticed(name: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(*WASTE[name])
    with pytest.raises(AssertionError), monkeypatch.context() as inner:
        test_a_layer_leaves_the_earlier_ones_alone(2, 0.1, inner)


def test_work_at_the_point_that_is_done_again_is_noticed(monkeypatch: Any) -> None:
    monkeypatch.setattr(taylor_series.Recorded, "once", lambda node, key, make: make())
    with pytest.raises(AssertionError), monkeypatch.context() as inner:
        test_a_second_replay_computes_nothing_at_the_point(inner)
