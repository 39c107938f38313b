"""Figures of AMOS: what a step costs against its two optimizers, and against the Hessian estimate.

For a quadratic, logistic and softmax regression, and a network, with SGD and Sophia by coordinate, both with
something to do, in turn in one run:

- plain / both: a step outside Hessian times against a step of its first and one of its second optimizer, each
  with its own value and gradient: at most 1.2. Value and gradient are shared, so about half is expected;
- plain / one: the same against the dearer of the two alone: what selecting costs. Without a limit;
- hessian / estimate: a step at a Hessian time, where AMOS and Sophia share an estimate, against that estimate
  alone (one Hutchinson probe, or the exact diagonal). Without a limit: what is above 1 is not the estimate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.common import Ratio, paired
from benchmarks.hvp import Case, logistic, network, quadratic, softmax
from refopt.amos import Amos
from refopt.derivatives import Derivatives
from refopt.first_order import GradientDescent, Sophia
from refopt.hessian_diagonal import ExactDiagonal, Hutchinson

PERIOD, LIMIT = 10, 1.2


def stepper(optimizer: Any, f: Derivatives, theta: np.ndarray, state: Any, **given: Any) -> Callable[[], Any]:
    """A call that makes one step from the same start."""
    return lambda: optimizer.step(f, theta, state, **given)


def both(one: Callable[[], Any], two: Callable[[], Any]) -> Callable[[], None]:
    """Two calls in a row."""

    def run() -> None:
        one()
        two()

    return run


def warmed(optimizer: Amos, f: Derivatives, theta: np.ndarray, estimators: Any) -> list[Any]:
    """The steps up to the second Hessian time, each of the two with an estimator of its own."""
    steps: list[Any] = []
    state = optimizer.init(theta)
    for t in range(PERIOD + 1):
        given = {"curvature": estimators[t // PERIOD]} if optimizer.refreshes_at(t) else {}
        steps.append(optimizer.step(f, theta, state, **given))
        theta, state = steps[-1].theta_next, steps[-1].state
    return steps


def report(case: Case, *, exact: bool = False) -> bool:
    """Print the ratios of one objective; whether the limit is kept."""
    f, theta = Derivatives(case.objective), case.theta
    signs = np.random.default_rng(3).choice([-1.0, 1.0], size=(2, 1, theta.size))
    estimators = [ExactDiagonal(f)] * 2 if exact else [Hutchinson(f, probes) for probes in signs]
    settings: dict[str, Any] = {
        "first": GradientDescent(learning_rate=1e-4),
        "second": Sophia(learning_rate=1e-4, refresh_every=PERIOD),
        "hessian_at": PERIOD,
    }
    found = warmed(Amos(threshold=1.0, **settings), f, theta, estimators)[-1].statistic
    optimizer = Amos(threshold=max(float(np.median(found)), 1e-300), **settings)  # either gets about half
    *_, before, step = warmed(optimizer, f, theta, estimators)
    point, state, estimator = step.theta_next, step.state, estimators[1]
    singles = [
        stepper(own, f, point, memory)
        for own, memory in ((optimizer.first, state.first), (optimizer.second, state.second))
    ]
    plain = stepper(optimizer, f, point, state)
    against_both = paired(plain, both(*singles))
    against_one = paired(plain, singles[1])
    at = before.theta_next
    hessian = paired(
        stepper(optimizer, f, at, before.state, curvature=estimator),
        lambda: estimator.diagonal(at),
        rounds=9,
    )

    def text(ratio: Ratio) -> str:
        return f"{ratio.ratio:.3f} [{ratio.low:.2f}, {ratio.high:.2f}]"

    print(
        f"{case.name}, n = {theta.size}, offload {step.offload:.2f} ({against_both.candidate * 1e3:.3f} ms): "
        f"plain / both {text(against_both)} (limit {LIMIT}); plain / one {text(against_one)}; "
        f"hessian / {'exact diagonal' if exact else 'one probe'} {text(hessian)}"
    )
    return against_both.ratio <= LIMIT


def main() -> None:
    """Print every figure."""
    kept = [report(quadratic(100)), report(quadratic(100), exact=True), report(quadratic(1500))]
    kept += [
        report(case) for case in (logistic(7850, 1000), softmax(784, 10, 1000), network((784, 64, 10), 128))
    ]
    print("every limit is kept" if all(kept) else f"{kept.count(False)} of {len(kept)} miss the limit")


if __name__ == "__main__":
    main()
