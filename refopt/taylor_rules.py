"""How a power series passes each elementwise primitive, by recurrences over its coefficients.

Most rest on one remark: where y(t) = f(u(t)), the chain rule is a linear equation between y' and u', whose
factor is a series known one order behind y (`taylor_series.solved`) or throughout (`integrated`). A whole
series takes O(order^2) products. The coefficients are f^(k)/k!, so that no factorial makes them overflow
before a derivative would. What depends on the point alone is computed at the first replay and kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import autograd.numpy.numpy_wrapper as anp

from refopt.autograd_rules import sech_squared, share
from refopt.taylor_powers import power
from refopt.taylor_series import (
    Recorded,
    Series,
    convolution,
    integrated,
    solved,
    spread,
    square_coefficient,
    weighted,
)

Rule = Callable[..., Series]
"""Of the recorded primitive, the order and one series per positional argument, the series of the result."""

# ---- arithmetic ----


def _sum(sign: int, node: Recorded, order: int, x: Series, y: Series) -> Series:
    """The sum x + sign y, coefficient by coefficient."""
    shape, found = anp.shape(node.value), [node.value]
    for k in range(1, max(len(x), len(y))):
        if k >= len(y):
            found.append(spread(x[k], shape))
        elif k >= len(x):
            found.append(spread(y[k] if sign > 0 else -y[k], shape))
        else:
            found.append(x[k] + y[k] if sign > 0 else x[k] - y[k])
    return tuple(found)


def _multiply(node: Recorded, order: int, x: Series, y: Series) -> Series:
    """The product; that of an argument with itself by half of the multiplications."""
    if len(node.sources) == 2 and node.sources[0] == node.sources[1]:
        return _square(node, order, x)
    degree = min(order, len(x) + len(y) - 2)
    return (node.value, *(convolution(x, y, k) for k in range(1, degree + 1)))


def _square(node: Recorded, order: int, x: Series) -> Series:
    degree = min(order, 2 * len(x) - 2)
    return (node.value, *(square_coefficient(x, k) for k in range(1, degree + 1)))


def _divide(node: Recorded, order: int, x: Series, y: Series) -> Series:
    """The quotient z = x / y: z y = x says z_k y_0 = x_k - sum_{j=1..k} y_j z_{k-j}."""
    if len(y) == 1:
        return (node.value, *(coefficient / y[0] for coefficient in x[1:]))
    z = [node.value]
    for k in range(1, order + 1):
        # z ends at k - 1, so that the convolution holds the terms j >= 1 alone
        found = convolution(y, z, k)
        z.append((x[k] - found if k < len(x) else -found) / y[0])
    return tuple(z)


def _reciprocal(node: Recorded, order: int, x: Series) -> Series:
    return _divide(node, order, (1.0,), x)


def _multiple(factor: Callable[[Recorded], Any], node: Recorded, order: int, x: Series) -> Series:
    """A factor that depends on the point alone, times the series."""
    c = node.once("factor", lambda: factor(node))
    return (node.value, *(c * coefficient for coefficient in x[1:]))


def _negative(node: Recorded, order: int, x: Series) -> Series:
    return (node.value, *(-coefficient for coefficient in x[1:]))


def _extreme(node: Recorded, order: int, x: Series, y: Series) -> Series:
    """max(x, y) or min(x, y): the chosen side, half of each on a tie, as in autograd's rules."""
    one, other = node.args
    of_x = node.once("x", lambda: share(one, node.value, other)) if len(x) > 1 else None
    of_y = node.once("y", lambda: share(other, node.value, one)) if len(y) > 1 else None
    found = [node.value]
    for k in range(1, max(len(x), len(y))):
        if k >= len(y):
            found.append(of_x * x[k])
        elif k >= len(x):
            found.append(of_y * y[k])
        else:
            found.append(of_x * x[k] + of_y * y[k])
    return tuple(found)


# ---- solutions of y' = w u' ----


def _exponential(slope: Callable[[Recorded], Any], node: Recorded, order: int, u: Series) -> Series:
    """The functions exp and expm1: w = exp(u) has the coefficients of y from the first on."""
    return solved(node.value, order, u, node.once("slope", lambda: slope(node)), lambda y, k: y[k])


def _tangent(sign: int, slope: Callable[[Any], Any], node: Recorded, order: int, u: Series) -> Series:
    """The functions tan and tanh: w = 1 + sign y^2; w_0 is taken where it does not cancel."""
    w_0 = node.once("slope", lambda: slope(node.args[0]))
    return solved(node.value, order, u, w_0, lambda y, k: square_coefficient(y, k, sign))


