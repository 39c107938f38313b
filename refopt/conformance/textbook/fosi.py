"""FOSI in pieces (Algorithm 2; `refopt.fosi`)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from refopt.conformance.textbook.first_order import fresh, made
from refopt.conformance.textbook.scaling import ScalingPieces
from refopt.conformance.textbook.sophia import SophiaPieces
from refopt.fosi import Fosi

State = dict[str, Any]
SPECTRAL = ("V", "u", "scaling")


class FosiPieces(SophiaPieces, ScalingPieces):
    """The operations on FOSI."""

    def fosi_step(self, settings, base, theta, gradient, spectrum, state, diagonal=None):
        """One step from a given state and spectrum."""
        s, before = fosi_made(settings, base), fosi_start(settings, base, theta)
        if np.size(spectrum["eigenvalues"]):
            pairs = [spectrum[name] for name in ("eigenvalues", "eigenvectors", "residuals")]
            ends = (spectrum["num_largest"], spectrum["num_smallest"])
            before = self.taken_over(s, before, tuple(pairs), *ends)
        before |= {"v": np.asarray(state["newton_velocity"]), "base": {**before["base"], **state["base"]}}
        if diagonal is None and base["optimizer"] == "sophia" and self.takes_diagonal(s, state["iteration"]):
            raise ValueError("`diagonal` is missing")
        taken = self.with_diagonal(s, before, diagonal)
        found, after = self.fosi_update(s, base["optimizer"], theta, gradient, taken)
        return {**found, "state": {"newton_velocity": after["v"], "base": after["base"]}}

    def fosi_refresh_step(self, problem, settings, base, theta, lanczos_start):
        """An estimate and the first step."""
        s, state = fosi_made(settings, base), fosi_start(settings, base, theta)
        pairs = self.estimate(
            self.product(problem, theta), lanczos_start, s.largest, s.smallest, s.steps, s.multiplicity
        )
        state = self.taken_over(s, state, pairs, s.largest, s.smallest)
        g = self.derivatives_of(problem).gradient(theta)
        found, _ = self.fosi_update(s, base["optimizer"], theta, g, state)
        return {"eigenvalues": pairs[0], "eigenvectors": pairs[1], **found}

    def fosi_directions(
        self, problem, settings, base, thetas, lanczos_start, curvature_problem=None, probes=None
    ):
        """Directions along given points."""
        sources = (problem, curvature_problem, probes)
        found, scalings, refreshed = self.fosi_path(
            sources, settings, base, thetas[0], lanczos_start, len(thetas), thetas
        )
        parts = {
            name: np.stack([part[name] for part in found]) for name in ("newton_direction", "base_direction")
        }
        return {**parts, "scaling": np.array(scalings), "refreshed": refreshed}

    def fosi_run(
        self, problem, settings, base, theta, lanczos_start, steps, curvature_problem=None, probes=None
    ):
        """A free run."""
        sources = (problem, curvature_problem, probes)
        found, scalings, refreshed = self.fosi_path(sources, settings, base, theta, lanczos_start, steps)
        thetas = [theta, *(part["theta_next"] for part in found)]
        f = self.derivatives_of(problem)
        values = np.array([f.value(x) for x in thetas])
        scaling = np.array(scalings)
        return {"thetas": np.stack(thetas), "values": values, "scaling": scaling, "refreshed": refreshed}

    def refresh_times(self, warmup, refresh_every, steps):
        """The schedule."""
        return {"times": [t for t in range(steps) if self.refreshes(t, warmup, refresh_every)]}

    def refreshes(self, t: int, warmup: int, every: int) -> bool:
        """Line 16."""
        return t >= warmup and (t - warmup) % every == 0

    def spectrum_used(self, before: State, after: State) -> State:
        """The state whose spectrum the step of a refresh uses."""
        return after

    def estimates_of(self, problem: Any, curvature_problem: Any) -> Any:
        """The loss whose Hessian the estimates use."""
        return problem if curvature_problem is None else curvature_problem

    def fosi_path(
        self, sources: tuple[Any, ...], settings: Any, base: Any, theta: Any, start: Any, steps: int,
        points: Any = None,
    ) -> tuple[list[dict[str, Any]], list[float], list[int]]:  # fmt: skip
        """The steps, their scalings and the iterations of estimates, along given points or freely.

        `sources` are the loss, another for the estimates or None, and the probes of diagonals or None.
        """
        s, state, free = fosi_made(settings, base), fosi_start(settings, base, theta), points is None
        problem, other, probes = sources
        curvature, used_probes = self.estimates_of(problem, other), 0
        f, z, found = self.derivatives_of(problem), self.derivatives_of(curvature), []
        scalings: list[float] = []
        refreshed: list[int] = []
        for t in range(steps):
            theta, before = theta if free else points[t], state
            estimates = s.largest + s.smallest > 0 and self.refreshes(t, s.warmup, s.refresh_every)
            if estimates:
                state = self.estimated(s, base, curvature, theta, start, state, before)
                refreshed += [t] if state is not before else []
            used = self.spectrum_used(before, state)
            if base["optimizer"] == "sophia" and self.takes_diagonal(s, t):
                one = None if probes is None else probes[used_probes : used_probes + 1]
                source = self.diagonals_of(problem, curvature)
                used = self.with_diagonal(s, used, self.diagonal_at(source, theta, one))
                used_probes += 1
            g = self.gradient_source(f, z, estimates).gradient(theta)
            taken, after = self.fosi_update(s, base["optimizer"], theta, g, used)
            state = {**state, "v": after["v"], "base": after["base"]}
            theta = self.passes(t + 1, taken["theta_next"]) if free else taken["theta_next"]
            found.append(taken)
            scalings.append(used["scaling"])
        return found, scalings, refreshed

    def takes_diagonal(self, s: Any, t: int) -> bool:
        """Whether the base takes in a diagonal: at its own iterations."""
        return self.estimates(s.base, t)

    def diagonals_of(self, problem: Any, curvature_problem: Any) -> Any:
        """The loss whose diagonal the base takes in."""
        return curvature_problem

    def gradient_source(self, f: Any, z: Any, estimates: bool) -> Any:
        """The derivatives, of the loss or of that for the estimates, whose gradient a step uses."""
        return f

    def diagonal_at(self, problem: Any, theta: Any, probes: Any) -> Any:
        """The diagonal of the Hessian, exact or from a probe."""
        hvp = self.derivatives_of(problem).linearize(theta).hvp
        return self.exact(hvp, theta) if probes is None else self.probed(hvp, probes)

    def base_diagonal(self, diagonal: Any, state: State) -> Any:
        """What the base takes in: the diagonal of the whole Hessian."""
        return diagonal

    def with_diagonal(self, s: Any, state: State, diagonal: Any) -> State:
        """The state whose base has taken in a diagonal, if there is one."""
        if diagonal is None:
            return state
        h, estimate = state["base"]["hessian_diagonal"], self.base_diagonal(diagonal, state)
        taken = {**state["base"], "hessian_diagonal": self.sophia_diagonal(s.base, h, estimate)}
        return {**state, "base": taken}

    def estimated(
        self, s: Any, base: Any, problem: Any, theta: Any, start: Any, state: State, last: State
    ) -> State:
        """Lines 17 and 18; a spectrum without curvature is not taken over."""
        product = self.product(problem, theta)
        pairs = self.estimate(
            product, start.astype(theta.dtype), s.largest, s.smallest, s.steps, s.multiplicity
        )
        k = min(s.largest, len(pairs[0]))
        try:
            return self.taken_over(s, state, pairs, k, len(pairs[0]) - k)
        except ArithmeticError:
            return last

    def taken_over(self, s: Any, state: State, pairs: tuple[Any, ...], k: int, l: int) -> State:
        """The state with a new spectrum, the momentum divided anew."""
        values, V, residuals = pairs
        u = self.inverse(values, s.epsilon, state["v"].dtype)
        scaling = self.rate_scaling(
            getattr(s.base, "closed_form", None), np.asarray(values), np.asarray(residuals), k, l,
            s.scaling, s.max_scaling, s.max_residual,
        )["scaling"]  # fmt: skip
        v, memory = state["v"], state["base"]
        if s.newton_momentum != "none":
            v, memory = self.divided(V, v, memory, s.base.memory)
        lam = np.asarray(values, dtype=state["v"].dtype)
        return {**state, "lam": lam, "V": np.asarray(V), "u": u, "scaling": scaling, "v": v, "base": memory}

    def divided(self, V: Any, v: Any, memory: State, name: str | None) -> tuple[Any, State]:
        """The two momenta after V has changed."""
        total = v if name is None else v + memory[name]
        inside = V @ (V.T @ total)
        return inside, memory if name is None else {**memory, name: total - inside}

    def newton_filter(self, kind: str, b: float, v: Any, g: Any) -> tuple[Any, Any]:
        """The memory of the filter on g1, and its output."""
        if kind == "none":
            return v, g
        v = b * v + (1.0 - b) * g if kind == "ema" else b * v + g
        return v, g + b * v if kind == "nesterov" else v

    def outside(self, g: Any, g1: Any) -> Any:
        """Line 7: g2."""
        return g - g1

    def newton_part(self, s: Any, V: Any, u: Any, filtered: Any, g1: Any) -> Any:
        """Line 8: d1 from the filtered g1."""
        return V @ (-s.alpha * u * (V.T @ filtered))

    def base_gradient(self, g: Any, g2: Any) -> Any:
        """Line 9: what the base receives."""
        return g2

    def base_part(self, scaling: float, d_b: Any, V: Any) -> Any:
        """Line 10: d2."""
        return scaling * (d_b - V @ (V.T @ d_b))

    def together(self, scaling: float, d1: Any, d2: Any) -> tuple[Any, Any]:
        """The two parts as they are added to theta."""
        return d1, d2

    def fosi_update(
        self, s: Any, optimizer: str, theta: Any, g: Any, state: State
    ) -> tuple[dict[str, Any], State]:
        """Algorithm 2's UpdateStep."""
        V, u, scaling = (state[name] for name in SPECTRAL)
        g1 = V @ (V.T @ g)
        g2 = self.outside(g, g1)
        decay = (
            s.newton_decay if s.newton_decay is not None else getattr(s.base, s.base.memory_decay or "", 0.0)
        )
        v, filtered = self.newton_filter(s.newton_momentum, decay, state["v"], g1)
        d1 = self.newton_part(s, V, u, filtered, g1)
        d_b, memory = self.moved(optimizer, s.base, self.base_gradient(g, g2), theta, state["base"])
        d1, d2 = self.together(scaling, d1, self.base_part(scaling, d_b, V))
        found = {
            "gradient_in": g1, "gradient_out": g2, "newton_gradient": filtered, "newton_direction": d1,
            "base_direction_raw": d_b, "base_direction": d2, "scaling": scaling,
            "theta_next": theta + d1 + d2,
        }  # fmt: skip
        return found, {**state, "v": v, "base": memory}


def fosi_made(settings: Mapping[str, Any], base: Mapping[str, Any]) -> Any:
    """Return FOSI's settings as attributes, with its base's."""
    return Fosi(**{**settings, "base": made(base["optimizer"], base["settings"])})


def fosi_start(settings: Mapping[str, Any], base: Mapping[str, Any], theta: np.ndarray) -> State:
    """Return the state before the first step: no spectrum."""
    V, u = np.zeros((len(theta), 0), dtype=theta.dtype), np.zeros(0, dtype=theta.dtype)
    memory = fresh(made(base["optimizer"], base["settings"]), theta)
    return {"lam": u, "V": V, "u": u, "scaling": 1.0, "v": np.zeros_like(theta), "base": memory}
