"""The settings of AMOS and their validation."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from refopt.arrays import check_count, check_fraction, check_nonnegative, check_positive
from refopt.groups import Groups

GRANULARITIES = ("coordinate", "tensor", "eigenspace")
AGGREGATES = ("mean", "max")
AVERAGES = ("literal", "bias-corrected", "first-slope")
DENOMINATORS = ("norm", "component")
OWNERS = ("first", "second")
IDLE = ("freeze", "update")
NEWTON_ASCENT = "newton-ascent"


@dataclass(frozen=True, kw_only=True)
class AmosSettings:
    """The settings of AMOS.

    Attributes:
        first: OPT1, the optimizer of what has a large Lipschitz constant (the paper's SGD).
        second: OPT2, the optimizer of the rest (the paper's Sophia).
        hessian_at: I_hess: a period p, for t = 0, p, 2p, ..., or a set of iterations, not empty.
        threshold: L_thresh, positive: an index whose statistic is above it goes to `first`, a statistic equal
            to it does not. Or "newton-ascent": what the cubic bound says goes up along the damped Newton step
            goes to `first` (eq. 8).
        momentum: alpha_L in [0, 1), of the averages of slopes; 0 is the last slope (paper: 0.99).
        epsilon: eps_2, at least 0, added to the distance moved (paper: 1e-12).
        granularity: what is assigned: "coordinate", each parameter by the Hessian's diagonal; "tensor", each
            group of parameters by an aggregate over it; "eigenspace", each eigenspace of the Hessian.
        groups: the partition of "tensor", else None.
        aggregate: of "tensor": "mean", or "max", which lets no NaN drop.
        average: "literal": L <- a L + (1 - a) slope from 0, low by 1 - a^k after k slopes; "bias-corrected":
            that over 1 - a^k; "first-slope": the first slope whole, then the average.
        denominator: "norm", the length of the whole move, as printed; "component", its part along each index,
            as Assumption 2 has it. Thresholds of one mean nothing for the other.
        damping: a in (0, 2) of "newton-ascent": eq. 8 for the step a g / lambda (the paper's is 1).
        unknown: who gets an index without any slope yet: "second", as L = 0 says, or "first", the safer one.
            With "newton-ascent" what is not positive stays with `first`.
        default: who has everything before the first Hessian.
        idle: "freeze": what an optimizer does not own of its memory stands still; "update": it sees every
            gradient.
        largest: of "eigenspace": k largest eigenpairs by Lanczos; None, with `smallest` None, is all n.
        smallest: of "eigenspace": l smallest eigenpairs by Lanczos.
    """

    first: Any
    second: Any
    threshold: float | str
    hessian_at: int | Collection[int] = 10
    momentum: float = 0.99
    epsilon: float = 1e-12
    granularity: str = "coordinate"
    groups: Groups | None = None
    aggregate: str = "mean"
    average: str = "literal"
    denominator: str = "norm"
    damping: float = 1.0
    unknown: str = "second"
    default: str = "first"
    idle: str = "freeze"
    largest: int | None = None
    smallest: int | None = None

    def __post_init__(self) -> None:
        for name in ("first", "second"):
            _check_optimizer(name, getattr(self, name))
        object.__setattr__(self, "hessian_at", _hessian_times(self.hessian_at))
        _check_threshold(self.threshold)
        check_fraction("momentum", self.momentum)
        check_nonnegative("epsilon", self.epsilon)
        check_positive("damping", self.damping)
        if not self.damping < 2:
            raise ValueError(f"`damping` is {self.damping!r}; it must be less than 2")
        for name, allowed in (
            ("granularity", GRANULARITIES), ("aggregate", AGGREGATES), ("average", AVERAGES),
            ("denominator", DENOMINATORS), ("unknown", OWNERS), ("default", OWNERS), ("idle", IDLE),
        ):  # fmt: skip
            if getattr(self, name) not in allowed:
                given = getattr(self, name)
                raise ValueError(f"`{name}` is {given!r}; allowed are {', '.join(map(repr, allowed))}")
        for name in ("momentum", "epsilon", "damping", "threshold"):
            if getattr(self, name) != NEWTON_ASCENT:
                object.__setattr__(self, name, float(getattr(self, name)))
        self._check_parts()

    def _check_parts(self) -> None:
        """What only one granularity has."""
        if self.granularity == "tensor" and not isinstance(self.groups, Groups):
            raise TypeError(
                f"`groups` is a {type(self.groups).__name__}; with `granularity` 'tensor' it must be a Groups"
            )
        if self.granularity != "tensor" and self.groups is not None:
            raise ValueError(f"`groups` is given; with `granularity` {self.granularity!r} it must be None")
        for name in ("largest", "smallest"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name), 0)
                if self.granularity != "eigenspace":
                    raise ValueError(
                        f"`{name}` is {getattr(self, name)!r}; with `granularity` {self.granularity!r} "
                        "it must be None"
                    )
        if not self.dense and self.pairs == 0:
            raise ValueError("`largest` + `smallest` is 0; it must be at least 1, or both must be None")

    @property
    def dense(self) -> bool:
        """Whether the eigenspaces are all n of them."""
        return self.largest is None and self.smallest is None

    @property
    def pairs(self) -> int:
        """Eigenpairs that Lanczos finds."""
        return (self.largest or 0) + (self.smallest or 0)

    def hessian_due(self, iteration: int) -> bool:
        """Whether t = `iteration` is in I_hess (line 3)."""
        times: Any = self.hessian_at
        return iteration in times if isinstance(times, frozenset) else iteration % times == 0

    def refreshes_at(self, iteration: int) -> bool:
        """Whether the step at t = `iteration` uses the curvature: for AMOS itself, or for its optimizers."""
        return self.hessian_due(iteration) or any(uses(own, iteration) for own in (self.first, self.second))

    def check_state(self, state: Any, theta: Any) -> None:
        """Require a state that fits these settings and theta (n,); raises ValueError."""
        for name in ("first", "second"):
            iteration = getattr(getattr(state, name), "iteration", None)
            if iteration != state.iteration:
                raise ValueError(
                    f"`state.{name}.iteration` is {iteration!r}; it must be {state.iteration!r}, as "
                    "`state.iteration` is"
                )
        n, found = theta.shape[0], state.estimate
        # of eigenspaces the first Hessian tells how many there are
        several = found.lipschitz.shape[0] if self.granularity == "eigenspace" else n
        counts = {
            "point": (state.point, n),
            "estimate.mask": (found.mask, 0 if self.granularity == "eigenspace" else n),
            "estimate.lipschitz": (found.lipschitz, several),
            "estimate.to_first": (found.to_first, several if self.groups is None else self.groups.count),
        }
        for name, (part, count) in counts.items():
            if tuple(part.shape) != (count,):
                raise ValueError(
                    f"`state.{name}` has shape {tuple(part.shape)}; for {n} parameters and `granularity` "
                    f"{self.granularity!r} it must be ({count},)"
                )


@cache
def _takes(kind: Any, method: str, argument: str) -> bool:
    return argument in inspect.signature(getattr(kind, method)).parameters


def takes_start(optimizer: Any) -> bool:
    """Whether an optimizer's `init` takes a start vector of Lanczos."""
    kind: Any = type(optimizer)
    return _takes(kind, "init", "lanczos_start")


def uses(optimizer: Any, iteration: int) -> bool:
    """Whether an optimizer's step at an iteration takes curvature."""
    due = getattr(optimizer, "refreshes_at", None)
    kind: Any = type(optimizer)
    return (due is None or due(iteration)) and _takes(kind, "step", "curvature")


def _check_optimizer(name: str, optimizer: Any) -> None:
    if isinstance(optimizer, type) or not (hasattr(optimizer, "init") and hasattr(optimizer, "step")):
        given = (
            f"the class {optimizer.__name__}"
            if isinstance(optimizer, type)
            else f"a {type(optimizer).__name__}"
        )
        raise TypeError(f"`{name}` is {given}; it must be an optimizer with `init` and `step`")
    for asked, parameter in list(inspect.signature(optimizer.init).parameters.items())[1:]:
        if asked != "lanczos_start" and parameter.default is inspect.Parameter.empty:
            raise TypeError(
                f"`{name}` is a {type(optimizer).__name__}, whose `init` asks for `{asked}`; it may ask for "
                "`lanczos_start` alone, beside the point"
            )


def _hessian_times(given: Any) -> int | frozenset[int]:
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes)) or getattr(given, "ndim", 1) == 0:
        check_count("hessian_at", given, 1)
        return int(given)
    if not isinstance(given, Collection):  # a generator may have no end
        raise TypeError(
            f"`hessian_at` is a {type(given).__name__}; it must be a period or a collection of iterations"
        )
    times = list(given)
    if not times:
        raise ValueError("`hessian_at` is an empty set; it must hold an iteration, or be a period")
    for time in times:
        check_count("hessian_at", time, 0)
    return frozenset(int(time) for time in times)


def _check_threshold(threshold: Any) -> None:
    if isinstance(threshold, str):
        if threshold == NEWTON_ASCENT:
            return
        raise ValueError(f"`threshold` is {threshold!r}; it must be a positive number or {NEWTON_ASCENT!r}")
    check_positive("threshold", threshold, allow_infinite=True)
