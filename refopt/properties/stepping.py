"""How properties put one FOSI step, and the matrix P^-1 behind it, to an adapter."""

from __future__ import annotations

from typing import Any

import numpy as np

from refopt.properties.claims import UNIT, ask, require_array
from refopt.properties.samples import StepSample

__all__ = ["diagonal_base", "fosi_answer", "identity_base", "inverse_preconditioner", "preconditioner_drift"]

_EPSILON = 1e-8
_KEPT = 1.0 - 2.0**-50  # a decay so close to 1 that one gradient changes the second moment by 2^-50 of it


def identity_base(sample: StepSample) -> dict[str, Any]:
    """Returns gradient descent with the sample's rate: d_b = -eta g2."""
    return {
        "optimizer": "gradient_descent",
        "settings": {"learning_rate": sample.rate},
        "state": {"iteration": 0},
    }


def diagonal_base(sample: StepSample) -> dict[str, Any]:
    """Returns an RMSProp whose state makes it d_b = -eta diag(q) g2 with the sample's q.

    A second moment of (1/q - epsilon)^2 and a decay next to 1 freeze the preconditioner: this is how a
    diagonal preconditioner is had from any implementation of a standard optimizer.
    """
    q = np.asarray(sample.preconditioner)
    return {
        "optimizer": "rmsprop",
        "settings": {
            "learning_rate": sample.rate,
            "decay": _KEPT,
            "epsilon": _EPSILON,
            "epsilon_inside": False,
        },
        "state": {"iteration": 0, "second_moment": (1.0 / q - _EPSILON) ** 2},
    }


def preconditioner_drift(sample: StepSample, gradient_norm: float) -> float:
    """Returns how far, relatively, one gradient of that norm moves q in `diagonal_base`."""
    q = np.asarray(sample.preconditioner)
    return (
        8.0 * UNIT * (1.0 + (gradient_norm * float(q.max())) ** 2)
    )  # (1 - decay)(g^2/v + 1)/2, 1 - decay = 2^-50


def fosi_answer(
    adapter: Any,
    sample: StepSample,
    base: dict[str, Any],
    gradient: np.ndarray,
    *,
    theta: np.ndarray | None = None,
    settings: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
    spectrum: dict[str, Any] | None = None,
) -> Any:
    """Asks the adapter for one ``fosi_step`` with the sample's spectrum and no learning-rate scaling.

    Args:
        adapter: has the operation ``fosi_step``.
        sample: gives spectrum, k, l, alpha.
        base: as `identity_base` returns it.
        gradient: g (n,).
        theta: the point (n,); the origin by default, so that theta_next is the step without a rounding.
        settings: settings that replace the defaults here.
        state: fields that replace the defaults here.
        spectrum: replaces the sample's known pairs.
    """
    fosi = {"largest": sample.largest, "smallest": sample.smallest, "alpha": sample.alpha, "scaling": "none"}
    start = {"iteration": 0, "newton_velocity": np.zeros(sample.n), "base": base["state"]}
    return ask(
        adapter,
        "fosi_step",
        settings=fosi | (settings or {}),
        base={"optimizer": base["optimizer"], "settings": base["settings"]},
        theta=np.zeros(sample.n) if theta is None else theta,
        gradient=gradient,
        spectrum=sample.spectrum if spectrum is None else spectrum,
        state=start | (state or {}),
    )


def inverse_preconditioner(adapter: Any, sample: StepSample, base: dict[str, Any]) -> np.ndarray:
    """Returns P^-1 (n, n) as the adapter's steps show it: column j is minus the step from gradient e_j."""
    columns = [
        -require_array(fosi_answer(adapter, sample, base, unit), "theta_next", (sample.n,), sample)
        for unit in np.eye(sample.n)
    ]
    return np.stack(columns, axis=1)
