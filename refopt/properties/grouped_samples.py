"""The inputs of grouped Newton's properties: polynomials, block-diagonal quadratics, cubic models.

Numbers are small dyadic fractions wherever that is possible, so that a reparameterised problem, a derivative
or a scaled model is exact in float64, and what is left is the implementation's own rounding.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import comb
from typing import Any

import numpy as np

from refopt.arrays import asarray_like, unboxed
from refopt.derivatives import Derivatives
from refopt.objectives import polynomial, quadratic
from refopt.properties.samples import orthonormal_basis

__all__ = ["Blocks", "CubicModel", "Function", "GroupedRun", "Polynomial", "TensorSample"]


class Function:
    """What an adapter is handed in the place of a problem."""

    dtype = "float64"
    n: int

    @cached_property
    def derivatives(self) -> Derivatives:
        """Derivatives of `objective`."""
        return Derivatives(self.objective)

    def objective(self, theta: Any) -> Any:
        """The function at theta, on any array library, for automatic differentiation."""
        raise NotImplementedError

    def value(self, theta: np.ndarray) -> Any:
        """The function at theta."""
        return self.derivatives.value(theta)

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """The gradient, (n,)."""
        return self.derivatives.gradient(theta)

    def hvp(self, theta: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """The Hessian times a vector, (n,)."""
        return self.derivatives.hvp(theta, vector)


@dataclass(frozen=True)
class Polynomial(Function):
    """sum_j c_j prod_i x_i^e_ji, of the family polynomial; `terms` holds (c_j, (e_j1, ..., e_jn))."""

    terms: tuple[tuple[float, tuple[int, ...]], ...]

    family = "polynomial"

    @property
    def id(self) -> str:
        """A name for reports."""
        return f"property-polynomial-{self.n}"

    @property
    def n(self) -> int:  # type: ignore[override]
        """The number of variables."""
        return len(self.terms[0][1])

    @property
    def data(self) -> dict[str, Any]:
        """The family's data, as in a problem file."""
        return {
            "coefficients": [c for c, _ in self.terms],
            "exponents": [list(powers) for _, powers in self.terms],
        }

    def objective(self, theta: Any) -> Any:
        """The polynomial at theta."""
        coefficients = asarray_like([c for c, _ in self.terms], unboxed(theta))
        return polynomial(theta, coefficients, tuple(powers for _, powers in self.terms))

    def derivative(self, theta: Iterable[float], *directions: np.ndarray) -> Fraction:
        """f^(d)[u_1, ..., u_d] at theta in exact arithmetic: the coefficient of t_1 ... t_d."""
        point = [Fraction(float(x)) for x in theta]
        lines = [[Fraction(float(x)) for x in u] for u in directions]
        total = Fraction(0)
        for c, powers in self.terms:
            # Multilinear part in t: a set of the t_k used so far -> its coefficient.
            parts = {0: Fraction(c)}
            for i, power in enumerate(powers):
                for _ in range(power):
                    parts = _times(parts, point[i], [line[i] for line in lines])
            total += parts.get((1 << len(lines)) - 1, Fraction(0))
        return total

    def reparameterised(self, scales: tuple[float, ...], offsets: tuple[float, ...]) -> Polynomial:
        """Return x -> f(scale x + offset), expanded; exact for dyadic numbers of a few bits."""
        terms: dict[tuple[int, ...], Fraction] = {}
        for c, powers in self.terms:
            for chosen in product(*(range(power + 1) for power in powers)):
                factor = Fraction(c)
                for power, k, a, b in zip(powers, chosen, scales, offsets, strict=True):
                    factor *= comb(power, k) * Fraction(a) ** k * Fraction(b) ** (power - k)
                terms[chosen] = terms.get(chosen, Fraction(0)) + factor
        return Polynomial(tuple((float(c), powers) for powers, c in terms.items()))


def _times(parts: dict[int, Fraction], constant: Fraction, slopes: list[Fraction]) -> dict[int, Fraction]:
    """Multiply by constant + sum_k slopes_k t_k and keep each t_k to the first power."""
    found: dict[int, Fraction] = {}
    for used, c in parts.items():
        found[used] = found.get(used, Fraction(0)) + c * constant
        for k, slope in enumerate(slopes):
            if not used >> k & 1:
                both = used | 1 << k
                found[both] = found.get(both, Fraction(0)) + c * slope
    return found


@dataclass(frozen=True, kw_only=True)
class TensorSample:
    """Tensors by groups at a point.

    Attributes:
        function: a polynomial.
        labels: the group of each variable.
        theta: the point (n,).
        direction: u (n,).
        order: of the tensor, 1 to 4.
    """

    function: Polynomial
    labels: tuple[int, ...]
    theta: tuple[float, ...]
    direction: tuple[float, ...]
    order: int = 2

    @property
    def count(self) -> int:
        """S."""
        return max(self.labels) + 1

    def part(self, s: int) -> np.ndarray:
        """Return u inside group s, 0 elsewhere."""
        return np.where(np.asarray(self.labels) == s, np.asarray(self.direction), 0.0)


