"""An adapter of an optimizer for `refopt verify --adapter adapter.py:Mine`: gradient descent and heavy ball.

Put your own optimizer in the place of `direction`. `refopt cases --operations` lists what else can be
verified; an operation is offered when its method is there, and every other is skipped.
"""

import numpy as np

from refopt.conformance import Adapter


def direction(settings, gradient, velocity):
    """Return the direction of one step and the velocity after it: the part to replace."""
    velocity = settings.get("momentum", 0.0) * velocity + gradient
    return -settings["learning_rate"] * velocity, velocity


class Mine(Adapter):
    """What is verified."""

    name, version = "my optimizer", "0.1"

    def _require(self, optimizer, settings):
        if optimizer not in ("gradient_descent", "heavy_ball") or isinstance(settings["learning_rate"], dict):
            self.skip("only gradient descent and heavy ball with a constant learning rate are implemented")

    def base_directions(self, optimizer, settings, thetas, gradients):
        """Go along given gradients (T, n) from a fresh state."""
        self._require(optimizer, settings)
        velocity, directions = np.zeros_like(gradients[0]), []
        for gradient in gradients:
            found, velocity = direction(settings, gradient, velocity)
            directions.append(found)
        return {"directions": np.stack(directions)}

    def base_run(self, problem, optimizer, settings, theta, steps):
        """Run freely; the problem's value and gradient are refopt's."""
        self._require(optimizer, settings)
        velocity, thetas = np.zeros_like(theta), [theta]
        for _ in range(steps):
            found, velocity = direction(settings, problem.gradient(thetas[-1]), velocity)
            thetas.append(thetas[-1] + found)
        return {"thetas": np.stack(thetas), "values": np.array([problem.value(x) for x in thetas])}
