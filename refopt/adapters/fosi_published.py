"""What the two forms of the published FOSI code (github.com/hsivan/fosi) have in common, driven from outside.

The package has no release: put a checkout on PYTHONPATH,

    $ PYTHONPATH=fosi refopt verify --adapter fosi-torch      # or fosi-jax

Its `__init__` imports both forms, of 2023. For what newer installations lack, stand-ins are there while it is
imported and are taken away again: `jax.config` and `jax.experimental.host_callback` (gone from JAX; the
latter prints the eigenvalues) and torchopt (a tuple of two functions and `tree_map`).

How it is driven, the same for both forms:

1. It draws the start vector of Lanczos itself; the case's is handed in at that place.
2. Its `get_ese_fn` has a precision of 64 bits, which `fosi` does not pass on: for float64 cases it is, and
   the state begins with zeros of that dtype. As it comes, float64 parameters are refused.
3. Its `warmup_w` is W + 1, so that the estimates fall on the iterations of Algorithm 2; the operation
   `refresh_times` passes W, under the profile that names the difference.
4. A given spectrum takes the place of its estimate, so that u and the scaling are its own. d1 alone is the
   step of a base that stands still, d2 alone the step for alpha = 0.
5. The filter on g1 is the one of `fosi_sgd`, `fosi_momentum`, `fosi_nesterov` or `fosi_adam`;
   `learning_rate_clip` is 1 where there is to be no scaling.
6. That it estimates is read from what it prints.
7. It takes gradients from its caller and makes its estimates from a batch of its own, as cases with another
   loss for them do.
"""

import contextlib
import io
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from refopt.adapters.fosi_import import Transformation as Transformation
from refopt.adapters.fosi_import import imported as imported
from refopt.conformance.adapter import Adapter

MAKERS = {"none": "fosi_sgd", "heavy-ball": "fosi_momentum", "nesterov": "fosi_nesterov", "ema": "fosi_adam"}
"""The function of the package that has the filter of a `newton_momentum`."""
UNSCALED = ("adam", "adamw", "rmsprop")
NEVER = 10**9


