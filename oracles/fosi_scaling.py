"""How FOSI scales its base's rate: the rule and its cases (L3).

The closed forms come from `rates`, which bisects for the optimal rate instead of using its formula.
"""

from collections.abc import Sequence
from typing import Any

from mpmath import mpf

from oracles.averages import CLOSED_FORM
from oracles.case import Alternative, Case, Check, Close, Quantities
from oracles.precision import Number, Vector
from oracles.rates import FORMULAS, optimal_rate


def rate_scaling(
    optimizer: str, values: Vector, residuals: Vector, largest: int, smallest: int, settings: dict[str, Any]
) -> Number:
    """Return eta_2/eta clipped to [1, c], 1 where nothing justifies a scaling."""
    top = values[:largest]
    size = max((abs(x) for x in values), default=mpf(0))
    justified = (
        settings["scaling"] != "none"
        and optimizer in CLOSED_FORM
        and largest > 1
        and min(top) > 0
        and max(residuals[:largest]) <= settings["max_residual"] * size
    )
    if not justified:
        return mpf(1)
    if settings["scaling"] == "ratio":
        return _clip(top[0] / top[-1], settings["max_scaling"])
    low = values[largest : largest + smallest]
    if low and low[-1] <= 0:
        return mpf(1)
    whole = optimal_rate(optimizer, top[0], low[-1] if low else mpf(0))
    left = optimal_rate(optimizer, top[-1], low[0] if low else mpf(0))
    return _clip(left / whole, settings["max_scaling"])


def _clip(ratio: Number, most: Number) -> Number:
    return min(max(ratio, mpf(1)), most)


def compute_scaling(inputs: dict[str, Any]) -> Quantities:
    """Return the scaling."""
    names = ("optimizer", "eigenvalues", "residuals", "largest", "smallest")
    optimizer, values, residuals, largest, smallest = (inputs[name] for name in names)
    return {"scaling": rate_scaling(optimizer, values, residuals, largest, smallest, inputs)}


