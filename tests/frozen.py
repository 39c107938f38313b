"""A fresh answer of the oracle against its frozen one, in units of what a case allows."""

import json
import math
from functools import cache
from typing import Any

from mpmath import mp, mpf

from oracles import build
from oracles.case import Case
from oracles.condition import inputs_of
from oracles.precision import flat


@cache
def stored(file: str) -> dict[str, Any]:
    """The expectations of a file, by case."""
    content = json.loads((build.VECTORS / file).read_text(encoding="utf-8"))
    return {case["id"]: case["expect"] for case in content["cases"]}


def answer(case: Case) -> dict[str, Any]:
    """What the oracle answers to a case now."""
    assert case.compute is not None
    return case.compute(inputs_of(case))


def worst_ratio(case: Case) -> Any:
    """Largest test ratio of a fresh answer, in units of the threshold; infinite where an exact one is off."""
    found, worst = answer(case), mpf(0)
    for quantity, expected in stored(case.file)[case.id].items():
        if expected["kind"] == "any":
            continue
        if expected["kind"] == "exact":
            worst = worst if found[quantity] == expected["value"] else mp.inf
            continue
        shape, digits = expected["value"]["shape"], expected["value"]["hp"]
        rows = shape[0] if expected.get("axis") else 1
        length, values = math.prod(shape) // rows, flat(found[quantity])
        for row in range(rows):
            scale, condition = (
                expected[key][row] if isinstance(expected[key], list) else expected[key]
                for key in ("scale", "condition")
            )
            unit = mpf(2) ** -53 * max(condition, 1) * scale * expected["terms"] * expected["threshold"]
            part = slice(row * length, (row + 1) * length)
            gaps = (abs(x - mpf(y)) for x, y in zip(values[part], digits[part], strict=True))
            worst = max(worst, max(gaps, default=mpf(0)) / unit)
    return worst
