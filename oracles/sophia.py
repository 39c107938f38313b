"""Cases of Sophia: diagonals of Hessians, single steps, free runs, refusals.

Memories are explicit sums over all gradients and estimates (`sophia_method`), checked by Algorithm 3's own
recurrences; diagonals are products with hand-derived Hessians, checked by second derivatives along lines.
"""

from oracles import sophia_diagonal, sophia_refused, sophia_runs, sophia_steps
from oracles.case import Case

PARTS = (sophia_diagonal, sophia_steps, sophia_runs, sophia_refused)
METHOD = "sophia"
SOURCES = (
    *(part.__name__.removeprefix("oracles.") for part in PARTS),
    *("sophia_method", "averages", "recurrence", "problems", "families", "classifiers", "network"),
)
FLAGS = {
    "Diagonal": "the entries H_ii, of both signs",
    "Hutchinson": "the mean of u o (H u) over the given probes",
    "Refresh": "estimates at t mod refresh_every = 0, t from 0; elsewhere h stays",
    "Order": "the estimate enters h before the step; some codes take it in afterwards",
    "NoCorrection": "neither m nor h is bias-corrected",
    "Memory": "m and h are averages: weight 1 - beta for what is new",
    "Clip": "m / max(rho h, epsilon) is clipped to [-1, 1], component by component, before eta",
    "NegativeCurvature": "h at or below 0: the floor epsilon, never an uphill step",
    "Epsilon": "a floor of rho h, not of h, and not added",
    "WeightDecay": "decoupled: eta weight_decay theta, not clipped, not in m",
    "ZeroGradient": "no gradient: 0 / epsilon is 0, m coasts",
    "Schedule": "the learning rate of iteration t, t from 0",
    "Scale": "components of very different size",
    "Float32": "float32 in, float32 out",
    "BadInput": "settings, gradients or probes that no step may accept in silence",
}


def cases() -> list[Case]:
    """Return all cases of the method."""
    return [case for part in PARTS for case in part.cases()]
