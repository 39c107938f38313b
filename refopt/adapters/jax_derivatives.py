"""JAX's derivatives: reverse mode, forward over reverse, nested forward mode."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from refopt.adapters import formulas
from refopt.conformance.adapter import Adapter


class JaxDerivatives(Adapter):
    """`jax.grad`, `jax.jvp` of it, nested `jax.jvp`, compiled; float64 (x64 is switched on) and float32."""

    name, version = "jax", jax.__version__
    dtypes = ("float64", "float32")

    def __init__(self) -> None:
        jax.config.update("jax_enable_x64", True)
        self._first = functools.lru_cache(maxsize=64)(self._make_first)
        self._line = functools.lru_cache(maxsize=64)(self._make_line)

    def _objective(self, problem: Any) -> formulas.Objective:
        def constant(values: Any) -> Any:
            return jnp.asarray(np.asarray(values), dtype=problem.dtype)

        return formulas.objective(jnp, constant, problem.family, problem.n, problem.data)

    def _make_first(self, problem: Any) -> Callable[..., Any]:
        f = self._objective(problem)
        return jax.jit(lambda theta, v: (f(theta), *jax.jvp(jax.grad(f), (theta,), (v,))))

    def _make_line(self, problem: Any, order: int) -> Callable[..., Any]:
        f = self._objective(problem)

        def level(k: int, t: Any, theta: Any, direction: Any) -> Any:
            if k == 0:
                return f(theta + t * direction)
            return jax.jvp(lambda s: level(k - 1, s, theta, direction), (t,), (jnp.ones_like(t),))[1]

        def derivatives(theta: Any, direction: Any) -> Any:
            zero = jnp.zeros((), dtype=theta.dtype)
            return jnp.stack([level(k, zero, theta, direction) for k in range(order + 1)])

        return jax.jit(derivatives)

    def derivatives(self, problem, theta, vector):
        """Value, gradient and Hessian product."""
        value, gradient, product = self._first(problem)(theta, vector)
        return {"value": np.asarray(value), "gradient": np.asarray(gradient), "hvp": np.asarray(product)}

    def along(self, problem, theta, direction, order):
        """Each derivative by one more `jax.jvp`."""
        return {"derivatives": np.asarray(self._line(problem, order)(theta, direction))}
