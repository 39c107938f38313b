"""The operations of grouped Newton that an adapter may offer; `Adapter` inherits them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from refopt.conformance.given import GivenProblem

Answer = Mapping[str, Any]


class GroupedOperations:
    """Methods to override; `groups` is a list of n integers, the group of each parameter (0 .. S-1)."""

    def summary(
        self, problem: GivenProblem, theta: np.ndarray, direction: np.ndarray, groups: Sequence[int]
    ) -> Answer:
        """Summarize derivatives by groups: `g_bar` (S,), `H_bar` (S, S), `third_diagonal` (S,).

        With u_s the direction inside group s and 0 elsewhere: g'u_s, u_s'H u_t, and the third derivative
        along u_s, with its sign (grouped-Newton paper, eqs. 6 and 9).
        """
        raise NotImplementedError

    def summary_tensor(
        self,
        problem: GivenProblem,
        theta: np.ndarray,
        direction: np.ndarray,
        groups: Sequence[int],
        order: int,
    ) -> Answer:
        """Return `entries` (C(S+d-1, d),): f^(d)[u_s1, .., u_sd] for s1 <= .. <= sd, lexicographic."""
        raise NotImplementedError

    def cubic_minimizer(self, H: np.ndarray, g: np.ndarray, lam: float, scales: np.ndarray | None) -> Answer:
        """Minimize -g'eta + eta'H eta/2 + (lam/6) |D eta|^3 globally, D = diag(scales), I where None.

        Returns:
            `bounded`, whether there is a minimum, and then `minimizer` (S,), any of the global ones;
            optionally `value`, `radius` |D eta|, `dimension` of the set of minimizers, `status` ("unique",
            "two", "sphere", "subspace", "unbounded").
        """
        raise NotImplementedError

    def grouped_newton_step(
        self,
        problem: GivenProblem,
        settings: Mapping[str, Any],
        groups: Sequence[int],
        theta: np.ndarray,
        curvature_problem: GivenProblem | None = None,
    ) -> Answer:
        """Take the first step of grouped Newton: `eta` (S,), `theta_next` (n,).

        Args:
            problem: the loss whose gradient is the direction.
            settings: fields of `refopt.GroupedNewton` except `groups`; `plateau` is None or a dictionary.
            groups: the group of each parameter.
            theta: the point (n,).
            curvature_problem: the loss of g_bar, H_bar and D, another minibatch; None is `problem`.

        Returns:
            Optionally `direction` (n,), `g_bar`, `H_bar`, `third_diagonal`, `D`, `r`, `learning_rates`.
        """
        raise NotImplementedError

    def grouped_newton_run(
        self,
        problem: GivenProblem,
        settings: Mapping[str, Any],
        groups: Sequence[int],
        theta: np.ndarray,
        steps: int,
        curvature_problem: GivenProblem | None = None,
    ) -> Answer:
        """Run grouped Newton freely: `thetas` (steps+1, n) with the start; arguments as for a step.

        Optionally `values` (steps+1,), `learning_rates` (steps, S), `step_sizes` (steps,), and `refreshed`,
        the iterations that computed learning rates.
        """
        raise NotImplementedError
