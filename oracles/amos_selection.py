"""Which optimizer owns an index, from curvature, slope of f and Lipschitz constant.

    fixed threshold    first where statistic > threshold; equality goes to the second
    newton-ascent      kappa = L g a^2 / (3 (2 - a) lam^2) > 1, infinite for lam <= 0; a is the damping

A tensor's statistic is the mean or the maximum over its members, of L or of kappa. Everything is decided over
the rationals: the inputs are float64 numbers, products and comparisons exact. Decisions within 1e-12 of the
boundary of eq. 8, where rounding decides, accept both answers.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import inf
from typing import Any

from mpmath import mp, mpf

from oracles.case import Case, Check, Close, Exact, OneOf, Quantities, Rule
from oracles.precision import Number, fraction, largest

MARGIN = Fraction(1, 10**12)
LARGEST = Fraction(2) ** 100  # statistics beyond it, infinite ones too, are compared by their decisions alone
SETTINGS: dict[str, Any] = {
    "threshold": 1.0,
    "granularity": "coordinate",
    "aggregate": "mean",
    "damping": 1.0,
}


def kappa(lam: Fraction, g: Fraction, lipschitz: Fraction, damping: Fraction) -> Any:
    """Return the margin of eq. 8, infinite where the curvature is not positive."""
    return lipschitz * g * damping**2 / (3 * (2 - damping) * lam**2) if lam > 0 else inf


def statistics(
    settings: Mapping[str, Any], groups: Sequence[int] | None, per_index: Sequence[Any]
) -> list[Any]:
    """Return the statistic of each index, or of each tensor."""
    if settings["granularity"] != "tensor":
        return list(per_index)
    assert groups is not None
    members = [[x for x, s in zip(per_index, groups, strict=True) if s == k] for k in range(max(groups) + 1)]
    if settings["aggregate"] == "max":
        return [max(part) for part in members]
    return [inf if inf in part else sum(part) / len(part) for part in members]


def boundary(settings: Mapping[str, Any]) -> Fraction:
    """Return what a statistic is compared with."""
    fixed = settings["threshold"]
    return Fraction(1) if fixed == "newton-ascent" else fraction(fixed)


def compared(settings: Mapping[str, Any]) -> str:
    """Return the name of what is compared."""
    name = "kappa" if settings["threshold"] == "newton-ascent" else "L"
    return f"the {settings['aggregate']} {name}" if settings["granularity"] == "tensor" else name


def select(
    settings: Mapping[str, Any], groups: Any, curvatures: Sequence[Number], slopes: Sequence[Number],
    lipschitz: Sequence[Number],
) -> tuple[list[bool], list[Any]]:  # fmt: skip
    """Return who goes to the first optimizer, and the statistics, as fractions or infinity."""
    exact = [[fraction(x) for x in row] for row in (curvatures, slopes, lipschitz)]
    if settings["threshold"] == "newton-ascent":
        damping = fraction(settings["damping"])
        per_index = [kappa(lam, g, L, damping) for lam, g, L in zip(*exact, strict=True)]
    else:
        per_index = exact[2]
    found = statistics(settings, groups, per_index)
    return [x > boundary(settings) for x in found], found


def margins(settings: Mapping[str, Any], found: Sequence[Any]) -> list[Number | None]:
    """Return how far each statistic is from what it is compared with; None for infinite ones."""
    edge = boundary(settings)
    return [None if x == inf else _number(abs(x / edge - 1)) for x in found]


def _number(x: Fraction) -> Number:
    return mpf(x.numerator) / x.denominator


def _close_calls(settings: Mapping[str, Any], found: Sequence[Any]) -> list[int]:
    # A comparison of one given number with a given threshold involves no rounding: equality is decided.
    edge = boundary(settings)
    if settings["threshold"] != "newton-ascent" and settings["granularity"] != "tensor":
        return []
    return [i for i, x in enumerate(found) if x != inf and abs(x / edge - 1) <= MARGIN]


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return the selection, every accepted one where rounding decides, and the statistics."""
    settings = inputs["settings"]
    rows = (inputs[name] for name in ("curvatures", "slopes", "lipschitz"))
    chosen, found = select(settings, inputs.get("groups"), *rows)
    open_calls = _close_calls(settings, found)
    out: dict[str, Any] = {}
    if open_calls:
        for number, values in enumerate(product((False, True), repeat=len(open_calls))):
            fixed = dict(zip(open_calls, values, strict=True))
            out[f"_choice_{number}"] = [fixed.get(i, x) for i, x in enumerate(chosen)]
    else:
        out["to_first"] = chosen
    if all(x <= LARGEST for x in found):
        out["statistic"] = [_number(x) for x in found]
    out["_margins"] = margins(settings, found)
    return out


