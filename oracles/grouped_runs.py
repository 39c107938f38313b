"""Runs of grouped Newton (L4): Method 1, eq. 8, Algorithm 4 with all its parts, Appendix L."""

from typing import Any

from oracles.case import Case
from oracles.grouped_checks import CAUCHY, NEWTON
from oracles.grouped_declared import run_case
from oracles.problems import load
from oracles.summary_groups import alternate, blocks, canonical, discrete, permuted, trivial, weights_biases

CUBIC = ("CubeRoot", "HalfDamping")
EQ8: dict[str, Any] = {"internal_damping": 0.0, "source": "eq. 8"}
FOUR: dict[str, Any] = {"source": "Algorithm 4", "positive_part": True}
CLIP = ("rates=ema-then-positive",)
WHEN = ("refresh=first-and-multiples",)


def _method_1() -> list[Case]:
    # fmt: off
    return [
        run_case("rosenbrock-2", "rosenbrock-2", discrete(2), "two groups down the valley",
            (*CUBIC, "ThirdVanishes"), steps=12, start=[-0.5, 0.75]),
        run_case("rosenbrock-5", "rosenbrock-5", [1, 0, 1, 0, 1], "interleaved groups, lambda_int = 3",
            (*CUBIC, "ParameterOrder"), steps=11, internal_damping=3.0),
        run_case("beale", "beale", [1, 0], "labels swapped; D of x is 0",
            (*CUBIC, "ParameterOrder", "ThirdVanishes"), steps=7, start=[1.5, 0.25]),
        run_case("himmelblau-trivial", "himmelblau", trivial(2), "one group: a damped line search", CUBIC,
            steps=10),
        run_case("log-cosh-6", "log-cosh-6", [2, 1, 0, 2, 1, 0], "third derivatives of both signs",
            (*CUBIC, "AbsoluteThird", "ParameterOrder"), steps=4),
        run_case("log-cosh-rotated-6", "log-cosh-rotated-6", [1, 1, 0, 0, 1, 0],
            "lambda_1 = 1/4, lambda_int = 10", (*CUBIC, "AbsoluteThird", "StepSize"), steps=20,
            internal_damping=10.0, learning_rate=0.25),
        run_case("log-cosh-scheduled", "log-cosh-rotated-6", [0, 1, 0, 1, 0, 1],
            "lambda_1 decays: 1, 1/2, 1/3, ..", (*CUBIC, "StepSize"), steps=12,
            learning_rate={"schedule": "exponential", "initial": 1.0, "decay": 0.5, "every": 4}),
        run_case("log-cosh-dead-group", "log-cosh-6", [0, 0, 1, 1, 2, 2],
            "the gradient is exactly 0 in group 1, in every step", (*CUBIC, "ZeroGroup"), steps=10,
            start=[0.5, -1.0, 0.0, 0.0, -0.25, 3.0]),
        run_case("matched-cubic-5", "matched-cubic-5", [1, 0, 1, 0, 1], "from negative curvature, past kinks",
            (*CUBIC, "NegativeCurvature", "ParameterOrder"), steps=8,
            start=[0.125, 0.25, -0.25, 0.625, 0.1875]),
        run_case("quartic", "polynomial-quartic-4", [1, 0, 0, 1], "pairs out of order",
            (*CUBIC, "ParameterOrder"), steps=10),
        run_case("logistic-eq8", "logistic-7x4", [1, 0, 1, 0],
            "two groups without a cubic term, lambda_1 = 3/4", ("ParameterOrder", "StepSize"), steps=10,
            learning_rate=0.75, **EQ8),
        run_case("logistic-newton", "logistic-7x4", discrete(4), "Newton's method", ("DiscretePartition",),
            steps=4, checks=(NEWTON,), **EQ8),
        run_case("logistic-cauchy", "logistic-7x4", trivial(4), "Cauchy's method", ("TrivialPartition",),
            steps=10, checks=(CAUCHY,), **EQ8),
        run_case("logistic-diagonal", "logistic-7x4", [1, 0, 1, 0], "the groups only share r",
            (*CUBIC, "Diagonal"), steps=12, interactions=False, source="Appendix L"),
        run_case("logistic-two-batches", "logistic-7x4", [0, 1, 1, 0],
            "u from one batch, the model from another", (*CUBIC, "CurvatureBatch"), steps=12,
            learning_rate=0.5, curvature="logistic-7x4-second", source="Algorithm 1"),
        run_case("softmax-classes", "softmax-8x3x3", [2, 0, 1] * 4, "a group is a class, numbered backwards",
            (*CUBIC, "ParameterOrder"), steps=10),
    ]
    # fmt: on


