"""Cases of the first-order optimizers: steps, directions along given points, free runs, optimal rates.

The answers go another way than an implementation's loop. Memories are explicit weighted sums of all past
gradients (`averages`), runs of linear methods on quadratics are scalar recurrences in eigen-coordinates
(`eigenruns`), and the optimal rates come from bisecting for the rate at which both ends of the spectrum
contract equally (`rates`). Each answer is checked at every build against the textbook recurrence or formula.
"""

from oracles import (
    first_order_corners,
    first_order_directions,
    first_order_refusals,
    first_order_runs,
    first_order_steps,
    rates,
)
from oracles.case import Case

PARTS = (
    first_order_steps,
    first_order_corners,
    first_order_directions,
    first_order_runs,
    rates,
    first_order_refusals,
)

METHOD = "first_order"
SOURCES = (
    *(part.__name__.removeprefix("oracles.") for part in PARTS),
    *("averages", "recurrence", "variants", "eigenruns", "first_order_settings"),
)
FLAGS = {
    "GradientStep": "-eta g: the sign, the rate, and the gradient of the current point",
    "BiasCorrection": "1 - beta^t with t counted from 1; off by one, left out, or applied to one moment only",
    "EpsilonPlace": "epsilon outside the root, after the correction; elsewhere small gradients differ",
    "EpsilonMissing": "a zero second moment gives 0/0 without epsilon",
    "MomentumForm": "v <- momentum v + g; averaging, (1 - momentum) g, shrinks every step",
    "NesterovForm": "the direction uses the updated velocity: g + momentum v_new, not v_old, and not v alone",
    "StateUpdate": "the memory is updated before it is used, and returned",
    "SquareBeforeAverage": "the second moment averages g^2; squaring the average loses the variance",
    "DecoupledDecay": "weight decay acts on theta with the learning rate, outside the moments",
    "ZeroGradient": "no gradient: fresh state stays, momentum coasts, no NaN",
    "Float32": "float32 in, float32 out: constants must not widen the arrays nor be rounded before 1 - beta",
    "Schedule": "the learning rate of iteration t, t counted from 0",
    "OptimalRate": "closed-form rates on quadratics; ends of the spectrum swapped, or the square missing",
    "ExtremeScale": "components of very different size in one gradient",
    "BadInput": "settings or gradients that no step may accept in silence",
}


def cases() -> list[Case]:
    """Return all cases of the method."""
    return [case for part in PARTS for case in part.cases()]
