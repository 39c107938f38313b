"""Settings, sources and starts that the first-order cases share."""

from collections.abc import Mapping
from typing import Any

from oracles.averages import fresh

OPTIMIZERS = ("gradient_descent", "heavy_ball", "nesterov", "adam", "adamw", "rmsprop")
CITATIONS = {
    "gradient_descent": "Cauchy 1847",
    "heavy_ball": "Polyak 1964, eq. 9",
    "nesterov": "Nesterov 1983, in the form of Sutskever et al. 2013, eqs. 3-4",
    "adam": "Kingma and Ba 2015, Algorithm 1",
    "adamw": "Loshchilov and Hutter 2019, Algorithm 2",
    "rmsprop": "Tieleman and Hinton 2012, lecture 6.5",
}
SETTINGS: dict[str, dict[str, Any]] = {
    "gradient_descent": {"learning_rate": 0.1},
    "heavy_ball": {"learning_rate": 0.1, "momentum": 0.9},
    "nesterov": {"learning_rate": 0.1, "momentum": 0.9},
    "adam": {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    "adamw": {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01},
    "rmsprop": {"learning_rate": 0.1, "decay": 0.9, "epsilon": 1e-8, "epsilon_inside": False},
}
SINGLE: dict[str, Any] = {
    "learning_rate": 0.125,
    "momentum": 0.875,
    "beta1": 0.875,
    "beta2": 1 - 2.0**-10,
    "epsilon": 2.0**-27,
    "weight_decay": 0.0625,
    "decay": 0.875,
    "epsilon_inside": False,
}
TERMS = {"gradient_descent": 1, "heavy_ball": 2, "nesterov": 2, "adam": 32, "adamw": 32, "rmsprop": 4}
MOVED = ("theta", "gradient", "gradients", "thetas", "state", "problem", "spectrum", "lanczos_start")
FORM = {
    "gradient_descent": ("GradientStep",),
    "heavy_ball": ("MomentumForm",),
    "nesterov": ("NesterovForm",),
    "adam": ("BiasCorrection",),
    "adamw": ("BiasCorrection", "DecoupledDecay"),
    "rmsprop": ("SquareBeforeAverage",),
}


def settings_of(optimizer: str, dtype: str = "float64", **changes: Any) -> dict[str, Any]:
    """Return the full settings of an optimizer: the usual ones, or such that float32 represents."""
    usual = SETTINGS[optimizer]
    return {**(usual if dtype == "float64" else {key: SINGLE[key] for key in usual}), **changes}


def moved(inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the inputs that perturbations move: data and points; settings are exact by definition."""
    return tuple(name for name in MOVED if name in inputs)


def first_state(optimizer: str, n: int) -> dict[str, Any]:
    """Return the state before the first step, as an input."""
    return {name: value if name == "iteration" else [0.0] * n for name, value in fresh(optimizer, n).items()}
