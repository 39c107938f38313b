"""Figures of FOSI: what a step costs on top of its base optimizer's, with and without estimates.

For each objective of the product figures (and a small quadratic, n = 100) and each base, with k = 10, both
sides with their value and gradient, in turn in one run:

- step / base: a FOSI step without an estimate against a step of its base: at most 1.06, 1.2 for n = 100;
- T = 100 / base: a hundred FOSI steps, of which the first estimates the spectrum (m = 40), against a hundred
  steps of the base: at most 1.45.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.common import Ratio, paired
from benchmarks.hvp import Case, logistic, quadratic, softmax
from refopt.derivatives import Derivatives
from refopt.first_order import Adam, GradientDescent, HeavyBall
from refopt.fosi import Fosi

LARGEST, PERIOD = 10, 100
PLAIN_LIMIT, SMALL_LIMIT, PERIOD_LIMIT = 1.06, 1.2, 1.45
BASES = (
    GradientDescent(learning_rate=1e-3),
    HeavyBall(learning_rate=1e-3),
    Adam(learning_rate=1e-3),
)


def runner(optimizer: Any, f: Derivatives, theta: np.ndarray, state: Any, steps: int) -> Callable[[], None]:
    """A call that makes `steps` steps from the same start."""

    def run() -> None:
        point, memory = theta, state
        for _ in range(steps):
            step = optimizer.step(f, point, memory)
            point, memory = step.theta_next, step.state

    return run


def report(case: Case, base: Any) -> bool:
    """Print both ratios of one objective and one base; whether both limits are kept."""
    f, theta, n = Derivatives(case.objective), case.theta, case.theta.size
    start = np.random.default_rng(1).standard_normal(n)
    optimizer = Fosi(base=base, largest=LARGEST, alpha=0.01, refresh_every=PERIOD)
    fresh, memory = optimizer.init(theta, start), base.init(theta)
    estimated = optimizer.step(f, theta, fresh).state  # the next estimate is PERIOD - 1 steps away
    steps = max(1, min(PERIOD - 1, 2000 // n))
    plain = paired(runner(optimizer, f, theta, estimated, steps), runner(base, f, theta, memory, steps))
    period = paired(
        runner(optimizer, f, theta, fresh, PERIOD), runner(base, f, theta, memory, PERIOD), rounds=7
    )
    limit = SMALL_LIMIT if n <= 100 else PLAIN_LIMIT

    def text(ratio: Ratio) -> str:
        return f"{ratio.ratio:.3f} [{ratio.low:.2f}, {ratio.high:.2f}]"

    print(
        f"{case.name}, n = {n}, {type(base).__name__} ({plain.reference / steps * 1e3:.3f} ms): "
        f"step / base {text(plain)} (limit {limit}); "
        f"T = {PERIOD} / base {text(period)} (limit {PERIOD_LIMIT})"
    )
    return plain.ratio <= limit and period.ratio <= PERIOD_LIMIT


def main() -> None:
    """Print every figure."""
    cases = (quadratic(100), quadratic(1500), logistic(7850, 1000), softmax(784, 10, 1000))
    kept = [report(case, base) for case in cases for base in BASES]
    print("every limit is kept" if all(kept) else f"{kept.count(False)} of {len(kept)} miss a limit")


if __name__ == "__main__":
    main()
