"""First steps of grouped Newton (L3): special cases of the paper, counterexamples, every setting once."""

from typing import Any

from oracles.case import Case
from oracles.grouped_checks import CAUCHY, NEWTON, ONE_GROUP
from oracles.grouped_declared import step_case
from oracles.precision import round_float32
from oracles.problems import load
from oracles.summary_groups import blocks, canonical, discrete, permuted, trivial, weights_biases

EQ8: dict[str, Any] = {"internal_damping": 0.0, "source": "eq. 8"}
CUBIC = ("CubeRoot", "HalfDamping")


def _functions() -> list[Case]:
    # fmt: off
    return [
        step_case("rosenbrock-2-discrete", "rosenbrock-2", discrete(2), "D^3 of y vanishes: only x is damped",
            (*CUBIC, "ThirdVanishes")),
        step_case("rosenbrock-5-interleaved", "rosenbrock-5", [1, 0, 1, 0, 1],
            "groups out of order, lambda_int = 3", (*CUBIC, "ParameterOrder"), internal_damping=3.0),
        step_case("beale-trivial", "beale", trivial(2), "S = 1: a quadratic equation for eta",
            (*CUBIC, "ClosedForm"), checks=(ONE_GROUP,)),
        step_case("himmelblau-trivial-strong", "himmelblau", trivial(2), "S = 1, lambda_int = 100",
            (*CUBIC, "ClosedForm"), checks=(ONE_GROUP,), internal_damping=100.0),
        step_case("himmelblau-discrete", "himmelblau", [1, 0],
            "labels swapped: each weight gets its own rate", (*CUBIC, "ParameterOrder")),
        step_case("log-cosh-6-pairs", "log-cosh-6", [2, 1, 0, 2, 1, 0],
            "third derivatives of both signs: without |.| a negative one would lower the model",
            (*CUBIC, "AbsoluteThird", "ParameterOrder")),
        step_case("log-cosh-rotated-6", "log-cosh-rotated-6", [1, 1, 0, 0, 1, 0],
            "lambda_int = 10, lambda_1 = 1/4", (*CUBIC, "AbsoluteThird", "StepSize"), internal_damping=10.0,
            learning_rate=0.25),
        step_case("log-cosh-dead-group", "log-cosh-6", [0, 0, 1, 1, 2, 2],
            "the gradient vanishes in group 1: a zero row, left out; its rate is 0", (*CUBIC, "ZeroGroup"),
            start=[0.5, -1.0, 0.0, 0.0, -0.25, 3.0]),
        step_case("log-cosh-scheduled", "log-cosh-rotated-2", [0, 1], "lambda_1 from a warm-up: 1/4 of 1",
            (*CUBIC, "StepSize"),
            learning_rate={"schedule": "linear_warmup", "start": 0.25, "steps": 4, "after": 1.0}),
        step_case("matched-cubic-5", "matched-cubic-5", [1, 0, 1, 0, 1],
            "negative curvature in the model, tamed by D", (*CUBIC, "NegativeCurvature", "ParameterOrder"),
            start=[0.125, 0.25, -0.25, 0.625, 0.1875]),
        step_case("logistic-cauchy", "logistic-7x4", trivial(4),
            "the trivial partition without a cubic term is Cauchy's step", ("TrivialPartition",),
            checks=(CAUCHY,), **EQ8),
        step_case("logistic-newton", "logistic-7x4", discrete(4),
            "the discrete partition without a cubic term is Newton's step", ("DiscretePartition",),
            checks=(NEWTON,), **EQ8),
        step_case("logistic-newton-permuted", "logistic-7x4", [2, 0, 3, 1],
            "Newton's step whatever the order of the groups", ("DiscretePartition", "ParameterOrder"),
            checks=(NEWTON,), **EQ8),
        step_case("logistic-newton-scaled", "logistic-7x4", discrete(4), "three quarters of Newton's step",
            ("DiscretePartition", "StepSize"), learning_rate=0.75, **EQ8),
        step_case("logistic-two-batches", "logistic-7x4", [1, 0, 1, 0],
            "u from one batch; g_bar, H_bar and D from the other (claim F14)", (*CUBIC, "CurvatureBatch"),
            curvature="logistic-7x4-second", source="Algorithm 1"),
        step_case("logistic-two-batches-eq8", "logistic-7x4", [0, 1, 1, 0],
            "g_bar of the first batch with H_bar of the second would be another step", ("CurvatureBatch",),
            curvature="logistic-7x4-second", internal_damping=0.0, source="Algorithm 1 and eq. 8"),
        step_case("logistic-diagonal", "logistic-7x4", [1, 0, 1, 0],
            "off-diagonal entries of H_bar are 0; the groups still share r", (*CUBIC, "Diagonal"),
            interactions=False, source="Appendix L"),
        step_case("quartic-strong", "polynomial-quartic-4", [1, 0, 0, 1], "lambda_int = 10", CUBIC,
            internal_damping=10.0),
        step_case("linear-with-others", "polynomial-linear-3", trivial(3), "f is linear in z",
            (*CUBIC, "ClosedForm"), checks=(ONE_GROUP,)),
        step_case("valley-rises", "polynomial-valley-2", discrete(2),
            "D = 0 whatever lambda_int: the step (5/4, -9/10) raises the loss, 31/200 to 43/32 (D11)",
            ("ThirdVanishes",), internal_damping=100.0),
        step_case("product-stationary", "polynomial-product-2", discrete(2),
            "eq. 8 as printed goes to a saddle of its model, (-1/26, -1/26), and the loss rises",
            ("Stationary", "ThirdVanishes"), stationary=True, **EQ8),
    ]
    # fmt: on


