"""PyTorch-ARC (github.com/RS-Coop/PyTorch-ARC), adaptive regularization with cubics, behind the cubic step.

Put a checkout on PYTHONPATH,

    $ PYTHONPATH=PyTorch-ARC refopt verify --adapter torch-arc

Its package `torch_arc` has a folder `arc` beside the module `arc.py` that `__init__` means: Python takes the
folder, and `import torch_arc` fails. The files are therefore loaded by their paths, each by itself.

Its model is g's + s'H s/2 + (sigma/3) |s|^3, the one of the operation with -g, D = I and sigma = lam/2.
It has three solvers: `sub_problem.lanczos` (NumPy), and those of the optimizer `ARC`, "explicit" (its
default) and "implicit". The latter are asked through `ARC.step` for the loss -g'w + w'H w/2 at w = 0; with
eta_1 = -inf every step is accepted, and the parameters hold it.

`sub_problem.lanczos` hands `scipy.optimize.minimize` a column as its start, which SciPy once
flattened and now refuses; it is flattened for it.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize

from refopt.conformance.adapter import Adapter


def loaded(file: str) -> ModuleType:
    """Load a file of the package by its path in it.

    Raises:
        ImportError: torch_arc is not on the path, or has no such file.
    """
    package = importlib.util.find_spec("torch_arc")
    places = [] if package is None else list(package.submodule_search_locations or ())
    found = [Path(place) / file for place in places if (Path(place) / file).is_file()]
    if not found:
        raise ImportError(
            f"torch_arc/{file} is not on the path: put a checkout of github.com/RS-Coop/PyTorch-ARC "
            "on PYTHONPATH"
        )
    spec = importlib.util.spec_from_file_location(f"torch_arc_{found[0].stem}", found[0])
    assert spec is not None, "a file that is there has a spec"
    assert spec.loader is not None, "and a loader"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flattening(function: Any, start: np.ndarray, **settings: Any) -> Any:
    """`scipy.optimize.minimize` from a start of any shape."""
    return minimize(function, np.ravel(start), **settings)


class TorchArc(Adapter):
    """`torch_arc.sub_problem.sub_problem.lanczos`, the solver that runs in float64."""

    name, version = "torch_arc.sub_problem", "as checked out"
    dtypes = ("float64", "float32")

    def __init__(self) -> None:
        self._module = loaded("sub_problem/sub_problem.py")
        vars(self._module)["minimize"] = flattening

    def cubic_minimizer(self, H, g, lam, scales):
        """The solver, for D = I."""
        if scales is not None and not np.all(np.asarray(scales) == 1):
            self.skip("the package's cubic term is the norm of the step itself, D = I")
        return {"bounded": True, "minimizer": self.solve(H, g, lam / 2).astype(g.dtype)}

    def solve(self, H: np.ndarray, g: np.ndarray, sigma: float) -> np.ndarray:
        """Minimize -g's + s'H s/2 + (sigma/3) |s|^3, s (n,)."""
        return np.asarray(self._module.lanczos(-g, H, sigma)[0])


class TorchArcImplicit(TorchArc):
    """`ARC.step` with `sub_prob_method="implicit"`, generalized Lanczos."""

    name, how = "torch_arc.ARC, implicit", "implicit"

    def __init__(self) -> None:
        self._module = loaded("arc.py")

    def solve(self, H: np.ndarray, g: np.ndarray, sigma: float) -> np.ndarray:
        """One step from 0."""
        A, b = torch.as_tensor(np.array(H)), torch.as_tensor(np.array(g))
        w = torch.zeros_like(b, requires_grad=True)
        settings: dict[str, Any] = {"sub_prob_method": self.how, "eta_1": -np.inf}
        method = self._module.ARC([w], sigma=sigma, **settings)
        gradients = torch.autograd.grad(_loss(w, A, b), [w], create_graph=True)
        detached = [part.detach() for part in gradients]
        with torch.no_grad():
            method.step(detached, gradients, _loss(w, A, b), lambda: _loss(w, A, b))
        return w.detach().numpy()


class TorchArcExplicit(TorchArcImplicit):
    """`ARC.step` as its defaults make it: `sub_prob_method="explicit"`, the lowest eigenvector by `eigsh`."""

    name, how = "torch_arc.ARC, explicit", "explicit"


def _loss(w: torch.Tensor, H: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    return w @ (H @ w) / 2 - g @ w
