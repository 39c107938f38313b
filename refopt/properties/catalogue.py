"""Which properties there are, with the operation each needs and the samples it is put to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from refopt.conformance.adapter import Adapter, Skip, capabilities
from refopt.conformance.ops import OPERATIONS
from refopt.properties import convergence, counts, preconditioner, spectral, splitting
from refopt.properties.elmo_catalogue import ELMO
from refopt.properties.grouped_catalogue import GROUPED
from refopt.properties.samples import Quadratic, RunSample

__all__ = ["PROPERTIES", "Property", "PropertyResult", "run_properties"]


@dataclass(frozen=True)
class Property:
    """A property and where its samples come from.

    Attributes:
        check: the function ``check(adapter, sample)``; its first docstring line is the statement.
        operations: the adapter operations it calls.
        samples: a function of the module `refopt.properties.strategies` that returns a strategy.
    """

    check: Callable[[Any, Any], None]
    operations: tuple[str, ...]
    samples: Callable[[Any], Any]

    @property
    def name(self) -> str:
        """The function's name without ``check_``, with hyphens."""
        return self.check.__name__.removeprefix("check_").replace("_", "-")

    @property
    def statement(self) -> str:
        """The first sentence of the function's docstring."""
        return " ".join((self.check.__doc__ or "").split("\n\n")[0].split())


# An exact example of claims E7: the bound of section 3.5 fails for small alpha.
SMALL_ALPHA = RunSample(
    quadratic=Quadratic(eigenvalues=(1.0, 0.9)), theta=(1.0, 1.0), rate=1.0, steps=100, largest=1, alpha=0.01
)
_DIAGONAL = ("identity", "permutation")
_SIMPLE = ("simple", "geometric")

_STEP = ("fosi_step",)
_ESE = ("extreme_spectrum",)
_DERIVATIVES = ("derivatives",)

PROPERTIES: tuple[Property, ...] = (
    Property(spectral.check_hvp_linear, _DERIVATIVES, lambda s: s.lanczos_samples(signs="mixed")),
    Property(spectral.check_hvp_symmetric, _DERIVATIVES, lambda s: s.lanczos_samples(signs="mixed")),
    Property(
        spectral.check_hvp_is_gradient_increment, _DERIVATIVES, lambda s: s.lanczos_samples(signs="mixed")
    ),
    Property(counts.check_lanczos_steps, ("lanczos_steps",), lambda s: s.step_counts()),
    Property(spectral.check_ritz_interlacing, ("lanczos",), lambda s: s.lanczos_samples(signs="mixed")),
    Property(spectral.check_extreme_pairs, _ESE, lambda s: s.lanczos_samples(signs="mixed")),
    # A simple spectrum of condition 1e3 on at most 7 points: Krylov spaces of a generic start reach every
    # eigenvector.
    Property(
        spectral.check_complete_krylov,
        _ESE,
        lambda s: s.lanczos_samples(complete=True, sizes=(2, 7), condition=1e3, clusters=("simple",)),
    ),
    Property(
        spectral.check_all_copies,
        _ESE,
        lambda s: s.lanczos_samples(
            complete=True, multiplicity="full", sizes=(4, 7), condition=1e2, clusters=("repeated",)
        ),
    ),
    Property(splitting.check_orthogonal_parts, _STEP, lambda s: s.step_samples(complete=None, signs="mixed")),
    Property(
        splitting.check_newton_direction_forms, _STEP, lambda s: s.step_samples(complete=None, signs="mixed")
    ),
    Property(splitting.check_descent, _STEP, lambda s: s.step_samples(complete=None, signs="mixed")),
    Property(splitting.check_separability, _STEP, lambda s: s.step_samples(signs="mixed")),
    Property(splitting.check_newton_rate, _STEP, lambda s: s.step_samples(complete=None, signs="mixed")),
    Property(splitting.check_complete_newton, _STEP, lambda s: s.step_samples(complete=True, signs="mixed")),
    Property(
        splitting.check_warmup_is_base, ("fosi_step", "base_step"), lambda s: s.step_samples(signs="mixed")
    ),
    Property(splitting.check_momentum_split, _STEP, lambda s: s.step_samples(signs="mixed")),
    Property(
        preconditioner.check_preconditioner_form,
        _STEP,
        lambda s: s.step_samples(complete=None, signs="mixed"),
    ),
    Property(
        preconditioner.check_preconditioner_positive_definite,
        _STEP,
        lambda s: s.step_samples(complete=None, signs="mixed"),
    ),
    Property(
        preconditioner.check_eigenvalue_alpha, _STEP, lambda s: s.step_samples(complete=None, signs="mixed")
    ),
    Property(preconditioner.check_interlacing, _STEP, lambda s: s.step_samples(signs="mixed")),
    Property(
        preconditioner.check_diagonal_hessian,
        _STEP,
        lambda s: s.step_samples(bases=_DIAGONAL, clusters=_SIMPLE),
    ),
    Property(preconditioner.check_lemma3, _STEP, lambda s: s.step_samples(complete=None, signs="mixed")),
    Property(preconditioner.check_lemma4, _STEP, lambda s: s.step_samples()),
    Property(
        convergence.check_gradient_descent_bound, ("base_run",), lambda s: s.run_samples(signs="positive")
    ),
    # Exact pairs: a simple spectrum of at most 6 points and m = n.
    Property(
        convergence.check_fosi_gradient_descent_bound,
        ("fosi_run",),
        lambda s: s.run_samples(fosi=True, sizes=(2, 6), condition=1e2, clusters=("simple",)),
    ),
    Property(convergence.check_small_alpha_breaks_bound, ("fosi_run",), lambda s: s.st.just(SMALL_ALPHA)),
    Property(convergence.check_closed_form_rates, ("optimal_rates", "base_step"), lambda s: s.rate_samples()),
    Property(convergence.check_scaling_safe, ("rate_scaling",), lambda s: s.step_samples(complete=None)),
    Property(counts.check_refresh_times, ("refresh_times",), lambda s: s.schedules()),
    Property(counts.check_overhead_period, ("refresh_period",), lambda s: s.overheads()),
    *(Property(*entry) for entry in (*GROUPED, *ELMO)),
)


