"""Lipschitz constants of eigenvalues as running averages of their slopes (AMOS paper, Algorithm 2, line 5).

    slope   = |lambda - lambda'| / (eps_2 + |theta - theta'|)
    literal       L <- a L + (1 - a) slope, from L = 0        statistic L
    bias-corrected                          the same L        statistic L / (1 - a^k)
    first-slope   L <- slope, then as above                   statistic L

A prime marks the Hessian time before, which is when lambda' is known (the paper prints t - 1), and k counts
the slopes that an index has taken in. Where nothing has moved, or a slope is not finite, there is no slope:
it is NaN here and is left out, so that L and k stay. For a constant slope c the literal L is c (1 - a^k), and
the correction gives c.

Everything is float64, whatever the dtype of the parameters.
"""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

from refopt.arrays import Array, namespace

LARGEST = sys.float_info.max


class Averages(NamedTuple):
    """The averages of an index each."""

    lipschitz: Array  # L, (k,) float64
    updates: Array  # how many slopes each has taken in, (k,) int64


def length(move: Array) -> Array:
    """|move| of a vector (n,), a float64 scalar on its device that neither over- nor underflows."""
    xp = namespace(move)
    sizes = xp.abs(xp.astype(move, xp.float64, copy=False))
    top = xp.max(sizes)
    scale = xp.where(top > 0, top, xp.ones_like(top))
    return top * xp.sqrt(xp.sum((sizes / scale) ** 2))


def curvature_slopes(curvatures: Array, previous: Array, distance: Array, epsilon: float) -> Array:
    """The slopes of eigenvalues or diagonal elements, (k,) float64; NaN where there is none.

    Args:
        curvatures: lambda now, (k,).
        previous: lambda' at the Hessian time before, (k,).
        distance: how far theta has moved since, of any shape that broadcasts with (k,), at least 0.
        epsilon: eps_2, at least 0.
    """
    xp = namespace(curvatures)
    now, before = (xp.astype(x, xp.float64, copy=False) for x in (curvatures, previous))
    distance = xp.astype(xp.broadcast_to(distance, now.shape), xp.float64)
    zeros = xp.zeros_like(now)
    known = xp.isfinite(now) & xp.isfinite(before) & xp.isfinite(distance) & (distance > 0)
    rise = xp.abs(xp.where(known, now, zeros) - xp.where(known, before, zeros))
    over = epsilon + xp.where(known, distance, xp.ones_like(now))
    known = known & (rise <= LARGEST * xp.minimum(over, xp.ones_like(over)))  # else the slope overflows
    slopes = xp.where(known, rise, zeros) / over
    return xp.where(known, slopes, xp.full_like(now, math.nan))


def averaged(averages: Averages, slopes: Array, momentum: float, average: str) -> Averages:
    """The averages that have taken in new slopes (k,); an index whose slope is NaN stays as it is."""
    xp = namespace(slopes)
    L, k = averages
    known = xp.isfinite(slopes)
    slopes = xp.where(known, slopes, xp.zeros_like(slopes))
    taken = momentum * L + (1.0 - momentum) * slopes
    if average == "first-slope":
        taken = xp.where(k == 0, slopes, taken)
    return Averages(xp.where(known, taken, L), k + xp.astype(known, k.dtype))


def corrected(averages: Averages, momentum: float, average: str) -> Array:
    """What is compared with a threshold, (k,) float64: L, or L / (1 - a^k) with "bias-corrected"."""
    L, k = averages
    if average != "bias-corrected" or momentum == 0.0:
        return L
    xp = namespace(L)
    # 1 - a^k keeps its digits as -expm1(k log a), also where a is near 1
    weight = -xp.expm1(xp.astype(k, xp.float64) * math.log(momentum))
    return xp.where(k > 0, L / xp.where(k > 0, weight, xp.ones_like(weight)), L)
