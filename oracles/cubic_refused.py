"""Models that must be refused (L6)."""

from typing import Any

from oracles.case import Behaviour, Case

NAN, INF = float("nan"), float("inf")
# fmt: off
# (what, changed inputs, argument that the error must name, comment)
REFUSED: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("H-nan", {"H": [[1.0, NAN], [NAN, 1.0]]}, "H", "NaN off the diagonal of H"),
    ("H-nan-diagonal", {"H": [[1.0, 0.0], [0.0, NAN]]}, "H", "NaN on the diagonal of H"),
    ("H-infinite", {"H": [[INF, 0.0], [0.0, 1.0]]}, "H", "infinity in H"),
    ("H-asymmetric", {"H": [[1.0, 0.5], [0.25, 1.0]]}, "H", "a half of H is not the other's transpose"),
    ("H-triangle", {"H": [[1.0, 0.0], [0.5, 1.0]]}, "H", "one triangle of H"),
    ("H-not-square", {"H": [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0]]}, "H", "two rows, three columns"),
    ("g-nan", {"g": [NAN, 1.0]}, "g", "NaN in g"),
    ("g-infinite", {"g": [1.0, -INF]}, "g", "infinity in g"),
    ("g-long", {"g": [1.0, 2.0, 3.0]}, "g", "one entry more than H has rows"),
    ("scales-nan", {"scales": [1.0, NAN]}, "scales", "NaN in the scales; compared with 0 it is not positive"),
    ("scales-infinite", {"scales": [INF, 1.0]}, "scales", "infinity in the scales"),
    ("scales-negative", {"scales": [1.0, -1.0]}, "scales", "negative scale: no |third derivative|^(1/3)"),
    ("scales-short", {"scales": [1.0]}, "scales", "one scale for two groups, not to be broadcast"),
    ("lam-negative", {"lam": -1.0}, "lam", "lam < 0: unbounded whatever H"),
    ("lam-nan", {"lam": NAN}, "lam", "lam is NaN"),
    ("lam-infinite", {"lam": INF}, "lam", "lam is infinite"),
)
# fmt: on


def refusals() -> list[Case]:
    """Return the cases of refused arguments."""
    common: dict[str, Any] = {
        "H": [[2.0, 1.0], [1.0, 2.0]],
        "g": [1.0, -0.5],
        "lam": 1.0,
        "scales": [1.0, 0.5],
    }
    return [
        Case(
            id=f"cubic.cubic_minimizer.L6.{what.lower()}",
            op="cubic_minimizer",
            level="L6",
            group="refused",
            source="refopt: bad input is refused with a sentence that names the argument",
            comment=comment,
            flags=("BadInput",),
            inputs=common | changed,
            compute=None,
            rules={"behaviour": Behaviour(("error",), argument)},
        )
        for what, changed, argument, comment in REFUSED
    ]
