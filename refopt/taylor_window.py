"""A direction that is zero outside a stretch of theta: elementwise work on the stretch alone.

The sum of squares of a weight decay is such work; done on the whole vector for every group, it would cost
each group as much as the largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import autograd.numpy.numpy_wrapper as anp

from refopt.taylor_rules import ELEMENTWISE
from refopt.taylor_series import Recorded, Series


class Window(NamedTuple):
    """A series of vectors whose coefficients from the first on are zero outside [start, stop).

    Attributes:
        start, stop: the stretch.
        whole: coefficient 0, the whole vector.
        series: all coefficients on the stretch.
    """

    start: int
    stop: int
    whole: Any
    series: Series

    def expanded(self) -> Series:
        """The whole vectors."""
        return (self.whole, *(self._placed(coefficient) for coefficient in self.series[1:]))

    def _placed(self, coefficient: Any) -> Any:
        found = anp.zeros_like(self.whole)
        found[self.start : self.stop] = coefficient
        return found


def is_constant(given: Window | Series) -> bool:
    """Whether a step's series or window is its value alone."""
    return not isinstance(given, Window) and len(given) == 1


def windowed(node: Recorded, order: int, sources: Sequence[Any]) -> Window | Series | None:
    """The result of a step on the stretch alone; None where it takes the whole vectors.

    Args:
        node: the step; an elementwise primitive and the sum of all elements have a result.
        order: the highest coefficient.
        sources: for each traced argument a window or a series, at least one of them no constant.
    """
    if not all(isinstance(source, Window) or is_constant(source) for source in sources):
        return None
    start, stop, whole, series = next(source for source in sources if isinstance(source, Window))
    if node.fun is anp.sum and anp.shape(node.value) == () and not node.kwargs.keys() - {"axis"}:
        return (node.value, *(anp.sum(coefficient) for coefficient in series[1:]))
    if node.fun not in ELEMENTWISE or node.kwargs or anp.shape(node.value) != anp.shape(whole):
        return None
    cut = node.within(start, stop)
    given = [
        source.series if isinstance(source, Window) else (cut.args[argnum],)
        for argnum, source in zip(node.argnums, sources, strict=True)
    ]
    return Window(start, stop, node.value, ELEMENTWISE[node.fun](cut, order, *cut.operands(given)))
