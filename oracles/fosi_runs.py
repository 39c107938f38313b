"""FOSI trajectories (L4): directions along given points, and free runs, each with its own estimates."""

from collections.abc import Mapping
from typing import Any

from mpmath import mpf

from oracles import recurrence
from oracles.case import Case, Check, Close, Exact, Quantities, Rule
from oracles.first_order_settings import moved
from oracles.fosi_bases import CITATIONS, TERMS, estimated, settings_of, takes_diagonal, written_out
from oracles.fosi_split import Split, Sums, default_epsilon, estimate, literal, refreshes
from oracles.precision import Matrix, Number, add, largest, matvec, norm
from oracles.problems import Problem, load

SETTINGS: dict[str, Any] = {
    "largest": 1,
    "smallest": 0,
    "alpha": 1.0,
    "refresh_every": 5,
    "warmup": 0,
    "newton_momentum": "none",
    "newton_decay": None,
    "scaling": "ratio",
    "max_scaling": 3.0,
    "max_residual": 0.0078125,
    "epsilon": 2.0**-33,
    "steps": None,
    "multiplicity": "krylov",
}


def _prepared(inputs: Mapping[str, Any]) -> tuple[Problem, dict[str, Any], str, dict[str, Any]]:
    settings = dict(inputs["settings"])
    if settings["epsilon"] is None:
        settings["epsilon"] = default_epsilon("float64")
    return inputs["problem"], settings, inputs["base"]["optimizer"], inputs["base"]["settings"]


def _curvature(inputs: Mapping[str, Any]) -> Problem:
    """Return the loss whose Hessian the estimates use: another minibatch's where one is given."""
    return inputs.get("curvature_problem", inputs["problem"])


def _estimate(inputs: Mapping[str, Any], theta: Any) -> Split:
    _, settings, base, _ = _prepared(inputs)
    return estimate(_curvature(inputs), theta, inputs["lanczos_start"], settings, base)


def _diagonal(inputs: Mapping[str, Any], theta: Any, t: int, way: Any) -> Any:
    """Return what the base takes in at iteration t, computed in a way; None where it takes nothing."""
    _, _, base, settings = _prepared(inputs)
    if not takes_diagonal(base, settings, t):
        return None
    return way(settings, _curvature(inputs), theta, inputs.get("probes"), t)


def _walk(inputs: Mapping[str, Any], steps: int, given: Matrix | None) -> Quantities:
    """Run `steps` steps, along the given points or freely."""
    problem, settings, base, base_settings = _prepared(inputs)
    when = refreshes(settings, steps)
    sums = Sums(problem.n, settings, base, base_settings)
    thetas, taken, gradients, splits = list(given or [inputs["theta"]]), [], [], {}
    for t in range(steps):
        if t in when:
            splits[t] = _estimate(inputs, thetas[t])
            sums.divide(splits[t])
        gradients.append(problem.gradient(thetas[t]))
        diagonal = _diagonal(inputs, thetas[t], t, estimated)
        taken.append(sums.push(gradients[-1], thetas[t], diagonal))
        if given is None:
            thetas.append(add(thetas[t], taken[-1].total))
    return {
        "refreshed": when,
        "scaling": [step.scaling for step in taken],
        "newton_direction": [step.newton for step in taken],
        "base_direction": [step.base for step in taken],
        "thetas": thetas,
        "_gradients": gradients,
        "_splits": splits,
    }


def compute_directions(inputs: dict[str, Any]) -> Quantities:
    """Return the two directions at each given point."""
    found = _walk(inputs, len(inputs["thetas"]), inputs["thetas"])
    return {name: value for name, value in found.items() if name != "thetas"}


def compute_run(inputs: dict[str, Any]) -> Quantities:
    """Return points and values of a free run."""
    found = _walk(inputs, inputs["steps"], None)
    kept = ("refreshed", "scaling", "thetas", "_gradients", "_splits")
    values = [inputs["problem"].value(theta) for theta in found["thetas"]]
    return {name: found[name] for name in kept} | {"values": values}


def _loop(inputs: Mapping[str, Any], outputs: Quantities, thetas: Matrix) -> list[Any]:
    _, settings, base, base_settings = _prepared(inputs)
    run = {"settings": settings, "base": base, "base_settings": base_settings}
    gradients = outputs["_gradients"]
    points = thetas[: len(gradients)]
    found = {t: _diagonal(inputs, theta, t, written_out) for t, theta in enumerate(points)}
    diagonals = {t: diagonal for t, diagonal in found.items() if diagonal is not None}
    return literal(gradients, points, outputs["_splits"], diagonals, run)


