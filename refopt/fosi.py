"""FOSI: a first-order optimizer and Newton's method side by side, each on its own subspace.

Sivan, Gabel and Schuster, "FOSI: Hybrid First and Second Order Optimization", ICLR 2024, Algorithm 2. With H
the Hessian at theta and V (n, k+l) the eigenvectors of its k largest and l smallest eigenvalues as columns:

     6:  u <- 0, V <- 0
    13:  t <- 0
    15:  g <- grad f(theta)
    16:  if t >= W and (t - W) mod T = 0:
    17:      lambda, V <- ESE(f, theta, k, l)
    18:      u <- 1 / |lambda|
     7:  g1 <- V (V' g),  g2 <- g - V (V' g)
     8:  d1 <- -alpha V ((V' g1) * u)
     9:  d_b <- BaseOptStep(g2)
    10:  d2 <- d_b - V (V' d_b)
    11:  theta <- theta + d1 + d2
    20:  t <- t + 1

Differs from the paper:

1. Lines 19 (UpdateStep) and 20 stand outside the `if`; as printed, no step is made before t = W.
2. u = 1 / max(|lambda|, epsilon max|lambda|): a floor, where section 3.2 adds an epsilon to every |lambda|
   and appendix A.5 to small ones. A floor is continuous and leaves the eigenvalues above it exact.
3. V' g1 = V' g, so that a step sweeps over V four times, not six: V' g; V [c, -alpha u c]; V' d_b; V p.
4. Section 3.4 wants the same momentum on g1 and g2, Algorithm 2 has none on g1: `refopt.fosi_momentum`.
5. d2 is scaled, which is section 3.6's scaling of eta for bases linear in eta: `refopt.fosi_tuning`.
6. A spectrum that is not finite, or zero, is not taken over: the last one is kept and the step says so.
7. Weight decay inside the base is refused: its part in span V would be projected out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from refopt.arrays import Array, all_finite, asarray_like, check_state, check_vector, namespace, to_host
from refopt.fosi_momentum import divided, filtered
from refopt.fosi_settings import FosiSettings
from refopt.fosi_tuning import curvature_inverse, rate_scaling, refresh_period, refresh_period_measured
from refopt.hessian_diagonal import diagonal_of
from refopt.lanczos import NonFiniteProduct
from refopt.spectrum import Spectrum, empty_spectrum, extreme_spectrum, start_like

__all__ = ["Fosi", "FosiState", "FosiStep", "rate_scaling", "refresh_period", "refresh_period_measured"]


class FosiState(NamedTuple):
    """What FOSI remembers between two steps."""

    iteration: int  # t, steps made
    spectrum: Spectrum  # lambda, V of the last estimate; empty before the first
    curvature_inverse: Array  # u, (k+l,) in theta's dtype
    clamped: Array  # where the floor acts in u, (k+l,) bool
    scaling: float  # eta_2 / eta, 1 before the first estimate
    newton_velocity: Array  # memory of the filter on g1, (n,); 0 without momentum
    base: Any  # the base optimizer's state
    lanczos_start: Array | None  # start vector of every estimate, (n,)


class FosiStep(NamedTuple):
    """One iteration of FOSI, in computing order."""

    theta: Array  # the point, (n,)
    value: Array  # f(theta), a scalar
    gradient: Array  # g, (n,)
    refresh: str  # "none", "refreshed", or "kept: " and why the last spectrum was kept
    spectrum: Spectrum  # lambda (k+l,), V (n, k+l)
    curvature_inverse: Array  # u, (k+l,)
    clamped: Array  # where the floor acts in u, (k+l,) bool
    scaling: float  # eta_2 / eta
    gradient_in: Array  # g1, (n,)
    gradient_out: Array  # g2, (n,)
    newton_gradient: Array  # g1 after the momentum filter, (n,)
    newton_direction: Array  # d1, (n,)
    base_direction_raw: Array  # d_b, (n,)
    base_direction: Array  # d2, (n,)
    theta_next: Array  # theta + d1 + d2, (n,)
    state: FosiState


@dataclass(frozen=True, kw_only=True)
class Fosi(FosiSettings):
    """FOSI around a first-order optimizer; the settings are described in `FosiSettings`."""

    def init(self, theta: Array, lanczos_start: Array | None = None) -> FosiState:
        """The state before the first step, with empty V and u.

        Args:
            theta: (n,) float32 or float64.
            lanczos_start: start vector of every estimate, (n,), not zero, cast to theta's dtype; needed
                unless k = l = 0. A generic vector serves; a structured one can be orthogonal to an
                eigenvector.

        Raises:
            TypeError: when an argument is no real floating array.
            ValueError: when k + l > n, or `lanczos_start` is missing, zero, not finite or of another size.
        """
        check_vector("theta", theta)
        xp, n, pairs = namespace(theta), theta.shape[0], self.largest + self.smallest
        if pairs > n:
            raise ValueError(f"`largest` + `smallest` is {pairs}; it must be at most {n}, the parameters")
        if pairs and lanczos_start is None:
            raise ValueError(f"`lanczos_start` is missing; it must be a vector of {n} elements, not all 0")
        if lanczos_start is not None:
            lanczos_start = start_like(theta, lanczos_start)
        empty = empty_spectrum(theta)  # line 6
        u = xp.astype(empty.eigenvalues, theta.dtype)
        velocity, base = xp.zeros_like(theta), self.base.init(theta)
        return FosiState(0, empty, u, xp.astype(u, xp.bool), 1.0, velocity, base, lanczos_start)  # line 13

    def step(self, f: Any, theta: Array, state: FosiState, *, curvature: Any = None) -> FosiStep:
        """One iteration of Algorithm 2; pure.

        Args:
            f: derivatives of the objective, or of this iteration's batch.
            theta: the point, (n,).
            state: from `init` or the last step.
            curvature: derivatives whose Hessian an estimate uses, such as a larger batch; None is f. With a
                base that takes in diagonals (Sophia), also an estimator with `linearize` and `diagonal`.

        Raises:
            TypeError: when the state is not FOSI's.
        """
        check_state(state, FosiState)
        xp = namespace(theta)
        if self.estimates_at(state.iteration):  # line 16
            value, g, hvp = _linearized(f, curvature, theta)  # line 15
            state, refresh = self._refresh(hvp, state)  # lines 17, 18
        else:
            value, g = f.value_and_gradient(theta)  # line 15
            refresh = "none"
        if self._diagonal_at(state.iteration):  # inside line 9
            state, refresh = self._with_diagonal(f if curvature is None else curvature, theta, state, refresh)
        t, spectrum, u, clamped, scaling, v, base, start = state
        V = spectrum.eigenvectors
        c, c_bar = self._coordinates(xp, V, g, v)  # V' g, and V' of the filtered g1
        inside = xp.matmul(xp.reshape(xp.concat((c, (-self.alpha) * u * c_bar)), (2, u.shape[0])), V.T)
        g1, d1 = inside[0, :], inside[1, :]  # lines 7, 8
        g2 = g - g1  # line 7
        v, g1_bar = filtered(self.newton_momentum, self._decay, v, g1)
        d_b, base = self.base.direction(g2, theta, base)  # line 9
        d2 = scaling * (d_b - xp.matmul(V, xp.matmul(V.T, d_b)))  # line 10
        theta_next = theta + d1 + d2  # line 11
        state = FosiState(t + 1, spectrum, u, clamped, scaling, v, base, start)  # line 20
        found = (spectrum, u, clamped, scaling, g1, g2, g1_bar, d1, d_b, d2)
        return FosiStep(theta, value, g, refresh, *found, theta_next, state)

    def refreshes_at(self, iteration: int) -> bool:
        """Whether the step at t = `iteration` uses the curvature, for its spectrum or the base's diagonal."""
        return self.estimates_at(iteration) or self._diagonal_at(iteration)

    def estimates_at(self, iteration: int) -> bool:
        """Whether the step at t = `iteration` estimates the spectrum (line 16)."""
        since = iteration - self.warmup
        return since >= 0 and since % self.refresh_every == 0 and self.largest + self.smallest > 0

    def with_spectrum(self, state: FosiState, spectrum: Spectrum) -> FosiState:
        """The state that takes over an estimated spectrum: u, the scaling, the momentum divided anew.

        Raises:
            ArithmeticError: when the spectrum is not finite or has no curvature to divide by.
        """
        if not all_finite(spectrum.eigenvectors):
            raise ArithmeticError("an estimated eigenvector is not finite")
        xp, v = namespace(state.newton_velocity), state.newton_velocity
        values, residuals = to_host(spectrum.eigenvalues).tolist(), to_host(spectrum.residuals).tolist()
        u, clamped = curvature_inverse(values, self.epsilon, xp.finfo(v.dtype))  # line 18
        ends = (spectrum.num_largest, spectrum.num_smallest)
        scaling = rate_scaling(
            getattr(self.base, "closed_form", None), values, residuals, *ends,
            scaling=self.scaling, max_scaling=self.max_scaling, max_residual=self.max_residual,
        )  # fmt: skip
        base = state.base
        if self.newton_momentum != "none":
            v, base = divided(spectrum.eigenvectors, v, base, getattr(self.base, "memory", None))
        return state._replace(
            spectrum=spectrum, curvature_inverse=asarray_like(u, v), clamped=asarray_like(clamped, v,
            xp.bool), scaling=scaling, newton_velocity=v, base=base,
        )  # fmt: skip

    def _refresh(self, hvp: Any, state: FosiState) -> tuple[FosiState, str]:
        """Lines 17 and 18, or the old state and the reason (difference 6)."""
        try:
            spectrum = extreme_spectrum(
                hvp, state.lanczos_start, largest=self.largest, smallest=self.smallest,
                steps=self.steps, multiplicity=self.multiplicity,
            )  # fmt: skip
        except NonFiniteProduct as error:  # and no other ArithmeticError: that is the objective's own
            return state, f"kept: {error}"
        try:
            return self.with_spectrum(state, spectrum), "refreshed"
        except ArithmeticError as error:
            return state, f"kept: {error}"

    def _diagonal_at(self, iteration: int) -> bool:
        """Whether the base takes in an estimate of the Hessian's diagonal at t = `iteration`."""
        return hasattr(self.base, "with_diagonal") and self.base.refreshes_at(iteration)

    def _with_diagonal(
        self, source: Any, theta: Array, state: FosiState, refresh: str
    ) -> tuple[FosiState, str]:
        """The state whose base has taken in a diagonal, or the reason why it has not."""
        try:
            base = self.base.with_diagonal(state.base, diagonal_of(source, theta))
        except ArithmeticError as error:
            said = "" if refresh == "none" else f"{refresh}; "
            return state, f"{said}the base kept its diagonal: {error}"
        return state._replace(base=base), refresh

    def _coordinates(self, xp: Any, V: Array, g: Array, v: Array) -> tuple[Array, Array]:
        """V' g and V' of the filtered g1, in one sweep over V."""
        if self.newton_momentum == "none":
            c = xp.matmul(V.T, g)
            return c, c
        both = xp.matmul(xp.stack((g, v)), V)
        c, c_v = both[0, :], both[1, :]
        return c, filtered(self.newton_momentum, self._decay, c_v, c)[1]

    @property
    def _decay(self) -> float:
        """The decay of the filter on g1: the setting, or the base's own."""
        if self.newton_decay is not None:
            return float(self.newton_decay)
        return getattr(self.base, getattr(self.base, "memory_decay", None) or "", 0.0)


def _linearized(f: Any, curvature: Any, theta: Array) -> tuple[Array, Array, Any]:
    """Value and gradient of f, and the estimate's Hessian products: from one trace where both are f's."""
    if curvature is None:
        return f.linearize(theta)
    return *f.value_and_gradient(theta), curvature.linearize(theta).hvp