@dataclass(frozen=True, kw_only=True)
class GroupedRun:
    """A run and its reparameterisation theta = scale theta~ + offset, one scale for each group.

    Attributes:
        function: a polynomial.
        labels: the group of each variable.
        theta: the first point (n,).
        settings: of grouped Newton, as (name, value) pairs.
        scales: a power of two with a sign for each group.
        offsets: one for each variable.
        steps: how many.
    """

    function: Polynomial
    labels: tuple[int, ...]
    theta: tuple[float, ...]
    settings: tuple[tuple[str, Any], ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    steps: int = 3

    @property
    def spread(self) -> tuple[float, ...]:
        """The scale of each variable."""
        return tuple(self.scales[label] for label in self.labels)


@dataclass(frozen=True, kw_only=True)
class Blocks(Function):
    """theta'H theta / 2 with H = Diag(H_1, ..., H_S), a group for each block.

    Attributes:
        spectra: for each block its eigenvalues, positive.
        kind: basis of the blocks, see `orthonormal_basis`.
        seed: names the draw of the bases.
        theta: the point (n,).
        learning_rate: lambda_1 in (0, 2).
        labels: another partition than that of the blocks, or empty.
    """

    spectra: tuple[tuple[float, ...], ...]
    theta: tuple[float, ...]
    kind: str = "identity"
    seed: int = 0
    learning_rate: float = 1.0
    labels: tuple[int, ...] = ()

    family = "quadratic"

    @property
    def id(self) -> str:
        """A name for reports."""
        return f"property-blocks-{self.n}"

    @property
    def n(self) -> int:  # type: ignore[override]
        """The number of parameters."""
        return sum(map(len, self.spectra))

    @property
    def groups(self) -> list[int]:
        """The group of each parameter."""
        own = [s for s, values in enumerate(self.spectra) for _ in values]
        return list(self.labels) if self.labels else own

    @cached_property
    def bases(self) -> list[np.ndarray]:
        """The eigenvectors of each block, as columns."""
        return [
            orthonormal_basis(self.kind, len(values), self.seed + s) for s, values in enumerate(self.spectra)
        ]

    @cached_property
    def hessian(self) -> np.ndarray:
        """H (n, n), symmetric."""
        H, at = np.zeros((self.n, self.n)), 0
        for Q, values in zip(self.bases, self.spectra, strict=True):
            stop = at + len(values)
            H[at:stop, at:stop] = (Q * np.asarray(values)) @ Q.T
            at = stop
        return (H + H.T) / 2

    @property
    def data(self) -> dict[str, Any]:
        """The family's data, as in a problem file."""
        return {"matrix": self.hessian.tolist()}

    def objective(self, theta: Any) -> Any:
        """The quadratic at theta."""
        return quadratic(theta, asarray_like(self.hessian, unboxed(theta)))

    def energy(self, theta: np.ndarray) -> float:
        """Return theta'H theta / 2."""
        return float(theta @ self.hessian @ theta) / 2

    def rate(self, spectra: tuple[tuple[float, ...], ...] | None = None) -> float:
        """max_s ((A_s - a_s) / (A_s + a_s))^2."""
        ends = [(max(values), min(values)) for values in spectra or self.spectra]
        return max(((A - a) / (A + a)) ** 2 for A, a in ends)


@dataclass(frozen=True, kw_only=True)
class CubicModel:
    """-g'eta + eta'H eta/2 + (lam/6) |D eta|^3.

    Attributes:
        H: rows of a symmetric matrix.
        g: (S,).
        lam: at least 0.
        scales: the diagonal of D (S,), each at least 0.
    """

    H: tuple[tuple[float, ...], ...]
    g: tuple[float, ...]
    lam: float
    scales: tuple[float, ...]

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """H, g and d."""
        return np.asarray(self.H), np.asarray(self.g), np.asarray(self.scales)

    def rescaled(self, a: float, b: float) -> CubicModel:
        """Return (a H, a b g, (a/b) lam): its minimizers are b times these, its minimum a b^2 times this."""
        H, g, _ = self.arrays
        return CubicModel(
            H=tuple(map(tuple, (a * H).tolist())),
            g=tuple((a * b * g).tolist()),
            lam=a / b * self.lam,
            scales=self.scales,
        )

    def regrouped(self, c: tuple[float, ...]) -> CubicModel:
        """Return (C H C, C g, C d) with C = diag(c), c > 0: D eta is the same."""
        H, g, d = self.arrays
        C = np.asarray(c)
        return CubicModel(
            H=tuple(map(tuple, (C[:, None] * H * C).tolist())),
            g=tuple((C * g).tolist()),
            lam=self.lam,
            scales=tuple((C * d).tolist()),
        )
