"""torch.optim's SGD, Adam, AdamW and RMSprop as the first-order optimizers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from refopt.conformance.adapter import Adapter

BUFFERS = {
    "gradient_descent": {},
    "heavy_ball": {"velocity": "momentum_buffer"},
    "nesterov": {"velocity": "momentum_buffer"},
    "adam": {"first_moment": "exp_avg", "second_moment": "exp_avg_sq"},
    "adamw": {"first_moment": "exp_avg", "second_moment": "exp_avg_sq"},
    "rmsprop": {"second_moment": "square_avg"},
}
"""Name in torch of each state field."""


class TorchFirstOrder(Adapter):
    """One parameter tensor, whose gradient is set before each `step()`.

    SGD counts no iterations; the adapter counts for it. A schedule is torch's own where it has one.
    """

    name, version = "torch.optim", torch.__version__
    dtypes = ("float64", "float32")

    def base_step(self, optimizer, settings, theta, gradient, state):
        """One `step()` from a given state."""
        parameter = torch.tensor(theta, requires_grad=True)
        method = self._make(parameter, optimizer, settings)
        buffers = {torch_name: torch.tensor(state[name]) for name, torch_name in BUFFERS[optimizer].items()}
        if "square_avg" in buffers or "exp_avg_sq" in buffers:
            buffers["step"] = torch.tensor(float(state["iteration"]))
        method.state[parameter] = buffers
        parameter.grad = torch.tensor(gradient)
        method.step()
        after = {name: buffers[torch_name].numpy() for name, torch_name in BUFFERS[optimizer].items()}
        iteration = int(buffers["step"]) if "step" in buffers else state["iteration"] + 1
        return {"theta_next": parameter.detach().numpy(), "state": {"iteration": iteration, **after}}

    def base_directions(self, optimizer, settings, thetas, gradients):
        """Directions as changes of a parameter that is set back before each step."""
        # From 0 the change is the direction itself, without rounding; only AdamW needs the true point.
        origins = thetas if optimizer == "adamw" else np.zeros_like(thetas)
        parameter = torch.zeros(thetas.shape[1], dtype=torch.tensor(thetas).dtype, requires_grad=True)
        method, directions = self._make(parameter, optimizer, settings), []
        schedule = self._schedule(method, settings["learning_rate"])
        for origin, gradient in zip(origins, gradients, strict=True):
            with torch.no_grad():
                parameter.copy_(torch.tensor(origin))
            parameter.grad = torch.tensor(gradient)
            method.step()
            if schedule is not None:
                schedule.step()
            directions.append(parameter.detach().numpy() - origin)
        return {"directions": np.stack(directions)}

    def base_run(self, problem, optimizer, settings, theta, steps):
        """A free run with refopt's gradients."""
        parameter = torch.tensor(theta, requires_grad=True)
        method, thetas = self._make(parameter, optimizer, settings), [theta]
        schedule = self._schedule(method, settings["learning_rate"])
        for _ in range(steps):
            parameter.grad = torch.tensor(problem.gradient(thetas[-1]))
            method.step()
            if schedule is not None:
                schedule.step()
            thetas.append(parameter.detach().numpy().copy())
        return {"thetas": np.stack(thetas), "values": np.array([problem.value(x) for x in thetas])}

    def _make(self, parameter: Any, optimizer: str, settings: Mapping[str, Any]) -> torch.optim.Optimizer:
        rate = settings["learning_rate"]
        if isinstance(rate, Mapping):  # replaced by the schedule before the first step
            rate = rate.get("initial", rate.get("after", 1.0))
        if optimizer == "gradient_descent":
            return torch.optim.SGD([parameter], lr=rate)
        if optimizer in ("heavy_ball", "nesterov"):
            nesterov = optimizer == "nesterov"
            return torch.optim.SGD([parameter], lr=rate, momentum=settings["momentum"], nesterov=nesterov)
        if optimizer == "rmsprop":
            if settings.get("epsilon_inside", False):
                self.skip("torch's RMSprop has no epsilon under the root")
            decay, epsilon = settings["decay"], settings["epsilon"]
            return torch.optim.RMSprop([parameter], lr=rate, alpha=decay, eps=epsilon)
        betas, epsilon = (settings["beta1"], settings["beta2"]), settings["epsilon"]
        if optimizer == "adam":
            return torch.optim.Adam([parameter], lr=rate, betas=betas, eps=epsilon)
        decay = settings["weight_decay"]
        return torch.optim.AdamW([parameter], lr=rate, betas=betas, eps=epsilon, weight_decay=decay)

    def _schedule(self, method: torch.optim.Optimizer, rate: Any) -> Any:
        if not isinstance(rate, Mapping):
            return None
        if rate["schedule"] == "exponential":
            gamma = rate["decay"] ** (1 / rate["every"])
            return torch.optim.lr_scheduler.ExponentialLR(method, gamma)
        if rate["schedule"] == "cosine":
            return torch.optim.lr_scheduler.CosineAnnealingLR(method, rate["steps"], rate["final"])
        if rate["schedule"] == "linear_warmup":
            return torch.optim.lr_scheduler.LinearLR(method, rate["start"], 1.0, rate["steps"])
        return self.skip("torch has no piecewise constant schedule with free rates")
