"""The linearised Hessian: right on every rule it has, one trace, few steps, memory of its own."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad, make_jvp
from autograd.extend import defvjp, primitive
from conftest import Lane
from dialect import DIALECT, POINT, VECTOR, objective

from refopt import linear_rules
from refopt.arrays import namespace, unboxed
from refopt.derivatives import Derivatives
from refopt.linearize import trace_gradient

POINT_ARRAY, VECTOR_ARRAY = np.array(POINT), np.array(VECTOR)
A = np.array([[0.3, -0.2, 0.5], [0.2, 0.6, -0.1]])
BYTES = np.array([200, 3, 100, 17, 250, 1], dtype=np.uint8)  # their squares do not fit into a byte

# NumPy alone: functions beyond the dialect that the rule tables know.
NUMPY_ONLY: dict[str, Callable[[Any], Any]] = {
    "dot": lambda x: anp.sum(anp.dot(A, x[:3] ** 2) ** 2) + anp.dot(x, x * x),
    "inner": lambda x: anp.sum(anp.inner(A, x[:3] ** 2) ** 2) + anp.sum(anp.inner(x[3:] ** 2, A) ** 2),
    "outer": lambda x: anp.sum(anp.outer(x[:2] ** 2, x) ** 2),
    "einsum": lambda x: anp.sum(anp.einsum("ij,j->i", A, x[:3] ** 2) ** 2) + anp.einsum("i,i->", x, x * x),
    "cross": lambda x: anp.sum(anp.cross(x[:3] ** 2, A[0]) ** 2),
    "kron": lambda x: anp.sum(anp.kron(A, anp.reshape(x**2, (2, 3))) ** 2),
    "swapaxes": lambda x: anp.sum(anp.swapaxes(anp.reshape(x**2, (2, 3)), 0, 1) ** 2 * A.T),
    "moveaxis": lambda x: anp.sum(anp.moveaxis(anp.reshape(x**2, (2, 3)), 0, 1) ** 2 * A.T),
    "rollaxis": lambda x: anp.sum(anp.rollaxis(anp.reshape(x**2, (2, 3)), 1) ** 2 * A.T),
    "diagonal": lambda x: anp.sum(anp.diagonal(anp.outer(x, x), 0, -1, -2) ** 2),
    "ravel": lambda x: anp.sum(anp.ravel(A * x[:3] ** 2) ** 2),
    "repeat": lambda x: anp.sum(anp.repeat(x**2, 2) ** 2),
    "tile": lambda x: anp.sum(anp.tile(x**2, 2) ** 2),
    "cumsum": lambda x: anp.sum(anp.cumsum(x**2) ** 2),
    "divide": lambda x: anp.sum(anp.divide(A[0], 2 + x[:3])),
    "fabs": lambda x: anp.sum(anp.fabs(x) ** 3),
    "reciprocal": lambda x: anp.sum(anp.reciprocal(2 + x) ** 2),
    "without a rule here: prod": lambda x: anp.prod(2 + x),
    "without a rule here: logaddexp2": lambda x: anp.sum(anp.logaddexp2(x[:3], x[3:])),
    "without a rule here: sinc": lambda x: anp.sum(anp.sinc(x)),
    "integer constants": lambda x: anp.sum((BYTES * (BYTES * x)) ** 2 * x),
    "masks added": lambda x: anp.sum(((x > 0) * x + (x > -1) * x) ** 3),
    "array of boxes": lambda x: anp.sum(anp.array([x[0] * x[1], x[2] ** 2, 1.0]) ** 2),
    "dense gradient after parts": lambda x: anp.sum(x[:2] ** 3) + anp.sum(x**3) + anp.sum(x[1:] ** 2 * x[0]),
}
ZOO: dict[str, Callable[[Any], Any]] = {name: objective(name) for name in DIALECT} | NUMPY_ONLY


def reference(f: Callable[[Any], Any]) -> np.ndarray:
    """Autograd's own product, traced anew: other code than the replay."""
    return make_jvp(grad(f))(POINT_ARRAY)(VECTOR_ARRAY)[1]


def disagreement(f: Callable[[Any], Any]) -> float:
    """Largest difference of the replayed product from autograd's, relative to the largest element."""
    expected = reference(f)
    found = trace_gradient(f, POINT_ARRAY).product(VECTOR_ARRAY)
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


@pytest.mark.parametrize("name", ZOO)
def test_product_is_autograds(name: str) -> None:
    # 64 eps: some tens of roundings, in another order than autograd's
    assert disagreement(ZOO[name]) <= 64 * np.finfo(np.float64).eps


