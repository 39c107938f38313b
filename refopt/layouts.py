"""Layouts: which tensors, of which layers, make up a vector of parameters."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from refopt.arrays import check_count

KINDS = ("weights", "biases")


class Tensor(NamedTuple):
    """One tensor of parameters; a layout is a tuple of them in the order of the parameters.

    Attributes:
        name: such as "W1".
        size: number of its parameters, at least 1.
        layer: ordinal of its layer, from 0.
        kind: "weights" or "biases".
    """

    name: str
    size: int
    layer: int
    kind: str


def integer(name: str, value: Any) -> int:
    """An integer, such as one of an array; True and False are none; raises TypeError."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"`{name}` holds {value!r}; it must hold integers") from None


def sequence(name: str, value: Any) -> Iterable[Any]:
    """Require something to go through; raises TypeError."""
    if not isinstance(value, Iterable):
        raise TypeError(f"`{name}` is {value!r}; it must be a sequence")
    return value


def checked_layout(layout: Sequence[Tensor]) -> list[Tensor]:
    """The tensors of a layout, known to be one.

    Raises:
        TypeError: when it is no sequence of tensors, or a number in it is no integer.
        ValueError: when it is empty, skips a layer, or has a tensor that cannot be.
    """
    try:
        tensors = [Tensor(*entry) for entry in layout]
    except TypeError:
        raise TypeError("`layout` must be a sequence of (name, size, layer, kind)") from None
    if not tensors:
        raise ValueError("`layout` is empty; it must list the tensors of the parameters")
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise ValueError("`layout` has two tensors of one name; every name must be another")
    for tensor in tensors:
        integer("layout", tensor.size), integer("layout", tensor.layer)
        if tensor.size < 1 or tensor.layer < 0 or tensor.kind not in KINDS:
            raise ValueError(
                f"`layout` has {tensor}; it must have a size of at least 1, a layer and a kind of {KINDS}"
            )
    if {tensor.layer for tensor in tensors} != set(range(max(tensor.layer for tensor in tensors) + 1)):
        raise ValueError("`layout` skips a layer; layers must be numbered 0, 1, ... without a gap")
    return tensors


def layers_but_last(layout: Sequence[Tensor], k: int) -> int:
    """The number of layers before the last, at least k."""
    check_count("k", k, 1)
    layers = max(tensor.layer for tensor in checked_layout(layout))
    if k > layers:
        raise ValueError(f"`k` is {k}; it must be at most {layers}, the layers before the last")
    return layers
