"""What follows from eigenvectors that an adapter chose itself: computed anew from its own choice.

Where k largest or l smallest pairs cut through a repeated eigenvalue, the vectors of its eigenspace that are
taken are not unique, and neither is anything computed from them. Such a case has two stages. The stage
"spectrum" holds eigenvalues and eigenvectors against the whole eigenspaces. Only where it passes, the stage
"step" computes each `chained` quantity from the adapter's own pairs and holds the adapter's answer against
that.

The floats of the answer enter exactly and the arithmetic is `decimal` with 50 digits, so that the reference
is as good as a stored one. The formulas are written out here and share nothing with refopt's algorithms:
dense sums over pairs, and of a base optimizer the first step alone.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal, localcontext
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from refopt.conformance import wire
from refopt.conformance.vectors import Case

SPECTRUM, STEP = "spectrum", "step"
DIGITS = Context(prec=50)
Vector = list[Decimal]
Quantities = dict[str, Vector | Decimal]
Expectations = Mapping[str, Mapping[str, Any]]


class Chosen(NamedTuple):
    """What a step is computed from.

    Attributes:
        values: the adapter's eigenvalues (k+l,).
        rows: its eigenvectors, one a row.
        columns: which pairs belong to each eigenspace.
        gradient: at the case's point (n,).
        noise: relative size below which rounding decides the sign of a slope.
    """

    values: Vector
    rows: list[Vector]
    columns: Sequence[Sequence[int]]
    gradient: Vector
    noise: Decimal


def is_chained(expect: Expectations) -> bool:
    """Say whether some quantity follows from the adapter's own choice."""
    return any(expectation["kind"] == "chained" for expectation in expect.values())


