"""SophiaH of the package pytorch_optimizer."""

from collections.abc import Mapping
from importlib.metadata import version as version_of
from typing import Any

import numpy as np
import torch
from pytorch_optimizer import SophiaH
from pytorch_optimizer.base.exception import NegativeLRError, NegativeStepError

from refopt.adapters.probed import diagonals
from refopt.conformance.adapter import Adapter


class PytorchOptimizerSophia(Adapter):
    """`SophiaH`, handed the estimates of the diagonal that a case gives.

    It clips m / max(h, eps) at p, with one setting for the floor and one for the bound: with p = rho,
    lr = learning_rate / rho, eps = epsilon / rho and weight_decay rho this is the paper's step.
    """

    name, version = "pytorch_optimizer.SophiaH", version_of("pytorch_optimizer")
    dtypes = ("float64", "float32")

    def sophia_step(self, settings, theta, gradient, state, diagonal=None):
        """One `step()` from a given state."""
        parameter = torch.tensor(theta, requires_grad=True)
        method = self._make(parameter, settings)
        memory = {
            "momentum": torch.tensor(state["first_moment"]),
            "hessian_moment": torch.tensor(state["hessian_diagonal"]),
        }
        method.state[parameter] = memory
        method.param_groups[0]["step"] = state["iteration"]
        self._step(method, parameter, gradient, diagonal)
        after = {
            "iteration": method.param_groups[0]["step"],
            "first_moment": memory["momentum"].numpy(),
            "hessian_diagonal": memory["hessian_moment"].numpy(),
        }
        return {"theta_next": parameter.detach().numpy(), "state": after}

    def sophia_run(self, problem, settings, theta, steps, probes=None):
        """A free run with refopt's gradients and Hessian products."""
        parameter = torch.tensor(theta, requires_grad=True)
        method, thetas = self._make(parameter, settings), [np.array(theta)]
        for diagonal in diagonals(problem, thetas, settings["refresh_every"], steps, probes):
            self._step(method, parameter, problem.gradient(thetas[-1]), diagonal)
            thetas.append(parameter.detach().numpy().copy())
        return {"thetas": np.stack(thetas), "values": np.array([problem.value(x) for x in thetas])}

    def _make(self, parameter: torch.Tensor, settings: Mapping[str, Any]) -> SophiaH:
        rate, rho = settings["learning_rate"], settings["rho"]
        if isinstance(rate, Mapping):
            self.skip("SophiaH has no schedule of its own")
        if not rho > 0:
            raise ValueError(f"`rho` is {rho!r}; the settings of SophiaH divide by it")
        try:
            return SophiaH(
                [parameter],
                lr=rate / rho,
                betas=(settings["beta1"], settings["beta2"]),
                weight_decay=settings["weight_decay"] * rho,
                p=rho,
                update_period=settings["refresh_every"],
                eps=settings["epsilon"] / rho,
            )
        except (NegativeLRError, NegativeStepError) as error:  # deliberate, and no kind of ValueError
            raise ValueError(str(error)) from error

    def _step(self, method: SophiaH, parameter: torch.Tensor, gradient: Any, diagonal: Any) -> None:
        parameter.grad = torch.tensor(gradient)
        method.step(hessian=None if diagonal is None else [torch.tensor(diagonal)])
