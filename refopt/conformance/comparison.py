"""One quantity against its expectation: test ratio, subspace, sphere, exact value, any of several answers.

What is `chained` becomes one of these first (`refopt.conformance.chained`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from refopt.conformance import decisions, ratios, wire
from refopt.conformance.ratios import Comparison

Expectation = Mapping[str, Any]


def compare(expectation: Expectation, given: Any, dtype: str, wide: bool = False) -> Comparison:
    """Compare one quantity of an answer with its expectation.

    Args:
        expectation: of kind array, subspace, eigenspace, sphere, exact or any, as in a vector file.
        given: the decoded quantity.
        dtype: dtype of the case, "float64" or "float32".
        wide: whether float64 is accepted in a float32 case.

    Raises:
        ValueError: the expectation itself is faulty.
    """
    with np.errstate(all="ignore"):  # an answer near the largest float overflows, and then fails
        return COMPARE[expectation["kind"]](expectation, given, dtype, wide)


def compare_array(expectation: Expectation, given: Any, dtype: str, wide: bool = False) -> Comparison:
    """Compare an array or a scalar by its test ratio, at each step where the leading axis counts them."""
    threshold, expected = float(expectation.get("threshold", 30.0)), ratios.reference(expectation["value"])
    problem = ratios.unfit(given, expected.high.shape, dtype, wide)
    if problem:
        return Comparison(False, threshold=threshold, reason=problem)
    by_step = expectation.get("axis") == "step"
    steps = len(expected.high) if by_step else 1
    error = ratios.deviation(given, expected).reshape(steps, expected.high.size // max(steps, 1))
    worst = np.max(error, axis=1, initial=0.0)
    condition, scale = (ratios.per_step(expectation[name], steps) for name in ("condition", "scale"))
    unit = ratios.UNIT_ROUNDOFF[dtype] * float(expectation.get("terms", 1))
    digits = ratios.digits(worst / scale, dtype)
    measured = worst / (unit * np.maximum(condition, 1.0) * scale)
    found = ratios.judge(measured, threshold, digits, dtype)
    if by_step:
        found = found._replace(steps=ratios.capped(measured, dtype))
    if found.passed:
        return found
    assert found.step is not None, "a failed judgement names its step"
    shape = expected.high.shape[1:] if by_step else expected.high.shape
    where = np.unravel_index(int(np.argmax(error[found.step])), shape)
    position = tuple(int(i) for i in where)
    at = (found.step, *position) if by_step else position
    found = found._replace(given=float(given[at]), expected=float(expected.high[at]))
    if by_step:
        found = found._replace(reason=found.reason + decisions.at_step(expectation, at[0], dtype))
    return found._replace(step=found.step if by_step else None, position=position)


def compare_subspace(expectation: Expectation, given: Any, dtype: str, wide: bool = False) -> Comparison:
    """Compare eigenvectors, columns of (n, k), whatever their signs and the basis inside a cluster.

    Two measures: |V'V - I| in units of u terms; and for each cluster of columns the part outside the expected
    span, |(I - P*) V_c|, which for orthonormal columns is the difference of the projectors, in units of u
    condition terms norm / gap, norm being |H| and gap the cluster's distance to the rest of the spectrum.
    """
    clusters = expectation["clusters"]
    return _inside(expectation, "value", clusters, clusters, given, dtype, wide)


def compare_eigenspace(expectation: Expectation, given: Any, dtype: str, wide: bool = False) -> Comparison:
    """Compare eigenvectors that are cut out of whole eigenspaces, each of which lies inside its own.

    The measures are those of `compare_subspace`; a space may have more dimensions than columns lie in it.
    """
    spaces, columns = expectation["spaces"], expectation["columns"]
    return _inside(expectation, "basis", spaces, columns, given, dtype, wide)


def _inside(
    expectation: Expectation, basis: str, spaces: Sequence[Sequence[int]], columns: Sequence[Sequence[int]],
    given: Any, dtype: str, wide: bool,
) -> Comparison:  # fmt: skip
    """Judge orthonormal columns, of which some lie in each space, a span of columns of the basis."""
    threshold, expected = float(expectation.get("threshold", 30.0)), ratios.reference(expectation[basis])
    problem = ratios.unfit(given, tuple(expectation["value"]["shape"]), dtype, wide)
    if problem:
        return Comparison(False, threshold=threshold, reason=problem)
    worst = orthonormality(expectation, given, dtype)
    if not worst.passed:
        return worst
    vectors = given.astype(np.float64)
    unit = ratios.UNIT_ROUNDOFF[dtype] * float(expectation.get("terms", 1))
    for space, own, gap in zip(spaces, columns, expectation["gaps"], strict=True):
        outside = _outside(vectors[:, own], expected.high[:, space], expected.low[:, space])
        amplification = float(expectation.get("condition", 1.0)) * float(expectation["norm"]) / float(gap)
        ratio = outside / (unit * max(amplification, 1.0))
        found = ratios.judge(np.array([ratio]), threshold, ratios.digits(outside, dtype), dtype)
        if not found.passed:
            return found._replace(step=None, reason=f"spans another space in {_columns(own)}.")
        worst = max(worst, found, key=lambda comparison: comparison.ratio or 0.0)
    return worst


def orthonormality(expectation: Expectation, given: np.ndarray, dtype: str) -> Comparison:
    """Judge |V'V - I| of the columns (n, k), in units of u terms."""
    vectors, threshold = given.astype(np.float64), float(expectation.get("threshold", 30.0))
    unit = ratios.UNIT_ROUNDOFF[dtype] * float(expectation.get("terms", 1))
    defect = np.max(np.abs(vectors.T @ vectors - np.eye(vectors.shape[1])), initial=0.0)
    found = ratios.judge(np.array([defect / unit]), threshold, ratios.digits(defect, dtype), dtype)
    return (
        found if found.passed else found._replace(step=None, reason="has columns that are not orthonormal.")
    )


