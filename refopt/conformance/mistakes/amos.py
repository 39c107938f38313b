"""Wrong rules of AMOS: who moves what."""

import numpy as np

from refopt.conformance.mistakes.base import mistake

RULES = ("amos_selection", "amos_run")

AMOS_MISTAKES = (
    mistake(
        "threshold-reached-is-above",
        "A statistic that equals the threshold goes to the first optimizer: >= for >.",
        "selection",
        RULES,
        goes_first=lambda self, statistic, threshold: ~(statistic < threshold),
    ),
    mistake(
        "threshold-the-other-way",
        "Statistics above the threshold go to the second optimizer.",
        "selection",
        RULES,
        goes_first=lambda self, statistic, threshold: statistic <= threshold,
    ),
    mistake(
        "newton-ascent-the-other-way",
        "What is above eq. 8 goes to the second optimizer.",
        "selection",
        RULES,
        ascends=lambda self, kappa, lam: kappa <= 1.0,
    ),
    mistake(
        "newton-ascent-without-its-third",
        "Newton's step is said to ascend where L > lambda^2/g, without the 3 of eq. 8.",
        "formula",
        RULES,
        ascent_factor=lambda self, a: a**2 / (2.0 - a),
    ),
    mistake(
        "newton-ascent-undamped",
        "The rule of eq. 8 takes Newton's step as undamped.",
        "formula",
        RULES,
        ascent_factor=lambda self, a: 1.0 / 3.0,
    ),
    mistake(
        "newton-ascent-damping-squared-only",
        "A damped step changes eq. 8 by 1/a^2 alone, without 2 - a.",
        "formula",
        RULES,
        ascent_factor=lambda self, a: a**2 / 3.0,
    ),
    mistake(
        "newton-ascent-curvature-not-squared",
        "Eq. 8 has |lambda| in the place of lambda^2.",
        "formula",
        RULES,
        margin=lambda self, L, g, lam, factor: L * g * factor / lam,
    ),
    mistake(
        "newton-ascent-slope-divides",
        "Eq. 8 multiplies by the slope in the place of dividing: L > 3 lambda^2 g.",
        "formula",
        RULES,
        margin=lambda self, L, g, lam, factor: L * factor / (lam**2 * g),
    ),
    mistake(
        "newton-ascent-of-concave-by-size",
        "Eq. 8 takes a negative curvature by its size.",
        "sign",
        RULES,
        kappa=lambda self, L, g, lam, a: super(type(self), self).kappa(L, g, np.abs(lam), a),
    ),
    mistake(
        "newton-ascent-concave-to-the-second",
        "A negative curvature goes to the second optimizer, as no ascent is found for it.",
        "sign",
        RULES,
        ascends=lambda self, kappa, lam: (kappa > 1.0) & (True if lam is None else lam > 0),
    ),
    mistake(
        "tensors-by-mean",
        "A tensor goes by the mean, although the maximum is asked for.",
        "selection",
        RULES,
        largest_of=lambda self, part: np.mean(part),
    ),
    mistake(
        "tensors-by-maximum",
        "A tensor goes by the maximum, although the mean is asked for.",
        "selection",
        RULES,
        mean_of=lambda self, part, n: np.max(part),
    ),
    mistake(
        "tensors-summed",
        "A tensor's statistic is the sum over its elements, not their mean.",
        "formula",
        RULES,
        mean_of=lambda self, part, n: np.sum(part),
    ),
    mistake(
        "tensors-mean-over-all",
        "A tensor's sum is divided by the number of all parameters.",
        "index",
        RULES,
        mean_of=lambda self, part, n: np.sum(part) / n,
    ),
)
