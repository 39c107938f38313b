"""Rates and bounds on quadratics (sections 3.5, 3.6, A.6; claims G1, G2, R1, R7, E7)."""

from __future__ import annotations

from typing import Any

import numpy as np

from refopt.properties.claims import SLACK, UNIT, ask, require, require_array, run_values
from refopt.properties.samples import RateSample, RunSample, StepSample

__all__ = [
    "check_closed_form_rates",
    "check_fosi_gradient_descent_bound",
    "check_gradient_descent_bound",
    "check_scaling_safe",
    "check_small_alpha_breaks_bound",
]


def _base_values(adapter: Any, sample: RunSample) -> np.ndarray:
    """The values of f along gradient descent (steps + 1,)."""
    answer = ask(
        adapter,
        "base_run",
        problem=sample.quadratic,
        optimizer="gradient_descent",
        settings={"learning_rate": sample.rate},
        theta=np.asarray(sample.theta),
        steps=sample.steps,
    )
    return run_values(answer, sample.quadratic, sample.steps, sample)


def _fosi_values(adapter: Any, sample: RunSample) -> np.ndarray:
    """The values of f along FOSI over gradient descent, with one estimate of the spectrum at t = 0."""
    n = sample.quadratic.n
    settings = {
        "largest": sample.largest,
        "smallest": 0,
        "alpha": sample.alpha,
        "scaling": "none",
        "refresh_every": sample.steps + 1,
        "steps": n,  # with m = n Lanczos is exact on a simple spectrum
    }
    answer = ask(
        adapter,
        "fosi_run",
        problem=sample.quadratic,
        settings=settings,
        base={"optimizer": "gradient_descent", "settings": {"learning_rate": sample.rate}},
        theta=np.asarray(sample.theta),
        lanczos_start=np.random.default_rng(sample.quadratic.seed).standard_normal(n),
        steps=sample.steps,
    )
    return run_values(answer, sample.quadratic, sample.steps, sample)


def _require_under(values: np.ndarray, distance: float, sample: RunSample, statement: str) -> None:
    """Requires f_t <= distance^2 / (2 eta t) for t = 1, 2, ...; the minimum's value is 0."""
    t = np.arange(1, sample.steps + 1)
    bound = distance**2 / (2 * sample.rate * t)
    # A point is known to u |theta|, so f to a few n u |H| |theta|^2, however small its true value.
    size = float(np.linalg.norm(sample.theta) + np.linalg.norm(sample.quadratic.origin))
    rounding = SLACK * sample.quadratic.n * UNIT * sample.quadratic.norm * size**2
    require(statement, float(np.max(values[1:] - bound)), rounding, sample)


def check_gradient_descent_bound(adapter: Any, sample: RunSample) -> None:
    """Section 3.5: gradient descent with eta <= 1/lambda_1 has f_t - f* <= |theta_0 - theta*|^2/(2 eta t)."""
    start = np.asarray(sample.theta) - sample.quadratic.origin
    _require_under(
        _base_values(adapter, sample),
        float(np.linalg.norm(start)),
        sample,
        "Gradient descent stays under |theta0 - theta*|^2 / (2 eta t) (section 3.5).",
    )


def check_fosi_gradient_descent_bound(adapter: Any, sample: RunSample) -> None:
    """Section 3.5 with its true condition alpha = 1: only the distance outside the known subspace counts.

    With eta <= 1/lambda_{k+1} FOSI over gradient descent obeys
    f_t - f* <= |(I - V V')(theta_0 - theta*)|^2 / (2 eta t): a smaller distance than in gradient
    descent's bound, at a larger rate.
    """
    if sample.alpha != 1.0:
        raise ValueError("`sample.alpha` must be 1: the bound fails for small alpha (claims E7).")
    rest = sample.quadratic.eigenvectors[:, sample.largest :]
    start = np.asarray(sample.theta) - sample.quadratic.origin
    _require_under(
        _fosi_values(adapter, sample),
        float(np.linalg.norm(rest.T @ start)),
        sample,
        "FOSI over gradient descent with alpha = 1 stays under the remaining subspace's bound (section 3.5).",
    )


def check_small_alpha_breaks_bound(adapter: Any, sample: RunSample) -> None:
    """Claims E7, a counterexample to section 3.5: a small alpha is slower than gradient descent's bound.

    On H = diag(1, 0.9) from (1, 1) with eta = 1, k = 1, alpha = 0.01 the known component shrinks by 0.99 a
    step: f(100) = 0.99^200 / 2 = 0.0670 is above gradient descent's bound 2/200 = 0.01. An implementation
    that obeys the bound here does not do alpha-scaled Newton steps.
    """
    values = _fosi_values(adapter, sample)
    start = sample.quadratic.eigenvectors.T @ (np.asarray(sample.theta) - sample.quadratic.origin)
    curvatures = np.asarray(sample.quadratic.eigenvalues)
    factors = 1.0 - sample.rate * curvatures
    factors[: sample.largest] = 1.0 - sample.alpha
    wanted = float(np.sum(curvatures * (factors**sample.steps * start) ** 2) / 2)
    # Each step rounds the known component anew: relative errors of a few n u per step, squared in f.
    allowed = (
        SLACK
        * sample.quadratic.n
        * UNIT
        * (2 * sample.steps + 2)
        * sample.quadratic.norm
        * float(start @ start)
    )
    require(
        "With a small alpha the known component shrinks by 1 - alpha only.",
        abs(values[-1] - wanted),
        allowed,
        sample,
    )
    bound = float(start @ start) / (2 * sample.rate * sample.steps)
    require("A small alpha breaks gradient descent's bound (claims E7).", bound - values[-1], 0.0, sample)


