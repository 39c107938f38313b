"""Partitions of the parameters into groups: the grouped-Newton paper's I_s and partition matrix.

A partition into S groups says which group each of the n parameters belongs to. Its matrix I_{S:P} (S, n) with
(I_{S:P})_sp = 1 where parameter p is in group s is never formed: `sums` is its product, `spread` that of its
transpose. The order of the groups is the caller's; the parameters keep theirs.

The partitions of the paper (section 4.3 and Appendix K), for a layout of tensors in L layers:

    trivial          S = 1       all parameters: Cauchy's steepest descent
    weights-biases   S = 2       all weights; all biases
    blocks-k         S = 2k + 2  layers but the last in k blocks in a row, each apart by kind; the last layer
    alternate-k      S = 2k + 2  layer l but the last in block l mod k, each apart by kind; the last layer
    canonical        S = #tensors   every tensor by itself
    discrete         S = n       every parameter by itself: Newton's method

Layers count from 0. Where k does not divide the layers, the first blocks have one more.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import Any

from refopt.arrays import Array, asarray_like, check_count, namespace
from refopt.layouts import KINDS, checked_layout, integer, layers_but_last, sequence
from refopt.layouts import Tensor as Tensor

SHORT = 16  # elements; where ranges are shorter on average, gathering by index beats slices


@dataclass(frozen=True)
class Groups:
    """A partition of n parameters into S groups; made by one of its constructors.

    Attributes:
        n: number of parameters.
        names: name of each group, S strings.
        ranges: per group its parameters as ascending half-open ranges (start, stop).
    """

    n: int
    names: tuple[str, ...]
    ranges: tuple[tuple[tuple[int, int], ...], ...]

    def __post_init__(self) -> None:
        _check_names(self.names, len(self.ranges))
        check_count("n", self.n, 1)
        given = f"`ranges` is {str(self.ranges)[:120]}"
        try:
            hash(self)
            bounds = sorted(
                (integer("ranges", a), integer("ranges", b)) for part in self.ranges for a, b in part
            )
        except (TypeError, ValueError):
            raise TypeError(f"{given}; it must be a tuple with a tuple of (start, stop) per group") from None
        ascending = all(a[1] <= b[0] for part in self.ranges for a, b in pairwise(part))
        at = 0
        for start, stop in bounds:
            ascending, at = ascending and at == start < stop, stop
        if not (all(self.ranges) and ascending and at == self.n):
            raise ValueError(
                f"{given}; it must hold ascending (start, stop) for every group, "
                f"and each of 0 .. {self.n - 1} in one of them"
            )

    @property
    def count(self) -> int:
        """S, the number of groups."""
        return len(self.ranges)

    @classmethod
    def of(
        cls, n: int, members: Sequence[Iterable[int] | slice], names: Sequence[str] | None = None
    ) -> Groups:
        """The partition with the given members.

        Args:
            n: number of parameters.
            members: for each group the indices of its parameters (integers, a range, or a slice).
            names: of the groups; None is "0", "1", ...

        Raises:
            TypeError: when a group is no sequence, or an index no integer.
            ValueError: when a group is empty, an index out of range, a parameter in two groups or in none.
        """
        check_count("n", n, 1)
        labels: list[int | None] = [None] * n
        for s, member in enumerate(sequence("members", members)):
            indices = range(n)[member] if isinstance(member, slice) else member
            if not isinstance(indices, Iterable):
                raise TypeError(f"`members[{s}]` is {indices!r}; it must be a sequence of indices or a slice")
            empty = True
            for index in indices:
                _place(labels, integer(f"members[{s}]", index), s)
                empty = False
            if empty:
                raise ValueError(f"`members[{s}]` is empty; every group must have a parameter")
        if None in labels:
            missing = labels.count(None)
            raise ValueError(
                f"`members` leaves out {missing} of {n} parameters, the first is {labels.index(None)}; every "
                "parameter must be in one group"
            )
        return cls.from_labels([label for label in labels if label is not None], names)

    @classmethod
    def from_labels(cls, labels: Sequence[int], names: Sequence[str] | None = None) -> Groups:
        """The partition in which parameter p belongs to group labels[p].

        Args:
            labels: n integers, among which each of 0 .. S-1 occurs.
            names: of the groups; None is "0", "1", ...

        Raises:
            TypeError: when a label is no integer.
            ValueError: when a label is negative, a group is empty, or there are as many names as not groups.
        """
        given = [integer(f"labels[{p}]", label) for p, label in enumerate(sequence("labels", labels))]
        if not given:
            raise ValueError("`labels` is empty; there must be at least one parameter")
        if min(given) < 0:
            raise ValueError(f"`labels[{given.index(min(given))}]` is {min(given)}; it must be at least 0")
        count, occurring = max(given) + 1, set(given)
        if len(occurring) < count:
            absent = next(s for s in range(count) if s not in occurring)
            raise ValueError(
                f"`labels` never is {absent}, but {count - 1} occurs; every group must have a parameter"
            )
        chosen = tuple(map(str, range(count))) if names is None else tuple(names)
        _check_names(chosen, count)
        return cls._of_runs([(label, len(list(run))) for label, run in groupby(given)], chosen)

    @classmethod
    def _of_runs(cls, runs: Iterable[tuple[int, int]], names: Sequence[str]) -> Groups:
        """The partition of parameters that come in runs of one group: (group, number of parameters)."""
        ranges: list[list[tuple[int, int]]] = [[] for _ in names]
        n = 0
        for s, size in runs:
            start = ranges[s].pop()[0] if ranges[s] and ranges[s][-1][1] == n else n
            n += size
            ranges[s].append((start, n))
        return cls(n, tuple(names), tuple(tuple(part) for part in ranges))

    @classmethod
    def trivial(cls, n: int) -> Groups:
        """One group of all n parameters."""
        check_count("n", n, 1)
        return cls._of_runs([(0, operator.index(n))], ("all",))

    @classmethod
    def discrete(cls, n: int) -> Groups:
        """Every parameter by itself."""
        check_count("n", n, 1)
        return cls._of_runs([(p, 1) for p in range(n)], tuple(map(str, range(n))))

    @classmethod
    def canonical(cls, layout: Sequence[Tensor]) -> Groups:
        """Every tensor by itself, in the order of the layout."""
        tensors = checked_layout(layout)
        names = [tensor.name for tensor in tensors]
        return cls._collected(tensors, names, names)

    @classmethod
    def weights_biases(cls, layout: Sequence[Tensor]) -> Groups:
        """All weights, and all biases."""
        tensors = checked_layout(layout)
        return cls._collected(tensors, [tensor.kind for tensor in tensors], KINDS)

    @classmethod
    def blocks(cls, layout: Sequence[Tensor], k: int) -> Groups:
        """The layers but the last in k consecutive blocks; weights and biases apart, the last layer apart."""
        layers = layers_but_last(layout, k)
        size, more = divmod(layers, k)
        ends = [(b + 1) * size + min(b + 1, more) for b in range(k)]
        return cls._in_blocks(layout, [sum(layer >= end for end in ends) for layer in range(layers)], k)

    @classmethod
    def alternate(cls, layout: Sequence[Tensor], k: int) -> Groups:
        """Layer l but the last in block l mod k; weights and biases apart, the last layer apart."""
        return cls._in_blocks(layout, [layer % k for layer in range(layers_but_last(layout, k))], k)

    @classmethod
    def _in_blocks(cls, layout: Sequence[Tensor], block_of: list[int], k: int) -> Groups:
        tensors = checked_layout(layout)
        titles = [f"block {b}" for b in range(k)] + ["last"]
        blocks = [*block_of, k]  # the last layer comes after the blocks
        keys = [f"{titles[blocks[tensor.layer]]} {tensor.kind}" for tensor in tensors]
        return cls._collected(tensors, keys, [f"{title} {kind}" for title in titles for kind in KINDS])

    @classmethod
    def _collected(cls, tensors: Sequence[Tensor], keys: Sequence[str], names: Sequence[str]) -> Groups:
        """The groups of the given names; keys[i] is the name of tensor i's group."""
        missing = [name for name in names if name not in keys]
        if missing:
            raise ValueError(
                f"`layout` has nothing for the group {missing[0]!r}; every group must have a parameter"
            )
        runs = [(names.index(key), tensor.size) for key, tensor in zip(keys, tensors, strict=True)]
        return cls._of_runs(runs, names)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of parameters in each group."""
        return tuple(sum(stop - start for start, stop in part) for part in self.ranges)

    def labels(self) -> list[int]:
        """The group of each parameter, n integers."""
        found = [0] * self.n
        for s, ranges in enumerate(self.ranges):
            for start, stop in ranges:
                found[start:stop] = [s] * (stop - start)
        return found

    @property
    def scattered(self) -> bool:
        """Whether the ranges are so short that vectors are better gathered by index than sliced."""
        return SHORT * sum(map(len, self.ranges)) > self.n

    def sums(self, x: Array) -> Array:
        """I_{S:P} x, the sum of a vector (n,) over each group, (S,).

        Raises:
            ValueError: when `x` has another shape.
        """
        self.check(x)
        xp = namespace(x)
        if self.count == self.n:
            return xp.take(x, asarray_like([part[0][0] for part in self.ranges], x, "int64"), axis=0)
        if self.scattered:
            members = [p for part in self.ranges for start, stop in part for p in range(start, stop)]
            x = xp.take(x, asarray_like(members, x, "int64"), axis=0)
            return xp.stack([xp.sum(x[a:b]) for a, b in pairwise(accumulate(self.sizes, initial=0))])
        parts = [[xp.sum(x[start:stop]) for start, stop in ranges] for ranges in self.ranges]
        return xp.stack([sum(part[1:], part[0]) for part in parts])

    def spread(self, eta: Array) -> Array:
        """I_{P:S} eta, the value of each parameter's group, (n,) from (S,).

        Raises:
            ValueError: when `eta` has another shape.
        """
        check_shape("eta", eta, self.count, "one per group")
        xp = namespace(eta)
        if self.scattered:
            return xp.take(eta, asarray_like(self.labels(), eta, "int64"), axis=0)
        pieces = sorted((start, stop, s) for s, ranges in enumerate(self.ranges) for start, stop in ranges)
        return xp.concat([xp.broadcast_to(eta[s], (stop - start,)) for start, stop, s in pieces])

    def restrict(self, x: Array, s: int) -> Array:
        """The vector x (n,) inside group s, and 0 outside.

        Raises:
            ValueError: when `x` has another shape, or there is no group s.
        """
        self.check(x)
        if not 0 <= s < self.count:
            raise ValueError(f"`s` is {s}; it must be in 0 .. {self.count - 1}")
        return within(x, self.ranges[s])

    def check(self, x: Array, name: str = "x") -> None:
        """Require a vector of n elements; raises TypeError or ValueError."""
        check_shape(name, x, self.n, "as `groups`")


def check_shape(name: str, x: Any, size: int, why: str) -> None:
    """Require an array of shape (size,); raises TypeError or ValueError with the reason."""
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise TypeError(f"`{name}` is a {type(x).__name__}; it must be an array of shape ({size},), {why}")
    if tuple(x.shape) != (size,):
        raise ValueError(f"`{name}` has shape {tuple(x.shape)}; it must be ({size},), {why}")


def check_groups(groups: Any, theta: Array) -> None:
    """Require a partition of theta's parameters; raises TypeError or ValueError."""
    if not isinstance(groups, Groups):
        raise TypeError(f"`groups` is a {type(groups).__name__}; it must be a Groups")
    if groups.n != theta.shape[0]:
        raise ValueError(
            f"`groups` partitions {groups.n} parameters; it must partition {theta.shape[0]}, as `theta`"
        )


