"""Lanczos coefficients and Ritz pairs of a Krylov space, without running Lanczos.

In eigen-coordinates a symmetric H with start vector c is a discrete measure: weight c_i^2 at the node
lambda_i. Its Jacobi matrix, which Lanczos computes, follows from the Cholesky factor of the Hankel matrix of
moments (Golub and Welsch 1969). With theta_j the eigenvalues of that matrix, the Ritz vector of theta has the
closed form

    y_i  proportional to  c_i  prod_{theta_j != theta} (lambda_i - theta_j),

and its residual |H y - theta y| / |y| needs no recurrence either. Moments are ill-conditioned, so the working
precision grows until the smallest pivot is far above its rounding error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

from mpmath import mp, mpf
from mpmath.matrices.eigen_symmetric import tridiag_eigen

from oracles.precision import Number, Vector, dot, eigensystem, norm

SAME = 0.6  # of the digits: eigenvalues that agree so far, relative to |H|, are copies of one
NEAR = mpf(2) / 10**5  # of |H|: closer eigenvalues are compared as one cluster, a gap that costs five digits


@dataclass(frozen=True)
class Spectral:
    """H at a point in eigen-coordinates: all eigenvalues, coordinates of the start, and the way back."""

    values: Vector
    start: Vector
    basis: Any

    @property
    def norm(self) -> Number:
        """Return |H|."""
        return max(abs(x) for x in self.values)


@dataclass(frozen=True)
class Pair:
    """A Ritz pair: its value, and its unit vector in eigen-coordinates, made when it is asked for."""

    value: Number
    make: Callable[[], Vector]
    eigenvalues: Vector

    @cached_property
    def vector(self) -> Vector:
        """Return the unit vector."""
        y = self.make()
        length = norm(y)
        return [a / length for a in y]

    @property
    def residual(self) -> Number:
        """Return |H y - theta y|."""
        pairs = zip(self.eigenvalues, self.vector, strict=True)
        return norm([(x - self.value) * a for x, a in pairs])


Part = dict[int, Any]  # a vector in one eigenspace: its coordinates that are not 0


class _Columns:
    """A dense orthogonal matrix given by its columns."""

    def __init__(self, rows: list[Vector]) -> None:
        self.rows = rows

    def to_eigen(self, theta: Vector) -> Vector:
        return [dot(column, theta) for column in zip(*self.rows, strict=True)]

    def from_eigen(self, c: Vector) -> Vector:
        return [dot(row, c) for row in self.rows]


def spectral(inputs: dict[str, Any]) -> Spectral:
    """Diagonalise the Hessian at theta: known for quadratics, by mpmath's full `eigsy` otherwise."""
    problem = inputs["problem"]
    if problem.family == "quadratic":
        return Spectral(problem.eigenvalues, problem.to_eigen(inputs["start"]), problem)
    values, vectors = eigensystem(problem.hessian(inputs["theta"]))
    basis = _Columns(vectors)
    return Spectral(values, basis.to_eigen(inputs["start"]), basis)


def distinct(values: Vector) -> list[list[int]]:
    """Return the indices of equal eigenvalues together, eigenvalues descending."""
    order = sorted(range(len(values)), key=lambda i: -values[i])
    tolerance = mpf(10) ** (-SAME * mp.dps) * (max(abs(x) for x in values) or 1)
    out: list[list[int]] = []
    for i in order:
        if out and abs(values[out[-1][0]] - values[i]) <= tolerance:
            out[-1].append(i)
        else:
            out.append([i])
    return out


def measure_of(values: Vector, c: Vector) -> tuple[Vector, list[Part]]:
    """Return the nodes of the measure and, for each, the part of c in its eigenspace (never zero)."""
    smallest = mpf(10) ** (-SAME * mp.dps) * norm(c)
    nodes, parts = [], []
    for group in distinct(values):
        if norm([c[i] for i in group]) > smallest:
            nodes.append(values[group[0]])
            parts.append({i: c[i] for i in group})
    return nodes, parts


def weights_of(parts: list[Part]) -> Vector:
    """Return the weight of each node."""
    return [mp.fsum(x * x for x in part.values()) for part in parts]


def jacobi(nodes: Vector, weights: Vector, steps: int) -> tuple[Vector, Vector, int]:
    """Return the Jacobi matrix of m = min(steps, nodes) steps, and the further digits that it carries.

    Returns:
        The diagonal, the off-diagonal whose last entry is beta_m, and how many digits beyond the precision in
        force are needed: in the closed form of Ritz vectors as many cancel as in the moments.
    """
    m = min(steps, len(nodes))
    middle = (max(nodes) + min(nodes)) / 2
    half = (max(nodes) - min(nodes)) / 2 or mpf(1)
    extra = 40 + 2 * m
    while True:
        with mp.workdps(mp.dps + extra):
            factor = _hankel_cholesky([(x - middle) / half for x in nodes], weights, m)
            if all(factor[j][j] ** 2 > mpf(10) ** (10 - extra) for j in range(m)):
                ratios = [mpf(0), *(factor[j][j + 1] / factor[j][j] for j in range(m))]
                diagonal = [middle + half * (b - a) for a, b in pairwise(ratios)]
                off_diagonal = [half * factor[j + 1][j + 1] / factor[j][j] for j in range(m)]
                break
        extra *= 2
    if m == len(nodes):
        off_diagonal[-1] = mpf(0)
    return diagonal, off_diagonal, extra


