"""Where derivatives come from: autograd's trace, callables, or another engine plus a weight decay.

An engine has `objective`, `value(theta)`, `value_and_gradient(theta)`, `linearize(theta)` and `along(theta,
direction, order)`. Arguments were checked by `Derivatives`, which is the only user.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple, Protocol

from autograd.core import make_jvp, make_vjp, vspace
from autograd.tracer import getval, isbox

from refopt.arrays import Array, asarray_like, check_real_vector, dtype_name, namespace
from refopt.autograd_arrays import register
from refopt.derivative_errors import explained, not_traced, works_untraced
from refopt.group_products import grouped_products
from refopt.group_summary import assembled
from refopt.groups import Groups, within
from refopt.linearize import trace_gradient, zero_derivatives_allowed
from refopt.summary import Summary
from refopt.taylor import NoTaylorRule, trace_taylor


class Linearization(NamedTuple):
    """What is known of an objective at one point, with the Hessian as a linear map.

    Attributes:
        value: the objective, a scalar.
        gradient: its gradient, (n,).
        hvp: maps a vector (n,) of the point's dtype to the Hessian times it; it is not checked to be finite.
    """

    value: Array
    gradient: Array
    hvp: Callable[[Array], Array]


class Engine(Protocol):
    """See the module's docstring."""

    @property
    def objective(self) -> Callable[[Array], Any]:
        """The function itself."""

    def value(self, theta: Array) -> Array:
        """The objective at theta."""

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """The objective and its gradient at theta."""

    def linearize(self, theta: Array) -> Linearization:
        """Value, gradient and the map of the Hessian at theta."""

    def along(self, theta: Array, direction: Array, order: int) -> list[Array]:
        """Derivatives 0 to order of t -> f(theta + t direction) at 0."""

    def mixed(self, theta: Array, directions: Sequence[Array]) -> Array:
        """The derivative of order d + 1 with all but one argument filled by d directions, (n,)."""

    def summary(self, theta: Array, direction: Array, groups: Groups, interactions: bool) -> Summary:
        """The tensors of order 1 to 3 by groups; see `Derivatives.summary`."""


def _explains(method: Callable) -> Callable:
    """Turn an error raised inside an objective into a sentence, where the cause is known."""

    @wraps(method)
    def explaining(self: Any, theta: Array, *arguments: Any) -> Any:
        try:
            return method(self, theta, *arguments)
        except (TypeError, NotImplementedError) as error:
            sentence = explained(error, theta)
            if sentence is None:
                raise
            raise sentence from error

    return explaining


def _traces(method: Callable) -> Callable:
    """As `_explains`, for a method that traces: what fails on autograd's boxes alone is said to do so."""

    @wraps(method)
    def tracing(self: Any, theta: Array, *arguments: Any) -> Any:
        register(theta)
        try:
            return method(self, theta, *arguments)
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
            known = isinstance(error, (TypeError, NotImplementedError))
            sentence = explained(error, theta) if known else None
            if sentence is None and works_untraced(error, self.value, theta):
                sentence = not_traced(error)
            if sentence is None:
                raise
            raise sentence from error

    return tracing


class _Constant(Exception):
    """The objective returned a value that does not depend on theta."""


