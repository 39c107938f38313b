"""The cubic model, minimized to certified global optimality.

    minimize over eta:  T(eta) = -g'eta + eta'H eta / 2 + (lam/6) |D eta|^3

with H (S, S) symmetric, D = diag(d), d >= 0, lam >= 0. With G(r) = H + (lam/2) r D^2 the global minimizers
are exactly the points with

    G(r) eta = g,   r = |D eta|,   G(r) positive semidefinite                               (certificate)

r and the minimum are unique where lam > 0; the minimizer is unique except in the hard case, where there are
two or a sphere, and where T does not see some direction, such as a variable whose d, g and row of H are 0.

Method (Wolinski 2023, section 4.2, whose equation (10) leaves the hard case and d_i = 0 out; Nesterov and
Polyak 2006 for D = I):

1. Variables with d_i = 0 decide whether T is bounded (`refopt.cubic_split`), with a witness where it is not.
2. One eigendecomposition at a shift near the solution (`refopt.cubic_pencil`, `refopt.cubic_search`), scaled
   by powers of two so that nothing leaves the range of a float64 on the way.
3. The secular equation |D G(r)^-1 g| = r by Newton's method in a proven bracket (`refopt.cubic_secular`).
4. Hard case: g has no part in the eigenspace of the smallest curvature and the rest of the solution is too
   short. A vector of that eigenspace makes up the length: in the coordinates D eta the part in it of the
   first axis that has one, with the positive sign, so that nothing depends on the eigenvectors that a library
   returns, nor on the scales of the variables.
5. The certificate (`refopt.cubic_certificate`).

H, g and d have the size of a summary, so the work is done on the host, in float64 whatever their dtype; the
result is of g's library, device and dtype.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from refopt.arrays import (
    Array,
    asarray_like,
    check_nonnegative,
    check_real_vector,
    check_vector,
    dtype_name,
    require_symmetric,
    to_host,
)
from refopt.cubic_certificate import Certificate, certify, certify_point, length, refined, refuted
from refopt.cubic_flat import flattened, weak
from refopt.cubic_pencil import Model, Pencil, cube_root_of_half, exponents, point, scaled_model
from refopt.cubic_search import minimize
from refopt.cubic_split import Reduced, Witness, split

IN_RANGE: Any = {"over": "ignore", "under": "ignore"}  # what leaves the range is looked at where it matters
EPS = 2.0**-52
LOST = 4 * EPS  # of the terms in the equations: a larger residual is more than rounding
ROUNDING = 1e-12  # of r, and of the terms in the equations
SYMMETRIC = {"float64": 2.0 ** (-52 * 0.75), "float32": 2.0 ** (-23 * 0.75)}  # less asymmetry is rounding


class CubicSolution(NamedTuple):
    """A global minimizer of the cubic model.

    Attributes:
        minimizer: eta, (S,), 0 where it is below the range of its dtype; None where the model is unbounded.
        others: further minimizers: the mirrored one where there are two, else none.
        status: "unique", "two", "sphere", "subspace" (an affine set) or "unbounded".
        dimension: of the set of minimizers; 0 for one or two points.
        value: T(eta), at most 0 but for rounding; -inf where the model is unbounded (and where a finite value
            is beyond the range of a float64).
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


def cubic_minimizer(H: Array, g: Array, lam: float, scales: Array | None = None) -> CubicSolution:
    """Minimize T(eta) = -g'eta + eta'H eta/2 + (lam/6)|D eta|^3 globally (method in the module's text).

    An asymmetry of H below eps^(3/4) of its largest element is averaged out.

    Args:
        H: symmetric matrix, (S, S); indefinite and singular ones are allowed.
        g: (S,).
        lam: strength of the cubic term, at least 0.
        scales: d, the diagonal of D, (S,), at least 0; None is D = I.

    Raises:
        TypeError: when an argument is not real floating.
        ValueError: when shapes do not fit, H is not symmetric, something is not finite, lam or d negative.
        OverflowError: when the minimizer is beyond the range of its dtype.
    """
    m, d = _checked_model(H, g, lam, scales)
    with np.errstate(**IN_RANGE):
        return _solution(m, d, float(lam), g)


