"""First-order directions along given points and gradients (L4, teacher-forced)."""

from typing import Any

from oracles import recurrence
from oracles.averages import direction, fresh, memories
from oracles.bases import draws
from oracles.case import Case, Check, Close, Quantities
from oracles.first_order_settings import CITATIONS, FORM, OPTIMIZERS, TERMS, moved, settings_of
from oracles.precision import round_float32

N = 3
SCHEDULES: dict[str, dict[str, Any]] = {
    "exponential": {"schedule": "exponential", "initial": 0.25, "decay": 0.5, "every": 4},
    "cosine": {"schedule": "cosine", "initial": 0.25, "steps": 8, "final": 0.03125},
    "piecewise": {"schedule": "piecewise", "rates": [0.25, 0.0625, 0.5], "boundaries": [3, 9]},
    "linear-warmup": {"schedule": "linear_warmup", "after": 0.25, "steps": 5, "start": 0.125},
}

DYADIC: dict[str, Any] = {"schedule": "linear_warmup", "after": 0.25, "steps": 4, "start": 0.125}
"""Rates that are exact in any arithmetic: 1/32, 11/128, 9/64, 25/128, then 1/4."""


def compute_directions(inputs: dict[str, Any]) -> Quantities:
    """Return each direction from the weighted sums over the gradients up to it."""
    optimizer, settings, gradients = inputs["optimizer"], inputs["settings"], inputs["gradients"]
    out = []
    for t, (theta, g) in enumerate(zip(inputs["thetas"], gradients, strict=True)):
        after = memories(optimizer, settings, fresh(optimizer, len(theta)), gradients[: t + 1])
        out.append(direction(optimizer, settings, after, g, theta))
    return {"directions": out}


def _directions_defect(inputs: dict[str, Any], outputs: Quantities) -> Any:
    optimizer, settings = inputs["optimizer"], inputs["settings"]
    state, out = fresh(optimizer, len(inputs["thetas"][0])), []
    for theta, g in zip(inputs["thetas"], inputs["gradients"], strict=True):
        d, state = recurrence.advance(optimizer, settings, state, g, theta)
        out.append(d)
    return recurrence.defect(out, outputs["directions"])


def _given(seed: int, steps: int, dtype: str, sizes: list[float] | None = None) -> dict[str, Any]:
    """Draw points and gradients; `sizes` scales the gradient of each step."""
    numbers = draws(seed, 2 * N * steps)
    rounded = [round_float32(x) for x in numbers] if dtype == "float32" else numbers
    rows = [rounded[i * N : (i + 1) * N] for i in range(2 * steps)]
    scale = sizes or [1.0] * steps
    return {
        "thetas": rows[:steps],
        "gradients": [[s * x for x in row] for s, row in zip(scale, rows[steps:], strict=True)],
    }


def _directions(
    what: str,
    optimizer: str,
    comment: str,
    *,
    flags: tuple[str, ...],
    steps: int = 14,
    dtype: str = "float64",
    seed: int = 101,
    sizes: list[float] | None = None,
    **changes: Any,
) -> Case:
    inputs = {"optimizer": optimizer, "settings": settings_of(optimizer, dtype, **changes)}
    inputs |= _given(seed, steps, dtype, sizes)
    why = (
        "a sum over the steps so far with decaying weights; for Adam 1 - beta2^t loses three digits at first"
    )
    return Case(
        id=f"first_order.base_directions.L4.{optimizer.replace('_', '-')}-{what}",
        op="base_directions",
        level="L4",
        source=CITATIONS[optimizer],
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=compute_directions,
        rules={"directions": Close(terms=max(4, TERMS[optimizer]), axis="step", why=why)},
        perturb=moved(inputs),
        checks=[Check("textbook recurrence", _directions_defect)],
    )


BURST = [1.0, 0.0, 0.0, 0.0, 100.0, 1.0, 0.0, 0.0, 1.0, 0.015625, 0.0, 1.0, 1.0, 1.0]
FADING = [2.0**-i for i in range(14)]


def _schedules_of_the_adaptive() -> list[Case]:
    """Return schedules with AdamW, whose decay they multiply too, and with RMSProp."""
    rows: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("adamw", "the rate of iteration t, from 0, multiplies step and decay", {"weight_decay": 0.25}),
        ("rmsprop", "the rate of iteration t, from 0, in a method without a correction", {}),
    )
    return [
        _directions(
            f"schedule-{name}",
            optimizer,
            comment,
            flags=("Schedule",),
            seed=107,
            steps=10,
            learning_rate=schedule,
            **changes,
        )
        for optimizer, comment, changes in rows
        for name, schedule in (("dyadic-warmup", DYADIC), ("piecewise", SCHEDULES["piecewise"]))
    ]


def cases() -> list[Case]:
    """Return the cases of directions along given points."""
    out = []
    for optimizer in OPTIMIZERS:
        flags = (*FORM[optimizer], "StateUpdate")
        out += [
            _directions("plain", optimizer, "random gradients of one size", flags=flags),
            _directions(
                "float32", optimizer, "the same in float32", flags=("Float32",), dtype="float32", seed=102
            ),
        ]
        if optimizer != "gradient_descent":
            comment = (
                "a burst of 100 after silence, zero gradients between: what is remembered, and for how long"
            )
            out.append(
                _directions(
                    "burst", optimizer, comment, flags=(*flags, "ZeroGradient"), seed=103, sizes=BURST
                )
            )
    for optimizer in ("adam", "rmsprop"):
        comment = "gradients halve at every step: first and second moments age differently"
        out.append(_directions("fading", optimizer, comment, flags=FORM[optimizer], seed=104, sizes=FADING))
    comment = "epsilon under the root"
    out.append(
        _directions("inside", "rmsprop", comment, flags=("EpsilonPlace",), epsilon_inside=True, epsilon=1e-3)
    )
    pairs = zip(("gradient_descent", "heavy_ball", "adam", "nesterov"), SCHEDULES.items(), strict=True)
    for optimizer, (name, schedule) in pairs:
        comment = "a schedule counts iterations from 0; the velocity holds gradients, not steps"
        out.append(
            _directions(
                f"schedule-{name}", optimizer, comment, flags=("Schedule",), seed=105, learning_rate=schedule
            )
        )
    return [*out, *_schedules_of_the_adaptive()]
