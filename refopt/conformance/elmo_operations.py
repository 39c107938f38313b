"""The operations of ELMO and EigenARC that an adapter may offer; `Adapter` inherits them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from refopt.conformance.given import GivenProblem

Answer = Mapping[str, Any]
Settings = Mapping[str, Any]


class ElmoOperations:
    """Methods to override; k eigenpairs are `eigenvalues` (k,) and, as columns, `eigenvectors` (n, k)."""

    def elmo_scalar(self, slope: np.ndarray, curvature: np.ndarray, lipschitz: np.ndarray) -> Answer:
        """Minimize M(x) = -g x + lam x^2/2 + L |x|^3/6 for k triples (g, lam, L), each (k,).

        Returns:
            `step_size` (k,), the minimizer x*; optionally `upper` M(x*), `lower`, the same with -L, and
            `largest_step`, the largest zero of M, each (k,), and `bounded`, k booleans, False where M has no
            minimum.
        """
        raise NotImplementedError

    def elmo_step(
        self,
        gradient: np.ndarray,
        eigenvalues: np.ndarray,
        eigenvectors: np.ndarray,
        lipschitz: np.ndarray,
        settings: Settings,
    ) -> Answer:
        """Take ELMO's step (eq. 7) from given eigenpairs.

        Args:
            gradient: (n,).
            eigenvalues: (k,), descending.
            eigenvectors: (n, k), with any signs.
            lipschitz: L of each pair (k,).
            settings: "clusters": "rotate" (default), the step along equal eigenvalues does not depend on
                their vectors, or "as-given"; "tie": "positive" (default), or "stay" where slope 0 and a
                negative eigenvalue make both ways down equally good.

        Returns:
            `displacement` (n,); optionally `slopes`, `step_sizes`, `upper` and `lower`, each (k,), `promise`,
            -sum M*, and `bounded`, whether there is a step.
        """
        raise NotImplementedError

    def elmo_run(
        self,
        problem: GivenProblem,
        lipschitz: Settings,
        settings: Settings,
        theta: np.ndarray,
        steps: int,
    ) -> Answer:
        """Run ELMO (Algorithm 1) with all eigenpairs: `thetas` (steps+1, n) with the start.

        Args:
            problem: the function.
            lipschitz: {"oracle": name, ...}: "exact", the constants of a separable function's axes;
                "constant" with "value"; "averaged", AMOS' running average, with "momentum", "epsilon",
                "average" and "denominator"; "eigen_arc" with the settings of `eigen_arc_update`.
            settings: fields of `refopt.elmo.Elmo` except `lipschitz`.
            theta: the start (n,).
            steps: number of steps.

        Returns:
            Optionally `values` (steps+1,) and `promise` (steps,), -sum M* of each step.
        """
        raise NotImplementedError

    def elmo_subspace_step(
        self,
        gradient: np.ndarray,
        eigenvalues: np.ndarray,
        eigenvectors: np.ndarray,
        lipschitz: np.ndarray,
        base: Settings,
        theta: np.ndarray,
    ) -> Answer:
        """Take ELMO's step in the span of k eigenpairs and a base's first step in the rest.

        The base, {"optimizer": name, "settings": {...}}, sees the gradient outside the span, and of its
        direction what is outside is used: `theta_next` (n,), the sum of `elmo_direction` (n,) and
        `base_direction` (n,).
        """
        raise NotImplementedError

    def elmo_ends_step(
        self,
        problem: GivenProblem,
        lipschitz: np.ndarray,
        settings: Settings,
        base: Settings,
        theta: np.ndarray,
        lanczos_start: np.ndarray,
    ) -> Answer:
        """Find the pairs at both ends of the Hessian at theta (n,), and step as `elmo_subspace_step` does.

        Where the ends cut through a repeated eigenvalue, any orthonormal eigenvectors are right, and the step
        is judged by those that are answered.

        Args:
            problem: the function.
            lipschitz: L of each pair (k+l,), k largest then l smallest.
            settings: "largest", "smallest", "multiplicity", and "clusters" as in `elmo_step`.
            base: {"optimizer": name, "settings": {...}}.
            theta: the point (n,).
            lanczos_start: a start vector (n,), for estimates that need one.

        Returns:
            `eigenvalues` (k+l,), `eigenvectors` (n, k+l), perhaps turned inside a cluster, `elmo_direction`,
            `base_direction`, `theta_next` (n,).
        """
        raise NotImplementedError

    def eigen_arc_update(
        self,
        problem: GivenProblem,
        theta: np.ndarray,
        eigenvalues: np.ndarray,
        eigenvectors: np.ndarray,
        lipschitz: np.ndarray,
        settings: Settings,
    ) -> Answer:
        """Update L once, EigenARC's lines 4 to 18 with the condition of line 8 as `< low`.

        Args:
            problem: the function whose values assess L.
            theta: the point (n,).
            eigenvalues: (k,).
            eigenvectors: (n, k).
            lipschitz: the entering L (k,).
            settings: "low" (eta1), "high" (eta2), "expand" (gamma1), "shrink" (gamma2 < 1), "max_failures" of
                raises and of divisions of each L, "floor" and "ceiling" of L; "initial" is not used.

        Returns:
            `lipschitz_next` (k,) and `decision`: "shrunk", "raised", "kept", or "still" where nothing is
            promised; optionally `ratio`, the entering assessment, `raises`, `reductions`, the divisions of
            each L that stand, and `evaluations`, the trial points at which f was computed.
        """
        raise NotImplementedError

    def eigen_arc_run(
        self,
        problem: GivenProblem,
        settings: Settings,
        base: Settings,
        theta: np.ndarray,
        steps: int,
    ) -> Answer:
        """Run EigenARC (Algorithm 3) along a base optimizer's run.

        Args:
            problem: the function.
            settings: as for `eigen_arc_update`; "initial", the L of a pair that continues none; "spectrum":
                "dense", or "ends", the most positive and the most negative pair.
            base: {"optimizer": name, "settings": {...}}.
            theta: the start (n,).
            steps: number of steps.

            Returns: `lipschitz` (steps, k) after each update, by descending eigenvalue, and `decisions`, one
            each step; optionally `thetas` (steps+1, n), `ratios` (steps,) and `evaluations`, a list of ints.
        """
        raise NotImplementedError
