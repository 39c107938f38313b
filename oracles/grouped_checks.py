"""Second derivations of grouped-Newton steps and runs.

The learning rates are not solved for again: they are proven to be the model's global minimiser (claim D12:
(H + (lam/2) r D^2) eta = g, r = |D eta| and that matrix positive semidefinite suffice), on a summary formed
from products with the Hessian. Runs are repeated by the literal recurrences of Algorithm 4.
"""

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any

from mpmath import mp, mpf

from oracles.averages import rate
from oracles.case import Check, Quantities
from oracles.grouped_method import Estimate, positive
from oracles.precision import (
    Number,
    Vector,
    add,
    dot,
    eigensystem,
    fraction,
    largest,
    matvec,
    norm,
    solve,
    subtract,
    times,
)
from oracles.problems import Problem
from oracles.recurrence import defect
from oracles.summary_tensors import STEP, pieces


def _curvature(inputs: Mapping[str, Any]) -> Problem:
    return inputs.get("curvature_problem", inputs["problem"])


def summary_defect(problem: Problem, found: Estimate, labels: list[int], interactions: bool) -> Number:
    """Compare the summary of a refresh with products with the gradient and the Hessian."""
    parts = pieces(labels, found.direction)
    moved = [problem.hvp(found.theta, part) for part in parts]
    H = [
        [dot(p, row) if interactions or i == j else mpf(0) for j, row in enumerate(moved)]
        for i, p in enumerate(parts)
    ]
    g = [dot(part, problem.gradient(found.theta)) for part in parts]
    cubes = [_third(problem, found.theta, part) for part in parts]
    size = norm(found.H_bar) + norm(found.g_bar) or mpf(1)
    third = norm(subtract(cubes, found.third)) / (norm(found.third) + size)
    rows = [subtract(a, b) for a, b in zip(H, found.H_bar, strict=True)]
    return max(norm(rows) / size, norm(subtract(g, found.g_bar)) / size, third)


def _third(problem: Problem, theta: Vector, part: Vector) -> Number:
    length = norm(part)
    if not length:
        return mpf(0)
    step = STEP / length
    ahead, behind = (dot(part, problem.hvp(add(theta, part, sign * step), part)) for sign in (1, -1))
    return (ahead - behind) / (2 * step)


def certificate_defect(found: Estimate, lam: Number) -> Number:
    """Return how far eta is from the sufficient conditions of a global minimiser of the model."""
    if found.eta is None:
        return mpf(0)
    r = norm([d * x for d, x in zip(found.D, found.eta, strict=True)])
    G = [
        [h + (lam * r * found.D[i] ** 2 / 2 if i == j else 0) for j, h in enumerate(row)]
        for i, row in enumerate(found.H_bar)
    ]
    # Groups are compared in units of their own curvature, which span many decades.
    units = [1 / mp.sqrt(abs(G[i][i]) or mpf(1)) for i in range(len(G))]
    scaled = [[units[i] * units[j] * G[i][j] for j in range(len(G))] for i in range(len(G))]
    rest = subtract(matvec(G, found.eta), found.g_bar)
    residual = largest([u * x for u, x in zip(units, rest, strict=True)])
    terms = [u * x for u, x in zip(units, found.g_bar, strict=True)]
    lowest = eigensystem(scaled)[0][-1]
    return max(residual / (largest(terms) or 1), -lowest)


def _step_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    settings, found = inputs["settings"], outputs["_estimates"][0]
    worst = summary_defect(_curvature(inputs), found, inputs["groups"], settings["interactions"])
    if settings["stationary"]:
        return worst
    return max(worst, certificate_defect(found, settings["internal_damping"]))


def _run_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    settings, labels = inputs["settings"], inputs["groups"]
    source, worst = _curvature(inputs), mpf(0)
    for found in outputs["_estimates"].values():
        worst = max(worst, summary_defect(source, found, labels, settings["interactions"]))
        if not settings["stationary"]:
            worst = max(worst, certificate_defect(found, settings["internal_damping"]))
    return max(worst, _loop_defect(inputs, outputs))


class Torch:
    """torch.optim.lr_scheduler.ReduceLROnPlateau, mode min, threshold 1e-4 relative, eps 1e-8, as read."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.patience, self.factor = settings["patience"], settings["factor"]
        self.best, self.bad, self.rate = mp.inf, 0, mpf(1)

    def step(self, loss: Number, given: Number) -> None:
        """Take the loss of one call; `given` is the learning rate that it reduces, if nothing else did."""
        if loss < self.best * (1 - mpf(10) ** -4):
            self.best, self.bad = loss, 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            lower = self.rate * self.factor
            if (self.rate - lower) * given > mpf(10) ** -8:
                self.rate = lower
            self.bad = 0


def _loop_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Run Algorithm 4 line by line with the learning rates of each refresh, and compare the points."""
    settings, labels, theta = inputs["settings"], inputs["groups"], inputs["theta"]
    mu, nu, plateau = settings["momentum"], settings["rate_momentum"], settings["plateau"]
    torch = Torch(plateau) if plateau else None
    thetas, kept = [theta], outputs["_estimates"]
    velocity: Vector = []
    rates: Vector = []
    for t in range(inputs["steps"]):
        g = inputs["problem"].gradient(theta)
        velocity = g if not velocity else [mu * v + (1 - mu) * x for v, x in zip(velocity, g, strict=True)]
        if t % settings["refresh_every"] == 0 and kept[t].eta is not None and any(velocity):
            eta = positive(kept[t].eta) if settings["positive_part"] else kept[t].eta
            rates = eta if not rates else [nu * a + (1 - nu) * b for a, b in zip(rates, eta, strict=True)]
        size = rate(settings, t) * (torch.rate if torch else 1)
        loss = inputs["problem"].value(theta)
        theta = [x - size * v * rates[s] for x, v, s in zip(theta, velocity, labels, strict=True)]
        thetas.append(theta)
        if torch and (t + 1) % plateau["every"] == 0:
            torch.step(loss, rate(settings, t))
    return defect(thetas, outputs["thetas"])


