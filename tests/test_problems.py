"""Every shipped problem: it loads, its facts hold, its derivatives agree on every lane."""

from __future__ import annotations

import functools
import sys

import numpy as np
import pytest

from refopt.arrays import to_host
from refopt.families import FAMILIES
from refopt.problem_files import read_problem
from refopt.problems import list_problems, load_problem
from refopt.resources import problems_directory

# Those on the digits need scikit-learn; the one on a text is held in test_transformer.py.
NAMES = [name for name in list_problems() if not name.startswith(("digits", "characters"))]
TRANSFORMERS = ("transformer-156", "transformer-174")
NONCONVEX = {"rosenbrock", "beale", "himmelblau", "polynomial", "matched_cubic", "network", "transformer"}


@functools.lru_cache(maxsize=8)
def problem_and_hessian_norm(name):
    """The problem, and 1 + its Hessian's norm at the default start: the unit of the tolerances."""
    problem = load_problem(name)
    return problem, 1.0 + float(np.linalg.norm(hessian(problem, problem.start), 2))


def hessian(problem, theta):
    point = problem.derivatives.linearize(theta)
    return np.stack([point.hvp(e) for e in np.eye(problem.n)])


def with_fact(*keys):
    return [name for name in NAMES if any(key in read_problem(name).facts for key in keys)]


# ---- what every problem must have ----


@pytest.mark.parametrize("name", NAMES)
def test_problem_loads_and_is_finite_at_its_starts(name):
    problem = load_problem(name)
    assert problem.id == name
    assert problem.title
    assert problem.source
    assert problem.lanczos_start.shape == (problem.n,)
    for theta in problem.starts.values():
        assert theta.shape == (problem.n,)
        assert np.isfinite(problem.objective(theta))
        assert np.all(np.isfinite(problem.derivatives.gradient(theta)))


@pytest.mark.parametrize("name", [name for name in NAMES if read_problem(name).family in NONCONVEX])
def test_nonconvex_problems_have_two_starts_one_with_negative_curvature(name):
    problem = load_problem(name)
    assert len(problem.starts) >= 2
    assert len(problem.facts["negative_curvature"]) >= 1


def test_the_list_of_problems_covers_the_paper_and_every_family():
    names = list_problems()
    assert {f"quadratic-paper-{x}-{n}" for x in (5, 10, 20, 50, 200) for n in (100, 1500)} <= set(names)
    assert {f"quadratic-b{b}-z{z}" for b in (110, 112, 116) for z in (10, 30, 50, 90)} <= set(names)
    assert {read_problem(name).family for name in NAMES} == set(FAMILIES)
    readme = problems_directory().joinpath("README.md").read_text(encoding="utf-8")
    for family in FAMILIES:
        assert f"**{family}**" in readme


# ---- facts ----


@pytest.mark.parametrize("name", with_fact("minimiser", "minimisers", "stationary"))
def test_gradient_vanishes_where_the_file_says(name):
    problem, norm = problem_and_hessian_norm(name)
    facts = problem.facts
    points = [facts["minimiser"]] if "minimiser" in facts else []
    points += [*facts.get("minimisers", ()), *facts.get("stationary", ())]
    for point in points:
        # The point is rounded to float64: the gradient moves by up to |H| eps |point|. Its terms round too.
        tolerance = 4 * np.finfo(float).eps * norm * (1 + np.linalg.norm(point))
        assert np.linalg.norm(problem.derivatives.gradient(np.array(point))) <= tolerance


@pytest.mark.parametrize("name", with_fact("minimum"))
def test_minimum_is_taken_at_the_minimisers_and_not_undercut(name):
    problem, norm = problem_and_hessian_norm(name)
    facts = problem.facts
    points = [facts["minimiser"]] if "minimiser" in facts else list(facts.get("minimisers", ()))
    for point in points:
        # Rounded sums of terms as large as |H| |point|^2.
        tolerance = 50 * np.finfo(float).eps * norm * (1 + point @ point)
        assert abs(float(problem.objective(np.array(point))) - facts["minimum"]) <= tolerance
    if len(points) > 0:
        for theta in (*problem.starts.values(), problem.lanczos_start):
            assert problem.objective(theta) > facts["minimum"]


@pytest.mark.parametrize("name", with_fact("values"))
def test_values_at_the_starts(name):
    problem, norm = problem_and_hessian_norm(name)
    for start, value in problem.facts["values"].items():
        theta = problem.starts[start]
        tolerance = 20 * np.finfo(float).eps * (abs(value) + norm * (theta @ theta))  # a rounded sum
        assert abs(float(problem.objective(theta)) - value) <= tolerance


