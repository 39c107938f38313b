"""The averages and the rules of AMOS in pieces (`refopt.amos_averages`, `refopt.amos_selection`)."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from refopt.conformance.textbook.lipschitz import LipschitzPieces
from refopt.groups import Groups

ASCENT = "newton-ascent"


class AmosPieces(LipschitzPieces):
    """The operations on AMOS' parts."""

    def lipschitz_averages(self, curvatures, points, settings):
        """The averages at given points."""
        s, kept, found = SimpleNamespace(**settings), None, []
        for theta, lam in zip(points, curvatures, strict=True):
            kept = self.hessian_time(s, kept, theta, lam)
            found.append(self.unbiased(s.momentum, kept["L"], kept["k"], s.average))
        return {"lipschitz": np.stack(found)}

    def amos_selection(self, slopes, curvatures, lipschitz, settings, groups=None):
        """The rules."""
        partition = None if groups is None else Groups.from_labels(groups)
        s = SimpleNamespace(**{"aggregate": "mean", "damping": 1.0, **settings})
        to_first, statistic = self.selected(s, lipschitz, slopes, curvatures, partition)
        return {"to_first": [bool(x) for x in to_first], "statistic": statistic}

    def selected(self, s: Any, L: Any, slopes: Any, curvatures: Any, groups: Groups | None) -> Any:
        """Lines 6 to 12: who goes to the first optimizer, and the numbers that say so."""
        L, g, lam = (np.asarray(x, dtype=np.float64) for x in (L, slopes, curvatures))
        ascent = s.threshold == ASCENT
        statistic = self.kappa(L, g, lam, s.damping) if ascent else L
        if groups is not None:
            statistic = self.gathered(statistic, groups, s.aggregate)
        if not ascent:
            return self.goes_first(statistic, s.threshold), statistic
        return self.ascends(statistic, lam if groups is None else None), statistic

    def kappa(self, L: Any, g: Any, lam: Any, a: float) -> Any:
        """The number that says how far above 0 the cubic bound is at Newton's step."""
        with np.errstate(all="ignore"):
            found = self.margin(L, g, lam, self.ascent_factor(a))
        return np.where(lam > 0, np.where(g == 0, 0.0, found), np.inf)

    def margin(self, L: Any, g: Any, lam: Any, factor: float) -> Any:
        """L over the threshold of eq. 8, for a positive curvature."""
        return (np.sqrt(L) * np.sqrt(g) * np.sqrt(factor) / lam) ** 2

    def ascent_factor(self, a: float) -> float:
        """The factor of eq. 8 for a damped step."""
        return a**2 / (3.0 * (2.0 - a))

    def gathered(self, x: Any, groups: Groups, aggregate: str) -> Any:
        """The mean or maximum over a tensor."""
        labels = np.array(groups.labels())
        parts = [x[labels == s] for s in range(groups.count)]
        if aggregate == "max":
            return np.array([self.largest_of(part) for part in parts])
        return np.array([self.mean_of(part, len(x)) for part in parts])

    def largest_of(self, part: Any) -> Any:
        """What the aggregate `max` takes of a tensor."""
        return np.max(part)

    def mean_of(self, part: Any, n: int) -> Any:
        """What the aggregate `mean` takes of a tensor, of n numbers in all."""
        return np.mean(part)

    def goes_first(self, statistic: Any, threshold: float) -> Any:
        """Who goes to the first optimizer by a fixed threshold."""
        return ~(statistic <= threshold)

    def ascends(self, kappa: Any, lam: Any) -> Any:
        """Who goes to the first optimizer by eq. 8; of tensors `lam` is None."""
        return ~(kappa <= 1.0)
