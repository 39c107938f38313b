"""Points, vectors, directions and orders that derivatives must refuse (L6)."""

from typing import Any

from oracles.case import Behaviour, Case


def _refused(what: str, comment: str, argument: str, op: str = "derivatives", **inputs: Any) -> Case:
    return Case(
        id=f"derivatives.{op}.L6.{what}",
        op=op,
        level="L6",
        group="refused",
        source="refopt: bad input is refused with a sentence that names the argument",
        comment=comment,
        flags=("BadInput",),
        inputs={"problem": "rosenbrock-2", "theta": [1.0, 2.0], **inputs},
        compute=None,
        rules={"behaviour": Behaviour(("error",), argument)},
    )


def refusals() -> list[Case]:
    """Return the cases of refused points, vectors, directions and orders."""
    nan, inf = float("nan"), float("inf")
    return [
        _refused("theta-nan", "NaN in theta", "theta", theta=[nan, 1.0], vector=[1.0, 0.0]),
        _refused("theta-inf", "infinity in theta", "theta", theta=[1.0, inf], vector=[1.0, 0.0]),
        _refused("theta-short", "one parameter too few", "theta", theta=[1.0], vector=[1.0]),
        _refused("vector-nan", "NaN in the vector", "vector", vector=[1.0, nan]),
        _refused("vector-long", "vector longer than theta", "vector", vector=[1.0, 0.0, 0.0]),
        _refused(
            "direction-nan", "NaN in the direction", "direction", "along", direction=[nan, 0.0], order=2
        ),
        _refused("order-negative", "order -1", "order", "along", direction=[1.0, 0.0], order=-1),
    ]
