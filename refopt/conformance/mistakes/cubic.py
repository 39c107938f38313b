"""Wrong cubic models."""

import numpy as np

from refopt.conformance.mistakes.base import mistake

CUBIC = ("cubic_minimizer", "grouped_newton_step")
SOLVE = ("cubic_minimizer",)


def _without_definite(self, H, g, lam, d):
    return H, g, 0.0 if np.min(np.linalg.eigvalsh(H)) > 0.0 else lam, d


def _parts(H, d, lam):
    """Variables without a cubic term, those with, their coupling, and it times the inverse of the block."""
    Z, N = np.flatnonzero(d * lam == 0.0), np.flatnonzero(d * lam)
    B = H[np.ix_(N, Z)]
    return Z, N, B, B @ np.linalg.pinv(H[np.ix_(Z, Z)])


def _uncoupled(self, H, g, lam, d):
    H, (Z, N, _, _) = H.copy(), _parts(H, d, lam)
    H[np.ix_(N, Z)], H[np.ix_(Z, N)] = 0.0, 0.0
    return H, g, lam, d


def _schur_sign(self, H, g, lam, d):
    H, (_, N, B, solved) = H.copy(), _parts(H, d, lam)
    H[np.ix_(N, N)] += 2.0 * solved @ B.T
    return H, g, lam, d


def _schur_gradient(self, H, g, lam, d):
    g, (Z, N, _, solved) = g.copy(), _parts(H, d, lam)
    g[N] += solved @ g[Z]
    return H, g, lam, d


def _at_rest(self, H, g, lam, d):
    H, g, (Z, _, _, _) = H.copy(), g.copy(), _parts(H, d, lam)
    H[Z], H[:, Z], g[Z] = 0.0, 0.0, 0.0
    return H, g, lam, d


CUBIC_MISTAKES = (
    mistake(
        "cubic-damping-not-halved",
        "G(r) = H + lam r D^2: lam stands in the place of lam/2.",
        "formula",
        CUBIC,
        model=lambda self, H, g, lam, d: (H, g, 2.0 * lam, d),
    ),
    mistake(
        "cubic-damping-thirds",
        "G(r) has lam/3 in the place of lam/2.",
        "formula",
        CUBIC,
        model=lambda self, H, g, lam, d: (H, g, lam * 2.0 / 3.0, d),
    ),
    mistake(
        "cubic-damping-sixths",
        "G(r) has lam/6, as the model itself.",
        "formula",
        CUBIC,
        model=lambda self, H, g, lam, d: (H, g, lam / 3.0, d),
    ),
    mistake(
        "cubic-damping-dropped",
        "The cubic term is left out where H is positive definite.",
        "formula",
        CUBIC,
        model=_without_definite,
    ),
    mistake(
        "cubic-D-for-its-square",
        "G(r) = H + (lam/2) r D: D stands in the place of D^2.",
        "formula",
        CUBIC,
        model=lambda self, H, g, lam, d: (H, g, lam, np.sqrt(d)),
    ),
    mistake(
        "cubic-D-cubed",
        "G(r) = H + (lam/2) r D^3.",
        "formula",
        CUBIC,
        model=lambda self, H, g, lam, d: (H, g, lam, d**1.5),
    ),
    mistake(
        "cubic-isotropic",
        "The cubic term is |eta|^3, D = I, as Nesterov and Polyak have it.",
        "formula",
        SOLVE,
        model=lambda self, H, g, lam, d: (H, g, lam, np.ones_like(d)),
    ),
    mistake(
        "cubic-gradient-sign",
        "The model has +g.eta.",
        "sign",
        CUBIC,
        model=lambda self, H, g, lam, d: (H, -g, lam, d),
    ),
    mistake(
        "cubic-curvature-not-halved",
        "The model has eta'H eta, without its 1/2.",
        "formula",
        CUBIC,
        model=lambda self, H, g, lam, d: (2.0 * H, g, lam, d),
    ),
    mistake(
        "cubic-one-triangle",
        "H is the sum of its lower triangle and its transpose: the diagonal counts twice.",
        "index",
        CUBIC,
        model=lambda self, H, g, lam, d: (np.tril(H) + np.tril(H).T, g, lam, d),
    ),
    mistake(
        "cubic-uncoupled",
        "Variables with d_i = 0 are solved by themselves: their coupling to the others is left out.",
        "formula",
        CUBIC,
        model=_uncoupled,
    ),
    mistake(
        "cubic-schur-sign",
        "Where some d_i = 0, the Schur complement is added, not subtracted.",
        "sign",
        CUBIC,
        model=_schur_sign,
    ),
    mistake(
        "cubic-schur-gradient",
        "Where some d_i = 0, the gradient is not reduced with the matrix.",
        "formula",
        CUBIC,
        model=_schur_gradient,
    ),
    mistake(
        "cubic-without-scale-at-rest",
        "Variables with d_i = 0 are left out of the model and get 0.",
        "formula",
        CUBIC,
        model=_at_rest,
    ),
)