def _outside(vectors: np.ndarray, high: np.ndarray, low: np.ndarray) -> float:
    # The difference of projectors itself would need n x n numbers, and |P - P*|^2 = 2k - 2|V*'V|^2 would lose
    # half of the digits.
    coefficients = high.T @ vectors
    rest = (vectors - high @ coefficients) - low @ coefficients
    return float(np.linalg.norm(rest, 2)) if rest.size else 0.0


def _columns(cluster: Sequence[int]) -> str:
    return f"column {cluster[0]}" if len(cluster) == 1 else f"columns {cluster[0]} to {cluster[-1]}"


def compare_sphere(expectation: Expectation, given: Any, dtype: str, wide: bool = False) -> Comparison:
    """Compare a vector with the set {center + B y + F z : |y| = 1, z free}: a sphere, a flat, or both.

    The columns of B are the directions, perhaps of different lengths and not orthogonal, those of F are
    orthonormal. Two opposite points are a sphere with one direction. The ratio measures what least squares
    leaves of x - center outside the columns, and how far |y| is from 1:

        max(distance, ||y| - 1| longest direction) / (u max(condition, 1) scale terms)

    Where there are free columns the scale is |x - center| if that is larger: far out on a flat, x itself is
    rounded.

    Raises:
        ValueError: the columns of the expectation do not span a space of their number.
    """
    threshold = float(expectation.get("threshold", 30.0))
    center, directions, free = (
        ratios.reference(expectation[name]) for name in ("center", "directions", "free")
    )
    problem = ratios.unfit(given, center.high.shape, dtype, wide)
    if problem:
        return Comparison(False, threshold=threshold, reason=problem)
    rest = (given.astype(np.float64) - center.high) - center.low
    distance, y = _coordinates(rest, directions.high, free.high)
    scale, out_of_round = float(expectation["scale"]), 0.0
    if free.high.size:
        scale = max(scale, float(np.linalg.norm(rest)))
    if directions.high.size:
        longest = float(np.max(np.linalg.norm(directions.high, axis=0)))
        out_of_round = abs(float(np.linalg.norm(y)) - 1.0) * longest
    error = np.max([distance, out_of_round])  # which is NaN where one of them is
    unit = ratios.UNIT_ROUNDOFF[dtype] * float(expectation.get("terms", 1))
    ratio = error / (unit * max(float(expectation.get("condition", 1.0)), 1.0) * scale)
    found = ratios.judge(np.array([ratio]), threshold, ratios.digits(error / scale, dtype), dtype)
    if found.passed:
        return found
    reason = (
        "lies outside the plane of the right answers."
        if distance >= out_of_round
        else f"lies at {np.linalg.norm(y):.6g} of the radius of the sphere of right answers."
    )
    return found._replace(step=None, reason=reason)


