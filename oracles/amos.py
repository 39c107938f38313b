"""Cases of AMOS: averages of slopes, selections, trajectories, refusals.

Averages are explicit sums over all slopes (`amos_averages`), selections are made over the rationals
(`amos_selection`), trajectories keep every past gradient instead of a state (`amos_method`); `amos_checks`
runs Algorithm 2 literally beside them, and `amos_exact` in fractions where everything is rational.
"""

from oracles import amos_averages, amos_refused, amos_runs, amos_selection_cases
from oracles.case import Case

PARTS = (amos_averages, amos_selection_cases, amos_runs, amos_refused)
METHOD = "amos"
SOURCES = (
    *(part.__name__.removeprefix("oracles.") for part in PARTS),
    *(
        "amos_declared",
        "amos_method",
        "amos_optimizers",
        "amos_checks",
        "amos_exact",
        "amos_selection",
        "sophia_method",
        "summary_groups",
        "averages",
        "recurrence",
    ),
    *("problems", "families", "polynomial", "classifiers", "network"),
)
FLAGS = {
    "Average": "L <- a L + (1 - a) slope from 0; corrected by 1 - a^k; or started at the first slope",
    "SlopeCount": "k counts the slopes of an index, not Hessians and not iterations",
    "Denominator": "the norm of the motion, or the part of it along the index",
    "Epsilon": "added to the motion",
    "NoMotion": "no slope where nothing moved: never 0/0 or noise over epsilon",
    "FirstHessian": "stored only: no slope, k = 0",
    "PreviousHessian": "slopes reach back to the Hessian just before, not one iteration, not to the first",
    "FixedThreshold": "first where L > threshold",
    "Equality": "equality goes to the second",
    "NewtonAscent": "eq. 8: L g > 3 lam^2, and always where lam <= 0",
    "Corners": "eq. 8 at lam <= 0, g = 0, L = 0: no division",
    "Damping": "eq. 8 for a damped step: 3 (2 - a) lam^2 / (a^2 g)",
    "Boundary": "decisions that rounding may make either way",
    "Scale": "numbers whose squares leave the range of float64",
    "Tensor": "one statistic for each tensor: the mean or the maximum of its members'",
    "GroupOrder": "tensors are numbered by label, not by position",
    "HessianSet": "Hessian times as a period or a set; assignments and axes stay in between",
    "Default": "who owns the parameters before the first Hessian",
    "GdNewton": "gradient descent and Newton",
    "GdSophia": "gradient descent and Sophia",
    "BallSophia": "heavy ball and Sophia",
    "GdFosi": "gradient descent and FOSI",
    "Hutchinson": "one probe for each estimate, which all who ask in that step share",
    "Freeze": "the memory of what an optimizer does not own stays as it is, its counter goes on",
    "IdleUpdate": "both memories see every gradient",
    "WeightDecay": "the second's decay, where the second owns",
    "Eigenspace": "sum v v'd over the eigenspaces of each owner",
    "Crossing": "eigenvalues cross: matched by eigenvector; in sorted order L is too small",
    "Turning": "eigenvectors turn between two Hessians",
    "Complement": "what no eigenspace covers belongs to the first",
    "Exact": "known as fractions",
    "Float32": "float32 in, float32 out",
    "BadInput": "an input that no selection may accept in silence",
}


def cases() -> list[Case]:
    """Return all cases of the method."""
    return [case for part in PARTS for case in part.cases()]
