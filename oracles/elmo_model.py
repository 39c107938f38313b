"""The cubic models M and m of one eigenpair, and their minimum by bisection: what ELMO and EigenARC share.

No closed form is used. For x >= 0 the derivative of M is h(x) = lam x + L x^2/2 - g, and the minimum is its
largest root, which is bracketed to a factor of two by numbers that need no root of a quadratic. With
a = g/lam, b = sqrt(2 g/L), c = 2|lam|/L:

    lam > 0:  h(min(a, b)) >= 0;  at min(a, b)/2 the two terms are at most g/2 and g/4, so h < 0
    lam <= 0: h(b + c) = (b + c) L b/2 - g >= 0;  at max(b, c) <= b + c <= 2 max(b, c): h(c) = -g <= 0,
              h(b) = lam b <= 0

Between them h rises, since it is convex and -g at 0. M and m are then evaluated as they are written. The zero
x_max of M is the same root for (g, lam/2, L/3), because M(x)/x = -(g - (lam/2) x - (L/3) x^2/2).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mpmath import mp, mpf

from oracles.precision import Number

STABLE = "sums of terms of one sign"


class Minimum(NamedTuple):
    """The minimum of M along one eigenvector: x*, M*, m*."""

    step: Number
    upper: Number
    lower: Number


def bounded(g: Number, lam: Number, lipschitz: Number) -> bool:
    """Say whether M has a minimum: not where L = 0 and lam < 0, nor where L = 0, lam = 0 and g > 0."""
    return bool(lipschitz > 0 or lam > 0 or (lam == 0 and g == 0))


def largest_root(g: Number, lam: Number, lipschitz: Number) -> Number:
    """Return the largest x >= 0 with lam x + L x^2/2 = g, for a model that is bounded.

    Args:
        g: slope, at least 0.
        lam: curvature.
        lipschitz: L, at least 0.
    """
    if not bounded(g, lam, lipschitz):
        raise ValueError(f"the model with g = {g}, lam = {lam}, L = {lipschitz} has no minimum.")
    if g == 0 and lam >= 0:
        return mpf(0)
    if lipschitz == 0:
        return g / lam
    b = mp.sqrt(2 * g / lipschitz)
    if lam > 0:
        high = min(g / lam, b)
        low = high / 2
    else:
        c = -2 * lam / lipschitz
        low, high = max(b, c), b + c
    for _ in range(mp.prec + 10):
        x = (low + high) / 2
        low, high = (x, high) if lam * x + lipschitz * x * x / 2 < g else (low, x)
    return (low + high) / 2


def model(x: Number, g: Number, lam: Number, lipschitz: Number) -> Number:
    """Return -g x + lam x^2/2 + L |x|^3/6: M, and m with -L (ELMO paper, eqs. 3 and 4)."""
    return -g * x + lam * x * x / 2 + lipschitz * abs(x) ** 3 / 6


def minimum(g: Number, lam: Number, lipschitz: Number) -> Minimum:
    """Return ELMO's step along one eigenvector, and both models there."""
    x = largest_root(g, lam, lipschitz)
    return Minimum(x, model(x, g, lam, lipschitz), model(x, g, lam, -lipschitz))


def zero(g: Number, lam: Number, lipschitz: Number) -> Number:
    """Return x_max, the largest zero of M (F8); defined where L > 0 or lam > 0."""
    return largest_root(g, lam / 2, lipschitz / 3)


def identities_defect(g: Number, lam: Number, lipschitz: Number) -> Number:
    """Return the largest relative defect of the closed forms F1 to F8 at the bisected minimum.

    F1, F2 and F3 in terms of R = sqrt(lam^2 + 2 L g), the ratio F4, F5 and F6 at two deviations, F7 by
    differences of M* (to the order of their step), and the bounds of x_max / x* of F8.
    """
    x, upper, lower = minimum(g, lam, lipschitz)
    if x == 0:
        return abs(upper) + abs(lower)
    root = mp.sqrt(lam * lam + 2 * lipschitz * g)
    closed = 2 * g / (lam + root) if lam > 0 else (root - lam) / lipschitz
    pairs = [
        (x, closed),
        (upper, -x * x * (2 * root + lam) / 6),
        (lower, -x * x * (4 * root - lam) / 6),
        (upper, -(g * x / 2 + lipschitz * x**3 / 12)),
        (lower, -(g * x / 2 + 5 * lipschitz * x**3 / 12)),
        (lower / upper, (4 * root - lam) / (2 * root + lam)),
    ]
    for d in (mpf(1) / 3, -mpf(1) / 4):
        share = d * d * (3 * root + (root - lam) * d) / (2 * root + lam)
        cubic = 6 * (root - lam) * d + 3 * (root - 2 * lam) * d**2 + (root - lam) * d**3
        pairs.append((model(x * (1 + d), g, lam, lipschitz) / upper, 1 - share))
        pairs.append((model(x * (1 + d), g, lam, -lipschitz) / lower, 1 + cubic / (4 * root - lam)))
    worst = max(abs(a - b) / abs(b) for a, b in pairs)
    return max(worst, _envelope(g, lam, lipschitz, x), _range_of_zero(g, lam, lipschitz, x))


def _envelope(g: Number, lam: Number, lipschitz: Number, x: Number) -> Number:
    """F7: dM*/dg = -x*, dM*/dlam = x*^2/2, dM*/dL = x*^3/6, by central differences of width 10^-24."""
    unit, worst = mpf(10) ** -24, mpf(0)
    slopes = ((0, g, -x), (1, lam, x * x / 2), (2, lipschitz, x**3 / 6))
    triple = [g, lam, lipschitz]
    size = abs(minimum(*triple).upper)
    for place, number, slope in slopes:
        if number == 0:
            continue
        ends = [minimum(*(*triple[:place], number * (1 + s * unit), *triple[place + 1 :])) for s in (1, -1)]
        difference = (ends[0].upper - ends[1].upper) / (2 * unit)
        worst = max(worst, abs(difference - slope * number) / (size + abs(slope * number)))
    return worst if worst > mpf(10) ** -20 else mpf(0)


def _range_of_zero(g: Number, lam: Number, lipschitz: Number, x: Number) -> Number:
    """F8: x_max/x* is at least sqrt 3 for lam > 0 and at most that otherwise, inside [3/2, 2]."""
    ratio, middle, slack = zero(g, lam, lipschitz) / x, mp.sqrt(3), mpf(10) ** -30
    low, high = (middle, mpf(2)) if lam > 0 else (mpf(3) / 2, middle)
    return mpf(0) if low - slack <= ratio <= high + slack else mpf(1)


def direct(triples: Sequence[Sequence[Any]]) -> Number:
    """Return the largest defect of `identities_defect` over triples."""
    return max((identities_defect(*t) for t in triples), default=mpf(0))
