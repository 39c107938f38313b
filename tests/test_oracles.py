"""The oracle itself: independent, right where pencil and paper suffice, and strict about what it freezes."""

import ast
import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from random import Random
from types import ModuleType

import pytest
from mpmath import mp, mpf

from oracles import bases, build, classifiers, condition, families, freeze, krylov, problems
from oracles.__main__ import main
from oracles.case import Array, Behaviour, Case, Check, Close, Exact, OneOf, Subspace
from oracles.precision import add, dot, eigensystem, frozen, norm, numbers

FOLDER = Path(build.__file__).parent
QUICK = "spectrum.lanczos_steps.L3.*"
TINY = mpf(10) ** -45


@pytest.fixture(autouse=True)
def fifty_digits():
    with mp.workdps(50):
        yield


# ---- independence ----------


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_module_imports_only_the_standard_library_and_mpmath(path):
    allowed = {*sys.stdlib_module_names, "mpmath", "oracles"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        assert {name.split(".")[0] for name in names} <= allowed, f"{path.name}, line {node.lineno}"
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            assert called not in {"__import__", "eval", "exec"}


def test_loading_all_cases_loads_neither_numpy_nor_refopt():
    code = (
        "import sys, oracles.build as b; b.collect(); "
        "print([m for m in ('numpy', 'refopt', 'scipy', 'autograd') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=FOLDER.parent, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


# ---- values that pencil and paper give ----------


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


# ---- what is frozen ----------


def test_frozen_digits_follow_the_scale():
    assert frozen(mpf(1) / 3, 1) == "0." + "3" * 39
    assert frozen(mpf(10) ** -30 / 3, 1) == "3.33333333e-31"
    assert frozen(mpf(10) ** -60, 1) == "0"
    assert frozen(mpf(0), 0) == "0"
    with pytest.raises(ValueError, match="finite"):
        frozen(mp.inf, 1)


def test_forty_digits_whatever_the_precision_outside():
    # the square root of 2 to 40 digits, from its published expansion
    case = simple(compute=lambda inputs: {"y": mp.sqrt(inputs["x"][1])})
    with mp.workdps(15):
        y = freeze.evaluate(case)["expect"]["y"]
    assert y["value"]["hp"] == ["1.41421356237309504880168872420969807857"]


def simple(**changed):
    defaults = {
        "id": "planted.op.L3.case",
        "op": "op",
        "level": "L3",
        "source": "a derivation",
        "comment": "a comment",
        "inputs": {"x": [1.0, 2.0]},
        "compute": lambda inputs: {"y": [x**2 for x in inputs["x"]]},
        "rules": {"y": Close(why="norm of y")},
    }
    return Case(**{**defaults, **changed})


def test_a_sound_case_is_frozen_with_its_condition():
    y = freeze.evaluate(simple(samples=64))["expect"]["y"]
    assert y["value"] == {"shape": [2], "f64": [1.0, 4.0], "hp": ["1.0", "4.0"]}
    # y = x^2: the entry 4 moves by at most 2 * 4 * 2^-40, relative to the norm sqrt(17) = 4.1231: 1.9403,
    # which 64 draws come near; both are rounded up to three digits
    assert 1.7 < y["condition"] <= 1.95
    assert y["scale"] == 4.13


def test_condition_is_recorded_for_each_step():
    def powers(inputs):
        x = inputs["x"][1]
        return {"y": [[x], [x**2], [x**3]]}

    rule = Close(axis="step", scale=lambda i, o: [abs(row[0]) for row in o["y"]], why="each row")
    y = freeze.evaluate(simple(compute=powers, rules={"y": rule}, samples=64))["expect"]["y"]
    # relative condition of x^k is k; 64 draws come within a tenth
    assert [round(c / k, 1) for c, k in zip(y["condition"], (1, 2, 3), strict=True)] == [1.0, 1.0, 1.0]
    assert y["scale"] == [2.0, 4.0, 8.0]


def test_problem_data_are_perturbed_too():
    # hvp of a quadratic is linear in H: with the vector held, only H moves, by 2^-40 |H|
    case = simple(
        inputs={"problem": "quadratic-figure1", "v": [1.0, 1.0]},
        compute=lambda inputs: {"y": inputs["problem"].hvp(inputs["v"], inputs["v"])},
        perturb=("problem",),
        samples=64,
    )
    assert 0.05 < freeze.evaluate(case)["expect"]["y"]["condition"] < 2
    still = freeze.evaluate(simple(perturb=()))["expect"]["y"]["condition"]
    assert still == 0


def noisy(inputs):
    """Depends on the precision in force, in the 36th digit."""
    return {"y": [x * (1 + mpf(10) ** -36 / mp.dps) for x in inputs["x"]]}


REJECTED = {
    "precisions disagree": (simple(compute=noisy), "agrees to"),
    "exact answer disagrees": (
        simple(compute=lambda inputs: {"y": mp.dps}, rules={"y": Exact()}),
        "differs between the precisions",
    ),
    "decision on a boundary": (
        simple(compute=lambda inputs: {"y": bool(inputs["x"][0] >= 1)}, rules={"y": Exact()}),
        "changes under a perturbation",
    ),
    "ill-conditioned": (
        simple(inputs={"x": [1.0 + 2.0**-50]}, compute=lambda inputs: {"y": inputs["x"][0] - 1}),
        "fewer than 3 digits",
    ),
    "check fails": (
        simple(checks=(Check("twice", lambda inputs, outputs: outputs["y"][0] - 2),)),
        "the check 'twice'",
    ),
    "check gives NaN": (
        simple(checks=(Check("nan", lambda inputs, outputs: mp.nan),)),
        "the check 'nan'",
    ),
    "rule without quantity": (
        simple(rules={"y": Close(why="."), "z": Exact()}),
        "quantities and rules differ",
    ),
    "quantity without rule": (
        simple(compute=lambda inputs: {"y": inputs["x"], "z": 1}),
        "quantities and rules differ",
    ),
    "zero scale": (simple(compute=lambda inputs: {"y": [mpf(0)]}), "must be positive"),
    "NaN": (simple(compute=lambda inputs: {"y": [mp.nan]}), "must be positive|agrees to"),
    "infinity in scale 1": (
        simple(compute=lambda inputs: {"y": [mp.inf]}, rules={"y": Close(scale=1.0, why=".")}),
        "agrees to|finite",
    ),
    "shape changes": (
        simple(compute=lambda inputs: {"y": [mpf(1)] * (mp.dps // 50 + (mp.dps > 60))}),
        "another shape",
    ),
    "crash": (simple(compute=lambda inputs: {"y": inputs["missing"]}), "KeyError"),
    "unknown perturbation": (simple(perturb=("z",)), "not inputs"),
    "no compute": (simple(compute=None), "do without"),
    "mixed array": (simple(inputs={"x": [1.0, 2.0], "w": [1.0, 2]}), "mixes floats"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_unsound_case_is_rejected(name):
    case, message = REJECTED[name]
    with pytest.raises(freeze.Rejected, match=message):
        freeze.evaluate(case)


def test_ill_conditioned_case_passes_when_flagged():
    case, _ = REJECTED["ill-conditioned"]
    flagged = simple(inputs=case.inputs, compute=case.compute, flags=(freeze.ILL_CONDITIONED,))
    # y = x - 1 with y = 2^-50: condition x / y = 2^50 times the largest |r| of the draws
    assert 2.0**47 < freeze.evaluate(flagged)["expect"]["y"]["condition"] < 2.0**50.01


def test_subspaces_members_and_behaviours_are_frozen():
    def compute(inputs):
        half = mp.sqrt(mpf(1) / 2)
        columns = [[half, half], [half, -half]]
        return {
            "_one": mpf(1),
            "_two": mpf(2),
            "v": columns,
            "_c": [[0], [1]],
            "_g": [mpf(3), mpf(3)],
            "_n": mpf(4),
        }

    one, two = Close(why="one"), Close(why="two")
    rules = {
        "v": Subspace(clusters="_c", gaps="_g", norm="_n", why="."),
        "y": OneOf({"_one": one, "_two": two}),
        "behaviour": Behaviour(("error",), "x"),
    }
    expect = freeze.evaluate(simple(compute=compute, rules=rules))["expect"]
    assert list(expect) == ["v", "y", "behaviour"]
    assert expect["v"]["value"]["f64"] == [0.5**0.5, 0.5**0.5, 0.5**0.5, -(0.5**0.5)]
    assert [member["value"]["hp"] for member in expect["y"]["members"]] == [["1.0"], ["2.0"]]
    assert expect["behaviour"] == {"kind": "behaviour", "allowed": ["error"], "argument": "x"}


def test_inputs_are_written_exactly():
    given = {
        "a": [[1.0, 0.1]],
        "n": 3,
        "s": "x",
        "e": Array((2, 0)),
        "inf": float("inf"),
        "i": [1, 2],
        "v": [float("nan")],
    }
    assert freeze.encode_input(given) == {
        "a": {"shape": [1, 2], "f64": [1.0, 0.1]},
        "n": 3,
        "s": "x",
        "e": {"shape": [2, 0], "f64": []},
        "inf": "inf",
        "i": [1, 2],
        "v": {"shape": [1], "f64": ["nan"]},
    }
    assert condition.realize(given)["e"] == [[], []]


def test_multiplicity_preserving_perturbation_keeps_copies_and_zeros():
    moved = problems.load("quadratic-repeated-8").rescaled(Random(1)).eigenvalues
    assert moved[0] == moved[1] != 5
    zeros = problems.load("quadratic-singular-20").rescaled(Random(1)).eigenvalues
    assert zeros[3:] == [0] * 17


# ---- collecting, writing, checking ----------


@pytest.fixture
def planted(monkeypatch):
    """A module of cases whose list the test may change."""
    module = ModuleType("oracles.planted")
    module.METHOD, module.FLAGS, module.SOURCES = "planted", {"Flag": "a flag"}, ()
    module.list = [simple(), simple(id="planted.op.L3.other", flags=("Flag",))]
    module.cases = lambda: module.list
    real = build.module
    build._cases_of.cache_clear()
    monkeypatch.setattr(build, "module", lambda name: module if name == "planted" else real(name))
    monkeypatch.setattr(build, "MODULES", ("planted",))
    monkeypatch.setattr(build, "source_of", lambda files: b"source")
    yield module
    build._cases_of.cache_clear()


def silent(*_):
    pass


LINT = {
    "the id is not": simple(id="planted.op.L3.Upper"),
    "differ from the case's": simple(id="planted.other.L3.case"),
    "`source` is missing": simple(source=" "),
    "`comment` is missing": simple(comment=""),
    "not described in FLAGS": simple(flags=("Unknown",)),
    "no rule": simple(rules={}),
    "float32": simple(dtype="float32", inputs={"x": [0.1]}),
    "at least 8": simple(samples=7),
    "level": simple(id="planted.op.L5.case", level="L5"),
    "`dtype` is unknown": simple(dtype="float16"),
}


@pytest.mark.parametrize("message", LINT)
def test_malformed_declaration_is_rejected(planted, message):
    planted.list = [LINT[message]]
    with pytest.raises(freeze.Rejected, match=message):
        build.collect(["planted"])


def test_repeated_id_is_rejected(planted):
    planted.list = [simple(), simple()]
    with pytest.raises(freeze.Rejected, match="used twice"):
        build.collect(["planted"])


def test_build_then_check_agree_and_ids_are_locked(planted, tmp_path):
    assert build.build(None, 1, silent, tmp_path) == []
    assert build.locked(tmp_path) == ["planted.op.L3.case", "planted.op.L3.other"]
    assert build.check(None, 1, silent, tmp_path) == []
    before = (tmp_path / "planted/L3-op.json").read_bytes()
    assert build.build(None, 1, silent, tmp_path) == []
    assert (tmp_path / "planted/L3-op.json").read_bytes() == before


def test_published_id_must_stay(planted, tmp_path):
    build.build(None, 1, silent, tmp_path)
    planted.list = [simple(), simple(id="planted.op.L3.renamed")]
    build._cases_of.cache_clear()
    before = {p.name: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    faults = build.build(None, 1, silent, tmp_path)
    assert faults == ["planted.op.L3.other: the id was published and must stay; it was removed or renamed."]
    assert {p.name: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert faults[0] in build.check(None, 1, silent, tmp_path)


def test_new_id_is_appended_behind_the_old_ones(planted, tmp_path):
    build.build(None, 1, silent, tmp_path)
    planted.list = [simple(id="planted.op.L3.a-new-one"), *planted.list]
    build._cases_of.cache_clear()
    assert "planted.op.L3.a-new-one: the id is not in ids.lock." in build.check(None, 1, silent, tmp_path)
    build.build(None, 1, silent, tmp_path)
    assert build.locked(tmp_path)[-1] == "planted.op.L3.a-new-one"


def test_check_names_what_was_edited(planted, tmp_path):
    build.build(None, 1, silent, tmp_path)
    path = tmp_path / "planted/L3-op.json"
    text = path.read_text(encoding="utf-8")
    first, second = text.split('"planted.op.L3.other"')
    path.write_text(first + '"planted.op.L3.other"' + second.replace('"4.0"', '"4.1"'), encoding="utf-8")
    faults = build.check(None, 1, silent, tmp_path)
    assert faults[0] == "planted.op.L3.other: differs in expect ['y']"
    assert faults[1].startswith("MANIFEST.json")
    path.write_text(text.replace("\n", "\n\n", 1), encoding="utf-8")
    assert build.check(None, 1, silent, tmp_path)[0].endswith("is not in canonical form.")
    path.write_text(text.replace('"a flag"', '"b flag"'), encoding="utf-8")
    assert build.check(None, 1, silent, tmp_path)[0].endswith("differs in flags.")
    path.unlink()
    assert "is missing" in build.check(None, 1, silent, tmp_path)[0]


def test_rejected_case_leaves_its_file_as_it_was(planted, tmp_path):
    build.build(None, 1, silent, tmp_path)
    before = (tmp_path / "planted/L3-op.json").read_bytes()
    planted.list = [simple(compute=noisy), planted.list[1]]
    build._cases_of.cache_clear()
    (fault,) = build.build(None, 1, silent, tmp_path)
    assert "agrees to" in fault
    assert (tmp_path / "planted/L3-op.json").read_bytes() == before


def test_frozen_vectors_are_rebuilt_to_the_same_bytes_in_parallel(tmp_path):
    assert build.check(QUICK, 2, silent) == []
    shutil.copytree(build.VECTORS / "spectrum", tmp_path / "spectrum")
    path = tmp_path / "spectrum" / "L3-lanczos_steps.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"value":42', '"value":41'), encoding="utf-8")
    # 2 ln 10^9 = 41.4 is the only case of 42 steps
    faults = build.check(QUICK, 1, silent, tmp_path)
    assert faults == ["spectrum.lanczos_steps.L3.n1000000000-k10-l0: differs in expect ['steps']"]


SAMPLE = (
    "derivatives.derivatives.L1.tanh-network-18",
    "derivatives.along.L1.softmax-8x3x3",
    "spectrum.lanczos.L2.hundred-10",
    "spectrum.extreme_spectrum.L2.repeated-8-k2",
    "spectrum.extreme_spectrum.L2.b112-z30-k3-l2",
)


def smallest_of_each_file():
    """Return the ids of the shortest case of each file: cheap, and from every group."""
    out = []
    for path in sorted(build.VECTORS.glob("*/*.json")):
        if not path.stem.endswith("-large"):
            out.append(min(json.loads(path.read_text())["cases"], key=lambda case: len(str(case)))["id"])
    return out


@pytest.mark.parametrize("case_id", [*SAMPLE, *smallest_of_each_file()])
def test_frozen_case_is_what_the_oracle_computes(case_id):
    case = declared()[case_id]
    stored = json.loads((build.VECTORS / case.file).read_text(encoding="utf-8"))["cases"]
    assert next(c for c in stored if c["id"] == case_id) == json.loads(json.dumps(freeze.evaluate(case)))


@cache
def declared():
    return build.collect()


# ---- command line ----------


def test_list_prints_ids_and_counts(capsys):
    assert main(["list", "--only", "spectrum.lanczos.*"]) == 0
    out = capsys.readouterr().out
    assert "spectrum.lanczos.L2.hundred-8" in out
    assert "spectrum       L2" in out


def test_check_of_a_part_exits_with_0(capsys):
    assert main(["check", "--only", QUICK]) == 0
    assert "as frozen" in capsys.readouterr().out


def test_faults_are_printed_and_exit_with_1(monkeypatch, capsys):
    monkeypatch.setattr(build, "check", lambda *_: ["planted: differs."])
    assert main(["check", "--only", QUICK]) == 1
    assert "planted: differs." in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["check", "--only", "nothing.*"], ["check", "--jobs", "0"], ["deny"]])
def test_bad_arguments_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err
