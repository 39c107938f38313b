"""Derivatives of an objective: value, gradient, Hessian products, directional derivatives of any order."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

from autograd.core import make_jvp, make_vjp, vspace
from autograd.tracer import getval

from refopt.arrays import Array, check_real_vector, check_vector, namespace, require_symmetric


class Linearization(NamedTuple):
    """Value, gradient and the linear map v -> H v at one point."""

    value: Array
    gradient: Array
    hvp: Callable[[Array], Array]


class Derivatives:
    """Derivatives of a scalar objective of a vector."""

    def __init__(self, objective: Callable[[Array], Array]) -> None:
        if not callable(objective):
            raise TypeError(f"`objective` is a {type(objective).__name__}; it must be callable")
        self.objective = objective

    def value(self, theta: Array) -> Array:
        """Objective at theta."""
        check_vector("theta", theta)
        return self.objective(theta)

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """Objective and gradient at theta, by one reverse pass."""
        check_real_vector("theta", theta)
        vjp, value = make_vjp(self.objective, theta)
        return value, vjp(vspace(value).ones())

    def gradient(self, theta: Array) -> Array:
        """Gradient at theta, (n,)."""
        return self.value_and_gradient(theta)[1]

    def linearize(self, theta: Array) -> Linearization:
        """Value, gradient and Hessian products at theta."""
        check_vector("theta", theta)
        value, gradient = self.value_and_gradient(theta)

        def hvp(vector: Array) -> Array:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Output seems independent of input")
                return make_jvp(lambda x: self.value_and_gradient_traced(x), theta)(vector)[1]

        return Linearization(value, gradient, hvp)

    def value_and_gradient_traced(self, x: Array) -> Array:
        """Gradient of a traced point."""
        vjp, value = make_vjp(self.objective, x)
        return vjp(vspace(value).ones())

    def hvp(self, theta: Array, vector: Array) -> Array:
        """Hessian times vector, (n,)."""
        return self.linearize(theta).hvp(vector)

    def along(self, theta: Array, direction: Array, order: int) -> tuple[Array, ...]:
        """Derivatives 0..order of t -> f(theta + t direction) at t = 0, without 1/k!."""
        found = []

        def level(k: int, x: Array) -> Array:
            if k == 0:
                return self.objective(x)
            value, tangent = make_jvp(lambda y: level(k - 1, y), x)(direction)
            found.append(getval(value))
            return tangent

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Output seems independent of input")
            found.append(getval(level(order, theta)))
        return tuple(found)

    def hessian(self, theta: Array) -> Array:
        """Dense Hessian, (n, n)."""
        xp = namespace(theta)
        hvp = self.linearize(theta).hvp
        H = xp.stack([hvp(e) for e in xp.eye(theta.shape[0], dtype=theta.dtype)])
        require_symmetric("hessian", H, 1e-10)
        return (H + H.T) / 2
