"""Wrong steps, averages and schedules of grouped Newton."""

from faults.patching import Fault, change

STEP = ("grouped_newton_step", "grouped_newton_run")
RUN = ("grouped_newton_run",)

ROOT = "D = xp.abs(third) ** (1.0 / 3.0)"
SOLVE = "model = cubic_minimizer(H, g, self.internal_damping, d)"
DIRECTION = "u = momentum(self.momentum, g, u if t > 0 else None)"
RATES = "momentum(self.rate_momentum, self._rates(found.eta), last)"
AVERAGE = "mu * last + (1.0 - mu) * x"
LAST = "last = eta if has_rates else None"
MEASURED = "found = self._measured(f if curvature is None else curvature, theta, u, found)"
UPDATE = "theta_next = theta - (step_size * u) * self.groups.spread(eta)"
STATE = "state = GroupedNewtonState(t + 1, u, eta, has_rates, plateau, found)"
KEPT = "elif not has_rates and"
REFRESH = "return iteration % self.refresh_every == 0"
POSITIVE = "if self.positive_part else eta\n"
CALL = "if self.plateau is not None and self.plateau.due(t):"
BETTER = "better = loss < (1.0 - self.threshold) * state.best"
BAD = "(loss, 0) if better else (state.best, state.bad + 1)"
REDUCED = "self.factor * state.factor if reduces"
DUE = "return (iteration + 1) % self.every == 0"
FIRST = "f.summary(theta, u, self.groups, interactions=self.interactions)"

