"""Summaries of softmax regression and networks, by the partitions of the paper and by permuted ones."""

from oracles import problems
from oracles.bases import draws
from oracles.case import Case
from oracles.summary_declared import summary_case
from oracles.summary_groups import alternate, blocks, canonical, layers, permuted, trivial, weights_biases


def network_cases() -> list[Case]:
    """Return the cases of `summary` with layers."""
    soft, tanh = problems.load("softmax-8x3x3"), problems.load("tanh-network-18")
    second, deep = problems.load("tanh-network-18-second"), problems.load("tanh-network-30")
    relu, coder = problems.load("relu-network-17"), problems.load("autoencoder-22")
    single, double = problems.load("transformer-156"), problems.load("transformer-174")
    foreign = ("ForeignDirection",)
    without = [x if label != 2 else 0.0 for x, label in zip(draws(109, 18), canonical(tanh), strict=True)]
    # fmt: off
    return [
        summary_case(soft.id, "softmax-weights-biases", weights_biases(soft), "weights and biases", foreign),
        summary_case(soft.id, "softmax-classes", [0, 1, 2] * 4,
            "a class is spread over weights and biases: groups of four", (*foreign, "Interleaved")),
        summary_case(tanh.id, "tanh-18-canonical", canonical(tanh), "a group for each tensor, u = g",
            ("GradientDirection", "NegativeCurvature"), direction="gradient"),
        summary_case(tanh.id, "tanh-18-reversed", permuted(canonical(tanh), [5, 4, 3, 2, 1, 0]),
            "the same groups numbered backwards: three pairs of equal sizes change places",
            (*foreign, "ParameterOrder", "SignedThird")),
        summary_case(tanh.id, "tanh-18-weights-biases", weights_biases(tanh), "all weights, all biases",
            (*foreign, "Interleaved")),
        summary_case(tanh.id, "tanh-18-trivial", trivial(18), "one group", (*foreign, "TrivialPartition"),
            start="small"),
        summary_case(tanh.id, "tanh-18-zero-tensor", canonical(tanh),
            "u vanishes in one tensor: a zero row and column", (*foreign, "ZeroGroup"), direction=without),
        summary_case(second.id, "tanh-18-second-blocks-1", blocks(second, 1),
            "blocks-1: both hidden layers together, the last one apart: S = 4", (*foreign, "LayerOrder")),
        summary_case(deep.id, "tanh-30-blocks-2", blocks(deep, 2), "layers {0, 1}, {2, 3}, last: S = 6",
            (*foreign, "LayerOrder", "Interleaved")),
        summary_case(deep.id, "tanh-30-alternate-2", alternate(deep, 2),
            "layers {0, 2}, {1, 3}, last: S = 6, equal sizes", (*foreign, "LayerOrder", "Interleaved")),
        summary_case(deep.id, "tanh-30-blocks-3", blocks(deep, 3),
            "four hidden layers in three blocks: the first one takes two; u = g",
            ("GradientDirection", "LayerOrder"), direction="gradient"),
        summary_case(relu.id, "relu-17-canonical", canonical(relu),
            "quadratic in each tensor: the diagonal of D^3 is 0 although D^3 is not (claim D10)",
            (*foreign, "ThirdVanishes", "Kink")),
        summary_case(relu.id, "relu-17-weights-biases", weights_biases(relu),
            "all weights together: their third derivative is not 0", (*foreign, "Kink"), start="second"),
        summary_case(relu.id, "relu-17-cut", [p % 3 for p in range(17)],
            "groups cut through every tensor: a slice of the parameters holds u of others too",
            (*foreign, "Interleaved", "Kink")),
        summary_case(coder.id, "autoencoder-22-cut", [(p // 2) % 3 for p in range(22)],
            "the same without a kink: two parameters of a tensor, then two of another group",
            (*foreign, "Interleaved")),
        summary_case(coder.id, "autoencoder-22-canonical", canonical(coder), "u = g", ("GradientDirection",),
            direction="gradient"),
        summary_case(coder.id, "autoencoder-22-swapped", permuted(canonical(coder), [2, 1, 0, 3]),
            "encoder and decoder weights, eight each, change places", (*foreign, "ParameterOrder")),
        summary_case(single.id, "transformer-156-layers", layers(single),
            "the tied embedding stands at both ends and is one group with the positions",
            (*foreign, "NegativeCurvature")),
        summary_case(double.id, "transformer-174-weights-biases", weights_biases(double),
            "gains are weights, positions and offsets biases; u = g", ("GradientDirection", "Interleaved"),
            direction="gradient"),
        summary_case(tanh.id, "tanh-18-float32", weights_biases(tanh), "float32", (*foreign, "Float32"),
            dtype="float32"),
        summary_case("logistic-7x4", "logistic-7x4-float32", [1, 0, 1, 0], "float32",
            (*foreign, "Float32", "ParameterOrder"), dtype="float32"),
    ]
    # fmt: on
