"""Is the cubic model bounded below? The part of it where the cubic term vanishes decides.

Let Z be the variables with d_i = 0 (all of them where lam = 0), C = H_ZZ and B = H_NZ, N the others. T has a
minimum exactly if for every v in R^Z: v'C v >= 0, and v'C v = 0 only with B v = 0 and g_Z'v = 0. Where it has
none, a ray says so:

    curvature  v'C v < 0:             T(s v) -> -inf
    linear     C v = 0, g_Z'v > 0:    T(s v) = -s g_Z'v
    coupling   C v = 0, (B v)_j /= 0: T(w + s v) falls linearly in s for w = -sign((B v)_j) on variable j

Null vectors that T does not see are left out, so that the rest of C is positive definite. C is scaled by
powers of two to a diagonal near 1 before its eigenvalues are looked at, which keeps the answer free of the
variables' scales; equations count as met at 8 n eps of the terms in them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refopt.cubic_pencil import NOTHING, Model, equilibrated, exponents, model

EPS = 2.0**-52
NULL = 8.0  # in n eps


class Witness(NamedTuple):
    """A ray start + s v along which T falls without bound."""

    direction: np.ndarray
    start: np.ndarray
    kind: str  # "curvature", "linear" or "coupling"


class Reduced(NamedTuple):
    """The model without the null vectors that it does not see."""

    model: Model
    kept: np.ndarray  # variables of the model that are variables of the reduced one, its first ones
    dead: np.ndarray  # variables with a row of zeros
    mixed: np.ndarray  # variables whose combinations are the last of the reduced one
    basis: np.ndarray  # eta[mixed] = 2^shift basis y
    shift: np.ndarray
    nullity: int  # dimension of what was left out

    def restore(self, eta: np.ndarray) -> np.ndarray:
        """The point of the whole model, 0 along what was left out."""
        if not self.nullity:
            return eta
        full = np.zeros(self.kept.size + self.dead.size + self.mixed.size)
        full[self.kept] = eta[: self.kept.size]
        full[self.mixed] = np.ldexp(self.basis @ eta[self.kept.size :], self.shift)
        return full

    def project(self, eta: np.ndarray) -> np.ndarray:
        """The coordinates of a point of the whole model."""
        if not self.nullity:
            return eta
        return np.concatenate((eta[self.kept], self.basis.T @ np.ldexp(eta[self.mixed], -self.shift)))


def split(m: Model) -> Reduced | Witness:
    """Find the ray along which the model is unbounded, or leave its null vectors out."""
    n, none = m.g.size, np.empty(0, dtype=np.int64)
    whole = Reduced(m, none, none, none, np.empty((0, 0)), none, 0)
    if m.cubic.size == n:
        return whole
    Z = (m.mantissa == 0.0).nonzero()[0]
    dead_rows = ~m.H[Z].any(axis=1) & (m.g[Z] == 0.0)
    dead, Z = Z[dead_rows], Z[~dead_rows]
    C = m.H[Z[:, None], Z]
    if (ray := _alone(m, Z[~C.any(axis=1)])) is not None:
        return ray
    C, shift = equilibrated(C)
    if not dead.size and _definite(C):
        return whole
    direction = _two_variables(C)
    vectors, positive = np.empty((Z.size, 0)), np.empty((Z.size, 0))
    if direction is None and Z.size:
        values, Q = np.linalg.eigh(C)
        tolerance = NULL * Z.size * EPS * max(1.0, float(values[-1]))
        if values[0] < -tolerance:
            direction = Q[:, 0]
        null = values <= tolerance
        vectors, positive = Q[:, null], Q[:, ~null]
    if direction is not None:
        return Witness(_embedded(n, Z, direction, shift), np.zeros(n), "curvature")
    N = m.cubic
    if vectors.shape[1] and (ray := _seen(m, N, Z, vectors, shift)) is not None:
        return ray
    nullity = dead.size + vectors.shape[1]
    if not nullity:
        return whole
    if not vectors.shape[1]:  # dead variables alone: the others stay as they are
        kept = np.setdiff1d(np.arange(n), dead)
        rest = model(m.H[np.ix_(kept, kept)], m.g[kept], m.mantissa[kept], m.exponent[kept])
        return Reduced(rest, kept, dead, none, np.empty((0, 0)), none, nullity)
    return _without(m, N, dead, Z, positive, C, shift, nullity)


def _definite(C: np.ndarray) -> bool:
    """Whether C has no eigenvalue within rounding of 0, at the cost of a factorisation."""
    shifted = C.copy()
    shifted.flat[:: C.shape[0] + 1] -= NULL * C.shape[0] * EPS * max(1.0, abs(float(C.trace())))
    try:
        L = np.linalg.cholesky(shifted)
    except np.linalg.LinAlgError:
        return False
    return bool(np.isfinite(L[-1, -1]))


def _alone(m: Model, flat: np.ndarray) -> Witness | None:
    """The ray along a variable whose row of C is 0, decided without tolerance."""
    if not flat.size:
        return None
    n = m.g.size
    i = int(flat[np.argmax(m.g[flat] != 0.0)])
    if m.g[i] != 0.0:
        return Witness(_unit(n, i, float(np.sign(m.g[i]))), np.zeros(n), "linear")
    j = int(np.argmax(np.abs(m.H[:, i])))  # outside Z
    return Witness(_unit(n, i, float(np.sign(m.H[j, i]))), _unit(n, j, -1.0), "coupling")


def _two_variables(C: np.ndarray) -> np.ndarray | None:
    """A direction of negative curvature among one or two variables, where one is plain to see."""
    n, diagonal = C.shape[0], C.diagonal()
    if not n:
        return None
    if np.min(diagonal) < 0.0:
        return _unit(n, int(np.argmin(diagonal)), 1.0)
    size = np.abs(C)
    size.flat[:: n + 1] = 0.0
    flat = np.flatnonzero((diagonal == 0.0) & np.any(size, axis=1))
    if flat.size:
        i, j = int(flat[0]), int(np.argmax(size[flat[0]]))
    else:
        i, j = (int(k) for k in np.unravel_index(int(np.argmax(size)), size.shape))
        if size[i, j] <= 4.0:  # the diagonal is below 2
            return None
    v = _unit(n, i, 1.0)
    v[j] = -np.sign(C[i, j]) * min(1.0, float(size[i, j]) / max(float(diagonal[j]), 1e-300))
    return v


def _seen(m: Model, N: np.ndarray, Z: np.ndarray, V: np.ndarray, shift: np.ndarray) -> Witness | None:
    """The ray along null vectors V of C that g or B sees, if one does."""
    n, small = m.g.size, NULL * Z.size * EPS
    pull = m.pull[Z] + shift
    g = np.ldexp(m.g[Z], shift - max(int(pull.max()), NOTHING))
    along = V.T @ g
    if np.linalg.norm(along) > small * np.sum(np.abs(g)):
        return Witness(_embedded(n, Z, V @ along, shift), np.zeros(n), "linear")
    B = m.H[np.ix_(N, Z)]
    top = np.max(exponents(B) + shift, axis=1, initial=NOTHING)
    B = np.ldexp(B, shift - top[:, None])  # each row by its largest element
    coupled = B @ V
    excess = np.linalg.norm(coupled, axis=1) - small * np.sum(np.abs(B), axis=1)
    if not N.size or np.max(excess) <= 0.0:
        return None
    j = int(np.argmax(excess))
    direction = _embedded(n, Z, V @ coupled[j], shift)
    start = _unit(n, int(N[j]), -1.0)
    return Witness(direction, start, "coupling")


def _without(
    m: Model,
    N: np.ndarray,
    dead: np.ndarray,
    Z: np.ndarray,
    basis: np.ndarray,
    C: np.ndarray,
    shift: np.ndarray,
    nullity: int,
) -> Reduced:
    """The model in the variables N and the coordinates y of eta_Z in a basis of the range of C."""
    k, size = N.size, N.size + basis.shape[1]
    H = np.zeros((size, size))
    H[:k, :k] = m.H[np.ix_(N, N)]
    H[:k, k:] = np.ldexp(m.H[np.ix_(N, Z)], shift) @ basis
    H[k:, :k] = H[:k, k:].T
    inner = basis.T @ C @ basis
    H[k:, k:] = (inner + inner.T) / 2.0
    g = np.concatenate((m.g[N], basis.T @ np.ldexp(m.g[Z], shift)))
    zeros = np.zeros(size - k)
    reduced = model(
        H,
        g,
        np.concatenate((m.mantissa[N], zeros)),
        np.concatenate((m.exponent[N], np.full(size - k, NOTHING))),
    )
    return Reduced(reduced, N, dead, Z, basis, shift, nullity)


def _unit(n: int, index: int, value: float) -> np.ndarray:
    v = np.zeros(n)
    v[index] = value
    return v


def _embedded(n: int, Z: np.ndarray, v: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """A vector of the scaled variables Z in the variables of the model, its largest element near 1."""
    full = np.zeros(n)
    full[Z] = np.ldexp(v, shift - int(np.max(exponents(v) + shift)))
    return full
