"""The cubic model of grouped Newton (section 4.2, appendix D; claims D1 to D12 and section 3).

Nothing here solves a model: an answer is judged by what makes it right for every D >= 0 and lam >= 0, namely
G(r) eta = g with r = |D eta| and G(r) = H + (lam/2) r D^2 positive semidefinite, through the identity

    T(x) - T(eta) = d'G d/2 + (lam/12) (|Dx| - r)^2 (2 |Dx| + r),   d = x - eta          (claim D12)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refopt.properties.claims import UNIT, ask, require, require_array
from refopt.properties.grouped_samples import CubicModel

__all__ = [
    "check_cubic_beats_samples",
    "check_cubic_certificate",
    "check_cubic_monotone",
    "check_cubic_regrouping",
    "check_cubic_scale_law",
    "check_cubic_unbounded",
    "check_cubic_value_not_positive",
]

# Relative to the size of the model's terms. The float64 solve of the claims' section 3 stays below 2e-15. A
# solver that looks for r itself, instead of r less its lower bound, loses u over the relative distance of the
# two, 2^-22 and more in the samples.
TOLERANCE = 2.0**-30


def _solve(adapter: Any, model: CubicModel, sample: object) -> np.ndarray | None:
    """The adapter's minimizer, or None where it calls the model unbounded."""
    H, g, d = model.arrays
    answer = ask(adapter, "cubic_minimizer", H=H, g=g, lam=model.lam, scales=d)
    if not bool(answer.get("bounded", True)):
        return None
    return require_array(answer, "minimizer", (len(g),), sample)


def _terms(model: CubicModel, eta: np.ndarray) -> np.ndarray:
    H, g, d = model.arrays
    cubic = model.lam / 6 * np.linalg.norm(d * eta) ** 3
    return np.array([-(g @ eta), eta @ H @ eta / 2, cubic])


def _value(model: CubicModel, eta: np.ndarray) -> float:
    return float(np.sum(_terms(model, eta)))


def _size(model: CubicModel, eta: np.ndarray) -> float:
    """The sum of the model's terms without signs at eta."""
    H, g, _ = model.arrays
    size = np.abs(eta)
    return float(np.abs(g) @ size + size @ np.abs(H) @ size / 2 + abs(_terms(model, eta)[2]))


def _bounded(adapter: Any, model: CubicModel, sample: object) -> np.ndarray:
    eta = _solve(adapter, model, sample)
    require(
        "A model with lam > 0 and every d_i > 0 has a minimum (claim D3).", float(eta is None), 0.0, sample
    )
    return np.zeros(len(model.g)) if eta is None else eta


def check_cubic_certificate(adapter: Any, sample: CubicModel) -> None:
    """Claims D7, D9, D12: G(r) eta = g with r = |D eta|, and G(r) positive semidefinite, at the answer."""
    H, g, d = sample.arrays
    eta = _bounded(adapter, sample, sample)
    r = float(np.linalg.norm(d * eta))
    E = d * np.sqrt(max(sample.lam, np.finfo(float).tiny))  # D eta coordinates: scales of groups do not count
    G = H + sample.lam / 2 * r * np.diag(d**2)
    scaled, rhs = G / E[:, None] / E, g / E
    x = E * eta
    plain = H / E[:, None] / E
    norm = float(np.linalg.norm(plain, 2) + np.max(sample.lam / 2 * r * (d / E) ** 2))
    size = norm * float(np.linalg.norm(x)) + float(np.linalg.norm(rhs))
    require(
        "G(r) eta = g at a minimizer (claim D9).",
        float(np.linalg.norm(scaled @ x - rhs)),
        TOLERANCE * size,
        sample,
    )
    eigenvalues = np.linalg.eigvalsh(scaled)
    require(
        "G(r) is positive semidefinite at a global minimizer (claims D7, D9).",
        -float(eigenvalues[0]),
        TOLERANCE * norm,  # a fault of relative size eps in r moves G by eps times its largest part
        sample,
    )


def check_cubic_value_not_positive(adapter: Any, sample: CubicModel) -> None:
    """Claims section 3: T* = -g'eta*/2 - (lam/12) r^3 <= 0, since eta = 0 gives 0."""
    _, g, d = sample.arrays
    eta = _bounded(adapter, sample, sample)
    found, size = _value(sample, eta), _size(sample, eta)
    identity = -(g @ eta) / 2 - sample.lam / 12 * np.linalg.norm(d * eta) ** 3
    require("The minimum is not above 0 (T(0) = 0).", found, TOLERANCE * size, sample)
    require(
        "T* = -g'eta/2 - lam r^3 / 12 (claims section 3).", abs(found - identity), TOLERANCE * size, sample
    )


