"""Sophia and diagonals of Hessians in pieces (`refopt.sophia`, `refopt.hessian_diagonal`)."""

from typing import Any

import numpy as np

from refopt.conformance.textbook.first_order import FirstOrderPieces, made
from refopt.conformance.textbook.spectrum import SpectrumPieces


class SophiaPieces(FirstOrderPieces, SpectrumPieces):
    """The operations on Sophia and on diagonals; `s` are the settings."""

    def hessian_diagonal(self, problem, theta, estimator, probes=None):
        """The diagonal, exact or from probes."""
        hvp = self.derivatives_of(problem).linearize(theta).hvp
        if estimator == "exact":
            return {"diagonal": self.exact(hvp, theta)}
        return {"diagonal": self.probed(hvp, probes)}

    def exact(self, hvp: Any, theta: Any) -> Any:
        """The diagonal by a product for each element."""
        return np.array([hvp(e)[i] for i, e in enumerate(np.eye(len(theta), dtype=theta.dtype))])

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
        return bool(t % s.refresh_every == 0)

    def sophia_update(self, s: Any, theta: Any, g: Any, state: Any, diagonal: Any) -> dict[str, Any]:
        """Algorithm 3."""
        last = state["hessian_diagonal"]
        h = last if diagonal is None else self.sophia_diagonal(s, last, diagonal)
        used = self.diagonal_used(s, last, h, state["iteration"])
        m, ratio, d = self.sophia_direction(s, self.rate(s, state["iteration"]), g, theta, state, used)
        return {
            "clipped": [bool(x) for x in self.counts_as_clipped(np.abs(ratio))],
            "direction": d,
            "theta_next": theta + d,
            "state": {"iteration": state["iteration"] + 1, "first_moment": m, "hessian_diagonal": h},
        }

    def by_sophia(self, s, eta, g, theta, state):
        """Sophia as a base, which has taken its estimate in already."""
        m, _, d = self.sophia_direction(s, eta, g, theta, state, state["hessian_diagonal"])
        return d, {"first_moment": m}

    def sophia_direction(
        self, s: Any, eta: float, g: Any, theta: Any, state: Any, h: Any
    ) -> tuple[Any, Any, Any]:
        """The next moment, the ratio and the direction for a diagonal h."""
        last = state["first_moment"]
        m = self.sophia_moment(s, last, self.sophia_gradient(s, g, theta))
        ratio = self.moment_used(s, m, last, g, state["iteration"]) / self.sophia_divisor(s, h)
        d = self.sophia_move(eta, self.sophia_clip(s, ratio))
        return m, ratio, d - self.sophia_decay(s, eta, theta, d)

    def sophia_gradient(self, s: Any, g: Any, theta: Any) -> Any:
        """What the moment sees."""
        return g

    def sophia_moment(self, s: Any, m: Any, g: Any) -> Any:
        """The average of gradients."""
        return s.beta1 * m + (1.0 - s.beta1) * g

    def moment_used(self, s: Any, m: Any, last: Any, g: Any, t: int) -> Any:
        """The numerator."""
        return m

    def sophia_diagonal(self, s: Any, h: Any, estimate: Any) -> Any:
        """The average of diagonals."""
        return s.beta2 * h + (1.0 - s.beta2) * estimate

    def diagonal_used(self, s: Any, last: Any, h: Any, t: int) -> Any:
        """The diagonal that a step divides by."""
        return h

    def sophia_divisor(self, s: Any, h: Any) -> Any:
        """What the moment is divided by."""
        return np.maximum(s.rho * h, np.full_like(h, s.epsilon))

    def sophia_clip(self, s: Any, ratio: Any) -> Any:
        """The clipped ratio."""
        return np.clip(ratio, -1.0, 1.0)

    def counts_as_clipped(self, size: Any) -> Any:
        """Whether a ratio of that size counts as clipped."""
        return size > 1.0

    def sophia_move(self, eta: float, ratio: Any) -> Any:
        """The step without the decay."""
        return -eta * ratio

    def sophia_decay(self, s: Any, eta: float, theta: Any, d: Any) -> Any:
        """The weight decay; d is the step without it."""
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
                    diagonal = self.exact(hvp, theta)
                else:
                    diagonal, used = self.probed(hvp, probes[used : used + 1]), used + 1
            taken = self.sophia_update(s, theta, f.gradient(theta), state, diagonal)
            state = taken["state"]
            thetas.append(self.passes(t + 1, taken["theta_next"]))
        return {"thetas": np.stack(thetas), "values": np.array([f.value(x) for x in thetas])}
