"""grnewt, the grouped-Newton paper's own package (github.com/p-wol/GroupedNewton), driven from outside.

It has no release: put the folder `src` of a checkout on PYTHONPATH,

    $ PYTHONPATH=GroupedNewton/src refopt verify --adapter grnewt

It imports torchvision, for data sets that no case needs. Where torchvision is not installed, empty modules
stand in for it while grnewt is imported, and are taken away again.

What the package is given: one tensor of parameters per group, so that a partition of any kind is one of its
partitions and the order of its direction is that of its groups; a loss that ignores its data; its own
`SGDUpdate` with learning rate 1 and dampening = momentum, which is the average of Algorithm 4, line 3. What
is read from it: `nesterov_lrs` that finds nothing is read as "no minimum"; its refusal for lambda_int = 0
likewise; an optimizer that keeps no rates because the solve failed has eta = 0, as it does.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations_with_replacement
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import torch

from refopt.adapters import formulas
from refopt.conformance.adapter import Adapter

STAND_INS = ("torchvision", "torchvision.transforms")


def imported() -> Any:
    """Import grnewt, with empty modules in place of torchvision where that is not installed.

    Raises:
        ImportError: grnewt is not on the path.
    """
    if importlib.util.find_spec("grnewt") is None:
        raise ImportError(
            "grnewt is not on the path; it has no release: put the folder `src` of a checkout of "
            "github.com/p-wol/GroupedNewton on PYTHONPATH"
        )
    missing = "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None
    if missing:
        top, transforms = (ModuleType(name) for name in STAND_INS)
        top.transforms = transforms  # type: ignore[attr-defined]
        sys.modules.update(zip(STAND_INS, (top, transforms), strict=True))
    try:
        return importlib.import_module("grnewt")
    finally:
        if missing:
            for name in STAND_INS:
                sys.modules.pop(name, None)


class Parameters:
    """A point as grnewt sees it: one leaf tensor per group, and losses as functions of these.

    Args:
        theta: the point (n,).
        groups: the group of each parameter.
    """

    def __init__(self, theta: np.ndarray, groups: Sequence[int]) -> None:
        labels = np.asarray(groups)
        self._n = labels.size
        members = [np.flatnonzero(labels == s) for s in range(max(groups) + 1)]
        self._members = [torch.as_tensor(part) for part in members]
        self._back = torch.as_tensor(np.argsort(np.concatenate(members)))
        self.tensors = [part.requires_grad_() for part in self.split(theta)]

    def split(self, vector: np.ndarray) -> list[torch.Tensor]:
        """Cut a vector (n,) into its groups."""
        if vector.shape != (self._n,):
            raise ValueError(f"`groups` has {self._n} labels for a vector of {vector.size} elements")
        return [torch.as_tensor(vector)[part] for part in self._members]

    def joined(self) -> torch.Tensor:
        """The point (n,), in the order of the parameters."""
        return torch.cat(self.tensors)[self._back]

    def groups(self) -> list[dict[str, Any]]:
        """The partition as torch's optimizers take it."""
        return [{"params": [tensor]} for tensor in self.tensors]

    def loss(self, f: formulas.Objective) -> Callable[[Any, Any], torch.Tensor]:
        """The objective as a loss of (x, y), which it does not use."""
        return lambda x, y: f(self.joined())


