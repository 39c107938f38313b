"""AMOS: two optimizers side by side, and for each part of the parameters the one that suits its curvature.

"Optimizer selection based on function-proxy proximity", Algorithm 2. For an index i (a parameter, a tensor of
them, or an eigenspace of the Hessian) lambda_i is its curvature, L_i an estimate of how fast that changes:

     1:  t <- 0
     3:  if t in I_hess:
     4:      lambda <- EIGEN(H(theta))                                     (curvatures, spectrum)
     5:      L <- alpha_L L + (1 - alpha_L) |lambda - lambda'| / (eps_2 + |theta - theta'|)
     7:      for each i: if L_i > L_thresh                                 (lipschitz, statistic)
     8:          OPTIM_i <- OPT1                                           (to_first)
     9:      else
    10:          OPTIM_i <- OPT2
    14:  d_i <- OPTIM_i.step()                                             (first_direction, second_direction)
    15:  theta <- theta + d                                                (direction, theta_next)
    16:  t <- t + 1

Differs from the paper:

1. Line 2, the loop, stops at the first step that does not go down, which the noise of a batch ends at once;
   here `minimize` has the rules, and a step is a step.
2. lambda' and theta' are those of the Hessian time before, not of t - 1, which has none. The first Hessian is
   stored only. Where nothing moved, or a slope is not finite, L stays, and the step counts it (`skipped`).
   With batches, take both Hessians on one batch: else a slope measures noise over the distance moved.
3. EIGEN gives eigenvectors too, and L follows its eigenvector, by overlap (`refopt.eigenspaces`): sorted
   eigenvalues swap places where they cross. One that continues none starts anew.
4. The average starts at 0 and is low by 1 - alpha_L^k; the correction, the other denominator, eq. 8 as the
   rule, and what happens before there is a slope or a Hessian are settings: `AmosSettings`.
5. In eigenspaces d = sum_i v_i v_i' d_i with the vectors of the last Hessian time; what they do not span goes
   to OPT1. Each part of theta moves, and decays, by one optimizer only.
6. An optimizer that owns nothing is not asked at all with `idle` "freeze", and its memory stands still; one
   that owns some coordinates keeps the others' memories, where each of its memories is a vector (n,). Its
   clock, the `iteration` of its state, goes on, so that schedules and estimates keep time.
7. A spectrum that is not finite is not taken over: the last assignment is kept and the step says so.

Value, gradient, Hessian and diagonal are evaluated once in a step and shared by all three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from refopt.amos_averages import Averages, averaged, corrected, curvature_slopes, length
from refopt.amos_selection import select
from refopt.amos_settings import AmosSettings, takes_start, uses
from refopt.arrays import (
    Array,
    all_finite,
    asarray_like,
    check_finite,
    check_state,
    check_vector,
    device_of,
    namespace,
    to_host,
)
from refopt.eigenspaces import carried, dense_spectrum, match_eigenvectors
from refopt.groups import check_groups
from refopt.lanczos import NonFiniteProduct
from refopt.remembered import remembered
from refopt.spectrum import Spectrum, empty_spectrum, extreme_spectrum, start_like
from refopt.trace import NonFinite

__all__ = ["Amos", "AmosEstimate", "AmosState", "AmosStep"]


class AmosEstimate(NamedTuple):
    """What lines 4 to 12 found at the last Hessian time; zeros, and the default, before the first."""

    curvatures: Array  # lambda, (k,): the diagonal, or eigenvalues
    spectrum: Spectrum  # of "eigenspace"; else empty
    slopes: Array  # |gradient along each index|, (k,)
    curvature_slopes: Array  # of line 5, (k,) float64; NaN where there is none
    lipschitz: Array  # L, (k,) float64
    updates: Array  # slopes in each L, (k,) int64
    skipped: int  # how many indices had no slope to take in
    statistic: Array  # what the threshold is held against, by index or tensor, float64
    to_first: Array  # who goes to `first`, by index or tensor, bool
    mask: Array  # the parameters of `first`, (n,) bool; of "eigenspace": empty
    offload: float  # the part of the parameters, or of the eigenspaces, that `first` has


class AmosState(NamedTuple):
    """What AMOS remembers between two steps."""

    iteration: int  # t, steps made
    first: Any  # state of `first`
    second: Any  # state of `second`
    hessians: int  # Hessian times so far
    point: Array  # theta at the last, (n,)
    estimate: AmosEstimate
    lanczos_start: Array | None  # start vector of every estimate that needs one, (n,)


class AmosStep(NamedTuple):
    """One iteration of AMOS, in computing order.

    `curvatures` to `offload` are those of `AmosEstimate`: of the last Hessian time, in a step without one.
    """

    theta: Array  # the point, (n,)
    value: Array  # f(theta), a scalar
    gradient: Array  # (n,)
    refresh: str  # "none", "stored" (the first), "refreshed", or "kept: " and why
    curvatures: Array  # lambda, (k,)
    spectrum: Spectrum  # lambda (k,), V (n, k); empty unless eigenspaces are assigned
    slopes: Array  # |gradient along each index|, (k,)
    curvature_slopes: Array  # of line 5, (k,); NaN where there is none
    lipschitz: Array  # L, (k,)
    updates: Array  # slopes in each L, (k,)
    skipped: int  # how many indices had no slope to take in
    statistic: Array  # what the threshold is held against, by index or tensor
    to_first: Array  # who goes to `first`, by index or tensor, bool
    offload: float  # the part of the parameters, or of the eigenspaces, that `first` has
    first_direction: Array  # of `first` alone, (n,); 0 where it was not asked
    second_direction: Array  # of `second` alone, (n,); 0 where it was not asked
    direction: Array  # d, (n,)
    theta_next: Array  # theta + d, (n,)
    state: AmosState


@dataclass(frozen=True, kw_only=True)
class Amos(AmosSettings):
    """AMOS around two optimizers; the settings are described in `AmosSettings`."""

    def init(self, theta: Array, lanczos_start: Array | None = None) -> AmosState:
        """The state before the first step.

        Args:
            theta: (n,) float32 or float64.
            lanczos_start: start vector of every Lanczos estimate, AMOS' own and its optimizers', (n,), not
                zero; where none makes one it may be None.

        Raises:
            TypeError: when an argument is no real floating array.
            ValueError: when the settings do not fit n parameters, or a start vector is missing or unusable.
        """
        check_vector("theta", theta)
        xp, n = namespace(theta), theta.shape[0]
        eigenspaces = self.granularity == "eigenspace"
        if self.granularity == "tensor":
            check_groups(self.groups, theta)
        if self.pairs > n:
            raise ValueError(
                f"`largest` + `smallest` is {self.pairs}; it must be at most {n}, the parameters"
            )
        if self.pairs and lanczos_start is None:
            raise ValueError(f"`lanczos_start` is missing; it must be a vector of {n} elements, not all 0")
        start = None if lanczos_start is None else start_like(theta, lanczos_start)
        first, second = (
            own.init(theta, lanczos_start=start) if takes_start(own) else own.init(theta)
            for own in (self.first, self.second)
        )
        zeros = xp.zeros(0 if eigenspaces else n, dtype=xp.float64, device=device_of(theta))
        statistic = zeros if self.groups is None else asarray_like([0.0] * self.groups.count, zeros)
        mask, to_first = ((x == 0) & (self.default == "first") for x in (zeros, statistic))
        found = AmosEstimate(
            xp.astype(zeros, theta.dtype), empty_spectrum(theta), xp.astype(zeros, theta.dtype),
            xp.full_like(zeros, float("nan")), zeros, xp.astype(zeros, xp.int64), 0, statistic, to_first,
            mask, float(self.default == "first"),
        )  # fmt: skip
        return AmosState(0, first, second, 0, xp.zeros_like(theta), found, start)

    def step(self, f: Any, theta: Array, state: AmosState, *, curvature: Any = None) -> AmosStep:
        """One iteration of Algorithm 2; pure.

        Args:
            f: derivatives of the objective, or of this iteration's batch.
            theta: the point, (n,).
            state: from `init` or the last step.
            curvature: whose curvature this step uses, for AMOS and for its optimizers: derivatives, or, for
                coordinates and tensors, an estimator of `refopt.hessian_diagonal`; None is f.

        Raises:
            TypeError: when the state is not AMOS'.
            ValueError: when the states of the optimizers are not at its iteration, or the state is one of
                another granularity, partition or number of parameters.
        """
        check_state(state, AmosState)
        self.check_state(state, theta)
        t, refresh, measured = state.iteration, "none", None
        f, source = remembered(f, curvature, theta)
        if self.hessian_due(t):  # line 3
            measured, refresh = self._measured(source, theta, state)  # line 4
        value, g = f.value_and_gradient(theta)
        if measured is not None:
            refresh = "refreshed" if state.hessians else "stored"
            found = self._assigned(theta, g, measured, state)  # lines 5 to 12
            state = state._replace(hessians=state.hessians + 1, point=theta, estimate=found)
        found, owner = state.estimate, self._owner(state, theta.shape[0])
        one, first = self._asked("first", owner, f, source, theta, state)  # line 14
        two, second = self._asked("second", owner, f, source, theta, state)
        directions = (one - theta, two - theta)
        d, theta_next = self._combined(found, owner, theta, (one, two), directions)  # line 15
        if owner is None and self.idle == "freeze" and self.granularity != "eigenspace":
            first = _kept(found.mask, state.first, first, theta)
            second = _kept(~found.mask, state.second, second, theta)
        state = state._replace(iteration=t + 1, first=first, second=second)  # line 16
        shown: Any = (*found[: found._fields.index("mask")], found.offload, *directions, d)
        return AmosStep(theta, value, g, refresh, *(*shown, theta_next, state))

    def _measured(self, source: Any, theta: Array, state: AmosState) -> tuple[Any, str]:
        """Line 4: the curvatures and their spectrum, or why there are none."""
        if self.granularity != "eigenspace":
            return (source.diagonal(theta), state.estimate.spectrum), ""
        if not source.offers(needed := "hessian" if self.dense else "linearize"):
            raise TypeError(
                f"`curvature` is a {source.kind} without `{needed}`; "
                "with `granularity` 'eigenspace' it must be a Derivatives or have that method"
            )
        try:
            if self.dense:
                spectrum = dense_spectrum(source, theta)
            else:
                hvp = source.linearize(theta).hvp
                k, l = self.largest or 0, self.smallest or 0
                spectrum = extreme_spectrum(hvp, state.lanczos_start, largest=k, smallest=l)
        except (NonFinite, NonFiniteProduct) as error:
            return None, f"kept: {error}"
        if not (all_finite(spectrum.eigenvalues) and all_finite(spectrum.eigenvectors)):
            return None, "kept: an estimated eigenpair is not finite"
        return (spectrum.eigenvalues, spectrum), ""

    def _assigned(self, theta: Array, g: Array, measured: Any, state: AmosState) -> AmosEstimate:
        """Lines 5 to 12."""
        xp, last = namespace(theta), state.estimate
        curvatures, spectrum = measured
        V, eigenspaces = spectrum.eigenvectors, self.granularity == "eigenspace"
        slopes = xp.abs(xp.matmul(V.T, g) if eigenspaces else g)
        averages, before = Averages(last.lipschitz, last.updates), last.curvatures
        none = xp.astype(xp.zeros_like(curvatures), xp.float64)
        check_finite("state.estimate.lipschitz", last.lipschitz)
        if not state.hessians:
            averages = Averages(none, xp.astype(none, xp.int64))
            rates, skipped = none + float("nan"), 0
        else:
            known = none == 0
            if eigenspaces:
                matches = match_eigenvectors(last.spectrum.eigenvectors, V)
                averages = Averages(*(carried(x, matches, 0) for x in averages))
                before = carried(before, matches, float("nan"))
                known = asarray_like([j is not None for j in matches], none, xp.bool)
            rates = curvature_slopes(curvatures, before, self._distance(theta, V, state), self.epsilon)
            averages = averaged(averages, rates, self.momentum, self.average)  # line 5
            skipped = int(to_host(xp.sum(xp.astype(known & xp.isnan(rates), xp.int64))))
        rule: dict[str, Any] = {"threshold": self.threshold, "damping": self.damping, "groups": self.groups}
        statistic = corrected(averages, self.momentum, self.average)
        statistic, to_first = select(statistic, slopes, curvatures, aggregate=self.aggregate, **rule)
        if self.unknown == "first":
            counts = averages.updates
            to_first = to_first | ((counts if self.groups is None else self.groups.sums(counts)) == 0)
        mask = last.mask if eigenspaces else to_first if self.groups is None else self.groups.spread(to_first)
        owned = to_first if eigenspaces else mask
        offload = int(to_host(xp.sum(xp.astype(owned, xp.int64)))) / owned.shape[0]
        found = (curvatures, spectrum, slopes, rates, *averages, skipped, statistic, to_first)
        return AmosEstimate(*found, mask, offload)

    def _distance(self, theta: Array, V: Array, state: AmosState) -> Array:
        """How far theta moved since the last Hessian time: as a whole, or along each index."""
        move = theta - state.point
        if self.denominator == "norm":
            return length(move)
        xp = namespace(theta)
        return xp.abs(xp.matmul(V.T, move) if self.granularity == "eigenspace" else move)

    def _owner(self, state: AmosState, n: int) -> str | None:
        """The optimizer that owns all of theta, if one does."""
        if not state.hessians:
            return self.default
        found = state.estimate
        if found.offload == 1.0:
            return "first"
        whole = (
            self.granularity != "eigenspace" or found.to_first.shape[0] == n
        )  # else first has what is left
        return "second" if found.offload == 0.0 and whole else None

    def _asked(
        self, name: str, owner: str | None, f: Any, source: Any, theta: Array, state: AmosState
    ) -> tuple[Array, Any]:
        """Where an optimizer goes, and its state there; an idle one stays."""
        optimizer, own = getattr(self, name), getattr(state, name)
        if owner not in (name, None) and self.idle == "freeze":
            return theta, _later(own)
        given = {"curvature": source} if uses(optimizer, state.iteration) else {}
        step = optimizer.step(f, theta, own, **given)
        return step.theta_next, step.state

    def _combined(
        self, found: AmosEstimate, owner: str | None, theta: Array, points: Any, directions: Any
    ) -> tuple[Array, Array]:
        """Lines 14 and 15: the direction and the next point, from those of both optimizers."""
        if owner is not None:
            own = 0 if owner == "first" else 1
            return directions[own], points[own]
        xp = namespace(theta)
        if self.granularity != "eigenspace":
            return xp.where(found.mask, *directions), xp.where(found.mask, *points)
        V = found.spectrum.eigenvectors
        c = xp.matmul(xp.stack(directions), V)
        parts = xp.where(found.to_first, c[0, :], c[1, :])
        if V.shape[1] == theta.shape[0]:
            d = xp.matmul(V, parts)
        else:  # what V does not span goes to the first
            d = directions[0] + xp.matmul(V, parts - c[0, :])
        return d, theta + d


def _kept(owned: Array, before: Any, after: Any, theta: Array) -> Any:
    """A state with the old memories of what is not owned, where all its memories are vectors like theta."""
    vectors = [part for part in after if not isinstance(part, int)]
    if not all(getattr(part, "shape", None) == theta.shape for part in vectors):
        return after
    xp = namespace(theta)
    parts = [
        new if isinstance(new, int) or new is old else xp.where(owned, new, old)
        for old, new in zip(before, after, strict=True)
    ]
    return type(after)(*parts)


def _later(state: Any) -> Any:
    """A state that stands still while its clock, and those inside, go on."""
    clocks = {name: _later(part) for name, part in state._asdict().items() if hasattr(part, "_fields")}
    if "iteration" in state._fields:
        clocks["iteration"] = state.iteration + 1
    return state._replace(**clocks)