def _quadratics() -> list[Case]:
    # fmt: off
    return [
        step_case("figure1-newton", "quadratic-figure1", discrete(2), "one step to the minimiser",
            ("DiscretePartition",), checks=(NEWTON,), **EQ8),
        step_case("blocks-12-matched", "quadratic-blocks-12", [3, 3, 1, 1, 1, 2, 2, 2, 0, 0, 0, 0],
            "groups are the blocks of H: a line search in each", ("ThirdVanishes", "ParameterOrder"),
            source="Theorem 1"),
        step_case("dead-parameter", "quadratic-two-blocks-4", discrete(4),
            "g = (0, 3, 2, 0): Newton by parts that are not 0; the others stay (claim B4)",
            ("DiscretePartition", "ZeroGroup"), start=[0.0, 1.0, 1.0, 0.0], perturb=("theta", "eigenvalues"),
            **EQ8),
        step_case("clipped-climbs", "quadratic-coupled-2", discrete(2),
            "eta = (17/7, -32/21); the positive part (17/7, 0) climbs although eta descends (claim F13)",
            ("PositivePart", "LosesDescent"), positive_part=True, source="Algorithm 4", internal_damping=0.0),
        step_case("negative-rate", "quadratic-coupled-2", discrete(2),
            "without the positive part: Newton's step", ("NegativeRate",), checks=(NEWTON,), **EQ8),
        step_case("quadratic-damped", "quadratic-offdiagonal-2", discrete(2),
            "D = 0: lambda_int = 10 changes nothing on a quadratic", ("ThirdVanishes", "DiscretePartition"),
            internal_damping=10.0, checks=(NEWTON,), start=[0.5, 1.0]),
        step_case("saddle-stationary", "quadratic-saddle-3", discrete(3),
            "eq. 8 as printed: Newton's step to the saddle", ("Stationary", "NegativeCurvature"),
            checks=(NEWTON,), stationary=True, **EQ8),
    ]
    # fmt: on


def _networks() -> list[Case]:
    soft, tanh, deep = load("softmax-8x3x3"), load("tanh-network-18"), load("tanh-network-30")
    relu, coder = load("relu-network-17"), load("autoencoder-22")
    single = [round_float32(x) for x in tanh.start()]
    # fmt: off
    return [
        step_case("softmax-weights-biases", soft.id, weights_biases(soft), "lambda_int = 3", CUBIC,
            internal_damping=3.0),
        step_case("softmax-classes", soft.id, [2, 0, 1] * 4, "a group is a class, numbered backwards",
            (*CUBIC, "ParameterOrder")),
        step_case("tanh-18-canonical", tanh.id, canonical(tanh),
            "a group for each tensor; H_bar of u in the graph would be another matrix",
            (*CUBIC, "AbsoluteThird", "NegativeCurvature", "DetachedDirection")),
        step_case("tanh-18-reversed", tanh.id, permuted(canonical(tanh), [5, 4, 3, 2, 1, 0]),
            "the same step: equal sizes, groups numbered backwards", (*CUBIC, "ParameterOrder")),
        step_case("tanh-18-two-batches", tanh.id, blocks(tanh, 1), "Algorithm 1: two batches, S = 4",
            (*CUBIC, "CurvatureBatch"), curvature="tanh-network-18-second", source="Algorithm 1"),
        step_case("tanh-18-diagonal", tanh.id, canonical(tanh), "indefinite diagonal, tamed by D",
            (*CUBIC, "Diagonal"), interactions=False, source="Appendix L"),
        step_case("tanh-18-clipped", tanh.id, canonical(tanh), "the positive part of one rate",
            (*CUBIC, "PositivePart"), positive_part=True, learning_rate=0.5, source="Algorithm 4"),
        step_case("tanh-30-weights-biases", deep.id, weights_biases(deep),
            "five layers, all weights, all biases", (*CUBIC, "DetachedDirection"), internal_damping=10.0),
        step_case("relu-17-weights-biases", relu.id, weights_biases(relu), "D^3 of all weights is not 0",
            CUBIC, start="second"),
        step_case("autoencoder-22", coder.id, canonical(coder), "S = 4", (*CUBIC, "DetachedDirection")),
        step_case("tanh-18-float32", tanh.id, weights_biases(tanh), "float32", (*CUBIC, "Float32"),
            start=single, dtype="float32"),
    ]
    # fmt: on


def step_cases() -> list[Case]:
    """Return the cases of single steps."""
    return [*_functions(), *_quadratics(), *_networks()]
