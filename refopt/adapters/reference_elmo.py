"""refopt's ELMO and EigenARC behind the operations; `Reference` inherits it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from refopt.adapters.naming import make, make_eigen_arc, make_elmo, make_lipschitz
from refopt.arrays import check_count, to_host
from refopt.assessment import Assessment, AssessmentSettings
from refopt.conformance.adapter import Adapter
from refopt.derivatives import Derivatives
from refopt.eigen_arc import eigen_arc_update
from refopt.elmo import Elmo, elmo_model_step
from refopt.elmo_proxy import elmo_minimum, largest_step
from refopt.first_order import FIRST_ORDER
from refopt.lipschitz import ConstantLipschitz
from refopt.spectrum import Spectrum

OF_PAIRS = ("slopes", "step_sizes", "upper", "lower")


class ElmoReference(Adapter):
    """The operations of ELMO and EigenARC, on arrays of the library that a subclass chooses."""

    _xp: Any
    _load: Any  # identifier, dtype -> Problem

    def _array(self, values: Any) -> Any:
        raise NotImplementedError

    def _vector(self, name: str, values: Any, n: int | None = None) -> Any:
        raise NotImplementedError

    def _derivatives(self, problem: Any) -> Any:
        raise NotImplementedError

    def elmo_scalar(self, slope, curvature, lipschitz):
        """The elementwise kernel."""
        triple = [self._array(x) for x in (slope, curvature, lipschitz)]
        found = elmo_minimum(*triple)
        return {
            "bounded": to_host(found.bounded).tolist(),
            "step_size": to_host(found.step_size),
            "upper": to_host(found.upper),
            "lower": to_host(found.lower),
            "largest_step": to_host(largest_step(*triple)),
        }

    def elmo_step(self, gradient, eigenvalues, eigenvectors, lipschitz, settings):
        """The step on the models of the given pairs."""
        spectrum = self._spectrum(eigenvalues, eigenvectors)
        found = elmo_model_step(self._array(gradient), spectrum, self._array(lipschitz), **settings)
        if found.displacement is None:
            return {"bounded": False}
        parts = {name: to_host(getattr(found, name)) for name in OF_PAIRS}
        return {
            **parts,
            "promise": found.promise,
            "displacement": to_host(found.displacement),
            "bounded": True,
        }

    def elmo_run(self, problem, lipschitz, settings, theta, steps):
        """A free run."""
        check_count("steps", steps, 1)
        method = make_elmo(settings, self._lipschitz(lipschitz, problem))
        f, theta, taken = self._derivatives(problem), self._vector("theta", theta), []
        state = method.init(theta)
        for _ in range(steps):
            taken.append(method.step(f, theta, state))
            theta, state = taken[-1].theta_next, taken[-1].state
        return {
            "promise": np.array([step.promise for step in taken]),
            "thetas": np.stack([to_host(x) for x in (*(step.theta for step in taken), theta)]),
            "values": np.stack([to_host(x) for x in (*(step.value for step in taken), f.value(theta))]),
        }

    def elmo_subspace_step(self, gradient, eigenvalues, eigenvectors, lipschitz, base, theta):
        """A step of ELMO whose Hessian is V diag(lambda) V', of which Lanczos finds the pairs again."""
        theta, g, V = self._vector("theta", theta), self._array(gradient), self._array(eigenvectors)
        values = self._array(np.asarray(eigenvalues, dtype=to_host(theta).dtype))
        f = Derivatives.from_callables(
            lambda x: self._xp.sum(x) * 0.0, lambda x: g, lambda x, v: V @ (values * (V.T @ v))
        )
        upper = int(np.sum(np.asarray(eigenvalues) >= 0))
        method = Elmo(
            lipschitz=ConstantLipschitz(_constants(lipschitz, len(eigenvalues))),
            largest=upper,
            smallest=len(eigenvalues) - upper,
            base=make(FIRST_ORDER, base["optimizer"], base["settings"]),
            steps=theta.shape[0] if len(eigenvalues) else None,
        )
        state = method.init(theta, lanczos_start=self._generic(theta))
        step = method.step(f, theta, state)
        names = ("elmo_direction", "base_direction", "theta_next")
        return {name: to_host(getattr(step, name)) for name in names}

    def elmo_ends_step(self, problem, lipschitz, settings, base, theta, lanczos_start):
        """A step of the subspace form, whose pairs Lanczos finds."""
        pairs = settings["largest"] + settings["smallest"]
        method = Elmo(
            lipschitz=ConstantLipschitz(_constants(lipschitz, pairs)),
            base=make(FIRST_ORDER, base["optimizer"], base["settings"]),
            **settings,
        )
        theta = self._vector("theta", theta)
        state = method.init(theta, lanczos_start=self._array(lanczos_start))
        step = method.step(self._derivatives(problem), theta, state)
        found = {name: getattr(step, name) for name in ("elmo_direction", "base_direction", "theta_next")}
        values, vectors = step.spectrum.eigenvalues, step.spectrum.eigenvectors
        found |= {"eigenvalues": values, "eigenvectors": vectors}
        return {name: to_host(value) for name, value in found.items()}

    def eigen_arc_update(self, problem, theta, eigenvalues, eigenvectors, lipschitz, settings):
        """One update of the given constants."""
        chosen, k = make({"eigen_arc": AssessmentSettings}, "eigen_arc", settings), len(eigenvalues)
        L = _constants(lipschitz, k)
        if not min(L, default=1.0) > 0.0:
            raise ValueError(f"`lipschitz` is {L}; every number must be positive: a factor never raises 0")
        f, theta = self._derivatives(problem), self._vector("theta", theta)
        value, g = f.value_and_gradient(theta)
        spectrum = self._spectrum(eigenvalues, eigenvectors)
        assess = Assessment(f.value, theta, value, spectrum.eigenvectors.T @ g, spectrum)
        found = eigen_arc_update(assess, self._array(np.array(L)), chosen)
        return {
            "ratio": found.ratio,
            "decision": found.decision,
            "lipschitz_next": to_host(found.lipschitz),
            "raises": found.raises,
            "reductions": [int(x) for x in found.reductions],
            "evaluations": found.evaluations,
        }

    def eigen_arc_run(self, problem, settings, base, theta, steps):
        """EigenARC along the base's run; the ends of the spectrum by as many Lanczos steps as it takes."""
        check_count("steps", steps, 1)
        method = make_eigen_arc(settings, base)
        f, theta, taken = self._derivatives(problem), self._vector("theta", theta), []
        state = method.init(theta, lanczos_start=self._generic(theta))
        for _ in range(steps):
            taken.append(method.step(f, theta, state))
            theta, state = taken[-1].theta_next, taken[-1].state
        return {
            "ratios": np.array([step.ratio for step in taken]),
            "decisions": [step.decision for step in taken],
            "lipschitz": np.stack([to_host(step.lipschitz) for step in taken]),
            "evaluations": [step.evaluations for step in taken],
            "thetas": np.stack([to_host(x) for x in (*(step.theta for step in taken), theta)]),
        }

    def _lipschitz(self, given: Mapping[str, Any], problem: Any) -> Any:
        values = {name: value for name, value in given.items() if name != "oracle"}
        return make_lipschitz(given["oracle"], values, self._load(problem.id, problem.dtype))

    def _spectrum(self, eigenvalues: Any, eigenvectors: Any) -> Spectrum:
        values = self._array(np.asarray(eigenvalues, dtype=np.float64))
        k = values.shape[0]
        return Spectrum(values, self._array(eigenvectors), self._xp.zeros_like(values), k, 0, 0, 0)

    def _generic(self, theta: Any) -> Any:
        # A start vector that no eigenvector is orthogonal to: square roots without rational relations.
        roots = np.sqrt(np.arange(2.0, theta.shape[0] + 2.0))
        return self._xp.asarray(roots.astype(to_host(theta).dtype))


def _constants(lipschitz: Any, k: int) -> list[float]:
    # Here they are an argument; below, where they are an oracle's answer or its setting, it has other names.
    if np.shape(lipschitz) != (k,):
        raise ValueError(
            f"`lipschitz` has shape {np.shape(lipschitz)}; it must be ({k},), a number for each pair"
        )
    L = [float(x) for x in lipschitz]
    if not all(0.0 <= x < np.inf for x in L):
        raise ValueError(f"`lipschitz` is {L}; every number must be finite and at least 0")
    return L
