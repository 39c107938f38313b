"""Runs of linear methods on quadratics in eigen-coordinates, where every coordinate is a scalar recurrence.

With c_j the coordinate along eigenvector j, measured from the stationary point, and L its eigenvalue:

    gradient descent   c_{t+1} = (1 - eta L) c_t
    heavy ball         c_{t+1} = (1 + beta - eta L) c_t - beta c_{t-1}
    Nesterov           c_{t+1} = (1 + beta)(1 - eta L) c_t - beta (1 - eta L) c_{t-1}

with c_{-1} = c_0 (no velocity at the start; for Nesterov c_1 = (1 - eta (1 + beta) L) c_0). The velocity
never appears. `power` gives one c_t by powers of the 2 x 2 companion matrix, without the points between.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mpmath import mp, mpf

from oracles.precision import Matrix, Number, Vector, add, matmul, matvec, subtract
from oracles.problems import Problem

Pair = tuple[Number, Number]


def coefficients(
    optimizer: str, eta: Number, beta: Number, eigenvalue: Number
) -> tuple[Number, Number, Number]:
    """Return p, q and the first factor: c_1 = first c_0, c_{t+1} = p c_t - q c_{t-1}."""
    shrink = 1 - eta * eigenvalue
    if optimizer == "gradient_descent":
        return shrink, mpf(0), shrink
    if optimizer == "heavy_ball":
        return beta + shrink, beta, shrink
    return (1 + beta) * shrink, beta * shrink, 1 - eta * (1 + beta) * eigenvalue


def coordinate(
    optimizer: str, eta: Number, beta: Number, eigenvalue: Number, start: Number, steps: int
) -> Vector:
    """Return c_0, ..., c_steps."""
    p, q, first = coefficients(optimizer, eta, beta, eigenvalue)
    out = [start, first * start]
    while len(out) <= steps:
        out.append(p * out[-1] - q * out[-2])
    return out[: steps + 1]


def power(optimizer: str, eta: Number, beta: Number, eigenvalue: Number, start: Number, step: int) -> Number:
    """Return c_step by repeated squaring of the companion matrix."""
    p, q, first = coefficients(optimizer, eta, beta, eigenvalue)
    if step == 0:
        return start
    result: Matrix = [[mpf(1), mpf(0)], [mpf(0), mpf(1)]]
    base, left = [[p, -q], [mpf(1), mpf(0)]], step - 1
    while left:
        result = matmul(result, base) if left & 1 else result
        base, left = matmul(base, base), left >> 1
    return matvec(result, [first * start, start])[0]


def centre(problem: Problem) -> Vector:
    """Return the eigen-coordinates of a stationary point of a quadratic (H regular where b is not 0)."""
    b = problem.to_eigen(problem.function.linear)
    return [x / value if x else mpf(0) for x, value in zip(b, problem.eigenvalues, strict=True)]


def bottom(problem: Problem) -> Number:
    """Return f at the stationary point."""
    c = centre(problem)
    return -mp.fsum(x * x * value for x, value in zip(c, problem.eigenvalues, strict=True)) / 2


def energy(problem: Problem, offset: Vector) -> Number:
    """Return f - f(stationary point) at eigen-coordinates measured from it."""
    return mp.fsum(value * x * x for value, x in zip(problem.eigenvalues, offset, strict=True)) / 2


def run(
    problem: Problem, optimizer: str, settings: Mapping[str, Any], theta: Vector, steps: int
) -> Sequence[Vector]:
    """Return for t = 0, ..., steps the eigen-coordinates measured from the stationary point."""
    eta, beta = settings["learning_rate"], settings.get("momentum", mpf(0))
    starts = subtract(problem.to_eigen(theta), centre(problem))
    pairs = zip(problem.eigenvalues, starts, strict=True)
    columns = [coordinate(optimizer, eta, beta, value, start, steps) for value, start in pairs]
    return [list(row) for row in zip(*columns, strict=True)]


def points(problem: Problem, offsets: Sequence[Vector]) -> list[Vector]:
    """Return the points with the given eigen-coordinates."""
    middle = centre(problem)
    return [problem.from_eigen(add(middle, offset)) for offset in offsets]


def values(problem: Problem, offsets: Sequence[Vector]) -> Vector:
    """Return f at the given eigen-coordinates."""
    lowest = bottom(problem)
    return [lowest + energy(problem, offset) for offset in offsets]
