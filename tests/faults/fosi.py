"""Wrong FOSI steps, schedules, scalings and momenta."""

from faults.patching import Fault, change

STEP = ("fosi_step", "fosi_directions", "fosi_run")
RUNS = ("fosi_directions", "fosi_run")
SCALE = ("rate_scaling", "fosi_step", "fosi_directions")
TIMES = ("refresh_times", "fosi_directions", "fosi_run")
D2 = "d2 = scaling * (d_b - xp.matmul(V, xp.matmul(V.T, d_b)))"
INVERSE = "[1.0 / max(size, floor) for size in magnitudes]"
SINCE = "since = iteration - self.warmup"
DUE = 'return hasattr(self.base, "with_diagonal") and self.base.refreshes_at(iteration)'
TAKEN = "base = self.base.with_diagonal(state.base, diagonal_of(source, theta))"
OWN_RATE = "self._clipped(self._ratio(m, state.hessian_diagonal), theta, state.iteration)"
LINE_NINE = "d_b, base = self.base.direction(g2, theta, base)"
FILTER = """v = b * v + (1.0 - b) * g if kind == "ema" else b * v + g
    return v, g + b * v if kind == "nesterov" else v"""

FOSI_FAULTS = (
    Fault(
        "fosi-signed-curvature",
        "u = 1/lambda, so that the step walks to the saddle where the curvature is negative.",
        "sign",
        "a negative known eigenvalue",
        STEP,
        (
            change(
                "fosi_tuning",
                INVERSE,
                "[math.copysign(1 / max(s, floor), value) for s, value in zip(magnitudes, eigenvalues)]",
            ),
        ),
    ),
    Fault(
        "fosi-d2-not-projected",
        "The base's direction keeps its part in the known subspace (line 10 is left out).",
        "formula",
        "a base that is not a multiple of the gradient",
        STEP,
        (change("fosi", D2, "d2 = scaling * d_b"),),
    ),
    Fault(
        "fosi-base-sees-the-whole-gradient",
        "The base receives g in the place of g2.",
        "formula",
        "a base with memory or a diagonal preconditioner",
        STEP,
        (change("fosi", "self.base.direction(g2, theta, base)", "self.base.direction(g, theta, base)"),),
    ),
    Fault(
        "fosi-gradient-not-split",
        "g2 = g: the known part of the gradient is used twice.",
        "formula",
        "k + l > 0",
        STEP,
        (change("fosi", "g2 = g - g1", "g2 = g"),),
    ),
    Fault(
        "fosi-alpha-missing",
        "The Newton part is not multiplied by alpha.",
        "formula",
        "alpha other than 1",
        STEP,
        (change("fosi", "(-self.alpha) * u * c_bar", "-u * c_bar"),),
    ),
    Fault(
        "fosi-newton-direction-sign",
        "The Newton part walks up.",
        "sign",
        "k + l > 0",
        STEP,
        (change("fosi", "(-self.alpha) * u * c_bar", "self.alpha * u * c_bar"),),
    ),
    Fault(
        "fosi-curvature-not-inverted",
        "The Newton part multiplies by |lambda|.",
        "formula",
        "an eigenvalue other than 1",
        STEP,
        (change("fosi", "(-self.alpha) * u * c_bar", "(-self.alpha) / u * c_bar"),),
    ),
    Fault(
        "fosi-newton-part-without-momentum",
        "d1 uses g1, not its filtered form, although a momentum is asked for.",
        "formula",
        "a Newton momentum",
        STEP,
        (change("fosi", "(-self.alpha) * u * c_bar", "(-self.alpha) * u * c"),),
    ),
    Fault(
        "fosi-scaling-on-both-parts",
        "The learning-rate scaling multiplies the Newton part too.",
        "formula",
        "a scaling other than 1",
        STEP,
        (
            change(
                "fosi",
                "theta_next = theta + d1 + d2",
                "d1 = scaling * d1\n        theta_next = theta + d1 + d2",
            ),
        ),
    ),
    Fault(
        "fosi-scaling-on-the-projection-only",
        "The scaling multiplies d_b before the projection but not what is projected out.",
        "formula",
        "a scaling other than 1 and a base that is not a multiple of the gradient",
        STEP,
        (change("fosi", D2, "d2 = scaling * d_b - xp.matmul(V, xp.matmul(V.T, d_b))"),),
    ),
    Fault(
        "fosi-one-step-early",
        "The spectrum is estimated at W - 1, W - 1 + T, ... as in the published code (D1).",
        "schedule",
        "a run that crosses W",
        TIMES,
        (change("fosi", SINCE, SINCE + " + 1"),),
    ),
    Fault(
        "fosi-warmup-ignored",
        "The spectrum is estimated from the first step on.",
        "schedule",
        "W > 0",
        TIMES,
        (change("fosi", SINCE, "since = iteration"),),
    ),
    Fault(
        "fosi-period-from-zero",
        "After the warm-up the period is counted from iteration 0.",
        "schedule",
        "W not a multiple of T",
        TIMES,
        (change("fosi", "since % self.refresh_every == 0", "iteration % self.refresh_every == 0"),),
    ),
    Fault(
        "fosi-estimates-after-the-step",
        "A new spectrum is used only from the next step on.",
        "order",
        "a run that crosses W",
        RUNS,
        (
            change(
                "fosi", "if self.estimates_at(state", "before = state\n        if self.estimates_at(state"
            ),
            change("fosi", "scaling, v, base, start = state", "scaling, v, base, start = before"),
            change(
                "fosi",
                "state = FosiState(t + 1, spectrum, u, clamped, scaling, v, base, start)",
                "state = state._replace(iteration=t + 1, newton_velocity=v, base=base)",
            ),
        ),
    ),
    Fault(
        "fosi-base-without-its-diagonal",
        "Sophia as the base is never handed a diagonal.",
        "state",
        "a base that takes in diagonals",
        STEP,
        (change("fosi", DUE, "return False"),),
    ),
    Fault(
        "fosi-base-diagonal-with-the-spectrum",
        "The base takes in a diagonal at its own iterations only where the spectrum is estimated too.",
        "schedule",
        "a diagonal between two spectra",
        RUNS,
        (change("fosi", DUE, f"{DUE} and self.estimates_at(iteration)"),),
    ),
    Fault(
        "fosi-base-diagonal-in-every-step",
        "The base takes in a diagonal in every step.",
        "schedule",
        "refresh_every of the base above 1",
        RUNS,
        (change("fosi", DUE, 'return hasattr(self.base, "with_diagonal")'),),
    ),
    Fault(
        "fosi-base-diagonal-without-the-known-part",
        "The base takes in the diagonal of H - V diag(lambda) V', the part of H that is left to it.",
        "formula",
        "a base that takes in diagonals, k + l > 0",
        STEP,
        (
            change(
                "fosi",
                TAKEN,
                "known = state.spectrum.eigenvectors**2 @ namespace(theta).astype(\n"
                "                state.spectrum.eigenvalues, theta.dtype)\n"
                "            base = self.base.with_diagonal(state.base, diagonal_of(source, theta) - known)",
            ),
        ),
    ),
    Fault(
        "fosi-base-diagonal-after-the-step",
        "The base uses a diagonal from the next step on.",
        "order",
        "a base that takes in diagonals",
        STEP,
        (
            change("fosi", "if self._diagonal_at(state", "old = state\n        if self._diagonal_at(state"),
            change(
                "fosi",
                LINE_NINE,
                f"{LINE_NINE}\n        d_b = self.base.direction(g2, theta, old.base).direction",
            ),
        ),
    ),
    Fault(
        "fosi-base-at-its-first-rate",
        "Sophia as the base keeps the rate with which its schedule starts.",
        "schedule",
        "Sophia as the base, with a schedule",
        RUNS,
        (change("sophia", OWN_RATE, OWN_RATE.replace("state.iteration", "0")),),
    ),
    Fault(
        "fosi-spectrum-of-the-own-batch",
        "The spectrum is that of the loss, although another one is given for the estimates.",
        "index",
        "a curvature_problem",
        RUNS,
        (
            change(
                "fosi",
                "if curvature is None:\n        return f.linearize",
                "if True:\n        return f.linearize",
            ),
        ),
    ),
    Fault(
        "fosi-diagonal-of-the-own-batch",
        "The base's diagonal is that of the loss, although another one is given for the estimates.",
        "index",
        "a curvature_problem, a base that takes in diagonals",
        RUNS,
        (change("fosi", "(f if curvature is None else curvature, theta, state", "(f, theta, state"),),
    ),
    Fault(
        "fosi-gradient-of-the-other-batch",
        "In a step with an estimate the gradient too is that of the loss for the estimates.",
        "index",
        "a curvature_problem",
        RUNS,
        (
            change(
                "fosi",
                "return *f.value_and_gradient(theta), cur",
                "return *curvature.linearize(theta)[:2], cur",
            ),
        ),
    ),
    Fault(
        "fosi-stale-momentum",
        "A new spectrum leaves both momenta as they are (claims E6).",
        "state",
        "a Newton momentum and a refresh",
        RUNS,
        (
            change(
                "fosi",
                'if self.newton_momentum != "none":\n            v, base',
                "if False:\n            v, base",
            ),
        ),
    ),
    Fault(
        "fosi-momentum-forgotten",
        "A new spectrum sets both momenta to zero.",
        "state",
        "a Newton momentum and a refresh",
        RUNS,
        (change("fosi_momentum", "inside = xp.matmul(V", "total = 0 * total\n    inside = xp.matmul(V"),),
    ),
    Fault(
        "fosi-ema-is-heavy-ball",
        "The averaging filter on g1 loses its factor 1 - beta.",
        "formula",
        "Newton momentum ema",
        STEP,
        (change("fosi_momentum", '(1.0 - b) * g if kind == "ema"', 'g if kind == "ema"'),),
    ),
    Fault(
        "fosi-heavy-ball-is-ema",
        "The heavy-ball filter on g1 averages.",
        "formula",
        "Newton momentum heavy-ball",
        STEP,
        (change("fosi_momentum", 'if kind == "ema" else b * v + g', "if True else b * v + g"),),
    ),
    Fault(
        "fosi-nesterov-filters-its-output",
        "The Nesterov filter remembers its own output: (1 + b) g + b^2 (last output) (D8).",
        "state",
        "Newton momentum nesterov and two steps",
        STEP,
        (
            change(
                "fosi_momentum",
                FILTER,
                'if kind == "nesterov":\n        v = (1.0 + b) * g + b * b * v\n        return v, v\n    '
                + FILTER,
            ),
        ),
    ),
    Fault(
        "fosi-nesterov-uses-the-old-velocity",
        "The Nesterov filter looks ahead by the velocity of the step before.",
        "order",
        "Newton momentum nesterov and a nonzero velocity",
        STEP,
        (
            change(
                "fosi_momentum",
                FILTER,
                FILTER.replace("v = b", "old, v = v, b").replace("b * v if", "b * old if"),
            ),
        ),
    ),
    Fault(
        "scaling-inverted",
        "The scaling is lambda_k / lambda_1.",
        "formula",
        "k > 1",
        SCALE,
        (change("fosi_tuning", "ratio = top[0] / top[-1]", "ratio = top[-1] / top[0]"),),
    ),
    Fault(
        "scaling-below-one",
        "The scaling is clipped from above only.",
        "formula",
        "closed form with l > 0",
        SCALE,
        (
            change(
                "fosi_tuning", "min(max(ratio, 1.0), float(max_scaling))", "min(ratio, float(max_scaling))"
            ),
        ),
    ),
    Fault(
        "scaling-not-clipped",
        "The scaling is not clipped at c.",
        "formula",
        "lambda_1 > c lambda_k",
        SCALE,
        (change("fosi_tuning", "min(max(ratio, 1.0), float(max_scaling))", "max(ratio, 1.0)"),),
    ),
    Fault(
        "scaling-of-every-base",
        "Bases without closed-form rates are scaled too.",
        "validation",
        "Adam with k > 1",
        SCALE,
        (change("fosi_tuning", "optimizer not in CLOSED_FORM or len(top)", "len(top)"),),
    ),
    Fault(
        "scaling-by-the-second-eigenvalue",
        "lambda_2 stands in the place of lambda_k.",
        "index",
        "k > 2",
        SCALE,
        (change("fosi_tuning", "ratio = top[0] / top[-1]", "ratio = top[0] / top[1]"),),
    ),
    Fault(
        "scaling-with-unconverged-pairs",
        "Residuals do not stop the scaling.",
        "validation",
        "a large residual",
        SCALE,
        (
            change(
                "fosi_tuning",
                "if not all(float(residual) <= limit",
                "if False and not all(float(residual) <= limit",
            ),
        ),
    ),
    Fault(
        "scaling-refused-at-the-limit",
        "A residual of exactly the limit stops the scaling.",
        "selection",
        "a residual at its limit",
        SCALE,
        (change("fosi_tuning", "float(residual) <= limit", "float(residual) < limit"),),
    ),
    Fault(
        "scaling-absolute-residuals",
        "Residuals are compared with max_residual itself, not relative to the largest eigenvalue.",
        "formula",
        "eigenvalues far from 1",
        SCALE,
        (
            change(
                "fosi_tuning",
                "limit = max_residual * max(abs(float(value)) for value in eigenvalues)",
                "limit = max_residual",
            ),
        ),
    ),
    Fault(
        "scaling-closed-form-without-lower-end",
        "With l = 0 the closed form takes lambda_k for the lower end.",
        "index",
        "closed form with l = 0",
        SCALE,
        (change("fosi_tuning", "or [0.0]", "or [top[-1]]"),),
    ),
    Fault(
        "curvature-floor-added",
        "The floor is added to |lambda| instead of bounding it.",
        "formula",
        "k + l > 0",
        STEP,
        (change("fosi_tuning", INVERSE, INVERSE.replace("max(size, floor)", "(size + floor)")),),
    ),
    Fault(
        "curvature-floor-absolute",
        "The floor of |lambda| is not relative to the largest.",
        "formula",
        "a tiny eigenvalue in a spectrum far from 1",
        STEP,
        (
            change(
                "fosi_tuning", "if epsilon is None else epsilon) * top", "if epsilon is None else epsilon)"
            ),
        ),
    ),
    Fault(
        "period-rounded-down",
        "T is cut to an integer, so that 80/(1.1 - 1) gives 799.",
        "numerics",
        "a period that float64 misses from below, or a fraction",
        ("refresh_period", "refresh_period_measured"),
        (
            change(
                "fosi_tuning",
                "nearest if abs(period - nearest) <= NEARLY_INTEGER else math.ceil(period)",
                "math.floor(period)",
            ),
        ),
    ),
    Fault(
        "period-always-rounded-up",
        "T is rounded up without looking for an integer, so that 80/(1.2 - 1) gives 401.",
        "numerics",
        "a period that float64 misses from above",
        ("refresh_period",),
        (
            change(
                "fosi_tuning",
                "nearest if abs(period - nearest) <= NEARLY_INTEGER else math.ceil(period)",
                "math.ceil(period)",
            ),
        ),
    ),
    Fault(
        "period-without-factor-two",
        "A Hessian product is counted as one gradient.",
        "formula",
        "any",
        ("refresh_period",),
        (change("fosi_tuning", "_rounded_up(2 * lanczos_steps", "_rounded_up(lanczos_steps"),),
    ),
    Fault(
        "period-latencies-swapped",
        "Equation 6 with tau_1 and tau_2 in each other's place.",
        "formula",
        "different latencies",
        ("refresh_period_measured",),
        (
            change(
                "fosi_tuning",
                "spare = overhead * base_latency - fosi_latency",
                "spare = overhead * fosi_latency - base_latency",
            ),
        ),
    ),
)
