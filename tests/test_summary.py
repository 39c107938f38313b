"""The summary by groups: closed forms, every engine and lane, and what the replay for a group leaves out."""

from __future__ import annotations

import functools
import gc
import math
import re
import tracemalloc
import warnings
from collections.abc import Callable
from functools import cache, partial
from itertools import combinations_with_replacement, pairwise, product
from typing import Any, NamedTuple

import autograd.numpy as anp
import mpmath
import numpy as np
import pytest
from autograd import grad, make_jvp
from conftest import Lane
from dialect import DIALECT, POINT, objective
from hypothesis import given, settings
from hypothesis import strategies as st

from refopt import group_products
from refopt.arrays import asarray_like, namespace
from refopt.derivatives import Derivatives
from refopt.group_products import MOST_GROUPS, grouped_products
from refopt.groups import Groups, partition
from refopt.linearize import trace_gradient, zero_derivatives_allowed
from refopt.objectives import network
from refopt.problems import list_problems, load_problem
from refopt.summary import SummaryTensor, summary_tensors

EPS = {"float64": 2.0**-52, "float32": 2.0**-23}


def says(kind: type[Exception], sentence: str) -> Any:
    """The error with exactly this sentence."""
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


# ---- a closed form: f = sum_k c_k sin(w_k . theta + b_k) + theta'A theta / 2 ----

N, K = 6, 4
_rng = np.random.default_rng(3)
W, C, B = _rng.integers(-8, 9, (K, N)) / 8, _rng.integers(-8, 9, K) / 4, _rng.integers(-8, 9, K) / 8
A = _rng.integers(-8, 9, (N, N)) / 4
A = A + A.T
THETA, U = _rng.integers(-8, 9, N) / 8, _rng.integers(1, 9, N) / 4 * (-1) ** np.arange(N)

GROUPS = {
    "in order": Groups.of(N, [range(2), range(2, 5), [5]]),
    "permuted": Groups.of(N, [[5], range(2), range(2, 5)]),
    "scattered": Groups.from_labels([1, 0, 1, 2, 0, 2]),
    "trivial": Groups.trivial(N),
    "discrete": Groups.discrete(N),
}


def whole(theta: Any) -> Any:
    """The function, by products with the whole of theta."""
    xp = namespace(theta)
    w, c, b, a = (asarray_like(x, theta) for x in (W, C, B, A))
    waves = xp.sum(c * xp.sin(xp.matmul(w, theta) + b))
    return waves + xp.sum(theta * xp.matmul(a, theta)) / 2


def sliced(theta: Any) -> Any:
    """The same function, each stretch of theta taken once by a slice."""
    xp = namespace(theta)
    w, c, b, a = (asarray_like(x, theta) for x in (W, C, B, A))
    cuts = ((0, 3), (3, 5), (5, 6))
    parts = [theta[start:stop] for start, stop in cuts]
    phase, curved = b, xp.zeros_like(b[:1])[0]
    for (start, stop), part in zip(cuts, parts, strict=True):
        phase = phase + xp.matmul(w[:, start:stop], part)
        for (low, high), other in zip(cuts, parts, strict=True):
            curved = curved + xp.sum(part * xp.matmul(a[start:stop, low:high], other))
    return xp.sum(c * xp.sin(phase)) + curved / 2


FORMS = {"whole": whole, "sliced": sliced}


class Expected(NamedTuple):
    """D^d(u) with all its entries, and the largest sum of the sizes of what is added up in one."""

    tensor: np.ndarray
    scale: float


def exactly(rows: Any, x: Any) -> list[Any]:
    """A matrix times a vector, by mpmath."""
    return [mpmath.fdot(map(mpmath.mpf, row), map(mpmath.mpf, x)) for row in rows]


@cache
def closed_form(name: str, order: int) -> Expected:
    """D^d[s_1, .., s_d] = sum_k c_k sin^(d)(w_k.theta + b_k) prod_j w_k.u_(s_j) and the quadratic's part.

    sin^(d)(x) = sin(x + d pi/2). The quadratic theta'A theta/2 gives itself, u_s'A theta and u_s'A u_t.
    """
    groups, u = GROUPS[name], U
    inside = np.arange(groups.count)[:, None] == np.array(groups.labels())
    with mpmath.workdps(40):
        waves = [
            mpmath.mpf(c) * mpmath.sin(phase + b + order * mpmath.pi / 2)
            for c, phase, b in zip(C, exactly(W, THETA), B, strict=True)
        ]
        slopes = [exactly(W, part * u) for part in inside]  # w_k . u_s
        sizes = [exactly(abs(W), part * abs(u)) for part in inside]
        entries, largest = [], 0.0
        for index in product(range(groups.count), repeat=order):
            vectors = [part * u for part in inside[list(index)]]
            factors = [THETA, THETA][order:] + vectors
            quadratic = mpmath.fdot(factors[0], exactly(A, factors[1])) if order < 3 else mpmath.mpf(0)
            quadratic /= 2 if order == 0 else 1
            terms = [wave * mpmath.fprod(slopes[s][k] for s in index) for k, wave in enumerate(waves)]
            entries.append(float(mpmath.fsum([*terms, quadratic])))
            rough = [abs(C[k]) * mpmath.fprod(sizes[s][k] for s in index) for k in range(K)]
            largest = max(largest, float(mpmath.fsum([*rough, np.sum(abs(A)) * np.max(abs(U)) ** 2])))
    return Expected(np.array(entries).reshape((groups.count,) * order), largest)


