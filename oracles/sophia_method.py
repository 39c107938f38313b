"""Sophia without its recurrences: both memories are explicit sums, the clip is a comparison.

With g_0, ..., g_t the gradients and s_0, s_1, ... the estimates of the diagonal since a given state,

    m = beta1^(t+1) m_start + (1 - beta1) sum_i beta1^(t-i) g_i,
    h = beta2^r h_start + (1 - beta2) sum_j beta2^(r-1-j) s_j,       r estimates,

and with the limit D = max(rho h, epsilon) a component moves by -eta m / D where |m| < D, and by -eta sign(m)
elsewhere.
Diagonals come from products with the hand-derived Hessians of the families.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mpmath import mp, mpf

from oracles.averages import correction, decayed, rate
from oracles.precision import Matrix, Number, Vector
from oracles.problems import Problem

STEP_FIRST, CORRECTED = "sophia.order=step-first", "sophia.moment=corrected"
"""Named choices: the step sees the diagonal from before the estimate; m is bias-corrected, as Adam's."""

SETTINGS: dict[str, Any] = {
    "learning_rate": 0.125,
    "beta1": 0.96,
    "beta2": 0.99,
    "rho": 0.04,
    "epsilon": 1e-12,
    "refresh_every": 10,
    "weight_decay": 0.0,
}
SINGLE: dict[str, Any] = {
    "learning_rate": 0.125,
    "beta1": 0.9375,
    "beta2": 0.96875,
    "rho": 0.0625,
    "epsilon": 2.0**-20,
    "refresh_every": 4,
    "weight_decay": 0.0625,
}


def unit(n: int, i: int) -> Vector:
    """Return the i-th axis."""
    return [mpf(i == j) for j in range(n)]


def diagonal(problem: Problem, theta: Vector, probes: Matrix | None) -> Vector:
    """Return the Hessian's diagonal, or the mean of u o (H u) over probes (p, n)."""
    n = problem.n
    if probes is None:
        return [problem.hvp(theta, unit(n, i))[i] for i in range(n)]
    products = [problem.hvp(theta, u) for u in probes]
    return [
        mp.fsum(u[i] * w[i] for u, w in zip(probes, products, strict=True)) / len(probes) for i in range(n)
    ]


def refreshes_at(settings: Mapping[str, Any], iteration: int) -> bool:
    """Say whether the step of an iteration takes an estimate in."""
    return iteration % settings["refresh_every"] == 0


def memory(settings: Mapping[str, Any], start: Vector, gradients: Matrix) -> Vector:
    """Return m after the gradients, from `start`."""
    return decayed(start, gradients, settings["beta1"], 1 - settings["beta1"])


def curvature(settings: Mapping[str, Any], start: Vector, estimates: Matrix) -> Vector:
    """Return h after the estimates, from `start`."""
    return decayed(start, estimates, settings["beta2"], 1 - settings["beta2"])


def direction(
    settings: Mapping[str, Any],
    iteration: int,
    m: Vector,
    h: Vector,
    theta: Vector,
    choices: Sequence[str] = (),
) -> tuple[Vector, list[bool]]:
    """Return the direction of an iteration, and where |m| exceeds its limit."""
    eta, out, clipped = rate(settings, iteration), [], []
    scale = correction(settings["beta1"], iteration + 1) if CORRECTED in choices else mpf(1)
    for a, b, x in zip(m, h, theta, strict=True):
        limit = scale * _larger(settings["rho"] * b, settings["epsilon"])
        clipped.append(bool(abs(a) > limit))
        moved = a / limit if abs(a) < limit else mp.sign(a)
        out.append(-eta * (moved + settings["weight_decay"] * x))
    return out, clipped


def _larger(a: Number, b: Number) -> Number:
    return a if a > b else b
