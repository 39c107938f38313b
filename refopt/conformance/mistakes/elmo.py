"""Wrong ELMO steps."""

import numpy as np

from refopt.conformance.mistakes.base import mistake
from refopt.elmo_proxy import elmo_minimum

SCALAR = ("elmo_scalar",)
STEP = ("elmo_scalar", "elmo_step", "elmo_run", "elmo_subspace_step")
MOVE = ("elmo_step", "elmo_run", "elmo_subspace_step")
SPACE = ("elmo_subspace_step",)


def _root(g, lam, L):
    return np.sqrt(lam**2 + 2.0 * L * g)


def _by_newton(self, g, lam, L):
    return np.where(lam > 0, g / np.where(lam > 0, lam, 1.0), elmo_minimum(g, lam, L).step_size)


def _half(self, g, lam, L):
    """The formula g/(lam + R), without the 2."""
    return np.where(lam + _root(g, lam, L) > 0, elmo_minimum(g, lam, L).step_size / 2.0, 0.0)


def _of(change):
    """The step of another triple: a function of g, lam and L."""

    def elmo_size(self, g, lam, L):
        return elmo_minimum(*change(g, lam, L)).step_size

    return elmo_size


def _stays(self, g, lam, L):
    return np.where(g == 0, 0.0, elmo_minimum(g, lam, L).step_size)


def _stays_without_slope(self, c, V):
    signs = super(type(self), self).signs(c, V)
    return np.where(c == 0, 0.0, signs)


ELMO_MISTAKES = (
    mistake(
        "elmo-lipschitz-halved",
        "The cubic term of M is L|x|^3/12: R = sqrt(lam^2 + L g).",
        "formula",
        STEP,
        elmo_size=_of(lambda g, lam, L: (g, lam, L / 2.0)),
    ),
    mistake(
        "elmo-lipschitz-doubled",
        "The cubic term of M is L|x|^3/3: R = sqrt(lam^2 + 4 L g).",
        "formula",
        STEP,
        elmo_size=_of(lambda g, lam, L: (g, lam, 2.0 * L)),
    ),
    mistake(
        "elmo-cubic-without-its-sixth",
        "The cubic term of M is L|x|^3, without its 1/6.",
        "formula",
        STEP,
        elmo_size=_of(lambda g, lam, L: (g, lam, 6.0 * L)),
    ),
    mistake(
        "elmo-curvature-not-halved",
        "The quadratic term of M is lam x^2, without its 1/2.",
        "formula",
        STEP,
        elmo_size=_of(lambda g, lam, L: (g, 2.0 * lam, L)),
    ),
    mistake(
        "elmo-absolute-curvature",
        "|lambda| stands for lambda in the step: a negative curvature brakes.",
        "sign",
        STEP,
        elmo_size=_of(lambda g, lam, L: (g, np.abs(lam), L)),
    ),
    mistake(
        "elmo-curvature-sign",
        "The step has -lambda.",
        "sign",
        STEP,
        elmo_size=_of(lambda g, lam, L: (g, -lam, L)),
    ),
    mistake(
        "elmo-negative-curvature-as-zero",
        "A negative curvature is taken for 0.",
        "sign",
        STEP,
        elmo_size=_of(lambda g, lam, L: (g, np.maximum(lam, 0.0), L)),
    ),
    mistake(
        "elmo-step-halved",
        "The step is g/(lam + R), without its 2.",
        "formula",
        STEP,
        elmo_size=_half,
    ),
    mistake(
        "elmo-newton-where-convex",
        "Where the curvature is positive the step is Newton's, g/lam, and L is not used.",
        "formula",
        STEP,
        elmo_size=_by_newton,
    ),
    mistake(
        "elmo-stays-without-slope",
        "Where g = 0 the step is 0, also where the curvature is negative.",
        "selection",
        STEP,
        elmo_size=_stays,
    ),
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
        "elmo-bounds-swapped",
        "M* and m* change places.",
        "selection",
        ("elmo_scalar", "elmo_step"),
        upper=lambda self, x, g, lam, L: elmo_minimum(g, lam, L).lower,
        lower=lambda self, x, g, lam, L: elmo_minimum(g, lam, L).upper,
    ),
    mistake(
        "elmo-bounds-of-the-quadratic",
        "M* and m* leave the cubic term out.",
        "formula",
        ("elmo_scalar", "elmo_step"),
        upper=lambda self, x, g, lam, L: -g * x + lam * x**2 / 2,
        lower=lambda self, x, g, lam, L: -g * x + lam * x**2 / 2,
    ),
    mistake(
        "elmo-largest-step-is-the-step",
        "The largest step with M <= 0 is taken as x*.",
        "selection",
        SCALAR,
        farthest=lambda self, g, lam, L: elmo_minimum(g, lam, L).step_size,
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
)
