"""All planted faults and all benign variants."""

from faults.amos import AMOS_FAULTS
from faults.benign import BENIGN as SINGLE_BENIGN
from faults.chained import CHAINED_BENIGN, CHAINED_FAULTS
from faults.cubic import CUBIC_FAULTS
from faults.derivatives import DERIVATIVE_FAULTS
from faults.eigen_arc import EIGEN_ARC_FAULTS
from faults.elmo import ELMO_FAULTS
from faults.first_order import FIRST_ORDER_FAULTS
from faults.fosi import FOSI_FAULTS
from faults.grouped_newton import GROUPED_FAULTS
from faults.sophia import SOPHIA_FAULTS
from faults.spectrum import SPECTRUM_FAULTS
from faults.summary import SUMMARY_FAULTS
from faults.transformer import TRANSFORMER_FAULTS
from faults.validation import VALIDATION_FAULTS

FAULTS = (
    *DERIVATIVE_FAULTS,
    *TRANSFORMER_FAULTS,
    *SPECTRUM_FAULTS,
    *FIRST_ORDER_FAULTS,
    *FOSI_FAULTS,
    *SUMMARY_FAULTS,
    *CUBIC_FAULTS,
    *GROUPED_FAULTS,
    *ELMO_FAULTS,
    *EIGEN_ARC_FAULTS,
    *SOPHIA_FAULTS,
    *AMOS_FAULTS,
    *CHAINED_FAULTS,
    *VALIDATION_FAULTS,
)

BENIGN = (*SINGLE_BENIGN, *CHAINED_BENIGN)

SEEN_ONCE: dict[str, str] = {}
"""Faults that fewer than two cases can see, with the reason."""
