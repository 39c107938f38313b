"""Reference implementation and test oracle of curvature-aware optimizers: the public names, and nothing else.

Arrays and derivatives are loaded at once, every other name when it is first used: so `import refopt` costs
little more than autograd itself and brings neither SciPy nor rich along.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from refopt.arrays import backend as backend
from refopt.arrays import namespace as namespace
from refopt.arrays import to_host as to_host
from refopt.derivatives import Derivatives as Derivatives
from refopt.derivatives import Linearization as Linearization

if TYPE_CHECKING:
    from refopt.amos import Amos as Amos
    from refopt.amos import AmosState as AmosState
    from refopt.amos import AmosStep as AmosStep
    from refopt.cubic import Certificate as Certificate
    from refopt.cubic import CubicSolution as CubicSolution
    from refopt.cubic import cubic_certificate as cubic_certificate
    from refopt.cubic import cubic_minimizer as cubic_minimizer
    from refopt.cubic import cubic_value as cubic_value
    from refopt.eigen_arc import EigenArc as EigenArc
    from refopt.eigen_arc import EigenArcLipschitz as EigenArcLipschitz
    from refopt.eigen_arc import EigenArcStep as EigenArcStep
    from refopt.eigenspaces import dense_spectrum as dense_spectrum
    from refopt.eigenspaces import match_eigenvectors as match_eigenvectors
    from refopt.elmo import Elmo as Elmo
    from refopt.elmo import ElmoModelStep as ElmoModelStep
    from refopt.elmo import ElmoState as ElmoState
    from refopt.elmo import ElmoStep as ElmoStep
    from refopt.elmo import elmo_model_step as elmo_model_step
    from refopt.elmo_proxy import ElmoMinimum as ElmoMinimum
    from refopt.elmo_proxy import elmo_minimum as elmo_minimum
    from refopt.elmo_proxy import newton_threshold as newton_threshold
    from refopt.first_order import FIRST_ORDER as FIRST_ORDER
    from refopt.first_order import Adam as Adam
    from refopt.first_order import AdamW as AdamW
    from refopt.first_order import GradientDescent as GradientDescent
    from refopt.first_order import HeavyBall as HeavyBall
    from refopt.first_order import Nesterov as Nesterov
    from refopt.first_order import RMSProp as RMSProp
    from refopt.first_order import Sophia as Sophia
    from refopt.first_order import optimal_rates as optimal_rates
    from refopt.fosi import Fosi as Fosi
    from refopt.fosi import FosiState as FosiState
    from refopt.fosi import FosiStep as FosiStep
    from refopt.fosi import refresh_period as refresh_period
    from refopt.fosi import refresh_period_measured as refresh_period_measured
    from refopt.grouped_newton import GroupedNewton as GroupedNewton
    from refopt.grouped_newton import GroupedNewtonState as GroupedNewtonState
    from refopt.grouped_newton import GroupedNewtonStep as GroupedNewtonStep
    from refopt.groups import Groups as Groups
    from refopt.groups import Tensor as Tensor
    from refopt.groups import partition as partition
    from refopt.hessian_diagonal import ExactDiagonal as ExactDiagonal
    from refopt.hessian_diagonal import GaussNewtonBartlett as GaussNewtonBartlett
    from refopt.hessian_diagonal import Hutchinson as Hutchinson
    from refopt.hessian_diagonal import sampled_labels as sampled_labels
    from refopt.interactions import Interactions as Interactions
    from refopt.interactions import interaction_blocks as interaction_blocks
    from refopt.interactions import interaction_matrices as interaction_matrices
    from refopt.iterate import Optimizer as Optimizer
    from refopt.iterate import Outcome as Outcome
    from refopt.iterate import Trace as Trace
    from refopt.iterate import iterate as iterate
    from refopt.iterate import minimize as minimize
    from refopt.lipschitz import AveragedLipschitz as AveragedLipschitz
    from refopt.lipschitz import ConstantLipschitz as ConstantLipschitz
    from refopt.lipschitz import ExactLipschitz as ExactLipschitz
    from refopt.lipschitz import LipschitzEstimate as LipschitzEstimate
    from refopt.minibatches import Minibatches as Minibatches
    from refopt.newton import COMPARATORS as COMPARATORS
    from refopt.newton import CubicNewton as CubicNewton
    from refopt.newton import Newton as Newton
    from refopt.newton import SaddleFreeNewton as SaddleFreeNewton
    from refopt.newton import SteepestDescent as SteepestDescent
    from refopt.newton_quality import NewtonQuality as NewtonQuality
    from refopt.newton_quality import newton_quality as newton_quality
    from refopt.plateau import Plateau as Plateau
    from refopt.problems import Problem as Problem
    from refopt.problems import list_problems as list_problems
    from refopt.problems import load_problem as load_problem
    from refopt.schedules import Cosine as Cosine
    from refopt.schedules import Exponential as Exponential
    from refopt.schedules import LinearWarmup as LinearWarmup
    from refopt.schedules import Piecewise as Piecewise
    from refopt.scipy_bridge import hessian_operator as hessian_operator
    from refopt.scipy_bridge import scipy_method as scipy_method
    from refopt.spectrum import Spectrum as Spectrum
    from refopt.spectrum import extreme_spectrum as extreme_spectrum
    from refopt.spectrum import lanczos as lanczos
    from refopt.spectrum import lanczos_steps as lanczos_steps
    from refopt.summary import Summary as Summary
    from refopt.summary import SummaryTensor as SummaryTensor
    from refopt.summary import summary_tensors as summary_tensors

__version__ = "0.1.0"

__all__ = [
    "COMPARATORS",
    "FIRST_ORDER",
    "Adam",
    "AdamW",
    "Amos",
    "AmosState",
    "AmosStep",
    "AveragedLipschitz",
    "Certificate",
    "ConstantLipschitz",
    "Cosine",
    "CubicNewton",
    "CubicSolution",
    "Derivatives",
    "EigenArc",
    "EigenArcLipschitz",
    "EigenArcStep",
    "Elmo",
    "ElmoMinimum",
    "ElmoModelStep",
    "ElmoState",
    "ElmoStep",
    "ExactDiagonal",
    "ExactLipschitz",
    "Exponential",
    "Fosi",
    "FosiState",
    "FosiStep",
    "GaussNewtonBartlett",
    "GradientDescent",
    "GroupedNewton",
    "GroupedNewtonState",
    "GroupedNewtonStep",
    "Groups",
    "HeavyBall",
    "Hutchinson",
    "Interactions",
    "LinearWarmup",
    "Linearization",
    "LipschitzEstimate",
    "Minibatches",
    "Nesterov",
    "Newton",
    "NewtonQuality",
    "Optimizer",
    "Outcome",
    "Piecewise",
    "Plateau",
    "Problem",
    "RMSProp",
    "SaddleFreeNewton",
    "Sophia",
    "Spectrum",
    "SteepestDescent",
    "Summary",
    "SummaryTensor",
    "Tensor",
    "Trace",
    "backend",
    "cubic_certificate",
    "cubic_minimizer",
    "cubic_value",
    "dense_spectrum",
    "elmo_minimum",
    "elmo_model_step",
    "extreme_spectrum",
    "hessian_operator",
    "interaction_blocks",
    "interaction_matrices",
    "iterate",
    "lanczos",
    "lanczos_steps",
    "list_problems",
    "load_problem",
    "match_eigenvectors",
    "minimize",
    "namespace",
    "newton_quality",
    "newton_threshold",
    "optimal_rates",
    "partition",
    "refresh_period",
    "refresh_period_measured",
    "sampled_labels",
    "scipy_method",
    "summary_tensors",
    "to_host",
]

# The names above by module; a test holds the lists equal.
_ON_DEMAND = {
    "amos": "Amos AmosState AmosStep",
    "cubic": "Certificate CubicSolution cubic_certificate cubic_minimizer cubic_value",
    "eigen_arc": "EigenArc EigenArcLipschitz EigenArcStep",
    "eigenspaces": "dense_spectrum match_eigenvectors",
    "elmo": "Elmo ElmoModelStep ElmoState ElmoStep elmo_model_step",
    "elmo_proxy": "ElmoMinimum elmo_minimum newton_threshold",
    "first_order": "FIRST_ORDER Adam AdamW GradientDescent HeavyBall Nesterov RMSProp Sophia optimal_rates",
    "fosi": "Fosi FosiState FosiStep refresh_period refresh_period_measured",
    "grouped_newton": "GroupedNewton GroupedNewtonState GroupedNewtonStep",
    "groups": "Groups Tensor partition",
    "hessian_diagonal": "ExactDiagonal GaussNewtonBartlett Hutchinson sampled_labels",
    "interactions": "Interactions interaction_blocks interaction_matrices",
    "iterate": "Optimizer Outcome Trace iterate minimize",
    "lipschitz": "AveragedLipschitz ConstantLipschitz ExactLipschitz LipschitzEstimate",
    "minibatches": "Minibatches",
    "newton": "COMPARATORS CubicNewton Newton SaddleFreeNewton SteepestDescent",
    "newton_quality": "NewtonQuality newton_quality",
    "plateau": "Plateau",
    "problems": "Problem list_problems load_problem",
    "schedules": "Cosine Exponential LinearWarmup Piecewise",
    "scipy_bridge": "hessian_operator scipy_method",
    "spectrum": "Spectrum extreme_spectrum lanczos lanczos_steps",
    "summary": "Summary SummaryTensor summary_tensors",
}
_HOME = {name: module for module, names in _ON_DEMAND.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'refopt' has no attribute {name!r}")
    found = getattr(import_module(f"refopt.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *_HOME})


class _Package(ModuleType):
    """This module: `iterate` and `lanczos` are functions even when the modules of these names are loaded."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOME and isinstance(value, ModuleType):  # the import system binds what it has loaded
            if _HOME[name] != name:
                return  # the function of this name is in another module, and found there when it is used
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
