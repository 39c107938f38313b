"""What a property is: a statement, a measured number, the number it may not exceed, and the sample at hand.

A property is a plain function ``check(adapter, sample) -> None``. It asks the adapter for one or more
operations of `refopt verify` (``fosi_step``, ``extreme_spectrum``, ``base_run``, ...), measures how far the
answer is from what a lemma promises, and raises `PropertyViolation` when it is further than rounding allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from refopt.conformance.ops import flatten

__all__ = ["SLACK", "UNIT", "PropertyViolation", "ask", "require", "require_array", "run_values"]

UNIT = 2.0**-53  # unit roundoff of float64, the dtype in which properties are put to an adapter
# A sandwich of a few matrix products loses about 10 n u of the norms; 64 leaves room for any order of sums.
SLACK = 64.0

_LONGEST_SAMPLE = 1200  # characters of a sample shown in a message; all of it stays in the exception's field


class PropertyViolation(AssertionError):
    """A statement that an implementation breaks.

    Attributes:
        statement: the claim in one sentence, with its place in the paper.
        measured: the defect, a number that would be 0 (or not above `allowed`) if the statement held exactly.
        allowed: the largest defect that rounding, or the statement's own bound, explains.
        sample: the inputs; its ``repr`` rebuilds it.
    """

    def __init__(self, statement: str, measured: float, allowed: float, sample: object) -> None:
        self.statement = statement
        self.measured = float(measured)
        self.allowed = float(allowed)
        self.sample = sample
        shown = repr(sample)
        if len(shown) > _LONGEST_SAMPLE:
            shown = shown[:_LONGEST_SAMPLE] + "..."
        super().__init__(
            f"{statement} Measured {self.measured:.3g}, allowed {self.allowed:.3g}. Sample: {shown}"
        )


def require(statement: str, measured: float, allowed: float, sample: object) -> None:
    """Raises `PropertyViolation` unless `measured` is a number and at most `allowed`."""
    if not measured <= allowed:  # written so that NaN is a violation
        raise PropertyViolation(statement, measured, allowed, sample)


def require_array(answer: Any, quantity: str, shape: tuple[int, ...], sample: object) -> np.ndarray:
    """Returns ``answer[quantity]`` as a finite float64 array of the given shape.

    Args:
        answer: what an operation of the adapter returned, a mapping from quantities to arrays.
        quantity: the name looked up.
        shape: the shape that the operation promises.
        sample: shown in the violation.

    Raises:
        PropertyViolation: the quantity is missing, has another shape, or is not finite.
    """
    if quantity not in answer:
        raise PropertyViolation(f"The answer names `{quantity}`.", np.nan, 0.0, sample)
    array = np.asarray(answer[quantity], dtype=np.float64)
    if array.shape != shape:
        raise PropertyViolation(f"`{quantity}` has shape {shape}, given {array.shape}.", np.nan, 0.0, sample)
    if not np.all(np.isfinite(array)):
        raise PropertyViolation(f"`{quantity}` is finite.", np.nan, 0.0, sample)
    return array


def ask(adapter: Any, operation: str, **inputs: Any) -> dict[str, Any]:
    """Calls an operation of the adapter and returns its quantities by dotted name."""
    answer = getattr(adapter, operation)(**inputs)
    if not isinstance(answer, Mapping):
        raise TypeError(f"`{operation}` returned {type(answer).__name__}, a dictionary is expected.")
    return flatten(answer)


def run_values(answer: Any, quadratic: Any, steps: int, sample: object) -> np.ndarray:
    """Returns f - f* along a run (steps + 1,), evaluated here from the answer's points."""
    thetas = require_array(answer, "thetas", (steps + 1, quadratic.n), sample)
    return np.array([quadratic.excess(theta) for theta in thetas])
