"""EigenARC: a Lipschitz constant of the curvature for each eigenspace, tracked along any optimizer's run.

ELMO paper, Algorithm 3. After each EIGEN the constants are assessed by a trial step and changed
(`refopt.assessment`: lines 4 to 18, and what differs there), then BASE_OPT makes its own step:

     3:  (lambda_i, v_i) <- EIGEN(H(theta))
  4-18:  (L_i) <- the update
    19:  theta <- BASE_OPT(theta)
    20:  t <- t + 1

Differs from the paper:

1. L of one step is carried to the next by the eigenvectors (`match_eigenvectors`); as printed it is undefined
   there. A vector that continues none starts at `initial`.
2. The two-subspace form (`spectrum="ends"`, appendix J.1) tracks the most positive and the most negative
   eigenpair alone, L+ and L-, at a few values of f a step where the full form needs at least 2n.
3. Line 2 stops on the gradient, also at saddles, where ELMO would move: that is the loop's business here.

With a valid L, ASSESS is in [1, 5], above eta_2: constants are shrunk until the trial step is about to break
its promise, and end below the Lipschitz constants, not above them.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, NamedTuple

from refopt.arrays import (
    Array,
    all_finite,
    asarray_like,
    check_count,
    check_state,
    check_vector,
    namespace,
    to_host,
)
from refopt.assessment import Assessment, AssessmentSettings, EigenArcUpdate, eigen_arc_update
from refopt.eigenspaces import carried, check_kept, dense_spectrum, match_eigenvectors
from refopt.lipschitz import LipschitzEstimate
from refopt.spectrum import Spectrum, empty_spectrum, extreme_spectrum, start_like
from refopt.trace import NonFinite

__all__ = [
    "EigenArc",
    "EigenArcLipschitz",
    "EigenArcLipschitzState",
    "EigenArcState",
    "EigenArcStep",
    "EigenArcUpdate",
    "eigen_arc_update",
    "lipschitz_ends",
]

SPECTRA = ("dense", "ends")


class EigenArcState(NamedTuple):
    """What EigenARC remembers between two steps."""

    iteration: int  # t, steps made
    eigenvectors: Array  # v_i of the last step, (n, k); (n, 0) before the first
    lipschitz: Array  # L_i of these, (k,) float64
    base: Any  # the base optimizer's state
    lanczos_start: Array | None  # start vector of every estimate, (n,); None with the dense spectrum


class EigenArcStep(NamedTuple):
    """One iteration of EigenARC, in computing order."""

    theta: Array  # the point, (n,)
    value: Array  # f(theta), a scalar
    gradient: Array  # (n,)
    spectrum: Spectrum  # lambda (k,), V (n, k)
    slopes: Array  # |v_i'grad f|, (k,) float64
    ratio: float  # ASSESS of the constants that entered; NaN where nothing is promised
    decision: str  # "shrunk", "raised", "kept" or "still"
    raises: int  # how often all L_i were multiplied
    reductions: Array  # how often each L_i was divided, (k,) int64
    evaluations: int  # values of f that the update took
    lipschitz: Array  # L_i after the update, (k,) float64
    direction: Array  # the base's step, (n,)
    theta_next: Array  # (n,)
    state: EigenArcState


class EigenArcLipschitzState(NamedTuple):
    """What EigenARC as a LIPSCHITZ oracle remembers, and what its last update did."""

    eigenvectors: Array  # v_i of the last step, (n, k); (n, 0) before the first
    lipschitz: Array  # L_i of these, (k,) float64
    decision: str  # of the last update; "none" before the first
    ratio: float  # ASSESS of the constants that entered it
    evaluations: int  # values of f that it took


@dataclass(frozen=True, kw_only=True)
class EigenArcLipschitz(AssessmentSettings):
    """Lines 3 to 18 of Algorithm 3 as a LIPSCHITZ oracle of ELMO; settings in `AssessmentSettings`."""

    def init(self, theta: Array) -> EigenArcLipschitzState:
        """No eigenvector yet."""
        empty = empty_spectrum(theta)
        return EigenArcLipschitzState(empty.eigenvectors, empty.eigenvalues, "none", 1.0, 0)

    def at(
        self,
        f: Any,
        theta: Array,
        value: Any,
        gradient: Array,
        spectrum: Spectrum,
        state: EigenArcLipschitzState,
    ) -> LipschitzEstimate:
        """The constants after one update; at the cost of its trial values."""
        c = namespace(theta).matmul(spectrum.eigenvectors.T, gradient)
        found = _updated(self, f, theta, value, c, spectrum, state)
        parts = (found.decision, found.ratio, found.evaluations)
        after = EigenArcLipschitzState(spectrum.eigenvectors, found.lipschitz, *parts)
        return LipschitzEstimate(found.lipschitz, after)


@dataclass(frozen=True, kw_only=True)
class EigenArc(AssessmentSettings):
    """EigenARC along a base optimizer's run; the settings of the update are those of `AssessmentSettings`.

    Attributes:
        base: BASE_OPT, any optimizer with `init` and `step`; its steps are made as they are.
        spectrum: "dense" (default): all eigenpairs; "ends": the most positive and the most negative one.
        steps: m, Lanczos steps of an estimate with "ends", at least 2; None is `lanczos_steps(n, 1, 1)`.
    """

    base: Any
    spectrum: str = "dense"
    steps: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        base = self.base
        if isinstance(base, type) or not (hasattr(base, "init") and hasattr(base, "step")):
            given = f"the class {base.__name__}" if isinstance(base, type) else f"a {type(base).__name__}"
            raise TypeError(f"`base` is {given}; it must be an optimizer with `init` and `step`")
        if self.spectrum not in SPECTRA:
            raise ValueError(f"`spectrum` is {self.spectrum!r}; allowed are 'dense' and 'ends'")
        if self.steps is not None:
            check_count("steps", self.steps, 2)

    def init(self, theta: Array, lanczos_start: Array | None = None) -> EigenArcState:
        """The state before the first step.

        Args:
            theta: (n,) float32 or float64.
            lanczos_start: start vector of every estimate with "ends", and of a base that asks for one, (n,),
                not zero, cast to theta's dtype.

        Raises:
            TypeError: when an argument is no real floating array.
            ValueError: when `lanczos_start` is missing, zero, not finite or of another size.
        """
        check_vector("theta", theta)
        if self.spectrum == "ends" and lanczos_start is None:
            n = theta.shape[0]
            raise ValueError(f"`lanczos_start` is missing; it must be a vector of {n} elements, not all 0")
        if lanczos_start is not None:
            lanczos_start = start_like(theta, lanczos_start)
        asks = "lanczos_start" in inspect.signature(self.base.init).parameters
        base = self.base.init(theta, **({"lanczos_start": lanczos_start} if asks else {}))
        empty = empty_spectrum(theta)
        return EigenArcState(0, empty.eigenvectors, empty.eigenvalues, base, lanczos_start)

    def step(self, f: Any, theta: Array, state: EigenArcState) -> EigenArcStep:
        """One iteration of Algorithm 3; pure.

        Args:
            f: derivatives of the objective.
            theta: the point, (n,).
            state: from `init` or the last step.

        Raises:
            NonFinite: when the value, the gradient or the Hessian is not finite.
            TypeError: when the state is not EigenARC's.
        """
        check_state(state, EigenArcState)
        value, g, spectrum = self._eigen(f, theta, state)  # line 3
        xp = namespace(theta)
        c = xp.astype(xp.matmul(spectrum.eigenvectors.T, g), xp.float64, copy=False)
        found = _updated(self, f, theta, value, c, spectrum, state)  # lines 4 to 18
        base_step = self.base.step(f, theta, state.base)  # line 19
        theta_next = base_step.theta_next
        reductions = asarray_like(found.reductions, c, "int64")
        state = EigenArcState(
            state.iteration + 1, spectrum.eigenvectors, found.lipschitz, base_step.state, state.lanczos_start
        )  # line 20
        return EigenArcStep(
            theta, value, g, spectrum, xp.abs(c), found.ratio, found.decision, found.raises, reductions,
            found.evaluations, found.lipschitz, theta_next - theta, theta_next, state,
        )  # fmt: skip

    def _eigen(self, f: Any, theta: Array, state: EigenArcState) -> tuple[Array, Array, Spectrum]:
        """Value, gradient and the eigenpairs that are tracked."""
        hvp = None
        if self.spectrum == "dense":
            value, g = f.value_and_gradient(theta)
        else:
            value, g, hvp = f.linearize(theta)
        for name, part in (("value", value), ("gradient", g)):
            if not all_finite(part):
                raise NonFinite(f"the {name} is not finite")
        if hvp is None:
            return value, g, dense_spectrum(f, theta)
        ends = extreme_spectrum(
            hvp, state.lanczos_start, largest=1, smallest=min(1, theta.shape[0] - 1), steps=self.steps
        )
        return value, g, _signed_ends(ends)


def _signed_ends(ends: Spectrum) -> Spectrum:
    """The largest pair if it is positive, the smallest if it is negative."""
    values = to_host(ends.eigenvalues).tolist()
    last = len(values) - 1
    found = [i for i, is_end in ((0, values[0] > 0), (last, values[last] < 0)) if is_end]
    part = slice(found[0], found[-1] + 1) if found else slice(0, 0)
    kept = len(found)
    upper = int(kept > 0 and values[part][0] > 0)
    return ends._replace(
        eigenvalues=ends.eigenvalues[part],
        eigenvectors=ends.eigenvectors[:, part],
        residuals=ends.residuals[part],
        num_largest=upper,
        num_smallest=kept - upper,
    )


def lipschitz_ends(step: Any) -> tuple[float | None, float | None]:
    """L+ and L- of a step: of its most positive and its most negative eigenpair, None where there is none.

    Args:
        step: with `spectrum` and `lipschitz`, of EigenARC or ELMO.
    """
    values, L = to_host(step.spectrum.eigenvalues).tolist(), to_host(step.lipschitz).tolist()
    top = max(range(len(values)), key=values.__getitem__, default=None)
    low = min(range(len(values)), key=values.__getitem__, default=None)
    return (
        L[top] if top is not None and values[top] > 0 else None,
        L[low] if low is not None and values[low] < 0 else None,
    )


def _updated(
    settings: AssessmentSettings, f: Any, theta: Array, value: Any, c: Array, spectrum: Spectrum, state: Any
) -> EigenArcUpdate:
    """The constants carried to these eigenvectors, after one update."""
    bounds = (settings.floor, settings.ceiling)  # which a raise or a reduction would jump to from outside
    check_kept("state.lipschitz", state.lipschitz, state.eigenvectors, *bounds)
    matches = match_eigenvectors(state.eigenvectors, spectrum.eigenvectors)
    L = carried(state.lipschitz, matches, settings.initial)
    return eigen_arc_update(Assessment(f.value, theta, value, c, spectrum), L, settings)
