"""Cases of ELMO: scalars, steps from a given spectrum and on a subspace, runs with every LIPSCHITZ oracle.

The step along an eigenvector is the root of the derivative of its cubic model, bisected in a proven bracket
(`elmo_model`); clusters are treated without choosing a basis (`elmo_steps`); runs on separable problems
follow the axes, so that there is neither an eigensolver nor a matching (`eigenframes`). Every build holds
them against the closed forms F1 to F8 of the claims, Lemma 3.1, Lemma 3.2 and `eigsy`.
"""

from oracles import elmo_ends
from oracles.case import Case
from oracles.elmo_refused import refusals
from oracles.elmo_run_cases import run_cases
from oracles.elmo_scalar import scalar_cases
from oracles.elmo_step_cases import step_cases
from oracles.elmo_subspace import subspace_cases

METHOD = "elmo"
SOURCES = (
    *("elmo_model", "elmo_scalar", "elmo_steps", "elmo_step_cases", "elmo_subspace", "elmo_runs"),
    *("elmo_run_cases", "elmo_refused", "eigenframes", "eigen_arc_method", "averages", "fosi_split"),
    *("problems", "families", "quadratic", "elmo_ends", "eigenchoices", "krylov"),
)
FLAGS = {
    "ExactFractions": "known as fractions",
    "PositiveCurvature": "lam > 0: 2g/(lam + R)",
    "NegativeCurvature": "lam < 0: (R + |lam|)/L, and no Newton step",
    "ZeroCurvature": "lam = 0: sqrt(2 g/L)",
    "EquationSeven": "lam > 0 >> L: (R - lam)/L of eq. 7 cancels",
    "ConjugateForm": "lam < 0: 2g/(lam + R) divides by what cancelled",
    "Range": "squares and products leave the range of the dtype, the step does not",
    "ZeroSlope": "g = 0: 0, or 2|lam|/L where lam < 0",
    "ZeroLipschitz": "L = 0: Newton's step where lam > 0",
    "ManyRegimes": "one array, all signs and regimes",
    "Unbounded": "L = 0 and lam < 0, or lam = 0 < g: a verdict, never NaN or a finite step",
    "Direction": "the displacement is -sign(v'g) x* v",
    "VectorSign": "the sign of v is the eigensolver's: line 6 as printed climbs where v'g > 0",
    "PartOfSpectrum": "pairs that are not given do not move",
    "OwnLipschitz": "each pair has its own L",
    "Tie": "g = 0, lam < 0: the two ways down are equally good",
    "TieCircle": "equal negative eigenvalues across the gradient: every direction of their space is as good",
    "Critical": "nothing is promised exactly at second-order critical points",
    "Cluster": "equal eigenvalues: the step does not depend on the basis of their space",
    "ClusterLipschitz": "the largest L of a cluster holds for all of it",
    "ClusterAsGiven": "each vector by itself, where the vectors are to be left as they are",
    "Subspace": "ELMO in the span of the pairs, the base outside it",
    "BaseGradient": "the base's moments see only the gradient outside the span",
    "Cut": "the ends cut through a repeated eigenvalue: the step follows from the vectors chosen",
    "EmptyBlock": "no pairs, or all of them",
    "ExactLipschitz": "L by axis, wherever its eigenvalue is in the sorted list",
    "Crossing": "sorted eigenvalues swap on the way: L follows the vectors",
    "Landing": "one step to the minimiser, where f is the model",
    "ConstantLipschitz": "one L for every pair",
    "RunCluster": "exactly repeated eigenvalues, whose vectors an eigensolver chooses freely",
    "RunTie": "a tie on the way: two runs are right",
    "AveragedLipschitz": "the running average of AMOS, by eigenvector, from 0 and from the second point on",
    "EigenArcLipschitz": "estimates by assessment, carried along",
    "Degenerate": "points where nothing may happen",
    "Float32": "float32 in, float32 out",
    "BadInput": "an input that no method may accept in silence",
}


def cases() -> list[Case]:
    """Return all cases of the method."""
    steps = [*scalar_cases(), *step_cases(), *subspace_cases(), *elmo_ends.cases()]
    return [*steps, *run_cases(), *refusals()]
