"""AMOS of gradient descent and Newton on separable cubics in exact fractions.

On g z + h z^2/2 + L |z|^3/6 with z = theta - s in each coordinate every quantity is rational as long as each
index divides by its own motion: gradient g + h z + L z |z|/2, curvature h + L |z|, and no square root.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from mpmath import mpf

from oracles.case import Check, Quantities
from oracles.precision import Number, fraction
from oracles.recurrence import defect


def trajectory(inputs: Mapping[str, Any]) -> tuple[list[list[Fraction]], list[str]]:
    """Return the points and assignments of a run, in fractions."""
    s, data = inputs["settings"], inputs["problem"].content["data"]
    rows = [[Fraction(x) for x in data[name]] for name in ("slopes", "curvatures", "lipschitz")]
    shifts = [Fraction(x) for x in data.get("shifts", [0.0] * len(rows[0]))]
    eta, alpha = (
        fraction(inputs[part]["settings"][name])
        for part, name in (("first", "learning_rate"), ("second", "alpha"))
    )
    a, epsilon, edge = (fraction(s[name]) for name in ("momentum", "epsilon", "threshold"))
    x = [fraction(value) for value in inputs["theta"]]
    L, first = [Fraction(0)] * len(x), [s["default"] == "first"] * len(x)
    before: tuple[list[Fraction], list[Fraction]] | None = None
    points, assignments = [x], []
    for t in range(inputs["steps"]):
        z = [p - q for p, q in zip(x, shifts, strict=True)]
        gradient = [g + h * w + c * w * abs(w) / 2 for g, h, c, w in zip(*rows, z, strict=True)]
        lam = [h + c * abs(w) for _, h, c, w in zip(*rows, z, strict=True)]
        if t in s["hessian_at"] if isinstance(s["hessian_at"], list) else t % s["hessian_at"] == 0:
            if before is not None:
                for i, (now, old, p, q) in enumerate(zip(lam, before[0], x, before[1], strict=True)):
                    if p != q:
                        L[i] = a * L[i] + (1 - a) * abs(now - old) / (epsilon + abs(p - q))
            before, first = (lam, x), [value > edge for value in L]
        assignments.append("".join("1" if m else "0" for m in first))
        moves = [
            -eta * g if m else -alpha * g / curvature
            for g, curvature, m in zip(gradient, lam, first, strict=True)
        ]
        x = [p + d for p, d in zip(x, moves, strict=True)]
        points.append(x)
    return points, assignments


def fractions_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare the points with their fractions, and the assignments."""
    points, assignments = trajectory(inputs)
    if assignments != outputs["assignments"]:
        return mpf(1)
    return defect([[mpf(x.numerator) / x.denominator for x in row] for row in points], outputs["thetas"])


FRACTIONS = Check("exact fractions", fractions_defect, mpf(10) ** -35)
