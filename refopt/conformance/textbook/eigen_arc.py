"""EigenARC in pieces (`refopt.assessment`, `refopt.eigen_arc`)."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from refopt.assessment import AssessmentSettings
from refopt.conformance.textbook.elmo_models import ElmoModelPieces
from refopt.conformance.textbook.first_order import FirstOrderPieces, fresh, made
from refopt.conformance.textbook.spectrum import SpectrumPieces

Assess = Callable[[list[float]], float]
ROUNDING = 4.0  # a promise of so many eps |f| is not told from the rounding of f


class EigenArcPieces(ElmoModelPieces, FirstOrderPieces, SpectrumPieces):
    """The operations on EigenARC; `s` has the settings of the update as attributes."""

    def eigen_arc_update(self, problem, theta, eigenvalues, eigenvectors, lipschitz, settings):
        """One update of given constants."""
        f, s = self.derivatives_of(problem), AssessmentSettings(**settings)
        c = eigenvectors.T @ f.gradient(theta)
        L = [float(x) for x in np.broadcast_to(lipschitz, len(eigenvalues))]
        return self.arc_update(s, f, theta, c, np.asarray(eigenvalues, dtype=np.float64), eigenvectors, L)

    def eigen_arc_run(self, problem, settings, base, theta, steps):
        """EigenARC along a base's run."""
        chosen = {name: value for name, value in settings.items() if name not in ("spectrum", "steps")}
        f, s, own = self.derivatives_of(problem), AssessmentSettings(**chosen), made(**base)
        state, kept, thetas, found = fresh(own, theta), None, [theta], []
        for t in range(steps):
            theta = thetas[-1]
            g = f.gradient(theta)
            lam, V = self.tracked(problem, f, theta, settings)
            found.append(self.constants_updated(s, f, theta, V.T @ g, lam, V, kept))
            kept = (V, found[-1]["lipschitz_next"])
            d, state = self.moved(base["optimizer"], own, g, theta, state)
            thetas.append(self.passes(t + 1, theta + d))
        return {
            "ratios": np.array([entry["ratio"] for entry in found]),
            "decisions": [entry["decision"] for entry in found],
            "lipschitz": np.stack([entry["lipschitz_next"] for entry in found]),
            "evaluations": [entry["evaluations"] for entry in found],
            "thetas": np.stack(thetas),
        }

    def tracked(self, problem: Any, f: Any, theta: Any, settings: Any) -> tuple[Any, Any]:
        """The eigenpairs whose constants are tracked."""
        if settings.get("spectrum", "dense") == "dense":
            return self.dense_pairs(f, theta)
        n = len(theta)
        start = np.sqrt(np.arange(2.0, n + 2.0)).astype(theta.dtype)  # which no eigenvector is orthogonal to
        lam, V, _ = self.estimate(
            self.product(problem, theta), start, 1, min(1, n - 1), settings.get("steps"), "krylov"
        )
        chosen = [i for i in range(len(lam)) if self.is_end(i, lam)]
        return lam[chosen], V[:, chosen]

    def is_end(self, i: int, lam: Any) -> bool:
        """Whether a pair is the positive one of the largest, or the negative one of the smallest."""
        return bool(lam[i] > 0 if i == 0 else lam[i] < 0) or (len(lam) == 1 and lam[0] < 0)

    def constants_updated(
        self, s: Any, f: Any, theta: Any, c: Any, lam: Any, V: Any, kept: Any
    ) -> dict[str, Any]:
        """The update of the constants that these eigenvectors bring along, or start with."""
        before, numbers = (V[:, :0], np.zeros(0)) if kept is None else kept
        L = self.carried(numbers, self.arc_matches(before, V), self.first_constant(s))
        return self.arc_update(s, f, theta, c, lam, V, L.tolist())

    def arc_matches(self, before: Any, now: Any) -> list[int | None]:
        """The vectors whose constants are carried on."""
        return self.matches(before, now)

    def first_constant(self, s: Any) -> float:
        """The constant of a vector that continues none."""
        return float(s.initial)

    def arc_update(
        self, s: Any, f: Any, theta: Any, c: Any, lam: Any, V: Any, L: list[float]
    ) -> dict[str, Any]:
        """Lines 4 to 18 of Algorithm 3."""
        known: dict[Any, float | None] = {}
        tried = [0]

        def assess(constants: list[float]) -> float | None:
            key = self.remembered_by(constants)
            if key is None or key not in known:
                known[key] = self.assessed(f, theta, c, lam, V, constants, tried)
            return known[key]

        def at_least(constants: list[float]) -> float:
            ratio = assess(constants)
            return 1.0 if ratio is None else ratio

        ratio, raises, reductions = assess(L), 0, [0] * len(L)
        decision = "still" if ratio is None else self.decision(s, ratio)
        if decision == "shrunk":
            L = [max(self.shrunk(s, x), self.floor(s)) for x in L]
        if decision == "raised":
            while raises < self.most_raises(s) and self.goes_on_raising(s, at_least(L)):
                L = [min(self.raised(s, x), self.ceiling(s)) for x in L]
                raises += 1
            for i in self.reduced_indices(len(L)):
                reductions[i] = self.reduce(s, at_least, L, i)
        return {
            "ratio": math.nan if ratio is None else ratio,
            "decision": decision,
            "lipschitz_next": np.array(L),
            "raises": raises,
            "reductions": reductions,
            "evaluations": tried[0],
        }

    def remembered_by(self, L: list[float]) -> Any:
        """What an assessment is remembered by; None, not at all."""
        return tuple(L)

    def assessed(
        self, f: Any, theta: Any, c: Any, lam: Any, V: Any, L: list[float], tried: list[int]
    ) -> float | None:
        """ASSESS; None where nothing is promised. `tried` counts the values of f."""
        found = self.models(c, lam, V, L, {"clusters": "as-given"})
        value = float(f.value(theta))
        if found["promise"] == 0.0:
            return None
        if found["promise"] <= ROUNDING * float(np.finfo(theta.dtype).eps) * abs(value):
            return 1.0
        with np.errstate(all="ignore"):
            trial = self.trial(theta, found["displacement"])
            if not np.all(np.isfinite(trial)):
                return -math.inf
            tried[0] += 1
            after = float(f.value(trial))
        return self.assessment(value - after, found) if math.isfinite(after) else -math.inf

    def trial(self, theta: Any, d: Any) -> Any:
        """The trial point."""
        return theta + d

    def assessment(self, decrease: float, found: dict[str, Any]) -> float:
        """The decrease, as a part of what the models promise."""
        return float(decrease / found["promise"])

    def decision(self, s: Any, ratio: float) -> str:
        """Lines 4 and 7."""
        return "shrunk" if ratio > s.high else "kept" if ratio >= s.low else "raised"

    def shrunk(self, s: Any, x: float) -> float:
        """Line 5."""
        return float(s.shrink * x)

    def raised(self, s: Any, x: float) -> float:
        """Line 9."""
        return float(s.expand * x)

    def floor(self, s: Any) -> float:
        """The smallest constant."""
        return float(s.floor)

    def ceiling(self, s: Any) -> float:
        """The largest constant."""
        return float(s.ceiling)

    def most_raises(self, s: Any) -> int:
        """The cap of the raises."""
        return int(s.max_failures)

    def most_reductions(self, s: Any) -> int:
        """The cap of the reductions of a constant."""
        return int(s.max_failures)

    def goes_on_raising(self, s: Any, ratio: float) -> bool:
        """Line 8."""
        return not ratio >= s.low

    def reduced_indices(self, k: int) -> Any:
        """Line 11: the constants that are reduced, in order."""
        return range(k)

    def reduce(self, s: Any, assess: Assess, L: list[float], i: int) -> int:
        """Lines 12 to 15 for one constant, in place; how often it was divided."""
        count, last, least = 0, L[i], self.floor(s)
        while (
            count < self.most_reductions(s)
            and L[i] / s.expand >= least
            and self.goes_on_reducing(s, assess(L))
        ):
            last, L[i] = L[i], L[i] / s.expand
            count += 1
        undone, L[i] = self.undone(s, count, lambda: not assess(L) > s.low, L[i], last)
        return count - undone

    def goes_on_reducing(self, s: Any, ratio: float) -> bool:
        """Line 12."""
        return bool(ratio > s.low)

    def undone(
        self, s: Any, count: int, fails: Callable[[], bool], x: float, last: float
    ) -> tuple[int, float]:
        """Line 15: how many of the divisions are undone, and the constant; `last` is that before the last."""
        return (1, last) if count and fails() else (0, x)
