"""Quadratics: products in eigen-coordinates, and perturbations that keep the Hessian symmetric.

A quadratic given by eigenvalues and a basis is never multiplied out: H v = Q (lambda * Q'v) costs a few
reflections, so that n = 1500 stays cheap in extended precision, and its spectrum is known without any solver.
"""

from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from mpmath import mp, mpf

from oracles.bases import Basis, Block, Reflections, Turned
from oracles.precision import PERTURBATION, Matrix, Number, Vector, dot, eigensystem, matvec, numbers, times


def make_eigenvalues(n: int, spec: Any) -> Vector:
    """Build the eigenvalues of a problem file."""
    if isinstance(spec, list):
        return numbers(spec)
    if spec["kind"] == "paper-4.3":
        return [mpf(spec["lambda1"]), *(mpf(1.5) ** (1 - j) for j in range(1, n))]
    if spec["kind"] == "exponential":
        scale, base, first = mpf(spec["scale"]), mpf(spec["base"]), spec.get("first_exponent", 0)
        return [scale * base ** (first + j) for j in range(n)]
    if spec["kind"] != "segments":
        raise ValueError(
            f"`eigenvalues.kind` is {spec['kind']!r}; known are paper-4.3, exponential, segments."
        )
    out: Vector = []
    for count, low, high in spec["segments"]:
        step = (mpf(high) - mpf(low)) / (count - 1) if count > 1 else mpf(0)
        out += [mpf(high) - step * j for j in range(count)]
    return out


@dataclass(frozen=True)
class Quadratic:
    """theta'H theta/2 - b'theta with H = Q diag(eigenvalues) Q', or H given as a matrix."""

    n: int
    linear: Vector
    matrix: Matrix | None = None
    spectral: tuple[Vector, Basis] | None = None

    @cached_property
    def system(self) -> tuple[Vector, Basis]:
        """Eigenvalues in the problem's order, and the basis that belongs to them."""
        if self.spectral is not None:
            return self.spectral
        assert self.matrix is not None
        values, vectors = eigensystem(self.matrix)
        return values, Block(vectors, range(self.n))

    @property
    def norm(self) -> Number:
        """The 2-norm of H."""
        return max(abs(x) for x in self.system[0])

    def hvp(self, theta: Vector, v: Vector) -> Vector:
        """Return H v."""
        if self.matrix is not None:
            return matvec(self.matrix, v)
        values, basis = self.system
        return basis.backward([x * c for x, c in zip(values, basis.forward(v), strict=True)])

    def gradient(self, theta: Vector) -> Vector:
        """Return H theta - b."""
        return [a - b for a, b in zip(self.hvp(theta, theta), self.linear, strict=True)]

    def value(self, theta: Vector) -> Number:
        """Return f, in eigen-coordinates when they are given."""
        if self.matrix is not None:
            return dot(theta, matvec(self.matrix, theta)) / 2 - dot(self.linear, theta)
        values, basis = self.system
        squares = (x * c * c for x, c in zip(values, basis.forward(theta), strict=True))
        return mp.fsum(squares) / 2 - dot(self.linear, theta)

    def along(self, theta: Vector, d: Vector) -> Vector:
        """Return f, g'd, d'Hd, 0, 0."""
        first = dot(self.gradient(theta), d)
        return [self.value(theta), first, dot(d, self.hvp(theta, d)), mpf(0), mpf(0)]

    def perturbed(self, rng: Random) -> "Quadratic":
        """Move H by a symmetric matrix of norm about 2^-40 |H|, and b relatively.

        Spectral form: every eigenvalue by at most 2^-40 |H| and random pairs of eigenvectors turned by at
        most 2^-40. A matrix: E = 2^-40 |H| R diag(s) R with a random reflection R and s in [-1, 1].
        """
        unit = mpf(2) ** PERTURBATION
        linear = [b * (1 + unit * rng.uniform(-1, 1)) for b in self.linear]
        size = unit * self.norm
        if self.matrix is None:
            values, basis = self.system
            moved = [x + size * rng.uniform(-1, 1) for x in values]
            order = rng.sample(range(self.n), self.n)
            turns = [(i, j, unit * rng.uniform(-1, 1)) for i, j in zip(order[::2], order[1::2], strict=False)]
            return Quadratic(self.n, linear, spectral=(moved, Turned(basis, turns)))
        w = [mpf(rng.gauss(0, 1)) for _ in range(self.n)]
        reflect = Reflections([w])
        signs = [size * rng.uniform(-1, 1) for _ in range(self.n)]
        matrix = [list(row) for row in self.matrix]
        for j in range(self.n):
            unit_vector = [mpf(i == j) for i in range(self.n)]
            middle = [s * c for s, c in zip(signs, reflect.forward(unit_vector), strict=True)]
            for i, value in enumerate(reflect.backward(middle)):
                matrix[i][j] += value
        return Quadratic(self.n, linear, matrix=matrix)

    def rescaled(self, rng: Random) -> "Quadratic":
        """Move each distinct eigenvalue relatively by at most 2^-40; multiplicities, zeros, basis stay."""
        unit = mpf(2) ** PERTURBATION
        values, basis = self.system
        factors: dict[str, Any] = {}
        moved = []
        for x in values:
            key = mp.nstr(x, 30) if abs(x) > mpf(10) ** -30 * self.norm else "0"
            factor = factors.setdefault(key, 1 + unit * rng.uniform(-1, 1))
            moved.append(x * factor if key != "0" else mpf(0))
        return Quadratic(self.n, times(mpf(1), self.linear), spectral=(moved, basis))
