"""The lemmas of the papers as checks over any implementation.

Each check is a function ``check(adapter, sample) -> None`` that raises `PropertyViolation` with a sentence,
the measured defect, what rounding allows, and the sample. `run_properties` puts an adapter through all of
them with samples drawn by Hypothesis (test extra); the checks themselves need only NumPy.
"""

from refopt.properties.catalogue import PROPERTIES as PROPERTIES
from refopt.properties.catalogue import Property as Property
from refopt.properties.catalogue import PropertyResult as PropertyResult
from refopt.properties.catalogue import run_properties as run_properties
from refopt.properties.claims import PropertyViolation as PropertyViolation
from refopt.properties.grouped_samples import Blocks as Blocks
from refopt.properties.grouped_samples import CubicModel as CubicModel
from refopt.properties.grouped_samples import GroupedRun as GroupedRun
from refopt.properties.grouped_samples import Polynomial as Polynomial
from refopt.properties.grouped_samples import TensorSample as TensorSample
from refopt.properties.grouped_situations import Network as Network
from refopt.properties.grouped_situations import NetworkSample as NetworkSample
from refopt.properties.grouped_situations import OneGroup as OneGroup
from refopt.properties.grouped_situations import Rescaling as Rescaling
from refopt.properties.grouped_situations import Verdict as Verdict
from refopt.properties.samples import LanczosSample as LanczosSample
from refopt.properties.samples import Quadratic as Quadratic
from refopt.properties.samples import RateSample as RateSample
from refopt.properties.samples import RunSample as RunSample
from refopt.properties.samples import StepSample as StepSample
