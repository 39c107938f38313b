"""Directions, partitions and orders that a summary must refuse (L6), and the direction 0."""

from typing import Any

from oracles.case import Behaviour, Case

NAN, INF = float("nan"), float("inf")
# fmt: off
# (what, changed inputs, argument that the error must name, comment)
REFUSED: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("theta-nan", {"theta": [0.5, NAN, 1.0, -0.75]}, "theta", "NaN in theta"),
    ("direction-nan", {"direction": [1.0, 0.5, NAN, 0.25]}, "direction",
     "NaN in u; skipped by a comparison, it would empty a group in silence"),
    ("direction-infinite", {"direction": [1.0, INF, 0.5, 0.25]}, "direction", "infinity in u"),
    ("direction-short", {"direction": [1.0, 0.5, 0.25]}, "direction", "u is one entry too short"),
    ("groups-short", {"groups": [0, 1, 0]}, "groups", "a parameter without a group"),
    ("groups-long", {"groups": [0, 1, 0, 1, 1]}, "groups", "a group for a parameter that does not exist"),
    ("group-empty", {"groups": [0, 2, 0, 2]}, "groups",
     "label 1 does not occur: an empty group has a zero row in H_bar"),
    ("label-negative", {"groups": [0, -1, 0, -1]}, "groups", "-1 would address the last group from behind"),
)
TENSOR_REFUSED: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("order-negative", {"order": -1}, "order", "order -1"),
    ("tensor-direction-nan", {"direction": [NAN, 0.5, 1.0, 0.25]}, "direction", "NaN in u"),
    ("tensor-group-empty", {"groups": [1, 1, 2, 2]}, "groups", "label 0 does not occur"),
)
# fmt: on


def refusals() -> list[Case]:
    """Return the cases of refused arguments."""
    common: dict[str, Any] = {
        "problem": "logistic-7x4",
        "theta": [0.5, -0.25, 1.0, -0.75],
        "direction": [1.0, 0.5, -0.25, 0.75],
        "groups": [0, 1, 0, 1],
    }
    rows = [("summary", common, row) for row in REFUSED]
    rows += [("summary_tensor", common | {"order": 2}, row) for row in TENSOR_REFUSED]
    return [
        Case(
            id=f"summary.{op}.L6.{what}",
            op=op,
            level="L6",
            group="refused",
            source="refopt: bad input is refused with a sentence that names the argument",
            comment=comment,
            flags=("BadInput",),
            inputs=inputs | changed,
            compute=None,
            rules={"behaviour": Behaviour(("error",), argument)},
        )
        for op, inputs, (what, changed, argument, comment) in rows
    ]
