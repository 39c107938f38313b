"""How a power series passes each elementwise primitive, by recurrences over its coefficients.

Most rest on one remark. When y(t) = f(u(t)) and f' can be written as a series w(t) that is known one order
behind y, then y' = w u' says, coefficient k - 1 compared on both sides,

    k y_k = sum_{j=1..k} j u_j w_{k-j},

which needs w_0, ..., w_{k-1} alone. In the same way q y' = u', for a known series q, says

    k q_0 y_k = k u_k - sum_{j=1..k-1} j y_j q_{k-j}.

Both take O(order^2) products for a whole series. The coefficients are f^(k)/k!, so that no factorial makes
them overflow before a derivative would.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import autograd.numpy.numpy_wrapper as anp

from refopt.autograd_rules import log_of_base, sech_squared, share
from refopt.taylor_series import Recorded, Series, convolution, product, spread, square_coefficient, weighted

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


def _solved(
    node: Recorded, order: int, u: Series, slope: Any, next_slope: Callable[[list, int], Any]
) -> Series:
    """The series y with y' = w u' from w_0 = `slope` and w_k = `next_slope`(y up to k, k)."""
    y, w = [node.value], [slope]
    for k in range(1, order + 1):
        y.append(weighted(u, w, k, k))
        if k < order:
            w.append(next_slope(y, k))
    return tuple(y)


def _exponential(slope: Callable[[Recorded], Any], node: Recorded, order: int, u: Series) -> Series:
    """The functions exp and expm1: w = exp(u) has the coefficients of y from the first on."""
    return _solved(node, order, u, node.once("slope", lambda: slope(node)), lambda y, k: y[k])


def _tangent(sign: int, slope: Callable[[Any], Any], node: Recorded, order: int, u: Series) -> Series:
    """The functions tan and tanh: w = 1 + sign y^2; w_0 is taken where it does not cancel."""
    w_0 = node.once("slope", lambda: slope(node.args[0]))
    return _solved(node, order, u, w_0, lambda y, k: square_coefficient(y, k, sign))


def _oscillation(sign: int, slope: Callable[[Any], Any], node: Recorded, order: int, u: Series) -> Series:
    """sin, cos, sinh, cosh: w, the derivative of f at u, has itself w' = sign y u'."""
    w_0 = node.once("slope", lambda: slope(node.args[0]))

    def next_slope(y: list, k: int) -> Any:
        found = weighted(u, y, k, k)
        return found if sign > 0 else -found

    return _solved(node, order, u, w_0, next_slope)


def _logaddexp(node: Recorded, order: int, a: Series, b: Series) -> Series:
    """For y = log(e^a + e^b), p = e^(a-y), q = e^(b-y): y' = p a' + q b' and p' = -q' = p q (a - b)'."""
    p = [node.once("p", lambda: anp.exp(node.args[0] - node.value))]
    q = [node.once("q", lambda: anp.exp(node.args[1] - node.value))]
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


def _integrated(y_0: Any, order: int, u: Series, q: Series) -> Series:
    """The series y with q y' = u' that starts with y_0."""
    y = [y_0]
    for k in range(1, order + 1):
        found = weighted(y, q, k, k - 1)
        if found is None:
            y.append(u[k] / q[0])
        else:
            y.append((u[k] - found if k < len(u) else -found) / q[0])
    return tuple(y)


def _log(node: Recorded, order: int, u: Series) -> Series:
    return _integrated(node.value, order, u, u)


def _log1p(node: Recorded, order: int, u: Series) -> Series:
    return _integrated(node.value, order, u, (node.once("q", lambda: 1 + u[0]), *u[1:]))


def _arctan(node: Recorded, order: int, u: Series) -> Series:
    """Here q = 1 + u^2."""
    q_0 = node.once("q", lambda: 1 + u[0] ** 2)
    degree = min(order, 2 * len(u) - 2)
    return _integrated(node.value, order, u, (q_0, *(square_coefficient(u, k) for k in range(1, degree + 1))))


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


# ---- powers ----


def _power(node: Recorded, order: int, x: Series, y: Series) -> Series:
    """x^y: by its own Taylor polynomial in x where y is constant, else as exp(y log x)."""
    if len(y) == 1:
        local = node.once(("local", order), lambda: _local_power(x[0], y[0], order))
        return (node.value, *_composed(local, x, order))
    if len(x) == 1:
        exponent: Series = tuple(node.once("log", lambda: log_of_base(x[0])) * c for c in y)
    else:
        log = _integrated(node.once("log", lambda: anp.log(x[0])), order, x, x)
        exponent = product(y, log, order)
    return _solved(node, order, exponent, node.value, lambda z, k: z[k])


def _local_power(x: Any, exponent: Any, order: int) -> list[Any]:
    """The coefficients binomial(e, m) x^(e-m) of (x + d)^e, from m = 1 on; a factor one as None.

    That form, unlike a recurrence that divides by x, is right at x = 0 as well.
    """
    if not isinstance(exponent, (int, float)):
        return _local_powers(x, exponent, order)
    factor: Any = 1.0
    found: list[Any] = []
    for m in range(1, order + 1):
        if exponent == m - 1:  # a polynomial ends here
            break
        factor = factor * (exponent - m + 1) / m
        found.append(None if exponent == m else factor * x ** (exponent - m))
    return found


def _local_powers(x: Any, exponents: Any, order: int) -> list[Any]:
    """As `_local_power`, for an array of exponents: past the end of a polynomial the factor is zero."""
    factor: Any = 1.0
    found = []
    for m in range(1, order + 1):
        factor = factor * exponents / m
        exponents = anp.where(exponents, exponents - 1, 1.0)
        found.append(factor * x**exponents)
    return found


def _composed(local: list[Any], u: Series, order: int) -> list[Any]:
    """Coefficients 1 to order of sum_m local_m d^m, d = u - u_0, by the powers of d; order^3/6 products."""
    power = list(u[1:])  # of d^m, from coefficient m on
    found: list[Any] = []
    for m, factor in enumerate(local, start=1):
        if m > 1:
            last = min(order, m * (len(u) - 1))
            tail = power
            power = [
                square_coefficient(u[1:], k - 2) if m == 2 else convolution(u[1:], tail, k - m)
                for k in range(m, last + 1)
            ]
        for k, coefficient in enumerate(power, start=m):
            term = coefficient if factor is None else factor * coefficient
            if k > len(found):
                found.append(term)
            else:
                found[k - 1] = found[k - 1] + term
    return found


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
    anp.power: _power,
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
