"""The plateau schedule of Algorithm 4: reduce the step size when the loss no longer falls.

The rule is that of torch's ReduceLROnPlateau, mode "min" with a relative threshold, which the grouped-Newton
paper names (Appendix G). At every call, with the loss L:

    if L < (1 - threshold) best:  best <- L, bad <- 0       otherwise  bad <- bad + 1
    if bad > patience:            rate <- factor rate, bad <- 0

A reduction by at most 1e-8 is not made (bad still becomes 0), as there. So is this: where best < 0, a loss a
little above it counts as better, because (1 - threshold) best lies above best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from refopt.arrays import check_count, check_fraction, check_positive

SMALLEST_REDUCTION = 1e-8  # torch's `eps`


class PlateauState(NamedTuple):
    """What the schedule remembers."""

    best: float  # smallest loss that counted as better; infinity before the first call
    bad: int  # calls since then, or since the last reduction
    factor: float  # product of the reductions made, 1 at the start


def plateau_start() -> PlateauState:
    """The state before the first call."""
    return PlateauState(math.inf, 0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """Multiplies the step size by `factor` after more than `patience` calls without a better loss.

    Attributes:
        every: tau_sch, steps between two calls, at least 1; the first call is after step number `every`. The
            paper takes the steps of an epoch.
        patience: p_sch, calls without a better loss that are borne, at least 0 (5 in the paper).
        factor: f_sch, multiplies the step size, in (0, 1), 0.5 in the paper.
        threshold: a loss is better when it is below (1 - threshold) times the best one, in [0, 1).
    """

    every: int
    patience: int = 5
    factor: float = 0.5
    threshold: float = 1e-4

    def __post_init__(self) -> None:
        check_count("every", self.every, 1)
        check_count("patience", self.patience, 0)
        check_positive("factor", self.factor)
        for name in ("factor", "threshold"):
            check_fraction(name, getattr(self, name))
            object.__setattr__(self, name, float(getattr(self, name)))

    def due(self, iteration: int) -> bool:
        """Whether the schedule is called after the step at t = `iteration`, counted from 0."""
        return (iteration + 1) % self.every == 0

    def called(self, state: PlateauState, loss: float, rate: float) -> PlateauState:
        """The state after a call; pure.

        Args:
            state: before the call.
            loss: of the step that was just made; NaN counts as not better.
            rate: the step size of that step, `state.factor` included.
        """
        better = loss < (1.0 - self.threshold) * state.best
        best, bad = (loss, 0) if better else (state.best, state.bad + 1)
        if bad <= self.patience:
            return PlateauState(best, bad, state.factor)
        reduces = rate - self.factor * rate > SMALLEST_REDUCTION
        return PlateauState(best, 0, self.factor * state.factor if reduces else state.factor)
