"""The cubic models of one eigenpair: their minimum, ELMO's step, and what is known about it in closed form.

ELMO paper, eq. 3, 4 and 7. Along an eigenvector v with curvature lam = v'H v, slope g = |v'grad f| and the
Lipschitz constant L of the curvature along v, a step x in the descent direction changes f by at most M(x) and
at least m(x):

    M(x) = -g x + lam x^2/2 + L |x|^3/6,        m(x) = -g x + lam x^2/2 - L |x|^3/6.

With R = sqrt(lam^2 + 2 L g), M has its global minimum at x* = (R - lam)/L = 2g/(lam + R), where

    M* = M(x*) = -(x*/6) (4g - lam x*),         m* = m(x*) = -(x*/6) (8g - 5 lam x*).

Neither form of x* is stable for both signs of lam. Here none subtracts what is nearly equal: the second where
lam > 0, the first elsewhere. R is a hypot, as lam^2 leaves the range of a float long before R does.

    g = 0, lam >= 0                  x* = 0, also where L = 0
    g = 0, lam < 0 < L               x* = 2|lam|/L, and -x* is as good
    L = 0, lam > 0                   x* = g/lam, M* = m* = -g^2/(2 lam)
    L = 0, lam < 0 or lam = 0 < g    unbounded: x* = infinity, M* = m* = -infinity

Every function is elementwise, over arrays of one shape, library and dtype (float32 or float64). It raises
TypeError for arguments of another kind, and ValueError for other shapes, a slope or a Lipschitz constant
below 0, and numbers that are not finite. A result beyond the range of its dtype is infinite, never NaN.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from refopt.arrays import Array, cache_columns, check_finite, check_positive, namespace
from refopt.elmo_triples import QUIET, check_alike, check_triple, check_values, half_sums, refuse, root

BLOCK_ROWS = 6  # arrays of a block that must stay in cache; wider blocks spread the cost of the calls


class ElmoMinimum(NamedTuple):
    """The minimum of M; each in the shape of the slopes."""

    step_size: Array  # x*, at least 0; infinite where unbounded
    upper: Array  # M(x*), at most 0
    lower: Array  # m(x*), at most 0
    bounded: Array  # whether M has a minimum, bool


def elmo_minimum(slope: Array, curvature: Array, lipschitz: Array) -> ElmoMinimum:
    """The minimum of M for each triple (g, lam, L); exact where the module's table is.

    In float64 the relative error is at most 5e-16 in x*, 8e-16 in M* and m*, as long as 2 L g is a normal
    number (exponents up to +-140); a rounding or two more beyond. A large vector is swept in blocks that stay
    in cache, and what each triple gives does not depend on the others.

    Args:
        slope: g, at least 0.
        curvature: lam.
        lipschitz: L, at least 0.
    """
    check_alike(slope=slope, curvature=curvature, lipschitz=lipschitz)
    xp, size = namespace(slope), slope.shape[0] if len(slope.shape) == 1 else 0
    width = cache_columns(slope, BLOCK_ROWS) if size else 0
    with np.errstate(**QUIET):
        if size <= width:
            return ElmoMinimum(*_block(xp, slope, curvature, lipschitz))
        x, upper, lower = (xp.empty_like(slope) for _ in range(3))
        out = ElmoMinimum(x, upper, lower, xp.empty_like(slope, dtype=xp.bool))
        for begin in range(0, size, width):
            part = slice(begin, begin + width)
            try:
                found = _block(xp, slope[part], curvature[part], lipschitz[part])
            except ValueError:
                check_values(slope, curvature, lipschitz)  # which names the index in the whole
                raise
            for whole, piece in zip(out, found, strict=True):
                whole[part] = piece
    return out


def _block(xp: Any, g: Array, lam: Array, L: Array) -> tuple[Array, Array, Array, Array]:
    """x*, M*, m* and whether bounded; without a branch where nothing in the block is special.

    The quick way and the careful one make the same roundings; one look at extremes, which a NaN never passes,
    tells that the quick one was enough: L > 0, 2 L g normal or g = 0, nothing near the largest float.
    """
    if not math.prod(g.shape):
        return _careful(xp, g, lam, L)
    kind = xp.finfo(g.dtype)
    top, tiny = float(kind.max) / 16.0, float(kind.smallest_normal)
    s_squared = (L + L) * g
    R, total, positive = xp.hypot(lam, xp.sqrt(s_squared)), xp.abs(lam), lam > 0
    total += R  # arrays of its own are changed in place: they are in the cache
    x = xp.where(positive, g + g, total)
    x /= xp.where(positive, total, L)
    M, m = _models(g, lam * x, x / -6.0)
    in_range = (xp.max(xp.maximum(R, g)) <= top) & (xp.min(m) >= -top)
    quick = in_range & (xp.min(xp.minimum(L, s_squared)) >= tiny)
    if not bool(quick):  # a slope that is 0 is no reason for care where L > 0
        still = xp.where(g == 0, xp.ones_like(g), s_squared)
        quick = in_range & (xp.min(L) > 0) & (xp.min(still) >= tiny)
    if bool(quick):
        return x, M, m, xp.ones_like(positive)
    return _careful(xp, g, lam, L)


def _models(g: Array, t: Array, y: Array) -> tuple[Array, Array]:
    """M* and m* from t = lam x*, which is used up, and y = -x*/6."""
    m = 4.0 * g
    M = m - t
    M *= y
    m += m
    t *= 5.0
    m -= t
    m *= y
    return M, m


def _careful(xp: Any, g: Array, lam: Array, L: Array) -> tuple[Array, Array, Array, Array]:
    """As `_block`, for whatever the numbers are; refuses those that are not allowed."""
    check_values(g, lam, L)
    infinite = xp.full_like(g, math.inf)
    flat = (L == 0) & (lam <= 0)
    bounded = ~(flat & ((lam < 0) | (g > 0)))
    half, size = root(g, lam, L) / 2.0, xp.abs(lam) / 2.0
    total, positive = half + size, lam > 0
    one = xp.ones_like(g)
    q = xp.where(positive, g, total) / xp.where(positive, total, xp.where(flat, one, L))
    x = xp.where(positive, q, q + q)
    x = xp.where(bounded, xp.where(flat, xp.zeros_like(g), x), infinite)
    # M* and m* of an element that is scaled down exactly, where 8g or 5t would leave the range
    scale = xp.where(xp.maximum(g, total) > float(xp.finfo(g.dtype).max) / 32.0, one / 16.0, one)
    M, m = _models(g * scale, (lam * scale) * x, x / -6.0)
    M, m = (xp.where((x == math.inf) | ~xp.isfinite(y), -infinite, y / scale) for y in (M, m))
    return x, M, m, bounded


def upper_model(step: Array, slope: Array, curvature: Array, lipschitz: Array) -> Array:
    """M(x), what a step x along the descent direction (negative: backwards) changes f by at most (eq. 3)."""
    return _model(step, slope, curvature, lipschitz, 1.0)


def lower_model(step: Array, slope: Array, curvature: Array, lipschitz: Array) -> Array:
    """m(x), what a step x along the descent direction (negative: backwards) changes f by at least (eq. 4)."""
    return _model(step, slope, curvature, lipschitz, -1.0)


def _model(x: Array, g: Array, lam: Array, L: Array, sign: float) -> Array:
    check_alike(step=x, slope=g, curvature=lam, lipschitz=L)
    check_values(g, lam, L)
    check_finite("step", x)
    xp = namespace(x)
    return x * (-g + x * (lam / 2.0 + xp.abs(x) * (sign / 6.0 * L)))


def relative_regret(deviation: Array, slope: Array, curvature: Array, lipschitz: Array) -> Array:
    """(M(x) - M*)/|M*| of the step x = x* (1 + d), d >= -1: d^2 [3R + (R - lam) d]/(2R + lam), exactly.

    Between d^2 and d^2/d_max^2 wherever M(x) <= 0 (the corrected Theorem 3.3), where x_max = x* (1 + d_max).

    Raises:
        ValueError: for d < -1, and where R = 0 or L = 0 >= lam: there M has no minimum below 0.
    """
    d, xp = deviation, namespace(deviation)
    rise, lam = _relative(d, slope, curvature, lipschitz)
    return xp.square(d) * (3.0 + rise * d) / (2.0 + lam)


def lower_ratio(deviation: Array, slope: Array, curvature: Array, lipschitz: Array) -> Array:
    """m(x)/m* of the step x = x* (1 + d), d >= -1, where m* = m(x*); it can be 0 or negative for lam > 0.

    1 + [6 (R - lam) d + 3 (R - 2 lam) d^2 + (R - lam) d^3]/(4R - lam), exactly.

    Raises:
        ValueError: as `relative_regret`.
    """
    d = deviation
    rise, lam = _relative(d, slope, curvature, lipschitz)
    return 1.0 + d * (6.0 * rise + d * (3.0 * (1.0 - 2.0 * lam) + rise * d)) / (4.0 - lam)


def _relative(d: Array, g: Array, lam: Array, L: Array) -> tuple[Array, Array]:
    """(R - lam)/R and lam/R, of arguments that are checked."""
    check_alike(deviation=d, slope=g, curvature=lam, lipschitz=L)
    check_values(g, lam, L)
    check_finite("deviation", d)
    refuse("deviation", d, d < -1, "at least -1")
    xp, R = namespace(d), root(g, lam, L)
    refuse("lipschitz", L, (R == 0) | ((L == 0) & (lam <= 0)), "such that M has a minimum below 0")
    rise, _ = half_sums(xp, g, lam, L, R)
    return 2.0 * (rise / R), lam / R


def largest_step(slope: Array, curvature: Array, lipschitz: Array) -> Array:
    """x_max = [sqrt(9 lam^2 + 24 L g) - 3 lam]/(2L): M <= 0 exactly on [0, x_max], infinite where unbounded.

    With L = 0 it is 2g/lam for lam > 0 and infinite else. x_max/x* is in (sqrt 3, 2) for lam > 0, sqrt 3 for
    lam = 0, in [3/2, sqrt 3) for lam < 0.
    """
    g, lam, L = slope, curvature, lipschitz
    check_triple(g, lam, L)
    xp = namespace(g)
    w = math.sqrt(8.0 / 3.0) * (xp.sqrt(L) * xp.sqrt(g))
    total, positive, flat = xp.hypot(lam, w) + xp.abs(lam), lam > 0, (L == 0) & (lam <= 0)
    over = xp.where(positive, total, xp.where(flat, xp.ones_like(L), L))
    with np.errstate(**QUIET):
        x_max = xp.where(positive, 4.0 * g, 1.5 * total) / over
    return xp.where(flat, xp.full_like(g, math.inf), x_max)


def newton_threshold(slope: Array, curvature: Array, damping: float = 1.0) -> Array:
    """The L from which the damped Newton step a g/lam is no descent for the model: M(a g/lam) >= 0 (eq. 8).

    3 (2 - a) lam^2/(a^2 g) for lam > 0; infinite where g = 0 < lam; 0 where lam <= 0, as there the step goes
    up for every L.

    Args:
        slope: g, at least 0.
        curvature: lam.
        damping: a in (0, 2), the Newton step's learning rate; 1 in the paper.
    """
    g, lam = slope, curvature
    check_triple(g, lam)
    check_positive("damping", damping)
    if not damping < 2:
        raise ValueError(f"`damping` is {damping!r}; it must be less than 2")
    a, xp = float(damping), namespace(g)
    positive, moving = lam > 0, g > 0
    one, zero = xp.ones_like(g), xp.zeros_like(g)
    with np.errstate(**QUIET):
        over = lam / a  # a^2 can underflow
        L = 3.0 * (2.0 - a) * (over * (over / xp.where(moving, g, one)))
    return xp.where(positive, xp.where(moving, L, xp.full_like(g, math.inf)), zero)


def gradient_threshold(slope: Array, curvature: Array, learning_rate: float) -> Array:
    """The L from which the gradient step eta g is no descent for the model: M(eta g) >= 0.

    3 (2 - eta lam)/(eta^2 g), at least 0; infinite where g = 0.

    Args:
        slope: g, at least 0.
        curvature: lam.
        learning_rate: eta, positive.
    """
    g, lam = slope, curvature
    check_triple(g, lam)
    check_positive("learning_rate", learning_rate)
    eta, xp = float(learning_rate), namespace(g)
    moving = g > 0
    with np.errstate(**QUIET):
        rise = xp.minimum(2.0 - eta * lam, xp.full_like(g, float(xp.finfo(g.dtype).max)))
        L = 3.0 * (rise / eta / (eta * xp.where(moving, g, xp.ones_like(g))))
    return xp.where(moving, xp.where(rise > 0, L, xp.zeros_like(L)), xp.full_like(L, math.inf))


def newton_deviation(slope: Array, curvature: Array, lipschitz: Array, damping: float = 1.0) -> Array:
    """D of the damped Newton step a g/lam = x* (1 + d): a (R + lam)/(2 lam) - 1 (Notation 8).

    With a = 1 and lam > 0 it is (R - lam)/(2 lam) >= 0: Newton never undershoots ELMO. Infinite for lam = 0.
    """
    g, lam, L = slope, curvature, lipschitz
    check_triple(g, lam, L)
    check_positive("damping", damping)
    a, xp, R = float(damping), namespace(g), root(g, lam, L)
    flat = lam == 0
    over = xp.where(flat, xp.ones_like(lam), lam)
    rise, fall = half_sums(xp, g, lam, L, R)
    with np.errstate(**QUIET):
        d = xp.where(lam > 0, (a - 1.0) + a * (rise / over), a * (fall / over) - 1.0)
    return xp.where(flat, xp.full_like(d, math.inf), d)


def gradient_deviation(slope: Array, curvature: Array, lipschitz: Array, learning_rate: float) -> Array:
    """D of the gradient step eta g = x* (1 + d): eta (R + lam)/2 - 1 (Notation 8)."""
    g, lam, L = slope, curvature, lipschitz
    check_triple(g, lam, L)
    check_positive("learning_rate", learning_rate)
    xp = namespace(g)
    return float(learning_rate) * half_sums(xp, g, lam, L, root(g, lam, L))[1] - 1.0


def cauchy_step(slope: Array, curvature: Array, lipschitz: Array) -> Array:
    """Cauchy's step (sgn(lam) R - lam)/L of appendix F.1, signed: x* for lam > 0, uphill for lam < 0.

    As sgn(lam) 2g/(R + |lam|), which holds for L = 0 too.

    Raises:
        ValueError: where lam = 0: there the formula is 0/0, unless g = 0, where the step is 0.
    """
    g, lam, L = slope, curvature, lipschitz
    check_triple(g, lam, L)
    refuse("curvature", lam, (lam == 0) & (g > 0), "other than 0 where the slope is not 0")
    xp = namespace(g)
    total = root(g, lam, L) / 2.0 + xp.abs(lam) / 2.0
    with np.errstate(**QUIET):
        return xp.sign(lam) * (g / xp.where(total > 0, total, xp.ones_like(g)))


def newton_limit(slope: Array, curvature: Array) -> Array:
    """The limit of x* as L falls to 0 (eq. 13): g/lam for lam > 0, infinite for lam < 0 and for lam = 0 < g.

    For g = lam = 0, which eq. 13 leaves out, it is 0.
    """
    g, lam = slope, curvature
    check_triple(g, lam)
    xp = namespace(g)
    positive, at_rest = lam > 0, (lam == 0) & (g == 0)
    infinite = xp.full_like(g, math.inf)
    with np.errstate(**QUIET):
        newton = g / xp.where(positive, lam, xp.ones_like(g))
    return xp.where(positive, newton, xp.where(at_rest, xp.zeros_like(g), infinite))


def elmo_preconditioner(eigenvalues: Array, eigenvectors: Array, slopes: Array, lipschitz: Array) -> Array:
    """P with ELMO's displacement -P grad f (Lemma 3.2): ((H + sqrt(H^2 + 2 V diag(L g) V'))/2)^-1.

    Its eigenvalues are 2/(lam + R). Other matrices give the same displacement.

    Args:
        eigenvalues: lam, (n,).
        eigenvectors: V, all n as orthonormal columns, (n, n).
        slopes: g = |V' grad f|, (n,).
        lipschitz: L, (n,).

    Raises:
        ValueError: where some lam + R is 0 (L g = 0 and lam <= 0): there P does not exist.
    """
    check_alike(slopes=slopes, eigenvalues=eigenvalues, lipschitz=lipschitz)
    check_values(slopes, eigenvalues, lipschitz)
    n = math.prod(slopes.shape)
    if tuple(eigenvectors.shape) != (n, n):
        raise ValueError(
            f"`eigenvectors` has shape {tuple(eigenvectors.shape)}; it must be ({n}, {n}), every eigenvector"
        )
    xp = namespace(slopes, eigenvectors)
    half = half_sums(xp, slopes, eigenvalues, lipschitz, root(slopes, eigenvalues, lipschitz))[1]
    refuse("eigenvalues", eigenvalues, half == 0, "positive where `lipschitz` times `slopes` is 0")
    V = xp.astype(eigenvectors, slopes.dtype, copy=False)
    return xp.matmul(V / half, xp.matrix_transpose(V))
