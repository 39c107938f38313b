"""Learning-rate schedules: a schedule is a callable that maps the iteration (0, 1, ...) to a learning rate.

A constant rate is a plain float. The schedules here are frozen dataclasses, so that settings can be compared,
printed and stored; any other callable from int to float serves as well.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass

from refopt.arrays import check_count, check_fraction, check_nonnegative, check_positive

Schedule = Callable[[int], float]


def check_rate(name: str, rate: float | Schedule) -> None:
    """Require a positive finite number or a schedule.

    Raises:
        TypeError: when it is neither a real number nor callable.
        ValueError: when the number is not positive and finite.
    """
    if not callable(rate):
        check_positive(name, rate)


def rate_at(rate: float | Schedule, iteration: int) -> float:
    """The learning rate of one iteration, as a Python float (which never changes an array's dtype).

    Raises:
        ValueError: when a schedule answers a negative or non-finite rate.
    """
    if not callable(rate):
        return rate
    value = float(rate(iteration))
    if not 0.0 <= value < math.inf:
        raise ValueError(
            f"`learning_rate` is {value!r} at iteration {iteration}; "
            "a schedule must answer a finite number of at least 0"
        )
    return value


@dataclass(frozen=True, kw_only=True)
class Exponential:
    """initial * decay^(iteration / every): smooth exponential decay.

    Attributes:
        initial: rate at iteration 0, positive.
        decay: factor per `every` iterations, positive.
        every: iterations that one factor takes, at least 1.
    """

    initial: float
    decay: float
    every: int = 1

    def __post_init__(self) -> None:
        check_positive("initial", self.initial)
        check_positive("decay", self.decay)
        check_count("every", self.every, 1)

    def __call__(self, iteration: int) -> float:
        """The rate of `iteration`; infinite where a growing one leaves the range of a float."""
        try:
            return float(self.initial * float(self.decay) ** float(iteration / self.every))
        except OverflowError:
            return math.inf


@dataclass(frozen=True, kw_only=True)
class Cosine:
    """Half a cosine from `initial` at iteration 0 to `final` at iteration `steps`, then `final`.

    Attributes:
        initial: rate at iteration 0, positive.
        steps: iterations of the descent, at least 1.
        final: rate from iteration `steps` on, at least 0.
    """

    initial: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        check_positive("initial", self.initial)
        check_count("steps", self.steps, 1)
        check_nonnegative("final", self.final)

    def __call__(self, iteration: int) -> float:
        """The rate of `iteration`."""
        part = min(iteration / self.steps, 1.0)
        return float(self.final + (self.initial - self.final) * (1.0 + math.cos(math.pi * part)) / 2.0)


@dataclass(frozen=True, kw_only=True)
class Piecewise:
    """Steps: rates[0] before boundaries[0], rates[i] from boundaries[i-1] on.

    Attributes:
        rates: one rate more than there are boundaries, each at least 0.
        boundaries: the iterations at which the next rate starts, strictly increasing, each at least 1.
    """

    rates: tuple[float, ...]
    boundaries: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", tuple(self.rates))
        object.__setattr__(self, "boundaries", tuple(self.boundaries))
        for rate in self.rates:
            check_nonnegative("rates", rate)
        for boundary in self.boundaries:
            check_count("boundaries", boundary, 1)
        if len(self.rates) != len(self.boundaries) + 1:
            raise ValueError(
                f"`rates` has {len(self.rates)} entries for {len(self.boundaries)} boundaries; "
                "it must have one entry more than `boundaries`"
            )
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"`boundaries` is {self.boundaries}; its entries must increase strictly")

    def __call__(self, iteration: int) -> float:
        """The rate of `iteration`."""
        return float(self.rates[bisect.bisect_right(self.boundaries, iteration)])


@dataclass(frozen=True, kw_only=True)
class LinearWarmup:
    """A straight line from start * peak to the peak over `steps` iterations, then `after`.

    The peak is `after` itself, or its first rate where `after` is a schedule, which counts from the end of
    the warm-up. (FOSI's setting `warmup` is another thing: it postpones the first spectrum.)

    Attributes:
        after: a rate or a schedule.
        steps: iterations of the warm-up, at least 1.
        start: fraction of the peak at iteration 0, in [0, 1).
    """

    after: float | Schedule
    steps: int
    start: float = 0.0

    def __post_init__(self) -> None:
        check_rate("after", self.after)
        check_count("steps", self.steps, 1)
        check_fraction("start", self.start)

    def __call__(self, iteration: int) -> float:
        """The rate of `iteration`."""
        if iteration >= self.steps:
            return float(rate_at(self.after, iteration - self.steps))
        peak = rate_at(self.after, 0)
        return float(peak * (self.start + (1.0 - self.start) * iteration / self.steps))


SCHEDULES: dict[str, type] = {
    "exponential": Exponential,
    "cosine": Cosine,
    "piecewise": Piecewise,
    "linear_warmup": LinearWarmup,
}
"""The schedules by the names that files and commands use."""