def _formula_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare an unclipped closed form with the formulas of appendix A.6."""
    values, k, l = inputs["eigenvalues"], inputs["largest"], inputs["smallest"]
    ends = (values[0], values[-1] if l else mpf("1e-60"), values[k - 1], values[k] if l else mpf("1e-60"))
    rate = FORMULAS[inputs["optimizer"]]
    ratio = rate(ends[2], ends[3])[0] / rate(ends[0], ends[1])[0]
    return abs(_clip(ratio, inputs["max_scaling"]) / outputs["scaling"] - 1)


SPREAD, CLOSE_ENDS = [10.0, 8.0, 5.0, 0.5, 0.1], [4.0, 3.5, 3.0, 1.0]
SMALL = [1e-9, 1e-9, 1e-9, 1e-9, 1e-9]
BASES = ("gradient_descent", "heavy_ball", "nesterov")
GD = BASES[:1]
# fmt: off
# (what, bases, eigenvalues, k, l, changes, flag, comment)
SCALINGS: tuple[tuple[str, Sequence[str], list[float], int, int, dict[str, Any], str, str], ...] = (
    ("ratio", BASES, [10.0, 8.0, 5.0], 3, 0, {}, "ScalingRatio",
     "lambda_1/lambda_k = 2, the same for every base"),
    ("ratio-clipped", GD, [10.0, 8.0, 0.5], 3, 0, {}, "ScalingClip", "20, clipped to c = 3"),
    ("ratio-unclipped", GD, [10.0, 8.0, 0.5], 3, 0, {"max_scaling": float("inf")}, "ScalingClip",
     "c infinite: 20"),
    ("ratio-with-smallest", GD, SPREAD, 3, 2, {}, "ScalingRatio", "lambda_k, not the last of the list"),
    ("ratio-negative-end", GD, [10.0, 5.0, -4.0], 2, 1, {}, "ScalingRatio",
     "the ratio needs no positive lambda_n"),
    ("closed-no-smallest", BASES, [10.0, 8.0, 5.0], 3, 0, {"scaling": "closed-form"}, "ScalingClosedForm",
     "l = 0: no estimate of lambda_n, both lower ends are 0 and the ratio is lambda_1/lambda_k"),
    ("closed", BASES, SPREAD, 3, 2, {"scaling": "closed-form"}, "ScalingClosedForm",
     "eta*(lambda_k, lambda_(n-l+1)) / eta*(lambda_1, lambda_n), different for each base"),
    ("closed-clipped", BASES, [10.0, 8.0, 0.5, 0.3, 0.1], 3, 2, {"scaling": "closed-form"}, "ScalingClip",
     "above c = 3 for each base"),
    ("closed-below-one", BASES, CLOSE_ENDS, 2, 2, {"scaling": "closed-form"}, "ScalingBelowOne",
     "the ratio is below 1 where the small end is what is removed: 1 (claim R2, errata E3)"),
    ("closed-negative", BASES, [10.0, 5.0, 1.0, -1.0], 2, 2, {"scaling": "closed-form"}, "ScalingIndefinite",
     "lambda_n < 0: no closed form, no scaling (2/(L + m) could even be negative)"),
    ("closed-singular", GD, [10.0, 5.0, 1.0, 0.0], 2, 2, {"scaling": "closed-form"}, "ScalingIndefinite",
     "lambda_n = 0: no scaling"),
    ("k0", GD, [1.0, 0.5], 0, 2, {}, "ScalingFewPairs", "k = 0: lambda_1 and lambda_k do not exist"),
    ("k1", BASES, [10.0, 0.5], 1, 1, {"scaling": "closed-form"}, "ScalingFewPairs",
     "k = 1: lambda_k is lambda_1"),
    ("k2-negative", GD, [10.0, -1.0], 2, 0, {}, "ScalingIndefinite", "one of the k largest is negative"),
    ("k2-zero", GD, [10.0, 0.0], 2, 0, {}, "ScalingIndefinite", "one of the k largest is 0: no division"),
    ("all-negative", GD, [-1.0, -2.0], 2, 0, {}, "ScalingIndefinite",
     "two negative ones have a positive ratio"),
    ("none", GD, [10.0, 5.0], 2, 0, {"scaling": "none"}, "ScalingRatio", "switched off"),
    ("no-closed-form", ("adam", "rmsprop"), [10.0, 5.0], 2, 0, {}, "ScalingBase",
     "no closed-form rate, no scaling"),
)
UNCONVERGED: tuple[tuple[str, list[float], list[float], int, int, dict[str, Any], str], ...] = (
    ("large-residual", [10.0, 8.0, 5.0], [0.0, 0.0, 0.5], 3, 0, {},
     "the last of the k has residual 0.05 lambda_1"),
    ("residual-below", [10.0, 8.0, 5.0], [0.0, 0.0, 0.05], 3, 0, {}, "0.005 lambda_1 is below 0.01: scaled"),
    ("residual-of-smallest", [10.0, 5.0, 0.5], [0.0, 0.0, 0.5], 2, 1, {}, "only the k largest are asked"),
    ("residual-by-size", [2.0, 1.0, -100.0], [0.5, 0.5, 0.0], 2, 1, {},
     "relative to max|lambda| = 100, not to 2"),
    ("residual-allowed", [10.0, 8.0, 5.0], [0.0, 0.0, 2.0], 3, 0, {"max_residual": 0.5}, "a lenient limit"),
)
# (what, base, eigenvalues, residuals, changes, comment)
AT_LIMIT: tuple[tuple[str, str, list[float], list[float], dict[str, Any], str], ...] = (
    ("residual-at-limit", "gradient_descent", [8.0, 4.0], [0.0, 0.0625], {},
     "a residual of exactly max_residual max|lambda| is small enough"),
    ("residual-at-limit-closed", "heavy_ball", [16.0, 8.0], [0.125, 0.125], {"scaling": "closed-form"},
     "the same with the closed form"),
    ("residual-past-limit", "gradient_descent", [8.0, 4.0], [0.0, 0.0625 + 2.0**-56], {},
     "a unit in the last place more is not"),
)
# fmt: on


def _scaling(
    what: str, optimizer: str, values: list[float], residuals: list[float], k: int, l: int,
    changes: dict[str, Any], flag: str, comment: str, moved: bool = True,
) -> Case:  # fmt: skip
    inputs: dict[str, Any] = {
        "optimizer": optimizer,
        "eigenvalues": values,
        "residuals": residuals,
        "largest": k,
        "smallest": l,
        "scaling": "ratio",
        "max_scaling": 3.0,
        "max_residual": 0.01,
        **changes,
    }
    rules = {"scaling": Close(scale=1.0, terms=4, why="a quotient of two quotients; its natural size is 1")}
    ratio = Alternative(lambda x: compute_scaling({**x, "scaling": "ratio"}), rules)
    closed = what in ("closed", "closed-no-smallest", "closed-clipped", "closed-below-one")
    return Case(
        id=f"fosi.rate_scaling.L3.{what}-{optimizer.replace('_', '-')}",
        op="rate_scaling",
        level="L3",
        source="FOSI paper, section 3.6 and appendix A.6; claims R2-R7, CH1",
        comment=comment,
        flags=(flag,),
        inputs=inputs,
        compute=compute_scaling,
        rules=rules,
        perturb=("eigenvalues",) if moved else (),
        checks=[Check("formulas of appendix A.6", _formula_defect, mpf(10) ** -25)] if closed else (),
        alternatives={"fosi.scaling=ratio": ratio} if inputs["scaling"] == "closed-form" else {},
    )


def cases() -> list[Case]:
    """Return the cases of the scaling."""
    out = [
        _scaling(what, optimizer, values, SMALL[: len(values)], k, l, changes, flag, comment)
        for what, bases, values, k, l, changes, flag, comment in SCALINGS
        for optimizer in bases
    ]
    return out + [
        _scaling(what, "gradient_descent", values, residuals, k, l, changes, "ScalingUnconverged", comment)
        for what, values, residuals, k, l, changes, comment in UNCONVERGED
    ] + [
        _scaling(
            what, optimizer, values, residuals, len(values), 0, {"max_residual": 2.0**-7, **changes},
            "ScalingUnconverged", f"{comment} (all are powers of 2; moved, one would cross the limit)",
            moved=False,
        )
        for what, optimizer, values, residuals, changes, comment in AT_LIMIT
    ]  # fmt: skip
