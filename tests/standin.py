"""A device array without a device: host memory inside, the manners of CuPy outside.

The traits that it copies, each held by a test in test_arrays.py that fails when the trait is removed:
`__array__` raises; a `numpy.ndarray` operand, 0-d included, raises; `__array_ufunc__` returns NotImplemented
for an autograd box; `__array_function__` answers for its own type alone; reductions return 0-d arrays of its
own type; `.view(numpy.ndarray)` raises; `own @ box` raises; `.device` exists; so does `__array_namespace__`.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

SCALARS = (bool, int, float, complex, np.generic)
# Names that NumPy may dispatch to: only those that CuPy has under the same name, none that NumPy 2 added.
DISPATCHED = frozenset(
    """
    all any amax amin argmax argmin argsort array_equal atleast_1d broadcast_to clip concatenate cumsum
    diag diagonal dot einsum empty_like expand_dims full_like imag inner iscomplexobj max mean min moveaxis
    ndim ones_like outer prod ravel real repeat reshape result_type roll shape size sort split squeeze stack
    std sum swapaxes take tensordot tile trace transpose tril triu var where zeros_like
    """.split()  # noqa: SIM905  ninety quotation marks would not help to read it
)
METHODS = (
    "sum",
    "mean",
    "prod",
    "max",
    "min",
    "all",
    "any",
    "reshape",
    "transpose",
    "ravel",
    "squeeze",
    "dot",
)
crossings = {"elements": 0}  # how many elements went to the host, for tests that count them


class StandinDevice:
    """The one device there is."""

    def __repr__(self) -> str:
        return "<StandinDevice 0>"


DEVICE = StandinDevice()


def refuse(x: Any) -> None:
    """CuPy's answer to an operand that it does not take."""
    raise TypeError(f"Unsupported type {type(x)}")


def unwrap(x: Any) -> Any:
    """The host array or scalar inside, nested sequences included; NumPy arrays are refused."""
    if isinstance(x, StandinArray):
        return x._host
    if isinstance(x, np.ndarray):
        refuse(x)
    if isinstance(x, (tuple, list)):
        return type(x)(unwrap(item) for item in x)
    if isinstance(x, slice):
        return slice(unwrap(x.start), unwrap(x.stop), unwrap(x.step))
    return x


