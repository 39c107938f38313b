"""refopt's Sophia behind the operations; `Reference` inherits it."""

from typing import Any, NamedTuple

import numpy as np

from refopt.adapters.naming import make
from refopt.arrays import check_count, to_host
from refopt.conformance.adapter import Adapter
from refopt.derivatives import Derivatives
from refopt.first_order import FIRST_ORDER
from refopt.hessian_diagonal import ExactDiagonal, Hutchinson
from refopt.sophia import SophiaState

ESTIMATORS = ("exact", "hutchinson")


class _Given(NamedTuple):
    """An estimate of the diagonal that was made elsewhere."""

    estimate: Any

    def diagonal(self, theta: Any) -> Any:
        """The estimate, whatever the point."""
        return self.estimate


class AmosReference(Adapter):
    """The operations of Sophia, on arrays of the library that a subclass chooses."""

    _xp: Any

    def _array(self, values: Any) -> Any:
        raise NotImplementedError

    def _vector(self, name: str, values: Any, n: int | None = None) -> Any:
        raise NotImplementedError

    def _derivatives(self, problem: Any) -> Any:
        raise NotImplementedError

    def hessian_diagonal(self, problem, theta, estimator, probes=None):
        """The estimators of `refopt.hessian_diagonal`."""
        f = self._derivatives(problem)
        if estimator not in ESTIMATORS:
            raise ValueError(f"`estimator` is {estimator!r}; allowed are {', '.join(ESTIMATORS)}")
        if estimator == "hutchinson" and probes is None:
            raise ValueError("`probes` is missing; Hutchinson's estimator needs one probe in a row")
        chosen = ExactDiagonal(f) if estimator == "exact" else Hutchinson(f, self._array(probes))
        return {"diagonal": to_host(chosen.diagonal(self._array(theta)))}

    def sophia_step(self, settings, theta, gradient, state, diagonal=None):
        """One step: the estimate taken over where one is due, then the direction."""
        method, theta = make(FIRST_ORDER, "sophia", settings), self._vector("theta", theta)
        memories = (self._array(state[name]) for name in ("first_moment", "hessian_diagonal"))
        before, g = SophiaState(state["iteration"], *memories), self._vector("gradient", gradient)
        if method.refreshes_at(before.iteration) and diagonal is None:
            raise ValueError("`diagonal` is missing; this iteration takes an estimate in")
        estimate = None if diagonal is None else self._vector("diagonal", diagonal, theta.shape[0])
        f = Derivatives.from_callables(lambda x: self._xp.sum(x) * 0.0, lambda x: g)
        step = method.step(f, theta, before, curvature=_Given(estimate))
        return {
            "clipped": to_host(step.clipped).tolist(),
            "direction": to_host(step.direction),
            "theta_next": to_host(step.theta_next),
            "state": {
                "iteration": step.state.iteration,
                "first_moment": to_host(step.state.first_moment),
                "hessian_diagonal": to_host(step.state.hessian_diagonal),
            },
        }

    def sophia_run(self, problem, settings, theta, steps, probes=None):
        """A free run, a probe for each estimate."""
        check_count("steps", steps, 1)
        method, f, theta = (
            make(FIRST_ORDER, "sophia", settings),
            self._derivatives(problem),
            self._array(theta),
        )
        state, thetas, values, refreshes = method.init(theta), [theta], [f.value(theta)], 0
        for _ in range(steps):
            curvature = None
            if probes is not None and method.refreshes_at(state.iteration):
                curvature = Hutchinson(f, self._array(probes[refreshes : refreshes + 1]))
                refreshes += 1
            step = method.step(f, theta, state, curvature=curvature)
            theta, state = step.theta_next, step.state
            thetas.append(theta)
            values.append(f.value(theta))
        return {
            "thetas": np.stack([to_host(x) for x in thetas]),
            "values": np.stack([to_host(x) for x in values]),
        }
