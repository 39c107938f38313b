"""Polynomials in several variables, differentiated term by term.

Gradient and product come from the exponents (d x^e = e x^(e-1)), `along` from the product of the linear
factors x_i + t d_i as polynomials in t.
"""

from collections.abc import Sequence

from mpmath import mp, mpf

from oracles import families
from oracles.precision import Number, Vector, add


class Polynomial:
    """sum_j c_j prod_i x_i^e_ji."""

    def __init__(self, coefficients: Vector, exponents: Sequence[Sequence[int]]) -> None:
        """Hold c (m) and e (m rows of n integers, at least 0)."""
        self.terms = list(zip(coefficients, [list(row) for row in exponents], strict=True))

    def value(self, x: Vector) -> Number:
        """Return f."""
        return mp.fsum(self._parts(x, ()))

    def gradient(self, x: Vector) -> Vector:
        """Return the gradient."""
        return [mp.fsum(self._parts(x, (i,))) for i in range(len(x))]

    def hvp(self, x: Vector, v: Vector) -> Vector:
        """Return H v, H from the second derivatives of every term."""
        n = range(len(x))
        return [mp.fsum(mp.fsum(self._parts(x, (i, k))) * v[k] for k in n) for i in n]

    def along(self, x: Vector, d: Vector) -> Vector:
        """Return the derivatives along d, order 0 to 4."""
        total = families.polynomial(mpf(0))
        for c, row in self.terms:
            term = families.polynomial(c)
            for i, power in enumerate(row):
                for _ in range(power):
                    term = families.product(term, families.polynomial(x[i], d[i]))
            total = add(total, term)
        return families.derivatives(total)

    def _parts(self, x: Vector, by: tuple[int, ...]) -> Vector:
        """Return each term differentiated once by every index in `by`."""
        parts = []
        for c, row in self.terms:
            powers, factor = list(row), c
            for i in by:
                factor *= powers[i]
                powers[i] -= 1
            zero = factor == 0
            parts.append(mpf(0) if zero else factor * mp.fprod(a**e for a, e in zip(x, powers, strict=True)))
        return parts