def _first_step(inputs: dict[str, Any], outputs: Quantities) -> Vector:
    after = outputs["theta_next"] if "theta_next" in outputs else outputs["thetas"][1]
    return [x / rate(inputs["settings"], 0) for x in subtract(inputs["theta"], after)]


def _newton_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare the discrete partition's step with H^-1 g (section 4.3; needs every g_p != 0)."""
    problem, theta = inputs["problem"], inputs["theta"]
    return defect(solve(problem.hessian(theta), problem.gradient(theta)), _first_step(inputs, outputs))


def _cauchy_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare the trivial partition's step with (g'g / g'Hg) g (section 4.3)."""
    problem, theta = inputs["problem"], inputs["theta"]
    g = problem.gradient(theta)
    return defect(times(dot(g, g) / dot(g, problem.hvp(theta, g)), g), _first_step(inputs, outputs))


def _one_group_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare S = 1 with the root of h eta + k eta^2 = g, k = (lam/2) |D^3|, without cancellation."""
    h, g = outputs["H_bar"][0][0], outputs["g_bar"][0]
    k = inputs["settings"]["internal_damping"] * abs(outputs["third_diagonal"][0]) / 2
    root = mp.sqrt(h * h + 4 * k * abs(g))
    eta = mp.sign(g) * (2 * abs(g) / (h + root) if h >= 0 else (root - h) / (2 * k))
    return (eta - outputs["eta"][0]) / eta


# ---- exact fractions ----


def exact_run(
    H: list[list[Fraction]], theta: list[Fraction], labels: list[int], lam: Fraction, steps: int
) -> list[list[Fraction]]:
    """Return the points of eq. 8 with step size lam on theta'H theta/2, u = g, in exact fractions."""
    thetas = [theta]
    for _ in range(steps):
        g = [sum((a * x for a, x in zip(row, thetas[-1], strict=True)), Fraction(0)) for row in H]
        parts = [
            [x if s == i else Fraction(0) for x, s in zip(g, labels, strict=True)]
            for i in range(max(labels) + 1)
        ]
        kept = [i for i, part in enumerate(parts) if any(part)]
        rows = [[_form(H, parts[i], parts[j]) for j in kept] for i in kept]
        eta = dict(zip(kept, _eliminated(rows, [_dot(parts[i], g) for i in kept]), strict=True))
        thetas.append(
            [x - lam * v * eta.get(s, Fraction(0)) for x, v, s in zip(thetas[-1], g, labels, strict=True)]
        )
    return thetas


def _dot(a: list[Fraction], b: list[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def _form(H: list[list[Fraction]], a: list[Fraction], b: list[Fraction]) -> Fraction:
    return _dot(a, [_dot(row, b) for row in H])


def _eliminated(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Solve a positive definite system by Gauss's elimination."""
    rows = [[*row, x] for row, x in zip(matrix, right, strict=True)]
    for i, pivot in enumerate(rows):
        for j, row in enumerate(rows):
            if j != i and row[i]:
                factor = row[i] / pivot[i]
                rows[j] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
    return [row[-1] / row[i] for i, row in enumerate(rows)]


def exact_check(ratios: tuple[Fraction, ...] = (), last: Fraction | None = None) -> Check:
    """Return a check in exact fractions.

    Args:
        ratios: L(theta_{t+1}) / L(theta_t) of the first steps, known on paper.
        last: L at the end, known on paper.
    """

    def gap(inputs: dict[str, Any], outputs: Quantities) -> Number:
        problem = inputs["problem"]
        H = [[fraction(x) for x in row] for row in problem.hessian(inputs["theta"])]
        theta = [fraction(x) for x in inputs["theta"]]
        lam = fraction(inputs["settings"]["learning_rate"])
        points = exact_run(H, theta, inputs["groups"], lam, inputs["steps"])
        values = [_form(H, point, point) / 2 for point in points]
        found = [b / a for a, b in pairwise(values) if a]
        if tuple(found[: len(ratios)]) != ratios or (last is not None and values[-1] != last):
            raise ValueError(f"the ratios of the losses are {found[:4]}, L ends at {values[-1]}.")
        as_numbers = [[mpf(x.numerator) / x.denominator for x in point] for point in points]
        return defect(as_numbers, outputs["thetas"])

    return Check("exact fractions", gap, mpf(10) ** -45)


# The differences along a group leave about 10^-25; certificates and loops far less.
OPTIMAL = Check("summary by Hessian products, certificate of global optimality", _step_defect, mpf(10) ** -20)
LITERAL = Check(
    "Algorithm 4 line by line, summaries by Hessian products, certificates of global optimality",
    _run_defect,
    mpf(10) ** -20,
)
NEWTON = Check("Newton's step", _newton_defect, mpf(10) ** -40)
CAUCHY = Check("Cauchy's step", _cauchy_defect, mpf(10) ** -40)
ONE_GROUP = Check("closed form of S = 1", _one_group_defect, mpf(10) ** -40)
