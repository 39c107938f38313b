"""Rules of autograd that are replaced, because they put NumPy arrays or float64 between the traced arrays.

A device array refuses a NumPy array, and a float32 vector that meets a float64 one is float32 no longer.
The rules here compute the same numbers from the traced arrays alone, for every array type, and are
registered through autograd's public extension interface when this module is imported. One rule is replaced
for its range: that of tanh.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import autograd.numpy.numpy_wrapper as anp
import numpy as np
from autograd.extend import defjvp, defvjp, primitive
from autograd.numpy.numpy_vjps import balanced_eq, matmul_vjp_0, matmul_vjp_1, replace_zero, unbroadcast_f
from autograd.tracer import trace_primitives_map

from refopt.arrays import Array

# ---- reductions ----


def _kept(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """The shape of a reduction over `axis` with its axes kept as ones."""
    axes = tuple(range(len(shape))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    reduced = {a % len(shape) for a in axes}
    return tuple(1 if i in reduced else size for i, size in enumerate(shape))


def _spread(g: Array, x: Array, axis: Any) -> Array:
    """The adjoint of a sum: g repeated along the axes that were summed, as a view."""
    shape = anp.shape(x)
    return anp.broadcast_to(anp.reshape(g, _kept(shape, axis)), shape) if shape else g


def _sum_rule(ans: Array, x: Array, axis: Any = None, keepdims: bool = False, **_: Any) -> Callable:
    return lambda g: _spread(g, x, axis)


def _mean_rule(ans: Array, x: Array, axis: Any = None, keepdims: bool = False, **_: Any) -> Callable:
    count = math.prod(anp.shape(x)) // max(math.prod(anp.shape(ans)), 1)
    return lambda g: _spread(g / count, x, axis)


def chosen(ans: Array, x: Array, axis: Any) -> Array:
    """Where x attains its extreme value, shared equally among ties, in the dtype of x."""
    dtype = anp.result_type(x)
    mask = (x == _spread(ans, x, axis)).astype(dtype)
    return mask / anp.sum(mask, axis=axis, keepdims=True)


def _extreme_rule(ans: Array, x: Array, axis: Any = None, keepdims: bool = False, **_: Any) -> Callable:
    return lambda g: _spread(g, x, axis) * chosen(ans, x, axis)


def _extreme_forward(
    g: Array, ans: Array, x: Array, axis: Any = None, keepdims: bool = False, **_: Any
) -> Array:
    return anp.sum(g * chosen(ans, x, axis), axis=axis, keepdims=keepdims)


defvjp(anp.sum, _sum_rule)
defvjp(anp._primitive_mean, _mean_rule)
for _extreme in (anp.max, anp.min, anp.amax, anp.amin):
    defvjp(_extreme, _extreme_rule)
    defjvp(_extreme, _extreme_forward)

# ---- selection and broadcasting ----


def share(x: Array, ans: Array, y: Array) -> Array:
    """The part of x in max(x, y) or min(x, y): 1, 0, or 1/2 on a tie, in the dtype of the answer."""
    return balanced_eq(x, ans, y).astype(anp.result_type(ans))


def _first_rule(ans: Array, x: Array, y: Array) -> Callable:
    return unbroadcast_f(x, lambda g: g * share(x, ans, y))


def _second_rule(ans: Array, x: Array, y: Array) -> Callable:
    return unbroadcast_f(y, lambda g: g * share(y, ans, x))


for _extreme in (anp.maximum, anp.minimum):
    defvjp(_extreme, _first_rule, _second_rule)
    defjvp(
        _extreme,
        lambda g, ans, x, y: g * share(x, ans, y),
        lambda g, ans, x, y: g * share(y, ans, x),
    )

where = trace_primitives_map[np.where]  # the primitive itself, which autograd wraps once more
defvjp(
    where,
    None,
    lambda ans, c, x, y: unbroadcast_f(x, lambda g: anp.where(c, g, anp.zeros_like(g))),
    lambda ans, c, x, y: unbroadcast_f(y, lambda g: anp.where(c, anp.zeros_like(g), g)),
)
defjvp(
    where,
    None,
    lambda g, ans, c, x, y: anp.where(c, g, anp.zeros_like(ans)),
    lambda g, ans, c, x, y: anp.where(c, anp.zeros_like(ans), g),
)
defvjp(anp.broadcast_to, lambda ans, x, shape: unbroadcast_f(x, lambda g: g))


# ---- powers and products ----


def log_of_base(x: Array) -> Any:
    """The logarithm of the base of a power, 0 for a base of 0; a Python number stays one."""
    if isinstance(x, (int, float)):
        return math.log(x) if x else 0.0
    return anp.log(replace_zero(x, 1.0))


defvjp(
    anp.power,
    lambda ans, x, y: unbroadcast_f(x, lambda g: g * y * x ** anp.where(y, y - 1, 1.0)),
    lambda ans, x, y: unbroadcast_f(y, lambda g: g * log_of_base(x) * ans),
)
defjvp(
    anp.power,
    lambda g, ans, x, y: g * y * x ** anp.where(y, y - 1, 1.0),
    lambda g, ans, x, y: g * log_of_base(x) * ans,
)


def _dot_rule(argnum: int, matmul_rule: Callable) -> Callable:
    """A dot is a matmul where the second factor has at most two axes, a multiple where one is a scalar."""

    def rule(ans: Array, a: Array, b: Array) -> Callable:
        if anp.ndim(a) == 0 or anp.ndim(b) == 0:
            return unbroadcast_f((a, b)[argnum], lambda g: g * (b, a)[argnum])
        if anp.ndim(b) > 2:
            raise NotImplementedError(
                "VJP of dot with a factor of more than two axes not defined; use tensordot"
            )
        return matmul_rule(ans, a, b)

    return rule


defvjp(anp.dot, _dot_rule(0, matmul_vjp_0), _dot_rule(1, matmul_vjp_1))


def _tensordot_axes(axes: Any, a_ndim: int, b_ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The contracted axes of both factors as non-negative numbers."""
    if isinstance(axes, int):
        return tuple(range(a_ndim - axes, a_ndim)), tuple(range(axes))
    first, second = ((item,) if isinstance(item, int) else tuple(item) for item in axes)
    return tuple(i % a_ndim for i in first), tuple(i % b_ndim for i in second)


