"""How a case of grouped Newton is built: inputs, rules, scales and checks."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mpmath import mpf

from oracles.case import Alternative, Case, Check, Close, Exact, Quantities, Rule
from oracles.grouped_checks import LITERAL, OPTIMAL
from oracles.grouped_method import SETTINGS, compute_run, compute_step, rate_moves
from oracles.precision import Number, largest, norm
from oracles.problems import load

SOURCE = "grouped-Newton paper, {}; problem {}"


def _norm(name: str) -> Any:
    return lambda inputs, outputs: norm(outputs[name]) or mpf(1)


def _terms_of(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Return |u| |g_bar's gradient|: the size of the products that g_bar adds up."""
    source = inputs.get("curvature_problem", inputs["problem"])
    return norm(outputs["direction"]) * norm(source.gradient(inputs["theta"])) or mpf(1)


def _third(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Return |D^3|'s diagonal, or |H_bar| where it vanishes: the terms that cancel then are of that size."""
    return norm(outputs["third_diagonal"]) or norm(outputs["H_bar"]) or mpf(1)


def _roots(inputs: dict[str, Any], outputs: Quantities) -> Number:
    return norm(outputs["D"]) or norm(outputs["H_bar"]) ** (mpf(1) / 3) or mpf(1)


def _point(inputs: dict[str, Any], outputs: Quantities) -> Number:
    return norm(inputs["theta"]) + norm(
        [a - b for a, b in zip(outputs["theta_next"], inputs["theta"], strict=True)]
    )


def step_rules(n: int, count: int) -> dict[str, Rule]:
    """Return the rules of a step with n parameters in `count` groups."""
    sums = f"sums of n = {n} products"
    inner = n + 4 * count**2
    model = f"{sums}, and about 4 S^2 operations of a model with S = {count} groups"
    return {
        "direction": Close(scale=_norm("direction"), terms=n, why=sums),
        "g_bar": Close(scale=_terms_of, terms=n, why=f"|u| |g|; {sums}"),
        "H_bar": Close(scale=_norm("H_bar"), terms=n, why=sums),
        "third_diagonal": Close(
            scale=_third, terms=n, why=f"its norm, that of H_bar where it vanishes; {sums}"
        ),
        "D": Close(scale=_roots, terms=n, why=f"cube roots; {sums}"),
        "r": Close(scale=lambda i, o: abs(o["r"]) or norm(o["eta"]) or mpf(1), terms=inner, why=model),
        "eta": Close(scale=_norm("eta"), terms=inner, why=model),
        "learning_rates": Close(scale=_norm("eta"), terms=inner, why=f"measured by eta; {model}"),
        "theta_next": Close(scale=_point, terms=inner, why=f"|theta| + |step|; {model}"),
    }


def _rate_sizes(inputs: dict[str, Any], outputs: Quantities) -> list[Number]:
    """Return, for each step, |eta~| and how much it moves with the point, relative to the point's own move.

    A point of a run carries rounding errors of its own size. Near a stationary point they turn the gradient,
    and the rates with it, which no perturbation of the start shows: the run contracts those.
    """
    settings, moved = inputs["settings"], rate_moves(inputs, outputs["_estimates"])
    sizes, spread = [], mpf(0)
    for t, row in enumerate(outputs["learning_rates"]):
        if t in moved:
            nu = settings["rate_momentum"] if t else mpf(0)
            spread = nu * spread + (1 - nu) * moved[t]
        sizes.append(norm(row) + spread or mpf(1))
    return sizes


def run_rules(n: int, count: int, plateau: bool = False) -> dict[str, Rule]:
    """Return the rules of a run."""
    terms = n + 4 * count**2
    why = f"about n + 4 S^2 = {terms} operations a step, amplified by the condition"
    return {
        "refreshed": Exact(certain="a schedule of integers; models without minimum where D is exactly 0"),
        "learning_rates": Close(
            scale=_rate_sizes,
            terms=terms,
            axis="step",
            why=f"each step's norm, and how far it turns with the point; {why}",
        ),
        "step_sizes": Close(
            scale=lambda i, o: max(o["step_sizes"]),
            terms=4,
            axis="step",
            why="a product of a few factors",
            margin="_margins" if plateau else "",
            compared="the loss of a plateau's call" if plateau else "",
        ),
        "thetas": Close(
            scale=lambda i, o: max(largest(row) for row in o["thetas"]),
            terms=terms,
            axis="step",
            why=f"the largest point; {why}",
        ),
        "values": Close(
            scale=lambda i, o: max(abs(x) for x in o["values"]),
            terms=terms,
            axis="step",
            why=f"the largest value; {why}",
        ),
    }


def _chosen(compute: Any, left_out: Sequence[str], inputs: dict[str, Any]) -> Quantities:
    return {name: value for name, value in compute(inputs).items() if name not in left_out}


def _inputs(
    problem: str, labels: list[int], start: Any, settings: Mapping[str, Any], curvature: str | None
) -> dict:
    theta = load(problem).start(start) if isinstance(start, str) else list(start)
    return {
        "problem": problem,
        "settings": {**SETTINGS, **settings},
        "groups": labels,
        "theta": theta,
        **({"curvature_problem": curvature} if curvature else {}),
    }


def _moved(inputs: Mapping[str, Any], perturb: tuple[str, ...] | None) -> tuple[str, ...]:
    return perturb or tuple(name for name in ("theta", "problem", "curvature_problem") if name in inputs)


def step_case(
    what: str, problem: str, labels: list[int], comment: str, flags: tuple[str, ...], *,
    start: Any = "default", curvature: str | None = None, source: str = "Method 1",
    left_out: tuple[str, ...] = (), perturb: tuple[str, ...] | None = None,
    checks: tuple[Check, ...] = (), dtype: str = "float64", **settings: Any,
) -> Case:  # fmt: skip
    """Build a case of `grouped_newton_step`; `left_out` are quantities that it does not state."""
    inputs = _inputs(problem, labels, start, settings, curvature)
    lam = inputs["settings"]["internal_damping"]
    # Without a cubic term nobody needs D^3.
    skipped = (*left_out, *(("third_diagonal", "D", "r") if not lam else ()))
    rules = step_rules(len(labels), max(labels) + 1)
    return Case(
        id=f"grouped_newton.grouped_newton_step.L3.{what}",
        op="grouped_newton_step",
        level="L3",
        source=SOURCE.format(source, problem),
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=partial(_chosen, compute_step, skipped),
        rules={name: rule for name, rule in rules.items() if name not in skipped},
        perturb=_moved(inputs, perturb),
        checks=(Check(OPTIMAL.name, _whole(compute_step, OPTIMAL), OPTIMAL.bound), *checks),
    )


def _whole(compute: Any, check: Check) -> Any:
    """Run a check on all quantities, also those that the case does not state."""
    return lambda inputs, outputs: check.defect(inputs, compute(inputs))


def run_case(
    what: str, problem: str, labels: list[int], comment: str, flags: tuple[str, ...], *, steps: int,
    start: Any = "default", curvature: str | None = None, source: str = "Method 1",
    left_out: tuple[str, ...] = (), perturb: tuple[str, ...] | None = None, checks: tuple[Check, ...] = (),
    alternatives: tuple[str, ...] = (), dtype: str = "float64", **settings: Any,
) -> Case:  # fmt: skip
    """Build a case of `grouped_newton_run`."""
    inputs = _inputs(problem, labels, start, settings, curvature) | {"steps": steps}
    plateau = inputs["settings"]["plateau"] is not None
    every = run_rules(len(labels), max(labels) + 1, plateau)
    rules = {name: rule for name, rule in every.items() if name not in left_out}
    others = {
        name: Alternative(partial(_chosen, partial(compute_run, choice=name), left_out), rules)
        for name in alternatives
    }
    return Case(
        id=f"grouped_newton.grouped_newton_run.L4.{what}",
        op="grouped_newton_run",
        level="L4",
        group=f"grouped_newton_run-{load(problem).family}",
        source=SOURCE.format(source, problem),
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=partial(_chosen, compute_run, left_out),
        rules=rules,
        alternatives=others,
        perturb=_moved(inputs, perturb),
        checks=(LITERAL, *checks),
    )
