"""Grouped Newton and its plateau schedule in pieces (Algorithm 4; `refopt.grouped_newton`)."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from refopt.conformance.textbook.first_order import FirstOrderPieces
from refopt.conformance.textbook.summary import SummaryPieces
from refopt.groups import Groups
from refopt.plateau import Plateau

SHOWN = (
    *("direction", "g_bar", "H_bar", "third_diagonal", "D", "r", "eta"),
    *("learning_rates", "theta_next"),
)


class GroupedPieces(FirstOrderPieces, SummaryPieces):
    """The operations on grouped Newton; `s` maps the settings, with their defaults."""

    def grouped_newton_step(self, problem, settings, groups, theta, curvature_problem=None):
        """The first step."""
        taken = self.grouped_path(problem, settings, groups, theta, 1, curvature_problem)[0]
        return {name: taken[name] for name in SHOWN}

    def grouped_newton_run(self, problem, settings, groups, theta, steps, curvature_problem=None):
        """A free run."""
        taken = self.grouped_path(problem, settings, groups, theta, steps, curvature_problem)
        thetas = [theta, *(step["theta_next"] for step in taken)]
        f = self.derivatives_of(problem)
        return {
            "thetas": np.stack(thetas),
            "values": np.array([f.value(x) for x in thetas]),
            "learning_rates": np.stack([step["learning_rates"] for step in taken]),
            "step_sizes": np.array([step["step_size"] for step in taken]),
            "refreshed": [t for t, step in enumerate(taken) if step["refreshed"]],
        }

    def grouped_path(
        self, problem, settings, labels, theta, steps, curvature_problem
    ) -> list[dict[str, Any]]:
        """The steps."""
        s, groups = _settings(settings), self.partition(labels)
        f = self.derivatives_of(problem)
        z = self.derivatives_of(problem if curvature_problem is None else curvature_problem)
        remembered: Any = None  # of the direction
        last: Any = None
        taken: list[dict[str, Any]] = []
        plateau: dict[str, Any] = {"best": math.inf, "bad": 0, "factor": 1.0}
        found: dict[str, Any] = {"r": 0.0, "eta": np.zeros(groups.count, dtype=theta.dtype)}
        for t in range(steps):
            value, g = f.value(theta), self.direction_source(f, z).gradient(theta)
            u, remembered = self.averaged_gradient(s, g, remembered)
            size, refreshed = self.step_size(s, t, plateau), False
            if self.renews(t, s["refresh_every"]):
                measured = self.measured(s, f, z, theta, u, g, groups)
                found |= measured
                eta = self.eta(s, groups, u, **measured)
                if eta is not None:
                    last, refreshed = self.averaged_rates(s, eta, last), True
                    found |= {"eta": eta, "r": self.length(measured["D"], eta)}
                else:
                    last = self.rates_kept(s, last)
            if s["plateau"] is not None and self.reduces_first():
                plateau, size = self.reduced_first(s, plateau, t, float(value), size)
            rates = self.rates_used(s, last, refreshed, groups, u)
            theta = self.moved_by(theta, size, self.step_along(u, g), self.spread(groups, rates))
            self.passes(t + 1, theta)
            if s["plateau"] is not None and not self.reduces_first():
                plateau = self.plateau_after(s["plateau"], plateau, t, float(value), size)
            taken.append(
                {**found, "direction": u, "learning_rates": rates, "step_size": size, "theta_next": theta}
                | {"refreshed": refreshed}
            )
        return taken

    def direction_source(self, f: Any, z: Any) -> Any:
        """The batch of the direction (line 1)."""
        return f

    def curvature_source(self, f: Any, z: Any) -> Any:
        """The batch of the tensors (line 5)."""
        return z

    def step_along(self, u: Any, g: Any) -> Any:
        """What the learning rates multiply (line 11)."""
        return u

    def measured_along(self, u: Any, g: Any) -> Any:
        """The direction of the tensors (lines 6 to 8)."""
        return u

    def averaged_gradient(self, s: Any, g: Any, u: Any) -> tuple[Any, Any]:
        """Line 3: the direction, and what the next step averages with; u is None in the first step."""
        u = self.average(s["momentum"], g, u)
        return u, u

    def average(self, mu: float, x: Any, last: Any) -> Any:
        """The average of the algorithm."""
        return x if last is None or mu == 0 else mu * last + (1.0 - mu) * x

    def averaged_rates(self, s: Any, eta: Any, last: Any) -> Any:
        """Line 10; last is None while undefined."""
        return self.average(s["rate_momentum"], self.positive(s, eta), last)

    def positive(self, s: Any, eta: Any) -> Any:
        """The positive part, where it is asked for."""
        return np.maximum(eta, 0.0) if s["positive_part"] else eta

    def rates_kept(self, s: Any, last: Any) -> Any:
        """The learning rates after a model without a minimum."""
        return last

    def rates_used(self, s: Any, last: Any, refreshed: bool, groups: Groups, u: Any) -> Any:
        """The learning rates of a step."""
        if last is None and not np.any(u):
            return np.zeros(groups.count, dtype=u.dtype)
        if last is None:
            raise ArithmeticError("there are no learning rates")
        return last

    def renews(self, t: int, tau: int) -> bool:
        """Line 4."""
        return t % tau == 0

    def interacting(self, s: Any) -> bool:
        """Whether H_bar is used whole."""
        return bool(s["interactions"])

    def measured(self, s: Any, f: Any, z: Any, theta: Any, u: Any, g: Any, groups: Groups) -> dict[str, Any]:
        """Lines 6 to 8."""
        along, source = self.measured_along(u, g), self.curvature_source(f, z)
        g_bar, H_bar, third = self.tensors(source, theta, along, groups, self.interacting(s))
        D = self.scales_of(third).astype(theta.dtype)
        found = {"g_bar": g_bar, "H_bar": H_bar, "third_diagonal": third, "D": D}
        return self.differentiated(source, theta, along, groups, found)

    def differentiated(
        self, source: Any, theta: Any, u: Any, groups: Groups, found: dict[str, Any]
    ) -> dict[str, Any]:
        """The tensors, in which u is a constant."""
        return found

    def scales_of(self, third: Any) -> Any:
        """D."""
        return np.abs(third) ** (1.0 / 3.0)

    def damping(self, s: Any) -> float:
        """The strength of the cubic term."""
        return float(s["internal_damping"])

    def model_of(self, s: Any, H: Any, g: Any, d: Any) -> tuple[Any, Any, float, Any]:
        """The model of line 9."""
        return H, g, self.damping(s), d

    def eta(self, s: Any, groups: Groups, u: Any, g_bar: Any, H_bar: Any, third_diagonal: Any, D: Any) -> Any:
        """Line 9 on the groups that move, or None where there is no minimum."""
        active = np.flatnonzero(groups.sums(np.abs(u)) > 0)
        if not len(active):
            return None
        H, g, d = H_bar[np.ix_(active, active)], g_bar[active], D[active]
        part: Any
        if s["stationary"]:
            part = np.linalg.solve(H.astype(np.float64), g)
        else:
            part = self.solved(*self.model_of(s, H, g, d)).minimizer
        return None if part is None else self.placed(active, part, groups.count).astype(g_bar.dtype)

    def placed(self, active: Any, part: Any, count: int) -> Any:
        """The learning rates of all groups."""
        eta = np.zeros(count)
        eta[active] = part
        return eta

    def length(self, D: Any, eta: Any) -> float:
        """The radius r."""
        return float(np.linalg.norm((D * eta).astype(np.float64)))

    def step_size(self, s: Any, t: int, plateau: Mapping[str, Any]) -> float:
        """The factor lambda of a step."""
        return self.rate(_Rate(s["learning_rate"]), t) * plateau["factor"]

    def spread(self, groups: Groups, eta: Any) -> Any:
        """The learning rate of each parameter."""
        return groups.spread(eta)

    def moved_by(self, theta: Any, size: float, u: Any, rates: Any) -> Any:
        """Line 11."""
        return theta - size * u * rates

    def reduces_first(self) -> bool:
        """Whether the schedule is called before the step."""
        return False

    def reduced_first(self, s: Any, plateau: Any, t: int, loss: float, size: float) -> tuple[Any, float]:
        """The schedule before the step that it should follow, where `reduces_first` says so."""
        after = self.plateau_after(s["plateau"], plateau, t, loss, size)
        return after, size * after["factor"] / plateau["factor"]

    def plateau_due(self, t: int, every: int) -> bool:
        """Whether the schedule is called after the step at t."""
        return (t + 1) % every == 0

    def better(self, p: Plateau, loss: float, best: float) -> bool:
        """Whether a loss counts as better."""
        return loss < (1.0 - p.threshold) * best

    def counted(self, better: bool, loss: float, state: Mapping[str, Any]) -> tuple[float, int]:
        """The best loss and the number of bad calls."""
        return (loss, 0) if better else (state["best"], state["bad"] + 1)

    def borne(self, bad: int, patience: int) -> bool:
        """Whether so many bad calls are borne."""
        return bad <= patience

    def bad_after(self, bad: int) -> int:
        """The number of bad calls after a reduction."""
        return 0

    def factor(self, p: Plateau, factor: float) -> float:
        """The product of the reductions after one more."""
        return p.factor * factor

    def plateau_after(self, p: Plateau, state: Any, t: int, loss: float, size: float) -> dict[str, Any]:
        """Line 12."""
        if not self.plateau_due(t, p.every):
            return dict(state)
        best, bad = self.counted(self.better(p, loss, state["best"]), loss, state)
        if self.borne(bad, p.patience):
            return {"best": best, "bad": bad, "factor": state["factor"]}
        reduces = size - p.factor * size > 1e-8
        factor = self.factor(p, state["factor"]) if reduces else state["factor"]
        return {"best": best, "bad": self.bad_after(bad), "factor": factor}


class _Rate:
    """A learning rate as the first-order pieces ask for it."""

    def __init__(self, rate: Any):
        from refopt.schedules import SCHEDULES

        if isinstance(rate, Mapping):
            rest = {key: value for key, value in rate.items() if key != "schedule"}
            rate = SCHEDULES[rate["schedule"]](**rest)
        self.learning_rate = rate


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with their defaults, the plateau made."""
    defaults = {"learning_rate": 1.0, "internal_damping": 1.0, "momentum": 0.0, "rate_momentum": 0.0}
    defaults |= {"refresh_every": 1, "positive_part": False, "interactions": True, "stationary": False}
    found = {**defaults, "plateau": None, **given}
    if found["plateau"] is not None:
        found["plateau"] = Plateau(**found["plateau"])
    return found
