"""Test ratios: how far a number is from its reference, in units of what rounding and conditioning explain.

    ratio = max|y - y*| / (u max(condition, 1) scale terms),     passed  <=>  ratio <= threshold

with u = 2^-53 (float64), 2^-24 (float32) or 2^-11 (float16). The test is written with `<=` so that NaN
fails; and a NaN, an infinity, a wrong shape or a wrong dtype fails before any arithmetic, with a sentence. y*
is known to 40 digits and enters as the sum of two float64 (nearest and remainder), so that the reference is
not itself a source of error.
"""

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any, NamedTuple

import numpy as np

from refopt.conformance import wire

UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11}
DIGITS = {"float64": 15.95, "float32": 7.22, "float16": 3.31}
LARGEST_LOSS = 1e-2  # of condition * u: beyond it fewer than two digits survive, and the case says nothing
_DECIMAL = Context(prec=60)  # 40 frozen digits and room for the subtraction


class Comparison(NamedTuple):
    """What comparing one quantity gave.

    Attributes:
        passed: whether it is accepted.
        ratio: test ratio, at most 1/u; None where there is none (exact answers, values refused before
            arithmetic).
        threshold: allowed ratio, or None.
        digits: correct digits of the quantity's scale, at most those of the dtype, or None.
        reason: on a failure, one sentence that says what is wrong, without its subject.
        step: first iteration that deviates, for quantities with an axis of steps.
        position: index of the largest deviation (in that step).
        given: the number there, where an array deviates.
        expected: the number that is expected there.
        steps: test ratio of each iteration, for quantities with an axis of steps.
    """

    passed: bool
    ratio: float | None = None
    threshold: float | None = None
    digits: float | None = None
    reason: str = ""
    step: int | None = None
    position: tuple[int, ...] | None = None
    given: float | None = None
    expected: float | None = None
    steps: tuple[float, ...] = ()


class Reference(NamedTuple):
    """An expected array as the unevaluated sum high + low of two float64 arrays."""

    high: np.ndarray
    low: np.ndarray


def reference(value: Mapping[str, Any]) -> Reference:
    """Read an expected array {"shape", "f64", "hp"}: the nearest float64, and what is left of 40 digits.

    Raises:
        ValueError: a float64 is not the one nearest to the decimals beside it.
    """
    shape = tuple(value["shape"])
    high = [float(text) for text in value["hp"]]
    if high != value["f64"]:
        raise ValueError("`hp` and `f64` of an expected array are not the same numbers.")
    low = [
        float(_DECIMAL.subtract(Decimal(text), Decimal(x))) for text, x in zip(value["hp"], high, strict=True)
    ]
    return Reference(np.array(high).reshape(shape), np.array(low).reshape(shape))


def deviation(given: np.ndarray, expected: Reference) -> np.ndarray:
    """Return |given - expected| by entry; given - high is exact where the two agree to a factor of two."""
    return np.abs((given.astype(np.float64) - expected.high) - expected.low)


def unfit(given: Any, shape: tuple[int, ...] | None, dtype: str, wide: bool) -> str | None:
    """Say why a value cannot be compared with an array of a shape; None where it can.

    Args:
        given: decoded quantity.
        shape: the expected shape; None where any will do.
        dtype: dtype of the case.
        wide: whether float64 is accepted in a narrower case; scalars always may be, many are Python floats.
    """
    allowed = (dtype, "float64") if dtype != "float64" and (wide or shape == ()) else (dtype,)
    named = " or ".join(allowed)
    if isinstance(given, wire.Unfit):
        return f"has dtype {given.dtype}, {named} is expected."
    if not isinstance(given, np.ndarray):
        return f"is {_describe(given)}, an array of {named} is expected."
    if given.dtype.name not in allowed:
        return f"has dtype {given.dtype.name}, {named} is expected."
    if shape is not None and given.shape != shape:
        return f"has shape {given.shape}, {shape} is expected."
    bad = np.argwhere(~np.isfinite(given))
    if len(bad):
        where = f" at {[int(i) for i in bad[0]]}" if given.ndim else ""
        return f"is {given[tuple(bad[0])]}{where}, finite numbers are expected."
    return None


def _describe(given: Any) -> str:
    if given is None:
        return "null"
    kinds = {bool: "a boolean", int: "an integer", str: "a string", list: "a list", dict: "an object"}
    return f"{kinds.get(type(given), type(given).__name__)} ({str(given)[:40]})"


def judge(ratios: np.ndarray, threshold: float, digits: float, dtype: str) -> Comparison:
    """Accept test ratios, one per step, that are all at most the threshold; NaN never is."""
    accepted = ratios <= threshold
    (worst,) = capped(np.array([np.max(ratios, initial=0.0)]), dtype)
    if np.all(accepted):
        return Comparison(True, worst, threshold, digits)
    return Comparison(False, worst, threshold, digits, "deviates.", step=int(np.argmin(accepted)))


def capped(ratios: np.ndarray, dtype: str) -> tuple[float, ...]:
    """Return test ratios, none above 1/u, where no digit is right."""
    return tuple(np.minimum(ratios, 1 / UNIT_ROUNDOFF[dtype]).tolist())


def digits(relative: np.ndarray | float, dtype: str) -> float:
    """Count correct digits, -log10 of the largest relative error (NIST's LRE), within the dtype's range."""
    worst = float(np.max(relative, initial=0.0))
    return min(DIGITS[dtype], max(0.0, -float(np.log10(worst)))) if worst > 0 else DIGITS[dtype]


def per_step(value: Any, steps: int) -> np.ndarray:
    """Read a number for all steps, or a list with one for each, as an array (steps,).

    Raises:
        ValueError: the list has another length.
    """
    numbers = [float(x) for x in value] if isinstance(value, Sequence) else [float(value)] * steps
    if len(numbers) != steps:
        raise ValueError(f"{len(numbers)} numbers are given for {steps} steps.")
    return np.array(numbers)
