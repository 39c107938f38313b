"""The class to subclass when code is to be verified: one method per operation, override only what there is.

    class Mine(refopt.conformance.Adapter):
        name, version = "my heavy ball", "0.1"

        def base_step(self, optimizer, settings, theta, gradient, state): ...

    $ refopt verify --adapter my_adapter.py:Mine

An operation is offered when its method is overridden; every other is reported as `skip`, and so is a case for
which a method calls `self.skip("why")`. Methods receive the case's inputs as keyword arguments: vectors and
matrices as numpy arrays in the case's dtype, scalars as Python numbers, a problem as a `GivenProblem`,
settings and states as dictionaries whose keys are the field names of refopt's settings and states; in
`settings`, "learning_rate" is a number or {"schedule": name in `refopt.schedules`, ...its fields}; `groups`
as a list of ints, the group of each parameter. They return a dictionary of quantities: float arrays in the
case's dtype, Python floats for scalars, int, bool, str or lists of them for exact ones; a state as
"state.velocity" or nested {"state": {"velocity": ...}}. A raised ValueError, TypeError or ArithmeticError
counts as a deliberate refusal of the input (ZeroDivisionError and UnicodeError do not), any other exception
as an accident.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

import numpy as np

from refopt.conformance.amos_operations import AmosOperations
from refopt.conformance.elmo_operations import ElmoOperations
from refopt.conformance.given import GivenProblem
from refopt.conformance.grouped_operations import GroupedOperations
from refopt.conformance.ops import OPERATIONS

Answer = Mapping[str, Any]
Settings = Mapping[str, Any]
State = Mapping[str, Any]


class Skip(Exception):
    """Raised by an adapter, most simply by `Adapter.skip`, to leave the current case out; says why."""


class Adapter(GroupedOperations, AmosOperations, ElmoOperations):
    """Base class of adapters.

    Attributes:
        name: name of the implementation, for reports.
        version: its version.
        profile: named choices where a definition is ambiguous, {"key": "value"}; a case that is right only
            under one of these is reported as `pass-alt(key=value)`.
        dtypes: dtypes in which it computes; cases in others are skipped.
    """

    name: str = "unnamed"
    version: str = ""
    profile: ClassVar[Mapping[str, str]] = {}
    dtypes: tuple[str, ...] = ("float64",)

    def skip(self, reason: str) -> NoReturn:
        """Leave the current case out, with the reason that the report shows."""
        raise Skip(reason)

    def derivatives(self, problem: GivenProblem, theta: np.ndarray, vector: np.ndarray) -> Answer:
        """Differentiate at theta (n,): `gradient` (n,), `hvp` (n,) with the vector, optionally `value`."""
        raise NotImplementedError

    def along(self, problem: GivenProblem, theta: np.ndarray, direction: np.ndarray, order: int) -> Answer:
        """Return `derivatives` (order+1,) of t -> f(theta + t direction) at 0, f first, without 1/k!."""
        raise NotImplementedError

    def lanczos(self, problem: GivenProblem, theta: np.ndarray, start: np.ndarray, steps: int) -> Answer:
        """Run Lanczos on the Hessian: `diagonal` (m,), `off_diagonal` (m-1,).

        Optionally `ritz_values` (m,), descending, and `residual_norm`, the last beta.
        """
        raise NotImplementedError

    def extreme_spectrum(
        self,
        problem: GivenProblem,
        theta: np.ndarray,
        largest: int,
        smallest: int,
        start: np.ndarray,
        steps: int | None = None,
        multiplicity: str = "krylov",
    ) -> Answer:
        """Estimate `eigenvalues` (k+l,), k largest then l smallest, descending, `eigenvectors` (n, k+l).

        Optionally `residuals` (k+l,). `multiplicity`: "krylov" finds repeated eigenvalues once, "full" all.
        """
        raise NotImplementedError

    def lanczos_steps(self, n: int, largest: int, smallest: int) -> Answer:
        """Choose the number of Lanczos `steps` for k and l pairs of n."""
        raise NotImplementedError

    def refresh_period(self, lanczos_steps: int, overhead: float) -> Answer:
        """Choose the `period` T for m Lanczos steps and an allowed overhead rho > 1, FOSI section 3.7."""
        raise NotImplementedError

    def refresh_period_measured(
        self, base_latency: float, fosi_latency: float, ese_latency: float, overhead: float
    ) -> Answer:
        """Choose the `period` T from three measured latencies, FOSI equation 6."""
        raise NotImplementedError

    def refresh_times(self, warmup: int, refresh_every: int, steps: int) -> Answer:
        """List the iterations `times`, from 0 and below `steps`, in which the spectrum is estimated."""
        raise NotImplementedError

    def optimal_rates(self, optimizer: str, largest_eigenvalue: float, smallest_eigenvalue: float) -> Answer:
        """Return the optimal `learning_rate` on quadratics, optionally `momentum` and `contraction`."""
        raise NotImplementedError

    def rate_scaling(
        self,
        optimizer: str,
        eigenvalues: np.ndarray,
        residuals: np.ndarray,
        largest: int,
        smallest: int,
        scaling: str,
        max_scaling: float,
        max_residual: float,
    ) -> Answer:
        """Return the `scaling` of the base's learning rate for given Ritz pairs, FOSI section 3.6."""
        raise NotImplementedError

    def base_step(
        self, optimizer: str, settings: Settings, theta: np.ndarray, gradient: np.ndarray, state: State
    ) -> Answer:
        """Step once from a given state: `theta_next` (n,), "state.*", optionally `direction`."""
        raise NotImplementedError

    def base_directions(
        self, optimizer: str, settings: Settings, thetas: np.ndarray, gradients: np.ndarray
    ) -> Answer:
        """Return `directions` (T, n) along given points and gradients, both (T, n), from a fresh state."""
        raise NotImplementedError

    def base_run(
        self, problem: GivenProblem, optimizer: str, settings: Settings, theta: np.ndarray, steps: int
    ) -> Answer:
        """Run freely from theta: `thetas` (steps+1, n) with the start, optionally `values` (steps+1,)."""
        raise NotImplementedError

    def comparator_step(
        self, problem: GivenProblem, optimizer: str, settings: Settings, theta: np.ndarray
    ) -> Answer:
        """Take one Newton-type step: `theta_next` (n,), optionally `direction` (n,)."""
        raise NotImplementedError

    def fosi_step(
        self,
        settings: Settings,
        base: Mapping[str, Any],
        theta: np.ndarray,
        gradient: np.ndarray,
        spectrum: Mapping[str, Any],
        state: State,
        diagonal: np.ndarray | None = None,
    ) -> Answer:
        """Take one FOSI step (Algorithm 2, UpdateStep) from a given state and spectrum.

        Args:
            settings: fields of `refopt.Fosi` that differ from its defaults.
            base: {"optimizer": name, "settings": {...}}.
            theta: the point (n,).
            gradient: the gradient there (n,).
            spectrum: "eigenvalues" (k+l,), "eigenvectors" (n, k+l), "residuals", "num_largest",
                "num_smallest".
            state: "iteration", "newton_velocity" (n,), "base": the base's state.
            diagonal: an estimate of the whole Hessian's diagonal (n,), for a base that takes one in at this
                iteration (Sophia); left out in other cases.

        Returns:
            `newton_direction` (d1), `base_direction` (d2), `theta_next` (n,), "state.newton_velocity",
            "state.base.*"; optionally `gradient_in`, `gradient_out`, `newton_gradient`, `base_direction_raw`,
            `scaling`.
        """
        raise NotImplementedError

    def fosi_refresh_step(
        self,
        problem: GivenProblem,
        settings: Settings,
        base: Mapping[str, Any],
        theta: np.ndarray,
        lanczos_start: np.ndarray,
    ) -> Answer:
        """Estimate the spectrum at theta (n,) and take FOSI's first step from it, all memories being 0.

        Where k largest or l smallest cut through a repeated eigenvalue, any orthonormal eigenvectors are
        right, and the step is judged by those that are answered.

        Returns:
            `eigenvalues` (k+l,), k largest then l smallest, descending, `eigenvectors` (n, k+l),
            `newton_direction` (d1), `base_direction` (d2), `theta_next` (n,); optionally `gradient_in`,
            `gradient_out`, `base_direction_raw`, `scaling`.
        """
        raise NotImplementedError

    def fosi_directions(
        self,
        problem: GivenProblem,
        settings: Settings,
        base: Mapping[str, Any],
        thetas: np.ndarray,
        lanczos_start: np.ndarray,
        curvature_problem: GivenProblem | None = None,
        probes: np.ndarray | None = None,
    ) -> Answer:
        """Return `newton_direction` and `base_direction` (T, n) along given points (T, n).

        Args:
            problem: the loss of the gradients.
            settings: fields of `refopt.Fosi` that differ from its defaults.
            base: {"optimizer": name, "settings": {...}}.
            thetas: the points (T, n).
            lanczos_start: start vector of every estimate of the spectrum (n,).
            curvature_problem: the loss of the estimates, another minibatch; None is `problem`.
            probes: for a base that takes in the Hessian's diagonal (Sophia, at its own iterations, from 0 on)
                a probe u of u o (H u) for each, one after another, (r, n); None is the exact diagonal.

        Returns:
            Both; optionally `scaling` (T,) and `refreshed`, the list of iterations with an estimate of the
            spectrum.
        """
        raise NotImplementedError

    def fosi_run(
        self,
        problem: GivenProblem,
        settings: Settings,
        base: Mapping[str, Any],
        theta: np.ndarray,
        lanczos_start: np.ndarray,
        steps: int,
        curvature_problem: GivenProblem | None = None,
        probes: np.ndarray | None = None,
    ) -> Answer:
        """Run FOSI freely: `thetas` (steps+1, n) with the start.

        Optionally `values` (steps+1,), `scaling` (steps,), `refreshed`, the iterations with an estimate of
        the spectrum. `curvature_problem` and `probes` as in `fosi_directions`.
        """
        raise NotImplementedError


def capabilities(adapter: Adapter | type[Adapter]) -> list[str]:
    """List the operations that an adapter overrides, in the order of `OPERATIONS`."""
    kind = adapter if isinstance(adapter, type) else type(adapter)
    return [name for name in OPERATIONS if getattr(kind, name, None) is not getattr(Adapter, name)]
