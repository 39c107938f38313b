"""How a tangent passes each primitive, for `linearize`: what depends only on the point is computed once.

The tables are keyed by autograd's primitives. `PARTIALS` holds the elementwise ones: for each argument the
partial derivative as a coefficient array, so that consecutive ones can be multiplied together beforehand.
`LINEAR` holds the functions that are linear in each argument and move elements around: for each argument a
map on tangents; `VIEWS` are those whose result may share memory with the argument, `BROADCASTS` those where
its elements share memory with each other. `JOINT` holds maps of all arguments at once. Every other
primitive replays autograd's own JVP rule.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import autograd.numpy.numpy_wrapper as anp
from autograd.core import VSpace
from autograd.numpy import numpy_vjps
from autograd.numpy.numpy_boxes import ArrayBox

from refopt.autograd_indexing import join
from refopt.autograd_rules import log_of_base, sech_squared, sech_squared_slope, share, where

IDENTITY = None
"""As a coefficient: one. As a map: the tangent itself."""


def _power_base(ans: Any, x: Any, y: Any) -> Any:
    return y * x ** anp.where(y, y - 1, 1.0)


def _one(*_: Any) -> None:
    return IDENTITY


def _minus_one(*_: Any) -> float:
    return -1.0


_QUOTIENT = (lambda ans, x, y: 1.0 / y, lambda ans, x, y: -ans / y)
_EXTREME = (lambda ans, x, y: share(x, ans, y), lambda ans, x, y: share(y, ans, x))
_ABS = (lambda ans, x: anp.sign(x),)
_INVERSE_SQUARE = (lambda ans, x: 1.0 / (1 + x**2),)

PARTIALS: dict[Any, tuple[Callable[..., Any] | None, ...]] = {
    anp.add: (_one, _one),
    anp.subtract: (_one, _minus_one),
    anp.multiply: (lambda ans, x, y: y, lambda ans, x, y: x),
    anp.divide: _QUOTIENT,
    anp.true_divide: _QUOTIENT,
    anp.power: (_power_base, lambda ans, x, y: log_of_base(x) * ans),
    anp.maximum: _EXTREME,
    anp.minimum: _EXTREME,
    anp.logaddexp: (lambda ans, x, y: anp.exp(x - ans), lambda ans, x, y: anp.exp(y - ans)),
    anp.negative: (_minus_one,),
    anp.abs: _ABS,
    anp.fabs: _ABS,
    anp.reciprocal: (lambda ans, x: -(ans**2),),
    anp.exp: (lambda ans, x: ans,),
    anp.expm1: (lambda ans, x: ans + 1,),
    anp.log: (lambda ans, x: 1.0 / x,),
    anp.log1p: (lambda ans, x: 1.0 / (x + 1),),
    anp.sin: (lambda ans, x: anp.cos(x),),
    anp.cos: (lambda ans, x: -anp.sin(x),),
    anp.tan: (lambda ans, x: 1.0 / anp.cos(x) ** 2,),
    anp.arctan: _INVERSE_SQUARE,
    anp.sinh: (lambda ans, x: anp.cosh(x),),
    anp.cosh: (lambda ans, x: anp.sinh(x),),
    anp.tanh: (lambda ans, x: sech_squared(x),),
    sech_squared: (sech_squared_slope,),
    anp.square: (lambda ans, x: 2 * x,),
    anp.sqrt: (lambda ans, x: 0.5 / ans,),
    VSpace.add: (None, _one, _one),
    VSpace.mut_add: (None, _one, _one),
}


def _same(fun: Any, argnum: int, ans: Any, args: tuple, kwargs: dict) -> Callable[[Any], Any]:
    """A function linear in its argument `argnum`: the tangent takes that argument's place."""
    raw, before, after = fun.fun, args[:argnum], args[argnum + 1 :]
    if not before and not after and not kwargs:
        return raw
    return lambda g: raw(*before, g, *after, **kwargs)


def _same_unless_idle(fun: Any, argnum: int, ans: Any, args: tuple, kwargs: dict) -> Any:
    """As `_same`, for a function that leaves an array of the right shape as it is."""
    if anp.shape(ans) == anp.shape(args[argnum]):
        return IDENTITY
    return _same(fun, argnum, ans, args, kwargs)


def _where(fun: Any, argnum: int, ans: Any, args: tuple, kwargs: dict) -> Callable[[Any], Any]:
    """The tangent where its side is chosen, zero elsewhere: a selection, since 0 * inf would be NaN.

    The condition selects and carries no tangent, also where it is traced: autograd's adjoint of |x| selects
    by x itself.
    """
    raw, condition, zero = fun.fun, args[0], anp.zeros_like(ans)
    if argnum == 0:
        return lambda g: anp.zeros_like(ans)
    if argnum == 1:
        return lambda g: raw(condition, g, zero)
    return lambda g: raw(condition, zero, g)


def _joined(node: Any) -> Callable[..., Any]:
    """The tangents of the traced arguments joined with zeros for the others."""
    axis, *arrays = node.args
    traced = set(node.argnums)
    parts = [None if i + 1 in traced else anp.zeros_like(array) for i, array in enumerate(arrays)]

    def apply(*tangents: Any) -> Any:
        given = iter(tangents)
        return join.fun(axis, *(next(given) if part is None else part for part in parts))

    return apply


_FRESH = ("matmul", "dot", "tensordot", "inner", "outer", "cross", "kron", "roll", "repeat", "tile", "cumsum")
_VIEWS = ("transpose", "swapaxes", "moveaxis", "rollaxis", "squeeze", "expand_dims", "diagonal", "einsum")
_fresh = [getattr(anp, name) for name in _FRESH] + [
    numpy_vjps.tensordot_adjoint_0,
    numpy_vjps.tensordot_adjoint_1,
    anp._primitive_mean,
]
_views = [getattr(anp, name) for name in _VIEWS] + [ArrayBox.__getitem__]
_idle = [anp.sum, anp.reshape, anp.ravel]

LINEAR: dict[Any, Callable[..., Any]] = {fun: partial(_same, fun) for fun in _fresh + _views}
LINEAR |= {fun: partial(_same_unless_idle, fun) for fun in [*_idle, anp.broadcast_to]}
LINEAR[where] = partial(_where, where)

VIEWS = frozenset(_views + _idle)
BROADCASTS = frozenset([anp.broadcast_to])

JOINT = {join: _joined}