def test_product_of_rosenbrock_worked_by_hand(derivative_lane: Lane) -> None:
    # f = 100 (y - x^2)^2 + (1 - x)^2 at (2, 3): H = [[1200 x^2 - 400 y + 2, -400 x], [-400 x, 200]]
    #   = [[3602, -800], [-800, 200]]; H (1, 2) = (2002, -400)
    def rosenbrock(t: Any) -> Any:
        return 100 * (t[1] - t[0] ** 2) ** 2 + (1 - t[0]) ** 2

    at = Derivatives(rosenbrock).linearize(derivative_lane.array([2.0, 3.0]))
    np.testing.assert_array_equal(
        derivative_lane.host(at.hvp(derivative_lane.array([1.0, 2.0]))), [2002.0, -400.0]
    )
    assert float(at.value) == 101.0
    np.testing.assert_array_equal(derivative_lane.host(at.gradient), [802.0, -200.0])


def sinc_by_parts(xp: Any, x: Any) -> Any:
    """The sum of sin(x)/x, its value at 0 by the series, the conditions being x itself."""
    nonzero = xp.where(x, x, 1.0)
    return xp.sum(xp.where(x, xp.sin(nonzero) / nonzero, 1 - x**2 / 6))


# Functions that select by the point itself, at (0, 1), with the diagonal of the Hessian worked by hand;
# |x| has slope sign(x), 0 at the kink, and no curvature.
SELECTED: dict[str, tuple[Callable[[Any, Any], Any], tuple[float, float]]] = {
    # 3|x| + x^2: 0 + 2
    "abs": (lambda xp, x: xp.sum(3 * xp.abs(x) + x**2), (2.0, 2.0)),
    # log(1 + |x|): -sign(x)^2 / (1 + |x|)^2
    "log1p of abs": (lambda xp, x: xp.sum(xp.log1p(xp.abs(x))), (0.0, -0.25)),
    # 1 - x^2/6 at 0; at 1: (sin x / x)'' = -sin x / x - 2 cos x / x^2 + 2 sin x / x^3 = sin 1 - 2 cos 1
    "double where": (sinc_by_parts, (-1 / 3, np.sin(1.0) - 2 * np.cos(1.0))),
    # the condition alone depends on x: 1 or 2 times x^2
    "condition alone": (lambda xp, x: xp.sum(xp.where(x, 2 * xp.ones_like(x), 1.0) * x**2), (2.0, 4.0)),
}


@pytest.mark.parametrize("name", SELECTED)
def test_the_condition_of_a_selection_carries_no_tangent(name: str, derivative_lane: Lane) -> None:
    lane, (function, diagonal) = derivative_lane, SELECTED[name]

    def f(x: Any) -> Any:
        return function(namespace(x), x)

    vector = lane.array([1.0, 1.0])
    found = lane.host(Derivatives(f).hvp(lane.array([0.0, 1.0]), vector))
    traced_anew = make_jvp(grad(f))(np.array([0.0, 1.0]))(np.ones(2))[1]
    # 16 eps: a few roundings of numbers near one
    np.testing.assert_allclose(found, diagonal, rtol=0, atol=16 * np.finfo(np.float64).eps)
    np.testing.assert_allclose(found, traced_anew, rtol=0, atol=16 * np.finfo(np.float64).eps)


# ---- every entry of the tables is noticed by the functions above when it is wrong ----


def _faults() -> Iterator[Any]:
    for fun, partials in linear_rules.PARTIALS.items():
        for argnum, rule in enumerate(partials):
            if rule is not None:
                yield pytest.param("PARTIALS", fun, argnum, id=f"{fun.__name__}-{argnum}")
    for fun in linear_rules.LINEAR:
        yield pytest.param("LINEAR", fun, None, id=fun.__name__)
    for fun in linear_rules.JOINT:
        yield pytest.param("JOINT", fun, None, id=fun.__name__)


@pytest.mark.parametrize(("table", "fun", "argnum"), list(_faults()))
def test_a_wrong_rule_is_noticed(table: str, fun: Any, argnum: int | None, monkeypatch: Any) -> None:
    rules = getattr(linear_rules, table)
    rule, wrong = rules[fun], 1.001
    if argnum is not None:
        partial = rule[argnum]

        def wrong_partial(*args: Any) -> Any:
            coefficient = partial(*args)
            return wrong if coefficient is None else coefficient * wrong

        planted: Any = (*rule[:argnum], wrong_partial, *rule[argnum + 1 :])
    else:

        def planted(*args: Any) -> Any:
            move = rule(*args)
            return (lambda *g: g[0] * wrong) if move is None else (lambda *g: move(*g) * wrong)

    monkeypatch.setitem(rules, fun, planted)
    # one part in a thousand in one rule moves a product by far more than a millionth
    assert any(disagreement(f) > 1e-6 for f in ZOO.values())


# ---- what makes it fast ----


def test_the_objective_is_called_once() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return namespace(x).sum(namespace(x).tanh(x))

    tape = trace_gradient(f, POINT_ARRAY)
    for _ in range(3):
        tape.product(VECTOR_ARRAY)
    assert len(calls) == 1


