"""The second derivation of first-order answers: the textbook recurrences, one step after another.

The vectors themselves come from `averages` (explicit sums) and, on quadratics, from eigen-coordinates. What
is here runs the definitions literally at 50 digits and serves as a check at every build.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mpmath import mp

from oracles.averages import rate
from oracles.precision import Vector, add, largest, subtract, times

State = dict[str, Any]


def advance(
    optimizer: str, settings: Mapping[str, Any], state: State, g: Vector, theta: Vector
) -> tuple[Vector, State]:
    """Return the direction and the next state of one textbook step."""
    eta, t = rate(settings, state["iteration"]), state["iteration"] + 1
    if optimizer == "gradient_descent":
        return times(-eta, g), {"iteration": t}
    if optimizer in ("heavy_ball", "nesterov"):
        v = add(g, state["velocity"], settings["momentum"])
        d = times(-eta, v) if optimizer == "heavy_ball" else times(-eta, add(g, v, settings["momentum"]))
        return d, {"iteration": t, "velocity": v}
    b2 = settings["decay"] if optimizer == "rmsprop" else settings["beta2"]
    v = [b2 * x + (1 - b2) * y * y for x, y in zip(state["second_moment"], g, strict=True)]
    if optimizer == "rmsprop":
        e, inside = settings["epsilon"], settings["epsilon_inside"]
        roots = [mp.sqrt(x + e) if inside else mp.sqrt(x) + e for x in v]
        return [-eta * y / r for y, r in zip(g, roots, strict=True)], {"iteration": t, "second_moment": v}
    b1 = settings["beta1"]
    m = [b1 * x + (1 - b1) * y for x, y in zip(state["first_moment"], g, strict=True)]
    hats = zip((x / (1 - b1**t) for x in m), (x / (1 - b2**t) for x in v), strict=True)
    d = [-eta * a / (mp.sqrt(b) + settings["epsilon"]) for a, b in hats]
    if optimizer == "adamw":
        d = add(d, theta, -eta * settings["weight_decay"])
    return d, {"iteration": t, "first_moment": m, "second_moment": v}


def defect(a: Any, b: Any) -> Any:
    """Return the largest difference of two answers, relative to the larger one (absolute if both are 0)."""
    flat_a, flat_b = [a] if not isinstance(a, list) else a, [b] if not isinstance(b, list) else b
    if flat_a and isinstance(flat_a[0], list):
        flat_a, flat_b = [x for row in flat_a for x in row], [x for row in flat_b for x in row]
    size = max(largest(flat_a), largest(flat_b)) or 1
    return largest(subtract(flat_a, flat_b)) / size


def run(
    gradient: Callable[[Vector], Vector],
    optimizer: str,
    settings: Mapping[str, Any],
    theta: Vector,
    state: State,
    steps: int,
) -> list[Vector]:
    """Return theta_0, ..., theta_steps of a free run."""
    thetas = [theta]
    for _ in range(steps):
        d, state = advance(optimizer, settings, state, gradient(thetas[-1]), thetas[-1])
        thetas.append(add(thetas[-1], d))
    return thetas
