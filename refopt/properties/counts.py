"""Whole numbers of FOSI: Lanczos steps, refresh times, the period T (algorithm 2, sections 3.1, 3.7)."""

from __future__ import annotations

from typing import Any

import numpy as np

from refopt.properties.claims import UNIT, ask, require

__all__ = ["check_lanczos_steps", "check_overhead_period", "check_refresh_times"]


def check_lanczos_steps(adapter: Any, sample: tuple[int, int, int]) -> None:
    """Section 3.1 with claims S3, K1, K18: m = min(n, ceil(max(4(k + l), 2 ln n))), at least 1.

    The sample is (n, k, l).
    """
    n, largest, smallest = sample
    steps = ask(adapter, "lanczos_steps", n=n, largest=largest, smallest=smallest)["steps"]
    wanted = max(1, min(n, int(np.ceil(max(4 * (largest + smallest), 2 * np.log(n))))))
    require("m = min(n, ceil(max(4(k + l), 2 ln n))) (section 3.1).", abs(int(steps) - wanted), 0.0, sample)


def check_refresh_times(adapter: Any, sample: tuple[int, int, int]) -> None:
    """Algorithm 2, line 16: the spectrum is estimated at t >= W with (t - W) mod T = 0.

    The sample is (W, T, steps).
    """
    warmup, refresh_every, steps = sample
    answer = ask(adapter, "refresh_times", warmup=warmup, refresh_every=refresh_every, steps=steps)
    wanted = list(range(warmup, steps, refresh_every))
    wrong = {int(t) for t in np.asarray(answer["times"]).ravel()} ^ set(wanted)
    require(
        "The spectrum is estimated at W, W + T, W + 2T, ... (algorithm 2, line 16).", len(wrong), 0.0, sample
    )


def check_overhead_period(adapter: Any, sample: tuple[int, float]) -> None:
    """Section 3.7: T is the smallest integer with 2m/T <= rho - 1, up to a rounding of rho.

    The sample is (m, rho).
    """
    steps, overhead = sample
    period = int(np.asarray(ask(adapter, "refresh_period", lanczos_steps=steps, overhead=overhead)["period"]))
    exact = 2 * steps / (overhead - 1)
    tolerance = 1e-9 + 4 * UNIT * exact / (overhead - 1)  # rho - 1 loses u/(rho - 1) of itself
    require("T keeps the overhead at most rho (section 3.7).", exact - period, tolerance, sample)
    require("T is the smallest such integer (section 3.7).", period - exact, 1.0, sample)
