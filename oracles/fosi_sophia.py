"""FOSI over Sophia: single steps with a given diagonal (L3), directions and free runs with estimates (L4).

Numbers are dyadic where that costs nothing. In the steps m / max(rho h, epsilon) is far from 1 in every
component, so that clipped and unclipped ones are known by looking at the inputs.
"""

from typing import Any

from oracles.bases import draws
from oracles.case import Case
from oracles.fosi_given import TWICE, path
from oracles.fosi_runs import trajectory_case
from oracles.fosi_step_cases import ANY, INSIDE, MIXED, REST, SIX, TWO, case_of, generic, hadamard
from oracles.problems import load

SOPHIA = "sophia"
DIAGONAL, CLIP, PROBES = ("HessianDiagonal",), ("SophiaClip",), ("DiagonalProbes",)
# m = g/2 + m_old/2, h = estimate/2 + h_old/2: ratios of the size of g / H_ii
SHORT = 8  # of the points of `fosi_given`: two spectra and three diagonals fit in
QUICK = {"beta1": 0.5, "beta2": 0.5, "rho": 1.0, "epsilon": 2.0**-20}
WARMUP = {"schedule": "linear_warmup", "after": 0.25, "steps": 4, "start": 0.125}
FLAT, STEEP = [0.015625, 0.03125, 0.0625, 0.0078125], [64.0, 24.0, 40.0, 16.0]


def later(memory: list[float], diagonal: list[float], iteration: int) -> dict[str, Any]:
    """Return the options of a step at `iteration`, from a base with these memories."""
    base = {"iteration": iteration, "first_moment": memory, "hessian_diagonal": diagonal}
    return {"state": {"newton_velocity": [0.0] * 4, "base": base}, "iteration": iteration}


def moving(memory: list[float], diagonal: list[float], iteration: int) -> dict[str, Any]:
    """Return the same with a velocity of the Newton part, in span V."""
    options = later(memory, diagonal, iteration)
    return options | {"state": {**options["state"], "newton_velocity": INSIDE}}


