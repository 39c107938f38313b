"""H_bar and its inverse: against exact fractions, blocks by kind of group, singular matrices, bad input."""

import math
from fractions import Fraction

import numpy as np
import pytest

from refopt import load_problem
from refopt.groups import Groups, Tensor, partition
from refopt.interactions import group_kinds, interaction_blocks, interaction_matrices

ROUNDING = 16 * 2.0**-52  # a handful of operations on numbers near 1
LAYOUT = (
    Tensor("W1", 4, 0, "weights"),
    Tensor("b1", 2, 0, "biases"),
    Tensor("W2", 6, 1, "weights"),
    Tensor("b2", 3, 1, "biases"),
    Tensor("W3", 3, 2, "weights"),
)


def test_the_inverse_of_a_small_matrix(lane):
    # [[2, 1, 0], [1, 2, 1], [0, 1, 2]] has the determinant 4 and the inverse [[3, -2, 1], [-2, 4, -2], [1,
    # -2, 3]]/4
    found = interaction_matrices(lane.array([[2, 1, 0], [1, 2, 1], [0, 1, 2]]))
    assert found.status == "invertible"
    expected = np.array([[3, -2, 1], [-2, 4, -2], [1, -2, 3]]) / 4
    np.testing.assert_allclose(found.inverse, expected, rtol=0, atol=ROUNDING)
    np.testing.assert_array_equal(found.inverse, found.inverse.T)
    np.testing.assert_array_equal(found.H_bar, [[2, 1, 0], [1, 2, 1], [0, 1, 2]])
    assert found.condition == pytest.approx((2 + math.sqrt(2)) / (2 - math.sqrt(2)), rel=ROUNDING)


def test_an_indefinite_matrix_without_a_diagonal():
    found = interaction_matrices(np.array([[0.0, 4.0], [4.0, 0.0]]))
    np.testing.assert_allclose(found.inverse, [[0, 0.25], [0.25, 0]], rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("scales", [(1, 2**-60, 2**90), (2**-400, 1, 2**400), (3e-9, 7.0, 1e12)])
def test_scaling_the_direction_in_a_group_changes_nothing_but_the_scale(scales):
    # H_bar scaled by c_s c_z; the exact inverse is known as fractions
    c = [Fraction(x) for x in scales]
    inverse = [[3, -2, 1], [-2, 4, -2], [1, -2, 3]]
    H = np.array(
        [
            [float(c[i] * x * c[j]) for j, x in enumerate(row)]
            for i, row in enumerate([[2, 1, 0], [1, 2, 1], [0, 1, 2]])
        ]
    )
    found = interaction_matrices(H)
    expected = [
        [float(Fraction(x, 4) / (c[i] * c[j])) for j, x in enumerate(row)] for i, row in enumerate(inverse)
    ]
    np.testing.assert_allclose(found.inverse, expected, rtol=4 * ROUNDING)
    assert found.condition < 10


@pytest.mark.parametrize(
    ("H", "sentence"),
    [
        ([[1, 0, 2], [0, 0, 0], [2, 0, 1]], "singular: the row of group 'b' is zero"),
        ([[0, 0, 0], [0, 0, 0], [0, 0, 1]], "singular: the row of groups 'a', 'b' is zero"),
        ([[1, 1, 0], [1, 1, 0], [0, 0, 1]], "singular: scaled, its smallest |eigenvalue| is"),
        ([[1e-320, 0, 0], [0, 1, 0], [0, 0, 1]], "singular: its inverse leaves the range of a float64"),
    ],
)
def test_a_singular_matrix_is_a_sentence_and_not_nan(H, sentence):
    found = interaction_matrices(np.array(H, dtype=float), ("a", "b", "c"))
    assert found.inverse is None
    assert found.status.startswith(sentence)
    assert found.condition == math.inf
    assert interaction_matrices(np.zeros((2, 2))).status == "singular: the row of groups 0, 1 is zero"


def test_float32_is_singular_by_its_own_rounding():
    H = np.array([[1, 1], [1, 1 + 2.0**-22]])
    assert interaction_matrices(H).inverse is not None
    assert interaction_matrices(H.astype(np.float32)).inverse is None


def test_the_blocks_are_weights_and_biases_against_each_other():
    groups = Groups.canonical(LAYOUT)
    H = np.arange(25.0).reshape(5, 5)
    blocks = interaction_blocks(H, groups, LAYOUT)
    assert (blocks.weights, blocks.biases) == (("W1", "W2", "W3"), ("b1", "b2"))
    np.testing.assert_array_equal(blocks.weights_weights, [[0, 2, 4], [10, 12, 14], [20, 22, 24]])
    np.testing.assert_array_equal(blocks.weights_biases, [[1, 3], [11, 13], [21, 23]])
    np.testing.assert_array_equal(blocks.biases_biases, [[6, 8], [16, 18]])


@pytest.mark.parametrize("name", ["weights-biases", "blocks-2", "alternate-2", "canonical"])
def test_every_partition_by_kind_has_blocks(name):
    problem = load_problem("tanh-network-30")
    groups = partition(name, problem.n, problem.layout)
    H = np.random.default_rng(0).standard_normal((groups.count, groups.count))
    blocks = interaction_blocks(H, groups, problem.layout)
    half = groups.count // 2
    assert (
        blocks.weights_weights.shape
        == blocks.weights_biases.shape
        == blocks.biases_biases.shape
        == (half, half)
    )
    assert all("b" not in name.removeprefix("block ") for name in blocks.weights) or name != "canonical"


def test_kinds_of_groups():
    assert group_kinds(Groups.canonical(LAYOUT), LAYOUT) == (
        "weights",
        "biases",
        "weights",
        "biases",
        "weights",
    )
    assert group_kinds(Groups.trivial(18), LAYOUT) == ("mixed",)
    assert group_kinds(Groups.of(18, [range(5), range(5, 18)]), LAYOUT) == ("mixed", "mixed")
    assert group_kinds(Groups.of(18, [range(4), [4, 5], range(6, 18)]), LAYOUT) == (
        "weights",
        "biases",
        "mixed",
    )


def test_bad_input_is_one_sentence():
    groups = Groups.canonical(LAYOUT)
    with pytest.raises(
        ValueError, match=r"`matrix` has shape \(2, 2\); it must be \(5, 5\), as `groups` has 5 groups"
    ):
        interaction_blocks(np.eye(2), groups, LAYOUT)
    with pytest.raises(ValueError, match="`groups` has the group 'all' with weights and biases"):
        interaction_blocks(np.eye(1), Groups.trivial(18), LAYOUT)
    with pytest.raises(ValueError, match="`layout` has 18 parameters; it must have 7, as `groups`"):
        group_kinds(Groups.trivial(7), LAYOUT)
    with pytest.raises(ValueError, match="`H_bar` is not symmetric"):
        interaction_matrices(np.array([[1.0, 2.0], [1.0, 1.0]]))
    with pytest.raises(ValueError, match=r"`H_bar` has shape \(3,\); it must be a square matrix"):
        interaction_matrices(np.zeros(3))
    with pytest.raises(ValueError, match="`H_bar` holds nan"):
        interaction_matrices(np.array([[np.nan]]))
