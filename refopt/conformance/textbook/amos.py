"""Sophia, and the averages and rules of AMOS, in pieces (`refopt.sophia`, `refopt.amos`)."""

from typing import Any

import numpy as np

from refopt.conformance.textbook.first_order import FirstOrderPieces, made
from refopt.conformance.textbook.spectrum import SpectrumPieces
from refopt.groups import Groups


class AmosPieces(FirstOrderPieces, SpectrumPieces):
    """The operations on Sophia, on diagonals and on AMOS' parts."""

    def hessian_diagonal(self, problem, theta, estimator, probes=None):
        """The diagonal, exact or from probes."""
        hvp = self.derivatives_of(problem).linearize(theta).hvp
        if estimator == "exact":
            return {"diagonal": _exact(hvp, theta)}
        return {"diagonal": self.probed(hvp, probes)}

    def probed(self, hvp: Any, probes: Any) -> Any:
        """Hutchinson's estimate."""
        return np.mean(np.stack([u * hvp(u) for u in probes]), axis=0, dtype=probes.dtype)

    def sophia_step(self, settings, theta, gradient, state, diagonal=None):
        """One step from a given state."""
        s = made("sophia", settings)
        if not self.estimates(s, state["iteration"]):
            diagonal = None
        elif diagonal is None:
            raise ValueError("`diagonal` is missing")
        return self.sophia_update(s, theta, gradient, state, diagonal)

    def estimates(self, s: Any, t: int) -> bool:
        """Whether a step takes an estimate in."""
        return t % s.refresh_every == 0

    def sophia_update(self, s: Any, theta: Any, g: Any, state: Any, diagonal: Any) -> dict[str, Any]:
        """Algorithm 3."""
        t = state["iteration"]
        m = self.sophia_moment(s, state["first_moment"], g)
        h = state["hessian_diagonal"]
        h = h if diagonal is None else self.sophia_diagonal(s, h, diagonal)
        ratio = m / self.sophia_divisor(s, self.diagonal_used(state["hessian_diagonal"], h))
        d = -self.rate(s, t) * self.sophia_clip(ratio) - self.sophia_decay(s, self.rate(s, t), theta)
        return {
            "clipped": [bool(x) for x in np.abs(ratio) > 1.0],
            "direction": d,
            "theta_next": theta + d,
            "state": {"iteration": t + 1, "first_moment": m, "hessian_diagonal": h},
        }

    def sophia_moment(self, s: Any, m: Any, g: Any) -> Any:
        """The average of gradients."""
        return s.beta1 * m + (1.0 - s.beta1) * g

    def sophia_diagonal(self, s: Any, h: Any, estimate: Any) -> Any:
        """The average of diagonals."""
        return s.beta2 * h + (1.0 - s.beta2) * estimate

    def diagonal_used(self, before: Any, after: Any) -> Any:
        """The diagonal that a step divides by."""
        return after

    def sophia_divisor(self, s: Any, h: Any) -> Any:
        """What the moment is divided by."""
        return np.maximum(s.rho * h, np.full_like(h, s.epsilon))

    def sophia_clip(self, ratio: Any) -> Any:
        """The clipped ratio."""
        return np.clip(ratio, -1.0, 1.0)

    def sophia_decay(self, s: Any, eta: float, theta: Any) -> Any:
        """The weight decay."""
        return eta * s.weight_decay * theta if s.weight_decay else 0 * theta

    def sophia_run(self, problem, settings, theta, steps, probes=None):
        """A free run."""
        s, f, thetas, used = made("sophia", settings), self.derivatives_of(problem), [theta], 0
        zeros = np.zeros_like(theta)
        state: Any = {"iteration": 0, "first_moment": zeros, "hessian_diagonal": zeros}
        for t in range(steps):
            theta, diagonal = thetas[-1], None
            if self.estimates(s, t):
                hvp = f.linearize(theta).hvp
                if probes is None:
                    diagonal = _exact(hvp, theta)
                else:
                    diagonal, used = self.probed(hvp, probes[used : used + 1]), used + 1
            taken = self.sophia_update(s, theta, f.gradient(theta), state, diagonal)
            state = taken["state"]
            thetas.append(self.passes(t + 1, taken["theta_next"]))
        return {"thetas": np.stack(thetas), "values": np.array([f.value(x) for x in thetas])}

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


def _exact(hvp: Any, theta: Any) -> Any:
    """The diagonal by a product for each element."""
    return np.array([hvp(e)[i] for i, e in enumerate(np.eye(len(theta), dtype=theta.dtype))])
