"""The wrong formulas that people really write, as answers to a case: what the diagnosis compares with.

Each is `refopt.conformance.textbook` with one piece exchanged, so its answer is computed from the inputs of
the case and nothing is stored. Sources are the deviations of the published codes, issues of optimizer
libraries, and the errata of the papers.
"""

from functools import cache

from refopt.conformance.mistakes.amos import AMOS_MISTAKES
from refopt.conformance.mistakes.amos_averages import AMOS_AVERAGE_MISTAKES
from refopt.conformance.mistakes.amos_run import AMOS_RUN_MISTAKES
from refopt.conformance.mistakes.base import Mistake as Mistake
from refopt.conformance.mistakes.cubic import CUBIC_MISTAKES
from refopt.conformance.mistakes.cubic_answers import CUBIC_ANSWER_MISTAKES
from refopt.conformance.mistakes.derivatives import DERIVATIVE_MISTAKES
from refopt.conformance.mistakes.diagonals import DIAGONAL_MISTAKES
from refopt.conformance.mistakes.eigen_arc import EIGEN_ARC_MISTAKES
from refopt.conformance.mistakes.elmo import ELMO_MISTAKES
from refopt.conformance.mistakes.elmo_moves import ELMO_MOVE_MISTAKES
from refopt.conformance.mistakes.first_order import FIRST_ORDER_MISTAKES
from refopt.conformance.mistakes.fosi import FOSI_MISTAKES
from refopt.conformance.mistakes.fosi_estimates import FOSI_ESTIMATE_MISTAKES
from refopt.conformance.mistakes.grouped import GROUPED_MISTAKES
from refopt.conformance.mistakes.grouped_rates import GROUPED_RATE_MISTAKES
from refopt.conformance.mistakes.objectives import OBJECTIVE_MISTAKES
from refopt.conformance.mistakes.plateau import PLATEAU_MISTAKES
from refopt.conformance.mistakes.rates import RATE_MISTAKES
from refopt.conformance.mistakes.scaling import SCALING_MISTAKES
from refopt.conformance.mistakes.sophia import SOPHIA_MISTAKES
from refopt.conformance.mistakes.spectrum import SPECTRUM_MISTAKES
from refopt.conformance.mistakes.summary import SUMMARY_MISTAKES
from refopt.conformance.mistakes.transformer import TRANSFORMER_MISTAKES
from refopt.conformance.textbook import Textbook

MISTAKES: tuple[Mistake, ...] = (
    *OBJECTIVE_MISTAKES,
    *TRANSFORMER_MISTAKES,
    *DERIVATIVE_MISTAKES,
    *FIRST_ORDER_MISTAKES,
    *RATE_MISTAKES,
    *SPECTRUM_MISTAKES,
    *SCALING_MISTAKES,
    *FOSI_MISTAKES,
    *FOSI_ESTIMATE_MISTAKES,
    *SUMMARY_MISTAKES,
    *CUBIC_MISTAKES,
    *CUBIC_ANSWER_MISTAKES,
    *GROUPED_MISTAKES,
    *GROUPED_RATE_MISTAKES,
    *PLATEAU_MISTAKES,
    *ELMO_MISTAKES,
    *ELMO_MOVE_MISTAKES,
    *EIGEN_ARC_MISTAKES,
    *SOPHIA_MISTAKES,
    *DIAGONAL_MISTAKES,
    *AMOS_AVERAGE_MISTAKES,
    *AMOS_MISTAKES,
    *AMOS_RUN_MISTAKES,
)
"""All of them."""


NONE = Mistake("none", "The textbook as it is.", "formula", (), Textbook)
"""No mistake."""


@cache
def of(op: str) -> tuple[Mistake, ...]:
    """Return the mistakes that an operation can show."""
    return tuple(entry for entry in MISTAKES if op in entry.ops)
