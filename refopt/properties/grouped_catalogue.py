"""The properties of grouped Newton: check, operations it asks, samples it is put to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from refopt.properties import grouped_cubic as cubic
from refopt.properties import grouped_method as method
from refopt.properties import grouped_steps as steps
from refopt.properties import grouped_tensors as tensors
from refopt.properties import grouped_verdicts as verdicts

__all__ = ["GROUPED"]


def _drawn(name: str, **options: Any) -> Callable[[Any], Any]:
    """The samples of a strategy, which is imported with Hypothesis only when they are drawn."""

    def samples(_: Any) -> Any:
        from refopt.properties import grouped_strategies, situation_strategies

        home = grouped_strategies if hasattr(grouped_strategies, name) else situation_strategies
        return getattr(home, name)(**options)

    return samples


_SUMMARY, _TENSOR = ("summary",), ("summary_tensor",)
_CUBIC, _STEP, _RUN = ("cubic_minimizer",), ("grouped_newton_step",), ("grouped_newton_run",)
_ANY_ORDER, _MODELS = _drawn("tensor_samples", orders=(1, 4)), _drawn("cubic_models")
_NETWORKS = _drawn("networks")

GROUPED: tuple[tuple[Callable[[Any, Any], None], tuple[str, ...], Callable[[Any], Any]], ...] = (
    (tensors.check_tensor_is_exact, _TENSOR, _ANY_ORDER),
    (tensors.check_taylor_term, _TENSOR, _ANY_ORDER),
    (tensors.check_summary_is_exact, _SUMMARY, _drawn("tensor_samples")),
    (tensors.check_summary_symmetric, _SUMMARY, _drawn("tensor_samples")),
    (tensors.check_polarisation, _SUMMARY, _drawn("tensor_samples")),
    (tensors.check_direction_scaling, _SUMMARY, _drawn("tensor_samples")),
    (tensors.check_covariance, _SUMMARY, _drawn("grouped_runs")),
    (cubic.check_cubic_certificate, _CUBIC, _MODELS),
    (cubic.check_cubic_value_not_positive, _CUBIC, _MODELS),
    (cubic.check_cubic_beats_samples, _CUBIC, _MODELS),
    (cubic.check_cubic_scale_law, _CUBIC, _MODELS),
    (cubic.check_cubic_regrouping, _CUBIC, _MODELS),
    (cubic.check_cubic_monotone, _CUBIC, _MODELS),
    (cubic.check_cubic_unbounded, _CUBIC, _drawn("cubic_models", flat=True)),
    (steps.check_theorem_1, _STEP, _drawn("blocks", rates=True)),
    (steps.check_theorem_1_is_tight, _STEP, _drawn("tight_blocks")),
    (steps.check_whole_rate, _STEP, _drawn("blocks", groups=True)),
    (steps.check_finer_is_not_worse, _STEP, _drawn("blocks", groups=True)),
    (steps.check_newton_from_discrete, _STEP, _drawn("blocks", rates=True)),
    (steps.check_cauchy_from_trivial, _STEP, _drawn("blocks", rates=True)),
    (steps.check_grouped_invariance, _RUN, _drawn("grouped_runs")),
    (verdicts.check_cubic_duality_gap, _CUBIC, _MODELS),
    (verdicts.check_cubic_verdict, _CUBIC, _drawn("verdicts")),
    (verdicts.check_cubic_covariance, _CUBIC, _drawn("rescalings")),
    (verdicts.check_direction_span, (*_SUMMARY, *_CUBIC), _drawn("directions")),
    (verdicts.check_damping_breaks_invariance, _CUBIC, _drawn("one_groups")),
    (verdicts.check_isotropic_cubic_breaks_invariance, _CUBIC, _drawn("one_groups")),
    (method.check_step_minimizes_its_model, _STEP, _drawn("grouped_runs", steps=1)),
    (method.check_newton_invariance, _RUN, _drawn("convex_runs")),
    (method.check_resting_groups, _STEP, _drawn("resting_blocks")),
    (method.check_network_coarsening, (*_SUMMARY, *_TENSOR), _NETWORKS),
    (method.check_network_order_of_groups, _SUMMARY, _NETWORKS),
    (method.check_network_taylor_terms, _TENSOR, _NETWORKS),
)
"""(check, operations, samples) of each."""
