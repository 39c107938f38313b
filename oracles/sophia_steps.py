"""Single steps of Sophia from given states (L3)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mpmath import mpf

from oracles.averages import correction, rate
from oracles.case import Alternative, Case, Check, Close, Exact, Quantities, Rule
from oracles.margins import margin
from oracles.precision import Number, Vector, add, norm
from oracles.recurrence import defect
from oracles.sophia_method import (
    CORRECTED,
    SETTINGS,
    SINGLE,
    STEP_FIRST,
    curvature,
    direction,
    memory,
    refreshes_at,
)

SOURCE = "Liu et al. 2024, Algorithm 3"
THETA = [1.0, -2.0, 0.5, 0.25]
GRADIENT = [0.3125, -1.25, 2.5, -0.0703125]
DIAGONAL = [40.0, 24.0, -8.0, 0.5]
STATE: dict[str, Any] = {
    "iteration": 7,
    "first_moment": [0.125, -0.3125, 0.75, 0.00390625],
    "hessian_diagonal": [6.25, 96.0, 2.0, 0.0625],
}


def compute(choices: Sequence[str], inputs: dict[str, Any]) -> Quantities:
    """Return the step's quantities, from sums with one term."""
    settings, state, t = inputs["settings"], inputs["state"], inputs["state"]["iteration"]
    m = memory(settings, state["first_moment"], [inputs["gradient"]])
    h = state["hessian_diagonal"]
    if refreshes_at(settings, t):
        h = curvature(settings, h, [inputs["diagonal"]])
    seen = state["hessian_diagonal"] if STEP_FIRST in choices else h
    d, clipped = direction(settings, t, m, seen, inputs["theta"], choices)
    return {
        "state.hessian_diagonal": h,
        "state.first_moment": m,
        "clipped": clipped,
        "direction": d,
        "theta_next": add(inputs["theta"], d),
        "state.iteration": t + 1,
        "_margins": _margins(choices, settings, t, m, seen),
    }


def _margins(
    choices: Sequence[str], settings: Mapping[str, Any], t: int, m: Vector, h: Vector
) -> list[Number | None]:
    """Return how far each |m| is from max(rho h, epsilon)."""
    scale = correction(settings["beta1"], t + 1) if CORRECTED in choices else mpf(1)
    limits = [scale * max(settings["rho"] * x, settings["epsilon"]) for x in h]
    return [margin(abs(x), limit) for x, limit in zip(m, limits, strict=True)]


