"""The shift at which the spectrum of the cubic model is taken.

The spectrum of `refopt.cubic_pencil` is good for every rho that is neither far above nor far below its shift
(FAR below), so the shift is to lie near the solution's rho. The first one comes from |E H^-1 g| where H is
positive definite, and from the sizes of E^-1 H E^-1 and E^-1 g otherwise; it is nearly always the last one.
Where scales are mixed it is moved to the rho that it gives, up or down, as often as needed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from refopt.cubic_pencil import NOTHING, Model, Pencil, definite_solution, equilibrated, exponents, pencil
from refopt.cubic_secular import Root, solve_secular

EPS = 2.0**-52
FAR = 32.0  # shift / rho, rho / shift and the growth of the spectrum near its end stay below it
LONGEST_MOVE = 40  # in exponents: below, the spectrum knows rho no better than to rounding in the shift
MOST_MOVES = 100
NO_CURVATURE = 8.0  # in n eps of an equilibrated matrix: a smaller negative curvature is rounding


class Found(NamedTuple):
    """The solution at the shift that it was found with."""

    pencil: Pencil
    root: Root


def minimize(m: Model) -> Found:
    """The global minimizers of a model that is bounded below and has no null vectors outside E."""
    a, linear = _first_shift(m)
    best, bad, step, flat = None, NOTHING, 2, None
    for _ in range(MOST_MOVES):
        p = pencil(m, a)
        if p is None:  # G(2^a) is not positive definite
            bad = a
            if best is None:
                a, step = a + step, 2 * step
                continue
        elif linear:
            return Found(p, Root(np.zeros_like(p.beta), None, 0.0, 0))
        else:
            best = Found(p, solve_secular(p))
            if best.root.rho == 0.0 and flat is None:
                flat = _semidefinite(m.H)
        assert best is not None
        move = 0 if flat and best.root.rho == 0.0 else _move(best)
        a = best.pencil.a + move
        if a <= bad:
            a = (best.pencil.a + bad) // 4 * 2
        if move == 0 or a in (best.pencil.a, bad):
            return best
    if best is None:
        raise ArithmeticError("the cubic model has no positive definite shift in the range of exponents")
    return best


def _semidefinite(H: np.ndarray) -> bool:
    """Whether H has no negative curvature beyond rounding, in the scales of its diagonal."""
    H, _ = equilibrated(H)
    if np.max(np.abs(H)) > 2.0:  # the diagonal is below 2
        return False
    return float(np.linalg.eigvalsh(H)[0]) >= -NO_CURVATURE * H.shape[0] * EPS


def _move(found: Found) -> int:
    """By how many exponents the shift is to move; even, 0 where it is good."""
    theta, rho = found.pencil.theta, found.root.rho
    if not theta.size:
        return 0
    if rho > FAR:
        return 256 if rho == math.inf else math.frexp(rho)[1] // 2 * 2
    if theta[0] > FAR:
        return 2
    if rho < 1.0 / FAR:
        return -(min(LONGEST_MOVE, -math.frexp(rho)[1] - 1 if rho else LONGEST_MOVE) // 2) * 2
    return 0


def _first_shift(m: Model) -> tuple[int, bool]:
    """The exponent, even, of an estimate of rho, and whether rho is 0 because E H^-1 g is."""
    N = m.cubic
    if not N.size:
        return 0, True
    k = m.exponent[N]
    pull = int((m.pull[N] - k).max()) // 2  # of sqrt(E^-1 g)
    direct = definite_solution(m)
    if direct is not None:
        z, power = direct
        newton = int((exponents(z[N]) + power[N] + k).max())
        if newton < NOTHING // 2:
            return -2 * (int(np.max(2 * k - m.diagonal[N])) // 2), True
        a = min(newton, pull) if pull > NOTHING // 4 else newton
    else:
        H = m.H if N.size == m.g.size else m.H[np.ix_(N, N)]
        size = _negative_size(exponents(H) - k[:, None] - k, H.diagonal() > 0.0)
        a = max(size + int(math.log2(N.size) / 2) + 2, pull)
        if a < NOTHING // 4:
            a = -2 * int(np.max(k))
    return a + a % 2, False


def _negative_size(size: np.ndarray, positive: np.ndarray) -> int:
    """The exponent of the most negative curvature that a matrix can have, from those of its elements.

    A positive diagonal element that is the largest of all only tells how large the curvature gets.
    Eliminating its variable, which leaves the number of negative curvatures as it is, subtracts the products
    of its row, divided by it.

    Args:
        size: exponents of the elements, which are overwritten, (n, n).
        positive: where the diagonal is, (n,).
    """
    least, diagonal = NOTHING, size.diagonal()
    while True:
        top, i = int(size.max()), int(diagonal.argmax())
        if least >= top or diagonal[i] < top or not positive[i]:
            return max(least, top)
        row = 2 * size[i] - top
        row[i] = NOTHING
        least = max(least, int(row.max()))
        size[i], size[:, i] = NOTHING, NOTHING
