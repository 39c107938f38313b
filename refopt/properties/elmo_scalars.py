"""ELMO's step for one eigenpair (AMOS paper, section 3, appendices C, H and M; facts F1 to F8 of the ledger).

The bounds M and m are evaluated exactly, over the rationals, at the answer: nothing here solves for the step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refopt.properties.claims import ask, require, require_array
from refopt.properties.elmo_samples import Triple

__all__ = [
    "check_elmo_largest_step",
    "check_elmo_limits",
    "check_elmo_lower_bound",
    "check_elmo_minimum",
    "check_elmo_monotone",
    "check_elmo_scaling",
    "check_elmo_step_size_bounds",
    "check_elmo_values",
    "check_relative_regret",
]

TOLERANCE = 2.0**-45  # relative; the safe rule of the ledger's section 4 stays below 2^-50


def _step(adapter: Any, triple: Triple, sample: object) -> float:
    g, lam, L = triple.arrays
    answer = ask(adapter, "elmo_scalar", slope=g, curvature=lam, lipschitz=L)
    return float(require_array(answer, "step_size", (1,), sample)[0])


def _quantity(adapter: Any, triple: Triple, name: str, sample: object) -> float | None:
    """An optional quantity of the answer, None where it is not given."""
    g, lam, L = triple.arrays
    answer = ask(adapter, "elmo_scalar", slope=g, curvature=lam, lipschitz=L)
    return float(require_array(answer, name, (1,), sample)[0]) if name in answer else None


def check_elmo_minimum(adapter: Any, sample: Triple) -> None:
    """Eq. 7, F1: g = lam x* + L x*^2 / 2 at the step, and no other point has a smaller M."""
    x = _step(adapter, sample, sample)
    require("The step is not negative (eq. 7).", -x, 0.0, sample)
    g, lam, L = sample.slope, sample.curvature, sample.lipschitz
    residual = abs(g - lam * x - L * x * x / 2)
    require("M'(x*) = 0 (F1).", residual, TOLERANCE * (g + abs(lam) * x + L * x * x / 2), sample)
    tried = [0.0, -x, *(x * (1 + d) for d in (*sample.deviations, -0.5, 0.5, 1.0, 4.0))]
    tried.append(2 * abs(lam) / L)
    best = min(tried, key=sample.bound)
    require(
        "No other point has a smaller M (eq. 7).",
        float(sample.bound(x) - sample.bound(best)),
        TOLERANCE * sample.size(x),
        sample,
    )


def check_elmo_values(adapter: Any, sample: Triple) -> None:
    """F2, F3, lemma C.2: the bounds are M and m at the step, and |M*| <= |m*| <= 5 |M*|."""
    x = _step(adapter, sample, sample)
    upper, lower = (_quantity(adapter, sample, name, sample) for name in ("upper", "lower"))
    for found, side, name in ((upper, 1, "M"), (lower, -1, "m")):
        if found is not None:
            defect = abs(float(sample.bound(x, side)) - found)
            require(f"The bound is {name} at the step.", defect, TOLERANCE * sample.size(x), sample)
    if upper is not None and lower is not None:
        slack = 1 + TOLERANCE
        require("|m*| <= 5 |M*| (lemma C.2).", abs(lower), 5 * abs(upper) * slack, sample)
        require("|M*| <= |m*| (F4).", abs(upper), abs(lower) * slack, sample)


def check_elmo_scaling(adapter: Any, sample: Triple) -> None:
    """Section 0 of the ledger: a f has the same step; f(c x) has the step divided by c."""
    x = _step(adapter, sample, sample)
    for a, c in ((2.0**20, 1.0), (2.0**-30, 1.0), (1.0, 2.0**9), (1.0, 2.0**-12)):
        found = _step(adapter, sample.scaled(a, c), sample)
        require("The step is invariant (F1).", abs(found * c - x), TOLERANCE * x, sample)


def check_elmo_monotone(adapter: Any, sample: Triple) -> None:
    """F7: the step falls in lam and in L, and rises in g."""
    g, lam, L = sample.slope, sample.curvature, sample.lipschitz
    x = _step(adapter, sample, sample)
    for triple, sign in (
        (Triple(g, lam + abs(lam) / 4 + L * x, L), 1),
        (Triple(g, lam, 1.5 * L), 1),
        (Triple(1.5 * g, lam, L), -1),
    ):
        other = _step(adapter, triple, sample)
        require("The step falls in lam and L and rises in g (F7).", sign * (other - x), 0.0, sample)


def check_elmo_largest_step(adapter: Any, sample: Triple) -> None:
    """F8: M(x_max) = 0, and x_max / x* is above sqrt 3, sqrt 3 or in (3/2, sqrt 3) by the sign of lam."""
    x, largest = _step(adapter, sample, sample), _quantity(adapter, sample, "largest_step", sample)
    if largest is None:
        return
    size = TOLERANCE * sample.size(largest)
    require("M(x_max) = 0 (F8).", abs(float(sample.bound(largest))), size, sample)
    ratio, root = largest / x, 3.0**0.5
    low, high = (root, 2.0) if sample.curvature > 0 else (1.5, root) if sample.curvature < 0 else (root, root)
    require("x_max / x* is in its range (F8).", low * (1 - TOLERANCE) - ratio, 0.0, sample)
    require("x_max / x* is in its range (F8).", ratio - high * (1 + TOLERANCE), 0.0, sample)


def check_elmo_step_size_bounds(adapter: Any, sample: Triple) -> None:
    """Lemma M.5 corrected: x* <= sqrt(2g/L) for lam >= 0; between max and sum of the two terms below 0."""
    x = _step(adapter, sample, sample)
    g, lam, L = sample.slope, sample.curvature, sample.lipschitz
    root, kink = (2 * g) ** 0.5 / L**0.5, 2 * abs(lam) / L
    if lam >= 0:
        require("x* <= sqrt(2g/L) (lemma M.5).", x, root * (1 + TOLERANCE), sample)
        return
    require("x* <= 2|lam|/L + sqrt(2g/L) (lemma M.5 corrected).", x, (kink + root) * (1 + TOLERANCE), sample)
    require(
        "x* >= max(2|lam|/L, sqrt(2g/L)) (lemma M.5 corrected).",
        max(kink, root) * (1 - TOLERANCE) - x,
        0.0,
        sample,
    )


def check_relative_regret(adapter: Any, sample: Triple) -> None:
    """Theorem 3.3 corrected: d^2 <= 1 - M(x*(1+d))/M* <= d^2/d_max^2 for every d between -1 and d_max."""
    x = _step(adapter, sample, sample)
    largest = _quantity(adapter, sample, "largest_step", sample)
    upper = _quantity(adapter, sample, "upper", sample)
    if largest is None or upper is None:
        return
    d_max = largest / x - 1
    for d in sample.deviations:
        if not -1 <= d <= d_max:
            continue
        at = x * (1 + d)
        d = at / x - 1  # what the rounded point says
        regret = 1 - float(sample.bound(at)) / upper
        slack = TOLERANCE * sample.size(at) / abs(upper) + TOLERANCE
        require("The relative regret is at least d^2.", d * d - regret, slack, sample)
        require(
            "The relative regret is at most d^2/d_max^2.", regret - d * d / d_max**2, slack / d_max**2, sample
        )


def check_elmo_lower_bound(adapter: Any, sample: Triple) -> None:
    """F4: m*/M* = (4R - lam)/(2R + lam) with R = lam + L x*."""
    x = _step(adapter, sample, sample)
    upper, lower = (_quantity(adapter, sample, name, sample) for name in ("upper", "lower"))
    if upper is None or lower is None:
        return
    root = np.hypot(sample.curvature, (2 * sample.lipschitz * sample.slope) ** 0.5)
    ratio = (4 * root - sample.curvature) / (2 * root + sample.curvature)
    require("m*/M* = (4R - lam)/(2R + lam) (F4).", abs(lower - ratio * upper), TOLERANCE * abs(lower), sample)
    require("L x* = R - lam (F1).", abs(sample.lipschitz * x - (root - sample.curvature)),
            TOLERANCE * (root + abs(sample.curvature)), sample)  # fmt: skip


def check_elmo_limits(adapter: Any, sample: Triple) -> None:
    """H.1 to H.3 with exact constants: M* for L to infinity, and for L to 0 by the sign of lam."""
    g, lam = sample.slope, sample.curvature
    scale = g if lam == 0 else g + lam * lam
    large = _quantity(adapter, Triple(g, lam, 2.0**60 * scale), "upper", sample)
    if large is None:
        return
    L = 2.0**60 * scale
    leading = -(8**0.5 / 3) * g**1.5 / L**0.5 + lam * g / L
    rest = 2 * lam * lam * g**0.5 / L**1.5 + TOLERANCE * abs(leading)
    require("M* = -(2 sqrt2/3) g^(3/2) L^(-1/2) + lam g/L + ... (H.1).", abs(large - leading), rest, sample)
    if lam == 0:
        return
    L = 2.0**-40 * lam * lam / g
    small = _quantity(adapter, Triple(g, lam, L), "upper", sample)
    assert small is not None
    if lam > 0:
        leading, rest = -g * g / (2 * lam) + g**3 * L / (6 * lam**3), g**4 * L**2 / (4 * lam**5)
        statement = "M* = -g^2/(2 lam) + g^3 L/(6 lam^3) + O(L^2) (H.3)."
    else:
        leading, rest = -(2 / 3) * abs(lam) ** 3 / L**2 - 2 * abs(lam) * g / L, g * g / abs(lam)
        statement = "M* = -(2/3)|lam|^3/L^2 - 2|lam| g/L + O(1) (H.2)."
    require(statement, abs(small - leading), rest + TOLERANCE * abs(leading), sample)