def textbook_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare with Algorithm 3 as it is written: decay, then eta clip(m / max(rho h, epsilon), 1)."""
    s, state, t = inputs["settings"], inputs["state"], inputs["state"]["iteration"]
    eta, b1, b2 = rate(s, t), s["beta1"], s["beta2"]
    worst, found = mpf(0), []
    for i, (x, g) in enumerate(zip(inputs["theta"], inputs["gradient"], strict=True)):
        m = b1 * state["first_moment"][i] + (1 - b1) * g
        h = state["hessian_diagonal"][i]
        if inputs["diagonal"] is not None:
            h = b2 * h + (1 - b2) * inputs["diagonal"][i]
        ratio = m / max(s["rho"] * h, s["epsilon"])
        found.append(x - eta * s["weight_decay"] * x - eta * min(max(ratio, -1), 1))
        worst = max(
            worst, abs(m - outputs["state.first_moment"][i]), abs(h - outputs["state.hessian_diagonal"][i])
        )
    return max(worst, defect(found, outputs["theta_next"]))


def _rules(zero: tuple[str, ...], certain: str = "") -> dict[str, Rule]:
    def close(name: str, terms: int, why: str) -> Close:
        return Close(scale=1.0 if name in zero else None, terms=terms, why=why)

    return {
        "state.hessian_diagonal": close("state.hessian_diagonal", 2, "two products and a sum per component"),
        "state.first_moment": close("state.first_moment", 2, "two products and a sum per component"),
        "clipped": Exact(margin="_margins", compared="|m|", certain=certain, words=("kept", "clipped")),
        "direction": close("direction", 6, "six rounded operations per component"),
        "theta_next": Close(
            scale=lambda i, o: norm(i["theta"]) + norm(o["direction"]),
            terms=6,
            why="one addition to the direction, measured by |theta| + |direction|",
        ),
        "state.iteration": Exact(certain="a count"),
    }


def _choices(settings: Mapping[str, Any], iteration: int) -> list[tuple[str, ...]]:
    """Return the choices under which the answer is another one."""
    order = (STEP_FIRST,) if refreshes_at(settings, iteration) else ()
    moment = (CORRECTED,) if settings["beta1"] else ()
    return [choice for choice in dict.fromkeys((order, moment + order)) if choice]


def _case(
    what: str, comment: str, flags: tuple[str, ...], *, state: Mapping[str, Any] = STATE,
    gradient: list[float] = GRADIENT, diagonal: list[float] | None = None, theta: list[float] = THETA,
    dtype: str = "float64", zero: tuple[str, ...] = (), moved: bool = True, **settings: Any,
) -> Case:  # fmt: skip
    chosen_settings = {**(SETTINGS if dtype == "float64" else SINGLE), **settings}
    rules = _rules(zero, "" if moved else "every number is exact in binary")
    return Case(
        id=f"sophia.sophia_step.L3.{what}",
        op="sophia_step",
        level="L3",
        source=SOURCE,
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs={
            "settings": chosen_settings,
            "theta": theta,
            "gradient": gradient,
            "state": dict(state),
            "diagonal": diagonal,
        },
        compute=partial(compute, ()),
        rules=rules,
        alternatives={
            ",".join(chosen): Alternative(partial(compute, chosen), rules)
            for chosen in _choices(chosen_settings, state["iteration"])
        },
        perturb=("theta", "gradient", "state", "diagonal") if moved else ("theta",),
        checks=[Check("Algorithm 3 as written", textbook_defect)],
    )


EXACT = "(every number is exact; moved, one would cross the boundary)"


def _edges() -> list[Case]:
    """Return steps with quotients of exactly 1 and -1."""
    # m = (1/2, -1/4, 3/4, 1/8), rho h = (1/2, 1/4, 1/2, 1/4)
    edge: dict[str, Any] = {
        "state": {
            "iteration": 7,
            "first_moment": [0.75, 0.25, 0.5, 0.125],
            "hessian_diagonal": [1.0, 0.5, 1.0, 0.5],
        },
        "gradient": [0.25, -0.75, 1.0, 0.125],
        "beta1": 0.5,
        "rho": 0.5,
        "weight_decay": 0.0625,
        "moved": False,
    }
    # fmt: off
    return [
        _case("clip-at-one", f"m / (rho h) of exactly 1 and -1 is not clipped {EXACT}", ("Clip",), **edge),
        _case("float32-clip-at-one", f"the same in float32 {EXACT}", ("Clip", "Float32"), dtype="float32",
              **edge),
    ]
    # fmt: on


def cases() -> list[Case]:
    """Return the cases of single steps."""
    fresh = {"iteration": 0, "first_moment": [0.0] * 4, "hessian_diagonal": [0.0] * 4}
    at_20, empty = {**STATE, "iteration": 20}, ("state.first_moment",)
    negative = {**STATE, "hessian_diagonal": [-3.0, -0.5, -40.0, 60.0]}
    clip = {**STATE, "hessian_diagonal": [0.5, 0.25, 2.0, 1.0], "first_moment": [2.0, -3.0, 0.01, -0.002]}
    schedule = {"schedule": "exponential", "initial": 0.25, "decay": 0.5, "every": 14}
    # fmt: off
    return [
        *_edges(),
        _case("first", "t = 0 refreshes: h is (1 - beta2) times the estimate, not the estimate",
              ("Refresh", "NoCorrection"), state=fresh, diagonal=DIAGONAL),
        _case("between", "t = 7, refresh_every = 10: h stays as it is", ("Refresh", "Memory")),
        _case("refresh", "t = 20: the estimate enters h before the step uses it",
              ("Refresh", "Memory", "Order"), state=at_20, diagonal=DIAGONAL),
        _case("every-step", "refresh_every = 1", ("Refresh",), diagonal=DIAGONAL, refresh_every=1),
        _case("period-7", "t = 7, refresh_every = 7", ("Refresh",), diagonal=DIAGONAL, refresh_every=7),
        _case("clipped", "clipped at 1 and at -1, and neither: the clip is of m / (rho h), then eta",
              ("Clip",), state=clip, gradient=[1.0, -2.0, 0.03125, -0.0078125]),
        _case("newton", "rho = 1 and no average: nothing clipped, Newton's step of each coordinate",
              ("Clip",), state={**STATE, "hessian_diagonal": [2.0, 8.0, 16.0, 1.0]}, rho=1.0, beta1=0.0,
              learning_rate=1.0),
        _case("negative", "h below 0 gives epsilon: the step goes down with eta, not up along m / h",
              ("NegativeCurvature", "Clip"), state=negative),
        _case("turns-negative", "an estimate takes h below 0 in two places", ("NegativeCurvature", "Refresh"),
              state=at_20, diagonal=[-8000.0, 24.0, -16000.0, 8.0]),
        _case("zero-curvature", "h = 0: m / epsilon is clipped, and 0 / epsilon is 0",
              ("Epsilon", "ZeroGradient"),
              state={**STATE, "hessian_diagonal": [0.0] * 4, "first_moment": [0.125, 0.0, -0.5, 0.0]},
              gradient=[0.25, 0.0, -0.125, 0.0], zero=("state.hessian_diagonal",)),
        _case("epsilon", "epsilon = 1/4 is a floor of rho h, nothing that is added to it", ("Epsilon",),
              epsilon=0.25),
        _case("epsilon-tiny", "m of the size of epsilon where h = 0: not clipped", ("Epsilon",),
              state={"iteration": 3, "first_moment": [1e-13, -2e-13, 5e-12, 0.0],
                     "hessian_diagonal": [0.0, -1.0, 0.0, 0.0]},
              gradient=[2e-13, 1e-13, -3e-12, 1e-13]),
        _case("weight-decay", "eta weight_decay theta, beside the clip and outside m",
              ("WeightDecay",), weight_decay=0.25),
        _case("decay-only", "no gradient, no memory: only the decay moves theta",
              ("WeightDecay", "ZeroGradient"), state={**fresh, "iteration": 1}, gradient=[0.0] * 4,
              weight_decay=0.125, zero=(*empty, "state.hessian_diagonal")),
        _case("coasts", "no gradient: m decays and theta coasts on", ("ZeroGradient", "Memory"),
              gradient=[0.0] * 4),
        _case("no-memory", "beta1 = 0: m is the gradient", ("Memory",), beta1=0.0),
        _case("no-average", "beta2 = 0: h is the estimate", ("Memory", "Refresh"), state=at_20,
              diagonal=DIAGONAL, beta2=0.0),
        _case("schedule", "the learning rate of t = 7: 2^(-1/2) / 4", ("Schedule",), learning_rate=schedule),
        _case("scales", "curvatures from 1e-9 to 1e9", ("Scale", "Clip"),
              state={"iteration": 5, "first_moment": [1e-6, 1e4, -1e-3, 20.0],
                     "hessian_diagonal": [1e-9, 1e9, 1e3, 1e-2]},
              gradient=[1e-6, -1e3, 1e-2, 30.0]),
        _case("float32-first", "float32: the first step", ("Float32", "Refresh"), state=fresh,
              diagonal=DIAGONAL, dtype="float32"),
        _case("float32-between", "float32: a later step", ("Float32", "Memory"), dtype="float32"),
        _case("float32-refresh", "float32: a later step that refreshes", ("Float32", "Refresh"),
              state=at_20, diagonal=DIAGONAL, dtype="float32"),
    ]
    # fmt: on
