"""Momentum on the Newton part of FOSI (section 3.4): the filters, and what happens to them when V changes.

Section 3.4 asks that g1 and g2 go through the same linear combination of past gradients, so that the filtered
parts add up to the filtered gradient; Algorithm 2 filters g2 only, inside the base. Both are offered. The
filter of g1 is linear, so it acts on the vector and on its coordinates V' g1 alike.

When an estimate brings a new V, the memories of old g1 and g2 no longer lie in the two new subspaces. Kept as
they are, they would be projected out (n = 2, V = e1 then e2, g = (1, 1) then 0: the step would be 0). Their
sum is the memory of the whole gradient, and it is divided anew.
"""

from __future__ import annotations

from typing import Any

from refopt.arrays import Array, namespace

NEWTON_MOMENTA = ("none", "heavy-ball", "nesterov", "ema")


def filtered(kind: str, b: float, v: Array, g: Array) -> tuple[Array, Array]:
    """The new memory, and the filtered gradient that the Newton step uses.

    Args:
        kind: "none", "heavy-ball", "nesterov" or "ema", as in `FosiSettings`.
        b: decay in [0, 1).
        v: memory, of any shape.
        g: gradient part, of the same shape.
    """
    if kind == "none":
        return v, g
    v = b * v + (1.0 - b) * g if kind == "ema" else b * v + g
    return v, g + b * v if kind == "nesterov" else v


def divided(V: Array, newton_velocity: Array, base: Any, memory: str | None) -> tuple[Array, Any]:
    """The total momentum split by a new V: its part in span V for the filter, the rest for the base.

    Args:
        V: orthonormal columns, (n, k+l).
        newton_velocity: memory of the filter, (n,).
        base: state of the base optimizer.
        memory: name of the base state's field that holds its momentum, (n,), or None.

    Returns:
        The new filter memory and the new state of the base.
    """
    xp = namespace(V)
    total = newton_velocity if memory is None else newton_velocity + getattr(base, memory)
    inside = xp.matmul(V, xp.matmul(V.T, total))
    return inside, base if memory is None else base._replace(**{memory: total - inside})
