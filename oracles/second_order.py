"""The comparators' steps in extended precision, and what each of them must satisfy.

Another route than an eigendecomposition for all four: Newton's step is solved by elimination (LU at 50
digits), Cauchy's comes from the derivatives of t -> f(theta - t g), saddle-free Newton from `eigsy`, checked
by the sign iteration X <- (X + X^-1)/2, cubic Newton by bisection on the secular equation inside a proven
bracket (`cubic_radius`), checked by the certificate of global optimality.
"""

from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf

from oracles.case import Quantities
from oracles.precision import (
    Matrix,
    Number,
    Vector,
    add,
    combine,
    dot,
    eigensystem,
    matmul,
    matvec,
    norm,
    solve,
    subtract,
    times,
    transpose,
)


def newton(problem: Any, theta: Vector, settings: dict[str, Any]) -> Vector:
    """Return -alpha H^-1 g by elimination."""
    return times(-settings["alpha"], solve(problem.hessian(theta), problem.gradient(theta)))


def cauchy(problem: Any, theta: Vector, settings: dict[str, Any]) -> Vector:
    """Return the step to the minimum of the second-order expansion of t -> f(theta - t g)."""
    down = times(mpf(-1), problem.gradient(theta))
    _, first, second = problem.along(theta, down, 2)
    return times(-first / second, down)


def saddle_free(problem: Any, theta: Vector, settings: dict[str, Any]) -> Vector:
    """Return -alpha |H|^-1 g with the floor epsilon max|lambda|."""
    values, vectors = eigensystem(problem.hessian(theta))
    floor = settings["epsilon"] * max(abs(x) for x in values)
    inner = matvec(transpose(vectors), problem.gradient(theta))
    scaled = [-settings["alpha"] * c / max(abs(x), floor) for c, x in zip(inner, values, strict=True)]
    return matvec(vectors, scaled)


def cubic_radius(values: Vector, inner: Vector, strength: Number) -> Number:
    """Return r = |d| by bisection on phi(r) = |(H + M r/2)^-1 g| - r, decreasing for r > low.

    With low = max(0, -2 lambda_min / M) and s = sqrt(2 |g| / M): at low + s every shifted eigenvalue is at
    least M s/2, so that |(H + M r/2)^-1 g| <= 2 |g| / (M s) = s <= r: phi is not positive there.
    """
    low = max(mpf(0), -2 * min(values) / strength)
    high = low + mp.sqrt(2 * norm(inner) / strength)
    for _ in range(mp.prec + 40):
        r = (low + high) / 2
        length = norm([c / (x + strength * r / 2) for c, x in zip(inner, values, strict=True)])
        low, high = (r, high) if length > r else (low, r)
    return (low + high) / 2


def cubic(problem: Any, theta: Vector, settings: dict[str, Any]) -> Vector:
    """Return the minimizer of g'd + d'Hd/2 + (M/6)|d|^3 outside the hard case."""
    values, vectors = eigensystem(problem.hessian(theta))
    inner, strength = matvec(transpose(vectors), problem.gradient(theta)), settings["lipschitz"]
    r = cubic_radius(values, inner, strength)
    return matvec(vectors, [-c / (x + strength * r / 2) for c, x in zip(inner, values, strict=True)])


def hard_cubic(inputs: dict[str, Any]) -> Quantities:
    """Return both minimizers where g has no part along the single lowest eigenvector: d_rest +- tau v."""
    problem, theta, strength = inputs["problem"], inputs["theta"], inputs["settings"]["lipschitz"]
    values, vectors = eigensystem(problem.hessian(theta))
    columns, g = transpose(vectors), problem.gradient(theta)
    r = -2 * values[-1] / strength
    rest = [-dot(v, g) / (x - values[-1]) for x, v in zip(values[:-1], columns[:-1], strict=True)]
    base = combine(columns[:-1], rest)
    tau = mp.sqrt(r * r - dot(rest, rest))
    out: Quantities = {}
    for name, sign in (("plus", 1), ("minus", -1)):
        d = add(base, columns[-1], sign * tau)
        out[f"_direction_{name}"], out[f"_theta_next_{name}"] = d, add(theta, d)
    return out


STEPS: dict[str, Callable[[Any, Vector, dict[str, Any]], Vector]] = {
    "newton": newton,
    "steepest_descent": cauchy,
    "saddle_free_newton": saddle_free,
    "cubic_newton": cubic,
}


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return direction and next point."""
    d = STEPS[inputs["optimizer"]](inputs["problem"], inputs["theta"], inputs["settings"])
    return {"direction": d, "theta_next": add(inputs["theta"], d)}


def _residual(matrix: Matrix, d: Vector, g: Vector, factor: Number) -> Number:
    return norm(add(matvec(matrix, d), g, factor)) / (norm(g) + norm(matvec(matrix, d)))


def _absolute(matrix: Matrix) -> Matrix:
    """Return |H| = sign(H) H, the sign by Newton's iteration."""
    x = matrix
    for _ in range(60):
        inverse = (mp.matrix(x) ** -1).tolist()
        x = [
            [(a + b) / 2 for a, b in zip(row, other, strict=True)]
            for row, other in zip(x, inverse, strict=True)
        ]
    return matmul(x, matrix)


def certificate(problem: Any, theta: Vector, d: Vector, strength: Number) -> Number:
    """Return the defect of the conditions that single out global minimizers of the cubic model."""
    matrix, g = problem.hessian(theta), problem.gradient(theta)
    shift = strength * norm(d) / 2
    shifted = [[x + (shift if i == j else 0) for j, x in enumerate(row)] for i, row in enumerate(matrix)]
    lowest = eigensystem(matrix)[0][-1] + shift
    return max(norm(add(matvec(shifted, d), g)), -lowest) / (norm(g) + shift)


def defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Check the equation that defines the step."""
    problem, theta, settings = inputs["problem"], inputs["theta"], inputs["settings"]
    d, matrix, g = outputs["direction"], problem.hessian(theta), problem.gradient(theta)
    if inputs["optimizer"] == "cubic_newton":
        return certificate(problem, theta, d, settings["lipschitz"])
    if inputs["optimizer"] == "steepest_descent":
        return abs(dot(add(g, matvec(matrix, d)), g)) / dot(g, g)
    absolute = _absolute(matrix) if inputs["optimizer"] == "saddle_free_newton" else matrix
    return _residual(absolute, d, g, settings["alpha"])


def hard_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Check that both members are global minimizers, and that they differ."""
    pairs = [outputs[f"_direction_{name}"] for name in ("plus", "minus")]
    strength = inputs["settings"]["lipschitz"]
    apart = norm(subtract(*pairs)) / norm(pairs[0])
    worst = max(certificate(inputs["problem"], inputs["theta"], d, strength) for d in pairs)
    return worst if apart > 0.1 else mpf(1)


def spread(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Return |theta| + |d|, the size that rounding of the next point goes with."""
    d = outputs.get("direction") or outputs["_direction_plus"]
    return norm(inputs["theta"]) + norm(d)
