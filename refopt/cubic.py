"""The cubic model, minimized to certified global optimality.

    minimize over eta:  T(eta) = -g'eta + eta'H eta / 2 + (lam/6) |D eta|^3

with H (S, S) symmetric, D = diag(d), d > 0, and lam > 0. With G(r) = H + (lam/2) r D^2 the global minimizers
are exactly the points with

    G(r) eta = g,   r = |D eta|,   G(r) positive semidefinite                               (certificate)

r and the minimum are unique; the minimizer is unique except in the hard case, where there are two or a
sphere.

Method, in x = E eta with E = (lam/2)^(1/3) D, so that the cubic term is |x|^3 / 3:

1. Scale: M = E^-1 H E^-1, b = E^-1 g; divide by m = max(max|M|, sqrt(max|b|)), so that x and rho scale by m.
2. Eigenpairs mu_1 <= ... <= mu_n of M, beta = Q'b.
3. Secular equation |(M + rho)^-1 b| = rho for rho > max(0, -mu_1), solved in t = rho - max(0, -mu_1) (rho
   itself would cancel near -mu_1) by Newton's method on 1/|.| - 1/rho inside a proven bracket.
4. Hard case: b has no part in the eigenspace of mu_1 <= 0 and the rest of the solution is shorter than -mu_1.
   Then rho = -mu_1 and a vector of that eigenspace makes up the length: the part in it of the first
   coordinate axis that has one, with the positive sign, so that nothing depends on the eigenvectors that a
   library returns.
5. eta = E^-1 x.

Nesterov and Polyak 2006 (D = I); Wolinski 2023, section 4.2, whose equation (10) leaves the hard case out.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from refopt.arrays import (
    Array,
    asarray_like,
    check_positive,
    check_vector,
    namespace,
    require_symmetric,
    to_host,
)

SAME_EIGENVALUE = 8.0  # in n eps max|mu|: eigenvalues closer than this to mu_1 share its eigenspace
NO_PART = 8.0  # in n eps |b|: a smaller part of b in that eigenspace is rounding
EPS = 2.0**-52
MOST_ITERATIONS = 200  # bisection alone ends in about 110


class Certificate(NamedTuple):
    """How far a point is from the conditions of a global minimizer; every number is relative, 0 is best.

    Attributes:
        stationarity: |G(r) eta - g| relative to the terms in it, each variable in its own scale.
        radius_defect: ||D eta| - r| / r.
        negative_curvature: how far G(r) is from positive semidefinite.
        duality_gap: T(eta) - q(rho) relative to the larger of |T(eta)| and |q(rho)|, where
            q(rho) = -g'G(rho)^-1 g/2 - lam rho^3/12 <= min T for every rho >= 0 with G(rho) positive
            definite; so it bounds T(eta) - min T.
    """

    stationarity: float
    radius_defect: float
    negative_curvature: float
    duality_gap: float

    def holds(self, tolerance: float = 1e-10) -> bool:
        """Whether all four numbers are at most `tolerance`."""
        return all(part <= tolerance for part in self)


class CubicSolution(NamedTuple):
    """A global minimizer of the cubic model.

    Attributes:
        minimizer: eta, (S,); None where the model is unbounded.
        others: further minimizers: the mirrored one where there are two, else none.
        status: "unique", "two", "sphere", "subspace" (an affine set) or "unbounded".
        dimension: of the set of minimizers; 0 for one or two points.
        value: T(eta), at most 0 but for rounding; -inf where the model is unbounded.
        radius: r = |D eta|; None where the model is unbounded.
        witness: v, (S,), with T(start + s v) -> -inf as s -> inf; None where bounded.
        witness_start: (S,), the start of that ray, 0 but for the coupling kind; None where bounded.
        unbounded_by: "curvature", "linear" or "coupling"; None where bounded.
        certificate: of the float64 minimizer; None where the model is unbounded.
    """

    minimizer: Array | None
    others: tuple[Array, ...]
    status: str
    dimension: int
    value: float
    radius: float | None
    witness: Array | None
    witness_start: Array | None
    unbounded_by: str | None
    certificate: Certificate | None


class _Scaled(NamedTuple):
    """Minimizer of the scaled model in eigenvector coordinates."""

    y: list[float]  # Q'x
    mirrored: list[float]
    rho: float
    nullity: int


def cubic_minimizer(H: Array, g: Array, lam: float, scales: Array | None = None) -> CubicSolution:
    """Minimize T(eta) = -g'eta + eta'H eta/2 + (lam/6)|D eta|^3 globally (method in the module's text).

    The work is float64 whatever the dtype of H; eigenvalues and scalars go to the host.

    Args:
        H: symmetric matrix, (S, S); indefinite and singular ones are allowed.
        g: (S,).
        lam: strength of the cubic term, positive.
        scales: d, the diagonal of D, (S,), all positive; None is D = I.

    Raises:
        TypeError: when an argument is not real floating.
        ValueError: when shapes do not fit, H is not symmetric, something is not finite, lam or d not
            positive.
    """
    check_positive("lam", lam)
    check_vector("g", g)
    xp, n = namespace(g), g.shape[0]
    require_symmetric("H", H, float(xp.finfo(g.dtype).eps) ** 0.75)
    if H.shape[0] != n:
        raise ValueError(f"`H` has shape {tuple(H.shape)}; it must be ({n}, {n}), as `g` has {n} elements")
    d = xp.ones_like(g) if scales is None else scales
    check_vector("scales", d, n)
    if not bool(to_host(xp.all(d > 0))):
        raise ValueError("`scales` has an element that is not positive; every element must be positive")
    H64, g64, d64 = (xp.astype(part, xp.float64) for part in ((H + H.T) / 2, g, d))
    e = (lam / 2) ** (1 / 3) * d64
    M, b = H64 / xp.reshape(e, (n, 1)) / e, g64 / e
    m = max(_number(xp.max(xp.abs(M))), math.sqrt(_number(xp.max(xp.abs(b))))) or 1.0
    mu, Q = xp.linalg.eigh(M / m)
    scaled = _minimize_scaled(to_host(mu).tolist(), to_host(xp.matmul(Q.T, b / m**2)).tolist(), Q)
    eta, other = (m * xp.matmul(Q, asarray_like(y, g64)) / e for y in (scaled.y, scaled.mirrored))
    radius = m * scaled.rho / (lam / 2) ** (1 / 3)
    certificate = _certificate(H64, g64, e, float(lam), eta, radius)
    low, high = (_number(mu[k]) + scaled.rho for k in (0, n - 1))
    several = scaled.y != scaled.mirrored
    return CubicSolution(
        xp.astype(eta, g.dtype),
        (xp.astype(other, g.dtype),) if several and scaled.nullity == 1 else (),
        "unique" if not several else "two" if scaled.nullity == 1 else "sphere",
        scaled.nullity - 1 if several else 0,
        _number(xp.sum(eta * (xp.matmul(H64, eta) / 2 - g64))) + lam * radius**3 / 6,
        radius,
        None,
        None,
        None,
        Certificate(*certificate, max(0.0, -low / high) if high else 0.0, 0.0),
    )


def _certificate(H: Array, g: Array, e: Array, lam: float, eta: Array, r: float) -> tuple[float, float]:
    """Stationarity and radius defect, relative, in x = E eta, where the variables' scales do not count."""
    xp, n = namespace(g), g.shape[0]
    rho = (lam / 2) ** (1 / 3) * r

    def norm(x: Array) -> float:
        return _number(xp.linalg.vector_norm(xp.reshape(x, (-1,))))

    M, b, x = H / xp.reshape(e, (n, 1)) / e, g / e, e * eta
    size = (norm(M) + rho) * norm(x) + norm(b)
    residual = norm((xp.matmul(H, eta) - g) / e + rho * x)
    return residual / size if size else 0.0, abs(norm(x) - rho) / rho if rho else 0.0


def _number(x: Array) -> float:
    return float(to_host(x))


def _norm(values: Any) -> float:
    return math.sqrt(math.fsum(value * value for value in values))


def _minimize_scaled(mu: list[float], beta: list[float], Q: Array) -> _Scaled:
    """Minimize -b'x + x'M x/2 + |x|^3/3 from the eigenvalues mu, ascending, and beta = Q'b."""
    n, size = len(mu), _norm(beta)
    if size == 0.0 and mu[0] >= 0.0:
        return _Scaled([0.0] * n, [0.0] * n, 0.0, sum(value == 0.0 for value in mu))
    near = SAME_EIGENVALUE * n * EPS * max(abs(mu[0]), abs(mu[-1]))
    nullity = sum(value - mu[0] <= near for value in mu)
    if mu[0] <= 0.0 and _norm(beta[:nullity]) <= NO_PART * n * EPS * size:
        rest = [part / (value - mu[0]) for part, value in zip(beta[nullity:], mu[nullity:], strict=True)]
        length, rho = _norm(rest), -mu[0]
        if length <= rho:  # the hard case
            tau = math.sqrt((rho - length) * (rho + length))
            axis = _first_axis(to_host(Q[:, :nullity]).tolist())
            return _Scaled(
                [tau * part for part in axis] + rest, [-tau * part for part in axis] + rest, rho, nullity
            )
    base, t = max(0.0, -mu[0]), _secular_root(mu, beta)
    gaps = [value - mu[0] + max(mu[0], 0.0) for value in mu]
    y = [part / (gap + t) for part, gap in zip(beta, gaps, strict=True)]
    return _Scaled(y, y, base + t, 0)


def _first_axis(rows: list[list[float]]) -> list[float]:
    """The unit projection on an eigenspace of the first coordinate axis that has one, in its basis."""
    for row in rows:  # row i holds the coordinates of axis i
        length = _norm(row)
        if length > math.sqrt(EPS):
            return [part / length for part in row]
    raise ArithmeticError("the eigenvectors of the cubic model have no length")


def _secular_root(mu: list[float], beta: list[float]) -> float:
    """The t > 0 with |beta / (gap + t)| = max(0, -mu_1) + t."""
    base, size = max(0.0, -mu[0]), _norm(beta)
    gaps = [value - mu[0] + max(mu[0], 0.0) for value in mu]
    # |beta_1| / t <= |.| <= |b| / (gap_1 + t) and |.| >= |b| / (gap_n + t), each solved for t; the last is a
    # difference, so it is made a little smaller than rounding can make it too large.
    high = _root(abs(mu[0]), size)
    low = _root(abs(mu[0]), abs(beta[0])) if mu[0] <= 0.0 else 0.0
    low = max(low, _root(base + gaps[-1], size * (1 - 4 * EPS) - base * gaps[-1] * (1 + 4 * EPS)))
    t = high if low == 0.0 else low
    for _ in range(MOST_ITERATIONS):
        length = _norm(part / (gap + t) for part, gap in zip(beta, gaps, strict=True))
        rho = base + t
        if length > rho:
            low = t
        else:
            high = t
        slope = math.fsum(part**2 / (gap + t) ** 3 for part, gap in zip(beta, gaps, strict=True)) / length
        step = t - (1 / length - 1 / rho) / (slope / length**2 + 1 / rho**2)
        if not low < step < high:
            step = (low + high) / 2 if low < high / 4 else math.sqrt(low * high)
        if abs(step - t) <= 2 * EPS * t or high - low <= 2 * EPS * high:
            return step
        t = step
    return t


def _root(p: float, q: float) -> float:
    """The root of t (t + p) = q for p >= 0, without cancellation; 0 where q <= 0."""
    return 2.0 * q / (p + math.sqrt(p * p + 4.0 * q)) if q > 0.0 else 0.0
