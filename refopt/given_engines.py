"""Engines of `Derivatives` that trace nothing: given callables, and a weight decay on top of an engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from refopt.arrays import Array, asarray_like, device_of, dtype_name, namespace, to_host
from refopt.derivative_engines import Engine, Linearization, require_tangent, scalar
from refopt.group_summary import summary_by_products
from refopt.groups import Groups
from refopt.summary import Summary


class GivenEngine:
    """Derivatives by the callables of `Derivatives.from_callables`."""

    def __init__(
        self,
        value: Callable[[Array], Any],
        gradient: Callable[[Array], Array],
        hvp: Callable[[Array, Array], Array] | None,
        linearize: Callable[[Array], Callable[[Array], Array]] | None,
        along: Callable[[Array, Array, int], Sequence[Any]] | None,
    ) -> None:
        given = {"value": value, "gradient": gradient, "hvp": hvp, "linearize": linearize, "along": along}
        for name, function in given.items():
            if not callable(function) and (function is not None or name in ("value", "gradient")):
                raise TypeError(f"`{name}` is a {type(function).__name__}; it must be a function")
        self.objective, self._gradient, self._hvp, self._linearize = value, gradient, hvp, linearize
        self._along = along

    def value(self, theta: Array) -> Array:
        """The given value."""
        return scalar(self.objective(theta), theta, "`value`")

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """The given value and gradient."""
        return self.value(theta), _of_library("gradient", self._gradient(theta), theta)

    def linearize(self, theta: Array) -> Linearization:
        """The given products, by `linearize` where it was given, else by `hvp` at the point."""
        if self._linearize is None and self._hvp is None:
            raise NotImplementedError(
                "`from_callables` was given neither `hvp` nor `linearize`; one is needed here"
            )
        theta = namespace(theta).asarray(theta, copy=True)  # the map keeps the point the caller may change
        product = self._product(theta)

        def hvp(vector: Array) -> Array:
            require_tangent("vector", vector, theta)
            return _of_library("hvp", product(vector), theta)

        return Linearization(*self.value_and_gradient(theta), hvp)

    def _product(self, theta: Array) -> Callable[[Array], Array]:
        """The map vector -> Hessian times vector at a point that stays as it is."""
        if self._linearize is None:
            one_by_one = self._hvp
            return lambda v: one_by_one(theta, v)  # type: ignore[misc]
        product = self._linearize(theta)
        if not callable(product):
            what = type(product).__name__
            given = f"{what} of {len(product)}" if isinstance(product, (tuple, list)) else what
            raise TypeError(
                f"`linearize` returned a {given}; it must return one function, vector -> Hessian times vector"
            )
        return product

    def along(self, theta: Array, direction: Array, order: int) -> list[Array]:
        """The given `along`; without one the value, g'u and u'Hu."""
        if self._along is not None:
            return self._given_along(theta, direction, order)
        if order > 2:
            raise NotImplementedError(
                f"`order` is {order}; without `along`, derivatives given by callables reach order 2"
            )
        xp = namespace(theta)
        if order < 2:
            value, gradient = self.value_and_gradient(theta)
            return [value, xp.sum(gradient * direction)][: order + 1]
        at = self.linearize(theta)
        return [at.value, xp.sum(at.gradient * direction), xp.sum(at.hvp(direction) * direction)]

    def _given_along(self, theta: Array, direction: Array, order: int) -> list[Array]:
        found = list(self._along(theta, direction, order))  # type: ignore[misc]
        if len(found) != order + 1:
            raise ValueError(
                f"`along` returned {len(found)} derivatives; it must return {order + 1} for order {order}"
            )
        return [scalar(_copied(value, theta), theta, "`along`") for value in found]

    def mixed(self, theta: Array, directions: Sequence[Array]) -> Array:
        """The gradient, or one product; callables reach no higher."""
        if len(directions) > 1:
            raise NotImplementedError(
                f"`order` is {len(directions) + 1}; mixed derivatives given by callables reach order 2"
            )
        return self.linearize(theta).hvp(directions[0]) if directions else self.value_and_gradient(theta)[1]

    def summary(self, theta: Array, direction: Array, groups: Groups, interactions: bool) -> Summary:
        """From the given products and derivatives along the groups' parts of the direction."""
        if self._along is None:
            raise NotImplementedError(
                "`from_callables` was not given `along`; the third derivatives of a summary need it"
            )
        return summary_by_products(self, theta, direction, groups, interactions)


