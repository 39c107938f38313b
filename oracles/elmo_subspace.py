"""Steps of ELMO on part of the spectrum, a first-order base on the rest (L3).

As in FOSI, the base receives the part of the gradient outside the span of the given vectors, and what its
direction has inside is taken out again: d2 = W W' d_b(W W' g), with W an explicit orthonormal basis of the
complement (`fosi_split.complement_of`), where an implementation subtracts V V'. ELMO's part is that of
`elmo_steps`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mpmath import mp, mpf

from oracles.averages import direction, fresh, memories
from oracles.case import Array, Case, Check, Close, Quantities, Rule, Sphere
from oracles.condition import realize
from oracles.elmo_step_cases import GRADIENT, HADAMARD, SIX, columns, turned
from oracles.elmo_steps import SOURCE, chosen_of
from oracles.elmo_steps import compute as elmo_compute
from oracles.first_order_settings import CITATIONS, TERMS, settings_of
from oracles.fosi_split import complement_of
from oracles.precision import (
    Matrix,
    Number,
    Vector,
    add,
    combine,
    dot,
    norm,
    project,
    round_float32,
    subtract,
    transpose,
)

THETA = [1.0, -2.0, 0.5, 0.25]


def _rows(inputs: Mapping[str, Any]) -> Matrix:
    return transpose(inputs["eigenvectors"]) if inputs["eigenvalues"] else []


def _base(inputs: Mapping[str, Any], g: Vector) -> Vector:
    """Return the base's first direction for a gradient."""
    name, settings = inputs["base"]["optimizer"], inputs["base"]["settings"]
    after = memories(name, settings, fresh(name, len(g)), [g])
    return direction(name, settings, after, g, inputs["theta"])


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return ELMO's part, the base's part and the next point."""
    rows, g, theta = _rows(inputs), inputs["gradient"], inputs["theta"]
    n = len(g)
    if rows:
        inner = elmo_compute("rotate", "positive", {**inputs, "settings": {}})
    else:
        inner = {"displacement": [mpf(0)] * n}
    outside = complement_of(rows, n)

    def rest(x: Vector) -> Vector:
        return combine(outside, [dot(w, x) for w in outside]) if outside else [mpf(0)] * n

    raw = _base(inputs, rest(g))
    d2, d1 = rest(raw), chosen_of(inner)
    out: Quantities = {"_size": norm(d1) + norm(raw) or mpf(1)}
    if "_center" in inner:
        center = add(add(theta, inner["_center"]), d2)
        return {
            **out,
            "_center": inner["_center"],
            "_ties": inner["_ties"],
            "base_direction": d2,
            "_next": center,
        }
    return {**out, "elmo_direction": d1, "base_direction": d2, "theta_next": add(add(theta, d1), d2)}


def _projected_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """The same by projections: d2 = (I - V V') d_b((I - V V') g), and nothing of ELMO's part outside V."""
    g, V = inputs["gradient"], inputs["eigenvectors"] if inputs["eigenvalues"] else []
    raw = _base(inputs, subtract(g, project(V, g)) if V else g)
    other = subtract(raw, project(V, raw)) if V else raw
    d1 = outputs.get("elmo_direction") or add(outputs["_center"], outputs["_ties"][0])
    outside = norm(subtract(d1, project(V, d1))) if V else norm(d1)
    return max(norm(subtract(other, outputs["base_direction"])), outside) / outputs["_size"]


CHECK = Check(
    "projections in place of a basis, for V orthonormal to rounding", _projected_defect, mpf(10) ** -13
)


def _point(inputs: dict[str, Any], outputs: Quantities) -> Number:
    return norm(inputs["theta"]) + outputs["_size"]


