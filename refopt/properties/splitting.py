"""One FOSI step as two steps that do not see each other (section 3.2, figure 1, section 3.4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from refopt.properties.claims import SLACK, UNIT, ask, require, require_array
from refopt.properties.samples import StepSample
from refopt.properties.stepping import diagonal_base, fosi_answer, identity_base

__all__ = [
    "check_complete_newton",
    "check_descent",
    "check_momentum_split",
    "check_newton_direction_forms",
    "check_newton_rate",
    "check_orthogonal_parts",
    "check_separability",
    "check_warmup_is_base",
]


def _parts(adapter: Any, sample: StepSample) -> dict[str, np.ndarray]:
    """The vectors of one step with the diagonal base, all (n,)."""
    answer = fosi_answer(adapter, sample, diagonal_base(sample), np.asarray(sample.gradient))
    names = ("gradient_in", "gradient_out", "newton_direction", "base_direction", "theta_next")
    return {name: require_array(answer, name, (sample.n,), sample) for name in names}


def check_orthogonal_parts(adapter: Any, sample: StepSample) -> None:
    """Section 3.2: g = g1 + g2, g1 in span V, V'g2 = 0, d1 in span V, V'd2 = 0, step = d1 + d2."""
    parts = _parts(adapter, sample)
    V, g = sample.known_vectors, np.asarray(sample.gradient)
    g1, g2, d1, d2 = (
        parts[name] for name in ("gradient_in", "gradient_out", "newton_direction", "base_direction")
    )
    rounding = SLACK * sample.n * UNIT
    size_g, size_1 = float(np.linalg.norm(g)), float(np.linalg.norm(d1))
    size_b = sample.rate * max(sample.preconditioner) * size_g  # |d_b|, of which d2 is a part
    defects = [
        ("g1 + g2 = g.", g1 + g2 - g, size_g),
        ("g1 lies in the span of V.", g1 - V @ (V.T @ g1), size_g),
        ("V' g2 = 0: g1 and g2 are orthogonal.", V.T @ g2, size_g),
        ("d1 lies in the span of V.", d1 - V @ (V.T @ d1), size_1),
        ("V' d2 = 0: d1 and d2 are orthogonal.", V.T @ d2, size_b),
        ("theta_next - theta = d1 + d2.", parts["theta_next"] - d1 - d2, size_1 + size_b),
    ]
    for statement, defect, scale in defects:
        require(f"{statement} (Section 3.2.)", float(np.max(np.abs(defect))), rounding * scale, sample)


def check_newton_direction_forms(adapter: Any, sample: StepSample) -> None:
    """Section 3.2, step 2: d1 = -alpha V ((V'g1) u) = -alpha V diag(u) V' g, the two forms of the paper."""
    parts = _parts(adapter, sample)
    V, u = sample.known_vectors, sample.curvature_inverse
    allowed = SLACK * sample.n * UNIT * sample.alpha * float(u.max() * np.linalg.norm(sample.gradient))
    first = -sample.alpha * V @ ((V.T @ parts["gradient_in"]) * u)
    second = -sample.alpha * (V * u) @ V.T @ np.asarray(sample.gradient)
    for statement, form in (("from g1", first), ("from g", second)):
        defect = float(np.max(np.abs(parts["newton_direction"] - form)))
        require(
            f"d1 = -alpha V diag(u) V' applied {statement} (section 3.2, step 2).", defect, allowed, sample
        )


def check_descent(adapter: Any, sample: StepSample) -> None:
    """The step descends, g'(d1 + d2) < 0, also where eigenvalues are negative (Lemma 1, claim 2)."""
    parts = _parts(adapter, sample)
    g = np.asarray(sample.gradient)
    slope = float(np.dot(g, parts["newton_direction"] + parts["base_direction"]))
    curvature_floor = float(np.min(sample.alpha * sample.curvature_inverse))
    steepness = min(curvature_floor, sample.rate * min(sample.preconditioner)) * float(np.dot(g, g))
    # g'P^-1 g >= lambda_min(P^-1) |g|^2; half of it is left to rounding, which is far below at these
    # condition numbers.
    require("The step is a descent direction.", slope, -steepness / 2, sample)


def check_separability(adapter: Any, sample: StepSample) -> None:
    """Section 3.2: on a quadratic with exact pairs, f(theta + d1 + d2) = f1(d1) + f2(d2) and d1'H d2 = 0.

    omega is theta_next - theta (the paper prints the opposite sign). The step starts at the point whose
    gradient is the sample's, in a quadratic without zero eigenvalues.
    """
    H, g = sample.quadratic.hessian, np.asarray(sample.gradient)
    Q = sample.quadratic.eigenvectors
    theta = sample.quadratic.origin + Q @ ((Q.T @ g) / np.asarray(sample.quadratic.eigenvalues))
    answer = fosi_answer(adapter, sample, diagonal_base(sample), g, theta=theta)
    names = ("gradient_in", "gradient_out", "newton_direction", "base_direction", "theta_next")
    g1, g2, d1, d2, theta_next = (require_array(answer, name, (sample.n,), sample) for name in names)
    curvature = sample.quadratic.norm * float(np.linalg.norm(d1) * np.linalg.norm(d2))
    rounding = SLACK * sample.n * UNIT
    require("d1' H d2 = 0 for exact pairs.", abs(float(d1 @ H @ d2)), rounding * curvature, sample)
    here = sample.quadratic.excess(theta)
    model = here + float(g1 @ d1 + d1 @ H @ d1 / 2) + float(g2 @ d2 + d2 @ H @ d2 / 2)
    reached = float(np.linalg.norm(theta - sample.quadratic.origin) + np.linalg.norm(d1) + np.linalg.norm(d2))
    scale = sample.quadratic.norm * (reached + float(np.linalg.norm(theta))) ** 2
    require(
        "f(theta + d1 + d2) = f1(d1) + f2(d2), f_i = f/2 + g_i'w + w'H w/2 at w = theta_next - theta.",
        abs(sample.quadratic.excess(theta_next) - model),
        rounding * scale,
        sample,
    )


def check_newton_rate(adapter: Any, sample: StepSample) -> None:
    """Section 3.5: on the known subspace the gradient shrinks by 1 - alpha per step, and grows by 1 + alpha
    where the curvature is negative (the step walks away from the saddle).
    """  # noqa: D205
    g = np.asarray(sample.gradient)
    step = require_array(
        fosi_answer(adapter, sample, identity_base(sample), g), "theta_next", (sample.n,), sample
    )
    V = sample.known_vectors
    wanted = (1.0 - sample.alpha * np.sign(sample.known_eigenvalues)) * (V.T @ g)
    reached = V.T @ (g + sample.quadratic.hessian @ step)
    size = float(np.linalg.norm(g) + sample.quadratic.norm * np.linalg.norm(step))
    require(
        "On the known subspace one step multiplies the gradient by 1 - alpha sign(lambda).",
        float(np.max(np.abs(reached - wanted))),
        SLACK * sample.n * UNIT * size,
        sample,
    )


def check_complete_newton(adapter: Any, sample: StepSample) -> None:
    """Claims K5, K12: with k + l = n FOSI is scaled Newton: d2 = 0, and with alpha = 1 one step lands.

    The base is Adam, which turns the rounding noise that is left of g2 into full steps: only the projection
    of its direction (algorithm 2, line 10) makes d2 vanish.
    """
    if sample.rest:
        raise ValueError("`sample` must have k + l = n.")
    g, n = np.asarray(sample.gradient), sample.n
    zeros = np.zeros(n)
    base = {
        "optimizer": "adam",
        "settings": {"learning_rate": sample.rate, "epsilon": 1e-300},
        "state": {"iteration": 0, "first_moment": zeros, "second_moment": zeros},
    }
    answer = fosi_answer(adapter, sample, base, g, settings={"alpha": 1.0})
    d2 = require_array(answer, "base_direction", (n,), sample)
    step = require_array(answer, "theta_next", (n,), sample)
    rounding = SLACK * n * UNIT
    size_b = sample.rate * n**0.5  # Adam's first step has entries of size rate
    require("With k + l = n the base's part is 0.", float(np.max(np.abs(d2))), rounding * size_b, sample)
    values, Q = np.asarray(sample.quadratic.eigenvalues), sample.quadratic.eigenvectors
    left = float(np.max(np.abs(np.abs(values) * (Q.T @ step) + Q.T @ g)))
    size = sample.quadratic.norm * float(np.linalg.norm(step) + size_b) + float(np.linalg.norm(g))
    require("With k + l = n and alpha = 1 the step is -|H|^-1 g.", left, rounding * size, sample)


def check_warmup_is_base(adapter: Any, sample: StepSample) -> None:
    """Section 3.2: without known eigenpairs (warm-up, or k = l = 0) the step is the base optimizer's."""
    g, base = np.asarray(sample.gradient), diagonal_base(sample)
    nothing = {
        "eigenvalues": np.zeros(0),
        "eigenvectors": np.zeros((sample.n, 0)),
        "residuals": np.zeros(0),
        "num_largest": 0,
        "num_smallest": 0,
    }
    alone = ask(
        adapter,
        "base_step",
        optimizer=base["optimizer"],
        settings=base["settings"],
        theta=np.zeros(sample.n),
        gradient=g,
        state=base["state"],
    )
    wanted = require_array(alone, "theta_next", (sample.n,), sample)
    for settings in ({"warmup": 5}, {"largest": 0, "smallest": 0}):
        answer = fosi_answer(adapter, sample, base, g, settings=settings, spectrum=nothing)
        reached = require_array(answer, "theta_next", (sample.n,), sample)
        require(
            "Without known eigenpairs FOSI's step is the base's.",
            float(np.max(np.abs(reached - wanted))),
            4
            * UNIT
            * float(
                np.max(np.abs(wanted))
            ),  # the same sums; only an added zero or a fused product may differ
            sample,
        )


def _momentum_step(
    adapter: Any, sample: StepSample, g: Any, velocity: Any, newton: Any, spectrum: Any = None
) -> Any:
    """One FOSI step with heavy ball on both parts."""
    base = {
        "optimizer": "heavy_ball",
        "settings": {"learning_rate": sample.rate, "momentum": 0.9},
        "state": {"iteration": 1, "velocity": velocity},
    }
    state = {"iteration": 1, "newton_velocity": newton, "base": base["state"]}
    settings = {"newton_momentum": "heavy-ball", "newton_decay": 0.9}
    return fosi_answer(adapter, sample, base, g, settings=settings, state=state, spectrum=spectrum)


def check_momentum_split(adapter: Any, sample: StepSample) -> None:
    """Section 3.4: while V is fixed, both velocities stay in their subspaces and their sum is right."""
    V = sample.known_vectors
    rng = np.random.default_rng(sample.quadratic.seed)
    newton, velocity, whole = (np.zeros(sample.n) for _ in range(3))
    size = 0.0
    for _ in range(4):  # four steps: each term of the sum has been multiplied by the momentum at least once
        g = rng.standard_normal(sample.n)
        answer = _momentum_step(adapter, sample, g, velocity, newton)
        newton = require_array(answer, "state.newton_velocity", (sample.n,), sample)
        velocity = require_array(answer, "state.base.velocity", (sample.n,), sample)
        whole = 0.9 * whole + g
        size += float(np.linalg.norm(g))
    allowed = SLACK * sample.n * UNIT * size
    require(
        "The velocities of both parts add up to the unsplit velocity (section 3.4).",
        float(np.max(np.abs(newton + velocity - whole))),
        allowed,
        sample,
    )
    require(
        "The Newton part's velocity lies in the span of V (section 3.4).",
        float(np.max(np.abs(newton - V @ (V.T @ newton)))),
        allowed,
        sample,
    )
    require(
        "The base's velocity is orthogonal to V (section 3.4).",
        float(np.max(np.abs(V.T @ velocity))),
        allowed,
        sample,
    )
