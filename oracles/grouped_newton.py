"""Cases of grouped Newton: first steps, runs of Method 1 and Algorithm 4, Theorem 1 in exact fractions.

See grouped_method for the route and grouped_checks for the second derivations.
"""

from oracles.case import Case
from oracles.grouped_exact import exact_cases
from oracles.grouped_refused import refusals
from oracles.grouped_runs import run_cases
from oracles.grouped_steps import step_cases

METHOD = "grouped_newton"
SOURCES = (
    "grouped_method",
    "grouped_checks",
    "grouped_declared",
    "grouped_steps",
    "grouped_runs",
    "grouped_exact",
    "grouped_refused",
    "cubic_model",
    "cubic_secular",
    "cubic_hard",
    "cubic_rational",
    "summary_tensors",
    "summary_groups",
    "averages",
    "problems",
    "families",
    "polynomial",
    "classifiers",
    "network",
    "quadratic",
)
FLAGS = {
    "CubeRoot": "D_i is the cube root of |D^3_iii|, not D^3_iii itself",
    "HalfDamping": "the model has (lambda_int/6)|D eta|^3, its equation (lambda_int/2)|D eta| D^2",
    "AbsoluteThird": "a negative third derivative damps like a positive one",
    "ParameterOrder": "groups are not numbered in parameter order: rates reach the wrong parameters",
    "Interleaved": "the parameters of a group are not neighbours",
    "TrivialPartition": "one group: Cauchy's steepest descent if there is no cubic term",
    "DiscretePartition": "a group for each parameter: Newton's method if there is no cubic term",
    "ClosedForm": "S = 1: eta solves a quadratic equation",
    "DetachedDirection": "u = g enters H_bar and D^3 as a constant",
    "CurvatureBatch": "g_bar, H_bar and D come from the second batch, the direction from the first",
    "Diagonal": "off-diagonal entries of H_bar are left out, D stays",
    "StepSize": "lambda_1 is not 1, or a schedule",
    "Stationary": "eq. 8 as printed: H_bar^-1 g_bar although H_bar is indefinite",
    "NegativeCurvature": "H_bar is indefinite",
    "NegativeRate": "a learning rate is negative, and rightly so",
    "PositivePart": "negative learning rates become 0",
    "PositivePartFirst": "the positive part is taken before the average, not after it",
    "LosesDescent": "the positive part climbs on the model that eta descends on",
    "Momentum": "the first direction is g_0, not (1 - mu_g) g_0; later ones are convex averages",
    "RateMomentum": "the first average of the rates is the first rates themselves",
    "FirstRefresh": "tau > 1: rates in the first step, then every tau steps counted from it",
    "PlateauSchedule": "ReduceLROnPlateau: relative threshold, patience, when called, which step it affects",
    "KeptRates": "the model has no minimum: the last rates stay",
    "ZeroGroup": "u is 0 in a whole group, which is left out of the model",
    "DropsOut": "a group is solved exactly by a step and has no gradient from then on",
    "ThirdVanishes": "some D_i are 0: no cubic term there",
    "Exact": "known as fractions",
    "Unbounded": "the model of the first step has no minimum, and there are no earlier rates",
    "Degenerate": "an input at the edge of what is defined",
    "Float32": "parameters in float32: data, parameters and results keep that dtype",
    "BadInput": "an input that no method may accept in silence",
}


def cases() -> list[Case]:
    """Return the cases of grouped Newton."""
    return [*step_cases(), *run_cases(), *exact_cases(), *refusals()]
