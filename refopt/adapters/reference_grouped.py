"""refopt's grouped Newton behind the operations; `Reference` inherits it."""

from typing import Any

import numpy as np

from refopt.adapters.naming import make_grouped, make_partition
from refopt.arrays import check_count, to_host
from refopt.conformance.adapter import Adapter
from refopt.cubic import cubic_minimizer
from refopt.summary import summary_tensors

STEP = (
    *("direction", "g_bar", "H_bar", "third_diagonal", "D", "r", "eta"),
    *("learning_rates", "theta_next"),
)


class GroupedReference(Adapter):
    """The operations of grouped Newton, on arrays of the library that a subclass chooses."""

    def _array(self, values: Any) -> Any:
        raise NotImplementedError

    def _derivatives(self, problem: Any) -> Any:
        raise NotImplementedError

    def summary(self, problem, theta, direction, groups):
        """One trace replayed for each group, Taylor mode for the third order."""
        found = self._derivatives(problem).summary(
            self._array(theta), self._array(direction), make_partition(groups)
        )
        return {name: to_host(getattr(found, name)) for name in ("g_bar", "H_bar", "third_diagonal")}

    def summary_tensor(self, problem, theta, direction, groups, order):
        """Forward mode nested over reverse mode."""
        f, given = self._derivatives(problem), make_partition(groups)
        tensors = summary_tensors(f, self._array(theta), self._array(direction), given, order)
        return {"entries": to_host(tensors[order].entries)}

    def cubic_minimizer(self, H, g, lam, scales):
        """The certified solve."""
        given = None if scales is None else self._array(scales)
        found = cubic_minimizer(self._array(H), self._array(g), lam, given)
        if found.minimizer is None:
            return {"bounded": False, "status": found.status}
        return {
            "bounded": True,
            "minimizer": to_host(found.minimizer),
            "value": found.value,
            "radius": found.radius,
            "dimension": found.dimension,
            "status": found.status,
        }

    def grouped_newton_step(self, problem, settings, groups, theta, curvature_problem=None):
        """The first step."""
        taken = self._grouped_steps(problem, settings, groups, theta, 1, curvature_problem)[0]
        return {name: _host(getattr(taken, name)) for name in STEP}

    def grouped_newton_run(self, problem, settings, groups, theta, steps, curvature_problem=None):
        """A free run."""
        check_count("steps", steps, 1)
        taken = self._grouped_steps(problem, settings, groups, theta, steps, curvature_problem)
        end = taken[-1].theta_next
        thetas = [*(step.theta for step in taken), end]
        values = [*(step.value for step in taken), self._derivatives(problem).value(end)]
        return {
            "thetas": np.stack([to_host(x) for x in thetas]),
            "values": np.stack([to_host(x) for x in values]),
            "learning_rates": np.stack([to_host(step.learning_rates) for step in taken]),
            "step_sizes": np.array([step.step_size for step in taken]),
            "refreshed": [t for t, step in enumerate(taken) if step.refresh == "refreshed"],
        }

    def _grouped_steps(self, problem, settings, groups, theta, steps, curvature_problem) -> list:
        method = make_grouped(settings, make_partition(groups))
        theta, f, taken = self._array(theta), self._derivatives(problem), []
        curvature = None if curvature_problem is None else self._derivatives(curvature_problem)
        state = method.init(theta)
        for _ in range(steps):
            taken.append(method.step(f, theta, state, curvature=curvature))
            theta, state = taken[-1].theta_next, taken[-1].state
        return taken


def _host(value: Any) -> Any:
    return value if isinstance(value, (int, float)) else to_host(value)
