"""Single FOSI steps from a given spectrum and state (L3).

Another route than the update's sweeps: with the matrices N = V V' and K = alpha V diag(u) V' the step is

    d1 = -K g1_filtered,    d2 = scaling (I - N) d_b(g2),    g2 = (I - N) g,

V being taken as it is given, orthonormal to rounding. The check is Lemma 1's form theta - P^-1 g: the
complement's basis W is made explicit and P^-1 = [V W] blkdiag(alpha diag u, scaling eta M) [V W]',
M = W' diag(q) W, with q read off the base. It needs no eigenpairs: any orthonormal V and any u serve.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mpmath import mpf

from oracles.averages import decayed
from oracles.case import Array, Case, Check, Quantities
from oracles.fosi_bases import (
    CITATIONS,
    SOPHIA,
    advance,
    direction,
    first_state,
    memories,
    settings_of,
)
from oracles.fosi_choices import alternatives
from oracles.fosi_scaling import rate_scaling
from oracles.fosi_split import complement_of, curvature_inverse, default_epsilon, filter_of, filtered
from oracles.fosi_step_rules import rules_of
from oracles.precision import (
    Matrix,
    Number,
    Vector,
    add,
    combine,
    dot,
    matmul,
    matvec,
    norm,
    subtract,
    times,
    transpose,
)
from oracles.recurrence import defect

SETTINGS: dict[str, Any] = {
    "alpha": 1.0,
    "newton_momentum": "none",
    "newton_decay": None,
    "scaling": "ratio",
    "max_scaling": 3.0,
    "max_residual": 0.0078125,
    "epsilon": 2.0**-33,
}


Inverse = Callable[[Vector, Number], Vector]


def _pairs(
    inputs: Mapping[str, Any], dtype: str, inverse: Inverse = curvature_inverse
) -> tuple[Matrix, Vector, Number]:
    """Return V (n, k+l), u and the scaling."""
    given, settings = inputs["spectrum"], inputs["settings"]
    epsilon = default_epsilon(dtype) if settings["epsilon"] is None else settings["epsilon"]
    scaling = rate_scaling(
        inputs["base"]["optimizer"], given["eigenvalues"], given["residuals"],
        given["num_largest"], given["num_smallest"], settings,
    )  # fmt: skip
    return given["eigenvectors"], inverse(given["eigenvalues"], epsilon), scaling


def compute(dtype: str, inputs: dict[str, Any], inverse: Inverse = curvature_inverse) -> Quantities:
    """Return every quantity of the step, from the dense matrices N and K; `inverse` gives u."""
    g, theta, settings = inputs["gradient"], inputs["theta"], inputs["settings"]
    base, base_settings = inputs["base"]["optimizer"], inputs["base"]["settings"]
    vectors, u, scaling = _pairs(inputs, dtype, inverse)
    n = len(g)
    rows = transpose(vectors) if u else []
    inside = [[mpf(0)] * n for _ in range(n)]
    newton = [[mpf(0)] * n for _ in range(n)]
    for v, factor in zip(rows, u, strict=True):
        for i in range(n):
            for j in range(n):
                inside[i][j] += v[i] * v[j]
                newton[i][j] += settings["alpha"] * factor * v[i] * v[j]
    outside = [[(i == j) - inside[i][j] for j in range(n)] for i in range(n)]
    g1, g2 = matvec(inside, g), matvec(outside, g)
    kind, decay, weight = filter_of(settings, base, base_settings)
    state = inputs["state"]
    velocity = state["newton_velocity"]
    if kind != "none":
        velocity = decayed(velocity, [g1], decay, weight)
    g1_filtered = filtered(kind, decay, g1, velocity)
    estimates = [inputs["diagonal"]] if "diagonal" in inputs else []
    after = memories(base, base_settings, state["base"], [g2], estimates)
    d_b = direction(base, base_settings, after, g2, theta)
    d1 = times(mpf(-1), matvec(newton, g1_filtered))
    d2 = times(scaling, matvec(outside, d_b))
    return {
        "scaling": scaling,
        "gradient_in": g1,
        "gradient_out": g2,
        "newton_gradient": g1_filtered,
        "newton_direction": d1,
        "base_direction_raw": d_b,
        "base_direction": d2,
        "theta_next": add(theta, add(d1, d2)),
        "state.newton_velocity": velocity,
        **{f"state.base.{name}": value for name, value in after.items()},
    }


def compute_noise(dtype: str, inputs: dict[str, Any]) -> Quantities:
    """Return what does not depend on rounding where g2 is nothing but that."""
    found = compute(dtype, inputs)
    names = (
        "scaling",
        "gradient_in",
        "newton_direction",
        "base_direction",
        "theta_next",
        "state.base.iteration",
    )
    return {name: found[name] for name in names}


def lemma_defect(dtype: str, inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare theta_next with theta - P^-1 g, P^-1 as in Lemma 1 with an explicit basis of the complement."""
    vectors, u, scaling = _pairs(inputs, dtype)
    g, n = inputs["gradient"], len(inputs["gradient"])
    rows = transpose(vectors) if u else []
    w = complement_of(rows, n)
    q = [
        -d / x if x else mpf(0)
        for d, x in zip(outputs["base_direction_raw"], outputs["gradient_out"], strict=True)
    ]
    middle = matmul([[a * b for a, b in zip(row, q, strict=True)] for row in w], transpose(w)) if w else []
    inner = [dot(row, g) for row in w]
    step = [mpf(0)] * n
    for row, c in zip(w, matvec(middle, inner), strict=True):
        step = add(step, row, scaling * c)
    for v, factor in zip(rows, u, strict=True):
        step = add(step, v, inputs["settings"]["alpha"] * factor * dot(v, g))
    return norm(add(subtract(outputs["theta_next"], inputs["theta"]), step)) / norm(step)