def require_close(found: Any, expected: Any, scale: float, dtype: str = "float64") -> None:
    """Within 64 eps of what is added up: some tens of roundings, one after the other."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=64 * EPS[dtype] * scale)


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", GROUPS)
def test_the_summary_is_that_of_the_closed_form(
    name: str, form: str, dtype: str, derivative_lane: Lane
) -> None:
    lane, groups = derivative_lane, GROUPS[name]
    theta, u = lane.array(THETA, dtype), lane.array(U, dtype)
    for interactions in (True, False):
        found = Derivatives(FORMS[form]).summary(theta, u, groups, interactions=interactions)
        tensors = [closed_form(name, order) for order in range(4)]
        require_close(lane.host(found.value), tensors[0].tensor, tensors[0].scale, dtype)
        require_close(lane.host(found.g_bar), tensors[1].tensor, tensors[1].scale, dtype)
        H_bar = tensors[2].tensor if interactions else np.diag(np.diag(tensors[2].tensor))
        require_close(lane.host(found.H_bar), H_bar, tensors[2].scale, dtype)
        third = np.einsum("iii->i", tensors[3].tensor)
        require_close(lane.host(found.third_diagonal), third, tensors[3].scale, dtype)
        np.testing.assert_array_equal(lane.host(found.H_bar), lane.host(found.H_bar).T)
        if not interactions:
            off = ~np.eye(groups.count, dtype=bool)
            assert not np.any(lane.host(found.H_bar)[off])
        for array in found[1:]:
            assert type(array) is type(theta)
            assert array.dtype == theta.dtype
        np.testing.assert_array_equal(lane.host(theta), THETA)
        np.testing.assert_array_equal(lane.host(u), U)


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("name", ["in order", "permuted", "discrete"])
def test_the_tensors_are_those_of_the_closed_form(name: str, dtype: str, derivative_lane: Lane) -> None:
    lane, groups = derivative_lane, GROUPS[name]
    order = 4 if lane.name == "numpy" and groups.count < N else 3
    theta, u = lane.array(THETA, dtype), lane.array(U, dtype)
    tensors = summary_tensors(Derivatives(whole), theta, u, groups, order)
    assert len(tensors) == order + 1
    for d, tensor in enumerate(tensors):
        assert (tensor.order, tensor.count) == (d, groups.count)
        assert tensor.entries.dtype == theta.dtype
        expected = closed_form(name, d)
        require_close(lane.host(tensor.full()), expected.tensor, expected.scale, dtype)


def test_the_taylor_term_along_the_groups_learning_rates() -> None:
    # D^d[eta, .., eta] is the derivative of order d along sum_s eta_s u_s; with ones, along u
    groups, f = GROUPS["permuted"], Derivatives(whole)
    tensors = summary_tensors(f, THETA, U, groups, 4)
    for eta in (np.ones(3), np.array([0.5, -2.0, 1.25])):
        along = f.along(THETA, U * groups.spread(eta), 4)
        for d, tensor in enumerate(tensors):
            scale = closed_form("permuted", d).scale * 3**d * 2**d  # 3^d entries, eta up to 2
            require_close(tensor.contracted(eta), along[d], scale)


def test_polarisation() -> None:
    # t_d(v) the derivative of order d along v: t_2(a + b) - t_2(a - b) = 4 D_ab, and
    # t_3(a + b) - t_3(a - b) = 6 D_aab + 2 D_bbb
    groups, f = GROUPS["permuted"], Derivatives(whole)
    _, _, second, third = summary_tensors(f, THETA, U, groups, 3)
    for s, t in combinations_with_replacement(range(3), 2):
        if s == t:
            continue
        a, b = groups.restrict(U, s), groups.restrict(U, t)
        plus, minus, only = (f.along(THETA, v, 3) for v in (a + b, a - b, b))
        require_close(second.entry(s, t), (plus[2] - minus[2]) / 4, closed_form("permuted", 2).scale)
        expected = (plus[3] - minus[3] - 2 * only[3]) / 6
        require_close(third.entry(s, s, t), expected, closed_form("permuted", 3).scale)


def test_the_direction_is_a_constant(derivative_lane: Lane) -> None:
    # f = theta^2 at 3 with u = g = 6: u'Hu = 36 * 2 = 72; a u that followed theta would give 144
    lane = derivative_lane
    f, theta = Derivatives(lambda x: namespace(x).sum(x**2)), lane.array([3.0])
    u = f.gradient(theta)
    found = f.summary(theta, u, Groups.trivial(1))
    expected = (9.0, [6.0], [36.0], [[72.0]], [0.0])
    for array, values in zip(found, expected, strict=True):
        np.testing.assert_array_equal(lane.host(array), values)
    tensors = summary_tensors(f, theta, u, Groups.trivial(1), 3)
    assert [lane.host(tensor.entries).tolist() for tensor in tensors] == [[9.0], [36.0], [72.0], [0.0]]


@pytest.mark.parametrize("form", FORMS)
def test_a_group_without_a_direction_has_zeros(form: str, derivative_lane: Lane) -> None:
    lane, groups = derivative_lane, GROUPS["in order"]
    u = np.where(np.array(groups.labels()) == 1, 0.0, U)
    found = Derivatives(FORMS[form]).summary(lane.array(THETA), lane.array(u), groups)
    g_bar, H_bar, third = (lane.host(x) for x in found[2:])
    assert (g_bar[1], third[1]) == (0, 0)
    np.testing.assert_array_equal(H_bar[1], np.zeros(3))
    np.testing.assert_array_equal(H_bar[:, 1], np.zeros(3))
    kept = [0, 2]
    expected = closed_form("in order", 2)
    require_close(H_bar[np.ix_(kept, kept)], expected.tensor[np.ix_(kept, kept)], expected.scale)


def mixed_degrees(x: Any) -> Any:
    """3 x_0 + x_1^2 x_3 + x_2^3: linear in the first, quadratic in the second, linear in the fourth."""
    return 3 * x[0] + x[1] ** 2 * x[3] + x[2] ** 3


def test_an_objective_linear_or_quadratic_in_a_group_gives_zeros_and_no_warning(
    derivative_lane: Lane,
) -> None:
    lane, f, groups = derivative_lane, Derivatives(mixed_degrees), Groups.discrete(4)
    theta, u = lane.array([1.0, 2.0, 3.0, 4.0]), lane.array([1.0, 1.0, 1.0, 2.0])
    H_bar = [[0, 0, 0, 0], [0, 8, 0, 8], [0, 0, 18, 0], [0, 8, 0, 0]]  # 2 x_3; 2 x_1 u_3; 6 x_2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = f.summary(theta, u, groups)
        tensors = summary_tensors(f, theta, u, groups, 4)
    np.testing.assert_array_equal(lane.host(found.g_bar), [3, 16, 27, 8])
    np.testing.assert_array_equal(lane.host(found.H_bar), H_bar)
    np.testing.assert_array_equal(lane.host(found.third_diagonal), [0, 0, 6, 0])
    np.testing.assert_array_equal(lane.host(tensors[2].full()), H_bar)
    assert float(tensors[3].entry(3, 1, 1)) == 4  # 2 u_3
    np.testing.assert_array_equal(lane.host(tensors[3].diagonal()), [0, 0, 6, 0])
    np.testing.assert_array_equal(lane.host(tensors[4].entries), np.zeros(35))


@pytest.mark.parametrize("objective_of", [lambda x: 3, lambda x: 2.5, lambda x: namespace(x).sum(2 * x)])
@pytest.mark.parametrize("dtype", EPS)
def test_a_constant_or_linear_objective(objective_of: Any, dtype: str, derivative_lane: Lane) -> None:
    lane, f, groups = derivative_lane, Derivatives(objective_of), Groups.from_labels([0, 1, 0])
    theta, u = lane.array([1.0, 2.0, 3.0], dtype), lane.array([1.0, 1.0, 2.0], dtype)
    for interactions in (True, False):
        found = f.summary(theta, u, groups, interactions=interactions)
        slope = float(lane.host(found.gradient)[0])
        np.testing.assert_array_equal(lane.host(found.g_bar), [3 * slope, slope])
        np.testing.assert_array_equal(lane.host(found.H_bar), np.zeros((2, 2)))
        np.testing.assert_array_equal(lane.host(found.third_diagonal), np.zeros(2))
        assert {array.dtype for array in found[1:]} == {theta.dtype}
    assert {tensor.entries.dtype for tensor in summary_tensors(f, theta, u, groups, 2)} == {theta.dtype}


def test_constants_of_another_precision_leave_the_precision_of_the_point() -> None:
    for cut in (slice(None), slice(0, 2)):
        f = Derivatives(lambda x, cut=cut: anp.sum((C[cut] * x[cut]) ** 3))  # C is float64
        found = f.summary(*(np.array(x[:4], dtype="float32") for x in (THETA, U)), Groups.discrete(4))
        assert {array.dtype for array in found} == {np.dtype("float32")}


# ---- the order of the groups is the caller's ----


@pytest.mark.parametrize("form", FORMS)
def test_groups_of_one_size_in_another_order_give_the_same_numbers_in_that_order(form: str) -> None:
    members, order = [[0, 1], [2, 3], [4, 5]], [2, 0, 1]
    f = Derivatives(FORMS[form])
    for interactions in (True, False):
        first = f.summary(THETA, U, Groups.of(N, members), interactions=interactions)
        permuted = Groups.of(N, [members[s] for s in order])
        second = f.summary(THETA, U, permuted, interactions=interactions)
        scales = [closed_form("discrete", d).scale * 2**d for d in range(4)]  # two parameters in a group
        require_close(second.g_bar, first.g_bar[order], scales[1])
        require_close(second.H_bar, first.H_bar[np.ix_(order, order)], scales[2])
        require_close(second.third_diagonal, first.third_diagonal[order], scales[3])
        assert not np.allclose(second.g_bar, first.g_bar)  # the order matters here
    tensors = [summary_tensors(f, THETA, U, g, 3)[3] for g in (Groups.of(N, members), permuted)]
    require_close(tensors[1].full(), tensors[0].full()[np.ix_(order, order, order)], scales[3])


# ---- storage ----


@pytest.mark.parametrize(("count", "order", "stored"), [(10, 3, 220), (10, 2, 55), (3, 4, 15), (7, 0, 1)])
def test_only_the_different_entries_are_stored(count: int, order: int, stored: int) -> None:
    assert math.comb(count + order - 1, order) == stored
    calls = []

    class Counting(Derivatives):
        def mixed(self, theta: Any, *directions: Any) -> Any:
            calls.append(len(directions))
            return super().mixed(theta, *directions)

    # f = (sum x)^3 at 1/S each: D^d = 3!/(3-d)! prod u_s, with integers u
    f = Counting(lambda x: anp.sum(x) ** 3)
    u = np.arange(1.0, count + 1)
    theta = np.zeros(count)
    theta[0] = 1.0
    tensor = summary_tensors(f, theta, u, Groups.discrete(count), order)[order]
    assert tensor.entries.shape == (stored,)
    # C(S+d-2, d-1) products for order d
    assert calls.count(order - 1) == (math.comb(count + order - 2, order - 1) if order else 0)
    factor = math.factorial(3) / math.factorial(3 - order) if order <= 3 else 0
    expected = [factor * math.prod(u[list(i)]) for i in combinations_with_replacement(range(count), order)]
    np.testing.assert_array_equal(tensor.entries, expected)


def test_entries_by_hand(lane: Lane) -> None:
    # S = 2, d = 3: 000, 001, 011, 111
    tensor = SummaryTensor(3, 2, lane.array([1.0, 2.0, 3.0, 5.0]))
    assert [float(tensor.entry(*i)) for i in product(range(2), repeat=3)] == [1, 2, 2, 3, 2, 3, 3, 5]
    np.testing.assert_array_equal(lane.host(tensor.full()).ravel(), [1, 2, 2, 3, 2, 3, 3, 5])
    np.testing.assert_array_equal(lane.host(tensor.diagonal()), [1, 5])
    # 1 * 8 + 3 * 2 * (4 * -1) + 3 * 3 * (2 * 1) + 5 * -1
    assert float(tensor.contracted(lane.array([2.0, -1.0]))) == 8 - 24 + 18 - 5
    assert float(tensor.contracted(lane.array([1.0, 1.0]))) == 1 + 6 + 9 + 5
    # S = 3, d = 2: 00, 01, 02, 11, 12, 22
    tensor = SummaryTensor(2, 3, lane.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "float32"))
    np.testing.assert_array_equal(lane.host(tensor.full()), [[1, 2, 3], [2, 4, 5], [3, 5, 6]])
    np.testing.assert_array_equal(lane.host(tensor.diagonal()), [1, 4, 6])
    assert tensor.full().dtype == tensor.diagonal().dtype == tensor.entries.dtype
    eta = lane.array([1.0, 0.0, -1.0], "float32")
    assert tensor.contracted(eta).dtype == tensor.entries.dtype
    assert float(tensor.contracted(eta)) == 1 - 6 + 6
    # S = 1; d = 1; d = 0
    assert float(SummaryTensor(4, 1, lane.array([7.0])).entry(0, 0, 0, 0)) == 7
    with pytest.raises(ValueError, match=r"`indices` is .*it must be 1 integers in 0 \.\. 2"):
        SummaryTensor(1, 3, lane.array([1.0, 2.0, 3.0])).entry(1.0)
    np.testing.assert_array_equal(lane.host(SummaryTensor(1, 2, lane.array([3.0, 4.0])).full()), [3, 4])
    scalar = SummaryTensor(0, 5, lane.array([2.0]))
    assert (float(scalar.entry()), float(scalar.full()), tuple(scalar.full().shape)) == (2, 2, ())
    assert float(scalar.contracted(lane.array([9.0] * 5))) == 2


@pytest.mark.parametrize(("count", "order"), [(4, 3), (3, 4), (6, 2), (2, 5), (5, 1)])
def test_every_entry_is_found_in_any_order_of_its_indices(count: int, order: int) -> None:
    indices = list(combinations_with_replacement(range(count), order))
    tensor = SummaryTensor(order, count, np.arange(float(len(indices))))
    full = tensor.full()
    for index in product(range(count), repeat=order):
        assert tensor.entry(*index) == full[index] == indices.index(tuple(sorted(index)))
    eta = np.arange(1.0, count + 1) * (-1) ** np.arange(count)
    contracted = full
    for _ in range(order):
        contracted = contracted @ eta
    assert tensor.contracted(eta) == contracted  # integers: exact
    np.testing.assert_array_equal(tensor.diagonal(), [full[(s,) * order] for s in range(count)])


# ---- engines ----


def nonquadratic() -> list[str]:
    return [name for name in list_problems() if not name.startswith(("quadratic", "digits", "characters"))]


PROBLEM_PARTITIONS = [
    (name, kind)
    for name in nonquadratic()
    for kind in ("trivial", "discrete", "canonical", "weights-biases", "alternate-2")
    if kind in ("trivial", "discrete") or load_problem(name).layout is not None
    if kind != "alternate-2" or len(load_problem(name).layout) > 4
]


@pytest.mark.parametrize(("name", "kind"), PROBLEM_PARTITIONS)
def test_the_summary_is_that_of_the_tensors(name: str, kind: str) -> None:
    problem = load_problem(name)
    f, theta = problem.derivatives, problem.start
    u, groups = f.gradient(theta) + 0.125, partition(kind, problem.n, problem.layout)
    order = 3 if groups.count <= 12 else 2
    tensors = summary_tensors(f, theta, u, groups, order)
    found = f.summary(theta, u, groups)
    third = found.third_diagonal
    expected = [tensors[0].entries[0], tensors[1].entries, tensors[2].full()]
    if order == 3:
        expected.append(tensors[3].diagonal())
    else:
        expected.append([f.along(theta, groups.restrict(u, s), 3)[3] for s in range(groups.count)])
    scale = size_of_problem(name)
    for array, wanted in zip((found.value, found.g_bar, found.H_bar, third), expected, strict=True):
        require_close(array, wanted, scale)
    diagonal = f.summary(theta, u, groups, interactions=False)
    np.testing.assert_array_equal(diagonal.H_bar, np.diag(np.diag(diagonal.H_bar)))
    require_close(np.diag(diagonal.H_bar), np.diag(found.H_bar), scale)
    require_close(diagonal.third_diagonal, third, scale)
    require_close(diagonal.g_bar, found.g_bar, scale)


@functools.cache
def size_of_problem(name: str) -> float:
    """`sizes_of_terms` at the start of a problem, once for all its partitions."""
    problem = load_problem(name)
    u = problem.derivatives.gradient(problem.start) + 0.125
    return sizes_of_terms(problem.objective, problem.start, u)


def sizes_of_terms(f: Callable[[Any], Any], theta: np.ndarray, u: np.ndarray) -> float:
    """The largest of |f|, |u|'|g|, |u|'|H||u| and a bound of |D^3(u)|: what rounding is measured by."""
    g, H, third = dense(f, theta, u)
    return max(abs(float(f(theta))), abs(u) @ abs(g), abs(u) @ abs(H) @ abs(u), third, 1.0)


def dense(f: Callable[[Any], Any], theta: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Gradient, Hessian, and a bound of |D^3(u)|, by autograd's nested forward mode."""
    with zero_derivatives_allowed():
        product_at = make_jvp(grad(f))(theta)
        identity = np.eye(theta.size)
        H = np.array([product_at(e)[1] for e in identity])
        slices = [make_jvp(lambda x, e=e: make_jvp(grad(f))(x)(e)[1])(theta) for e in identity]
        bound = sum(abs(u[p]) * (abs(u) @ abs(at(abs(u))[1])) for p, at in enumerate(slices))
        return grad(f)(theta), H, float(bound)


