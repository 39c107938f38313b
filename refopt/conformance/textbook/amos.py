"""The averages and rules of AMOS in pieces (`refopt.amos`)."""

from typing import Any

import numpy as np

from refopt.conformance.textbook.sophia import SophiaPieces
from refopt.groups import Groups


class AmosPieces(SophiaPieces):
    """The operations on AMOS' parts."""

    def lipschitz_averages(self, curvatures, points, settings):
        """The averages at given points."""
        a, epsilon = settings["momentum"], settings["epsilon"]
        average, denominator = settings["average"], settings["denominator"]
        L, k, found = np.zeros(points.shape[1]), np.zeros(points.shape[1], dtype=int), []
        for t, (theta, lam) in enumerate(zip(points, curvatures, strict=True)):
            if t > 0:
                move, rise = (x.astype(np.float64) for x in (theta - points[t - 1], lam - curvatures[t - 1]))
                distance = np.broadcast_to(self.distance(move, denominator), move.shape)
                known = (distance > 0) & np.isfinite(rise)
                slope = self.slope(rise, epsilon, np.where(known, distance, 1.0))
                taken = self.slope_average(a, L, slope, k, average)
                L, k = np.where(known, taken, L), k + known
            found.append(self.unbiased(a, L, k, average))
        return {"lipschitz": np.stack(found)}

    def distance(self, move: Any, denominator: str) -> Any:
        """How far theta has moved, as a whole or by component."""
        return np.abs(move) if denominator == "component" else np.linalg.norm(move)

    def slope(self, rise: Any, epsilon: float, distance: Any) -> Any:
        """The slope of a curvature."""
        return np.abs(rise) / (epsilon + distance)

    def slope_average(self, a: float, L: Any, slope: Any, k: Any, average: str) -> Any:
        """The average of slopes; k have been taken in before."""
        taken = a * L + (1.0 - a) * slope
        return np.where(k == 0, slope, taken) if average == "first-slope" else taken

    def unbiased(self, a: float, L: Any, k: Any, average: str) -> Any:
        """The average with its bias correction."""
        if average != "bias-corrected" or a == 0:
            return L
        return np.where(k > 0, L / np.where(k > 0, -np.expm1(k * np.log(a)), 1.0), L)

    def amos_selection(self, slopes, curvatures, lipschitz, settings, groups=None):
        """The rules."""
        partition = None if groups is None else Groups.from_labels(groups)
        aggregate, threshold = settings.get("aggregate", "mean"), settings["threshold"]
        L, g, lam = (np.asarray(x, dtype=np.float64) for x in (lipschitz, slopes, curvatures))
        statistic = L
        if threshold == "newton-ascent":
            statistic, threshold = self.kappa(L, g, lam, settings.get("damping", 1.0)), 1.0
        if partition is not None:
            statistic = self.gathered(statistic, partition, aggregate)
        return {"to_first": [bool(x) for x in self.goes_first(statistic, threshold)], "statistic": statistic}

    def kappa(self, L: Any, g: Any, lam: Any, a: float) -> Any:
        """The number that says how far above 0 the cubic bound is at Newton's step."""
        with np.errstate(all="ignore"):
            found = (np.sqrt(L) * np.sqrt(g) * np.sqrt(self.ascent_factor(a)) / lam) ** 2
        return np.where(lam > 0, np.where(g == 0, 0.0, found), np.inf)

    def ascent_factor(self, a: float) -> float:
        """The factor of eq. 8 for a damped step."""
        return a**2 / (3.0 * (2.0 - a))

    def gathered(self, x: Any, groups: Groups, aggregate: str) -> Any:
        """The mean or maximum over a tensor."""
        labels = np.array(groups.labels())
        parts = [x[labels == s] for s in range(groups.count)]
        return np.array([np.max(part) if aggregate == "max" else np.mean(part) for part in parts])

    def goes_first(self, statistic: Any, threshold: float) -> Any:
        """Who goes to the first optimizer."""
        return ~(statistic <= threshold)