def resolved(case: Case, expect: Expectations, out: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the chained expectations of a case as those of an answer: of kind array, or any of several.

    Args:
        case: the case.
        expect: its expectations, perhaps under an alternative.
        out: the decoded answer, whose eigenvalues and eigenvectors have passed.
    """
    chained = {name: e for name, e in expect.items() if e["kind"] == "chained"}
    if not chained:
        return {}
    with localcontext(DIGITS):
        answers = RECIPES[case.op](case.inputs, _chosen(case, expect, out))
        return {name: _either(e, [answer[name] for answer in answers]) for name, e in chained.items()}


def _chosen(case: Case, expect: Expectations, out: Mapping[str, Any]) -> Chosen:
    chained = next(e for e in expect.values() if e["kind"] == "chained")
    unit = Decimal(float(np.finfo(case.dtype).eps))
    return Chosen(
        _vector(out["eigenvalues"]),
        [_vector(row) for row in np.asarray(out["eigenvectors"]).T],
        expect["eigenvectors"]["columns"],
        [Decimal(text) for text in chained["given"]["gradient"]["hp"]],
        unit * chained["terms"] * Decimal(chained["threshold"]),
    )


def _vector(values: Any) -> Vector:
    return [Decimal(float(x)) for x in values]


def _either(expectation: Mapping[str, Any], answers: Sequence[Vector | Decimal]) -> Mapping[str, Any]:
    kept = {key: expectation[key] for key in ("scale", "condition", "terms", "threshold")}
    members = [{"kind": "array", "value": _array(answer), **kept} for answer in answers]
    return members[0] if len(members) == 1 else {"kind": "any", "members": members}


def _array(found: Vector | Decimal) -> dict[str, Any]:
    shape, numbers = ([], [found]) if isinstance(found, Decimal) else ([len(found)], found)
    return {"shape": shape, "f64": [float(x) for x in numbers], "hp": [str(x) for x in numbers]}


def _dot(a: Vector, b: Vector) -> Decimal:
    return sum((x * y for x, y in zip(a, b, strict=True)), Decimal(0))


def _combined(n: int, coefficients: Sequence[Decimal], rows: Sequence[Vector]) -> Vector:
    pairs = list(zip(coefficients, rows, strict=True))
    return [sum((c * row[i] for c, row in pairs), Decimal(0)) for i in range(n)]


def _inside(rows: Sequence[Vector], x: Vector) -> Vector:
    return _combined(len(x), [_dot(row, x) for row in rows], rows)


def _minus(a: Vector, b: Vector) -> Vector:
    return [x - y for x, y in zip(a, b, strict=True)]


def _sum(*vectors: Vector) -> Vector:
    return [sum(entries, Decimal(0)) for entries in zip(*vectors, strict=True)]


def _number(value: Any) -> Decimal:
    return Decimal(value)  # of a float exactly, of "inf" infinity


def first_direction(base: Mapping[str, Any], g: Vector) -> Vector:
    """Return a base optimizer's first direction, from memories of 0, at a constant rate without decay."""
    name, s = base["optimizer"], {key: _number(x) for key, x in base["settings"].items()}
    eta = s["learning_rate"]
    if name in ("gradient_descent", "heavy_ball"):
        return [-eta * x for x in g]
    if name == "nesterov":
        return [-eta * (1 + s["momentum"]) * x for x in g]
    if name == "adam":  # both bias corrections cancel: m^ = g, v^ = g^2
        return [-eta * x / (abs(x) + s["epsilon"]) for x in g]
    if name == "rmsprop" and not s["epsilon_inside"]:
        return [-eta * x / ((1 - s["decay"]).sqrt() * abs(x) + s["epsilon"]) for x in g]
    raise ValueError(f"no chained answer is known for the base {name!r} with {sorted(s)}.")


def _fosi(inputs: Mapping[str, Any], chosen: Chosen) -> list[Quantities]:
    """Algorithm 2's first update with an estimate: one answer."""
    s, g, theta = inputs["settings"], chosen.gradient, _vector(inputs["theta"]["f64"])
    if s["newton_momentum"] != "none" or s["scaling"] not in ("ratio", "none"):
        raise ValueError("no chained answer is known for a Newton momentum or another scaling than ratio.")
    floor = _number(s["epsilon"]) * max(map(abs, chosen.values))
    g1 = _inside(chosen.rows, g)
    g2 = _minus(g, g1)
    newton = [
        -_number(s["alpha"]) * _dot(row, g) / max(abs(value), floor)
        for value, row in zip(chosen.values, chosen.rows, strict=True)
    ]
    d1 = _combined(len(g), newton, chosen.rows)
    raw = first_direction(inputs["base"], g2)
    scaling = _scaling(inputs, chosen.values)
    d2 = [scaling * x for x in _minus(raw, _inside(chosen.rows, raw))]
    return [
        {
            "scaling": scaling,
            "gradient_in": g1,
            "gradient_out": g2,
            "newton_direction": d1,
            "base_direction_raw": raw,
            "base_direction": d2,
            "theta_next": _sum(theta, d1, d2),
        }
    ]


def _scaling(inputs: Mapping[str, Any], values: Vector) -> Decimal:
    """lambda_1/lambda_k clipped to [1, c], for k > 1 positive eigenvalues and a base linear in its rate."""
    s, k = inputs["settings"], inputs["settings"]["largest"]
    linear = inputs["base"]["optimizer"] in ("gradient_descent", "heavy_ball", "nesterov")
    if s["scaling"] == "none" or not linear or k <= 1 or values[k - 1] <= 0:
        return Decimal(1)
    return min(max(values[0] / values[k - 1], Decimal(1)), _number(s["max_scaling"]))


class Hill(NamedTuple):
    """A direction of ELMO's model: slope >= 0 along the unit vector, curvature, L."""

    slope: Decimal
    curvature: Decimal
    lipschitz: Decimal
    vector: Vector


def _elmo(inputs: Mapping[str, Any], chosen: Chosen) -> list[Quantities]:
    """ELMO in the span, the base on the rest; several answers where two ways down are equally good."""
    g, theta = chosen.gradient, _vector(inputs["theta"]["f64"])
    raw = first_direction(inputs["base"], _minus(g, _inside(chosen.rows, g)))
    d2 = _minus(raw, _inside(chosen.rows, raw))
    hills = _hills(inputs, chosen)
    level = chosen.noise * _dot(g, g).sqrt()
    signs = [(1, -1) if hill.slope <= level and hill.curvature < 0 else (1,) for hill in hills]
    answers: list[Quantities] = []
    for pattern in product(*signs):
        steps = [-sign * _root(hill) for sign, hill in zip(pattern, hills, strict=True)]
        d1 = _combined(len(g), steps, [hill.vector for hill in hills])
        answers.append({"elmo_direction": d1, "base_direction": d2, "theta_next": _sum(theta, d1, d2)})
    return answers


def _root(hill: Hill) -> Decimal:
    """The positive zero of curvature x + L x^2/2 - slope."""
    root = (hill.curvature**2 + 2 * hill.lipschitz * hill.slope).sqrt()
    if hill.curvature > 0:
        return 2 * hill.slope / (hill.curvature + root)
    return (root - hill.curvature) / hill.lipschitz


def _hills(inputs: Mapping[str, Any], chosen: Chosen) -> list[Hill]:
    """The directions of the model: each vector as given, or of each eigenspace the gradient's part first."""
    L, g = _vector(inputs["lipschitz"]["f64"]), chosen.gradient
    if inputs["settings"]["clusters"] == "as-given":
        spaces: Sequence[Sequence[int]] = [[i] for i in range(len(L))]
    else:
        spaces = chosen.columns
    hills: list[Hill] = []
    for inside in spaces:
        rows = [chosen.rows[i] for i in inside]
        value = sum((chosen.values[i] for i in inside), Decimal(0)) / len(inside)
        largest = max(L[i] for i in inside)
        first = _inside(rows, g)
        slope = _dot(first, first).sqrt()
        if len(inside) == 1 and not slope:
            hills.append(Hill(slope, value, largest, rows[0]))
            continue
        hills.append(Hill(slope, value, largest, [x / slope for x in first]))
        if value < 0 and len(inside) > 1:
            hills.append(Hill(Decimal(0), value, largest, _across(rows, hills[-1].vector)))
    return hills


def _across(rows: Sequence[Vector], first: Vector) -> Vector:
    """The unit vector of a plane that is orthogonal to `first`."""
    if len(rows) != 2:
        raise ValueError("no chained answer is known for a hilltop of more than one dimension.")
    rests = [_minus(row, [_dot(row, first) * x for x in first]) for row in rows]
    longest = max(rests, key=lambda rest: _dot(rest, rest))
    size = _dot(longest, longest).sqrt()
    return [x / size for x in longest]


RECIPES: Mapping[str, Callable[[Mapping[str, Any], Chosen], list[Quantities]]] = {
    "fosi_refresh_step": _fosi,
    "elmo_ends_step": _elmo,
}


def restated(case: Case, out: Mapping[str, Any]) -> Case:
    """Return the stage "step" as a case of its own: the operation that is given the adapter's eigenpairs.

    Args:
        case: a case with chained expectations.
        out: an answer whose stage "spectrum" passes.
    """
    given, settings = case.inputs, case.inputs["settings"]
    chained = next(e for e in case.expect.values() if e["kind"] == "chained")
    gradient = {key: chained["given"]["gradient"][key] for key in ("shape", "f64")}
    values, vectors = (_input(out[name]) for name in ("eigenvalues", "eigenvectors"))
    common = {"theta": given["theta"], "gradient": gradient, "base": given["base"]}
    inputs: dict[str, Any]
    if case.op == "fosi_refresh_step":
        zeros = {"shape": gradient["shape"], "f64": [0.0] * len(gradient["f64"])}
        spectrum = {
            "eigenvalues": values,
            "eigenvectors": vectors,
            "residuals": {"shape": values["shape"], "f64": [0.0] * len(values["f64"])},
            "num_largest": settings["largest"],
            "num_smallest": settings["smallest"],
        }
        state = {"iteration": 0, "newton_velocity": zeros, "base": {}}
        inputs = {"settings": settings, "spectrum": spectrum, "state": state, **common}
        op = "fosi_step"
    else:
        pairs = {"eigenvalues": values, "eigenvectors": vectors, "lipschitz": given["lipschitz"]}
        inputs = {**pairs, **common, "settings": {"clusters": settings["clusters"]}}  # for the textbook
        op = "elmo_subspace_step"
    return dataclasses.replace(
        case, op=op, inputs=inputs, expect=resolved(case, case.expect, out), alternatives={}
    )


def _input(value: Any) -> dict[str, Any]:
    encoded = wire.encode(value)
    return {key: encoded[key] for key in ("shape", "f64")}
