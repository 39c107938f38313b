"""The gradient of an objective, traced once at a point, and its derivative replayed for many vectors.

`trace_gradient(f, theta)` runs autograd's own reverse mode under autograd's own tracer with one more kind
of node. The nodes record each primitive that depends on theta; those that reach the gradient become a list
of linear operations on tangents (`tape_compiler`), so that a product H v costs about one gradient instead
of the two to four of `make_jvp(grad(f))`, which traces and evaluates everything anew for each vector.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from autograd.core import JVPNode, make_vjp, vspace
from autograd.tracer import Node, getval, notrace_primitives, trace

from refopt.arrays import Array, namespace
from refopt.tape_compiler import Compiled, compile_tape


class TapeNode(Node):
    """One recorded primitive: what it was called with, and the nodes of its traced arguments."""

    __slots__ = ("argnums", "args", "fun", "kwargs", "parents", "tape", "value")

    def __init__(
        self, value: Any, fun: Any, args: tuple, kwargs: dict, argnums: tuple, parents: tuple
    ) -> None:
        self.value, self.fun, self.args, self.kwargs = value, fun, args, kwargs
        self.argnums, self.parents = argnums, parents
        self.tape = parents[0].tape
        self.tape.append(self)

    def initialize_root(self, value: Any) -> None:
        """Start a tape at the point."""
        self.value, self.parents, self.tape = value, (), []


# Comparisons, signs and the like carry no tangent; the set is shared, so later registrations count too.
notrace_primitives[TapeNode] = notrace_primitives[JVPNode]


class Tape(NamedTuple):
    """The gradient at a point and the steps that carry a vector to its Hessian product.

    Attributes:
        value: the objective at the point.
        gradient: its gradient, (n,).
        compiled: the linear operations in order, and where the product is; None where the gradient does not
            depend on the point.
    """

    value: Array
    gradient: Array
    compiled: Compiled | None

    def product(self, vector: Array) -> Array:
        """The Hessian at the traced point times `vector`, an array of the point's shape, dtype and device."""
        if self.compiled is None:
            return namespace(vector).zeros_like(vector)
        slots: list[Any] = [None] * len(self.compiled.shapes)
        slots[0] = vector
        for step in self.compiled.steps:
            slots[step.target] = step.apply(*[slots[i] for i in step.sources])
            for i in step.spent:
                slots[i] = None
        return slots[self.compiled.result]


@contextmanager
def zero_derivatives_allowed() -> Iterator[None]:
    """Silence autograd's warning that a derivative vanishes identically; the zeros it returns are right.

    The Hessian of a linear function and the third derivative of a quadratic are such derivatives.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Output seems independent of input", UserWarning)
        yield


def trace_gradient(objective: Callable[[Array], Array], theta: Array) -> Tape:
    """Trace the gradient of `objective` at `theta` and compile its derivative.

    Raises:
        NotImplementedError: when autograd has no rule for a function that the objective uses.
    """
    values = []

    def gradient_of(x: Array) -> Array:
        vjp, value = make_vjp(objective, x)
        values.append(getval(value))
        return vjp(vspace(value).ones())

    root = TapeNode.new_root(theta)
    with zero_derivatives_allowed():
        gradient, end = trace(root, gradient_of, theta)
    if end is None:
        return Tape(values[0], getval(gradient), None)
    compiled = compile_tape(root, end)
    root.tape.clear()  # nodes refer to their tape: the cycle would keep every array until it is collected
    return Tape(values[0], gradient, compiled)