DECAY = 0.375


@pytest.mark.parametrize("form", FORMS)
def test_weight_decay_adds_its_own_tensors(form: str, derivative_lane: Lane) -> None:
    # decay/2 |theta|^2: decay u_s'theta, decay |u_s|^2 on the diagonal, nothing of order 3
    lane, groups = derivative_lane, GROUPS["permuted"]
    f = Derivatives(FORMS[form]).with_weight_decay(DECAY)
    theta, u = lane.array(THETA), lane.array(U)
    inside = np.arange(3)[:, None] == np.array(groups.labels())
    tensors = [closed_form("permuted", d) for d in range(4)]
    expected = [
        tensors[0].tensor + DECAY / 2 * THETA @ THETA,
        tensors[1].tensor + DECAY * inside @ (U * THETA),
        tensors[2].tensor + DECAY * np.diag(inside @ (U * U)),
        tensors[3].tensor,
    ]
    scale = max(tensor.scale for tensor in tensors) + DECAY * U @ U
    for interactions in (True, False):
        found = f.summary(theta, u, groups, interactions=interactions)
        require_close(lane.host(found.value), expected[0], scale)
        require_close(lane.host(found.g_bar), expected[1], scale)
        H_bar = expected[2] if interactions else np.diag(np.diag(expected[2]))
        require_close(lane.host(found.H_bar), H_bar, scale)
        np.testing.assert_array_equal(lane.host(found.H_bar) == 0, H_bar == 0)
        require_close(lane.host(found.third_diagonal), np.einsum("iii->i", expected[3]), scale)
        gradient = lane.host(Derivatives(FORMS[form]).gradient(theta)) + DECAY * THETA
        require_close(lane.host(found.gradient), gradient, scale)
    for d, tensor in enumerate(summary_tensors(f, theta, u, groups, 3)):
        require_close(lane.host(tensor.full()), expected[d], scale)


