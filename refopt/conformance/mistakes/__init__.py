"""The wrong formulas that people really write, as answers to a case: what the diagnosis compares with.

Each is `refopt.conformance.textbook` with one piece exchanged, so its answer is computed from the inputs of
the case and nothing is stored. Sources are the deviations of the published codes, issues of optimizer
libraries, and the errata of the papers.
"""

from functools import cache

from refopt.conformance.mistakes.base import Mistake as Mistake
from refopt.conformance.mistakes.first_order import FIRST_ORDER_MISTAKES

MISTAKES: tuple[Mistake, ...] = (*FIRST_ORDER_MISTAKES,)
"""All of them."""


@cache
def of(op: str) -> tuple[Mistake, ...]:
    """Return the mistakes that an operation can show."""
    return tuple(entry for entry in MISTAKES if op in entry.ops)
