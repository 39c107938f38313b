"""Wrong averages, refreshes and steps of grouped Newton."""

import numpy as np

from refopt.conformance.mistakes.base import mistake

STEP = ("grouped_newton_step", "grouped_newton_run")
RUN = ("grouped_newton_run",)


def _momentum_sum(self, s, g, u):
    u = g if u is None else s["momentum"] * u + g
    return u, u


def _momentum_from_zero(self, s, g, u):
    u = self.average(s["momentum"], g, 0 * g if u is None else u)
    return u, u


def _last_gradient(self, s, g, u):
    return self.average(s["momentum"], g, u), g


def _momenta_exchanged(self, s, g, u):
    u = self.average(s["rate_momentum"], g, u)
    return u, u


def _exchanged_rates(self, s, eta, last):
    return self.average(s["momentum"], self.positive(s, eta), last)


def _ones_between(self, s, last, refreshed, groups, u):
    return last if refreshed else np.ones(groups.count, dtype=u.dtype)


GROUPED_RATE_MISTAKES = (
    mistake(
        "grouped-momentum-sum",
        "Gradients are summed as by heavy ball, without the factor 1 - mu_g.",
        "formula",
        RUN,
        averaged_gradient=_momentum_sum,
    ),
    mistake(
        "grouped-momentum-from-zero",
        "The average of gradients starts from 0, not from the first gradient.",
        "state",
        RUN,
        averaged_gradient=_momentum_from_zero,
    ),
    mistake(
        "grouped-averages-swapped",
        "mu weighs the new term, 1 - mu the average so far.",
        "formula",
        RUN,
        average=lambda self, mu, x, last: x if last is None or mu == 0 else mu * x + (1.0 - mu) * last,
    ),
    mistake(
        "grouped-averages-without-complement",
        "Both averages lack the factor 1 - mu.",
        "formula",
        RUN,
        average=lambda self, mu, x, last: x if last is None or mu == 0 else mu * last + x,
    ),
    mistake(
        "grouped-momentum-of-two-gradients",
        "The gradient is remembered in the place of the average.",
        "state",
        RUN,
        averaged_gradient=_last_gradient,
    ),
    mistake(
        "grouped-rates-without-complement",
        "The average of the learning rates lacks the factor 1 - mu_eta.",
        "formula",
        RUN,
        averaged_rates=lambda self, s, eta, last: (
            self.positive(s, eta) + (0.0 if last is None else s["rate_momentum"] * last)
        ),
    ),
    mistake(
        "grouped-rates-from-zero",
        "The average of the learning rates starts from 0.",
        "state",
        RUN,
        averaged_rates=lambda self, s, eta, last: self.average(
            s["rate_momentum"], self.positive(s, eta), 0 * eta if last is None else last
        ),
    ),
    mistake(
        "grouped-rates-not-averaged",
        "Learning rates are those of the last refresh.",
        "formula",
        RUN,
        averaged_rates=lambda self, s, eta, last: self.positive(s, eta),
    ),
    mistake(
        "grouped-momenta-exchanged",
        "mu_g averages the learning rates, mu_eta the gradients.",
        "selection",
        RUN,
        averaged_gradient=_momenta_exchanged,
        averaged_rates=_exchanged_rates,
    ),
    mistake(
        "grouped-average-before-positive-part",
        "The positive part is taken of the average, not averaged.",
        "order",
        RUN,
        averaged_rates=lambda self, s, eta, last: self.positive(
            s, self.average(s["rate_momentum"], eta, last)
        ),
    ),
    mistake(
        "grouped-always-positive",
        "Negative learning rates become 0 although nobody asks for it.",
        "selection",
        STEP,
        positive=lambda self, s, eta: np.maximum(eta, 0.0),
    ),
    mistake(
        "grouped-never-positive",
        "The positive part is not taken.",
        "selection",
        STEP,
        positive=lambda self, s, eta: eta,
    ),
    mistake(
        "grouped-absolute-rates",
        "The positive part is the absolute value.",
        "sign",
        STEP,
        positive=lambda self, s, eta: np.abs(eta) if s["positive_part"] else eta,
    ),
    mistake(
        "grouped-refresh-from-one",
        "Iterations count from 1 as printed: no learning rates before t = tau.",
        "schedule",
        RUN,
        renews=lambda self, t, tau: (t + 1) % tau == 0,
        rates_used=lambda self, s, last, refreshed, groups, u: (
            np.zeros(groups.count, dtype=u.dtype) if last is None else last
        ),
    ),
    mistake(
        "grouped-refresh-one-early",
        "After the first step, refreshes come one step early: t = 1, tau, 2 tau, ... counted from 1.",
        "schedule",
        RUN,
        renews=lambda self, t, tau: t == 0 or (t + 1) % tau == 0,
    ),
    mistake(
        "grouped-refresh-every-step",
        "Learning rates are computed in every step.",
        "schedule",
        RUN,
        renews=lambda self, t, tau: True,
    ),
    mistake(
        "grouped-refresh-once",
        "Learning rates are never computed again.",
        "schedule",
        RUN,
        renews=lambda self, t, tau: t == 0,
    ),
    mistake(
        "grouped-rates-not-kept",
        "Between refreshes the step is u itself, its learning rates 1.",
        "state",
        RUN,
        rates_used=_ones_between,
    ),
    mistake(
        "grouped-no-minimum-averages-zero",
        "Where the model has no minimum, zeros enter the average, as in the published code.",
        "state",
        RUN,
        rates_kept=lambda self, s, last: None if last is None else s["rate_momentum"] * last,
    ),
    mistake(
        "grouped-step-size-missing",
        "lambda does not multiply the step.",
        "formula",
        STEP,
        moved_by=lambda self, theta, size, u, rates: theta - u * rates,
    ),
    mistake(
        "grouped-step-size-squared",
        "lambda multiplies the learning rates and the step.",
        "formula",
        STEP,
        moved_by=lambda self, theta, size, u, rates: theta - size * size * u * rates,
    ),
    mistake(
        "grouped-step-up",
        "The step is added.",
        "sign",
        STEP,
        moved_by=lambda self, theta, size, u, rates: theta + size * u * rates,
    ),
    mistake(
        "grouped-step-along-the-gradient",
        "The step goes along the gradient, the learning rates are those of the direction.",
        "formula",
        RUN,
        step_along=lambda self, u, g: g,
    ),
    mistake(
        "grouped-summary-along-the-gradient",
        "The tensors are those of the gradient, the step goes along the direction.",
        "formula",
        RUN,
        measured_along=lambda self, u, g: g,
    ),
)
