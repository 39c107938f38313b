"""Cases of free FOSI runs (L4)."""

from typing import Any

from oracles.case import Case
from oracles.fosi_runs import trajectory_case
from oracles.problems import load

EIGEN = ("eigenvalues", "theta", "lanczos_start")
RUN, LATE = ("FosiRun",), ("ScheduleOffByOne",)
# fmt: off
# (what, problem, base, its learning rate, steps, settings, flags, comment)
QUADRATIC: tuple[tuple[str, str, str, float, int, dict[str, Any], tuple[str, ...], str], ...] = (
    ("figure1", "figure1", "gradient_descent", 0.3, 12, {}, RUN,
     "the paper's Figure 1, by hand: d1 = (0.3, 0.3), d2 = (-0.18, 0.18) in the first step"),
    ("figure1-warmup", "figure1", "gradient_descent", 0.3, 12, {"warmup": 3, "refresh_every": 4}, LATE,
     "three steps of the base alone, then estimates at 3, 7, 11"),
    ("figure1-small-alpha", "figure1", "gradient_descent", 0.3, 12, {"alpha": 0.01}, ("Alpha",),
     "the Newton part contracts by 1 - alpha = 0.99"),
    ("figure1-smallest", "figure1", "gradient_descent", 0.3, 12, {"largest": 0, "smallest": 1},
     ("EmptyBlock",),
     "k = 0, l = 1: Newton on the flat direction, the base on the steep one"),
    ("figure1-base-only", "figure1", "heavy_ball", 0.1, 12, {"largest": 0}, ("EmptyBlock",),
     "k = l = 0 is the base optimizer, and no estimate is made"),
    ("figure1-all", "figure1", "adam", 0.1, 8, {"largest": 1, "smallest": 1, "alpha": 0.5}, ("NoComplement",),
     "k + l = n: the base has nothing left; without d2's projection Adam turns rounding into steps"),
    ("figure1-heavy-ball", "figure1", "heavy_ball", 0.1, 14, {"warmup": 2}, ("NewtonMomentum",),
     "momentum in the base alone, Algorithm 2 literally"),
    ("figure1-heavy-ball-both", "figure1", "heavy_ball", 0.1, 14,
     {"warmup": 2, "newton_momentum": "heavy-ball", "alpha": 0.1}, ("NewtonMomentum", "StaleMomentum"),
     "momentum in both; the velocity of the warm-up is divided at the first estimate"),
    ("figure1-nesterov-both", "figure1", "nesterov", 0.1, 14,
     {"warmup": 2, "newton_momentum": "nesterov", "alpha": 0.1}, ("NewtonMomentum", "StaleMomentum"),
     "Nesterov's filter on g1 is g1 + b v with v updated"),
    ("figure1-adam", "figure1", "adam", 0.1, 14, {}, RUN, "Algorithm 2 with Adam"),
    ("figure1-adam-ema", "figure1", "adam", 0.1, 14, {"warmup": 2, "newton_momentum": "ema"},
     ("NewtonMomentum",),
     "an average without bias correction on g1, as in the published code"),
    ("figure1-rmsprop", "figure1", "rmsprop", 0.05, 14, {}, RUN, "Algorithm 2 with RMSProp"),
    ("indefinite", "indefinite-6", "gradient_descent", 0.1, 8, {"smallest": 1, "alpha": 0.5},
     ("AbsEigenvalue",),
     "lambda = -4 among the pairs: its component grows by 1 + alpha instead of going to the saddle"),
    ("indefinite-heavy-ball", "indefinite-6", "heavy_ball", 0.05, 10,
     {"largest": 2, "smallest": 2, "warmup": 2, "refresh_every": 3, "newton_momentum": "heavy-ball",
     "alpha": 0.1},
     ("AbsEigenvalue", "StaleMomentum"), "momentum on negative curvature, three estimates"),
    ("indefinite-smallest", "indefinite-6", "adam", 0.05, 8, {"largest": 0, "smallest": 2, "alpha": 0.25},
     ("AbsEigenvalue", "EmptyBlock"), "k = 0: both pairs negative"),
    ("indefinite-all", "indefinite-6", "gradient_descent", 0.1, 6,
     {"largest": 3, "smallest": 3, "alpha": 0.5},
     ("NoComplement", "AbsEigenvalue"), "k + l = n: saddle-free Newton with alpha"),
    ("clustered", "clustered-12", "gradient_descent", 0.15, 8, {"largest": 4}, ("ScalingRatio",),
     "the three largest form a cluster; with lambda_4 the ratio is 2"),
    ("clustered-inside", "clustered-12", "gradient_descent", 0.15, 8, {"largest": 3, "smallest": 3},
     ("Cluster",),
     "k and l at the edges of the clusters"),
    ("clustered-closed", "clustered-12", "heavy_ball", 0.05, 8,
     {"largest": 4, "smallest": 3, "scaling": "closed-form"}, ("ScalingClosedForm",),
     "heavy ball's closed form with both ends estimated"),
    ("clustered-closed-nesterov", "clustered-12", "nesterov", 0.05, 8,
     {"largest": 5, "smallest": 3, "scaling": "closed-form", "max_scaling": 2.0}, ("ScalingClip",),
     "Nesterov's closed form, clipped at c = 2"),
    ("blocks-heavy-ball", "blocks-12", "heavy_ball", 0.05, 10,
     {"largest": 2, "warmup": 2, "refresh_every": 4, "newton_momentum": "heavy-ball", "alpha": 0.1},
     ("StaleMomentum",), "a linear term, momentum on both parts, estimates at 2 and 6"),
    ("blocks-nesterov", "blocks-12", "nesterov", 0.05, 10, {"largest": 3, "steps": 12}, ("ScalingRatio",),
     "exact pairs: m = n given as a setting"),
    ("blocks-unconverged", "blocks-12", "gradient_descent", 0.1, 6,
     {"largest": 2, "steps": 4, "refresh_every": 3},
     ("Unconverged", "ScalingUnconverged"),
      "four Lanczos steps of twelve: Ritz pairs, residuals too large to scale"),
    ("blocks-unconverged-scaled", "blocks-12", "gradient_descent", 0.1, 6,
     {"largest": 2, "steps": 4, "refresh_every": 3, "max_residual": 10.0}, ("Unconverged", "ScalingRatio"),
     "the same with any residual allowed"),
    ("singular", "singular-20", "gradient_descent", 0.5, 6, {"largest": 2}, ("Breakdown",),
     "rank 3: Lanczos breaks down after four steps of eight"),
    ("singular-clamped", "singular-20", "gradient_descent", 0.5, 6,
     {"largest": 2, "smallest": 1, "epsilon": 0.125}, ("EpsilonClamp", "Breakdown"),
     "lambda = 0 among the pairs: u = 1/(epsilon lambda_1)"),
    ("psd-ten-all", "psd-ten", "gradient_descent", 0.1, 5, {"largest": 10, "alpha": 0.5}, ("NoComplement",),
     "k = n, 4(k + l) > n: m = n; the published code returns 5474 as the largest eigenvalue (claim K1)"),
    ("repeated-krylov", "repeated-8", "gradient_descent", 0.15, 6, {"largest": 2}, ("Multiplicity",),
     "one copy of each eigenvalue: 5 and 1, not 5 and 5"),
    ("repeated-full", "repeated-8", "gradient_descent", 0.15, 6, {"largest": 2, "multiplicity": "full"},
     ("Multiplicity",), "every copy: 5 and 5; their plane is unique, the vectors in it are not"),
    ("identity", "identity-6", "gradient_descent", 0.3, 6, {"alpha": 0.5}, ("Breakdown",),
     "H = I: breakdown after one step, V is the start vector"),
    ("hidden", "hidden-3", "gradient_descent", 0.1, 6, {}, ("Breakdown",),
     "the start vector does not see lambda = 9: V belongs to 2 (claim K3)"),
    ("single", "single-1", "adam", 0.1, 6, {"alpha": 0.5}, ("NoComplement",), "n = 1: m = 1, scaled Newton"),
    ("offdiagonal", "offdiagonal-2", "adam", 0.1, 30, {"refresh_every": 100}, RUN,
     "claim E5: FOSI-Adam, which Adam alone overtakes here"),
    ("slow-newton", "slow-newton-2", "gradient_descent", 1.0, 20, {"alpha": 0.01}, ("Alpha",),
     "errata E7: alpha = 0.01 is far slower than the base would be on the steep direction"),
    ("saddle", "saddle-3", "gradient_descent", 0.1, 8, {"smallest": 1, "alpha": 0.7}, ("AbsEigenvalue",),
     "errata E14: eigenvalues of the preconditioned Hessian 0.7, 0.1, -0.7"),
)
CURVED: tuple[tuple[str, str, str, float, int, dict[str, Any], tuple[str, ...], str], ...] = (
    ("rosenbrock", "rosenbrock-2", "gradient_descent", 0.001, 10,
     {"refresh_every": 2, "warmup": 1, "alpha": 0.5},
     RUN, "the valley turns: V is estimated at every second step"),
    ("rosenbrock-adam", "rosenbrock-5", "adam", 0.02, 8, {"smallest": 1, "refresh_every": 3, "alpha": 0.25},
     RUN,
     "k = l = 1 of five parameters"),
    ("logistic-heavy-ball", "logistic-7x4", "heavy_ball", 0.2, 14,
     {"largest": 2, "warmup": 2, "refresh_every": 4, "newton_momentum": "heavy-ball", "alpha": 0.1},
     ("StaleMomentum", "ScalingRatio"), "V turns between the estimates: both velocities are divided anew"),
    ("logistic-adam-ema", "logistic-7x4", "adam", 0.1, 14,
     {"largest": 1, "warmup": 2, "refresh_every": 4, "newton_momentum": "ema"}, ("StaleMomentum",),
     "the first moment is divided anew, the second keeps the squares of old g2"),
    ("logistic-rmsprop", "logistic-7x4", "rmsprop", 0.05, 12, {"refresh_every": 3}, RUN,
     "no momentum at all"),
    ("logistic-closed", "logistic-7x4", "gradient_descent", 0.3, 12,
     {"largest": 2, "smallest": 1, "scaling": "closed-form", "refresh_every": 5}, ("ScalingClosedForm",),
     "the scaling changes at every estimate"),
    ("network", "tanh-network-18", "gradient_descent", 0.1, 8,
     {"largest": 2, "smallest": 1, "refresh_every": 5, "warmup": 1, "alpha": 0.25},
     ("Unconverged", "AbsEigenvalue"),
     "twelve Lanczos steps of eighteen, negative curvature"),
    ("log-cosh-nesterov", "log-cosh-rotated-6", "nesterov", 0.1, 10,
     {"largest": 2, "refresh_every": 3, "newton_momentum": "nesterov", "alpha": 0.2}, ("StaleMomentum",),
     "separable in rotated coordinates"),
    ("himmelblau", "himmelblau", "heavy_ball", 0.002, 12, {"refresh_every": 3, "alpha": 0.5}, RUN,
     "four minimizers, V turns quickly"),
)
# fmt: on
REPEATED = ("singular", "singular-clamped", "repeated-krylov", "repeated-full", "identity", "hidden")


def _case(
    what: str, problem: str, base: str, rate: float, steps: int, settings: dict[str, Any],
    flags: tuple[str, ...], comment: str,
) -> Case:  # fmt: skip
    return trajectory_case(
        "fosi_run", what, problem, base, comment, flags, rates={"learning_rate": rate},
        start=load(problem).start(), steps=steps, settings=settings,
        moving=EIGEN if what in REPEATED else None,
    )  # fmt: skip


def cases() -> list[Case]:
    """Return the cases of free runs."""
    quadratic = [_case(what, f"quadratic-{problem}", *rest) for what, problem, *rest in QUADRATIC]  # type: ignore[arg-type]
    return [*quadratic, *(_case(*row) for row in CURVED)]