def _algorithm_4() -> list[Case]:
    plateau = {"every": 2, "patience": 0, "factor": 0.5}
    # fmt: off
    return [
        run_case("logistic-momentum", "logistic-7x4", [1, 0, 1, 0],
            "mu_g = 1/2: the first direction is g, not g/2", (*CUBIC, "Momentum"), steps=12, momentum=0.5,
            source="Algorithm 4"),
        run_case("logistic-rates", "logistic-7x4", [0, 1, 1, 0],
            "mu_eta = 1/2: the first rates enter undamped", (*CUBIC, "RateMomentum"), steps=10,
            rate_momentum=0.5, source="Algorithm 4"),
        run_case("logistic-period", "logistic-7x4", [1, 0, 1, 0],
            "tau = 4: rates of steps 0, 4, 8; as printed eta~ is undefined until step 4 (claim F12)",
            (*CUBIC, "FirstRefresh"), steps=12, refresh_every=4, momentum=0.5, alternatives=WHEN,
            source="Algorithm 4"),
        run_case("logistic-whole", "logistic-7x4", [0, 1, 1, 0], "every part of Algorithm 4, two batches",
            (*CUBIC, "PlateauSchedule", "Momentum", "RateMomentum", "FirstRefresh", "CurvatureBatch"),
            steps=20, curvature="logistic-7x4-second", momentum=0.75, rate_momentum=0.5, refresh_every=3,
            learning_rate=1.5, internal_damping=3.0, plateau=plateau, alternatives=WHEN, **FOUR),
        run_case("logistic-float32", "logistic-7x4", [1, 0, 1, 0], "float32: mu_g = 1/2, tau = 2",
            (*CUBIC, "Float32", "Momentum", "FirstRefresh"), steps=6, momentum=0.5, refresh_every=2,
            dtype="float32", source="Algorithm 4"),
        run_case("clipped-then-averaged", "quadratic-coupled-2", discrete(2),
            "(17/7, -32/21): clipped before it is averaged; the other way round gives other rates",
            ("PositivePart", "PositivePartFirst", "RateMomentum"), steps=10, rate_momentum=0.5,
            learning_rate=0.25, internal_damping=0.0, alternatives=CLIP, **FOUR),
        run_case("rosenbrock-clipped", "rosenbrock-5", discrete(5),
            "negative rates along the valley, clipped", (*CUBIC, "PositivePart", "PositivePartFirst"),
            steps=15, rate_momentum=0.5, refresh_every=2, learning_rate=0.5, alternatives=CLIP, **FOUR),
        run_case("softmax-whole", "softmax-8x3x3", weights_biases(load("softmax-8x3x3")),
            "Table 2 but for tau = 5", (*CUBIC, "Momentum", "RateMomentum", "FirstRefresh"), steps=16,
            momentum=0.9, rate_momentum=0.5, refresh_every=5, learning_rate=0.25, internal_damping=10.0,
            plateau={"every": 8, "patience": 5, "factor": 0.5}, **FOUR),
    ]
    # fmt: on


