"""First-order optimizers in pieces (formulas in `refopt.first_order`)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from refopt.conformance.adapter import Adapter
from refopt.first_order import FIRST_ORDER
from refopt.rates import optimal_rates
from refopt.schedules import SCHEDULES, rate_at

State = dict[str, Any]
NEAR = 1e-2  # of a point's largest entry: far beyond what tells a mistake's run from another


def made(optimizer: str, settings: Mapping[str, Any]) -> Any:
    """Return the settings of an optimizer as attributes, with defaults, the schedule made."""
    values = dict(settings)
    rate = values.get("learning_rate")
    if isinstance(rate, Mapping):
        rest = {key: value for key, value in rate.items() if key != "schedule"}
        values["learning_rate"] = SCHEDULES[rate["schedule"]](**rest)
    return FIRST_ORDER[optimizer](**values)


class LeftPathError(ArithmeticError):
    """A run has left the path that it was to be compared with."""


class FirstOrderPieces(Adapter):
    """The operations on first-order optimizers; `s` are the settings, `state` maps the state's fields."""

    def base_step(self, optimizer, settings, theta, gradient, state):
        """One step from a given state."""
        s = made(optimizer, settings)
        before = {**fresh(s, theta), **state}
        d, after = self.moved(optimizer, s, gradient, theta, before)
        return {"direction": d, "theta_next": theta + d, "state": after}

    def base_directions(self, optimizer, settings, thetas, gradients):
        """Directions along given points."""
        s = made(optimizer, settings)
        state, directions = fresh(s, thetas[0]), []
        for theta, gradient in zip(thetas, gradients, strict=True):
            d, state = self.moved(optimizer, s, gradient, theta, state)
            directions.append(d)
        return {"directions": np.stack(directions)}

    def base_run(self, problem, optimizer, settings, theta, steps):
        """A free run."""
        s = made(optimizer, settings)
        state, thetas = fresh(s, theta), [theta]
        for _ in range(steps):
            d, state = self.moved(optimizer, s, problem.gradient(thetas[-1]), thetas[-1], state)
            thetas.append(self.passes(len(thetas), thetas[-1] + d))
        return {"thetas": np.stack(thetas), "values": np.array([problem.value(x) for x in thetas])}

    def optimal_rates(self, optimizer, largest_eigenvalue, smallest_eigenvalue):
        """Closed forms."""
        return optimal_rates(optimizer, largest_eigenvalue, smallest_eigenvalue)._asdict()

    path: Any = None

    def passes(self, t: int, theta: Any) -> Any:
        """Return the point of iteration t as it is.

        Raises:
            LeftPathError: it is far from that of `path`, where there is one; the rest need not be computed.
        """
        if self.path is not None and t < len(self.path):
            there = self.path[t]
            if np.max(np.abs(theta - there)) > NEAR * np.max(np.abs(there)):
                raise LeftPathError(f"the run leaves its path in iteration {t}.")
        return theta

    def moved(self, optimizer: str, s: Any, g: Any, theta: Any, state: State) -> tuple[Any, State]:
        """The direction and the next state."""
        t = state["iteration"]
        d, memory = getattr(self, f"by_{optimizer}")(s, self.rate(s, t), g, theta, state)
        return d, {**state, **memory, "iteration": t + 1}

    def rate(self, s, t):
        """The learning rate of an iteration."""
        return rate_at(s.learning_rate, t)

    def by_gradient_descent(self, s, eta, g, theta, state):
        """Gradient descent."""
        return -eta * g, {}

    def velocity(self, s, v, g):
        """The memory of both momentum methods."""
        return s.momentum * v + g

    def heavy_ball_moves_by(self, v, last):
        """What heavy ball multiplies by the rate: the new velocity, not the last."""
        return v

    def by_heavy_ball(self, s, eta, g, theta, state):
        """Heavy ball."""
        last = state["velocity"]
        v = self.velocity(s, last, g)
        return -eta * self.heavy_ball_moves_by(v, last), {"velocity": v}

    def look_ahead(self, s, g, v, last):
        """What Nesterov multiplies by the rate."""
        return g + s.momentum * v

    def by_nesterov(self, s, eta, g, theta, state):
        """Nesterov."""
        last = state["velocity"]
        v = self.velocity(s, last, g)
        return -eta * self.look_ahead(s, g, v, last), {"velocity": v}

    def first_moment(self, s, m, g):
        """Adam's average of gradients."""
        return s.beta1 * m + (1.0 - s.beta1) * g

    def second_moment(self, s, v, g, m):
        """Adam's average of squares; m is the new first moment."""
        return s.beta2 * v + (1.0 - s.beta2) * g**2

    def first_corrected(self, s, m, t):
        """The bias correction of m, t counting from 0."""
        return m / (1.0 - s.beta1 ** (t + 1))

    def second_corrected(self, s, v, t):
        """The bias correction of v, t counting from 0."""
        return v / (1.0 - s.beta2 ** (t + 1))

    def quotient(self, s, m_hat, v_hat, t):
        """Adam's direction but for the rate."""
        return m_hat / (np.sqrt(v_hat) + s.epsilon)

    def by_adam(self, s, eta, g, theta, state):
        """Adam."""
        t = state["iteration"]
        m = self.first_moment(s, state["first_moment"], g)
        v = self.second_moment(s, state["second_moment"], g, m)
        d = -eta * self.quotient(s, self.first_corrected(s, m, t), self.second_corrected(s, v, t), t)
        return d, {"first_moment": m, "second_moment": v}

    def decayed_gradient(self, s, g, theta):
        """What AdamW's moments see."""
        return g

    def weight_decay(self, s, eta, theta, d):
        """What AdamW takes off theta."""
        return eta * s.weight_decay * theta

    def by_adamw(self, s, eta, g, theta, state):
        """AdamW."""
        d, memory = self.by_adam(s, eta, self.decayed_gradient(s, g, theta), theta, state)
        return d - self.weight_decay(s, eta, theta, d), memory

    def square_average(self, s, v, g):
        """RMSProp's average of squares."""
        return s.decay * v + (1.0 - s.decay) * g**2

    def root(self, s, v, last):
        """What RMSProp divides by."""
        return np.sqrt(v + s.epsilon) if s.epsilon_inside else np.sqrt(v) + s.epsilon

    def by_rmsprop(self, s, eta, g, theta, state):
        """RMSProp."""
        last = state["second_moment"]
        v = self.square_average(s, last, g)
        return -eta * g / self.root(s, v, last), {"second_moment": v}


def fresh(s: Any, theta: Any) -> State:
    """Return the state before the first step."""
    found: State = s.init(np.zeros(len(theta)))._asdict()  # then in any dtype, which refopt has not
    return {name: x.astype(theta.dtype) if isinstance(x, np.ndarray) else x for name, x in found.items()}
