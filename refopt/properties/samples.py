"""The inputs of properties: small, exact, and rebuilt from what their ``repr`` shows.

Spectra are tuples of numbers; bases come from a kind and a seed, so that a violation prints in a few lines.
The hypothesis strategies that draw samples are in `refopt.properties.strategies`; a sample can equally be
written by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from refopt.arrays import asarray_like, unboxed
from refopt.derivatives import Derivatives
from refopt.objectives import quadratic

BASES = ("identity", "permutation", "dense", "reflection")


def orthonormal_basis(kind: str, n: int, seed: int) -> np.ndarray:
    """Returns an orthonormal basis of R^n as the columns of an (n, n) float64 array.

    Args:
        kind: "identity"; "permutation" (coordinate vectors in a random order); "dense" (QR of a Gaussian
        matrix);
            "reflection" (one Householder reflection of the identity).
        n: the dimension, at least 1.
        seed: names the draw; unused by "identity".

    Raises:
        ValueError: `kind` is none of the four.
    """
    rng = np.random.default_rng(seed)
    if kind == "identity":
        return np.eye(n)
    if kind == "permutation":
        return np.eye(n)[:, rng.permutation(n)]
    if kind == "dense":
        return np.linalg.qr(rng.standard_normal((n, n)))[0]
    if kind == "reflection":
        normal = rng.standard_normal(n)
        return np.eye(n) - np.outer(normal, normal) * (2.0 / np.dot(normal, normal))
    raise ValueError(f"`kind` is one of {', '.join(BASES)}; given {kind!r}.")


@dataclass(frozen=True, kw_only=True)
class Quadratic:
    """f(theta) = theta' H theta / 2 - (H minimum)' theta with H = Q diag(eigenvalues) Q'.

    It is handed to adapters in the place of a problem of the family quadratic: `id`, `family`, `n`, `data`,
    and derivatives as `value`, `gradient`, `hvp`, by automatic differentiation.

    Attributes:
        eigenvalues: the spectrum of H, descending.
        basis: a kind of `orthonormal_basis`.
        seed: names the draw of the basis.
        minimum: the stationary point (n,), or empty for the origin.
    """

    eigenvalues: tuple[float, ...]
    basis: str = "identity"
    seed: int = 0
    minimum: tuple[float, ...] = ()

    family = "quadratic"
    dtype = "float64"

    @property
    def id(self) -> str:
        """A name for reports."""
        return f"property-quadratic-{self.n}"

    @property
    def n(self) -> int:
        """The number of parameters."""
        return len(self.eigenvalues)

    @property
    def norm(self) -> float:
        """The largest absolute eigenvalue."""
        return float(np.max(np.abs(self.eigenvalues)))

    @cached_property
    def eigenvectors(self) -> np.ndarray:
        """Q (n, n), the eigenvector of ``eigenvalues[j]`` in column j."""
        return orthonormal_basis(self.basis, self.n, self.seed)

    @cached_property
    def hessian(self) -> np.ndarray:
        """H (n, n), exactly symmetric."""
        H = (self.eigenvectors * np.asarray(self.eigenvalues)) @ self.eigenvectors.T
        return (H + H.T) / 2

    @cached_property
    def origin(self) -> np.ndarray:
        """The stationary point (n,)."""
        return np.asarray(self.minimum, dtype=np.float64) if self.minimum else np.zeros(self.n)

    @cached_property
    def linear(self) -> np.ndarray:
        """H minimum (n,), the linear term."""
        return self.hessian @ self.origin

    @property
    def data(self) -> dict[str, Any]:
        """The family's data, as in a problem file: `matrix`, n rows of n numbers, and `linear`, n numbers."""
        return {"matrix": self.hessian.tolist(), "linear": self.linear.tolist()}

    @cached_property
    def derivatives(self) -> Derivatives:
        """Value, gradient and Hessian products of `objective`."""
        return Derivatives(self.objective)

    def objective(self, theta: Any) -> Any:
        """The function at theta, on any array library, for automatic differentiation."""
        like = unboxed(theta)
        return quadratic(theta, asarray_like(self.hessian, like), asarray_like(self.linear, like))

    def excess(self, theta: np.ndarray) -> float:
        """The function above its stationary value, (theta - minimum)' H (theta - minimum) / 2."""
        shift = theta - self.origin
        return float(shift @ self.hessian @ shift) / 2

    def value(self, theta: np.ndarray) -> Any:
        """The function at theta."""
        return self.derivatives.value(theta)

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """H (theta - minimum), (n,)."""
        return self.derivatives.gradient(theta)

    def hvp(self, theta: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """H vector, (n,), at any theta."""
        return self.derivatives.hvp(theta, vector)


@dataclass(frozen=True, kw_only=True)
class StepSample:
    """One FOSI step from a given spectrum: the Hessian's eigenpairs, which of them FOSI knows, and its rates.

    Attributes:
        quadratic: the Hessian.
        largest: k, how many of the largest eigenpairs are known.
        smallest: l, how many of the smallest; 1 <= k + l <= n.
        alpha: the rate of the Newton part.
        rate: eta, the learning rate of the base.
        preconditioner: q (n,), the positive diagonal of the base's inverse preconditioner.
        gradient: g (n,).
    """

    quadratic: Quadratic
    largest: int
    smallest: int
    alpha: float
    rate: float
    preconditioner: tuple[float, ...]
    gradient: tuple[float, ...]

    @property
    def n(self) -> int:
        """The number of parameters."""
        return self.quadratic.n

    @property
    def known(self) -> list[int]:
        """Indices of the known eigenpairs: the k first, then the l last."""
        return [*range(self.largest), *range(self.n - self.smallest, self.n)]

    @property
    def rest(self) -> list[int]:
        """Indices of the eigenpairs left to the base."""
        return list(range(self.largest, self.n - self.smallest))

    @cached_property
    def known_vectors(self) -> np.ndarray:
        """V-hat (n, k+l)."""
        return self.quadratic.eigenvectors[:, self.known]

    @cached_property
    def rest_vectors(self) -> np.ndarray:
        """V-tilde (n, n-k-l)."""
        return self.quadratic.eigenvectors[:, self.rest]

    @cached_property
    def known_eigenvalues(self) -> np.ndarray:
        """lambda-hat (k+l,)."""
        return np.asarray(self.quadratic.eigenvalues)[self.known]

    @cached_property
    def rest_eigenvalues(self) -> np.ndarray:
        """lambda-tilde (n-k-l,)."""
        return np.asarray(self.quadratic.eigenvalues)[self.rest]

    @cached_property
    def curvature_inverse(self) -> np.ndarray:
        """The inverse curvatures u = 1/|lambda-hat| (k+l,)."""
        return 1.0 / np.abs(self.known_eigenvalues)

    @property
    def spectrum(self) -> dict[str, Any]:
        """The known pairs as ``fosi_step`` takes them, with residuals 0."""
        return {
            "eigenvalues": self.known_eigenvalues,
            "eigenvectors": self.known_vectors,
            "residuals": np.zeros(len(self.known)),
            "num_largest": self.largest,
            "num_smallest": self.smallest,
        }


@dataclass(frozen=True, kw_only=True)
class LanczosSample:
    """A Lanczos run: a quadratic, a start vector and a number of steps.

    Attributes:
        quadratic: the Hessian.
        start: the start vector (n,), not 0.
        steps: m, 1 <= m <= n.
        largest: k; `smallest`: l; 1 <= k + l <= m.
        multiplicity: "krylov" or "full".
    """

    quadratic: Quadratic
    start: tuple[float, ...]
    steps: int
    largest: int
    smallest: int
    multiplicity: str = "krylov"


@dataclass(frozen=True, kw_only=True)
class RateSample:
    """A base with closed-form rates on quadratics, and the ends of a spectrum, 0 < `smallest` < `largest`."""

    optimizer: str
    largest: float
    smallest: float


@dataclass(frozen=True, kw_only=True)
class RunSample:
    """A run on a convex quadratic.

    Attributes:
        quadratic: the function; its value at the minimum is 0.
        theta: the first point (n,).
        rate: the base's learning rate.
        steps: how many steps.
        largest: k of FOSI; 0 where only the base runs.
        alpha: the rate of FOSI's Newton part.
    """

    quadratic: Quadratic
    theta: tuple[float, ...]
    rate: float
    steps: int
    largest: int = 0
    alpha: float = 1.0
