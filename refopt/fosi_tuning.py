"""Numbers around FOSI's step: u, the scaling of the base's learning rate, the period between two estimates.

Scaling (FOSI paper, section 3.6 and appendix A.6). The base works on the spectrum that is left when the k
largest and l smallest eigenvalues are taken out, so its learning rate can grow by eta*(left) / eta*(whole):

    "ratio"        lambda_1 / lambda_k, as in the published code and figures, the same for every base
    "closed-form"  eta*(lambda_k, lambda_(n-l+1)) / eta*(lambda_1, lambda_n) by `optimal_rates`;
                   with l = 0 both lower ends are 0, since there is no estimate of them
    "none"         1

Both are clipped to [1, c]: the paper's claim that the ratio is at least 1 fails for l > 0 (eigenvalues (2, 1)
with k = 0, l = 1 give 3/4 for gradient descent). There is no scaling where it is not justified: a base
without closed forms, k <= 1, one of the k largest not positive, a closed form with lambda_n <= 0, or one of
the k largest pairs not converged (the scaled base can diverge on such pairs).

Period (appendix A.8). With tau_1, tau_2, tau_3 the seconds of a base step, of a FOSI step without an estimate
and of an estimate, T = tau_3 / (rho tau_1 - tau_2) makes FOSI cost rho times its base; tau_2 = tau_1 and
tau_3 = 2 m tau_1 give T = 2m / (rho - 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from refopt.arrays import check_count, check_positive
from refopt.rates import CLOSED_FORM, optimal_rates

NO_CLOSED_FORM = ("adam", "adamw", "rmsprop", "sophia")  # optimizers that are never scaled
RATE_SCALINGS = ("ratio", "closed-form", "none")
NEARLY_INTEGER = 1e-9  # 80/(1.1 - 1) is 799.9999999999993 and 80/(1.2 - 1) is 400.00000000000006 in float64


def curvature_inverse(
    eigenvalues: Sequence[float], epsilon: float | None, info: Any
) -> tuple[list[float], list[bool]]:
    """U = 1 / max(|lambda|, epsilon max|lambda|), and where the floor acted.

    Args:
        eigenvalues: at least one.
        epsilon: relative floor, positive; None is eps^(2/3).
        info: eps and max of the dtype that u is going to have (an array-API finfo).

    Raises:
        ArithmeticError: when an eigenvalue is not finite, or all are so small that u overflows.
    """
    magnitudes = [abs(float(value)) for value in eigenvalues]
    top = max(magnitudes)
    floor = (float(info.eps) ** (2 / 3) if epsilon is None else epsilon) * top
    if not all(math.isfinite(size) for size in magnitudes):
        raise ArithmeticError("an estimated eigenvalue is not finite")
    if floor * float(info.max) <= 1.0:
        raise ArithmeticError(f"the largest estimated |eigenvalue| is {top!r}, no curvature to divide by")
    return [1.0 / max(size, floor) for size in magnitudes], [size < floor for size in magnitudes]


def rate_scaling(
    optimizer: str | None,
    eigenvalues: Sequence[float],
    residuals: Sequence[float],
    largest: int,
    smallest: int,
    *,
    scaling: str = "ratio",
    max_scaling: float = 3.0,
    max_residual: float = 1e-2,
) -> float:
    """The factor eta_2 / eta by which FOSI scales its base (formulas in the module's text).

    Args:
        optimizer: name of the base as in `refopt.first_order.FIRST_ORDER`, or None for one without a name
            there; only "gradient_descent", "heavy_ball" and "nesterov" are scaled.
        eigenvalues: the `largest` largest, then the `smallest` smallest, descending.
        residuals: residual norm of each pair, same order.
        largest: number of largest eigenvalues present.
        smallest: number of smallest eigenvalues present.
        scaling: "ratio", "closed-form" or "none".
        max_scaling: c >= 1, may be infinite.
        max_residual: a larger residual, relative to max|lambda|, among the `largest` refuses the scaling.

    Returns:
        A number in [1, max_scaling].

    Raises:
        TypeError: when an argument is of another kind.
        ValueError: when a name is unknown, a number out of range, or the counts are not those of the pairs.
    """
    _check_scaling(optimizer, scaling, max_scaling, max_residual)
    _check_pairs(eigenvalues, residuals, largest, smallest)
    top = [float(value) for value in eigenvalues[:largest]]
    if scaling == "none" or optimizer not in CLOSED_FORM or len(top) <= 1 or min(top) <= 0.0:
        return 1.0
    limit = max_residual * max(abs(float(value)) for value in eigenvalues)
    if not all(float(residual) <= limit for residual in residuals[:largest]):
        return 1.0
    if scaling == "ratio":
        ratio = top[0] / top[-1]
    else:
        low = [float(value) for value in eigenvalues[largest : largest + smallest]] or [0.0]
        if low[-1] < 0.0 or (smallest and low[-1] == 0.0):
            return 1.0
        left, whole = optimal_rates(optimizer, top[-1], low[0]), optimal_rates(optimizer, top[0], low[-1])
        ratio = left.learning_rate / whole.learning_rate
    return min(max(ratio, 1.0), float(max_scaling))


def _check_scaling(optimizer: Any, scaling: Any, max_scaling: Any, max_residual: Any) -> None:
    choices = {
        "optimizer": (optimizer, (None, *CLOSED_FORM, *NO_CLOSED_FORM)),
        "scaling": (scaling, RATE_SCALINGS),
    }
    for name, (given, allowed) in choices.items():
        if given not in allowed:
            raise ValueError(f"`{name}` is {given!r}; allowed are {', '.join(map(repr, allowed))}")
    check_positive("max_scaling", max_scaling, allow_infinite=True)
    if max_scaling < 1:
        raise ValueError(f"`max_scaling` is {max_scaling!r}; it must be at least 1")
    check_positive("max_residual", max_residual)


def _check_pairs(eigenvalues: Any, residuals: Any, largest: Any, smallest: Any) -> None:
    check_count("largest", largest, 0)
    check_count("smallest", smallest, 0)
    pairs = largest + smallest
    for name, given in (("eigenvalues", eigenvalues), ("residuals", residuals)):
        if len(given) != pairs:
            raise ValueError(
                f"`{name}` has {len(given)} entries; it must have {pairs}, `largest` + `smallest`"
            )


def _rounded_up(period: float) -> int:
    """`period` rounded where it is an integer but for rounding errors, else up; at least 1."""
    nearest = round(period)
    return max(1, nearest if abs(period - nearest) <= NEARLY_INTEGER else math.ceil(period))


def refresh_period(lanczos_steps: int, overhead: float) -> int:
    """T = 2m / (rho - 1), the period by formula (FOSI paper, appendix A.8).

    Args:
        lanczos_steps: m, at least 1.
        overhead: rho > 1, allowed run time of FOSI relative to its base.

    Returns:
        T, rounded up (after rounding where float64 misses an integer), at least 1: 800 for m = 40, rho = 1.1.

    Raises:
        TypeError: when an argument is no number of its kind.
        ValueError: when one is out of range.
    """
    check_count("lanczos_steps", lanczos_steps, 1)
    _check_overhead(overhead)
    return _rounded_up(2 * lanczos_steps / (overhead - 1.0))


def refresh_period_measured(
    base_latency: float, fosi_latency: float, ese_latency: float, overhead: float
) -> int:
    """T = tau_3 / (rho tau_1 - tau_2), the period from measured latencies (FOSI paper, eq. 6), rounded up.

    Args:
        base_latency: tau_1, seconds of one step of the base, positive.
        fosi_latency: tau_2, seconds of one FOSI step without an estimate, positive.
        ese_latency: tau_3, seconds of one estimate, positive.
        overhead: rho > 1, allowed run time of FOSI relative to its base.

    Returns:
        T, at least 1.

    Raises:
        TypeError: when an argument is no real number.
        ValueError: when one is out of range, or rho tau_1 <= tau_2: then no period keeps to the overhead.
    """
    latencies = {"base_latency": base_latency, "fosi_latency": fosi_latency, "ese_latency": ese_latency}
    for name, value in latencies.items():
        check_positive(name, value)
    _check_overhead(overhead)
    spare = overhead * base_latency - fosi_latency
    if spare <= 0.0:
        raise ValueError(
            f"`overhead` is {overhead!r}, but a FOSI step without any estimate already takes "
            f"{fosi_latency / base_latency:.4g} base steps; it must be larger than that"
        )
    return _rounded_up(ese_latency / spare)


def _check_overhead(overhead: float) -> None:
    check_positive("overhead", overhead)
    if overhead <= 1:
        raise ValueError(f"`overhead` is {overhead!r}; it must be larger than 1")
