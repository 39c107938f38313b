"""All planted faults and all benign variants."""

from faults.benign import BENIGN as BENIGN
from faults.derivatives import DERIVATIVE_FAULTS
from faults.first_order import FIRST_ORDER_FAULTS
from faults.fosi import FOSI_FAULTS
from faults.spectrum import SPECTRUM_FAULTS
from faults.validation import VALIDATION_FAULTS

FAULTS = DERIVATIVE_FAULTS + SPECTRUM_FAULTS + FIRST_ORDER_FAULTS + FOSI_FAULTS + VALIDATION_FAULTS
