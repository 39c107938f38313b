"""Partitions of the parameters: by hand, on every lane, and every sentence about a wrong one."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import standin
from conftest import Lane

from refopt.groups import SHORT, Groups, Tensor, check_groups, partition
from refopt.problems import load_problem

# Four layers, 21 parameters: W1 0-5, b1 6-7, W2 8-11, b2 12-13, W3 14-15, b3 16, W4 17-19, b4 20.
LAYOUT = (
    Tensor("W1", 6, 0, "weights"),
    Tensor("b1", 2, 0, "biases"),
    Tensor("W2", 4, 1, "weights"),
    Tensor("b2", 2, 1, "biases"),
    Tensor("W3", 2, 2, "weights"),
    Tensor("b3", 1, 2, "biases"),
    Tensor("W4", 3, 3, "weights"),
    Tensor("b4", 1, 3, "biases"),
)
TENSORS = tuple(tensor.name for tensor in LAYOUT)


def labels_of(*runs: tuple[int, int]) -> list[int]:
    """The labels of runs (group, number of parameters)."""
    return [s for s, size in runs for _ in range(size)]


def tensors_in(*groups: int) -> list[int]:
    """The labels where the eight tensors of LAYOUT are in the given groups."""
    return labels_of(*zip(groups, (tensor.size for tensor in LAYOUT), strict=True))


# ---- the paper's partitions ----


def test_the_trivial_partition_is_one_group() -> None:
    groups = Groups.trivial(3)
    assert (groups.n, groups.count, groups.names, groups.ranges) == (3, 1, ("all",), (((0, 3),),))
    assert groups.labels() == [0, 0, 0]


def test_the_discrete_partition_has_a_group_for_each_parameter() -> None:
    groups = Groups.discrete(3)
    assert (groups.count, groups.names) == (3, ("0", "1", "2"))
    assert groups.ranges == (((0, 1),), ((1, 2),), ((2, 3),))
    assert groups.labels() == [0, 1, 2]
    assert Groups.discrete(1).ranges == Groups.trivial(1).ranges


def test_the_canonical_partition_has_a_group_for_each_tensor() -> None:
    groups = Groups.canonical(LAYOUT)
    assert (groups.n, groups.count, groups.names) == (21, 8, TENSORS)
    assert groups.labels() == tensors_in(0, 1, 2, 3, 4, 5, 6, 7)
    assert groups.ranges[2] == ((8, 12),)
    assert groups.sizes == (6, 2, 4, 2, 2, 1, 3, 1)


def test_weights_and_biases_are_two_groups() -> None:
    groups = Groups.weights_biases(LAYOUT)
    assert (groups.count, groups.names) == (2, ("weights", "biases"))
    assert groups.labels() == tensors_in(0, 1, 0, 1, 0, 1, 0, 1)
    assert groups.ranges[1] == ((6, 8), (12, 14), (16, 17), (20, 21))


# Three layers before the last: of two blocks the first has two layers, and S = 2 k + 2.
BLOCKS = {
    ("blocks", 1): (0, 1, 0, 1, 0, 1, 2, 3),
    ("blocks", 2): (0, 1, 0, 1, 2, 3, 4, 5),
    ("blocks", 3): (0, 1, 2, 3, 4, 5, 6, 7),
    ("alternate", 1): (0, 1, 0, 1, 0, 1, 2, 3),
    ("alternate", 2): (0, 1, 2, 3, 0, 1, 4, 5),
    ("alternate", 3): (0, 1, 2, 3, 4, 5, 6, 7),
}


@pytest.mark.parametrize(("kind", "k"), BLOCKS)
def test_blocks_keep_weights_and_biases_and_the_last_layer_apart(kind: str, k: int) -> None:
    groups = getattr(Groups, kind)(LAYOUT, k)
    assert groups.labels() == tensors_in(*BLOCKS[kind, k])
    blocks = [f"block {b} {what}" for b in range(k) for what in ("weights", "biases")]
    assert groups.names == (*blocks, "last weights", "last biases")
    assert groups.count == 2 * k + 2


@pytest.mark.parametrize(
    ("layers", "k", "blocks"),
    # the first blocks have one layer more: 5 = 2 + 2 + 1, 5 = 3 + 2, 6 = 2 + 2 + 1 + 1
    [(5, 3, [0, 0, 1, 1, 2]), (5, 2, [0, 0, 0, 1, 1]), (6, 4, [0, 0, 1, 1, 2, 3])],
)
def test_uneven_blocks(layers: int, k: int, blocks: list[int]) -> None:
    kinds = ("weights", "biases")
    layout = [Tensor(f"{kind}{layer}", 1, layer, kind) for layer in range(layers + 1) for kind in kinds]
    expected = [2 * block + i for block in [*blocks, k] for i in range(2)]
    assert Groups.blocks(layout, k).labels() == expected
    alternating = [2 * block + i for block in [*(layer % k for layer in range(layers)), k] for i in range(2)]
    assert Groups.alternate(layout, k).labels() == alternating


def test_the_order_of_the_layout_is_that_of_the_parameters() -> None:
    # biases first, the last layer in the middle: labels follow the layout, group numbers the rule
    layout = (
        Tensor("b1", 1, 0, "biases"),
        Tensor("W2", 2, 1, "weights"),
        Tensor("b2", 1, 1, "biases"),
        Tensor("W1", 3, 0, "weights"),
    )
    assert Groups.blocks(layout, 1).labels() == [1, 2, 2, 3, 0, 0, 0]
    assert Groups.weights_biases(layout).labels() == [1, 0, 0, 1, 0, 0, 0]
    assert Groups.canonical(layout).labels() == [0, 1, 1, 2, 3, 3, 3]


def test_the_layout_of_a_shipped_network() -> None:
    # 2-2-2-2: each layer has four weights, then two biases
    layout = load_problem("tanh-network-18").layout
    assert partition("canonical", 18, layout).labels() == labels_of(*zip(range(6), [4, 2] * 3, strict=True))
    blocks = labels_of((0, 4), (1, 2), (0, 4), (1, 2), (2, 4), (3, 2))
    assert partition("blocks-1", 18, layout).labels() == blocks
    assert partition("alternate-1", 18, layout).labels() == blocks
    # three features, three classes: nine weights, then three biases
    softmax = load_problem("softmax-8x3x3").layout
    assert partition("weights-biases", 12, softmax).labels() == labels_of((0, 9), (1, 3))


NAMED: dict[str, list[int]] = {
    "trivial": [0] * 21,
    "discrete": list(range(21)),
    "canonical": tensors_in(0, 1, 2, 3, 4, 5, 6, 7),
    "weights-biases": tensors_in(0, 1, 0, 1, 0, 1, 0, 1),
    "blocks-2": tensors_in(*BLOCKS["blocks", 2]),
    "alternate-2": tensors_in(*BLOCKS["alternate", 2]),
}


@pytest.mark.parametrize("name", NAMED)
def test_partition_by_name(name: str) -> None:
    assert partition(name, 21, LAYOUT).labels() == NAMED[name]
    if name in ("trivial", "discrete"):
        assert partition(name, 21) == partition(name, 21, LAYOUT)


# ---- the user's own ----


def test_members_as_indices_ranges_and_slices() -> None:
    groups = Groups.of(8, [[7, 0], range(1, 4), slice(4, 7)], ["ends", "left", "right"])
    assert groups.labels() == [0, 1, 1, 1, 2, 2, 2, 0]
    assert groups.ranges == (((0, 1), (7, 8)), ((1, 4),), ((4, 7),))
    assert groups.names == ("ends", "left", "right")
    assert Groups.of(8, [np.array([0, 7]), np.arange(1, 4), slice(4, -1)], groups.names) == groups
    assert Groups.of(4, [slice(None, None, 2), slice(1, None, 2)]).labels() == [0, 1, 0, 1]
    assert Groups.of(3, [iter([2, 0]), iter([1])]).labels() == [0, 1, 0]


def test_labels_and_members_are_one_partition() -> None:
    labels = [2, 0, 0, 1, 2, 1, 1]
    groups = Groups.from_labels(labels)
    assert groups == Groups.of(7, [[1, 2], [3, 5, 6], [0, 4]])
    assert groups.labels() == labels
    assert groups.names == ("0", "1", "2")
    assert Groups.from_labels(np.array(labels)) == groups
    assert Groups.from_labels(Groups.canonical(LAYOUT).labels(), TENSORS) == Groups.canonical(LAYOUT)


def test_neighbouring_parameters_of_a_group_are_one_range() -> None:
    layout = (Tensor("W1", 2, 0, "weights"), Tensor("W2", 3, 1, "weights"), Tensor("b2", 1, 1, "biases"))
    assert Groups.weights_biases(layout).ranges == (((0, 5),), ((5, 6),))


def test_a_partition_is_a_value() -> None:
    groups = Groups.from_labels([0, 1, 1])
    assert {groups: "found"}[Groups.of(3, [[0], [1, 2]])] == "found"
    assert groups != Groups.from_labels([1, 0, 0])
    with pytest.raises(AttributeError):
        groups.n = 4  # type: ignore[misc]


# ---- products with the matrix of the partition ----

SCATTERED = 193


def scattered(n: int = SCATTERED, S: int = 3) -> Groups:
    """Groups that alternate from parameter to parameter."""
    return Groups.from_labels([(p * p + p // 5) % S for p in range(n)])


PARTITIONS = {
    "canonical": Groups.canonical(LAYOUT),
    "weights-biases": Groups.weights_biases(LAYOUT),
    "one element": Groups.of(4, [[0, 1, 3], [2]]),
    "group order is not parameter order": Groups.from_labels([2, 2, 0, 1, 1, 1]),
    "trivial": Groups.trivial(5),
    "discrete": Groups.discrete(5),
    "discrete, in another order": Groups.from_labels([3, 0, 2, 1]),
    "scattered": scattered(),
    "just sliced": Groups.from_labels([p // SHORT % 2 for p in range(6 * SHORT)]),
    "just gathered": Groups.from_labels([p // (SHORT - 1) % 2 for p in range(6 * (SHORT - 1))]),
    "long ranges, groups not in order": Groups.from_labels(labels_of((2, 40), (0, 33), (1, 50), (0, 20))),
    "scattered, one range in a group": Groups.from_labels([p % 2 for p in range(100)] + [2] * 50),
}


def matrix(groups: Groups) -> np.ndarray:
    """I_{S:P}, from the labels."""
    return (np.arange(groups.count)[:, None] == np.array(groups.labels())[None, :]).astype(float)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PARTITIONS)
def test_sums_spread_and_restrict_are_products_with_the_partition_matrix(
    name: str, dtype: str, lane: Lane
) -> None:
    groups = PARTITIONS[name]
    I = matrix(groups)
    # small integers: every sum is exact in both dtypes
    x = np.array([(7 * p) % 19 - 9 for p in range(groups.n)], dtype=float)
    eta = np.array([3.0 * s - 4 for s in range(groups.count)])
    vector, rates = lane.array(x, dtype), lane.array(eta, dtype)
    found = {
        "sums": groups.sums(vector),
        "spread": groups.spread(rates),
        **{f"restrict {s}": groups.restrict(vector, s) for s in range(min(groups.count, 4))},
    }
    expected = {"sums": I @ x, "spread": I.T @ eta} | {
        f"restrict {s}": I[s] * x for s in range(min(groups.count, 4))
    }
    for what, array in found.items():
        assert array.dtype == vector.dtype, what
        assert type(array) is type(vector), what
        np.testing.assert_array_equal(lane.host(array), expected[what], err_msg=what)
    np.testing.assert_array_equal(lane.host(vector), x)


def test_long_ranges_are_sliced_and_short_ones_gathered(monkeypatch: Any) -> None:
    gathered = []
    monkeypatch.setattr(np, "take", lambda x, *rest, **axis: gathered.append(1) or x[rest[0]])
    for name, expected in (("just sliced", 0), ("long ranges, groups not in order", 0), ("just gathered", 2)):
        gathered.clear()
        groups = PARTITIONS[name]
        groups.sums(np.ones(groups.n)), groups.spread(np.ones(groups.count))
        assert len(gathered) == expected, name


def test_nothing_of_the_length_of_theta_goes_to_the_host() -> None:
    x, rates = standin.xp.asarray(np.ones(SCATTERED)), standin.xp.asarray(np.ones(3))
    before = standin.crossings["elements"]
    groups = scattered()
    groups.sums(x), groups.spread(rates), groups.restrict(x, 1)
    Groups.discrete(SCATTERED).sums(x)
    assert standin.crossings["elements"] == before


def test_restricting_gives_memory_of_its_own() -> None:
    x = np.ones(4)
    for groups in (Groups.trivial(4), Groups.of(4, [[0, 1, 2], [3]])):
        restricted = groups.restrict(x, 0)
        restricted *= 2
        np.testing.assert_array_equal(x, np.ones(4))


# ---- sentences ----

WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "overlapping": (
        lambda: Groups.of(3, [[0, 1], [1, 2]]), ValueError,
        "parameter 1 is in `members[0]` and in `members[1]`; it must be in one",
    ),
    "twice in a group": (
        lambda: Groups.of(2, [[0, 0], [1]]), ValueError,
        "parameter 0 is in `members[0]` and in `members[0]`; it must be in one",
    ),
    "incomplete": (
        lambda: Groups.of(5, [[0], [2]]), ValueError,
        "`members` leaves out 3 of 5 parameters, the first is 1; every parameter must be in one group",
    ),
    "no groups": (
        lambda: Groups.of(2, []), ValueError,
        "`members` leaves out 2 of 2 parameters, the first is 0; every parameter must be in one group",
    ),
    "empty": (
        lambda: Groups.of(2, [[0, 1], []]), ValueError,
        "`members[1]` is empty; every group must have a parameter",
    ),
    "empty slice": (
        lambda: Groups.of(2, [slice(0, 2), slice(2, 4)]), ValueError,
        "`members[1]` is empty; every group must have a parameter",
    ),
    "out of range": (
        lambda: Groups.of(3, [[0, 1, 2, 3]]), ValueError,
        "`members[0]` holds 3; it must hold indices in 0 .. 2",
    ),
    "negative": (
        lambda: Groups.of(3, [[0, 1], [-1]]), ValueError,
        "`members[1]` holds -1; it must hold indices in 0 .. 2",
    ),
    "not integer": (
        lambda: Groups.of(3, [[0, 1], [2.0]]), TypeError, "`members[1]` holds 2.0; it must hold integers",
    ),
    "truth values": (
        lambda: Groups.of(2, [[True, False]]), TypeError, "`members[0]` holds True; it must hold integers",
    ),
    "no sequence": (
        lambda: Groups.of(2, [0, 1]), TypeError,
        "`members[0]` is 0; it must be a sequence of indices or a slice",
    ),
    "n of 0": (lambda: Groups.of(0, []), ValueError, "`n` is 0; it must be at least 1"),
    "n no integer": (lambda: Groups.trivial(2.5), TypeError, "`n` is 2.5; it must be an integer"),
    "discrete of none": (lambda: Groups.discrete(0), ValueError, "`n` is 0; it must be at least 1"),
    "labels empty": (
        lambda: Groups.from_labels([]), ValueError,
        "`labels` is empty; there must be at least one parameter",
    ),
    "labels not integer": (
        lambda: Groups.from_labels([0, 0.5]), TypeError, "`labels[1]` holds 0.5; it must hold integers",
    ),
    "labels negative": (
        lambda: Groups.from_labels([0, -2]), ValueError, "`labels[1]` is -2; it must be at least 0",
    ),
    "labels with a gap": (
        lambda: Groups.from_labels([0, 3, 1]), ValueError,
        "`labels` never is 2, but 3 occurs; every group must have a parameter",
    ),
    "labels with a huge gap": (
        lambda: Groups.from_labels([0, 10**15]), ValueError,
        "`labels` never is 1, but 1000000000000000 occurs; every group must have a parameter",
    ),
    "too few names": (
        lambda: Groups.from_labels([0, 1], ["a"]), ValueError,
        "`names` is ['a']; it must have 2 different names",
    ),
    "names twice": (
        lambda: Groups.of(2, [[0], [1]], ["a", "a"]), ValueError,
        "`names` is ['a', 'a']; it must have 2 different names",
    ),
    "k too large": (
        lambda: Groups.blocks(LAYOUT, 4), ValueError,
        "`k` is 4; it must be at most 3, the layers before the last",
    ),
    "k too large to alternate": (
        lambda: Groups.alternate(LAYOUT, 4), ValueError,
        "`k` is 4; it must be at most 3, the layers before the last",
    ),
    "k of 0": (lambda: Groups.blocks(LAYOUT, 0), ValueError, "`k` is 0; it must be at least 1"),
    "k no integer": (lambda: Groups.alternate(LAYOUT, 1.0), TypeError, "`k` is 1.0; it must be an integer"),
    "one layer": (
        lambda: Groups.blocks(LAYOUT[:2], 1), ValueError,
        "`k` is 1; it must be at most 0, the layers before the last",
    ),
    "without biases": (
        lambda: Groups.weights_biases([tensor for tensor in LAYOUT if tensor.kind == "weights"]), ValueError,
        "`layout` has nothing for the group 'biases'; every group must have a parameter",
    ),
    "without the last biases": (
        lambda: Groups.blocks(LAYOUT[:-1], 1), ValueError,
        "`layout` has nothing for the group 'last biases'; every group must have a parameter",
    ),
    "a block without biases": (
        lambda: Groups.alternate([t for t in LAYOUT if t.name != "b2"], 2), ValueError,
        "`layout` has nothing for the group 'block 1 biases'; every group must have a parameter",
    ),
    "empty layout": (
        lambda: Groups.canonical([]), ValueError,
        "`layout` is empty; it must list the tensors of the parameters",
    ),
    "no layout": (
        lambda: Groups.canonical([3, 4]), TypeError,
        "`layout` must be a sequence of (name, size, layer, kind)",
    ),
    "size no integer": (
        lambda: Groups.canonical([("W", 2.0, 0, "weights")]), TypeError,
        "`layout` holds 2.0; it must hold integers",
    ),
    "duplicate names": (
        lambda: Groups.canonical([LAYOUT[0], LAYOUT[0]]), ValueError,
        "`layout` has two tensors of one name; every name must be another",
    ),
    "another kind": (
        lambda: Groups.canonical([Tensor("W", 2, 0, "filters")]), ValueError,
        "`layout` has Tensor(name='W', size=2, layer=0, kind='filters'); it must have a size of at least 1, "
        "a layer and a kind of ('weights', 'biases')",
    ),
    "size of 0": (
        lambda: Groups.canonical([Tensor("W", 0, 0, "weights")]), ValueError,
        "`layout` has Tensor(name='W', size=0, layer=0, kind='weights'); it must have a size of at least 1, "
        "a layer and a kind of ('weights', 'biases')",
    ),
    "layers skipped": (
        lambda: Groups.canonical([LAYOUT[0], LAYOUT[4]]), ValueError,
        "`layout` skips a layer; layers must be numbered 0, 1, ... without a gap",
    ),
    "unknown name": (
        lambda: partition("blocks", 21, LAYOUT), ValueError,
        "`name` is 'blocks'; it must be 'trivial', 'discrete', 'canonical', 'weights-biases', 'blocks-k' or "
        "'alternate-k' with a number k",
    ),
    "k of 0 in a name": (
        lambda: partition("blocks-0", 21, LAYOUT), ValueError,
        "`name` is 'blocks-0'; it must be 'trivial', 'discrete', 'canonical', 'weights-biases', 'blocks-k' "
        "or 'alternate-k' with a number k",
    ),
    "layout missing": (
        lambda: partition("canonical", 21), ValueError,
        "`layout` is missing; the partition 'canonical' needs the tensors of the parameters",
    ),
    "layout of another length": (
        lambda: partition("weights-biases", 20, LAYOUT), ValueError,
        "`layout` has 21 parameters; it must have 20",
    ),
    "no members": (
        lambda: Groups.of(3, None), TypeError, "`members` is None; it must be a sequence",
    ),
    "a number for labels": (
        lambda: Groups.from_labels(3), TypeError, "`labels` is 3; it must be a sequence",
    ),
    "no name": (
        lambda: partition(None, 3), TypeError, "`name` is None; it must be a string",
    ),
    "ranges that overlap": (
        lambda: Groups(4, ("a", "b"), (((0, 3),), ((2, 4),))), ValueError,
        "`ranges` is (((0, 3),), ((2, 4),)); it must hold ascending (start, stop) for every group, "
        "and each of 0 .. 3 in one of them",
    ),
    "ranges with a gap": (
        lambda: Groups(4, ("a", "b"), (((0, 1),), ((2, 4),))), ValueError,
        "`ranges` is (((0, 1),), ((2, 4),)); it must hold ascending (start, stop) for every group, "
        "and each of 0 .. 3 in one of them",
    ),
    "ranges that end early": (
        lambda: Groups(4, ("a", "b"), (((0, 1),), ((1, 3),))), ValueError,
        "`ranges` is (((0, 1),), ((1, 3),)); it must hold ascending (start, stop) for every group, "
        "and each of 0 .. 3 in one of them",
    ),
    "ranges that descend": (
        lambda: Groups(4, ("a", "b"), (((2, 4), (0, 1)), ((1, 2),))), ValueError,
        "`ranges` is (((2, 4), (0, 1)), ((1, 2),)); it must hold ascending (start, stop) for every group, "
        "and each of 0 .. 3 in one of them",
    ),
    "a group without ranges": (
        lambda: Groups(4, ("a", "b"), (((0, 4),), ())), ValueError,
        "`ranges` is (((0, 4),), ()); it must hold ascending (start, stop) for every group, "
        "and each of 0 .. 3 in one of them",
    ),
    "a range of nothing": (
        lambda: Groups(4, ("a", "b"), (((0, 2), (2, 2)), ((2, 4),))), ValueError,
        "`ranges` is (((0, 2), (2, 2)), ((2, 4),)); it must hold ascending (start, stop) for every group, "
        "and each of 0 .. 3 in one of them",
    ),
    "ranges in a list": (
        lambda: Groups(4, ("a", "b"), [((0, 2),), ((2, 4),)]), TypeError,
        "`ranges` is [((0, 2),), ((2, 4),)]; it must be a tuple with a tuple of (start, stop) per group",
    ),
    "ranges of floats": (
        lambda: Groups(4, ("a", "b"), (((0, 2.0),), ((2, 4),))), TypeError,
        "`ranges` is (((0, 2.0),), ((2, 4),)); it must be a tuple with a tuple of (start, stop) per group",
    ),
    "names that are numbers": (
        lambda: Groups.of(2, [[0], [1]], [1, 2]), TypeError,
        "`names` is [1, 2]; it must hold strings",
    ),
    "a name for two groups": (
        lambda: Groups(4, ("a",), (((0, 2),), ((2, 4),))), ValueError,
        "`names` is ['a']; it must have 2 different names",
    ),
    "wrong length": (
        lambda: Groups.trivial(3).sums(np.ones(4)), ValueError,
        "`x` has shape (4,); it must be (3,), as `groups`",
    ),
    "a matrix": (
        lambda: Groups.trivial(3).restrict(np.ones((3, 1)), 0), ValueError,
        "`x` has shape (3, 1); it must be (3,), as `groups`",
    ),
    "a list": (
        lambda: Groups.trivial(3).sums([1.0, 2.0, 3.0]), TypeError,
        "`x` is a list; it must be an array of shape (3,), as `groups`",
    ),
    "rates of another length": (
        lambda: Groups.trivial(3).spread(np.ones(3)), ValueError,
        "`eta` has shape (3,); it must be (1,), one per group",
    ),
    "no such group": (
        lambda: Groups.discrete(3).restrict(np.ones(3), 3), ValueError, "`s` is 3; it must be in 0 .. 2",
    ),
    "group -1": (
        lambda: Groups.discrete(3).restrict(np.ones(3), -1), ValueError, "`s` is -1; it must be in 0 .. 2",
    ),
    "not a partition": (
        lambda: check_groups([0, 1], np.ones(2)), TypeError, "`groups` is a list; it must be a Groups",
    ),
    "a partition of another length": (
        lambda: check_groups(Groups.trivial(3), np.ones(2)), ValueError,
        "`groups` partitions 3 parameters; it must partition 2, as `theta`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_partition_is_said_in_a_sentence(name: str) -> None:
    call, kind, sentence = WRONG[name]
    with pytest.raises(kind, match=f"^{re.escape(sentence)}$") as caught:
        call()
    assert type(caught.value) is kind
