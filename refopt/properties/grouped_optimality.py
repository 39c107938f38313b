"""A bound below the cubic model in rational arithmetic, by which an answer is judged without a solver.

For every rho >= 0 with G(rho) = H + (lam/2) rho D^2 positive definite and every eta (claims, section 3)

    T(eta) >= q(rho) = -g'G(rho)^-1 g / 2 - lam rho^3 / 12,

so T(eta) - q(rho) bounds the excess of any point over the minimum. Elimination in fractions shows that G(rho)
is positive definite and gives q(rho) without a rounding; rho = |D eta| (1 + MARGIN) works in the hard case
too.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from refopt.properties.claims import require
from refopt.properties.grouped_samples import CubicModel

__all__ = [
    "lower_bound",
    "model_rounding",
    "model_size",
    "model_value",
    "require_minimizer",
    "solve_definite",
]

# rho is taken larger than |D eta| by this, which leaves a solver 2^22 u for an error of its radius in the
# hard case, where G(|D eta|) is singular; there the bound falls by as much, relative to the model's terms.
MARGIN = 2.0**-30
EXCESS = 2.0**-27  # of the model's terms: 8 MARGIN


def solve_definite(matrix: Any, right: Any) -> list[Fraction] | None:
    """Solves matrix x = right in fractions; None unless the symmetric matrix is positive definite.

    Args:
        matrix: (S, S), of numbers or fractions.
        right: (S,).
    """
    rows = [[Fraction(x) for x in row] + [Fraction(b)] for row, b in zip(matrix, right, strict=True)]
    S = len(rows)
    for k in range(S):
        if rows[k][k] <= 0:  # the pivots of a symmetric matrix are positive iff it is positive definite
            return None
        for i in range(k + 1, S):
            factor = rows[i][k] / rows[k][k]
            if factor:
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    x: list[Fraction] = []
    for k in reversed(range(S)):
        known = sum((rows[k][k + 1 + j] * y for j, y in enumerate(x)), Fraction(0))
        x.insert(0, (rows[k][S] - known) / rows[k][k])
    return x


def model_value(model: CubicModel, eta: np.ndarray) -> float:
    """T(eta), the quadratic part in fractions."""
    H, g, d = model.arrays
    x = [Fraction(float(value)) for value in eta]
    S = range(len(x))
    slope = [sum(Fraction(float(H[i, j])) * x[j] for j in S) / 2 - Fraction(float(g[i])) for i in S]
    quadratic = sum((x[i] * slope[i] for i in S), Fraction(0))
    return float(quadratic + Fraction(model.lam / 6 * float(np.linalg.norm(d * eta)) ** 3))


def model_size(model: CubicModel, eta: np.ndarray) -> float:
    """The sum of the model's terms without signs at eta."""
    H, g, d = model.arrays
    size = np.abs(eta)
    cubic = model.lam / 6 * np.linalg.norm(d * eta) ** 3
    return float(np.abs(g) @ size + size @ np.abs(H) @ size / 2 + cubic)


def lower_bound(model: CubicModel, rho: float) -> float | None:
    """q(rho), or None where G(rho) is not positive definite."""
    H, g, d = model.arrays
    G = [[Fraction(float(x)) for x in row] for row in H]
    for i, scale in enumerate(d):
        G[i][i] += Fraction(model.lam) / 2 * Fraction(rho) * Fraction(float(scale)) ** 2
    x = solve_definite(G, g)
    if x is None:
        return None
    bound = -sum((Fraction(float(b)) * y for b, y in zip(g, x, strict=True)), Fraction(0)) / 2
    return float(bound - Fraction(model.lam) * Fraction(rho) ** 3 / 12)


def require_minimizer(statement: str, model: CubicModel, eta: np.ndarray, sample: object) -> None:
    """Requires that eta is within rounding of a global minimizer, by the duality gap.

    Args:
        statement: shown in the violation.
        model: with every lam d_i > 0, or H positive definite.
        eta: the point (S,).
        sample: shown in the violation.
    """
    H, g, d = model.arrays
    rho = float(np.linalg.norm(d * eta)) * (1 + MARGIN)
    if rho == 0.0 and model.lam and not np.any(g) and np.all(d > 0):
        # eta = 0 is right iff H is positive semidefinite: then G is definite at every rho > 0, and q -> 0.
        rho = MARGIN * _curvature(model) / model.lam
    bound = 0.0 if rho == 0.0 and not np.any(H) and not np.any(g) else lower_bound(model, rho)
    gap = np.inf if bound is None else model_value(model, eta) - bound
    require(statement, gap, model_rounding(model, eta), sample)


def model_rounding(model: CubicModel, eta: np.ndarray) -> float:
    """What T may differ by at a minimizer that is known up to rounding."""
    return EXCESS * model_size(model, eta) + _minimum_of_rounding(model)


def _curvature(model: CubicModel) -> float:
    """The largest element of H in the coordinates D eta."""
    H, _, d = model.arrays
    return float(np.max(np.abs(H / d / d[:, None])))


def _minimum_of_rounding(model: CubicModel) -> float:
    """How far T may be above its minimum where the minimizer is 0 but for rounding, as for g = 0.

    A curvature of -c from rounding on |D eta|^2 has the minimum -(2/3) c^3 / lam^2.
    """
    if not model.lam or not np.all(model.arrays[2] > 0):
        return 0.0
    return (MARGIN * _curvature(model)) ** 3 / model.lam**2