def _step_map(adapter: Any, sample: RateSample, rates: dict[str, Any], curvature: float) -> np.ndarray:
    """The linear map of (theta, velocity) that a step on curvature theta^2/2 is, read from answers."""
    settings = {"learning_rate": rates["learning_rate"]}
    has_velocity = sample.optimizer != "gradient_descent"
    if has_velocity:
        settings["momentum"] = rates["momentum"]
    columns = []
    for theta, velocity in ((1.0, 0.0), (0.0, 1.0))[: 1 + has_velocity]:
        state = {"iteration": 1} | ({"velocity": np.array([velocity])} if has_velocity else {})
        answer = ask(
            adapter,
            "base_step",
            optimizer=sample.optimizer,
            settings=settings,
            theta=np.array([theta]),
            gradient=np.array([curvature * theta]),
            state=state,
        )
        column = [require_array(answer, "theta_next", (1,), sample)[0]]
        if has_velocity:
            column.append(require_array(answer, "state.velocity", (1,), sample)[0])
        columns.append(column)
    return np.array(columns).T


def _contraction(adapter: Any, sample: RateSample, rates: dict[str, Any]) -> float:
    """The largest spectral radius of a step over a grid of curvatures between the ends."""
    grid = np.concatenate(
        [[sample.smallest], np.geomspace(sample.smallest, sample.largest, 9), [sample.largest]]
    )
    maps = [_step_map(adapter, sample, rates, float(curvature)) for curvature in grid]
    return max(float(np.max(np.abs(np.linalg.eigvals(step)))) for step in maps)


def check_closed_form_rates(adapter: Any, sample: RateSample) -> None:
    """Claims R1: closed-form rates contract as stated, to three digits, and a change of 3 % contracts less.

    Gradient descent 2/(L + m), heavy ball 4/(sqrt L + sqrt m)^2, Nesterov 4/(3L + m), with the contractions
    (kappa - 1)/(kappa + 1), (sqrt kappa - 1)/(sqrt kappa + 1) and 1 - 2/sqrt(3 kappa + 1).
    """
    answer = ask(
        adapter,
        "optimal_rates",
        optimizer=sample.optimizer,
        largest_eigenvalue=sample.largest,
        smallest_eigenvalue=sample.smallest,
    )
    rates = {name: float(np.asarray(answer[name])) for name in answer}
    kappa = sample.largest / sample.smallest
    claimed = {
        "gradient_descent": (kappa - 1) / (kappa + 1),
        "heavy_ball": (kappa**0.5 - 1) / (kappa**0.5 + 1),
        "nesterov": 1 - 2 / (3 * kappa + 1) ** 0.5,
    }[sample.optimizer]
    if "contraction" in rates:
        defect = abs(rates["contraction"] - claimed)
        require(
            "The stated contraction is the closed form (Lessard et al., 2016).", defect, SLACK * UNIT, sample
        )
    measured = _contraction(adapter, sample, rates)
    # Three digits of 1 - contraction; at the optimum both roots coincide and are known to sqrt(u) only.
    allowed = 1e-6 + 5e-4 * (1 - claimed)
    require(
        "The closed-form rates contract as stated, to three digits.", abs(measured - claimed), allowed, sample
    )
    for factor in (0.97, 1.03):
        other = _contraction(adapter, sample, rates | {"learning_rate": factor * rates["learning_rate"]})
        require("The closed-form learning rate is the best for its momentum.", measured - other, 1e-6, sample)


def check_scaling_safe(adapter: Any, sample: StepSample) -> None:
    """Claims CH1, R7: with exact pairs of a positive definite Hessian, scaling keeps gradient descent stable.

    eta < 2/lambda_1 implies scaling * eta < 2/lambda_{k+1}, that is scaling <= lambda_1/lambda_{k+1}; and
    scaling is never below 1 and never above its clip c.
    """
    spectrum = sample.spectrum
    values = sample.quadratic.eigenvalues
    clip = 1.0 + 4.0 * sample.alpha  # any number above 1
    for scaling in ("ratio", "closed-form"):
        for max_scaling in (np.inf, clip):
            answer = ask(
                adapter,
                "rate_scaling",
                optimizer="gradient_descent",
                eigenvalues=spectrum["eigenvalues"],
                residuals=spectrum["residuals"],
                largest=sample.largest,
                smallest=sample.smallest,
                scaling=scaling,
                max_scaling=max_scaling,
                max_residual=1e-2,
            )
            factor = float(np.asarray(answer["scaling"]))
            require(f"Scaling ({scaling}) is at least 1.", 1.0 - factor, 0.0, sample)
            require(f"Scaling ({scaling}) is at most c.", factor - max_scaling, 0.0, sample)
            if sample.rest:
                ceiling = values[0] / float(sample.rest_eigenvalues[0])
                require(
                    f"Scaling ({scaling}) keeps a stable rate stable on the rest.",
                    factor - ceiling,
                    SLACK * UNIT * ceiling,
                    sample,
                )
