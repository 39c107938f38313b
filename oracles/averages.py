"""First-order directions as explicit weighted sums of all past gradients.

No recurrence is run. With g_0, ..., g_t the gradients since a given state, a memory that the optimizers
define by x <- b x + w y is here the convolution

    x_t = b^(t+1) x_start + w sum_i b^(t-i) y_i,

and the bias corrections are 1 - b^t = -expm1(t log b). Adam is written with the corrections moved into the
step size (Kingma and Ba 2015, end of section 2): -eta sqrt(c2)/c1 m / (sqrt(v) + epsilon sqrt(c2)).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mpmath import mp, mpf

from oracles.precision import Matrix, Number, Vector

CLOSED_FORM = ("gradient_descent", "heavy_ball", "nesterov")
MEMORY = {"heavy_ball": "velocity", "nesterov": "velocity", "adam": "first_moment", "adamw": "first_moment"}
DECAY = {"heavy_ball": "momentum", "nesterov": "momentum", "adam": "beta1", "adamw": "beta1"}


def decayed(start: Vector, terms: Sequence[Vector], decay: Number, weight: Number = 1) -> Vector:
    """Return decay^m start + weight sum_i decay^(m-1-i) terms[i], m terms."""
    count = len(terms)
    powers = [decay ** (count - 1 - i) * weight for i in range(count)]
    first = decay**count
    return [
        first * x + mp.fsum(p * y[j] for p, y in zip(powers, terms, strict=True)) for j, x in enumerate(start)
    ]


def squares(gradients: Sequence[Vector]) -> Matrix:
    """Return the gradients squared entry by entry."""
    return [[x * x for x in g] for g in gradients]


def correction(decay: Number, count: int) -> Number:
    """Return 1 - decay^count, the bias correction after `count` steps."""
    return -mp.expm1(count * mp.log(decay)) if decay else mpf(1)


def rate(settings: Mapping[str, Any], iteration: int) -> Number:
    """Return the learning rate of an iteration: a number, or a schedule (refopt's names and fields)."""
    value = settings["learning_rate"]
    return _scheduled(value, iteration) if isinstance(value, Mapping) else value


def _scheduled(schedule: Any, t: int) -> Number:
    if not isinstance(schedule, Mapping):
        return schedule
    kind = schedule["schedule"]
    if kind == "exponential":
        return schedule["initial"] * mp.exp(mp.log(schedule["decay"]) * t / schedule["every"])
    if kind == "cosine":
        final, angle = schedule["final"], mp.pi * min(t, schedule["steps"]) / (2 * schedule["steps"])
        return final + (schedule["initial"] - final) * mp.cos(angle) ** 2
    if kind == "piecewise":
        return schedule["rates"][sum(t >= b for b in schedule["boundaries"])]
    if t >= schedule["steps"]:
        return _scheduled(schedule["after"], t - schedule["steps"])
    share = (schedule["start"] * (schedule["steps"] - t) + t) / schedule["steps"]
    return share * _scheduled(schedule["after"], 0)


def memories(
    optimizer: str, settings: Mapping[str, Any], state: Mapping[str, Any], gradients: Matrix
) -> dict[str, Any]:
    """Return the state after all the gradients were seen, starting from `state`."""
    after: dict[str, Any] = {"iteration": state["iteration"] + len(gradients)}
    if optimizer in ("heavy_ball", "nesterov"):
        after["velocity"] = decayed(state["velocity"], gradients, settings["momentum"])
    elif optimizer in ("adam", "adamw"):
        b1, b2 = settings["beta1"], settings["beta2"]
        after["first_moment"] = decayed(state["first_moment"], gradients, b1, 1 - b1)
        after["second_moment"] = decayed(state["second_moment"], squares(gradients), b2, 1 - b2)
    elif optimizer == "rmsprop":
        b = settings["decay"]
        after["second_moment"] = decayed(state["second_moment"], squares(gradients), b, 1 - b)
    return after


def fresh(optimizer: str, n: int) -> dict[str, Any]:
    """Return the state before the first step."""
    zero = [mpf(0)] * n
    fields = {"velocity": ("heavy_ball", "nesterov"), "first_moment": ("adam", "adamw")}
    state: dict[str, Any] = {"iteration": 0}
    state |= {name: zero for name, owners in fields.items() if optimizer in owners}
    return state | ({"second_moment": zero} if optimizer in ("adam", "adamw", "rmsprop") else {})


def direction(
    optimizer: str, settings: Mapping[str, Any], after: Mapping[str, Any], gradient: Vector, theta: Vector
) -> Vector:
    """Return the direction of the step whose updated state is `after`."""
    eta = rate(settings, after["iteration"] - 1)
    if optimizer == "gradient_descent":
        return [-eta * g for g in gradient]
    if optimizer == "heavy_ball":
        return [-eta * v for v in after["velocity"]]
    if optimizer == "nesterov":
        return [
            -eta * (g + settings["momentum"] * v) for g, v in zip(gradient, after["velocity"], strict=True)
        ]
    if optimizer == "rmsprop":
        floor = settings["epsilon"]
        inside, outside = (floor, 0) if settings["epsilon_inside"] else (0, floor)
        pairs = zip(gradient, after["second_moment"], strict=True)
        return [-eta * g / (mp.sqrt(v + inside) + outside) for g, v in pairs]
    return _adam(optimizer, settings, after, theta, eta)


def _adam(
    optimizer: str, settings: Mapping[str, Any], after: Mapping[str, Any], theta: Vector, eta: Number
) -> Vector:
    count = after["iteration"]
    root = mp.sqrt(correction(settings["beta2"], count))
    step, floor = eta * root / correction(settings["beta1"], count), settings["epsilon"] * root
    moments = zip(after["first_moment"], after["second_moment"], strict=True)
    d = [-step * m / (mp.sqrt(v) + floor) for m, v in moments]
    decay = settings["weight_decay"] if optimizer == "adamw" else 0
    return [x - eta * decay * p for x, p in zip(d, theta, strict=True)]
