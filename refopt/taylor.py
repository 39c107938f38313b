"""Taylor polynomials of an objective along lines: one trace at a point, replayed for every direction.

`trace_taylor(f, theta)` records the primitives between theta and the value, with autograd's tracer, and
their results. `TaylorTape.coefficients` carries the power series of theta + t direction through them
(`taylor_rules`, `taylor_moves`): all derivatives up to an order d in O(d^2) operations, where nested forward
mode doubles its work with each order, and nothing that depends on the point alone is computed twice. What a
direction does not reach is a constant and costs nothing: that of a late layer leaves the earlier ones alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from autograd.numpy.numpy_boxes import ArrayBox
from autograd.tracer import getval, trace

from refopt.arrays import Array, check_count, namespace
from refopt.linearize import TapeNode, zero_derivatives_allowed
from refopt.taylor_moves import rule_of
from refopt.taylor_series import NoTaylorRule as NoTaylorRule
from refopt.taylor_series import Recorded, Series
from refopt.taylor_window import Window, is_constant, windowed

Ranges = Sequence[tuple[int, int]]


class TaylorStep(NamedTuple):
    """One primitive of the replay.

    Attributes:
        node: what was recorded.
        rule: its rule, of the order and one series per traced argument.
        taken: the first and the last element of theta that it selects; None where it does something else.
        spent: the steps whose series nobody reads afterwards.
    """

    node: Recorded
    rule: Callable[..., Series]
    taken: tuple[int, int] | None
    spent: tuple[int, ...]


class TaylorTape(NamedTuple):
    """The primitives between a point and the value of an objective there.

    Attributes:
        theta: the point, (n,); the tape is right only while nobody changes it.
        value: the objective at the point.
        steps: the primitives in order; the first has number 1, and 0 stands for theta.
        constant: whether the value does not depend on theta.
    """

    theta: Array
    value: Any
    steps: tuple[TaylorStep, ...]
    constant: bool

    def coefficients(self, direction: Array, order: int, support: Ranges | None = None) -> list[Any]:
        """The coefficients c_k = f^(k)(0) / k! of t -> f(theta + t direction), k = 0 to `order`.

        Args:
            direction: a vector (n,) of theta's library, dtype and device.
            order: the highest, at least 0.
            support: half-open ranges (start, stop) outside which the direction is zero, which is not
                checked; None for everywhere. Slices of theta that meet none of them are constants.

        Returns:
            order + 1 scalars of the value's type; from the last nonzero degree of a polynomial on, zeros.

        Raises:
            TypeError, ValueError: for an order that is no integer of at least 0.
        """
        check_count("order", order, 0)
        found = self._replay(direction, order, support) if order and not self.constant else (self.value,)
        zeros = order + 1 - len(found)
        return [*found, *([_zero(self.value)] * zeros)]

    def _replay(self, direction: Array, order: int, support: Ranges | None) -> Series:
        """The series of the last step."""
        root = (self.theta, direction)
        series: list[Any] = [root if support is None else _restricted(root, support)]
        for step in self.steps:
            given = [series[i] for i in step.node.sources]
            if all(map(is_constant, given)) or _outside(step.taken, support):
                found: Any = (step.node.value,)
            else:
                found = windowed(step.node, order, given)
                if found is None:
                    whole = (_whole(x, i, root) for x, i in zip(given, step.node.sources, strict=True))
                    found = step.rule(order, *whole)
            series.append(found)
            for i in step.spent:
                series[i] = None
        return series[-1]


def trace_taylor(objective: Callable[[Array], Any], theta: Array) -> TaylorTape:
    """Record the primitives between theta and the value of `objective` there.

    Args:
        objective: a function of a vector (n,) that returns a real scalar, in the dialect of `derivatives`.
        theta: the point, (n,), of a type that autograd knows (`autograd_arrays.register`).

    Raises:
        NoTaylorRule: when a primitive has no rule, naming it; nested forward mode may have one.
    """
    root = TapeNode.new_root(theta)
    with zero_derivatives_allowed():
        value, end = trace(root, objective, theta)
    if end is None:
        return TaylorTape(theta, getval(value), (), True)
    nodes = _reaching(end, root)
    numbers = {node: number for number, node in enumerate(nodes)}
    last = {parent: numbers[node] for node in nodes for parent in node.parents}
    spent: list[list[int]] = [[] for _ in nodes]
    for parent, number in last.items():
        spent[number].append(numbers[parent])
    steps = []
    for node in nodes[1:]:
        recorded = _recorded(node, numbers)
        steps.append(TaylorStep(recorded, rule_of(recorded), _taken(recorded), tuple(spent[numbers[node]])))
    root.tape.clear()  # nodes refer to their tape: the cycle would keep every array until it is collected
    return TaylorTape(theta, getval(value), tuple(steps), False)


def _reaching(end: Any, root: Any) -> list[Any]:
    """The root and the recorded nodes that `end` depends on, itself included, in the order of recording."""
    needed, stack = {end}, [end]
    while stack:
        for parent in stack.pop().parents:
            if parent not in needed:
                needed.add(parent)
                stack.append(parent)
    return [root, *(node for node in root.tape if node in needed)]


def _recorded(node: Any, numbers: dict[Any, int]) -> Recorded:
    sources = tuple(numbers[parent] for parent in node.parents)
    return Recorded(node.fun, node.value, node.args, node.kwargs, node.argnums, sources)


def _restricted(root: Series, support: Ranges) -> Window | Series:
    """The line on the smallest stretch that holds the ranges, a constant where there are none."""
    theta, direction = root
    if not support:
        return (theta,)
    start, stop = min(start for start, _ in support), max(stop for _, stop in support)
    return Window(start, stop, theta, (theta[start:stop], direction[start:stop]))


def _whole(given: Any, source: int, root: Series) -> Series:
    """A series of whole arrays: that of theta is there, that of another window is made."""
    if not isinstance(given, Window):
        return given
    return given.expanded() if source else root


def _taken(node: Recorded) -> tuple[int, int] | None:
    """The first and the last element that a slice or a number selects from theta, if the step is one."""
    if node.fun is not ArrayBox.__getitem__ or node.sources != (0,):
        return None
    index, n = node.args[1], node.args[0].shape[0]
    if isinstance(index, int):
        return index % n, index % n
    if not isinstance(index, slice):
        return None
    selected = range(*index.indices(n))
    return (min(selected[0], selected[-1]), max(selected[0], selected[-1])) if selected else None


def _outside(taken: tuple[int, int] | None, support: Ranges | None) -> bool:
    """Whether what is taken from theta meets none of the ranges."""
    if taken is None or support is None:
        return False
    low, high = taken
    return all(stop <= low or start > high for start, stop in support)


def _zero(value: Any) -> Any:
    return namespace(value).zeros_like(value)[()] if hasattr(value, "dtype") else 0.0
