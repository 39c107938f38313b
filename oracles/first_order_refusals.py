"""Settings and gradients that a first-order step must refuse (L6)."""

from typing import Any

from oracles.case import Behaviour, Case
from oracles.first_order_settings import first_state, settings_of

THETA = [1.0, -2.0, 0.5, 0.25]
GRADIENT = [0.5, -1.0, 1.0, 2.0]
BAD: tuple[tuple[str, str, str, Any, str], ...] = (
    ("gradient_descent", "negative-rate", "learning_rate", -0.1, "a negative rate climbs"),
    ("gradient_descent", "nan-rate", "learning_rate", float("nan"), "a rate that is no number"),
    ("heavy_ball", "momentum-one", "momentum", 1.0, "momentum 1 never forgets"),
    ("nesterov", "negative-momentum", "momentum", -0.1, "momentum below 0"),
    ("adam", "beta1-one", "beta1", 1.0, "1 - beta1^t = 0: division by zero in the correction"),
    ("adam", "beta2-above-one", "beta2", 1.5, "the root of a negative correction"),
    ("adam", "negative-epsilon", "epsilon", -1e-8, "a denominator that may vanish"),
    ("adamw", "negative-decay", "weight_decay", -0.01, "decay that grows the weights"),
    ("rmsprop", "negative-epsilon", "epsilon", -1e-8, "a denominator that may vanish, a root of less than 0"),
    ("rmsprop", "decay-one", "decay", 1.0, "an average that never takes a gradient in"),
)


def _refused(what: str, comment: str, argument: str, inputs: dict[str, Any]) -> Case:
    return Case(
        id=f"first_order.base_step.L6.{what}",
        op="base_step",
        level="L6",
        group="refusals",
        source="refopt: arguments in range; NaN never travels on",
        comment=comment,
        flags=("BadInput",),
        inputs=inputs,
        compute=None,
        rules={"theta_next": Behaviour(("error",), argument)},
    )


def cases() -> list[Case]:
    """Return the cases of refusals."""
    out = []
    for optimizer, what, name, value, comment in BAD:
        settings = settings_of(optimizer, **{name: value})
        inputs = {"optimizer": optimizer, "settings": settings, "theta": THETA, "gradient": GRADIENT}
        inputs["state"] = first_state(optimizer, 4)
        out.append(_refused(f"{optimizer.replace('_', '-')}-{what}", comment, name, inputs))
    for what, gradient in (
        ("nan", [0.5, float("nan"), 1.0, 2.0]),
        ("infinite", [0.5, float("inf"), 1.0, 2.0]),
    ):
        inputs = {"optimizer": "heavy_ball", "settings": settings_of("heavy_ball"), "theta": THETA}
        inputs |= {"gradient": gradient, "state": first_state("heavy_ball", 4)}
        out.append(
            _refused(
                f"{what}-gradient", "a non-finite gradient poisons every later velocity", "gradient", inputs
            )
        )
    return out
