"""scipy.sparse.linalg.eigsh (ARPACK's implicitly restarted Lanczos) behind the spectrum estimation."""

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import scipy
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from refopt.conformance.adapter import Adapter

# From SciPy 1.17 on ARPACK goes on by random numbers where its start vector is used up. Their generator is
# fixed here, so that a case ends in the same way every time.
SEEDED = "rng" in inspect.signature(eigsh).parameters


class ScipyEigsh(Adapter):
    """One call for each end of the spectrum, from the case's start vector, at machine precision.

    ARPACK restarts until its pairs have converged and so finds every copy of a repeated eigenvalue: the
    profile `multiplicity=full`. A given number of Lanczos steps has no meaning for it.
    """

    name, version = "scipy.sparse.linalg.eigsh", scipy.__version__
    profile: ClassVar[Mapping[str, str]] = {"multiplicity": "full"}
    dtypes = ("float64", "float32")

    def extreme_spectrum(self, problem, theta, largest, smallest, start, steps=None, multiplicity="krylov"):
        """`which="LA"` for the largest, `which="SA"` for the smallest."""
        if (steps is not None and steps < problem.n) or multiplicity not in ("krylov", "full"):
            self.skip("eigsh has neither a number of steps nor a choice of multiplicity")
        if largest + smallest >= problem.n:
            self.skip("eigsh needs fewer pairs than there are parameters")
        operator = LinearOperator(
            (problem.n, problem.n), matvec=lambda v: problem.hvp(theta, v.ravel()), dtype=theta.dtype
        )
        ends = [_end(operator, start, "LA", largest), _end(operator, start, "SA", smallest)]
        return {
            "eigenvalues": np.concatenate([values for values, _ in ends]),
            "eigenvectors": np.concatenate([vectors for _, vectors in ends], axis=1),
        }


def _end(operator: Any, start: np.ndarray, which: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    if count == 0:
        return np.zeros(0, start.dtype), np.zeros((operator.shape[0], 0), start.dtype)
    try:
        fixed: dict[str, Any] = {"rng": np.random.default_rng(0)} if SEEDED else {}
        values, vectors = eigsh(operator, k=count, which=which, v0=start, **fixed)
    except ArpackError as error:  # a RuntimeError by class, but deliberate: a refusal
        raise ValueError(str(error)) from error
    order = np.argsort(-values)
    return values[order], vectors[:, order]
