"""Puts a float64 case to an adapter that computes in float32 or float16, where that is sound.

The expectations of a case hold for its inputs as they stand. They are kept in another dtype only where
nothing has to be rounded on the way in: every entry of every array, and every number of the problem behind
it, is a number of that dtype. Then the right answer is the same, and only the unit roundoff u in

    ratio = max|y - y*| / (u max(condition, 1) scale terms)

changes. Settings stay the Python numbers that they are, but must lie in the normal range of the dtype, since
an adapter may hold them in it: epsilon = 1e-8 is 0 in float16. So must the scales and the expected numbers.
What the condition leaves no digits of is not applicable, as ever. Answers that are decisions (integers,
words) are judged as they are; a case whose inputs are exact has no rounded decision but the implementation's
own.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from refopt.conformance import wire
from refopt.conformance.vectors import Case


class NotRepresentable(ValueError):
    """A case whose numbers are not all numbers of a dtype; the message says which."""


def retyped(case: Case, dtype: str) -> Case:
    """Return a case as it is put to an adapter in a dtype.

    Args:
        case: in float64, or already in the dtype.
        dtype: "float64", "float32" or "float16".

    Raises:
        NotRepresentable: with one sentence.
    """
    if case.dtype == dtype:
        return case
    if case.dtype != "float64":
        raise NotRepresentable(f"the case is in {case.dtype}, and is put to no other dtype.")
    for name, value in case.inputs.items():
        if name in ("problem", "curvature_problem"):
            _check_problem(name, value, dtype)
        else:
            _check_input(name, value, dtype)
    settings = case.inputs.get("settings", {})
    if case.op.startswith("fosi_") and "EpsilonClamp" in case.flags and settings.get("epsilon") is None:
        raise NotRepresentable("the default of `settings.epsilon` depends on the dtype.")
    for expect in (case.expect, *case.alternatives.values()):
        for name, expectation in expect.items():
            _check_expectation(name, expectation, dtype)
    return dataclasses.replace(case, dtype=dtype)


def in_dtype(cases: Iterable[Case], dtype: str) -> list[Case]:
    """Return cases as they are put to an adapter in a dtype; those that cannot be say why in `unfit`."""
    found = []
    for case in cases:
        try:
            found.append(retyped(case, dtype))
        except NotRepresentable as error:
            found.append(dataclasses.replace(case, dtype=dtype, unfit=str(error)))
    return found


def _check_input(name: str, value: Any, dtype: str) -> None:
    if isinstance(value, Mapping):
        if "f64" in value:
            for x in value["f64"]:
                _check_number(name, float(x), dtype)
        else:
            for key, entry in value.items():
                _check_input(f"{name}.{key}", entry, dtype)
    elif isinstance(value, float) and value != 0:
        _check_range(name, [value], dtype)


def _check_number(name: str, x: float, dtype: str) -> None:
    if np.isfinite(x):
        with np.errstate(over="ignore"):
            same = float(np.dtype(dtype).type(x)) == x
        if not same:
            raise NotRepresentable(f"`{name}` holds {x!r}, which is no number of {dtype}.")


@lru_cache(maxsize=256)
def _problem_misfit(identifier: str, dtype: str) -> str:
    from refopt.problems import load_problem

    if dtype not in wire.PROBLEM_DTYPES:
        return f"is a problem, and problems are not offered in {dtype}."
    for name, value in load_problem(identifier).data.items():
        numbers = value if isinstance(value, np.ndarray) else np.array([value] if _real(value) else [])
        with np.errstate(over="ignore"):
            if not np.array_equal(numbers.astype(dtype).astype(np.float64), numbers.astype(np.float64)):
                return f"is {identifier}, whose `{name}` is not made of numbers of {dtype}."
    return ""


def _real(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_problem(name: str, identifier: str, dtype: str) -> None:
    if misfit := _problem_misfit(identifier, dtype):
        raise NotRepresentable(f"`{name}` {misfit}")


def _check_expectation(name: str, expectation: Mapping[str, Any], dtype: str) -> None:
    for member in expectation.get("members", ()):
        _check_expectation(name, member, dtype)
    scale = expectation.get("scale", ())
    _check_range(
        f"the scale of {name}", scale if isinstance(scale, list) else [scale] if scale else [], dtype
    )
    for part in ("value", "center", "directions"):
        if isinstance(expectation.get(part), Mapping):
            largest = max((abs(x) for x in expectation[part]["f64"]), default=0.0)
            _check_range(name, [largest] if largest > 1 else [], dtype)


def _check_range(name: str, numbers: Iterable[Any], dtype: str) -> None:
    info = np.finfo(dtype)
    for x in numbers:
        if not float(info.tiny) <= abs(float(x)) <= float(info.max):
            raise NotRepresentable(f"`{name}` is {float(x):.6g}, outside the normal range of {dtype}.")
