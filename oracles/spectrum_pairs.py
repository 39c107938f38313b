"""Cases of the extreme eigenpairs: exact pairs, Ritz pairs of Krylov spaces, exhausted Krylov spaces."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from mpmath import mpf

from oracles import problems
from oracles.case import Alternative, Behaviour, Case, Check, Close, Quantities, Rule, Subspace
from oracles.krylov import Pair, Spectral, all_pairs, clusters_of, restarted_pairs, spectral
from oracles.precision import Number, Vector, add, dot, norm, round_float32, transpose
from oracles.spectrum_lanczos import EXHAUSTED, number_of_steps

SOURCE = "FOSI paper, section 3.1 and appendix A.1, Algorithm 1; claims K1-K6, K9, K10"


def steps_of(inputs: dict[str, Any]) -> int:
    """Return the number of steps asked for, or the paper's."""
    n = inputs["problem"].n
    return min(n, inputs.get("steps") or number_of_steps({"n": n, **inputs})["steps"])


def pairs_of(inputs: dict[str, Any], multiplicity: str, system: Spectral) -> list[Pair]:
    """Return every pair that the process finds, eigenvalues descending."""
    wanted = inputs["largest"] + inputs["smallest"]
    if multiplicity == "full":
        pairs = all_pairs(system)
    else:
        pairs = restarted_pairs(system, steps_of(inputs), wanted)[0] if wanted else []
    return sorted(pairs, key=lambda pair: -pair.value)


def extreme(inputs: dict[str, Any], multiplicity: str = "", vectors: bool = True) -> Quantities:
    """Return k largest, then l smallest pairs, each once.

    Args:
        inputs: of the case.
        multiplicity: in place of the input of that name.
        vectors: False where a repeated eigenvalue leaves the vectors to the implementation.
    """
    system = spectral(inputs)
    pairs = pairs_of(inputs, multiplicity or inputs.get("multiplicity", "krylov"), system)
    k = min(inputs["largest"], len(pairs))
    l = min(inputs["smallest"], len(pairs) - k)
    chosen = pairs[:k] + pairs[len(pairs) - l :]
    size = system.norm or mpf(1)
    values = [pair.value for pair in chosen]
    clusters, gaps = clusters_of(values, [pair.value for pair in pairs], size)
    rows = [system.basis.from_eigen(pair.vector) for pair in chosen]
    columns = transpose(rows) if rows else [[] for _ in range(inputs["problem"].n)]
    return {
        "eigenvalues": values,
        **({"eigenvectors": columns} if vectors else {"_eigenvectors": columns}),
        "residuals": [pair.residual for pair in chosen],
        "_clusters": clusters,
        "_gaps": gaps,
        "_norm": size,
    }


def _vectors(outputs: Quantities) -> list[Vector]:
    columns = outputs.get("eigenvectors") or outputs["_eigenvectors"]
    return transpose(columns) if columns[0] else []


