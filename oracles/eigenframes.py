"""The eigenpairs of a Hessian along a run: from the axes of a separable function, or by full diagonalisation.

Where f = sum_i F_i(u_i), u = Q'theta, the axes are the columns of Q whatever theta is, with slope F_i'(u_i)
and curvature F_i''(u_i): no eigensolver is needed, and what is kept for an axis stays with it when sorted
eigenvalues cross. Elsewhere mpmath's `eigsy` gives the pairs, and a pair continues the earlier one whose
vector has a squared overlap above 1/2. Either way pairs are listed in descending order of their eigenvalues.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mpmath import mp, mpf

from oracles.families import Separable
from oracles.precision import Matrix, Number, Vector, dot, eigensystem, transpose
from oracles.problems import Problem
from oracles.quadratic import Quadratic

HALF = mpf(1) / 2


class Frame(NamedTuple):
    """The eigenpairs at one point, descending: curvatures, V'grad, eigenvectors as rows, axes by number."""

    values: Vector
    slopes: Vector
    rows: Matrix
    axes: list[int]


def is_separable(problem: Problem) -> bool:
    """Say whether the axes of a problem are known: a separable family or a quadratic."""
    return isinstance(problem.function, (Separable, Quadratic))


def axis_constants(problem: Problem) -> Vector:
    """Return for each axis the smallest Lipschitz constant of F_i'', from the formula of the family."""
    data = problem.content["data"]
    if problem.family == "quadratic":
        return [mpf(0)] * problem.n
    if problem.family == "matched_cubic":
        return [mpf(x) for x in data["lipschitz"]]
    if problem.family != "log_cosh":
        raise ValueError(f"the Lipschitz constants of {problem.family} are not known.")
    # |F'''| = 2 |a| r^3 t (1 - t^2), t = tanh(r u), which is largest at t^2 = 1/3
    top = 4 / (3 * mp.sqrt(3))
    return [abs(mpf(a)) * mpf(r) ** 3 * top for a, r in zip(data["amplitudes"], data["rates"], strict=True)]


def _separable_parts(problem: Problem, theta: Vector) -> tuple[Vector, Vector]:
    f = problem.function
    if isinstance(f, Quadratic):
        values, basis = f.system
        shifted = zip(values, basis.forward(theta), basis.forward(f.linear), strict=True)
        return list(values), [x * u - b for x, u, b in shifted]
    found = [p(u) for p, u in zip(f.profiles, f.forward(theta), strict=True)]
    return [row[2] for row in found], [row[1] for row in found]


def axes_of(problem: Problem) -> Matrix:
    """Return the axes of a separable problem as rows."""
    f = problem.function
    backward = f.system[1].backward if isinstance(f, Quadratic) else f.backward
    return [backward([mpf(i == j) for i in range(problem.n)]) for j in range(problem.n)]


def frame_at(problem: Problem, theta: Vector) -> Frame:
    """Return the eigenpairs at a point; axes of a problem that is not separable are numbered by rank."""
    if is_separable(problem):
        values, slopes = _separable_parts(problem, theta)
        order = sorted(range(problem.n), key=lambda i: -values[i])
        rows = axes_of(problem)
        return Frame([values[i] for i in order], [slopes[i] for i in order], [rows[i] for i in order], order)
    values, vectors = eigensystem(problem.hessian(theta))
    rows, g = transpose(vectors), problem.gradient(theta)
    return Frame(values, [dot(v, g) for v in rows], rows, list(range(problem.n)))


def picked(frame: Frame, places: Sequence[int]) -> Frame:
    """Return some pairs of a frame."""
    values, slopes, rows = ([part[i] for i in places] for part in (frame.values, frame.slopes, frame.rows))
    return Frame(values, slopes, rows, [frame.axes[i] for i in places])


def predecessors(problem: Problem, before: Frame | None, now: Frame) -> list[int | None]:
    """Return for each pair of `now` the place of the pair of `before` that it continues, or None."""
    if before is None:
        return [None] * len(now.values)
    if is_separable(problem):
        return [before.axes.index(i) if i in before.axes else None for i in now.axes]
    return [overlapping(before.rows, v) for v in now.rows]


def overlapping(rows: Matrix, v: Vector) -> int | None:
    """Return the place of the row whose squared overlap with v is above 1/2, or None."""
    found = [j for j, u in enumerate(rows) if dot(u, v) ** 2 > HALF]
    return found[0] if found else None


def solver_defect(problem: Problem, theta: Vector, frame: Frame) -> Number:
    """Compare a frame of all pairs with mpmath's `eigsy`: eigenvalues, and slopes where the gaps are wide."""
    values, vectors = eigensystem(problem.hessian(theta))
    size = max(abs(x) for x in values) or mpf(1)
    worst = max(abs(a - b) for a, b in zip(values, frame.values, strict=True)) / size
    g, scale = problem.gradient(theta), max(abs(x) for x in frame.slopes) or mpf(1)
    for i, v in enumerate(transpose(vectors)):
        gap = min((abs(values[i] - x) for j, x in enumerate(values) if j != i), default=size)
        if gap > size * mpf(10) ** -4:
            worst = max(worst, abs(abs(dot(v, g)) - abs(frame.slopes[i])) / scale)
    return worst
