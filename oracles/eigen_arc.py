"""Cases of EigenARC: single updates and runs along a first-order optimizer, every decision stated.

The steps of an assessment are bisected (`elmo_model`), the update walks through Algorithm 3 as corrected
(`eigen_arc_method`), and runs keep L by axis where the axes are known (`eigenframes`). A decision stands
clear of its boundary by thousands of rounding errors, or both answers are accepted.
"""

from oracles.case import Case
from oracles.eigen_arc_refused import refusals
from oracles.eigen_arc_runs import run_cases
from oracles.eigen_arc_update_cases import update_cases

METHOD = "eigen_arc"
SOURCES = (
    *(
        "eigen_arc_method",
        "eigen_arc_updates",
        "eigen_arc_update_cases",
        "eigen_arc_runs",
        "eigen_arc_refused",
    ),
    *(
        "elmo_model",
        "eigenframes",
        "averages",
        "recurrence",
        "problems",
        "families",
        "polynomial",
        "quadratic",
    ),
)
FLAGS = {
    "Kept": "between eta1 and eta2 nothing changes",
    "Shrunk": "above eta2 all L are multiplied by gamma2, whether they are valid or not",
    "ShrinkFactor": "gamma2 < 1; with ARC's convention it would raise",
    "Still": "nothing is promised: 0/0, and nothing changes",
    "SaddleAssessed": "g = 0 and lam < 0: there is something to assess where the gradient vanishes",
    "Raised": "below eta1 all L are raised while the assessment fails: line 8 as printed never does",
    "ReducedInTurn": "then each L in turn, in the order of the pairs, while it still passes",
    "UndoOnlyADivision": "the last multiplication of line 15 belongs to a division that failed",
    "Caps": "raises and divisions end at the cap",
    "Floor": "no L leaves its range",
    "Ends": "two pairs, the ends of the spectrum: L+ and L-",
    "VectorSign": "the sign of v is the eigensolver's",
    "Overflow": "f beyond the range at a trial point is a failure, since no comparison with NaN is true",
    "BelowRounding": "a promise below rounding of f is taken to be kept",
    "Boundary": "an assessment on its boundary: both decisions are right",
    "CarriedLipschitz": "the L of a step enter the next one",
    "Crossing": "sorted eigenvalues swap on the way: L follows the vectors",
    "Overlap": "the pairs are matched by the overlap of their vectors",
    "FreshLipschitz": "a pair that continues none starts at the initial L",
    "Float32": "float32 in, the same decisions",
    "BadInput": "an input that no method may accept in silence",
}


def cases() -> list[Case]:
    """Return all cases of the method."""
    return [*update_cases(), *run_cases(), *refusals()]
