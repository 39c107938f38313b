"""Settings, estimates and points that EigenARC must refuse (L6)."""

from typing import Any

from oracles.case import Behaviour, Case
from oracles.eigen_arc_method import SETTINGS
from oracles.first_order_settings import settings_of

NAN, INF = float("nan"), float("inf")
# fmt: off
# (what, changed settings, argument that the error must name, comment)
REFUSED: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("shrink-two", {"shrink": 2.0}, "shrink",
     "gamma2 = 2 as in App. J: an L assessed too conservative is doubled"),
    ("shrink-one", {"shrink": 1.0}, "shrink", "nothing would ever shrink"),
    ("zero-shrink", {"shrink": 0.0}, "shrink", "0 is absorbing"),
    ("expand-one", {"expand": 1.0}, "expand", "raised for ever by 1"),
    ("nan-expand", {"expand": NAN}, "expand", "NaN passes no comparison"),
    ("zero-low", {"low": 0.0}, "low", "eta1 = 0: a step that changes nothing passes"),
    ("low-above-high", {"low": 0.95}, "low", "eta1 above eta2"),
    ("nan-high", {"high": NAN}, "high", "NaN passes no comparison"),
    ("zero-floor", {"floor": 0.0}, "floor", "no floor: L underflows to 0, which is absorbing"),
    ("infinite-ceiling", {"ceiling": INF}, "ceiling", "no ceiling: L overflows"),
    ("floor-above-ceiling", {"floor": 2.0, "ceiling": 1.0}, "floor", "no L is allowed"),
    ("zero-failures", {"max_failures": 0}, "max_failures", "no raise at all"),
)
# fmt: on


def _case(
    op: str, what: str, comment: str, inputs: dict[str, Any], quantity: str, argument: str | None
) -> Case:
    return Case(
        id=f"eigen_arc.{op}.L6.{what}",
        op=op,
        level="L6",
        group="behaviour",
        source="refopt: arguments in range; claims, section 6",
        comment=comment,
        flags=("BadInput",),
        inputs=inputs,
        compute=None,
        rules={quantity: Behaviour(("error",), argument)},
    )


def refusals() -> list[Case]:
    """Return the cases of refusals."""
    update: dict[str, Any] = {
        "problem": "quadratic-figure1",
        "theta": [0.3, -0.9],
        "eigenvalues": [4.0, 1.0],
        "eigenvectors": [[0.6, 0.8], [0.8, -0.6]],
        "lipschitz": [1.0, 2.0],
        "settings": SETTINGS,
    }
    run: dict[str, Any] = {
        "problem": "quadratic-figure1",
        "settings": {"spectrum": "dense", **SETTINGS},
        "base": {"optimizer": "gradient_descent", "settings": settings_of("gradient_descent")},
        "theta": [0.3, -0.9],
        "steps": 2,
    }
    settings = run["settings"]
    # fmt: off
    rows: tuple[tuple[str, str, dict[str, Any], str | None, str], ...] = (
        ("eigen_arc_update", "zero-lipschitz", {"lipschitz": [1.0, 0.0]}, "lipschitz",
         "0 is absorbing: no factor raises it"),
        ("eigen_arc_update", "negative-lipschitz", {"lipschitz": [-1.0, 1.0]}, "lipschitz", "L below 0"),
        ("eigen_arc_update", "nan-lipschitz", {"lipschitz": [NAN, 1.0]}, "lipschitz", "L = NaN"),
        ("eigen_arc_update", "lipschitz-short", {"lipschitz": [1.0]}, "lipschitz", "one L for two pairs"),
        ("eigen_arc_run", "zero-initial", {"settings": {**settings, "initial": 0.0}}, "initial",
         "0 is absorbing"),
        ("eigen_arc_run", "unknown-spectrum", {"settings": {**settings, "spectrum": "middle"}}, "spectrum",
         "no such choice"),
        ("eigen_arc_run", "unknown-base", {"base": {"optimizer": "polyak", "settings": {}}}, "optimizer",
         "no such optimizer"),
        ("eigen_arc_run", "nan-theta", {"theta": [NAN, 1.0]}, None,
         "refused before the first eigendecomposition"),
        ("eigen_arc_run", "zero-steps", {"steps": 0}, "steps", "no step"),
    )
    # fmt: on
    out = [
        _case(
            "eigen_arc_run", what, comment, run | {"settings": {**settings, **changes}}, "lipschitz", argument
        )
        for what, changes, argument, comment in REFUSED
    ]
    for op, what, changes, argument, comment in rows:
        given, quantity = (update, "lipschitz_next") if op == "eigen_arc_update" else (run, "lipschitz")
        out.append(_case(op, what, comment, given | changes, quantity, argument))
    return out