def wrap(x: Any) -> Any:
    """Arrays and NumPy scalars become stand-in arrays (0-d for a scalar); containers keep their type."""
    if isinstance(x, (np.ndarray, np.generic)):
        return StandinArray(np.asarray(x))
    if isinstance(x, tuple):
        items = [wrap(item) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else tuple(items)
    return [wrap(item) for item in x] if isinstance(x, list) else x


class StandinArray:
    """The array; see the module's docstring."""

    def __init__(self, host: np.ndarray) -> None:
        self._host = host

    shape = property(lambda self: self._host.shape)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    dtype = property(lambda self: self._host.dtype)
    nbytes = property(lambda self: self._host.nbytes)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    device = property(lambda self: DEVICE)
    T = property(lambda self: wrap(self._host.T))
    mT = property(lambda self: wrap(self._host.mT))

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return xp

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        for x in inputs:
            if isinstance(x, np.ndarray):
                refuse(x)
            if not isinstance(x, (StandinArray, *SCALARS)):
                return NotImplemented
        if method != "__call__":
            return NotImplemented
        if "out" in kwargs:
            kwargs["out"] = unwrap(kwargs["out"])
        return wrap(ufunc(*unwrap(inputs), **unwrap_values(kwargs)))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(t is not StandinArray for t in types) or func.__name__ not in DISPATCHED:
            return NotImplemented
        return wrap(func(*unwrap(args), **unwrap_values(kwargs)))

    def get(self) -> np.ndarray:
        """The explicit copy to the host."""
        crossings["elements"] += self._host.size
        return self._host.copy()

    def item(self) -> Any:
        crossings["elements"] += 1
        return self._host.item()

    def view(self, dtype: Any = None) -> StandinArray:
        if isinstance(dtype, type) and issubclass(dtype, np.ndarray):
            raise TypeError("cannot view a device array as a NumPy array")
        return wrap(self._host.view(dtype) if dtype is not None else self._host.view())

    def astype(self, dtype: Any, copy: bool = True) -> StandinArray:
        return wrap(self._host.astype(dtype, copy=copy))

    def copy(self) -> StandinArray:
        return wrap(self._host.copy())

    def to_device(self, device: Any, stream: Any = None) -> StandinArray:
        return self

    def __getitem__(self, index: Any) -> StandinArray:
        return wrap(self._host[unwrap(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._host[unwrap(index)] = unwrap(value)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        return (wrap(row) for row in self._host)

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return operator.index(self.item())

    def __repr__(self) -> str:
        return f"StandinArray({self._host!r})"

    __hash__ = None  # type: ignore[assignment]

    def __matmul__(self, other: Any) -> StandinArray:
        if not isinstance(other, StandinArray):
            refuse(other)  # CuPy's own matmul, called directly: no dispatch to a box
        return wrap(self._host @ other._host)

    def __rmatmul__(self, other: Any) -> StandinArray:
        refuse(other)
        raise AssertionError


def unwrap_values(mapping: dict[str, Any]) -> dict[str, Any]:
    """The mapping with every value unwrapped."""
    return {key: unwrap(value) for key, value in mapping.items()}


def _define_operators() -> None:
    """Elementwise operators go through NumPy's dispatch, as in CuPy; an in-place one takes no box."""
    binary = {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "pow": np.power,
        "mod": np.remainder, "floordiv": np.floor_divide, "and": np.bitwise_and, "or": np.bitwise_or,
        "xor": np.bitwise_xor,
    }  # fmt: skip
    compare = {
        "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
        "eq": np.equal, "ne": np.not_equal,
    }  # fmt: skip

    def forward(ufunc: Any) -> Any:
        return lambda self, other: ufunc(self, other)

    def reflected(ufunc: Any) -> Any:
        return lambda self, other: ufunc(other, self)

    def in_place(ufunc: Any) -> Any:
        def operate(self: StandinArray, other: Any) -> StandinArray:
            if not isinstance(other, (StandinArray, *SCALARS)):
                refuse(other)
            ufunc(self._host, unwrap(other), out=self._host)
            return self

        return operate

    for name, ufunc in binary.items():
        setattr(StandinArray, f"__{name}__", forward(ufunc))
        setattr(StandinArray, f"__r{name}__", reflected(ufunc))
        setattr(StandinArray, f"__i{name}__", in_place(ufunc))
    for name, ufunc in compare.items():
        setattr(StandinArray, f"__{name}__", forward(ufunc))
    for name, ufunc in {"neg": np.negative, "abs": np.absolute, "invert": np.invert}.items():
        setattr(StandinArray, f"__{name}__", lambda self, ufunc=ufunc: ufunc(self))
    for name in METHODS:
        setattr(StandinArray, name, _method(name))


def _method(name: str) -> Any:
    return lambda self, *args, **kwargs: wrap(
        getattr(self._host, name)(*unwrap(args), **unwrap_values(kwargs))
    )


_define_operators()


class StandinNamespace:
    """The array-API namespace of the stand-in: NumPy's functions with arrays of its own type in and out."""

    __name__ = "standin"
    __array_api_version__ = "2024.12"

    def __init__(self, module: Any = np) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self._module, name)
        if name in ("linalg", "fft"):
            return StandinNamespace(found)
        if not callable(found) or isinstance(found, type):
            return found  # constants and dtypes

        def call(*args: Any, device: Any = None, **kwargs: Any) -> Any:
            if device not in (None, DEVICE):
                raise ValueError(f"unknown device {device!r}")
            return wrap(found(*unwrap(args), **unwrap_values(kwargs)))

        if isinstance(found, np.ufunc):
            call.at = _at(found)  # type: ignore[attr-defined]
        return call

    def asarray(self, values: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
        """The explicit way in: numbers, sequences, NumPy arrays."""
        if device not in (None, DEVICE):
            raise ValueError(f"unknown device {device!r}")
        if not isinstance(values, StandinArray):
            return StandinArray(np.array(values, dtype=dtype))
        dtype = values.dtype if dtype is None else dtype
        return values if values.dtype == dtype and not copy else values.astype(dtype)


def _at(ufunc: np.ufunc) -> Any:
    """A ufunc's unbuffered in-place form."""
    return lambda array, index, x: ufunc.at(array._host, unwrap(index), unwrap(x))


xp = StandinNamespace()
