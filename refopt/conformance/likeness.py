"""Whether a wrong answer equals the answer of a known mistake.

An answer y with the mistake's answer w and the right one y*: w must be far from y*, as a planted fault must
be (a hundred thresholds), and y must equal w to the case's own tolerance or to a millionth of |w - y*|,
whichever is larger. The second holds where a mistake drives a run away from the point at which the case's
condition was measured; both together leave no room for an answer that is merely inaccurate.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from refopt.conformance import comparison, ratios
from refopt.conformance.ops import WIDE

FAR = 100.0  # thresholds between a mistake's answer and the right one
SPACES = ("subspace", "eigenspace")  # kinds of eigenvectors, whose signs mean nothing
SHARE = 1e-6  # of the mistake's deviation, by which an answer may miss it


class Alike(NamedTuple):
    """How an answer stands to a mistake's answer.

    Attributes:
        same: whether the two are equal.
        far: whether the mistake's answer is far from the right one.
        digits: to how many digits the two agree; None where there are no numbers.
    """

    same: bool
    far: bool
    digits: float | None = None


def alike(name: str, expectation: Mapping[str, Any], given: Any, wrong: Any, dtype: str) -> Alike:
    """Compare one quantity of an answer with a mistake's.

    Args:
        name: of the quantity.
        expectation: the right answer, of any kind but behaviour.
        given: the answer, decoded.
        wrong: the mistake's answer, decoded likewise.
        dtype: of the case.
    """
    away = far(name, expectation, wrong, dtype)
    if expectation["kind"] == "exact":
        return Alike(comparison.compare_exact({"value": _plain(wrong)}, given, dtype).passed, away)
    arrays = isinstance(given, np.ndarray) and isinstance(wrong, np.ndarray)
    if not arrays or given.shape != wrong.shape or given.dtype.kind != "f" or given.size == 0:
        return Alike(False, away)
    members = expectation.get("members", (expectation,))
    by_step = all(member.get("axis") == "step" for member in members)
    pair = [x.astype(np.float64).reshape(len(x) if by_step else 1, -1) for x in (given, wrong)]
    right = _right(expectation, pair[1].shape)
    if expectation["kind"] in SPACES:
        pair[0] = _signs_as(given, wrong).reshape(pair[0].shape)
    return _numbers(expectation, pair[0], pair[1], right, dtype)._replace(far=away)


def far(name: str, expectation: Mapping[str, Any], wrong: Any, dtype: str) -> bool:
    """Whether a mistake's answer to one quantity is far from the right one."""
    found = comparison.compare(expectation, wrong, dtype, name in WIDE)
    return not found.passed and (found.ratio is None or found.ratio >= FAR * (found.threshold or 1.0))


def near(given: Any, wrong: Any) -> bool:
    """Whether two answers to a quantity that is not expected are equal, numbers to a millionth."""
    if not (isinstance(given, np.ndarray) and isinstance(wrong, np.ndarray)):
        return str(given) == str(wrong)
    if given.shape != wrong.shape:
        return False
    with np.errstate(all="ignore"):
        equal = np.isinf(wrong) & (given == wrong)  # whose difference is NaN
        given, wrong = (np.where(equal, 0.0, x) for x in (given, wrong))
        apart, size = (np.max(np.abs(x), initial=0.0) for x in (given - wrong, wrong))
        return bool(np.isfinite(apart) and apart <= SHARE * size)


def _numbers(
    expectation: Mapping[str, Any], given: np.ndarray, wrong: np.ndarray, right: np.ndarray, dtype: str
) -> Alike:
    # A run that a mistake drives to infinity is compared up to there; rows are steps, or there is one row.
    finite = np.isfinite(given).all(axis=1) & np.isfinite(wrong).all(axis=1)
    steps = len(finite) if finite.all() else int(np.argmin(finite))
    with np.errstate(all="ignore"):
        away = np.maximum.accumulate(np.max(np.abs(wrong - right), axis=1))[:steps]
        apart = np.max(np.abs(given - wrong), axis=1)[:steps]
        size = np.maximum.accumulate(np.max(np.abs(wrong), axis=1))[:steps]
        allowed = np.maximum(_tolerance(expectation, len(finite), dtype)[:steps], SHARE * away)
        same = steps > 0 and bool(np.all(apart <= allowed)) and bool(np.any(allowed < away))
        digits = ratios.digits(apart / np.where(size > 0, size, 1.0), dtype)
    return Alike(same, False, digits)


def _tolerance(expectation: Mapping[str, Any], steps: int, dtype: str) -> np.ndarray:
    """The deviation that a case allows, (steps,); for several members the smallest."""
    if expectation["kind"] == "any":
        return np.min([_tolerance(member, steps, dtype) for member in expectation["members"]], axis=0)
    unit = ratios.UNIT_ROUNDOFF[dtype] * float(expectation.get("terms", 1))
    unit *= float(expectation.get("threshold", 30.0))
    if expectation["kind"] in SPACES:
        return np.full(steps, unit)
    condition, scale = (ratios.per_step(expectation.get(part, 1.0), steps) for part in ("condition", "scale"))
    found: np.ndarray = unit * np.maximum(condition, 1.0) * scale
    return found


def _right(expectation: Mapping[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """A right answer in the shape of the rows; zeros where it has another shape."""
    if expectation["kind"] == "any":
        return _right(expectation["members"][0], shape)
    numbers = _numbers_of(expectation["center" if expectation["kind"] == "sphere" else "value"])
    if expectation["kind"] == "sphere" and (directions := _numbers_of(expectation["directions"])).size:
        numbers = numbers + directions[:, 0]  # the center itself is no right answer
    return numbers.reshape(shape) if numbers.size == np.prod(shape) else np.zeros(shape)


def _numbers_of(value: Mapping[str, Any]) -> np.ndarray:
    return np.array(value["f64"], dtype=np.float64).reshape(value["shape"])


def _signs_as(given: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """The columns of an answer, each with the sign that brings it nearer to the mistake's."""
    return given * np.where(np.sum(given * wrong, axis=0) < 0, -1.0, 1.0)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) and value.dtype.kind in "biu" else value
