"""The families of test functions, each with derivatives worked out by hand (no automatic differentiation).

A family object holds its data as `mpf` and answers `value(theta)`, `gradient(theta)`, `hvp(theta, vector)`
and `along(theta, direction)`, the derivatives of order 0 to 4 of t -> f(theta + t direction), without any
1/k!. Gradients and products are written from the chain rule of the formula; `along` goes another way, by
polynomials in t, by cumulants, or by Faà di Bruno's formula, so that the two can be held against each other.
The formulas of the functions themselves stand in problems/README.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mpmath import mp, mpf

from oracles.precision import Matrix, Number, Vector, add

ORDER = 4


def polynomial(*coefficients: Number) -> Vector:
    """Coefficients of a polynomial in t, lowest first, cut or filled to order 4."""
    return [*coefficients, *([mpf(0)] * ORDER)][: ORDER + 1]


def product(a: Vector, b: Vector) -> Vector:
    """Product of two polynomials in t up to order 4."""
    return [mp.fsum(a[i] * b[k - i] for i in range(k + 1)) for k in range(ORDER + 1)]


def derivatives(coefficients: Vector) -> Vector:
    """Derivatives at t = 0 from the coefficients of a polynomial."""
    return [mp.factorial(k) * c for k, c in enumerate(coefficients)]


def compose(outer: Sequence[Number], inner: Sequence[Number]) -> Vector:
    """Faà di Bruno: derivatives of F(z(t)) from F, F', .. F'''' at z(0) and z, z', .. z''''."""
    f0, f1, f2, f3, f4 = outer
    _, z1, z2, z3, z4 = inner
    return [
        f0,
        f1 * z1,
        f2 * z1**2 + f1 * z2,
        f3 * z1**3 + 3 * f2 * z1 * z2 + f1 * z3,
        f4 * z1**4 + 6 * f3 * z1**2 * z2 + f2 * (4 * z1 * z3 + 3 * z2**2) + f1 * z4,
    ]


class Rosenbrock:
    """Sum of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2; the Hessian is tridiagonal."""

    def value(self, x: Vector) -> Number:
        """Return f."""
        return mp.fsum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))

    def gradient(self, x: Vector) -> Vector:
        """Return the gradient: each pair (x_i, x_{i+1}) adds to two entries."""
        g = [mpf(0) for _ in x]
        for i in range(len(x) - 1):
            r = x[i + 1] - x[i] ** 2
            g[i] += -400 * x[i] * r - 2 * (1 - x[i])
            g[i + 1] += 200 * r
        return g

    def hvp(self, x: Vector, v: Vector) -> Vector:
        """Return H v with the tridiagonal H written out."""
        out = [mpf(0) for _ in x]
        for i in range(len(x) - 1):
            out[i] += (1200 * x[i] ** 2 - 400 * x[i + 1] + 2) * v[i] - 400 * x[i] * v[i + 1]
            out[i + 1] += 200 * v[i + 1] - 400 * x[i] * v[i]
        return out

    def along(self, x: Vector, d: Vector) -> Vector:
        """Return the derivatives along d: each residual is a quadratic polynomial in t."""
        total = polynomial(mpf(0))
        for i in range(len(x) - 1):
            r = polynomial(x[i + 1] - x[i] ** 2, d[i + 1] - 2 * x[i] * d[i], -(d[i] ** 2))
            s = polynomial(1 - x[i], -d[i])
            total = add(add(total, product(r, r), 100), product(s, s))
        return derivatives(total)


class Beale:
    """(1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2."""

    constants = (mpf(3) / 2, mpf(9) / 4, mpf(21) / 8)

    def _terms(self, theta: Vector) -> list[tuple[Number, ...]]:
        x, y = theta
        out = []
        for j, c in enumerate(self.constants, start=1):
            second = j * (j - 1) * x * y ** (j - 2) if j > 1 else mpf(0)
            # residual, its derivatives by x, by y, by x and y, twice by y
            out.append((c - x + x * y**j, y**j - 1, j * x * y ** (j - 1), j * y ** (j - 1), second))
        return out

    def value(self, theta: Vector) -> Number:
        """Return f."""
        return mp.fsum(r * r for r, *_ in self._terms(theta))

    def gradient(self, theta: Vector) -> Vector:
        """Return 2 sum r grad r."""
        terms = self._terms(theta)
        return [2 * mp.fsum(t[0] * t[i] for t in terms) for i in (1, 2)]

    def hvp(self, theta: Vector, v: Vector) -> Vector:
        """Return 2 sum (grad r (grad r . v) + r (Hess r) v)."""
        out = [mpf(0), mpf(0)]
        for r, rx, ry, rxy, ryy in self._terms(theta):
            slope = rx * v[0] + ry * v[1]
            out[0] += 2 * (rx * slope + r * rxy * v[1])
            out[1] += 2 * (ry * slope + r * (rxy * v[0] + ryy * v[1]))
        return out

    def along(self, theta: Vector, d: Vector) -> Vector:
        """Return the derivatives along d: residuals are polynomials in t of degree j + 1."""
        x, y = (polynomial(a, b) for a, b in zip(theta, d, strict=True))
        total, power = polynomial(mpf(0)), polynomial(mpf(1))
        for c in self.constants:
            power = product(power, y)
            r = add(add(polynomial(c), x, -1), product(x, power))
            total = add(total, product(r, r))
        return derivatives(total)


