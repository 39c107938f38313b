"""Array libraries and validation: the only file of refopt that knows that array libraries differ.

An algorithm starts with `xp = namespace(theta)`, calls array-API functions of `xp`, and creates arrays with
the dtype and device of an argument; it never names a library. `to_host` is the one crossing to NumPy,
`asarray_like` the way back. The `check_*` functions are the sentences that a user reads: the argument in
backticks, what was given, what is allowed.
"""

from __future__ import annotations

import functools
import importlib
import math
import numbers
import operator
import os
from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
"""An array of any supported library (NumPy, CuPy, another array-API library, or an autograd box of one)."""

BACKENDS = ("numpy", "cupy")
_REAL_DTYPES = ("float32", "float64")
_NUMPY_TYPES = (np.ndarray, np.generic)
_box_namespaces: dict[type, Callable[[Any], Any]] = {}
_box_values: dict[type, Callable[[Any], Any]] = {}


def _compat() -> Any:
    """array_api_compat, imported only for a library other than NumPy: it would slow every start."""
    return importlib.import_module("array_api_compat")


def register_box(box_type: type, namespace_of: Callable[[Any], Any], value_of: Callable[[Any], Any]) -> None:
    """Teach this module a type that wraps an array while a function is traced.

    Args:
        box_type: the wrapping type; subclasses register on their own.
        namespace_of: maps a box to the namespace whose functions are traced.
        value_of: maps a box to the array inside.
    """
    _box_namespaces[box_type] = namespace_of
    _box_values[box_type] = value_of


def namespace(*arrays: Array) -> Any:
    """The array-API namespace of the arguments, which must come from one library.

    Inside a function that autograd traces it is the traced namespace, which autograd can differentiate.

    Raises:
        TypeError: when no argument is an array, or when they come from different libraries.
    """
    if len(arrays) == 1 and type(arrays[0]) is np.ndarray:
        return np  # NumPy 2 is its own array-API namespace
    for array in arrays:
        if type(array) in _box_namespaces:
            return _box_namespaces[type(array)](array)
    if arrays and all(isinstance(array, _NUMPY_TYPES) for array in arrays):
        return np
    return _compat().array_namespace(*arrays)


def unboxed(x: Array) -> Array:
    """The array itself, where `x` may be a box around it that a trace put there."""
    while type(x) in _box_values:
        x = _box_values[type(x)](x)
    return x


def device_of(x: Array) -> Any:
    """The device of `x`, in the form that its library's `device=` arguments take."""
    x = unboxed(x)
    return "cpu" if isinstance(x, _NUMPY_TYPES) else _compat().device(x)


def to_host(x: Array) -> np.ndarray:
    """A NumPy array with the values of `x`: the one crossing from a device."""
    x = unboxed(x)
    if isinstance(x, (*_NUMPY_TYPES, int, float)):
        return np.asarray(x)
    if hasattr(x, "get"):  # CuPy and its kind: the explicit copy
        return np.asarray(x.get())
    if _compat().is_torch_array(x):
        return x.detach().cpu().numpy()
    if type(x).__module__.startswith("array_api_strict"):
        return np.asarray(x.to_device(namespace(x).Device("CPU_DEVICE")))
    return np.asarray(x)


def asarray_like(values: Any, like: Array, dtype: Any = None) -> Array:
    """`values` as an array of the library and on the device of `like`.

    Args:
        values: numbers, nested sequences or a NumPy array.
        like: an array (or a box in a traced function) whose library and device decide.
        dtype: the result's dtype, a name such as "float64" or a dtype of the library; default that of `like`.
    """
    like = unboxed(like)
    xp = namespace(like)
    dtype = like.dtype if dtype is None else getattr(xp, dtype) if isinstance(dtype, str) else dtype
    return xp.asarray(values, dtype=dtype, device=device_of(like))


