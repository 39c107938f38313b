"""Lanczos and ESE: the defining relations, cases worked by hand, the corner cases K1-K19, and bad input.

A check is a function that raises; the end of the file shows each of them failing on a planted fault.
"""

import math
import sys
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from refopt import orthonormal
from refopt.arrays import device_of, namespace, to_host
from refopt.spectrum import (
    AsymmetricProduct,
    NonFiniteProduct,
    empty_spectrum,
    extreme_spectrum,
    lanczos,
    lanczos_steps,
    start_like,
)

EPS = 2.0**-52
EPS32 = 2.0**-23


@pytest.fixture(params=[None, 3], ids=["whole", "chunks of 3"])
def chunked(request, monkeypatch):
    """Sweeps over all columns at once, and over slices of three columns."""
    if request.param:
        monkeypatch.setattr(orthonormal, "cache_columns", lambda x, rows: request.param)


def matrix(lane, H, dtype="float64"):
    """The product with a dense matrix, on the lane."""
    H = lane.array(H, dtype)
    xp = namespace(H)
    return lambda v: xp.matmul(H, v)


def diagonal(d):
    """The product with a diagonal matrix, on NumPy."""
    d = np.asarray(d)
    return lambda v: d * v


def symmetric(spectrum, seed=0):
    """A dense symmetric matrix with this spectrum, to rounding."""
    n = len(spectrum)
    Q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))
    H = (Q * spectrum) @ Q.T
    return (H + H.T) / 2


def tridiagonal(result):
    d, e = to_host(result.diagonal), to_host(result.off_diagonal)
    return np.diag(d) + np.diag(e, 1) + np.diag(e, -1)


# The checks.


def require_orthonormal(rows, eps=EPS):
    """|U U' - I| stays below n eps, or 20 eps for small n (the measured coefficients may be 10 eps)."""
    rows = to_host(rows)
    bound = max(rows.shape[1], 20) * eps
    worst = np.max(np.abs(rows.astype(np.float64) @ rows.T - np.eye(len(rows))))
    assert worst <= bound, f"inner products off by {worst:.2e}, allowed {bound:.2e}"


def require_factorisation(H, result):
    """H U' = U' T + beta_m u_{m+1} e_m' with u_{m+1} orthogonal to U, to the rounding of n-term sums."""
    U, T = to_host(result.basis), tridiagonal(result)
    bound = 10 * len(H) * EPS * np.linalg.norm(H, 2)
    R = H @ U.T - U.T @ T
    assert np.max(np.abs(R[:, :-1]), initial=0.0) <= bound
    assert abs(np.linalg.norm(R[:, -1]) - result.residual_norm) <= bound
    assert np.max(np.abs(U @ R[:, -1])) <= bound
    assert np.all(to_host(result.off_diagonal) >= 0)


def require_interlacing(values, ritz):
    """Cauchy: lambda_i >= theta_i >= lambda_{n-m+i}, both descending."""
    n, m = len(values), len(ritz)
    slack = 10 * n * EPS * np.max(np.abs(values))
    assert np.all(ritz <= values[:m] + slack)
    assert np.all(ritz >= values[n - m :] - slack)


def require_residuals(H, spectrum):
    """Each residual is |H v - theta v|, and some eigenvalue lies that close to theta."""
    V, theta = to_host(spectrum.eigenvectors), to_host(spectrum.eigenvalues)
    residuals = to_host(spectrum.residuals)
    bound = 10 * len(H) * EPS * np.linalg.norm(H, 2)
    assert np.all(np.abs(np.linalg.norm(H @ V - V * theta, axis=0) - residuals) <= bound)
    nearest = np.min(np.abs(np.linalg.eigvalsh(H)[:, None] - theta), axis=0)
    assert np.all(nearest <= residuals + bound)


# The defining relations, on every lane.

