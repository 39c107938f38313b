"""ELMO in pieces (`refopt.elmo`); EigenARC as its LIPSCHITZ oracle is in `eigen_arc`."""

from typing import Any

import numpy as np

from refopt.conformance.textbook.eigen_arc import EigenArcPieces
from refopt.conformance.textbook.first_order import fresh, made
from refopt.conformance.textbook.lipschitz import LipschitzPieces
from refopt.eigen_arc import EigenArcLipschitz
from refopt.lipschitz import AveragedLipschitz


class ElmoPieces(EigenArcPieces, LipschitzPieces):
    """The operations on ELMO."""

    def elmo_scalar(self, slope, curvature, lipschitz):
        """The kernel."""
        x, upper, lower, bounded = self.minimum(slope, curvature, lipschitz)
        largest = self.farthest(slope, curvature, lipschitz)
        found = {"step_size": x, "upper": upper, "lower": lower, "largest_step": largest}
        return {**found, "bounded": [bool(entry) for entry in bounded]}

    def elmo_step(self, gradient, eigenvalues, eigenvectors, lipschitz, settings):
        """A step from a given spectrum."""
        V = eigenvectors
        found = self.models(V.T @ gradient, eigenvalues, V, lipschitz, settings)
        if not all(found.pop("bounded")):
            return {"bounded": False}
        return {**found, "bounded": True}

    def elmo_run(self, problem, lipschitz, settings, theta, steps):
        """A free run."""
        f = self.derivatives_of(problem)
        state, thetas, promises = None, [theta], []
        for t in range(steps):
            theta = thetas[-1]
            g = f.gradient(theta)
            lam, V = self.dense_pairs(f, theta)
            L, state = self.lipschitz_at(lipschitz, problem, theta, g, lam, V, state)
            taken = self.models(V.T @ g, lam, V, L, settings)
            if not all(taken["bounded"]):
                raise ArithmeticError("a model has no minimum")
            promises.append(taken["promise"])
            thetas.append(self.passes(t + 1, theta + taken["displacement"]))
        values = np.array([f.value(x) for x in thetas])
        return {"thetas": np.stack(thetas), "values": values, "promise": np.array(promises)}

    def lipschitz_at(
        self, given: Any, problem: Any, theta: Any, g: Any, lam: Any, V: Any, state: Any
    ) -> tuple[Any, Any]:
        """LIPSCHITZ: the constants of the pairs, and what it keeps."""
        settings: Any = {name: value for name, value in given.items() if name != "oracle"}
        if given["oracle"] == "exact":
            return self.exact_constants(problem, V), None
        if given["oracle"] == "constant":
            return np.full(len(lam), settings["value"]), None
        if given["oracle"] == "averaged":
            s = AveragedLipschitz(**settings)
            state = self.hessian_time(s, state, theta, lam, V)
            L, k = state["L"], state["k"]
            return np.where(k > 0, self.unbiased(s.momentum, L, k, s.average), s.initial), state
        arc = EigenArcLipschitz(**settings)
        found = self.constants_updated(arc, self.derivatives_of(problem), theta, V.T @ g, lam, V, state)
        return found["lipschitz_next"], (V, found["lipschitz_next"])

    def elmo_subspace_step(self, gradient, eigenvalues, eigenvectors, lipschitz, base, theta, settings=None):
        """A step on a subspace, and the base's on the rest."""
        V, s = eigenvectors, made(base["optimizer"], base["settings"])
        d1 = self.models(V.T @ gradient, eigenvalues, V, lipschitz, settings or {})["displacement"]
        d, _ = self.moved(base["optimizer"], s, self.rest(gradient, V), theta, fresh(s, theta))
        d2 = self.on_the_rest(d, V)
        return {"elmo_direction": d1, "base_direction": d2, "theta_next": self.both(theta, d1, d2)}

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

    def both(self, theta: Any, d1: Any, d2: Any) -> Any:
        """The next point."""
        return theta + d1 + d2
