"""Other definitions of FOSI's step in use: the answers of `alternatives`, for each set of choices.

    fosi.epsilon=added      u = 1/(|lambda| + epsilon max|lambda|), the form of section 3.2
    fosi.momentum=both      g1 goes through the base's own filter, as section 3.4 asks and the published
                            code does, where the case has none

A choice is named in the cases in which it changes the answer.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import combinations
from typing import Any

from mpmath import mpf

from oracles.case import Alternative, Quantities, Rule
from oracles.precision import Number, Vector

EPSILON, MOMENTUM = "fosi.epsilon=added", "fosi.momentum=both"
FILTERS = {"heavy_ball": "heavy-ball", "nesterov": "nesterov", "adam": "ema", "adamw": "ema"}
MEASURES = ("scaling", "base_direction_raw")  # what the sizes of the others are measured by
CHANGED = {
    EPSILON: ("newton_direction", "theta_next"),
    MOMENTUM: ("newton_gradient", "newton_direction", "theta_next", "state.newton_velocity"),
}
Compute = Callable[..., Quantities]


def added(values: Vector, epsilon: Number) -> Vector:
    """Return u = 1/(|lambda| + epsilon max|lambda|)."""
    offset = epsilon * max((abs(x) for x in values), default=mpf(0))
    return [1 / (abs(x) + offset) for x in values]


def _offered(inputs: Mapping[str, Any]) -> Iterator[str]:
    if inputs["spectrum"]["num_largest"] + inputs["spectrum"]["num_smallest"]:
        yield EPSILON
        if inputs["settings"]["newton_momentum"] == "none" and inputs["base"]["optimizer"] in FILTERS:
            yield MOMENTUM


def _under(
    chosen: tuple[str, ...], names: Collection[str], compute: Compute, inputs: dict[str, Any]
) -> Quantities:
    options = {"inverse": added} if EPSILON in chosen else {}
    if MOMENTUM in chosen:
        kind = FILTERS[inputs["base"]["optimizer"]]
        inputs = {**inputs, "settings": {**inputs["settings"], "newton_momentum": kind}}
    return {name: value for name, value in compute(inputs, **options).items() if name in names}


def alternatives(
    inputs: Mapping[str, Any], compute: Compute, rules: Mapping[str, Rule]
) -> dict[str, Alternative]:
    """Return the answers of a step under every set of choices that changes them.

    Args:
        inputs: of the case, as declared.
        compute: the step, from the inputs and optionally `inverse`, the function that gives u.
        rules: of the case.
    """
    offered, found = list(_offered(inputs)), {}
    for count in range(1, len(offered) + 1):
        for chosen in combinations(offered, count):
            names = {*MEASURES, *(name for choice in chosen for name in CHANGED[choice])}
            kept = {name: rule for name, rule in rules.items() if name in names}
            found[",".join(chosen)] = Alternative(partial(_under, chosen, names, compute), kept)
    return found