class TracedEngine:
    """Derivatives by autograd: reverse mode, forward over reverse, nested forward mode."""

    def __init__(self, objective: Callable[[Array], Array]) -> None:
        self.objective = objective

    @_explains
    def value(self, theta: Array) -> Array:
        """The objective at theta, not traced."""
        return scalar(self.objective(theta), theta)

    def traced(self, x: Array) -> Array:
        """The objective at a box, its result known to be one that autograd can start from.

        Raises:
            TypeError: when it is no real scalar, naming what the objective returned.
        """
        value = self.objective(x)
        scalar(getval(value), getval(x))
        return float(value) if isinstance(value, int) else value

    @_traces
    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """One reverse pass."""

        def dependent(x: Array) -> Array:
            value = self.traced(x)
            if not isbox(value):  # autograd would warn, and silencing it costs more than a loop can bear
                raise _Constant(value)
            return value

        try:
            vjp, value = make_vjp(dependent, theta)
        except _Constant as constant:
            return scalar(constant.args[0], theta), namespace(theta).zeros_like(theta)
        return scalar(value, theta), like_theta(vjp(vspace(value).ones()), theta)

    @_traces
    def linearize(self, theta: Array) -> Linearization:
        """One trace of the gradient; see `linearize.trace_gradient`."""
        theta = theta.copy()  # the map stays right when the caller goes on and changes the point in place
        tape = trace_gradient(self.traced, theta)

        def hvp(vector: Array) -> Array:
            require_tangent("vector", vector, theta)
            return like_theta(tape.product(vector), theta)

        return Linearization(scalar(tape.value, theta), like_theta(tape.gradient, theta), hvp)

    @_traces
    def along(self, theta: Array, direction: Array, order: int) -> list[Array]:
        """Taylor mode, or nested forward mode where a primitive has no Taylor rule."""
        return self._along(theta)(direction, order, None)

    def _along(self, theta: Array) -> Callable[..., list[Array]]:
        """The map (direction, order, support) -> derivatives, from one trace where that is possible.

        Outside the ranges of the support, where there are any, the direction counts as zero.
        """
        try:
            tape = trace_taylor(self.traced, theta)
        except NoTaylorRule:
            return lambda direction, order, support: self._nested(
                theta, direction if support is None else within(direction, support), order
            )

        def along(direction: Array, order: int, support: Any) -> list[Array]:
            found = tape.coefficients(direction, order, support)
            return [scalar(math.factorial(k) * c, theta) for k, c in enumerate(found)]

        return along

    def _nested(self, theta: Array, direction: Array, order: int) -> list[Array]:
        """Forward mode nested `order` times, the direction held constant."""
        found: list[Array] = []

        def derivative(k: int, x: Array) -> Array:
            """The k-th derivative at x; those below are noted on the way."""
            if k == 0:
                return self.traced(x)
            lower, highest = make_jvp(lambda y: derivative(k - 1, y), x)(direction)
            found.append(getval(lower))
            return highest

        with zero_derivatives_allowed():
            found.append(getval(derivative(order, theta)))
        return [scalar(value, theta) for value in found]

    @_traces
    def mixed(self, theta: Array, directions: Sequence[Array]) -> Array:
        """Forward mode nested over reverse mode, the directions held constant."""

        def derivative(k: int, x: Array) -> Array:
            if k == 0:
                vjp, value = make_vjp(self.traced, x)
                return vjp(vspace(value).ones())
            return make_jvp(lambda y: derivative(k - 1, y), x)(directions[k - 1])[1]

        with zero_derivatives_allowed():
            return like_theta(getval(derivative(len(directions), theta)), theta)

    @_traces
    def summary(self, theta: Array, direction: Array, groups: Groups, interactions: bool) -> Summary:
        """One trace of the gradient and one of the value, replayed for each group."""
        if interactions:
            tape = trace_gradient(self.traced, theta)
            value, gradient = scalar(tape.value, theta), like_theta(tape.gradient, theta)
            H_bar: Array | None = grouped_products(tape, direction, groups)
        else:
            (value, gradient), H_bar = self.value_and_gradient(theta), None
        along = self._along(theta)
        return assembled(
            value, gradient, direction, groups, H_bar,
            lambda s: along(direction, 3, groups.ranges[s]),
        )  # fmt: skip


def scalar(value: Any, theta: Array, source: str = "the objective") -> Any:
    """The objective's value, in theta's dtype where it is an array.

    Args:
        value: what was returned.
        theta: the point.
        source: what returned it, as the sentence names it.

    Raises:
        TypeError: when it is no real scalar, naming what was returned.
    """
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        if isinstance(value, (int, float)):
            return value
        raise TypeError(f"{source} returned a {type(value).__name__}; it must return a real scalar")
    if tuple(value.shape) != ():
        shape = tuple(value.shape)
        raise TypeError(f"{source} returned an array of shape {shape}; it must return a real scalar")
    if dtype == theta.dtype:
        return value
    if not dtype_name(value).startswith("float"):
        raise TypeError(f"{source} returned dtype {dtype_name(value)}; it must return a real scalar")
    return asarray_like(value, theta)[()]


def require_tangent(name: str, vector: Array, theta: Array) -> None:
    """Require a vector of theta's shape and dtype; its values are not looked at.

    Raises:
        TypeError: for another type or dtype.
        ValueError: for another shape.
    """
    check_real_vector(name, vector, theta.shape[0])
    if vector.dtype != theta.dtype:
        raise TypeError(
            f"`{name}` has dtype {dtype_name(vector)}; it must be {dtype_name(theta)}, as `theta`"
        )


def like_theta(gradient: Array, theta: Array) -> Array:
    """The gradient in theta's dtype, in memory of its own."""
    if gradient.dtype != theta.dtype:
        return gradient.astype(theta.dtype)
    if 0 in gradient.strides and gradient.shape[0] > 1:  # a broadcast view: the gradient of a plain sum
        return gradient.copy()
    return gradient