class Grnewt(Adapter):
    """The package's functions, and its optimizer `NewtonSummary` as its constructor's defaults make it."""

    name, version = "grnewt", "as checked out"
    dtypes = ("float64", "float32")
    maintain_true_lrs = False

    def __init__(self) -> None:
        self._grnewt = imported()

    def _objective(self, problem: Any) -> formulas.Objective:
        def constant(values: Any) -> Any:
            return torch.as_tensor(np.asarray(values), dtype=getattr(torch, problem.dtype))

        return formulas.objective(torch, constant, problem.family, problem.n, problem.data)

    def summary(self, problem, theta, direction, groups):
        """`compute_Hg`."""
        at = Parameters(theta, groups)
        struct = self._grnewt.ParamStructure(at.groups())
        loss = at.loss(self._objective(problem))
        H, g, third = self._grnewt.compute_Hg(struct, loss, None, None, at.split(direction))
        return {"g_bar": g.numpy(), "H_bar": H.numpy(), "third_diagonal": third.numpy()}

    def summary_tensor(self, problem, theta, direction, groups, order):
        """`diff_n`, whose dictionaries hold the last index in full."""
        at = Parameters(theta, groups)
        struct = self._grnewt.ParamStructure(at.groups())
        loss = at.loss(self._objective(problem))
        tensors = self._grnewt.diff_n(struct, order, loss, None, None, at.split(direction))
        indices = combinations_with_replacement(range(max(groups) + 1), max(order - 1, 0))
        return {"entries": torch.cat([tensors[order][index].reshape(-1) for index in indices]).numpy()}

    def cubic_minimizer(self, H, g, lam, scales):
        """`nesterov_lrs`."""
        H, g = torch.as_tensor(H), torch.as_tensor(g)
        d = torch.ones_like(g) if scales is None else torch.as_tensor(scales)
        try:
            eta, logs = self._grnewt.nesterov_lrs(H, g, d, damping_int=lam)
        except torch.linalg.LinAlgError as error:
            raise ArithmeticError(str(error)) from error
        except ValueError as error:
            if "impossible to solve" not in str(error):
                raise
            return {"bounded": False}
        if eta is None:
            return {"bounded": False}
        return {"bounded": True, "minimizer": eta.numpy(), "radius": float(logs["r"])}

    def grouped_newton_step(self, problem, settings, groups, theta, curvature_problem=None):
        """The first `NewtonSummary.step`."""
        run = self._run(problem, settings, groups, theta, curvature_problem)
        u, (found,) = run.step()
        logs = run.method.logs
        if not found:
            eta = torch.zeros_like(logs["g"][0])
        elif logs.get("nesterov.lrs"):
            eta = logs["nesterov.lrs"][0].to(logs["g"][0].dtype)
        else:  # of a plain solve it keeps what is left of it after the positive part
            again = self._run(problem, {**settings, "positive_part": False}, groups, theta, curvature_problem)
            again.step()
            eta = again.method.logs["curr_lrs"][0]
        d = logs["order3"][0].abs().pow(1 / 3)
        return {
            "direction": u,
            "g_bar": logs["g"][0].numpy(),
            "H_bar": logs["H"][0].numpy(),
            "third_diagonal": logs["order3"][0].numpy(),
            "D": d.numpy(),
            "r": float((d * eta).norm()),
            "eta": eta.numpy(),
            "learning_rates": logs["lrs_clipped"][0].numpy(),
            "theta_next": run.theta(),
        }

    def grouped_newton_run(self, problem, settings, groups, theta, steps, curvature_problem=None):
        """`NewtonSummary.step` with `ReduceDampingOnPlateau`."""
        if steps < 1:
            self.skip("the package has no loop that could refuse a number of steps")
        run = self._run(problem, settings, groups, theta, curvature_problem)
        thetas, values, rates, sizes, refreshed = [run.theta()], [run.value()], [], [], []
        for t in range(steps):
            sizes.append(float(run.method.param_groups[0]["damping"]))
            _, found = run.step()
            refreshed += [t] if any(found) else []
            rates.append(run.method.logs["lrs_clipped"][-1].numpy())
            run.reduce(t, values[-1])
            thetas.append(run.theta())
            values.append(run.value())
        return {
            "thetas": np.stack(thetas),
            "values": np.stack(values),
            "learning_rates": np.stack(rates),
            "step_sizes": np.array(sizes),
            "refreshed": refreshed,
        }

    def _run(self, problem: Any, settings: Any, groups: Any, theta: Any, curvature: Any) -> "Run":
        if isinstance(settings["learning_rate"], Mapping):
            self.skip("the package has no schedule of lambda but the plateau")
        if settings["plateau"] is not None and settings["plateau"]["every"] < 1:
            self.skip("the package leaves the calls of its schedule to the user")
        f = self._objective(problem)
        z = f if curvature is None else self._objective(curvature)
        return Run(self._grnewt, f, z, Parameters(theta, groups), settings, self.maintain_true_lrs)


class Run:
    """A `NewtonSummary` with its direction and its schedule.

    Args:
        package: grnewt.
        f: the objective of the minibatch Z, which gives the direction.
        z: the objective of the minibatch of the summary.
        at: the parameters, which the optimizer moves.
        settings: fields of `refopt.GroupedNewton`.
        maintain: `maintain_true_lrs`.
    """

    def __init__(
        self,
        package: Any,
        f: formulas.Objective,
        z: formulas.Objective,
        at: Parameters,
        settings: Mapping[str, Any],
        maintain: bool,
    ) -> None:
        self._loss, self._at = at.loss(f), at
        mu, damping = settings["momentum"], settings["internal_damping"]
        self._updater = package.optimizers.SGDUpdate(at.groups(), lr=1.0, momentum=mu, dampening=mu)
        self.method = package.NewtonSummary(
            at.groups(),
            at.loss(z),
            [(None, None)],
            self._updater,
            loader_pre_hook=lambda x, y: (x, y),
            damping=settings["learning_rate"],
            period_hg=settings["refresh_every"],
            mom_lrs=settings["rate_momentum"],
            dct_nesterov={"use": damping != 0, "damping_int": damping},
            remove_negative=settings["positive_part"],
            maintain_true_lrs=maintain,
            diagonal=not settings["interactions"],
        )
        self._every, self._plateau = 0, None
        if settings["plateau"] is not None:
            self._every, rest = settings["plateau"]["every"], dict(settings["plateau"])
            del rest["every"]
            self._plateau = package.ReduceDampingOnPlateau(self.method, **rest)

    def theta(self) -> np.ndarray:
        """The point."""
        return self._at.joined().detach().numpy().copy()

    def value(self) -> np.ndarray:
        """The loss at the point."""
        return self._loss(None, None).detach().numpy()

    def step(self) -> tuple[np.ndarray, list[bool]]:
        """Take a step; return the direction, and for a refresh whether it found rates."""
        tensors = self._at.tensors
        for tensor, part in zip(tensors, torch.autograd.grad(self._loss(None, None), tensors), strict=True):
            tensor.grad = part
        solves = len(self.method.logs["g"])
        found = len(self.method.logs.get("nesterov.found", ()))
        try:
            self.method.step()
        except torch.linalg.LinAlgError as error:
            raise ArithmeticError(str(error)) from error
        direction = torch.cat([self._updater.state[tensor]["update"] for tensor in tensors])
        told = self.method.logs.get("nesterov.found", [])[found:]
        plain = [True] * (len(self.method.logs["g"]) - solves)
        return direction[self._at._back].numpy().copy(), [bool(x) for x in told] or plain

    def reduce(self, t: int, loss: np.ndarray) -> None:
        """Call the schedule after the step at t, if it is due."""
        if self._plateau is not None and (t + 1) % self._every == 0:
            self._plateau.step(float(loss))


class GrnewtConfigured(Grnewt):
    """The same with `maintain_true_lrs`, as configs/config_hydra.yaml has it: a profile of its own."""

    name = "grnewt, its configuration file"
    profile: ClassVar[Mapping[str, str]] = {"rates": "ema-then-positive"}
    maintain_true_lrs = True