@contextlib.contextmanager
def replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    """Put a value in the place of a module's name, and the old one back."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


class Request(NamedTuple):
    """What a method of the package is made from."""

    loss: Any  # of flat parameters, for the estimates; None where they are given
    theta: np.ndarray  # where it starts, (n,)
    settings: Mapping[str, Any]  # fields of `refopt.Fosi`
    base: Mapping[str, Any]  # {"optimizer", "settings"}
    warmup: int  # `warmup_w`
    start: np.ndarray | None = None  # of Lanczos, (n,)
    order: int | None = None  # Lanczos steps in place of 4(k+l)
    spectrum: Mapping[str, Any] | None = None  # in place of an estimate
    state: Mapping[str, Any] | None = None  # in place of the first one
    alpha: float | None = None  # in place of the setting
    idle: bool = False  # whether the base stands still

    @property
    def clip(self) -> float:
        """`learning_rate_clip`."""
        unscaled = self.settings.get("scaling") == "none" or self.base["optimizer"] in UNSCALED
        return 1.0 if unscaled else float(self.settings["max_scaling"])

    @property
    def decay(self) -> float:
        """Of the filter on g1: the setting, or the base's own."""
        given, base = self.settings.get("newton_decay"), self.base["settings"]
        return float(base.get("momentum", base.get("beta1", 0.9)) if given is None else given)

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The given spectrum as the package has it: ascending, eigenvectors as rows."""
        assert self.spectrum is not None, "a spectrum is given"
        values, vectors = (np.asarray(self.spectrum[name]) for name in ("eigenvalues", "eigenvectors"))
        return values[::-1].astype(self.theta.dtype).copy(), vectors.T[::-1].astype(self.theta.dtype).copy()

    def made(self, module: Any, base: Any, batch: Any, **others: Any) -> Any:
        """Call the function of the package that makes the method."""
        momentum = self.settings.get("newton_momentum", "none")
        if momentum in ("heavy-ball", "nesterov", "ema"):
            others["decay"] = self.decay
        if momentum != "ema":  # whose function has no clip: it is 1
            others["learning_rate_clip"] = self.clip
        alpha = self.settings["alpha"] if self.alpha is None else self.alpha
        return getattr(module, MAKERS[momentum])(
            base,
            self.loss,
            batch,
            num_iters_to_approx_eigs=self.settings.get("refresh_every", NEVER),
            approx_k=self.settings["largest"],
            approx_l=self.settings["smallest"],
            warmup_w=self.warmup,
            alpha=alpha,
            **others,
        )


class FosiPublished(Adapter):
    """The operations over one form of the package.

    Attributes:
        capped: hand the Lanczos algorithm the number of steps of section 3.1, at most n, in place of the
            4(k+l) that the package always takes.
    """

    version = "as checked out"
    profile: ClassVar[Mapping[str, str]] = {"fosi.schedule": "published", "fosi.scaling": "ratio"}
    dtypes = ("float64", "float32")
    capped = False

    @abstractmethod
    def method(self, request: Request) -> Any:
        """Make a method: `step(gradient, theta)` returns the change of theta; it remembers its state."""

    @abstractmethod
    def pairs(
        self, problem: Any, theta: np.ndarray, order: int, ends: tuple[int, int], start: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run `lanczos_alg`: k+l eigenvalues in its order, l smallest first, and eigenvectors as rows."""

    @abstractmethod
    def order(self, largest: int, smallest: int) -> int:
        """Read the number of Lanczos steps that `get_ese_fn` chooses."""

    @abstractmethod
    def loss(self, problem: Any) -> Any:
        """The objective as a function of flat parameters."""

    @abstractmethod
    def square(self) -> Any:
        """The loss theta^2 / 2 of one parameter."""

    def extreme_spectrum(self, problem, theta, largest, smallest, start, steps=None, multiplicity="krylov"):
        """`lanczos_alg`, in 64 bits for float64."""
        if multiplicity != "krylov":
            self.skip("a Lanczos run of the package finds one copy of a repeated eigenvalue")
        order = self._steps(steps, problem.n, largest, smallest)
        order = self.order(largest, smallest) if order is None else order
        values, vectors = self.pairs(problem, theta, order, (largest, smallest), start)
        return {"eigenvalues": values[::-1].copy(), "eigenvectors": vectors[::-1].T.copy()}

    def lanczos_steps(self, n, largest, smallest):
        """What `get_ese_fn` says."""
        return {"steps": self.order(largest, smallest)}

    def refresh_times(self, warmup, refresh_every, steps):
        """The iterations in which it prints an estimate, for theta^2 / 2 with one Lanczos step."""
        settings = {"largest": 1, "smallest": 0, "alpha": 1.0, "refresh_every": refresh_every}
        base = {"optimizer": "gradient_descent", "settings": {"learning_rate": 1.0}}
        at = np.ones(1)
        settings |= {"newton_momentum": "none", "max_scaling": 1.0}
        request = Request(self.square(), at, settings, base, warmup, start=at, order=1, idle=True)
        method, times = self.method(request), []
        for t in range(steps):
            method.step(at, at)
            times += [t] if method.refreshed else []
        return {"times": times}

    def rate_scaling(
        self, optimizer, eigenvalues, residuals, largest, smallest, scaling, max_scaling, max_residual
    ):
        """The scaling after a step with a given spectrum, whose eigenvectors are unit vectors: the ratio."""
        settings = {"largest": largest, "smallest": smallest, "alpha": 1.0, "max_scaling": max_scaling}
        base = {"optimizer": optimizer, "settings": {}}
        at = np.zeros(len(eigenvalues))
        given = {"eigenvalues": eigenvalues, "eigenvectors": np.eye(len(eigenvalues))}
        settings["scaling"] = scaling
        method = self.method(Request(None, at, settings, base, 1, spectrum=given, idle=True))
        method.step(at, at)
        return {"scaling": float(method.scaling)}

    def fosi_step(self, settings, base, theta, gradient, spectrum, state, diagonal=None):
        """`update` from a given state, with the spectrum in the place of an estimate."""
        self._has(base, **settings)
        given = spectrum if np.size(spectrum["eigenvalues"]) else None
        warmup = NEVER if given is None else state["iteration"] + 1
        request = Request(None, theta, settings, base, warmup, spectrum=given, state=state)
        whole = self.method(request)
        change = whole.step(gradient, theta)
        d1, d2 = (self.method(part).step(gradient, theta) for part in _parts(request))
        return {
            "newton_direction": d1,
            "base_direction": d2,
            "scaling": float(whole.scaling),
            "theta_next": theta + change,
            "state": {"newton_velocity": whole.velocity, "base": whole.base_state},
        }

    def fosi_directions(
        self, problem, settings, base, thetas, lanczos_start, curvature_problem=None, probes=None
    ):
        """Two methods along the given points, one for each direction."""
        request = self._request(curvature_problem or problem, settings, base, thetas[0], lanczos_start)
        newton, rest = (self.method(part) for part in _parts(request))
        d1, d2, scaling, refreshed = [], [], [], []
        for t, theta in enumerate(thetas):
            gradient = problem.gradient(theta)
            d1.append(newton.step(gradient, theta))
            d2.append(rest.step(gradient, theta))
            scaling.append(rest.scaling)
            refreshed += [t] if rest.refreshed else []
        return {
            "newton_direction": np.stack(d1),
            "base_direction": np.stack(d2),
            "scaling": np.array(scaling, dtype=float),
            "refreshed": refreshed,
        }

    def fosi_run(
        self, problem, settings, base, theta, lanczos_start, steps, curvature_problem=None, probes=None
    ):
        """`update` with refopt's gradients; its own Hessian products."""
        request = self._request(curvature_problem or problem, settings, base, theta, lanczos_start)
        method = self.method(request)
        thetas, scaling, refreshed = [theta], [], []
        for t in range(steps):
            thetas.append(thetas[-1] + method.step(problem.gradient(thetas[-1]), thetas[-1]))
            scaling.append(method.scaling)
            refreshed += [t] if method.refreshed else []
        return {
            "thetas": np.stack(thetas),
            "values": np.array([problem.value(x) for x in thetas]),
            "scaling": np.array(scaling, dtype=float),
            "refreshed": refreshed,
        }

    def _request(self, problem: Any, settings: Any, base: Any, theta: Any, start: Any) -> Request:
        self._has(base, **settings)
        order = self._steps(settings["steps"], problem.n, settings["largest"], settings["smallest"])
        loss, warmup = self.loss(problem), settings["warmup"] + 1
        return Request(loss, theta, settings, base, warmup, start=start, order=order)

    def _steps(self, steps: int | None, n: int, largest: int, smallest: int) -> int | None:
        if steps is not None or not self.capped or largest + smallest == 0:
            return steps
        return min(n, int(np.ceil(max(4 * (largest + smallest), 2 * np.log(n), 1))))

    def _has(
        self,
        base: Mapping[str, Any],
        scaling: str = "ratio",
        multiplicity: str = "krylov",
        epsilon: float | None = None,
        newton_momentum: str = "none",
        **_: Any,
    ) -> None:
        if base["optimizer"] == "sophia":
            self.skip("the bases tried with the package take in no Hessian diagonal")
        if scaling not in ("ratio", "none"):
            self.skip("the package has one scaling, the ratio")
        if multiplicity != "krylov":
            self.skip("a Lanczos run of the package finds one copy of a repeated eigenvalue")
        if (epsilon is not None and epsilon <= 0) or newton_momentum not in MAKERS:
            self.skip("the package has no such setting")
        if newton_momentum == "ema" and scaling != "none" and base["optimizer"] not in UNSCALED:
            self.skip("fosi_adam, which has this filter, does not scale its base")


def _parts(request: Request) -> Sequence[Request]:
    return request._replace(idle=True), request._replace(alpha=0.0)


class Heard:
    """Collects what is printed meanwhile: the package prints a line for every estimate."""

    def __init__(self) -> None:
        self._text = io.StringIO()

    def __enter__(self) -> "Heard":
        self._redirect = contextlib.redirect_stdout(self._text)
        self._redirect.__enter__()
        return self

    def __exit__(self, *why: Any) -> None:
        self._redirect.__exit__(*why)

    @property
    def estimates(self) -> int:
        """Number of estimates of the spectrum."""
        return self._text.getvalue().count("lambda_max")

    @property
    def order(self) -> int:
        """The number of Lanczos steps that it announced."""
        return int(re.findall(r"order \(m\) is (\d+)", self._text.getvalue())[-1])
