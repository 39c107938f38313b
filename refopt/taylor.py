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
from refopt.groups import within
from refopt.linearize import TapeNode, zero_derivatives_allowed
from refopt.tape_compiler import reaching
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
            support: half-open ranges (start, stop) outside which the direction counts as zero, whatever it
                holds there; None for everywhere. Slices of theta that meet none of them are constants, and
                for those inside one of them nothing is copied.

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
        series: list[Any] = [root if support is None else None]
        for step in self.steps:
            if support is not None and _outside(step.taken, support):
                series.append((step.node.value,))
            elif support is not None and _inside(step.taken, support):
                series.append(step.rule(order, root))
            else:
                if 0 in step.node.sources and series[0] is None:
                    series[0] = _restricted(root, support or ())
                series.append(_advanced(step, order, [series[i] for i in step.node.sources]))
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
    nodes = [root, *reaching(end, root)]
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


def _recorded(node: Any, numbers: dict[Any, int]) -> Recorded:
    sources = tuple(numbers[parent] for parent in node.parents)
    return Recorded(node.fun, node.value, node.args, node.kwargs, node.argnums, sources)


def _advanced(step: TaylorStep, order: int, given: Sequence[Any]) -> Window | Series:
    """The series of a step from those of its sources."""
    if all(map(is_constant, given)):
        return (step.node.value,)
    found = windowed(step.node, order, given)
    if found is not None:
        return found
    return step.rule(order, *(x.expanded() if isinstance(x, Window) else x for x in given))


def _restricted(root: Series, support: Ranges) -> Window | Series:
    """The line on the smallest stretch that holds the ranges, a constant where there are none."""
    theta, direction = root
    if not support:
        return (theta,)
    start, stop = min(start for start, _ in support), max(stop for _, stop in support)
    inner = within(direction[start:stop], [(a - start, b - start) for a, b in support])
    return Window(start, stop, theta, (theta[start:stop], inner))


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


def _outside(taken: tuple[int, int] | None, support: Ranges) -> bool:
    """Whether something is taken from theta that meets none of the ranges."""
    return taken is not None and all(stop <= taken[0] or start > taken[1] for start, stop in support)


def _inside(taken: tuple[int, int] | None, support: Ranges) -> bool:
    """Whether something is taken from theta that lies in one of the ranges."""
    return taken is not None and any(start <= taken[0] and taken[1] < stop for start, stop in support)


def _zero(value: Any) -> Any:
    return namespace(value).zeros_like(value)[()] if hasattr(value, "dtype") else 0.0
