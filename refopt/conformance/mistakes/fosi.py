"""Wrong FOSI steps, schedules and momenta."""

from refopt.conformance.mistakes.base import mistake

STEP = ("fosi_step", "fosi_directions", "fosi_run")
RUNS = ("fosi_directions", "fosi_run")
TIMES = ("refresh_times", "fosi_directions", "fosi_run")


def _own_output(self, kind, b, v, g):
    if kind == "nesterov":
        v = (1.0 + b) * g + b * b * v
        return v, v
    return super(type(self), self).newton_filter(kind, b, v, g)


def _old_look_ahead(self, kind, b, v, g):
    if kind == "nesterov":
        return b * v + g, g + b * v
    return super(type(self), self).newton_filter(kind, b, v, g)


def _averages(self, kind, b, v, g):
    return super(type(self), self).newton_filter("ema" if kind == "heavy-ball" else kind, b, v, g)


def _sums(self, kind, b, v, g):
    return super(type(self), self).newton_filter("heavy-ball" if kind == "ema" else kind, b, v, g)


def _zeroed(self, V, v, memory, name):
    return 0 * v, memory if name is None else {**memory, name: 0 * memory[name]}


FOSI_MISTAKES = (
    mistake(
        "fosi-projection-missing",
        "The base's direction keeps its part in the known subspace (Algorithm 2, line 10 is left out).",
        "formula",
        STEP,
        base_part=lambda self, scaling, d_b, V: scaling * d_b,
    ),
    mistake(
        "fosi-base-sees-the-whole-gradient",
        "The base receives g in the place of g2 (line 9).",
        "formula",
        STEP,
        base_gradient=lambda self, g, g2: g,
    ),
    mistake(
        "fosi-gradient-not-split",
        "g2 = g: the known part of the gradient is used twice (line 7).",
        "formula",
        STEP,
        outside=lambda self, g, g1: g,
    ),
    mistake(
        "fosi-alpha-missing",
        "The Newton part is not multiplied by alpha.",
        "formula",
        STEP,
        newton_part=lambda self, s, V, u, filtered, g1: V @ (-u * (V.T @ filtered)),
    ),
    mistake(
        "fosi-newton-direction-sign",
        "The Newton part walks up.",
        "sign",
        STEP,
        newton_part=lambda self, s, V, u, filtered, g1: V @ (s.alpha * u * (V.T @ filtered)),
    ),
    mistake(
        "fosi-curvature-not-inverted",
        "The Newton part multiplies by |lambda|.",
        "formula",
        STEP,
        newton_part=lambda self, s, V, u, filtered, g1: V @ (-s.alpha / u * (V.T @ filtered)),
    ),
    mistake(
        "fosi-curvature-squared",
        "The Newton part divides by lambda^2.",
        "formula",
        STEP,
        newton_part=lambda self, s, V, u, filtered, g1: V @ (-s.alpha * u * u * (V.T @ filtered)),
    ),
    mistake(
        "fosi-curvature-square-root",
        "The Newton part divides by the root of |lambda|.",
        "formula",
        STEP,
        newton_part=lambda self, s, V, u, filtered, g1: V @ (-s.alpha * u**0.5 * (V.T @ filtered)),
    ),
    mistake(
        "fosi-newton-part-missing",
        "There is no Newton part.",
        "formula",
        STEP,
        newton_part=lambda self, s, V, u, filtered, g1: 0 * g1,
    ),
    mistake(
        "fosi-newton-part-without-momentum",
        "d1 uses g1, not its filtered form, although a momentum is asked for.",
        "formula",
        STEP,
        newton_part=lambda self, s, V, u, filtered, g1: V @ (-s.alpha * u * (V.T @ g1)),
    ),
    mistake(
        "fosi-scaling-on-both-parts",
        "The learning-rate scaling multiplies the Newton part too.",
        "formula",
        STEP,
        together=lambda self, scaling, d1, d2: (scaling * d1, d2),
    ),
    mistake(
        "fosi-scaling-unused",
        "The learning-rate scaling is not applied.",
        "formula",
        STEP,
        base_part=lambda self, scaling, d_b, V: d_b - V @ (V.T @ d_b),
    ),
    mistake(
        "fosi-scaling-before-the-projection",
        "The scaling multiplies d_b but not what is projected out of it.",
        "formula",
        STEP,
        base_part=lambda self, scaling, d_b, V: scaling * d_b - V @ (V.T @ d_b),
    ),
    mistake(
        "fosi-one-step-early",
        "The spectrum is estimated at W - 1, W - 1 + T, ...: the published code counts iterations from 1.",
        "schedule",
        TIMES,
        refreshes=lambda self, t, warmup, every: t + 1 >= warmup and (t + 1 - warmup) % every == 0,
    ),
    mistake(
        "fosi-one-step-late",
        "The spectrum is estimated at W + 1, W + 1 + T, ....",
        "schedule",
        TIMES,
        refreshes=lambda self, t, warmup, every: t - 1 >= warmup and (t - 1 - warmup) % every == 0,
    ),
    mistake(
        "fosi-warmup-ignored",
        "The spectrum is estimated from the first step on.",
        "schedule",
        TIMES,
        refreshes=lambda self, t, warmup, every: t % every == 0,
    ),
    mistake(
        "fosi-period-from-zero",
        "After the warm-up the period is counted from iteration 0.",
        "schedule",
        TIMES,
        refreshes=lambda self, t, warmup, every: t >= warmup and t % every == 0,
    ),
    mistake(
        "fosi-estimated-once",
        "The spectrum is estimated once and goes stale.",
        "schedule",
        TIMES,
        refreshes=lambda self, t, warmup, every: t == warmup,
    ),
    mistake(
        "fosi-estimated-in-every-step",
        "The spectrum is estimated in every step from W on.",
        "schedule",
        TIMES,
        refreshes=lambda self, t, warmup, every: t >= warmup,
    ),
    mistake(
        "fosi-stale-eigenvectors",
        "A new spectrum is used only from the next step on.",
        "order",
        RUNS,
        spectrum_used=lambda self, before, after: before,
    ),
    mistake(
        "fosi-stale-momentum",
        "A new spectrum leaves both momenta as they are, in subspaces that are no longer theirs.",
        "state",
        RUNS,
        divided=lambda self, V, v, memory, name: (v, memory),
    ),
    mistake(
        "fosi-momentum-forgotten",
        "A new spectrum sets both momenta to zero.",
        "state",
        RUNS,
        divided=_zeroed,
    ),
    mistake(
        "fosi-ema-is-heavy-ball",
        "The averaging filter on g1 loses its factor 1 - beta.",
        "formula",
        STEP,
        newton_filter=_sums,
    ),
    mistake(
        "fosi-heavy-ball-is-ema",
        "The heavy-ball filter on g1 averages.",
        "formula",
        STEP,
        newton_filter=_averages,
    ),
    mistake(
        "fosi-nesterov-filters-its-output",
        "The Nesterov filter on g1 remembers its own output, as the published code does.",
        "state",
        STEP,
        newton_filter=_own_output,
    ),
    mistake(
        "fosi-nesterov-uses-the-old-velocity",
        "The Nesterov filter on g1 looks ahead by the velocity of the step before.",
        "order",
        STEP,
        newton_filter=_old_look_ahead,
    ),
)