@dataclass(frozen=True)
class PropertyResult:
    """What became of one property: `outcome` is "holds", "violated", "raised" or "skipped"."""

    name: str
    outcome: str
    sentence: str


def run_properties(
    adapter: Any, *, names: tuple[str, ...] = (), examples: int = 40, shrink: bool = True
) -> list[PropertyResult]:
    """Puts an implementation through the properties.

    Args:
        adapter: an object with operations as methods, see `refopt.conformance`.
        names: which properties, by name; all by default.
        examples: how many samples each property is put to.
        shrink: look for the smallest violating sample.

    Returns:
        One result per property. A property whose operation the adapter lacks is skipped.

    Raises:
        TypeError: the adapter is a class, or has no operation at all.
        ValueError: a name is unknown.
        ImportError: Hypothesis is not installed.
    """
    from refopt.properties import strategies

    if isinstance(adapter, type) or not any(_supports(adapter, name) for name in OPERATIONS):
        raise TypeError(f"`adapter` is {adapter!r}; it must be an object with operations as methods.")
    known = {entry.name: entry for entry in PROPERTIES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"`names` holds {unknown[0]!r}; the properties are {', '.join(known)}.")
    results = []
    for entry in [known[name] for name in names] if names else PROPERTIES:
        missing = [name for name in entry.operations if not _supports(adapter, name)]
        if missing:
            results.append(
                PropertyResult(entry.name, "skipped", f"the adapter has no operation {missing[0]}")
            )
            continue
        try:
            samples = entry.samples(strategies)
            violation = strategies.find_violation(entry.check, adapter, samples, examples, shrink=shrink)
        except Skip as reason:
            results.append(PropertyResult(entry.name, "skipped", str(reason)))
        except (
            Exception
        ) as error:  # the adapter's own, whatever it is: the other properties are still looked at
            results.append(PropertyResult(entry.name, "raised", f"{type(error).__name__}: {error}"))
        else:
            outcome = "holds" if violation is None else "violated"
            sentence = entry.statement if violation is None else str(violation)
            results.append(PropertyResult(entry.name, outcome, sentence))
    return results


def _supports(adapter: Any, operation: str) -> bool:
    """Whether the adapter has the operation of its own."""
    if isinstance(adapter, Adapter):
        return operation in capabilities(adapter)
    return callable(getattr(adapter, operation, None))
