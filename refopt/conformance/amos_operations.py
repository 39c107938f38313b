"""The operations of Sophia and AMOS that an adapter may offer; `Adapter` inherits them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from refopt.conformance.given import GivenProblem

Answer = Mapping[str, Any]
Settings = Mapping[str, Any]


class AmosOperations:
    """Methods to override; random probes are given, one in a row, so that every answer can be repeated."""

    def hessian_diagonal(
        self, problem: GivenProblem, theta: np.ndarray, estimator: str, probes: np.ndarray | None = None
    ) -> Answer:
        """Estimate the `diagonal` (n,) of the Hessian at theta (n,).

        `estimator`: "exact", or "hutchinson", the mean of u o (H u) over the probes u (p, n).
        """
        raise NotImplementedError

    def sophia_step(
        self,
        settings: Settings,
        theta: np.ndarray,
        gradient: np.ndarray,
        state: Mapping[str, Any],
        diagonal: np.ndarray | None = None,
    ) -> Answer:
        """Take one step of Sophia (Liu et al. 2024, Algorithm 3) from a given state.

        Args:
            settings: fields of `refopt.sophia.Sophia`.
            theta: the point (n,).
            gradient: the gradient there (n,).
            state: "iteration" from 0, "first_moment" (n,), "hessian_diagonal" (n,).
            diagonal: the estimate that this step takes in (n,); None where iteration mod refresh_every is
                not 0.

        Returns:
            `theta_next` (n,), "state.*"; optionally `direction` (n,) and `clipped`, n booleans, where
            |m| > max(rho h, epsilon).
        """
        raise NotImplementedError

    def sophia_run(
        self,
        problem: GivenProblem,
        settings: Settings,
        theta: np.ndarray,
        steps: int,
        probes: np.ndarray | None = None,
    ) -> Answer:
        """Run Sophia freely: `thetas` (steps+1, n) with the start, optionally `values` (steps+1,).

        `probes` (refreshes, n) holds the probe of each estimate by Hutchinson; None is the exact diagonal.
        """
        raise NotImplementedError

    def lipschitz_averages(self, curvatures: np.ndarray, points: np.ndarray, settings: Settings) -> Answer:
        """Return `lipschitz` (T, n), the averages of slopes after each of T Hessian times.

        Args:
            curvatures: a number for each index at each time (T, n).
            points: theta at each time (T, n); index i moves along coordinate i.
            settings: "momentum", "epsilon", "average", "denominator", as of `refopt.amos.Amos`; with the
                average "bias-corrected" the answer is the corrected number.
        """
        raise NotImplementedError

    def amos_selection(
        self,
        slopes: np.ndarray,
        curvatures: np.ndarray,
        lipschitz: np.ndarray,
        settings: Settings,
        groups: Sequence[int] | None = None,
    ) -> Answer:
        """Select who owns each index, or each tensor: `to_first`, a list of booleans.

        Args:
            slopes: |gradient| along each index (k,).
            curvatures: (k,).
            lipschitz: the estimate that is compared, corrected or not, (k,).
            settings: "threshold", "granularity", "aggregate", "damping", as of `refopt.amos.Amos`.
            groups: with the granularity "tensor" the tensor of each index, 0 .. S-1.

        Returns:
            Optionally `statistic`, what the threshold is compared with: L, or with "newton-ascent" the margin
            L g a^2 / (3 (2 - a) lambda^2), which is compared with 1; of a tensor its mean or maximum.
        """
        raise NotImplementedError

    def amos_run(
        self,
        problem: GivenProblem,
        settings: Settings,
        first: Mapping[str, Any],
        second: Mapping[str, Any],
        theta: np.ndarray,
        steps: int,
        groups: Sequence[int] | None = None,
        probes: np.ndarray | None = None,
    ) -> Answer:
        """Run AMOS freely from theta: `thetas` (steps+1, n) with the start.

        Args:
            problem: the objective.
            settings: fields of `refopt.amos.Amos` but for the optimizers and `groups`; "hessian_at" is a
                period or a list of iterations.
            first: {"optimizer": name, "settings": {...}}; of "fosi" also "base", such a mapping, and
                "lanczos_start", the start vector of every Lanczos estimate of the run.
            second: the same.
            theta: the point (n,).
            steps: how many.
            groups: with the granularity "tensor" the tensor of each parameter.
            probes: probes (r, n) of Hutchinson's estimate, one for each step in which AMOS or an optimizer
                needs the diagonal, in order; they share it. None is the exact diagonal.

        Returns:
            Optionally `values` (steps+1,); of each step `assignments`, a string with "1" for each index or
            tensor of `first` and "0" for the rest, eigenspaces in descending order of the last Hessian's
            eigenvalues; `lipschitz` (steps, k), corrected where that is the average; `offload` (steps,), the
            share of parameters, or of eigenspaces, that `first` owns.
        """
        raise NotImplementedError