def cubes(lane: Lane, along: bool = True) -> Derivatives:
    """f = sum x^3 + x_0 x_1 by callables on any library; Python numbers among the derivatives along."""
    xp = lane.xp

    def gradient(x: Any) -> Any:
        return 3 * x**2 + xp.stack([x[1], x[0], 0 * x[2]])

    def hvp(x: Any, v: Any) -> Any:
        return 6 * x * v + xp.stack([v[1], v[0], 0 * v[2]])

    def derivatives(x: Any, v: Any, order: int) -> Any:
        second = xp.sum(6 * x * v**2) + 2 * v[0] * v[1]
        found = [xp.sum(x**3) + x[0] * x[1], xp.sum(gradient(x) * v), second, xp.sum(6 * v**3), 0, 0.0]
        return found[: order + 1]

    value = derivatives
    return Derivatives.from_callables(
        lambda x: value(x, x, 0)[0], gradient, hvp, along=derivatives if along else None
    )


@pytest.mark.parametrize("dtype", EPS)
def test_callables_with_derivatives_along_have_a_summary(dtype: str, lane: Lane) -> None:
    # at (1, 2, 3): g = (5, 13, 27), H = [[6, 1, 0], [1, 12, 0], [0, 0, 18]]
    f, groups = cubes(lane), Groups.of(3, [[2], [0, 1]])
    theta, u = lane.array([1.0, 2.0, 3.0], dtype), lane.array([1.0, -1.0, 2.0], dtype)
    for interactions in (True, False):
        found = f.summary(theta, u, groups, interactions=interactions)
        assert float(found.value) == 1 + 8 + 27 + 2
        np.testing.assert_array_equal(lane.host(found.gradient), [5, 13, 27])
        np.testing.assert_array_equal(lane.host(found.g_bar), [54, -8])
        np.testing.assert_array_equal(lane.host(found.H_bar), [[72, 0], [0, 6 - 2 + 12]])
        np.testing.assert_array_equal(lane.host(found.third_diagonal), [48, 0])
        assert {array.dtype for array in found[1:]} == {theta.dtype}
    tensors = summary_tensors(f, theta, u, groups, 2)
    np.testing.assert_array_equal(lane.host(tensors[2].full()), [[72, 0], [0, 16]])
    assert [float(x) for x in f.along(theta, u, 5)] == [38, 46, 6 + 12 + 72 - 2, 6 * (1 - 1 + 8), 0, 0]


