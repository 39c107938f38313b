"""Diagonals of Hessians (L1): exact, and Hutchinson's estimate for given probes.

The answer takes products with hand-derived Hessians; the check takes every entry of H from second derivatives
along lines, H_ij = (f''[e_i + e_j] - f''[e_i] - f''[e_j]) / 2, which the families derive another way.
"""

from typing import Any

from mpmath import mp

from oracles.bases import draws
from oracles.case import Case, Check, Close, Quantities
from oracles.precision import Matrix, Number, add, largest, norm, round_float32, subtract
from oracles.problems import load
from oracles.sophia_method import diagonal, unit


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return the diagonal that the estimator asks for."""
    return {"diagonal": diagonal(inputs["problem"], inputs["theta"], inputs["probes"])}


def entries(problem: Any, theta: Any) -> Matrix:
    """Return H from second derivatives along the axes and the diagonals between them."""
    n = problem.n
    axes = [unit(n, i) for i in range(n)]
    own = [problem.along(theta, e, 2)[2] for e in axes]
    return [
        [
            own[i] if i == j else (problem.along(theta, add(axes[i], axes[j]), 2)[2] - own[i] - own[j]) / 2
            for j in range(n)
        ]
        for i in range(n)
    ]


def lines_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare with u_i sum_j H_ij u_j, H from derivatives along lines."""
    H, probes = entries(inputs["problem"], inputs["theta"]), inputs["probes"]
    if probes is None:
        expected = [row[i] for i, row in enumerate(H)]
    else:
        expected = [mp.fsum(u[i] * mp.fdot(H[i], u) for u in probes) / len(probes) for i in range(len(H))]
    return largest(subtract(expected, outputs["diagonal"])) / _size(inputs, outputs)


def _size(inputs: dict[str, Any], outputs: Quantities) -> Number:
    size = norm(inputs["problem"].hessian(inputs["theta"]))
    return size * max((largest(u) * norm(u) for u in inputs["probes"] or []), default=1)


def _signs(seed: int, count: int, n: int) -> list[list[float]]:
    """Return Rademacher probes: signs of drawn numbers."""
    numbers = draws(seed, count * n)
    return [[1.0 if x >= 0 else -1.0 for x in numbers[i * n : (i + 1) * n]] for i in range(count)]


def _drawn(seed: int, count: int, n: int) -> list[list[float]]:
    numbers = draws(seed, count * n)
    return [numbers[i * n : (i + 1) * n] for i in range(count)]


def _case(
    what: str, problem: str, comment: str, *, flags: tuple[str, ...] = (), start: Any = "default",
    probes: list[list[float]] | None = None, dtype: str = "float64",
) -> Case:  # fmt: skip
    chosen = load(problem)
    theta = chosen.start(start) if isinstance(start, str) else list(start)
    estimator = "exact" if probes is None else "hutchinson"
    return Case(
        id=f"sophia.hessian_diagonal.L1.{estimator}-{what}",
        op="hessian_diagonal",
        level="L1",
        source=f"Liu et al. 2024, Algorithm 1; problem {problem}",
        comment=comment,
        flags=flags or (("Diagonal",) if probes is None else ("Hutchinson",)),
        dtype=dtype,
        inputs={
            "problem": problem,
            "theta": [round_float32(x) for x in theta] if dtype == "float32" else theta,
            "estimator": estimator,
            "probes": probes,
        },
        compute=compute,
        rules={
            "diagonal": Close(
                scale=_size, terms=4 * chosen.n, why="norm of H, times the probe; sums of n products"
            )
        },
        perturb=("problem", "theta"),
        checks=[Check("second derivatives along lines", lines_defect)],
    )


def cases() -> list[Case]:
    """Return the cases of diagonals."""
    # fmt: off
    return [
        _case("rosenbrock", "rosenbrock-5", "a tridiagonal Hessian: both neighbours add to an entry"),
        _case("beale", "beale", "two parameters, products of powers"),
        _case("himmelblau-hill", "himmelblau", "every entry negative", start="hill"),
        _case("quartic", "polynomial-quartic-4", "mixed terms, entries of both signs"),
        _case("product", "polynomial-product-2", "a diagonal of 0 beside entries of -1",
              start=[0.0, 0.0]),
        _case("log-cosh-rotated", "log-cosh-rotated-6", "the diagonal of Q D Q' is not D"),
        _case("matched-cubic", "matched-cubic-5", "curvatures of both signs, rotated"),
        _case("logistic", "logistic-7x4", "sums over examples"),
        _case("softmax", "softmax-8x3x3", "entries coupled between classes"),
        _case("tanh-network", "tanh-network-18", "an indefinite Hessian: Gauss-Newton's diagonal is another"),
        _case("indefinite", "quadratic-indefinite-6", "constant Hessian"),
        _case("float32", "logistic-7x4", "float32 throughout", flags=("Diagonal", "Float32"),
              dtype="float32"),
        _case("one-probe", "rosenbrock-2", "one probe (1, -1): off-diagonal entries do not cancel",
              probes=[[1.0, -1.0]]),
        _case("antithetic", "polynomial-product-2", "(1, 1) and (1, -1): the off-diagonal entries cancel",
              probes=[[1.0, 1.0], [1.0, -1.0]]),
        _case("separable", "log-cosh-6", "a diagonal Hessian: one Rademacher probe is exact",
              probes=_signs(201, 1, 6)),
        _case("logistic", "logistic-7x4", "the mean of three Rademacher probes", probes=_signs(202, 3, 4)),
        _case("tanh-network", "tanh-network-18", "two probes of other lengths: u o Hu, not Hu / u",
              probes=_drawn(203, 2, 18)),
        _case("unscaled", "polynomial-quartic-4", "u = (2, 0, -1/2, 1): no division by u'u",
              probes=[[2.0, 0.0, -0.5, 1.0]]),
    ]
    # fmt: on
