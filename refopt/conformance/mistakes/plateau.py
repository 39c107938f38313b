"""Wrong plateau schedules of grouped Newton."""

import math

from refopt.conformance.mistakes.base import mistake

RUN = ("grouped_newton_run",)


def _of_the_size(self, p, loss, best):
    return best == math.inf or loss < best - p.threshold * abs(best)


PLATEAU_MISTAKES = (
    mistake(
        "plateau-ignored",
        "The plateau schedule never reduces lambda.",
        "schedule",
        RUN,
        plateau_due=lambda self, t, every: False,
    ),
    mistake(
        "plateau-patience-one-less",
        "The rate is reduced after `patience` bad calls, not after one more.",
        "schedule",
        RUN,
        borne=lambda self, bad, patience: bad < max(patience, 1),
    ),
    mistake(
        "plateau-patience-one-more",
        "The rate is reduced after one bad call too many.",
        "schedule",
        RUN,
        borne=lambda self, bad, patience: bad <= patience + 1,
    ),
    mistake(
        "plateau-factor-twice",
        "A reduction multiplies by the factor twice.",
        "formula",
        RUN,
        factor=lambda self, p, factor: p.factor**2 * factor,
    ),
    mistake(
        "plateau-factor-replaces",
        "A second reduction does not multiply with the first.",
        "state",
        RUN,
        factor=lambda self, p, factor: p.factor,
    ),
    mistake(
        "plateau-factor-subtracted",
        "A reduction takes the factor off: 1 - factor multiplies.",
        "formula",
        RUN,
        factor=lambda self, p, factor: (1.0 - p.factor) * factor,
    ),
    mistake(
        "plateau-one-step-late",
        "The plateau schedule is called one step late.",
        "schedule",
        RUN,
        plateau_due=lambda self, t, every: t > 0 and t % every == 0,
    ),
    mistake(
        "plateau-in-every-step",
        "The plateau schedule is called in every step.",
        "schedule",
        RUN,
        plateau_due=lambda self, t, every: True,
    ),
    mistake(
        "plateau-before-the-step",
        "The plateau schedule is called before the step that its reduction is to follow.",
        "order",
        RUN,
        reduces_first=lambda self: True,
    ),
    mistake(
        "plateau-absolute-threshold",
        "A loss is better when it is below the best by the threshold itself.",
        "formula",
        RUN,
        better=lambda self, p, loss, best: loss < best - p.threshold,
    ),
    mistake(
        "plateau-without-threshold",
        "Any loss below the best is better.",
        "formula",
        RUN,
        better=lambda self, p, loss, best: loss < best,
    ),
    mistake(
        "plateau-threshold-of-the-size",
        "The threshold is relative to |best|, so that a negative loss that stands still is no progress.",
        "sign",
        RUN,
        better=_of_the_size,
    ),
    mistake(
        "plateau-best-is-the-last",
        "The loss is compared with that of the call before, not with the best.",
        "state",
        RUN,
        counted=lambda self, better, loss, state: (loss, 0) if better else (loss, state["bad"] + 1),
    ),
    mistake(
        "plateau-bad-calls-not-forgotten",
        "A better loss does not reset the count of bad calls.",
        "state",
        RUN,
        counted=lambda self, better, loss, state: (
            (loss, state["bad"]) if better else (state["best"], state["bad"] + 1)
        ),
    ),
    mistake(
        "plateau-reduces-from-then-on",
        "A reduction does not reset the count of bad calls.",
        "state",
        RUN,
        bad_after=lambda self, bad: bad,
    ),
)
