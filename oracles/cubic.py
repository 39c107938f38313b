"""Cases of the cubic model -g'eta + eta'H eta/2 + (lam/6)|D eta|^3; see cubic_model for the route."""

from oracles.case import Case
from oracles.cubic_degenerate import degenerate_cases
from oracles.cubic_partial import partial_cases
from oracles.cubic_refused import refusals
from oracles.cubic_regular import regular_cases
from oracles.cubic_scaled import scaled_cases

METHOD = "cubic"
SOURCES = (
    "cubic_model",
    "cubic_secular",
    "cubic_hard",
    "cubic_rational",
    "cubic_quantities",
    "cubic_declared",
    "cubic_regular",
    "cubic_degenerate",
    "cubic_partial",
    "cubic_scaled",
    "cubic_refused",
)
FLAGS = {
    "ConvexModel": "H positive definite: the cubic term is lam/6 |D eta|^3, the shift of H lam/2 r D^2",
    "IndefiniteModel": "the shift must pass the lowest curvature; H^-1 g or a clipped H gives another point",
    "SemidefiniteModel": "H has no inverse, the model has a minimizer; an inverse of H fails",
    "LargestRadius": "several stationary points: the one of largest |D eta| is the minimum",
    "NoHardCase": "g has no part along the lowest curvature, but r is above its bound: G(r) is regular",
    "HardCase": "no root with an inverse: G(r) is singular and eta gets a part along the lowest curvature",
    "NearHardCase": "the root all but meets the pole: solve in the distance from it, never in r",
    "Boundary": "where the hard case begins",
    "Sphere": "the lowest curvature is multiple: a sphere of minimizers, any point of which is right",
    "ZeroGradient": "g = 0: eta = 0 only if H is nonnegative",
    "OneGroup": "S = 1 has a closed form",
    "ManyGroups": "S = 20",
    "NoCubicTerm": "d_i = 0 exactly: elimination, not division by d and not a threshold on d",
    "NoRegularisation": "no cubic term at all",
    "FreeDirection": "a direction along which nothing changes: any point of a flat is right",
    "Unbounded": "no minimum: said so, whatever stationary points there are",
    "Scale": "inputs far from 1: squares and cubes of them leave the range of a float",
    "MixedScales": "scales far from each other: an absolute tolerance sees some groups only",
    "Invariance": "a change of the groups' scales changes nothing but the coordinates",
    "Float32": "inputs in float32",
    "BadInput": "an input that no method may accept in silence",
}


def cases() -> list[Case]:
    """Return the cases of the cubic model."""
    return [*regular_cases(), *degenerate_cases(), *partial_cases(), *scaled_cases(), *refusals()]
