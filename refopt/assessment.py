"""Does a trial step keep what the models promise? ASSESS and the update of Lipschitz constants by it.

ELMO paper, Algorithm 3 (EigenARC), at one point with eigenpairs (lambda_i, v_i) and constants L_i:

    ASSESS(L) = (f(theta) - f(theta + d(L))) / (-sum_i M*_i(L)),        d(L) ELMO's displacement

     4:  if ASSESS(L) > eta_2:                       overly conservative
     5:      L <- gamma_2 L
     7:  else if ASSESS(L) < eta_1:                  overly liberal
     8:      while ASSESS(L) < eta_1:
     9:          L <- gamma_1 L
    11:      for i = 1, ..., n:
    12:          while ASSESS(L) > eta_1:
    13:              L_i <- L_i / gamma_1
    15:          L_i <- gamma_1 L_i

Differs from the paper:

1. Line 8 as printed, `while ASSESS(L) > eta_1`, is never entered where it stands.
2. Both loops end: after `max_failures` raises or reductions of one L_i, at a floor and at a ceiling. As
   printed, lines 12 to 14 do not end on a convex quadratic coordinate: its ASSESS is at least 1 for every L.
3. Line 15 undoes the last division only where one was made and failed.
4. gamma_1 > 1 > gamma_2 as in the algorithm; appendix J's gamma_2 = 2 counts ARC's way, and would raise.
5. Where nothing is promised (every slope 0, every eigenvalue at least 0) nothing is changed: "still". A
   promise below the rounding of f passes: ASSESS = 1. A trial where f, or the trial point, is not finite
   fails: ASSESS = -infinity; as printed, a NaN would change nothing.
6. Each distinct L is assessed once, so an update costs as many values of f as it tries constants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from refopt.arrays import Array, all_finite, asarray_like, check_count, check_positive, namespace, to_host
from refopt.elmo_model import moved, solved
from refopt.elmo_triples import QUIET
from refopt.spectrum import Spectrum

ROUNDING = 4.0  # a promise of at most this many eps |f| cannot be told from the rounding of f


@dataclass(frozen=True, kw_only=True)
class AssessmentSettings:
    """The settings of EigenARC's update.

    Attributes:
        initial: L of an eigenvector that continues none, positive (2 is ARC's sigma_0 = 1: L = 2 sigma).
        expand: gamma_1, factor of a raise and divisor of a reduction, more than 1.
        shrink: gamma_2, factor for constants that are overly conservative, in (0, 1).
        low: eta_1, below which constants are overly liberal, positive.
        high: eta_2, above which they are overly conservative, at least eta_1.
        max_failures: most raises in a step, and most reductions of one constant, at least 1 (paper: 11).
        floor: smallest L, positive.
        ceiling: largest L, finite, at least the floor.
    """

    initial: float = 2.0
    expand: float = 2.0
    shrink: float = 0.5
    low: float = 0.1
    high: float = 0.9
    max_failures: int = 11
    floor: float = 2.0**-1000
    ceiling: float = 2.0**1000

    def __post_init__(self) -> None:
        for name in ("initial", "expand", "shrink", "low", "high", "floor", "ceiling"):
            check_positive(name, getattr(self, name))
            object.__setattr__(self, name, float(getattr(self, name)))
        check_count("max_failures", self.max_failures, 1)
        for name, holds, allowed in (
            ("expand", self.expand > 1.0, "more than 1"),
            ("shrink", self.shrink < 1.0, "less than 1: it divides (appendix J counts its inverse)"),
            ("high", self.high >= self.low, f"at least `low`, {self.low!r}"),
            ("ceiling", self.ceiling >= self.floor, f"at least `floor`, {self.floor!r}"),
            ("initial", self.floor <= self.initial <= self.ceiling, "between `floor` and `ceiling`"),
        ):
            if not holds:
                raise ValueError(f"`{name}` is {getattr(self, name)!r}; it must be {allowed}")


class EigenArcUpdate(NamedTuple):
    """What one update of the constants did."""

    lipschitz: Array  # L after it, (k,) float64
    decision: str  # "shrunk", "raised", "kept" or "still"
    ratio: float  # ASSESS of the constants that entered; NaN for "still", where it is 0/0
    raises: int  # how often all were multiplied
    reductions: tuple[int, ...]  # how often each was divided, those undone left out, (k,)
    evaluations: int  # values of f


class Assessment:
    """ASSESS at one point; each distinct L is assessed once.

    Args:
        value_at: theta (n,) -> f(theta).
        theta: the point, (n,).
        value: f(theta).
        coordinates: V'grad f, (k,).
        spectrum: k eigenpairs.

    Attributes:
        evaluations: values of f so far.
    """

    def __init__(
        self,
        value_at: Callable[[Array], Any],
        theta: Array,
        value: Any,
        coordinates: Array,
        spectrum: Spectrum,
    ) -> None:
        self._value_at, self._theta, self._value = value_at, theta, float(to_host(value))
        self._coordinates, self._spectrum = coordinates, spectrum
        self._known: dict[tuple[float, ...], float | None] = {}
        self.evaluations = 0

    def __call__(self, lipschitz: Sequence[float]) -> float | None:
        """ASSESS(L); None where nothing is promised, -infinity where the trial is not finite."""
        key = tuple(lipschitz)
        if key not in self._known:
            self._known[key] = self._assessed(key)
        return self._known[key]

    def _assessed(self, lipschitz: tuple[float, ...]) -> float | None:
        L = asarray_like(lipschitz, self._spectrum.eigenvalues)
        found = solved(self._spectrum, self._coordinates, L, "as-given", None, "positive")
        if found.promise == 0.0:
            return None
        eps = float(namespace(self._theta).finfo(self._theta.dtype).eps)
        if found.promise <= ROUNDING * eps * abs(self._value):
            return 1.0
        with np.errstate(**QUIET):  # a trial may go where f overflows
            trial = self._theta + moved(found)
            if not all_finite(trial):
                return -math.inf
            self.evaluations += 1
            value = float(to_host(self._value_at(trial)))
        return (self._value - value) / found.promise if math.isfinite(value) else -math.inf


def eigen_arc_update(
    assess: Callable[[Sequence[float]], float | None], lipschitz: Array, settings: AssessmentSettings
) -> EigenArcUpdate:
    """Lines 4 to 18 of Algorithm 3 at one point.

    Args:
        assess: L as k floats -> ASSESS(L), None where nothing is promised; such as an `Assessment`.
        lipschitz: L, (k,), positive.
        settings: of the update.
    """
    L = to_host(lipschitz).tolist()
    ratio = assess(L)
    decision, raises, reductions = "kept", 0, [0] * len(L)
    if ratio is None:
        decision = "still"
    elif ratio > settings.high:  # line 4
        decision = "shrunk"
        L = [max(settings.shrink * x, settings.floor) for x in L]  # line 5
    elif not ratio >= settings.low:  # line 7
        decision = "raised"
        L, raises = _raised(assess, L, settings)
        for i in range(len(L)):  # line 11
            reductions[i] = _reduce(assess, L, i, settings)
    count = getattr(assess, "evaluations", 0)
    found = asarray_like(L, lipschitz, "float64")
    return EigenArcUpdate(
        found, decision, math.nan if ratio is None else ratio, raises, tuple(reductions), count
    )


def _ratio(assess: Callable[[Sequence[float]], float | None], L: list[float]) -> float:
    """ASSESS(L), 1 where the promise of a tried L is below the range of a float."""
    ratio = assess(L)
    return 1.0 if ratio is None else ratio


def _raised(assess: Any, L: list[float], settings: AssessmentSettings) -> tuple[list[float], int]:
    """Lines 8 to 10."""
    raises = 0
    while raises < settings.max_failures and not _ratio(assess, L) >= settings.low:
        L = [min(settings.expand * x, settings.ceiling) for x in L]
        raises += 1
    return L, raises


def _reduce(assess: Any, L: list[float], i: int, settings: AssessmentSettings) -> int:
    """Lines 12 to 15 for one constant, in place; how often it was divided."""
    made, last = 0, L[i]
    while (
        made < settings.max_failures
        and L[i] / settings.expand >= settings.floor
        and _ratio(assess, L) > settings.low
    ):
        last, L[i] = L[i], L[i] / settings.expand
        made += 1
    if made and not _ratio(assess, L) > settings.low:
        L[i] = last
        return made - 1
    return made
