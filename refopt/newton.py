"""Second-order comparators: Newton, Cauchy's steepest descent, saddle-free Newton, cubic Newton.

With g and H the gradient and Hessian at theta, theta_next = theta + d:

    newton               d = -alpha H^-1 g
    steepest_descent     d = -(g'g / g'H g) g, the exact minimum of the quadratic model along -g (Cauchy 1847)
    saddle_free_newton   d = -alpha |H|^-1 g, eigenvalues by their absolute value (Dauphin et al. 2014)
    cubic_newton         d = argmin g'd + d'H d/2 + (M/6) |d|^3 (Nesterov and Polyak 2006)

Newton's method goes to the nearest stationary point of the model, a saddle included; the other three go down.
Where a step is not defined (H singular, g'H g <= 0) a `NoStep` says so, and a `NonFinite` where the value, g
or H is not finite; either is an ArithmeticError and ends a run with its sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from refopt.arrays import (
    Array,
    all_finite,
    check_positive,
    check_state,
    check_vector,
    device_of,
    namespace,
    to_host,
)
from refopt.cubic import CubicSolution, cubic_minimizer
from refopt.trace import NonFinite, NoStep


class IterationState(NamedTuple):
    """State of a comparator."""

    iteration: int  # steps made


class NewtonStep(NamedTuple):
    """One iteration of Newton's method or saddle-free Newton, in computing order."""

    theta: Array  # the point, (n,)
    value: Array  # f(theta), a scalar
    gradient: Array  # g, (n,)
    hessian: Array  # H, (n, n)
    eigenvalues: Array  # of H, ascending, (n,)
    direction: Array  # d, (n,)
    theta_next: Array  # theta + d, (n,)
    state: IterationState


class SteepestDescentStep(NamedTuple):
    """One iteration of Cauchy's method, in computing order."""

    theta: Array  # the point, (n,)
    value: Array  # f(theta), a scalar
    gradient: Array  # g, (n,)
    hessian_gradient: Array  # H g, (n,)
    rate: Array  # g'g / g'H g, a scalar; 0 where g = 0
    direction: Array  # d, (n,)
    theta_next: Array  # theta + d, (n,)
    state: IterationState


class CubicNewtonStep(NamedTuple):
    """One iteration of cubic Newton, in computing order."""

    theta: Array  # the point, (n,)
    value: Array  # f(theta), a scalar
    gradient: Array  # g, (n,)
    hessian: Array  # H, (n, n)
    model: CubicSolution  # minimizer of the model with its certificate
    direction: Array  # d, (n,)
    theta_next: Array  # theta + d, (n,)
    state: IterationState


class _Comparator:
    """What the comparators share: a state that only counts."""

    def init(self, theta: Array) -> IterationState:
        """The state before the first step at `theta` (n,)."""
        check_vector("theta", theta)
        return IterationState(0)


