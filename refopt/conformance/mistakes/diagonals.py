"""Wrong diagonals of Hessians."""

import numpy as np

from refopt.conformance.mistakes.base import mistake

DIAGONAL = ("hessian_diagonal", "sophia_run")

DIAGONAL_MISTAKES = (
    mistake(
        "hutchinson-without-the-second-probe",
        "Hutchinson's estimate is the mean of H u, not of u o H u.",
        "formula",
        DIAGONAL,
        probed=lambda self, hvp, probes: np.mean(np.stack([hvp(u) for u in probes]), axis=0),
    ),
    mistake(
        "hutchinson-summed",
        "Hutchinson's estimate is summed over the probes, not averaged.",
        "formula",
        DIAGONAL,
        probed=lambda self, hvp, probes: np.sum(np.stack([u * hvp(u) for u in probes]), axis=0),
    ),
    mistake(
        "hutchinson-of-sizes",
        "Hutchinson's estimate takes absolute values.",
        "sign",
        DIAGONAL,
        probed=lambda self, hvp, probes: np.mean(np.stack([np.abs(u * hvp(u)) for u in probes]), axis=0),
    ),
    mistake(
        "hutchinson-first-probe-only",
        "Every product is made with the first probe.",
        "index",
        DIAGONAL,
        probed=lambda self, hvp, probes: probes[0] * hvp(probes[0]),
    ),
    mistake(
        "hutchinson-squares-the-product",
        "Hutchinson's estimate is the mean of (H u)^2, the diagonal of H^2, as AdaHessian's moment has it.",
        "formula",
        DIAGONAL,
        probed=lambda self, hvp, probes: np.mean(np.stack([hvp(u) ** 2 for u in probes]), axis=0),
    ),
    mistake(
        "diagonal-row-sums",
        "The exact diagonal is H times ones: the sums of the rows.",
        "formula",
        DIAGONAL,
        exact=lambda self, hvp, theta: hvp(np.ones_like(theta)),
    ),
)
