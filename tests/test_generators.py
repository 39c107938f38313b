"""splitmix64, bases and spectra against plain integers, printed definitions and the claims on the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from refopt import generators
from refopt.problem_files import read_problem
from refopt.problems import list_problems, load_problem


def draw_integers(seed, count):
    """splitmix64 as printed in problems/README.md, in unbounded integers reduced modulo 2^64."""
    state, out = seed, []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        out.append(z ^ (z >> 31))
    return out


def test_splitmix64_of_the_published_seed():
    # The widely published first outputs for seed 1234567.
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert generators.splitmix64(1234567, 4).tolist() == published


@pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1])
def test_splitmix64_equals_plain_integers(seed):
    assert generators.splitmix64(seed, 50).tolist() == draw_integers(seed, 50)


def test_uniform_is_exact():
    expected = [(z >> 11) / 2**52 - 1 for z in draw_integers(7, 200)]
    drawn = generators.uniform(7, 200)
    assert drawn.tolist() == expected
    assert drawn.min() >= -1
    assert drawn.max() < 1


def test_reflections_multiply_in_the_printed_order():
    # R_1 = I - 2 e1 e1' turns e1 over; R_2 = I - w w' with w = (1, -1) swaps the axes:
    # Q = R_1 R_2 = [[0, -1], [1, 0]].
    basis = generators.householder(np.asarray([[1.0, 0.0], [1.0, -1.0]]))
    np.testing.assert_array_equal(basis.dense(), [[0.0, -1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(basis.from_coordinates(np.asarray([2.0, 3.0])), [-3.0, 2.0])


def test_reflections_equal_their_matrices():
    vectors = generators.uniform(1, 60).reshape(3, 20)
    q = np.eye(20)
    for w in vectors:
        q = q @ (np.eye(20) - 2 * np.outer(w, w) / (w @ w))
    # Three products of orthogonal matrices of size 20: a few units in the last place.
    np.testing.assert_allclose(generators.householder(vectors).dense(), q, rtol=0, atol=5e-15)


def test_cosine_matrix_of_two():
    # c_0 = sqrt(1/2); row 1: cos(pi/4), cos(3 pi/4): [[s, s], [s, -s]] with s = sqrt(1/2).
    s = math.sqrt(0.5)
    np.testing.assert_allclose(generators.dct(2), [[s, s], [s, -s]], rtol=1e-15)


def test_cosine_block_sits_on_the_first_and_last_coordinates():
    basis = generators.dct_block(6, 2).dense()
    s = math.sqrt(0.5)
    expected = np.eye(6)
    expected[0, 0], expected[0, 5], expected[5, 0], expected[5, 5] = s, s, s, -s
    np.testing.assert_allclose(basis, expected, rtol=1e-15)
    turned = generators.dct_block(6, 4, transposed=True).dense()[np.ix_([0, 1, 4, 5], [0, 1, 4, 5])]
    # Column 1 of the transposed matrix is the cosine of frequency 1: falling from first to last.
    np.testing.assert_allclose(
        turned[:, 1], np.sqrt(0.5) * np.cos(np.pi * np.asarray([1, 3, 5, 7]) / 8), rtol=1e-14
    )


def problems_with_a_basis():
    names = (name for name in list_problems() if not name.startswith("digits"))  # those need scikit-learn
    return [name for name in names if read_problem(name).built.basis is not None]


@pytest.mark.parametrize("name", problems_with_a_basis())
def test_every_basis_is_orthonormal(name):
    basis = read_problem(name).built.basis
    sample = np.unique(np.linspace(0, basis.n - 1, 40).astype(int))
    columns = basis.from_coordinates(np.eye(basis.n)[:, sample])
    # Three reflections, or the rounding of the cosines: columns are orthonormal to a few n^(1/2) units.
    np.testing.assert_allclose(columns.T @ columns, np.eye(len(sample)), rtol=0, atol=1e-14)


def test_paper_spectrum():
    # FOSI 4.3: lambda_2 = 1, lambda_3 = 2/3; the smallest are 5.5e-18 (n = 100) and 1.6e-264 (n = 1500).
    assert generators.paper_spectrum(4, 5.0).tolist() == [5.0, 1.0, 1 / 1.5, 1.5**-2]
    assert f"{generators.paper_spectrum(100, 5.0)[-1]:.1e}" == "5.5e-18"
    assert f"{generators.paper_spectrum(1500, 5.0)[-1]:.1e}" == "1.6e-264"


def test_segments_of_the_a4_example():
    values = read_problem("quadratic-a4").built
    spectrum = values.basis.dense().T @ values.arrays["hessian"] @ values.basis.dense()
    lam = np.diag(spectrum)
    # lambda_1 = 10, lambda_10 = 9, lambda_11 = 0.1, lambda_100 = 0.01; H is rounded to 1e-14 of its norm 10.
    np.testing.assert_allclose(lam[[0, 9, 10, 99]], [10, 9, 0.1, 0.01], rtol=0, atol=1e-13)
    np.testing.assert_allclose(np.diff(lam[:10]), -1 / 9, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "digits", "value"),
    [
        ("quadratic-b112-z30", 4, 87.0017),  # FOSI claims, Q7
        ("quadratic-hundred", 6, 2525.0),  # FOSI claims, E4
        # 0.125 sum lambda + 0.375 lambda_2 with sum = lambda_1 + 1/(1 - 2/3) up to 1e-17, lambda_2 = 1:
        ("quadratic-paper-5-100", 12, 1.375),
        ("quadratic-paper-200-1500", 12, 25.75),
    ],
)
def test_value_at_the_published_start(name, digits, value):
    problem = load_problem(name)
    assert round(float(problem.objective(problem.start)), digits) == value


def test_gradient_descent_on_the_a4_example_ends_where_the_figure_does():
    # f(250) = 0.7252 with eta = 0.001 (FOSI claims, A4.2): start, spectrum and basis together.
    problem = load_problem("quadratic-a4")
    theta = problem.start
    for _ in range(250):
        theta = theta - 0.001 * problem.derivatives.gradient(theta)
    assert f"{float(problem.objective(theta)):.4f}" == "0.7252"
