"""Single first-order steps from a given state (L3)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from oracles import recurrence
from oracles.averages import direction, fresh, memories
from oracles.case import Alternative, Case, Check, Close, Exact, Quantities, Rule
from oracles.first_order_settings import (
    CITATIONS,
    FORM,
    OPTIMIZERS,
    TERMS,
    first_state,
    moved,
    settings_of,
)
from oracles.precision import add
from oracles.variants import VARIANTS

THETA = [1.0, -2.0, 0.5, 0.25]
GRADIENT = [0.3125, -1.25, 2.5, -0.0703125]
STATE: dict[str, Any] = {
    "iteration": 6,
    "velocity": [0.8125, 0.375, -1.5, 0.015625],
    "first_moment": [0.125, -0.3125, 0.75, 0.00390625],
    "second_moment": [0.0625, 0.875, 2.0, 0.000244140625],
}


def state_of(optimizer: str, **fields: Any) -> dict[str, Any]:
    """Return a later state of the optimizer with some fields replaced."""
    return {name: fields.get(name, STATE[name]) for name in fresh(optimizer, 0)}


def compute_step(inputs: dict[str, Any]) -> Quantities:
    """Return direction, next point and next state, from the memories' weighted sums."""
    optimizer, settings, g = inputs["optimizer"], inputs["settings"], inputs["gradient"]
    after = memories(optimizer, settings, inputs["state"], [g])
    d = direction(optimizer, settings, after, g, inputs["theta"])
    out = {"direction": d, "theta_next": add(inputs["theta"], d)}
    return out | {f"state.{name}": value for name, value in after.items()}


def compute_variant(name: str, inputs: dict[str, Any]) -> Quantities:
    """Return the step's quantities under another named definition."""
    d, after = VARIANTS[name](inputs["settings"], inputs["state"], inputs["gradient"], inputs["theta"])
    out = {"direction": d, "theta_next": add(inputs["theta"], d)}
    return out | {f"state.{key}": value for key, value in after.items()}


def textbook_defect(inputs: dict[str, Any], outputs: Quantities) -> Any:
    """Compare with one literal step of the definition."""
    names = ("optimizer", "settings", "state", "gradient", "theta")
    d, after = recurrence.advance(*(inputs[name] for name in names))
    same = all(recurrence.defect(after[k], outputs[f"state.{k}"]) < 1e-40 for k in after if k != "iteration")
    return recurrence.defect(d, outputs["direction"]) if same else 1


def _rules(optimizer: str, zero: bool, empty: bool) -> dict[str, Rule]:
    scale, terms = (1.0 if zero else None), TERMS[optimizer]
    why = f"a few rounded operations per component: {terms} that matter"
    if terms == 32:
        why = "1 - beta2^t, formed in working precision, is wrong by up to 1000 u at t = 1: half of it shows"
    why += "; the answer is 0, so the scale is 1" if zero else ""
    rules: dict[str, Rule] = {
        "direction": Close(scale=scale, terms=terms, why=why),
        "theta_next": Close(terms=terms, why="one addition to the direction"),
        "state.iteration": Exact(certain="a count"),
    }
    return rules | {
        f"state.{name}": Close(
            scale=1.0 if empty else None, terms=2, why="two products and a sum per component"
        )
        for name in fresh(optimizer, 0)
        if name != "iteration"
    }


def step_case(
    what: str,
    optimizer: str,
    comment: str,
    *,
    flags: tuple[str, ...],
    gradient: list[float] = GRADIENT,
    state: Mapping[str, Any] | None = None,
    theta: list[float] = THETA,
    dtype: str = "float64",
    zero: bool = False,
    variants: tuple[str, ...] = (),
    **changes: Any,
) -> Case:
    """Build one case of one step; `variants` are keys of VARIANTS, `zero` says that nothing moves."""
    inputs = {
        "optimizer": optimizer,
        "settings": settings_of(optimizer, dtype, **changes),
        "theta": theta,
        "gradient": gradient,
        "state": first_state(optimizer, len(theta)) if state is None else dict(state),
    }
    rules = _rules(optimizer, zero, empty=state is None and not any(gradient))
    return Case(
        id=f"first_order.base_step.L3.{optimizer.replace('_', '-')}-{what}",
        op="base_step",
        level="L3",
        group=optimizer,
        source=CITATIONS[optimizer],
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=compute_step,
        rules=rules,
        perturb=moved(inputs),
        checks=[Check("textbook step", textbook_defect)],
        alternatives={name: Alternative(partial(compute_variant, name), rules) for name in variants},
    )


VARIANTS_OF = {
    "heavy_ball": ("heavy_ball.momentum=averaged",),
    "adam": ("adam.epsilon=uncorrected",),
    "adamw": ("adamw.weight_decay=unscaled",),
    "rmsprop": ("rmsprop.epsilon=inside",),
}


def _common(optimizer: str) -> list[Case]:
    form, variants = FORM[optimizer], VARIANTS_OF.get(optimizer, ())
    plain = optimizer == "gradient_descent"
    no_decay: dict[str, Any] = {"weight_decay": 0.0} if optimizer == "adamw" else {}
    return [
        step_case("first", optimizer, "first step from zero memory", flags=form, variants=variants),
        step_case(
            "later",
            optimizer,
            "seventh step from a given memory, which must decay before it takes the gradient in",
            flags=(*form, "StateUpdate"),
            state=state_of(optimizer),
            variants=variants,
        ),
        step_case(
            "zero-gradient-first",
            optimizer,
            "no gradient and no memory: 0 / (0 + epsilon) and never NaN, nothing moves",
            flags=("ZeroGradient",),
            gradient=[0.0] * 4,
            zero=True,
            **no_decay,
        ),
        step_case(
            "zero-gradient-later",
            optimizer,
            "no gradient: the memory decays, and where it is a momentum theta coasts on",
            flags=("ZeroGradient", "StateUpdate"),
            gradient=[0.0] * 4,
            state=state_of(optimizer),
            zero=plain or optimizer == "rmsprop",
        ),
        step_case("float32-first", optimizer, "first step in float32", flags=("Float32",), dtype="float32"),
        step_case(
            "float32-later",
            optimizer,
            "seventh step in float32 from a given memory",
            flags=("Float32", "StateUpdate"),
            dtype="float32",
            state=state_of(optimizer),
        ),
    ]


def cases() -> list[Case]:
    """Return the cases that every optimizer has."""
    return [case for optimizer in OPTIMIZERS for case in _common(optimizer)]
