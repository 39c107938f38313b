"""The cubic model at 50 digits: its value at a point, and its minimum between two bounds.

Nothing here comes from refopt. The minimum is the largest value of the dual function (weak duality by
r^3/6 - rho r^2/4 >= -rho^3/12, equality at the solution)

    q(rho) = -g'G(rho)^-1 g/2 - lam rho^3/12,   G(rho) = H + (lam/2) rho D^2 positive definite,

and rho is above its place exactly where G(rho) is positive definite and |D G(rho)^-1 g| <= rho, which a
Cholesky factorisation decides. So bisection needs no eigenvalues, no root finding at a pole and no special
treatment of the hard case or of d_i = 0: `minimum` returns q at the upper end, a lower bound of min T that is
within the width of the last interval.
"""

from __future__ import annotations

from mpmath import mp, mpf

DIGITS = 50
WIDTH = mpf(2) ** -90  # of the last interval, relative: 1e-27


def vector(values):
    return [mpf(float(value)) for value in values]


class Exact:
    """The model of float64 arrays, without rounding."""

    def __init__(self, H, g, lam, d):
        self.H = [vector(row) for row in H]
        self.g, self.d, self.lam = vector(g), vector(d), mpf(float(lam))

    def value(self, eta):
        """T at a float64 point."""
        with mp.workdps(DIGITS):
            x = vector(eta)
            n = range(len(x))
            linear = mp.fsum(self.g[i] * x[i] for i in n)
            quadratic = mp.fsum(self.H[i][j] * x[i] * x[j] for i in n for j in n)
            return quadratic / 2 - linear + self.lam / 6 * self.radius(x) ** 3

    def radius(self, x):
        with mp.workdps(DIGITS):
            return mp.sqrt(mp.fsum((d * part) ** 2 for d, part in zip(self.d, x, strict=True)))

    def factor(self, rho):
        """The rows of the Cholesky factor of G(rho); None where it is not positive definite."""
        L = []
        for i, row in enumerate(self.H):
            line = []
            for j in range(i + 1):
                rest = row[j] - mp.fsum(
                    a * b for a, b in zip(line, (L[j] if j < i else line)[:j], strict=False)
                )
                if i != j:
                    line.append(rest / L[j][j])
                    continue
                rest += self.lam / 2 * rho * self.d[i] ** 2
                if rest <= 0:
                    return None
                line.append(mp.sqrt(rest))
            L.append(line)
        return L

    def solve(self, L):
        """L^-1 g and G^-1 g."""
        y = []
        for i, line in enumerate(L):
            y.append((self.g[i] - mp.fsum(a * b for a, b in zip(line, y, strict=False))) / line[i])
        x = [mpf(0)] * len(y)
        for i in reversed(range(len(y))):
            later = mp.fsum(L[k][i] * x[k] for k in range(i + 1, len(y)))
            x[i] = (y[i] - later) / L[i][i]
        return y, x

    def above(self, rho):
        """q(rho) where rho is at or above the solution's, else None."""
        L = self.factor(rho)
        if L is None:
            return None
        y, x = self.solve(L)
        if self.radius(x) > rho:
            return None
        return -mp.fsum(part * part for part in y) / 2 - self.lam * rho**3 / 12

    def minimum(self, guess):
        """Min T; `guess` of r only says where to look first."""
        with mp.workdps(DIGITS):
            rho, step = mpf(float(guess)), mpf(2) ** -40
            if rho == 0 and (bound := self.above(mpf(2) ** -4000)) is not None:
                return bound
            rho = rho or mpf(2) ** -4000
            high = rho * (1 + step)
            while (bound := self.above(high)) is None:
                step *= 64
                high = rho * (1 + step)
            low, step = rho, mpf(2) ** -40
            while step < 1 and (better := self.above(low)) is not None:
                high, bound = low, better
                low, step = rho * (1 - step), step * 64
            if step >= 1:
                low = mpf(0)
            while high - low > WIDTH * high:
                middle = (low + high) / 2
                better = self.above(middle)
                if better is None:
                    low = middle
                else:
                    high, bound = middle, better
            return bound