def _hankel_cholesky(nodes: Vector, weights: Vector, m: int) -> list[Vector]:
    """Return the upper Cholesky factor of the Hankel matrix of moments, size m + 1; a pivot < 0 becomes 0."""
    total = mp.fsum(weights)
    powers, moments = [w / total for w in weights], []
    for _ in range(2 * m + 1):
        moments.append(mp.fsum(powers))
        powers = [p * x for p, x in zip(powers, nodes, strict=True)]
    factor: list[Vector] = []
    for i in range(m + 1):
        row = [mpf(0)] * (m + 1)
        pivot = moments[2 * i] - mp.fsum(previous[i] ** 2 for previous in factor)
        row[i] = mp.sqrt(max(pivot, mpf(0)))
        for j in range(i + 1, m + 1 if row[i] else 0):
            row[j] = (moments[i + j] - mp.fsum(previous[i] * previous[j] for previous in factor)) / row[i]
        factor.append(row)
    return factor


def ritz_values(diagonal: Vector, off_diagonal: Vector) -> Vector:
    """Return the eigenvalues of the Jacobi matrix, descending, by mpmath's symmetric QL."""
    d, e = list(diagonal), [*off_diagonal[: len(diagonal) - 1], mpf(0)]
    tridiag_eigen(mp, d, e)
    return sorted(d, reverse=True)


def _assemble(n: int, parts: list[Part], factors: Vector) -> Vector:
    out = [mpf(0)] * n
    for part, factor in zip(parts, factors, strict=True):
        for i, x in part.items():
            out[i] = factor * x
    return out


def krylov_pairs(values: Vector, c: Vector, steps: int) -> tuple[list[Pair], list[Part]]:
    """Return the Ritz pairs of the Krylov space of c, and the parts of c in the eigenspaces."""
    nodes, parts = measure_of(values, c)
    n, count = len(values), len(nodes)

    def exact(j: int) -> Vector:
        return _assemble(n, parts, [mpf(i == j) for i in range(count)])

    if steps >= count:
        return [Pair(x, partial(exact, j), values) for j, x in enumerate(nodes)], parts
    diagonal, off_diagonal, extra = jacobi(nodes, weights_of(parts), steps)
    with mp.workdps(mp.dps + extra):
        thetas = ritz_values(diagonal, off_diagonal)

    def ritz(j: int) -> Vector:
        others = thetas[:j] + thetas[j + 1 :]
        with mp.workdps(mp.dps + extra):
            factors = [mp.fprod(x - other for other in others) for x in nodes]
        return _assemble(n, parts, factors)

    return [Pair(+theta, partial(ritz, j), values) for j, theta in enumerate(thetas)], parts


def all_pairs(system: Spectral) -> list[Pair]:
    """Return every eigenpair, each copy of a repeated eigenvalue included."""
    n = len(system.values)
    return [
        Pair(x, partial(_assemble, n, [{j: mpf(1)}], [mpf(1)]), system.values)
        for j, x in enumerate(system.values)
    ]


def restarted_pairs(system: Spectral, steps: int, wanted: int) -> tuple[list[Pair], bool]:
    """Return the Ritz pairs of m steps that restart after a breakdown while fewer than `wanted` pairs exist.

    The fresh vector comes from the coordinate vector whose part outside the space is largest (the first of
    equals).

    Returns:
        The pairs, and whether a restart happened: eigenvectors of a repeated eigenvalue then depend on that
        choice.
    """
    n, c = len(system.values), system.start
    pairs: list[Pair] = []
    found: list[Part] = []
    while True:
        new, parts = krylov_pairs(system.values, c, steps - len(pairs))
        pairs += new
        found += parts
        if len(pairs) >= min(steps, n) or len(pairs) >= wanted:
            return pairs, len(pairs) > len(new)
        c = _fresh(system, found)


def _fresh(system: Spectral, found: list[Part]) -> Vector:
    n = len(system.values)
    lengths = weights_of(found)
    outside = []
    for i in range(n):
        e = system.basis.to_eigen([mpf(j == i) for j in range(n)])
        for part, square in zip(found, lengths, strict=True):
            inner = mp.fsum(x * e[j] for j, x in part.items()) / square
            for j, x in part.items():
                e[j] -= inner * x
        outside.append(e)
    sizes = [norm(e) for e in outside]
    best = max(sizes)
    return outside[next(i for i, size in enumerate(sizes) if size >= best - mpf(10) ** -8)]


def clusters_of(chosen: Vector, everything: Vector, size: Number) -> tuple[list[list[int]], Vector]:
    """Group the chosen eigenvalues (descending) that lie close; return groups and gaps to all others."""
    groups: list[list[int]] = []
    for j, x in enumerate(chosen):
        if groups and abs(chosen[groups[-1][-1]] - x) <= NEAR * size:
            groups[-1].append(j)
        else:
            groups.append([j])
    gaps = []
    rest = list(everything)
    for group in groups:
        inside = [chosen[j] for j in group]
        others = list(rest)
        for x in inside:
            others.remove(x)
        gaps.append(min((abs(x - y) for x in inside for y in others), default=size))
    return groups, gaps
