"""The summary of an objective's derivatives by groups of parameters: the tensors D^d(u) of grouped Newton.

With u in R^n, u_s its part in group s (0 elsewhere) and f^(d) the derivative of order d at theta,

    D^d(u)[s_1, ..., s_d] = f^(d)[u_{s_1}, ..., u_{s_d}]                (grouped-Newton paper, eq. 6)

so D^1 = g_bar = I_{S:P} U g, D^2 = H_bar = I_{S:P} U H U I_{P:S}, and D^d[1, ..., 1] is the derivative of
order d along u, d! times the Taylor term (eq. 4, 5). u is a constant: derivatives do not pass through it
(claim A2). The tensor is symmetric (eq. 17, for f of class C^d); only the C(S+d-1, d) entries with s_1 <= ...
<= s_d are kept, 220 for S = 10, d = 3.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

from refopt.arrays import (
    Array,
    asarray_like,
    check_count,
    check_finite,
    check_vector,
    dtype_name,
    namespace,
)
from refopt.groups import Groups, check_groups, check_shape


class Summary(NamedTuple):
    """What one call finds of the tensors of order 1 to 3.

    Attributes:
        value: the objective, a scalar.
        gradient: its gradient, (n,).
        g_bar: D^1(u), (S,).
        H_bar: D^2(u), (S, S), symmetric to the last bit; diagonal where interactions were not asked for.
        third_diagonal: D^3(u)[s, s, s] with its sign, (S,).
    """

    value: Array
    gradient: Array
    g_bar: Array
    H_bar: Array
    third_diagonal: Array


@dataclass(frozen=True, eq=False)
class SummaryTensor:
    """D^d(u), its different entries alone.

    Attributes:
        order: d, at least 0.
        count: S, at least 1.
        entries: the entries with s_1 <= ... <= s_d in lexicographic order, (C(S+d-1, d),).
    """

    order: int
    count: int
    entries: Array

    def entry(self, *indices: int) -> Array:
        """The entry at d group numbers, in any order; a scalar.

        Raises:
            ValueError: when there are not d of them, or one is no integer or out of range.
        """
        try:
            given = [operator.index(index) for index in indices]
        except TypeError:
            given = [-1]
        if len(given) != self.order or not all(0 <= index < self.count for index in given):
            raise ValueError(
                f"`indices` is {tuple(indices)}; it must be {self.order} integers in 0 .. {self.count - 1}"
            )
        return self.entries[_position(tuple(sorted(given)), self.count)]

    def full(self) -> Array:
        """All S^d entries, an array with d axes."""
        xp, shape = namespace(self.entries), (self.count,) * self.order
        places = asarray_like(_positions(self.order, self.count), self.entries, "int64")
        return xp.reshape(xp.take(self.entries, places, axis=0), shape)

    def diagonal(self) -> Array:
        """D^d[s, ..., s], (S,).

        Raises:
            ValueError: for order 0, which has no index.
        """
        if self.order == 0:
            raise ValueError("`order` is 0; only a tensor of order at least 1 has a diagonal")
        places = [_position((s,) * self.order, self.count) for s in range(self.count)]
        return namespace(self.entries).take(self.entries, asarray_like(places, self.entries, "int64"), axis=0)

    def contracted(self, eta: Array) -> Array:
        """D^d[eta, ..., eta], a scalar; with ones the derivative of order d along u (eq. 5).

        Args:
            eta: (S,).

        Raises:
            TypeError, ValueError: when it is no array of that shape.
        """
        check_shape("eta", eta, self.count, "one per group")
        xp = namespace(self.entries)
        weights = asarray_like(_multiplicities(self.order, self.count), self.entries)
        for axis in range(self.order):
            chosen = [index[axis] for index in _indices(self.order, self.count)]
            weights = weights * xp.take(eta, asarray_like(chosen, eta, "int64"), axis=0)
        return xp.sum(weights * self.entries)


def summary_tensors(
    f: Any, theta: Array, direction: Array, groups: Groups, order: int
) -> tuple[SummaryTensor, ...]:
    """The tensors D^0(u), ..., D^order(u) (grouped-Newton paper, eq. 6 and Algorithm 3).

    C(S+d-2, d-1) mixed derivatives for order d, each twice the work of one of the order before. What grouped
    Newton needs of orders 1 to 3 costs far less by `f.summary`.

    Args:
        f: derivatives of the objective.
        theta: the point, (n,).
        direction: u, (n,), a constant.
        groups: partition of the n parameters into S groups.
        order: the highest, at least 0.

    Returns:
        order + 1 tensors, the first the value.

    Raises:
        TypeError: when an argument is of another kind.
        ValueError: when theta or u is not finite, the partition of another length, or a result not finite.
        NotImplementedError: when f has no derivatives of that order.
    """
    if not hasattr(f, "mixed"):
        raise TypeError(
            f"`f` is a {type(f).__name__}; it must be a Derivatives, as of Derivatives(objective)"
        )
    check_count("order", order, 0)
    check_vector("theta", theta)
    check_vector("direction", direction, theta.shape[0])
    if direction.dtype != theta.dtype:
        raise TypeError(
            f"`direction` has dtype {dtype_name(direction)}; it must be {dtype_name(theta)}, as `theta`"
        )
    check_groups(groups, theta)
    xp, S = namespace(theta), groups.count
    parts = [groups.restrict(direction, s) for s in range(S)] if order > 1 else []
    value = f.value(theta)
    value = value if hasattr(value, "dtype") else asarray_like(value, theta)
    tensors = [SummaryTensor(0, S, xp.reshape(xp.asarray(value), (1,)))]
    for d in range(1, order + 1):
        rows = []
        for index in combinations_with_replacement(range(S), d - 1):
            vector = f.mixed(theta, *(parts[s] for s in index))
            rows.append(groups.sums(direction * vector)[index[-1] if index else 0 :])
        tensors.append(SummaryTensor(d, S, xp.concat(rows)))
    for tensor in tensors:
        check_finite(f"tensor of order {tensor.order}", tensor.entries)
    return tuple(tensors)


@lru_cache(maxsize=32)
def _indices(order: int, count: int) -> tuple[tuple[int, ...], ...]:
    """The kept indices, in order."""
    return tuple(combinations_with_replacement(range(count), order))


def _position(index: Sequence[int], count: int) -> int:
    """Where an ascending index stands among the kept ones."""
    position, low = 0, 0
    for axis, s in enumerate(index):
        left = len(index) - axis - 1  # behind a smaller value at this axis, the rest is free from there on
        position += sum(math.comb(count - v + left - 1, left) for v in range(low, s))
        low = s
    return position


def _positions(order: int, count: int) -> list[int]:
    """For each of the S^d indices, row-major, where its entry stands."""
    indices: list[tuple[int, ...]] = [()]
    for _ in range(order):
        indices = [(*index, s) for index in indices for s in range(count)]
    known = {index: place for place, index in enumerate(_indices(order, count))}
    return [known[tuple(sorted(index))] for index in indices]


@lru_cache(maxsize=32)
def _multiplicities(order: int, count: int) -> tuple[float, ...]:
    """How many of the S^d indices each entry stands for."""
    found = []
    for index in _indices(order, count):
        ways = math.factorial(order)
        for s in set(index):
            ways //= math.factorial(index.count(s))
        found.append(float(ways))
    return tuple(found)
