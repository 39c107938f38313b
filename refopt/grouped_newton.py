"""Grouped Newton: one learning rate per group of parameters, from a third-order model of the loss.

Wolinski, "Adapting Newton's Method to Neural Networks through a Summary of Higher-Order Derivatives". The
parameters are in S groups; I is the partition matrix: I_{S:P} sums over each group, I_{P:S} = I_{S:P}'
spreads one number over each. With U = Diag(u), Algorithm 4 is, for t = 0, 1, ... (in parentheses the names
of the quantities in the step):

     1:  sample Z                                                                (the derivatives `f`)
     2:  L <- L(theta, Z),  g <- dL/dtheta(theta, Z)                             (value, gradient)
     3:  u <- momentum(mu_g; g, u)                                               (direction)
     4:  if t mod tau = 0:
     5:      sample Z~                                                           (the derivatives `curvature`)
     6:      g_bar <- I_{S:P} U dL/dtheta(theta, Z~)                             (g_bar)
     7:      H_bar <- I_{S:P} U d2L/dtheta2(theta, Z~) U I_{P:S}                 (H_bar)
     8:      D <- Diag(|D^3(u)_iii|^(1/3))                                       (third_diagonal, D)
     9:      eta <- argmin -g_bar.eta + eta.H_bar.eta/2 + (lambda_int/6) |D eta|^3       (eta, r, model)
    10:      eta~ <- momentum(mu_eta; (eta)_+, eta~)                             (learning_rates)
    11:  theta <- theta - lambda U I_{P:S} eta~                                  (theta_next)
    12:  lambda <- schedule(tau_sch, p_sch, f_sch; t, L, lambda)                 (step_size)

where momentum(mu; x, x~) = x when x~ is undefined, else mu x~ + (1 - mu) x. Method 1 and Algorithm 1 are the
defaults: mu_g = mu_eta = 0, tau = 1, no positive part, no schedule. Eq. 8 is lambda_int = 0.

Differs from the paper:

1. Line 9 asks for a global minimizer. Eq. 10 and Method 1 ask for the solution of largest |D eta| of an
   equation with an inverse: a saddle in the hard case, none on its boundary (D6 to D9): `refopt.cubic`.
2. Where the model has no minimum, the last rates are kept and the step says so; the first step then raises
   `NoStep`. Eq. 8 as printed goes to a stationary point there, a saddle or a maximum: option `stationary`.
3. t counts from 0, so that line 4 holds in the first step; as printed, t from 1, eta~ is undefined until
   t = tau (F12). The schedule is called after tau_sch, 2 tau_sch, ... steps, as with t from 1.
4. Groups with u_s = 0 have a zero row in H_bar; they are left out and get eta_s = 0 (B4, F1). When every
   u_s = 0, nothing moves and the last rates are kept.
5. g_bar comes from Z~, as in Algorithm 1 and the author's code; Appendix G's text has g_t, from Z (F14).
6. The positive part is no safeguard: it can turn the promised decrease into a rise (F13): `loses_descent`.
7. g_bar is minus the slope of the loss in eta, where Appendix B has plus (eq. 27; B3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from refopt.arrays import (
    Array,
    all_finite,
    asarray_like,
    check_count,
    check_state,
    check_vector,
    dtype_name,
    namespace,
    to_host,
)
from refopt.cubic import CubicSolution, cubic_minimizer, cubic_value
from refopt.grouped_settings import GroupedSettings
from refopt.groups import Groups
from refopt.interactions import interaction_matrices
from refopt.plateau import Plateau, PlateauState, plateau_start
from refopt.schedules import rate_at
from refopt.trace import NonFinite, NoStep

__all__ = ["Estimate", "GroupedNewton", "GroupedNewtonState", "GroupedNewtonStep"]


class Estimate(NamedTuple):
    """What lines 6 to 10 found at the last refresh; from `r` on, at the last that found learning rates."""

    active: Array  # where u_s is not 0, (S,) bool
    g_bar: Array  # (S,)
    H_bar: Array  # (S, S)
    third_diagonal: Array  # D^3(u)_iii with their signs, (S,)
    D: Array  # |D^3(u)_iii|^(1/3), (S,)
    r: float  # |D eta|
    eta: Array  # minimizer of the model, (S,)
    model_change: float  # the model at eta, where it is 0 at 0
    clipped: Array  # where the positive part acts, (S,) bool
    model_change_clipped: float  # the model at (eta)_+
    loses_descent: bool  # whether the model is above 0 at lambda eta~


class GroupedNewtonState(NamedTuple):
    """What grouped Newton remembers between two steps."""

    iteration: int  # t, steps made
    velocity: Array  # u of the last step, (n,); 0 before the first
    learning_rates: Array  # eta~, (S,); 0 while undefined
    has_rates: bool  # whether eta~ is defined
    plateau: PlateauState  # of the schedule; its factor stays 1 without one
    estimate: Estimate  # of the last refresh; zeros before the first


class GroupedNewtonStep(NamedTuple):
    """One iteration of grouped Newton, in computing order.

    `active` to `loses_descent` are those of `Estimate`: of the last refresh, in a step without one.
    """

    theta: Array  # the point, (n,)
    value: Array  # L(theta), a scalar
    gradient: Array  # g, (n,)
    direction: Array  # u, (n,)
    refresh: str  # "none", "refreshed", or "kept: " and why the last learning rates were kept
    active: Array  # where u_s is not 0, (S,) bool
    g_bar: Array  # D^1(u), (S,)
    H_bar: Array  # D^2(u), (S, S)
    third_diagonal: Array  # D^3(u)_iii with their signs, (S,)
    D: Array  # |D^3(u)_iii|^(1/3), (S,)
    model: CubicSolution | None  # of the active groups, with certificate or witness; None without a solve
    r: float  # |D eta|
    eta: Array  # minimizer of the model, (S,); 0 in groups that are left out
    model_change: float  # the model at eta, where it is 0 at 0
    clipped: Array  # where the positive part acts, (S,) bool
    model_change_clipped: float  # the model at (eta)_+
    loses_descent: bool  # whether the model promises a rise for what is used, lambda eta~
    learning_rates: Array  # eta~, (S,)
    step_size: float  # lambda
    theta_next: Array  # theta - lambda U I_{P:S} eta~, (n,)
    state: GroupedNewtonState


@dataclass(frozen=True, kw_only=True)
class GroupedNewton(GroupedSettings):
    """Grouped Newton; the settings are described in `GroupedSettings`."""

    @classmethod
    def algorithm_4(cls, groups: Groups, steps_per_epoch: int, **settings: Any) -> GroupedNewton:
        """Algorithm 4 with the values of Table 2, and lambda_1 = 0.1, lambda_int = 10 (Table 3, MLP).

        Args:
            groups: the partition.
            steps_per_epoch: N_e, steps between two calls of the plateau schedule, at least 1.
            settings: any of `GroupedSettings`, in place of the values above.
        """
        check_count("steps_per_epoch", steps_per_epoch, 1)
        plateau = Plateau(every=steps_per_epoch, patience=5, factor=0.5)
        table: dict[str, Any] = {
            "learning_rate": 0.1,
            "internal_damping": 10.0,
            "momentum": 0.9,
            "refresh_every": 10,
        }
        table |= {"rate_momentum": 0.5, "positive_part": True, "plateau": plateau}
        return cls(groups=groups, **{**table, **settings})

    def init(self, theta: Array) -> GroupedNewtonState:
        """The state before the first step at `theta` (n,), float32 or float64.

        Raises:
            TypeError: when theta is no real floating array.
            ValueError: when it has another length than the partition, or an element that is not finite.
        """
        check_vector("theta", theta)
        self._check_length(theta)
        xp, S = namespace(theta), self.groups.count
        zeros = asarray_like([0.0] * S, theta)
        no, H_bar = xp.astype(zeros, xp.bool), asarray_like([[0.0] * S] * S, theta)
        estimate = Estimate(no, zeros, H_bar, zeros, zeros, 0.0, zeros, 0.0, no, 0.0, False)
        return GroupedNewtonState(0, xp.zeros_like(theta), zeros, False, plateau_start(), estimate)

    def step(
        self, f: Any, theta: Array, state: GroupedNewtonState, *, curvature: Any = None
    ) -> GroupedNewtonStep:
        """One iteration of Algorithm 4; pure.

        Args:
            f: derivatives of the objective, or of this iteration's minibatch Z.
            theta: the point, (n,).
            state: from `init` or the last step.
            curvature: derivatives on the minibatch Z~ of lines 6 to 8; None is f.

        Raises:
            NoStep: when a model has no minimum and there are no earlier learning rates.
            NonFinite: when the value, the gradient or a summary tensor is not finite.
            ValueError: when theta or the state does not fit the partition.
        """
        self._check_length(theta)
        self._check_state(state)
        t, u, eta, has_rates, plateau, found = state
        value, g = f.value_and_gradient(theta)  # lines 1, 2
        _require_finite(value=value, gradient=g)
        u = momentum(self.momentum, g, u if t > 0 else None)  # line 3
        step_size = rate_at(self.learning_rate, t) * plateau.factor
        refresh, model = "none", None
        if self.refreshes_at(t):  # line 4
            found = self._measured(f if curvature is None else curvature, theta, u, found)  # lines 5 to 8
            found, model, reason = self._solved(found)  # line 9
            if not reason:
                last = eta if has_rates else None
                eta, has_rates = momentum(self.rate_momentum, self._rates(found.eta), last), True  # line 10
                found = found._replace(loses_descent=self._model(found, step_size * eta) > 0.0)
            elif not has_rates and bool(to_host(namespace(u).any(found.active))):
                raise NoStep(f"grouped Newton has no step: {reason}, and there are no earlier learning rates")
            refresh = f"kept: {reason}" if reason else "refreshed"
        theta_next = theta - (step_size * u) * self.groups.spread(eta)  # line 11
        if self.plateau is not None and self.plateau.due(t):  # line 12
            plateau = self.plateau.called(plateau, float(to_host(value)), step_size)
        state = GroupedNewtonState(t + 1, u, eta, has_rates, plateau, found)
        shown = (*found[:5], model, *found[5:])
        return GroupedNewtonStep(theta, value, g, u, refresh, *shown, eta, step_size, theta_next, state)

    def refreshes_at(self, iteration: int) -> bool:
        """Whether the step at t = `iteration` computes learning rates (line 4)."""
        return iteration % self.refresh_every == 0

    def _measured(self, source: Any, theta: Array, u: Array, last: Estimate) -> Estimate:
        """Lines 6 to 8, in one call."""
        if not hasattr(source, "summary"):
            raise TypeError(
                f"`f` or `curvature` is a {type(source).__name__} without `summary`; "
                "it must be a Derivatives or have that method"
            )
        xp = namespace(theta)
        _, _, g_bar, H_bar, third = source.summary(theta, u, self.groups, interactions=self.interactions)
        _require_finite(**{"tensor D^1(u)": g_bar, "tensor D^2(u)": H_bar, "diagonal of D^3(u)": third})
        D = xp.abs(third) ** (1.0 / 3.0)
        active = self.groups.sums(xp.abs(u)) > 0
        return last._replace(active=active, g_bar=g_bar, H_bar=H_bar, third_diagonal=third, D=D)

    def _solved(self, found: Estimate) -> tuple[Estimate, CubicSolution | None, str]:
        """Line 9 on the active groups: the estimate with eta, the model, or why there is no eta."""
        kept = [s for s, active in enumerate(to_host(found.active).tolist()) if active]
        if not kept:
            return found, None, "the direction is 0 in every group"
        H, g, d = _among(kept, found.H_bar, found.g_bar, found.D)
        model = None
        if self.stationary:
            pair = interaction_matrices(H, [self.groups.names[s] for s in kept])
            if pair.inverse is None:
                return found, None, f"H_bar is {pair.status}"
            part = (pair.inverse @ to_host(g)).tolist()
            if not max(map(abs, part)) <= float(namespace(g).finfo(g.dtype).max):
                return found, None, f"a learning rate leaves the range of {dtype_name(g)}"
        else:
            try:
                model = cubic_minimizer(H, g, self.internal_damping, d)
            except ArithmeticError as error:  # the scaled model leaves the range of a float64
                return found, None, f"the model cannot be solved ({error})"
            if model.minimizer is None:
                return found, model, f"the model is {model.status}: it has no minimum over the learning rates"
            part = to_host(model.minimizer).tolist()
        by_group = dict(zip(kept, part, strict=True))
        eta = asarray_like([by_group.get(s, 0.0) for s in range(self.groups.count)], found.g_bar)
        change = self._model(found, eta)
        clipped_change = self._model(found, self._rates(eta)) if self.positive_part else change
        r, clipped = _size(found.D * eta), (eta < 0) & self.positive_part
        found = found._replace(r=r, eta=eta, model_change=change)
        return found._replace(clipped=clipped, model_change_clipped=clipped_change), model, ""

    def _rates(self, eta: Array) -> Array:
        """(eta)_+, or eta without `positive_part`."""
        xp = namespace(eta)
        return xp.where(eta > 0, eta, xp.zeros_like(eta)) if self.positive_part else eta

    def _model(self, found: Estimate, eta: Array) -> float:
        """The model of line 9 at eta; infinite where it, or eta, leaves the range of its type."""
        if not all_finite(eta):
            return math.inf
        try:
            return cubic_value(found.H_bar, found.g_bar, self.internal_damping, eta, found.D)
        except OverflowError:
            return math.inf

    def _check_length(self, theta: Array) -> None:
        if theta.shape[0] != self.groups.n:
            raise ValueError(
                f"`theta` has {theta.shape[0]} elements; it must have {self.groups.n}, as `groups` partitions"
            )

    def _check_state(self, state: Any) -> None:
        check_state(state, GroupedNewtonState)
        if state.learning_rates.shape[0] != self.groups.count:
            raise ValueError(
                f"`state` has {state.learning_rates.shape[0]} learning rates; it must have "
                f"{self.groups.count}, as `groups` has groups"
            )


def momentum(mu: float, x: Array, last: Array | None) -> Array:
    """The average of the algorithm: x while `last` is undefined, else mu last + (1 - mu) x."""
    return x if last is None or mu == 0.0 else mu * last + (1.0 - mu) * x


def _among(kept: list[int], *tensors: Array) -> list[Array]:
    """Tensors of size S in each dimension, restricted to the groups kept."""
    xp = namespace(*tensors)
    index = asarray_like(kept, tensors[0], "int64")
    found = []
    for tensor in tensors:
        for axis in range(len(tensor.shape)):
            tensor = xp.take(tensor, index, axis=axis)
        found.append(tensor)
    return found


def _size(x: Array) -> float:
    """The Euclidean length, on the host."""
    return math.hypot(*to_host(x).tolist())


def _require_finite(**parts: Array) -> None:
    for name, part in parts.items():
        if not all_finite(part):
            raise NonFinite(f"the {name} is not finite")
