"""The mean of several objectives, such as the minibatches of a data set, with all its derivatives.

With f_b the mean loss over minibatch b of N_b samples, the mean over all samples is sum_b (N_b / N) f_b: an
uneven last batch counts by its size. Every derivative is the same combination, since derivatives are linear;
the batches are worked on one after the other, so that memory does not grow with their number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from refopt.arrays import Array, check_positive
from refopt.derivative_engines import Engine, Linearization
from refopt.groups import Groups
from refopt.summary import Summary


class AveragedEngine:
    """The derivatives of sum_b w_b f_b with w_b = size_b / sum of sizes, from those of the f_b."""

    def __init__(self, engines: Sequence[Engine], sizes: Sequence[float]) -> None:
        if not engines:
            raise ValueError("`parts` is empty; it must have at least one objective")
        if len(sizes) != len(engines):
            raise ValueError(
                f"`sizes` has {len(sizes)} entries; it must have {len(engines)}, one for each part"
            )
        for b, size in enumerate(sizes):
            check_positive(f"sizes[{b}]", size)
        total = math.fsum(sizes)
        self._parts = [(size / total, engine) for size, engine in zip(sizes, engines, strict=True)]

    def _sum(self, found: Callable[[Any], Any]) -> Any:
        """The weighted sum of what `found` gives for each part."""
        weight, first = self._parts[0]
        result = weight * found(first)
        for weight, engine in self._parts[1:]:
            result = result + weight * found(engine)
        return result

    def _sums(self, found: Callable[[Any], Sequence[Any]]) -> list[Any]:
        """As `_sum`, for several quantities at once."""
        weight, first = self._parts[0]
        result = [weight * x for x in found(first)]
        for weight, engine in self._parts[1:]:
            result = [r + weight * x for r, x in zip(result, found(engine), strict=True)]
        return result

    def objective(self, theta: Array) -> Array:
        """The mean objective, which can be traced where every part can."""
        return self._sum(lambda engine: engine.objective(theta))

    def value(self, theta: Array) -> Array:
        """The mean value."""
        return self._sum(lambda engine: engine.value(theta))

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """The mean value and gradient."""
        value, gradient = self._sums(lambda engine: engine.value_and_gradient(theta))
        return value, gradient

    def linearize(self, theta: Array) -> Linearization:
        """The mean value, gradient and products; here the traces of all parts are kept."""
        points = [(weight, engine.linearize(theta)) for weight, engine in self._parts]

        def mean(found: Callable[[Linearization], Any]) -> Any:
            weight, first = points[0]
            result = weight * found(first)
            for weight, at in points[1:]:
                result = result + weight * found(at)
            return result

        value, gradient = mean(lambda at: at.value), mean(lambda at: at.gradient)
        return Linearization(value, gradient, lambda vector: mean(lambda at: at.hvp(vector)))

    def along(self, theta: Array, direction: Array, order: int) -> list[Array]:
        """The mean derivatives along the direction."""
        return self._sums(lambda engine: engine.along(theta, direction, order))

    def mixed(self, theta: Array, directions: Sequence[Array]) -> Array:
        """The mean mixed derivative."""
        return self._sum(lambda engine: engine.mixed(theta, directions))

    def summary(self, theta: Array, direction: Array, groups: Groups, interactions: bool) -> Summary:
        """The mean summary."""
        return Summary(*self._sums(lambda engine: engine.summary(theta, direction, groups, interactions)))
