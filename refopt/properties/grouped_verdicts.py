"""What the cubic solve must find, whatever its route (section 4.2, appendix E; claims D3, D12, E6 to E10)."""

from __future__ import annotations

from typing import Any

import numpy as np

from refopt.properties.claims import SLACK, UNIT, PropertyViolation, ask, require, require_array
from refopt.properties.grouped_optimality import model_rounding, model_value, require_minimizer
from refopt.properties.grouped_samples import CubicModel, TensorSample
from refopt.properties.grouped_situations import OneGroup, Rescaling, Verdict

__all__ = [
    "check_cubic_covariance",
    "check_cubic_duality_gap",
    "check_cubic_verdict",
    "check_damping_breaks_invariance",
    "check_direction_span",
    "check_isotropic_cubic_breaks_invariance",
]


def _answer(adapter: Any, model: tuple, lam: float, sample: object) -> dict[str, Any]:
    H, g, d = model
    answer = ask(adapter, "cubic_minimizer", H=H, g=g, lam=lam, scales=d)
    if "bounded" not in answer:
        raise PropertyViolation("The answer names `bounded`.", np.nan, 0.0, sample)
    return answer


def _bounded_answer(adapter: Any, model: CubicModel, sample: object) -> tuple[np.ndarray, dict[str, Any]]:
    answer = _answer(adapter, model.arrays, model.lam, sample)
    if not answer["bounded"]:
        raise PropertyViolation(
            "A model with lam > 0 and every d_i > 0 has a minimum (claim D3).", 1.0, 0.0, sample
        )
    return require_array(answer, "minimizer", (len(model.g),), sample), answer


def _minimizer(adapter: Any, model: CubicModel, sample: object) -> np.ndarray:
    return _bounded_answer(adapter, model, sample)[0]


def check_cubic_duality_gap(adapter: Any, sample: CubicModel) -> None:
    """Claim D12, section 3: T(eta) exceeds the dual bound q(rho) by rounding only, in rational arithmetic.

    Where the answer states `value` or `radius`, they are T and |D eta| at the answer.
    """
    H, g, d = sample.arrays
    eta, answer = _bounded_answer(adapter, sample, sample)
    require_minimizer("The duality gap of the minimizer closes (claims section 3).", sample, eta, sample)
    if "radius" in answer:
        radius = float(np.asarray(answer["radius"]))
        size = float(np.linalg.norm(d * eta))
        # Near g = 0 and a singular H the radius is itself a rounding of 0.
        spread = size + float(np.max(np.abs(H / d / d[:, None]), initial=0.0)) / sample.lam
        require("`radius` is |D eta|.", abs(radius - size), SLACK * len(g) * UNIT * spread, sample)
    if "value" in answer:
        # Its error is that of the minimum, which may come from the identity -g'eta/2 - lam r^3/12.
        defect = abs(float(np.asarray(answer["value"])) - model_value(sample, eta))
        require("`value` is the model at the minimizer.", defect, model_rounding(sample, eta), sample)


def check_cubic_verdict(adapter: Any, sample: Verdict) -> None:
    """Claim D3: where d_i = 0 a model is unbounded by curvature, by slope or by coupling, or it is not.

    Bounded iff for all v with D v = 0 (all v where lam = 0): v'H v >= 0, and v'H v = 0 implies H v = 0 and
    g'v = 0. The verdict does not depend on the order, sign and scale of the groups.
    """
    H, g, d = sample.arrays
    answer = _answer(adapter, sample.arrays, sample.lam, sample)
    kind = "has a minimum" if sample.bounded else "has no minimum"
    require(f"This model {kind} (claim D3).", float(bool(answer["bounded"]) != sample.bounded), 0.0, sample)
    if sample.bounded:
        eta = require_array(answer, "minimizer", g.shape, sample)
        wanted = np.array([sample.value])
        found = -g @ eta + eta @ H @ eta / 2 + sample.lam / 6 * np.linalg.norm(d * eta) ** 3
        size = float(np.abs(g) @ np.abs(eta)) + abs(sample.value)
        require(
            "The minimizer has the model's minimum (claims section 2).",
            float(np.max(np.abs(found - wanted))),
            SLACK * UNIT * size,
            sample,
        )


