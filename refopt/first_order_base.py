"""What the first-order optimizers share: the learning rate, the state, the step around a direction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from refopt.arrays import Array, check_positive, check_state, check_vector, namespace
from refopt.rates import optimal_rates
from refopt.schedules import Schedule, check_rate


class Direction(NamedTuple):
    """What an optimizer answers to a gradient: the change of theta, (n,), and its next state."""

    direction: Array
    state: Any


class FirstOrderStep(NamedTuple):
    """One iteration of a first-order optimizer, in computing order."""

    theta: Array  # the point, (n,)
    value: Array  # f(theta), a scalar
    gradient: Array  # g, (n,)
    direction: Array  # d, (n,)
    theta_next: Array  # theta + d, (n,)
    state: Any  # the optimizer's next state


class CountState(NamedTuple):
    """State of an optimizer that remembers nothing."""

    iteration: int  # steps made


@dataclass(frozen=True, kw_only=True)
class FirstOrder:
    """What the first-order optimizers share.

    Attributes:
        learning_rate: eta, a positive number or a schedule of the iteration.
        memory: name of the state field that is a linear combination of past gradients, or None; FOSI divides
            this memory anew when its subspace changes.
        memory_decay: name of the setting by which that memory decays, or None.
        closed_form: name under which `optimal_rates` knows the optimizer, or None.
        state_kind: class of its states.
    """

    learning_rate: float | Schedule
    memory: ClassVar[str | None] = None
    memory_decay: ClassVar[str | None] = None
    closed_form: ClassVar[str | None] = None
    state_kind: ClassVar[type] = CountState

    def __post_init__(self) -> None:
        check_rate("learning_rate", self.learning_rate)
        if not callable(self.learning_rate):
            self._settle(check_positive, "learning_rate")

    def _settle(self, check: Callable[[str, Any], None], *names: str) -> None:
        """Check settings and make them Python floats, which never widen a float32 array."""
        for name in names:
            check(name, getattr(self, name))
            object.__setattr__(self, name, float(getattr(self, name)))

    @classmethod
    def optimal(cls, largest_eigenvalue: float, smallest_eigenvalue: float) -> Any:
        """The optimizer with its closed-form rates on quadratics whose spectrum lies between two values.

        Args:
            largest_eigenvalue: L, positive.
            smallest_eigenvalue: m, positive, at most L.

        Raises:
            TypeError: when an eigenvalue is no real number.
            ValueError: when an eigenvalue is out of range, or no closed form is known for this optimizer.
        """
        if cls.closed_form is None:
            raise ValueError(f"{cls.__name__} has no closed-form rates on quadratics")
        check_positive("smallest_eigenvalue", smallest_eigenvalue)
        rates = optimal_rates(cls.closed_form, largest_eigenvalue, smallest_eigenvalue)
        if rates.momentum >= 1.0 or not 0.0 < rates.learning_rate < math.inf:
            raise ValueError(
                f"`largest_eigenvalue` is {largest_eigenvalue!r} and `smallest_eigenvalue` is "
                f"{smallest_eigenvalue!r}; they must be closer together or to 1: the rates in float64 are "
                f"learning_rate={rates.learning_rate!r}, momentum={rates.momentum!r}"
            )
        momentum = {} if cls.memory is None else {"momentum": rates.momentum}
        return cls(learning_rate=rates.learning_rate, **momentum)

    def init(self, theta: Array) -> Any:
        """The state before the first step: iteration 0, and memories 0 of the kind of `theta` (n,).

        Raises:
            TypeError: when `theta` is no float32 or float64 array.
            ValueError: when it is no vector or not finite.
        """
        check_vector("theta", theta)
        return self._first_state(namespace(theta).zeros_like(theta))

    def _first_state(self, zeros: Array) -> Any:
        return CountState(0)

    def direction(self, gradient: Array, theta: Array, state: Any) -> Direction:
        """The direction d (n,) for a gradient (n,) at `theta` (n,), and the next state; pure."""
        raise NotImplementedError

    def step(self, f: Any, theta: Array, state: Any) -> FirstOrderStep:
        """One iteration at `theta` (n,) on the derivatives `f`; pure.

        Raises:
            TypeError: when the state is not this optimizer's.
        """
        check_state(state, self.state_kind)
        value, gradient = f.value_and_gradient(theta)
        direction, state_next = self.direction(gradient, theta, state)
        return FirstOrderStep(theta, value, gradient, direction, theta + direction, state_next)
