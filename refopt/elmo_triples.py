"""Triples (g, lam, L) of ELMO's models: which are allowed, and the root R that every formula is made of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refopt.arrays import Array, check_finite, dtype_name, namespace, to_host

QUIET: Any = {"over": "ignore", "under": "ignore", "divide": "ignore", "invalid": "ignore"}
"""For `numpy.errstate`: a result beyond the range of a float is infinite, and no reason to warn."""


def root(slope: Array, curvature: Array, lipschitz: Array) -> Array:
    """R = sqrt(lam^2 + 2 L g), M's curvature at x*; of numbers that are not checked."""
    xp = namespace(slope)
    kind = xp.finfo(slope.dtype)
    with np.errstate(**QUIET):
        s_squared = (lipschitz + lipschitz) * slope
        normal = (s_squared >= float(kind.smallest_normal)) & (s_squared <= float(kind.max))
        apart = math.sqrt(2.0) * (
            xp.sqrt(lipschitz) * xp.sqrt(slope)
        )  # each factor in range, one more rounding
        return xp.hypot(curvature, xp.where(normal, xp.sqrt(s_squared), apart))


def half_sums(xp: Any, g: Array, lam: Array, L: Array, R: Array) -> tuple[Array, Array]:
    """(R - lam)/2 and (R + lam)/2, whose product is L g/2; 0 where R = 0."""
    one = xp.ones_like(R)
    large = R / 2.0 + xp.abs(lam) / 2.0
    # s^2/4 over the large one, with s split, as s^2 leaves the range before s does
    small = (xp.sqrt(L / 2.0) * xp.sqrt(g)) * (
        xp.sqrt(L / 2.0) * xp.sqrt(g) / xp.where(large > 0, large, one)
    )
    positive = lam > 0
    return xp.where(positive, small, large), xp.where(positive, large, small)


def check_triple(g: Array, lam: Array, L: Array | None = None) -> None:
    """Require slopes, curvatures and Lipschitz constants that are allowed."""
    check_alike(slope=g, curvature=lam, **({} if L is None else {"lipschitz": L}))
    check_values(g, lam, L)


def check_alike(**arrays: Any) -> None:
    """Require real floating arrays of one shape and dtype."""
    (first, like), *_ = arrays.items()
    for name, x in arrays.items():
        if not hasattr(x, "dtype") or not hasattr(x, "shape"):
            raise TypeError(f"`{name}` is a {type(x).__name__}; it must be an array of float32 or float64")
        if isinstance(x, np.ma.MaskedArray):
            raise TypeError(f"`{name}` is a masked array; it must be a plain array, as of x.filled(value)")
        if dtype_name(x) not in ("float32", "float64"):
            raise TypeError(f"`{name}` has dtype {dtype_name(x)}; it must be float32 or float64")
        if x.dtype != like.dtype:
            raise TypeError(
                f"`{name}` has dtype {dtype_name(x)}; it must be {dtype_name(like)}, as `{first}` is"
            )
        if tuple(x.shape) != tuple(like.shape):
            raise ValueError(
                f"`{name}` has shape {tuple(x.shape)}; it must be {tuple(like.shape)}, as `{first}`"
            )
    namespace(*arrays.values())  # of one library


def check_values(g: Array, lam: Array, L: Array | None) -> None:
    """Require finite numbers, and slopes and Lipschitz constants of at least 0."""
    check_finite("slope", g)
    check_finite("curvature", lam)
    refuse("slope", g, g < 0, "at least 0")
    if L is not None:
        check_finite("lipschitz", L)
        refuse("lipschitz", L, L < 0, "at least 0")


def refuse(name: str, x: Array, wrong: Array, allowed: str) -> None:
    """Refuse the first element that is wrong."""
    if bool(namespace(x).any(wrong)):
        host = np.atleast_1d(to_host(x))
        index = tuple(int(i) for i in np.argwhere(np.atleast_1d(to_host(wrong)))[0])
        where = index[0] if len(index) == 1 else index
        raise ValueError(f"`{name}` is {host[index]} at index {where}; it must be {allowed}")