def _directions_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    steps = _loop(inputs, outputs, inputs["thetas"])
    return max(
        recurrence.defect([d1 for d1, _ in steps], outputs["newton_direction"]),
        recurrence.defect([d2 for _, d2 in steps], outputs["base_direction"]),
    )


def _run_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    thetas = [inputs["theta"]]
    for d1, d2 in _loop(inputs, outputs, outputs["thetas"]):
        thetas.append(add(add(thetas[-1], d1), d2))
    return recurrence.defect(thetas, outputs["thetas"])


def _pairs_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Put complete pairs into H v = lambda v, H that of the loss which the estimates are to use."""
    thetas, worst = (outputs if "thetas" in outputs else inputs)["thetas"], mpf(0)
    for t, split in outputs["_splits"].items():
        H = _curvature(inputs).hessian(thetas[t])
        for value, v in zip(split.values, split.vectors, strict=True):
            worst = max(worst, norm(add(matvec(H, v), v, -value)) / norm(H))
    return worst


def _largest_of(name: str) -> Any:
    return lambda inputs, outputs: max(largest(row) for row in outputs[name])


def _both(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Return the size of the whole step, which either direction alone may be far below."""
    return max(largest(outputs["newton_direction"]), largest(outputs["base_direction"]))


def _close(scale: Any, terms: int, what: str) -> Close:
    why = f"{what}; about {terms} rounding errors per component and step, amplified by the condition"
    return Close(scale=scale, terms=terms, axis="step", why=why)


def _rules(op: str, terms: int) -> dict[str, Rule]:
    common: dict[str, Rule] = {
        "refreshed": Exact(certain="a schedule of integers"),
        "scaling": _close(1.0, terms, "a ratio of Ritz values, of size 1"),
    }
    if op == "fosi_run":
        return common | {
            "thetas": _close(_largest_of("thetas"), terms, "measured by the largest point"),
            "values": _close(
                lambda i, o: max(abs(x) for x in o["values"]), terms, "measured by the largest value"
            ),
        }
    return common | {
        name: _close(_both, terms, "measured by the larger of the two directions")
        for name in ("newton_direction", "base_direction")
    }


def trajectory_case(
    op: str, what: str, problem: str, base: str, comment: str, flags: tuple[str, ...], *,
    settings: Mapping[str, Any], rates: Mapping[str, Any], start: Any, steps: int = 0,
    moving: tuple[str, ...] | None = None, dtype: str = "float64", curvature: str | None = None,
    probes: Any = None,
) -> Case:  # fmt: skip
    """Build a case of `fosi_directions` (start: the points) or `fosi_run` (start: the first point).

    `curvature` is the problem whose Hessian the estimates use, if another; its pairs must be complete.
    `probes` has a row for each diagonal that the base takes in; without it the diagonal is exact.
    """
    chosen = load(problem)
    given = {"curvature_problem": curvature, "probes": probes}
    optional = {name: value for name, value in given.items() if value is not None}
    problems = problem if curvature is None else f"{problem}, estimates of {curvature}"
    inputs: dict[str, Any] = {
        "problem": problem,
        "settings": {**SETTINGS, **settings},
        "base": {"optimizer": base, "settings": settings_of(base, dtype, **rates)},
        **({"theta": start} if op == "fosi_run" else {"thetas": start}),
        "lanczos_start": chosen.lanczos_start,
        **({"steps": steps} if op == "fosi_run" else {}),
        **optional,
    }
    run = op == "fosi_run"
    checks = [Check("Algorithm 2's loop", _run_defect if run else _directions_defect, mpf(10) ** -35)]
    if curvature is not None:
        checks.append(Check("H v = lambda v with the other loss", _pairs_defect))
    return Case(
        id=f"fosi.{op}.L4.{what}",
        op=op,
        level="L4",
        group=f"{op}-{chosen.family}",
        source=f"FOSI paper, Algorithm 2; {CITATIONS[base]}; problem {problems}",
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=compute_run if run else compute_directions,
        rules=_rules(op, max(6 * min(chosen.n, 20), TERMS[base])),
        perturb=moving or (*moved(inputs), *(name for name in ("curvature_problem",) if name in inputs)),
        checks=checks,
    )