def test_a_chain_of_elementwise_functions_is_one_multiplication() -> None:
    # f = sum exp(sin(tanh(x))) has a diagonal Hessian: one step, coefficient * vector
    tape = trace_gradient(lambda x: anp.sum(anp.exp(anp.sin(anp.tanh(x)))), POINT_ARRAY)
    assert len(tape.compiled.steps) == 1


def test_only_what_reaches_the_gradient_is_replayed() -> None:
    def f(x: Any) -> Any:
        anp.linalg.det(anp.outer(x, x))  # traced, then dropped
        return anp.sum(x**3)

    assert len(trace_gradient(f, POINT_ARRAY).compiled.steps) == 1


def test_intermediate_tangents_are_let_go() -> None:
    tape = trace_gradient(ZOO["weight decay"], POINT_ARRAY)
    spent = [slot for step in tape.compiled.steps for slot in step.spent]
    assert sorted([*spent, 0, tape.compiled.result]) == list(range(len(tape.compiled.shapes)))


# ---- memory, zero, errors ----


@primitive
def half_square(x: Any) -> Any:
    """|x|^2 / 2 with the gradient x itself, so that the product is the vector itself."""
    return np.sum(x * x) / 2


defvjp(half_square, lambda ans, x: lambda g: x)


def test_a_product_equal_to_its_vector_is_a_copy(derivative_lane: Lane) -> None:
    lane = derivative_lane
    vector = lane.array(VECTOR)
    for f in (
        half_square,
        lambda x: half_square(x[::-1]),
        lambda x: half_square(namespace(x).reshape(x, (2, 3))),
    ):
        at = Derivatives(f).linearize(lane.array(POINT))
        product = at.hvp(vector)
        product *= 2.0
        np.testing.assert_array_equal(lane.host(vector), np.array(VECTOR))
        np.testing.assert_array_equal(lane.host(product), 2 * np.array(VECTOR))


def test_changing_the_point_afterwards_changes_no_product() -> None:
    def f(x: Any) -> Any:
        return anp.sum(anp.tanh(anp.outer(x, x)) ** 2)

    point = POINT_ARRAY.copy()
    product = Derivatives(f).linearize(point).hvp
    before = product(VECTOR_ARRAY)
    point *= 3
    np.testing.assert_array_equal(product(VECTOR_ARRAY), before)


def test_a_product_holds_few_tangents_at_a_time() -> None:
    n, depth = 100_000, 20

    def f(x: Any) -> Any:
        for _ in range(depth):
            x = anp.roll(x, 1)
        return anp.sum(x**3)

    tape = trace_gradient(f, np.ones(n))
    assert len(tape.compiled.steps) >= 2 * depth
    vector = np.ones(n)
    tracemalloc.start()
    tape.product(vector)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 3 * 8 * n  # source, result and what numpy.roll needs; 2 * depth where nothing is let go


def test_nothing_of_a_trace_waits_for_the_garbage_collector() -> None:
    seen = []

    def f(x: Any) -> Any:
        y = anp.exp(x) * 2
        seen.append(weakref.ref(unboxed(y)))  # used by no rule of the replay
        return anp.sum(y * y)

    gc.disable()
    try:
        tape = trace_gradient(f, POINT_ARRAY)
        assert tape.product(VECTOR_ARRAY).shape == (6,)
        del tape
        assert seen[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: anp.sum(x * x) / 2,
        lambda x: anp.sum(x * x),
        lambda x: anp.dot(x, x[::-1]),
        lambda x: anp.sum(anp.reshape(x, (2, 3)) * anp.reshape(x[::-1], (2, 3))),
        lambda x: anp.sum(x[:2]) * anp.sum(x[2:]),
        lambda x: anp.sum(x) ** 2,  # ends in a broadcast view
    ],
)
def test_a_product_is_the_callers_own_memory(f: Callable[[Any], Any]) -> None:
    tape = trace_gradient(f, POINT_ARRAY)
    vector = VECTOR_ARRAY.copy()
    first = tape.product(vector)
    kept = first.copy()
    assert not np.shares_memory(first, vector)
    vector *= 0
    first *= 2  # writable, and nobody else's
    np.testing.assert_array_equal(tape.product(VECTOR_ARRAY), kept)


def test_a_linear_function_has_zero_products_and_no_warning(derivative_lane: Lane) -> None:
    lane = derivative_lane
    tape = trace_gradient(lambda x: namespace(x).sum(3 * x), lane.array(POINT)) if lane.xp is np else None
    at = Derivatives(lambda x: namespace(x).sum(3 * x)).linearize(lane.array(POINT))
    np.testing.assert_array_equal(lane.host(at.hvp(lane.array(VECTOR))), np.zeros(6))
    np.testing.assert_array_equal(lane.host(at.gradient), np.full(6, 3.0))
    assert tape is None or tape.compiled is None


def test_a_function_without_a_forward_rule_is_named() -> None:
    with pytest.raises(NotImplementedError, match=r"JVP of .*astype"):
        trace_gradient(lambda x: anp.sum(x.astype(float) ** 2), POINT_ARRAY)
