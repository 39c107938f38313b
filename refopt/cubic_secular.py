"""The secular equation of the cubic model, |beta / den(rho)| = rho, and its hard case.

den_k(rho) = 1 - (1 - rho) theta_k in units of the shift (see `refopt.cubic_pencil`). With
low = 1 - 1/theta_1, the least rho at which G(rho) is positive semidefinite, and base = max(0, low), the
equation is solved in t = rho - base, because rho itself would cancel near low:

    den_k = (theta_1 - theta_k)/theta_1 + theta_k t  for low > 0,   (1 - theta_k) + theta_k t  otherwise.

1/|beta/den| is concave in t, so that its tangent gives from any t a t' <= the root; from the left the
iteration rises to the root monotonically (the quantity of More and Sorensen 1983, for the cubic model).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from refopt.cubic_pencil import Pencil

EPS = 2.0**-52
SAME_EIGENVALUE = 8.0  # in n eps: eigenvalues closer than this to the smallest share its eigenspace
NO_PART = 4.0  # in sqrt(n) eps |beta|: a smaller part of beta in that eigenspace is rounding
BOUNDARY = 8.0  # in n eps: a length closer than this to rho needs no part in the eigenspace
NO_CURVATURE = 8.0  # in n eps of the terms in it: a smaller negative curvature is rounding
LARGE = 2.0**200  # beta beyond it belongs to a rho far above the shift
TINIEST = 2.0**-1000
FAINTEST = 2.0**-500  # stands for the rho of a beta below the range: a smaller shift is needed
MOST_ITERATIONS = 200  # bisection of exponents alone ends in about 60


class Root(NamedTuple):
    """The coordinates of E eta in the basis q_k, and rho in units of the shift."""

    y: np.ndarray
    mirrored: np.ndarray | None  # the other minimizer, where there are two
    rho: float
    nullity: int  # dimension of the space in which minimizers fill a sphere; 0 where there is one


def solve_secular(p: Pencil) -> Root:
    """The rho and the point on it that make G(rho) positive semidefinite: the global minimizer."""
    theta, beta, n = p.theta, p.beta, p.theta.shape[0]
    if not n:
        return Root(beta, None, 0.0, 0)
    low = 1.0 - 1.0 / float(theta[0]) if theta[0] > 1.0 else 0.0
    if low > 0.0 and not _significant(p):
        low = 0.0
    gap = np.maximum(1.0 - theta, 0.0) if low == 0.0 else (theta[0] - theta) / theta[0]
    size = _norm(beta)
    if size > LARGE or (low == 0.0 and size == 0.0):  # the former is an estimate: a larger shift is needed
        return Root(beta, None, math.sqrt(size), 0)
    if low == 0.0 and p.faint:
        return Root(np.zeros(n), None, FAINTEST, 0)
    if low > 0.0:
        k = int(np.count_nonzero(gap <= SAME_EIGENVALUE * n * EPS))
        part, y = _norm(beta[:k]), np.zeros(n)
        y[k:] = np.ldexp(beta[k:] / gap[k:], p.faint)
        if part <= NO_PART * math.sqrt(n) * EPS * size:
            length = _norm(y)
            if length < low * (1.0 - BOUNDARY * n * EPS):
                return _hard(p, y, length, low, k)
            if length <= low * (1.0 + BOUNDARY * n * EPS):
                return Root(y, None, low, 0)
            beta = np.concatenate((np.zeros(k), beta[k:]))
        elif p.faint:  # t is below what can be told from 0, the rest of y too: beta gives the direction
            y[:k] = beta[:k] * (low / part)
            return Root(y, None, low, 0)
    t, y = _root(theta, gap, beta, low)
    if low == 0.0 and theta[0] > 1.0:  # rounding in G(rho_0): E eta is y only with theta at most 1
        y = y / np.maximum(theta, 1.0)
    return Root(y, None, low + t, 0)


def _significant(p: Pencil) -> bool:
    """Whether the smallest curvature of H is more than rounding in the terms that make it."""
    theta = p.theta[0]
    v = p.inverse.T @ (p.X @ p.Q[:, 0])  # v'G(rho_0) v = theta / lift, v'E'E v = (theta / lift)^2
    size = np.abs(v)
    terms = float(size @ (np.abs(p.H) @ size)) * p.lift / theta
    return theta - 1.0 > NO_CURVATURE * v.shape[0] * EPS * max(terms, 1.0)


def _hard(p: Pencil, y: np.ndarray, length: float, rho: float, k: int) -> Root:
    """The minimizers whose missing length lies in the eigenspace q_1, .., q_k.

    Of all of them the one along the projection of the first coordinate axis that has one, with the positive
    sign, so that nothing depends on the eigenvectors that a library returns.
    """
    tau = math.sqrt((rho - length) * (rho + length))
    rows = p.Q[:, :k]
    lengths = np.sqrt((rows * rows).sum(axis=1))
    row = rows[int(np.argmax(lengths > math.sqrt(EPS)))]
    extra = np.zeros_like(y)
    extra[:k] = tau * row / math.sqrt(row @ row)
    return Root(y + extra, y - extra if k == 1 else None, rho, k)


def _root(theta: np.ndarray, gap: np.ndarray, beta: np.ndarray, base: float) -> tuple[float, np.ndarray]:
    """The t > 0 with |beta / (gap + theta t)| = base + t, and the quotient there."""
    used = beta.nonzero()[0]
    theta_u, gap_u, beta_u = theta[used], gap[used], beta[used]
    # one term alone is a lower bound: |beta_k| / (gap_k + theta_k t) = base + t, solved for t
    low = 0.0
    if theta_u[0] > 0.0 and gap_u[0] == 0.0:
        first = float(theta_u[0])
        low = max(_positive_root(first, first * base, float(abs(beta_u[0]))), TINIEST)
    high, t = math.inf, low
    for _ in range(MOST_ITERATIONS):
        den = gap_u + theta_u * t
        q = beta_u / den
        length = _norm(q)
        rho = base + t
        if length > rho:
            low = t
        else:
            high = t
        # 1/|q| = inverse + slope (t' - t) on its tangent; (inverse + slope (t' - t)) (base + t') = 1
        if length == 0.0:
            break
        inverse = 1.0 / length
        q /= length
        slope = inverse * float((q * q) @ (theta_u / den))
        step = _positive_root(slope, inverse - slope * t + slope * base, 1.0 - (inverse - slope * t) * base)
        if not low <= step <= high:
            step = _between(low, high, t)
        if abs(step - t) <= 2.0 * EPS * step or high - low <= 2.0 * EPS * low:
            t = step
            break
        t = step
    y = np.zeros_like(beta)
    y[used] = beta_u / (gap_u + theta_u * t)
    return t, y


def _norm(x: np.ndarray) -> float:
    """|x|, also where the squares underflow or overflow."""
    return math.hypot(*x.tolist())


def _between(low: float, high: float, t: float) -> float:
    if high == math.inf:
        return 2.0 * max(t, EPS)
    return math.sqrt(low) * math.sqrt(high) if low > 0.0 else high / 256.0


def _positive_root(a: float, b: float, c: float) -> float:
    """The positive root of a t^2 + b t = c for a >= 0, without cancellation; NaN where there is none."""
    if not c > 0.0:
        return 0.0 if c == 0.0 else math.nan
    root = math.hypot(b, 2.0 * math.sqrt(a) * math.sqrt(c))
    if b >= 0.0:
        return 2.0 * c / (b + root) if b + root > 0.0 else math.inf
    return (root - b) / (2.0 * a) if a > 0.0 else math.inf
