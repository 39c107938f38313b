"""Numbers as they stand in the vectors, and what keeps a case out of them."""

from collections.abc import Mapping
from typing import Any

from mpmath import mp, mpf

from oracles.case import Array, Case
from oracles.precision import DIGITS, FROZEN, UNIT_ROUNDOFF, flat, frozen, shape

ILL_CONDITIONED = "IllConditioned"


class Rejected(ValueError):
    """A case that must not be published; the message says which and why."""


def floats_of(value: Any) -> list[float]:
    """List the floats of an input."""
    if isinstance(value, Mapping):
        return [x for v in value.values() for x in floats_of(v)]
    if isinstance(value, Array):
        return list(value.values)
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in floats_of(v)]
    return [value] if isinstance(value, float) else []


def _plain(x: float) -> float | str:
    """Write a float for JSON: non-finite ones as strings."""
    return x if x - x == 0 else {"nan": "nan", "inf": "inf", "-inf": "-inf"}[str(x)]


def encode_input(value: Any) -> Any:
    """Write an input for JSON: arrays as {shape, f64}, everything else as it is."""
    if isinstance(value, Mapping):
        return {k: encode_input(v) for k, v in value.items()}
    if isinstance(value, Array):
        return {"shape": list(value.shape), "f64": [_plain(x) for x in value.values]}
    if isinstance(value, (list, tuple)):
        if value and floats_of(value) == flat(list(value)):
            return {"shape": list(shape(value)), "f64": [_plain(x) for x in flat(value)]}
        if any(isinstance(x, float) for x in flat(list(value))):
            raise Rejected(f"an array mixes floats with other things: {str(value)[:60]}.")
        return list(value)
    return _plain(value) if isinstance(value, float) else value


def encode_array(value: Any, scale: Any) -> dict[str, Any]:
    """Write a computed array: its shape, the nearest float64 and 40 digits of each entry, row-major."""
    rows = zip(value, scale, strict=True) if isinstance(scale, list) else [(value, scale)]
    digits = [frozen(x, size) for row, size in rows for x in flat(row)]
    return {"shape": list(shape(value)), "f64": [float(d) for d in digits], "hp": digits}


def agree(case: Case, name: str, low: Any, high: Any, scale: Any) -> None:
    """Reject a quantity that is not the same at both precisions, to 40 digits of its scale."""
    if shape(low) != shape(high):
        raise Rejected(f"{case.id}: {name} has another shape at {DIGITS[0]} and at {DIGITS[1]} digits.")
    if isinstance(scale, list):
        for step, rows in enumerate(zip(low, high, scale, strict=True)):
            agree(case, f"{name}, step {step}", *rows)
        return
    gap = max((abs(a - b) for a, b in zip(flat(low), flat(high), strict=True)), default=mpf(0))
    if not gap <= mpf(10) ** -FROZEN * scale:
        raise Rejected(f"{case.id}: {name} agrees to {mp.nstr(gap / scale, 3)} of its scale only.")


def check_condition(case: Case, name: str, condition: Any) -> None:
    """Reject a condition that leaves fewer than 3 digits, where the case does not say so."""
    worst = max(condition, default=0) if isinstance(condition, list) else condition
    if worst * UNIT_ROUNDOFF[case.dtype] > mpf(10) ** -3 and ILL_CONDITIONED not in case.flags:
        raise Rejected(f"{case.id}: {name} has condition {mp.nstr(worst, 3)}, fewer than 3 digits survive.")
