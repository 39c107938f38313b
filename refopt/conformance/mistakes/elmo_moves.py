"""Wrong moves of ELMO: directions, equal eigenvalues, LIPSCHITZ, the form on a subspace."""

import math

import numpy as np

from refopt.conformance.mistakes.base import mistake

MOVE = ("elmo_step", "elmo_run", "elmo_subspace_step")
TRACKED = ("eigen_arc_run", "elmo_run", "amos_run")
CLUSTER = ("elmo_step", "elmo_run", "elmo_subspace_step")
RUN = ("elmo_run",)
SPACE = ("elmo_subspace_step",)
PROMISE = ("elmo_step", "elmo_run")


def _stays_without_slope(self, c, V):
    signs = super(type(self), self).signs(c, V)
    return np.where(c == 0, 0.0, signs)


def _reflected_away(self, p):
    """The reflection that takes the last vector to the gradient's direction where the first should go."""
    unit = p / np.linalg.norm(p)
    w = unit.copy()
    w[-1] += 1.0
    return (np.eye(len(p)) - np.outer(w, 2.0 * w / (w @ w))) * (-1.0 if unit[0] >= 0 else 1.0)


ELMO_MOVE_MISTAKES = (
    mistake(
        "elmo-no-direction-without-slope",
        "Where g = 0 the sign of the step is that of 0, so that negative curvature is not left.",
        "sign",
        MOVE,
        signs=_stays_without_slope,
    ),
    mistake(
        "elmo-step-up",
        "The displacement walks up along the eigenvectors.",
        "sign",
        MOVE,
        signs=lambda self, c, V: -super(type(self), self).signs(c, V),
    ),
    mistake(
        "elmo-sign-of-slope-lost",
        "The displacement is along -v whatever the sign of v'grad.",
        "sign",
        MOVE,
        signs=lambda self, c, V: -np.ones_like(c),
    ),
    mistake(
        "elmo-sign-by-convention",
        "The displacement is along +v whatever the sign of v'grad, as if every v pointed down.",
        "sign",
        MOVE,
        signs=lambda self, c, V: np.ones_like(c),
    ),
    mistake(
        "elmo-one-way-down-of-several",
        "Where several eigenvectors without slope lead down, only the first is taken.",
        "formula",
        MOVE,
        taken_along=lambda self, x, tied: np.where(tied & (np.cumsum(tied) > 1), 0.0, x),
    ),
    mistake(
        "elmo-never-rests",
        "The tie rule `stay` is ignored.",
        "selection",
        CLUSTER,
        rests=lambda self, settings: False,
    ),
    mistake(
        "elmo-promise-of-the-lower-model",
        "The promise is -sum m*.",
        "formula",
        PROMISE,
        promised=lambda self, upper, lower: -np.sum(lower),
    ),
    mistake(
        "elmo-promise-of-one-pair",
        "The promise is that of the pair that promises most.",
        "formula",
        PROMISE,
        promised=lambda self, upper, lower: -np.min(upper),
    ),
    mistake(
        "elmo-clusters-not-rotated",
        "Equal eigenvalues keep the vectors that were found.",
        "selection",
        CLUSTER,
        turns=lambda self, settings: False,
    ),
    mistake(
        "elmo-clusters-always-rotated",
        "Equal eigenvalues are turned although their vectors are asked for as given.",
        "selection",
        CLUSTER,
        turns=lambda self, settings: True,
    ),
    mistake(
        "elmo-cluster-mean-lipschitz",
        "The vectors of a cluster get the mean of its constants, not the largest.",
        "formula",
        CLUSTER,
        constant_of_a_cluster=lambda self, L: np.mean(L),
    ),
    mistake(
        "elmo-cluster-own-lipschitz",
        "The vectors of a cluster keep the constants that lay at their places.",
        "index",
        CLUSTER,
        constant_of_a_cluster=lambda self, L: L,
    ),
    mistake(
        "elmo-cluster-keeps-coordinates",
        "The vectors of a cluster are turned, but not the gradient's coordinates in them.",
        "order",
        CLUSTER,
        coordinates_turned=lambda self, c: c,
    ),
    mistake(
        "elmo-cluster-rotated-away",
        "The reflection of a cluster turns another vector than the first towards the gradient.",
        "index",
        CLUSTER,
        towards=_reflected_away,
    ),
    mistake(
        "elmo-neighbours-are-a-cluster",
        "Eigenvalues within a tenth of the largest count as equal.",
        "selection",
        CLUSTER,
        equal_up_to=lambda self, V: 0.1,
    ),
    mistake(
        "elmo-constants-in-the-axes-order",
        "The constants of the axes are taken in their own order, not in that of the eigenvalues.",
        "index",
        RUN,
        constants_of_vectors=lambda self, L, meets: L,
    ),
    mistake(
        "elmo-largest-constant-for-all",
        "Every pair gets the largest of the constants.",
        "index",
        RUN,
        constants_of_vectors=lambda self, L, meets: np.full(meets.shape[1], np.max(L)),
    ),
    mistake(
        "elmo-log-cosh-rate-squared",
        "The constant of a log cosh(r u) has r^2 in the place of r^3.",
        "formula",
        RUN,
        log_cosh_constant=lambda self, a, r: 4.0 / (3.0 * math.sqrt(3.0)) * np.abs(a) * r**2,
    ),
    mistake(
        "elmo-log-cosh-constant-of-the-slope",
        "The constant of log cosh is taken as 1, the largest second derivative, times a r^3.",
        "formula",
        RUN,
        log_cosh_constant=lambda self, a, r: np.abs(a) * np.abs(r) ** 3,
    ),
    mistake(
        "eigenvectors-matched-by-order",
        "What is kept for an eigenvector follows the order of the eigenvalues, not the vectors.",
        "index",
        TRACKED,
        partners=lambda self, overlaps: [
            i if i < overlaps.shape[0] else None for i in range(overlaps.shape[1])
        ],
    ),
    mistake(
        "eigenvectors-matched-with-their-sign",
        "Vectors match where v'w > 1/2, so that one which came back negated starts anew.",
        "sign",
        TRACKED,
        overlaps=lambda self, products: products,
    ),
    mistake(
        "elmo-base-sees-the-whole-gradient",
        "The base of the subspace form receives g, not its part outside span V.",
        "formula",
        SPACE,
        rest=lambda self, g, V: g,
    ),
    mistake(
        "elmo-base-not-projected",
        "The base's direction keeps its part in span V.",
        "formula",
        SPACE,
        on_the_rest=lambda self, d, V: d,
    ),
    mistake(
        "elmo-base-left-out",
        "The base's direction is not added.",
        "formula",
        SPACE,
        both=lambda self, theta, d1, d2: theta + d1,
    ),
)
