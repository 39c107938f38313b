"""How a trajectory of AMOS is declared: optimizers by name, inputs, rules and checks."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from oracles.amos_checks import LITERAL
from oracles.amos_method import SETTINGS, compute_run
from oracles.amos_selection import compared
from oracles.bases import draws
from oracles.case import Alternative, Case, Check, Close, Exact
from oracles.precision import floats, largest, numbers, round_float32
from oracles.problems import load
from oracles.sophia_method import SETTINGS as SOPHIA

Spec = Mapping[str, Any]


def gd(rate: float) -> Spec:
    """Gradient descent."""
    return {"optimizer": "gradient_descent", "settings": {"learning_rate": rate}}


def ball(rate: float, momentum: float = 0.5) -> Spec:
    """Heavy ball."""
    return {"optimizer": "heavy_ball", "settings": {"learning_rate": rate, "momentum": momentum}}


def newton(alpha: float = 1.0) -> Spec:
    """Newton's method."""
    return {"optimizer": "newton", "settings": {"alpha": alpha}}


def sophia(rate: float, **settings: Any) -> Spec:
    """Sophia with an estimate of the diagonal in every second step."""
    usual = {**SOPHIA, "rho": 1.0, "beta1": 0.5, "beta2": 0.5, "refresh_every": 2}
    return {"optimizer": "sophia", "settings": {**usual, "learning_rate": rate, **settings}}


def fosi(problem: str, largest_: int, smallest: int, rate: Any, alpha: float = 0.5, every: int = 1) -> Spec:
    """FOSI over gradient descent, without scaling of its rate, a number or a schedule."""
    settings = {
        "largest": largest_, "smallest": smallest, "alpha": alpha, "refresh_every": every, "scaling": "none"
    }  # fmt: skip
    return {
        "optimizer": "fosi", "settings": settings, "base": gd(rate),
        "lanczos_start": load(problem).lanczos_start,
    }  # fmt: skip


def at(problem: str, coordinates: list[float]) -> list[float]:
    """Return the point of these coordinates along a separable problem's axes."""
    return floats(load(problem).function.backward(numbers(coordinates)))


def _probes(seed: int, count: int, n: int) -> list[list[float]]:
    numbers = draws(seed, count * n)
    return [[1.0 if x >= 0 else -1.0 for x in numbers[i * n : (i + 1) * n]] for i in range(count)]


def _rules(n: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    terms = 8 * n
    why = f"about {terms} rounding errors per component and step, amplified by the condition"
    return {
        "assignments": Exact(margin="_margins", compared=f"{compared(settings)} of the nearest decision"),
        "offload": Close(scale=1.0, terms=2, axis="step", why="a fraction"),
        "lipschitz": Close(
            scale=lambda i, o: o["_sizes"], terms=terms, axis="step",
            why=f"curvature over motion, whose difference cancels, the largest so far; {why}",
        ),
        "thetas": Close(
            scale=lambda i, o: o["_rounding"], terms=terms, axis="step",
            why=f"the largest point, and what rounding of eigenpairs moves it so far; {why}",
        ),
        "values": Close(scale=lambda i, o: largest(o["values"]) or 1, terms=terms, axis="step", why=why),
    }  # fmt: skip


def run_case(
    what: str, problem: str, steps: int, first: Spec, second: Spec, comment: str, flags: tuple[str, ...], *,
    start: Any = "default", groups: list[int] | None = None, seed: int | None = None, dtype: str = "float64",
    choices: Mapping[str, dict[str, Any]] | None = None, checks: tuple[Check, ...] = (),
    moving: tuple[str, ...] = ("problem", "theta"), **settings: Any,
) -> Case:  # fmt: skip
    """Build the case of a run; `choices` are the settings that named choices change."""
    chosen = load(problem)
    theta = chosen.start(start) if isinstance(start, str) else list(start)
    full = {**SETTINGS, **settings}
    rules = _rules(chosen.n, full)
    inputs: dict[str, Any] = {
        "problem": problem,
        "settings": full,
        "first": dict(first),
        "second": dict(second),
        "theta": [round_float32(x) for x in theta] if dtype == "float32" else theta,
        "steps": steps,
        **({"groups": groups} if groups else {}),
        **({"probes": _probes(seed, steps, chosen.n)} if seed is not None else {}),
    }
    return Case(
        id=f"amos.amos_run.L4.{what}",
        op="amos_run",
        level="L4",
        group=f"amos_run-{full['granularity']}",
        source=f"ELMO paper, Algorithm 2; claims section 5; problem {problem}",
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=partial(compute_run, {}),
        rules=rules,
        alternatives={
            name: Alternative(partial(compute_run, changed), rules)
            for name, changed in (choices or {}).items()
        },
        perturb=moving,
        checks=[LITERAL, *checks],
    )
