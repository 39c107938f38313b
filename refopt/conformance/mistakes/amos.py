"""Wrong steps of Sophia, wrong diagonals, wrong averages and rules of AMOS."""

import numpy as np

from refopt.conformance.mistakes.base import mistake

SOPHIA = ("sophia_step", "sophia_run")
DIAGONAL = ("hessian_diagonal",)
AVERAGES = ("lipschitz_averages",)
RULES = ("amos_selection",)


AMOS_MISTAKES = (
    mistake(
        "sophia-not-clipped",
        "Sophia's ratio is not clipped.",
        "formula",
        SOPHIA,
        sophia_clip=lambda self, ratio: ratio,
    ),
    mistake(
        "sophia-signs-only",
        "Sophia moves by the sign of the ratio.",
        "formula",
        SOPHIA,
        sophia_clip=lambda self, ratio: np.sign(ratio),
    ),
    mistake(
        "sophia-rho-outside",
        "rho does not multiply the diagonal.",
        "formula",
        SOPHIA,
        sophia_divisor=lambda self, s, h: np.maximum(h, np.full_like(h, s.epsilon)),
    ),
    mistake(
        "sophia-epsilon-added",
        "Sophia adds epsilon to rho h, without a floor.",
        "formula",
        SOPHIA,
        sophia_divisor=lambda self, s, h: s.rho * h + s.epsilon,
    ),
    mistake(
        "sophia-absolute-diagonal",
        "Sophia divides by |rho h|, so that negative curvature is trusted.",
        "sign",
        SOPHIA,
        sophia_divisor=lambda self, s, h: np.maximum(np.abs(s.rho * h), np.full_like(h, s.epsilon)),
    ),
    mistake(
        "sophia-moment-summed",
        "Sophia's moment is a sum, without the factor 1 - beta1.",
        "formula",
        SOPHIA,
        sophia_moment=lambda self, s, m, g: s.beta1 * m + g,
    ),
    mistake(
        "sophia-moment-is-the-gradient",
        "Sophia's numerator is the gradient, not its average.",
        "formula",
        SOPHIA,
        sophia_moment=lambda self, s, m, g: g,
    ),
    mistake(
        "sophia-diagonal-not-averaged",
        "Sophia's diagonal is the last estimate.",
        "formula",
        SOPHIA,
        sophia_diagonal=lambda self, s, h, estimate: estimate,
    ),
    mistake(
        "sophia-diagonal-summed",
        "Sophia's average of diagonals lacks the factor 1 - beta2.",
        "formula",
        SOPHIA,
        sophia_diagonal=lambda self, s, h, estimate: s.beta2 * h + estimate,
    ),
    mistake(
        "sophia-diagonal-squared",
        "Sophia averages the square of the diagonal, as Adam does of the gradient.",
        "formula",
        SOPHIA,
        sophia_diagonal=lambda self, s, h, estimate: s.beta2 * h + (1.0 - s.beta2) * estimate**2,
    ),
    mistake(
        "sophia-stale-diagonal",
        "A new estimate is used only from the next step on.",
        "order",
        SOPHIA,
        diagonal_used=lambda self, before, after: before,
    ),
    mistake(
        "sophia-estimates-one-late",
        "Estimates are taken in at t = k - 1, 2k - 1, ..., counted from 0.",
        "schedule",
        SOPHIA,
        estimates=lambda self, s, t: (t + 1) % s.refresh_every == 0,
    ),
    mistake(
        "sophia-estimates-every-step",
        "An estimate is taken in at every step.",
        "schedule",
        SOPHIA,
        estimates=lambda self, s, t: True,
    ),
    mistake(
        "sophia-decay-without-the-rate",
        "Sophia's weight decay is not multiplied by the learning rate.",
        "formula",
        SOPHIA,
        sophia_decay=lambda self, s, eta, theta: s.weight_decay * theta,
    ),
    mistake(
        "sophia-decay-missing",
        "Sophia leaves the weight decay out.",
        "formula",
        SOPHIA,
        sophia_decay=lambda self, s, eta, theta: 0 * theta,
    ),
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
        "slope-of-the-square",
        "The slope of a curvature is divided by the squared length of the move.",
        "formula",
        AVERAGES,
        slope=lambda self, rise, epsilon, distance: np.abs(rise) / (epsilon + distance**2),
    ),
    mistake(
        "slope-not-divided",
        "The slope of a curvature is its difference.",
        "formula",
        AVERAGES,
        slope=lambda self, rise, epsilon, distance: np.abs(rise),
    ),
    mistake(
        "slope-by-component",
        "Slopes are divided by the moved component, not by the length of the move.",
        "formula",
        AVERAGES,
        distance=lambda self, move, denominator: np.abs(move),
    ),
    mistake(
        "slopes-averaged-the-other-way",
        "alpha_L weighs the new slope, 1 - alpha_L the average so far.",
        "formula",
        AVERAGES,
        slope_average=lambda self, a, L, slope, k, average: (1.0 - a) * L + a * slope,
    ),
    mistake(
        "slopes-summed",
        "The average of slopes lacks the factor 1 - alpha_L.",
        "formula",
        AVERAGES,
        slope_average=lambda self, a, L, slope, k, average: a * L + slope,
    ),
    mistake(
        "slopes-largest",
        "The largest slope is kept in the place of the average.",
        "selection",
        AVERAGES,
        slope_average=lambda self, a, L, slope, k, average: np.maximum(L, slope),
    ),
    mistake(
        "slopes-uncorrected",
        "The average of slopes is used without its bias correction.",
        "formula",
        AVERAGES,
        unbiased=lambda self, a, L, k, average: L,
    ),
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
        "tensors-summed",
        "A tensor's statistic is the sum over its elements, not their mean.",
        "formula",
        RULES,
        gathered=lambda self, x, groups, aggregate: groups.sums(x),
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
)
