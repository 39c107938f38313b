"""The properties of ELMO, EigenARC and AMOS: check, operations it asks, samples it is put to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from refopt.properties import elmo_scalars as scalars
from refopt.properties import elmo_steps as steps

__all__ = ["ELMO"]


def _drawn(name: str, **options: Any) -> Callable[[Any], Any]:
    """The samples of a strategy, which is imported with Hypothesis only when they are drawn."""

    def samples(_: Any) -> Any:
        from refopt.properties import elmo_strategies

        return getattr(elmo_strategies, name)(**options)

    return samples


_SCALAR, _STEP = ("elmo_scalar",), ("elmo_step",)
_TRIPLES, _FEW, _SEPARABLE = _drawn("triples"), _drawn("triples", wide=False), _drawn("separables")

ELMO: tuple[tuple[Callable[[Any, Any], None], tuple[str, ...], Callable[[Any], Any]], ...] = (
    (scalars.check_elmo_minimum, _SCALAR, _TRIPLES),
    (scalars.check_elmo_values, _SCALAR, _TRIPLES),
    (scalars.check_elmo_lower_bound, _SCALAR, _FEW),
    (scalars.check_elmo_scaling, _SCALAR, _TRIPLES),
    (scalars.check_elmo_monotone, _SCALAR, _FEW),
    (scalars.check_elmo_largest_step, _SCALAR, _TRIPLES),
    (scalars.check_elmo_step_size_bounds, _SCALAR, _TRIPLES),
    (scalars.check_relative_regret, _SCALAR, _FEW),
    (scalars.check_elmo_limits, _SCALAR, _FEW),
    (steps.check_elmo_lemma_3_1, _STEP, _SEPARABLE),
    (steps.check_elmo_is_minimax, _STEP, _SEPARABLE),
    (steps.check_elmo_sign_of_vectors, _STEP, _SEPARABLE),
    (steps.check_elmo_cluster, _STEP, _drawn("separables", least=2)),
    (steps.check_elmo_preconditioner, _STEP, _SEPARABLE),
    (steps.check_elmo_newton_limit, _STEP, _SEPARABLE),
    (steps.check_elmo_landing, _STEP, _drawn("landings")),
    (steps.check_hessian_lipschitz, ("derivatives",), _SEPARABLE),
    (steps.check_newton_ascent, ("amos_selection",), _FEW),
    (steps.check_average_bias, ("lipschitz_averages",), _drawn("slope_samples")),
    (steps.check_average_of_maxima, ("lipschitz_averages",), _drawn("slope_samples")),
    (steps.check_assess_is_bounded, ("eigen_arc_update",), _SEPARABLE),
)
"""(check, operations, samples) of each."""
