"""Timing in pairs: a ratio is taken inside each round, so that a drifting machine does not spoil it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Ratio(NamedTuple):
    """What one paired measurement gives.

    Attributes:
        ratio: median over the rounds of time(candidate) / time(reference).
        low: smallest ratio of a round.
        high: largest ratio of a round.
        candidate: median seconds of one call of the candidate.
        reference: median seconds of one call of the reference.
    """

    ratio: float
    low: float
    high: float
    candidate: float
    reference: float


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Seconds of one call, averaged over `repeats` calls in a row."""
    begin = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - begin) / repeats


def paired(
    candidate: Callable[[], object],
    reference: Callable[[], object],
    *,
    rounds: int = 15,
    round_seconds: float = 0.2,
) -> Ratio:
    """Time two calls in turn and return the ratio of their times.

    Args:
        candidate: the call under test (a call must end only when its work is done).
        reference: the call that it is measured against.
        rounds: number of pairs; the median over them is reported.
        round_seconds: about how long each side runs in a round.
    """
    candidate(), reference()  # warm up: caches, just-in-time compilers
    repeats_c = max(1, int(round_seconds / max(seconds(candidate, 1), 1e-9)))
    repeats_r = max(1, int(round_seconds / max(seconds(reference, 1), 1e-9)))
    pairs = []
    for index in range(rounds):
        if index % 2:
            r = seconds(reference, repeats_r)
            c = seconds(candidate, repeats_c)
        else:
            c = seconds(candidate, repeats_c)
            r = seconds(reference, repeats_r)
        pairs.append((c, r))
    ratios = [c / r for c, r in pairs]
    return Ratio(
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        statistics.median(c for c, _ in pairs),
        statistics.median(r for _, r in pairs),
    )
