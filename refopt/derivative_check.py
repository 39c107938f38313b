"""Are these derivatives right? Central differences, and the symmetry of the Hessian.

A central difference D(h) is taken at two steps, h and 2h; Richardson's (4 D(h) - D(2h)) / 3 is compared
with the derivative, and |D(h) - D(2h)| plus the rounding of the difference bounds how far the two may
differ by the difference's own error. So a tolerance adapts to the function: no absolute number is asked
for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refopt.arrays import Array, asarray_like, check_count, check_vector, namespace, to_host

SAFETY = 10.0
"""How many times the error estimate a derivative may be off: the estimate holds to the order only."""


class Comparison(NamedTuple):
    """The component where a derivative and its difference disagree most.

    Attributes:
        name: "gradient" or "hvp".
        ratio: |given - difference| / allowed; at most 1 when they agree.
        component: its index; -1 for the derivative along a vector that touches every component.
        given: the derivative's component.
        difference: the central difference.
        allowed: the difference's own error, with a safety factor.
    """

    name: str
    ratio: float
    component: int
    given: float
    difference: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether they agree; NaN never does."""
        return self.ratio <= 1

    def __str__(self) -> str:
        if self.passed:
            return f"{self.name} agrees with central differences ({self.ratio:.2g} of the allowed deviation)"
        return (
            f"{self.name} parts from central differences at component {self.component}: "
            f"given {self.given:.9g}, difference {self.difference:.9g}, allowed deviation {self.allowed:.2g}"
        )


class DerivativeCheck(NamedTuple):
    """The result of `Derivatives.check`.

    Attributes:
        gradient: comparison of the gradient with differences of the value.
        hvp: comparison of a Hessian product with differences of the gradient.
        asymmetry: measured asymmetry of the Hessian products, see `symmetry_defect`.
        asymmetry_allowed: what rounding explains.
    """

    gradient: Comparison
    hvp: Comparison
    asymmetry: float
    asymmetry_allowed: float

    @property
    def passed(self) -> bool:
        """Whether everything agrees."""
        return self.gradient.passed and self.hvp.passed and self.asymmetry <= self.asymmetry_allowed

    def __str__(self) -> str:
        verdict = "within" if self.asymmetry <= self.asymmetry_allowed else "NOT within"
        symmetry = (
            f"hvp has asymmetry {self.asymmetry:.2g}, {verdict} the allowed {self.asymmetry_allowed:.2g}"
        )
        return f"{self.gradient}; {self.hvp}; {symmetry}"


def probe_vectors(like: Array, count: int) -> list[Array]:
    """`count` fixed vectors like `like` with elements cos(2 pi golden (k + 1) i + k), the same every time."""
    i = np.arange(1, like.shape[0] + 1)
    golden = (1 + math.sqrt(5)) / 2
    return [asarray_like(np.cos(math.tau * golden * i * (k + 1) + k), like) for k in range(count)]


def symmetry_defect(hvp: Callable[[Array], Array], theta: Array, probes: int = 3) -> float:
    """How far v -> hvp(v) is from symmetric, measured on pairs of fixed vectors.

    Args:
        hvp: a linear map of vectors like `theta`.
        theta: a vector whose shape, dtype and device the probes take.
        probes: number of vectors, at least 2.

    Returns:
        max |u'Hv - v'Hu| / (|u| |Hv| + |v| |Hu|) over the pairs; 0 for the zero map.
    """
    check_count("probes", probes, 2)
    vectors = probe_vectors(theta, probes)
    u = [to_host(v).astype(np.float64) for v in vectors]
    H_u = [to_host(hvp(v)).astype(np.float64) for v in vectors]
    norm = np.linalg.norm
    worst = 0.0
    for i in range(probes):
        for j in range(i):
            scale = norm(u[i]) * norm(H_u[j]) + norm(u[j]) * norm(H_u[i])
            defect = abs(u[i] @ H_u[j] - u[j] @ H_u[i])
            worst = max(worst, float(defect / scale if scale > 0 else defect))
    return worst


def check_derivatives(
    value: Callable[[Array], Array],
    gradient: Callable[[Array], Array],
    hvp: Callable[[Array, Array], Array],
    theta: Array,
    *,
    components: int = 100,
) -> DerivativeCheck:
    """Compare a gradient and Hessian products with central differences at theta.

    Args:
        value: theta -> scalar.
        gradient: theta -> (n,).
        hvp: (theta, vector) -> (n,).
        theta: the point, (n,).
        components: how many of the gradient's components are compared, evenly spread; a derivative along a
            vector that touches all components is compared in any case.

    Returns:
        Where each parts most from its difference, and the asymmetry of the products.
    """
    check_vector("theta", theta)
    check_count("components", components, 1)
    n = theta.shape[0]
    probe = probe_vectors(theta, 1)[0]
    slope = _check_gradient(value, to_host(gradient(theta)).astype(np.float64), theta, probe, components)
    product = to_host(hvp(theta, probe)).astype(np.float64)
    curvature = _compare("hvp", product, _difference(gradient, theta, probe), list(range(n)))
    # symmetric up to the rounding of inner products and Hessian products of n terms each
    allowed = 16 * math.sqrt(n) * float(namespace(theta).finfo(theta.dtype).eps)
    return DerivativeCheck(slope, curvature, symmetry_defect(lambda v: hvp(theta, v), theta), allowed)


def _check_gradient(
    value: Callable[[Array], Array], gradient: np.ndarray, theta: Array, probe: Array, components: int
) -> Comparison:
    """The worst of the compared components and of the derivative along the probe."""
    checked = sorted({int(i) for i in np.linspace(0, gradient.size - 1, components)})
    units = np.zeros((len(checked), gradient.size))
    units[range(len(checked)), checked] = 1.0
    found = [_difference(value, theta, u) for u in (*(asarray_like(unit, theta) for unit in units), probe)]
    given = np.append(gradient[checked], gradient @ to_host(probe).astype(np.float64))
    return _compare("gradient", given, np.transpose(found), [*checked, -1])


def _difference(function: Callable[[Array], Array], theta: Array, u: Array) -> tuple[np.ndarray, np.ndarray]:
    """Richardson's central difference along u, and its own error."""
    eps = float(namespace(theta).finfo(theta.dtype).eps)
    size = max(1.0, float(np.max(np.abs(to_host(theta)))))
    h = eps ** (1 / 5) * size / 4  # near the best step of a difference of fourth order
    at = [to_host(function(theta + t * h * u)).astype(np.float64) for t in (1, -1, 2, -2)]
    near, far = (at[0] - at[1]) / (2 * h), (at[2] - at[3]) / (4 * h)
    rounding = eps * (np.max(np.abs(at)) + size * np.max(np.abs(near))) / h  # of values and points
    return (4 * near - far) / 3, np.abs(near - far) + rounding


def _compare(
    name: str, given: np.ndarray, difference: tuple | np.ndarray, components: list[int]
) -> Comparison:
    """The component that deviates most in terms of what is allowed; NaN deviates most of all."""
    found, error = difference
    allowed = SAFETY * error + np.finfo(np.float64).tiny
    ratio = np.abs(given - found) / allowed
    worst = int(np.argmax(np.where(np.isnan(ratio), np.inf, ratio)))
    numbers = (float(a[worst]) for a in (given, found, allowed))
    return Comparison(name, float(ratio[worst]), components[worst], *numbers)
