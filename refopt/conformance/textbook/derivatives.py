"""Derivatives, derivatives along a line and the second-order comparators in pieces."""

from typing import Any

import numpy as np

from refopt.conformance.textbook.cubic import CubicPieces
from refopt.conformance.textbook.spectrum import SpectrumPieces
from refopt.newton import COMPARATORS


class DerivativePieces(SpectrumPieces, CubicPieces):
    """The operations on derivatives, and one step of a comparator."""

    def derivatives(self, problem, theta, vector):
        """Value, gradient and one product."""
        f = self.derivatives_of(problem)
        return {
            "value": f.value(theta),
            "gradient": self.gradient_entry(f.gradient(theta)),
            "hvp": self.product_entry(f.hvp(theta, vector), vector),
        }

    def gradient_entry(self, g: Any) -> Any:
        """The gradient as it is answered."""
        return g

    def product_entry(self, product: Any, vector: Any) -> Any:
        """H v as it is answered."""
        return product

    def along(self, problem, theta, direction, order):
        """Derivatives along a line."""
        found = self.derivatives_of(problem).along(theta, self.line_direction(direction), order)
        return {"derivatives": np.stack([self.line_entry(k, entry) for k, entry in enumerate(found)])}

    def line_direction(self, direction: Any) -> Any:
        """The direction of the line."""
        return direction

    def line_entry(self, k: int, derivative: Any) -> Any:
        """The derivative of order k as it is answered."""
        return derivative

    def comparator_step(self, problem, optimizer, settings, theta):
        """One Newton-type step."""
        f, s = self.derivatives_of(problem), COMPARATORS[optimizer](**settings)
        d = getattr(self, f"by_{optimizer}")(s, f.gradient(theta), f.hessian(theta))
        return {"direction": d, "theta_next": theta + d}

    def by_newton(self, s, g, H):
        """Newton's method."""
        return -s.alpha * np.linalg.solve(H, g)

    def sizes(self, values: Any, floor: float) -> Any:
        """What saddle-free Newton divides by."""
        return np.maximum(np.abs(values), floor)

    def by_saddle_free_newton(self, s, g, H):
        """Saddle-free Newton."""
        values, Q = np.linalg.eigh(H)
        return -s.alpha * (Q @ ((Q.T @ g) / self.sizes(values, s.epsilon * np.max(np.abs(values)))))

    def cauchy_rate(self, g: Any, H: Any) -> Any:
        """The exact rate along -g."""
        return (g @ g) / (g @ (H @ g))

    def by_steepest_descent(self, s, g, H):
        """Cauchy's method."""
        return -self.cauchy_rate(g, H) * g if np.any(g) else 0 * g

    def lipschitz(self, s: Any) -> float:
        """M in (M/6) |d|^3."""
        return float(s.lipschitz)

    def by_cubic_newton(self, s, g, H):
        """Cubic Newton."""
        return self.solved(H, -g, self.lipschitz(s), np.ones_like(g)).minimizer
