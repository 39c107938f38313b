"""The oracle itself: independent of everything it judges, and right where pencil and paper suffice."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from mpmath import mp, mpf

from oracles import (
    bases,
    build,
    classifiers,
    condition,
    derivative_values,
    families,
    krylov,
    problems,
    series,
    transformer,
)
from oracles.precision import add, dot, eigensystem, norm, numbers

FOLDER = Path(build.__file__).parent
TINY = mpf(10) ** -45


@pytest.fixture(autouse=True)
def fifty_digits():
    with mp.workdps(50):
        yield


def foreign(source):
    """Return the modules that a source imports beyond the standard library and mpmath, and ways around it."""
    allowed = {*sys.stdlib_module_names, "mpmath", "oracles"}
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] not in allowed]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module or "."] if (node.module or ".").split(".")[0] not in allowed else []
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            found += [called] if called in {"__import__", "eval", "exec"} else []
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_module_imports_only_the_standard_library_and_mpmath(path):
    assert foreign(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import numpy as np", ["numpy"]),
        ("def f():\n    from refopt.spectrum import lanczos", ["refopt.spectrum"]),
        ("from . import case", ["."]),
        ("np = __import__('numpy')", ["__import__"]),
        ("import json, mpmath.libmp\nfrom oracles.case import Case", []),
    ],
)
def test_foreign_import_is_seen(source, found):
    assert foreign(source) == found


def test_loading_all_cases_loads_neither_numpy_nor_refopt():
    code = (
        "import sys, oracles.build as b; b.collect(); "
        "print([m for m in ('numpy', 'refopt', 'scipy', 'autograd') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=FOLDER.parent, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def close(a, b):
    return norm(add(a if isinstance(a, list) else [a], b if isinstance(b, list) else [b], -1)) < TINY


def test_splitmix64_gives_the_published_integers():
    source = bases.splitmix64(1234567)
    assert [next(source) for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_figure1_by_hand():
    # f = 1.25 (x^2 + y^2) + 1.5 x y at (2, -1): 5 + 1.25 - 3 = 3.25; g = (2.5*2 - 1.5, 1.5*2 - 2.5)
    problem = problems.load("quadratic-figure1")
    theta = numbers([2.0, -1.0])
    assert close(problem.value(theta), mpf("3.25"))
    assert close(problem.gradient(theta), numbers([3.5, 0.5]))
    assert close(problem.hvp(theta, numbers([1.0, 1.0])), numbers([4.0, 4.0]))


def test_rosenbrock_by_hand():
    # x = -1, y = 2: r = 1: f = 100 + 4; g = (-400 x r - 2(1 - x), 200 r); H = [[402, 400], [400, 200]]
    problem, theta = problems.load("rosenbrock-2"), numbers([-1.0, 2.0])
    assert close(problem.value(theta), mpf(104))
    assert close(problem.gradient(theta), numbers([396.0, 200.0]))
    assert problem.hessian(theta) == [numbers([402.0, 400.0]), numbers([400.0, 200.0])]


def test_a_polynomial_by_hand():
    # f = (x^2 + y^2)/2 + x^2 y at (1, 2): 4.5; g = (x + 2 x y, y + x^2); H = [[1 + 2y, 2x], [2x, 1]];
    # along (1, 1): f(1 + t, 2 + t) = 4.5 + 8 t + 5 t^2 + t^3
    problem, theta = problems.load("polynomial-valley-2"), numbers([1.0, 2.0])
    assert close(problem.value(theta), mpf(9) / 2)
    assert close(problem.gradient(theta), numbers([5.0, 3.0]))
    assert problem.hessian(theta) == [numbers([5.0, 2.0]), numbers([2.0, 1.0])]
    assert close(problem.along(theta, numbers([1.0, 1.0]), 4), numbers([4.5, 8.0, 10.0, 6.0, 0.0]))


def test_himmelblau_and_beale_at_their_minimisers():
    # Himmelblau at (3, 2): both residuals vanish, H = 2 J'J with J = [[2x, 1], [1, 2y]] = [[6, 1], [1, 4]]
    himmelblau = problems.load("himmelblau")
    theta = numbers([3.0, 2.0])
    assert himmelblau.value(theta) == 0
    assert himmelblau.hessian(theta) == [numbers([74.0, 20.0]), numbers([20.0, 34.0])]
    beale = problems.load("beale")
    # Beale at (3, 1/2): J rows (y^j - 1, j x y^(j-1)) = (-1/2, 3), (-3/4, 3), (-7/8, 9/4); H = 2 J'J
    theta = numbers([3.0, 0.5])
    assert beale.value(theta) == 0
    assert close(beale.gradient(theta), numbers([0.0, 0.0]))
    assert close(beale.hessian(theta)[0][0], 2 * (mpf(1) / 4 + mpf(9) / 16 + mpf(49) / 64))


def test_classifiers_at_zero_by_hand():
    # theta = 0: every class equally likely, f = log 2 and log 3, the logistic gradient X'(1/2 - y)/N
    logistic, softmax = problems.load("logistic-7x4"), problems.load("softmax-8x3x3")
    zero = [mpf(0)] * logistic.n
    data = logistic.content["data"]
    rows = list(zip(numbers(data["features"]), data["labels"], strict=True))
    by_hand = [sum((x[j] * (mpf(1) / 2 - y) for x, y in rows), mpf(0)) / len(rows) for j in range(4)]
    assert close(logistic.value(zero), mp.log(2))
    assert close(logistic.gradient(zero), by_hand)
    assert close(softmax.value([mpf(0)] * softmax.n), mp.log(3))


def test_cumulants_of_a_fair_coin():
    # w = +-1 with probability 1/2: log cosh t has derivatives 0, 1, 0, -2 at 0
    assert close(classifiers.cumulants(numbers([0.0, 0.0]), numbers([1.0, -1.0]))[1:], numbers([0, 1, 0, -2]))


def test_series_by_hand():
    # 1/(1 - t) = 1 + t + t^2 + ..; its product with 1 - t is 1; exp(log(1 + 2t)) = 1 + 2t
    one_less = series.Series(numbers([1, -1, 0, 0, 0]))
    found = series.of(series.reciprocal, one_less)
    assert close(found.c, numbers([1, 1, 1, 1, 1]))
    assert close((found * one_less).c, numbers([1, 0, 0, 0, 0]))
    line = series.Series(numbers([1, 2, 0, 0, 0]))
    there = series.of(series.logarithm, line)
    assert close(series.of(series.exponential, there).c, line.c)
    root = series.of(series.reciprocal_root, line)
    assert close((root * root * line).c, numbers([1, 0, 0, 0, 0]))


def test_gelu_at_zero_by_hand():
    # z (1 + tanh u)/2 with u = r (z + k z^3), r = sqrt(2/pi): z/2 + r z^2/2 + (k r - r^3/3) z^4/2
    r, k = mp.sqrt(2 / mp.pi), mpf(44715) / 10**6
    assert close(series.gelu(mpf(0)), [mpf(0), mpf(1) / 2, r, mpf(0), 12 * (k * r - r**3 / 3)])


def test_a_transformer_by_hand():
    # At 0 every norm is 0, so are the logits: f = log 4. With E alone (tied, 4 x 4) and positions 0, no block
    # adds anything; the norm of the row (c, -c, 0, 0) is that row times r = 1/sqrt(c^2/2 + 10^-5).
    problem = problems.load("transformer-156")
    zero = [mpf(0)] * problem.n
    assert close(problem.value(zero), mp.log(4))
    model = transformer.Transformer(4, 1, 4, 2, 4, 1, "gelu", True, [[1, 0]])
    c = mpf(3) / 4
    theta = [mpf(0)] * sum(max(rows, 1) * columns for _, rows, columns in model.shapes())
    theta[4], theta[5] = c, -c  # the row of character 1
    logit = 2 * c * c / mp.sqrt(c * c / 2 + mpf(10) ** -5)
    assert close(model.value(theta), mp.log(3 + mp.exp(logit)))


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [
        (series.Norm, "adjoint", lambda self, w, gain: [self.root * a for a in w]),
        (transformer._Backward, "_attention", lambda self, b, kept, given: given),
    ],
)
def test_the_second_derivation_sees_a_wrong_reverse_pass(monkeypatch, owner, name, wrong):
    problem, check = problems.load("transformer-156"), derivative_values.SLOPE
    inputs = {"problem": problem, "theta": numbers(problem.start()), "vector": numbers(problem.lanczos_start)}
    assert abs(check.defect(inputs, derivative_values.first_and_second(inputs))) < check.bound
    monkeypatch.setattr(owner, name, wrong)
    assert abs(check.defect(inputs, derivative_values.first_and_second(inputs))) > 1e-3


def test_numerical_differentiation_sees_a_wrong_slope(monkeypatch):
    problem, check = problems.load("transformer-156"), derivative_values.TAYLOR
    direction = numbers(problem.lanczos_start)
    inputs = {"problem": problem, "theta": numbers(problem.start()), "direction": direction, "order": 2}
    assert abs(check.defect(inputs, derivative_values.line(inputs))) < check.bound
    slope_of_one = {"gelu": lambda z: [series.gelu(z)[0], mpf(1), *[mpf(0)] * 3]}
    monkeypatch.setattr(transformer, "ACTIVATIONS", slope_of_one)
    assert abs(check.defect(inputs, derivative_values.line(inputs))) > 1e-3


def test_composition_by_faa_di_bruno():
    # exp(2 t) from F = exp and z = 2 t: 1, 2, 4, 8, 16
    assert families.compose(numbers([1] * 5), numbers([0, 2, 0, 0, 0])) == numbers([1, 2, 4, 8, 16])


@pytest.mark.parametrize(
    "name",
    ["quadratic-paper-5-100", "quadratic-b112-z30", "quadratic-b112-z100", "quadratic-b116-z50-from-one"],
)
def test_bases_are_orthogonal_and_invert_each_other(name):
    problem = problems.load(name)
    x = numbers(bases.draws(5, problem.n))
    c = problem.to_eigen(x)
    assert close(norm(c), norm(x))
    assert close(problem.from_eigen(c), x)


def test_transposed_cosine_basis_has_the_constant_column_first():
    # column 0 is C[0, j] = sqrt(1/n) for all j; the plain basis has it as row 0
    plain = bases.make_basis(4, {"kind": "dct"})
    turned = bases.make_basis(4, {"kind": "dct", "transposed": True})
    assert close(turned.backward(numbers([1, 0, 0, 0])), numbers([0.5] * 4))
    assert close(plain.forward(numbers([1, 0, 0, 0])), numbers([0.5] * 4))


@pytest.mark.parametrize(
    ("family", "data"),
    [
        ("logistic", {"features": [[1.0]], "labels": [1], "weight_decay": 0.1}),
        ("quadratic", {"eigenvalues": [1.0], "basis": {"kind": "dct", "transpose": True}}),
        ("quadratic", {"eigenvalues": [1.0], "basis": {"kind": "random"}}),
        ("quadratic", {"eigenvalues": {"kind": "uniform"}, "basis": {"kind": "identity"}}),
        ("quartic", {}),
    ],
)
def test_unknown_datum_is_refused_not_left_out(family, data):
    with pytest.raises(ValueError, match=r"unknown|known are"):
        problems._function({"id": "planted", "family": family, "n": 1, "data": data})


def test_jacobi_matrix_of_two_nodes():
    # Nodes 1 and 3 with equal weights: mean 2, standard deviation 1, and the last diagonal entry 4 - 2
    diagonal, off_diagonal, _ = krylov.jacobi(numbers([1, 3]), numbers([1, 1]), 2)
    assert close(diagonal, numbers([2, 2]))
    assert close(off_diagonal, numbers([1, 0]))


def test_ritz_vector_in_closed_form_is_the_rayleigh_ritz_vector():
    # diag(0, 1, 3), start (1, 1, 1), two steps. By hand: alpha_1 = 4/3, q_2 ~ (-4, -1, 5); the Ritz values
    # are the eigenvalues of H in an orthonormal basis of span{(1, 1, 1), (0, 1, 3)}.
    system = krylov.Spectral(numbers([0, 1, 3]), numbers([1, 1, 1]), None)
    pairs, _ = krylov.krylov_pairs(system.values, system.start, 2)
    basis = [[mpf(1) / mp.sqrt(3)] * 3, [mpf(x) / mp.sqrt(42) for x in (-4, -1, 5)]]
    small = [
        [mp.fsum(h * a * b for h, a, b in zip(system.values, p, q, strict=True)) for q in basis]
        for p in basis
    ]
    values, vectors = eigensystem(small)
    assert close([pair.value for pair in pairs], values)
    for j, pair in enumerate(pairs):
        by_hand = [mp.fsum(row[j] * q[i] for row, q in zip(vectors, basis, strict=True)) for i in range(3)]
        assert abs(abs(dot(by_hand, pair.vector)) - 1) < TINY


def test_restart_finds_the_copies_that_a_krylov_space_hides():
    problem = problems.load("quadratic-hidden-3")
    inputs = {"problem": problem, "theta": numbers([1, 1, 1]), "start": numbers([0, 1, 1])}
    system = krylov.spectral(inputs)
    seen, restarted = krylov.restarted_pairs(system, 3, 2)
    assert not restarted
    assert [pair.value for pair in seen] == [2, 1]
    every, restarted = krylov.restarted_pairs(system, 3, 3)
    assert restarted
    assert sorted(pair.value for pair in every) == [1, 2, 9]


def test_clusters_and_gaps_by_hand():
    values = numbers([10, 5, 1])
    groups, gaps = krylov.clusters_of([values[0], values[0] - mpf(10) ** -5, values[1]], [
        values[0], values[0] - mpf(10) ** -5, *values[1:]
    ], mpf(10))  # fmt: skip
    assert groups == [[0, 1], [2]]
    assert close(gaps, [5 - mpf(10) ** -5, mpf(4)])


def test_canonical_basis_does_not_depend_on_the_basis_given():
    c, s = mp.cos(1), mp.sin(1)
    first = [numbers([1, 0, 0]), numbers([0, 1, 0])]
    turned = [[c, s, mpf(0)], [-s, c, mpf(0)]]
    for a, b in zip(condition.canonical(first), condition.canonical(turned), strict=True):
        assert close(a, b)
    assert condition.canonical([numbers([0.6, -0.8])])[0][1] > 0