def test_the_off_diagonal_of_given_products_is_symmetric_to_the_last_bit() -> None:
    H = np.random.default_rng(0).standard_normal((5, 5))  # not symmetric at all
    f = Derivatives.from_callables(
        lambda x: 0.0, lambda x: x, lambda x, v: H @ v, along=lambda x, v, order: [0.0] * (order + 1)
    )
    found = f.summary(np.ones(5), np.ones(5), Groups.discrete(5)).H_bar
    np.testing.assert_array_equal(found, found.T)


def test_callables_without_derivatives_along_have_none(lane: Lane) -> None:
    f, x = cubes(lane, along=False), lane.array([1.0, 2.0, 3.0])
    sentence = "`from_callables` was not given `along`; the third derivatives of a summary need it"
    with says(NotImplementedError, sentence):
        f.summary(x, x, Groups.discrete(3))
    with says(NotImplementedError, sentence):
        f.with_weight_decay(0.5).summary(x, x, Groups.discrete(3), interactions=False)
    sentence = "`order` is 3; mixed derivatives given by callables reach order 2"
    with says(NotImplementedError, sentence):
        summary_tensors(f, x, x, Groups.discrete(3), 3)


@pytest.mark.parametrize("returned", [[1.0, 2.0], [1.0, 2.0, 3.0, 4.0, 5.0]])
def test_derivatives_along_of_another_number_are_refused(returned: list[float]) -> None:
    f = Derivatives.from_callables(
        lambda x: 0.0, lambda x: x, lambda x, v: v, along=lambda x, v, order: returned
    )
    sentence = f"`along` returned {len(returned)} derivatives; it must return 4 for order 3"
    with says(ValueError, sentence):
        f.summary(np.ones(2), np.ones(2), Groups.trivial(2))


# ---- bad input ----

