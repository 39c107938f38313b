"""The global minimum of T(eta) = -g'eta + eta'H eta/2 + (lam/6)|D eta|^3, with a certificate.

Another route than an eigendecomposition. With N the entries with lam > 0 and d_i > 0, and Z the others, the
entries of Z are eliminated by an exact LDL' over the rationals, which also says whether T is bounded. On N
the radius r solves |D x(r)| = r, x(r) = (A + (lam/2) r D^2)^-1 g, by bisection and Newton's method between
two proven bounds, each trial a Cholesky decomposition. Where no positive definite matrix is found to the left
of the root, the hard case is decided exactly: the space is split over the rationals into the part that g
reaches under D^-2 A and the rest (`cubic_rational`), and the root on the first part is compared with the
smallest eigenvalue on the rest.

Precision: the one in force, which intermediate results exceed at least twofold. Inputs are taken as the exact
numbers that they are.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from mpmath import mp, mpf

from oracles.condition import canonical
from oracles.cubic_hard import Stationary, minimum
from oracles.cubic_rational import Exact, Form, diagonalize, inner, shifted
from oracles.cubic_secular import Model
from oracles.precision import Matrix, Number, Vector, add, combine, dot, fraction, matvec, norm, times


class Minimum(NamedTuple):
    """The set of global minimizers, {center + sum y_j directions_j + sum z_i free_i : |y| = 1, z any}.

    Attributes:
        status: "unique", "two", "sphere", "subspace" (an affine set is among them) or "unbounded".
        dimension: of the set; 0 for one point and for two.
        minimizers: one of them first; both in the case "two"; none if unbounded.
        center: see above; without directions it is a minimizer.
        directions: none (a point), one (two points) or more (a sphere), orthogonal and of equal length in D.
        free: an orthonormal basis of the directions along which nothing changes.
        radius: r = |D eta|, the same for all of them (with lam = 0: of the first).
        value: T*.
        gap: (T* - q(rho)) / |T*| with the dual bound q(rho) <= T(x) for all x, at rho a little above r.
        witness: if unbounded, v with T(start + s v) -> -inf as s -> inf.
        start: zero except where only the coupling of v to the other entries makes T unbounded.
    """

    status: str
    dimension: int = 0
    minimizers: tuple[Vector, ...] = ()
    center: Vector | None = None
    directions: tuple[Vector, ...] = ()
    free: tuple[Vector, ...] = ()
    radius: Number = None
    value: Number = None
    gap: Number = None
    witness: Vector | None = None
    start: Vector | None = None


def cubic_value(H: Matrix, g: Vector, scales: Vector, lam: Number, eta: Vector) -> Number:
    """Return T(eta)."""
    cubed = norm([d * x for d, x in zip(scales, eta, strict=True)]) ** 3
    return dot(eta, matvec(H, eta)) / 2 - dot(g, eta) + lam * cubed / 6


def solve(H: Matrix, g: Vector, scales: Vector | None, lam: Number) -> Minimum:
    """Return the set of global minimizers of T.

    Args:
        H: symmetric matrix (S, S), to the last bit.
        g: vector (S,).
        scales: d_i >= 0, None for ones.
        lam: >= 0.

    Raises:
        ValueError: for shapes, signs or an asymmetric H that the model does not have.
        ArithmeticError: if a comparison of two irrational numbers stays undecided.
    """
    scales = [mpf(1)] * len(g) if scales is None else scales
    matrix, vector = [[fraction(x) for x in row] for row in H], [fraction(x) for x in g]
    d, strength = [fraction(x) for x in scales], fraction(lam)
    if [len(row) for row in matrix] != [len(d)] * len(vector) or len(d) != len(vector):
        raise ValueError("H must be (S, S), g and scales (S,).")
    if matrix != [list(column) for column in zip(*matrix, strict=True)]:
        raise ValueError("H must be symmetric.")
    if strength < 0 or min(d, default=strength) < 0:
        raise ValueError("lam and scales must not be negative.")
    digits = mp.dps
    part = _eliminate(matrix, vector, d, strength)
    if isinstance(part, Minimum):
        return part
    for doubling in range(7):
        depth = (digits + 15) << doubling
        with mp.workdps(2 * depth):
            found = minimum(part.model, depth)
            if found is not None:
                out = _assemble(part, found)
                if not lam:
                    out = out._replace(
                        radius=norm([d * x for d, x in zip(scales, out.minimizers[0], strict=True)])
                    )
                break
    else:
        raise ArithmeticError("the hard case stays undecided: two irrational numbers agree to many digits.")
    return _rounded(out)


class Part(NamedTuple):
    """The problem after the entries without a cubic term are eliminated.

    Attributes:
        kept: indices with lam > 0 and d_i > 0.
        others: the rest.
        model: the problem in the kept entries.
        constant: what elimination adds to its value.
        offset: the other entries at eta_kept = 0.
        slopes: their derivative by each kept entry.
        kernel: vectors in the other entries along which nothing changes.
    """

    kept: list[int]
    others: list[int]
    model: Model
    constant: Fraction
    offset: Exact
    slopes: list[Exact]
    kernel: list[Exact]


def _eliminate(H: Form, g: Exact, d: Exact, lam: Fraction) -> Part | Minimum:
    kept = [i for i, x in enumerate(d) if lam and x]
    others = [i for i in range(len(d)) if i not in kept]
    diagonal = diagonalize([[H[i][j] for j in others] for i in others])
    columns = [[H[i][j] for i in others] for j in kept]
    inside = [g[i] for i in others]
    witness, start = diagonal.witness, [Fraction(0)] * len(kept)
    for v in diagonal.kernel:
        slope, couplings = inner(v, inside), [inner(v, column) for column in columns]
        if slope:
            witness = shifted([Fraction(0)] * len(v), v, Fraction(1 if slope > 0 else -1))
        elif any(couplings):  # T falls along v from a start where v'H start < 0
            witness, start = v, [-x for x in couplings]
        if witness is not None:
            break
    if witness is not None:
        out = [[mpf(0)] * len(d), [mpf(0)] * len(d)]
        for place, values, indices in ((0, witness, others), (1, start, kept)):
            for i, x in zip(indices, values, strict=True):
                out[place][i] = number(x)
        return Minimum("unbounded", witness=out[0], start=out[1])
    offset = diagonal.solve(inside)
    slopes = [[-x for x in diagonal.solve(column)] for column in columns]
    model = Model(
        [
            [H[i][j] + inner(column, slope) for j, slope in zip(kept, slopes, strict=True)]
            for i, column in zip(kept, columns, strict=True)
        ],
        [g[i] - inner(column, offset) for i, column in zip(kept, columns, strict=True)],
        [d[i] * d[i] for i in kept],
        lam,
    )
    return Part(kept, others, model, -inner(offset, inside) / 2, offset, slopes, diagonal.kernel)


def number(x: Fraction) -> Number:
    """Round an exact number to the precision in force."""
    return mpf(x.numerator) / x.denominator


def _assemble(part: Part, found: Stationary) -> Minimum:
    """Carry the minimum over the kept entries back to all of them."""

    def whole(kept: Vector, others: Vector) -> Vector:
        out = dict(zip([*part.kept, *part.others], [*kept, *others], strict=True))
        return [out[i] for i in range(len(out))]

    free = [whole([mpf(0)] * len(part.kept), [number(x) for x in v]) for v in part.kernel]
    free = canonical(_orthonormal(free)) if free else []

    def carried(x: Vector, offset: Vector) -> Vector:
        out = whole(x, _follow(part, x, offset))
        for f in free:
            out = add(out, f, -dot(f, out))
        return out

    center = carried(found.center, [number(x) for x in part.offset])
    directions = tuple(carried(v, [mpf(0)] * len(part.others)) for v in found.directions)
    statuses = {0: "unique", 1: "two"}
    status = "subspace" if free else statuses.get(len(directions), "sphere")
    signs = {"two": (1, -1), "unique": (0,)}.get(status, (1,))
    tips = directions or ([mpf(0)] * len(center),)
    points = tuple(add(center, tips[0], sign) for sign in signs)
    value = found.value + number(part.constant)
    with_bound = number(part.constant) + found.bound
    gap = (value - with_bound) / abs(value) if value else value - with_bound
    dimension = len(free) + max(len(directions) - 1, 0)
    return Minimum(status, dimension, points, center, directions, tuple(free), found.radius, value, gap)


def _follow(part: Part, x: Vector, offset: Vector) -> Vector:
    rows = [[number(y) for y in slope] for slope in part.slopes]
    return add(offset, combine(rows, x)) if rows else offset


def _orthonormal(vectors: Sequence[Vector]) -> list[Vector]:
    out: list[Vector] = []
    for v in vectors:
        for _ in range(2):  # twice is enough
            for u in out:
                v = add(v, u, -dot(u, v))
        out.append(times(1 / norm(v), v))
    return out


def _rounded(found: Minimum) -> Minimum:
    """Round every number to the precision in force."""

    def rounding(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(rounding(x) for x in value)
        return +value if isinstance(value, mpf) else value

    return found._replace(**{name: rounding(value) for name, value in found._asdict().items()})
