"""One small objective per entry of the dialect that `refopt.derivatives` documents.

Each is a function of (xp, x, A): the namespace, a vector of six parameters, and a constant 3 x 6 matrix. All
have nonzero second derivatives that pass through the entry, away from its kinks and poles at `POINT`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from refopt.arrays import asarray_like, namespace

POINT = (0.7, -0.4, 0.9, 0.3, -0.6, 0.2)
VECTOR = (0.5, 1.0, -0.25, 0.75, -1.0, 0.5)
MATRIX = (
    (0.3, -0.2, 0.5, 0.1, 0.4, -0.3),
    (0.2, 0.6, -0.1, 0.7, -0.5, 0.3),
    (-0.4, 0.1, 0.2, -0.6, 0.3, 0.8),
)


def _square_sum(xp: Any, y: Any) -> Any:
    return xp.sum(y * y)


OPERATORS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "x + y": lambda xp, x, A: xp.sum((x[:3] + x[3:]) ** 3),
    "x + y, broadcast": lambda xp, x, A: xp.sum((A + x) ** 3),
    "x + constant, then summed": lambda xp, x, A: _square_sum(xp, xp.sum(A + x, axis=0) + xp.sum(x)),
    "x - y": lambda xp, x, A: xp.sum((x[:3] - x[3:]) ** 3),
    "1 - x": lambda xp, x, A: xp.sum((1 - x) ** 3),
    "x * y": lambda xp, x, A: xp.sum(x[:3] * x[3:] * x[1:4]),
    "constant * x": lambda xp, x, A: xp.sum(xp.exp(A * x)),
    "x / y": lambda xp, x, A: xp.sum(x[:3] / (2 + x[3:])),
    "1 / x": lambda xp, x, A: xp.sum(1 / (2 + x)),
    "x ** 3": lambda xp, x, A: xp.sum(x**3),
    "x ** 0.5": lambda xp, x, A: xp.sum((2 + x) ** 0.5),
    "x ** y": lambda xp, x, A: xp.sum((2 + x[:3]) ** x[3:]),
    "2 ** x": lambda xp, x, A: xp.sum(2.0**x),
    "-x": lambda xp, x, A: xp.sum((-x) ** 3),
    "comparison as a constant": lambda xp, x, A: xp.sum((x > 0) * x**3),
    "slices": lambda xp, x, A: xp.sum(x[:-1] ** 2 * x[1:]) + x[0] * x[-1] ** 2,
    "overlapping parts": lambda xp, x, A: xp.sum(x[1:5] ** 3) + xp.sum(x[::2] ** 3),
    "disjoint parts": lambda xp, x, A: xp.sum(x[:2] ** 3) * xp.sum(x[2:] ** 2),
    "integer array": lambda xp, x, A: xp.sum(x[_indices(x, [0, 2, 2, 5])] ** 3),
    "boolean array": lambda xp, x, A: xp.sum(x[_indices(x, [1, 0, 1, 1, 0, 0], bool)] ** 3),
    ".T": lambda xp, x, A: _square_sum(xp, xp.matmul(xp.reshape(x * x, (3, 2)).T, A)),
    ".reshape": lambda xp, x, A: _square_sum(xp, xp.matmul((x * x).reshape((2, 3)), A)),
    "weight decay": lambda xp, x, A: xp.sum(xp.tanh(xp.matmul(A, x))) + 0.05 * xp.sum(x * x),
}


def _indices(x: Any, values: list[int], kind: type = int) -> Any:
    """A constant index array of x's library."""
    return asarray_like(values, x, dtype="bool" if kind is bool else "int64")


FUNCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sum": lambda xp, x, A: _square_sum(xp, xp.sum(A * x**2, axis=1)) + xp.sum(x**2, axis=0) ** 2,
    "sum keepdims": lambda xp, x, A: _square_sum(xp, A * x - xp.sum(A * x**2, axis=-1, keepdims=True)),
    "sum two axes": lambda xp, x, A: xp.sum(xp.reshape(x**2, (1, 2, 3)), axis=(0, 2))[0] ** 2,
    "mean": lambda xp, x, A: xp.mean(x**3) + _square_sum(xp, xp.mean(A * x**2, axis=0)),
    "mean keepdims": lambda xp, x, A: _square_sum(xp, A * x - xp.mean(A * x**2, axis=1, keepdims=True)),
    "max": lambda xp, x, A: xp.max(x) ** 3 + _square_sum(xp, xp.max(A * x**2, axis=1)),
    "max keepdims": lambda xp, x, A: _square_sum(xp, A * x - xp.max(A * x**2, axis=1, keepdims=True)),
    "min": lambda xp, x, A: xp.min(x) ** 3 + _square_sum(xp, xp.min(A * x**2, axis=0)),
    "matmul": lambda xp, x, A: _square_sum(xp, xp.matmul(A, x * x)) + xp.matmul(x, x) * xp.sum(x),
    "matmul of matrices": lambda xp, x, A: xp.sum(xp.matmul(xp.reshape(x, (2, 3)), xp.reshape(x**2, (3, 2)))),
    "matmul of a vector and a matrix": lambda xp, x, A: _square_sum(xp, xp.matmul(x[:3] ** 2, A) * x),
    "tensordot": lambda xp, x, A: _square_sum(xp, xp.tensordot(A, x**2, axes=1)),
    "tensordot over pairs": lambda xp, x, A: _square_sum(
        xp,
        xp.tensordot(xp.reshape(x**2, (2, 3)), xp.reshape(A * x, (2, 3, 3)), axes=((1, 0), (2, 0))),
    ),
    "vecdot": lambda xp, x, A: _square_sum(xp, xp.vecdot(A * x, x)),
    "matrix_transpose": lambda xp, x, A: _square_sum(
        xp, xp.matmul(xp.matrix_transpose(xp.reshape(x**2, (3, 2))), A)
    ),
    "reshape": lambda xp, x, A: _square_sum(xp, xp.matmul(xp.reshape(x**2, (2, 3)), A)),
    "permute_dims": lambda xp, x, A: _square_sum(
        xp, xp.permute_dims(xp.reshape(x**2, (1, 2, 3)), (2, 0, 1))[:, 0, :] * A[:, :2]
    ),
    "expand_dims": lambda xp, x, A: _square_sum(xp, A[:, :1] + xp.expand_dims(x**2, axis=0)),
    "squeeze": lambda xp, x, A: _square_sum(xp, A + xp.squeeze(xp.reshape(x**2, (1, 6)), axis=0)),
    "broadcast_to": lambda xp, x, A: _square_sum(xp, xp.broadcast_to(x**2, (3, 6)) + A),
    "broadcast_to a column": lambda xp, x, A: xp.sum(xp.broadcast_to(x[:3, None], (3, 6)) ** 3 * A),
    "concat": lambda xp, x, A: _square_sum(xp, A[0, :] * xp.concat([x[3:] ** 2, x[:3]])),
    "concat of rows": lambda xp, x, A: _square_sum(xp, xp.concat([A, A * x**2, A * x], axis=0)[2:5, :]),
    "stack": lambda xp, x, A: _square_sum(xp, xp.stack([x**2, A[0, :], x], axis=1) + x[0]),
    "roll": lambda xp, x, A: xp.sum(xp.roll(x, 2) ** 2 * x) + _square_sum(xp, xp.roll(A * x**2, 1, axis=1)),
    "exp": lambda xp, x, A: xp.sum(xp.exp(x)),
    "expm1": lambda xp, x, A: xp.sum(xp.expm1(x)),
    "log": lambda xp, x, A: xp.sum(xp.log(2 + x)),
    "log1p": lambda xp, x, A: xp.sum(xp.log1p(x) ** 2),
    "sqrt": lambda xp, x, A: xp.sum(xp.sqrt(2 + x) ** 3),
    "square": lambda xp, x, A: xp.sum(xp.square(x) * x),
    "abs": lambda xp, x, A: xp.sum(xp.abs(x) ** 3),
    "sin": lambda xp, x, A: xp.sum(xp.sin(x)),
    "cos": lambda xp, x, A: xp.sum(xp.cos(x)),
    "tan": lambda xp, x, A: xp.sum(xp.tan(x) ** 2),
    "sinh": lambda xp, x, A: xp.sum(xp.sinh(x)),
    "cosh": lambda xp, x, A: xp.sum(xp.cosh(x)),
    "tanh": lambda xp, x, A: xp.sum(xp.tanh(x) ** 2),
    "atan": lambda xp, x, A: xp.sum(xp.atan(x) ** 2),
    "logaddexp": lambda xp, x, A: xp.sum(xp.logaddexp(x[:3], x[3:] ** 2)) + xp.sum(xp.logaddexp(x, 0.0)),
    "maximum": lambda xp, x, A: xp.sum(xp.maximum(x, x[::-1]) ** 3) + xp.sum(xp.maximum(x, 0.0) ** 3),
    "minimum": lambda xp, x, A: xp.sum(xp.minimum(x, x[::-1]) ** 3) + xp.sum(xp.minimum(0.0, x) ** 3),
    "where": lambda xp, x, A: (
        xp.sum(xp.where(x > 0, xp.sin(x), x**3) ** 2) + xp.sum(xp.where(A > 0, x**3, 0.0))
    ),
}

DIALECT = OPERATORS | FUNCTIONS


def objective(name: str) -> Callable[[Any], Any]:
    """The entry as an objective of one vector."""
    entry = DIALECT[name]

    def call(theta: Any) -> Any:
        return entry(namespace(theta), theta, asarray_like(np.array(MATRIX), theta))

    return call