@pytest.mark.parametrize("name", with_fact("eigenvalues"))
def test_eigenvalues_of_the_hessian(name):
    problem = load_problem(name)
    found = np.linalg.eigvalsh(hessian(problem, problem.start))[::-1]
    scale = max(1.0, float(np.max(np.abs(found))))
    # LAPACK's error is a few units of the norm; H itself is rounded to as much.
    np.testing.assert_allclose(found, problem.facts["eigenvalues"], rtol=0, atol=1e-14 * scale)


@pytest.mark.parametrize("name", [name for name in NAMES if load_problem(name).n not in (100, 1500)])
def test_negative_curvature_is_where_the_file_says(name):
    problem = load_problem(name)
    named = problem.facts.get("negative_curvature", ())
    for start, theta in problem.starts.items():
        eigenvalues = np.linalg.eigvalsh(hessian(problem, theta))
        # Beyond the rounding of the eigenvalues: flat directions count as not negative.
        assert (eigenvalues[0] < -1e-12 * max(1.0, np.max(np.abs(eigenvalues)))) == (start in named)


@pytest.mark.parametrize("name", with_fact("lipschitz"))
def test_lipschitz_constants_along_the_columns_of_the_basis(name):
    content = read_problem(name)
    problem = load_problem(name)
    columns = content.built.basis.dense()
    shifts = content.built.arrays.get("shifts", np.zeros(problem.n))
    for j, lipschitz in enumerate(problem.facts["lipschitz"]):
        rate = content.built.arrays.get("rates", np.ones(problem.n))[j]
        # The third derivative of log cosh is largest at tanh(r u) = 1/sqrt(3), a cubic's is constant.
        steepest = np.arctanh(1 / np.sqrt(3)) / rate
        slopes = []
        for u in np.r_[steepest * np.linspace(0.2, 3, 15), steepest]:
            theta = columns @ (shifts + u * np.eye(problem.n)[j])
            slopes.append(abs(float(problem.derivatives.along(theta, columns[:, j].copy(), 3)[3])))
        np.testing.assert_allclose(max(slopes), lipschitz, rtol=1e-12, atol=1e-13)  # four chained roundings


# ---- lanes, dtypes, bases ----


@pytest.mark.parametrize("name", [name for name in NAMES if load_problem(name).n < 1500])
def test_derivatives_are_the_same_on_every_lane(derivative_lane, name):
    reference = load_problem(name)
    problem = load_problem(name, backend=derivative_lane.array([0.0]))
    vector = np.linspace(-1.0, 1.0, problem.n) + 0.25
    expected = reference.derivatives.linearize(reference.start)
    point = problem.derivatives.linearize(derivative_lane.array(reference.start))
    product = point.hvp(derivative_lane.array(vector))
    for found, wanted in zip(
        (point.value, point.gradient, product),
        (expected.value, expected.gradient, expected.hvp(vector)),
        strict=True,
    ):
        assert isinstance(found, type(problem.start)) or found.shape == ()
        # The same operations in the same order; only the order inside a sum may differ.
        scale = float(np.max(np.abs(wanted))) + 1.0
        np.testing.assert_allclose(to_host(found), wanted, rtol=0, atol=1e-14 * problem.n * scale)


