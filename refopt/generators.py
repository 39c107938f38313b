"""Generated problem data: splitmix64, orthonormal bases, spectra, as `problems/README.md` defines them.

Everything here is NumPy on the host in float64; `refopt.problems` moves the result to the user's library.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

SEED_LIMIT = 2**64 - 1
"""Largest seed of splitmix64."""


def splitmix64(seed: int, count: int, first: int = 0) -> np.ndarray:
    """The 64-bit integers of draws first .. first + count - 1, (count,) uint64; `seed` in 0 .. 2^64 - 1."""
    # The state of draw i is seed + (i + 1) * gamma: all draws at once, modulo 2^64.
    steps = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    z = np.full(count, seed, dtype=np.uint64) + steps * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(seed: int, count: int, first: int = 0) -> np.ndarray:
    """Draws first .. first + count - 1 from [-1, 1), (count,) float64, exact: (z >> 11) 2^-52 - 1."""
    return (splitmix64(seed, count, first) >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0


class Basis(NamedTuple):
    """An orthogonal matrix Q: I - left right (a product of reflections), or `matrix`, or I without both.

    Column j of Q belongs to eigenvalue (or summand) j.
    """

    n: int
    left: np.ndarray | None = None
    """(n, r), or None."""
    right: np.ndarray | None = None
    """(r, n), or None."""
    matrix: np.ndarray | None = None
    """(n, n), or None."""

    @property
    def is_identity(self) -> bool:
        """Whether Q = I."""
        return self.left is None and self.matrix is None

    def from_coordinates(self, coordinates: np.ndarray) -> np.ndarray:
        """Q c for coordinates c, (n,) or (n, columns)."""
        if self.left is not None and self.right is not None:
            return coordinates - self.left @ (self.right @ coordinates)
        return coordinates if self.matrix is None else self.matrix @ coordinates

    def dense(self) -> np.ndarray:
        """Q itself, (n, n)."""
        return self.from_coordinates(np.eye(self.n))

    def symmetric(self, eigenvalues: np.ndarray) -> np.ndarray:
        """Q diag(eigenvalues) Q', (n, n), exactly symmetric."""
        columns = self.dense()
        product = (columns * eigenvalues) @ columns.T
        return (product + product.T) / 2  # the two triangles may differ in the last bit


def householder(vectors: np.ndarray) -> Basis:
    """Q = R_1 R_2 ... R_r with R_i = I - 2 w_i w_i' / (w_i' w_i).

    Args:
        vectors: the w_i as rows, (r, n), none of them zero.
    """
    r, n = vectors.shape
    left = np.zeros((n, r))
    for i, w in enumerate(vectors):
        # Q_i = Q_{i-1} R_i = Q_{i-1} - (Q_{i-1} 2 w / w'w) w': a reflection adds a column to the left factor.
        scaled = w * (2.0 / (w @ w))
        left[:, i] = scaled - left[:, :i] @ (vectors[:i] @ scaled)
    return Basis(n, left=left, right=vectors)


def dct(n: int) -> np.ndarray:
    """C[i,j] = c_i cos(pi (2j+1) i / (2n)), (n, n), orthogonal."""
    i, j = np.arange(n)[:, None], np.arange(n)[None, :]
    # The angle is reduced in integers, modulo a full turn of 4n: the cosine then sees no large argument.
    matrix = np.cos(math.pi * ((2 * j + 1) * i % (4 * n)) / (2 * n)) * math.sqrt(2.0 / n)
    matrix[0] = math.sqrt(1.0 / n)
    return matrix


def dct_block(n: int, zeta: int, transposed: bool = False) -> Basis:
    """The identity with `dct(zeta)`, or its transpose, on zeta coordinates: the first and the last ones.

    Args:
        n: number of coordinates.
        zeta: size of the block, 0 .. n; even unless it is n.
        transposed: whether column j is the cosine of frequency j, in place of row j.
    """
    if zeta == 0:
        return Basis(n)
    chosen = np.r_[0 : zeta // 2, n - (zeta + 1) // 2 : n]
    matrix = np.eye(n)
    matrix[np.ix_(chosen, chosen)] = dct(zeta).T if transposed else dct(zeta)
    return Basis(n, matrix=matrix)


def paper_spectrum(n: int, lambda1: float) -> np.ndarray:
    """lambda_1 = lambda1 and lambda_i = 1.5^-(i-2) for i = 2..n (FOSI, section 4.3)."""
    return np.r_[lambda1, 1.5 ** -np.arange(n - 1.0)]


def exponential_spectrum(n: int, scale: float, base: float, first_exponent: int = 0) -> np.ndarray:
    """lambda_j = scale base^(first_exponent + j), j = 0..n-1 (FOSI, appendix B.2.1)."""
    with np.errstate(over="ignore", invalid="ignore"):  # the reader refuses what is not finite
        return scale * np.float_power(base, np.arange(first_exponent, first_exponent + n))


def segment(count: int, low: float, high: float) -> np.ndarray:
    """`count` equally spaced values from `high` down to `low`."""
    return high - (high - low) * np.arange(count) / max(count - 1, 1)
