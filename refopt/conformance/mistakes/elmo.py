"""Wrong models of ELMO and wrong minima of them."""

import numpy as np

from refopt.conformance.mistakes.base import mistake
from refopt.conformance.textbook.elmo_models import at_minimum
from refopt.elmo_triples import root

STEP = ("elmo_scalar", "elmo_step", "elmo_run", "elmo_subspace_step")
MODEL = (*STEP, "eigen_arc_update", "eigen_arc_run")
BOUNDS = ("elmo_scalar", "elmo_step", "elmo_run")


def _by_newton(self, g, lam, L):
    right = super(type(self), self).elmo_size(g, lam, L)
    return np.where(lam > 0, g / np.where(lam > 0, lam, 1.0), right)


def _by_cauchy(self, g, lam, L):
    total = root(g, lam, L) + np.abs(lam)
    return np.where(lam > 0, 2.0, -2.0) * g / np.where(total > 0, total, 1.0)


def _stays(self, g, lam, L):
    return np.where(g == 0, 0.0, super(type(self), self).elmo_size(g, lam, L))


def _by_size_where_unbounded(self, g, lam, L):
    unbounded = (L == 0) & (lam < 0)
    right = super(type(self), self).elmo_size(g, lam, L)
    return np.where(unbounded, g / np.where(unbounded, -lam, 1.0), right)


ELMO_MISTAKES = (
    mistake(
        "elmo-root-without-its-two",
        "R = sqrt(lam^2 + L g), without the 2 of 2 L g.",
        "formula",
        MODEL,
        elmo_root=lambda self, g, lam, L: root(g / 2.0, lam, L),
    ),
    mistake(
        "elmo-lipschitz-doubled",
        "The cubic term of M is L|x|^3/3, as ARC's is sigma |x|^3/3: R = sqrt(lam^2 + 4 L g).",
        "formula",
        MODEL,
        triple=lambda self, g, lam, L: (g, lam, 2.0 * L),
    ),
    mistake(
        "elmo-half-for-sixth",
        "The cubic term of M is L|x|^3/2, its 1/6 taken for the 1/2 of the quadratic one.",
        "formula",
        MODEL,
        triple=lambda self, g, lam, L: (g, lam, 3.0 * L),
    ),
    mistake(
        "elmo-cubic-without-its-sixth",
        "The cubic term of M is L|x|^3, without its 1/6.",
        "formula",
        MODEL,
        triple=lambda self, g, lam, L: (g, lam, 6.0 * L),
    ),
    mistake(
        "elmo-curvature-not-halved",
        "The quadratic term of M is lam x^2, without its 1/2.",
        "formula",
        MODEL,
        triple=lambda self, g, lam, L: (g, 2.0 * lam, L),
    ),
    mistake(
        "elmo-absolute-curvature",
        "|lambda| stands for lambda in the models: a negative curvature brakes.",
        "sign",
        MODEL,
        triple=lambda self, g, lam, L: (g, np.abs(lam), L),
    ),
    mistake(
        "elmo-curvature-sign",
        "The models have -lambda.",
        "sign",
        MODEL,
        triple=lambda self, g, lam, L: (g, -lam, L),
    ),
    mistake(
        "elmo-negative-curvature-as-zero",
        "A negative curvature is taken for 0.",
        "sign",
        MODEL,
        triple=lambda self, g, lam, L: (g, np.maximum(lam, 0.0), L),
    ),
    mistake(
        "elmo-curvature-left-out",
        "The step is sqrt(2 g/L): the curvature is left out of the models.",
        "formula",
        MODEL,
        triple=lambda self, g, lam, L: (g, 0.0 * lam, L),
    ),
    mistake(
        "elmo-step-halved",
        "The step is g/(lam + R), without its 2.",
        "formula",
        MODEL,
        elmo_size=lambda self, g, lam, L: super(type(self), self).elmo_size(g, lam, L) / 2.0,
    ),
    mistake(
        "elmo-newton-where-convex",
        "Where the curvature is positive the step is Newton's, g/lam, and L is not used.",
        "formula",
        MODEL,
        elmo_size=_by_newton,
    ),
    mistake(
        "elmo-is-cauchy",
        "The step is (sgn(lam) R - lam)/L (appendix F.1), which goes up where the curvature is negative.",
        "sign",
        MODEL,
        elmo_size=_by_cauchy,
    ),
    mistake(
        "elmo-stays-without-slope",
        "Where g = 0 the step is 0, also where the curvature is negative.",
        "selection",
        MODEL,
        elmo_size=_stays,
    ),
    mistake(
        "elmo-unbounded-by-newton",
        "Where M has no minimum the step is that of |lambda|, g/|lambda|.",
        "sign",
        STEP,
        has_minimum=lambda self, g, lam, L: (L > 0) | (lam != 0) | (g == 0),
        elmo_size=_by_size_where_unbounded,
    ),
    mistake(
        "elmo-level-stays",
        "Where L = lambda = 0 the step is 0, although there is a slope.",
        "selection",
        STEP,
        has_minimum=lambda self, g, lam, L: (L > 0) | (lam >= 0),
    ),
    mistake(
        "elmo-bounds-swapped",
        "M* and m* change places.",
        "selection",
        BOUNDS,
        upper=lambda self, x, g, lam, L: at_minimum(x, g, lam, 8.0, 5.0),
        lower=lambda self, x, g, lam, L: at_minimum(x, g, lam, 4.0, 1.0),
    ),
    mistake(
        "elmo-bounds-of-the-quadratic",
        "M* and m* leave the cubic term out.",
        "formula",
        BOUNDS,
        upper=lambda self, x, g, lam, L: at_minimum(x, g, lam, 6.0, 3.0),
        lower=lambda self, x, g, lam, L: at_minimum(x, g, lam, 6.0, 3.0),
    ),
    mistake(
        "elmo-upper-without-cubic-term",
        "M* leaves the cubic term out.",
        "formula",
        BOUNDS,
        upper=lambda self, x, g, lam, L: at_minimum(x, g, lam, 6.0, 3.0),
    ),
    mistake(
        "elmo-lower-is-upper",
        "m* is M*: the cubic term has the same sign.",
        "sign",
        BOUNDS,
        lower=lambda self, x, g, lam, L: at_minimum(x, g, lam, 4.0, 1.0),
    ),
    mistake(
        "elmo-largest-step-is-the-step",
        "The largest step with M <= 0 is taken as x*.",
        "selection",
        ("elmo_scalar",),
        farthest=lambda self, g, lam, L: self.minimum(g, lam, L)[0],
    ),
)
