"""When, and how often, FOSI estimates the spectrum: the rules and their cases (L3).

Times are listed by `range`; periods are rational arithmetic on the exact values of the floats.
"""

from typing import Any

from mpmath import mp, mpf

from oracles.case import Alternative, Case, Exact, Quantities
from oracles.margins import least, margin
from oracles.precision import Number

NEARLY_INTEGER = mpf(10) ** -9


def times(warmup: int, period: int, steps: int) -> list[int]:
    """List the iterations t < steps with t >= W and (t - W) mod T = 0."""
    return list(range(warmup, steps, period))


def compute_times(inputs: dict[str, Any]) -> Quantities:
    """Return the iterations of the estimates."""
    return {"times": times(inputs["warmup"], inputs["refresh_every"], inputs["steps"])}


def _published_times(inputs: dict[str, Any]) -> Quantities:
    """Return the published code's iterations: one early, and with W = 0 none before T - 1."""
    first = inputs["warmup"] - 1 if inputs["warmup"] else inputs["refresh_every"] - 1
    return {"times": list(range(first, inputs["steps"], inputs["refresh_every"]))}


TIMES = (
    ("plain", 3, 5, 15, "W = 3, T = 5: 3, 8, 13 (the published code: 2, 7, 12)"),
    ("no-warmup", 0, 5, 12, "W = 0: the first estimate is before the first update"),
    ("every-step", 0, 1, 4, "T = 1 estimates at every step"),
    ("every-step-late", 2, 1, 6, "T = 1 after W pure base steps, none in them"),
    ("short", 6, 2, 6, "W as long as the run: none at all"),
    ("at-the-end", 5, 7, 6, "the last iteration is W itself"),
    ("long-period", 1, 100, 50, "T longer than the run: once"),
    ("multiple", 4, 4, 17, "W a multiple of T: 0 is no time of estimate, although 0 mod T = 0"),
)


INTEGERS = Exact(certain="a schedule of integers")
ROUNDED = Exact(
    margin="_margin",
    compared="the period before it is rounded",
    certain="what lies within 1e-9 of an integer, as rounding leaves it, counts as the integer",
)


def _times(what: str, warmup: int, period: int, steps: int, comment: str) -> Case:
    return Case(
        id=f"fosi.refresh_times.L3.{what}",
        op="refresh_times",
        level="L3",
        group="schedule",
        source="FOSI paper, Algorithm 2, line 16; claims S6, CH5, D1",
        comment=comment,
        flags=("ScheduleOffByOne",),
        inputs={"warmup": warmup, "refresh_every": period, "steps": steps},
        compute=compute_times,
        rules={"times": INTEGERS},
        alternatives={"fosi.schedule=published": Alternative(_published_times, {"times": INTEGERS})},
    )


def period_of(value: Number) -> int:
    """Round within 1e-9 of an integer, else up; at least 1."""
    nearest = int(mp.nint(value))
    return max(1, nearest if abs(value - nearest) <= NEARLY_INTEGER else int(mp.ceil(value)))


def _rounded(value: Number) -> Quantities:
    """Return the period, which jumps from k >= 1 to k + 1 at k + 1e-9, and its margin."""
    below = max(1, int(mp.floor(value)))
    jumps = [k + NEARLY_INTEGER for k in (below, below + 1)]
    return {"period": period_of(value), "_margin": least([margin(value, jump) for jump in jumps])}


def compute_period(inputs: dict[str, Any]) -> Quantities:
    """Return T = 2m/(rho - 1), rho the exact value of the float."""
    return _rounded(2 * inputs["lanczos_steps"] / (inputs["overhead"] - 1))


def compute_measured(inputs: dict[str, Any]) -> Quantities:
    """Return T = tau_3/(rho tau_1 - tau_2)."""
    spare = inputs["overhead"] * inputs["base_latency"] - inputs["fosi_latency"]
    return _rounded(inputs["ese_latency"] / spare)


# fmt: off
PERIODS = (
    ("paper", 40, 1.1, "80/(1.1 - 1) is 799.9999999999993 in float64: 800, not 799"),
    ("fifth", 40, 1.2, "80/(1.2 - 1) is 400.0000000000001 in float64: 400, not 401"),
    ("sixteenth", 16, 1.16, "32/(1.16 - 1) is 200.0000000000001 in float64: 200, not 201"),
    ("half", 40, 1.5, "exact: 160"),
    ("third", 4, 1.3, "26.67: rounded up, since rho is an upper bound"),
    ("double", 44, 2.0, "exact: 88"),
    ("percent", 40, 1.01, "8000, the smallest overhead of the usual kind"),
    ("seven", 12, 1.07, "342.86: up to 343"),
    ("generous", 1, 100.0, "2/99: at least 1"),
    ("large-m", 4000, 1.1, "80000 although 1.1 - 1 is off by 1e-15 relative"),
)
MEASURED = (
    ("plain", 1.0, 1.0625, 30.0, 1.1, "30/(1.1 - 1.0625) = 800: the FOSI step's own cost counts"),
    ("up", 0.5, 0.5625, 7.0, 1.5, "7/0.1875 = 37.33: rounded up"),
    ("exact", 1.0, 1.5, 4.0, 2.0, "exact: 8"),
    ("cheap", 1.0, 1.0, 0.25, 2.0, "cheaper than one step: at least 1"),
    ("milliseconds", 0.002, 0.0021, 0.31, 1.25, "latencies in seconds: 775"),
)
# fmt: on


def _period(what: str, m: int, overhead: float, comment: str) -> Case:
    return Case(
        id=f"fosi.refresh_period.L3.{what}",
        op="refresh_period",
        level="L3",
        group="schedule",
        source="FOSI paper, appendix A.8; claims O2, K15",
        comment=f"{comment} (the float is exact; perturbed it would cross the boundary)",
        flags=("PeriodRounding",),
        inputs={"lanczos_steps": m, "overhead": overhead},
        compute=compute_period,
        rules={"period": ROUNDED},
        perturb=(),
    )


def _measured(what: str, base: float, fosi: float, ese: float, overhead: float, comment: str) -> Case:
    names = ("base_latency", "fosi_latency", "ese_latency", "overhead")
    return Case(
        id=f"fosi.refresh_period_measured.L3.{what}",
        op="refresh_period_measured",
        level="L3",
        group="schedule",
        source="FOSI paper, eq. 6; claim O1",
        comment=f"{comment} (the floats are exact; perturbed they could cross the boundary)",
        flags=("PeriodRounding",),
        inputs=dict(zip(names, (base, fosi, ese, overhead), strict=True)),
        compute=compute_measured,
        rules={"period": ROUNDED},
        perturb=(),
    )


def cases() -> list[Case]:
    """Return the cases of times and periods."""
    return [
        *(_times(*row) for row in TIMES),
        *(_period(*row) for row in PERIODS),
        *(_measured(*row) for row in MEASURED),
    ]