def _tensordot_rule(argnum: int, ans: Array, a: Array, b: Array, axes: Any = 2) -> Callable:
    ndims = anp.ndim(a), anp.ndim(b)
    summed = _tensordot_axes(axes, *ndims)
    kept = [tuple(i for i in range(ndim) if i not in s) for ndim, s in zip(ndims, summed, strict=True)]
    other = 1 - argnum
    # g's axes are kept[0] then kept[1]; contract those of the other factor, then put the rest in their places
    g_axes = (
        tuple(range(len(kept[0]))) if other == 0 else tuple(range(len(kept[0]), len(kept[0]) + len(kept[1])))
    )
    by_other = sorted(range(len(summed[other])), key=lambda i: summed[other][i])
    order = kept[argnum] + tuple(summed[argnum][i] for i in by_other)
    places = tuple(order.index(i) for i in range(ndims[argnum]))
    factor = (a, b)[other]
    return lambda g: anp.transpose(anp.tensordot(g, factor, (g_axes, kept[other])), places)


defvjp(anp.tensordot, partial(_tensordot_rule, 0), partial(_tensordot_rule, 1))

# ---- the hyperbolic tangent ----


@primitive
def sech_squared(x: Array) -> Array:
    """The derivative of tanh, 1 / cosh(x)^2, without the overflow of cosh(x)^2 (at 45 in float32)."""
    decay = np.exp(-2 * np.abs(x))
    return 4 * decay / (1 + decay) ** 2


def sech_squared_slope(ans: Array, x: Array) -> Array:
    """The derivative of `sech_squared` at x."""
    return -2 * anp.tanh(x) * ans


defvjp(anp.tanh, lambda ans, x: lambda g: g * sech_squared(x))
defjvp(anp.tanh, lambda g, ans, x: g * sech_squared(x))
defvjp(sech_squared, lambda ans, x: lambda g: g * sech_squared_slope(ans, x))
defjvp(sech_squared, lambda g, ans, x: g * sech_squared_slope(ans, x))


# ---- permuting ----


def _transpose_rule(ans: Array, x: Array, axes: Any = None) -> Callable:
    """The inverse permutation, as a tuple."""
    inverse = None if axes is None else tuple(sorted(range(len(axes)), key=lambda i: axes[i] % len(axes)))
    return lambda g: anp.transpose(g, inverse)


defvjp(anp.transpose, _transpose_rule)
