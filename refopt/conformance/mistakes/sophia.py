"""Wrong steps of Sophia."""

import numpy as np

from refopt.conformance.mistakes.base import mistake

SOPHIA = ("sophia_step", "sophia_run")


def _scaled_as_a_whole(self, s, ratio):
    return ratio / max(1.0, float(np.max(np.abs(ratio))))


SOPHIA_MISTAKES = (
    mistake(
        "sophia-moment-weights-swapped",
        "beta1 weighs the new gradient, 1 - beta1 the average so far.",
        "formula",
        SOPHIA,
        sophia_moment=lambda self, s, m, g: (1.0 - s.beta1) * m + s.beta1 * g,
    ),
    mistake(
        "sophia-moment-summed",
        "Sophia's moment is a sum, without the factor 1 - beta1.",
        "formula",
        SOPHIA,
        sophia_moment=lambda self, s, m, g: s.beta1 * m + g,
    ),
    mistake(
        "sophia-moment-corrected",
        "Sophia's moment is corrected for its bias, as Adam's.",
        "formula",
        SOPHIA,
        moment_used=lambda self, s, m, last, g, t: m / (1.0 - s.beta1 ** (t + 1)),
    ),
    mistake(
        "sophia-moment-one-step-old",
        "The step is made with the moment of the step before.",
        "order",
        SOPHIA,
        moment_used=lambda self, s, m, last, g, t: last,
    ),
    mistake(
        "sophia-moment-is-the-gradient",
        "Sophia's numerator is the gradient, not its average.",
        "formula",
        SOPHIA,
        moment_used=lambda self, s, m, last, g, t: g,
    ),
    mistake(
        "sophia-diagonal-weights-swapped",
        "beta2 weighs the new estimate, 1 - beta2 the average so far.",
        "formula",
        SOPHIA,
        sophia_diagonal=lambda self, s, h, estimate: (1.0 - s.beta2) * h + s.beta2 * estimate,
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
        "sophia-diagonal-corrected",
        "Sophia's diagonal is corrected for its bias by the number of estimates.",
        "formula",
        SOPHIA,
        diagonal_used=lambda self, s, last, h, t: h / (1.0 - s.beta2 ** (t // s.refresh_every + 1)),
    ),
    mistake(
        "sophia-diagonal-squared",
        "Sophia averages the square of the diagonal, as Adam does of the gradient.",
        "formula",
        SOPHIA,
        sophia_diagonal=lambda self, s, h, estimate: s.beta2 * h + (1.0 - s.beta2) * estimate**2,
    ),
    mistake(
        "sophia-diagonal-made-positive",
        "Sophia averages the sizes of the estimates.",
        "sign",
        SOPHIA,
        sophia_diagonal=lambda self, s, h, estimate: s.beta2 * h + (1.0 - s.beta2) * np.abs(estimate),
    ),
    mistake(
        "sophia-stale-diagonal",
        "A new estimate is used only from the next step on.",
        "order",
        SOPHIA,
        diagonal_used=lambda self, s, last, h, t: last,
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
        "sophia-estimates-once",
        "The diagonal is estimated at t = 0 alone.",
        "schedule",
        SOPHIA,
        estimates=lambda self, s, t: t == 0,
    ),
    mistake(
        "sophia-rho-outside",
        "rho does not multiply the diagonal.",
        "formula",
        SOPHIA,
        sophia_divisor=lambda self, s, h: np.maximum(h, np.full_like(h, s.epsilon)),
    ),
    mistake(
        "sophia-rho-divides",
        "The diagonal is divided by rho.",
        "formula",
        SOPHIA,
        sophia_divisor=lambda self, s, h: np.maximum(h / s.rho, np.full_like(h, s.epsilon)),
    ),
    mistake(
        "sophia-epsilon-added",
        "Sophia adds epsilon to rho h, without a floor.",
        "formula",
        SOPHIA,
        sophia_divisor=lambda self, s, h: s.rho * h + s.epsilon,
    ),
    mistake(
        "sophia-epsilon-times-rho",
        "The floor is that of h: the denominator is rho max(h, epsilon).",
        "formula",
        SOPHIA,
        sophia_divisor=lambda self, s, h: s.rho * np.maximum(h, np.full_like(h, s.epsilon)),
    ),
    mistake(
        "sophia-absolute-diagonal",
        "Sophia divides by |rho h|, so that negative curvature is trusted.",
        "sign",
        SOPHIA,
        sophia_divisor=lambda self, s, h: np.maximum(np.abs(s.rho * h), np.full_like(h, s.epsilon)),
    ),
    mistake(
        "sophia-not-clipped",
        "Sophia's ratio is not clipped.",
        "formula",
        SOPHIA,
        sophia_clip=lambda self, s, ratio: ratio,
    ),
    mistake(
        "sophia-clips-at-rho",
        "Sophia's ratio is clipped at rho, not at 1.",
        "formula",
        SOPHIA,
        sophia_clip=lambda self, s, ratio: np.clip(ratio, -s.rho, s.rho),
    ),
    mistake(
        "sophia-clips-from-above",
        "Sophia's ratio is clipped at 1, but not at -1.",
        "sign",
        SOPHIA,
        sophia_clip=lambda self, s, ratio: np.minimum(ratio, 1.0),
    ),
    mistake(
        "sophia-clips-the-whole",
        "The whole ratio is scaled until its largest element is 1.",
        "formula",
        SOPHIA,
        sophia_clip=_scaled_as_a_whole,
    ),
    mistake(
        "sophia-counts-the-boundary-as-clipped",
        "A ratio of size 1 counts as clipped: >= for >.",
        "index",
        SOPHIA,
        counts_as_clipped=lambda self, size: size >= 1.0,
    ),
    mistake(
        "sophia-signs-only",
        "Sophia moves by the sign of the ratio.",
        "formula",
        SOPHIA,
        sophia_clip=lambda self, s, ratio: np.sign(ratio),
    ),
    mistake(
        "sophia-step-up",
        "Sophia walks up.",
        "sign",
        SOPHIA,
        sophia_move=lambda self, eta, ratio: eta * ratio,
    ),
    mistake(
        "sophia-decay-in-the-moment",
        "The weight decay is added to the gradient: the moment, and the clip, see it.",
        "formula",
        SOPHIA,
        sophia_gradient=lambda self, s, g, theta: g + s.weight_decay * theta,
        sophia_decay=lambda self, s, eta, theta, d: 0 * theta,
    ),
    mistake(
        "sophia-decay-without-the-rate",
        "Sophia's weight decay is not multiplied by the learning rate.",
        "formula",
        SOPHIA,
        sophia_decay=lambda self, s, eta, theta, d: s.weight_decay * theta,
    ),
    mistake(
        "sophia-decay-after-the-step",
        "The weight decay shrinks the point after the step.",
        "order",
        SOPHIA,
        sophia_decay=lambda self, s, eta, theta, d: eta * s.weight_decay * (theta + d),
    ),
    mistake(
        "sophia-decay-missing",
        "Sophia leaves the weight decay out.",
        "formula",
        SOPHIA,
        sophia_decay=lambda self, s, eta, theta, d: 0 * theta,
    ),
)
