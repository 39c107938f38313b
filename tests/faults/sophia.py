"""Wrong steps of Sophia, and wrong diagonals."""

from faults.patching import Fault, change

STEP = ("sophia_step", "sophia_run")
RUN = ("sophia_run",)
DIAGONAL = ("hessian_diagonal", "sophia_run")

MOMENT = "return self.beta1 * state.first_moment + (1.0 - self.beta1) * gradient"
AVERAGE = "h = self.beta2 * state.hessian_diagonal + (1.0 - self.beta2) * estimate"
RATIO = "return m / xp.maximum(self.rho * h, xp.full_like(h, self.epsilon))"
CLIP = "xp.minimum(xp.maximum(ratio, -one), one)"
DECAY = "return d if self.weight_decay == 0.0 else d - (rate * self.weight_decay) * theta"
TAKEN = "ratio = self._ratio(m, h)"
LINE_SIX = "h, m = state.hessian_diagonal, self._moment(g, state)"
DUE = "return iteration % self.refresh_every == 0"
BEGINNING = 'xp, refresh, estimate = namespace(theta), "none", None'
PRODUCT = "probes[row, :] * hvp(probes[row, :])"
FIRST_PRODUCT = "probes[0, :] * hvp(probes[0, :])"
BASIS = "return xp.stack([hvp(xp.astype(index == i, theta.dtype))[i] for i in range(n)])"

