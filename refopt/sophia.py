"""Sophia: an average of gradients, divided by an average of Hessian diagonals, clipped element by element.

Liu, Li, Hall, Liang and Ma, "Sophia: A Scalable Stochastic Second-order Optimizer for Language Model
Pre-training", ICLR 2024, Algorithm 3. With t = 0, 1, ... the iteration, eta = learning_rate, k =
refresh_every:

     6:  m <- beta1 m + (1 - beta1) g
     7:  if t mod k = 0:
     8:      h^ <- an estimate of the Hessian's diagonal at theta                 (diagonal_estimate)
     9:      h <- beta2 h + (1 - beta2) h^                                        (hessian_diagonal)
    12:  theta <- theta - eta weight_decay theta
    13:  theta <- theta - eta clip(m / max(rho h, epsilon), -1, 1)                (ratio, clipped)

Both memories start at 0, without bias correction. Where h is not positive the ratio is m / epsilon, so that
the element makes a step of eta against the sign of m.

Differs from the paper:

1. t counts from 0, so that line 7 holds in the first step; the paper's t mod k = 1 with t from 1 is the same.
2. rho is the paper's gamma; the published code calls it rho.
3. Lines 12 and 13 are added to one direction: d = -eta clip(...) - eta weight_decay theta, the same sum.
4. An estimate that is not finite is not taken over: the last h is kept and the step says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from refopt.arrays import (
    Array,
    all_finite,
    check_count,
    check_fraction,
    check_nonnegative,
    check_positive,
    check_state,
    dtype_name,
    namespace,
)
from refopt.first_order_base import Direction, FirstOrder
from refopt.hessian_diagonal import diagonal_of, exact_diagonal
from refopt.schedules import rate_at

__all__ = ["Sophia", "SophiaState", "SophiaStep"]


class SophiaState(NamedTuple):
    """What Sophia remembers between two steps."""

    iteration: int  # t, steps made
    first_moment: Array  # m, not bias-corrected, (n,)
    hessian_diagonal: Array  # h, not bias-corrected, (n,)


class SophiaStep(NamedTuple):
    """One iteration of Sophia, in computing order."""

    theta: Array  # the point, (n,)
    value: Array  # f(theta), a scalar
    gradient: Array  # g, (n,)
    refresh: str  # "none", "refreshed", or "kept: " and why the last h was kept
    diagonal_estimate: Array  # h^, (n,); 0 in a step without an estimate
    hessian_diagonal: Array  # h, (n,)
    first_moment: Array  # m, (n,)
    ratio: Array  # m / max(rho h, epsilon), (n,)
    clipped: Array  # where |ratio| > 1, (n,) bool
    direction: Array  # -eta clip(ratio) - eta weight_decay theta, (n,)
    theta_next: Array  # theta + d, (n,)
    state: SophiaState


@dataclass(frozen=True, kw_only=True)
class Sophia(FirstOrder):
    """Sophia; as the base of another method it is handed its estimates by `with_diagonal`.

    Attributes:
        beta1: decay of the average of gradients, in [0, 1).
        beta2: decay of the average of diagonals, in [0, 1).
        rho: the paper's gamma, positive: the smaller, the more elements are clipped (paper: 0.01 and 0.05).
        epsilon: floor of rho h, positive.
        refresh_every: k, steps between two estimates, at least 1.
        weight_decay: at least 0.
    """

    beta1: float = 0.96
    beta2: float = 0.99
    rho: float = 0.04
    epsilon: float = 1e-12
    refresh_every: int = 10
    weight_decay: float = 0.0
    state_kind: ClassVar[type] = SophiaState
    memory: ClassVar[str | None] = "first_moment"
    memory_decay: ClassVar[str | None] = "beta1"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(check_fraction, "beta1", "beta2")
        self._settle(check_positive, "rho", "epsilon")
        self._settle(check_nonnegative, "weight_decay")
        check_count("refresh_every", self.refresh_every, 1)

    def _first_state(self, zeros: Array) -> SophiaState:
        xp = namespace(zeros)
        kind = xp.finfo(zeros.dtype)
        if not float(kind.smallest_normal) <= self.epsilon <= float(kind.max):
            raise ValueError(
                f"`epsilon` is {self.epsilon!r}; it must be a normal number of {dtype_name(zeros)}, the "
                "dtype of theta"
            )
        return SophiaState(0, zeros, zeros)

    def refreshes_at(self, iteration: int) -> bool:
        """Whether the step at t = `iteration` takes in an estimate of the diagonal (line 7)."""
        return iteration % self.refresh_every == 0

    def with_diagonal(self, state: SophiaState, estimate: Array) -> SophiaState:
        """The state that takes in an estimate h^ (n,) of the diagonal (line 9).

        Raises:
            ArithmeticError: when the estimate is not finite.
        """
        if not all_finite(estimate):
            raise ArithmeticError("an element of the estimated diagonal is not finite")
        h = self.beta2 * state.hessian_diagonal + (1.0 - self.beta2) * estimate
        return state._replace(hessian_diagonal=h)

    def direction(self, gradient: Array, theta: Array, state: SophiaState) -> Direction:
        """-eta clip(m / max(rho h, epsilon)) - eta weight_decay theta, and the next state."""
        m = self._moment(gradient, state)
        d = self._clipped(self._ratio(m, state.hessian_diagonal), theta, state.iteration)
        return Direction(d, SophiaState(state.iteration + 1, m, state.hessian_diagonal))

    def step(  # type: ignore[override]  # a step of its own, as every method has
        self, f: Any, theta: Array, state: SophiaState, *, curvature: Any = None
    ) -> SophiaStep:
        """One iteration of Algorithm 3; pure.

        Args:
            f: derivatives of the objective, or of this iteration's batch.
            theta: the point, (n,).
            state: from `init` or the last step.
            curvature: an estimator of `refopt.hessian_diagonal` (or any object with `diagonal`), or
                derivatives, whose exact diagonal is used; None is f.

        Raises:
            TypeError: when the state is not Sophia's.
        """
        check_state(state, SophiaState)
        xp, refresh, estimate = namespace(theta), "none", None
        if not self.refreshes_at(state.iteration):  # line 7
            value, g = f.value_and_gradient(theta)
        elif curvature is None:
            value, g, hvp = f.linearize(theta)
            estimate = exact_diagonal(hvp, theta)  # line 8
        else:
            value, g = f.value_and_gradient(theta)
            estimate = diagonal_of(curvature, theta)  # line 8
        if estimate is not None:
            try:
                state, refresh = self.with_diagonal(state, estimate), "refreshed"  # line 9
            except ArithmeticError as error:
                refresh = f"kept: {error}"
        h, m = state.hessian_diagonal, self._moment(g, state)  # line 6
        ratio = self._ratio(m, h)
        d = self._clipped(ratio, theta, state.iteration)  # lines 12, 13
        estimate = xp.zeros_like(theta) if estimate is None else estimate
        found = (refresh, estimate, h, m, ratio, xp.abs(ratio) > 1.0, d, theta + d)
        return SophiaStep(theta, value, g, *found, SophiaState(state.iteration + 1, m, h))

    def _moment(self, gradient: Array, state: SophiaState) -> Array:
        """Line 6."""
        return self.beta1 * state.first_moment + (1.0 - self.beta1) * gradient

    def _ratio(self, m: Array, h: Array) -> Array:
        """The quotient m / max(rho h, epsilon)."""
        xp = namespace(m)
        return m / xp.maximum(self.rho * h, xp.full_like(h, self.epsilon))

    def _clipped(self, ratio: Array, theta: Array, iteration: int) -> Array:
        """The direction of lines 12 and 13."""
        xp, rate = namespace(theta), rate_at(self.learning_rate, iteration)
        one = xp.ones_like(ratio)
        d = -rate * xp.minimum(xp.maximum(ratio, -one), one)
        return d if self.weight_decay == 0.0 else d - (rate * self.weight_decay) * theta