class DecayedEngine:
    """The derivatives of f(theta) + decay/2 |theta|^2, from those of f."""

    def __init__(self, plain: Engine, decay: float) -> None:
        self._plain, self._decay = plain, decay

    def objective(self, theta: Array) -> Array:
        """The decayed objective, which can be traced where f can."""
        return self._plain.objective(theta) + self._penalty(theta)

    def _penalty(self, theta: Array) -> Array:
        return (self._decay / 2) * namespace(theta).sum(theta * theta)

    def value(self, theta: Array) -> Array:
        """The value, f + decay/2 |theta|^2."""
        return self._plain.value(theta) + self._penalty(theta)

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """The value, and g + decay theta."""
        value, gradient = self._plain.value_and_gradient(theta)
        return value + self._penalty(theta), gradient + self._decay * theta

    def linearize(self, theta: Array) -> Linearization:
        """Value, gradient, and the products H v + decay v."""
        value, gradient, hvp = self._plain.linearize(theta)
        decay = self._decay
        return Linearization(
            value + self._penalty(theta),
            gradient + decay * theta,
            lambda vector: hvp(vector) + decay * vector,
        )

    def along(self, theta: Array, direction: Array, order: int) -> list[Array]:
        """The derivatives of f along the direction, and those of the penalty, a polynomial of degree 2."""
        xp, decay = namespace(theta), self._decay
        found = self._plain.along(theta, direction, order)
        penalty = [
            self._penalty(theta),
            decay * xp.sum(theta * direction),
            decay * xp.sum(direction * direction),
        ]
        return [a + b for a, b in zip(found, penalty, strict=False)] + found[3:]

    def mixed(self, theta: Array, directions: Sequence[Array]) -> Array:
        """The mixed derivative of f, and decay theta or decay u, the penalty's."""
        found = self._plain.mixed(theta, directions)
        return found + self._decay * (theta, *directions)[-1] if len(directions) < 2 else found

    def summary(self, theta: Array, direction: Array, groups: Groups, interactions: bool) -> Summary:
        """The summary of f, with decay theta in the gradient and decay |u_s|^2 on the diagonal of H_bar."""
        plain, xp = self._plain.summary(theta, direction, groups, interactions), namespace(theta)
        squares = self._decay * groups.sums(direction * direction)
        diagonal = xp.eye(groups.count, device=device_of(theta)) > 0
        return plain._replace(
            value=plain.value + self._penalty(theta),
            gradient=plain.gradient + self._decay * theta,
            g_bar=plain.g_bar + self._decay * groups.sums(direction * theta),
            H_bar=xp.where(diagonal, plain.H_bar + squares, plain.H_bar),
        )


def _copied(value: Any, theta: Array) -> Any:
    """A given scalar in theta's library."""
    if not hasattr(value, "dtype") or type(value) is type(theta):
        return value
    return asarray_like(to_host(value), theta, dtype=dtype_name(value))[()]


def _of_library(name: str, result: Any, theta: Array) -> Array:
    """A given result in memory of its own, of theta's library, required to have theta's shape and dtype.

    The copy keeps apart what a callable may hand out twice: theta or the vector itself, or its own buffer.
    """
    if not hasattr(result, "dtype") or not hasattr(result, "shape"):
        raise TypeError(
            f"`{name}` returned a {type(result).__name__}; it must return an array of "
            f"{theta.shape[0]} elements of {dtype_name(theta)}"
        )
    if type(result) is not type(theta):
        result = asarray_like(to_host(result), theta, dtype=dtype_name(result))
    require_tangent(name, result, theta)
    return namespace(theta).asarray(result, copy=True)
