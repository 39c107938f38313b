"""Logistic and softmax regression, with derivatives by hand: sigmoid derivatives and cumulants."""

from collections.abc import Sequence
from dataclasses import dataclass

from mpmath import mp, mpf

from oracles.families import ORDER
from oracles.precision import Matrix, Number, Vector, add, dot, matvec, transpose


def sigmoid_derivatives(z: Number) -> Vector:
    """Return log(1 + e^z) and its derivatives s, p = s(1-s), p(1-2s), p(1-6s+6s^2), s = 1/(1 + e^-z)."""
    s = 1 / (1 + mp.exp(-z))
    p = s * (1 - s)
    return [mp.log(1 + mp.exp(z)), s, p, p * (1 - 2 * s), p * (1 - 6 * s + 6 * s * s)]


def cumulants(z: Vector, w: Vector) -> Vector:
    """Derivatives of t -> log sum exp(z + t w): cumulants of w under the softmax probabilities of z."""
    top = max(z)
    weights = [mp.exp(a - top) for a in z]
    total = mp.fsum(weights)
    p = [a / total for a in weights]
    mean = dot(p, w)
    centred = [a - mean for a in w]
    m2, m3, m4 = (mp.fsum(q * c**k for q, c in zip(p, centred, strict=True)) for k in (2, 3, 4))
    return [top + mp.log(total), mean, m2, m3, m4 - 3 * m2 * m2]


def softmax(z: Vector) -> Vector:
    """Softmax probabilities."""
    top = max(z)
    weights = [mp.exp(a - top) for a in z]
    total = mp.fsum(weights)
    return [w / total for w in weights]


@dataclass(frozen=True)
class Logistic:
    """Mean of log(1 + exp(z_i)) - y_i z_i, z = X theta, plus mu/2 |theta|^2."""

    x: Matrix
    y: Vector
    mu: Number

    def value(self, theta: Vector) -> Number:
        """Return f."""
        return self.along(theta, [mpf(0) for _ in theta])[0]

    def gradient(self, theta: Vector) -> Vector:
        """Return X'(s - y)/N + mu theta."""
        z = matvec(self.x, theta)
        rest = [sigmoid_derivatives(a)[1] - b for a, b in zip(z, self.y, strict=True)]
        return add([g / len(z) for g in matvec(transpose(self.x), rest)], theta, self.mu)

    def hvp(self, theta: Vector, v: Vector) -> Vector:
        """Return X'(s(1-s) * Xv)/N + mu v."""
        z, w = matvec(self.x, theta), matvec(self.x, v)
        rest = [sigmoid_derivatives(a)[2] * b for a, b in zip(z, w, strict=True)]
        return add([g / len(z) for g in matvec(transpose(self.x), rest)], v, self.mu)

    def along(self, theta: Vector, d: Vector) -> Vector:
        """Return the derivatives along d: z is linear in t."""
        z, w = matvec(self.x, theta), matvec(self.x, d)
        rows = [sigmoid_derivatives(a) for a in z]
        out = [mp.fsum(r[k] * b**k for r, b in zip(rows, w, strict=True)) / len(z) for k in range(ORDER + 1)]
        out[0] -= dot(self.y, z) / len(z)
        out[1] -= dot(self.y, w) / len(z)
        return add_ridge(out, self.mu, theta, d)


def add_ridge(out: Vector, mu: Number, theta: Vector, d: Vector) -> Vector:
    """Add the derivatives of mu/2 |theta + t d|^2."""
    ridge = [dot(theta, theta) / 2, dot(theta, d), dot(d, d), mpf(0), mpf(0)]
    return add(out, ridge, mu)


@dataclass(frozen=True)
class Softmax:
    """Mean of logsumexp(W x_i + b) - (W x_i + b)_{y_i} plus mu/2 |theta|^2; theta is W (C, d), then b."""

    x: Matrix
    y: Sequence[int]
    classes: int
    mu: Number

    def _scores(self, theta: Vector) -> Matrix:
        c, d = self.classes, len(self.x[0])
        rows = [theta[i * d : (i + 1) * d] for i in range(c)]
        return [[dot(w, x) + b for w, b in zip(rows, theta[c * d :], strict=True)] for x in self.x]

    def _adjoint(self, scores: Matrix) -> Vector:
        columns = transpose(scores)
        weights = [dot(column, feature) for column in columns for feature in transpose(self.x)]
        return [a / len(self.x) for a in [*weights, *(mp.fsum(column) for column in columns)]]

    def value(self, theta: Vector) -> Number:
        """Return f."""
        return self.along(theta, [mpf(0) for _ in theta])[0]

    def gradient(self, theta: Vector) -> Vector:
        """Return the mean of (p - e_y) x' for W, of p - e_y for b, plus mu theta."""
        rest = [
            [p - (c == label) for c, p in enumerate(softmax(z))]
            for z, label in zip(self._scores(theta), self.y, strict=True)
        ]
        return add(self._adjoint(rest), theta, self.mu)

    def hvp(self, theta: Vector, v: Vector) -> Vector:
        """Return the same adjoint of (diag(p) - p p') dz, plus mu v."""
        rest = []
        for z, w in zip(self._scores(theta), self._scores(v), strict=True):
            p = softmax(z)
            mean = dot(p, w)
            rest.append([a * (b - mean) for a, b in zip(p, w, strict=True)])
        return add(self._adjoint(rest), v, self.mu)

    def along(self, theta: Vector, d: Vector) -> Vector:
        """Return the derivatives along d: means of cumulants."""
        out = [mpf(0)] * (ORDER + 1)
        for z, w, label in zip(self._scores(theta), self._scores(d), self.y, strict=True):
            term = cumulants(z, w)
            term[0] -= z[label]
            term[1] -= w[label]
            out = add(out, term)
        return add_ridge([a / len(self.x) for a in out], self.mu, theta, d)
