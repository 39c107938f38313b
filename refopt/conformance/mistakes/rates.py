"""Wrong learning rates: schedules and closed forms."""

from refopt.conformance.mistakes.base import mistake
from refopt.rates import optimal_rates

EITHER = ("base_step", "base_directions", "base_run", "fosi_step", "fosi_directions", "fosi_run")
GROUPED = ("grouped_newton_step", "grouped_newton_run")
SOPHIA = ("sophia_step", "sophia_run")
RATES = ("optimal_rates",)


def _rates(**changed):
    """The closed forms with some of them replaced: optimizer -> (L, m, right rates) -> changed fields."""

    def wrong(self, optimizer, largest_eigenvalue, smallest_eigenvalue):
        right = optimal_rates(optimizer, largest_eigenvalue, smallest_eigenvalue)
        if optimizer not in changed:
            return right._asdict()
        return {**right._asdict(), **changed[optimizer](largest_eigenvalue, smallest_eigenvalue, right)}

    return wrong


RATE_MISTAKES = (
    mistake(
        "schedule-one-iteration-ahead",
        "A schedule is asked for the rate of the next iteration.",
        "schedule",
        EITHER + GROUPED + SOPHIA,
        rate=lambda self, s, t: s.learning_rate(t + 1) if callable(s.learning_rate) else s.learning_rate,
    ),
    mistake(
        "schedule-stays-at-its-start",
        "The learning rate stays the one with which its schedule starts.",
        "schedule",
        EITHER + GROUPED + SOPHIA,
        rate=lambda self, s, t: s.learning_rate(0) if callable(s.learning_rate) else s.learning_rate,
    ),
    mistake(
        "gradient-descent-optimal-momentum",
        "Gradient descent is given its contraction for a momentum.",
        "formula",
        RATES,
        optimal_rates=_rates(gradient_descent=lambda L, m, right: {"momentum": right.contraction}),
    ),
    mistake(
        "optimal-momentum-not-squared",
        "Heavy ball's optimal momentum is taken for its contraction.",
        "formula",
        RATES,
        optimal_rates=_rates(heavy_ball=lambda L, m, right: {"momentum": right.contraction}),
    ),
    mistake(
        "optimal-rate-without-the-smallest",
        "Nesterov's optimal rate leaves the smallest eigenvalue out: 4/(3L).",
        "formula",
        RATES,
        optimal_rates=_rates(nesterov=lambda L, m, right: {"learning_rate": 4.0 / (3.0 * L)}),
    ),
    mistake(
        "optimal-rate-is-one-over-l",
        "Gradient descent's optimal rate is taken as 1/L.",
        "formula",
        RATES,
        optimal_rates=_rates(gradient_descent=lambda L, m, right: {"learning_rate": 1.0 / L}),
    ),
)
