"""Other definitions in use under the same names: the answers of `alternatives`, a function for each choice.

A key reads <optimizer>.<choice>=<name>. Each function takes (settings, state, gradient, theta) and returns
the direction and the next state.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mpmath import mp

from oracles.averages import correction, decayed, direction, memories
from oracles.precision import Vector, subtract, times

Answer = tuple[Vector, dict[str, Any]]


def averaged_momentum(
    settings: Mapping[str, Any], state: Mapping[str, Any], g: Vector, theta: Vector
) -> Answer:
    """Heavy ball as an average: v <- momentum v + (1 - momentum) g (dampening in torch)."""
    b = settings["momentum"]
    after = {"iteration": state["iteration"] + 1, "velocity": decayed(state["velocity"], [g], b, 1 - b)}
    return times(-settings["learning_rate"], after["velocity"]), after


def uncorrected_epsilon(
    settings: Mapping[str, Any], state: Mapping[str, Any], g: Vector, theta: Vector
) -> Answer:
    """Adam with epsilon added to the uncorrected root ("epsilon hat", Kingma and Ba 2015, section 2)."""
    after = memories("adam", settings, state, [g])
    count = after["iteration"]
    step = settings["learning_rate"] * mp.sqrt(correction(settings["beta2"], count))
    step /= correction(settings["beta1"], count)
    moments = zip(after["first_moment"], after["second_moment"], strict=True)
    return [-step * m / (mp.sqrt(v) + settings["epsilon"]) for m, v in moments], after


def unscaled_decay(settings: Mapping[str, Any], state: Mapping[str, Any], g: Vector, theta: Vector) -> Answer:
    """AdamW's decay without the learning rate: -weight_decay theta (the paper's Algorithm 2, eta_t = 1)."""
    after = memories("adamw", settings, state, [g])
    d = direction("adam", settings, after, g, theta)
    return subtract(d, times(settings["weight_decay"], theta)), after


def inside_epsilon(settings: Mapping[str, Any], state: Mapping[str, Any], g: Vector, theta: Vector) -> Answer:
    """RMSProp with epsilon under the root (optax's default)."""
    after = memories("rmsprop", settings, state, [g])
    return direction("rmsprop", {**settings, "epsilon_inside": True}, after, g, theta), after


Variant = Callable[[Mapping[str, Any], Mapping[str, Any], Vector, Vector], Answer]
VARIANTS: dict[str, Variant] = {
    "heavy_ball.momentum=averaged": averaged_momentum,
    "adam.epsilon=uncorrected": uncorrected_epsilon,
    "adamw.weight_decay=unscaled": unscaled_decay,
    "rmsprop.epsilon=inside": inside_epsilon,
}
