"""How a power series passes the primitives that are linear in each argument, and the table of all rules.

Sums, reshapes, slices and the like act on every coefficient; a product of two factors, matmul among them,
is a sum over the pairs of coefficients whose orders add up, as for numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product as combinations
from typing import Any

import autograd.numpy.numpy_wrapper as anp
from autograd.numpy import numpy_vjps

from refopt.autograd_indexing import join
from refopt.autograd_rules import chosen, where
from refopt.linear_rules import IDENTITY, LINEAR
from refopt.taylor_rules import ELEMENTWISE, Rule
from refopt.taylor_series import NoTaylorRule, Recorded, Series, total

AFFINE = frozenset(("initial", "out", "where"))  # keyword arguments that make a reduction something else


def _linear(node: Recorded, order: int, *series: Series) -> Series:
    """A primitive that is linear in each argument, of which one or several vary."""
    varying = [i for i, given in enumerate(series) if len(given) > 1]
    if len(varying) > 1:
        return _multilinear(node, order, series)
    (i,) = varying
    argnum, coefficients = node.argnums[i], series[i][1:]
    move = node.once(argnum, lambda: _map(node, argnum))
    if move is IDENTITY:
        return (node.value, *coefficients)
    return (node.value, *(move(coefficient) for coefficient in coefficients))


def _map(node: Recorded, argnum: int) -> Any:
    """The primitive as a map of its argument `argnum`."""
    if node.fun in LINEAR:
        return LINEAR[node.fun](argnum, node.value, node.args, node.kwargs)
    raw, before, after, kwargs = node.fun.fun, node.args[:argnum], node.args[argnum + 1 :], node.kwargs
    return lambda g: raw(*before, g, *after, **kwargs)


def _multilinear(node: Recorded, order: int, series: tuple[Series, ...]) -> Series:
    """Coefficient k is the sum over all choices of one coefficient per factor whose orders add up to k."""
    raw, args = node.fun.fun, list(node.args)
    degree = min(order, sum(len(given) - 1 for given in series))
    sums: dict[int, list[tuple[int, ...]]] = {k: [] for k in range(degree + 1)}
    for orders in combinations(*(range(min(len(given), degree + 1)) for given in series)):
        if sum(orders) <= degree:
            sums[sum(orders)].append(orders)

    def term(orders: tuple[int, ...]) -> Any:
        for argnum, given, j in zip(node.argnums, series, orders, strict=True):
            args[argnum] = given[j]
        return raw(*args, **node.kwargs)

    return (node.value, *(total(map(term, sums[k])) for k in range(1, degree + 1)))


def _where(node: Recorded, order: int, *series: Series) -> Series:
    """A selection by a condition that is constant; zeros take the place of missing coefficients."""
    found = dict(zip(node.argnums, series, strict=True))
    one, other = found.get(1, ()), found.get(2, ())
    condition = node.args[0]
    zero = node.once("zero", lambda: anp.zeros_like(node.value))
    raw = where.fun
    return (
        node.value,
        *(
            raw(condition, one[k] if k < len(one) else zero, other[k] if k < len(other) else zero)
            for k in range(1, max(len(one), len(other), 1))
        ),
    )


def _joined(node: Recorded, order: int, *series: Series) -> Series:
    """An array made of others: zeros take the place of coefficients that a part has not."""
    raw, start = node.fun.fun, JOINED[node.fun]
    head, parts = node.args[:start], node.operands(series)[start:]

    def coefficient(i: int, k: int) -> Any:
        part = parts[i]
        return part[k] if k < len(part) else node.once(i, lambda: anp.zeros_like(part[0]))

    highest = max(len(part) for part in parts)
    return (
        node.value,
        *(raw(*head, *(coefficient(i, k) for i in range(len(parts)))) for k in range(1, highest)),
    )


def _extreme(node: Recorded, order: int, x: Series) -> Series:
    """Extreme elements of an array: the mean over the elements that attain it, as in autograd's rules."""
    axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("axis")
    keepdims = node.kwargs.get("keepdims", False)
    share = node.once("share", lambda: chosen(node.value, node.args[0], axis))
    return (
        node.value,
        *(anp.sum(share * coefficient, axis=axis, keepdims=keepdims) for coefficient in x[1:]),
    )


def _converted(node: Recorded, order: int, x: Series) -> Series:
    """Another dtype; integers and truth values are constants, as comparisons are."""
    return _linear(node, order, x) if node.value.dtype.kind == "f" else (node.value,)


# ---- the tables ----

JOINED = {join: 1, anp.concatenate_args: 1, anp.array_from_args: 2}
"""Primitives that join arrays, with the number of arguments before the first of them."""

_PRODUCTS = (anp.matmul, anp.dot, anp.tensordot, anp.inner, anp.outer, anp.cross, anp.kron, anp.einsum)
_ADJOINTS = {numpy_vjps.tensordot_adjoint_0, numpy_vjps.tensordot_adjoint_1}  # of reverse passes
RULES: dict[Any, Rule] = {
    **dict.fromkeys([fun for fun in LINEAR if fun not in _ADJOINTS], _linear),
    **dict.fromkeys((*_PRODUCTS, anp._array_from_scalar_or_array), _linear),
    anp._astype: _converted,
    **dict.fromkeys(JOINED, _joined),
    **dict.fromkeys((anp.max, anp.min, anp.amax, anp.amin), _extreme),
    where: _where,
}


def rule_of(node: Recorded) -> Callable[..., Series]:
    """The rule of a recorded primitive, as a function of the order and the series of its traced arguments.

    Raises:
        NoTaylorRule: when there is none, or none for the way in which the primitive was called.
    """
    name = getattr(node.fun, "__name__", str(node.fun))
    if node.fun in ELEMENTWISE and not node.kwargs:
        if node.fun is anp.power and node.argnums == (0, 1) and bool(anp.any(node.args[0] == 0)):
            raise NoTaylorRule(
                f"Taylor mode of {name} with a base of 0 and an exponent that varies not defined"
            )
        rule = ELEMENTWISE[node.fun]
        return lambda order, *series: rule(node, order, *node.operands(series))
    if node.fun in RULES and not node.kwargs.keys() & AFFINE:
        return partial(RULES[node.fun], node)
    raise NoTaylorRule(f"Taylor mode of {name} wrt argnums {node.argnums} not defined")