def _coordinates(rest: np.ndarray, directions: np.ndarray, free: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the distance of `rest` (S,) to the columns, and its coordinates along the directions."""
    # Columns of about one length, so that very different ones keep their digits; powers of two are exact.
    powers = np.frexp(np.linalg.norm(directions, axis=0))[1]
    columns = np.hstack([np.ldexp(directions, -powers), free])
    Q, R = np.linalg.qr(columns)
    if not np.all(np.abs(np.diag(R)) > len(rest) * ratios.UNIT_ROUNDOFF["float64"]):
        raise ValueError("the directions of a sphere of answers are not independent.")
    c = np.linalg.solve(R, Q.T @ rest)
    return float(np.linalg.norm(rest - columns @ c)), np.ldexp(c[: len(powers)], -powers)


def compare_exact(expectation: Expectation, given: Any, dtype: str, wide: bool = False) -> Comparison:
    """Compare integers, booleans, strings and lists of them: the same type and the same value."""
    expected, plain = expectation["value"], _plain(given)
    if _typed(plain) == _typed(expected):
        return Comparison(True)
    if told := decisions.wrong(expectation, plain, dtype):
        return Comparison(False, reason=told)
    shown = f"has dtype {plain.dtype}" if isinstance(plain, wire.Unfit) else f"is {str(plain)[:120]}"
    return Comparison(False, reason=f"{shown}, {str(expected)[:120]} is expected.")


def _plain(given: Any) -> Any:
    return given.tolist() if isinstance(given, np.ndarray) and given.dtype.kind in "biu" else given


def _typed(value: Any) -> Any:
    # With its type, because Python holds that True == 1 == 1.0.
    return [_typed(entry) for entry in value] if isinstance(value, list) else (type(value), str(value))


def compare_any(expectation: Expectation, given: Any, dtype: str, wide: bool = False) -> Comparison:
    """Accept any of several members; where none accepts, the one with the smallest ratio is reported."""
    found = [compare(member, given, dtype, wide) for member in expectation["members"]]
    accepted = [comparison for comparison in found if comparison.passed]
    return min(
        accepted or found,
        key=lambda comparison: float("inf") if comparison.ratio is None else comparison.ratio,
    )


def largest_condition(expectation: Expectation) -> float:
    """Return the largest condition number of an expectation, over steps or clusters."""
    if expectation["kind"] == "any":
        return max(map(largest_condition, expectation["members"]))
    condition = expectation.get("condition", 1.0)
    numbers = [float(x) for x in condition] if isinstance(condition, list) else [float(condition)]
    if expectation["kind"] in ("subspace", "eigenspace"):
        numbers = [numbers[0] * float(expectation["norm"]) / float(gap) for gap in expectation["gaps"]]
    return max(numbers, default=1.0)


COMPARE: Mapping[str, Callable[..., Comparison]] = {
    "array": compare_array,
    "subspace": compare_subspace,
    "eigenspace": compare_eigenspace,
    "sphere": compare_sphere,
    "exact": compare_exact,
    "any": compare_any,
}
