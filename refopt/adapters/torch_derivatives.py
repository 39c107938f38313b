"""PyTorch's derivatives by torch.func: reverse mode, forward over reverse, nested forward mode.

The tensors by groups are nested Jacobians of eta -> f(theta + U eta): forward mode over reverse mode.
"""

import functools
from typing import Any

import numpy as np
import torch
from torch.func import grad, jacfwd, jacrev, jvp

from refopt.adapters import formulas
from refopt.conformance.adapter import Adapter


class TorchDerivatives(Adapter):
    """`torch.func.grad`, `torch.func.jvp` of it, and nested `torch.func.jvp`."""

    name, version = "torch.func", torch.__version__
    dtypes = ("float64", "float32")

    def __init__(self) -> None:
        self._objective = functools.lru_cache(maxsize=64)(self._make)

    def _make(self, problem: Any) -> formulas.Objective:
        def constant(values: Any) -> Any:
            return torch.as_tensor(np.asarray(values), dtype=getattr(torch, problem.dtype))

        return formulas.objective(torch, constant, problem.family, problem.n, problem.data)

    def derivatives(self, problem, theta, vector):
        """Value, gradient and Hessian product."""
        f, theta = self._objective(problem), torch.as_tensor(theta)
        try:
            gradient, product = jvp(grad(f), (theta,), (torch.as_tensor(vector),))[:2]
        except RuntimeError as error:  # how torch refuses sizes that do not fit
            raise ValueError(str(error)) from error
        return {"value": f(theta).numpy(), "gradient": gradient.numpy(), "hvp": product.numpy()}

    def along(self, problem, theta, direction, order):
        """Each derivative by one more `torch.func.jvp`."""
        f, theta, direction = self._objective(problem), torch.as_tensor(theta), torch.as_tensor(direction)

        def level(t: Any, k: int) -> Any:
            if k == 0:
                return f(theta + t * direction)
            return jvp(lambda s: level(s, k - 1), (t,), (torch.ones_like(t),))[1]

        zero = torch.zeros((), dtype=theta.dtype)
        return {"derivatives": np.stack([level(zero, k).numpy() for k in range(order + 1)])}

    def summary(self, problem, theta, direction, groups):
        """Nested Jacobians, of which the third is whole."""
        g, H, third = (self._tensor(problem, theta, direction, groups, order) for order in (1, 2, 3))
        return {"g_bar": g, "H_bar": H, "third_diagonal": np.einsum("iii->i", third)}

    def summary_tensor(self, problem, theta, direction, groups, order):
        """Nested Jacobians."""
        return {"entries": formulas.entries(self._tensor(problem, theta, direction, groups, order))}

    def _tensor(self, problem: Any, theta: Any, direction: Any, groups: Any, order: int) -> np.ndarray:
        f, theta, direction = self._objective(problem), torch.as_tensor(theta), torch.as_tensor(direction)
        tensor, count = formulas.by_groups(f, theta, direction, groups)
        for k in range(order):
            tensor = jacfwd(tensor) if k else jacrev(tensor)
        return tensor(torch.zeros(count, dtype=theta.dtype)).numpy()
