"""Summaries of the functions of few variables: which groups, which direction, what a wrong answer tells."""

from oracles.case import Case
from oracles.summary_declared import summary_case
from oracles.summary_groups import discrete, trivial

FOREIGN = ("ForeignDirection",)
MIXED = ("ForeignDirection", "ParameterOrder", "Interleaved")


def function_cases() -> list[Case]:
    """Return the cases of `summary` without layers."""
    return [*_test_functions(), *_polynomials_and_losses()]


def _test_functions() -> list[Case]:
    # fmt: off
    return [
        summary_case("rosenbrock-2", "rosenbrock-2", discrete(2),
            "two groups of one weight; D^3 of x alone is 2400 x", (*FOREIGN, "DiscretePartition")),
        summary_case("rosenbrock-2", "rosenbrock-2-swapped", [1, 0],
            "the two groups numbered the other way round: a sum in parameter order has the right shape",
            ("ForeignDirection", "ParameterOrder", "DiscretePartition")),
        summary_case("rosenbrock-5", "rosenbrock-5-interleaved", [1, 0, 1, 0, 1],
            "no entry of H couples parameters of the same group", MIXED),
        summary_case("beale", "beale-trivial", trivial(2), "one group, u = g: the numbers of a line search",
            ("GradientDirection", "TrivialPartition"), direction="gradient"),
        summary_case("himmelblau", "himmelblau-discrete", discrete(2), "u = g, a group for each parameter",
            ("GradientDirection", "DiscretePartition"), direction="gradient"),
        summary_case("log-cosh-6", "log-cosh-6-pairs", [2, 1, 0, 2, 1, 0],
            "three groups of two, numbered backwards: every off-diagonal entry of H_bar is 0", MIXED),
        summary_case("log-cosh-6", "log-cosh-6-far", [0, 0, 1, 1, 2, 2],
            "saturated tanh: second and third derivatives far below their amplitudes", FOREIGN, start="far"),
        summary_case("log-cosh-rotated-2", "log-cosh-rotated-2", [1, 0],
            "groups along the axes, curvature along a rotated basis", ("ForeignDirection", "ParameterOrder")),
        summary_case("log-cosh-rotated-6", "log-cosh-rotated-6", [1, 1, 0, 0, 1, 0],
            "two groups of three, interleaved; third derivatives of both signs", (*MIXED, "SignedThird")),
        summary_case("log-cosh-saddle-2", "log-cosh-saddle-2", discrete(2),
            "one direction has negative curvature and no third derivative at all",
            ("ForeignDirection", "NegativeCurvature", "DiscretePartition")),
        summary_case("matched-cubic-3", "matched-cubic-3", [0, 1, 0],
            "|z|^3 away from its kink: third derivative -L or L",
            ("ForeignDirection", "SignedThird", "Kink", "Interleaved")),
        summary_case("matched-cubic-5", "matched-cubic-5", [1, 0, 1, 0, 1],
            "the same along rotated directions", (*MIXED, "Kink")),
    ]
    # fmt: on


def _polynomials_and_losses() -> list[Case]:
    # fmt: off
    return [
        summary_case("polynomial-valley-2", "valley-discrete", discrete(2),
            "x^2 y: both third derivatives of a single weight are 0, the mixed one is not (claim D11)",
            ("ForeignDirection", "ThirdVanishes", "DiscretePartition")),
        summary_case("polynomial-valley-2", "valley-trivial", trivial(2),
            "the same function in one group: 6 u1^2 u2", ("GradientDirection", "TrivialPartition"),
            direction="gradient"),
        summary_case("polynomial-product-2", "product-discrete", [1, 0],
            "two linear layers of one weight, u = g: D^3 vanishes in both groups",
            ("GradientDirection", "ThirdVanishes", "ParameterOrder"), start="valley", direction="gradient"),
        summary_case("polynomial-product-2", "product-trivial", trivial(2),
            "in one group its third derivative is not 0", ("ForeignDirection", "TrivialPartition")),
        summary_case("polynomial-linear-3", "linear-in-a-group", discrete(3),
            "linear in z, quadratic in y: rows of H_bar and entries of D^3 that vanish identically",
            ("ForeignDirection", "DiscretePartition")),
        summary_case("polynomial-quartic-4", "quartic-swapped-pairs", [1, 0, 0, 1], "pairs (2, 3) and (1, 4)",
            MIXED),
        summary_case("polynomial-quartic-4", "quartic-zero-group", [1, 0, 1, 0], "u is 0 in group 1",
            ("ForeignDirection", "ZeroGroup", "ParameterOrder", "Interleaved"),
            direction=[0.0, 1.5, 0.0, -0.5]),
        summary_case("polynomial-quartic-4", "quartic-zero-direction", [0, 0, 1, 1],
            "u = 0: everything vanishes", ("ZeroGroup",), direction=[0.0, 0.0, 0.0, 0.0]),
        summary_case("logistic-7x4", "logistic-7x4", [1, 0, 1, 0],
            "equal sizes, interleaved and numbered backwards", MIXED),
        summary_case("logistic-7x4", "logistic-7x4-gradient", [0, 0, 1, 1], "u = g", ("GradientDirection",),
            direction="gradient"),
        summary_case("logistic-7x4-second", "logistic-second", [1, 1, 0, 0],
            "u is not the gradient of these 5 samples: the direction of one batch, the curvature of another",
            ("ForeignDirection", "ParameterOrder")),
        summary_case("quadratic-blocks-12", "blocks-12", [3, 3, 1, 1, 1, 2, 2, 2, 0, 0, 0, 0],
            "groups are the blocks of H, numbered apart: H_bar is diagonal, D^3 = 0",
            ("ForeignDirection", "ParameterOrder", "ThirdVanishes")),
        summary_case("quadratic-indefinite-6", "indefinite-6", [0, 1, 2, 0, 1, 2],
            "indefinite H_bar, D^3 = 0",
            ("ForeignDirection", "Interleaved", "ThirdVanishes", "NegativeCurvature")),
        summary_case("quadratic-zero-4", "zero-4", [0, 1, 1, 0],
            "H = 0: H_bar and D^3 vanish, g_bar does not",
            ("ForeignDirection", "Interleaved", "ThirdVanishes")),
        summary_case("quadratic-single-1", "single-1", [0], "n = S = 1: f = x^2",
            ("ForeignDirection", "TrivialPartition")),
    ]
    # fmt: on
