"""How a power series passes x^y."""

from __future__ import annotations

from typing import Any

import autograd.numpy.numpy_wrapper as anp

from refopt.autograd_rules import log_of_base
from refopt.taylor_series import (
    Recorded,
    Series,
    convolution,
    integrated,
    product,
    solved,
    square_coefficient,
)


def power(node: Recorded, order: int, x: Series, y: Series) -> Series:
    """x^y: by its own Taylor polynomial in x where y is constant, else as exp(y log x)."""
    if len(y) == 1:
        local = node.once(("local", order), lambda: _local_power(x[0], y[0], order))
        return (node.value, *_composed(local, x, order))
    if len(x) == 1:
        exponent: Series = tuple(node.once("log", lambda: log_of_base(x[0])) * c for c in y)
    else:
        log = integrated(node.once("log", lambda: anp.log(x[0])), order, x, x)
        exponent = product(y, log, order)
    return solved(node.value, order, exponent, node.value, lambda z, k: z[k])


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
