"""The steps behind `chained` quantities, from eigenpairs that an adapter chose: FOSI's first and ELMO's.

The formulas are written out in `decimal` and share nothing with refopt's algorithms: dense sums over pairs,
and of a base optimizer the first step alone. Each returns the quantities of an answer; several sets where
several are right.

Sources: FOSI paper, Algorithm 2; ELMO paper, eq. 7 and Algorithm 1, on a span as FOSI's Algorithm 2.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Any, NamedTuple

Vector = list[Decimal]
Quantities = dict[str, Vector | Decimal]


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


def vector(values: Any) -> Vector:
    """Return floats (n,) exactly."""
    return [Decimal(float(x)) for x in values]


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
    s, g, theta = inputs["settings"], chosen.gradient, vector(inputs["theta"]["f64"])
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
    g, theta = chosen.gradient, vector(inputs["theta"]["f64"])
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
    L, g = vector(inputs["lipschitz"]["f64"]), chosen.gradient
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
        if not slope and len(inside) > 1:
            raise ValueError("no chained answer is known for an eigenspace without a slope.")
        if not slope:
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
