"""Steps and runs of grouped Newton (sections 4.1, 4.3, appendices C, E, F; claims B4-B6, E1-E7, F1-F10)."""

from __future__ import annotations

from typing import Any

import numpy as np

from refopt.properties.claims import SLACK, UNIT, ask, require, require_array
from refopt.properties.grouped_samples import Blocks, GroupedRun, Polynomial

__all__ = [
    "check_cauchy_from_trivial",
    "check_finer_is_not_worse",
    "check_grouped_invariance",
    "check_newton_from_discrete",
    "check_theorem_1",
    "check_theorem_1_is_tight",
    "check_whole_rate",
]

NUDGE = 2.0**-36  # relative change of the start by which the amplification of a run is measured
LARGEST_AMPLIFICATION = 1e7  # beyond, a run says nothing about rounding


def _step(adapter: Any, problem: Any, groups: list[int], theta: np.ndarray, **settings: Any) -> Any:
    """One step with lambda_int = 0, eq. 8."""
    return ask(
        adapter,
        "grouped_newton_step",
        problem=problem,
        settings={"internal_damping": 0.0, **settings},
        groups=groups,
        theta=theta,
    )


def _next(adapter: Any, sample: Blocks, groups: list[int] | None = None) -> np.ndarray:
    answer = _step(
        adapter,
        sample,
        sample.groups if groups is None else groups,
        np.asarray(sample.theta),
        learning_rate=sample.learning_rate,
    )
    return require_array(answer, "theta_next", (sample.n,), sample)


def _rounding(sample: Blocks) -> float:
    """Rounding of L(theta_next): theta is known to u|theta|, eta to the condition of H_bar times n u."""
    ends = [value for values in sample.spectra for value in values]
    size = float(np.linalg.norm(sample.theta))
    return SLACK * sample.n**2 * UNIT * max(ends) ** 2 / min(ends) * size**2


def check_theorem_1(adapter: Any, sample: Blocks) -> None:
    """Theorem 1 with claims F1, F9: a step of size l contracts L by 1 - (2 l - l^2)(1 - max_s R_s).

    H is block-diagonal, u = g, l in (0, 2), R_s = ((A_s - a_s)/(A_s + a_s))^2; l = 1 gives max_s R_s. Groups
    whose gradient is 0 are left out.
    """
    rate = sample.learning_rate
    bound = 1 - (2 * rate - rate**2) * (1 - sample.rate())
    before, after = sample.energy(np.asarray(sample.theta)), sample.energy(_next(adapter, sample))
    require("A step contracts by Theorem 1's rate.", after - bound * before, _rounding(sample), sample)


def check_theorem_1_is_tight(adapter: Any, sample: Blocks) -> None:
    """Theorem 1's equality with claims F5, F6: where all R_s are equal, L contracts by exactly max_s R_s.

    The start is theta = H_s^-1 (e_min + e_max) in each block, with the block's own eigenvectors; the equality
    holds at every step from there.
    """
    theta = np.asarray(sample.theta)
    for _ in range(3):
        before = sample.energy(theta)
        answer = _step(adapter, sample, sample.groups, theta)
        theta = require_array(answer, "theta_next", (sample.n,), sample)
        defect = abs(sample.energy(theta) - sample.rate() * before)
        require("Theorem 1's rate is attained (claim F5).", defect, _rounding(sample), sample)


def check_whole_rate(adapter: Any, sample: Blocks) -> None:
    """Claim F10: with u = g a step contracts at least by the whole H's ((A - a)/(A + a))^2, Cauchy's rate.

    For every partition and every positive definite H.
    """
    whole = tuple(value for values in sample.spectra for value in values)
    before, after = sample.energy(np.asarray(sample.theta)), sample.energy(_next(adapter, sample))
    require(
        "No partition is worse than Cauchy's rate on the whole H (claim F10).",
        after - sample.rate((whole,)) * before,
        _rounding(sample),
        sample,
    )


