"""The cubic model in numbers that neither overflow nor underflow, and its spectrum at one shift.

With e = (lam/2)^(1/3) d the model is T(eta) = -g'eta + eta'H eta/2 + |E eta|^3/3, G(rho) = H + rho E^2, and
the global minimizers are the points with G(rho) eta = g, rho = |E eta|, G(rho) positive semidefinite.

A shift rho_0 = 2^a, a even, makes G(rho_0) positive definite. S = diag(2^s_i) brings the diagonal of
S G(rho_0) S near 1, which is what a Cholesky factorisation L L' bears without loss whatever the scales of the
variables; all scalings are powers of two, so they are exact. With X = L^-1 S E 2^(a/2) and the eigenpairs
(theta_k, q_k) of X'X,

    G(rho) = S^-1 L (I - (1 - rho/rho_0) X X') L' S^-1,    den_k(rho) = 1 - (1 - rho/rho_0) theta_k,

so G(rho) is positive definite exactly where every den_k is positive, and E G(rho)^-1 g is a sum over k of
terms in 1/den_k. The curvature that decides, the smallest, has the largest theta, which an eigenvalue routine
returns with full relative accuracy; large curvatures, and the variables with d_i = 0, have theta near 0 and
disturb nothing. (The matrix E^-1 H E^-1 in the place of X'X has it the other way round.)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

NOTHING = -(10**6)  # the exponent of 0
FAINT = -900  # the least exponent of beta that is told from 0
LEAF = 64  # order up to which a triangular matrix is inverted in one piece


class Model(NamedTuple):
    """H, g and E = diag(mantissa_i 2^exponent_i) on the host, in float64."""

    H: np.ndarray  # (n, n), symmetric
    g: np.ndarray  # (n,)
    mantissa: np.ndarray  # (n,); 0 where d_i = 0 or lam = 0
    exponent: np.ndarray  # (n,), integers; NOTHING where the mantissa is 0
    cubic: np.ndarray  # indices of the variables with e_i > 0
    diagonal: np.ndarray  # exponents of |H_ii|
    pull: np.ndarray  # exponents of |g_i|


class Pencil(NamedTuple):
    """G(rho) for every rho from one factorisation at rho_0 = 2^a; rho below is in units of rho_0.

    With eta = S z 2^c the equations read (S G S) z = g_hat and rho = gamma |scale z|.
    """

    a: int
    s: np.ndarray  # (n,), integers
    c: int
    lift: float  # 2^(2 f): E S 2^(a/2) = scale 2^f with the largest element of scale near 1
    gamma: int  # exponent of the factor from |scale z| to rho
    H: np.ndarray  # S H S, (n, n)
    g_hat: np.ndarray  # (n,)
    scale: np.ndarray  # (n,), 0 where e_i = 0
    inverse: np.ndarray  # L^-1
    X: np.ndarray  # L^-1 scale, its columns with e_i > 0
    theta: np.ndarray  # descending, lift included
    Q: np.ndarray
    w: np.ndarray  # L^-1 g_hat
    beta: np.ndarray  # Q'X'w, gamma included: rho = |beta / den(rho)|
    faint: int  # exponent, 0 or less: beta 2^faint is meant, which may be below the range of a float64


def exponents(x: np.ndarray) -> np.ndarray:
    """The k with |x| in [2^(k-1), 2^k); NOTHING where x is 0."""
    k = np.frexp(x)[1].astype(np.int64)
    k[x == 0.0] = NOTHING
    return k


def model(H: np.ndarray, g: np.ndarray, mantissa: np.ndarray, exponent: np.ndarray) -> Model:
    """The model with what is used again and again."""
    return Model(H, g, mantissa, exponent, mantissa.nonzero()[0], exponents(H.diagonal()), exponents(g))


def cube_root_of_half(lam: float) -> tuple[float, int]:
    """(lam/2)^(1/3) as a factor near 1 and a power of two."""
    part, power = math.frexp(lam)
    power, rest = divmod(power - 1, 3)
    return math.cbrt(math.ldexp(part, rest)), power


def equilibrated(C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """2^t C 2^t with a diagonal near 1, and t; a row with a 0 there is scaled by its largest element."""
    size = exponents(C.diagonal())
    empty = size == NOTHING
    if empty.any():
        rows = exponents(np.abs(C).max(axis=1, initial=0.0))
        size[empty] = np.where(rows > NOTHING, rows, 0)[empty]
    t = -(size // 2)
    return np.ldexp(C, t[:, None] + t), t


def scaled_model(H: np.ndarray, g: np.ndarray, d: np.ndarray, lam: float) -> Model:
    """The model of E = (lam/2)^(1/3) diag(d), whatever the range of lam and d."""
    factor, power = cube_root_of_half(lam)
    mantissa, exponent = np.frexp(d)
    mantissa = mantissa * factor
    return model(H, g, mantissa, np.where(mantissa == 0.0, NOTHING, exponent.astype(np.int64) + power))


def scaling(m: Model, a: int) -> np.ndarray:
    """The exponents s that bring the diagonal of S G(2^a) S near 1."""
    return -(np.maximum(m.diagonal, 2 * m.exponent + a) // 2)


def factor(m: Model, a: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The exponents s, S H S and the Cholesky factor of S G(2^a) S; None where that is not definite."""
    s = scaling(m, a)
    H = np.ldexp(m.H, s[:, None] + s)
    G = H.copy()
    E = np.ldexp(m.mantissa, m.exponent + a // 2 + s)
    G.flat[:: G.shape[0] + 1] += E * E
    try:
        L = np.linalg.cholesky(G)
    except np.linalg.LinAlgError:
        return None
    return (s, H, L) if math.isfinite(L[-1, -1]) else None


def definite_solution(m: Model) -> tuple[np.ndarray, np.ndarray] | None:
    """H^-1 g as z and integers p, eta = z 2^p; None where H is not positive definite to working precision."""
    if m.H.diagonal().min() <= 0.0 or (found := factor(m, NOTHING)) is None:
        return None
    s, H, _ = found
    c = max(int((m.pull + s).max()), NOTHING)
    try:
        return np.linalg.solve(H, np.ldexp(m.g, s - c)), s + c
    except np.linalg.LinAlgError:  # a pivot that rounding left above 0 for Cholesky's method alone
        return None


def triangular_inverse(L: np.ndarray) -> np.ndarray:
    """L^-1 of a lower triangular matrix, by halves."""
    n = L.shape[0]
    if n <= LEAF:
        return np.linalg.inv(L)
    k = n // 2
    top, bottom = triangular_inverse(L[:k, :k]), triangular_inverse(L[k:, k:])
    inverse = np.zeros_like(L)
    inverse[:k, :k], inverse[k:, k:] = top, bottom
    inverse[k:, :k] = -bottom @ (L[k:, :k] @ top)
    return inverse


def pencil(m: Model, a: int, least_c: int = NOTHING) -> Pencil | None:
    """The spectrum at the shift 2^a, a even; None where G(2^a) is not positive definite.

    Args:
        m: the model.
        a: exponent of the shift.
        least_c: c is at least this.
    """
    found = factor(m, a)
    if found is None:
        return None
    s, H, L = found
    power = m.exponent + a // 2 + s
    f = int(power.max()) if m.cubic.size else 0
    scale = np.ldexp(m.mantissa, power - f)
    # c makes g_hat at most 1 and gamma at least 1, so that neither z nor E eta can overflow
    own = int((m.pull + s).max())
    c = max(own, 3 * a // 2 - f, least_c)
    inverse = triangular_inverse(L)
    X = inverse * scale if m.cubic.size == s.size else (inverse * scale)[:, m.cubic]
    theta, Q = np.linalg.eigh(X.T @ X)
    theta, Q = np.ldexp(np.maximum(theta[::-1], 0.0), 2 * f), Q[:, ::-1]
    w = inverse @ np.ldexp(m.g, s - own)
    beta = Q.T @ (X.T @ w)
    power = own + f - 3 * a // 2
    least = FAINT - int(exponents(beta).max(initial=NOTHING)) if beta.any() else power
    beta, faint = np.ldexp(beta, max(power, least)), min(power - least, 0)
    w, g_hat, gamma = np.ldexp(w, own - c), np.ldexp(m.g, s - c), c + f - 3 * a // 2
    lift = math.ldexp(1.0, 2 * f)
    return Pencil(a, s, c, lift, gamma, H, g_hat, scale, inverse, X, theta, Q, w, beta, faint)


def denominators(p: Pencil, rho: float) -> np.ndarray:
    """den(rho), ascending: positive exactly where G(rho) is positive definite."""
    return 1.0 - (1.0 - rho) * p.theta


def point(p: Pencil, y: np.ndarray, rho: float) -> np.ndarray:
    """The z with G(rho) eta = g, from the coordinates y of E eta in the basis q_k (gamma included)."""
    x = np.ldexp(p.Q @ y, -p.gamma)
    return p.inverse.T @ (p.w + p.X @ ((1.0 - rho) * p.lift * x))