SPECTRA = {
    "indefinite": np.linspace(3.0, -2.0, 12),
    "geometric": 1.5 ** -np.arange(12.0),
    "shifted": 1000.0 + np.linspace(1.0, 0.0, 12),  # the recurrence cancels three digits
    "outlier": np.concatenate([[1e4], np.linspace(1.0, 0.0, 11)]),
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("steps", [1, 2, 7, 12])
def test_lanczos_relations(lane, chunked, name, steps):
    H = symmetric(SPECTRA[name])
    start = np.random.default_rng(1).standard_normal(12)
    result = lanczos(matrix(lane, H), lane.array(start), steps)
    assert result.products == steps
    assert result.breakdowns == 0
    assert to_host(result.basis).shape == (steps, 12)
    require_orthonormal(result.basis)
    require_factorisation(H, result)
    require_interlacing(SPECTRA[name], np.linalg.eigvalsh(tridiagonal(result))[::-1])
    np.testing.assert_allclose(  # one normalisation: two roundings per element
        to_host(result.basis)[0], start / np.linalg.norm(start), rtol=4 * EPS
    )


@pytest.mark.parametrize("n", [3, 200, 5000])
@pytest.mark.parametrize(
    "spectrum",
    [
        lambda n: np.linspace(1.0, 0.0, n),
        lambda n: 1.5 ** -np.arange(float(n)),
        lambda n: 1000.0 + np.linspace(1.0, 0.0, n),
        lambda n: np.concatenate([200.0 * 1.3 ** -np.arange(min(n, 10)), np.full(max(n - 10, 0), 1e-3)]),
    ],
    ids=["uniform", "geometric", "shifted", "low rank plus noise"],
)
def test_orthogonality_stays_at_rounding_level(n, spectrum):
    result = lanczos(diagonal(spectrum(n)), np.random.default_rng(0).standard_normal(n), 60)
    require_orthonormal(result.basis)


def test_results_stay_on_the_lane(lane):
    start = lane.array(np.arange(1.0, 9.0))
    H = np.diag(np.arange(8.0, 0.0, -1.0))
    spectrum = extreme_spectrum(matrix(lane, H), start, largest=2, smallest=1)
    result = lanczos(matrix(lane, H), start, 3)
    for array in (*spectrum[:3], *result[:3]):
        assert type(array) is type(start)
        assert device_of(array) == device_of(start)
    np.testing.assert_array_equal(to_host(start), np.arange(1.0, 9.0))


def test_lanes_agree(lane):
    # Largest pairs of an 8 x 8 matrix after all 8 steps: the spectrum itself, to the rounding of the solver.
    values = np.array([5.0, 4.0, 2.5, 1.0, 0.5, -1.0, -2.0, -4.0])
    spectrum = extreme_spectrum(
        matrix(lane, symmetric(values)), lane.array(np.ones(8)), largest=3, smallest=2
    )
    np.testing.assert_allclose(
        to_host(spectrum.eigenvalues), [5.0, 4.0, 2.5, -2.0, -4.0], rtol=0, atol=5 * 80 * EPS
    )
    assert (spectrum.num_largest, spectrum.num_smallest, spectrum.products) == (3, 2, 8)
    np.testing.assert_array_equal(to_host(spectrum.residuals), 0.0)
    require_orthonormal(to_host(spectrum.eigenvectors).T)


# Worked by hand.


def test_two_by_two(lane, chunked):
    # H = [[2, 1], [1, 2]], start e_1: H e_1 = (2, 1), so alpha_1 = 2, beta_1 = 1, u_2 = e_2, alpha_2 = 2.
    # Eigenpairs: 3 with (1, 1) / sqrt 2 and 1 with (1, -1) / sqrt 2.
    hvp, start = matrix(lane, [[2.0, 1.0], [1.0, 2.0]]), lane.array([1.0, 0.0])
    result = lanczos(hvp, start, 2)
    np.testing.assert_array_equal(to_host(result.diagonal), [2.0, 2.0])
    np.testing.assert_array_equal(to_host(result.off_diagonal), [1.0])
    np.testing.assert_array_equal(to_host(result.basis), np.eye(2))
    assert result.residual_norm == 0.0
    spectrum = extreme_spectrum(hvp, start, largest=1, smallest=1)
    np.testing.assert_allclose(to_host(spectrum.eigenvalues), [3.0, 1.0], rtol=8 * EPS)
    V = to_host(spectrum.eigenvectors)
    np.testing.assert_allclose(np.abs(V), math.sqrt(0.5), rtol=8 * EPS)
    assert V[0, 0] * V[1, 0] > 0 > V[0, 1] * V[1, 1]


def test_three_by_three_stopped_after_two(lane, chunked):
    # A tridiagonal H with start e_1 is its own T. After two steps T = [[1, 2], [2, 3]] with eigenvalues
    # 2 +- sqrt 5 and beta_2 = 4. (1 - theta) s_1 + 2 s_2 = 0 gives s ~ (2, 1 + sqrt 5) for 2 + sqrt 5, so its
    # residual is 4 s_2 = 4 sqrt((6 + 2 sqrt 5) / (10 + 2 sqrt 5)).
    H = [[1.0, 2.0, 0.0], [2.0, 3.0, 4.0], [0.0, 4.0, 5.0]]
    start = lane.array([1.0, 0.0, 0.0])
    result = lanczos(matrix(lane, H), start, 2)
    np.testing.assert_array_equal(tridiagonal(result), [[1.0, 2.0], [2.0, 3.0]])
    assert result.residual_norm == 4.0
    spectrum = extreme_spectrum(matrix(lane, H), start, largest=1, steps=2)
    root = math.sqrt(5.0)
    np.testing.assert_allclose(to_host(spectrum.eigenvalues), [2.0 + root], rtol=8 * EPS)
    np.testing.assert_allclose(
        to_host(spectrum.residuals), [4.0 * math.sqrt((6 + 2 * root) / (10 + 2 * root))], rtol=8 * EPS
    )
    s = np.array([2.0, 1.0 + root, 0.0])
    np.testing.assert_allclose(
        np.abs(to_host(spectrum.eigenvectors)[:, 0]), s / np.linalg.norm(s), rtol=8 * EPS
    )


def test_equally_spaced_spectrum_has_the_discrete_chebyshev_jacobi_matrix(lane, chunked):
    # H = diag(1..N), start ones: T is the Jacobi matrix of the discrete Chebyshev polynomials on N points,
    # alpha_j = (N + 1) / 2, beta_j^2 = j^2 (N^2 - j^2) / (4 (4 j^2 - 1)).
    N, m = 20, 8
    result = lanczos(matrix(lane, np.diag(np.arange(1.0, N + 1))), lane.array(np.ones(N)), m)
    j = np.arange(1.0, m)
    beta = np.sqrt(j**2 * (N**2 - j**2) / (4 * (4 * j**2 - 1)))
    np.testing.assert_allclose(to_host(result.diagonal), (N + 1) / 2, rtol=100 * EPS)  # sums of 20 squares
    np.testing.assert_allclose(to_host(result.off_diagonal), beta, rtol=100 * EPS)
    assert result.residual_norm == pytest.approx(
        math.sqrt(m**2 * (N**2 - m**2) / (4 * (4 * m**2 - 1))), rel=100 * EPS
    )


def stieltjes(points):
    """Jacobi matrix of a discrete measure {node: weight}, in exact fractions: (alpha_j), (beta_j^2)."""
    alpha, beta2 = [], []
    before, now = dict.fromkeys(points, Fraction(0)), dict.fromkeys(points, Fraction(1))
    norm_before = None
    for _ in points:
        norm = sum(w * now[x] ** 2 for x, w in points.items())
        if norm_before is not None:
            beta2.append(norm / norm_before)
        alpha.append(sum(w * x * now[x] ** 2 for x, w in points.items()) / norm)
        b = beta2[-1] if beta2 else 0
        before, now = now, {x: (x - alpha[-1]) * now[x] - b * before[x] for x in points}
        norm_before = norm
    assert not any(now.values())  # the next polynomial vanishes on every node: the Krylov space ends
    return alpha, beta2


def test_few_distinct_eigenvalues_end_the_krylov_space(lane, chunked):
    # K2. H = diag(3, 2, 1, 0 x 17), start ones: weights 1, 1, 1, 17, so T is 4 x 4 (alpha_1 = 6 / 20,
    # beta_1^2 = 14 / 20 - 0.09 = 0.61, the rest by Stieltjes' procedure) and its eigenvalues are 3, 2, 1, 0.
    d = [3.0, 2.0, 1.0] + [0.0] * 17
    alpha, beta2 = stieltjes({Fraction(3): 1, Fraction(2): 1, Fraction(1): 1, Fraction(0): 17})
    assert (alpha[0], beta2[0]) == (Fraction(3, 10), Fraction(61, 100))
    hvp, start = matrix(lane, np.diag(d)), lane.array(np.ones(20))
    result = lanczos(hvp, start, 12)
    assert (result.products, result.breakdowns, result.residual_norm) == (4, 1, 0.0)
    tolerance = 200 * EPS  # sums of 20 terms, and beta is 0.2 |H|
    np.testing.assert_allclose(to_host(result.diagonal), np.array(alpha, float), atol=tolerance, rtol=0)
    np.testing.assert_allclose(
        to_host(result.off_diagonal), np.sqrt(np.array(beta2, float)), atol=tolerance, rtol=0
    )
    for k, products in ((3, 4), (4, 4), (6, 6)):  # beyond 4 the null space is searched by restarts
        spectrum = extreme_spectrum(hvp, start, largest=k)
        expected = [3.0, 2.0, 1.0, 0.0, 0.0, 0.0][:k]
        np.testing.assert_allclose(to_host(spectrum.eigenvalues), expected, atol=tolerance, rtol=0)
        assert spectrum.products == products
        np.testing.assert_array_equal(to_host(spectrum.residuals), 0.0)
        require_orthonormal(to_host(spectrum.eigenvectors).T)
        require_residuals(np.diag(d), spectrum)


def test_restart_vector_is_the_first_coordinate_vector_farthest_from_the_rows(lane, chunked):
    # H = I, start e_2: every vector is an eigenvector. Outside {e_2}, e_1 and e_3 are whole: e_1 comes first.
    result = lanczos(matrix(lane, np.eye(3)), lane.array([0.0, 5.0, 0.0]), 3, restart_until=3)
    np.testing.assert_array_equal(to_host(result.basis), [[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(tridiagonal(result), np.eye(3))
    assert (result.products, result.breakdowns) == (3, 2)  # with three rows R^3 is full: no breakdown
    # Start (3, 4, 0) / 5: the parts outside are 1 - 9/25, 1 - 16/25, 1. So e_3, then e_1 made orthogonal.
    result = lanczos(matrix(lane, np.eye(3)), lane.array([3.0, 4.0, 0.0]), 3, restart_until=3)
    np.testing.assert_allclose(
        to_host(result.basis), [[0.6, 0.8, 0], [0, 0, 1], [0.8, -0.6, 0]], atol=4 * EPS
    )


# The corner cases.


@pytest.mark.parametrize("ends", [(10, 0), (5, 5), (0, 10), (3, 1)])
def test_K1_more_steps_than_variables(ends):
    k, l = ends
    values = np.arange(10.0, 0.0, -1.0)
    spectrum = extreme_spectrum(
        diagonal(values), np.random.default_rng(0).standard_normal(10), largest=k, smallest=l
    )
    expected = np.concatenate([values[:k], values[10 - l :]])
    np.testing.assert_allclose(spectrum.eigenvalues, expected, rtol=0, atol=10 * 10 * 10 * EPS)
    assert (spectrum.num_largest, spectrum.num_smallest) == ends
    assert spectrum.products == 10
    require_orthonormal(spectrum.eigenvectors.T)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("value", [0.0, 1.0, -2.5])
def test_K2_multiples_of_the_identity(lane, value, dtype):
    start = lane.array(np.random.default_rng(3).standard_normal(50), dtype)
    spectrum = extreme_spectrum(matrix(lane, value * np.eye(50), dtype), start, largest=4, smallest=2)
    tolerance = 10 * EPS if dtype == "float64" else 4 * EPS32  # u is rounded to float32 for the product
    np.testing.assert_allclose(to_host(spectrum.eigenvalues), value, rtol=tolerance)
    assert (spectrum.products, spectrum.breakdowns) == (6, 6)
    require_orthonormal(to_host(spectrum.eigenvectors).T, EPS if dtype == "float64" else EPS32)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [20, 300])
def test_K2_low_rank(n, dtype):
    B = np.random.default_rng(n).standard_normal((n, 3)).astype(dtype)
    H = B.astype(np.float64) @ B.T
    spectrum = extreme_spectrum(
        lambda v: B @ (B.T @ v), np.random.default_rng(0).standard_normal(n).astype(dtype), largest=6
    )
    # B'B has H's nonzero eigenvalues; products carry n roundings of the dtype.
    exact = np.linalg.eigvalsh(B.astype(np.float64).T @ B)[::-1]
    tolerance = 10 * n * (EPS if dtype == "float64" else EPS32) * exact[0]
    np.testing.assert_allclose(spectrum.eigenvalues, [*exact, 0, 0, 0], atol=tolerance, rtol=0)
    require_orthonormal(spectrum.eigenvectors.T, EPS if dtype == "float64" else EPS32)
    V = spectrum.eigenvectors.astype(np.float64)
    assert np.max(np.abs(H @ V - V * spectrum.eigenvalues)) <= tolerance


def test_K3_start_orthogonal_to_an_eigenvector(lane):
    # The Krylov space of (0, 1, 1) is {e_2, e_3}: 9 is invisible until the pairs there do not suffice.
    hvp, start = matrix(lane, np.diag([9.0, 2.0, 1.0])), lane.array([0.0, 1.0, 1.0])
    for k, expected, products in ((2, [2.0, 1.0], 2), (3, [9.0, 2.0, 1.0], 3)):
        spectrum = extreme_spectrum(hvp, start, largest=k)
        np.testing.assert_allclose(to_host(spectrum.eigenvalues), expected, rtol=10 * EPS)
        assert (spectrum.products, spectrum.breakdowns) == (products, 1)
    full = extreme_spectrum(hvp, start, largest=1, multiplicity="full")
    np.testing.assert_allclose(to_host(full.eigenvalues), [9.0], rtol=10 * EPS)
    assert full.products == 3


def test_K4_repeated_eigenvalues(lane):
    # H = diag(5, 5, 1), start ones: two distinct eigenvalues, so the Krylov space is a plane with 5 and 1.
    hvp, start = matrix(lane, np.diag([5.0, 5.0, 1.0])), lane.array(np.ones(3))
    one_copy = extreme_spectrum(hvp, start, largest=2)
    np.testing.assert_allclose(to_host(one_copy.eigenvalues), [5.0, 1.0], rtol=10 * EPS)
    both = extreme_spectrum(hvp, start, largest=2, multiplicity="full")
    np.testing.assert_allclose(to_host(both.eigenvalues), [5.0, 5.0], rtol=10 * EPS)
    for spectrum in (one_copy, both, extreme_spectrum(hvp, start, largest=2, smallest=1)):
        require_orthonormal(to_host(spectrum.eigenvectors).T)
        require_residuals(np.diag([5.0, 5.0, 1.0]), spectrum)


def test_K4_full_multiplicity_finds_every_copy():
    values = np.repeat([7.0, 3.0, 0.0, -2.0], [5, 11, 20, 4])
    hvp = diagonal(np.random.default_rng(0).permutation(values))
    spectrum = extreme_spectrum(hvp, np.ones(40), largest=18, smallest=5, multiplicity="full")
    expected = np.concatenate([values[:18], values[-5:]])
    np.testing.assert_allclose(spectrum.eigenvalues, expected, rtol=0, atol=7 * 40 * EPS)
    assert spectrum.products == 40


@pytest.mark.parametrize(
    ("steps", "counts"), [(5, (3, 2)), (4, (3, 1)), (3, (3, 0)), (2, (2, 0)), (1, (1, 0))]
)
def test_K5_each_pair_once(lane, steps, counts):
    H = symmetric(np.linspace(6.0, -6.0, 13))
    start = lane.array(np.random.default_rng(5).standard_normal(13))
    spectrum = extreme_spectrum(matrix(lane, H), start, largest=3, smallest=2, steps=steps)
    assert (spectrum.num_largest, spectrum.num_smallest) == counts
    assert to_host(spectrum.eigenvectors).shape == (13, sum(counts))
    values = to_host(spectrum.eigenvalues)
    assert np.all(np.diff(values) < 0)
    require_orthonormal(to_host(spectrum.eigenvectors).T)
    require_residuals(H, spectrum)


def test_K9_smallest_values_of_an_ill_conditioned_matrix_carry_a_large_residual():
    # 0.001 * 1.12^i, i = 0..99, l = 1: the smallest Ritz value is far above 0.001, and its residual says so.
    values = 0.001 * 1.12 ** np.arange(100.0)
    spectrum = extreme_spectrum(
        diagonal(values), np.random.default_rng(0).standard_normal(100), largest=9, smallest=1
    )
    assert spectrum.products == 40
    assert spectrum.eigenvalues[-1] > 0.002  # not converged
    assert spectrum.residuals[-1] >= spectrum.eigenvalues[-1] - 0.001
    require_residuals(np.diag(values), spectrum)


def test_K10_residuals_bound_the_error_of_unconverged_pairs():
    H = symmetric(np.linspace(1.0, 0.0, 60))
    spectrum = extreme_spectrum(
        lambda v: H @ v, np.random.default_rng(2).standard_normal(60), largest=3, smallest=2, steps=12
    )
    assert np.max(spectrum.residuals) > 1e-3
    require_residuals(H, spectrum)


def test_K11_float32_parameters_float64_process(lane):
    values = np.concatenate([[200.0], 2.0 * 1.5 ** -np.arange(99.0)])
    seen = set()
    multiply = matrix(lane, np.diag(values), "float32")

    def hvp(v):
        seen.add(v.dtype == namespace(v).float32)
        return multiply(v)

    start = lane.array(np.random.default_rng(0).standard_normal(100), "float32")
    spectrum = extreme_spectrum(hvp, start, largest=10)
    xp = namespace(start)
    assert seen == {True}
    assert spectrum.eigenvalues.dtype == xp.float64
    assert spectrum.eigenvectors.dtype == xp.float32
    # Eigenvalues are off by the rounding of H and of each vector to float32, relative to |H| = 200.
    stored = np.sort(values.astype(np.float32).astype(np.float64))[::-1]
    np.testing.assert_allclose(to_host(spectrum.eigenvalues), stored[:10], rtol=0, atol=200 * EPS32)
    require_orthonormal(to_host(spectrum.eigenvectors).T, EPS32)
    # The process is float64: rows orthonormal far below float32's eps.
    require_orthonormal(lanczos(multiply, start, 40).basis)


@pytest.mark.parametrize("top", [1e4, 5e4])
def test_K11_an_outlier_hides_no_float32_spectrum_behind_a_false_breakdown(top):
    # Once the outlier is found, beta is at least 0.1: 1e-5 and 2e-6 of |H|, above float32's eps of 1.2e-7. A
    # process that stopped there would miss all the others and call its pairs exact.
    values = np.concatenate([[top], np.linspace(2.0, 1.1, 9), np.linspace(0.5, 0.0, 990)]).astype(np.float32)
    start = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    spectrum = extreme_spectrum(lambda v: values * v, start, largest=10)
    assert (spectrum.products, spectrum.breakdowns) == (40, 0)
    np.testing.assert_allclose(  # |H| eps of float32
        spectrum.eigenvalues, np.sort(values)[::-1][:10], rtol=0, atol=top * EPS32
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("when", [1, 3])
def test_K14_non_finite_products_have_their_own_error(lane, bad, when):
    calls = []
    good, spoiled = lane.array(np.arange(1.0, 7.0)), lane.array([bad, *range(5)])

    def hvp(v):
        calls.append(1)
        return spoiled if len(calls) == when else good * v

    with pytest.raises(NonFiniteProduct, match=rf"`hvp\(vector\)` holds .* in product {when};.*finite"):
        extreme_spectrum(hvp, lane.array(np.ones(6)), largest=2)
    assert len(calls) == when


@pytest.mark.parametrize(
    ("n", "k", "l", "steps"),
    [
        (1, 1, 0, 1),  # K18
        (1, 0, 0, 1),
        (1, 0, 1, 1),
        (10, 10, 0, 10),
        (100, 10, 0, 40),
        (100, 5, 5, 40),
        (100, 0, 0, 10),  # 2 ln 100 = 9.2
        (7, 1, 0, 4),  # 2 ln 7 = 3.9
        (8, 1, 0, 5),  # 2 ln 8 = 4.2
        (54, 1, 1, 8),  # e^4 = 54.6
        (55, 1, 1, 9),
        (485165195, 10, 0, 40),  # e^20 = 485165195.4
        (485165196, 10, 0, 41),
    ],
)
def test_lanczos_steps(n, k, l, steps):
    assert lanczos_steps(n, k, l) == steps


def test_K18_one_variable(lane):
    spectrum = extreme_spectrum(matrix(lane, [[-7.0]]), lane.array([-2.0]), largest=1)
    np.testing.assert_array_equal(to_host(spectrum.eigenvalues), [-7.0])
    np.testing.assert_array_equal(np.abs(to_host(spectrum.eigenvectors)), [[1.0]])
    np.testing.assert_array_equal(to_host(spectrum.residuals), [0.0])
    assert (spectrum.num_largest, spectrum.num_smallest, spectrum.products) == (1, 0, 1)


def test_K19_the_start_vector_decides_and_nothing_is_random(lane):
    H = symmetric(np.concatenate([np.ones(6), np.zeros(6)]))  # restarts happen
    start = lane.array(np.random.default_rng(0).standard_normal(12))
    first = extreme_spectrum(matrix(lane, H), start, largest=5)
    again = extreme_spectrum(matrix(lane, H), start, largest=5)
    np.testing.assert_array_equal(to_host(first.eigenvectors), to_host(again.eigenvectors))
    np.testing.assert_array_equal(to_host(first.eigenvalues), to_host(again.eigenvalues))


def test_no_pairs_cost_no_product(lane):
    def hvp(v):
        raise AssertionError("no product is needed")

    theta = lane.array(np.ones(4), "float32")
    for spectrum in (empty_spectrum(theta), extreme_spectrum(hvp, theta, largest=0)):
        assert to_host(spectrum.eigenvectors).shape == (4, 0)
        assert spectrum.eigenvectors.dtype == theta.dtype
        assert to_host(spectrum.eigenvalues).shape == to_host(spectrum.residuals).shape == (0,)
        assert spectrum[3:] == (0, 0, 0, 0)


# Accuracy, counts, range, memory.


def test_converged_eigenvalues_and_the_number_of_products():
    # A dominant geometric part over a floor at 1e-8: the ten largest converge within m = 40 steps.
    n = 20000
    values = np.concatenate([3.0 ** -np.arange(12.0), np.linspace(1e-8, 0.0, n - 12)])
    calls = []

    def hvp(v):
        calls.append(1)
        return values * v

    spectrum = extreme_spectrum(hvp, np.random.default_rng(0).standard_normal(n), largest=10)
    assert len(calls) == spectrum.products == 40
    np.testing.assert_allclose(spectrum.eigenvalues, values[:10], rtol=1e-12)  # the figure of the project
    assert np.max(spectrum.residuals) <= 1e-12


@pytest.mark.parametrize("exponent", [-1000, -500, 0, 300, 470])
def test_scale_of_the_matrix_and_of_the_start_do_not_matter(exponent):
    values, scale = np.linspace(1.0, -0.5, 30), 2.0**exponent
    start = np.random.default_rng(0).standard_normal(30)
    expected = extreme_spectrum(diagonal(values), start, largest=3, smallest=1)
    found = extreme_spectrum(diagonal(values * scale), start * 2.0**900, largest=3, smallest=1)
    # Powers of two change no digit until products underflow: 30 n-term sums of rounding at most.
    np.testing.assert_allclose(found.eigenvalues / scale, expected.eigenvalues, rtol=0, atol=900 * EPS)
    np.testing.assert_allclose(found.residuals / scale, expected.residuals, rtol=0, atol=900 * EPS)
    assert found[3:] == expected[3:]


def peak_vectors(n, dtype, **arguments):
    """Peak memory of an ESE run in vectors of n float64, products of a diagonal matrix included."""
    values = np.linspace(1.0, 0.0, n, dtype=dtype)
    start = np.random.default_rng(0).standard_normal(n).astype(dtype)
    tracemalloc.start()
    try:
        extreme_spectrum(lambda v: values * v, start, **arguments)
        return tracemalloc.get_traced_memory()[1] / (8 * n)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [20_000, 300_000])
def test_memory_is_at_most_m_plus_four_vectors(n, dtype):
    assert 40 < peak_vectors(n, dtype, largest=10) <= 44
    assert peak_vectors(n, dtype, largest=3, smallest=3, steps=6) <= 10  # every row becomes a Ritz vector


# Bad input, one sentence each.


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"start": np.zeros(4)}, ValueError, "`start` is the zero vector"),
        ({"start": np.array([1.0, math.nan, 0, 0])}, ValueError, "`start` holds nan at index 1"),
        ({"start": np.array([1.0, math.inf, 0, 0])}, ValueError, "`start` holds inf at index 1"),
        ({"start": np.ones((2, 2))}, ValueError, r"`start` has shape \(2, 2\)"),
        ({"start": np.ones(4, dtype=np.int64)}, TypeError, "`start` has dtype int64"),
        ({"start": [1.0, 2.0]}, TypeError, "`start` is a list"),
        ({"largest": 3, "smallest": 2}, ValueError, r"`largest` \+ `smallest` is 3 \+ 2 for n = 4"),
        ({"largest": -1}, ValueError, "`largest` is -1; it must be at least 0"),
        ({"smallest": 1.5}, TypeError, "`smallest` is 1.5; it must be an integer"),
        ({"steps": 0}, ValueError, "`steps` is 0; it must be at least 1"),
        ({"multiplicity": "all"}, ValueError, "`multiplicity` is 'all'; allowed are 'krylov' and 'full'"),
        ({"multiplicity": "full", "steps": 3}, ValueError, "`steps` is 3; with `multiplicity` 'full'"),
        ({"symmetry_tolerance": -1.0}, ValueError, "`symmetry_tolerance` is -1.0; it must be at least 0"),
    ],
)
def test_bad_arguments(arguments, error, sentence):
    settings = {"hvp": diagonal(np.arange(4.0)), "start": np.ones(4), "largest": 1} | arguments
    with pytest.raises(error, match=sentence):
        extreme_spectrum(**settings)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"steps": 0}, ValueError, "`steps` is 0; it must be at least 1"),
        ({"restart_until": -1}, ValueError, "`restart_until` is -1; it must be at least 0"),
        ({"tolerance": math.nan}, ValueError, "`tolerance` is nan; it must be at least 0"),
    ],
)
def test_bad_lanczos_arguments(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        lanczos(**({"hvp": diagonal(np.ones(4)), "start": np.ones(4), "steps": 2} | arguments))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [((0, 1, 0), "`n` is 0"), ((4, 3, 2), "n = 4"), ((4, True, 0), "`largest` is True")],
)
def test_bad_lanczos_steps_arguments(arguments, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        lanczos_steps(*arguments)


@pytest.mark.parametrize(
    ("product", "error", "sentence"),
    [
        (lambda v: v[:3], ValueError, r"`hvp\(vector\)` has 3 elements; it must have 4"),
        (lambda v: v.reshape(4, 1), ValueError, r"`hvp\(vector\)` has shape \(4, 1\)"),
        (lambda v: v.astype(np.float32), TypeError, "has dtype float32 for a vector of float64"),
        (lambda v: v.astype(np.complex128), TypeError, r"`hvp\(vector\)` has dtype complex128"),
        (lambda v: list(v), TypeError, r"`hvp\(vector\)` is a list"),
    ],
)
def test_bad_products(product, error, sentence):
    with pytest.raises(error, match=sentence):
        extreme_spectrum(product, np.ones(4), largest=1)


def test_asymmetry_is_measured_without_extra_products(lane):
    # H = [[1, 1.25], [1, 1]], start e_1: alpha_1 = 1, beta_1 = 1, u_2 = e_2, H u_2 = (1.25, 1), and
    # u_1'H u_2 - beta_1 = 0.25. The estimate of |H| is |(alpha_2, beta_1, 0.25)| = |(1, 1, 0.25)|.
    hvp, start = matrix(lane, [[1.0, 1.25], [1.0, 1.0]]), lane.array([1.0, 0.0])
    with pytest.raises(AsymmetricProduct, match=r"`hvp` is not symmetric.* i = 1 and j = 2;") as caught:
        extreme_spectrum(hvp, start, largest=1)
    assert caught.value.asymmetry == pytest.approx(0.25 / math.sqrt(2.0625), rel=10 * EPS)
    extreme_spectrum(hvp, start, largest=1, symmetry_tolerance=0.2)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_asymmetry_is_seen_anywhere_and_rounding_is_none(dtype):
    H = symmetric(np.linspace(1.0, -1.0, 40)).astype(dtype)
    start = np.random.default_rng(0).standard_normal(40).astype(dtype)
    extreme_spectrum(lambda v: H @ v, start, largest=5)
    H[3, 17] += 0.01
    with pytest.raises(AsymmetricProduct) as caught:
        extreme_spectrum(lambda v: H @ v, start, largest=5)
    assert 1e-6 < caught.value.asymmetry < 0.01


# Planted faults: each check above is seen failing.


def spoiled(result, **changes):
    return result._replace(**{name: change(getattr(result, name)) for name, change in changes.items()})


def test_factorisation_check_can_fail():
    H = symmetric(np.linspace(3.0, -2.0, 12))
    result = lanczos(lambda v: H @ v, np.arange(1.0, 13.0), 5)
    require_factorisation(H, result)
    for fault in (
        {"diagonal": lambda d: d * (1 + 1e-12)},
        {"off_diagonal": lambda e: -e},
        {"residual_norm": lambda r: r * (1 + 1e-11)},
        {"basis": lambda U: U[::-1]},
    ):
        with pytest.raises(AssertionError):
            require_factorisation(H, spoiled(result, **fault))


@pytest.mark.parametrize("criterion", [math.inf, 2.0**-26], ids=["no passes", "semi-orthogonality"])
def test_orthogonality_check_can_fail(monkeypatch, criterion):
    values, start = 1.5 ** -np.arange(200.0), np.random.default_rng(0).standard_normal(200)
    require_orthonormal(lanczos(diagonal(values), start, 60, symmetry_tolerance=1.0).basis)
    monkeypatch.setattr(orthonormal, "MEASURED_ZERO", criterion)
    with pytest.raises(AssertionError, match="inner products off"):
        require_orthonormal(lanczos(diagonal(values), start, 60, symmetry_tolerance=1.0).basis)


def test_breakdown_check_can_fail(monkeypatch):
    # Without a tolerance the rounding error of 3 u is divided by its norm and taken for a direction.
    start = np.random.default_rng(0).standard_normal(50)
    assert lanczos(lambda v: 3.0 * v, start, 12).products == 1
    monkeypatch.setattr(sys.modules["refopt.lanczos"], "BREAKDOWN_EPS", 0)
    monkeypatch.setattr(sys.modules["refopt.lanczos"], "BREAKDOWN_LEAST", 0.0)
    assert lanczos(lambda v: 3.0 * v, start, 12).products > 1


def test_a_vector_without_a_part_outside_the_rows_is_a_breakdown_at_any_tolerance():
    # diag(3, 2, 1, 0 x 17) on ones: 17 equal elements stay equal in floating point: what is left after four
    # steps has no part outside the rows, and every pass shrinks it further.
    result = lanczos(diagonal([3.0, 2.0, 1.0] + [0.0] * 17), np.ones(20), 12, tolerance=0.0)
    assert (result.products, result.breakdowns) == (4, 1)


def test_no_smallest_pairs_are_the_default_and_full_steps_may_be_named():
    assert lanczos_steps(100, 3) == 12  # 4 k > 2 ln 100 = 9.2
    found = extreme_spectrum(diagonal([1.0, 1, 2]), np.ones(3), largest=3, steps=3, multiplicity="full")
    np.testing.assert_allclose(found.eigenvalues, [2, 1, 1], rtol=8 * EPS)


def test_a_start_vector_in_the_dtype_of_the_point():
    top = float(np.finfo(np.float32).max)
    cast = start_like(np.ones(2, dtype=np.float32), np.array([top, 0.0]))
    assert cast.dtype == np.float32
    np.testing.assert_array_equal(cast, [top, 0.0])
    with pytest.raises(ValueError, match=r"`lanczos_start` has an element of size 6\.81e\+38; in float32"):
        start_like(np.ones(2, dtype=np.float32), np.array([2 * top, 0.0]))
    with pytest.raises(ValueError, match="`lanczos_start` is zero in float32"):
        start_like(np.ones(2, dtype=np.float32), np.array([2.0**-200, 0.0]))
    with pytest.raises(ValueError, match="`lanczos_start` has 3 elements; it must have 2"):
        start_like(np.ones(2), np.ones(3))


def test_rows_start_anew_after_their_combinations():
    rows = orthonormal.OrthonormalRows(np.zeros(3), [1, 2])
    rows.append_fresh()
    rows.append_fresh()
    np.testing.assert_array_equal(rows.combine_in_last_block(np.array([[0.0], [2.0]])), [[0, 2, 0]])
    assert (rows.count, rows.active()) == (0, [])
    rows.append_fresh()  # e_1 again, not e_3
    np.testing.assert_array_equal(rows.row(0), [1, 0, 0])


def test_residual_and_interlacing_checks_can_fail():
    values = np.linspace(1.0, 0.0, 30)
    spectrum = extreme_spectrum(diagonal(values), np.ones(30), largest=3, smallest=1, steps=8)
    require_residuals(np.diag(values), spectrum)
    for fault in (
        {"residuals": lambda r: r / 2},
        {"eigenvalues": lambda t: t + 1e-4},
        {"eigenvectors": lambda V: V[:, ::-1]},
    ):
        with pytest.raises(AssertionError):
            require_residuals(np.diag(values), spoiled(spectrum, **fault))
    ritz = np.linalg.eigvalsh(tridiagonal(lanczos(diagonal(values), np.ones(30), 8)))[::-1]
    require_interlacing(values, ritz)
    for fault in (ritz + 0.2, ritz - 0.2, ritz[::-1]):
        with pytest.raises(AssertionError):
            require_interlacing(values, fault)


def test_memory_check_fails_when_ritz_vectors_get_their_own_storage(monkeypatch):
    def combine_beside(self, weights):
        U = np.concatenate(self.active())
        return weights.T @ U

    monkeypatch.setattr(orthonormal.OrthonormalRows, "combine_in_last_block", combine_beside)
    assert peak_vectors(20_000, "float64", largest=10) > 44
