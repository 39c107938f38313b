"""Who gets what: the rules of AMOS (Algorithm 2, lines 6 to 12) and the aggregates over tensors.

    fixed threshold      first where statistic > L_thresh
    "newton-ascent"      first where kappa > 1,  kappa = L g a^2 / (3 (2 - a) lambda^2)

With g the slope of the objective along an index and lambda its curvature, kappa > 1 says that the cubic
upper bound is above 0 at the damped Newton step a g / lambda (eq. 8, for a = 1: L > 3 lambda^2 / g). Equality
is not above. Corners: lambda <= 0 goes to first, for there Newton's step goes up for every L; lambda > 0 with
g = 0 goes to second, for there its step is 0; what is NaN goes to first. The test for a single index is
sqrt(L) sqrt(g) > sqrt(3 (2 - a)) lambda / a, which neither divides nor squares.

A tensor goes by the mean or the maximum of its elements' numbers; a NaN makes both NaN.
"""

from __future__ import annotations

import math
from functools import reduce
from itertools import accumulate, pairwise
from typing import NamedTuple

from refopt.amos_settings import NEWTON_ASCENT
from refopt.arrays import Array, asarray_like, namespace
from refopt.groups import Groups

SMALL = 1e-150


class Selection(NamedTuple):
    """Who gets what, by index or by tensor."""

    statistic: Array  # L or kappa, aggregated over tensors, float64
    to_first: Array  # who goes to the first optimizer, bool


def select(
    lipschitz: Array,
    slopes: Array,
    curvatures: Array,
    *,
    threshold: float | str,
    damping: float = 1.0,
    groups: Groups | None = None,
    aggregate: str = "mean",
) -> Selection:
    """Assign every index, or every tensor, to one of the two optimizers.

    Args:
        lipschitz: L, bias-corrected or not, (k,), at least 0.
        slopes: g = |gradient along the index|, (k,); a fixed threshold does not look at it.
        curvatures: lambda, (k,); a fixed threshold does not look at it.
        threshold: a positive number, or "newton-ascent".
        damping: a, in (0, 2).
        groups: partition of the indices into tensors, or None for each by itself.
        aggregate: "mean" or "max".
    """
    xp = namespace(lipschitz)
    L, g, lam = (xp.astype(x, xp.float64, copy=False) for x in (lipschitz, slopes, curvatures))
    if threshold != NEWTON_ASCENT:
        statistic = L if groups is None else aggregated(L, groups, aggregate)
        return Selection(statistic, ~(statistic <= threshold))
    factor = math.sqrt(3.0 * (2.0 - damping)) / damping
    left, right = xp.sqrt(L) * xp.sqrt(g), factor * lam
    positive = right > 0
    divides = positive & ~(SMALL * left > right)  # else kappa is beyond the range of a float
    ratio = xp.where(divides, left, xp.ones_like(left)) / xp.where(divides, right, xp.ones_like(right))
    kappa = xp.where(divides, ratio * ratio, xp.full_like(lam, math.inf))
    resting = (lam > 0) & (g == 0)
    kappa = xp.where(resting, xp.zeros_like(kappa), kappa)
    if groups is None:
        return Selection(kappa, ~((positive & (left <= right)) | resting))
    statistic = aggregated(kappa, groups, aggregate)
    return Selection(statistic, ~(statistic <= 1.0))


def aggregated(x: Array, groups: Groups, aggregate: str) -> Array:
    """The mean or the maximum over each group, (S,) from (n,); NaN where an element is NaN."""
    if aggregate == "max":
        return maxima(x, groups)
    return groups.sums(x) / asarray_like([float(size) for size in groups.sizes], x)


def maxima(x: Array, groups: Groups) -> Array:
    """The largest element of each group, (S,) from (n,); NaN where an element is NaN."""
    groups.check(x)
    xp = namespace(x)
    if not groups.scattered:
        parts = [[xp.max(x[start:stop]) for start, stop in ranges] for ranges in groups.ranges]
        return xp.stack([reduce(xp.maximum, part) for part in parts])
    members = [p for ranges in groups.ranges for start, stop in ranges for p in range(start, stop)]
    x = xp.take(x, asarray_like(members, x, "int64"), axis=0)
    if groups.count == groups.n:
        return x
    return xp.stack([xp.max(x[a:b]) for a, b in pairwise(accumulate(groups.sizes, initial=0))])
