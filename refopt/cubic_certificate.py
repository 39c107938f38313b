"""How far a point is from a global minimizer of the cubic model, as numbers that anybody can check.

G(r) eta = g, r = |D eta| and G(r) = H + (lam/2) r D^2 positive semidefinite are together sufficient and
necessary, for every D and lam. The quantitative form is the duality gap: for every rho >= 0 with G(rho)
positive definite

    T(x) >= q(rho) = -g'G(rho)^-1 g/2 - lam rho^3/12   for all x,
    T(eta) - q(rho) = w'G(rho)^-1 w/2 + (lam/12) (|D eta| - rho)^2 (2 |D eta| + rho),   w = G(rho) eta - g,

(the second line by expanding; its terms are positive: nothing cancels). rho = r, or a little more than the
least rho without a negative eigenvalue where G(r) has one beyond rounding. An eigenvalue within rounding of 0
counts as that rounding, so that a hard case, where G(r) is singular, has its gap as well.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from refopt.cubic_pencil import NOTHING, Model, Pencil, denominators, exponents, pencil, scaling

EPS = 2.0**-52
ROUNDING = 4.0  # in n eps of the terms in it: an eigenvalue below is taken up to it
SMALL = 2.0**-20  # larger eigenvalues are taken as they are
MOST_SHIFTS = 64


class Certificate(NamedTuple):
    """How far a point is from a global minimizer of the cubic model; every number is relative, 0 is best.

    Attributes:
        stationarity: |G(r) eta - g| relative to the size of the terms in it, each variable in its own scale.
        radius_defect: ||D eta| - r| relative to the larger of the two.
        negative_curvature: how far G(r) is from positive semidefinite: the negative part of v'G(r)v relative
            to the terms in it, for the v in which it is smallest beside v'D^2 v.
        duality_gap: T(eta) - q(rho), a bound of T(eta) - min T, relative to the larger of |T(eta)| and
            |q(rho)|; infinite where the model is unbounded.
    """

    stationarity: float
    radius_defect: float
    negative_curvature: float
    duality_gap: float

    def holds(self, tolerance: float = 1e-10) -> bool:
        """Whether all four numbers are at most `tolerance`; never with a NaN."""
        return all(part <= tolerance for part in self)


class Checked(NamedTuple):
    """The certificate of a point and the model's value there, value 2^power."""

    certificate: Certificate
    value: float
    power: int


