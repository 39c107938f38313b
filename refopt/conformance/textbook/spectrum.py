"""Lanczos and the choice of Ritz pairs in pieces (formulas in `refopt.lanczos` and `refopt.spectrum`)."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from refopt.conformance.textbook.remembered import Remembered
from refopt.conformance.textbook.transformer import TransformerPieces
from refopt.derivatives import Derivatives
from refopt.problems import Problem, load_problem


class Krylov(NamedTuple):
    """What Lanczos found: T, rows of basis vectors (m, n), the last residual norm."""

    diagonal: np.ndarray
    off_diagonal: np.ndarray
    rows: np.ndarray
    residual_norm: float


@lru_cache(maxsize=64)
def loaded(identifier: str, dtype: str) -> Problem:
    """Return a problem, loaded once."""
    return load_problem(identifier, dtype=dtype)


@lru_cache(maxsize=64)
def remembered(identifier: str, dtype: str) -> Remembered:
    """Return the derivatives of a problem."""
    return Remembered(loaded(identifier, dtype).derivatives)


class SpectrumPieces(TransformerPieces):
    """The operations on spectra."""

    def objective(self, problem: Problem) -> Callable[[Any], Any]:
        """The function whose derivatives are taken."""
        return self.transformer_objective(problem.objective)

    def derivatives_of(self, problem: Any) -> Any:
        """Derivatives of a problem as an adapter receives it."""
        given = loaded(problem.id, problem.dtype)
        f = self.objective(given)
        return remembered(problem.id, problem.dtype) if f is given.objective else Derivatives(f)

    def product(self, problem: Any, theta: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """The map v -> H v at theta, float64 around products in theta's dtype."""
        hvp = self.derivatives_of(problem).linearize(theta).hvp
        return lambda v: np.asarray(hvp(v.astype(theta.dtype)), dtype=np.float64)

    def lanczos(self, problem, theta, start, steps):
        """The tridiagonal matrix."""
        found = self.krylov(self.product(problem, theta), start, steps, 0)
        return {
            "diagonal": found.diagonal,
            "off_diagonal": found.off_diagonal,
            "ritz_values": np.linalg.eigvalsh(self.small_matrix(found))[::-1],
            "residual_norm": float(found.residual_norm),
        }

    def extreme_spectrum(self, problem, theta, largest, smallest, start, steps=None, multiplicity="krylov"):
        """Pairs at both ends."""
        found = self.estimate(self.product(problem, theta), start, largest, smallest, steps, multiplicity)
        return dict(zip(("eigenvalues", "eigenvectors", "residuals"), found, strict=True))

    def lanczos_steps(self, n, largest, smallest):
        """The heuristic of FOSI section 3.1."""
        return {"steps": max(1, min(n, math.ceil(max(4 * (largest + smallest), 2 * math.log(n)))))}

    def first_row(self, start: np.ndarray) -> np.ndarray:
        """The first Lanczos vector."""
        start = start.astype(np.float64) / np.max(np.abs(start))
        found: np.ndarray = start / np.linalg.norm(start)
        return found

    def off_diagonal_entry(self, beta: float) -> float:
        """What stands beside the diagonal of T for a residual norm."""
        return beta

    def krylov(self, product: Any, start: np.ndarray, steps: int, restart_until: int) -> Krylov:
        """At most `steps` Lanczos vectors, fresh ones after a breakdown while there are fewer than asked."""
        n, rows = len(start), [self.first_row(start)]
        tolerance = max(4 * float(np.finfo(start.dtype).eps), 2.0**-44)
        diagonal: list[float] = []
        off_diagonal: list[float] = []
        norm = 0.0
        while True:
            w = product(rows[-1])
            norm = max(norm, float(np.linalg.norm(w)))
            diagonal.append(float(rows[-1] @ w))
            basis = np.array(rows)
            for _ in range(3):
                w = w - basis.T @ (basis @ w)
            beta = float(np.linalg.norm(w))
            exhausted = len(rows) == n or beta <= tolerance * norm
            if len(rows) == min(steps, n) or (exhausted and len(rows) >= restart_until):
                break
            off_diagonal.append(0.0 if exhausted else self.off_diagonal_entry(beta))
            rows.append(_fresh(basis) if exhausted else w / beta)
        last = 0.0 if exhausted else beta
        return Krylov(np.array(diagonal), np.array(off_diagonal), np.array(rows), last)

    def small_matrix(self, found: Krylov) -> np.ndarray:
        """T."""
        beside = found.off_diagonal
        return np.diag(found.diagonal) + np.diag(beside, 1) + np.diag(beside, -1)

    def ends(self, values: np.ndarray, largest: int, smallest: int) -> list[int]:
        """Which of m ascending Ritz values are returned, in order."""
        m = len(values)
        k = min(largest, m)
        return [*range(m - 1, m - 1 - k, -1), *range(min(smallest, m - k) - 1, -1, -1)]

    def ritz_coordinates(self, S: np.ndarray, order: list[int]) -> np.ndarray:
        """The coordinates of the chosen Ritz vectors, as columns."""
        return S[:, order]

    def residuals(self, S: np.ndarray, order: list[int], beta: float) -> np.ndarray:
        """The residual norms of the chosen pairs."""
        return np.abs(S[-1, order]) * beta

    def rows_wanted(self, n: int, wanted: int, multiplicity: str) -> int:
        """How many Lanczos vectors there must be at least."""
        return n if multiplicity == "full" else wanted

    def estimate(
        self, product: Any, start: np.ndarray, k: int, l: int, steps: int | None, multiplicity: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Eigenvalues, eigenvectors as columns, residuals: k largest, then l smallest."""
        n = len(start)
        if k + l == 0:
            none = np.zeros(0)
            return none, np.zeros((n, 0), dtype=start.dtype), none
        m = n if multiplicity == "full" else self.lanczos_steps(n, k, l)["steps"] if steps is None else steps
        found = self.krylov(product, start, m, self.rows_wanted(n, min(k + l, m), multiplicity))
        values, S = np.linalg.eigh(self.small_matrix(found))
        order = self.ends(values, k, l)
        vectors = found.rows.T @ self.ritz_coordinates(S, order)
        residuals = self.residuals(S, order, found.residual_norm)
        return values[order], vectors.astype(start.dtype), residuals


def _fresh(basis: np.ndarray) -> np.ndarray:
    """The part outside the rows of the coordinate vector that has the largest, normalised."""
    i = int(np.argmin(np.sum(basis**2, axis=0)))
    e = np.zeros(basis.shape[1])
    e[i] = 1.0
    for _ in range(3):
        e = e - basis.T @ (basis @ e)
    found: np.ndarray = e / np.linalg.norm(e)
    return found
