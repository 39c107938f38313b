"""ELMO in pieces (`refopt.elmo_proxy`, `refopt.elmo`)."""

from typing import Any

import numpy as np

from refopt.conformance.textbook.first_order import FirstOrderPieces, fresh, made
from refopt.conformance.textbook.spectrum import SpectrumPieces, loaded
from refopt.eigen_arc import EigenArcLipschitz
from refopt.eigenspaces import rotated
from refopt.elmo_proxy import elmo_minimum, largest_step
from refopt.lipschitz import AveragedLipschitz, ConstantLipschitz, ExactLipschitz
from refopt.spectrum import Spectrum


class ElmoPieces(FirstOrderPieces, SpectrumPieces):
    """The operations on ELMO."""

    def elmo_scalar(self, slope, curvature, lipschitz):
        """The kernel."""
        x, upper, lower, bounded = self.minimum(slope, curvature, lipschitz)
        largest = self.farthest(slope, curvature, lipschitz)
        found = {"step_size": x, "upper": upper, "lower": lower, "largest_step": largest}
        return {**found, "bounded": [bool(entry) for entry in bounded]}

    def minimum(self, g: Any, lam: Any, L: Any) -> tuple[Any, Any, Any, Any]:
        """The step x*, M*, m* and whether there is a minimum, of each pair."""
        _, _, _, bounded = elmo_minimum(g, lam, L)
        x = self.elmo_size(g, lam, L)
        return x, self.upper(x, g, lam, L), self.lower(x, g, lam, L), bounded

    def elmo_size(self, g: Any, lam: Any, L: Any) -> Any:
        """The step x*."""
        return elmo_minimum(g, lam, L).step_size

    def upper(self, x: Any, g: Any, lam: Any, L: Any) -> Any:
        """The upper model at its minimum."""
        found = elmo_minimum(g, lam, L)
        return found.upper if np.array_equal(x, found.step_size) else _model(x, g, lam, L, 1.0)

    def lower(self, x: Any, g: Any, lam: Any, L: Any) -> Any:
        """The lower model there."""
        found = elmo_minimum(g, lam, L)
        return found.lower if np.array_equal(x, found.step_size) else _model(x, g, lam, L, -1.0)

    def farthest(self, g: Any, lam: Any, L: Any) -> Any:
        """The largest step with M <= 0."""
        return largest_step(g, lam, L)

    def elmo_step(self, gradient, eigenvalues, eigenvectors, lipschitz, settings):
        """A step from a given spectrum."""
        found = self.elmo_move(gradient, eigenvalues, eigenvectors, lipschitz, settings)
        if not all(found.pop("bounded")):
            return {"bounded": False}
        return {**found, "bounded": True}

    def elmo_move(self, g: Any, values: Any, V: Any, lipschitz: Any, settings: Any) -> dict[str, Any]:
        """The minimum of the models on the span of V."""
        lam, L = np.asarray(values, dtype=np.float64), np.asarray(lipschitz, dtype=np.float64)
        c = (V.T @ g).astype(np.float64)
        if settings.get("clusters", "rotate") == "rotate":
            given = Spectrum(lam, V, np.zeros_like(lam), len(lam), 0, 0, 0)
            turned, c, L, _ = rotated(given, c, L, settings.get("cluster_tolerance"))
            lam, V = turned.eigenvalues, turned.eigenvectors
        x, upper, lower, bounded = self.minimum(np.abs(c), lam, L)
        signs = self.signs(c, V)
        move = np.where((c == 0) & (settings.get("tie", "positive") == "stay"), 0.0, x)
        return {
            "slopes": np.abs(c),
            "step_sizes": x,
            "upper": upper,
            "lower": lower,
            "promise": float(-np.sum(upper)),
            "displacement": V @ (signs * np.where(bounded, move, 0.0)).astype(V.dtype),
            "bounded": bounded,
        }

    def signs(self, c: Any, V: Any) -> Any:
        """The way down along each vector; where there is none, its largest element is taken as positive."""
        largest = V[np.argmax(np.abs(V), axis=0), np.arange(V.shape[1])] if V.shape[1] else np.zeros(0)
        return np.where(c > 0, -1.0, np.where(c < 0, 1.0, np.sign(largest)))

    def elmo_run(self, problem, lipschitz, settings, theta, steps):
        """A free run."""
        f, source = self.derivatives_of(problem), self.lipschitz_source(problem, lipschitz)
        state, thetas, promises = source.init(theta), [theta], []
        for t in range(steps):
            theta = thetas[-1]
            g = f.gradient(theta)
            values, V = np.linalg.eigh(f.hessian(theta).astype(np.float64))
            values, V = values[::-1], V[:, ::-1].astype(theta.dtype)
            given = Spectrum(values, V, np.zeros_like(values), len(values), 0, 0, 0)
            found = source.at(f, theta, f.value(theta), g, given, state)
            state, taken = found.state, self.elmo_move(g, values, V, found.lipschitz, settings)
            if not all(taken["bounded"]):
                raise ArithmeticError("a model has no minimum")
            promises.append(taken["promise"])
            thetas.append(self.passes(t + 1, theta + taken["displacement"]))
        values = np.array([f.value(x) for x in thetas])
        return {"thetas": np.stack(thetas), "values": values, "promise": np.array(promises)}

    def lipschitz_source(self, problem: Any, given: Any) -> Any:
        """The LIPSCHITZ oracle."""
        rest = {name: value for name, value in given.items() if name != "oracle"}
        if given["oracle"] == "exact":
            return ExactLipschitz.of(loaded(problem.id, problem.dtype))
        kinds = {"constant": ConstantLipschitz, "averaged": AveragedLipschitz, "eigen_arc": EigenArcLipschitz}
        return kinds[given["oracle"]](**rest)

    def elmo_subspace_step(self, gradient, eigenvalues, eigenvectors, lipschitz, base, theta, settings=None):
        """A step on a subspace, and the base's on the rest."""
        V, s = eigenvectors, made(base["optimizer"], base["settings"])
        d1 = self.elmo_move(gradient, eigenvalues, V, lipschitz, settings or {})["displacement"]
        rest = self.rest(gradient, V)
        d, _ = self.moved(base["optimizer"], s, rest, theta, fresh(s, theta))
        d2 = self.on_the_rest(d, V)
        return {"elmo_direction": d1, "base_direction": d2, "theta_next": theta + d1 + d2}

    def elmo_ends_step(self, problem, lipschitz, settings, base, theta, lanczos_start):
        """The pairs at both ends, and the step from them."""
        ends = (settings["largest"], settings["smallest"])
        values, V, _ = self.estimate(
            self.product(problem, theta), lanczos_start, *ends, None, settings["multiplicity"]
        )
        g = self.derivatives_of(problem).gradient(theta)
        found = self.elmo_subspace_step(g, values, V, lipschitz, base, theta, settings)
        return {"eigenvalues": values, "eigenvectors": V, **found}

    def rest(self, g: Any, V: Any) -> Any:
        """What the base receives."""
        return g - V @ (V.T @ g)

    def on_the_rest(self, d: Any, V: Any) -> Any:
        """The base's direction outside span V."""
        return d - V @ (V.T @ d)


def _model(x: Any, g: Any, lam: Any, L: Any, sign: float) -> Any:
    return -g * x + lam * x**2 / 2 + sign * L * np.abs(x) ** 3 / 6
