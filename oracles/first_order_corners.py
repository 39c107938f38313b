"""Single first-order steps at the corners: epsilon, extreme scales, decays of 0, many steps (L3)."""

from typing import Any

from oracles.averages import fresh
from oracles.case import Case
from oracles.first_order_settings import FORM
from oracles.first_order_steps import VARIANTS_OF, state_of, step_case

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
    """Return the cases of single steps at the corners."""
    out = [case for optimizer in ("heavy_ball", "nesterov") for case in _momentum(optimizer)]
    out += [case for optimizer in ("adam", "adamw", "rmsprop") for case in _adaptive(optimizer)]
    out += [case for optimizer in ("adam", "adamw") for case in _adam(optimizer)]
    return [*out, *_decay(), *_inside()]