def within(x: Array, ranges: Iterable[tuple[int, int]]) -> Array:
    """The vector x inside ascending half-open ranges (start, stop), and 0 outside."""
    xp, at, parts = namespace(x), 0, []
    for start, stop in ranges:
        parts += [xp.zeros_like(x[at:start]), x[start:stop]]
        at = stop
    return xp.concat([*parts, xp.zeros_like(x[at:])])


def partition(name: str, n: int, layout: Sequence[Tensor] | None = None) -> Groups:
    """The partition of a name of the paper.

    Args:
        name: "trivial", "discrete", "canonical", "weights-biases", "blocks-k" or "alternate-k", k a number.
        n: number of parameters.
        layout: the tensors of the parameters; the first two names do without.

    Raises:
        TypeError: when the name is no string.
        ValueError: for another name, a missing layout, or one of another number of parameters.
    """
    if not isinstance(name, str):
        raise TypeError(f"`name` is {name!r}; it must be a string")
    if name in ("trivial", "discrete"):
        return getattr(Groups, name)(n)
    numbered = re.fullmatch(r"(blocks|alternate)-([1-9]\d*)", name)
    if name not in ("canonical", "weights-biases") and numbered is None:
        raise ValueError(
            f"`name` is {name!r}; it must be 'trivial', 'discrete', 'canonical', 'weights-biases', "
            "'blocks-k' or 'alternate-k' with a number k"
        )
    if layout is None:
        raise ValueError(f"`layout` is missing; the partition {name!r} needs the tensors of the parameters")
    found: Groups = (
        getattr(Groups, numbered[1])(layout, int(numbered[2]))
        if numbered
        else getattr(Groups, name.replace("-", "_"))(layout)
    )
    if found.n != n:
        raise ValueError(f"`layout` has {found.n} parameters; it must have {n}")
    return found


def _check_names(names: tuple[str, ...], count: int) -> None:
    """Require as many different strings as groups."""
    if len(names) != count or len(set(names)) != count:
        raise ValueError(f"`names` is {list(names)!r}; it must have {count} different names")
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"`names` is {list(names)!r}; it must hold strings")


def _place(labels: list[int | None], index: int, s: int) -> None:
    """Note that a parameter belongs to group s."""
    if not 0 <= index < len(labels):
        raise ValueError(f"`members[{s}]` holds {index}; it must hold indices in 0 .. {len(labels) - 1}")
    if labels[index] is not None:
        raise ValueError(
            f"parameter {index} is in `members[{labels[index]}]` and in `members[{s}]`; it must be in one"
        )
    labels[index] = s