GOOD = Derivatives(lambda x: namespace(x).sum(x**3))
BAD: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "u with NaN": (
        np.array([1.0, np.nan, 2.0]), Groups.discrete(3), ValueError,
        "`direction` holds nan at index 1; every element must be finite",
    ),
    "u infinite": (
        np.array([1.0, 2.0, -np.inf]), Groups.discrete(3), ValueError,
        "`direction` holds -inf at index 2; every element must be finite",
    ),
    "u of another dtype": (
        np.ones(3, dtype="float32"), Groups.discrete(3), TypeError,
        "`direction` has dtype float32; it must be float64, as `theta`",
    ),
    "u of another length": (
        np.ones(4), Groups.discrete(3), ValueError, "`direction` has 4 elements; it must have 3",
    ),
    "u a list": (
        [1.0, 2.0, 3.0], Groups.discrete(3), TypeError,
        "`direction` is a list; it must be an array of float32 or float64",
    ),
    "a partition of another length": (
        np.ones(3), Groups.discrete(4), ValueError,
        "`groups` partitions 4 parameters; it must partition 3, as `theta`",
    ),
    "labels": (np.ones(3), [0, 1, 2], TypeError, "`groups` is a list; it must be a Groups"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_said_in_a_sentence(name: str) -> None:
    u, groups, kind, sentence = BAD[name]
    parts = Derivatives.averaged([GOOD, GOOD], [1, 2])
    for f in (GOOD, GOOD.with_weight_decay(0.5), cubes(Lane("numpy", np, lambda x: x)), parts):
        calls = [lambda f=f: f.summary(np.ones(3), u, groups)]
        calls += [lambda f=f, d=d: summary_tensors(f, np.ones(3), u, groups, d) for d in range(4)]
        for call in calls:
            with says(kind, sentence):
                call()


def test_bad_points_orders_and_indices() -> None:
    groups, tensor = Groups.discrete(2), SummaryTensor(2, 2, np.arange(3.0))
    for call in (
        lambda theta: GOOD.summary(theta, np.ones(2), groups),
        lambda theta: summary_tensors(GOOD, theta, np.ones(2), groups, 1),
    ):
        with says(ValueError, "`theta` holds nan at index 0; every element must be finite"):
            call(np.array([np.nan, 1.0]))
        with says(TypeError, "`theta` is a list; it must be an array of float32 or float64"):
            call([1.0, 2.0])
    with says(ValueError, "`order` is -1; it must be at least 0"):
        summary_tensors(GOOD, np.ones(2), np.ones(2), groups, -1)
    for wrong in ((0,), (0, 1, 1), (0, 2), (-1, 0), (0.0, 1)):
        sentence = f"`indices` is {wrong}; it must be 2 integers in 0 .. 1"
        with says(ValueError, sentence):
            tensor.entry(*wrong)
    sentence = "`order` is 0; only a tensor of order at least 1 has a diagonal"
    with says(ValueError, sentence):
        SummaryTensor(0, 2, np.ones(1)).diagonal()
    with says(ValueError, "`eta` has shape (3,); it must be (2,), one per group"):
        tensor.contracted(np.ones(3))


def test_what_is_no_derivatives_and_no_truth_value_is_refused() -> None:
    groups, u = Groups.discrete(2), np.ones(2)
    with says(TypeError, "`f` is a function; it must be a Derivatives, as of Derivatives(objective)"):
        summary_tensors(lambda x: anp.sum(x**3), u, u, groups, 2)
    with says(TypeError, "`interactions` is 'no'; it must be True or False"):
        GOOD.summary(u, u, groups, interactions="no")  # type: ignore[arg-type]


def test_a_tensor_that_overflows_is_refused_by_its_order() -> None:
    f = Derivatives(lambda x: namespace(x).sum(namespace(x).exp(x)))
    with (
        np.errstate(over="ignore"),
        says(ValueError, "`tensor of order 1` holds inf at index 0; every element must be finite"),
    ):
        summary_tensors(f, np.array([700.0]), np.array([1e5]), Groups.trivial(1), 1)
    with (
        np.errstate(over="ignore"),
        says(ValueError, "`tensor of order 0` holds inf at index 0; every element must be finite"),
    ):
        summary_tensors(f, np.array([800.0]), np.array([1.0]), Groups.trivial(1), 0)


# ---- the replay for each group: right on whatever autograd records ----


def residual(x: Any) -> Any:
    """Slices of slices, and a slice used again."""
    y = x[1:6]
    return anp.sum(anp.tanh(y[2:4] * x[0:2]) ** 2) + anp.sum(y[:2] ** 3) * x[5]


def layered(x: Any) -> Any:
    """Each stretch taken once, one of them not used."""
    return anp.sum(anp.tanh(anp.tanh(x[4:6] * anp.sum(x[0:1])) @ anp.reshape(x[1:3], (2, 1))))


def biased(x: Any) -> Any:
    """The gradient of the second slice is also what that of the first is made of."""
    return anp.sum(anp.tanh(anp.reshape(x[0:4], (2, 2)) @ np.array([0.5, -2.0]) + x[4:6]) ** 2)


GENERIC: dict[str, Callable[[Any], Any]] = {
    "a piece that is read again": biased,
    "layered, some parameters unused": layered,
    "slices of slices": residual,
    "repeated slices": lambda x: anp.sum(x[0:3] ** 3 * x[3:6]) + anp.sum(anp.sin(x[0:3])),
    "overlapping slices": lambda x: anp.sum(x[0:4] * anp.tanh(x[2:6])) ** 2,
    "elementwise use of the whole": lambda x: anp.sum(x**4) + anp.sum(x[0:2]) * anp.sum(x[2:6] ** 2),
    "whole and slices": lambda x: anp.tanh(anp.sum(x * x[::-1])) + anp.sum(x[3:5] ** 3),
    "steps": lambda x: anp.sum(x[::2] ** 2 * x[1::2]) * anp.sum(x[::2]),
    "backwards": lambda x: anp.sum(x[5:2:-1] ** 2 * x[0:3]),
    "numbers": lambda x: x[0] ** 2 * x[1] * x[-1] + x[2] ** 3 * x[-2],
    "integer indices": lambda x: anp.sum(x[np.array([5, 0, 0, 2])] ** 3 * x[0:4]),
    "truth values": lambda x: anp.sum(x[np.array([True, False, True, False, True, False])] ** 3 * x[1:4]),
    "an empty slice": lambda x: anp.sum(x[2:2]) + anp.sum(x[0:3]) ** 2 * anp.sum(x[3:6] ** 2),
    "joined again": lambda x: anp.sum(anp.concatenate([x[4:6], x[0:2]]) ** 3 * x[1:5]),
    "a slice with Ellipsis": lambda x: anp.sum(x[..., 0:2] ** 2) * anp.sum(x[2:6] ** 2),
    "a new axis": lambda x: anp.sum(x[:3, None] * x[None, 3:] ** 2) ** 2,
    "one slice": lambda x: anp.sum(anp.sin(x[1:4])) ** 2,
    "one slice of all": lambda x: anp.sum(anp.sin(x[:])) ** 2,
    "separable slices": lambda x: anp.sum(x[0:2] ** 3) + anp.sum(anp.exp(x[2:6])),
    "a product of blocks": lambda x: anp.sum(x[0:2]) ** 2 * anp.sum(x[2:4]) ** 2 * anp.sum(x[4:6]) ** 2,
    "a slice alone, linear": lambda x: anp.sum(x[0:2]) + anp.sum(x[2:6] ** 2),
    "selected by a slice": lambda x: anp.sum(anp.where(x[0:3] > 0, x[3:6] ** 3, x[0:3] ** 2)),
    "joined": lambda x: anp.sum(anp.sin(anp.concatenate([x[0:2], x[2:6]]))) ** 2,
    "without a rule of the replay": lambda x: anp.sum(anp.logaddexp2(x[0:3], x[3:6])) ** 2,
    "a broadcast slice": lambda x: anp.sum(anp.broadcast_to(x[0:1], (3, 5)) ** 2 * anp.sum(x[1:6] ** 3)),
} | {name: objective(name) for name in DIALECT}
LABELS = ((0, 0, 1, 1, 1, 2), (2, 2, 0, 0, 1, 1), (1, 0, 1, 2, 0, 2), (0, 1, 1, 1, 1, 0), (3, 5, 0, 2, 4, 1))


AT = np.array(POINT)


class Reference(NamedTuple):
    """g_bar, H_bar, third_diagonal by autograd's nested derivatives, and the sizes of their terms."""

    tensors: tuple[np.ndarray, np.ndarray, np.ndarray]
    scales: tuple[float, float, float]


def reference(f: Callable[[Any], Any], labels: Any, theta: np.ndarray, u: np.ndarray) -> Reference:
    parts = (np.arange(max(labels) + 1)[:, None] == np.array(labels)) * u
    g, H, third = dense(f, theta, u)

    def third_along(v: np.ndarray) -> float:
        return make_jvp(lambda x: make_jvp(lambda y: make_jvp(f)(y)(v)[1])(x)(v)[1])(theta)(v)[1]

    with zero_derivatives_allowed():
        thirds = np.array([third_along(v) for v in parts])
    scales = (float(abs(u) @ abs(g)), float(abs(u) @ abs(H) @ abs(u)), third)
    return Reference((parts @ g, parts @ H @ parts.T, thirds), scales)


@cache
def reference_of(name: str, labels: tuple[int, ...]) -> Reference:
    return reference(GENERIC[name], labels, AT, U)


def error(f: Callable[[Any], Any], labels: Any, expected: Reference, theta: Any = AT, u: Any = U) -> float:
    """How far the summary is from the reference, relative to the sizes of the terms."""
    found = Derivatives(f).summary(theta, u, Groups.from_labels(labels))
    compared = zip(found[2:], *expected, strict=True)
    return float(max(np.max(np.abs(a - b)) / (scale or 1.0) for a, b, scale in compared))


# some tens of roundings, in another order than autograd's
CLOSE = 256 * EPS["float64"]


@pytest.mark.parametrize("name", GENERIC)
def test_the_summary_is_that_of_nested_forward_mode(name: str) -> None:
    for labels in LABELS:
        assert error(GENERIC[name], labels, reference_of(name, labels)) <= CLOSE, labels


@pytest.mark.parametrize("name", GENERIC)
def test_products_by_pieces_and_whole_products_agree(name: str, monkeypatch: Any) -> None:
    f, theta = GENERIC[name], np.array(POINT)
    tape = trace_gradient(f, theta)
    scale = abs(U) @ abs(dense(f, theta, U)[1]) @ abs(U)
    for labels in LABELS:
        groups = Groups.from_labels(labels)
        pieces = grouped_products(tape, U, groups)
        monkeypatch.setattr(group_products, "MOST_GROUPS", 0)
        by_whole = grouped_products(tape, U, groups)
        monkeypatch.undo()
        np.testing.assert_allclose(pieces, by_whole, rtol=0, atol=CLOSE * scale)
        np.testing.assert_array_equal(pieces, pieces.T)
        np.testing.assert_array_equal(by_whole, by_whole.T)


def test_which_objectives_are_replayed_by_pieces() -> None:
    by_pieces = {
        name
        for name, f in GENERIC.items()
        if name not in DIALECT
        and (compiled := trace_gradient(f, np.array(POINT)).compiled) is not None
        and compiled.pieces is not None
    }
    assert by_pieces == {
        "layered, some parameters unused",
        "separable slices",
        "a product of blocks",
        "a broadcast slice",
        "selected by a slice",
        "an empty slice",
        "one slice",
        "one slice of all",
        "a piece that is read again",
        "joined",
        "without a rule of the replay",
        "a slice alone, linear",
    }


@st.composite
def objectives_of_slices(draw: st.DrawFn) -> tuple[Callable[[Any], Any], list[int]]:
    """A sum of products of functions of stretches of theta, and a partition whose groups cut across them."""
    n = draw(st.integers(2, 9))
    cut = st.tuples(st.integers(0, n - 1), st.integers(1, n), st.sampled_from([1, 1, 1, 2, -1]))
    terms = draw(st.lists(st.lists(cut, min_size=1, max_size=3), min_size=1, max_size=4))
    S = draw(st.integers(1, n))
    labels = draw(st.permutations([*range(S), *(p % S for p in range(n - S))]))
    functions = (anp.tanh, anp.sin, lambda x: x**3, lambda x: 2 * x)

    def f(x: Any) -> Any:
        total = 0.5 * x[0]
        for i, term in enumerate(terms):
            factor = 1.0
            for j, (start, size, step) in enumerate(term):
                factor = factor * (1 + anp.sum(functions[(i + j) % 4](x[start : start + size][::step])))
            total = total + factor
        return total

    return f, list(labels)


@settings(max_examples=60, deadline=None)
@given(objectives_of_slices())
def test_the_summary_of_random_slices_and_random_partitions(
    case: tuple[Callable[[Any], Any], list[int]],
) -> None:
    f, labels = case
    n = len(labels)
    theta, u = np.cos(np.arange(1.0, n + 1)), 1 + np.sin(np.arange(n))
    expected = reference(f, labels, theta, u)
    assert error(f, labels, expected, theta, u) <= 16 * CLOSE  # up to 27 terms of three factors in an entry


def test_more_groups_than_are_taken_piece_by_piece(monkeypatch: Any) -> None:
    # two stretches a, b: f = sum a_k^3 b_k + a_(k+1) b_k^2
    n = MOST_GROUPS + 6

    def f(x: Any) -> Any:
        a, b = x[: n // 2], x[n // 2 :]
        return anp.sum(a**3 * b) + anp.sum(a[1:] * b[:-1] ** 2)

    theta, u = np.arange(n) % 5 - 2.0, np.arange(n) % 3 + 1.0  # integers: exact
    tape = trace_gradient(f, theta)
    assert tape.compiled is not None
    assert tape.compiled.pieces is not None
    m, H = n // 2, np.zeros((n, n))
    a, b = theta[:m], theta[m:]
    for k in range(m):
        H[k, k] += 6 * a[k] * b[k]
        H[k, m + k] += 3 * a[k] ** 2
        if k:
            H[k, m + k - 1] += 2 * b[k - 1]
            H[m + k - 1, m + k - 1] += 2 * a[k]
    H = np.triu(H) + np.triu(H, 1).T
    sums, summed = Groups.sums, []
    monkeypatch.setattr(Groups, "sums", lambda self, x: summed.append(1) or sums(self, x))
    for limit, sums_taken in ((MOST_GROUPS, n + 1), (n, 1)):  # of each whole product, and of u g
        monkeypatch.setattr(group_products, "MOST_GROUPS", limit)
        summed.clear()
        found = Derivatives(f).summary(theta, u, Groups.discrete(n))
        assert len(summed) == sums_taken
        np.testing.assert_array_equal(found.H_bar, u[:, None] * H * u)
        np.testing.assert_array_equal(found.third_diagonal[:m], 6 * b * u[:m] ** 3)
        np.testing.assert_array_equal(found.third_diagonal[m:], np.zeros(m))


def test_many_groups_in_a_row_are_taken_piece_by_piece(monkeypatch: Any) -> None:
    # 66 stretches of 20 parameters; whole products would restrict the direction to each group first
    S, size = MOST_GROUPS + 2, 20

    def f(x: Any) -> Any:
        signal = anp.ones(size)
        for s in range(S):
            signal = anp.sin(signal + x[s * size : (s + 1) * size])
        return anp.sum(signal)

    n = S * size
    theta, u = np.linspace(-1, 1, n), np.cos(np.arange(n))
    groups = Groups.of(n, [range(s * size, (s + 1) * size) for s in range(S)])
    hvp = Derivatives(f).linearize(theta).hvp
    rows = [groups.sums(u * hvp(groups.restrict(u, s))) for s in range(0, S, 13)]
    scale = float(np.max(np.abs(rows)))

    def refuse(*_: Any) -> Any:
        raise AssertionError("the direction was restricted")

    monkeypatch.setattr(Groups, "restrict", refuse)
    found = Derivatives(f).summary(theta, u, groups).H_bar
    # products of up to 66 cosines, 20 of them in an entry
    np.testing.assert_allclose(found[::13], rows, rtol=0, atol=256 * EPS["float64"] * scale)


# ---- what a replay leaves out ----

SIZES = (6, 5, 4, 3)  # every width another: a shape says which layer it belongs to
BATCH = 8


def small_network() -> tuple[Callable[[Any], Any], np.ndarray, Groups]:
    """A tanh network with three layers, a point, and its canonical partition."""
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((SIZES[0], BATCH)), np.eye(SIZES[-1])[:, rng.integers(SIZES[-1], size=BATCH)]
    f = partial(network, features=X, targets=Y, sizes=SIZES, activation="tanh", loss="cross-entropy")
    layout = [
        entry
        for layer, (a, b) in enumerate(pairwise(SIZES))
        for entry in ((f"W{layer + 1}", a * b, layer, "weights"), (f"b{layer + 1}", b, layer, "biases"))
    ]
    groups = Groups.canonical(layout)
    return f, rng.standard_normal(groups.n) / 2, groups


def spied(monkeypatch: Any) -> list[tuple[tuple[int, ...], ...]]:
    """The shapes of the matrix products of every replay that is compiled from now on."""
    shapes: list[tuple[tuple[int, ...], ...]] = []
    matmul = anp.matmul.fun

    def spy(a: Any, b: Any) -> Any:
        shapes.append((a.shape, b.shape))
        return matmul(a, b)

    monkeypatch.setattr(anp.matmul, "fun", spy)
    return shapes


def products_of_each_group(monkeypatch: Any) -> dict[str, list[tuple[tuple[int, ...], ...]]]:
    """For each group of the network the matrix products of its replay."""
    f, theta, groups = small_network()
    shapes = spied(monkeypatch)
    tape = trace_gradient(f, theta)
    assert tape.compiled is not None
    pieces = group_products._pieces(tape.compiled, groups)
    found = {}
    u = np.ones(groups.n)
    for s, name in enumerate(groups.names):
        shapes.clear()
        group_products._row(tape.compiled, u, groups, s, [piece for piece in pieces if piece.group >= s])
        found[name] = list(shapes)
    shapes.clear()
    tape.product(u)
    found["whole"] = list(shapes)
    return found


def test_the_group_of_a_late_layer_leaves_the_earlier_layers_alone(monkeypatch: Any) -> None:
    found = products_of_each_group(monkeypatch)
    # W3, the last: d(W3) signal, then d(delta) signal' alone, since the signal does not move
    assert found["W3"] == [((3, 4), (4, BATCH)), ((3, BATCH), (BATCH, 4))]
    assert found["b3"] == []  # only d(delta) summed over the batch
    # b2: d(signal) of layer 2 through W3, d(delta) back through W3 and its other term, but no gradient of W2
    assert sorted(found["b2"]) == sorted(
        [((3, 4), (4, BATCH)), ((3, BATCH), (BATCH, 4)), ((3, BATCH), (BATCH, 4)), ((4, 3), (3, BATCH))]
    )
    for name in ("W2", "b2", "W3", "b3"):
        assert not any(6 in shape for shapes in found[name] for shape in shapes), name
    assert any(6 in shape for shapes in found["whole"] for shape in shapes)
    work = {name: sum(2 * a[0] * a[1] * b[1] for a, b in shapes) for name, shapes in found.items()}
    assert work["b3"] < work["W3"] < work["b2"] < work["W2"] < work["b1"] < work["W1"] < work["whole"]


def test_one_triangle_is_computed_whatever_the_order_of_the_groups(monkeypatch: Any) -> None:
    triangle = [shapes for name, shapes in products_of_each_group(monkeypatch).items() if name != "whole"]
    expected = sorted(shapes for products in triangle for shapes in products)
    f, theta, groups = small_network()
    labels = groups.labels()
    for order in ((0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0), (2, 5, 0, 3, 1, 4)):
        shapes = spied(monkeypatch)
        tape = trace_gradient(f, theta)
        shapes.clear()
        grouped_products(tape, theta, Groups.from_labels([order[s] for s in labels]))
        assert sorted(shapes) == expected


def test_the_objective_is_traced_twice_however_many_groups() -> None:
    f, theta, groups = small_network()
    for partition_of in (groups, Groups.trivial(groups.n), Groups.discrete(groups.n)):
        for interactions in (True, False):
            calls = []

            def counted(x: Any, calls: list = calls) -> Any:
                calls.append(1)
                return f(x)

            Derivatives(counted).summary(theta, theta, partition_of, interactions=interactions)
            assert len(calls) == 2


def test_without_interactions_no_product_is_traced(monkeypatch: Any) -> None:
    from refopt import derivative_engines

    def refuse(*_: Any) -> Any:
        raise AssertionError("a gradient was traced")

    monkeypatch.setattr(derivative_engines, "trace_gradient", refuse)
    f, theta, groups = small_network()
    found = Derivatives(f).summary(theta, theta, groups, interactions=False)
    assert np.all(np.diag(found.H_bar) != 0)
    with pytest.raises(AssertionError, match="a gradient was traced"):
        Derivatives(f).summary(theta, theta, groups)


def test_memory_does_not_grow_with_the_number_of_groups() -> None:
    n = 40_000
    theta, u = np.linspace(-1, 1, n), np.ones(n)

    def chained(x: Any) -> Any:
        parts = [x[k * 2000 : (k + 1) * 2000] for k in range(20)]
        signal = anp.ones(2000)
        for part in parts:
            signal = anp.tanh(part * signal)
        return anp.sum(signal)

    peaks = []
    for S in (2, 20, 40):
        groups = Groups.of(n, [range(s * n // S, (s + 1) * n // S) for s in range(S)])
        Derivatives(chained).summary(theta, u, groups)  # what is imported and cached at the first call
        gc.collect()
        tracemalloc.start()
        Derivatives(chained).summary(theta, u, groups)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) <= 1.1 * min(peaks)


# ---- each rule of the replay is noticed where it matters ----


def pruning_notices() -> bool:
    """Whether any of the checks above would fail."""
    own = [name for name in GENERIC if name not in DIALECT]
    return any(
        not error(GENERIC[name], labels, reference_of(name, labels)) <= CLOSE
        for name in own
        for labels in LABELS
    )


PLANTED: dict[str, tuple[str, Any]] = {
    "no slice meets a group": ("_meets", lambda taken, ranges: False),
    "a slice meets the first range alone": (
        "_meets", lambda taken, ranges: taken[0] < ranges[0][1] and ranges[0][0] < taken[1],
    ),
    "a slice meets only what lies inside": (
        "_meets", lambda taken, ranges: any(a <= taken[0] and taken[1] <= b for a, b in ranges),
    ),
    "every slice lies inside": ("_inside", lambda taken, ranges: True),
    "a slice that meets lies inside": (
        "_inside", lambda taken, ranges: any(taken[0] < b and a < taken[1] for a, b in ranges),
    ),
    "an unreached source is one": ("_zeros", lambda xp, u, shape: xp.ones(shape)),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_wrong_rule_of_the_replay_is_noticed(name: str, monkeypatch: Any) -> None:
    assert not pruning_notices()
    monkeypatch.setattr(group_products, *PLANTED[name])
    assert pruning_notices()


def test_leaving_out_less_changes_nothing_but_the_work(monkeypatch: Any) -> None:
    monkeypatch.setattr(group_products, "_meets", lambda taken, ranges: True)
    monkeypatch.setattr(group_products, "_inside", lambda taken, ranges: False)
    assert not pruning_notices()
    monkeypatch.undo()
    monkeypatch.setattr(group_products, "_inside", lambda taken, ranges: False)
    assert not pruning_notices()


def test_the_order_in_which_groups_are_replayed_changes_nothing_but_the_work(monkeypatch: Any) -> None:
    for order in (lambda items, key: list(items), lambda items, key: sorted(items, key=key, reverse=True)):
        monkeypatch.setattr(group_products, "sorted", order, raising=False)
        assert not pruning_notices()
