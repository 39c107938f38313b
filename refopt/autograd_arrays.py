"""Teaches HIPS autograd a new array type, and gives array-API names to what autograd can trace.

autograd traces NumPy functions; a library whose arrays take part in NumPy's dispatch (`__array_ufunc__` and
`__array_function__`) can be traced once it has a box and a vector space, made by `register` at first sight
of its type. The few rules of autograd that would put NumPy arrays between device arrays are replaced in
`autograd_rules`. No library is named here.

`TracedNamespace` is what `namespace(theta)` gives inside a traced objective, so that the same lines run on
plain and on traced arrays of any library.
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import autograd.numpy as autograd_numpy
import autograd.numpy.numpy_wrapper as anp
import numpy as np
from autograd.extend import VSpace
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.tracer import isbox

from refopt import autograd_rules as autograd_rules  # registers the rules
from refopt.arrays import Array, device_of, namespace, register_box, unboxed
from refopt.autograd_indexing import concat, matrix_transpose, stack, vecdot

# ---- a new array type ----


class DeviceBox(ArrayBox):
    """The box around a traced array of a library that was registered here."""

    __slots__ = ()

    @property
    def device(self) -> Any:
        """The device of the array inside."""
        return device_of(self)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return traced_namespace(self)


class ArraySpace(VSpace):
    """The vector space of arrays like `value`: same library, shape, dtype and device."""

    namespaces: dict[type, Any] = {}  # noqa: RUF012  one entry per registered array type

    def __init__(self, value: Array) -> None:
        self.kind, self.shape, self.dtype, self.device = type(value), value.shape, value.dtype, value.device

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def zeros(self) -> Array:
        """The zero of the space."""
        return self.namespaces[self.kind].zeros(self.shape, dtype=self.dtype, device=self.device)

    def ones(self) -> Array:
        """The array of ones."""
        return self.namespaces[self.kind].ones(self.shape, dtype=self.dtype, device=self.device)


def register(value: Array) -> None:
    """Make autograd trace arrays of the type of `value`; a type that it knows is left alone.

    Raises:
        TypeError: when the type takes no part in NumPy's dispatch, which autograd's functions rely on.
    """
    kind = type(value)
    if kind in VSpace.mappings:
        return
    if not (hasattr(kind, "__array_ufunc__") and hasattr(kind, "__array_function__")):
        raise TypeError(
            f"autograd cannot trace arrays of type {kind.__module__}.{kind.__qualname__}; "
            "give your own derivatives with Derivatives.from_callables"
        )
    ArraySpace.namespaces[kind] = namespace(value)
    VSpace.register(kind, ArraySpace)
    DeviceBox.register(kind)


# ---- the namespace of a traced array ----

_RENAMED = {
    "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan",
    "atan2": "arctan2", "atanh": "arctanh", "pow": "power", "permute_dims": "transpose",
}  # fmt: skip
_CREATION = ("arange", "empty", "eye", "full", "linspace", "ones", "zeros")


class TracedNamespace:
    """Array-API names for autograd's functions; constants, dtypes and creation are the library's own."""

    def __init__(self, library: Any, device: Any) -> None:
        self._library, self._device = library, device
        self.concat, self.stack, self.matrix_transpose, self.vecdot = concat, stack, matrix_transpose, vecdot
        for name in _CREATION:
            setattr(self, name, partial(getattr(library, name), device=device))
        for new, old in _RENAMED.items():
            setattr(self, new, getattr(anp, old))

    def asarray(self, values: Any, **options: Any) -> Array:
        """Constants on the traced array's device; a traced array stays as it is."""
        return (
            values if isbox(values) else self._library.asarray(values, **{"device": self._device} | options)
        )

    def __getattr__(self, name: str) -> Any:
        if name == "linalg" and self._library is np:
            return autograd_numpy.linalg
        found = getattr(anp, name, None)
        if not callable(found) or isinstance(found, type):  # constants and dtypes
            found = getattr(self._library, name, None)
        if found is None:
            raise AttributeError(
                f"traced arrays have no `xp.{name}`; refopt.derivatives lists what they have"
            )
        setattr(self, name, found)
        return found


_traced: dict[tuple[type, str], TracedNamespace] = {}


def traced_namespace(box: Array) -> TracedNamespace:
    """The namespace whose functions autograd can differentiate for the library of `box`."""
    value = box._value
    if type(value) is np.ndarray:
        return _numpy_traced
    value = unboxed(value)
    if isinstance(value, (np.ndarray, np.generic, float)):
        return _numpy_traced
    device = device_of(value)
    key = type(value), str(device)
    if key not in _traced:
        _traced[key] = TracedNamespace(namespace(value), device)
    return _traced[key]


_numpy_traced = TracedNamespace(np, "cpu")

register_box(ArrayBox, traced_namespace, lambda box: box._value)
register_box(DeviceBox, traced_namespace, lambda box: box._value)