def check_cubic_covariance(adapter: Any, sample: Rescaling) -> None:
    """Claims E6, section 5: minimizers of (a CHC, a b Cg, (a/b)^(1/3) CD) are those of (H, g, D) by b C^-1.

    With a, b > 0 and C = diag(c) of any signs: D eta and T/(a b^2) are invariant. a/b is a power of 8 and the
    others powers of 2, so that nothing is rounded on the way.
    """
    eta = _minimizer(adapter, sample.transformed, sample) * np.asarray(sample.factors) / sample.b
    require_minimizer(
        "A minimizer of the rescaled model is one of the model, rescaled (claim E6).",
        sample.model,
        eta,
        sample,
    )


def check_direction_span(adapter: Any, sample: TensorSample) -> None:
    """Claim E7: u_s -> c_s u_s, c_s not 0, changes no step: only the spans of the u_s count."""
    c = np.array([(-1.0) ** s * 2.0 ** (3 * s - 2) for s in range(sample.count)])
    models = []
    for factors in (np.ones_like(c), c):
        answer = ask(
            adapter,
            "summary",
            problem=sample.function,
            theta=np.asarray(sample.theta),
            direction=np.asarray(sample.direction) * factors[list(sample.labels)],
            groups=list(sample.labels),
        )
        S = sample.count
        H = require_array(answer, "H_bar", (S, S), sample)
        g = require_array(answer, "g_bar", (S,), sample)
        third = require_array(answer, "third_diagonal", (S,), sample)
        scales = tuple((np.abs(third) ** (1 / 3)).tolist())
        models.append(
            CubicModel(H=tuple(map(tuple, H.tolist())), g=tuple(g.tolist()), lam=1.0, scales=scales)
        )
    exact = [sample.function.derivative(sample.theta, *[sample.part(s)] * 3) for s in range(sample.count)]
    if not all(exact):  # some d_i = 0: the other properties speak of that
        return
    eta = c * _minimizer(adapter, models[1], sample)
    require_minimizer(
        "Rescaling the direction inside the groups changes no step (claim E7).", models[0], eta, sample
    )


def _in_two_parameterizations(
    adapter: Any, sample: OneGroup, damping: float, lam: float
) -> tuple[float, float]:
    """The answers eta and a^2 eta~ to one group's model with u = g, in theta and in theta~ = theta / a."""
    found = []
    for a in (1.0, sample.scale):
        H, g = np.array([[a**4 * sample.curvature + damping]]), np.array([a**2 * sample.slope])
        answer = _answer(adapter, (H, g, None), lam, sample)
        found.append(a**2 * float(require_array(answer, "minimizer", (1,), sample)[0]))
    return found[0], found[1]


def _require_broken(
    found: tuple[float, float], wanted: tuple[float, float], what: str, sample: object
) -> None:
    for answer, closed in zip(found, wanted, strict=True):
        require(
            f"The step with {what} is its closed form.",
            abs(answer - closed),
            SLACK * UNIT * abs(closed),
            sample,
        )
    change = abs(wanted[0] - wanted[1])
    require(
        f"A step with {what} depends on the parameterization.",
        change / 2 - abs(found[0] - found[1]),
        0.0,
        sample,
    )


def check_damping_breaks_invariance(adapter: Any, sample: OneGroup) -> None:
    """Claim E9: H_bar + lambda I is not invariant: 1/2 and 16/17 for H = g = lambda = 1 and a = 2."""
    wanted = tuple(
        sample.slope / (sample.curvature + sample.strength / a**4) for a in (1.0, abs(sample.scale))
    )
    found = _in_two_parameterizations(adapter, sample, sample.strength, 0.0)
    _require_broken(found, (wanted[0], wanted[1]), "lambda I added to H_bar", sample)


def check_isotropic_cubic_breaks_invariance(adapter: Any, sample: OneGroup) -> None:
    """Claim E10: D = I, Nesterov and Polyak's cubic term, is not invariant under theta = a theta~.

    eta = 2g / (H + sqrt(H^2 + 2 lam g / a^6)); with H = g = 1 and lam = 2 it is 0.6180 for a = 1 and
    4(sqrt 68 - 8) for a = 2.
    """
    h, g, lam = sample.curvature, sample.slope, sample.strength
    wanted = tuple(2 * g / (h + (h * h + 2 * lam * g / a**6) ** 0.5) for a in (1.0, abs(sample.scale)))
    found = _in_two_parameterizations(adapter, sample, 0.0, lam)
    _require_broken(found, (wanted[0], wanted[1]), "D = I in the cubic term", sample)
