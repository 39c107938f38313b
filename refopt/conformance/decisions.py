"""What to say about a wrong decision: which it is, and how far from its threshold the compared number stands.

A case stores the margin |number / threshold - 1| of each decision, computed by the oracle, or why rounding
cannot matter. The oracle publishes no single answer to a decision whose margin is below 1e-12.
"""

from collections.abc import Mapping
from typing import Any

from refopt.conformance.ratios import UNIT_ROUNDOFF

LEAST = 1e-12  # in float64; in another dtype as many roundings
Expectation = Mapping[str, Any]


def wrong(expectation: Expectation, given: Any, dtype: str) -> str:
    """Return the end of a sentence about the first wrong decision of an answer; empty where none is known.

    Args:
        expectation: of kind exact.
        given: the answer as plain values.
        dtype: of the case.
    """
    expected = expectation["value"]
    if "compared" not in expectation:
        return ""
    if not isinstance(expected, list):
        margin = expectation["margin"]
        told = _told(expectation, expected, given)
        return f"{told}; {distance(expectation, margin, dtype)}" if type(given) is type(expected) else ""
    if not isinstance(given, list) or list(map(type, given)) != list(map(type, expected)):
        return ""
    first = next((i for i, (a, b) in enumerate(zip(given, expected, strict=True)) if a != b), None)
    if first is None:
        return ""
    margins = expectation["margin"]
    margin = margins[first] if isinstance(margins, list) else margins
    told = _told(expectation, expected[first], given[first])
    return f"decision {first}: {told}; {distance(expectation, margin, dtype)}"


def at_step(expectation: Expectation, step: int, dtype: str) -> str:
    """Return a sentence about the decisions behind a number of a run; empty where none stand behind it."""
    if "compared" not in expectation:
        return ""
    margins = expectation["margin"]
    return f" Up to there, {distance(expectation, margins[step], dtype)}"


def distance(expectation: Expectation, margin: float | None, dtype: str) -> str:
    """Say how far the compared number is from its threshold, and whether rounding can take that."""
    if margin is None:
        return "no rounded number is compared there."
    shown = f"{expectation['compared']} is {margin:.1e} from the threshold"
    least = LEAST * UNIT_ROUNDOFF[dtype] / UNIT_ROUNDOFF["float64"]
    if margin >= least:
        return f"{shown}, rounding cannot take it."
    if "certain" in expectation:
        return f"{shown}, but {expectation['certain']}."
    return f"{shown}, which rounding in {dtype} could take."


def _told(expectation: Expectation, expected: Any, given: Any) -> str:
    words = expectation.get("words")
    if words and isinstance(expected, bool):
        expected, given = words[expected], words[given]
    return f"{str(expected)[:60]} expected, {str(given)[:60]} given"