def _solution(m: Model, d: np.ndarray, lam: float, g: Array) -> CubicSolution:
    """The solution of a checked model, in the library of g."""
    reduced = split(m)
    if isinstance(reduced, Witness):
        direction, start = (asarray_like(part, g) for part in (reduced.direction, reduced.start))
        return CubicSolution(None, (), "unbounded", 0, -math.inf, None, direction, start, reduced.kind, None)
    if not reduced.model.g.size:  # H, g and D are 0
        nothing = Certificate(0.0, 0.0, 0.0, 0.0)
        eta = asarray_like(np.zeros(m.g.size), g)
        return CubicSolution(eta, (), "subspace", m.g.size, 0.0, 0.0, None, None, None, nothing)
    p, root = minimize(reduced.model)
    z = point(p, root.y, root.rho)
    certificate, value, power = certify(p, z, root.rho)
    if certificate.radius_defect > ROUNDING:  # rounding in H hides rho: r is the length of what is returned
        root = root._replace(rho=length(p, z))
        certificate, value, power = certify(p, z, root.rho)

    if LOST < certificate.stationarity < ROUNDING and root.mirrored is None:
        better = refined(p, z)
        if better is not None:
            rho = length(p, better)
            checked = certify(p, better, rho)
            if checked.certificate.stationarity < certificate.stationarity:
                z, root, (certificate, value, power) = better, root._replace(rho=rho), checked

    def restored(z: np.ndarray) -> np.ndarray:
        return reduced.restore(np.ldexp(z, p.s + p.c))

    eta, mirrored = restored(z), root.mirrored
    radius = _radius(p, root.rho, lam) if lam else math.hypot(*(d * eta).tolist())
    if weak(p, root.rho) and (flat := _flat_solution(m, reduced, lam)) is not None:
        eta, radius, value, power, certificate = flat
    status = "subspace" if reduced.nullity else "two" if mirrored is not None else "unique"
    if root.nullity > 1 and not reduced.nullity:
        status = "sphere"
    return CubicSolution(
        _returned(eta, g),
        () if mirrored is None else (_returned(restored(point(p, mirrored, root.rho)), g),),
        status,
        reduced.nullity + max(root.nullity - 1, 0),
        float(np.ldexp(value, power)),
        radius,
        None,
        None,
        None,
        certificate,
    )


def _radius(p: Pencil, rho: float, lam: float) -> float:
    """The r = |D eta| of rho = |E eta| in units of the shift."""
    factor, shift = cube_root_of_half(lam)
    return float(np.ldexp(rho / factor, p.a - shift))


def _flat_solution(
    m: Model, reduced: Reduced, lam: float
) -> tuple[np.ndarray, float, float, int, Certificate] | None:
    """Eta, r, value and power of two, certificate where H is singular beside the cubic term.

    None where H is not singular or where the scales d differ so much that the way back loses r.
    """
    flat = flattened(reduced.model)
    if flat is None:
        return None
    p, root = minimize(flat.model)
    z = point(p, root.y, root.rho)
    _, value, power = certify(p, z, root.rho)
    eta = reduced.restore(flat.restore(np.ldexp(z, p.s + p.c)))
    radius = _radius(p, root.rho, lam)
    certificate = _certificate(m, eta, lam, radius)
    if max(certificate.stationarity, certificate.radius_defect) > ROUNDING:
        return None
    return eta, radius, value, power, certificate


def cubic_value(H: Array, g: Array, lam: float, eta: Array, scales: Array | None = None) -> float:
    """T(eta) = -g'eta + eta'H eta/2 + (lam/6)|D eta|^3 at any point.

    Arguments and errors as of `cubic_minimizer`; `eta` is (S,).
    """
    m, _ = _checked_model(H, g, lam, scales)
    with np.errstate(**IN_RANGE):
        return _value(m, _point(eta, m))


def _value(m: Model, x: np.ndarray) -> float:
    """T with each term at the power of two of the largest."""
    k = exponents(x)
    x = np.ldexp(x, -k)
    e, length = np.max(k + m.exponent), k + m.exponent
    terms = (np.max(m.pull + k), np.max(exponents(m.H) + np.add.outer(k, k)), 3 * e)
    top = int(max(terms))
    quadratic = x @ (np.ldexp(m.H, np.add.outer(k, k) - top) @ x) / 2.0 - np.ldexp(m.g, k - top) @ x
    cubic = np.linalg.norm(np.ldexp(m.mantissa * x, length - e)) ** 3 / 3.0
    return float(np.ldexp(quadratic + np.ldexp(cubic, 3 * e - top), top))


