"""Wrong first-order optimizers, schedules and closed-form rates."""

from faults.patching import Fault, change

STEPS = ("base_step", "base_directions", "base_run")
RATES = ("optimal_rates",)

ADAM_FIRST = "m = self.beta1 * m + (1.0 - self.beta1) * gradient"
ADAM_SECOND = "v = self.beta2 * v + (1.0 - self.beta2) * gradient**2"
ADAM_ROOT = "root = namespace(gradient).sqrt(v / (1.0 - self.beta2 ** (t + 1)))"
RMSPROP_AVERAGE = "v = self.decay * v + (1.0 - self.decay) * gradient**2"
RMSPROP_STEP = "Direction(-rate_at(self.learning_rate, t) * gradient / root"
NESTEROV = """v = self.momentum * v + gradient
        d = -rate_at(self.learning_rate, t) * (gradient + self.momentum * v)"""
HEAVY_BALL = """v = self.momentum * v + gradient
        return Direction(-rate_at(self.learning_rate, t) * v"""

FIRST_ORDER_FAULTS = (
    Fault(
        "adam-first-moment-uncorrected",
        "Adam's first moment is used without its bias correction.",
        "formula",
        "an early iteration",
        STEPS,
        (change("first_order", "m_hat = m / (1.0 - self.beta1 ** (t + 1))", "m_hat = m"),),
    ),
    Fault(
        "adam-second-moment-uncorrected",
        "Adam's second moment is used without its bias correction.",
        "formula",
        "an early iteration",
        STEPS,
        (change("first_order", ADAM_ROOT, "root = namespace(gradient).sqrt(v)"),),
    ),
    Fault(
        "adam-correction-counts-from-two",
        "Adam's bias correction uses t + 2, as when a counter that starts at 1 is increased once more.",
        "index",
        "an early iteration",
        STEPS,
        (
            change("first_order", "1.0 - self.beta1 ** (t + 1)", "1.0 - self.beta1 ** (t + 2)"),
            change("first_order", "1.0 - self.beta2 ** (t + 1)", "1.0 - self.beta2 ** (t + 2)"),
        ),
    ),
    Fault(
        "adam-epsilon-inside-the-root",
        "Adam adds epsilon under the root.",
        "formula",
        "a gradient entry that is not large against sqrt(epsilon)",
        STEPS,
        (
            change("first_order", ADAM_ROOT, ADAM_ROOT.replace("(t + 1)))", "(t + 1)) + self.epsilon)")),
            change("first_order", "m_hat / (root + self.epsilon)", "m_hat / root"),
        ),
    ),
    Fault(
        "adam-epsilon-before-the-correction",
        "Adam adds epsilon to the uncorrected root, as one published code does.",
        "formula",
        "an early iteration and an epsilon that counts",
        STEPS,
        (
            change(
                "first_order",
                "m_hat / (root + self.epsilon)",
                "m_hat / (root + self.epsilon / (1.0 - self.beta2 ** (t + 1)) ** 0.5)",
            ),
        ),
    ),
    Fault(
        "adam-betas-swapped",
        "Adam's two decays change places.",
        "formula",
        "any two iterations",
        STEPS,
        (
            change("first_order", ADAM_FIRST, "m = self.beta2 * m + (1.0 - self.beta2) * gradient"),
            change("first_order", ADAM_SECOND, "v = self.beta1 * v + (1.0 - self.beta1) * gradient**2"),
        ),
    ),
    Fault(
        "adam-second-moment-of-sizes",
        "Adam averages |g| where it should average g^2.",
        "formula",
        "a gradient entry other than 0 and 1",
        STEPS,
        (change("first_order", "(1.0 - self.beta2) * gradient**2", "(1.0 - self.beta2) * abs(gradient)"),),
    ),
    Fault(
        "adam-second-moment-centred",
        "Adam averages (g - m)^2, the variance, as AdaBelief does.",
        "formula",
        "a nonzero first moment",
        STEPS,
        (change("first_order", ADAM_SECOND, ADAM_SECOND.replace("gradient**2", "(gradient - m) ** 2")),),
    ),
    Fault(
        "adamw-decay-coupled",
        "AdamW adds the decay to the gradient, so that the moments see it.",
        "formula",
        "weight decay",
        STEPS,
        (
            change(
                "first_order",
                "super().direction(gradient, theta, state)",
                "super().direction(gradient + self.weight_decay * theta, theta, state)",
            ),
            change("first_order", "Direction(d - decay * theta, state_next)", "Direction(d, state_next)"),
        ),
    ),
    Fault(
        "adamw-decay-without-the-rate",
        "AdamW's decay is not multiplied by the learning rate.",
        "formula",
        "weight decay",
        STEPS,
        (
            change(
                "first_order",
                "rate_at(self.learning_rate, state.iteration) * self.weight_decay",
                "self.weight_decay",
            ),
        ),
    ),
    Fault(
        "adamw-decay-after-the-step",
        "AdamW shrinks theta after it has moved.",
        "order",
        "weight decay",
        STEPS,
        (change("first_order", "d - decay * theta", "d - decay * (theta + d)"),),
    ),
    Fault(
        "heavy-ball-averages",
        "Heavy ball multiplies the gradient by 1 - momentum.",
        "formula",
        "momentum",
        STEPS,
        (
            change(
                "first_order",
                HEAVY_BALL,
                HEAVY_BALL.replace("+ gradient", "+ (1 - self.momentum) * gradient"),
            ),
        ),
    ),
    Fault(
        "heavy-ball-uses-the-old-velocity",
        "Heavy ball moves by the velocity of the step before.",
        "order",
        "momentum",
        STEPS,
        (
            change(
                "first_order",
                HEAVY_BALL,
                HEAVY_BALL.replace("v = self", "old, v = v, self").replace("t) * v", "t) * old"),
            ),
        ),
    ),
    Fault(
        "nesterov-uses-the-old-velocity",
        "Nesterov adds the velocity of the step before.",
        "order",
        "a nonzero velocity",
        STEPS,
        (
            change(
                "first_order",
                NESTEROV,
                NESTEROV.replace("v = self", "old, v = v, self").replace(
                    "self.momentum * v)", "self.momentum * old)"
                ),
            ),
        ),
    ),
    Fault(
        "nesterov-is-heavy-ball",
        "Nesterov's direction leaves the look-ahead out.",
        "formula",
        "momentum",
        STEPS,
        (change("first_order", "(gradient + self.momentum * v)", "v"),),
    ),
    Fault(
        "rmsprop-decay-swapped",
        "RMSProp's decay multiplies the new square.",
        "formula",
        "a decay other than 1/2",
        STEPS,
        (change("first_order", RMSPROP_AVERAGE, "v = (1.0 - self.decay) * v + self.decay * gradient**2"),),
    ),
    Fault(
        "rmsprop-epsilon-moved",
        "RMSProp takes epsilon inside the root for outside and the reverse.",
        "formula",
        "an epsilon that counts",
        STEPS,
        (change("first_order", "if self.epsilon_inside else", "if not self.epsilon_inside else"),),
    ),
    Fault(
        "rmsprop-divides-by-the-old-average",
        "RMSProp divides by the average before the new square.",
        "order",
        "a nonzero second moment",
        STEPS,
        (
            change("first_order", RMSPROP_AVERAGE, "old, " + RMSPROP_AVERAGE.replace("v = ", "v = v, ")),
            change("first_order", "else xp.sqrt(v) + self.epsilon", "else xp.sqrt(old) + self.epsilon"),
        ),
    ),
    Fault(
        "gradient-ascent",
        "Gradient descent walks up.",
        "sign",
        "any",
        STEPS,
        (
            change(
                "first_order",
                "-rate_at(self.learning_rate, state[0])",
                "rate_at(self.learning_rate, state[0])",
            ),
        ),
    ),
    Fault(
        "schedule-counts-from-one",
        "A schedule is asked for the rate of the next iteration.",
        "schedule",
        "a schedule",
        STEPS,
        (change("schedules", "float(rate(iteration))", "float(rate(iteration + 1))"),),
    ),
    Fault(
        "adamw-decay-of-the-next-rate",
        "AdamW's decay is multiplied by the learning rate of the next iteration.",
        "schedule",
        "a schedule and weight decay",
        STEPS,
        (
            change(
                "first_order",
                "decay = rate_at(self.learning_rate, state.iteration)",
                "decay = rate_at(self.learning_rate, state_next.iteration)",
            ),
        ),
    ),
    Fault(
        "rmsprop-schedule-counts-from-one",
        "RMSProp asks its schedule for the rate of the next iteration.",
        "schedule",
        "a schedule",
        STEPS,
        (change("first_order", RMSPROP_STEP, RMSPROP_STEP.replace(", t)", ", t + 1)")),),
    ),
    Fault(
        "rmsprop-schedule-of-the-start",
        "RMSProp keeps the rate with which its schedule starts.",
        "schedule",
        "a schedule",
        STEPS,
        (change("first_order", RMSPROP_STEP, RMSPROP_STEP.replace(", t)", ", 0)")),),
    ),
    Fault(
        "gradient-descent-optimal-momentum",
        "Gradient descent is given its contraction for a momentum.",
        "formula",
        "closed-form rates",
        RATES,
        (
            change(
                "rates", "return Rates(2.0 / (L + m), 0.0,", "return Rates(2.0 / (L + m), (L - m) / (L + m),"
            ),
        ),
    ),
    Fault(
        "heavy-ball-optimal-momentum-not-squared",
        "Heavy ball's optimal momentum is taken for its contraction.",
        "formula",
        "closed-form rates",
        RATES,
        (change("rates", "contraction**2, contraction", "contraction, contraction"),),
    ),
    Fault(
        "nesterov-optimal-rate-of-gradient-descent",
        "Nesterov's optimal rate leaves the smallest eigenvalue out.",
        "formula",
        "closed-form rates",
        RATES,
        (change("rates", "4.0 / (3.0 * L + m)", "4.0 / (3.0 * L)"),),
    ),
    Fault(
        "gradient-descent-optimal-rate-is-one-over-l",
        "Gradient descent's optimal rate is taken as 1/L.",
        "formula",
        "closed-form rates",
        RATES,
        (change("rates", "2.0 / (L + m)", "1.0 / L"),),
    ),
)
