"""Cases of the summary: g_bar, H_bar, the diagonal of D^3, and D^d(u) to order 4, on every problem.

See summary_tensors for the route and for the second derivations.
"""

from oracles.case import Case
from oracles.summary_functions import function_cases
from oracles.summary_networks import network_cases
from oracles.summary_orders import tensor_cases
from oracles.summary_refused import refusals

METHOD = "summary"
SOURCES = (
    "summary_tensors",
    "summary_declared",
    "summary_functions",
    "summary_networks",
    "summary_orders",
    "summary_groups",
    "summary_refused",
    "derivative_values",
    "problems",
    "families",
    "polynomial",
    "classifiers",
    "network",
    "transformer",
    "series",
    "quadratic",
    "bases",
)
FLAGS = {
    "ParameterOrder": "groups are not numbered in parameter order: a sum in tensor order mixes them up",
    "Interleaved": "the parameters of a group are not neighbours",
    "TrivialPartition": "one group: H_bar is u'Hu",
    "DiscretePartition": "a group for each parameter: H_bar is diag(u) H diag(u)",
    "LayerOrder": "blocks take neighbouring layers, alternate every k-th, both the last layer apart",
    "ForeignDirection": "u is not the gradient, which enters g_bar once and not squared",
    "GradientDirection": "u is the gradient, held constant: its own derivative must not enter D^2",
    "ZeroGroup": "u is 0 in a whole group: a zero row, not an error",
    "SignedThird": "a negative third derivative: the sign stays in the summary, only D takes |.|^(1/3)",
    "SymmetricFactor": "entries with different indices stand once, without multiplicity and without 1/d!",
    "ThirdVanishes": "the third derivative along each group is 0 while others are not",
    "FourthOrder": "order 4: 1 + S(S-1)/2 + .. entries, all of them",
    "NegativeCurvature": "H_bar is indefinite",
    "Kink": "the second derivative is Lipschitz but not differentiable everywhere",
    "Float32": "parameters and direction in float32",
    "BadInput": "an input that no method may accept in silence",
}


def cases() -> list[Case]:
    """Return the cases of the summary."""
    return [*function_cases(), *network_cases(), *tensor_cases(), *refusals()]
