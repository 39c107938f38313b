"""Grouped Newton as explicit sums: learning rates of one point, and whole runs of Algorithm 4.

Another route than the recurrences of the method: the direction g~_t and the learning rates eta~_t are written
as weighted sums over all past gradients and refreshes,

    x~_t = mu^t x_0 + (1 - mu) sum_{k=1..t} mu^(t-k) x_k,

the summary comes from derivatives along lines (summary_tensors), and the plateau schedule is replayed from
its definition over all losses seen. What is left out of the model, groups with u_s = 0, has no row in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpmath import mp, mpf

from oracles import cubic_model
from oracles.averages import rate
from oracles.bases import draws
from oracles.case import Quantities
from oracles.margins import least, margin
from oracles.precision import PERTURBATION, Matrix, Number, Vector, add, norm, solve, subtract
from oracles.problems import Problem
from oracles.summary_tensors import Forms, pieces

SETTINGS: dict[str, Any] = {
    "learning_rate": 1.0,
    "internal_damping": 1.0,
    "momentum": 0.0,
    "rate_momentum": 0.0,
    "refresh_every": 1,
    "positive_part": False,
    "interactions": True,
    "stationary": False,
    "plateau": None,
}
THRESHOLD = mpf(1) / 10000  # torch's ReduceLROnPlateau, relative
SMALLEST_REDUCTION = mpf(10) ** -8  # and its `eps`


class Unbounded(ValueError):
    """The model of the first step has no minimum."""


@dataclass(frozen=True)
class Estimate:
    """The summary of one refresh and what it gives; eta is None where the model has no minimum."""

    theta: Vector
    direction: Vector
    g_bar: Vector
    H_bar: Matrix
    third: Vector
    D: Vector
    eta: Vector | None


def averaged(terms: Sequence[Vector], mu: Number) -> Vector:
    """Return the average of `terms` in which an older one weighs mu times less, the first one undamped."""
    last = len(terms) - 1
    weights = [mu**last, *((1 - mu) * mu ** (last - k) for k in range(1, last + 1))]
    return [
        mp.fsum(w * x for w, x in zip(weights, column, strict=True)) for column in zip(*terms, strict=True)
    ]


def positive(x: Vector) -> Vector:
    """Return the positive part."""
    return [max(a, mpf(0)) for a in x]


def estimate(problem: Problem, theta: Vector, u: Vector, labels: list[int], settings: Any) -> Estimate:
    """Return the summary at a point along a direction, and the learning rates of its model."""
    parts = pieces(labels, u)
    forms, count = Forms(problem, theta, parts), len(parts)
    g_bar, third = forms.gradient(), forms.third_diagonal()
    if settings["interactions"]:
        H_bar = forms.hessian()
    else:
        H_bar = [[forms.form(2, (i,)) if i == j else mpf(0) for j in range(count)] for i in range(count)]
    D = [mp.cbrt(abs(x)) for x in third]
    eta = minimizer(H_bar, g_bar, D, [any(part) for part in parts], settings)
    return Estimate(theta, u, g_bar, H_bar, third, D, eta)


def minimizer(
    H_bar: Matrix, g_bar: Vector, D: Vector, active: Sequence[bool], settings: Mapping[str, Any]
) -> Vector | None:
    """Return eta, 0 in groups that are not active, or None when the model has no minimum."""
    kept = [s for s, on in enumerate(active) if on]
    H = [[H_bar[i][j] for j in kept] for i in kept]
    g, d = [g_bar[s] for s in kept], [D[s] for s in kept]
    if settings["stationary"]:
        inner = solve(H, g)  # eq. 8 as printed: a saddle where H_bar is indefinite
    elif kept:
        found = cubic_model.solve(H, g, d, settings["internal_damping"])
        if found.status == "unbounded":
            return None
        if found.status != "unique":
            raise ValueError(f"the model's minimizers are not one point: {found.status}.")
        inner = found.minimizers[0]
    else:
        inner = []
    eta = [mpf(0)] * len(g_bar)
    for s, x in zip(kept, inner, strict=True):
        eta[s] = x
    return eta


def _curvature(inputs: Mapping[str, Any]) -> Problem:
    return inputs.get("curvature_problem", inputs["problem"])


def compute_step(inputs: dict[str, Any]) -> Quantities:
    """Return every quantity of the first step from a point."""
    settings, theta, labels = inputs["settings"], inputs["theta"], inputs["groups"]
    u = inputs["problem"].gradient(theta)
    found = estimate(_curvature(inputs), theta, u, labels, settings)
    if found.eta is None:
        raise Unbounded("the model of the first step has no minimum.")
    rates = positive(found.eta) if settings["positive_part"] else found.eta
    step = rate(settings, 0)
    return {
        "direction": u,
        "g_bar": found.g_bar,
        "H_bar": found.H_bar,
        "third_diagonal": found.third,
        "D": found.D,
        "r": norm([d * x for d, x in zip(found.D, found.eta, strict=True)]),
        "eta": found.eta,
        "learning_rates": rates,
        "theta_next": [x - step * v * rates[s] for x, v, s in zip(theta, u, labels, strict=True)],
        "_estimates": {0: found},
    }


def rate_moves(inputs: Mapping[str, Any], estimates: Mapping[int, Estimate]) -> dict[int, Number]:
    """Return, for each refresh, the change of eta in units of a relative change 2^-40 of the point."""
    problem, settings, out = inputs["problem"], inputs["settings"], {}
    unit = mpf(2) ** PERTURBATION
    for t, found in estimates.items():
        signs = draws(110 + t, problem.n)
        theta = [x * (1 + unit * s) for x, s in zip(found.theta, signs, strict=True)]
        turned = subtract(problem.gradient(theta), problem.gradient(found.theta))
        weight = 1 - settings["momentum"] if t else mpf(1)
        u = add(found.direction, turned, weight)
        near = estimate(_curvature(inputs), theta, u, inputs["groups"], settings)
        if near.eta is not None and found.eta is not None:
            out[t] = norm(subtract(near.eta, found.eta)) / unit
    return out


def reductions(losses: Sequence[Number], plateau: Mapping[str, Any] | None, rates: Sequence[Number]) -> int:
    """Return how often ReduceLROnPlateau has reduced, given the losses of all steps so far.

    It is called with the loss of step number every, 2 every, ... (counted from 1). A call is bad when its
    loss is not below (1 - 10^-4) times the best so far; patience + 1 bad calls in a row since the last good
    one or the last reduction reduce, unless that takes no more than 10^-8 off the step size: then they are
    only forgotten.

    Args:
        losses: L of each step.
        plateau: the schedule's settings, or None.
        rates: lambda_1 of each step, without what the schedule reduced.
    """
    if plateau is None:
        return 0
    reduced = bad = 0
    best = None
    for t in range(plateau["every"] - 1, len(losses), plateau["every"]):
        if best is None or losses[t] < (1 - THRESHOLD) * best:
            best, bad = losses[t], 0
        else:
            bad += 1
        if bad == plateau["patience"] + 1:
            size = rates[t] * plateau["factor"] ** reduced
            reduced, bad = reduced + (size - size * plateau["factor"] > SMALLEST_REDUCTION), 0
    return reduced


def plateau_margin(losses: Sequence[Number], plateau: Mapping[str, Any] | None) -> Number | None:
    """Return the least margin of the comparisons that `reductions` makes; None where there are none."""
    if plateau is None:
        return None
    calls, best, found = losses[plateau["every"] - 1 :: plateau["every"]], None, []
    for loss in calls:
        if best is not None:
            found.append(margin(loss, (1 - THRESHOLD) * best))
        if best is None or loss < (1 - THRESHOLD) * best:
            best = loss
    return least(found)


def compute_run(inputs: dict[str, Any], choice: str = "") -> Quantities:
    """Return a run of Algorithm 4.

    Args:
        inputs: of the operation `grouped_newton_run`.
        choice: "rates=ema-then-positive" averages the raw eta and takes the positive part of the average (the
            author's default); "refresh=first-and-multiples" refreshes in step 1 and in steps tau, 2 tau, ..
            counted from 1.
    """
    clip_average = choice == "rates=ema-then-positive"
    multiples_from_one = choice == "refresh=first-and-multiples"
    settings, labels, problem = inputs["settings"], inputs["groups"], inputs["problem"]
    tau, plateau = settings["refresh_every"], settings["plateau"]
    thetas, gradients, losses, etas = [inputs["theta"]], [], [], []
    rates, sizes, refreshed, estimates, margins = [], [], [], {}, []
    for t in range(inputs["steps"]):
        theta = thetas[-1]
        gradients.append(problem.gradient(theta))
        losses.append(problem.value(theta))
        u = averaged(gradients, settings["momentum"])
        if t == 0 or (t + multiples_from_one) % tau == 0:
            estimates[t] = estimate(_curvature(inputs), theta, u, labels, settings)
            eta = estimates[t].eta
            if eta is not None and any(u):
                refreshed.append(t)
                etas.append(positive(eta) if settings["positive_part"] and not clip_average else eta)
            elif not etas:
                raise Unbounded("the model of the first step has no minimum.")
        average = averaged(etas, settings["rate_momentum"])
        rates.append(positive(average) if clip_average and settings["positive_part"] else average)
        given = [rate(settings, k) for k in range(t)]
        factor = (plateau["factor"] if plateau else mpf(1)) ** reductions(losses[:-1], plateau, given)
        sizes.append(rate(settings, t) * factor)
        margins.append(plateau_margin(losses[:-1], plateau))
        thetas.append([x - sizes[-1] * v * rates[-1][s] for x, v, s in zip(theta, u, labels, strict=True)])
    return {
        "refreshed": refreshed,
        "learning_rates": rates,
        "step_sizes": sizes,
        "thetas": thetas,
        "values": [problem.value(theta) for theta in thetas],
        "_estimates": estimates,
        "_margins": margins,
    }
