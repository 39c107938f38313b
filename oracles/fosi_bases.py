"""The bases of FOSI's cases: the optimizers of `averages`, and Sophia, which is handed Hessian diagonals.

Sophia receives g2 in the place of the gradient, and the diagonal of the whole Hessian, not of its part in the
complement: Algorithm 2 gives BaseOptStep g2 and leaves the rest of the base as it is. The diagonal is taken
in at the base's own iterations, t mod refresh_every = 0, whatever the schedule of the spectrum.

Its memories are the explicit sums of `sophia_method`; `advance` is Algorithm 3 as it is written.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mpmath import mpf

from oracles import averages, first_order_settings, recurrence, sophia_method
from oracles.averages import rate
from oracles.precision import Matrix, Vector
from oracles.problems import Problem

SOPHIA = "sophia"
MEMORY = {**averages.MEMORY, SOPHIA: "first_moment"}
DECAY = {**averages.DECAY, SOPHIA: "beta1"}
CITATIONS = {**first_order_settings.CITATIONS, SOPHIA: "Liu et al. 2024, Algorithm 3"}
TERMS = {**first_order_settings.TERMS, SOPHIA: 6}


def settings_of(base: str, dtype: str, **changes: Any) -> dict[str, Any]:
    """Return the full settings of a base, without weight decay, which FOSI refuses inside its base."""
    none = {"weight_decay": 0.0}
    if base == SOPHIA:
        usual = sophia_method.SETTINGS if dtype == "float64" else sophia_method.SINGLE
        return {**usual, **none, **changes}
    return first_order_settings.settings_of(base, dtype, **(none if base == "adamw" else {}), **changes)


def fresh(base: str, n: int) -> dict[str, Any]:
    """Return the state before the first step."""
    if base != SOPHIA:
        return averages.fresh(base, n)
    return {"iteration": 0, "first_moment": [mpf(0)] * n, "hessian_diagonal": [mpf(0)] * n}


def first_state(base: str, n: int) -> dict[str, Any]:
    """Return the state before the first step, as an input."""
    return {name: value if name == "iteration" else [0.0] * n for name, value in fresh(base, n).items()}


def memories(
    base: str, settings: Mapping[str, Any], state: Mapping[str, Any], gradients: Matrix,
    estimates: Sequence[Vector] = (),
) -> dict[str, Any]:  # fmt: skip
    """Return the state after all gradients were seen and all estimates of the diagonal taken in."""
    if base != SOPHIA:
        return averages.memories(base, settings, state, gradients)
    return {
        "iteration": state["iteration"] + len(gradients),
        "first_moment": sophia_method.memory(settings, state["first_moment"], gradients),
        "hessian_diagonal": sophia_method.curvature(settings, state["hessian_diagonal"], list(estimates)),
    }


def direction(
    base: str, settings: Mapping[str, Any], after: Mapping[str, Any], gradient: Vector, theta: Vector
) -> Vector:
    """Return the direction of the step whose updated state is `after`."""
    if base != SOPHIA:
        return averages.direction(base, settings, after, gradient, theta)
    m, h = after["first_moment"], after["hessian_diagonal"]
    return sophia_method.direction(settings, after["iteration"] - 1, m, h, theta)[0]


def advance(
    base: str, settings: Mapping[str, Any], state: Mapping[str, Any], g: Vector, theta: Vector,
    estimate: Vector | None = None,
) -> tuple[Vector, dict[str, Any]]:  # fmt: skip
    """Return the direction and the next state of one step as the algorithm is written."""
    if base != SOPHIA:
        return recurrence.advance(base, settings, dict(state), g, theta)
    b1, b2, eta = settings["beta1"], settings["beta2"], rate(settings, state["iteration"])
    m = [b1 * a + (1 - b1) * b for a, b in zip(state["first_moment"], g, strict=True)]
    h = state["hessian_diagonal"]
    if estimate is not None:
        h = [b2 * a + (1 - b2) * b for a, b in zip(h, estimate, strict=True)]
    limits = [max(settings["rho"] * x, settings["epsilon"]) for x in h]
    d = [-eta * min(max(a / limit, -1), 1) for a, limit in zip(m, limits, strict=True)]
    return d, {"iteration": state["iteration"] + 1, "first_moment": m, "hessian_diagonal": h}


def takes_diagonal(base: str, settings: Mapping[str, Any], iteration: int) -> bool:
    """Say whether the base takes in an estimate of the diagonal at an iteration."""
    return base == SOPHIA and sophia_method.refreshes_at(settings, iteration)


def probe_of(settings: Mapping[str, Any], probes: Matrix | None, iteration: int) -> Vector | None:
    """Return the probe of the estimate at an iteration, one after another; None for the exact diagonal."""
    return None if probes is None else probes[iteration // settings["refresh_every"]]


def estimated(
    settings: Mapping[str, Any], problem: Problem, theta: Vector, probes: Matrix | None, t: int
) -> Vector:
    """Return the estimate of the diagonal at iteration t, from products with the Hessian."""
    probe = probe_of(settings, probes, t)
    return sophia_method.diagonal(problem, theta, None if probe is None else [probe])


def written_out(
    settings: Mapping[str, Any], problem: Problem, theta: Vector, probes: Matrix | None, t: int
) -> Vector:
    """Return the same from the whole Hessian."""
    H, probe = problem.hessian(theta), probe_of(settings, probes, t)
    if probe is None:
        return [row[i] for i, row in enumerate(H)]
    return [probe[i] * sum(a * b for a, b in zip(row, probe, strict=True)) for i, row in enumerate(H)]
