"""Indexing and joining of traced arrays, in place of autograd's, whose rules put NumPy arrays between.

The adjoint of indexing adds slices in place, where autograd's goes through the slow `numpy.add.at`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy.numpy_wrapper as anp
import numpy as np
from autograd.core import SparseObject
from autograd.extend import VSpace, defjvp, defjvp_argnum, defvjp, defvjp_argnum, primitive, vspace
from autograd.numpy.numpy_boxes import ArrayBox

from refopt.arrays import Array, namespace


def is_basic(index: Any) -> bool:
    """Whether an index selects by slices and integers alone, so that no element is selected twice."""
    items = index if isinstance(index, tuple) else (index,)
    return all(isinstance(item, (slice, int, type(None), type(Ellipsis))) for item in items)


def add_at(array: Array, index: Any, x: Array) -> Array:
    """Add x to the selected elements in place; elements selected several times get every contribution."""
    if is_basic(index):
        array[index] += x
    else:
        namespace(array).add.at(array, index, x)
    return array


@primitive
def put(x: Array, index: Any, space: VSpace) -> SparseObject:
    """The adjoint of indexing: x at the selected elements of an array of `space`, zero elsewhere."""
    return SparseObject(space, lambda array: add_at(array, index, x))


defvjp(ArrayBox.__getitem__, lambda ans, x, index: lambda g: put(g, index, vspace(x)))
defvjp(put, lambda ans, x, index, space: lambda g: g[index])
defjvp(put, "same")


@primitive
def join(axis: int, *arrays: Array) -> Array:
    """The arrays joined along an existing axis."""
    return np.concatenate(arrays, axis)


def _join_rule(argnum: int, ans: Array, args: tuple, kwargs: dict) -> Callable:
    axis, *arrays = args
    axis %= anp.ndim(ans)
    start = sum(anp.shape(array)[axis] for array in arrays[: argnum - 1])
    index = (slice(None),) * axis + (slice(start, start + anp.shape(arrays[argnum - 1])[axis]),)
    return lambda g: g[index]


def _join_forward(argnum: int, g: Array, ans: Array, args: tuple, kwargs: dict) -> Array:
    axis, *arrays = args
    return join(axis, *(g if i == argnum - 1 else anp.zeros_like(array) for i, array in enumerate(arrays)))


defvjp_argnum(join, _join_rule)
defjvp_argnum(join, _join_forward)


def concat(arrays: Any, /, *, axis: int | None = 0) -> Array:
    """The arrays joined along an axis, flattened first where it is None."""
    if axis is None:
        return join(0, *(anp.reshape(array, (-1,)) for array in arrays))
    return join(axis, *arrays)


def stack(arrays: Any, /, *, axis: int = 0) -> Array:
    """The arrays joined along a new axis."""
    return join(axis, *(anp.expand_dims(array, axis) for array in arrays))


def matrix_transpose(x: Array, /) -> Array:
    """The last two axes exchanged."""
    return anp.swapaxes(x, -1, -2)


def vecdot(x: Array, y: Array, /, *, axis: int = -1) -> Array:
    """The inner products along an axis."""
    return anp.sum(x * y, axis=axis)
