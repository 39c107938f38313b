"""optax's sgd, adam, adamw and rmsprop as the first-order optimizers."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from refopt.conformance.adapter import Adapter

FIELDS = {"trace": "velocity", "mu": "first_moment", "nu": "second_moment", "count": "iteration"}
"""State field of refopt for each field of an optax state."""


class OptaxFirstOrder(Adapter):
    """`update` of the optax transformations; `eps_in_sqrt` follows the setting `epsilon_inside`.

    sgd and rmsprop count no iterations; the adapter counts for them.
    """

    name, version = "optax", optax.__version__
    dtypes = ("float64", "float32")

    def __init__(self) -> None:
        jax.config.update("jax_enable_x64", True)

    def base_step(self, optimizer, settings, theta, gradient, state):
        """One `update` from a given state."""
        method = self.transformation(optimizer, settings)
        theta, gradient = jnp.asarray(theta), jnp.asarray(gradient)
        before = filled(method.init(theta), state)
        direction, after = method.update(gradient, before, theta)
        found = {"iteration": state["iteration"] + 1, **fields(after)}
        theta_next = optax.apply_updates(theta, direction)
        return {
            "direction": np.asarray(direction),
            "theta_next": np.asarray(theta_next),
            "state": {name: value for name, value in found.items() if name in state},
        }

    def base_directions(self, optimizer, settings, thetas, gradients):
        """The updates themselves."""
        method = self.transformation(optimizer, settings)
        state, directions = method.init(jnp.asarray(thetas[0])), []
        update = jax.jit(method.update)
        for theta, gradient in zip(thetas, gradients, strict=True):
            direction, state = update(jnp.asarray(gradient), state, jnp.asarray(theta))
            directions.append(np.asarray(direction))
        return {"directions": np.stack(directions)}

    def base_run(self, problem, optimizer, settings, theta, steps):
        """A free run with refopt's gradients."""
        method = self.transformation(optimizer, settings)
        state, thetas = method.init(jnp.asarray(theta)), [theta]
        update = jax.jit(method.update)
        for _ in range(steps):
            point = jnp.asarray(thetas[-1])
            direction, state = update(jnp.asarray(problem.gradient(thetas[-1])), state, point)
            thetas.append(np.asarray(optax.apply_updates(point, direction)))
        return {"thetas": np.stack(thetas), "values": np.array([problem.value(x) for x in thetas])}

    def transformation(
        self, optimizer: str, settings: Mapping[str, Any]
    ) -> optax.GradientTransformationExtraArgs:
        """Make optax's transformation of a name and settings."""
        rate = self._rate(settings["learning_rate"])
        if optimizer == "gradient_descent":
            return optax.sgd(rate)
        if optimizer in ("heavy_ball", "nesterov"):
            return optax.sgd(rate, settings["momentum"], nesterov=optimizer == "nesterov")
        if optimizer == "rmsprop":
            return optax.rmsprop(rate, settings["decay"], settings["epsilon"], **self._rmsprop(settings))
        betas, epsilon = (settings["beta1"], settings["beta2"]), settings["epsilon"]
        if optimizer == "adam":
            return optax.adam(rate, *betas, epsilon)
        return optax.adamw(rate, *betas, epsilon, weight_decay=settings["weight_decay"])

    def _rmsprop(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"eps_in_sqrt": bool(settings.get("epsilon_inside", False))}

    def _rate(self, rate: Any) -> Any:
        if not isinstance(rate, Mapping):
            return rate
        if rate["schedule"] == "exponential":
            return optax.exponential_decay(rate["initial"], rate["every"], rate["decay"])
        if rate["schedule"] == "cosine":
            return optax.cosine_decay_schedule(
                rate["initial"], rate["steps"], rate["final"] / rate["initial"]
            )
        if rate["schedule"] == "linear_warmup":
            return optax.linear_schedule(rate["start"] * rate["after"], rate["after"], rate["steps"])
        rates = [optax.constant_schedule(float(value)) for value in rate["rates"]]
        return optax.join_schedules(rates, list(rate["boundaries"]))


class OptaxDefaults(OptaxFirstOrder):
    """optax as it comes: rmsprop has epsilon under the root unless told otherwise, a profile of its own."""

    name = "optax, its defaults"
    profile: ClassVar[Mapping[str, str]] = {"rmsprop.epsilon": "inside"}

    def _rmsprop(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {}


def filled(state: Any, given: Mapping[str, Any]) -> Any:
    """Put given values into the fields of a (nested) optax state."""
    if not isinstance(state, tuple):
        return state
    inner = [filled(entry, given) for entry in state]
    if not hasattr(state, "_fields"):
        return tuple(inner)
    values = {
        name: jnp.asarray(given[FIELDS[name]], dtype=entry.dtype) if FIELDS.get(name) in given else entry
        for name, entry in zip(state._fields, inner, strict=True)
    }
    return type(state)(**values)


def fields(state: Any) -> dict[str, Any]:
    """Collect the known fields of a (nested) optax state."""
    if not isinstance(state, tuple):
        return {}
    found: dict[str, Any] = {}
    for name, entry in zip(getattr(state, "_fields", ("",) * len(state)), state, strict=True):
        if name in FIELDS:
            found[FIELDS[name]] = int(entry) if name == "count" else np.asarray(entry)
        found.update(fields(entry))
    return found