class Himmelblau:
    """(x^2 + y - 11)^2 + (x + y^2 - 7)^2."""

    def value(self, theta: Vector) -> Number:
        """Return f."""
        x, y = theta
        return (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2

    def gradient(self, theta: Vector) -> Vector:
        """Return the gradient."""
        x, y = theta
        p, q = x * x + y - 11, x + y * y - 7
        return [4 * x * p + 2 * q, 2 * p + 4 * y * q]

    def hvp(self, theta: Vector, v: Vector) -> Vector:
        """Return H v with H = [[12x^2 + 4y - 42, 4x + 4y], [4x + 4y, 12y^2 + 4x - 26]]."""
        x, y = theta
        cross = 4 * (x + y)
        return [
            (12 * x * x + 4 * y - 42) * v[0] + cross * v[1],
            cross * v[0] + (12 * y * y + 4 * x - 26) * v[1],
        ]

    def along(self, theta: Vector, d: Vector) -> Vector:
        """Return the derivatives along d: both residuals are quadratic in t."""
        x, y = theta
        p = polynomial(x * x + y - 11, 2 * x * d[0] + d[1], d[0] ** 2)
        q = polynomial(x + y * y - 7, d[0] + 2 * y * d[1], d[1] ** 2)
        return derivatives(add(product(p, p), product(q, q)))


@dataclass(frozen=True)
class Separable:
    """sum_i F_i(u_i), u = Q'theta: `profiles[i](u)` returns F_i and its derivatives to order 4."""

    forward: Callable[[Vector], Vector]
    backward: Callable[[Vector], Vector]
    profiles: Sequence[Callable[[Number], Vector]]

    def _profile(self, theta: Vector) -> Matrix:
        return [p(u) for p, u in zip(self.profiles, self.forward(theta), strict=True)]

    def value(self, theta: Vector) -> Number:
        """Return f."""
        return mp.fsum(p[0] for p in self._profile(theta))

    def gradient(self, theta: Vector) -> Vector:
        """Return Q F'(u)."""
        return self.backward([p[1] for p in self._profile(theta)])

    def hvp(self, theta: Vector, v: Vector) -> Vector:
        """Return Q diag(F''(u)) Q'v."""
        return self.backward([p[2] * w for p, w in zip(self._profile(theta), self.forward(v), strict=True)])

    def along(self, theta: Vector, d: Vector) -> Vector:
        """Return sum_i F_i^(k)(u_i) (Q'd)_i^k."""
        pairs = list(zip(self._profile(theta), self.forward(d), strict=True))
        return [mp.fsum(p[k] * w**k for p, w in pairs) for k in range(ORDER + 1)]


def log_cosh_profile(a: Number, b: Number, h: Number) -> Callable[[Number], Vector]:
    """Return the profile a log cosh(b u) + h u^2/2 and its derivatives, in T = tanh(b u) and S = 1 - T^2."""

    def profile(u: Number) -> Vector:
        t = mp.tanh(b * u)
        s = 1 - t * t
        return [
            a * mp.log(mp.cosh(b * u)) + h * u * u / 2,
            a * b * t + h * u,
            a * b**2 * s + h,
            -2 * a * b**3 * t * s,
            a * b**4 * s * (6 * t * t - 2),
        ]

    return profile


def cubic_profile(g: Number, h: Number, lipschitz: Number, shift: Number) -> Callable[[Number], Vector]:
    """Return the profile g z + h z^2/2 + (L/6) |z|^3, z = u - s; for the jump of F''' at z = 0 stands 0."""

    def profile(u: Number) -> Vector:
        z = u - shift
        return [
            g * z + h * z * z / 2 + lipschitz * abs(z) ** 3 / 6,
            g + h * z + lipschitz * z * abs(z) / 2,
            h + lipschitz * abs(z),
            lipschitz * mp.sign(z),
            mpf(0),
        ]

    return profile