# fmt: off
# (what, flags, spectrum, options, comment)
STEP_TABLE: tuple[tuple[str, tuple[str, ...], dict[str, Any], dict[str, Any], str], ...] = (
    ("first-sophia", (*DIAGONAL, *CLIP, "MissingProjection"), generic(MIXED, 2),
     {**SIX, "diagonal": [0.0625, 8.0, 40.0, -8.0, 0.25, 16.0], "rates": QUICK},
     "t = 0: h is half the estimate before the step uses it; three components are clipped, three are not"),
    ("first-sophia-default", (*DIAGONAL, *CLIP), hadamard(TWO, 2), {"diagonal": [40.0, 24.0, 8.0, 0.5]},
     "the usual rho and decays: every component is clipped, and d2 keeps of the signs what is outside V"),
    ("between-sophia", DIAGONAL, hadamard(TWO, 2), {**later(ANY, STEEP, 7), "rates": QUICK},
     "t = 7, refresh_every = 10: h stays, nothing is clipped, Newton's step of each coordinate is projected"),
    ("refresh-sophia", DIAGONAL, hadamard(TWO, 2),
     {**later(ANY, STEEP, 20), "diagonal": [8.0, 32.0, 16.0, 24.0], "rates": QUICK},
     "t = 20: the estimate of the whole diagonal enters h, not that of its part outside V"),
    ("clipped-sophia", CLIP, hadamard(TWO, 2), {**later(ANY, FLAT, 7), "rates": QUICK},
     "every component is clipped: d_b is eta in size everywhere, d2 is not"),
    ("negative-sophia", (*CLIP, *DIAGONAL), hadamard(MIXED, 2),
     {**later(ANY, [-3.0, 40.0, -0.5, 60.0], 7), "rates": QUICK},
     "h below 0 in two places: the floor there, steps of eta down the average"),
    ("empty-sophia", ("EmptyBlock", *DIAGONAL), hadamard([], 0),
     {**later(ANY, STEEP, 20), "diagonal": [8.0, 32.0, -16.0, 24.0], "rates": QUICK},
     "k = l = 0, or warm-up: Sophia exactly, which takes its estimates in all the same"),
    ("momentum-first-sophia-ema", ("NewtonMomentum", *DIAGONAL), hadamard(TWO, 2),
     {"diagonal": STEEP, "rates": QUICK, "settings": {"newton_momentum": "ema", "alpha": 0.5}},
     "first step: the filter on g1 takes Sophia's beta1"),
    ("momentum-later-sophia-ema", ("NewtonMomentum",), hadamard(TWO, 2),
     {**moving(REST, STEEP, 7), "rates": QUICK, "settings": {"newton_momentum": "ema", "alpha": 0.5}},
     "later step: averages on both parts"),
    ("float32-sophia", ("Float32", *DIAGONAL), hadamard(TWO, 2),
     {**later(REST, STEEP, 20), "diagonal": [8.0, 32.0, 16.0, 24.0], "dtype": "float32",
      "rates": {"refresh_every": 4}},
     "float32 throughout, a step with an estimate"),
)
# (what, problem, settings of the base, settings, flags, comment, options)
GIVEN: tuple[tuple[str, str, dict[str, Any], dict[str, Any], tuple[str, ...], str, dict[str, Any]], ...] = (
    ("logistic-sophia", "logistic-7x4", {**QUICK, "refresh_every": 3}, {**TWICE, "largest": 2}, DIAGONAL,
     "diagonals at 0, 3 and 6, in the warm-up and between the spectra of 2 and 6", {}),
    ("logistic-sophia-every-step", "logistic-7x4", {**QUICK, "refresh_every": 1},
     {"warmup": 1, "refresh_every": 6, "largest": 1}, DIAGONAL, "a diagonal in every step, a spectrum in two",
     {}),
    ("logistic-sophia-rare", "logistic-7x4", {**QUICK, "refresh_every": 5},
     {"refresh_every": 1, "largest": 1, "smallest": 1}, DIAGONAL, "a spectrum in every step, two diagonals",
     {}),
    ("logistic-sophia-ema", "logistic-7x4", {**QUICK, "refresh_every": 5},
     {**TWICE, "largest": 2, "newton_momentum": "ema"}, ("StaleMomentum", *DIAGONAL),
     "m is divided anew at a new spectrum, h is not", {}),
    ("logistic-sophia-clipped", "logistic-7x4", {"refresh_every": 4}, {**TWICE, "largest": 1}, CLIP,
     "the usual rho: everything is clipped", {}),
    ("logistic-sophia-unclipped", "logistic-7x4", {**QUICK, "rho": 32.0, "refresh_every": 4},
     {**TWICE, "largest": 1, "smallest": 1}, DIAGONAL, "rho = 32: nothing is clipped", {}),
    ("logistic-sophia-schedule", "logistic-7x4", {**QUICK, "learning_rate": WARMUP, "refresh_every": 4},
     {**TWICE, "largest": 1}, ("ScheduleOffByOne", *DIAGONAL),
     "Sophia's schedule counts all its steps, warm-up included", {}),
    ("logistic-sophia-base-only", "logistic-7x4", {**QUICK, "refresh_every": 4}, {**TWICE, "largest": 0},
     ("EmptyBlock", *DIAGONAL), "k = l = 0: no spectrum, yet diagonals", {}),
    ("logistic-sophia-probes", "logistic-7x4", {**QUICK, "refresh_every": 5}, {**TWICE, "largest": 2}, PROBES,
     "u o (H u) of a probe for each of two estimates: the diagonal and what stands beside it",
     {"probes": (221, 2)}),
    ("network-sophia", "tanh-network-18", {**QUICK, "refresh_every": 2},
     {"warmup": 1, "refresh_every": 4, "largest": 2, "smallest": 1}, ("Unconverged", *DIAGONAL, *CLIP),
     "diagonals of both signs beside unconverged pairs", {}),
    ("float32-sophia", "logistic-7x4", {**QUICK, "refresh_every": 3}, {**TWICE, "largest": 2},
     ("Float32", *DIAGONAL), "float32 points and diagonals, Lanczos in float64", {}),
)
FREE: tuple[
    tuple[str, str, int, dict[str, Any], dict[str, Any], tuple[str, ...], str, dict[str, Any]], ...
] = (
    ("figure1-sophia", "quadratic-figure1", 10, {**QUICK, "learning_rate": 0.0625, "refresh_every": 2},
     {"alpha": 0.5, "warmup": 1}, (*DIAGONAL, "FosiRun"),
     "both entries of the diagonal are 2.5, though 4 is taken by Newton", {}),
    ("logistic-sophia", "logistic-7x4", 14, {**QUICK, "learning_rate": 0.25, "refresh_every": 3},
     {"largest": 2, "warmup": 2, "refresh_every": 4, "alpha": 0.5}, (*DIAGONAL, "FosiRun"),
     "diagonals at 0, 3, 6, 9, 12, spectra at 2, 6, 10", {}),
    ("logistic-sophia-schedule", "logistic-7x4", 7,
     {**QUICK, "learning_rate": WARMUP, "refresh_every": 3},
     {"largest": 2, "refresh_every": 5, "alpha": 0.25},
     ("ScheduleOffByOne", *DIAGONAL), "a rate that grows for four steps", {}),
    ("logistic-sophia-ema", "logistic-7x4", 12, {**QUICK, "learning_rate": 0.25, "refresh_every": 4},
     {"largest": 1, "warmup": 2, "refresh_every": 3, "newton_momentum": "ema", "alpha": 0.25},
     ("StaleMomentum", *DIAGONAL), "Sophia's first moment is divided anew at 2, 5, 8 and 11", {}),
    ("indefinite-sophia", "quadratic-indefinite-6", 10, {"learning_rate": 0.0625, "refresh_every": 4},
     {"smallest": 1, "alpha": 0.25, "refresh_every": 3}, ("AbsEigenvalue", *CLIP),
     "negative curvature left to the base: sign steps away from the saddle", {}),
    ("rosenbrock-sophia", "rosenbrock-5", 10,
     {"beta1": 0.5, "beta2": 0.5, "rho": 0.25, "learning_rate": 0.03125, "refresh_every": 2},
     {"refresh_every": 3, "alpha": 0.25}, (*DIAGONAL, *CLIP), "a valley that turns, some components clipped",
     {}),
    ("network-sophia-probes", "tanh-network-18", 8, {**QUICK, "learning_rate": 0.03125, "refresh_every": 3},
     {"largest": 2, "refresh_every": 5, "warmup": 1, "alpha": 0.25}, ("Unconverged", *PROBES),
     "a network, a probe for each of three estimates", {"probes": (222, 3)}),
)
# fmt: on


