"""A case with its coordinates in another order: inputs and expectations permuted alike.

Only where an operation is covariant, f(P x) = P f(x), and is given all its numbers: a problem's coordinates
cannot be permuted from outside. The expected numbers are the same ones in other places, so that no rounding
enters but the implementation's own.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from refopt.conformance.vectors import Case

# For each operation, inputs and outputs whose axes are coordinates; what is not named stays. "state" and the
# like stand for every vector of n in them.
COORDINATES: Mapping[str, tuple[Mapping[str, tuple[int, ...]], Mapping[str, tuple[int, ...]]]] = {
    "base_step": (
        {"theta": (0,), "gradient": (0,), "state": (0,)},
        {"theta_next": (0,), "direction": (0,), "state": (0,)},
    ),
    "base_directions": ({"thetas": (1,), "gradients": (1,)}, {"directions": (1,)}),
    "sophia_step": (
        {"theta": (0,), "gradient": (0,), "state": (0,), "diagonal": (0,)},
        {"theta_next": (0,), "direction": (0,), "state": (0,), "clipped": (0,)},
    ),
    "fosi_step": (
        {"theta": (0,), "gradient": (0,), "state": (0,), "diagonal": (0,), "spectrum.eigenvectors": (0,)},
        {
            **dict.fromkeys(("newton_direction", "base_direction", "theta_next", "state"), (0,)),
            **dict.fromkeys(("gradient_in", "gradient_out", "newton_gradient", "base_direction_raw"), (0,)),
        },
    ),
    "elmo_step": ({"gradient": (0,), "eigenvectors": (0,)}, {"displacement": (0,)}),
    "elmo_subspace_step": (
        {"gradient": (0,), "eigenvectors": (0,), "theta": (0,)},
        dict.fromkeys(("theta_next", "elmo_direction", "base_direction"), (0,)),
    ),
    "elmo_scalar": (
        {"slope": (0,), "curvature": (0,), "lipschitz": (0,)},
        dict.fromkeys(("step_size", "upper", "lower", "bounded", "largest_step"), (0,)),
    ),
    "cubic_minimizer": ({"H": (0, 1), "g": (0,), "scales": (0,)}, {"minimizer": (0,)}),
    "amos_selection": (
        {"slopes": (0,), "curvatures": (0,), "lipschitz": (0,)},
        {"to_first": (0,), "statistic": (0,)},
    ),
}
KINDS = ("array", "exact", "any", "sphere")


def is_covariant(case: Case) -> bool:
    """Say whether a case can be put with its coordinates permuted."""
    if case.op not in COORDINATES or _dimension(case) < 2 or "groups" in case.inputs:
        return False
    expectations = [e for expect in (case.expect, *case.alternatives.values()) for e in expect.values()]
    return all(e["kind"] in KINDS for e in expectations)


def _dimension(case: Case) -> int:
    """Return n, the extent of the first input's axis of coordinates."""
    name, axes = next(iter(COORDINATES[case.op][0].items()))
    shape = case.inputs[name].get("shape", ()) if isinstance(case.inputs.get(name), Mapping) else ()
    return int(shape[axes[0]]) if len(shape) > axes[0] else 0


def permuted(case: Case, draw: Random) -> Case:
    """Return a covariant case in another order of its coordinates.

    Args:
        case: the case.
        draw: chooses the order, which is not the one there is.
    """
    n = _dimension(case)
    order = list(range(n))
    while order == list(range(n)):
        draw.shuffle(order)
    inputs, outputs = COORDINATES[case.op]

    def expected(expect: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _expectation(e, _axes(outputs, name), order) for name, e in expect.items()}

    return dataclasses.replace(
        case,
        inputs={name: _input(value, inputs, name, order) for name, value in case.inputs.items()},
        expect=expected(case.expect),
        alternatives={name: expected(expect) for name, expect in case.alternatives.items()},
    )


def _axes(table: Mapping[str, tuple[int, ...]], name: str) -> tuple[int, ...]:
    """Return the axes of a dotted name: its own, or those of what it stands in."""
    return table.get(name, table.get(name.split(".")[0], ()))


def _input(value: Any, table: Mapping[str, tuple[int, ...]], name: str, order: Sequence[int]) -> Any:
    if isinstance(value, Mapping) and "f64" not in value:
        return {key: _input(entry, table, f"{name}.{key}", order) for key, entry in value.items()}
    return _array(value, _axes(table, name), order) if isinstance(value, Mapping) else value


def _array(value: Mapping[str, Any], axes: Sequence[int], order: Sequence[int]) -> dict[str, Any]:
    """Permute the axes of {"shape", "f64"} or {"shape", "f64", "hp"} that have n entries."""
    shape = value["shape"]
    places = list(range(len(value["f64"])))
    for axis in axes:
        if places and axis < len(shape) and shape[axis] == len(order):
            places = _places(shape, axis, places, order)
    moved = {key: [value[key][i] for i in places] for key in ("f64", "hp") if key in value}
    return {**value, **moved}


def _places(shape: Sequence[int], axis: int, places: Sequence[int], order: Sequence[int]) -> list[int]:
    """Return where each entry comes from when an axis of a row-major array is permuted, after `places`."""
    inner = 1
    for extent in shape[axis + 1 :]:
        inner *= extent
    block = inner * shape[axis]
    return [
        places[start + order[i] * inner + j]
        for start in range(0, len(places), block)
        for i in range(shape[axis])
        for j in range(inner)
    ]


def _expectation(expectation: Mapping[str, Any], axes: Sequence[int], order: Sequence[int]) -> dict[str, Any]:
    if not axes:
        return dict(expectation)
    out = dict(expectation)
    if expectation["kind"] == "any":
        out["members"] = [_expectation(member, axes, order) for member in expectation["members"]]
    elif expectation["kind"] == "sphere":
        out |= {part: _array(expectation[part], axes, order) for part in ("center", "directions", "free")}
    elif expectation["kind"] == "array":
        out["value"] = _array(expectation["value"], axes, order)
        steps = expectation.get("axis") == "step" and axes == (0,)
        out |= _listed(expectation, ("scale", "condition") if steps else (), order)
    else:
        out |= _listed(expectation, ("value", "margin"), order)
    return out


def _listed(expectation: Mapping[str, Any], names: Sequence[str], order: Sequence[int]) -> dict[str, Any]:
    """Permute those of the named lists that have n entries."""
    given = {name: expectation.get(name) for name in names}
    return {
        name: [x[i] for i in order]
        for name, x in given.items()
        if isinstance(x, list) and len(x) == len(order)
    }