GROUPED_FAULTS = (
    # ---- the model ----
    Fault(
        "grouped-no-cube-root",
        "D is the third derivative itself.",
        "formula",
        "a third derivative other than 0 and 1",
        STEP,
        (change("grouped_newton", ROOT, "D = xp.abs(third)"),),
    ),
    Fault(
        "grouped-square-root",
        "D is the square root of the third derivative.",
        "formula",
        "a third derivative other than 0 and 1",
        STEP,
        (change("grouped_newton", ROOT, "D = xp.abs(third) ** 0.5"),),
    ),
    Fault(
        "grouped-negative-third-as-zero",
        "Groups with a negative third derivative get no cubic term: the absolute value is left out.",
        "sign",
        "a negative third derivative",
        STEP,
        (
            change(
                "grouped_newton", ROOT, "D = xp.where(third > 0, third, xp.zeros_like(third)) ** (1.0 / 3.0)"
            ),
        ),
    ),
    Fault(
        "grouped-damping-over-two",
        "The cubic term is lambda_int/2 |D eta|^3.",
        "formula",
        "lambda_int > 0 and D other than 0",
        STEP,
        (change("grouped_newton", SOLVE, SOLVE.replace("self.int", "3.0 * self.int")),),
    ),
    Fault(
        "grouped-damping-ignored",
        "lambda_int is taken as 1.",
        "formula",
        "lambda_int other than 0 and 1",
        STEP,
        (
            change(
                "grouped_newton",
                SOLVE,
                SOLVE.replace("self.internal_damping", "min(1.0, self.internal_damping)"),
            ),
        ),
    ),
    Fault(
        "grouped-isotropic",
        "The cubic term is that of D = I.",
        "formula",
        "lambda_int > 0",
        STEP,
        (change("grouped_newton", SOLVE, SOLVE.replace(", d)", ")")),),
    ),
    Fault(
        "grouped-ridge",
        "The damping is lambda_int I in H_bar, which is not invariant (claim E9).",
        "formula",
        "lambda_int > 0",
        STEP,
        (
            change(
                "grouped_newton",
                SOLVE,
                "H = H + self.internal_damping * namespace(H).eye(len(kept), dtype=H.dtype)\n"
                "                model = cubic_minimizer(H, g, 0.0, d)",
            ),
        ),
    ),
    Fault(
        "grouped-radius-of-eta",
        "r is |eta|.",
        "formula",
        "D other than I",
        STEP,
        (change("grouped_newton", "_size(found.D * eta)", "_size(eta)"),),
    ),
    Fault(
        "grouped-dead-group-moves",
        "Groups whose direction is 0 get the learning rate 1.",
        "selection",
        "a group with u_s = 0",
        STEP,
        (change("grouped_newton", "by_group.get(s, 0.0)", "by_group.get(s, 1.0)"),),
    ),
    Fault(
        "grouped-dead-group-counts",
        "Learning rates of the active groups stand at the first places.",
        "index",
        "a group with u_s = 0 before one without",
        STEP,
        (
            change(
                "grouped_newton",
                "by_group = dict(zip(kept, part, strict=True))",
                "by_group = dict(enumerate(part))",
            ),
        ),
    ),
    Fault(
        "grouped-diagonal-ignored",
        "The diagonal approximation is not made.",
        "formula",
        "interactions switched off",
        STEP,
        (change("grouped_newton", "interactions=self.interactions)", "interactions=True)"),),
    ),
    Fault(
        "grouped-always-diagonal",
        "Interactions between groups are left out.",
        "formula",
        "two groups that are coupled",
        STEP,
        (change("grouped_newton", "interactions=self.interactions)", "interactions=False)"),),
    ),
    # ---- the two minibatches ----
    Fault(
        "grouped-one-batch",
        "The summary is taken from the batch of the direction.",
        "selection",
        "a batch of its own for the curvature",
        STEP,
        (change("grouped_newton", "f if curvature is None else curvature", "f"),),
    ),
    Fault(
        "grouped-first-batch-g-bar",
        "g_bar comes from the batch of the direction, as Appendix G's text has it (claim F14).",
        "selection",
        "a batch of its own for the curvature",
        STEP,
        (
            change(
                "grouped_newton",
                MEASURED,
                MEASURED + "\n            found = found._replace(g_bar=self.groups.sums(u * g))",
            ),
        ),
    ),
    Fault(
        "grouped-first-batch-H-bar",
        "H_bar comes from the batch of the direction.",
        "selection",
        "a batch of its own for the curvature",
        STEP,
        (
            change(
                "grouped_newton",
                MEASURED,
                f"{MEASURED}\n            found = found._replace(H_bar={FIRST}.H_bar)",
            ),
        ),
    ),
    Fault(
        "grouped-first-batch-D",
        "D comes from the batch of the direction.",
        "selection",
        "a batch of its own for the curvature, and lambda_int > 0",
        STEP,
        (
            change(
                "grouped_newton",
                MEASURED,
                f"{MEASURED}\n            third = {FIRST}.third_diagonal\n"
                "            found = found._replace(D=abs(third) ** (1.0 / 3.0))",
            ),
        ),
    ),
    Fault(
        "grouped-second-batch-direction",
        "The direction is the gradient of the batch of the curvature.",
        "selection",
        "a batch of its own for the curvature",
        STEP,
        (
            change(
                "grouped_newton",
                DIRECTION,
                "g = (f if curvature is None else curvature).gradient(theta)\n        " + DIRECTION,
            ),
        ),
    ),
    # ---- averages ----
    Fault(
        "grouped-momentum-sum",
        "Gradients are summed as by heavy ball, without the factor 1 - mu_g.",
        "formula",
        "momentum",
        RUN,
        (change("grouped_newton", DIRECTION, "u = g if t == 0 else self.momentum * u + g"),),
    ),
    Fault(
        "grouped-momentum-from-zero",
        "The average of gradients starts from 0, not from the first gradient.",
        "state",
        "momentum",
        RUN,
        (change("grouped_newton", DIRECTION, "u = momentum(self.momentum, g, u)"),),
    ),
    Fault(
        "grouped-averages-swapped",
        "mu weighs the new term, 1 - mu the average so far.",
        "formula",
        "momentum other than 0 and 1/2",
        RUN,
        (change("grouped_newton", AVERAGE, "mu * x + (1.0 - mu) * last"),),
    ),
    Fault(
        "grouped-averages-without-complement",
        "Both averages lack the factor 1 - mu.",
        "formula",
        "momentum or rate momentum",
        RUN,
        (change("grouped_newton", AVERAGE, "mu * last + x"),),
    ),
    Fault(
        "grouped-momentum-of-two-gradients",
        "The gradient is remembered in the place of the average.",
        "state",
        "momentum",
        RUN,
        (change("grouped_newton", STATE, STATE.replace("t + 1, u", "t + 1, g")),),
    ),
    Fault(
        "grouped-rates-without-complement",
        "The average of the learning rates lacks the factor 1 - mu_eta.",
        "formula",
        "rate momentum",
        RUN,
        (
            change(
                "grouped_newton",
                RATES,
                "self._rates(found.eta) + (0.0 if last is None else self.rate_momentum * last)",
            ),
        ),
    ),
    Fault(
        "grouped-rates-from-zero",
        "The average of the learning rates starts from 0.",
        "state",
        "rate momentum",
        RUN,
        (change("grouped_newton", LAST, "last = eta"),),
    ),
    Fault(
        "grouped-rates-not-averaged",
        "Learning rates are those of the last refresh.",
        "formula",
        "rate momentum",
        RUN,
        (change("grouped_newton", RATES, "self._rates(found.eta)"),),
    ),
    Fault(
        "grouped-momenta-exchanged",
        "mu_g averages the learning rates, mu_eta the gradients.",
        "selection",
        "momenta that differ",
        RUN,
        (
            change("grouped_newton", DIRECTION, DIRECTION.replace("self.momentum", "self.rate_momentum")),
            change("grouped_newton", RATES, RATES.replace("self.rate_momentum", "self.momentum")),
        ),
    ),
    Fault(
        "grouped-average-before-positive-part",
        "The positive part is taken of the average, not averaged.",
        "order",
        "rate momentum and a negative learning rate",
        RUN,
        (change("grouped_newton", RATES, "self._rates(momentum(self.rate_momentum, found.eta, last))"),),
    ),
    Fault(
        "grouped-always-positive",
        "Negative learning rates become 0 although nobody asks for it.",
        "selection",
        "a negative learning rate",
        STEP,
        (change("grouped_newton", POSITIVE, "\n"),),
    ),
    Fault(
        "grouped-never-positive",
        "The positive part is not taken.",
        "selection",
        "positive part and a negative learning rate",
        STEP,
        (change("grouped_newton", POSITIVE, "if False else eta\n"),),
    ),
    Fault(
        "grouped-absolute-rates",
        "The positive part is the absolute value.",
        "sign",
        "positive part and a negative learning rate",
        STEP,
        (
            change(
                "grouped_newton",
                "xp.where(eta > 0, eta, xp.zeros_like(eta)) " + POSITIVE,
                "xp.abs(eta) " + POSITIVE,
            ),
        ),
    ),
    # ---- refreshes ----
    Fault(
        "grouped-refresh-from-one",
        "Iterations count from 1 as printed: no learning rates before t = tau (claim F12).",
        "schedule",
        "tau > 1",
        RUN,
        (change("grouped_newton", REFRESH, "return (iteration + 1) % self.refresh_every == 0"),),
    ),
    Fault(
        "grouped-refresh-one-early",
        "After the first step, refreshes come one step early: t = 1, tau, 2 tau, ... counted from 1.",
        "schedule",
        "tau > 1",
        RUN,
        (
            change(
                "grouped_newton",
                REFRESH,
                "return iteration == 0 or (iteration + 1) % self.refresh_every == 0",
            ),
        ),
    ),
    Fault(
        "grouped-refresh-every-step",
        "Learning rates are computed in every step.",
        "schedule",
        "tau > 1",
        RUN,
        (change("grouped_newton", REFRESH, "return True"),),
    ),
    Fault(
        "grouped-refresh-once",
        "Learning rates are never computed again.",
        "schedule",
        "two steps",
        RUN,
        (change("grouped_newton", REFRESH, "return iteration == 0"),),
    ),
    Fault(
        "grouped-rates-not-kept",
        "Between refreshes the step is u itself, its learning rates 1.",
        "state",
        "tau > 1",
        RUN,
        (
            change(
                "grouped_newton",
                UPDATE,
                "eta = eta if refresh == 'refreshed' else namespace(eta).ones_like(eta)\n        " + UPDATE,
            ),
        ),
    ),
    Fault(
        "grouped-no-minimum-averages-zero",
        "Where the model has no minimum, zeros enter the average, as in the published code.",
        "state",
        "a model that becomes unbounded on the way",
        RUN,
        (
            change(
                "grouped_newton",
                KEPT,
                "elif has_rates:\n                eta = self.rate_momentum * eta\n            " + KEPT,
            ),
        ),
    ),
    # ---- the step ----
    Fault(
        "grouped-step-size-missing",
        "lambda does not multiply the step.",
        "formula",
        "lambda other than 1",
        STEP,
        (change("grouped_newton", UPDATE, "theta_next = theta - u * self.groups.spread(eta)"),),
    ),
    Fault(
        "grouped-step-size-squared",
        "lambda multiplies the learning rates and the step.",
        "formula",
        "lambda other than 1",
        STEP,
        (change("grouped_newton", UPDATE, UPDATE.replace("(step_size * u)", "(step_size * step_size * u)")),),
    ),
    Fault(
        "grouped-step-up",
        "The step is added.",
        "sign",
        "any step",
        STEP,
        (change("grouped_newton", UPDATE, UPDATE.replace("theta - ", "theta + ")),),
    ),
    Fault(
        "grouped-step-along-the-gradient",
        "The step goes along the gradient, the learning rates are those of the direction.",
        "formula",
        "momentum",
        RUN,
        (change("grouped_newton", UPDATE, UPDATE.replace("* u)", "* g)")),),
    ),
    Fault(
        "grouped-summary-along-the-gradient",
        "The tensors are those of the gradient, the step goes along the direction.",
        "formula",
        "momentum",
        RUN,
        (change("grouped_newton", MEASURED, MEASURED.replace("theta, u", "theta, g")),),
    ),
    Fault(
        "grouped-schedule-one-step-late",
        "lambda_1 is that of the next iteration.",
        "schedule",
        "a schedule of lambda_1",
        STEP,
        (change("grouped_newton", "rate_at(self.learning_rate, t)", "rate_at(self.learning_rate, t + 1)"),),
    ),
    # ---- the plateau schedule ----
    Fault(
        "plateau-ignored",
        "lambda is never reduced.",
        "schedule",
        "a plateau",
        RUN,
        (change("grouped_newton", CALL, "if False:"),),
    ),
    Fault(
        "plateau-patience-one-less",
        "The rate is reduced after `patience` bad calls, not after one more.",
        "schedule",
        "a plateau",
        RUN,
        (change("plateau", "if bad <= self.patience:", "if bad < max(self.patience, 1):"),),
    ),
    Fault(
        "plateau-patience-one-more",
        "The rate is reduced after one bad call too many.",
        "schedule",
        "a plateau",
        RUN,
        (change("plateau", "if bad <= self.patience:", "if bad <= self.patience + 1:"),),
    ),
    Fault(
        "plateau-factor-twice",
        "A reduction multiplies by the factor twice.",
        "formula",
        "a plateau",
        RUN,
        (change("plateau", REDUCED, "self.factor * " + REDUCED),),
    ),
    Fault(
        "plateau-factor-replaces",
        "A second reduction does not multiply with the first.",
        "state",
        "two reductions",
        RUN,
        (change("plateau", REDUCED, "self.factor if reduces"),),
    ),
    Fault(
        "plateau-one-step-late",
        "The schedule is called one step late.",
        "schedule",
        "a plateau",
        RUN,
        (change("plateau", DUE, "return iteration > 0 and iteration % self.every == 0"),),
    ),
    Fault(
        "plateau-in-every-step",
        "The schedule is called in every step.",
        "schedule",
        "a plateau with every > 1",
        RUN,
        (change("plateau", DUE, "return True"),),
    ),
    Fault(
        "plateau-before-the-step",
        "The schedule is called before the step that its reduction is to follow.",
        "order",
        "a plateau",
        RUN,
        (
            change(
                "grouped_newton",
                "        " + UPDATE,
                "        if self.plateau is not None and self.plateau.due(t):\n"
                "            after = self.plateau.called(plateau, float(to_host(value)), step_size)\n"
                "            step_size = step_size * after.factor / plateau.factor\n        " + UPDATE,
            ),
        ),
    ),
    Fault(
        "plateau-absolute-threshold",
        "A loss is better when it is below the best by the threshold itself.",
        "formula",
        "a plateau and losses far from 1",
        RUN,
        (change("plateau", BETTER, "better = loss < state.best - self.threshold"),),
    ),
    Fault(
        "plateau-without-threshold",
        "Any loss below the best is better.",
        "formula",
        "a plateau and a loss that creeps down",
        RUN,
        (change("plateau", BETTER, "better = loss < state.best"),),
    ),
    Fault(
        "plateau-threshold-of-the-size",
        "The threshold is relative to |best|, so that a negative loss that stands still is no progress.",
        "sign",
        "a plateau and a negative loss",
        RUN,
        (
            change(
                "plateau",
                BETTER,
                "better = state.best == math.inf or loss < state.best - self.threshold * abs(state.best)",
            ),
        ),
    ),
    Fault(
        "plateau-best-is-the-last",
        "The loss is compared with that of the call before, not with the best.",
        "state",
        "a plateau and a loss that goes up and down",
        RUN,
        (change("plateau", BAD, "(loss, 0) if better else (loss, state.bad + 1)"),),
    ),
    Fault(
        "plateau-bad-calls-not-forgotten",
        "A better loss does not reset the count of bad calls.",
        "state",
        "a plateau with patience > 0 and a loss that goes up and down",
        RUN,
        (change("plateau", BAD, "(loss, state.bad) if better else (state.best, state.bad + 1)"),),
    ),
    Fault(
        "plateau-reduces-from-then-on",
        "A reduction does not reset the count of bad calls.",
        "state",
        "a plateau with patience > 0",
        RUN,
        (
            change(
                "plateau",
                "return PlateauState(best, 0, " + REDUCED,
                "return PlateauState(best, bad, " + REDUCED,
            ),
        ),
    ),
    # ---- settings ----
    Fault(
        "grouped-damping-repaired",
        "A lambda_int out of range is silently put into it.",
        "validation",
        "lambda_int < 0 or infinite",
        RUN,
        (
            change(
                "grouped_settings",
                'check_nonnegative("internal_damping", self.internal_damping)',
                'object.__setattr__(self, "internal_damping", min(abs(self.internal_damping), 1e9))',
            ),
        ),
    ),
    Fault(
        "grouped-momentum-one-let-in",
        "mu_g and mu_eta are not looked at.",
        "validation",
        "a momentum outside [0, 1)",
        RUN,
        (
            change("grouped_settings", 'check_fraction("momentum", self.momentum)', "abs(1)"),
            change("grouped_settings", 'check_fraction("rate_momentum", self.rate_momentum)', "abs(1)"),
        ),
    ),
    Fault(
        "plateau-settings-let-in",
        "The settings of the plateau schedule are not looked at.",
        "validation",
        "a plateau out of range",
        RUN,
        (
            change("plateau", 'check_count("patience", self.patience, 0)', "abs(1)"),
            change("plateau", 'for name in ("factor", "threshold"):', "for name in ():"),
        ),
    ),
)