def cache_columns(x: Array, rows: int) -> int:
    """How many columns of a (rows, n) float64 block stay in cache; n itself where `x` is not in host memory.

    Args:
        x: a vector of n elements.
        rows: number of rows of the block that is swept, at least 1.
    """
    n = x.shape[0]
    if not isinstance(x, np.ndarray):
        return n
    return min(n, max(_CACHE_BYTES // (8 * max(rows, 1)), 512))


def _cache_bytes() -> int:
    """Half of a core's second-level cache, where the system tells it."""
    try:
        size = os.sysconf("SC_LEVEL2_CACHE_SIZE")
    except (AttributeError, ValueError, OSError):
        size = 0
    return min(max(size, 1 << 20), 1 << 22) // 2


_CACHE_BYTES = _cache_bytes()


def backend(name: str) -> Any:
    """The namespace of a library by name, "numpy" or "cupy".

    Raises:
        ValueError: for another name.
        RuntimeError: when the library is not installed or has no device to work on.
    """
    if name not in BACKENDS:
        raise ValueError(f"`backend` is {name!r}; allowed are {' and '.join(map(repr, BACKENDS))}")
    if name == "numpy":
        return np
    try:
        xp = importlib.import_module(f"array_api_compat.{name}")
        xp.zeros(1) + 1  # importing succeeds without a driver, the first operation does not
    except ImportError as error:
        raise RuntimeError(
            f"`backend` {name!r} is not installed: install refopt[cuda12] or refopt[cuda13]"
        ) from error
    except Exception as error:
        raise RuntimeError(f"`backend` {name!r} is installed but has no working device: {error}") from error
    return xp


def dtype_name(x: Array) -> str:
    """The dtype's plain name, such as "float64", whatever the library."""
    dtype = x.dtype
    return _numpy_name(dtype) if isinstance(dtype, np.dtype) else str(dtype).rsplit(".", 1)[-1]


@functools.cache
def _numpy_name(dtype: np.dtype) -> str:
    return str(dtype)  # NumPy puts it together anew every time


def all_finite(x: Array) -> bool:
    """Whether no element is NaN or infinite (a device is waited for); a Python number is one element."""
    if isinstance(x, (*_NUMPY_TYPES, int, float)):
        return bool(np.isfinite(x).all())
    xp = namespace(x)
    return bool(xp.all(xp.isfinite(x)))


def check_real_vector(name: str, x: Array, n: int | None = None) -> None:
    """Require a float32 or float64 array of shape (n,), n at least 1; its values are not looked at.

    Raises TypeError for another type or dtype and for a masked array, ValueError for another shape.
    """
    if type(x) is np.ndarray and x.ndim == 1 and x.dtype.char in "fd" and x.size and n in (None, x.size):
        return  # the usual case, at the cost that an inner loop can bear
    if not hasattr(x, "dtype") or not hasattr(x, "shape"):
        raise TypeError(f"`{name}` is a {type(x).__name__}; it must be an array of float32 or float64")
    if isinstance(x, np.ma.MaskedArray):  # products and sums would leave out its masked elements
        raise TypeError(f"`{name}` is a masked array; it must be a plain array, as of x.filled(value)")
    if dtype_name(x) not in _REAL_DTYPES:
        raise TypeError(f"`{name}` has dtype {dtype_name(x)}; it must be float32 or float64")
    shape = tuple(x.shape)
    if len(shape) != 1 or shape[0] == 0:
        raise ValueError(f"`{name}` has shape {shape}; it must be a vector of at least one element")
    if n is not None and shape[0] != n:
        raise ValueError(f"`{name}` has {shape[0]} elements; it must have {n}")


def check_vector(name: str, x: Array, n: int | None = None) -> None:
    """As `check_real_vector`, and every element finite, else ValueError."""
    check_real_vector(name, x, n)
    check_finite(name, x)


def check_finite(name: str, x: Array) -> None:
    """Require that every element is finite.

    Raises:
        ValueError: naming the first element that is not.
    """
    if not all_finite(x):
        host = np.atleast_1d(to_host(x))
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(host))[0])
        where = index[0] if len(index) == 1 else index
        raise ValueError(f"`{name}` holds {host[index]} at index {where}; every element must be finite")


def _check_number(name: str, value: Any, fits: Callable[[Any], bool], allowed: str) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"`{name}` is {value!r}; it must be a real number")
    try:
        fitting = fits(float(value))
    except OverflowError:  # an int or a fraction beyond the range of a float
        fitting = False
    if not fitting:
        raise ValueError(f"`{name}` is {value!r}; it must be {allowed}")


def check_positive(name: str, value: Any, *, allow_infinite: bool = False) -> None:
    """Require a positive real number, finite unless `allow_infinite`; raises TypeError or ValueError."""
    if allow_infinite:
        _check_number(name, value, lambda x: x > 0, "positive")
    else:
        _check_number(name, value, lambda x: 0 < x < math.inf, "positive and finite")


def check_nonnegative(name: str, value: Any) -> None:
    """Require a finite real number of at least 0; raises TypeError or ValueError."""
    _check_number(name, value, lambda x: 0 <= x < math.inf, "at least 0 and finite")


def check_fraction(name: str, value: Any) -> None:
    """Require a real number in [0, 1); raises TypeError or ValueError."""
    _check_number(name, value, lambda x: 0 <= x < 1, "at least 0 and less than 1")


def check_count(name: str, value: Any, minimum: int) -> None:
    """Require an integer of at least `minimum`; True and False are none; raises TypeError or ValueError."""
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool):
        raise TypeError(f"`{name}` is {value!r}; it must be an integer")
    if count < minimum:
        raise ValueError(f"`{name}` is {value!r}; it must be at least {minimum}")


def check_state(state: Any, kind: type) -> None:
    """Require a state of an optimizer's own kind; raises TypeError."""
    if not isinstance(state, kind):
        article = "an" if kind.__name__[0] in "AEIO" else "a"
        raise TypeError(
            f"`state` is a {type(state).__name__}; it must be {article} {kind.__name__}, from `init` or the "
            "last step"
        )


def require_symmetric(name: str, H: Array, tolerance: float) -> None:
    """Require max|H - H'| <= tolerance max|H|.

    Raises:
        ValueError: when `H` is not square, or with the asymmetry measured and where it is largest.
    """
    if len(H.shape) != 2 or H.shape[0] != H.shape[1]:
        raise ValueError(f"`{name}` has shape {tuple(H.shape)}; it must be a square matrix")
    check_finite(name, H)
    xp = namespace(H)
    if bool(xp.all(H == H.T)):
        return  # the usual case, at a third of the cost
    defect, scale = xp.max(xp.abs(H - H.T)), xp.max(xp.abs(H))
    if bool(defect > tolerance * scale):
        host, worst = to_host(H), float(defect / scale)
        i, j = np.unravel_index(int(np.argmax(np.abs(host - host.T))), host.shape)
        raise ValueError(
            f"`{name}` is not symmetric: [{i}, {j}] is {host[i, j]:.17g} and [{j}, {i}] is "
            f"{host[j, i]:.17g}, an asymmetry of {worst:.3g} of the largest element; "
            f"allowed is {tolerance:.3g}"
        )
