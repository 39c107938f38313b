"""Whole tensors D^d(u), d = 0 to 4, on every problem."""

from oracles import problems
from oracles.case import Case
from oracles.summary_declared import tensor_case
from oracles.summary_groups import blocks, canonical, discrete, permuted, weights_biases


def tensor_cases() -> list[Case]:
    """Return the cases of `summary_tensor`."""
    return [*_function_cases(), *_loss_cases()]


def _function_cases() -> list[Case]:
    factor = ("SymmetricFactor",)
    # fmt: off
    return [
        tensor_case("polynomial-quartic-4", "quartic-order-0", [1, 0, 0, 1], 0, "D^0 is the value", factor),
        tensor_case("polynomial-quartic-4", "quartic-order-1", [1, 0, 0, 1], 1, "D^1 is g_bar",
            (*factor, "ParameterOrder")),
        tensor_case("polynomial-quartic-4", "quartic-order-3", discrete(4), 3, "20 entries of 64",
            (*factor, "DiscretePartition")),
        tensor_case("polynomial-quartic-4", "quartic-order-4", [2, 0, 1, 0], 4, "15 entries of 81",
            (*factor, "ParameterOrder", "Interleaved")),
        tensor_case("polynomial-product-2", "product-order-3", discrete(2), 3,
            "entries 000 and 111 are 0, 001 and 011 are not: what the diagonal does not see",
            (*factor, "ThirdVanishes")),
        tensor_case("polynomial-product-2", "product-order-4", discrete(2), 4,
            "only 0011 is left: 2 u1^2 u2^2", factor),
        tensor_case("polynomial-valley-2", "valley-order-3", [1, 0], 3, "only one entry of four: 2 u1^2 u2",
            (*factor, "ThirdVanishes", "ParameterOrder")),
        tensor_case("polynomial-linear-3", "linear-order-3", discrete(3), 3,
            "derivatives that vanish identically", factor),
        tensor_case("rosenbrock-5", "rosenbrock-5-order-4", [1, 0, 1, 0, 1], 4,
            "a quartic in every second weight", (*factor, "ParameterOrder", "Interleaved")),
        tensor_case("rosenbrock-2", "rosenbrock-2-order-3", [1, 0], 3, "entries -400 and 2400 x, else 0",
            (*factor, "ParameterOrder")),
        tensor_case("beale", "beale-order-4", discrete(2), 4, "degree 8, cut at 4", factor),
        tensor_case("himmelblau", "himmelblau-order-3", [1, 0], 3,
            "entries 001 and 011 are sums of both residuals' slopes", (*factor, "ParameterOrder")),
        tensor_case("log-cosh-rotated-6", "log-cosh-order-3", [1, 1, 0, 0, 2, 2], 3, "ten entries of 27",
            (*factor, "ParameterOrder")),
        tensor_case("log-cosh-6", "log-cosh-6-order-4", [0, 1, 0, 1, 0, 1], 4,
            "separable: mixed entries are 0", (*factor, "Interleaved")),
        tensor_case("log-cosh-rotated-2", "log-cosh-2-order-4", discrete(2), 4, "five entries of 16", factor),
        tensor_case("log-cosh-saddle-2", "saddle-order-2", discrete(2), 2, "diagonal and indefinite",
            (*factor, "NegativeCurvature")),
        tensor_case("matched-cubic-5", "matched-cubic-5-order-3", [0, 1, 2, 1, 0], 3,
            "third derivatives -L and L, rotated", (*factor, "Kink")),
        tensor_case("matched-cubic-3", "matched-cubic-3-order-2", discrete(3), 2,
            "at the kink D^2 still exists", (*factor, "Kink"), start="kink"),
    ]
    # fmt: on


def _loss_cases() -> list[Case]:
    soft, tanh = problems.load("softmax-8x3x3"), problems.load("tanh-network-18")
    relu, coder = problems.load("relu-network-17"), problems.load("autoencoder-22")
    second, deep = problems.load("tanh-network-18-second"), problems.load("tanh-network-30")
    factor = ("SymmetricFactor",)
    # fmt: off
    return [
        tensor_case("logistic-7x4", "logistic-order-4", [1, 0, 1, 0], 4, "five entries of 16",
            (*factor, "ParameterOrder", "Interleaved")),
        tensor_case("logistic-7x4-second", "logistic-second-order-3", discrete(4), 3, "20 entries of 64",
            (*factor, "DiscretePartition")),
        tensor_case(soft.id, "softmax-order-4", weights_biases(soft), 4, "fourth cumulants: m4 - 3 m2^2",
            factor),
        tensor_case(soft.id, "softmax-order-3", [0, 1, 2] * 4, 3, "groups are the classes",
            (*factor, "Interleaved")),
        tensor_case(tanh.id, "tanh-18-order-3", blocks(tanh, 1), 3, "20 entries of 64, four groups", factor),
        tensor_case(tanh.id, "tanh-18-order-4", weights_biases(tanh), 4, "five entries of 16", factor),
        tensor_case(second.id, "tanh-18-second-order-3", permuted(blocks(second, 1), [2, 3, 0, 1]), 3,
            "the last layer's groups come first", (*factor, "ParameterOrder")),
        tensor_case(deep.id, "tanh-30-order-3", weights_biases(deep), 3, "four entries of 8", factor),
        tensor_case(relu.id, "relu-17-order-3", canonical(relu), 3,
            "entries with three equal indices are 0, others are not", (*factor, "ThirdVanishes", "Kink")),
        tensor_case(coder.id, "autoencoder-22-order-3", weights_biases(coder), 3, "four entries of 8",
            factor),
        *(
            tensor_case(name, f"{name}-order-3", weights_biases(problems.load(name)), 3, "four entries of 8",
                factor)
            for name in ("transformer-156", "transformer-174")
        ),
        tensor_case("quadratic-indefinite-6", "quadratic-order-3", [0, 1, 2, 0, 1, 2], 3,
            "a quadratic has no D^3", ("SymmetricFactor", "ThirdVanishes")),
        tensor_case("quadratic-hidden-3", "quadratic-order-2", [2, 0, 1], 2,
            "diag(9, 2, 1), groups numbered apart", ("SymmetricFactor", "ParameterOrder")),
    ]
    # fmt: on
