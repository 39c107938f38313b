"""optax's contributed Sophia."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib

from refopt.adapters.probed import diagonals
from refopt.conformance.adapter import Adapter


class OptaxSophia(Adapter):
    """`optax.contrib.sophia`, handed the estimates of the diagonal that a case gives.

    It divides a bias-corrected m by the h from before the step's own estimate: a profile of two choices.
    """

    name, version = "optax.contrib.sophia", optax.__version__
    dtypes = ("float64", "float32")
    profile: ClassVar[Mapping[str, str]] = {"sophia.moment": "corrected", "sophia.order": "step-first"}

    def __init__(self) -> None:
        jax.config.update("jax_enable_x64", True)

    def sophia_step(self, settings, theta, gradient, state, diagonal=None):
        """One `update` from a given state."""
        method = self._make(settings)
        theta, gradient = jnp.asarray(theta), jnp.asarray(gradient)
        h = jnp.zeros_like(theta) if diagonal is None else jnp.asarray(diagonal)
        given = (state["iteration"], state["first_moment"], state["hessian_diagonal"])
        direction, after = _update(method, gradient, _filled(method.init(theta), *given), theta, h)
        count, m, h = _memory(after)
        return {
            "direction": np.asarray(direction),
            "theta_next": np.asarray(optax.apply_updates(theta, direction)),
            "state": {
                "iteration": int(count),
                "first_moment": np.asarray(m),
                "hessian_diagonal": np.asarray(h),
            },
        }

    def sophia_run(self, problem, settings, theta, steps, probes=None):
        """A free run with refopt's gradients and Hessian products."""
        method, thetas = self._make(settings), [theta]
        state = method.init(jnp.asarray(theta))
        for h in diagonals(problem, thetas, settings["refresh_every"], steps, probes):
            point, gradient = jnp.asarray(thetas[-1]), jnp.asarray(problem.gradient(thetas[-1]))
            estimate = jnp.zeros_like(point) if h is None else jnp.asarray(h)
            direction, state = _update(method, gradient, state, point, estimate)
            thetas.append(np.asarray(optax.apply_updates(point, direction)))
        return {"thetas": np.stack(thetas), "values": np.array([problem.value(x) for x in thetas])}

    def _make(self, settings: Mapping[str, Any]) -> optax.GradientTransformationExtraArgs:
        rate = settings["learning_rate"]
        if isinstance(rate, Mapping):
            self.skip("schedules are tried with optax's first-order optimizers")
        given = optax.GradientTransformationExtraArgs(
            lambda params: optax.EmptyState(),
            lambda updates, state, params=None, *, diagonal, **rest: (diagonal, state),
        )
        return optax.contrib.sophia(
            rate,
            settings["beta1"],
            settings["beta2"],
            settings["epsilon"],
            settings["weight_decay"],
            gamma=settings["rho"],
            update_interval=settings["refresh_every"],
            hessian_diagonal_fn=given,
        )


def _update(method: Any, gradient: Any, state: Any, theta: Any, diagonal: Any) -> tuple[Any, Any]:
    return method.update(gradient, state, theta, diagonal=diagonal)


def _filled(state: Any, iteration: int, first_moment: Any, diagonal: Any) -> Any:
    """The state of the chain with given memories in its first link."""
    first = state[0]._replace(
        count=jnp.asarray(iteration, dtype=state[0].count.dtype),
        mu=jnp.asarray(first_moment),
        nu=jnp.asarray(diagonal),
    )
    return (first, *state[1:])


def _memory(state: Any) -> tuple[Any, Any, Any]:
    return state[0].count, state[0].mu, state[0].nu
