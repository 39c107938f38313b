"""The JAX form of the published FOSI code, `fosi.jax_optim`; `fosi_published` says how it is driven.

The base is optax's, as the package wants it, and `accumulator_dtype` the case's.
"""

import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from refopt.adapters import formulas
from refopt.adapters.fosi_published import FosiPublished, Heard, Request, Transformation, imported, replaced
from refopt.adapters.optax_first_order import OptaxFirstOrder, fields, filled


class FosiJax(FosiPublished):
    """`fosi_sgd`, `fosi_momentum`, `fosi_nesterov`, `fosi_adam` and `lanczos_alg` of `fosi.jax_optim`."""

    name = "fosi.jax_optim"

    def __init__(self) -> None:
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_disable_most_optimizations", True)  # every case compiles a function of its own
        self._module = imported("jax_optim")

    def method(self, request: Request) -> Any:
        """A `Method`."""
        return Method(self._module, request)

    def loss(self, problem: Any) -> Any:
        """In jax.numpy's functions."""

        def constant(values: Any) -> Any:
            return jnp.asarray(np.asarray(values), dtype=problem.dtype)

        f = formulas.objective(jnp, constant, problem.family, problem.n, problem.data)
        return lambda theta, batch: f(theta)

    def square(self) -> Any:
        """Theta^2 / 2."""
        return lambda theta, batch: jnp.sum(theta**2) / 2

    def order(self, largest: int, smallest: int) -> int:
        """From its announcement."""
        with Heard() as heard:
            self._module.get_ese_fn(None, largest, None, smallest)
        return heard.order

    def pairs(
        self, problem: Any, theta: np.ndarray, order: int, ends: tuple[int, int], start: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """`lanczos_alg`."""
        bits = "64" if theta.dtype == np.float64 else "32"
        with starting(start):
            run = lanczos_module().lanczos_alg(
                order, self.loss(problem), jax.random.PRNGKey(0), *ends, return_precision=bits
            )
            largest, V, smallest, W = run(jnp.asarray(theta), None)
        return np.append(smallest, largest), np.concatenate((W, V))


class FosiJaxCapped(FosiJax):
    """The same with the Lanczos steps of section 3.1, at most n."""

    name, capped = "fosi.jax_optim, m at most n", True


class Method:
    """A method of the package and its state.

    Attributes:
        refreshed: whether the last step estimated the spectrum.
    """

    def __init__(self, module: Any, request: Request) -> None:
        self._request, self.refreshed = request, False
        kind = request.theta.dtype
        with Heard(), ExitStack() as stack:
            for place, name, value in self._places(module):
                stack.enter_context(replaced(place, name, value))
            self._method = request.made(module, _base(request), None, accumulator_dtype=kind)
        self._update = jax.jit(self._method.update)
        state = self._method.init(jnp.asarray(request.theta))
        names = ("k_learning_rates", "k_eigenvecs", "scaling_factor")
        self._state = state._replace(**{name: getattr(state, name).astype(kind) for name in names})
        given = request.state
        if given is not None:
            self._state = self._state._replace(
                count=jnp.asarray(given["iteration"], jnp.int32),
                velocity=jnp.asarray(given["newton_velocity"]),
                base_opt_state=filled(state.base_opt_state, given["base"]),
            )

    def _places(self, module: Any) -> Iterator[tuple[Any, str, Any]]:
        request = self._request
        if request.spectrum is not None:
            pairs = tuple(jnp.asarray(part) for part in request.pairs())
            yield module, "get_ese_fn", lambda *_, **__: lambda parameters, batch: pairs
            return
        if request.theta.dtype == np.float64:
            yield module, "get_ese_fn", partial(module.get_ese_fn, return_precision="64")
        if request.order is not None:
            place, order = ese_module(), request.order
            yield (
                place,
                "lanczos_alg",
                lambda _, *rest, **more: lanczos_module().lanczos_alg(order, *rest, **more),
            )

    def step(self, gradient: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """`update`; the change of theta."""
        plain = self._request.spectrum is not None  # no loop of Lanczos steps, for which compiling pays
        with Heard() as heard, starting(self._request.start), jax.disable_jit(plain):
            change, self._state = self._update(jnp.asarray(gradient), self._state, jnp.asarray(theta))
            jax.effects_barrier()
        self.refreshed = heard.estimates > 0
        return np.asarray(change)

    @property
    def scaling(self) -> float:
        """The scaling factor."""
        return float(self._state.scaling_factor)

    @property
    def velocity(self) -> np.ndarray:
        """The memory of the filter on g1; without momentum the package keeps g1 itself there."""
        if self._request.settings["newton_momentum"] == "none":
            return np.zeros_like(self._request.theta)
        return np.asarray(self._state.velocity)

    @property
    def base_state(self) -> Any:
        """The base's state, by refopt's names."""
        given = (self._request.state or {}).get("base", {})
        found = {"iteration": given.get("iteration", 0) + 1, **fields(self._state.base_opt_state)}
        return {name: value for name, value in found.items() if name in given}


def ese_module() -> Any:
    """`fosi.jax_optim.extreme_spectrum_estimation`, once the package is imported."""
    import fosi.jax_optim.extreme_spectrum_estimation as module

    return module


def lanczos_module() -> Any:
    """`fosi.jax_optim.lanczos_algorithm`, once the package is imported."""
    import fosi.jax_optim.lanczos_algorithm as module

    return module


@contextmanager
def starting(vector: np.ndarray | None) -> Iterator[None]:
    """Hand out a vector where the package's `random.normal` is asked for one."""
    if vector is None:
        yield
        return
    drawn = types.SimpleNamespace(
        normal=lambda key, shape, dtype: jnp.asarray(vector, dtype=dtype).reshape(shape)
    )
    with replaced(lanczos_module(), "random", drawn):
        yield


def _base(request: Request) -> Transformation:
    if request.idle:
        return Transformation(lambda theta: (), lambda g, state, theta: (jnp.zeros_like(g), state))
    made = OptaxFirstOrder().transformation(request.base["optimizer"], request.base["settings"])
    return Transformation(made.init, made.update)