@dataclass(frozen=True, kw_only=True)
class Newton(_Comparator):
    """d = -alpha H^-1 g.

    Attributes:
        alpha: damping, positive.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        _settle(self, "alpha")

    def step(self, f: Any, theta: Array, state: IterationState) -> NewtonStep:
        """One iteration at `theta` (n,) on the derivatives `f`; pure.

        Raises:
            TypeError: when the state is not a comparator's.
            NoStep: when H is singular to working precision.
            NonFinite: when the value, g or H is not finite.
        """
        check_state(state, IterationState)
        value, g, H = _second_order(f, theta)
        xp = namespace(theta)
        eigenvalues, Q = xp.linalg.eigh(H)
        low, high = (_number(end(xp.abs(eigenvalues))) for end in (xp.min, xp.max))
        if low <= theta.shape[0] * float(xp.finfo(theta.dtype).eps) * high:
            raise NoStep(
                "Newton's method has no step: the Hessian is singular, "
                f"its smallest |eigenvalue| is {low:.3g} and its largest {high:.3g}"
            )
        d = -self.alpha * xp.matmul(Q, xp.matmul(Q.T, g) / eigenvalues)
        return NewtonStep(theta, value, g, H, eigenvalues, d, theta + d, IterationState(state.iteration + 1))


@dataclass(frozen=True, kw_only=True)
class SaddleFreeNewton(_Comparator):
    """d = -alpha |H|^-1 g, with |lambda| at least epsilon max|lambda|.

    Attributes:
        alpha: damping, positive.
        epsilon: relative floor of |lambda|, positive.
    """

    alpha: float = 1.0
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _settle(self, "alpha", "epsilon")

    def step(self, f: Any, theta: Array, state: IterationState) -> NewtonStep:
        """One iteration at `theta` (n,) on the derivatives `f`; pure.

        Raises:
            TypeError: when the state is not a comparator's.
            NoStep: when H = 0.
            NonFinite: when the value, g or H is not finite.
        """
        check_state(state, IterationState)
        value, g, H = _second_order(f, theta)
        xp = namespace(theta)
        eigenvalues, Q = xp.linalg.eigh(H)
        sizes = xp.abs(eigenvalues)
        if _number(xp.max(sizes)) == 0.0:
            raise NoStep("saddle-free Newton has no step: the Hessian is 0")
        sizes = xp.maximum(sizes, self.epsilon * xp.max(sizes))
        d = -self.alpha * xp.matmul(Q, xp.matmul(Q.T, g) / sizes)
        return NewtonStep(theta, value, g, H, eigenvalues, d, theta + d, IterationState(state.iteration + 1))


@dataclass(frozen=True, kw_only=True)
class SteepestDescent(_Comparator):
    """d = -(g'g / g'H g) g, the minimum of the quadratic model along -g; one Hessian product per step."""

    def step(self, f: Any, theta: Array, state: IterationState) -> SteepestDescentStep:
        """One iteration at `theta` (n,) on the derivatives `f`; pure. Where g = 0 it stays.

        Raises:
            TypeError: when the state is not a comparator's.
            NoStep: when g'H g <= 0 and g is not 0: the model has no minimum along -g.
            NonFinite: when the value, g or H g is not finite.
        """
        check_state(state, IterationState)
        value, g, hvp = f.linearize(theta)
        _require_finite(value=value, gradient=g)
        xp = namespace(theta)
        Hg = hvp(g)
        _require_finite(**{"Hessian product H g": Hg})
        gg, gHg = xp.sum(g * g), xp.sum(g * Hg)
        if _number(gg) == 0.0:
            rate = gg
        elif _number(gHg) > 0.0:
            rate = gg / gHg
        else:
            raise NoStep(
                f"steepest descent has no exact step: g'H g is {_number(gHg):.6g}, "
                "so the quadratic model has no minimum along -g"
            )
        d = -rate * g
        return SteepestDescentStep(
            theta, value, g, Hg, rate, d, theta + d, IterationState(state.iteration + 1)
        )


@dataclass(frozen=True, kw_only=True)
class CubicNewton(_Comparator):
    """d = argmin g'd + d'H d/2 + (M/6) |d|^3, the global minimum (`refopt.cubic`).

    With M at least the Lipschitz constant of the Hessian no step increases f. In the hard case, where the
    model has several minimizers, the one of `CubicSolution.minimizer` is taken.

    Attributes:
        lipschitz: M, positive.
    """

    lipschitz: float

    def __post_init__(self) -> None:
        _settle(self, "lipschitz")

    def step(self, f: Any, theta: Array, state: IterationState) -> CubicNewtonStep:
        """One iteration at `theta` (n,) on the derivatives `f`; pure.

        Raises:
            TypeError: when the state is not a comparator's.
            NoStep: when the scaled model leaves the range of a float64.
            NonFinite: when the value, g or H is not finite.
        """
        check_state(state, IterationState)
        value, g, H = _second_order(f, theta)
        try:
            model = cubic_minimizer(H, -g, self.lipschitz)
        except ArithmeticError as error:  # the scaled model leaves the range of a float64
            raise NoStep(f"cubic Newton has no step: its model cannot be solved ({error})") from error
        d = model.minimizer
        return CubicNewtonStep(theta, value, g, H, model, d, theta + d, IterationState(state.iteration + 1))


def _require_finite(**parts: Array) -> None:
    for name, part in parts.items():
        if not all_finite(part):
            raise NonFinite(f"the {name} is not finite")


def _second_order(f: Any, theta: Array) -> tuple[Array, Array, Array]:
    """Value, gradient and Hessian at theta, all finite."""
    value, g = f.value_and_gradient(theta)
    _require_finite(value=value, gradient=g)
    try:
        H = f.hessian(theta)
    except ValueError as error:  # refused: because it is not finite, or not symmetric, or by the objective
        identity = namespace(theta).eye(theta.shape[0], dtype=theta.dtype, device=device_of(theta))
        hvp = f.linearize(theta).hvp
        if all(all_finite(hvp(identity[i, :])) for i in range(theta.shape[0])):
            raise
        raise NonFinite("the Hessian is not finite") from error
    _require_finite(Hessian=H)
    return value, g, H


def _number(x: Array) -> float:
    return float(to_host(x))


def _settle(optimizer: Any, *names: str) -> None:
    """Check settings and make them Python floats, which never widen a float32 array."""
    for name in names:
        check_positive(name, getattr(optimizer, name))
        object.__setattr__(optimizer, name, float(getattr(optimizer, name)))


COMPARATORS: dict[str, Any] = {
    "newton": Newton,
    "steepest_descent": SteepestDescent,
    "saddle_free_newton": SaddleFreeNewton,
    "cubic_newton": CubicNewton,
}
"""The comparators by the names that files and commands use."""
