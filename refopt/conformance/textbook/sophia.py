"""Sophia and the Hessian diagonals behind it in pieces (`refopt.sophia`, `refopt.hessian_diagonal`)."""

from typing import Any

import numpy as np

from refopt.conformance.textbook.first_order import FirstOrderPieces, made
from refopt.conformance.textbook.spectrum import SpectrumPieces


class SophiaPieces(FirstOrderPieces, SpectrumPieces):
    """The operations on Sophia and on diagonals."""

    def hessian_diagonal(self, problem, theta, estimator, probes=None):
        """The diagonal, exact or from probes."""
        hvp = self.derivatives_of(problem).linearize(theta).hvp
        if estimator == "exact":
            return {"diagonal": exact(hvp, theta)}
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
                    diagonal = exact(hvp, theta)
                else:
                    diagonal, used = self.probed(hvp, probes[used : used + 1]), used + 1
            taken = self.sophia_update(s, theta, f.gradient(theta), state, diagonal)
            state = taken["state"]
            thetas.append(self.passes(t + 1, taken["theta_next"]))
        return {"thetas": np.stack(thetas), "values": np.array([f.value(x) for x in thetas])}

    def by_sophia(self, s, eta, g, theta, state):
        """Sophia as a base, which has taken its estimate in already."""
        m = self.sophia_moment(s, state["first_moment"], g)
        ratio = m / self.sophia_divisor(s, state["hessian_diagonal"])
        return -eta * self.sophia_clip(ratio) - self.sophia_decay(s, eta, theta), {"first_moment": m}


def exact(hvp: Any, theta: Any) -> Any:
    """The diagonal by a product for each element."""
    return np.array([hvp(e)[i] for i, e in enumerate(np.eye(len(theta), dtype=theta.dtype))])
