"""The PyTorch form of the published FOSI code, `fosi.torch_optim`; `fosi_published` says how it is driven.

The base is torch.optim's, a step at a time: torchopt, whose bases it is written for, need not be installed.
The start vector takes the place of `torch.normal`, which is where the package draws it.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from refopt.adapters import formulas
from refopt.adapters.fosi_published import FosiPublished, Heard, Request, Transformation, imported, replaced
from refopt.adapters.torch_first_order import BUFFERS, TorchFirstOrder

BATCH = ((),)  # `batch=None` takes the wrong branch of `get_ese_fn`


class FosiTorch(FosiPublished):
    """`fosi_sgd`, `fosi_momentum`, `fosi_nesterov`, `fosi_adam` and `lanczos_alg` of `fosi.torch_optim`."""

    name = "fosi.torch_optim"

    def __init__(self) -> None:
        self._module = imported("torch_optim")

    def method(self, request: Request) -> Any:
        """A `Method`."""
        if isinstance(request.base["settings"].get("learning_rate"), Mapping):
            self.skip("schedules are tried with torch's first-order optimizers")
        return Method(self._module, request)

    def loss(self, problem: Any) -> Any:
        """In torch's functions."""

        def constant(values: Any) -> Any:
            return torch.as_tensor(np.asarray(values), dtype=getattr(torch, problem.dtype))

        f = formulas.objective(torch, constant, problem.family, problem.n, problem.data)
        return lambda parameters, batch: f(parameters[0])

    def square(self) -> Any:
        """Theta^2 / 2."""
        return lambda parameters, batch: (parameters[0] ** 2).sum() / 2

    def order(self, largest: int, smallest: int) -> int:
        """From its announcement."""
        with Heard() as heard:
            self._module.get_ese_fn(None, largest, BATCH, smallest)
        return heard.order

    def pairs(
        self, problem: Any, theta: np.ndarray, order: int, ends: tuple[int, int], start: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """`lanczos_alg`."""
        lanczos = lanczos_module().lanczos_alg
        bits, device = ("64" if theta.dtype == np.float64 else "32"), torch.device("cpu")
        run = lanczos(order, self.loss(problem), *ends, return_precision=bits, device=device)
        with starting(start):
            largest, V, smallest, W = run(_parameters(theta), BATCH)
        return torch.cat((smallest, largest)).numpy(), torch.cat((W, V)).numpy()


class FosiTorchCapped(FosiTorch):
    """The same with the Lanczos steps of section 3.1, at most n."""

    name, capped = "fosi.torch_optim, m at most n", True


class Method:
    """A method of the package and its state.

    Attributes:
        refreshed: whether the last step estimated the spectrum.
    """

    def __init__(self, module: Any, request: Request) -> None:
        self._request, self.refreshed = request, False
        with Heard(), ExitStack() as stack:
            for place, name, value in self._places(module):
                stack.enter_context(replaced(place, name, value))
            device = torch.device("cpu")
            self._method = request.made(module, _base(request), BATCH, device=device)
        state = self._method.init(_parameters(request.theta))
        kind = torch.from_numpy(request.theta).dtype
        names = ("k_learning_rates", "k_eigenvecs", "scaling_factor")
        self._state = state._replace(**{name: getattr(state, name).to(kind) for name in names})
        given = request.state
        if given is not None:
            self._state = self._state._replace(
                count=torch.tensor([given["iteration"]], dtype=torch.int32),
                velocity=torch.as_tensor(given["newton_velocity"]),
                base_opt_state=given["base"],
            )

    def _places(self, module: Any) -> Iterator[tuple[Any, str, Any]]:
        request = self._request
        if request.spectrum is not None:
            pairs = tuple(torch.from_numpy(part) for part in request.pairs())
            yield module, "get_ese_fn", lambda *_, **__: self._told(pairs)
            return
        if request.theta.dtype == np.float64:
            yield module, "get_ese_fn", partial(module.get_ese_fn, return_precision="64")
        if request.order is not None:
            place, order = ese_module(), request.order
            yield (
                place,
                "lanczos_alg",
                lambda _, *rest, **more: lanczos_module().lanczos_alg(order, *rest, **more),
            )

    @staticmethod
    def _told(pairs: tuple[torch.Tensor, ...]) -> Any:
        return lambda parameters: pairs

    def step(self, gradient: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """`update`; the change of theta."""
        with Heard() as heard, starting(self._request.start):
            gradients = (torch.tensor(gradient),)
            found, self._state = self._method.update(gradients, self._state, _parameters(theta))
        self.refreshed = heard.estimates > 0
        return found[0].detach().numpy().copy()

    @property
    def scaling(self) -> float:
        """The scaling factor."""
        return float(self._state.scaling_factor)

    @property
    def velocity(self) -> np.ndarray:
        """The memory of the filter on g1; without momentum the package keeps g1 itself there."""
        if self._request.settings["newton_momentum"] == "none":
            return np.zeros_like(self._request.theta)
        return self._state.velocity.numpy()

    @property
    def base_state(self) -> Any:
        """The base's state, by refopt's names."""
        return self._state.base_opt_state


def ese_module() -> Any:
    """`fosi.torch_optim.extreme_spectrum_estimation`, once the package is imported."""
    import fosi.torch_optim.extreme_spectrum_estimation as module

    return module


def lanczos_module() -> Any:
    """`fosi.torch_optim.lanczos_algorithm`, once the package is imported."""
    import fosi.torch_optim.lanczos_algorithm as module

    return module


@contextmanager
def starting(vector: np.ndarray | None) -> Iterator[None]:
    """Hand out a vector where `torch.normal` is asked for one."""
    if vector is None:
        yield
        return
    drawn = torch.as_tensor(vector)
    with replaced(torch, "normal", lambda *, mean, std, size, dtype: drawn.to(dtype).reshape(size)):
        yield


def _parameters(theta: np.ndarray) -> tuple[torch.Tensor]:
    return (torch.tensor(theta, requires_grad=True),)


def _base(request: Request) -> Transformation:
    optimizer, settings = request.base["optimizer"], request.base["settings"]
    adapter = TorchFirstOrder()

    def init(theta: torch.Tensor) -> dict[str, Any]:
        zeros = {name: np.zeros_like(request.theta) for name in BUFFERS[optimizer]}
        return {"iteration": 0, **zeros}

    def update(g: torch.Tensor, state: dict[str, Any], *, params: torch.Tensor) -> tuple[Any, Any]:
        if request.idle:
            return torch.zeros_like(g), state
        origin = np.zeros_like(request.theta)  # from 0 the next point is the direction, without rounding
        if settings.get("weight_decay", 0.0) != 0.0:
            origin = params.detach().numpy()
        found = adapter.base_step(optimizer, settings, origin, g.detach().numpy(), state)
        return torch.as_tensor(found["theta_next"] - origin), found["state"]

    return Transformation(init, update)
