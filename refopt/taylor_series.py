"""Truncated power series of arrays: primitives recorded at the point, and the sums that rules are made of.

A *series* is a tuple of the coefficients (a_0, ..., a_d) of a_0 + a_1 t + ... + a_d t^d, arrays of one shape;
what lies beyond its end is zero, to whatever order the work is done. A constant is a series of length one,
so that zeros known from the structure are neither stored nor multiplied, and a polynomial of degree d costs
no more at order 10 than at order d.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import autograd.numpy.numpy_wrapper as anp

Series = tuple[Any, ...]


class NoTaylorRule(NotImplementedError):
    """The objective uses a primitive in a way that Taylor mode has no rule for; the message names it."""


class Recorded:
    """One primitive as it was called at the point.

    Attributes:
        fun: autograd's primitive.
        value: its result at the point.
        args: its positional arguments, traced ones replaced by their values.
        kwargs: its keyword arguments.
        argnums: the positions of the traced arguments.
        sources: for each of them the number of its step; 0 is the point itself.
    """

    __slots__ = ("_kept", "argnums", "args", "fun", "kwargs", "sources", "value")

    def __init__(
        self, fun: Any, value: Any, args: tuple, kwargs: dict, argnums: tuple, sources: tuple[int, ...]
    ) -> None:
        self.fun, self.value, self.args, self.kwargs = fun, value, args, kwargs
        self.argnums, self.sources = argnums, sources
        self._kept: dict[Any, Any] = {}

    def within(self, start: int, stop: int) -> Recorded:
        """An elementwise primitive on a stretch of its vectors."""
        shape = anp.shape(self.value)
        value, *args = (x[start:stop] if anp.shape(x) == shape else x for x in (self.value, *self.args))
        return Recorded(self.fun, value, tuple(args), self.kwargs, self.argnums, self.sources)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, computed at the first replay that asks for it: it depends on the point alone."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def operands(self, series: Sequence[Series]) -> list[Series]:
        """A series for every positional argument, those that are not traced as constants."""
        found: list[Series] = [(argument,) for argument in self.args]
        for argnum, given in zip(self.argnums, series, strict=True):
            found[argnum] = given
        return found


def total(terms: Iterable[Any]) -> Any:
    """The sum of fresh arrays of one shape, in the memory of the first; None where there are none."""
    result = None
    for term in terms:
        if result is None:
            result = term
        elif result.dtype == term.dtype:
            result += term
        else:  # a value may be wider than its coefficients: float32 plus a constant of float64
            result = result + term
    return result


def convolution(a: Series | list, b: Series | list, k: int) -> Any:
    """Coefficient k of the product, sum_j a_j b_{k-j}, None where it is zero."""
    return total(a[j] * b[k - j] for j in _indices(a, b, k, 0, k))


def square_coefficient(a: Series | list, k: int, sign: int = 1) -> Any:
    """Coefficient k of the square, times the sign: both a_j a_{k-j} and a_{k-j} a_j by one product."""
    result = total(a[j] * a[k - j] for j in _indices(a, a, k, 0, (k - 1) // 2))
    if result is not None:
        result *= 2 * sign
    if k % 2 or k // 2 >= len(a):
        return result
    middle = a[k // 2] * a[k // 2]
    if sign < 0:
        middle = -middle
    return middle if result is None else total((result, middle))


def weighted(a: Series | list, b: Series | list, k: int, last: int) -> Any:
    """The sum over j = 1 to `last` of (j/k) a_j b_{k-j}: coefficient k - 1 of a' b, divided by k."""
    return total(_scaled(a[j] * b[k - j], j, k) for j in _indices(a, b, k, 1, last))


def _scaled(term: Any, j: int, k: int) -> Any:
    if j != k:
        term *= j / k
    return term


def _indices(a: Series | list, b: Series | list, k: int, first: int, last: int) -> range:
    """The j from first to last for which a_j and b_{k-j} are both there."""
    return range(max(first, k - len(b) + 1), min(last, len(a) - 1) + 1)


def solved(y_0: Any, order: int, u: Series, slope: Any, next_slope: Callable[[list, int], Any]) -> Series:
    """The series y with y' = w u' that starts with y_0.

    Args:
        y_0: its first coefficient.
        order: its last.
        u: the inner series.
        slope: w_0.
        next_slope: gives w_k from the coefficients 0 to k of y, and k.

    Coefficient k - 1 of both sides: k y_k = sum_{j=1..k} j u_j w_{k-j}, which needs w_0 to w_{k-1} alone.
    """
    y, w = [y_0], [slope]
    for k in range(1, order + 1):
        y.append(weighted(u, w, k, k))
        if k < order:
            w.append(next_slope(y, k))
    return tuple(y)


def integrated(y_0: Any, order: int, u: Series, q: Series) -> Series:
    """The series y with q y' = u' that starts with y_0.

    Coefficient k - 1 of both sides: k q_0 y_k = k u_k - sum_{j=1..k-1} j y_j q_{k-j}.
    """
    y = [y_0]
    for k in range(1, order + 1):
        found = weighted(y, q, k, k - 1)
        if found is None:
            y.append(u[k] / q[0])
        else:
            y.append((u[k] - found if k < len(u) else -found) / q[0])
    return tuple(y)


def product(a: Series, b: Series, order: int) -> Series:
    """The product of two series to `order`."""
    degree = min(order, len(a) + len(b) - 2)
    return tuple(convolution(a, b, k) for k in range(degree + 1))


def spread(coefficient: Any, shape: tuple[int, ...]) -> Any:
    """A coefficient in the shape of its node, as a view where that is larger."""
    return coefficient if anp.shape(coefficient) == shape else anp.broadcast_to(coefficient, shape)