@pytest.mark.parametrize(
    "name", ["quadratic-figure1", "softmax-8x3x3", "log-cosh-rotated-6", "relu-network-17", *TRANSFORMERS]
)
def test_values_need_no_autograd(lane, name):
    problem, wanted = load_problem(name, backend=lane.array([0.0])), load_problem(name)
    # The same operations; only the order inside a sum may differ.
    value = to_host(problem.objective(problem.start))
    np.testing.assert_allclose(value, wanted.objective(wanted.start), rtol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32(name):
    problem = load_problem(name, dtype="float32")
    point = problem.derivatives.linearize(problem.start)
    assert problem.start.dtype == problem.lanczos_start.dtype == np.float32
    assert point.value.dtype == point.gradient.dtype == point.hvp(problem.lanczos_start).dtype == np.float32


def test_facts_are_not_rounded_to_float32():
    facts = load_problem("himmelblau", dtype="float32").facts
    np.testing.assert_array_equal(facts["minimisers"], load_problem("himmelblau").facts["minimisers"])
    assert facts["minimisers"].dtype == np.float64


def test_large_quadratics_keep_no_dense_matrix():
    assert max(np.size(x) for x in load_problem("quadratic-paper-5-1500").data.values()) <= 3 * 1500


def test_the_spectral_form_equals_reflections_one_by_one():
    problem, content = load_problem("quadratic-paper-20-1500"), read_problem("quadratic-paper-20-1500")
    eigenvalues, vectors = content.built.arrays["eigenvalues"], content.built.basis.right

    def reflect(x, order):
        for i in order:
            x = x - vectors[i] * (2 * (vectors[i] @ x) / (vectors[i] @ vectors[i]))
        return x

    theta = problem.lanczos_start
    wanted = reflect(eigenvalues * reflect(theta, (0, 1, 2)), (2, 1, 0))  # Q diag Q' theta, Q = R_0 R_1 R_2
    found = problem.derivatives.gradient(theta)
    np.testing.assert_allclose(
        found, wanted, rtol=0, atol=1e-13
    )  # entries of order one, a few hundred roundings


# ---- digits ----


def test_digits_softmax_at_zero():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    problem = load_problem("digits-softmax")
    counts = problem.data["one_hot"].sum(axis=1)
    assert counts.sum() == 1797
    assert problem.data["features"].max() == 1
    # All probabilities are 1/10: f = log 10, bias gradient 1/10 - frequency.
    point = problem.derivatives.linearize(np.zeros(problem.n))
    np.testing.assert_allclose(point.value, np.log(10), rtol=1e-13)
    np.testing.assert_allclose(point.gradient[640:], 0.1 - counts / 1797, rtol=0, atol=1e-15)


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(RuntimeError, match="digits problems need scikit-learn: pip install scikit-learn"):
        load_problem("digits-network")


# ---- bad input ----


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"backend": "jax"}, ValueError, "`backend` is 'jax'; allowed are 'numpy' and 'cupy'"),
        ({"backend": 3}, TypeError, "`backend` is a int; it must be an array or one of ('numpy', 'cupy')"),
        ({"dtype": "float16"}, ValueError, "`dtype` is 'float16'; it must be 'float64' or 'float32'"),
    ],
)
def test_bad_arguments(arguments, error, sentence):
    with pytest.raises(error) as caught:
        load_problem("rosenbrock-2", **arguments)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("theta", "error", "sentence"),
    [
        (np.zeros(3), ValueError, "`theta` has shape (3,); it must be (2,)"),
        (np.zeros((2, 1)), ValueError, "`theta` has shape (2, 1); it must be (2,)"),
        ([0.0, 0.0], TypeError, "`theta` is a builtins list; this problem holds numpy ndarray"),
        (np.zeros(2, dtype=np.float32), TypeError, "`theta` has dtype float32; it must be float64"),
        (np.zeros(2, dtype=np.int64), TypeError, "`theta` has dtype int64; it must be float64"),
        (np.zeros(2, dtype=complex), TypeError, "`theta` has dtype complex128; it must be float64"),
    ],
)
def test_bad_theta(theta, error, sentence):
    with pytest.raises(error) as caught:
        load_problem("rosenbrock-2").objective(theta)
    assert sentence in str(caught.value)


def test_theta_of_another_library(lane):
    if lane.name.startswith("numpy"):
        problem, theta = (
            load_problem("rosenbrock-2", backend=__import__("standin").xp.zeros(1)),
            lane.array([0, 0]),
        )
    else:
        problem, theta = load_problem("rosenbrock-2"), lane.array([0, 0])
    with pytest.raises(TypeError, match="load the problem with another `backend`"):
        problem.objective(theta)


def test_the_layout_of_a_network_lists_its_tensors_in_the_order_of_the_parameters():
    # 2-2-2-2: per layer a 2 x 2 matrix and 2 biases
    layout = load_problem("tanh-network-18").layout
    assert [tensor.name for tensor in layout] == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert [tensor.size for tensor in layout] == [4, 2, 4, 2, 4, 2]
    assert [tensor.layer for tensor in layout] == [0, 0, 1, 1, 2, 2]
    assert [tensor.kind for tensor in layout] == ["weights", "biases"] * 3
    softmax = load_problem("softmax-8x3x3").layout  # W (3 x 3) and b (3)
    assert [(tensor.name, tensor.size) for tensor in softmax] == [("W1", 9), ("b1", 3)]
    assert load_problem("rosenbrock-5").layout is None
