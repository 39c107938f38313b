"""Scaling of the rate, floor of the curvature and period of FOSI in pieces (`refopt.fosi_tuning`)."""

import math
from typing import Any

import numpy as np

from refopt.conformance.adapter import Adapter
from refopt.rates import CLOSED_FORM, optimal_rates


class ScalingPieces(Adapter):
    """The numbers around FOSI's step."""

    def rate_scaling(
        self, optimizer, eigenvalues, residuals, largest, smallest, scaling, max_scaling, max_residual
    ):
        """The factor of the base's rate."""
        top, low = eigenvalues[:largest], eigenvalues[largest : largest + smallest]
        if scaling == "none" or not self.scales(optimizer) or len(top) <= 1 or not np.min(top) > 0:
            return {"scaling": 1.0}
        if not self.converged(residuals[:largest], max_residual, eigenvalues):
            return {"scaling": 1.0}
        if scaling == "ratio":
            ratio = self.end_ratio(top)
        else:
            low = low if len(low) else np.array([self.lower_end(top)])
            if low[-1] < 0.0 or (smallest and low[-1] == 0.0):
                return {"scaling": 1.0}
            ratio = self.rate_ratio(optimizer, top, low)
        return {"scaling": float(self.clipped(ratio, max_scaling))}

    def scales(self, optimizer: str) -> bool:
        """Whether a base is scaled at all."""
        return optimizer in CLOSED_FORM

    def converged(self, residuals: Any, max_residual: float, values: Any) -> bool:
        """Whether the pairs are good enough for a scaling."""
        return bool(np.all(residuals <= max_residual * np.max(np.abs(values))))

    def end_ratio(self, top: Any) -> float:
        """The ratio of the known eigenvalues."""
        return float(top[0] / top[-1])

    def lower_end(self, top: Any) -> float:
        """The lower end of the spectrum that the closed form takes where l = 0."""
        return 0.0

    def rate_ratio(self, optimizer: str, top: Any, low: Any) -> float:
        """The ratio of the optimal rates on what is left and on the whole."""
        left = optimal_rates(optimizer, float(top[-1]), float(low[0]))
        return left.learning_rate / optimal_rates(optimizer, float(top[0]), float(low[-1])).learning_rate

    def clipped(self, ratio: float, c: float) -> float:
        """The scaling in its range."""
        return min(max(ratio, 1.0), float(c))

    def inverse(self, values: Any, epsilon: float | None, dtype: Any) -> Any:
        """The inverse of |lambda|, u, with its floor."""
        sizes = np.abs(np.asarray(values, dtype=np.float64))
        info = np.finfo(dtype)
        floor = (float(info.eps) ** (2 / 3) if epsilon is None else epsilon) * np.max(sizes)
        if not np.all(np.isfinite(sizes)) or float(floor) * float(info.max) <= 1.0:
            raise ArithmeticError("no curvature to divide by")
        return self.floored(np.asarray(values, dtype=np.float64), floor, np.max(sizes)).astype(dtype)

    def floored(self, values: Any, floor: float, top: float) -> Any:
        """The inverse of the sizes, none below the floor; top is the largest size."""
        return 1.0 / np.maximum(np.abs(values), floor)

    def refresh_period(self, lanczos_steps, overhead):
        """T by formula."""
        return {"period": self.whole(2 * lanczos_steps / (overhead - 1.0))}

    def refresh_period_measured(self, base_latency, fosi_latency, ese_latency, overhead):
        """T from latencies."""
        return {"period": self.whole(ese_latency / (overhead * base_latency - fosi_latency))}

    def whole(self, period: float) -> int:
        """A period as an integer."""
        nearest = round(period)
        return max(1, nearest if abs(period - nearest) <= 1e-9 else math.ceil(period))
