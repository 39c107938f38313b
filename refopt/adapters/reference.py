"""refopt's own implementation behind the operations, on any of its array libraries."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

import refopt
from refopt.adapters.naming import make, make_fosi
from refopt.adapters.reference_amos import AmosReference, Given, Probed
from refopt.adapters.reference_elmo import ElmoReference
from refopt.adapters.reference_grouped import GroupedReference
from refopt.arrays import backend as backend_namespace
from refopt.arrays import check_vector, to_host
from refopt.derivatives import Derivatives
from refopt.first_order import FIRST_ORDER, GradientDescent, optimal_rates
from refopt.fosi import Fosi, rate_scaling, refresh_period, refresh_period_measured
from refopt.newton import COMPARATORS
from refopt.problems import Problem, load_problem
from refopt.spectrum import Spectrum, extreme_spectrum, lanczos, lanczos_steps


class Reference(GroupedReference, AmosReference, ElmoReference):
    """Every operation by refopt itself.

    Args:
        backend: "numpy" or "cupy"; arrays cross to it at the start of an operation and back at its end.
    """

    dtypes = ("float64", "float32")

    def __init__(self, backend: str = "numpy"):
        self._xp, self._backend = backend_namespace(backend), backend
        self.name = f"refopt on {backend}"
        self.version = refopt.__version__
        self._load = functools.lru_cache(maxsize=32)(self._load_problem)

    def _load_problem(self, identifier: str, dtype: str) -> Problem:
        return load_problem(identifier, backend=self._backend, dtype=dtype)

    def _derivatives(self, problem: Any) -> Derivatives:
        if hasattr(problem, "derivatives"):  # a sample of refopt.properties, which has no file
            return problem.derivatives
        return self._load(problem.id, problem.dtype).derivatives

    def _array(self, values: Any) -> Any:
        return self._xp.asarray(np.asarray(values))

    def _vector(self, name: str, values: Any, n: int | None = None) -> Any:
        # An operation is a boundary: what `minimize` checks before its loop is checked here.
        vector = self._array(values)
        check_vector(name, vector, n)
        return vector

    def derivatives(self, problem, theta, vector):
        """Value and gradient by one reverse pass, the product forward over reverse."""
        f, theta = self._derivatives(problem), self._array(theta)
        value, gradient = f.value_and_gradient(theta)
        return _host(value=value, gradient=gradient, hvp=f.hvp(theta, self._array(vector)))

    def along(self, problem, theta, direction, order):
        """Nested forward mode."""
        f = self._derivatives(problem)
        found = f.along(self._array(theta), self._array(direction), order)
        return {"derivatives": np.stack([to_host(x) for x in found])}

    def lanczos(self, problem, theta, start, steps):
        """Lanczos on the linearised Hessian."""
        hvp = self._derivatives(problem).linearize(self._array(theta)).hvp
        found = lanczos(hvp, self._vector("start", start, problem.n), steps)
        diagonal, off_diagonal = np.array(to_host(found.diagonal)), np.array(to_host(found.off_diagonal))
        small = np.diag(diagonal) + np.diag(off_diagonal, 1) + np.diag(off_diagonal, -1)
        return {
            "diagonal": diagonal,
            "off_diagonal": off_diagonal,
            "ritz_values": np.linalg.eigvalsh(small)[::-1],
            "residual_norm": float(found.residual_norm),
        }

    def extreme_spectrum(self, problem, theta, largest, smallest, start, steps=None, multiplicity="krylov"):
        """ESE."""
        hvp = self._derivatives(problem).linearize(self._array(theta)).hvp
        found = extreme_spectrum(
            hvp,
            self._vector("start", start, problem.n),
            largest=largest,
            smallest=smallest,
            steps=steps,
            multiplicity=multiplicity,
        )
        return _host(
            eigenvalues=found.eigenvalues, eigenvectors=found.eigenvectors, residuals=found.residuals
        )

    def lanczos_steps(self, n, largest, smallest):
        """The heuristic of FOSI section 3.1."""
        return {"steps": lanczos_steps(n, largest, smallest)}

    def refresh_period(self, lanczos_steps, overhead):
        """T by formula."""
        return {"period": refresh_period(lanczos_steps, overhead)}

    def refresh_period_measured(self, base_latency, fosi_latency, ese_latency, overhead):
        """T from latencies."""
        return {"period": refresh_period_measured(base_latency, fosi_latency, ese_latency, overhead)}

    def refresh_times(self, warmup, refresh_every, steps):
        """The schedule of Algorithm 2."""
        base = GradientDescent(learning_rate=1.0)
        fosi = Fosi(base=base, largest=1, warmup=warmup, refresh_every=refresh_every)
        return {"times": [t for t in range(steps) if fosi.refreshes_at(t)]}

    def optimal_rates(self, optimizer, largest_eigenvalue, smallest_eigenvalue):
        """Closed forms."""
        return optimal_rates(optimizer, largest_eigenvalue, smallest_eigenvalue)._asdict()

    def rate_scaling(
        self,
        optimizer,
        eigenvalues,
        residuals,
        largest,
        smallest,
        scaling,
        max_scaling,
        max_residual,
    ):
        """Learning-rate scaling."""
        found = rate_scaling(
            optimizer,
            np.asarray(eigenvalues).tolist(),
            np.asarray(residuals).tolist(),
            largest,
            smallest,
            scaling=scaling,
            max_scaling=max_scaling,
            max_residual=max_residual,
        )
        return {"scaling": found}

    def base_step(self, optimizer, settings, theta, gradient, state):
        """One step of a first-order optimizer."""
        method, theta = make(FIRST_ORDER, optimizer, settings), self._vector("theta", theta)
        before = self._state(method.init(theta), state)
        direction, after = method.direction(self._vector("gradient", gradient), theta, before)
        return _host(direction=direction, theta_next=theta + direction, state=after._asdict())

    def base_directions(self, optimizer, settings, thetas, gradients):
        """Directions along given points."""
        method = make(FIRST_ORDER, optimizer, settings)
        state, directions = method.init(self._array(thetas[0])), []
        for theta, gradient in zip(thetas, gradients, strict=True):
            direction, state = method.direction(self._array(gradient), self._array(theta), state)
            directions.append(to_host(direction))
        return {"directions": np.stack(directions)}

    def base_run(self, problem, optimizer, settings, theta, steps):
        """A free run."""
        method, theta = make(FIRST_ORDER, optimizer, settings), self._array(theta)
        return self._run(problem, method, theta, method.init(theta), steps)[0]

    def comparator_step(self, problem, optimizer, settings, theta):
        """One Newton-type step."""
        method, theta = make(COMPARATORS, optimizer, settings), self._array(theta)
        step = method.step(self._derivatives(problem), theta, method.init(theta))
        return _host(direction=step.direction, theta_next=step.theta_next)

    def fosi_step(self, settings, base, theta, gradient, spectrum, state, diagonal=None):
        """Algorithm 2's UpdateStep; a warm-up beyond the iteration keeps the given spectrum in place."""
        theta, g = self._vector("theta", theta), self._vector("gradient", gradient)
        method = make_fosi(settings, base)
        given = {name: self._array(value) for name, value in spectrum.items() if np.ndim(value)}
        pairs = Spectrum(**{**spectrum, **given}, products=0, breakdowns=0)
        started = method.init(theta, lanczos_start=self._xp.ones_like(theta))
        if np.size(spectrum["eigenvalues"]):  # none during the warm-up
            started = method.with_spectrum(started, pairs)
        before = self._state(started, state)
        method = dataclasses.replace(method, warmup=before.iteration + 1)
        f = Derivatives.from_callables(lambda x: self._xp.sum(x) * 0.0, lambda x: g)
        curvature = None if diagonal is None else Given(self._vector("diagonal", diagonal, theta.shape[0]))
        if curvature is None and method.refreshes_at(before.iteration):
            raise ValueError("`diagonal` is missing; this iteration's base takes an estimate in")
        step = method.step(f, theta, before, curvature=curvature)
        named = {
            name: getattr(step, name)
            for name in step._fields
            if name.startswith(("gradient_", "newton_", "base_"))
        }
        after = {"newton_velocity": step.state.newton_velocity, "base": step.state.base._asdict()}
        return _host(**named, scaling=step.scaling, theta_next=step.theta_next, state=after)

    def fosi_refresh_step(self, problem, settings, base, theta, lanczos_start):
        """The first step of a run without warm-up."""
        method, theta = make_fosi(settings, base), self._vector("theta", theta)
        state = method.init(theta, lanczos_start=self._array(lanczos_start))
        step = method.step(self._derivatives(problem), theta, state)
        names = ("gradient_in", "gradient_out", "newton_direction", "base_direction_raw", "base_direction")
        return _host(
            eigenvalues=step.spectrum.eigenvalues,
            eigenvectors=step.spectrum.eigenvectors,
            scaling=step.scaling,
            **{name: getattr(step, name) for name in (*names, "theta_next")},
        )

    def fosi_directions(
        self, problem, settings, base, thetas, lanczos_start, curvature_problem=None, probes=None
    ):
        """FOSI's two directions along given points."""
        method, f = make_fosi(settings, base), self._derivatives(problem)
        curvature = self._curvature(problem, curvature_problem, probes)
        state, steps = method.init(self._array(thetas[0]), lanczos_start=self._array(lanczos_start)), []
        for theta in thetas:
            steps.append(method.step(f, self._array(theta), state, curvature=curvature))
            state = steps[-1].state
        return {
            "newton_direction": np.stack([to_host(step.newton_direction) for step in steps]),
            "base_direction": np.stack([to_host(step.base_direction) for step in steps]),
            **_refreshes(steps),
        }

    def fosi_run(
        self, problem, settings, base, theta, lanczos_start, steps, curvature_problem=None, probes=None
    ):
        """A free run of FOSI."""
        method, theta = make_fosi(settings, base), self._array(theta)
        state = method.init(theta, lanczos_start=self._array(lanczos_start))
        curvature = self._curvature(problem, curvature_problem, probes)
        answer, taken = self._run(problem, method, theta, state, steps, curvature=curvature)
        return {**answer, **_refreshes(taken)}

    def _curvature(self, problem: Any, other: Any, probes: Any) -> Any:
        # What FOSI's estimates are made from; None is the loss itself.
        f = None if other is None else self._derivatives(other)
        if probes is None:
            return f
        return Probed(self._derivatives(problem) if f is None else f, self._array(probes))

    def _run(
        self, problem: Any, method: Any, theta: Any, state: Any, steps: int, **options: Any
    ) -> tuple[dict, list]:
        f, taken = self._derivatives(problem), []
        for _ in range(steps):
            taken.append(method.step(f, theta, state, **options))
            theta, state = taken[-1].theta_next, taken[-1].state
        thetas = [*(to_host(step.theta) for step in taken), to_host(theta)]
        values = [*(to_host(step.value) for step in taken), to_host(f.value(theta))]
        return {"thetas": np.stack(thetas), "values": np.stack(values)}, taken

    def _state(self, fresh: Any, given: Mapping[str, Any]) -> Any:
        # A fresh state with the given fields in place: fields that a case leaves out stay as they start.
        values: dict[str, Any] = {}
        for name, value in given.items():
            if isinstance(value, Mapping):
                values[name] = self._state(getattr(fresh, name), value)
            else:
                values[name] = self._array(value) if np.ndim(value) else value
        return fresh._replace(**values)


def _refreshes(steps: list) -> dict[str, Any]:
    refreshed = [t for t, step in enumerate(steps) if step.refresh == "refreshed"]
    return {"scaling": np.array([step.scaling for step in steps]), "refreshed": refreshed}


def _host(**quantities: Any) -> dict[str, Any]:
    moved: dict[str, Any] = {}
    for name, value in quantities.items():
        if isinstance(value, Mapping):
            moved[name] = _host(**value)
        else:
            moved[name] = value if isinstance(value, (int, float)) else to_host(value)
    return moved
