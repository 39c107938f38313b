"""Wrong first-order optimizers."""

import numpy as np

from refopt.conformance.mistakes.base import mistake

STEPS = ("base_step", "base_directions", "base_run")
FOSI = ("fosi_step", "fosi_directions", "fosi_run")
EITHER = STEPS + FOSI


def _decayed_at_the_next_rate(self, s, eta, g, theta, state):
    d, memory = self.by_adam(s, eta, g, theta, state)
    return d - self.rate(s, state["iteration"] + 1) * s.weight_decay * theta, memory


FIRST_ORDER_MISTAKES = (
    mistake(
        "adam-first-moment-uncorrected",
        "Adam's first moment is used without its bias correction.",
        "formula",
        EITHER,
        first_corrected=lambda self, s, m, t: m,
    ),
    mistake(
        "adam-second-moment-uncorrected",
        "Adam's second moment is used without its bias correction.",
        "formula",
        EITHER,
        second_corrected=lambda self, s, v, t: v,
    ),
    mistake(
        "adam-without-bias-correction",
        "Neither of Adam's moments is corrected for its bias.",
        "formula",
        EITHER,
        first_corrected=lambda self, s, m, t: m,
        second_corrected=lambda self, s, v, t: v,
    ),
    mistake(
        "adam-correction-one-late",
        "Adam's bias correction uses the power t + 2 where t + 1 is right (t counts from 0).",
        "index",
        EITHER,
        first_corrected=lambda self, s, m, t: m / (1.0 - s.beta1 ** (t + 2)),
        second_corrected=lambda self, s, v, t: v / (1.0 - s.beta2 ** (t + 2)),
    ),
    mistake(
        "adam-epsilon-inside-the-root",
        "Adam adds epsilon under the root: sqrt(v^ + epsilon).",
        "formula",
        EITHER,
        quotient=lambda self, s, m, v, t: m / np.sqrt(v + s.epsilon),
    ),
    mistake(
        "adam-epsilon-uncorrected",
        "Adam adds epsilon to the uncorrected root: m / (sqrt(v) + epsilon) with a corrected rate.",
        "formula",
        EITHER,
        quotient=lambda self, s, m, v, t: m / (np.sqrt(v) + s.epsilon / (1.0 - s.beta2 ** (t + 1)) ** 0.5),
    ),
    mistake(
        "adam-without-epsilon",
        "Adam leaves epsilon out.",
        "formula",
        EITHER,
        quotient=lambda self, s, m, v, t: m / np.sqrt(v),
    ),
    mistake(
        "adam-betas-swapped",
        "Adam's two decays change places in the averages.",
        "formula",
        EITHER,
        first_moment=lambda self, s, m, g: s.beta2 * m + (1.0 - s.beta2) * g,
        second_moment=lambda self, s, v, g, m: s.beta1 * v + (1.0 - s.beta1) * g**2,
    ),
    mistake(
        "adam-second-moment-of-sizes",
        "Adam averages |g| where it should average g^2.",
        "formula",
        EITHER,
        second_moment=lambda self, s, v, g, m: s.beta2 * v + (1.0 - s.beta2) * np.abs(g),
    ),
    mistake(
        "adam-second-moment-centred",
        "Adam averages (g - m)^2, the variance, as AdaBelief does.",
        "formula",
        EITHER,
        second_moment=lambda self, s, v, g, m: s.beta2 * v + (1.0 - s.beta2) * (g - m) ** 2,
    ),
    mistake(
        "adam-divides-by-the-square",
        "Adam divides by v^, without the root.",
        "formula",
        EITHER,
        quotient=lambda self, s, m, v, t: m / (v + s.epsilon),
    ),
    mistake(
        "adam-moments-summed",
        "Adam's first moment is a sum, without the factor 1 - beta1.",
        "formula",
        EITHER,
        first_moment=lambda self, s, m, g: s.beta1 * m + g,
    ),
    mistake(
        "adamw-decay-coupled",
        "AdamW adds the decay to the gradient, so that the moments see it.",
        "formula",
        STEPS,
        decayed_gradient=lambda self, s, g, theta: g + s.weight_decay * theta,
        weight_decay=lambda self, s, eta, theta, d: 0.0,
    ),
    mistake(
        "adamw-decay-without-the-rate",
        "AdamW's decay is not multiplied by the learning rate.",
        "formula",
        STEPS,
        weight_decay=lambda self, s, eta, theta, d: s.weight_decay * theta,
    ),
    mistake(
        "adamw-decay-after-the-step",
        "AdamW shrinks theta after it has moved.",
        "order",
        STEPS,
        weight_decay=lambda self, s, eta, theta, d: eta * s.weight_decay * (theta + d),
    ),
    mistake(
        "adamw-decay-of-the-next-rate",
        "AdamW's decay is multiplied by the learning rate of the next iteration.",
        "schedule",
        STEPS,
        by_adamw=_decayed_at_the_next_rate,
    ),
    mistake(
        "adamw-decay-missing",
        "AdamW leaves the decay out.",
        "formula",
        STEPS,
        weight_decay=lambda self, s, eta, theta, d: 0.0,
    ),
    mistake(
        "momentum-averages",
        "The velocity of heavy ball or Nesterov averages: the gradient is multiplied by 1 - momentum.",
        "formula",
        EITHER,
        velocity=lambda self, s, v, g: s.momentum * v + (1.0 - s.momentum) * g,
    ),
    mistake(
        "heavy-ball-uses-the-old-velocity",
        "Heavy ball moves by the velocity of the step before.",
        "order",
        EITHER,
        heavy_ball_moves_by=lambda self, v, last: last,
    ),
    mistake(
        "nesterov-is-heavy-ball",
        "Nesterov leaves the look-ahead out, or adds the velocity of the step before, which is the same.",
        "formula",
        EITHER,
        look_ahead=lambda self, s, g, v, last: v,
    ),
    mistake(
        "rmsprop-decay-swapped",
        "RMSProp's decay multiplies the new square.",
        "formula",
        EITHER,
        square_average=lambda self, s, v, g: (1.0 - s.decay) * v + s.decay * g**2,
    ),
    mistake(
        "rmsprop-epsilon-moved",
        "RMSProp takes epsilon inside the root for outside, or the reverse.",
        "formula",
        EITHER,
        root=lambda self, s, v, last: np.sqrt(v) + s.epsilon if s.epsilon_inside else np.sqrt(v + s.epsilon),
    ),
    mistake(
        "rmsprop-divides-by-the-old-average",
        "RMSProp divides by the average before the new square.",
        "order",
        EITHER,
        root=lambda self, s, v, last: (
            np.sqrt(last + s.epsilon) if s.epsilon_inside else np.sqrt(last) + s.epsilon
        ),
    ),
    mistake(
        "gradient-ascent",
        "Gradient descent walks up.",
        "sign",
        EITHER,
        by_gradient_descent=lambda self, s, eta, g, theta, state: (eta * g, {}),
    ),
)
