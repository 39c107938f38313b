"""Quadratics in closed form on any array library, with nothing of refopt in them, for the method tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Linearized(NamedTuple):
    value: Any
    gradient: Any
    hvp: Callable[[Any], Any]


class Quadratic:
    """f = theta'H theta/2 - b'theta in the library and dtype of `H`; counts its products."""

    def __init__(self, H: Any, b: Any) -> None:
        self.H, self.b, self.products = H, b, 0
        self.xp = np if isinstance(H, np.ndarray) else H.__array_namespace__()

    def value(self, theta: Any) -> Any:
        return self.xp.sum(theta * (self.xp.matmul(self.H, theta) / 2 - self.b))

    def gradient(self, theta: Any) -> Any:
        return self.xp.matmul(self.H, theta) - self.b

    def value_and_gradient(self, theta: Any) -> tuple[Any, Any]:
        return self.value(theta), self.gradient(theta)

    def hessian(self, theta: Any) -> Any:
        return self.H

    def product(self, vector: Any) -> Any:
        self.products += 1
        return self.xp.matmul(self.H, vector)

    def linearize(self, theta: Any) -> Linearized:
        return Linearized(self.value(theta), self.gradient(theta), self.product)


def quadratic(lane: Any, H: Any, b: Any = None, dtype: str = "float64") -> Quadratic:
    """The quadratic with a matrix and a linear term given as numbers, on a lane."""
    H = np.array(H, dtype=float)
    b = np.zeros(len(H)) if b is None else b
    return Quadratic(lane.array(H, dtype), lane.array(b, dtype))