def _plateaus() -> list[Case]:
    # fmt: off
    return [
        run_case("plateau", "quadratic-offdiagonal-2", trivial(2),
            "lambda_1 = 2 keeps the loss constant: bad calls after steps 4, 6, 8; then lambda is 1",
            ("PlateauSchedule",), steps=9, learning_rate=2.0,
            plateau={"every": 2, "patience": 2, "factor": 0.5}, source="Algorithm 4"),
        run_case("plateau-every-third", "quadratic-offdiagonal-2", trivial(2),
            "lambda_1 = 2 keeps the loss constant: called after steps 3 and 6, counted from 1; then it is 1",
            ("PlateauSchedule",), steps=7, learning_rate=2.0,
            plateau={"every": 3, "patience": 0, "factor": 0.5}, source="Algorithm 4"),
        run_case("plateau-smallest", "quadratic-two-blocks-4", [0, 0, 1, 1],
            "lambda_1 = 2^-25 is halved once: half of the half is 7.5e-9, less than torch's eps = 1e-8",
            ("PlateauSchedule",), steps=8, learning_rate=2.0**-25,
            plateau={"every": 1, "patience": 1, "factor": 0.5}, source="Algorithm 4"),
        run_case("plateau-threshold", "quadratic-two-blocks-4", [0, 0, 1, 1],
            "each step takes 2.3 parts in 10^5 of the loss: the first is best, three bad calls reduce",
            ("PlateauSchedule",), steps=10, learning_rate=2.0**-16,
            plateau={"every": 1, "patience": 2, "factor": 0.5}, source="Algorithm 4"),
        run_case("plateau-negative-loss", "quadratic-blocks-12", [3, 3, 1, 1, 1, 2, 2, 2, 0, 0, 0, 0],
            "where the loss is negative (1 - 10^-4) best lies above best: standing still counts as progress",
            ("PlateauSchedule", "ParameterOrder"), steps=8, learning_rate=2.0,
            start=[1.5, 1.0, 0.75, 1.25] * 3, plateau={"every": 1, "patience": 0, "factor": 0.5},
            source="Algorithm 4"),
        run_case("plateau-negative-rise", "quadratic-blocks-12", [3, 3, 1, 1, 1, 2, 2, 2, 0, 0, 0, 0],
            "each step loses 3.4 parts in 10^5 of a negative loss, and still counts as progress",
            ("PlateauSchedule", "ParameterOrder"), steps=8, learning_rate=2.0 + 2.0**-12,
            start=[1.5, 1.0, 0.75, 1.25] * 3, plateau={"every": 1, "patience": 1, "factor": 0.5},
            source="Algorithm 4"),
        run_case("plateau-up-and-down", "himmelblau", trivial(2),
            "every second loss is the best so far: with patience 1 nothing is reduced",
            (*CUBIC, "PlateauSchedule"), steps=10, learning_rate=2.25,
            plateau={"every": 1, "patience": 1, "factor": 0.5}, source="Algorithm 4"),
        run_case("kept-rates-averaged", "polynomial-valley-2", discrete(2),
            "mu_eta = 1/2: where the model has no minimum nothing enters the average",
            ("KeptRates", "ThirdVanishes", "RateMomentum"), steps=4, start=[0.5, 0.1], rate_momentum=0.5,
            source="Algorithm 4"),
        run_case("kept-rates", "polynomial-valley-2", discrete(2),
            "from step 2 on H_bar is indefinite and D = 0: the rates of step 1 are kept",
            ("KeptRates", "ThirdVanishes"), steps=6, start=[0.5, 0.1], source="Algorithm 4"),
        run_case("plateau-impatient", "log-cosh-rotated-2", [1, 0],
            "patience 0: each step from a loss that did not fall reduces lambda, 2 to 0.47 in nine steps",
            (*CUBIC, "PlateauSchedule", "ParameterOrder"), steps=9, learning_rate=2.0,
            plateau={"every": 1, "patience": 0, "factor": 0.75}, source="Algorithm 4"),
    ]
    # fmt: on


def _networks() -> list[Case]:
    tanh, deep = load("tanh-network-18"), load("tanh-network-30")
    relu, coder = load("relu-network-17"), load("autoencoder-22")
    # fmt: off
    return [
        run_case("tanh-18", tanh.id, canonical(tanh), "Method 1, a group for each tensor",
            (*CUBIC, "AbsoluteThird", "DetachedDirection"), steps=5, learning_rate=0.25,
            internal_damping=10.0),
        run_case("tanh-18-whole", tanh.id, permuted(blocks(tanh, 1), [2, 3, 0, 1]),
            "Algorithm 4, two batches, groups out of order",
            (*CUBIC, "Momentum", "RateMomentum", "FirstRefresh", "CurvatureBatch", "ParameterOrder",
             "PlateauSchedule", "PositivePart"),
            steps=14, curvature="tanh-network-18-second", momentum=0.75, rate_momentum=0.5, refresh_every=4,
            learning_rate=0.25, internal_damping=3.0, plateau={"every": 2, "patience": 1, "factor": 0.5},
            **FOUR),
        run_case("tanh-30-alternate-2", deep.id, alternate(deep, 2), "five layers, S = 6, tau = 3",
            (*CUBIC, "FirstRefresh"), steps=6, refresh_every=3, learning_rate=0.125, internal_damping=10.0,
            momentum=0.5, source="Algorithm 4"),
        run_case("relu-17", relu.id, weights_biases(relu), "away from kinks", CUBIC, steps=6, start="second",
            learning_rate=0.25),
        run_case("autoencoder-22-diagonal", coder.id, canonical(coder), "Appendix L on four tensors",
            (*CUBIC, "Diagonal"), steps=5, learning_rate=0.5, interactions=False, source="Appendix L"),
    ]
    # fmt: on


def run_cases() -> list[Case]:
    """Return the cases of runs."""
    return [*_method_1(), *_algorithm_4(), *_plateaus(), *_networks()]
