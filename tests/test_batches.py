"""Averaged objectives: minibatches with an uneven last one are the whole data set, in every derivative."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from conftest import Lane

from refopt import objectives
from refopt.derivatives import Derivatives
from refopt.groups import Groups
from refopt.objectives import network
from refopt.problems import load_problem
from refopt.summary import summary_tensors

EPS = {"float64": 2.0**-52, "float32": 2.0**-23}


def close(found: np.ndarray, expected: np.ndarray, dtype: str = "float64", size: float = 8.0) -> bool:
    """Within 64 eps of the terms added up, each of size 8 at most here: some tens of roundings."""
    return bool(np.max(np.abs(np.asarray(found, dtype=float) - expected)) <= 64 * EPS[dtype] * size)


GROUPS = Groups.from_labels([1, 0, 1, 2])
SPLIT = (slice(0, 5), slice(5, 7))  # of seven samples
THETA, U = np.array([0.5, -0.25, 0.75, -1.0]), np.array([1.0, -0.5, 0.25, 2.0])


def logistic(lane: Lane, dtype: str) -> tuple[Derivatives, list[Derivatives], list[int]]:
    """The logistic problem with seven samples, and the same in batches of five and two, by hand."""
    problem = load_problem("logistic-7x4", lane.array([0.0]), dtype)
    X, y, decay = (problem.data[name] for name in ("features", "labels", "decay"))
    batches = [partial(objectives.logistic, features=X[cut], labels=y[cut], decay=decay) for cut in SPLIT]
    return problem.derivatives, [Derivatives(batch) for batch in batches], [5, 2]


QUANTITIES: dict[str, Callable[[Derivatives, Any, Any], Sequence[Any]]] = {
    "objective": lambda f, theta, u: [f.objective(theta)],
    "value": lambda f, theta, u: [f.value(theta)],
    "gradient": lambda f, theta, u: [f.gradient(theta)],
    "value and gradient": lambda f, theta, u: f.value_and_gradient(theta),
    "hvp": lambda f, theta, u: [f.hvp(theta, u)],
    "hessian": lambda f, theta, u: [f.hessian(theta)],
    "linearize": lambda f, theta, u: [*f.linearize(theta)[:2], f.linearize(theta).hvp(u)],
    "along": lambda f, theta, u: f.along(theta, u, 4),
    "mixed of order 1": lambda f, theta, u: [f.mixed(theta)],
    "mixed of order 3": lambda f, theta, u: [f.mixed(theta, u, theta)],
    "summary": lambda f, theta, u: f.summary(theta, u, GROUPS),
    "diagonal summary": lambda f, theta, u: f.summary(theta, u, GROUPS, interactions=False),
    "tensors": lambda f, theta, u: [t.entries for t in summary_tensors(f, theta, u, GROUPS, 3)],
    "with weight decay": lambda f, theta, u: f.with_weight_decay(0.5).summary(theta, u, GROUPS),
}


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("name", QUANTITIES)
def test_batches_of_five_and_two_are_the_seven_samples(name: str, dtype: str, derivative_lane: Lane) -> None:
    lane, found = derivative_lane, QUANTITIES[name]
    theta, u = lane.array(THETA, dtype), lane.array(U, dtype)
    everything, parts, sizes = logistic(lane, dtype)
    expected = found(everything, theta, u)
    averaged = found(Derivatives.averaged(parts, sizes), theta, u)
    unweighted = found(Derivatives.averaged(parts, [1, 1]), theta, u)
    assert len(averaged) == len(expected)
    for a, b in zip(averaged, expected, strict=True):
        assert a.dtype == b.dtype
        assert close(lane.host(a), lane.host(b), dtype)
    # a plain mean of the batches would be noticed
    assert not all(
        close(lane.host(a), lane.host(b), dtype) for a, b in zip(unweighted, expected, strict=True)
    )


def test_a_batch_of_its_own_and_a_batch_in_a_batch() -> None:
    lane = Lane("numpy", np, lambda values: values)
    everything, parts, _ = logistic(lane, "float64")
    expected = everything.summary(THETA, U, GROUPS)
    alone = Derivatives.averaged([everything], [3.5]).summary(THETA, U, GROUPS)
    nested = Derivatives.averaged([Derivatives.averaged(parts, [5, 2]), everything], [0.5, 2])
    for found in (alone, nested.summary(THETA, U, GROUPS)):
        for a, b in zip(found, expected, strict=True):
            assert close(a, b)


def test_h_bar_of_a_mean_is_symmetric_to_the_last_bit_and_its_diagonal_form_diagonal() -> None:
    lane = Lane("numpy", np, lambda values: values)
    _, parts, sizes = logistic(lane, "float64")
    f = Derivatives.averaged(parts, sizes)
    H_bar = f.summary(THETA, U, GROUPS).H_bar
    np.testing.assert_array_equal(H_bar, H_bar.T)
    diagonal = f.summary(THETA, U, GROUPS, interactions=False).H_bar
    np.testing.assert_array_equal(diagonal != 0, np.eye(3, dtype=bool))


def test_minibatches_of_a_network() -> None:
    # 13 samples in batches of 5, 5 and 3, the mean of the squared loss over each
    rng = np.random.default_rng(2)
    X, Y = rng.standard_normal((3, 13)), rng.standard_normal((2, 13))
    sizes = (3, 4, 2)
    n = 3 * 4 + 4 + 4 * 2 + 2
    theta, u = rng.standard_normal(n) / 2, rng.standard_normal(n)

    def loss(cut: slice) -> Derivatives:
        X_cut, Y_cut = X[:, cut], Y[:, cut]
        formula = partial(network, sizes=sizes, activation="tanh", loss="squared")
        return Derivatives(partial(formula, features=X_cut, targets=Y_cut))

    groups = Groups.of(n, [slice(0, 12), slice(12, 16), slice(16, 24), slice(24, 26)])
    expected = loss(slice(None)).summary(theta, u, groups)
    cuts = [slice(0, 5), slice(5, 10), slice(10, 13)]
    found = Derivatives.averaged([loss(cut) for cut in cuts], [5, 5, 3]).summary(theta, u, groups)
    for a, b in zip(found, expected, strict=True):
        assert close(a, b, size=max(8.0, float(np.max(np.abs(b)))))


def given(lane: Lane, slope: float, along: bool = True) -> Derivatives:
    """f = slope sum x^3 by callables, on any library."""
    xp = lane.xp

    def derivatives(x: Any, v: Any, order: int) -> list[Any]:
        found = [x**3, 3 * x**2 * v, 6 * x * v**2, 6 * v**3][: order + 1]
        return [slope * xp.sum(term) for term in found]

    return Derivatives.from_callables(
        lambda x: slope * xp.sum(x**3),
        lambda x: slope * 3 * x**2,
        lambda x, v: slope * 6 * x * v,
        along=derivatives if along else None,
    )


@pytest.mark.parametrize("dtype", EPS)
def test_the_mean_of_given_derivatives_on_every_library(dtype: str, lane: Lane) -> None:
    # weights 3/4 and 1/4: 3/4 * 2 + 1/4 * 6 = 3 times sum x^3
    f = Derivatives.averaged([given(lane, 2.0), given(lane, 6.0)], [3, 1])
    theta, u = lane.array([1.0, 2.0, -1.0], dtype), lane.array([1.0, 1.0, 2.0], dtype)
    found = f.summary(theta, u, Groups.of(3, [[1], [0, 2]]))
    expected = (3 * 8, [9, 36, 9], [36, 9 + 18], [[36, 0], [0, 18 - 72]], [18, 18 + 144])
    for array, values in zip(found, expected, strict=True):
        assert array.dtype == theta.dtype
        np.testing.assert_array_equal(lane.host(array), values)
    np.testing.assert_array_equal(lane.host(f.hvp(theta, u)), [18, 36, -36])
    assert [float(x) for x in f.along(theta, u, 2)] == [24, 9 + 36 + 18, 18 + 36 - 72]


def test_a_part_without_third_derivatives_says_so(lane: Lane) -> None:
    f = Derivatives.averaged([given(lane, 2.0), given(lane, 2.0, along=False)], [1, 1])
    x = lane.array([1.0, 2.0, 3.0])
    sentence = "`from_callables` was not given `along`; the third derivatives of a summary need it"
    with pytest.raises(NotImplementedError, match=f"^{re.escape(sentence)}$"):
        f.summary(x, x, Groups.discrete(3))


def test_changing_the_point_afterwards_changes_no_product() -> None:
    f = Derivatives.averaged(
        [Derivatives(lambda x: (x**3).sum()), Derivatives(lambda x: (x**2).sum())], [1, 1]
    )
    point = np.array([1.0, 2.0])
    hvp = f.linearize(point).hvp
    point *= 3
    np.testing.assert_array_equal(hvp(np.ones(2)), [3 + 1, 6 + 1])


F = Derivatives(lambda x: (x**2).sum())
WRONG: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "no parts": ([], [], ValueError, "`parts` is empty; it must have at least one objective"),
    "a function": (
        [F, lambda x: x], [1, 1], TypeError, "`parts[1]` is a function; it must be a Derivatives",
    ),
    "too few sizes": (
        [F, F], [1], ValueError, "`sizes` has 1 entries; it must have 2, one for each part",
    ),
    "too many sizes": (
        [F], [1, 2], ValueError, "`sizes` has 2 entries; it must have 1, one for each part",
    ),
    "a size of 0": ([F, F], [1, 0], ValueError, "`sizes[1]` is 0; it must be positive and finite"),
    "a negative size": ([F, F], [-2, 3], ValueError, "`sizes[0]` is -2; it must be positive and finite"),
    "an infinite size": ([F], [np.inf], ValueError, "`sizes[0]` is inf; it must be positive and finite"),
    "NaN": ([F], [float("nan")], ValueError, "`sizes[0]` is nan; it must be positive and finite"),
    "a truth value": ([F], [True], TypeError, "`sizes[0]` is True; it must be a real number"),
    "a word": ([F], ["5"], TypeError, "`sizes[0]` is '5'; it must be a real number"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_parts_and_sizes_are_said_in_a_sentence(name: str) -> None:
    parts, sizes, kind, sentence = WRONG[name]
    with pytest.raises(kind, match=f"^{re.escape(sentence)}$"):
        Derivatives.averaged(parts, sizes)
