"""First-order optimizers: a direction from one gradient, and what they remember.

With g the gradient at theta, t = 0, 1, ... the iteration, eta = learning_rate (a float or a schedule of t):

    gradient_descent    d = -eta g
    heavy_ball          v <- momentum v + g,                d = -eta v
    nesterov            v <- momentum v + g,                d = -eta (g + momentum v)
    adam                m <- beta1 m + (1 - beta1) g        m^ = m / (1 - beta1^(t+1))
                        v <- beta2 v + (1 - beta2) g^2      v^ = v / (1 - beta2^(t+1))
                                                            d = -eta m^ / (sqrt(v^) + epsilon)
    adamw               adam, and -eta weight_decay theta added to d (decoupled from the moments)
    rmsprop             v <- decay v + (1 - decay) g^2      d = -eta g / (sqrt(v) + epsilon)
                                            epsilon_inside: d = -eta g / sqrt(v + epsilon)
    sophia              an average of gradients over one of Hessian diagonals, clipped: `refopt.sophia`

All memories start at 0 and theta_next = theta + d. Nesterov is written at its look-ahead point (Sutskever's
form), so that one point and one gradient describe an iteration.

Sources: Polyak 1964; Nesterov 1983; Kingma and Ba 2015, Algorithm 1; Loshchilov and Hutter 2019, Algorithm 2;
Tieleman and Hinton 2012.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from refopt.arrays import Array, check_fraction, check_nonnegative, check_positive, namespace
from refopt.first_order_base import CountState, Direction, FirstOrder, FirstOrderStep
from refopt.rates import Rates, optimal_rates
from refopt.schedules import Schedule, rate_at
from refopt.sophia import Sophia

__all__ = [
    "FIRST_ORDER",
    "Adam",
    "AdamW",
    "CountState",
    "Direction",
    "FirstOrder",
    "FirstOrderStep",
    "GradientDescent",
    "HeavyBall",
    "MomentsState",
    "Nesterov",
    "RMSProp",
    "Rates",
    "Sophia",
    "SquareState",
    "VelocityState",
    "optimal_rates",
]


class VelocityState(NamedTuple):
    """State of heavy ball and Nesterov."""

    iteration: int  # steps made
    velocity: Array  # v, the sum of decayed gradients, (n,)


class MomentsState(NamedTuple):
    """State of Adam and AdamW."""

    iteration: int  # steps made
    first_moment: Array  # m, not bias-corrected, (n,)
    second_moment: Array  # v, not bias-corrected, (n,)


class SquareState(NamedTuple):
    """State of RMSProp."""

    iteration: int  # steps made
    second_moment: Array  # v, the average of squared gradients, (n,)


@dataclass(frozen=True, kw_only=True)
class GradientDescent(FirstOrder):
    """d = -learning_rate g."""

    closed_form: ClassVar[str | None] = "gradient_descent"

    def direction(self, gradient: Array, theta: Array, state: CountState) -> Direction:
        """-eta g, and the next state."""
        return Direction(-rate_at(self.learning_rate, state[0]) * gradient, CountState(state[0] + 1))


@dataclass(frozen=True, kw_only=True)
class _Momentum(FirstOrder):
    """Settings and state of the two momentum methods."""

    momentum: float = 0.9
    state_kind: ClassVar[type] = VelocityState
    memory: ClassVar[str | None] = "velocity"
    memory_decay: ClassVar[str | None] = "momentum"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(check_fraction, "momentum")

    def _first_state(self, zeros: Array) -> VelocityState:
        return VelocityState(0, zeros)


@dataclass(frozen=True, kw_only=True)
class HeavyBall(_Momentum):
    """v <- momentum v + g, d = -learning_rate v (Polyak).

    Attributes:
        momentum: in [0, 1).
    """

    closed_form: ClassVar[str | None] = "heavy_ball"

    def direction(self, gradient: Array, theta: Array, state: VelocityState) -> Direction:
        """-eta v, and the next state."""
        t, v = state
        v = self.momentum * v + gradient
        return Direction(-rate_at(self.learning_rate, t) * v, VelocityState(t + 1, v))


@dataclass(frozen=True, kw_only=True)
class Nesterov(_Momentum):
    """v <- momentum v + g, d = -learning_rate (g + momentum v), at the look-ahead point.

    Attributes:
        momentum: in [0, 1).
    """

    closed_form: ClassVar[str | None] = "nesterov"

    def direction(self, gradient: Array, theta: Array, state: VelocityState) -> Direction:
        """-eta (g + momentum v), and the next state."""
        t, v = state
        v = self.momentum * v + gradient
        d = -rate_at(self.learning_rate, t) * (gradient + self.momentum * v)
        return Direction(d, VelocityState(t + 1, v))


@dataclass(frozen=True, kw_only=True)
class Adam(FirstOrder):
    """Adam (Kingma and Ba 2015, Algorithm 1), epsilon outside the root.

    Attributes:
        beta1: decay of the first moment, in [0, 1).
        beta2: decay of the second moment, in [0, 1).
        epsilon: positive.
    """

    learning_rate: float | Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    state_kind: ClassVar[type] = MomentsState
    memory: ClassVar[str | None] = "first_moment"
    memory_decay: ClassVar[str | None] = "beta1"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(check_fraction, "beta1", "beta2")
        self._settle(check_positive, "epsilon")

    def _first_state(self, zeros: Array) -> MomentsState:
        return MomentsState(0, zeros, zeros)

    def direction(self, gradient: Array, theta: Array, state: MomentsState) -> Direction:
        """-eta m^ / (sqrt(v^) + epsilon), and the next state."""
        t, m, v = int(state.iteration), state.first_moment, state.second_moment  # a power of NumPy's t widens
        m = self.beta1 * m + (1.0 - self.beta1) * gradient
        v = self.beta2 * v + (1.0 - self.beta2) * gradient**2
        m_hat = m / (1.0 - self.beta1 ** (t + 1))
        root = namespace(gradient).sqrt(v / (1.0 - self.beta2 ** (t + 1)))
        d = -rate_at(self.learning_rate, t) * m_hat / (root + self.epsilon)
        return Direction(d, MomentsState(t + 1, m, v))


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: -learning_rate weight_decay theta is added to d.

    Attributes:
        weight_decay: at least 0.
    """

    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(check_nonnegative, "weight_decay")

    def direction(self, gradient: Array, theta: Array, state: MomentsState) -> Direction:
        """Adam's direction - eta weight_decay theta, and the next state."""
        d, state_next = super().direction(gradient, theta, state)
        decay = rate_at(self.learning_rate, state.iteration) * self.weight_decay
        return Direction(d - decay * theta, state_next)


