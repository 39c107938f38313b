"""EigenARC's assessment and update of Lipschitz estimates: Algorithm 3 as corrected in the claims.

An assessment compares what f does with what the models promise:

    (f(theta) - f(theta + d(L))) / (-sum M*(L)),    d(L) ELMO's displacement, every step of it bisected.

The update is written as Algorithm 3 stands, over the list of all assessments that it asks for: the entering L
decides; a failure multiplies all L by gamma1 until the assessment passes, then each L_i in turn is divided
while it still passes, and the division that made it fail is undone. On a quadratic the assessment is known
without f: sum x*^2 R/2 over sum x*^2 (2R + lam)/6, which is a check.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mpmath import mp, mpf

from oracles.elmo_model import Minimum, minimum
from oracles.margins import least, margin
from oracles.precision import Matrix, Number, Vector, add, combine, dot
from oracles.problems import Problem

SETTINGS: dict[str, Any] = {
    "initial": 2.0,
    "expand": 2.0,
    "shrink": 0.5,
    "low": 0.1,
    "high": 0.9,
    "max_failures": 11,
    "floor": 2.0**-1000,
    "ceiling": 2.0**1000,
}
LARGEST_FLOAT = mpf(2) ** 1024
EPSILON = mpf(2) ** -52
CLEAR = mpf(2) ** 12  # rounding errors of f that a decision must stand away from its boundary


class Assessor:
    """Assessments at one point, each distinct L once.

    Attributes:
        trials: number of trial points at which f was computed.
        nearest: smallest distance of an assessment that was compared from its boundary, in units of what
            rounding of f can do to it.
        margin: smallest relative distance of a compared number from its boundary.
    """

    def __init__(self, problem: Problem, theta: Vector, rows: Matrix, values: Vector):
        self.problem, self.theta, self.rows, self.values = problem, theta, rows, values
        g = problem.gradient(theta)
        self.slopes = [dot(v, g) for v in rows]
        self.value = problem.value(theta)
        self.trials, self.nearest = 0, mp.inf
        self.margin: Number | None = None
        self._known: dict[tuple[Any, ...], Any] = {}
        self._minima: dict[tuple[int, Any], Minimum] = {}

    def models(self, lipschitz: Vector) -> list[Minimum]:
        """Return the minimum of each model."""
        for i, L in enumerate(lipschitz):
            if (i, L) not in self._minima:
                self._minima[i, L] = minimum(abs(self.slopes[i]), self.values[i], L)
        return [self._minima[i, L] for i, L in enumerate(lipschitz)]

    def promise(self, lipschitz: Vector) -> Number:
        """Return -sum M*."""
        return -mp.fsum(x.upper for x in self.models(lipschitz))

    def displacement(self, lipschitz: Vector) -> Vector:
        """Return ELMO's displacement; along +v, its largest entry positive, where the slope is 0."""
        steps = zip(self.slopes, self.models(lipschitz), self.rows, strict=True)
        signed = [-mp.sign(s) * x.step if s else _positive(v) * x.step for s, x, v in steps]
        return combine(self.rows, signed)

    def __call__(self, lipschitz: Vector) -> Number:
        """Return the assessment of an L; None where nothing is promised, -inf where f is out of range."""
        key = tuple(lipschitz)
        if key not in self._known:
            self._known[key] = self._assess(lipschitz)
        return self._known[key][0]

    def size(self, lipschitz: Vector) -> Number:
        """Return |f| at both ends over the promise: rounding errors of an assessment are fractions of it."""
        self(lipschitz)
        return self._known[tuple(lipschitz)][1]

    def _assess(self, lipschitz: Vector) -> tuple[Number | None, Number]:
        promise = self.promise(lipschitz)
        if promise == 0:
            return None, mpf(0)
        self.margin = least([self.margin, margin(promise, 4 * EPSILON * abs(self.value))])
        if promise <= 4 * EPSILON * abs(self.value):
            return mpf(1), mpf(0)
        self.trials += 1
        trial = self.problem.value(add(self.theta, self.displacement(lipschitz)))
        if not abs(trial) < LARGEST_FLOAT:
            return -mp.inf, mpf(0)
        return (self.value - trial) / promise, (abs(self.value) + abs(trial)) / promise

    def compare(self, lipschitz: Vector, boundary: Number) -> int:
        """Return the sign of assessment - boundary, and remember how near it was."""
        ratio, size = self(lipschitz), self.size(lipschitz)
        if size:
            self.margin = least([self.margin, margin(ratio, boundary)])
            self.nearest = min(self.nearest, abs(ratio - boundary) / (mpf(2) ** -53 * (size + abs(ratio))))
        return int(mp.sign(ratio - boundary)) if mp.isfinite(ratio) else -1


def _positive(v: Vector) -> int:
    largest = max(abs(x) for x in v)
    return 1 if next(x for x in v if abs(x) == largest) > 0 else -1


def update(assess: Assessor, lipschitz: Sequence[Number], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the L after one update, the decision and what it took.

    Args:
        assess: the assessments at this point.
        lipschitz: the L of each pair, all positive.
        settings: see `SETTINGS`.
    """
    L, ratio = list(lipschitz), assess(list(lipschitz))
    out: dict[str, Any] = {
        "ratio": ratio, "margin": None, "decision": "kept", "lipschitz_next": L, "raises": 0,
        "reductions": [0] * len(L),
    }  # fmt: skip
    if ratio is None:
        out["decision"] = "still"
    elif assess.compare(L, settings["high"]) > 0:
        out["decision"] = "shrunk"
        out["lipschitz_next"] = [max(settings["shrink"] * x, settings["floor"]) for x in L]
    elif assess.compare(L, settings["low"]) < 0:
        entering = assess.margin
        out |= _raised(assess, L, settings) | {"decision": "raised", "margin": entering}
        return {**out, "evaluations": assess.trials, "whole_margin": assess.margin}
    out["margin"] = assess.margin
    return {**out, "evaluations": assess.trials, "whole_margin": assess.margin}


def _raised(assess: Assessor, lipschitz: Vector, settings: Mapping[str, Any]) -> dict[str, Any]:
    low, expand, most = settings["low"], settings["expand"], settings["max_failures"]
    L, raises, reductions = list(lipschitz), 0, [0] * len(lipschitz)
    while raises < most and assess.compare(L, low) < 0:
        L = [min(expand * x, settings["ceiling"]) for x in L]
        raises += 1
    for i in range(len(L)):
        while reductions[i] < most and assess.compare(L, low) > 0 and L[i] / expand >= settings["floor"]:
            L[i] /= expand
            reductions[i] += 1
        if reductions[i] and assess.compare(L, low) <= 0:
            L[i] *= expand
            reductions[i] -= 1
    return {"lipschitz_next": L, "raises": raises, "reductions": reductions}


def fresh_or_carried(before: Sequence[Number], places: Sequence[int | None], initial: Number) -> Vector:
    """Return the L that enter a step: those of the pairs that go on, `initial` for new ones."""
    return [initial if j is None else before[j] for j in places]


def quadratic_ratio(assess: Assessor, lipschitz: Vector) -> Number:
    """Return the assessment of a quadratic without f: sum x*^2 R/2 / sum x*^2 (2R + lam)/6."""
    promised, real = mpf(0), mpf(0)
    for s, lam, L in zip(assess.slopes, assess.values, lipschitz, strict=True):
        root = mp.sqrt(lam * lam + 2 * L * abs(s))
        x = 2 * abs(s) / (lam + root) if lam > 0 else (root - lam) / L
        real += x * x * root / 2
        promised += x * x * (2 * root + lam) / 6
    return real / promised
