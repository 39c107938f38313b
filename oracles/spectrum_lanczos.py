"""Cases of the Lanczos coefficients and of the number of steps."""

from collections.abc import Sequence
from typing import Any

from mpmath import mp, mpf

from oracles import problems
from oracles.case import Case, Check, Close, Exact, Quantities
from oracles.krylov import jacobi, measure_of, ritz_values, spectral, weights_of
from oracles.margins import margin
from oracles.precision import Number, Vector, add, dot, norm, round_float32, subtract

SOURCE = "FOSI paper, appendix A.1, Algorithm 1"


def coefficients(inputs: dict[str, Any]) -> Quantities:
    """Return the Jacobi matrix of the first steps, its eigenvalues and the norm of what is left."""
    system = spectral(inputs)
    nodes, parts = measure_of(system.values, system.start)
    diagonal, off_diagonal, _ = jacobi(nodes, weights_of(parts), inputs["steps"])
    diagonal, off_diagonal = [+x for x in diagonal], [+x for x in off_diagonal]
    return {
        "diagonal": diagonal,
        "off_diagonal": off_diagonal[:-1],
        "residual_norm": off_diagonal[-1],
        "ritz_values": ritz_values(diagonal, off_diagonal),
        "_norm": system.norm or mpf(1),
    }