@dataclass(frozen=True, kw_only=True)
class RMSProp(FirstOrder):
    """RMSProp without momentum and without bias correction.

    Attributes:
        decay: of the average of squares, in [0, 1).
        epsilon: positive.
        epsilon_inside: whether epsilon stands under the root: sqrt(v + epsilon), not sqrt(v) + epsilon.
    """

    state_kind: ClassVar[type] = SquareState

    learning_rate: float | Schedule = 1e-2
    decay: float = 0.9
    epsilon: float = 1e-8
    epsilon_inside: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(check_fraction, "decay")
        self._settle(check_positive, "epsilon")
        if not isinstance(self.epsilon_inside, bool):
            raise TypeError(f"`epsilon_inside` is {self.epsilon_inside!r}; it must be True or False")

    def _first_state(self, zeros: Array) -> SquareState:
        return SquareState(0, zeros)

    def direction(self, gradient: Array, theta: Array, state: SquareState) -> Direction:
        """-eta g / (sqrt(v) + epsilon) or -eta g / sqrt(v + epsilon), and the next state."""
        t, v = state
        xp = namespace(gradient)
        v = self.decay * v + (1.0 - self.decay) * gradient**2
        root = xp.sqrt(v + self.epsilon) if self.epsilon_inside else xp.sqrt(v) + self.epsilon
        return Direction(-rate_at(self.learning_rate, t) * gradient / root, SquareState(t + 1, v))


FIRST_ORDER: dict[str, Any] = {
    "gradient_descent": GradientDescent,
    "heavy_ball": HeavyBall,
    "nesterov": Nesterov,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSProp,
    "sophia": Sophia,
}
"""The optimizers by the names that files and commands use."""