def _residuals_agree(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """| |H v - theta v| - residual | in parameter coordinates, relative to |H|."""
    worst = mpf(0)
    triples = zip(outputs["eigenvalues"], _vectors(outputs), outputs["residuals"], strict=True)
    for value, vector, residual in triples:
        rest = add(inputs["problem"].hvp(inputs["theta"], vector), vector, -value)
        worst = max(worst, abs(norm(rest) - residual) / outputs["_norm"])
    return worst


def _vectors_orthonormal(inputs: dict[str, Any], outputs: Quantities) -> Number:
    vectors = _vectors(outputs)
    products = [dot(a, b) - (i == j) for i, a in enumerate(vectors) for j, b in enumerate(vectors)]
    return max((abs(x) for x in products), default=mpf(0))


def _galerkin(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Residuals of Ritz pairs are orthogonal to the Krylov space: to the start and to H start."""
    problem, theta, start = inputs["problem"], inputs["theta"], inputs["start"]
    space = [start, problem.hvp(theta, start)] if steps_of(inputs) > 1 else [start]
    worst = mpf(0)
    for value, vector in zip(outputs["eigenvalues"], _vectors(outputs), strict=True):
        rest = add(problem.hvp(theta, vector), vector, -value)
        worst = max([worst, *(abs(dot(rest, b)) / (outputs["_norm"] * norm(b) or 1) for b in space)])
    return worst


RESIDUALS = Check("residuals |H v - theta v| in parameter coordinates", _residuals_agree)
ORTHONORMAL = Check("orthonormal columns", _vectors_orthonormal)
GALERKIN = Check("residuals orthogonal to the start and to H start", _galerkin)


def _rules(steps: int, vectors: bool) -> dict[str, Rule]:
    why = f"|H|; {steps} steps"
    free = Behaviour(("finite",))
    clusters = Subspace(
        clusters="_clusters", gaps="_gaps", norm="_norm", terms=steps,
        why=f"gap to the other Ritz values, or less where measured; {steps} steps",
    )  # fmt: skip
    return {
        "eigenvalues": Close(scale="_norm", terms=steps, why=why),
        "eigenvectors": clusters if vectors else free,
        "residuals": Close(scale="_norm", terms=steps, why=why),
    }


def _case(
    what: str,
    problem_id: str,
    ends: tuple[int, int],
    comment: str,
    flags: Sequence[str] = (),
    *,
    steps: int | None = None,
    theta: str = "default",
    dtype: str = "float64",
    exhausted: bool = False,
    vectors: bool = True,
    multiplicity: str = "krylov",
    other: bool | None = None,
    group: str = "pairs",
) -> Case:
    """Declare a case; `other` adds the answer under the other multiplicity, True with its vectors."""
    problem = problems.load(problem_id)
    point, first = problem.start(theta), problem.lanczos_start
    if dtype == "float32":
        point, first = [round_float32(x) for x in point], [round_float32(x) for x in first]
    inputs: dict[str, Any] = {"problem": problem_id, "theta": point}
    inputs |= {"largest": ends[0], "smallest": ends[1], "start": first}
    inputs |= {"steps": steps} if steps else {}
    terms = steps_of({**inputs, "problem": problem}) if multiplicity == "krylov" else problem.n
    alternatives = {}
    if other is not None:
        name = "full" if multiplicity == "krylov" else "krylov"
        compute = partial(extreme, multiplicity=name, vectors=other)
        alternatives[f"multiplicity={name}"] = Alternative(compute, _rules(problem.n, other))
    space = "Restart" not in flags and multiplicity == "krylov"
    return Case(
        id=f"spectrum.extreme_spectrum.L2.{what}",
        op="extreme_spectrum",
        level="L2",
        group="breakdown" if exhausted else group,
        source=SOURCE,
        comment=comment,
        flags=tuple(flags),
        dtype=dtype,
        inputs={**inputs, "multiplicity": multiplicity},
        compute=partial(extreme, vectors=vectors),
        rules=_rules(terms, vectors),
        perturb=EXHAUSTED if exhausted else None,
        samples=16 if problem.n <= 20 else 8,
        alternatives=alternatives,
        checks=(RESIDUALS, ORTHONORMAL, GALERKIN) if space else (RESIDUALS, ORTHONORMAL),
    )


DONE, OPEN = ("Converged",), ("Unconverged",)


def _exact() -> list[Case]:
    ten, indefinite, both = "quadratic-psd-ten", "quadratic-indefinite-6", "quadratic-figure1"
    one, none = "quadratic-single-1", "k = l = 0: empty arrays of the right shape"
    ends, signs = (*DONE, "Ends"), (*DONE, "Indefinite")
    clusters = "clusters of width 2e-5 |H| at both ends"
    few = "claim K5: three steps for four pairs give each Ritz pair once, k' = 2 and l' = 1"
    return [
        _case("figure1-k1", both, (1, 0), "eigenvalue 4 along (1, 1)", DONE),
        _case("figure1-l1", both, (0, 1), "eigenvalue 1 along (1, -1)", ends),
        _case("offdiagonal-2-k1", "quadratic-offdiagonal-2", (1, 0), "matrix [[5, 1], [1, 3]]", DONE),
        _case("psd-ten-k3-l2", ten, (3, 2), "spectrum 1..10, m = n = 10 < 4(k+l)", DONE),
        _case("psd-ten-k10", ten, (10, 0), "claim K1: k = n = 10, m capped at n", ends),
        _case("psd-ten-k6-l4", ten, (6, 4), "k + l = n: each pair once", ends),
        _case("psd-ten-l3", ten, (0, 3), "k = 0", ends),
        _case("psd-ten-none", ten, (0, 0), none, ("Ends",)),
        _case("indefinite-6-k2-l2", indefinite, (2, 2), "5, 2, -1, -4", signs),
        _case("indefinite-6-k3-l3", indefinite, (3, 3), "k + l = n", (*signs, "Ends")),
        _case("indefinite-6-k1", indefinite, (1, 0), "four steps of six", ("Unconverged", "Indefinite")),
        _case("indefinite-6-k2-l2-few", indefinite, (2, 2), few, ("Ends", *OPEN), steps=3),
        _case("psd-ten-k1-l3-few", ten, (1, 3), "two steps: one pair of each end", ("Ends", *OPEN), steps=2),
        _case("saddle-3-k1-l1", "quadratic-saddle-3", (1, 1), "2 and -3 of diag(2, 1, -3)", signs),
        _case("slow-newton-2-k1", "quadratic-slow-newton-2", (1, 0), "eigenvalues 1 and 0.9", DONE),
        _case("single-1-k1", one, (1, 0), "n = 1", ends),
        _case("single-1-l1", one, (0, 1), "n = 1, k = 0", ends),
        _case("blocks-12-k4-l2", "quadratic-blocks-12", (4, 2), "block-diagonal matrix", DONE),
        _case("clustered-12-k3-l3", "quadratic-clustered-12", (3, 3), clusters, (*DONE, "Cluster")),
    ]


def _krylov() -> list[Case]:
    hundred, a4, b112 = "quadratic-hundred", "quadratic-a4", "quadratic-b112-z30"
    paper, large = "quadratic-paper-{}-100", "quadratic-paper-50-1500"
    small = "claim K9: the small end has not converged"
    beside = "lambda_10 = 0.039 beside lambda_1 = 200"
    logarithm = "n = 1500 > e^2: 2 ln n = 14.6 sets m"
    return [
        _case("clustered-12-k2", "quadratic-clustered-12", (2, 0), "a cluster of three cut after two", OPEN),
        _case("hundred-k2", hundred, (2, 0), "erratum E4: 99.138 and 93.679", OPEN, steps=10),
        _case("hundred-k1-l1", hundred, (1, 1), "both ends after the paper's steps", OPEN),
        _case("a4-k9", a4, (9, 0), "nine of ten large eigenvalues, 36 steps", OPEN),
        _case("a4-k2-l2", a4, (2, 2), "both bands after 16 steps", OPEN),
        _case("paper-5-100-k4", paper.format(5), (4, 0), "geometric spectrum, 16 steps"),
        _case("paper-200-100-k10", paper.format(200), (10, 0), beside),
        _case("b112-z30-k10", b112, (10, 0), "exponential spectrum"),
        _case("b112-z30-k3-l2", b112, (3, 2), small, OPEN),
        _case("b116-z90-k4", "quadratic-b116-z90", (4, 0), "exponential spectrum, other basis"),
        _case("paper-50-1500-k1", large, (1, 0), logarithm, ("Steps",), group="large"),
        _case("rosenbrock-5-k2-l1", "rosenbrock-5", (2, 1), "a function not quadratic", theta="ridge"),
        _case("logistic-7x4-k1-l1", "logistic-7x4", (1, 1), "logistic regression", DONE),
        _case("log-cosh-rotated-6-k1-l1", "log-cosh-rotated-6", (1, 1), "separable in a rotated basis"),
        _case("tanh-network-18-k3-l1", "tanh-network-18", (3, 1), "16 steps of 18", ("Indefinite",)),
    ]


def _float32() -> list[Case]:
    flags = ("Float32", "Indefinite")
    options: dict[str, Any] = {"dtype": "float32", "group": "float32"}
    single, n100 = "products in float32", "products in float32, n = 100"
    return [
        _case("indefinite-6-k2-l1-float32", "quadratic-indefinite-6", (2, 1), single, flags, **options),
        _case("psd-ten-k2-float32", "quadratic-psd-ten", (2, 0), single, flags[:1], **options),
        _case("hundred-k1-float32", "quadratic-hundred", (1, 0), n100, ("Float32", *OPEN), **options),
    ]


def _exhausted() -> list[Case]:
    null, copies, blind = ("Breakdown", "Singular"), ("Breakdown", "Repeated"), ("Breakdown", "Hidden")
    singular, identity, repeated = "quadratic-singular-20", "quadratic-identity-6", "quadratic-repeated-8"
    rotated, zero, hidden = "quadratic-singular-rotated-20", "quadratic-zero-4", "quadratic-hidden-3"
    invisible = "five pairs asked for, four visible"
    third = "three pairs asked for: 9 comes by a restart"

    def case(*args: Any, **options: Any) -> Case:
        return _case(*args, exhausted=True, **options)

    return [
        case("singular-20-k3", singular, (3, 0), "claim K2: rank 3, 12 steps, no ghosts", null),
        case("singular-rotated-20-k3", rotated, (3, 0), "the same, rotated", null),
        case("singular-20-k2-l2", singular, (2, 2), "one zero is visible", null, other=False),
        case("singular-20-k5", singular, (5, 0), invisible, (*null, "Restart"), vectors=False),
        case("identity-6-k1", identity, (1, 0), "H = I: the start itself", copies, other=False),
        case("identity-6-k2", identity, (2, 0), "H = I, two pairs", (*copies, "Restart"), vectors=False),
        case("identity-6-k4-l2", identity, (4, 2), "H = I, k + l = n", (*copies, "Restart", "Ends")),
        case("zero-4-k1", zero, (1, 0), "H = 0: eigenvalue 0, no NaN", null, other=False),
        case("zero-4-k1-l1", zero, (1, 1), "H = 0, two pairs", (*null, "Restart"), vectors=False),
        case("repeated-8-k2", repeated, (2, 0), "claim K4: 5 and 1, or 5 and 5", copies, other=True),
        case("repeated-8-k1-l1", repeated, (1, 1), "5 and 0.25", copies, other=False),
        case(
            "repeated-8-k2-full",
            repeated,
            (2, 0),
            "both copies of 5",
            copies[1:],
            multiplicity="full",
            other=True,
        ),
        case("repeated-8-k5-l3-full", repeated, (5, 3), "all copies of all", copies[1:], multiplicity="full"),
        case("hidden-3-k1", hidden, (1, 0), "claim K3: 9 is invisible", blind, other=True),
        case("hidden-3-k2", hidden, (2, 0), "claim K3: 2 and 1", blind, other=True),
        case("hidden-3-k1-full", hidden, (1, 0), "9", blind, multiplicity="full", other=True),
        case("hidden-3-k3", hidden, (3, 0), third, (*blind, "Restart")),
    ]


def cases() -> list[Case]:
    """Return the cases of `extreme_spectrum`."""
    return [*_exact(), *_krylov(), *_float32(), *_exhausted()]
