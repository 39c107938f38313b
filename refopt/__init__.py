"""Reference implementation and test oracle of curvature-aware optimizers; the public names, and nothing else.

Names whose modules bring heavy libraries along are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from refopt.arrays import backend as backend
from refopt.arrays import namespace as namespace
from refopt.arrays import to_host as to_host
from refopt.derivatives import Derivatives as Derivatives
from refopt.derivatives import Linearization as Linearization
from refopt.first_order import FIRST_ORDER as FIRST_ORDER
from refopt.first_order import Adam as Adam
from refopt.first_order import AdamW as AdamW
from refopt.first_order import GradientDescent as GradientDescent
from refopt.first_order import HeavyBall as HeavyBall
from refopt.first_order import Nesterov as Nesterov
from refopt.first_order import RMSProp as RMSProp
from refopt.first_order import optimal_rates as optimal_rates
from refopt.fosi import Fosi as Fosi
from refopt.fosi import FosiState as FosiState
from refopt.fosi import FosiStep as FosiStep
from refopt.fosi import refresh_period as refresh_period
from refopt.fosi import refresh_period_measured as refresh_period_measured
from refopt.iterate import Optimizer as Optimizer
from refopt.iterate import Outcome as Outcome
from refopt.iterate import Trace as Trace
from refopt.iterate import iterate as iterate
from refopt.iterate import minimize as minimize
from refopt.newton import COMPARATORS as COMPARATORS
from refopt.newton import CubicNewton as CubicNewton
from refopt.newton import Newton as Newton
from refopt.newton import SaddleFreeNewton as SaddleFreeNewton
from refopt.newton import SteepestDescent as SteepestDescent
from refopt.schedules import Cosine as Cosine
from refopt.schedules import Exponential as Exponential
from refopt.schedules import LinearWarmup as LinearWarmup
from refopt.schedules import Piecewise as Piecewise
from refopt.spectrum import Spectrum as Spectrum
from refopt.spectrum import extreme_spectrum as extreme_spectrum
from refopt.spectrum import lanczos as lanczos
from refopt.spectrum import lanczos_steps as lanczos_steps

if TYPE_CHECKING:
    from refopt.problems import Problem as Problem
    from refopt.problems import list_problems as list_problems
    from refopt.problems import load_problem as load_problem
    from refopt.scipy_bridge import hessian_operator as hessian_operator
    from refopt.scipy_bridge import scipy_method as scipy_method

__version__ = "0.1.0"

_ON_DEMAND = {
    "Problem": "refopt.problems",
    "load_problem": "refopt.problems",
    "list_problems": "refopt.problems",
    "hessian_operator": "refopt.scipy_bridge",
    "scipy_method": "refopt.scipy_bridge",
}


def __getattr__(name: str) -> Any:
    """Load a name of `_ON_DEMAND` when it is first used."""
    if name not in _ON_DEMAND:
        raise AttributeError(f"module 'refopt' has no attribute {name!r}")
    return getattr(import_module(_ON_DEMAND[name]), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *_ON_DEMAND})
