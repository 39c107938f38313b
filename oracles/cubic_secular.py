"""min -b'x + x'Ax/2 + (lam/6)|D x|^3 with all d_i > 0: the equation of the radius, by trial Cholesky.

The bounds: |x(r)| in the norm of D is at most |b|* / (mu + lam r/2) for mu the smallest eigenvalue of
D^-1 A D^-1, and at least |b|* / (F + lam r/2) for F its Frobenius norm (|b|* = |D^-1 b|). With mu >= -F the
radius lies between 2|b|* / (F + sqrt(F^2 + 2 lam |b|*)) and 2F/lam + sqrt(2|b|*/lam).
"""

import itertools
from fractions import Fraction
from typing import NamedTuple

from mpmath import mp, mpf

from oracles.cubic_rational import Exact, Form
from oracles.precision import Matrix, Number, Vector, dot, matvec, norm


class Model(NamedTuple):
    """A, b, the squares of d and lam > 0, exact."""

    matrix: Form
    vector: Exact
    weights: Exact
    lam: Fraction


def rounded(values: list) -> list:
    """Round exact numbers to the precision in force."""
    return [rounded(x) if isinstance(x, list) else mpf(x.numerator) / x.denominator for x in values]


def cholesky(matrix: Matrix) -> Matrix | None:
    """Return L with LL' = matrix, or None at the first pivot that is not positive."""
    rows: Matrix = []
    for i, entries in enumerate(matrix):
        row: Vector = []
        for j in range(i):
            row.append((entries[j] - mp.fdot(row, rows[j][:j])) / rows[j][j])
        pivot = entries[i] - mp.fdot(row, row)
        if not pivot > 0:
            return None
        rows.append([*row, mp.sqrt(pivot)])
    return rows


def forward(lower: Matrix, b: Vector) -> Vector:
    """Return L^-1 b."""
    out: Vector = []
    for row, y in zip(lower, b, strict=True):
        out.append((y - mp.fdot(row[: len(out)], out)) / row[len(out)])
    return out


def backward(lower: Matrix, b: Vector) -> Vector:
    """Return L'^-1 b."""
    n = len(b)
    out = [mpf(0)] * n
    for i in reversed(range(n)):
        out[i] = (b[i] - mp.fsum(lower[j][i] * out[j] for j in range(i + 1, n))) / lower[i][i]
    return out


