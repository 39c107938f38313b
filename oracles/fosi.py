"""Cases of FOSI: kernels, single steps, directions along given points, free runs, refusals.

The answers go another way than Algorithm 2's update loop. Single steps use the dense matrices V V' and
V diag(u) V' and are checked by Lemma 1's preconditioner with an explicit basis of the complement
(`fosi_steps`); trajectories are weighted sums of all gradients since an estimate, taken in the two subspaces,
each given by its own basis, and are checked by the loop (`fosi_split`); a step from vectors that a repeated
eigenvalue leaves open is stored for one choice (`fosi_refresh`); estimates come from
eigendecompositions and the closed form of Ritz vectors (`krylov`); the times of the estimates are listed
(`fosi_schedule`), and the scaling comes from bisected rates (`fosi_scaling`).
"""

from oracles import (
    fosi_curvature,
    fosi_free,
    fosi_given,
    fosi_long,
    fosi_refresh,
    fosi_refusals,
    fosi_scaling,
    fosi_schedule,
    fosi_sophia,
    fosi_step_cases,
    fosi_step_corners,
)
from oracles.case import Case

PARTS = (
    fosi_scaling,
    fosi_schedule,
    fosi_step_cases,
    fosi_step_corners,
    fosi_refresh,
    fosi_given,
    fosi_free,
    fosi_long,
    fosi_sophia,
    fosi_curvature,
    fosi_refusals,
)
METHOD = "fosi"
SOURCES = (
    *(part.__name__.removeprefix("oracles.") for part in PARTS),
    *("fosi_steps", "fosi_step_rules", "fosi_bases", "fosi_choices", "fosi_split", "fosi_runs"),
    *("sophia_method", "averages", "recurrence", "rates", "eigenchoices", "krylov"),
)
FLAGS = {
    "FosiRun": "Algorithm 2 as a whole: estimate, two directions, update",
    "ScheduleOffByOne": "estimates at t >= W with (t - W) mod T = 0, t from 0, before the update",
    "MissingProjection": "d2 = d_b - V V'd_b; without it the base moves inside span V, most with Adam",
    "AbsEigenvalue": "u = 1/|lambda|; with 1/lambda a negative eigenvalue sends the step to the saddle",
    "Alpha": "alpha belongs to the Newton part alone",
    "EpsilonClamp": "u = 1/max(|lambda|, epsilon max|lambda|); not an epsilon that is added",
    "EmptyBlock": "k = 0, l = 0 or both: empty blocks, and the base exactly when V is empty",
    "NoComplement": "k + l = n: nothing is left for the base, whose direction must be projected out",
    "NewtonMomentum": "the filter on g1: none, heavy-ball, nesterov (v updated), ema (no bias correction)",
    "StaleMomentum": "at an estimate the total momentum is divided anew between the two parts",
    "ScalingRatio": "lambda_1/lambda_k, the last of the k largest, multiplies d2 and nothing else",
    "ScalingClosedForm": "eta* of the remaining over eta* of the whole spectrum, each base's own formula",
    "ScalingClip": "the scaling is clipped to [1, c]",
    "ScalingBelowOne": "with l > 0 the closed form can fall below 1 (claim R2): then 1",
    "ScalingIndefinite": "no scaling where an end that the formula needs is not positive",
    "ScalingFewPairs": "no scaling for k <= 1",
    "ScalingBase": "no scaling for a base without closed-form rates",
    "ScalingUnconverged": "no scaling on a large residual among the k largest pairs (errata E4)",
    "HessianDiagonal": "Sophia as the base: the whole Hessian's diagonal, at the base's own iterations",
    "DiagonalProbes": "that diagonal as u o (H u), a given probe u for each estimate",
    "SophiaClip": "the base's step is clipped component by component, then projected",
    "CurvatureBatch": "spectrum and diagonal of another minibatch, gradients of the first",
    "Unconverged": "Ritz pairs that are no eigenpairs: right is what Rayleigh-Ritz gives",
    "Breakdown": "the Krylov space is exhausted early",
    "Cluster": "eigenvalues that lie close together at the edge of what is asked for",
    "Cut": "the estimate cuts through a repeated eigenvalue: the step follows from the vectors chosen",
    "Multiplicity": "one copy of a repeated eigenvalue in a Krylov space, all copies when asked for",
    "PeriodRounding": "round within 1e-9 of an integer, else up, at least 1",
    "PaperQuadratic": "the paper's own quadratics at n = 100",
    "Divergence": "rates scaled on unconverged pairs let the run diverge, as they do in the method",
    "Float32": "float32 points and vectors, Lanczos in float64",
    "Degenerate": "inputs without curvature or gradient that must not produce NaN",
    "BadInput": "settings or inputs that no run may accept in silence",
}


def cases() -> list[Case]:
    """Return all cases of the method."""
    return [case for part in PARTS for case in part.cases()]
