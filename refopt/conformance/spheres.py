"""Answers of which a whole set is right: a sphere, a flat, or their product.

The set is {center + B y + F z : |y| = 1, z free} with the columns of B the directions, perhaps of different
lengths and not orthogonal, and the columns of F orthonormal. Two opposite points are a sphere with one
direction. The ratio measures what least squares leaves of x - center outside the columns, and how far |y| is
from 1:

    max(distance, | |y| - 1 | * longest direction) / (u max(condition, 1) scale terms)

Where there are free columns the scale is |x - center| if that is larger: far out on a flat, x itself is
rounded.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from refopt.conformance import ratios
from refopt.conformance.ratios import Comparison, Reference


def compare_sphere(expectation: Mapping[str, Any], given: Any, dtype: str, wide: bool = False) -> Comparison:
    """Compare a vector with a set of right answers.

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
    distance, y = _coordinates(rest, directions, free)
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
        else f"has the length {np.linalg.norm(y):.6g} in units of the sphere of right answers, 1 is expected."
    )
    return found._replace(step=None, reason=reason)


def _coordinates(rest: np.ndarray, directions: Reference, free: Reference) -> tuple[float, np.ndarray]:
    """Return the distance of `rest` (S,) to the columns, and its coordinates along the directions."""
    # Columns of length 1, so that directions of very different lengths keep their digits.
    lengths = np.linalg.norm(directions.high, axis=0)
    columns = np.hstack([directions.high / lengths, free.high])
    tails = np.hstack([directions.low / lengths, free.low])
    Q, R = np.linalg.qr(columns)
    if not np.all(np.abs(np.diag(R)) > len(rest) * ratios.UNIT_ROUNDOFF["float64"]):
        raise ValueError("the directions of a sphere of answers are not independent.")
    c = np.linalg.solve(R, Q.T @ rest)
    left = (rest - columns @ c) - tails @ c
    return float(np.linalg.norm(left)), c[: len(lengths)] / lengths
