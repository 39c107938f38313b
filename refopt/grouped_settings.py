"""The settings of grouped Newton and their validation."""

from __future__ import annotations

from dataclasses import dataclass

from refopt.arrays import check_count, check_fraction, check_nonnegative
from refopt.groups import Groups
from refopt.plateau import Plateau
from refopt.schedules import Schedule, check_rate


@dataclass(frozen=True, kw_only=True)
class GroupedSettings:
    """The settings of grouped Newton; the defaults are Method 1 with the gradient as direction.

    Attributes:
        groups: the partition of the parameters into S groups.
        learning_rate: lambda_1, multiplies every step; positive, or a schedule (paper: 0.1 and 0.3).
        internal_damping: lambda_int, strength of the cubic term, at least 0 (paper: 3 and 10); 0 is eq. 8.
        momentum: mu_g in [0, 1), averages the gradients into the direction: u <- mu_g u + (1 - mu_g) g.
        rate_momentum: mu_eta in [0, 1), averages the learning rates of the refreshes in the same way.
        refresh_every: tau, steps between two computations of learning rates, at least 1.
        positive_part: negative learning rates become 0. This can turn the decrease that the model promises
            into a rise; the step then says so (`loses_descent`).
        interactions: whether the off-diagonal elements of H_bar are used; False is the diagonal approximation
            of Appendix L.
        stationary: eta = H_bar^-1 g_bar wherever H_bar is invertible, as eq. 8 is printed: a saddle or a
            maximum of the model where H_bar is not positive definite. Only with `internal_damping` 0.
        plateau: schedule that reduces the step size when the loss stagnates, or None.
    """

    groups: Groups
    learning_rate: float | Schedule = 1.0
    internal_damping: float = 1.0
    momentum: float = 0.0
    rate_momentum: float = 0.0
    refresh_every: int = 1
    positive_part: bool = False
    interactions: bool = True
    stationary: bool = False
    plateau: Plateau | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.groups, Groups):
            raise TypeError(f"`groups` is a {type(self.groups).__name__}; it must be a Groups")
        check_rate("learning_rate", self.learning_rate)
        check_nonnegative("internal_damping", self.internal_damping)
        check_fraction("momentum", self.momentum)
        check_fraction("rate_momentum", self.rate_momentum)
        check_count("refresh_every", self.refresh_every, 1)
        for name in ("positive_part", "interactions", "stationary"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"`{name}` is {getattr(self, name)!r}; it must be True or False")
        if self.stationary and self.internal_damping != 0:
            raise ValueError(
                f"`stationary` is True and `internal_damping` is {self.internal_damping!r}; the stationary "
                "point of eq. 8 needs `internal_damping` 0"
            )
        if not (self.plateau is None or isinstance(self.plateau, Plateau)):
            raise TypeError(f"`plateau` is a {type(self.plateau).__name__}; it must be a Plateau or None")
        for name in ("learning_rate", "internal_damping", "momentum", "rate_momentum"):
            if not callable(getattr(self, name)):  # Python floats never widen a float32 array
                object.__setattr__(self, name, float(getattr(self, name)))
