"""The minimum with all d_i > 0: the easy case by its equation, the hard case by an exact splitting.

M = D^-2 A is symmetric in the inner product of D^2. The space is the orthogonal sum of the part W that
D^-2 b reaches under M and of further blocks that M maps to themselves. With r_W the root of the equation on W
alone and mu the smallest eigenvalue on the rest, -2 mu/lam <= r_W is the easy case. Otherwise r = -2 mu/lam,
and the minimizers are p + v, p the solution on W and v in the eigenspace of mu with |D v|^2 = r^2 - |D p|^2.
Which blocks share mu is decided by common factors of their characteristic polynomials, equality of r and r_W
(the boundary) in rational arithmetic.
"""

from fractions import Fraction
from typing import NamedTuple

from mpmath import mp, mpf

from oracles.condition import canonical
from oracles.cubic_rational import (
    Block,
    Exact,
    blocks,
    common_factor,
    diagonalize,
    image,
    inner,
    polynomial,
    simplest,
)
from oracles.cubic_secular import Model, Secular, backward, forward, rounded
from oracles.precision import Number, Vector, combine, times

Enclosure = tuple[Fraction, Fraction]


class Stationary(NamedTuple):
    """The minimizers {center + sum y_j directions_j : |y| = 1}, r, T* and a dual bound q(rho) <= T*."""

    center: Vector
    directions: tuple[Vector, ...]
    radius: Number
    value: Number
    bound: Number


def minimum(model: Model, depth: int) -> Stationary | None:
    """Return the minimum, with `depth` correct digits, or None if more are needed to decide its case."""
    problem = Secular(model)
    zero = [mpf(0)] * len(model.vector)
    if not any(model.vector) and diagonalize(model.matrix).witness is None:
        return Stationary(zero, (), mpf(0), mpf(0), mpf(0))
    found = problem.root(depth) if any(model.vector) else None
    directions: tuple[Vector, ...] = ()
    if found:
        r, center = found
    else:
        split = _split(model, depth)
        if split is None:
            return None
        center, directions, r = split
    tip = [x + y for x, y in zip(center, directions[0] if directions else zero, strict=True)]
    bound = problem.dual(r * (1 + mpf(10) ** -depth))
    return Stationary(center, directions, r, problem.value(tip), bound)


def _split(model: Model, depth: int) -> tuple[Vector, tuple[Vector, ...], Number] | None:
    """Return center, directions and radius in the hard case and at its boundary, None where neither is so."""
    start = [b / w for b, w in zip(model.vector, model.weights, strict=True)]
    parts = blocks(model.matrix, model.weights, start)
    reached, rest = (parts[0], parts[1:]) if any(start) else (None, parts)
    lowest = _lowest(rest, 2 * depth) if rest else None
    if lowest is None:
        return None
    mu, (low, high) = lowest
    if high >= 0:
        return None
    with_low, with_high = rounded([-2 * high / model.lam, -2 * low / model.lam])
    r = (with_low + with_high) / 2
    center, size = [mpf(0)] * len(start), mpf(0)
    if reached is not None:
        restricted = _restricted(model, reached)
        inside = Secular(restricted)
        found = inside.root(depth)
        if found is None or found[0] * (1 - 2 * mpf(10) ** -depth) > with_high:
            return None
        boundary = found[0] * (1 + 2 * mpf(10) ** -depth) > with_low
        if boundary and not _on_boundary(restricted, mu, (low, high)):
            return None
        lower = inside.factor(r)
        assert lower is not None
        y = backward(lower, forward(lower, inside.vector))
        center, size = combine([rounded(v) for v in reached.vectors], y), inside.length(y)
        if boundary:
            return center, (), r
    tau = mp.sqrt((r - size) * (r + size))
    root = [mp.sqrt(w) for w in rounded(model.weights)]
    vectors = [_eigenvector(block, low, root) for block in mu]
    return center, tuple([x / d for x, d in zip(v, root, strict=True)] for v in _scaled(vectors, tau)), r


def _scaled(vectors: list[Vector], tau: Number) -> list[Vector]:
    """Return tau times a basis that depends on the span alone; a single vector: first entry positive."""
    if len(vectors) > 1:
        return [times(tau, v) for v in canonical(vectors)]
    (vector,) = vectors
    first = next(x for x in vector if abs(x) > mpf(10) ** (-mp.dps // 4))
    return [times(tau if first > 0 else -tau, vector)]


def _lowest(rest: list[Block], digits: int) -> tuple[list[Block], Enclosure] | None:
    """Return the blocks that share the smallest eigenvalue of all, and its enclosure; None if undecided."""
    enclosures = [block.lowest(digits) for block in rest]
    first = min(range(len(rest)), key=lambda i: enclosures[i][0])
    low, high = enclosures[first]
    sharing = []
    for block, other in zip(rest, enclosures, strict=True):
        if block is rest[first] or _shared(rest[first], block, (low, high)):
            sharing.append(block)
        elif other[0] <= high:
            return None
    return sharing, (low, high)


def _shared(one: Block, other: Block, where: Enclosure) -> bool:
    """Say whether two blocks have the eigenvalue in common that the first has alone in an interval."""
    low, high = where
    factor = common_factor(one.characteristic(), other.characteristic())
    at_low, at_high = polynomial(factor, low), polynomial(factor, high)
    return not at_low or (low < high and at_low * at_high < 0)


def _restricted(model: Model, block: Block) -> Model:
    """Return the problem on a block, in the coordinates of its basis."""
    images = [image(model.matrix, q) for q in block.vectors]
    matrix = [[inner(q, w) for w in images] for q in block.vectors]
    return Model(matrix, [inner(q, model.vector) for q in block.vectors], block.sizes, model.lam)


def _on_boundary(restricted: Model, mu: list[Block], where: Enclosure) -> bool:
    """Say whether |D x(r)| = r exactly at r = -2 mu/lam, for a rational mu; an irrational one: False."""
    candidate = simplest(*where)
    if polynomial(mu[0].characteristic(), candidate):
        return False
    r = -2 * candidate / restricted.lam
    matrix = [
        [y + (restricted.lam * r / 2 * restricted.weights[i] if i == j else 0) for j, y in enumerate(row)]
        for i, row in enumerate(restricted.matrix)
    ]
    x: Exact = diagonalize(matrix).solve(restricted.vector)
    return inner([w * y for w, y in zip(restricted.weights, x, strict=True)], x) == r * r


def _eigenvector(block: Block, mu: Fraction, root: Vector) -> Vector:
    """Return the eigenvector of the block's smallest eigenvalue, times D, of length 1."""
    (value,) = rounded([mu])
    alphas, betas = rounded(block.alphas), rounded([block.beta(j) for j in range(1, len(block.alphas))])
    coefficients = [mpf(1)]
    for j, beta in enumerate(betas):
        before = coefficients[j - 1] if j else mpf(0)
        coefficients.append(((value - alphas[j]) * coefficients[j] - before) / beta)
    vector = combine([rounded(v) for v in block.vectors], coefficients)
    out = [x * d for x, d in zip(vector, root, strict=True)]
    return times(1 / mp.sqrt(mp.fsum(x * x for x in out)), out)
