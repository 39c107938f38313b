"""Cases of FOSI's directions along given points (L4, teacher-forced)."""

from typing import Any

from oracles.bases import draws
from oracles.case import Case
from oracles.fosi_runs import trajectory_case
from oracles.precision import round_float32
from oracles.problems import load

STEPS = 12
TWICE: dict[str, Any] = {"warmup": 2, "refresh_every": 4}
STALE, PLAIN = ("StaleMomentum", "NewtonMomentum"), ("MissingProjection",)
# fmt: off
# (what, problem, base, settings of the base, settings, flags, comment)
TABLE: tuple[tuple[str, str, str, dict[str, Any], dict[str, Any], tuple[str, ...], str], ...] = (
    ("figure1", "quadratic-figure1", "gradient_descent", {}, TWICE, PLAIN,
     "two orthogonal parts of each step"),
    ("figure1-published-schedule", "quadratic-figure1", "gradient_descent", {},
     {"warmup": 3, "refresh_every": 5},
     ("ScheduleOffByOne",), "estimates at 3 and 8; the published code makes them at 2, 7 and 12"),
    ("logistic", "logistic-7x4", "gradient_descent", {}, {**TWICE, "largest": 2}, PLAIN,
     "the base without memory"),
    ("logistic-heavy-ball", "logistic-7x4", "heavy_ball", {}, {**TWICE, "largest": 2},
     ("StaleMomentum", "MissingProjection"),
     "no momentum on g1: the old velocity has parts in the new V, which d2's projection takes out"),
    ("logistic-heavy-ball-both", "logistic-7x4", "heavy_ball", {},
     {**TWICE, "largest": 2, "newton_momentum": "heavy-ball"}, STALE, "the same filter on both parts"),
    ("logistic-nesterov-both", "logistic-7x4", "nesterov", {},
     {**TWICE, "largest": 2, "newton_momentum": "nesterov"}, STALE, "Nesterov's filter on both parts"),
    ("logistic-adam", "logistic-7x4", "adam", {}, {**TWICE, "largest": 2}, PLAIN, "Adam sees g2 only"),
    ("logistic-adam-ema", "logistic-7x4", "adam", {}, {**TWICE, "largest": 2, "newton_momentum": "ema"},
     STALE,
     "averages on both parts; only the first moment is divided anew"),
    ("logistic-adamw-ema", "logistic-7x4", "adamw", {}, {**TWICE, "newton_momentum": "ema"}, STALE,
     "AdamW without decay is Adam"),
    ("logistic-rmsprop-ema", "logistic-7x4", "rmsprop", {},
     {**TWICE, "newton_momentum": "ema", "newton_decay": 0.75}, STALE,
     "a base without momentum: what leaves V at an estimate is forgotten"),
    ("logistic-gradient-heavy-ball", "logistic-7x4", "gradient_descent", {},
     {**TWICE, "newton_momentum": "heavy-ball", "newton_decay": 0.5}, STALE, "momentum on g1 alone"),
    ("logistic-mixed", "logistic-7x4", "heavy_ball", {},
     {**TWICE, "largest": 2, "newton_momentum": "ema", "newton_decay": 0.5}, STALE,
     "an average on g1, a sum on g2: the totals are added as they are and divided"),
    ("logistic-other-decay", "logistic-7x4", "nesterov", {"momentum": 0.5},
     {**TWICE, "newton_momentum": "heavy-ball", "newton_decay": 0.875}, STALE,
     "newton_decay is not the base's"),
    ("logistic-every-step", "logistic-7x4", "heavy_ball", {},
     {"refresh_every": 1, "largest": 2, "newton_momentum": "heavy-ball"}, STALE,
     "divided anew at every step"),
    ("logistic-smallest", "logistic-7x4", "adam", {}, {**TWICE, "largest": 0, "smallest": 2},
     ("EmptyBlock",), "k = 0"),
    ("logistic-base-only", "logistic-7x4", "adam", {}, {**TWICE, "largest": 0}, ("EmptyBlock",), "k = l = 0"),
    ("logistic-closed", "logistic-7x4", "nesterov", {},
     {**TWICE, "largest": 2, "smallest": 1, "scaling": "closed-form"}, ("ScalingClosedForm",),
     "the scaling is 1 in the warm-up and changes at each estimate"),
    ("logistic-unscaled", "logistic-7x4", "heavy_ball", {}, {**TWICE, "largest": 3, "scaling": "none"},
     ("ScalingRatio",), "scaling switched off"),
    ("logistic-schedule", "logistic-7x4", "gradient_descent",
     {"learning_rate": {"schedule": "exponential", "initial": 0.25, "decay": 0.5, "every": 4}},
     {**TWICE, "largest": 2}, ("ScheduleOffByOne",),
     "the base's schedule counts all its steps, warm-up included"),
    ("rosenbrock-nesterov", "rosenbrock-5", "nesterov", {"learning_rate": 1e-4},
     {**TWICE, "smallest": 1, "newton_momentum": "nesterov"}, STALE, "k = l = 1 of five parameters"),
    ("log-cosh-heavy-ball", "log-cosh-rotated-6", "heavy_ball", {},
     {**TWICE, "largest": 2, "newton_momentum": "heavy-ball"}, STALE, "V turns a little at each estimate"),
    ("network-heavy-ball", "tanh-network-18", "heavy_ball", {},
     {"warmup": 2, "refresh_every": 6, "largest": 2, "smallest": 1, "newton_momentum": "heavy-ball"},
     ("Unconverged", "StaleMomentum"),
     "unconverged pairs: the projector, not the eigenvalues, keeps the parts apart"),
    ("network-adam", "tanh-network-18", "adam", {}, {"refresh_every": 20, "largest": 3},
     ("Unconverged", "MissingProjection"),
     "Adam's direction leaves the complement; d2's projection brings it back"),
    ("indefinite-adam-ema", "quadratic-indefinite-6", "adam", {},
     {**TWICE, "smallest": 1, "newton_momentum": "ema"}, ("AbsEigenvalue", "NewtonMomentum"),
     "negative curvature"),
    ("clamped", "quadratic-indefinite-6", "gradient_descent", {},
     {**TWICE, "largest": 3, "smallest": 3, "epsilon": 0.5}, ("EpsilonClamp",),
     "|lambda| below 2.5 is replaced by it"),
    ("float32-heavy-ball", "logistic-7x4", "heavy_ball", {},
     {**TWICE, "largest": 2, "newton_momentum": "heavy-ball"}, ("Float32",),
     "float32 points, Lanczos in float64"),
    ("float32-adam", "logistic-7x4", "adam", {}, {**TWICE, "largest": 1}, ("Float32",),
     "float32 points, Adam"),
)
# fmt: on


def path(problem: str, dtype: str) -> list[list[float]]:
    """Return points around the problem's start, a random walk with steps of at most 1/8 per coordinate."""
    chosen = load(problem)
    n, point = chosen.n, chosen.start()
    numbers = draws(106, n * STEPS)
    out = []
    for t in range(STEPS):
        out.append([round_float32(x) if dtype == "float32" else x for x in point])
        point = [x + numbers[t * n + i] / 8 for i, x in enumerate(point)]
    return out


def cases() -> list[Case]:
    """Return the cases of directions along given points."""
    out = []
    for what, problem, base, rates, settings, flags, comment in TABLE:
        dtype = "float32" if what.startswith("float32") else "float64"
        out.append(
            trajectory_case(
                "fosi_directions",
                what,
                problem,
                base,
                comment,
                flags,
                rates=rates,
                start=path(problem, dtype),
                dtype=dtype,
                settings=settings,
            )
        )
    return out
