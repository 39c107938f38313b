"""Test problems: an objective with its data in the library and dtype asked for, starts, known facts.

The problems are the files `problems/*.toml`, or a user's own; their format and every formula stand in
`problems/README.md`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from refopt.arrays import BACKENDS, Array, asarray_like, dtype_name, unboxed
from refopt.arrays import backend as backend_namespace
from refopt.characters import Text
from refopt.derivatives import Derivatives
from refopt.groups import Tensor

_DTYPES = ("float64", "float32")


class Objective:
    """A problem's function: theta (n,) -> scalar, with the data bound to one library, device and dtype.

    A call raises TypeError when theta is no array, or of another library or dtype than the data, and
    ValueError when it has another shape.

    Args:
        formula: a function of `refopt.objectives`.
        arguments: its arguments besides theta, arrays and plain settings.
        like: any vector of the problem: theta must have its shape, dtype and library.
    """

    def __init__(self, formula: Callable[..., Array], arguments: dict[str, Any], like: Array) -> None:
        self.formula, self.arguments = formula, arguments
        self._shape, self._dtype, self._type = tuple(like.shape), like.dtype, type(like)

    def __call__(self, theta: Array) -> Array:
        """The function at theta."""
        inner = unboxed(theta)
        if not isinstance(inner, self._type):
            raise TypeError(
                f"`theta` is a {_type_name(type(inner))}; this problem holds {_type_name(self._type)}: "
                "give such an array, or load the problem with another `backend`"
            )
        if tuple(inner.shape) != self._shape:
            raise ValueError(f"`theta` has shape {tuple(inner.shape)}; it must be {self._shape}")
        if inner.dtype != self._dtype:
            raise TypeError(
                f"`theta` has dtype {dtype_name(inner)}; it must be {self._dtype}: "
                "`load_problem(..., dtype=...)` decides"
            )
        return self.formula(theta, **self.arguments)

    def __repr__(self) -> str:
        return f"Objective({self.formula.__name__}, n={self._shape[0]})"


@dataclass(frozen=True, eq=False)
class Problem:
    """A test problem."""

    id: str
    """Name, equal to the file's stem."""
    family: str
    """Name of the formula in `problems/README.md`."""
    title: str
    """One line."""
    source: str
    """Where it comes from."""
    n: int
    """Number of parameters."""
    objective: Objective
    """theta (n,) -> scalar."""
    data: dict[str, Any]
    """The formula's arguments besides theta: arrays and plain settings."""
    starts: dict[str, Array]
    """Named starts, each (n,); one is called "default"."""
    lanczos_start: Array
    """Start vector of Lanczos, (n,), nonzero."""
    layout: tuple[Tensor, ...] | None
    """The tensors that theta holds, in its order, where it holds several (networks, softmax, transformer)."""
    facts: dict[str, Any]
    """What is known (minimiser, minimum, ...): NumPy float64 arrays and Python values in every backend."""
    text: Text | None = None
    """Where the data are windows of a text: the text, from which `Minibatches` draws others."""

    @property
    def start(self) -> Array:
        """The default start, (n,)."""
        return self.starts["default"]

    @cached_property
    def derivatives(self) -> Derivatives:
        """Derivatives of the objective."""
        return Derivatives(self.objective)


def list_problems() -> tuple[str, ...]:
    """Names of the problems that refopt ships, sorted."""
    from refopt.problem_files import list_problems  # the reader and its parsers stay out of `import refopt`

    return list_problems()


def load_problem(
    name_or_path: str | os.PathLike[str], backend: str | Array = "numpy", dtype: str = "float64"
) -> Problem:
    """The problem of a shipped name, or of a TOML file of one's own.

    Args:
        name_or_path: a name of `list_problems()`, or a path (a `Path`, or a string that ends in ".toml").
        backend: "numpy" or "cupy", or an array whose library and device the problem's arrays shall have.
        dtype: "float64" or "float32": data, starts and the Lanczos start are rounded to it.

    Returns:
        The problem.

    Raises:
        TypeError: when the first argument is neither a text nor a path.
        ValueError: for an unknown name, backend or dtype, or for a file that breaks the format.
        FileNotFoundError: when a path does not exist.
        RuntimeError: when the backend or an optional data set is not installed.
    """
    from refopt.problem_files import read_problem

    if not isinstance(name_or_path, (str, os.PathLike)):
        raise TypeError(
            f"`name_or_path` is a {type(name_or_path).__name__}; it must be a problem's name or a path"
        )
    if dtype not in _DTYPES:
        raise ValueError(f"`dtype` is {dtype!r}; it must be {' or '.join(map(repr, _DTYPES))}")
    like = _prototype(backend)
    content = read_problem(name_or_path)

    def move(name: str, values: np.ndarray) -> Array:
        if dtype == "float32" and values.size and np.max(np.abs(values)) > np.finfo(np.float32).max:
            raise ValueError(
                f"{content.file}: `{name}` has an entry beyond float32; load it with dtype='float64'"
            )
        return asarray_like(values, like, dtype)

    arrays = {key: move(key, value) for key, value in content.built.arrays.items()}
    arguments = arrays | content.built.settings
    lanczos_start = move("lanczos_start", content.lanczos_start)
    return Problem(
        id=content.id,
        family=content.family,
        title=content.title,
        source=content.source,
        n=content.n,
        objective=Objective(content.built.formula, arguments, lanczos_start),
        data=arguments,
        starts={name: move(f"starts.{name}", theta) for name, theta in content.starts.items()},
        lanczos_start=lanczos_start,
        layout=content.built.layout,
        facts=content.facts,
        text=content.built.text,
    )


def _prototype(backend: str | Array) -> Array:
    """An array of the library and on the device that the problem's arrays shall have."""
    if isinstance(backend, str):
        return backend_namespace(backend).zeros(1)
    if not hasattr(backend, "dtype"):
        raise TypeError(f"`backend` is a {type(backend).__name__}; it must be an array or one of {BACKENDS}")
    return backend


def _type_name(kind: type) -> str:
    return f"{kind.__module__.split('.')[0]} {kind.__qualname__}"
