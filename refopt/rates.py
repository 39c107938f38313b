"""Learning rates from the ends of a spectrum: the closed forms on quadratics.

For quadratics whose Hessian has its spectrum in [m, L], the settings that minimize the worst asymptotic
contraction q of the distance to the minimizer (Lessard, Recht and Packard 2016, Proposition 1; FOSI paper,
section 3.6), with r = sqrt(3L + m):

    gradient descent   eta* = 2/(L+m)                   q = (L-m)/(L+m)
    heavy ball         eta* = 4/(sqrt L + sqrt m)^2     q = (sqrt L - sqrt m)/(sqrt L + sqrt m), momentum q^2
    Nesterov           eta* = 4/(3L+m)                  q = 1 - 2 sqrt(m)/r,
                                                        momentum (r - 2 sqrt m)/(r + 2 sqrt m)

They are written without the condition number L/m, so that m = 0 is a limit like any other (contraction 1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from refopt.arrays import check_nonnegative, check_positive

CLOSED_FORM = ("gradient_descent", "heavy_ball", "nesterov")
"""The optimizers whose optimal rates on a quadratic are known."""


class Rates(NamedTuple):
    """Optimal settings on the quadratics whose Hessian has its spectrum in [m, L].

    Attributes:
        learning_rate: eta*.
        momentum: beta*, 0 for gradient descent.
        contraction: asymptotic factor of the distance to the minimizer per iteration.
    """

    learning_rate: float
    momentum: float
    contraction: float


def optimal_rates(name: str, largest_eigenvalue: float, smallest_eigenvalue: float) -> Rates:
    """Closed-form optimal rates on quadratics (formulas in the module's text).

    Args:
        name: "gradient_descent", "heavy_ball" or "nesterov".
        largest_eigenvalue: L, positive.
        smallest_eigenvalue: m in [0, L]; at 0 the contraction is 1, and so is the momentum.

    Raises:
        TypeError: when an eigenvalue is no real number.
        ValueError: for another name, or eigenvalues out of range.
    """
    check_positive("largest_eigenvalue", largest_eigenvalue)
    check_nonnegative("smallest_eigenvalue", smallest_eigenvalue)
    L, m = float(largest_eigenvalue), float(smallest_eigenvalue)
    if m > L:
        raise ValueError(f"`smallest_eigenvalue` is {m!r}; it must not exceed `largest_eigenvalue`, {L!r}")
    root_L, root_m, r = math.sqrt(L), math.sqrt(m), math.sqrt(3.0 * L + m)
    if name == "gradient_descent":
        return Rates(2.0 / (L + m), 0.0, (L - m) / (L + m))
    if name == "heavy_ball":
        contraction = (root_L - root_m) / (root_L + root_m)
        return Rates(4.0 / (root_L + root_m) ** 2, contraction**2, contraction)
    if name == "nesterov":
        return Rates(4.0 / (3.0 * L + m), (r - 2.0 * root_m) / (r + 2.0 * root_m), 1.0 - 2.0 * root_m / r)
    raise ValueError(f"`name` is {name!r}; closed forms exist for {', '.join(CLOSED_FORM)}")