def signs(seed: int, count: int, n: int) -> list[list[float]]:
    """Return Rademacher probes: signs of drawn numbers."""
    numbers = draws(seed, count * n)
    return [[1.0 if x >= 0 else -1.0 for x in numbers[i * n : (i + 1) * n]] for i in range(count)]


def _options(problem: str, options: dict[str, Any]) -> dict[str, Any]:
    if "probes" not in options:
        return options
    seed, count = options["probes"]
    return {**options, "probes": signs(seed, count, load(problem).n)}


def cases() -> list[Case]:
    """Return the cases with Sophia as the base."""
    steps = [
        case_of(what, SOPHIA, comment, flags, spectrum, **options)
        for what, flags, spectrum, options, comment in STEP_TABLE
    ]
    given = []
    for what, problem, rates, settings, flags, comment, options in GIVEN:
        dtype = "float32" if what.startswith("float32") else "float64"
        points = path(problem, dtype)[:SHORT]
        given.append(
            trajectory_case(
                "fosi_directions", what, problem, SOPHIA, comment, flags, rates=rates, start=points,
                settings=settings, dtype=dtype, **_options(problem, options),
            )
        )  # fmt: skip
    free = [
        trajectory_case(
            "fosi_run", what, problem, SOPHIA, comment, flags, rates=rates, start=load(problem).start(),
            steps=steps, settings=settings, **_options(problem, options),
        )
        for what, problem, steps, rates, settings, flags, comment, options in FREE
    ]  # fmt: skip
    return [*steps, *given, *free]