class Secular:
    """The equation |D x(r)| = r at the precision in force."""

    def __init__(self, model: Model) -> None:
        self.matrix, self.vector = rounded(model.matrix), rounded(model.vector)
        self.weights, (self.lam,) = rounded(model.weights), rounded([model.lam])

    def length(self, x: Vector) -> Number:
        """Return |D x|."""
        return mp.sqrt(mp.fsum(w * y * y for w, y in zip(self.weights, x, strict=True)))

    def factor(self, r: Number) -> Matrix | None:
        """Return the Cholesky factor of A + (lam/2) r D^2, or None if it is not positive definite."""
        shift = self.lam * r / 2
        return cholesky(
            [
                [y + shift * self.weights[i] if i == j else y for j, y in enumerate(row)]
                for i, row in enumerate(self.matrix)
            ]
        )

    def bounds(self) -> tuple[Number, Number]:
        """Return two numbers between which r lies."""
        root = [mp.sqrt(w) for w in self.weights]
        rows = [
            [y / (u * v) for y, v in zip(row, root, strict=True)]
            for row, u in zip(self.matrix, root, strict=True)
        ]
        size, b = norm(rows), norm([y / u for y, u in zip(self.vector, root, strict=True)])
        low = 2 * b / (size + mp.sqrt(size * size + 2 * self.lam * b))
        return low, 2 * size / self.lam + mp.sqrt(2 * b / self.lam)

    def root(self, depth: int) -> tuple[Number, Vector] | None:
        """Return r and x(r), enclosed by two positive definite trials, or None if the left one is missing.

        The matrix is positive definite at both ends of the last interval, |D x| - r, which decreases, is
        positive at the left and not at the right: the root is there, and it is the minimizer.
        """
        low, high = self.bounds()
        # The lower bound is the root itself for S = 1: off it, so that Newton's steps land inside.
        low, high = low / 2, high * (1 + mpf(10) ** -depth)
        tiny, definite, r = mpf(10) ** -depth, False, mp.sqrt(low * high)
        newton: Vector = []
        pole: Vector = []
        vector = [1 / mp.sqrt(w) / (7 + i) for i, w in enumerate(self.weights)]
        for count in itertools.count(1):
            lower = self.factor(r)
            if lower is None:
                low, definite, newton = r, False, []
            else:
                x = backward(lower, forward(lower, self.vector))
                size = self.length(x)
                vector, distance = self._inverse_step(lower, vector)
                pole = [r - distance]
                if size > r or not definite:  # from the left Newton's method converges, being concave
                    newton = [self._newton(r, x, size, lower)]
                low, high, definite = (r, high, True) if size > r else (low, r, definite)
            step = tiny * high / 4
            if high - low <= 4 * step:
                return self._polished(high, depth) if definite else None
            near = [y + sign * 2 * step for y in newton + pole for sign in (1, -1)]
            beside = [y + mp.sqrt((high - y) * step) for y in pole if y < high and not definite]
            trials = [*newton, *near[:2], *beside, *near[-2:]] if definite or count % 4 else []
            middle = mp.sqrt(low * high) if high > 2 * low else (low + high) / 2
            r = next((y for y in trials if low + step < y < high - step), middle)
        return None

    def _inverse_step(self, lower: Matrix, vector: Vector) -> tuple[Vector, Number]:
        """Return v = G^-1 D^2 u, |Dv| = 1, and v'Gv / (lam/2), no less than the distance in r to a pole."""
        weighted = [w * y for w, y in zip(self.weights, vector, strict=True)]
        v = backward(lower, forward(lower, weighted))
        size = self.length(v)
        v = [y / size for y in v]
        return v, 2 / self.lam * dot(v, weighted) / size

    def _polished(self, r: Number, depth: int) -> tuple[Number, Vector] | None:
        """Return r and x(r) after two more steps of Newton's method, or None if they do not settle."""
        for last in (False, False, True):
            lower = self.factor(r)
            if lower is None:
                return None
            x = backward(lower, forward(lower, self.vector))
            size = self.length(x)
            if last:
                return (r, x) if abs(size / r - 1) <= mpf(10) ** -depth else None
            r = self._newton(r, x, size, lower)
        return None

    def _newton(self, r: Number, x: Vector, size: Number, lower: Matrix) -> Number:
        """Return Newton's next r for 1/|D x(r)| = 1/r, which is concave."""
        inner_ = forward(lower, [w * y for w, y in zip(self.weights, x, strict=True)])
        slope = self.lam / 2 * dot(inner_, inner_) / size**3 + 1 / r**2
        return r - (1 / size - 1 / r) / slope

    def value(self, x: Vector) -> Number:
        """Return -b'x + x'Ax/2 + (lam/6)|D x|^3."""
        return dot(x, matvec(self.matrix, x)) / 2 - dot(self.vector, x) + self.lam * self.length(x) ** 3 / 6

    def dual(self, rho: Number) -> Number:
        """Return q(rho) = -b'G^-1 b/2 - lam rho^3/12, below every value if G = G(rho) is positive definite.

        For -b'x + x'Gx/2 >= -b'G^-1 b/2, and (lam/6) r^3 - (lam/4) rho r^2 is smallest at r = rho.
        """
        lower = self.factor(rho)
        if lower is None:
            raise ArithmeticError("the matrix of the dual bound is not positive definite.")
        half = forward(lower, self.vector)
        return -dot(half, half) / 2 - self.lam * rho**3 / 12