def _oscillation(sign: int, slope: Callable[[Any], Any], node: Recorded, order: int, u: Series) -> Series:
    """sin, cos, sinh, cosh: w, the derivative of f at u, has itself w' = sign y u'."""
    w_0 = node.once("slope", lambda: slope(node.args[0]))

    def next_slope(y: list, k: int) -> Any:
        found = weighted(u, y, k, k)
        return found if sign > 0 else -found

    return solved(node.value, order, u, w_0, next_slope)


def _shares(a: Any, b: Any) -> tuple[Any, Any]:
    """e^a / (e^a + e^b) and e^b / (e^a + e^b), from the difference: a and b may be large."""
    gap = a - b
    small = anp.exp(-anp.abs(gap))
    large, sum_of_both = anp.ones_like(small), 1 + small
    return anp.where(gap >= 0, large, small) / sum_of_both, anp.where(gap >= 0, small, large) / sum_of_both


def _logaddexp(node: Recorded, order: int, a: Series, b: Series) -> Series:
    """For y = log(e^a + e^b), p = e^(a-y), q = e^(b-y): y' = p a' + q b' and p' = -q' = p q (a - b)'."""
    shares = node.once("shares", lambda: _shares(*node.args))
    p, q = [shares[0]], [shares[1]]
    gap = _sum(-1, node, order, a, b)  # its coefficient 0 is not read
    y, rate = [node.value], []
    for k in range(1, order + 1):
        from_a, from_b = weighted(a, p, k, k), weighted(b, q, k, k)
        y.append(from_b if from_a is None else from_a if from_b is None else from_a + from_b)
        if k < order:
            rate.append(convolution(p, q, k - 1))
            p.append(weighted(gap, rate, k, k))
            q.append(-p[k])
    return tuple(y)


# ---- solutions of q y' = u' ----


def _log(node: Recorded, order: int, u: Series) -> Series:
    return integrated(node.value, order, u, u)


def _log1p(node: Recorded, order: int, u: Series) -> Series:
    return integrated(node.value, order, u, (node.once("q", lambda: 1 + u[0]), *u[1:]))


def _arctan(node: Recorded, order: int, u: Series) -> Series:
    """Here q = 1 + u^2."""
    q_0 = node.once("q", lambda: 1 + u[0] ** 2)
    degree = min(order, 2 * len(u) - 2)
    return integrated(node.value, order, u, (q_0, *(square_coefficient(u, k) for k in range(1, degree + 1))))


def _sqrt(node: Recorded, order: int, u: Series) -> Series:
    """y^2 = u says 2 y_0 y_k = u_k - sum_{j=1..k-1} y_j y_{k-j}."""
    twice, y = node.once("twice", lambda: 2 * node.value), [node.value]
    for k in range(1, order + 1):
        rest = square_coefficient(y[1:], k - 2) if k > 1 else None
        if rest is None:
            y.append(u[k] / twice)
        else:
            y.append((u[k] - rest if k < len(u) else -rest) / twice)
    return tuple(y)


# ---- the table ----


def _argument(node: Recorded) -> Any:
    return anp.exp(node.args[0])


ELEMENTWISE: dict[Any, Rule] = {
    anp.add: partial(_sum, 1),
    anp.subtract: partial(_sum, -1),
    anp.multiply: _multiply,
    anp.divide: _divide,
    anp.true_divide: _divide,
    anp.reciprocal: _reciprocal,
    anp.negative: _negative,
    anp.power: power,
    anp.square: _square,
    anp.sqrt: _sqrt,
    anp.abs: partial(_multiple, lambda node: anp.sign(node.args[0])),
    anp.fabs: partial(_multiple, lambda node: anp.sign(node.args[0])),
    anp.maximum: _extreme,
    anp.minimum: _extreme,
    anp.exp: partial(_exponential, lambda node: node.value),
    anp.expm1: partial(_exponential, _argument),
    anp.log: _log,
    anp.log1p: _log1p,
    anp.logaddexp: _logaddexp,
    anp.tanh: partial(_tangent, -1, sech_squared),
    anp.tan: partial(_tangent, 1, lambda x: 1.0 / anp.cos(x) ** 2),
    anp.sin: partial(_oscillation, -1, anp.cos),
    anp.cos: partial(_oscillation, -1, lambda x: -anp.sin(x)),
    anp.sinh: partial(_oscillation, 1, anp.cosh),
    anp.cosh: partial(_oscillation, 1, anp.sinh),
    anp.arctan: _arctan,
}
"""Elementwise primitives; a rule is called where at least one argument is no constant."""
