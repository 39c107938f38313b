"""FOSI whose estimates use another minibatch than its gradients (L4): `curvature_problem`.

Two minibatches of a data set have different Hessians, hence different V, u and diagonals; whatever uses the
wrong one is far off. The pairs are complete, so that they can be put into H v = lambda v.
"""

from typing import Any

from oracles.case import Case
from oracles.fosi_given import TWICE, path
from oracles.fosi_runs import trajectory_case
from oracles.fosi_sophia import QUICK, SHORT, signs
from oracles.problems import load

BATCH = ("CurvatureBatch",)
LOGISTIC, NETWORK = "logistic-7x4", "tanh-network-18"
SOPHIA: dict[str, Any] = {**QUICK, "refresh_every": 3}
# fmt: off
# (what, base, its settings, settings, flags, comment, options)
GIVEN: tuple[tuple[str, str, dict[str, Any], dict[str, Any], tuple[str, ...], str, dict[str, Any]], ...] = (
    ("logistic-curvature", "gradient_descent", {}, {**TWICE, "largest": 2}, BATCH,
     "V and u of five samples, gradients of seven others", {}),
    ("logistic-curvature-heavy-ball", "heavy_ball", {},
     {**TWICE, "largest": 1, "newton_momentum": "heavy-ball"}, (*BATCH, "StaleMomentum"),
     "the momentum is divided by the other minibatch's V", {}),
    ("logistic-curvature-closed", "nesterov", {},
     {**TWICE, "largest": 2, "smallest": 1, "scaling": "closed-form"}, (*BATCH, "ScalingClosedForm"),
     "the scaling comes from the other minibatch's eigenvalues", {}),
    ("logistic-curvature-sophia", "sophia", SOPHIA, {**TWICE, "largest": 2}, (*BATCH, "HessianDiagonal"),
     "the base's diagonal is the other minibatch's too", {}),
    ("logistic-curvature-sophia-probes", "sophia", SOPHIA, {**TWICE, "largest": 1},
     (*BATCH, "DiagonalProbes"), "probes of the other minibatch's Hessian", {"probes": signs(223, 3, 4)}),
    ("float32-curvature", "gradient_descent", {}, {**TWICE, "largest": 2}, (*BATCH, "Float32"),
     "float32 points, two minibatches", {}),
)
FREE: tuple[tuple[str, str, str, int, dict[str, Any], dict[str, Any], tuple[str, ...], str], ...] = (
    ("logistic-curvature", LOGISTIC, "gradient_descent", 12, {"learning_rate": 0.3},
     {"largest": 2, "warmup": 2, "refresh_every": 4, "alpha": 0.5}, (*BATCH, "FosiRun"),
     "d1 is no Newton step of the minibatch it walks on"),
    ("logistic-curvature-adam", LOGISTIC, "adam", 12, {"learning_rate": 0.0625},
     {"largest": 1, "smallest": 1, "refresh_every": 3, "newton_momentum": "ema", "alpha": 0.25},
     (*BATCH, "StaleMomentum"), "estimates of the other minibatch at 0, 3, 6 and 9"),
    ("logistic-curvature-sophia", LOGISTIC, "sophia", 12, {**SOPHIA, "learning_rate": 0.25},
     {"largest": 2, "warmup": 2, "refresh_every": 4, "alpha": 0.5}, (*BATCH, "HessianDiagonal"),
     "spectrum and diagonal of the other minibatch, at iterations of their own"),
    ("network-curvature", NETWORK, "gradient_descent", 6, {"learning_rate": 0.0625},
     {"largest": 2, "smallest": 1, "steps": 18, "refresh_every": 4, "alpha": 0.25}, BATCH,
     "a network, negative curvature of the other minibatch"),
)
# fmt: on


def cases() -> list[Case]:
    """Return the cases with two minibatches."""
    given = []
    for what, base, rates, settings, flags, comment, options in GIVEN:
        dtype = "float32" if what.startswith("float32") else "float64"
        given.append(
            trajectory_case(
                "fosi_directions", what, LOGISTIC, base, comment, flags, rates=rates, settings=settings,
                start=path(LOGISTIC, dtype)[:SHORT], dtype=dtype, curvature=f"{LOGISTIC}-second", **options,
            )
        )  # fmt: skip
    free = [
        trajectory_case(
            "fosi_run", what, problem, base, comment, flags, rates=rates, settings=settings, steps=steps,
            start=load(problem).start(), curvature=f"{problem}-second",
        )
        for what, problem, base, steps, rates, settings, flags, comment in FREE
    ]  # fmt: skip
    return [*given, *free]
