"""ELMO: along each eigenvector of the Hessian, the step that minimizes an upper bound of the objective.

ELMO paper ("Optimizer selection based on function-proxy proximity"), Algorithm 1. With (lambda_i, v_i) the
eigenpairs of the Hessian H at theta and L_i a Lipschitz constant of the curvature along v_i:

     1:  t <- 0
     2:  while f(theta) - f* > epsilon do
     3:      (lambda_i, v_i) <- EIGEN(H(theta))
     4:      (L_i) <- LIPSCHITZ(theta, (v_i))
     5:      x*_i <- (sqrt(lambda_i^2 + 2 L_i |v_i'grad f|) - lambda_i) / L_i                        (eq. 7)
     6:      theta <- theta + sum_i x*_i v_i
     7:      t <- t + 1

Differs from the paper:

1. Line 2: f* is not known. The stopping quantity is the promise -sum_i M*_i, which is 0 exactly at
   second-order critical points: `minimize(..., promise_tolerance=epsilon)`.
2. Line 5: eq. 7 as printed loses every digit for lambda_i > 0, and is 0/0 where L_i = 0; `refopt.elmo_proxy`
   has a stable form for each sign.
3. Line 6: the displacement is -sign(v_i'grad f) x*_i v_i, whatever sign of v_i EIGEN returns. As printed it
   is uphill wherever v_i'grad f > 0.
4. Where v_i'grad f = 0 > lambda_i, both ways are as good: setting `tie`.
5. A repeated eigenvalue has no eigenvectors of its own, and the step would depend on those that are picked:
   setting `clusters`.
6. Where some L_i = 0 and lambda_i < 0 (or lambda_i = 0 and the slope is not) the models have no minimum:
   `step` raises `NoStep`, and `elmo_model_step` answers the direction.
7. Subspace form: EIGEN finds the k largest and l smallest eigenpairs alone, and a base optimizer steps in the
   rest of the space, as in FOSI: it is given g - V V'g, and of its direction d_b only d_b - V V'd_b is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from refopt.arrays import (
    Array,
    all_finite,
    check_count,
    check_state,
    check_vector,
    dtype_name,
    namespace,
    to_host,
)
from refopt.eigenspaces import dense_spectrum
from refopt.elmo_model import (
    ElmoModelStep,
    Solution,
    check_model_settings,
    checked_lipschitz,
    elmo_model_step,
    moved,
    solved,
)
from refopt.hessian_diagonal import kind, offers
from refopt.spectrum import MULTIPLICITIES, Spectrum, empty_spectrum, extreme_spectrum, start_like
from refopt.trace import NonFinite, NoStep

__all__ = ["Elmo", "ElmoModelStep", "ElmoState", "ElmoStep", "elmo_model_step"]


class ElmoState(NamedTuple):
    """What ELMO remembers between two steps."""

    iteration: int  # t, steps made
    lipschitz: Any  # the LIPSCHITZ oracle's state
    base: Any  # the base optimizer's state; None without one
    lanczos_start: Array | None  # start vector of every estimate, (n,); None with the dense spectrum


class ElmoStep(NamedTuple):
    """One iteration of ELMO, in computing order; (k,) parts are float64, in the order of the spectrum."""

    theta: Array  # the point, (n,)
    value: Array  # f(theta), a scalar
    gradient: Array  # (n,)
    spectrum: Spectrum  # lambda (k,), V (n, k), clusters turned towards the gradient
    lipschitz: Array  # L_i, (k,)
    slopes: Array  # |v_i'grad f|, (k,)
    step_sizes: Array  # x*_i, (k,)
    upper: Array  # M*_i, (k,)
    lower: Array  # m*_i, (k,)
    promise: float  # -sum_i M*_i
    elmo_direction: Array  # sum_i -sign(v_i'grad f) x*_i v_i, (n,)
    base_direction: Array  # the base's direction outside span V, (n,); 0 without a base
    theta_next: Array  # (n,)
    state: ElmoState


@dataclass(frozen=True, kw_only=True)
class Elmo:
    """ELMO with all eigenpairs, or with those at the ends of the spectrum.

    Attributes:
        lipschitz: LIPSCHITZ, an oracle of `refopt.lipschitz`, or any with `init` and `at`.
        clusters: "rotate" (default): in a run of equal eigenvalues one vector carries the projected gradient,
            and all have the largest L; "as-given": each vector by itself.
        cluster_tolerance: distance of neighbours in a run relative to max|lambda|, at least 0; None is
            `refopt.eigenspaces.cluster_tolerance`.
        tie: "positive" (default) or "stay", see `elmo_model_step`.
        largest: k, eigenpairs at the upper end, at least 0; None and `smallest` None is the dense spectrum.
        smallest: l, eigenpairs at the lower end, at least 0.
        base: optimizer of the rest of the space, with `init` and `direction`; None leaves it as it is.
        steps: m, Lanczos steps of an estimate, at least k + l; None is `lanczos_steps(n, k, l)`.
        multiplicity: "krylov" or "full", see `extreme_spectrum`.
    """

    lipschitz: Any
    clusters: str = "rotate"
    cluster_tolerance: float | None = None
    tie: str = "positive"
    largest: int | None = None
    smallest: int | None = None
    base: Any = None
    steps: int | None = None
    multiplicity: str = "krylov"

    def __post_init__(self) -> None:
        _check_object("lipschitz", self.lipschitz, "at", "a LIPSCHITZ oracle")
        check_model_settings(self.clusters, self.cluster_tolerance, self.tie)
        for name in ("largest", "smallest"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name), 0)
        if self.multiplicity not in MULTIPLICITIES:
            allowed = " and ".join(map(repr, MULTIPLICITIES))
            raise ValueError(f"`multiplicity` is {self.multiplicity!r}; allowed are {allowed}")
        if self.steps is not None:
            check_count("steps", self.steps, max(1, sum(self._ends)))
        if self.base is None:
            return
        _check_object("base", self.base, "direction", "an optimizer")
        if self.is_dense:
            raise ValueError(
                "`base` is given with the dense spectrum, which leaves it nothing; it must be None, or "
                "`largest` or `smallest` a number"
            )
        if decay := getattr(self.base, "weight_decay", 0.0):
            raise ValueError(
                f"`base` decays weights by {decay!r} inside its step, where a part of it would be projected "
                "out; its `weight_decay` must be 0, with the decay in the loss: Derivatives.with_weight_decay"
            )

    @property
    def is_dense(self) -> bool:
        """Whether every eigenpair is used."""
        return self.largest is None and self.smallest is None

    @property
    def _ends(self) -> tuple[int, int]:
        return self.largest or 0, self.smallest or 0

    def init(self, theta: Array, lanczos_start: Array | None = None) -> ElmoState:
        """The state before the first step.

        Args:
            theta: (n,) float32 or float64.
            lanczos_start: start vector of every estimate, (n,), not zero, cast to theta's dtype; needed
                for the subspace form. A generic vector serves.

        Raises:
            TypeError: when an argument is no real floating array.
            ValueError: when k + l > n, or `lanczos_start` is missing, zero, not finite or of another size.
        """
        check_vector("theta", theta)
        n, pairs = theta.shape[0], sum(self._ends)
        if pairs > n:
            raise ValueError(f"`largest` + `smallest` is {pairs}; it must be at most {n}, the parameters")
        if pairs and lanczos_start is None:
            raise ValueError(f"`lanczos_start` is missing; it must be a vector of {n} elements, not all 0")
        if lanczos_start is not None:
            lanczos_start = start_like(theta, lanczos_start)
        base = None if self.base is None else self.base.init(theta)
        return ElmoState(0, self.lipschitz.init(theta), base, lanczos_start)  # line 1

    def step(self, f: Any, theta: Array, state: ElmoState, *, curvature: Any = None) -> ElmoStep:
        """One iteration of Algorithm 1; pure.

        Args:
            f: derivatives of the objective, or of this iteration's batch.
            theta: the point, (n,).
            state: from `init` or the last step.
            curvature: derivatives whose Hessian EIGEN uses, such as a larger batch; None is f.

        Raises:
            NoStep: when the models have no minimum, naming the eigenpair.
            NonFinite: when the value, the gradient or the Hessian is not finite.
            TypeError: when LIPSCHITZ answers something else than an array, `curvature` has no Hessian, or the
                state is not ELMO's.
            ValueError: when LIPSCHITZ answers another number of constants, or one that is not allowed.
        """
        check_state(state, ElmoState)
        value, g, spectrum = self._eigen(f, curvature, theta, state)  # line 3
        xp = namespace(theta)
        found = self.lipschitz.at(f, theta, value, g, spectrum, state.lipschitz)  # line 4
        L, oracle = self._answered(found, spectrum)
        c = xp.matmul(spectrum.eigenvectors.T, g)
        found = solved(spectrum, c, L, self.clusters, self.cluster_tolerance, self.tie)  # line 5
        _require_bounded(found)
        if self.base is None:
            d, d2, base = moved(found), xp.zeros_like(theta), None
        else:
            d, d2, base = self._with_base(found, g, theta, state.base)
        theta_next = theta + d if self.base is None else theta + d + d2  # line 6
        x, upper, lower, _ = found.minimum
        numbers = (found.lipschitz, xp.abs(found.coordinates), x, upper, lower, found.promise)
        state = ElmoState(state.iteration + 1, oracle, base, state.lanczos_start)  # line 7
        return ElmoStep(theta, value, g, found.spectrum, *numbers, d, d2, theta_next, state)

    def _answered(self, found: Any, spectrum: Spectrum) -> tuple[Array, Any]:
        """The constants that LIPSCHITZ answered, and its next state."""
        oracle = f"the LIPSCHITZ oracle {type(self.lipschitz).__name__} answered"
        if not (isinstance(found, tuple) and len(found) == 2):
            raise TypeError(f"{oracle} a {type(found).__name__}; it must answer a LipschitzEstimate")
        return checked_lipschitz(f"what {oracle}", found[0], spectrum), found[1]

    def _eigen(self, f: Any, curvature: Any, theta: Array, state: ElmoState) -> tuple[Array, Array, Spectrum]:
        """Value, gradient and the eigenpairs."""
        largest, smallest = self._ends
        if self.is_dense or curvature is not None or not largest + smallest:
            value, g = f.value_and_gradient(theta)
            hvp = None
        else:
            value, g, hvp = f.linearize(theta)
        for name, part in (("value", value), ("gradient", g)):
            if not all_finite(part):
                raise NonFinite(f"the {name} is not finite")
        source = f if curvature is None else curvature
        needed = "hessian" if self.is_dense else "linearize"
        if curvature is not None and not offers(curvature, needed):
            raise TypeError(
                f"`curvature` is a {kind(curvature)} without `{needed}`; it must be a Derivatives or have "
                "that method"
            )
        if self.is_dense:
            return value, g, dense_spectrum(source, theta)
        if not largest + smallest:
            return value, g, empty_spectrum(theta)
        hvp = source.linearize(theta).hvp if hvp is None else hvp
        spectrum = extreme_spectrum(
            hvp, state.lanczos_start, largest=largest, smallest=smallest, steps=self.steps,
            multiplicity=self.multiplicity,
        )  # fmt: skip
        return value, g, spectrum

    def _with_base(self, found: Solution, g: Array, theta: Array, state: Any) -> tuple[Array, Array, Any]:
        """ELMO's displacement and the base's direction outside span V, with the base's next state."""
        xp, V = namespace(theta), found.spectrum.eigenvectors
        parts = xp.astype(xp.stack((found.coefficients, found.coordinates)), V.dtype, copy=False)
        inside = xp.matmul(parts, V.T)
        d, g_inside = inside[0, :], inside[1, :]
        d_b, state = self.base.direction(g - g_inside, theta, state)
        return d, d_b - xp.matmul(V, xp.matmul(V.T, d_b)), state


def _require_bounded(found: Solution) -> None:
    """Raise `NoStep` for the first eigenpair whose model has no minimum."""
    if (i := found.unbounded) is None:
        return
    value, slope, L = (
        float(to_host(x)[i]) for x in (found.spectrum.eigenvalues, found.coordinates, found.lipschitz)
    )
    dtype = dtype_name(found.spectrum.eigenvectors)
    endless = not bool(to_host(found.minimum.bounded)[i])
    raise NoStep(
        f"ELMO has no step: with the Lipschitz constant {L:.3g} the model of eigenpair {i}, of eigenvalue "
        f"{value:.6g} and slope {abs(slope):.6g}, "
        + ("falls without end" if endless else f"has its minimum beyond the range of {dtype}")
    )


def _check_object(name: str, given: Any, method: str, kind: str) -> None:
    if isinstance(given, type) or not (hasattr(given, "init") and hasattr(given, method)):
        what = f"the class {given.__name__}" if isinstance(given, type) else f"a {type(given).__name__}"
        raise TypeError(f"`{name}` is {what}; it must be {kind} with `init` and `{method}`")
