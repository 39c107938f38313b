"""g_bar, H_bar and the diagonal of D^3(u) together, from any engine of derivatives (see `refopt.summary`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from refopt.arrays import Array, asarray_like, device_of, namespace
from refopt.groups import Groups
from refopt.summary import Summary

Along = Callable[[int], Sequence[Any]]
"""Group -> the derivatives of order 0 to 3 along the group's part of the direction."""


def assembled(
    value: Any, gradient: Array, u: Array, groups: Groups, H_bar: Array | None, along: Along
) -> Summary:
    """The summary from its parts; without H_bar, its diagonal comes from the derivatives along the parts.

    Args:
        value: the objective.
        gradient: its gradient, (n,).
        u: the direction, (n,).
        groups: the partition.
        H_bar: (S, S), or None for the diagonal alone.
        along: see `Along`.
    """
    xp = namespace(u)
    found = [along(s) for s in range(groups.count)]
    if H_bar is None:
        second, identity = _vector([d[2] for d in found], u), xp.eye(groups.count, device=device_of(u))
        H_bar = xp.where(identity > 0, second, xp.zeros_like(second))
    third = _vector([d[3] for d in found], u)
    return Summary(value, gradient, groups.sums(u * gradient), H_bar, third)


def _vector(scalars: Sequence[Any], u: Array) -> Array:
    """Scalars of u's dtype, some of them perhaps Python numbers, as one array."""
    xp = namespace(u)
    return xp.stack([xp.asarray(x) if hasattr(x, "dtype") else asarray_like(x, u) for x in scalars])


def summary_by_products(engine: Any, theta: Array, u: Array, groups: Groups, interactions: bool) -> Summary:
    """The summary from an engine's products and its derivatives along each group's part of u."""
    xp, S = namespace(u), groups.count
    value, gradient, hvp = engine.linearize(theta)

    def along(s: int) -> Sequence[Any]:
        return engine.along(theta, groups.restrict(u, s), 3)

    if not interactions:
        return assembled(value, gradient, u, groups, None, along)
    sums = [groups.sums(u * hvp(groups.restrict(u, s))) for s in range(S)]
    H_bar = xp.stack([xp.stack([sums[max(s, t)][min(s, t)] for t in range(S)]) for s in range(S)])
    return assembled(value, gradient, u, groups, H_bar, along)
