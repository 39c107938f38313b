"""The inputs of the properties of ELMO, EigenARC and AMOS: triples, separable functions, slopes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from refopt.arrays import asarray_like, unboxed
from refopt.objectives import log_cosh, matched_cubic
from refopt.properties.grouped_samples import Function
from refopt.properties.samples import orthonormal_basis

__all__ = ["Landing", "Separable", "SeparableSample", "SlopeSample", "Triple"]

STEEPEST = 4 / 27**0.5  # the largest third derivative of log cosh is 4 / (3 sqrt 3)


@dataclass(frozen=True)
class Triple:
    """Slope g >= 0, curvature lam and Lipschitz constant L > 0 of one eigenpair, and deviations d >= -1."""

    slope: float
    curvature: float
    lipschitz: float
    deviations: tuple[float, ...] = ()

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The three as arrays (1,), as an adapter receives them."""
        g, lam, L = (np.array([x]) for x in (self.slope, self.curvature, self.lipschitz))
        return g, lam, L

    def bound(self, x: float, side: int = 1) -> Fraction:
        """M(x) for side 1, m(x) for side -1, exactly."""
        g, lam, L, at = (Fraction(y) for y in (self.slope, self.curvature, self.lipschitz, x))
        return -g * at + lam * at**2 / 2 + side * L * abs(at) ** 3 / 6

    def size(self, x: float) -> float:
        """The sum of the terms of M(x) without signs."""
        g, lam, L = self.slope, abs(self.curvature), self.lipschitz
        return float(g * abs(x) + lam * x * x / 2 + L * abs(x) ** 3 / 6)

    def scaled(self, values: float = 1.0, variable: float = 1.0) -> Triple:
        """The triple of a f(c x): both powers of two, so that it is exact."""
        a, c = values, variable
        return Triple(a * c * self.slope, a * c * c * self.curvature, a * c**3 * self.lipschitz)


@dataclass(frozen=True)
class Separable(Function):
    """sum_i a_i log cosh(r_i u_i) + h_i u_i^2/2 along the axes u of a seeded orthonormal basis."""

    amplitudes: tuple[float, ...]
    rates: tuple[float, ...]
    curvatures: tuple[float, ...]
    basis: str = "dense"
    seed: int = 0

    family = "log_cosh"

    @property
    def id(self) -> str:
        """A name for reports."""
        return f"property-log-cosh-{self.n}"

    @property
    def n(self) -> int:  # type: ignore[override]
        """The number of variables."""
        return len(self.amplitudes)

    @cached_property
    def axes(self) -> np.ndarray:
        """The axes as columns, (n, n)."""
        return orthonormal_basis(self.basis, self.n, self.seed)

    @property
    def lipschitz(self) -> np.ndarray:
        """The exact Lipschitz constant of the curvature along each axis, (n,)."""
        return np.abs(self.amplitudes) * np.array(self.rates) ** 3 * STEEPEST

    def objective(self, theta: Any) -> Any:
        """The function at theta."""
        parts = (self.amplitudes, self.rates, self.curvatures, self.axes.T)
        return log_cosh(theta, *(asarray_like(part, unboxed(theta)) for part in parts))

    def pairs(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """The eigenpairs of the Hessian, descending, with the L of each."""
        a, r, h = (np.array(x) for x in (self.amplitudes, self.rates, self.curvatures))
        values = a * r**2 / np.cosh(r * (self.axes.T @ theta)) ** 2 + h
        order = np.argsort(-values, kind="stable")
        return {
            "eigenvalues": values[order],
            "eigenvectors": self.axes[:, order],
            "lipschitz": self.lipschitz[order],
        }


@dataclass(frozen=True)
class SeparableSample:
    """A separable function, two points of it."""

    function: Separable
    theta: tuple[float, ...]
    other: tuple[float, ...]

    @property
    def point(self) -> np.ndarray:
        """The point."""
        return np.array(self.theta)


@dataclass(frozen=True)
class Landing(Function):
    """sum_i g_i z_i + lam_i z_i^2/2 + (L_i/6) |z_i|^3 along seeded axes: ELMO's bound, from its kink."""

    slopes: tuple[float, ...]
    curvatures: tuple[float, ...]
    constants: tuple[float, ...]
    basis: str = "dense"
    seed: int = 0

    family = "matched_cubic"

    @property
    def id(self) -> str:
        """A name for reports."""
        return f"property-matched-cubic-{self.n}"

    @property
    def n(self) -> int:  # type: ignore[override]
        """The number of variables."""
        return len(self.slopes)

    @cached_property
    def axes(self) -> np.ndarray:
        """The axes as columns, (n, n)."""
        return orthonormal_basis(self.basis, self.n, self.seed)

    def objective(self, theta: Any) -> Any:
        """The function at theta."""
        like = unboxed(theta)
        slopes, curvatures, constants, axes = (
            asarray_like(part, like) for part in (self.slopes, self.curvatures, self.constants, self.axes.T)
        )
        return matched_cubic(theta, slopes, curvatures, constants, axes=axes)

    def pairs(self) -> dict[str, np.ndarray]:
        """The eigenpairs at the kink theta = 0, descending, with the L of each, and the gradient."""
        order = np.argsort(-np.array(self.curvatures), kind="stable")
        return {
            "gradient": self.axes @ np.array(self.slopes),
            "eigenvalues": np.array(self.curvatures)[order],
            "eigenvectors": self.axes[:, order],
            "lipschitz": np.array(self.constants)[order],
        }


@dataclass(frozen=True)
class SlopeSample:
    """Diagonals (T, n) met at points (T, n) that lie one unit apart, and the decay of their averages."""

    curvatures: tuple[tuple[float, ...], ...]
    momentum: float

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Curvatures and points; each point is one unit from the last."""
        curvatures = np.array(self.curvatures)
        points = np.zeros_like(curvatures)
        points[:, 0] = np.arange(len(curvatures))
        return curvatures, points
