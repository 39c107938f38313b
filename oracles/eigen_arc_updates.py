"""Single updates of EigenARC (L3): each decision, order and undoing of the reductions, caps, floor, ceiling.

Eigenpairs are given, rounded to float64, and the same numbers enter both sides. A decision must stand clear
of its boundary by 2^12 rounding errors of f (a check); where it is meant to stand on the boundary, both
answers are accepted.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from mpmath import mp, mpf

from oracles.case import Case, Check, Close, Exact, OneOf, Quantities, Rule
from oracles.eigen_arc_method import CLEAR, SETTINGS, Assessor, quadratic_ratio, update
from oracles.eigenframes import frame_at
from oracles.precision import DIGITS, Number, floats, transpose
from oracles.problems import load

SOURCE = "ELMO paper, Algorithm 3, line 8 corrected as in the claims, section 6; problem {}"
EXACT = ("decision", "raises", "reductions", "evaluations")
ASSESSED = "the assessment nearest to its boundary"
ENTERING = Exact(margin="_margin", compared="the entering assessment")
NUDGE = mpf(2) ** -30


def assessor_of(inputs: Mapping[str, Any]) -> Assessor:
    """Return the assessments of a case."""
    rows = transpose(inputs["eigenvectors"])
    return Assessor(inputs["problem"], inputs["theta"], rows, inputs["eigenvalues"])


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return one update; without a ratio where there is none, or where it is minus infinity."""
    assess = assessor_of(inputs)
    out = update(assess, inputs["lipschitz"], inputs["settings"])
    ratio = out.pop("ratio")
    size = assess.size(inputs["lipschitz"]) + abs(ratio) if ratio is not None and mp.isfinite(ratio) else None
    found = {"ratio": ratio} if size is not None else {}
    margins = {"_margin": out.pop("margin"), "_whole_margin": out.pop("whole_margin")}
    return {**found, **out, "_size": size or mpf(1), "_nearest": assess.nearest, **margins}


def compute_boundary(name: str, inputs: dict[str, Any]) -> Quantities:
    """Return the updates on both sides of a boundary on which the entering assessment stands."""
    out: Quantities = {}
    for side, factor in (("above", 1 - NUDGE), ("below", 1 + NUDGE)):
        settings = {**inputs["settings"], name: inputs["settings"][name] * factor}
        for key, value in compute({**inputs, "settings": settings}).items():
            if key in ("ratio", "_size", "_margin"):
                out[key] = value
            elif key in ("decision", "lipschitz_next"):
                out[f"_{key}_{side}"] = value
    return out


def _clear(inputs: dict[str, Any], outputs: Quantities) -> Number:
    return mpf(0) if outputs["_nearest"] >= CLEAR else mpf(1)


def _quadratic(inputs: dict[str, Any], outputs: Quantities) -> Number:
    assess = assessor_of(inputs)
    if not assess.size(inputs["lipschitz"]):
        return mpf(0)  # taken to be 1 below rounding
    return (outputs["ratio"] - quadratic_ratio(assess, inputs["lipschitz"])) / outputs["ratio"]


CLEARLY = Check("every assessment stands clear of its boundary", _clear)
CLOSED = Check("a quadratic's assessment without f", _quadratic, mpf(10) ** -13)


def _each(name: str) -> Callable[[dict[str, Any], Quantities], list[Number]]:
    return lambda inputs, outputs: list(outputs[name])


def _rules(assessed: bool, boundary: bool) -> dict[str, Rule]:
    why = "products with factors, each L relative to itself"

    def own(name: str) -> Close:
        return Close(scale=_each(name), terms=16, axis="step", why=why)

    rules: dict[str, Rule] = {}
    if assessed:
        rules["ratio"] = Close(
            scale="_size", terms=16, why="rounding of f at both ends over the promise; sums along the vectors"
        )
    if not boundary:
        counted = Exact(margin="_whole_margin", compared=ASSESSED)
        rules |= {name: ENTERING if name == "decision" else counted for name in EXACT}
        return rules | {"lipschitz_next": own("lipschitz_next")}
    sides = ("above", "below")
    rules["decision"] = OneOf({f"_decision_{side}": ENTERING for side in sides})
    rules["lipschitz_next"] = OneOf({f"_lipschitz_next_{s}": own(f"_lipschitz_next_{s}") for s in sides})
    return rules


def update_case(
    what: str, problem: str, lipschitz: Sequence[float], comment: str, flags: tuple[str, ...], *,
    start: Any = "default", settings: Mapping[str, Any] | None = None, pairs: Sequence[int] | None = None,
    flip: Sequence[int] = (), assessed: bool = True, boundary: str | None = None, perturb: tuple[str,
    ...] | None = None,
    dtype: str = "float64",
) -> Case:  # fmt: skip
    """Build a case of `eigen_arc_update` with the eigenpairs of a problem.

    Args:
        what: last part of the id.
        problem: id of the problem.
        lipschitz: the entering L, in the order of the pairs.
        comment: what the case is about.
        flags: the bugs it tells.
        start: name of a start, or a point.
        settings: fields of `SETTINGS` that differ.
        pairs: which of the pairs, descending, are given; default all.
        flip: signs that multiply the vectors.
        assessed: whether the entering L have an assessment that is a number.
        boundary: "high" or "low" where the entering assessment stands on it.
        perturb: inputs to move.
        dtype: of the case.
    """
    with mp.workdps(DIGITS[0]):
        loaded = load(problem)
        theta = loaded.start(start) if isinstance(start, str) else [float(x) for x in start]
        frame = frame_at(loaded, [mpf(x) for x in theta])
    places = list(range(loaded.n) if pairs is None else pairs)
    signs = flip or [1] * len(places)
    rows = [[s * x for x in floats(frame.rows[i])] for s, i in zip(signs, places, strict=True)]
    inputs: dict[str, Any] = {
        "problem": problem,
        "theta": theta,
        "eigenvalues": floats([frame.values[i] for i in places]),
        "eigenvectors": transpose(rows),
        "lipschitz": [float(x) for x in lipschitz],
        "settings": {**SETTINGS, **(settings or {})},
    }
    run = partial(compute_boundary, boundary) if boundary else compute
    # (the name "eigenvalues" would move those of the problem)
    usual = ("theta", "problem", "eigenvectors", "lipschitz")
    # A quadratic's assessment is known in closed form.
    closed = (CLOSED,) if assessed and problem.startswith("quadratic") else ()
    return Case(
        id=f"eigen_arc.eigen_arc_update.L3.{what}",
        op="eigen_arc_update",
        level="L3",
        source=SOURCE.format(problem),
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=run,
        rules=_rules(assessed, boundary is not None),
        perturb=usual if perturb is None else perturb,
        checks=closed if boundary else (*closed, CLEARLY),
    )
