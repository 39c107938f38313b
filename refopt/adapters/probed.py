"""Estimates of a Hessian's diagonal for implementations of Sophia that take them from outside."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np


def diagonals(
    problem: Any, thetas: Sequence[np.ndarray], refresh_every: int, steps: int, probes: np.ndarray | None
) -> Iterator[np.ndarray | None]:
    """The estimate for each step of a run, None in steps without one.

    Args:
        problem: with `hvp`.
        thetas: the points so far; the caller appends to it, and an estimate is made at the last.
        refresh_every: steps between two estimates.
        steps: of the run.
        probes: the probe u of each estimate u o (H u), (refreshes, n); None is the exact diagonal.
    """
    for t in range(steps):
        if t % refresh_every:
            yield None
            continue
        theta = thetas[-1]
        if probes is None:
            units = np.eye(theta.size, dtype=theta.dtype)
            yield np.array([problem.hvp(theta, unit)[i] for i, unit in enumerate(units)], dtype=theta.dtype)
        else:
            u = np.asarray(probes[t // refresh_every], dtype=theta.dtype)
            yield u * problem.hvp(theta, u)