def check_cubic_beats_samples(adapter: Any, sample: CubicModel) -> None:
    """Claim D8: no point is better; tried are the answer mirrored, scaled, and along each eigenvector."""
    H, _, d = sample.arrays
    eta = _bounded(adapter, sample, sample)
    step = max(float(np.linalg.norm(eta)), 1e-3)
    rays = np.linalg.eigh(H)[1].T
    tried = [-eta, 0 * eta, *(s * eta for s in (0.5, 0.9, 1.1, 2.0))]
    tried += [eta + s * step * ray for ray in rays for s in (-2.0, -1.0, -0.1, 0.1, 1.0, 2.0)]
    tried += [eta - 2 * (d * eta @ (d * ray)) / max(float(d * ray @ (d * ray)), 1e-300) * ray for ray in rays]
    best = min(_value(sample, x) for x in tried)
    require(
        "No other point has a smaller value (claim D8).",
        _value(sample, eta) - best,
        TOLERANCE * max(_size(sample, x) for x in (eta, *tried[2:4])),
        sample,
    )


def check_cubic_scale_law(adapter: Any, sample: CubicModel) -> None:
    """Claims section 5: (aH, ab g, lam a/b) has the minimum a b^2 T*, for a, b > 0."""
    eta = _bounded(adapter, sample, sample)
    for a, b in ((4.0, 0.5), (2.0**-20, 2.0**12), (2.0**30, 2.0**-9)):
        other = sample.rescaled(a, b)
        found = _bounded(adapter, other, sample)
        require(
            "The minimum scales with a b^2 (claims section 5).",
            abs(_value(other, found) / (a * b * b) - _value(sample, eta)),
            TOLERANCE * _size(sample, eta),
            sample,
        )


def check_cubic_regrouping(adapter: Any, sample: CubicModel) -> None:
    """Claims E6 and section 5: (CHC, Cg, Cd) with C = diag(c), c > 0, has the same minimum."""
    eta = _bounded(adapter, sample, sample)
    S = len(sample.g)
    for power in (-12.0, 9.0):
        c = tuple(2.0 ** (power * (s + 1) / S // 1) for s in range(S))
        other = sample.regrouped(c)
        found = _bounded(adapter, other, sample)
        require(
            "The minimum does not depend on the groups' scales (claim E6).",
            abs(_value(other, found) - _value(sample, eta)),
            TOLERANCE * _size(sample, eta),
            sample,
        )


def check_cubic_monotone(adapter: Any, sample: CubicModel) -> None:
    """Claims section 5: T* does not fall when lam grows."""
    models = [
        CubicModel(H=sample.H, g=sample.g, lam=factor * sample.lam, scales=sample.scales)
        for factor in (1.0, 2.0, 16.0)
    ]
    etas = [_bounded(adapter, model, sample) for model in models]
    values = [_value(model, eta) for model, eta in zip(models, etas, strict=True)]
    fall = max(values[0] - values[1], values[1] - values[2])
    require("T* grows with lam (claims section 5).", fall, TOLERANCE * _size(sample, etas[0]), sample)


def check_cubic_unbounded(adapter: Any, sample: CubicModel) -> None:
    """Claim D3: without a cubic term along negative curvature there is no minimum, and it is said.

    The sample's first group has d = 0 and H[0, 0] < 0; with that element positive and dominant there is one.
    """
    eta = _solve(adapter, sample, sample)
    require("Negative curvature where d = 0 has no minimum (claim D3).", float(eta is not None), 0.0, sample)
    H, _, _ = sample.arrays
    H = H.copy()
    H[0, 0] = 1.0 + float(np.sum(np.abs(H[0])) + np.max(np.abs(H[1:, 1:]), initial=0.0))
    lifted = CubicModel(H=tuple(map(tuple, H.tolist())), g=sample.g, lam=sample.lam, scales=sample.scales)
    eta = _solve(adapter, lifted, sample)
    require("Positive curvature where d = 0 has a minimum (claim D3).", float(eta is None), 0.0, sample)
    assert eta is not None
    residual = float(lifted.arrays[0][0] @ eta - sample.g[0])
    scale = float(np.abs(lifted.arrays[0][0]) @ np.abs(eta) + abs(sample.g[0])) + UNIT
    require("H eta = g where d = 0 (claims section 3).", abs(residual), TOLERANCE * scale, sample)
