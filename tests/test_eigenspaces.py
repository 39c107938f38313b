"""Dense spectra, clusters turned towards the gradient, eigenvectors matched across a crossing."""

import numpy as np
import pytest
from conftest import Lane

from refopt import eigenspaces
from refopt.derivatives import Derivatives
from refopt.eigenspaces import (
    carried,
    check_kept,
    dense_spectrum,
    match_eigenvectors,
    rotate_clusters,
    rotated,
)
from refopt.spectrum import Spectrum
from refopt.trace import NonFinite


def orthonormal(rng, n):
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def given(lane, values, vectors):
    """A spectrum of known pairs."""
    k = len(values)
    return Spectrum(lane.array(values), lane.array(vectors), lane.array([0.0] * k), k, 0, 0, 0)


def quadratic(lane, H):
    H = lane.array(H)
    xp = lane.xp
    return Derivatives.from_callables(
        lambda theta: xp.sum(theta * xp.matmul(H, theta)) / 2.0,
        lambda theta: xp.matmul(H, theta),
        lambda theta, v: xp.matmul(H, v),
    )


def test_the_dense_spectrum_by_hand(lane: Lane):
    # [[2.5, 1.5], [1.5, 2.5]]: 4 on (1, 1), 1 on (1, -1)
    found = dense_spectrum(quadratic(lane, [[2.5, 1.5], [1.5, 2.5]]), lane.array([0.3, -0.9]))
    np.testing.assert_allclose(lane.host(found.eigenvalues), [4.0, 1.0], rtol=1e-15)
    V = lane.host(found.eigenvectors)
    np.testing.assert_allclose(abs(V), np.full((2, 2), 0.5**0.5), rtol=1e-15)
    assert V[0, 0] * V[1, 0] > 0 > V[0, 1] * V[1, 1]
    assert np.all(lane.host(found.residuals) <= 1e-14)
    assert found[3:] == (2, 0, 2, 0)


def test_a_dense_spectrum_of_float32_has_float32_vectors():
    f = Derivatives(lambda x: 2 * x[0] ** 2 + x[0] * x[1])
    found = dense_spectrum(f, np.array([1.0, 2.0], dtype="float32"))
    assert (found.eigenvalues.dtype, found.eigenvectors.dtype) == (np.float64, np.float32)
    np.testing.assert_allclose(found.eigenvalues, [2 + 5**0.5, 2 - 5**0.5], rtol=1e-6)  # of [[4, 1], [1, 0]]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dense_vectors_lie_as_rows(dtype):
    theta = np.ones(5, dtype=dtype)
    problem = Derivatives(lambda z: z[0] ** 2 * z[1] + z[2] * z[3] ** 2 - z[4] * z[0])
    assert dense_spectrum(problem, theta).eigenvectors.T.flags.c_contiguous


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_hessian_that_is_not_finite_is_named():
    f = Derivatives(lambda x: (x[0] * 1e200) ** 4 + x[1] ** 2)
    with pytest.raises(NonFinite, match="the Hessian is not finite"):
        dense_spectrum(f, np.array([1e200, 1.0]))


def test_a_cluster_is_turned_towards_the_gradient(lane: Lane):
    rng = np.random.default_rng(1)
    V, g = orthonormal(rng, 5), rng.standard_normal(5)
    spectrum = given(lane, [3.0, 1.0, 1.0, 1.0, -2.0], V)
    found, L, clusters = rotate_clusters(spectrum, lane.array(g), lane.array([1.0, 2.0, 5.0, 3.0, 4.0]))
    assert clusters == [(1, 4)]
    np.testing.assert_array_equal(lane.host(L), [1.0, 5.0, 5.0, 5.0, 4.0])
    W = lane.host(found.eigenvectors)
    np.testing.assert_array_equal(W[:, [0, 4]], V[:, [0, 4]])
    np.testing.assert_allclose(W.T @ W, np.eye(5), atol=1e-15)
    p = V[:, 1:4] @ (V[:, 1:4].T @ g)  # the projected gradient
    np.testing.assert_allclose(W[:, 1], p / np.linalg.norm(p), atol=1e-15)
    np.testing.assert_allclose(W[:, 1:4] @ W[:, 1:4].T, V[:, 1:4] @ V[:, 1:4].T, atol=1e-15)
    np.testing.assert_array_equal(lane.host(found.eigenvalues), [3.0, 1.0, 1.0, 1.0, -2.0])


def test_nearly_equal_eigenvalues_become_rayleigh_quotients():
    rng = np.random.default_rng(2)
    V, g, lam = orthonormal(rng, 4), rng.standard_normal(4), np.array([2.0, 1.001, 1.0, 0.5])
    class_ = type("Host", (), {"array": staticmethod(np.array)})
    found, _, clusters = rotate_clusters(given(class_, lam, V), g, np.ones(4), tolerance=1e-3)
    assert clusters == [(1, 3)]
    H = V @ np.diag(lam) @ V.T
    W = found.eigenvectors
    np.testing.assert_allclose(found.eigenvalues, np.diag(W.T @ H @ W), rtol=1e-14)
    rest = np.linalg.norm(H @ W - W * found.eigenvalues, axis=0)
    assert np.all(rest <= found.residuals + 1e-15)
    assert rotate_clusters(given(class_, lam, V), g, np.ones(4), tolerance=1e-4)[2] == []