SOPHIA_FAULTS = (
    # ---- the averages ----
    Fault(
        "sophia-moment-weights-swapped",
        "m weighs the new gradient by beta1, and the old average by 1 - beta1.",
        "formula",
        "a step with memory",
        STEP,
        (change("sophia", MOMENT, "return (1.0 - self.beta1) * state.first_moment + self.beta1 * gradient"),),
    ),
    Fault(
        "sophia-moment-accumulates",
        "m is heavy-ball momentum: the factor 1 - beta1 is left out.",
        "formula",
        "beta1 > 0",
        STEP,
        (change("sophia", MOMENT, "return self.beta1 * state.first_moment + gradient"),),
    ),
    Fault(
        "sophia-moment-corrected",
        "m is bias-corrected, as in Adam.",
        "formula",
        "an early step that is not clipped",
        STEP,
        (change("sophia", TAKEN, "ratio = self._ratio(m / (1.0 - self.beta1 ** (state.iteration + 1)), h)"),),
    ),
    Fault(
        "sophia-moment-one-step-old",
        "The step is made with m of the step before.",
        "order",
        "beta1 < 1",
        STEP,
        (change("sophia", TAKEN, "ratio = self._ratio(state.first_moment, h)"),),
    ),
    Fault(
        "sophia-gradient-for-moment",
        "The step divides the gradient, not its average.",
        "formula",
        "a step with memory",
        STEP,
        (change("sophia", TAKEN, "ratio = self._ratio(g, h)"),),
    ),
    Fault(
        "sophia-diagonal-weights-swapped",
        "h weighs the estimate by beta2, and the old average by 1 - beta2.",
        "formula",
        "a step that refreshes",
        STEP,
        (
            change(
                "sophia",
                AVERAGE,
                "h = (1.0 - self.beta2) * state.hessian_diagonal + self.beta2 * estimate",
            ),
        ),
    ),
    Fault(
        "sophia-diagonal-not-averaged",
        "h is the last estimate.",
        "state",
        "a step that refreshes",
        STEP,
        (change("sophia", AVERAGE, "h = estimate + 0.0"),),
    ),
    Fault(
        "sophia-diagonal-corrected",
        "h is bias-corrected by the number of estimates.",
        "formula",
        "an early step",
        STEP,
        (
            change(
                "sophia",
                TAKEN,
                "estimates = state.iteration // self.refresh_every + 1\n"
                "        ratio = self._ratio(m, h / (1.0 - self.beta2**estimates))",
            ),
        ),
    ),
    Fault(
        "sophia-diagonal-squared",
        "h averages squares of the estimates, as Adam and AdaHessian do.",
        "formula",
        "a step that refreshes",
        STEP,
        (change("sophia", AVERAGE, AVERAGE.replace("* estimate", "* estimate * estimate")),),
    ),
    Fault(
        "sophia-diagonal-made-positive",
        "h averages the sizes of the estimates.",
        "sign",
        "a negative diagonal element at an estimate",
        STEP,
        (change("sophia", AVERAGE, AVERAGE.replace("* estimate", "* abs(estimate)")),),
    ),
    # ---- the schedule ----
    Fault(
        "sophia-refreshes-after-the-step",
        "An estimate is used from the next step on.",
        "order",
        "a step that refreshes",
        STEP,
        (
            change("sophia", BEGINNING, f"before = state.hessian_diagonal\n        {BEGINNING}"),
            change("sophia", TAKEN, "ratio = self._ratio(m, before)"),
        ),
    ),
    Fault(
        "sophia-refreshes-one-step-early",
        "Estimates are due where t + 1 is a multiple of k: steps are counted from 1.",
        "schedule",
        "a run with k > 1",
        RUN,
        (change("sophia", DUE, "return (iteration + 1) % self.refresh_every == 0"),),
    ),
    Fault(
        "sophia-refreshes-at-every-step",
        "The period k is ignored.",
        "schedule",
        "a run with k > 1",
        RUN,
        (change("sophia", DUE, "return True"),),
    ),
    Fault(
        "sophia-refreshes-once",
        "The diagonal is estimated at t = 0 alone.",
        "schedule",
        "a run longer than k",
        RUN,
        (change("sophia", DUE, "return iteration == 0"),),
    ),
    Fault(
        "sophia-rate-one-step-late",
        "The learning rate is that of t + 1.",
        "schedule",
        "a learning rate that changes",
        STEP,
        (
            change(
                "sophia",
                "rate_at(self.learning_rate, iteration)",
                "rate_at(self.learning_rate, iteration + 1)",
            ),
        ),
    ),
    # ---- the clipped step ----
    Fault(
        "sophia-epsilon-added",
        "The denominator is rho h + epsilon.",
        "formula",
        "rho h of the size of epsilon, or below 0",
        STEP,
        (change("sophia", RATIO, "return m / (self.rho * h + self.epsilon)"),),
    ),
    Fault(
        "sophia-epsilon-times-rho",
        "The denominator is rho max(h, epsilon).",
        "formula",
        "an h that is not above epsilon, with a small m",
        STEP,
        (change("sophia", RATIO, RATIO.replace("(self.rho * h,", "(h,").replace("m /", "m / self.rho /")),),
    ),
    Fault(
        "sophia-negative-curvature-divides",
        "The denominator is max(rho |h|, epsilon).",
        "sign",
        "a negative h, with a small m",
        STEP,
        (change("sophia", RATIO, RATIO.replace("* h,", "* xp.abs(h),")),),
    ),
    Fault(
        "sophia-rho-missing",
        "The denominator is max(h, epsilon).",
        "formula",
        "an element that is not clipped",
        STEP,
        (change("sophia", RATIO, RATIO.replace("self.rho * h", "h")),),
    ),
    Fault(
        "sophia-rho-divides",
        "The denominator is max(h / rho, epsilon).",
        "formula",
        "rho other than 1",
        STEP,
        (change("sophia", RATIO, RATIO.replace("self.rho * h", "h / self.rho")),),
    ),
    Fault(
        "sophia-clips-at-rho",
        "The quotient is clipped at rho.",
        "formula",
        "a clipped element",
        STEP,
        (change("sophia", CLIP, CLIP.replace("one", "self.rho * one").replace("-self.rho", "-(self.rho)")),),
    ),
    Fault(
        "sophia-does-not-clip",
        "The quotient is not clipped.",
        "formula",
        "a clipped element",
        STEP,
        (change("sophia", CLIP, "ratio"),),
    ),
    Fault(
        "sophia-counts-the-boundary-as-clipped",
        "A quotient of exactly 1 or -1 is said to be clipped.",
        "selection",
        "a quotient of exactly 1",
        STEP,
        (change("sophia", "xp.abs(ratio) > 1.0", "xp.abs(ratio) >= 1.0"),),
    ),
    Fault(
        "sophia-clips-from-above",
        "The quotient is clipped at 1, but not at -1.",
        "sign",
        "a quotient below -1",
        STEP,
        (change("sophia", CLIP, "xp.minimum(ratio, one)"),),
    ),
    Fault(
        "sophia-clips-the-whole",
        "The whole quotient is scaled until its largest element is 1.",
        "formula",
        "a clipped element among others",
        STEP,
        (change("sophia", CLIP, "(ratio / max(1.0, float(xp.max(xp.abs(ratio)))))"),),
    ),
    Fault(
        "sophia-direction-sign",
        "The step goes up.",
        "sign",
        "any",
        STEP,
        (change("sophia", "d = -rate * xp.min", "d = rate * xp.min"),),
    ),
    # ---- weight decay ----
    Fault(
        "sophia-decay-in-the-moment",
        "Weight decay is added to the gradient: m, and the clip, see it.",
        "formula",
        "weight decay",
        STEP,
        (
            change("sophia", LINE_SIX, LINE_SIX.replace("(g,", "(g + self.weight_decay * theta,")),
            change("sophia", DECAY, "return d"),
        ),
    ),
    Fault(
        "sophia-decay-without-rate",
        "Weight decay is not multiplied by the learning rate.",
        "formula",
        "weight decay",
        STEP,
        (change("sophia", DECAY, DECAY.replace("rate * ", "")),),
    ),
    Fault(
        "sophia-decay-after-the-step",
        "Weight decay shrinks the point after the step.",
        "order",
        "weight decay",
        STEP,
        (change("sophia", DECAY, DECAY.replace("* theta", "* (theta + d)")),),
    ),
    Fault(
        "sophia-decay-ignored",
        "There is no weight decay.",
        "formula",
        "weight decay",
        STEP,
        (change("sophia", DECAY, "return d"),),
    ),
    # ---- the diagonal ----
    Fault(
        "hutchinson-without-probe",
        "The estimate is H u, not u o (H u).",
        "formula",
        "a probe with an element other than 1",
        DIAGONAL,
        (
            change("hessian_diagonal", PRODUCT, "hvp(probes[row, :])"),
            change("hessian_diagonal", FIRST_PRODUCT, "hvp(probes[0, :])"),
        ),
    ),
    Fault(
        "hutchinson-sums",
        "The probes' products are added, not averaged.",
        "formula",
        "two probes",
        ("hessian_diagonal",),
        (change("hessian_diagonal", "return total / count", "return total"),),
    ),
    Fault(
        "hutchinson-first-probe-only",
        "Every product is made with the first probe.",
        "index",
        "two probes",
        ("hessian_diagonal",),
        (change("hessian_diagonal", PRODUCT, FIRST_PRODUCT),),
    ),
    Fault(
        "hutchinson-squares-the-product",
        "The estimate is the square of H u, which is the diagonal of H^2.",
        "formula",
        "H other than diagonal with zeros and ones",
        DIAGONAL,
        (
            change("hessian_diagonal", PRODUCT, "hvp(probes[row, :]) ** 2"),
            change("hessian_diagonal", FIRST_PRODUCT, "hvp(probes[0, :]) ** 2"),
        ),
    ),
    Fault(
        "diagonal-row-sums",
        "The exact diagonal is H times ones: row sums.",
        "formula",
        "a Hessian with elements off the diagonal",
        DIAGONAL,
        (change("hessian_diagonal", BASIS, "return hvp(xp.ones_like(theta))"),),
    ),
)
