"""How the quantities of a single FOSI step are compared, and what their sizes are measured by."""

from typing import Any

from mpmath import mpf

from oracles.case import Close, Exact, Quantities, Rule
from oracles.fosi_bases import TERMS, fresh
from oracles.precision import Number, norm


def rules_of(base: str, n: int, zero: frozenset[str], noise: bool) -> dict[str, Rule]:
    """Return the rules of a case; `noise` says that g2 is nothing but rounding."""
    sweep = f"two sweeps over V: sums of n = {n} products"

    def close(name: str, scale: Any, why: str) -> Close:
        return Close(
            scale=scale,
            terms=max(n, TERMS[base]),
            why=why + ("; 0 in exact arithmetic" if name in zero else ""),
        )

    def gradient(inputs: dict[str, Any], outputs: Quantities) -> Number:
        return norm(inputs["gradient"]) + norm(inputs["state"]["newton_velocity"]) or mpf(1)

    def step(inputs: dict[str, Any], outputs: Quantities) -> Number:
        raw = norm(outputs["base_direction_raw"]) if "base_direction_raw" in outputs else mpf(1)
        return norm(outputs["newton_direction"]) + raw * outputs["scaling"] or mpf(1)

    def point(inputs: dict[str, Any], outputs: Quantities) -> Number:
        return norm(inputs["theta"]) + step(inputs, outputs)

    rules: dict[str, Rule] = {
        "scaling": Close(scale=1.0, terms=4, why="a quotient of eigenvalues, of size 1"),
        "gradient_in": close("gradient_in", gradient, sweep),
        "gradient_out": close("gradient_out", gradient, sweep),
        "newton_gradient": close("newton_gradient", gradient, sweep),
        "newton_direction": close("newton_direction", step, f"{sweep}, measured by the whole step"),
        "base_direction_raw": close(
            "base_direction_raw", step, "the base's own operations, measured by the whole step"
        ),
        "base_direction": close("base_direction", step, f"{sweep}, measured by the whole step"),
        "theta_next": close("theta_next", point, "two additions, measured by |theta| + |step|"),
        "state.newton_velocity": close("state.newton_velocity", gradient, sweep),
        "state.base.iteration": Exact(certain="a count"),
    }
    for name in fresh(base, 0):
        if name != "iteration":
            rules[f"state.base.{name}"] = close(name, lambda i, o, name=name: _memory(i, o, name), sweep)
    if noise:
        kept = (
            "scaling",
            "gradient_in",
            "newton_direction",
            "base_direction",
            "theta_next",
            "state.base.iteration",
        )
        return {name: rules[name] for name in kept}
    return rules


def _memory(inputs: dict[str, Any], outputs: Quantities, name: str) -> Number:
    size = norm(inputs["gradient"])
    own = norm(outputs[f"state.base.{name}"])
    if name == "second_moment":
        return own or size**2 or mpf(1)
    return own + size or mpf(1)
