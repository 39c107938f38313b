"""JAX's derivatives: reverse mode, forward over reverse, nested forward mode.

The tensors by groups are derivatives of eta -> f(theta + U eta).
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from refopt.adapters import formulas
from refopt.conformance.adapter import Adapter

# Each function is called a few times: compiling costs more than running.
QUICKLY: Mapping[str, Any] = {"compiler_options": {"xla_backend_optimization_level": 0}}


class JaxDerivatives(Adapter):
    """`jax.grad`, `jax.jvp` of it, nested `jax.jvp`, compiled; float64 (x64 is switched on) and float32."""

    name, version = "jax", jax.__version__
    dtypes = ("float64", "float32")

    def __init__(self) -> None:
        jax.config.update("jax_enable_x64", True)
        self._first = functools.lru_cache(maxsize=64)(self._make_first)
        self._summary = functools.lru_cache(maxsize=64)(self._make_summary)
        self._line = functools.lru_cache(maxsize=64)(self._make_line)

    def _objective(self, problem: Any) -> formulas.Objective:
        def constant(values: Any) -> Any:
            return jnp.asarray(np.asarray(values), dtype=problem.dtype)

        return formulas.objective(jnp, constant, problem.family, problem.n, problem.data)

    def _make_first(self, problem: Any) -> Callable[..., Any]:
        f = self._objective(problem)
        return jax.jit(lambda theta, v: (f(theta), *jax.jvp(jax.grad(f), (theta,), (v,))), **QUICKLY)

    def _make_line(self, problem: Any, order: int) -> Callable[..., Any]:
        f = self._objective(problem)

        def derivatives(theta: Any, direction: Any) -> Any:
            return jnp.stack([_along(f, theta, direction, k) for k in range(order + 1)])

        return jax.jit(derivatives, **QUICKLY)

    def _make_summary(self, problem: Any, groups: tuple[int, ...]) -> Callable[..., Any]:
        f = self._objective(problem)

        def summary(theta: Any, direction: Any) -> Any:
            of_eta, count = formulas.by_groups(f, theta, direction, groups)
            zero, units = jnp.zeros(count, dtype=theta.dtype), jnp.eye(count, dtype=theta.dtype)
            third = jax.vmap(lambda unit: _along(of_eta, zero, unit, 3))(units)
            return jax.grad(of_eta)(zero), jax.hessian(of_eta)(zero), third

        return jax.jit(summary, **QUICKLY)

    def derivatives(self, problem, theta, vector):
        """Value, gradient and Hessian product."""
        value, gradient, product = self._first(problem)(theta, vector)
        return {"value": np.asarray(value), "gradient": np.asarray(gradient), "hvp": np.asarray(product)}

    def along(self, problem, theta, direction, order):
        """Each derivative by one more `jax.jvp`."""
        return {"derivatives": np.asarray(self._line(problem, order)(theta, direction))}

    def summary(self, problem, theta, direction, groups):
        """`jax.grad` and `jax.hessian` by groups, and nested `jax.jvp` along each group."""
        g, H, third = self._summary(problem, tuple(groups))(theta, direction)
        return {"g_bar": np.asarray(g), "H_bar": np.asarray(H), "third_diagonal": np.asarray(third)}


def _along(f: Callable[[Any], Any], x: Any, direction: Any, order: int) -> Any:
    """The derivative of an order of t -> f(x + t direction) at 0."""

    def level(k: int, t: Any) -> Any:
        if k == 0:
            return f(x + t * direction)
        return jax.jvp(lambda s: level(k - 1, s), (t,), (jnp.ones_like(t),))[1]

    return level(order, jnp.zeros((), dtype=x.dtype))
