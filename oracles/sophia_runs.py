"""Free runs of Sophia (L4), with exact diagonals and with given probes."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from mpmath import mpf

from oracles.averages import rate
from oracles.bases import draws
from oracles.case import Alternative, Case, Check, Close, Quantities
from oracles.precision import Number, add, largest, round_float32
from oracles.problems import load
from oracles.recurrence import defect
from oracles.sophia_method import (
    CORRECTED,
    SETTINGS,
    SINGLE,
    STEP_FIRST,
    curvature,
    diagonal,
    direction,
    memory,
    refreshes_at,
)


def compute(choices: Sequence[str], inputs: dict[str, Any]) -> Quantities:
    """Return points and values; both memories are sums over the whole past."""
    problem, settings, probes = inputs["problem"], inputs["settings"], inputs["probes"]
    zero = [mpf(0)] * problem.n
    thetas: list[Any] = [inputs["theta"]]
    gradients: list[Any] = []
    estimates: list[Any] = []
    for t in range(inputs["steps"]):
        theta = thetas[-1]
        gradients.append(problem.gradient(theta))
        before = curvature(settings, zero, estimates)
        if refreshes_at(settings, t):
            given = None if probes is None else [probes[len(estimates)]]
            estimates.append(diagonal(problem, theta, given))
        h = before if STEP_FIRST in choices else curvature(settings, zero, estimates)
        m = memory(settings, zero, gradients)
        thetas.append(add(theta, direction(settings, t, m, h, theta, choices)[0]))
    return {"thetas": thetas, "values": [problem.value(theta) for theta in thetas]}


def loop_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare with Algorithm 3's loop, its estimates from the whole Hessian."""
    problem, s, probes = inputs["problem"], inputs["settings"], inputs["probes"]
    m = h = [mpf(0)] * problem.n
    x, thetas = inputs["theta"], [inputs["theta"]]
    for t in range(inputs["steps"]):
        eta, g = rate(s, t), problem.gradient(x)
        m = [s["beta1"] * a + (1 - s["beta1"]) * b for a, b in zip(m, g, strict=True)]
        if t % s["refresh_every"] == 0:
            H = problem.hessian(x)
            if probes is None:
                found = [row[i] for i, row in enumerate(H)]
            else:
                u = probes[t // s["refresh_every"]]
                found = [u[i] * sum(a * b for a, b in zip(row, u, strict=True)) for i, row in enumerate(H)]
            h = [s["beta2"] * a + (1 - s["beta2"]) * b for a, b in zip(h, found, strict=True)]
        x = [a - eta * s["weight_decay"] * a for a in x]
        x = [
            a - eta * min(max(b / max(s["rho"] * c, s["epsilon"]), -1), 1)
            for a, b, c in zip(x, m, h, strict=True)
        ]
        thetas.append(x)
    return defect(thetas, outputs["thetas"])


def _probes(seed: int, count: int, n: int) -> list[list[float]]:
    numbers = draws(seed, count * n)
    return [[1.0 if x >= 0 else -1.0 for x in numbers[i * n : (i + 1) * n]] for i in range(count)]


def _case(
    what: str, problem: str, steps: int, comment: str, flags: tuple[str, ...], *, start: Any = "default",
    seed: int | None = None, dtype: str = "float64", **settings: Any,
) -> Case:  # fmt: skip
    chosen = load(problem)
    full = {**(SETTINGS if dtype == "float64" else SINGLE), **settings}
    theta = chosen.start(start) if isinstance(start, str) else list(start)
    count = -(-steps // full["refresh_every"])
    terms = 6 * chosen.n
    why = f"about {terms} rounding errors per component and step, amplified by the condition"
    rules: dict[str, Any] = {
        "thetas": Close(
            scale=lambda i, o: max(largest(x) for x in o["thetas"]), terms=terms, axis="step", why=why
        ),
        "values": Close(scale=lambda i, o: largest(o["values"]), terms=terms, axis="step", why=why),
    }
    named = ((STEP_FIRST,), (CORRECTED, STEP_FIRST))
    return Case(
        id=f"sophia.sophia_run.L4.{what}",
        op="sophia_run",
        level="L4",
        source=f"Liu et al. 2024, Algorithm 3; problem {problem}",
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs={
            "problem": problem,
            "settings": full,
            "theta": [round_float32(x) for x in theta] if dtype == "float32" else theta,
            "steps": steps,
            "probes": None if seed is None else _probes(seed, count, chosen.n),
        },
        compute=partial(compute, ()),
        rules=rules,
        alternatives={",".join(chosen): Alternative(partial(compute, chosen), rules) for chosen in named},
        perturb=("problem", "theta"),
        checks=[Check("Algorithm 3's loop", loop_defect, mpf(10) ** -35)],
    )


def cases() -> list[Case]:
    """Return the cases of runs."""
    # fmt: off
    return [
        _case("rosenbrock", "rosenbrock-2", 14, "curvatures of 1 to 1000, refreshed every third step",
              ("Refresh", "Clip"), learning_rate=0.02, refresh_every=3, beta2=0.5),
        _case("logistic", "logistic-7x4", 15, "one refresh, then ten steps with an old diagonal",
              ("Refresh", "Memory"), learning_rate=0.25, rho=1.0, beta2=0.75),
        _case("logistic-probes", "logistic-7x4", 12, "a Rademacher probe for each of four refreshes",
              ("Hutchinson", "Refresh"), learning_rate=0.25, rho=1.0, beta2=0.5, refresh_every=3, seed=211),
        _case("log-cosh", "log-cosh-6", 12, "curvatures that vanish far out: clipped there, not near 0",
              ("Clip",), learning_rate=0.25, rho=0.5, beta1=0.5, beta2=0.5, refresh_every=2),
        _case("saddle", "quadratic-indefinite-6", 10, "three curvatures below 0: epsilon, sign steps away",
              ("NegativeCurvature", "Clip"), learning_rate=0.0625, refresh_every=4),
        _case("quartic", "polynomial-quartic-4", 22, "h turns from negative to positive on the way",
              ("NegativeCurvature", "Refresh"), start="hill", learning_rate=0.0625, rho=0.5, beta1=0.5,
              beta2=0.5, refresh_every=2),
        _case("tanh-network", "tanh-network-18", 8, "a network, one probe at each refresh",
              ("Hutchinson", "Clip"), learning_rate=0.03125, refresh_every=4, seed=212),
        _case("weight-decay", "logistic-7x4", 10, "decay beside the clip", ("WeightDecay",),
              learning_rate=0.25, rho=1.0, beta2=0.5, refresh_every=2, weight_decay=0.125),
        _case("schedule", "himmelblau", 10, "a learning rate that halves every four steps",
              ("Schedule", "Clip"), refresh_every=3, beta2=0.5,
              learning_rate={"schedule": "exponential", "initial": 0.25, "decay": 0.5, "every": 4}),
        _case("float32", "logistic-7x4", 8, "float32 throughout", ("Float32", "Refresh"),
              learning_rate=0.25, rho=1.0, beta2=0.5, dtype="float32"),
    ]
    # fmt: on
