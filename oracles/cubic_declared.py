"""How a case of the cubic model is built from a row."""

from collections.abc import Mapping, Sequence
from typing import Any

from mpmath import mp

from oracles.case import Case, Check, Close, Exact, OneOf, Quantities, Rule, Sphere
from oracles.condition import realize
from oracles.cubic_model import solve
from oracles.cubic_quantities import CHECKS, PAIR_CHECKS, UNBOUNDED, compute, compute_pair, given, stated
from oracles.margins import LEAST

Rows = Sequence[Sequence[float]]
PAPER = "grouped-Newton paper, eq. 10 and Appendix D, with the conditions of a global minimum"
EXACT = ("bounded", "status", "dimension")


def cubic_case(
    what: str, H: Rows, g: Sequence[float], lam: float, comment: str, flags: tuple[str, ...], *,
    scales: Sequence[float] | None = None, group: str = "regular", pair: bool = False,
    perturb: tuple[str, ...] | None = None, conditions: Mapping[str, float] | None = None,
    state: bool = False, leave: tuple[str, ...] = (), dtype: str = "float64",
    checks: tuple[Check, ...] = (), samples: int = 8,
) -> Case:  # fmt: skip
    """Build a case of `cubic_minimizer`; its rules follow from its solution at 15 digits.

    Args:
        what: last part of the id.
        H: the symmetric matrix.
        g: the vector.
        lam: the weight of the cubic term.
        comment: what the case is about.
        flags: the bugs it tells.
        scales: the d_i, None for null among the inputs.
        group: the file.
        pair: near the hard case, where rounding decides which of two points is the minimizer: both pass.
        perturb: inputs to move, default all.
        conditions: stated in place of the measured ones.
        state: state the conditions by the implicit function theorem and move nothing.
        leave: quantities that rounding decides, which are not compared.
        dtype: of the case.
        checks: further ones.
        samples: number of perturbations.
    """
    inputs: dict[str, Any] = {
        "H": [[float(x) for x in row] for row in H],
        "g": [float(x) for x in g],
        "lam": float(lam),
        "scales": None if scales is None else [float(x) for x in scales],
    }
    with mp.workdps(30):
        numbers = realize(inputs)
        status = solve(*given(numbers)).status
        outputs = (compute_pair if pair else compute)(numbers)
    if status == "subspace" and not lam:  # each point has a radius of its own
        leave = (*leave, "radius")
    rules = _rules(outputs, len(g), state or bool(conditions))
    conditions = dict(conditions or {})
    if state:
        conditions = _members(stated(numbers), outputs)
        perturb = ()
    usual = UNBOUNDED if status == "unbounded" else PAIR_CHECKS if pair else CHECKS

    def wanted(given_inputs: dict[str, Any]) -> Quantities:
        found = (compute_pair if pair else compute)(given_inputs)
        return {name: value for name, value in found.items() if name not in leave}

    return Case(
        id=f"cubic.cubic_minimizer.L3.{what}",
        op="cubic_minimizer",
        level="L3",
        group="float32" if dtype == "float32" else group,
        source=PAPER,
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=wanted,
        rules={name: rule for name, rule in rules.items() if name not in leave},
        perturb=perturb,
        symmetric=("H",),
        samples=samples,
        conditions=conditions,
        checks=(*usual, *checks),
    )


def _members(conditions: dict[str, float], outputs: Quantities) -> dict[str, float]:
    """Give both members of a pair the condition of the minimizer."""
    both = {name: conditions["minimizer"] for name in outputs if name.startswith("_minimizer")}
    return conditions | both


def _rules(outputs: Quantities, n: int, known: bool) -> dict[str, Rule]:
    rules: dict[str, Rule] = {name: _decision(name, outputs) for name in EXACT if name in outputs}
    if not outputs["bounded"]:
        return rules
    source = "; its condition is stated, since a perturbation would end the case" if known else ""
    why = f"a decomposition of an {n} x {n} matrix{source}"

    def close(name: str) -> Close:
        return Close(scale=None if any(_flat(outputs[name])) else 1.0, terms=n, why=why)

    rules["radius"] = close("radius")
    if "minimizer" in outputs:
        rules["minimizer"] = close("minimizer")
    elif "_minimizer_plus" in outputs:
        rules["minimizer"] = OneOf(
            {f"_minimizer_{sign}": Close(terms=n, why=why) for sign in ("plus", "minus")}
        )
    else:
        zero = not any(_flat([outputs["_center"], outputs["_directions"]]))
        rules["minimizer"] = Sphere(
            center="_center",
            directions="_directions",
            free="_free",
            scale=1.0 if zero else None,
            terms=n,
            why=why,
        )
    rules["value"] = Close(scale="_terms", terms=n, why="size of the terms that T adds up" + source)
    return rules


def _decision(name: str, outputs: Quantities) -> Exact:
    """Return the rule of a verdict; one without a margin, or with a small one, rests on exact zeros."""
    margin, compared = "_margin", "the lowest eigenvalue of the shifted matrix"
    if name == "bounded" or not outputs["bounded"]:
        margin, compared = "_margin_bounded", "the lowest curvature without a cubic term"
    near = outputs[margin] is None or outputs[margin] < LEAST
    certain = "zeros are decided over the rationals, on inputs that a float holds exactly" if near else ""
    return Exact(margin=margin, compared=compared, certain=certain)


def _flat(value: Any) -> list[Any]:
    return [x for v in value for x in _flat(v)] if isinstance(value, list) else [value]