def _relative(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def length(p: Pencil, z: np.ndarray) -> float:
    """|E eta| of eta = S z 2^c in units of the shift."""
    return float(np.ldexp(math.hypot(*(p.scale * z).tolist()), p.gamma))


def certify(p: Pencil, z: np.ndarray, rho: float) -> Checked:
    """The certificate of eta = S z 2^c with the radius rho, in units of the shift."""
    E2z = p.lift * p.scale * (p.scale * z)
    Hz = p.H @ z
    w = Hz + rho * E2z - p.g_hat
    H = p.H.reshape(-1)
    terms = math.sqrt((H @ H) * (z @ z)) + rho * math.sqrt(E2z @ E2z) + math.sqrt(p.g_hat @ p.g_hat)
    radius = length(p, z)
    den, above, negative = _positive(p, rho)
    y = p.inverse @ (w + (above - rho) * E2z)
    h = p.Q.T @ (p.X.T @ y)
    quadratic = max(float(y @ y + (1.0 - above) * p.lift * (h @ (h / den))), 0.0) / 2.0
    unit = math.ldexp(1.0, 3 * p.a - 2 * p.c)
    gap = float(quadratic + unit * (radius - above) ** 2 * (2.0 * radius + above) / 6.0)
    value = float(z @ Hz) / 2.0 - float(p.g_hat @ z) + unit * radius**3 / 3.0
    return Checked(
        Certificate(
            _relative(math.sqrt(w @ w), terms),
            _relative(abs(radius - rho), max(radius, rho)),
            negative,
            _relative(gap, max(abs(value), abs(value - gap))),
        ),
        value,
        2 * p.c,
    )


def refined(p: Pencil, z: np.ndarray) -> np.ndarray | None:
    """One Newton step on G(rho) eta = g, rho = |E eta|; None where its matrix is singular.

    The way over X'X loses as many digits as the shift has more than what decides; the residual has them all.
    """
    Ez = p.scale * z
    E2z, size = p.lift * p.scale * Ez, math.sqrt(Ez @ Ez)
    if size == 0.0:
        return None
    rho = length(p, z)
    J = p.H + np.outer(E2z, E2z) * (float(np.ldexp(1.0, p.gamma)) / (p.lift * size))
    J.flat[:: J.shape[0] + 1] += rho * p.lift * p.scale * p.scale
    try:
        return z - np.linalg.solve(J, p.H @ z + rho * E2z - p.g_hat)
    except np.linalg.LinAlgError:
        return None


def _positive(p: Pencil, rho: float) -> tuple[np.ndarray, float, float]:
    """The eigenvalues of G(above), above = rho if they are positive, and the negative curvature of G(rho)."""
    den = denominators(p, rho)
    small = (den < SMALL).nonzero()[0]
    if not small.size:
        return den, rho, 0.0
    # v_k'G(rho) v_k = den_k length_k for the columns v_k of V
    XQ = p.X @ p.Q[:, small]
    V = np.abs(p.inverse.T @ XQ)
    terms = (V * (np.abs(p.H) @ V)).sum(axis=0) / (XQ * XQ).sum(axis=0) + 1.0
    rounding = ROUNDING * p.w.size * EPS * terms
    short = rounding - den[small]
    negative = max(0.0, float(np.max(-den[small] / terms)))
    if (short <= 2.0 * rounding).all():  # none is more negative than its rounding
        den[small] = np.maximum(den[small], rounding)
        return den, rho, negative
    above = rho + float(np.max(short / p.theta[small]))
    return denominators(p, above), above, negative


def certify_point(m: Model, eta: np.ndarray, rho: float, power: int) -> Certificate:
    """The certificate of any point of a bounded model, with the radius rho 2^power of E eta."""
    part, extra = math.frexp(rho)
    start = power + extra + 2 if rho else _start(m)
    a, step = start + start % 2, 2
    for _ in range(MOST_SHIFTS):
        p = pencil(m, a, int((exponents(eta) - scaling(m, a)).max()))
        if p is not None:
            z = np.ldexp(eta, -p.s - p.c)
            return certify(p, z, math.ldexp(part, power + extra - a)).certificate
        a, step = a + step, 2 * step
    raise ArithmeticError("the cubic model has no positive definite shift in the range of exponents")


def _start(m: Model) -> int:
    """The exponent of a shift that leaves the variables with a curvature of their own nearly as they are."""
    k, diagonal = m.exponent[m.cubic], m.diagonal[m.cubic]
    own = (diagonal - 2 * k)[diagonal > NOTHING]
    return int(np.min(own)) if own.size else -2 * int(np.max(k, initial=0))


def refuted(m: Model, eta: np.ndarray, rho: float, power: int, radius_defect: float) -> Certificate:
    """The certificate of a point of an unbounded model: no bound holds."""
    part, extra = math.frexp(rho)
    a = power + extra if rho else NOTHING
    a += a % 2
    top = np.maximum(m.diagonal, 2 * m.exponent + a)
    s = -(np.where(top > NOTHING // 2, top, 0) // 2)
    G = np.clip(np.ldexp(m.H, np.add.outer(s, s)), -1e150, 1e150)
    E = np.ldexp(m.mantissa, m.exponent + a // 2 + s)
    G.flat[:: G.shape[0] + 1] += math.ldexp(part, power + extra - a) * E * E if rho else 0.0
    c = int(max((exponents(eta) - s).max(), (m.pull + s).max()))
    z, g = np.ldexp(eta, -s - c), np.ldexp(m.g, s - c)
    terms = float(np.linalg.norm(G) * np.linalg.norm(z) + np.linalg.norm(g))
    values = np.linalg.eigvalsh(G)
    return Certificate(
        _relative(float(np.linalg.norm(G @ z - g)), terms),
        radius_defect,
        _relative(max(0.0, -float(values[0])), float(np.max(np.abs(values)))),
        math.inf,
    )
