"""The linear operations that the replay of a gradient is made of, as functions of tangents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from autograd.core import VSpace, primitive_jvps

from refopt.arrays import namespace
from refopt.autograd_indexing import add_at, is_basic


def combination(coefficients: list[Any], shape: tuple[int, ...], whole: bool) -> Callable[..., Any]:
    """The sum of coefficient * tangent, where a tangent None stands for zeros.

    Args:
        coefficients: one for each tangent; None is one.
        shape: of the sum, where all tangents are arrays.
        whole: whether the first product has that shape.
    """
    first, *rest = coefficients
    in_place = whole and first is not None

    def apply(tangent: Any, *tangents: Any) -> Any:
        if tangent is None or any(g is None for g in tangents):
            return some((tangent, *tangents))
        result = tangent if first is None else first * tangent
        for c, g in zip(rest, tangents, strict=True):
            term = g if c is None else c * g
            if in_place:
                result += term
            else:
                result = result + term
        return result

    def some(tangents: tuple[Any, ...]) -> Any:
        given = [(c, g) for c, g in zip(coefficients, tangents, strict=True) if g is not None]
        terms = [g if c is None else c * g for c, g in given]
        result = sum(terms[1:], terms[0])
        return result if result.shape == shape else namespace(result).broadcast_to(result, shape)

    return apply


def spread(apply: Callable[..., Any], shape: tuple[int, ...]) -> Callable[..., Any]:
    """The same operation, its result broadcast to `shape`."""

    def spread_apply(*tangents: Any) -> Any:
        result = apply(*tangents)
        return namespace(result).broadcast_to(result, shape)

    return spread_apply


def total(maps: list[Callable[[Any], Any]]) -> Callable[..., Any]:
    """The sum of one map per tangent, where a tangent None stands for zeros."""

    def apply(*tangents: Any) -> Any:
        result = None
        for move, g in zip(maps, tangents, strict=True):
            if g is not None:
                result = move(g) if result is None else result + move(g)
        return result

    return apply


def autograd_rule(node: Any) -> Callable[..., Any]:
    """Autograd's own JVP rule at the recorded point."""
    argnums, value, args, kwargs = node.argnums, node.value, node.args, node.kwargs
    if node.fun not in primitive_jvps:
        name = getattr(node.fun, "__name__", node.fun)
        raise NotImplementedError(f"JVP of {name} wrt argnums {argnums} not defined")
    rule = primitive_jvps[node.fun]
    return lambda *tangents: rule(argnums, tangents, value, args, kwargs)


def scatter(space: VSpace, indices: list[Any], with_base: bool) -> Callable[..., Any]:
    """Each tangent written at its index of one array, plus the last tangent where there is a base."""

    def write(*tangents: Any) -> Any:
        result = space.zeros()
        for index, g in zip(indices, tangents, strict=True):
            result[index] = g
        return result

    def accumulate(*tangents: Any) -> Any:
        result = space.zeros()
        for index, g in zip(indices, tangents, strict=False):
            add_at(result, index, g)
        return result + tangents[-1] if with_base else result

    return write if not with_base and _disjoint(space.shape, indices) else accumulate


def _disjoint(shape: tuple[int, ...], indices: list[Any]) -> bool:
    """Whether the indices select each element at most once."""
    count = np.zeros(shape, dtype=np.int8)
    for index in indices:
        if not is_basic(index):
            return False
        count[index] += 1
        if np.max(count, initial=0) > 1:
            return False
    return True
