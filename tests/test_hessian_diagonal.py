"""Estimators of the Hessian's diagonal: by hand, in expectation, on every lane, bad input."""

import itertools
import re

import numpy as np
import pytest
from closed_form import Quadratic, quadratic
from conftest import Lane
from faults.patching import change, planted

from refopt import namespace
from refopt.derivatives import Derivatives
from refopt.hessian_diagonal import (
    ExactDiagonal,
    GaussNewtonBartlett,
    Hutchinson,
    diagonal_of,
    exact_diagonal,
    sampled_labels,
)

HOST = Lane("numpy", np, lambda values: values)
H = [[2.0, 1.0, -3.0], [1.0, 5.0, 0.5], [-3.0, 0.5, -4.0]]
THETA = [0.5, -1.0, 2.0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_exact_diagonal_is_read_off_n_products(lane, dtype):
    f, theta = quadratic(lane, H, dtype=dtype), lane.array(THETA, dtype)
    for found in (ExactDiagonal(f).diagonal(theta), diagonal_of(f, theta)):
        np.testing.assert_array_equal(lane.host(found), [2, 5, -4])
        assert found.dtype == theta.dtype
        assert type(found) is type(theta)
    assert f.products == 6


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_probe_gives_u_times_h_u(lane, dtype):
    # u = (1, -1, 1): H u = (2 - 1 - 3, 1 - 5 + 1/2, -3 - 1/2 - 4) = (-2, -7/2, -15/2),
    # u o H u = (-2, 7/2, -15/2)
    # v = (1, 1, 1): H v = (0, 13/2, -13/2); the mean of the two is (-1, 5, -7)
    f, theta = quadratic(lane, H, dtype=dtype), lane.array(THETA, dtype)
    one = Hutchinson(f, lane.array([[1, -1, 1]])).diagonal(theta)
    np.testing.assert_array_equal(lane.host(one), [-2, 3.5, -7.5])
    two = Hutchinson(f, lane.array([[1, -1, 1], [1, 1, 1]])).diagonal(theta)
    np.testing.assert_array_equal(lane.host(two), [-1, 5, -7])
    assert two.dtype == theta.dtype
    assert f.products == 3


def test_the_mean_over_all_signs_is_the_diagonal():
    # the mean of uu' over the 8 sign vectors is the identity, so that of u o H u is the diagonal: exact
    probes = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
    found = Hutchinson(quadratic(HOST, H), probes).diagonal(np.array(THETA))
    np.testing.assert_array_equal(found, [2, 5, -4])
    with planted([change("hessian_diagonal", "return total / count", "return total")]):
        assert Hutchinson(quadratic(HOST, H), probes).diagonal(np.array(THETA))[0] != 2


def test_a_diagonal_hessian_needs_one_probe_of_signs():
    f = quadratic(HOST, np.diag([2.0, -5.0, 7.0]))
    found = Hutchinson(f, np.array([[1.0, -1.0, -1.0]])).diagonal(np.array(THETA))
    np.testing.assert_array_equal(found, [2, -5, 7])


def softmax_losses(inputs, labels):
    """Derivatives of the mean cross-entropy of linear logits theta_c x, and the logits."""

    def loss(theta):
        xp = namespace(theta)
        logits = xp.matmul(inputs, xp.reshape(theta, (3, 2)).T)
        top = xp.log(xp.sum(xp.exp(logits), axis=1))
        return xp.mean(top - xp.sum(logits * np.eye(3)[labels], axis=1))

    return Derivatives(loss)


def test_gauss_newton_bartlett_is_the_diagonal_in_expectation_over_the_labels():
    # For the cross-entropy of linear logits the Gauss-Newton matrix is the Hessian, the mean over samples of
    # (diag p - p p') kron x x'. The expectation of B g^ o g^ runs over all 9 pairs of labels, each with its
    # probability in the model.
    inputs = np.array([[1.0, -0.5], [0.25, 2.0]])
    theta = np.array([0.3, -0.2, 0.1, 0.4, -0.5, 0.2])
    logits = inputs @ theta.reshape(3, 2).T
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    total = np.zeros(6)
    for pair in itertools.product(range(3), repeat=2):
        estimate = GaussNewtonBartlett(softmax_losses(inputs, list(pair)), 2)
        total += p[0, pair[0]] * p[1, pair[1]] * estimate.diagonal(theta)
    expected = [np.mean(p[:, c] * (1 - p[:, c]) * inputs[:, j] ** 2) for c in range(3) for j in range(2)]
    np.testing.assert_allclose(total, expected, rtol=1e-13)
    exact = ExactDiagonal(softmax_losses(inputs, [0, 1])).diagonal(theta)
    np.testing.assert_allclose(exact, expected, rtol=1e-13)


def test_gauss_newton_bartlett_by_hand(lane):
    # f = -b'theta has the gradient -b = (-1, 2, 3) at every point; B = 4: 4 (1, 4, 9)
    f, theta = quadratic(lane, np.zeros((3, 3)), [1, -2, -3]), lane.array(THETA)
    found = GaussNewtonBartlett(f, 4).diagonal(theta)
    np.testing.assert_array_equal(lane.host(found), [4, 16, 36])


def test_labels_come_by_inversion(lane):
    # logits (0, log 2, 0): p = (1/4, 1/2, 1/4), cumulated (1/4, 3/4, 1); a number on the edge goes up
    row = [0.0, np.log(2.0), 0.0]
    uniforms = [0.0, 0.2, 0.26, 0.74, 0.76, 0.999]
    found = sampled_labels(lane.array([row] * 6), lane.array(uniforms))
    assert lane.host(found).tolist() == [0, 0, 1, 1, 2, 2]
    edge = sampled_labels(lane.array([[0.0, 0.0]]), lane.array([0.5]))
    assert lane.host(edge).tolist() == [1]
    # far apart logits neither overflow nor leave the classes
    far = sampled_labels(lane.array([[1e4, -1e4], [-1e4, 1e4]]), lane.array([0.5, 1 - 2.0**-53]))
    assert lane.host(far).tolist() == [0, 1]


def test_the_frequencies_of_labels_are_the_probabilities():
    uniforms = (np.arange(1000) + 0.5) / 1000
    found = sampled_labels(np.tile(np.log([0.2, 0.5, 0.3]), (1000, 1)), uniforms)
    assert np.bincount(found).tolist() == [200, 500, 300]
    with planted([change("hessian_diagonal", "below <= level", "below > level")]):
        assert np.bincount(sampled_labels(np.tile(np.log([0.2, 0.5, 0.3]), (1000, 1)), uniforms))[0] != 200


def test_an_estimator_stands_for_its_derivatives_and_moves_onto_wrapped_ones():
    f, theta = quadratic(HOST, H), np.array(THETA)
    for estimator in (ExactDiagonal(f), Hutchinson(f, np.ones((1, 3)))):
        np.testing.assert_array_equal(estimator.linearize(theta).gradient, np.array(H) @ THETA)
        other = estimator.over(lambda inner: Quadratic(2 * inner.H, inner.b))
        np.testing.assert_array_equal(other.diagonal(theta), 2 * estimator.diagonal(theta))
    bartlett = GaussNewtonBartlett(f, 2).over(lambda inner: Quadratic(2 * inner.H, inner.b))
    np.testing.assert_array_equal(bartlett.diagonal(theta), 4 * GaussNewtonBartlett(f, 2).diagonal(theta))


F = quadratic(HOST, H)


class Odd:
    """An estimator with an answer of its own."""

    def __init__(self, answer):
        self.answer = answer

    def diagonal(self, theta):
        return self.answer


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ExactDiagonal(None), TypeError, "`f` is a NoneType; it must have `linearize`"),
        (lambda: ExactDiagonal(Quadratic), TypeError, "`f` is the class Quadratic; it must have"),
        (lambda: Hutchinson(F, [[1.0]]), TypeError, "`probes` is a list; it must be an array"),
        (lambda: Hutchinson(F, np.ones(3)), ValueError, "`probes` has shape (3,); it must be (p, n)"),
        (lambda: Hutchinson(F, np.ones((0, 3))), ValueError, "`probes` has shape (0, 3)"),
        (lambda: Hutchinson(F, np.ones((1, 3), dtype=int)), TypeError, "`probes` has dtype int64"),
        (lambda: Hutchinson(F, np.full((1, 3), np.nan)), ValueError, "`probes` holds nan at index (0, 0)"),
        (
            lambda: Hutchinson(F, np.ones((1, 2))).diagonal(np.ones(3)),
            ValueError,
            "`probes` has rows of 2 elements; they must have 3",
        ),
        (lambda: GaussNewtonBartlett(None, 1), TypeError, "`f_sampled` is a NoneType"),
        (lambda: GaussNewtonBartlett(F, 0), ValueError, "`batch_size` is 0; it must be at least 1"),
        (lambda: diagonal_of(None, np.ones(3)), TypeError, "it must have `diagonal` or `linearize`"),
        (lambda: diagonal_of(Odd([1, 2, 3]), np.ones(3)), TypeError, "`curvature` answered a list"),
        (
            lambda: diagonal_of(Odd(np.ones(2)), np.ones(3)),
            ValueError,
            "a diagonal of shape (2,); it must be (3,)",
        ),
        (lambda: sampled_labels(np.ones(3), np.ones(3)), ValueError, "`logits` has shape (3,)"),
        (
            lambda: sampled_labels(np.ones((2, 3)), np.zeros(3)),
            ValueError,
            "`uniforms` has shape (3,); it must be (2,)",
        ),
        (lambda: sampled_labels(np.ones((1, 3)), np.ones(1)), ValueError, "a number outside [0, 1)"),
        (lambda: sampled_labels(np.ones((1, 3)), np.full(1, np.nan)), ValueError, "a number outside [0, 1)"),
        (lambda: sampled_labels(np.full((1, 3), np.inf), np.zeros(1)), ValueError, "`logits` holds inf"),
    ],
)
def test_bad_input_is_one_sentence(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()


def test_a_unit_vector_at_a_time_is_the_diagonal_of_any_map():
    assert exact_diagonal(lambda v: np.array(H) @ v, np.ones(3)).tolist() == [2, 5, -4]