def test_without_a_cluster_the_spectrum_is_the_one_given():
    spectrum = given(type("Host", (), {"array": staticmethod(np.array)}), [2.0, 1.0], np.eye(2))
    found, L, clusters = rotate_clusters(spectrum, np.ones(2), np.ones(2))
    assert found is spectrum
    assert clusters == []
    np.testing.assert_array_equal(L, [1.0, 1.0])


def test_zero_eigenvalues_are_equal_and_a_zero_projection_keeps_its_basis():
    host = type("Host", (), {"array": staticmethod(np.array)})
    found, L, clusters = rotate_clusters(
        given(host, [0.0, 0.0], np.eye(2)), np.zeros(2), np.array([1.0, 2.0])
    )
    assert clusters == [(0, 2)]
    np.testing.assert_array_equal(found.eigenvectors, np.eye(2))
    np.testing.assert_array_equal(L, [2.0, 2.0])
    with pytest.raises(ValueError, match=r"`tolerance` is -1\.0; it must be at least 0"):
        rotate_clusters(found, np.zeros(2), np.ones(2), -1.0)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1.0, 1e200, 1e300])
def test_a_cluster_is_turned_at_any_scale(scale):
    # (3, 4) to (5, 0), where the squares of the coordinates are beyond the range of a float
    host = type("Host", (), {"array": staticmethod(np.array)})
    spectrum, g = given(host, [0.0, 0.0], np.eye(2)), scale * np.array([3.0, 4.0])
    found, _, clusters = rotate_clusters(spectrum, g, np.ones(2))
    assert clusters == [(0, 2)]
    np.testing.assert_allclose(found.eigenvectors[:, 0], [0.6, 0.8], rtol=0, atol=1e-15)
    np.testing.assert_allclose(
        rotated(spectrum, g, np.ones(2), None)[1], [5 * scale, 0.0], rtol=4e-16, atol=0
    )


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.ones(3), r"`L` has shape \(3,\); it must be \(2,\), a number for each eigenvector of the state"),
        ([1.0, 1.0], r"`L` has shape \(\); it must be \(2,\)"),
        (np.array([1.0, np.nan]), "`L` is nan at index 1; it must be between 1 and 8"),
        (np.array([0.5, 1.0]), r"`L` is 0\.5 at index 0; it must be between 1 and 8"),
        (np.array([1.0, 9.0]), r"`L` is 9\.0 at index 1; it must be between 1 and 8"),
    ],
)
def test_what_is_kept_by_eigenvector_has_a_number_for_each(values, sentence):
    check_kept("L", np.array([1.0, 8.0]), np.eye(2), 1.0, 8.0)
    with pytest.raises(ValueError, match=sentence):
        check_kept("L", values, np.eye(2), 1.0, 8.0)


def test_vectors_are_matched_across_a_crossing(lane: Lane):
    # x^3/6 + y^2/2 from (0.9, 0) to (1.1, 0): e_y, e_x sorted become e_x, e_y, whatever their signs
    before, after = lane.array([[0.0, 1.0], [1.0, 0.0]]), lane.array([[-1.0, 0.0], [0.0, 1.0]])
    matches = match_eigenvectors(before, after)
    assert matches == [1, 0]
    np.testing.assert_array_equal(lane.host(carried(lane.array([7.0, 9.0]), matches, 2.0)), [9.0, 7.0])


def test_a_vector_that_continues_none_is_fresh():
    half = 0.5**0.5
    turned = np.array([[half, -half], [half, half]])  # (v'v~)^2 = 1/2 but for rounding: not more
    assert match_eigenvectors(np.eye(2), 0.999 * turned) == [None, None]
    assert match_eigenvectors(np.eye(3)[:, :2], np.eye(3)[:, 1:]) == [1, None]
    np.testing.assert_array_equal(carried(np.array([7.0, 9.0]), [1, None], 2.0), [9.0, 2.0])
    assert match_eigenvectors(np.zeros((3, 0)), np.eye(3)[:, :2]) == [None, None]
    with pytest.raises(ValueError, match="the same number of rows"):
        match_eigenvectors(np.eye(2), np.eye(3))


def test_matches_are_unique():
    rng = np.random.default_rng(6)
    for _ in range(20):
        V = orthonormal(rng, 6)
        turn = np.linalg.qr(np.eye(6) + 0.3 * rng.standard_normal((6, 6)))[0]
        found = [j for j in match_eigenvectors(V[:, :4], (V @ turn)[:, :5]) if j is not None]
        assert len(found) == len(set(found))


def test_the_width_of_a_cluster_grows_with_the_root_of_n():
    """16 sqrt(n) eps of the vectors' dtype, n = 9 their length and not their number."""
    assert eigenspaces.cluster_tolerance(np.eye(9)[:, :2]) == 48.0 * 2.0**-52
    assert eigenspaces.cluster_tolerance(np.eye(9, dtype="float32")[:, :2]) == 48.0 * 2.0**-23