def cubic_certificate(
    H: Array,
    g: Array,
    lam: float,
    eta: Array,
    scales: Array | None = None,
    *,
    radius: float | None = None,
) -> Certificate:
    """How far `eta`, from wherever it comes, is from a global minimizer of the cubic model.

    Args:
        H: as of `cubic_minimizer`.
        g: likewise.
        lam: likewise.
        eta: the point, (S,).
        scales: d as of `cubic_minimizer`.
        radius: r where the solver states one; None is |D eta|, and the radius has no defect.

    Raises:
        TypeError: when an argument is not real floating.
        ValueError: as of `cubic_minimizer`, or when `radius` is negative.
    """
    m, d = _checked_model(H, g, lam, scales)
    x = _point(eta, m)
    if radius is not None:
        check_nonnegative("radius", radius)
    with np.errstate(**IN_RANGE):
        if radius is None or lam:
            return _certificate(m, x, float(lam), radius)
        given = _certificate(m, x, 0.0, None)  # r is in no equation, and E = 0 does not tell |D eta|
        return given._replace(radius_defect=_difference(float(radius), math.hypot(*(d * x).tolist())))


def _certificate(m: Model, x: np.ndarray, lam: float, radius: float | None) -> Certificate:
    """The certificate of a checked point."""
    size = m.exponent + exponents(x)
    power, stated, defect = int(np.max(size)), 0.0, 0.0
    if radius is not None:
        factor, shift = cube_root_of_half(lam)
        stated, extra = math.frexp(radius * factor)
        if stated:  # D eta may be 0 or far smaller
            power = max(power, extra + shift)
        stated = float(np.ldexp(stated, extra + shift - power))
    rho = float(np.linalg.norm(np.ldexp(m.mantissa * np.ldexp(x, -exponents(x)), size - power)))
    if radius is not None:
        defect, rho = _difference(stated, rho), stated
    reduced = split(m)
    if isinstance(reduced, Witness):
        return refuted(m, x, rho, power, defect)
    if not reduced.model.g.size:
        return Certificate(0.0, defect, 0.0, 0.0)
    return certify_point(reduced.model, reduced.project(x), rho, power)._replace(radius_defect=defect)


def _difference(stated: float, actual: float) -> float:
    """Relative to the larger one."""
    return abs(stated - actual) / max(stated, actual) if max(stated, actual) else 0.0


def _checked_model(H: Array, g: Array, lam: Any, scales: Array | None) -> tuple[Model, np.ndarray]:
    """The arguments on the host, checked: the model, and d."""
    check_nonnegative("lam", lam)
    check_vector("g", g)
    n = g.shape[0]
    if not hasattr(H, "dtype") or not hasattr(H, "shape"):
        raise TypeError(f"`H` is a {type(H).__name__}; it must be an array of float32 or float64")
    if dtype_name(H) not in ("float32", "float64"):
        raise TypeError(f"`H` has dtype {dtype_name(H)}; it must be float32 or float64")
    matrix = to_host(H)
    require_symmetric("H", matrix, SYMMETRIC[dtype_name(g)])
    if matrix.shape[0] != n:
        raise ValueError(f"`H` has shape {tuple(H.shape)}; it must be ({n}, {n}), as `g` has {n} elements")
    d = np.ones(n)
    if scales is not None:
        check_vector("scales", scales, n)
        d = to_host(scales).astype(np.float64)
        if d.min() < 0.0:
            i = int(np.argmin(d))
            raise ValueError(f"`scales` holds {d[i]:.6g} at index {i}; every element must be at least 0")
    matrix = matrix.astype(np.float64) / 2.0
    return scaled_model(matrix + matrix.T, to_host(g).astype(np.float64), d, float(lam)), d


def _point(eta: Array, m: Model) -> np.ndarray:
    check_real_vector("eta", eta, m.g.size)
    check_vector("eta", eta)
    return to_host(eta).astype(np.float64)


def _returned(eta: np.ndarray, g: Array) -> Array:
    """The minimizer in g's library, device and dtype."""
    host = eta.astype(dtype_name(g))
    if not np.isfinite(host).all():
        raise OverflowError(f"the minimizer of the cubic model is beyond the range of {dtype_name(g)}")
    return asarray_like(host, g)
