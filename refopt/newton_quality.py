"""Is a Newton-type step worth its cost? Its superiority over a gradient step, against L+.

ELMO paper, appendix E. At each point of a run: superiority = f(after a first-order step) - f(after a
Newton-type step), both from that point, and L+, EigenARC's constant of the most positive eigenpair. The paper
reports an inverse correlation (table 1), with Pearson's r and its p-value. The p-value supposes independent
samples; points of one run are not.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from refopt.arrays import Array, check_count, check_positive, to_host
from refopt.eigen_arc import EigenArc, lipschitz_ends
from refopt.iterate import check_optimizer, iterate
from refopt.trace import NoStep

__all__ = ["NewtonQuality", "correlation", "newton_quality", "presented", "superiority"]


Samples = Sequence[float] | np.ndarray


class NewtonQuality(NamedTuple):
    """Samples along a run and their correlation; NumPy arrays of one length T."""

    iterations: np.ndarray  # at which there were both steps and an L+, (T,)
    lipschitz: np.ndarray  # L+ there, (T,)
    superiority: np.ndarray  # f(after first_order) - f(after newton), (T,)
    pearson_r: float  # their correlation
    p_value: float  # how probable one at least as large is for independent uncorrelated normal samples


def superiority(f: Any, theta: Array, newton: Any, first_order: Any) -> float:
    """f(after a step of `first_order`) - f(after a step of `newton`), both fresh, from `theta` (n,).

    Raises:
        NoStep: when one has no step there.
    """
    after = [
        optimizer.step(f, theta, optimizer.init(theta)).theta_next for optimizer in (first_order, newton)
    ]
    plain, curved = (float(to_host(f.value(point))) for point in after)
    return plain - curved


def newton_quality(
    f: Any,
    tracker: EigenArc,
    theta: Array,
    *,
    newton: Any,
    first_order: Any,
    steps: int,
    state: Any = None,
) -> NewtonQuality:
    """Sample the superiority and L+ along a run of EigenARC's base.

    Args:
        f: derivatives of the objective.
        tracker: EigenARC around the optimizer that makes the run.
        theta: first point, (n,).
        newton: an optimizer, such as `Newton()`; a point where it has no step is left out.
        first_order: an optimizer, such as `GradientDescent(learning_rate=...)`.
        steps: length of the run, at least 2.
        state: of the tracker; None is `tracker.init(theta)`.

    Raises:
        TypeError: when `tracker` is no EigenARC, or another optimizer is none.
        ValueError: when fewer than two points have samples, or all have the same L+ or superiority.
    """
    check_count("steps", steps, 2)
    if not isinstance(tracker, EigenArc):
        raise TypeError(f"`tracker` is a {type(tracker).__name__}; it must be an EigenArc")
    check_optimizer(newton, "newton")
    check_optimizer(first_order, "first_order")
    rows = []
    for step in iterate(f, tracker, theta, state):
        L = lipschitz_ends(step)[0]
        if L is not None:
            with contextlib.suppress(NoStep):
                rows.append((step.state.iteration - 1, L, superiority(f, step.theta, newton, first_order)))
        if step.state.iteration >= steps:
            break
    iterations, lipschitz, gain = (np.array([row[i] for row in rows]) for i in range(3))
    return NewtonQuality(iterations, lipschitz, gain, *correlation(lipschitz, gain))


def correlation(lipschitz: Samples, superiority: Samples) -> tuple[float, float]:
    """Pearson's r and its p-value, by SciPy.

    Raises:
        ValueError: for samples that have none: fewer than two, not finite, or all equal.
    """
    a, b = np.asarray(lipschitz, dtype=np.float64), np.asarray(superiority, dtype=np.float64)
    for name, sample in (("lipschitz", a), ("superiority", b)):
        if sample.size < 2 or a.shape != b.shape:
            raise ValueError(
                f"`{name}` has {sample.size} samples; it must have at least 2, as many as the other"
            )
        if not np.isfinite(sample).all():
            raise ValueError(f"`{name}` holds a number that is not finite; every sample must be finite")
        if np.all(sample == sample[0]):
            raise ValueError(f"`{name}` is {sample[0]:.6g} in every sample; a correlation needs two values")
    from scipy.stats import pearsonr

    found = pearsonr(a, b)
    return float(found.statistic), float(found.pvalue)


def presented(
    samples: Samples,
    *,
    quantile: float = 0.1,
    window: int = 300,
    deviation: float = 100.0,
) -> np.ndarray:
    """Samples as the paper's figure 3 shows them: clipped to a range of quantiles, then smoothed.

    Args:
        samples: (T,).
        quantile: what is clipped at either end, in [0, 1/2).
        window: length of the Gaussian window, at least 1; cut at the ends of the run.
        deviation: its standard deviation in samples, positive.
    """
    check_count("window", window, 1)
    check_positive("deviation", deviation)
    if not 0.0 <= quantile < 0.5:
        raise ValueError(f"`quantile` is {quantile!r}; it must be at least 0 and less than 1/2")
    x = np.asarray(samples, dtype=np.float64)
    x = np.clip(x, *np.quantile(x, [quantile, 1.0 - quantile]))
    at = np.arange(window) - (window - 1) / 2.0
    weights = np.exp(-0.5 * (at / deviation) ** 2)
    begin = math.ceil((window - 1) / 2.0)
    total, mass = (np.convolve(y, weights)[begin : begin + x.size] for y in (x, np.ones_like(x)))
    return total / mass
