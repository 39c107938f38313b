"""The settings of FOSI and their validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from refopt.arrays import check_count, check_fraction, check_positive
from refopt.fosi_momentum import NEWTON_MOMENTA
from refopt.fosi_tuning import RATE_SCALINGS

MULTIPLICITIES = ("krylov", "full")


@dataclass(frozen=True, kw_only=True)
class FosiSettings:
    """The settings of FOSI.

    Attributes:
        base: BaseOpt, an optimizer of `refopt.first_order` (or any with `init` and `direction`).
        largest: k, number of largest eigenvalues, at least 0 (10 in the paper's experiments).
        smallest: l, number of smallest eigenvalues, at least 0; k = l = 0 is the base optimizer exactly.
        alpha: learning rate of the Newton part, positive (paper: 0.01 for networks, 1 for quadratics).
        refresh_every: T, steps between two estimates, at least 1 (800 is `refresh_period(40, 1.1)`).
        warmup: W, steps of the base alone before the first estimate, at least 0.
        newton_momentum: filter on g1 before the Newton step, with decay b and memory v:
            "none": g1;  "heavy-ball": v <- b v + g1, use v;  "nesterov": v <- b v + g1, use g1 + b v;
            "ema": v <- b v + (1 - b) g1, use v, without bias correction.
        newton_decay: b in [0, 1); None is the base's own momentum or beta1.
        scaling: learning-rate scaling of the base, "ratio", "closed-form" or "none"; see `rate_scaling`.
        max_scaling: c >= 1, upper clip of the scaling, may be infinite (3 in the published code).
        max_residual: largest residual of the k largest pairs, relative to max|lambda|, that allows scaling.
        epsilon: floor of |lambda| relative to max|lambda|, positive; None is eps^(2/3) of theta's dtype.
        steps: m, Lanczos steps of an estimate, at least k + l; None is `lanczos_steps(n, k, l)`.
        multiplicity: "krylov" or "full", see `extreme_spectrum`.
    """

    base: Any
    largest: int = 10
    smallest: int = 0
    alpha: float = 0.01
    refresh_every: int = 800
    warmup: int = 0
    newton_momentum: str = "none"
    newton_decay: float | None = None
    scaling: str = "ratio"
    max_scaling: float = 3.0
    max_residual: float = 1e-2
    epsilon: float | None = None
    steps: int | None = None
    multiplicity: str = "krylov"

    def __post_init__(self) -> None:
        _check_base(self.base)
        for name, minimum in (("largest", 0), ("smallest", 0), ("refresh_every", 1), ("warmup", 0)):
            check_count(name, getattr(self, name), minimum)
        if self.steps is not None:
            check_count("steps", self.steps, max(1, self.largest + self.smallest))
        for name in ("alpha", "max_residual", "epsilon"):
            if getattr(self, name) is not None or name != "epsilon":
                check_positive(name, getattr(self, name))
                object.__setattr__(self, name, float(getattr(self, name)))  # never widens a float32 array
        check_positive("max_scaling", self.max_scaling, allow_infinite=True)
        if self.max_scaling < 1:
            raise ValueError(f"`max_scaling` is {self.max_scaling!r}; it must be at least 1")
        _check_choice("newton_momentum", self.newton_momentum, NEWTON_MOMENTA)
        _check_choice("scaling", self.scaling, RATE_SCALINGS)
        _check_choice("multiplicity", self.multiplicity, MULTIPLICITIES)
        if self.newton_decay is not None:
            check_fraction("newton_decay", self.newton_decay)
        elif self.newton_momentum != "none" and getattr(self.base, "memory_decay", None) is None:
            raise ValueError(
                f"`newton_decay` is None and {type(self.base).__name__} has no momentum to take it from; "
                "it must be a number in [0, 1)"
            )


def _check_base(base: Any) -> None:
    if isinstance(base, type) or not (hasattr(base, "init") and hasattr(base, "direction")):
        given = f"the class {base.__name__}" if isinstance(base, type) else f"a {type(base).__name__}"
        raise TypeError(f"`base` is {given}; it must be an optimizer with `init` and `direction`")
    if decay := getattr(base, "weight_decay", 0.0):
        raise ValueError(
            f"`base` decays weights by {decay!r} inside its step, where FOSI would project a part of it out; "
            "its `weight_decay` must be 0, with the decay in the loss: Derivatives.with_weight_decay"
        )


def _check_choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"`{name}` is {value!r}; allowed are {', '.join(map(repr, allowed))}")
