"""LIPSCHITZ oracles of ELMO: where the constants L_i of the eigenpairs come from.

Algorithm 1 takes LIPSCHITZ as an argument. An oracle is an object with

    init(theta) -> state                                                  before the first step
    at(f, theta, value, gradient, spectrum, state) -> LipschitzEstimate   once per step, pure

where the state is a named tuple of arrays and numbers, so that a run can be resumed. The L_i are in the order
of the spectrum; numbers that an oracle keeps between steps follow the eigenvectors (`match_eigenvectors`),
not the order of the eigenvalues.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from refopt.amos_averages import LARGEST, Averages, averaged, corrected, curvature_slopes, length
from refopt.amos_settings import AVERAGES, DENOMINATORS
from refopt.arrays import (
    Array,
    asarray_like,
    check_finite,
    check_fraction,
    check_nonnegative,
    check_vector,
    device_of,
    dtype_name,
    namespace,
    to_host,
)
from refopt.eigenspaces import carried, check_kept, match_eigenvectors
from refopt.spectrum import Spectrum, empty_spectrum

__all__ = [
    "AveragedLipschitz",
    "AveragedLipschitzState",
    "ConstantLipschitz",
    "ExactLipschitz",
    "LipschitzEstimate",
    "NoState",
]

EXACT_FAMILIES = ("quadratic", "matched_cubic", "log_cosh")
"""Families of problems whose Lipschitz constants are known."""

LOG_COSH = 4.0 / (3.0 * math.sqrt(3.0))
"""The largest third derivative of log cosh, where tanh^2 = 1/3."""


class LipschitzEstimate(NamedTuple):
    """What a LIPSCHITZ oracle answers."""

    lipschitz: Array  # L_i, (k,) float64
    state: Any  # the oracle's next state


class NoState(NamedTuple):
    """The state of an oracle that remembers nothing."""


@dataclass(frozen=True)
class ConstantLipschitz:
    """The same L at every point: one for all eigenpairs, or one for each in the order of the spectrum.

    Attributes:
        value: L, at least 0; or a sequence of such numbers, as many as there are eigenpairs.
    """

    value: float | Sequence[float]

    def __post_init__(self) -> None:
        if isinstance(self.value, Sequence) and not isinstance(self.value, (str, bytes)):
            for i, x in enumerate(self.value):
                check_nonnegative(f"value[{i}]", x)
            object.__setattr__(self, "value", tuple(float(x) for x in self.value))
        else:
            check_nonnegative("value", self.value)
            object.__setattr__(self, "value", float(self.value))

    def init(self, theta: Array) -> NoState:
        """Nothing is remembered."""
        return NoState()

    def at(
        self, f: Any, theta: Array, value: Any, gradient: Array, spectrum: Spectrum, state: NoState
    ) -> LipschitzEstimate:
        """L for each eigenpair."""
        lam = spectrum.eigenvalues
        L = self.value if isinstance(self.value, tuple) else [self.value] * lam.shape[0]
        return LipschitzEstimate(asarray_like(L, lam), state)


@dataclass(frozen=True, eq=False)
class ExactLipschitz:
    """The L of f = sum_i F_i(u_i'theta), each F_i'' with the constant L_i: the matched class of Lemma 3.1.

    An eigenvector is one of the axes u_i where its eigenvalue is simple; inside a repeated one it may be any
    combination, and gets the largest L_i of the axes that it is not orthogonal to.

    Attributes:
        axes: u_i as orthonormal rows, (n, n), of the library of theta; None is the identity.
        constants: L_i, (n,), each at least 0.
        tolerance: |u_i'v| up to which they count as orthogonal, in [0, 1); None is eps^(2/5) of v's dtype.
    """

    axes: Array | None
    constants: Array
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if not hasattr(self.constants, "shape") or len(self.constants.shape) != 1:
            raise TypeError(f"`constants` is {self.constants!r}; it must be an array of n numbers")
        check_vector("constants", self.constants)
        if bool(namespace(self.constants).any(self.constants < 0)):
            raise ValueError("`constants` holds a negative number; every one must be at least 0")
        if self.axes is not None:
            _check_axes(self.axes, self.constants.shape[0])
        if self.tolerance is not None:
            check_fraction("tolerance", self.tolerance)

    @classmethod
    def of(cls, problem: Any) -> ExactLipschitz:
        """The constants of a `Problem` whose family is `quadratic`, `matched_cubic` or `log_cosh`.

        0 for a quadratic, L_i of `matched_cubic`, 4/(3 sqrt 3) |a_i| |r_i|^3 for a_i log cosh(r_i u).

        Raises:
            TypeError: for what is no Problem.
            ValueError: for another family.
        """
        if not hasattr(problem, "family"):
            raise TypeError(
                f"`problem` is a {type(problem).__name__}; it must be a Problem, of `load_problem`"
            )
        data, axes = problem.data, problem.data.get("axes")
        xp = namespace(problem.start)
        if problem.family == "quadratic":
            return cls(None, xp.zeros_like(problem.start))
        if problem.family == "matched_cubic":
            return cls(axes, data["lipschitz"])
        if problem.family == "log_cosh":
            return cls(axes, LOG_COSH * xp.abs(data["amplitudes"]) * xp.abs(data["rates"]) ** 3)
        raise ValueError(
            f"`problem` is {problem.id} of the family {problem.family}; exact Lipschitz constants are known "
            "for quadratic, matched_cubic and log_cosh"
        )

    def init(self, theta: Array) -> NoState:
        """Nothing is remembered."""
        return NoState()

    def at(
        self, f: Any, theta: Array, value: Any, gradient: Array, spectrum: Spectrum, state: NoState
    ) -> LipschitzEstimate:
        """L of each eigenvector."""
        V, lam = spectrum.eigenvectors, spectrum.eigenvalues
        xp, n = namespace(V), V.shape[0]
        if self.constants.shape[0] != n:
            raise ValueError(
                f"the LIPSCHITZ oracle ExactLipschitz has {self.constants.shape[0]} constants; it must have "
                f"{n}, one for each parameter"
            )
        tolerance = float(xp.finfo(V.dtype).eps) ** 0.4 if self.tolerance is None else float(self.tolerance)
        overlaps = V if self.axes is None else xp.matmul(xp.astype(self.axes, V.dtype, copy=False), V)
        L = xp.astype(self.constants, xp.float64, copy=False)
        meets = xp.abs(overlaps) > tolerance
        inside = xp.where(meets, xp.reshape(L, (n, 1)), xp.zeros_like(V, dtype=xp.float64))
        if not lam.shape[0]:
            return LipschitzEstimate(lam, state)
        return LipschitzEstimate(xp.max(inside, axis=0), state)


def _check_axes(axes: Any, n: int) -> None:
    """Require n orthonormal rows, up to 16 n eps of their dtype."""
    if not hasattr(axes, "shape") or not hasattr(axes, "dtype"):
        raise TypeError(f"`axes` is a {type(axes).__name__}; it must be an array, or None for the identity")
    if dtype_name(axes) not in ("float32", "float64"):
        raise TypeError(f"`axes` has dtype {dtype_name(axes)}; it must be float32 or float64")
    if tuple(axes.shape) != (n, n):
        raise ValueError(f"`axes` has shape {tuple(axes.shape)}; it must be ({n}, {n}), as `constants`")
    check_finite("axes", axes)
    xp = namespace(axes)
    inner = xp.matmul(axes, axes.T)
    defect = float(to_host(xp.max(xp.abs(inner - xp.eye(n, dtype=axes.dtype, device=device_of(axes))))))
    if not defect <= 16.0 * n * float(xp.finfo(axes.dtype).eps):
        raise ValueError(
            f"`axes` has rows whose products differ from the identity by {defect:.3g}; they must be "
            "orthonormal"
        )


class AveragedLipschitzState(NamedTuple):
    """What the running average remembers of the last point."""

    theta: Array  # (n,); 0 before the first
    eigenvalues: Array  # lambda_i, (k,); (0,) before the first
    eigenvectors: Array  # v_i, (n, k)
    lipschitz: Array  # the averages of these, (k,) float64
    updates: Array  # how many slopes each has taken in, (k,) int64


@dataclass(frozen=True, kw_only=True)
class AveragedLipschitz:
    """The running average of the slopes |lambda_i - lambda_i'|/(eps_2 + |theta - theta'|), that of AMOS.

    The prime marks the last point; a vector that continues none of those there starts anew. See
    `refopt.amos_averages` for the averages, and for the slopes that are left out.

    Attributes:
        momentum: alpha_L in [0, 1); 0 is the last slope.
        epsilon: eps_2, at least 0.
        average: "literal" (default), "bias-corrected" or "first-slope".
        denominator: "norm" (default), the length of the whole move; "component", its part along v_i.
        initial: L of an eigenvector without a slope yet, at least 0. 0 is literal: a Newton step where
            lambda_i > 0, and no step at all elsewhere.
    """

    momentum: float = 0.99
    epsilon: float = 1e-12
    average: str = "literal"
    denominator: str = "norm"
    initial: float = 0.0

    def __post_init__(self) -> None:
        check_fraction("momentum", self.momentum)
        for name in ("epsilon", "initial"):
            check_nonnegative(name, getattr(self, name))
        for name, allowed in (("average", AVERAGES), ("denominator", DENOMINATORS)):
            if getattr(self, name) not in allowed:
                options = ", ".join(map(repr, allowed))
                raise ValueError(f"`{name}` is {getattr(self, name)!r}; allowed are {options}")

    def init(self, theta: Array) -> AveragedLipschitzState:
        """No point yet."""
        empty = empty_spectrum(theta)
        none, xp = empty.eigenvalues, namespace(theta)
        return AveragedLipschitzState(
            xp.zeros_like(theta), none, empty.eigenvectors, none, xp.astype(none, xp.int64)
        )

    def at(
        self,
        f: Any,
        theta: Array,
        value: Any,
        gradient: Array,
        spectrum: Spectrum,
        state: AveragedLipschitzState,
    ) -> LipschitzEstimate:
        """The averages with the slopes from the last point to this one."""
        V, lam = spectrum.eigenvectors, spectrum.eigenvalues
        xp = namespace(lam)
        check_kept("state.lipschitz", state.lipschitz, state.eigenvectors, 0.0, LARGEST)
        matches = match_eigenvectors(state.eigenvectors, V)
        before = carried(state.eigenvalues, matches, math.nan)  # no slope where there is no eigenvalue before
        averages = Averages(carried(state.lipschitz, matches, 0.0), carried(state.updates, matches, 0))
        move = theta - state.theta
        distance = length(move) if self.denominator == "norm" else xp.abs(xp.matmul(V.T, move))
        slopes = curvature_slopes(lam, before, distance, self.epsilon)
        averages = averaged(averages, slopes, self.momentum, self.average)
        L = corrected(averages, self.momentum, self.average)
        L = xp.where(averages.updates > 0, L, xp.full_like(L, float(self.initial)))
        return LipschitzEstimate(L, AveragedLipschitzState(theta, lam, V, *averages))