def subspace_case(
    what: str, base: str, values: Sequence[float], vectors: Any, lipschitz: Sequence[float], comment: str,
    flags: tuple[str, ...], *, gradient: Sequence[float] = GRADIENT, theta: Sequence[float] = THETA,
    dtype: str = "float64",
) -> Case:  # fmt: skip
    """Build a case; the base starts afresh."""
    n, own = len(theta), {"weight_decay": 0.0} if base == "adamw" else {}
    inputs: dict[str, Any] = {
        "gradient": [float(x) for x in gradient],
        "eigenvalues": [float(x) for x in values] if values else Array((0,)),
        "eigenvectors": vectors if values else Array((n, 0)),
        "lipschitz": [float(x) for x in lipschitz] if values else Array((0,)),
        "base": {"optimizer": base, "settings": settings_of(base, dtype, **own)},
        "theta": list(theta),
    }
    why = f"sweeps over V: sums of n = {n} products, measured by the whole step"
    terms = max(n, TERMS[base])
    with mp.workdps(15):
        found = compute(realize(inputs))
    rules: dict[str, Rule] = {
        "elmo_direction": Close(scale="_size", terms=terms, why=why),
        "base_direction": Close(scale="_size", terms=terms, why=why),
        "theta_next": Close(scale=_point, terms=terms, why=f"|theta| + |step|; {why}"),
    }
    if "_center" in found:
        either = "either way down a hill; "
        rules["elmo_direction"] = Sphere(
            center="_center", directions="_ties", scale="_size", terms=terms, why=either + why
        )
        rules["theta_next"] = Sphere(
            center="_next", directions="_ties", scale=_point, terms=terms, why=either + why
        )
    return Case(
        id=f"elmo.elmo_subspace_step.L3.{what}",
        op="elmo_subspace_step",
        level="L3",
        source=f"{SOURCE}; on a subspace as FOSI's Algorithm 2; {CITATIONS[base]}",
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=compute,
        rules=rules,
        perturb=("gradient", "eigenvalues", "lipschitz", "theta", *(("eigenvectors",) if values else ())),
        checks=(CHECK,),
    )


def subspace_cases() -> list[Case]:
    """Return the cases of steps on a subspace."""
    three, ends = columns(HADAMARD, (0, 1, 2)), [4.0, 1.0, -2.0]
    L = [1.0, 0.5, 3.0]
    six = columns(turned(6, 45), (0, 1, 5))
    point = [1.0, -2.0, 0.5, 0.25, -0.75, 3.0]
    single = [round_float32(x) for x in (0.3, -1.7, 2.1, 0.01)]
    comment = "three pairs of four, one negative"
    out = [
        subspace_case(base.replace("_", "-"), base, ends, three, L, comment, ("Subspace", *extra))
        for base, extra in (
            ("gradient_descent", ()), ("heavy_ball", ()), ("nesterov", ()), ("adam", ("BaseGradient",)),
            ("adamw", ("BaseGradient",)), ("rmsprop", ("BaseGradient",)),
        )
    ]  # fmt: skip
    # fmt: off
    return [
        *out,
        subspace_case("generic-6", "adam", [6, 2.5, -3], six, [0.5, 4, 1], "n = 6, k = 2, l = 1",
            ("Subspace", "BaseGradient"), gradient=SIX, theta=point),
        subspace_case("generic-6-rmsprop", "rmsprop", [3, -0.5], columns(turned(6, 46), (0, 5)), [0.5, 2],
            "vectors across the coordinates: what RMSProp makes of the rest has a part inside",
            ("Subspace", "BaseGradient"), gradient=SIX, theta=point),
        subspace_case("no-pairs", "adam", [], None, [], "k = 0: the base exactly", ("EmptyBlock",)),
        subspace_case("all-pairs", "gradient_descent", [4, 1, -0.5, -2], HADAMARD, [1, 0.5, 3, 0.25],
            "k = n: nothing is left for the base", ("EmptyBlock",)),
        subspace_case("hilltop", "gradient_descent", [2, -1], [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [1, 0.5],
            "g = 0 along lam < 0: either way; the base goes on", ("Subspace", "Tie"),
            gradient=[1.0, 0.0, -0.75], theta=[0.5, 0.25, -1.0]),
        subspace_case("float32", "adam", ends, three, L, "float32", ("Subspace", "Float32"), gradient=single,
            theta=[round_float32(x) for x in (0.1, -0.2, 0.7, 3.1)], dtype="float32"),
    ]
    # fmt: on