def floating_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare with roots, sqrt(L) sqrt(g) > sqrt(3 (2 - a)) / a lam; for tensors, with sums."""
    s, groups = inputs["settings"], inputs.get("groups", [])
    a, values = s["damping"], []
    for lam, g, L in zip(inputs["curvatures"], inputs["slopes"], inputs["lipschitz"], strict=True):
        if s["threshold"] != "newton-ascent":
            values.append(L / s["threshold"])
        elif lam > 0:
            values.append((mp.sqrt(L) * mp.sqrt(g) / (mp.sqrt(3 * (2 - a)) / a * lam)) ** 2)
        else:
            values.append(mp.inf)
    if s["granularity"] == "tensor":
        parts = [[x for x, k in zip(values, groups, strict=True) if k == t] for t in range(max(groups) + 1)]
        values = [max(part) if s["aggregate"] == "max" else sum(part) / len(part) for part in parts]
    for name, chosen in outputs.items():
        if name not in ("statistic", "_margins"):
            wrong = [i for i, x in enumerate(values) if bool(x > 1 + mpf(10) ** -11) != chosen[i]]
            if any(abs(values[i] - 1) > mpf(10) ** -11 for i in wrong):
                return mpf(1)
    if "statistic" in outputs and s["threshold"] == "newton-ascent":
        pairs = zip(values, outputs["statistic"], strict=True)
        return max(abs(a - b) / (b or 1) for a, b in pairs)
    return mpf(0)


def _rules(inputs: Mapping[str, Any]) -> dict[str, Rule]:
    realized = {
        name: [mpf(x) for x in value] if name in ("slopes", "curvatures", "lipschitz") else value
        for name, value in inputs.items()
    }
    found = compute(realized)
    accepted = [name for name in found if name.startswith("_choice")]
    settings = inputs["settings"]
    as_given = settings["threshold"] != "newton-ascent" and settings["granularity"] != "tensor"
    decision = Exact(
        margin="_margins",
        compared=compared(settings),
        certain="a given number is compared with a given threshold" if as_given else "",
        words=("second", "first"),
    )
    rules: dict[str, Rule] = {"to_first": OneOf(dict.fromkeys(accepted, decision)) if accepted else decision}
    if "statistic" in found:
        rules["statistic"] = Close(
            scale=lambda i, o: largest(o["statistic"]) or mpf(1),
            terms=4 + len(inputs["slopes"]),
            why="the largest statistic; a quotient of products, a mean",
        )
    return rules


def selection_case(
    what: str, comment: str, flags: tuple[str, ...], *, lipschitz: list[float],
    curvatures: list[float] | None = None, slopes: list[float] | None = None, groups: list[int] | None = None,
    dtype: str = "float64", moved: bool = False, **settings: Any,
) -> Case:  # fmt: skip
    """Build a case of `amos_selection`; `moved` says that a perturbation crosses no boundary."""
    inputs: dict[str, Any] = {
        "slopes": slopes or [1.0] * len(lipschitz),
        "curvatures": curvatures or [1.0] * len(lipschitz),
        "lipschitz": lipschitz,
        "settings": {**SETTINGS, **settings},
        **({"groups": groups} if groups else {}),
    }
    return Case(
        id=f"amos.amos_selection.L3.{what}",
        op="amos_selection",
        level="L3",
        source="ELMO paper, Algorithm 2, line 7, and eq. 8; claims section 5",
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=compute,
        rules=_rules(inputs),
        perturb=("slopes", "curvatures", "lipschitz") if moved else (),
        checks=[Check("the boundary in roots", floating_defect)],
    )