def check_finer_is_not_worse(adapter: Any, sample: Blocks) -> None:
    """Remark 1 with claim F7: from one point, a refinement of the partition loses nothing in one step.

    It is false over two steps: diag(1, 4, 4) from (-1, -1, -2).
    """
    coarse = _next(adapter, sample)
    fine = _next(adapter, sample, list(range(sample.n)))
    require(
        "A finer partition decreases the quadratic at least as much in one step (claim F7).",
        sample.energy(fine) - sample.energy(coarse),
        _rounding(sample),
        sample,
    )


def check_newton_from_discrete(adapter: Any, sample: Blocks) -> None:
    """Section 4.3 with claim B4: the discrete partition, lambda_int = 0, no g_p = 0 give Newton's step."""
    theta = _next(adapter, sample, list(range(sample.n)))
    left = (1.0 - sample.learning_rate) * np.asarray(sample.theta)
    ends = [value for values in sample.spectra for value in values]
    allowed = SLACK * sample.n**2 * UNIT * max(ends) / min(ends) * float(np.linalg.norm(sample.theta))
    # H_bar = U H U is as badly conditioned as u is uneven, but for the scaling of its rows.
    g = np.abs(sample.hessian @ np.asarray(sample.theta))
    allowed *= float(np.max(g) / np.min(g))
    require(
        "From the discrete partition grouped Newton is Newton's method (section 4.3).",
        float(np.max(np.abs(theta - left))),
        allowed,
        sample,
    )


def check_cauchy_from_trivial(adapter: Any, sample: Blocks) -> None:
    """Section 4.3 with claims B5, B6: the trivial partition and lambda_int = 0 give Cauchy's step."""
    theta, start = _next(adapter, sample, [0] * sample.n), np.asarray(sample.theta)
    g = sample.hessian @ start
    wanted = start - sample.learning_rate * (g @ g) / (g @ sample.hessian @ g) * g
    ends = [value for values in sample.spectra for value in values]
    allowed = SLACK * sample.n * UNIT * max(ends) / min(ends) * float(np.linalg.norm(start))
    require(
        "From the trivial partition grouped Newton is Cauchy's steepest descent (section 4.3).",
        float(np.max(np.abs(theta - wanted))),
        allowed,
        sample,
    )


def _run(adapter: Any, sample: GroupedRun, function: Polynomial, theta: np.ndarray) -> np.ndarray:
    answer = ask(
        adapter,
        "grouped_newton_run",
        problem=function,
        settings=dict(sample.settings),
        groups=list(sample.labels),
        theta=theta,
        steps=sample.steps,
    )
    return require_array(answer, "thetas", (sample.steps + 1, function.n), sample)


def check_grouped_invariance(adapter: Any, sample: GroupedRun) -> None:
    """Section 4.3, appendix E, claims E1 to E5: the trajectory survives theta_s = alpha_s theta~_s + beta_s.

    With alpha_s of any sign, for Method 1, momentum, the diagonal form and Algorithm 4. A damping by lambda I
    or an isotropic cubic term breaks it (claims E9, E10).
    """
    a, b = np.asarray(sample.spread), np.asarray(sample.offsets)
    theta = np.asarray(sample.theta)
    here = _run(adapter, sample, sample.function, theta)
    nudged = _run(adapter, sample, sample.function, theta * (1 + NUDGE * np.cos(np.arange(len(theta)) + 1)))
    size = float(np.max(np.abs(here)) + np.max(np.abs(b)))
    amplification = float(np.max(np.abs(nudged - here))) / (NUDGE * size) + 1.0
    if not amplification < LARGEST_AMPLIFICATION:
        return
    other = sample.function.reparameterised(sample.spread, sample.offsets)
    there = a * _run(adapter, sample, other, (theta - b) / a) + b
    terms = sum(abs(c) * float(sum(powers) + 1) for c, powers in other.terms)
    require(
        "The trajectory is invariant under affine reparameterisation inside the groups (appendix E).",
        float(np.max(np.abs(there - here))),
        SLACK * UNIT * (1.0 + terms) * amplification * size,
        sample,
    )
