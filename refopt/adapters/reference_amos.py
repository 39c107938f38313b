"""refopt's Sophia and AMOS behind the operations; `Reference` inherits them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from refopt.adapters.naming import make, make_amos, make_partition
from refopt.amos import Amos
from refopt.amos_averages import Averages, corrected
from refopt.amos_selection import select
from refopt.arrays import check_count, to_host
from refopt.conformance.adapter import Adapter
from refopt.derivatives import Derivatives
from refopt.first_order import FIRST_ORDER
from refopt.groups import Groups
from refopt.hessian_diagonal import ExactDiagonal, Hutchinson
from refopt.sophia import SophiaState

ESTIMATORS = ("exact", "hutchinson")


class Given(NamedTuple):
    """An estimate of the diagonal that was made elsewhere."""

    estimate: Any

    def diagonal(self, theta: Any) -> Any:
        """The estimate, whatever the point."""
        return self.estimate


class Probed:
    """Hutchinson's estimates of a run, the next probe for each."""

    def __init__(self, f: Any, probes: Any):
        self._f, self._probes, self._used = f, probes, 0

    def linearize(self, theta: Any) -> Any:
        """The linearization of the derivatives."""
        return self._f.linearize(theta)

    def diagonal(self, theta: Any) -> Any:
        """The estimate from the next probe."""
        self._used += 1
        return Hutchinson(self._f, self._probes[self._used - 1 : self._used]).diagonal(theta)


class AmosReference(Adapter):
    """The operations of Sophia and AMOS, on arrays of the library that a subclass chooses."""

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
        step = method.step(f, theta, before, curvature=Given(estimate))
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

    def lipschitz_averages(self, curvatures, points, settings):
        """AMOS at given points of a function without gradient, with given diagonals."""
        if np.shape(points) != np.shape(curvatures):
            raise ValueError(
                f"`points` has shape {np.shape(points)}; it must be {np.shape(curvatures)}, as `curvatures`"
            )
        method = _bare({**settings, "threshold": 1.0})
        f = Derivatives.from_callables(lambda x: self._xp.sum(x) * 0.0, lambda x: x * 0.0)
        state, found = method.init(self._array(points[0])), []
        for theta, diagonal in zip(points, curvatures, strict=True):
            step = method.step(f, self._array(theta), state, curvature=Given(self._array(diagonal)))
            state = step.state
            found.append(to_host(_estimates(method, step)))
        return {"lipschitz": np.stack(found)}

    def amos_selection(self, slopes, curvatures, lipschitz, settings, groups=None):
        """The rules."""
        method = _bare(settings, _partition(groups, np.size(lipschitz)))
        for name, values in (("slopes", slopes), ("lipschitz", lipschitz)):
            if not np.all(np.asarray(values) >= 0):
                raise ValueError(f"`{name}` holds a number below 0 or NaN; every one must be at least 0")
        rule: dict[str, Any] = {"threshold": method.threshold, "damping": method.damping}
        rule |= {"groups": method.groups, "aggregate": method.aggregate}
        arrays = (self._array(x) for x in (lipschitz, slopes, curvatures))
        found = select(*arrays, **rule)
        return {"to_first": to_host(found.to_first).tolist(), "statistic": to_host(found.statistic)}

    def amos_run(self, problem, settings, first, second, theta, steps, groups=None, probes=None):
        """A free run."""
        check_count("steps", steps, 1)
        method = make_amos(settings, first, second, _partition(groups, problem.n))
        f, theta, taken = self._derivatives(problem), self._vector("theta", theta), []
        start = next((spec["lanczos_start"] for spec in (first, second) if "lanczos_start" in spec), None)
        state = method.init(theta, lanczos_start=None if start is None else self._array(start))
        curvature = None if probes is None else Probed(f, self._array(probes))
        for _ in range(steps):
            taken.append(method.step(f, theta, state, curvature=curvature))
            theta, state = taken[-1].theta_next, taken[-1].state
        return {
            "thetas": np.stack([*(to_host(step.theta) for step in taken), to_host(theta)]),
            "values": np.stack([*(to_host(step.value) for step in taken), to_host(f.value(theta))]),
            "assignments": [
                "".join("1" if mine else "0" for mine in to_host(step.to_first).tolist()) for step in taken
            ],
            "lipschitz": np.stack([to_host(_estimates(method, step)) for step in taken]),
            "offload": np.array([step.offload for step in taken]),
        }


def _bare(settings: Mapping[str, Any], groups: Groups | None = None) -> Amos:
    """AMOS for its settings alone, around two optimizers that are not asked."""
    idle = {"optimizer": "gradient_descent", "settings": {"learning_rate": 1.0}}
    return make_amos({"hessian_at": 1, **settings}, idle, idle, groups)


def _partition(labels: Sequence[int] | None, n: int) -> Groups | None:
    if labels is not None and len(labels) != n:
        raise ValueError(f"`groups` has {len(labels)} labels; it must have {n}, one a parameter")
    return None if labels is None else make_partition(labels)


def _estimates(method: Amos, step: Any) -> Any:
    """What a threshold is compared with: the averages of a step, corrected where they are to be."""
    return corrected(Averages(step.lipschitz, step.updates), method.momentum, method.average)
