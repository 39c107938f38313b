"""Generated numbers and orthogonal bases of problems/README.md, applied to a vector without being stored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from mpmath import mp, mpf

from oracles.precision import Matrix, Number, Vector, dot, matvec, numbers, transpose

MASK = 2**64 - 1


def splitmix64(seed: int) -> Iterator[int]:
    """Yield the 64-bit integers of splitmix64 (problems/README.md)."""
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def draws(seed: int, count: int) -> list[float]:
    """Return the first `count` uniform draws in [-1, 1), exact in float64."""
    source = splitmix64(seed)
    return [(next(source) >> 11) * 2.0**-52 - 1 for _ in range(count)]


class Basis(Protocol):
    """An orthogonal matrix Q, applied without being stored."""

    def forward(self, theta: Vector) -> Vector:
        """Return Q'theta."""

    def backward(self, c: Vector) -> Vector:
        """Return Q c."""


class Identity:
    """Q = I."""

    def forward(self, theta: Vector) -> Vector:
        """Return theta."""
        return list(theta)

    def backward(self, c: Vector) -> Vector:
        """Return c."""
        return list(c)


@dataclass(frozen=True)
class Reflections:
    """Q = R_1 R_2 ... R_r with R_i = I - 2 w w'/(w'w)."""

    vectors: Sequence[Vector]

    @cached_property
    def _weights(self) -> list[Number]:
        return [2 / dot(w, w) for w in self.vectors]

    def _apply(self, x: Vector, order: Sequence[int]) -> Vector:
        for i in order:
            w = self.vectors[i]
            factor = self._weights[i] * dot(w, x)
            x = [a - factor * b for a, b in zip(x, w, strict=True)]
        return list(x)

    def forward(self, theta: Vector) -> Vector:
        """Return Q'theta = R_r ... R_1 theta."""
        return self._apply(theta, range(len(self.vectors)))

    def backward(self, c: Vector) -> Vector:
        """Return Q c = R_1 ... R_r c."""
        return self._apply(c, range(len(self.vectors))[::-1])


@dataclass(frozen=True)
class Block:
    """An orthogonal matrix on some coordinates, the identity on the others."""

    rows: Matrix
    where: Sequence[int]

    @cached_property
    def _columns(self) -> Matrix:
        return transpose(self.rows)

    def _apply(self, matrix: Matrix, x: Vector) -> Vector:
        out = list(x)
        for i, value in zip(self.where, matvec(matrix, [x[i] for i in self.where]), strict=True):
            out[i] = value
        return out

    def forward(self, theta: Vector) -> Vector:
        """Return Q'theta."""
        return self._apply(self._columns, theta)

    def backward(self, c: Vector) -> Vector:
        """Return Q c."""
        return self._apply(self.rows, c)


@dataclass(frozen=True)
class Turned:
    """Q G with G a product of plane rotations of disjoint pairs of eigen-coordinates by small angles."""

    basis: Basis
    turns: Sequence[tuple[int, int, Number]]

    def _turn(self, x: Vector, sign: int) -> Vector:
        out = list(x)
        for i, j, angle in self.turns:
            c, s = mp.cos(angle), sign * mp.sin(angle)
            out[i], out[j] = c * x[i] - s * x[j], s * x[i] + c * x[j]
        return out

    def forward(self, theta: Vector) -> Vector:
        """Return G'Q'theta."""
        return self._turn(self.basis.forward(theta), -1)

    def backward(self, c: Vector) -> Vector:
        """Return Q G c."""
        return self.basis.backward(self._turn(c, 1))


def cosine_matrix(n: int) -> Matrix:
    """Return C[i,j] = c_i cos(pi (2j+1) i / (2n))."""
    return [
        [mp.sqrt(mpf(2 if i else 1) / n) * mp.cospi(mpf((2 * j + 1) * i) / (2 * n)) for j in range(n)]
        for i in range(n)
    ]


KEYS = {
    "identity": set(),
    "householder": {"seed", "reflections", "vectors"},
    "dct": {"transposed"},
    "dct-block": {"zeta", "transposed"},
}


def make_basis(n: int, spec: dict[str, Any]) -> Basis:
    """Build the basis of a problem file; a kind or a key that is not known is an error."""
    kind = spec["kind"]
    if kind not in KEYS:
        raise ValueError(f"`basis.kind` is {kind!r}; known are {', '.join(KEYS)}.")
    unknown = set(spec) - KEYS[kind] - {"kind"}
    if unknown:
        raise ValueError(f"`basis` has the unknown keys {sorted(unknown)} for the kind {kind!r}.")
    if kind == "identity":
        return Identity()
    if kind == "householder":
        return Reflections(_reflectors(n, spec))
    size = n if kind == "dct" else spec["zeta"]
    where = range(n) if kind == "dct" else [*range(size // 2), *range(n - size // 2, n)]
    if not size:
        return Identity()
    rows = cosine_matrix(size)
    return Block(transpose(rows) if spec.get("transposed", False) else rows, where)


def _reflectors(n: int, spec: dict[str, Any]) -> list[Vector]:
    if "vectors" in spec:
        return numbers(spec["vectors"])
    flat = numbers(draws(spec["seed"], n * spec["reflections"]))
    return [flat[i * n : (i + 1) * n] for i in range(spec["reflections"])]