def loop_defect(dtype: str, inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare d1, d2 and the base's memories with Algorithm 2 as written: x - V (V'x), Algorithm 3 inside."""
    vectors, u, scaling = _pairs(inputs, dtype)
    base, base_settings, state = inputs["base"]["optimizer"], inputs["base"]["settings"], inputs["state"]
    g, settings = inputs["gradient"], inputs["settings"]
    rows = transpose(vectors) if u else []

    def along(coefficients: Vector) -> Vector:
        return combine(rows, coefficients) if rows else [mpf(0)] * len(g)

    def inside(x: Vector) -> Vector:
        return along([dot(v, x) for v in rows])

    kind, decay, weight = filter_of(settings, base, base_settings)
    g1, velocity = inside(g), state["newton_velocity"]
    if kind != "none":
        velocity = [decay * a + weight * b for a, b in zip(velocity, g1, strict=True)]
    c = [dot(v, filtered(kind, decay, g1, velocity)) for v in rows]
    d1 = along([-settings["alpha"] * a * b for a, b in zip(u, c, strict=True)])
    g2 = subtract(g, g1)
    d_b, after = advance(base, base_settings, state["base"], g2, inputs["theta"], inputs.get("diagonal"))
    d2 = times(scaling, subtract(d_b, inside(d_b)))
    pairs = [(d1, outputs["newton_direction"]), (d2, outputs["base_direction"])]
    pairs += [(after[name], outputs[f"state.base.{name}"]) for name in after if name != "iteration"]
    return max(defect(a, b) for a, b in pairs)


def step_case(
    what: str, base: str, comment: str, flags: tuple[str, ...], *, spectrum: Mapping[str, Any],
    gradient: list[float], theta: list[float], settings: Mapping[str, Any], rates: Mapping[str, Any],
    state: Mapping[str, Any] | None = None, iteration: int = 0, dtype: str = "float64", noise: bool = False,
    diagonal: list[float] | None = None,
) -> Case:  # fmt: skip
    """Build a case; `state` holds newton_velocity and base where not zero, `noise` says that g2 is.

    `diagonal` is the estimate that the base takes in, if it takes one in at this iteration.
    """
    n = len(theta)
    ends = {"largest": spectrum["num_largest"], "smallest": spectrum["num_smallest"]}
    before = {"newton_velocity": [0.0] * n, "base": first_state(base, n), **(state or {})}
    inputs: dict[str, Any] = {
        "settings": {**ends, **SETTINGS, **settings},
        "base": {"optimizer": base, "settings": settings_of(base, dtype, **rates)},
        "theta": theta,
        "gradient": gradient,
        "spectrum": dict(spectrum),
        "state": {"iteration": iteration, **before},
        **({} if diagonal is None else {"diagonal": diagonal}),
    }
    chosen = compute_noise if noise else compute
    memoryless = not state and not noise and inputs["settings"]["newton_momentum"] == "none" and any(gradient)
    bound = mpf(10) ** (-13 if dtype == "float64" else -5)
    rules = rules_of(base, n, frozenset(), noise)
    lemma = Check("Lemma 1, for V orthonormal to rounding", partial(lemma_defect, dtype), bound)
    loop = Check("Algorithms 2 and 3 as written", partial(loop_defect, dtype), mpf(10) ** -35)
    return Case(
        id=f"fosi.fosi_step.L3.{what}",
        op="fosi_step",
        level="L3",
        group=f"fosi_step-{base}",
        source=f"FOSI paper, Algorithm 2, UpdateStep, and Lemma 1; {CITATIONS[base]}",
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=partial(chosen, dtype),
        rules=rules,
        perturb=("theta", "gradient", "spectrum", "state", *(["diagonal"] if diagonal is not None else [])),
        checks=[*([lemma] if memoryless else []), *([loop] if base == SOPHIA else [])],
        alternatives={} if noise else alternatives(inputs, partial(compute, dtype), rules),
    )


EMPTY = Array((4, 0))