def _recurrence_agrees(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """The three-term recurrence in parameter coordinates, with digits enough to stay orthogonal."""
    problem, theta = inputs["problem"], inputs["theta"]
    diagonal, off_diagonal = [], []
    with mp.workdps(mp.dps + 10 * inputs["steps"]):
        q, before, beta = _unit(inputs["start"]), [mpf(0)] * problem.n, mpf(0)
        for _ in outputs["diagonal"]:
            w = problem.hvp(theta, q)
            diagonal.append(dot(q, w))
            w = add(add(w, q, -diagonal[-1]), before, -beta)
            beta = norm(w)
            off_diagonal.append(beta)
            before, q = q, [x / beta if beta else x for x in w]
    stated = [*outputs["diagonal"], *outputs["off_diagonal"], outputs["residual_norm"]]
    return norm(subtract([*diagonal, *off_diagonal], stated)) / outputs["_norm"]


def _unit(vector: Vector) -> Vector:
    length = norm(vector)
    return [x / length for x in vector]


def _gram_agrees(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Equal weights on the nodes 1..N: alpha = (N+1)/2, beta_j^2 = j^2 (N^2 - j^2) / (4 (4 j^2 - 1))."""
    n, m = inputs["problem"].n, len(outputs["diagonal"])
    betas = [mp.sqrt(mpf(j * j * (n * n - j * j)) / (4 * (4 * j * j - 1))) for j in range(1, m + 1)]
    stated = [*outputs["diagonal"], *outputs["off_diagonal"], outputs["residual_norm"]]
    return norm(subtract([mpf(n + 1) / 2] * m + betas, stated)) / outputs["_norm"]


RECURRENCE = Check("three-term recurrence in parameter coordinates", _recurrence_agrees)
GRAM = Check("Gram polynomials: closed form of the Jacobi matrix", _gram_agrees)
EXHAUSTED = ("start", "eigenvalues")


def _case(
    what: str,
    problem_id: str,
    steps: int,
    comment: str,
    *,
    flags: Sequence[str] = (),
    start: Sequence[float] | None = None,
    theta: str = "default",
    dtype: str = "float64",
    perturb: Sequence[str] | None = None,
    checks: Sequence[Check] = (RECURRENCE,),
) -> Case:
    problem = problems.load(problem_id)
    point, first = problem.start(theta), list(start or problem.lanczos_start)
    if dtype == "float32":
        point, first = [round_float32(x) for x in point], [round_float32(x) for x in first]
    why = f"|H|; {steps} steps"
    rules = {
        name: Close(scale="_norm", terms=steps, why=why)
        for name in ("diagonal", "off_diagonal", "residual_norm", "ritz_values")
    }
    return Case(
        id=f"spectrum.lanczos.L2.{what}",
        op="lanczos",
        level="L2",
        source=SOURCE,
        comment=comment,
        flags=tuple(flags),
        dtype=dtype,
        inputs={"problem": problem_id, "theta": point, "start": first, "steps": steps},
        compute=coefficients,
        rules=rules,
        perturb=perturb,
        samples=16 if problem.n <= 20 else 8,
        checks=checks,
    )


def _coefficients() -> list[Case]:
    ones, gram = [1.0] * 100, (GRAM, RECURRENCE)
    return [
        _case("hundred-8", "quadratic-hundred", 8, "spectrum 1..100, start of ones", flags=("ClosedForm",),
              start=ones, checks=gram),
        _case("hundred-10", "quadratic-hundred", 10, "the Ritz values 99.138 and 93.679 of erratum E4",
              flags=("ClosedForm", "Unconverged"), start=ones, checks=gram),
        _case("psd-ten-5", "quadratic-psd-ten", 5, "spectrum 1..10, half of the steps"), _case("psd-ten-10",
        "quadratic-psd-ten", 10, "spectrum 1..10, m = n: nothing is left", flags=("Converged",)),
        _case("indefinite-6-4", "quadratic-indefinite-6", 4, "negative eigenvalues", flags=("Indefinite",)),
        _case("figure1-2", "quadratic-figure1", 2, "n = 2 by hand: eigenvalues 4 and 1",
        flags=("Converged",)), _case("blocks-12-6", "quadratic-blocks-12", 6, "block-diagonal matrix"),
        _case("single-1", "quadratic-single-1", 1, "n = 1: one entry, no off-diagonal", flags=("Ends",)),
        _case("single-1-five", "quadratic-single-1", 5, "n = 1 and five steps asked for", flags=("Ends",)),
        _case("singular-20-12", "quadratic-singular-20", 12, "four distinct eigenvalues: four steps exist",
              flags=("Breakdown", "Singular"), perturb=EXHAUSTED, checks=()),
        _case("singular-rotated-20-12", "quadratic-singular-rotated-20", 12, "the same in a rotated basis",
              flags=("Breakdown", "Singular"), perturb=EXHAUSTED, checks=()),
        _case("identity-6-4", "quadratic-identity-6", 4, "H = I: one step exists", flags=("Breakdown",),
              perturb=EXHAUSTED, checks=()),
        _case("zero-4-2", "quadratic-zero-4", 2, "H = 0: one step exists", flags=("Breakdown", "Singular"),
              perturb=EXHAUSTED, checks=()),
        _case("repeated-8-6", "quadratic-repeated-8", 6, "four distinct eigenvalues: four steps exist",
              flags=("Breakdown", "Repeated"), perturb=EXHAUSTED, checks=()),
        _case("hidden-3-3", "quadratic-hidden-3", 3, "start without the eigenvector of 9: two steps exist",
              flags=("Breakdown", "Hidden"), perturb=EXHAUSTED, checks=()),
        _case("a4-20", "quadratic-a4", 20, "two bands of eigenvalues", flags=("Unconverged",)),
        _case("b112-z30-20", "quadratic-b112-z30", 20, "exponential spectrum", flags=("Unconverged",)),
        _case("paper-200-100-10", "quadratic-paper-200-100", 10, "geometric spectrum"),
        _case("rosenbrock-5-3", "rosenbrock-5", 3, "Hessian of a function that is not quadratic"),
        _case("tanh-network-18-8", "tanh-network-18", 8, "indefinite Hessian of a network",
        flags=("Indefinite",)), _case("psd-ten-4-float32", "quadratic-psd-ten", 4, "products in float32",
        flags=("Float32",), dtype="float32"), _case("indefinite-6-4-float32", "quadratic-indefinite-6", 4,
        "products in float32",
              flags=("Float32", "Indefinite"), dtype="float32"),
    ]  # fmt: skip


def number_of_steps(inputs: dict[str, Any]) -> Quantities:
    """Return m = min(n, ceil(max(4(k+l), 2 ln n))), at least 1."""
    n, pairs = inputs["n"], inputs["largest"] + inputs["smallest"]
    logarithm = int(mp.ceil(2 * mp.log(n)))
    value = 2 * mp.log(n)
    return {"steps": max(1, min(n, max(4 * pairs, logarithm))), "_margin": margin(value, mp.nint(value))}


STEPS = (
    (1, 0, 0, "2 ln 1 = 0: still one step"),
    (1, 1, 0, "n = 1"),
    (2, 1, 0, "never more than n steps"),
    (3, 1, 1, "never more than n steps, k + l < n"),
    (4, 1, 0, "4(k+l) = n"),
    (5, 1, 0, "4(k+l) < n"),
    (7, 1, 0, "2 ln 7 = 3.89 < 4"),
    (8, 1, 0, "2 ln 8 = 4.16 > 4: five steps, the ceiling"),
    (10, 5, 5, "k + l = n"),
    (10, 0, 0, "no pairs: 2 ln n alone"),
    (54, 1, 1, "2 ln 54 = 7.98 < 8"),
    (55, 1, 1, "2 ln 55 = 8.01 > 8"),
    (100, 10, 0, "the paper's quadratics: 40"),
    (403, 3, 0, "2 ln 403 = 11.998 < 12"),
    (404, 2, 1, "2 ln 404 = 12.003 > 12"),
    (22026, 5, 0, "2 ln 22026 = 19.99996 < 20"),
    (22027, 0, 5, "2 ln 22027 = 20.00005 > 20"),
    (1000000000, 10, 0, "a billion parameters: 2 ln n = 41.4"),
)


def _numbers_of_steps() -> list[Case]:
    return [
        Case(
            id=f"spectrum.lanczos_steps.L3.n{n}-k{k}-l{l}",
            op="lanczos_steps",
            level="L3",
            source="FOSI paper, section 3.1; claims S3, K1, K18",
            comment=comment,
            flags=("Steps",),
            inputs={"n": n, "largest": k, "smallest": l},
            compute=number_of_steps,
            rules={"steps": Exact(margin="_margin", compared="2 ln n")},
        )
        for n, k, l, comment in STEPS
    ]


def cases() -> list[Case]:
    """Return the cases of `lanczos` and `lanczos_steps`."""
    return [*_coefficients(), *_numbers_of_steps()]
