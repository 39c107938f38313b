"""Single first-order steps from a given state (L3)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from oracles import recurrence
from oracles.averages import direction, fresh, memories
from oracles.case import Alternative, Case, Check, Close, Exact, Quantities, Rule
from oracles.first_order_settings import (
    FORM,
    OPTIMIZERS,
    SOURCES,
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
    why = f"a few rounded operations per component: {terms} that matter" + (
        "; the answer is 0, so the scale is 1" if zero else ""
    )
    rules: dict[str, Rule] = {
        "direction": Close(scale=scale, terms=terms, why=why),
        "theta_next": Close(terms=terms, why="one addition to the direction"),
        "state.iteration": Exact(),
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
        source=SOURCES[optimizer],
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


TINY = [3.0e-9, -2.0e-8, 1.0e-10, 5.0e-9]
TINY_STATE: dict[str, Any] = {
    "iteration": 6,
    "first_moment": [1.0e-9, -5.0e-9, 2.0e-10, 0.0],
    "second_moment": [1.0e-18, 4.0e-16, 1.0e-22, 0.0],
}
WIDE = [1.0e-6, -1.0e3, 1.0e-2, 30.0]
OPPOSED = [-0.71875, -0.34375, 1.375, -0.015625]


def _momentum(optimizer: str) -> list[Case]:
    return [
        step_case(
            "no-momentum",
            optimizer,
            "momentum 0 is gradient descent; the old velocity must vanish",
            flags=FORM[optimizer],
            state=state_of(optimizer),
            momentum=0.0,
        ),
        step_case(
            "opposed",
            optimizer,
            "the gradient nearly cancels the velocity: an old or half-updated one shows",
            flags=(*FORM[optimizer], "StateUpdate"),
            gradient=OPPOSED,
            state=state_of(optimizer),
        ),
    ]


def _adaptive(optimizer: str) -> list[Case]:
    variants = VARIANTS_OF[optimizer]
    return [
        step_case(
            "tiny-gradient",
            optimizer,
            "gradients of the size of epsilon: its place decides the step",
            flags=("EpsilonPlace",),
            gradient=TINY,
            variants=variants,
        ),
        step_case(
            "tiny-later",
            optimizer,
            "moments of the size of epsilon after seven steps; one component has no history at all",
            flags=("EpsilonPlace", "EpsilonMissing"),
            gradient=[*TINY[:3], 0.0],
            state={name: TINY_STATE[name] for name in fresh(optimizer, 0)},
            variants=variants,
        ),
        step_case(
            "wide-gradient",
            optimizer,
            "components from 1e-6 to 1e3 move equally far in the first step",
            flags=("ExtremeScale",),
            gradient=WIDE,
        ),
        step_case(
            "large-epsilon",
            optimizer,
            "epsilon 1/4, comparable with the gradient",
            flags=("EpsilonPlace",),
            state=state_of(optimizer),
            variants=variants,
            epsilon=0.25,
        ),
    ]


def _adam(optimizer: str) -> list[Case]:
    form = FORM[optimizer]
    second = {
        "iteration": 1,
        "first_moment": [0.03125, -0.125, 0.25, 0.0078125],
        "second_moment": [0.0009765625, 0.015625, 0.0625, 0.00006103515625],
    }
    return [
        step_case(
            "second",
            optimizer,
            "t = 2: both corrections differ from 1 and from t = 1",
            flags=form,
            state=second,
        ),
        step_case(
            "million",
            optimizer,
            "after a million steps both corrections are 1 to rounding",
            flags=form,
            state=state_of(optimizer, iteration=1_000_000),
        ),
        step_case(
            "no-first-decay",
            optimizer,
            "beta1 = 0 is RMSProp with bias correction",
            flags=form,
            state=state_of(optimizer),
            beta1=0.0,
        ),
        step_case(
            "no-second-decay",
            optimizer,
            "beta2 = 0: the second moment is the current square",
            flags=(*form, "SquareBeforeAverage"),
            state=state_of(optimizer),
            beta2=0.0,
        ),
        step_case(
            "half",
            optimizer,
            "beta1 = beta2 = 1/2: a correction with t off by one is wrong by a large factor",
            flags=form,
            state=state_of(optimizer, iteration=1),
            beta1=0.5,
            beta2=0.5,
        ),
    ]


def _decay() -> list[Case]:
    return [
        step_case(
            "decay-only",
            "adamw",
            "no gradient, no memory: only the decay moves theta, by the learning rate times weight_decay",
            flags=("DecoupledDecay", "ZeroGradient"),
            gradient=[0.0] * 4,
            variants=VARIANTS_OF["adamw"],
            weight_decay=0.25,
        ),
        step_case(
            "no-decay",
            "adamw",
            "weight_decay 0 is Adam",
            flags=("DecoupledDecay",),
            state=state_of("adamw"),
            weight_decay=0.0,
        ),
    ]


def _inside() -> list[Case]:
    common: dict[str, Any] = {"epsilon_inside": True}
    return [
        step_case("inside", "rmsprop", "epsilon under the root", flags=("EpsilonPlace",), **common),
        step_case(
            "inside-tiny",
            "rmsprop",
            "epsilon under the root, gradients of its size: the root of epsilon is the floor",
            flags=("EpsilonPlace",),
            gradient=TINY,
            **common,
        ),
        step_case(
            "no-average",
            "rmsprop",
            "decay 0: the sign of the gradient but for epsilon",
            flags=("SquareBeforeAverage",),
            state=state_of("rmsprop"),
            decay=0.0,
        ),
    ]


def cases() -> list[Case]:
    """Return the cases of single steps."""
    out = [case for optimizer in OPTIMIZERS for case in _common(optimizer)]
    out += [case for optimizer in ("heavy_ball", "nesterov") for case in _momentum(optimizer)]
    out += [case for optimizer in ("adam", "adamw", "rmsprop") for case in _adaptive(optimizer)]
    out += [case for optimizer in ("adam", "adamw") for case in _adam(optimizer)]
    return [*out, *_decay(), *_inside()]
