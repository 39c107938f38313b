"""Power series in t modulo t^m, functions of them, and what layers of a network make of numbers or series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mpmath import mp, mpf

from oracles.families import ORDER, compose
from oracles.network import activation_derivatives
from oracles.precision import Number, Vector

Profile = Callable[[Number], Vector]


class Series:
    """A polynomial in t modulo t^m, of m coefficients; the other operand may be a number."""

    def __init__(self, coefficients: Vector) -> None:
        self.c = coefficients

    def __add__(self, other: Any) -> Series:
        if isinstance(other, Series):
            return Series([a + b for a, b in zip(self.c, other.c, strict=True)])
        return Series([self.c[0] + other, *self.c[1:]])

    def __mul__(self, other: Any) -> Series:
        if not isinstance(other, Series):
            return Series([a * other for a in self.c])
        return Series([sum(self.c[j] * other.c[k - j] for j in range(k + 1)) for k in range(len(self.c))])

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Series:
        return self * -1

    def __sub__(self, other: Any) -> Series:
        return self + (-other)

    def __rsub__(self, other: Any) -> Series:
        return -self + other


def of(profile: Profile, z: Any, order: int = 0) -> Any:
    """The derivative of that order of a function at a number or a series, from its derivatives to order 4."""
    if not isinstance(z, Series):
        return profile(z)[order]
    found = profile(z.c[0])[order:]
    step, power, total = Series([mpf(0), *z.c[1:]]), Series([mpf(1)] + [mpf(0)] * (len(z.c) - 1)), mpf(0)
    for k, derivative in enumerate(found[: len(z.c)]):
        total = total + power * (derivative / mp.factorial(k))
        power = power * step
    return total


def exponential(z: Number) -> Vector:
    """The exponential, five times."""
    return [mp.exp(z)] * (ORDER + 1)


def logarithm(z: Number) -> Vector:
    """The logarithm and its derivatives."""
    return [mp.log(z), 1 / z, -1 / z**2, 2 / z**3, -6 / z**4]


def reciprocal(z: Number) -> Vector:
    """1/z and its derivatives."""
    return [1 / z, -1 / z**2, 2 / z**3, -6 / z**4, 24 / z**5]


def reciprocal_root(z: Number) -> Vector:
    """z^(-1/2) and its derivatives."""
    factors = (mpf(1), -mpf(1) / 2, mpf(3) / 4, -mpf(15) / 8, mpf(105) / 16)
    return [a * z ** (-mpf(1) / 2 - k) for k, a in enumerate(factors)]


def gelu(z: Number) -> Vector:
    """Z g(z) with g = (1 + tanh u)/2, u = sqrt(2/pi) (z + 0.044715 z^3), by Leibniz and Faà di Bruno."""
    rate, cube = mp.sqrt(2 / mp.pi), mpf(44715) / 10**6
    u = [z + cube * z**3, 1 + 3 * cube * z**2, 6 * cube * z, 6 * cube, mpf(0)]
    tanh = compose(activation_derivatives("tanh", rate * u[0]), [rate * a for a in u])
    g = [(a + (k == 0)) / 2 for k, a in enumerate(tanh)]
    return [z * g[k] + (k * g[k - 1] if k else 0) for k in range(ORDER + 1)]


def tanh(z: Number) -> Vector:
    """The hyperbolic tangent and its derivatives."""
    return activation_derivatives("tanh", z)


ACTIVATIONS: dict[str, Profile] = {"gelu": gelu, "tanh": tanh}


def dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    """The inner product of numbers or series."""
    return sum((x * y for x, y in zip(a, b, strict=True)), mpf(0))


def image(matrix: Sequence[Sequence[Any]], x: Sequence[Any]) -> list[Any]:
    """Matrix times vector."""
    return [dot(row, x) for row in matrix]


def adjoint(matrix: Sequence[Sequence[Any]], x: Sequence[Any]) -> list[Any]:
    """Transposed matrix times vector."""
    return [dot(column, x) for column in zip(*matrix, strict=True)]


def plus(*vectors: Sequence[Any]) -> list[Any]:
    """The sum of vectors."""
    return [sum(row, mpf(0)) for row in zip(*vectors, strict=True)]


def probabilities(scores: list[Any]) -> list[Any]:
    """Softmax of numbers or series; the largest value is taken off every score."""
    top = max(s.c[0] if isinstance(s, Series) else s for s in scores)
    weights = [of(exponential, s - top) for s in scores]
    inverse = of(reciprocal, sum(weights, mpf(0)))
    return [a * inverse for a in weights]


@dataclass(frozen=True)
class Norm:
    """What a norm's adjoint needs: the normalised vector z, and 1/sqrt(variance + 10^-5)."""

    z: list[Any]
    root: Any

    @classmethod
    def of(cls, x: list[Any]) -> Norm:
        """Normalise a vector."""
        share = mpf(1) / len(x)
        mean = sum(x, mpf(0)) * share
        centred = [a - mean for a in x]
        root = of(reciprocal_root, dot(centred, centred) * share + mpf(10) ** -5)
        return cls([a * root for a in centred], root)

    def scaled(self, gain: list[Any], offset: list[Any]) -> list[Any]:
        """Return (1 + gain) z + offset."""
        return [(a + 1) * z + b for a, z, b in zip(gain, self.z, offset, strict=True)]

    def adjoint(self, given: list[Any], gain: list[Any]) -> list[Any]:
        """Return root (w - mean w - z mean(w z)) with w = (1 + gain) given."""
        w = [(a + 1) * b for a, b in zip(gain, given, strict=True)]
        share = mpf(1) / len(w)
        mean, slope = sum(w, mpf(0)) * share, dot(w, self.z) * share
        return [self.root * (a - mean - z * slope) for a, z in zip(w, self.z, strict=True)]
