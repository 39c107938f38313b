"""The operations of Sophia that an adapter may offer; `Adapter` inherits them."""

from collections.abc import Mapping
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
