"""Which mistake the diagnosis names for a planted fault, and which names are right."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections import Counter
from collections.abc import Sequence

from faults.patching import Change, Fault, planted
from faults.trial import REFERENCE, relevant
from refopt.conformance import diagnosis, mistakes, scoring
from refopt.conformance.runner import Runner
from refopt.conformance.scoring import Score
from refopt.conformance.transport import InProcess

FAILURES = 6  # that are looked at for one fault

LEFT_OUT = {
    "validation": "bad input that is let in: there is no answer to compare",
    "numerics": "rounding and tolerances: the answer depends on the arithmetic",
    "precision": "an answer in too few digits is near the right one, and no formula",
}
"""Kinds of planted faults that no wrong formula describes, with the reason."""

ENGINE = (
    "hvp-power-rule",
    "hvp-terms-dropped",
    "hvp-coefficients-not-chained",
    "hvp-gathered-parts-overwrite",
    "summary-direction-leaks-into-products",
    "summary-pieces-overwrite",
    "summary-scattered-groups-pruned",
    "summary-replay-stops-at-a-zero",
    "summary-slices-of-the-first-range",
    "summary-direction-leaks-into-third",
    "summary-third-of-a-wrong-slice",
    "summary-third-of-the-first-range",
    "taylor-tanh-slope-sign",
    "taylor-exp-one-order-behind",
    "taylor-recurrence-without-weights",
    "taylor-log-sign",
    "taylor-logaddexp-share-sign",
    "taylor-power-falling-factorials",
    "taylor-square-without-middle",
    "taylor-product-of-the-ends",
    "taylor-matmul-bilinear-part",
    "taylor-maximum-of-the-other-side",
    "taylor-cut-at-order-two",
)
"""Faults inside refopt's own differentiation, which other implementations have no counterpart of."""

CHOSEN = (
    "cut-vectors-one-place-lower",
    "cut-vectors-not-normalised",
    "cut-same-vector-for-each-copy",
    "cut-one-copy-of-each",
    "refresh-reports-another-estimate",
)
"""Wrong eigenpairs of a case in two stages, of which the diagnosis looks at the step alone."""

NAMES: dict[str, tuple[str, ...]] = {
    "adam-correction-counts-from-two": ("adam-correction-one-late",),
    "adam-epsilon-before-the-correction": ("adam-epsilon-uncorrected",),
    "heavy-ball-averages": ("momentum-averages",),
    "nesterov-uses-the-old-velocity": ("nesterov-is-heavy-ball",),
    "lanczos-residual-norm-zero": ("residual-norm-forgotten",),
    "ese-full-finds-one-copy": ("ese-multiplicity-ignored",),
    "ese-rayleigh-without-tail": ("ese-without-off-diagonal",),
    "fosi-d2-not-projected": ("fosi-projection-missing",),
    "fosi-scaling-on-the-projection-only": ("fosi-scaling-before-the-projection",),
    "fosi-estimates-after-the-step": ("fosi-stale-eigenvectors",),
    "fosi-spectrum-of-the-own-batch": ("fosi-estimates-of-the-own-batch",),
    "objective-decay-not-halved": ("decay-not-halved",),
    "objective-decay-missing": ("decay-missing",),
    "objective-logistic-sum": ("logistic-sum",),
    "objective-squared-loss-not-halved": ("squared-loss-not-halved",),
    "objective-weights-column-major": ("weights-column-major",),
    "objective-relu-for-tanh": ("relu-for-tanh",),
    "objective-rosenbrock-neighbours": ("rosenbrock-other-neighbour",),
    "objective-quadratic-linear-sign": ("linear-term-added",),
    "objective-cubic-without-modulus": ("cubic-without-modulus",),
    "basis-reflections-reversed": ("basis-transposed",),
    "steepest-descent-rate-inverted": ("cauchy-rate-inverted",),
    "cubic-factor": ("cubic-newton-half-for-sixth",),
    "summary-one-triangle": ("summary-lower-triangle", "summary-upper-triangle"),
    "summary-product-not-weighted": ("summary-curvature-without-u",),
    "cubic-isotropic": ("cubic-isotropic", "grouped-isotropic"),
    "grouped-damping-ignored": ("grouped-damping-capped",),
    "grouped-schedule-one-step-late": ("schedule-one-iteration-ahead",),
    "rmsprop-schedule-counts-from-one": ("schedule-one-iteration-ahead",),
    "rmsprop-schedule-of-the-start": ("schedule-stays-at-its-start",),
    "fosi-base-at-its-first-rate": ("schedule-stays-at-its-start",),
    "schedule-counts-from-one": ("schedule-one-iteration-ahead",),
    "heavy-ball-optimal-momentum-not-squared": ("optimal-momentum-not-squared",),
    "nesterov-optimal-rate-of-gradient-descent": ("optimal-rate-without-the-smallest",),
    "gradient-descent-optimal-rate-is-one-over-l": ("optimal-rate-is-one-over-l",),
    "elmo-factor-two-missing": ("elmo-root-without-its-two",),
    "elmo-third-for-sixth": ("elmo-lipschitz-doubled",),
    "elmo-curvature-doubled": ("elmo-curvature-not-halved",),
    "elmo-rests-at-saddles": ("elmo-no-direction-without-slope", "elmo-stays-without-slope"),
    "elmo-uphill": ("elmo-step-up",),
    "elmo-is-cubic-only": ("elmo-curvature-left-out",),
    "elmo-unbounded-takes-newton": ("elmo-unbounded-by-newton",),
    "eigen-arc-carried-by-order": ("eigenvectors-matched-by-order",),
    "eigen-arc-overlaps-not-squared": ("eigenvectors-matched-with-their-sign",),
    "elmo-largest-step-of-the-slope": ("elmo-largest-step-is-the-step",),
    "sophia-does-not-clip": ("sophia-not-clipped",),
    "sophia-rho-missing": ("sophia-rho-outside",),
    "sophia-negative-curvature-divides": ("sophia-absolute-diagonal",),
    "sophia-moment-accumulates": ("sophia-moment-summed",),
    "sophia-gradient-for-moment": ("sophia-moment-is-the-gradient",),
    "sophia-refreshes-after-the-step": ("sophia-stale-diagonal",),
    "sophia-refreshes-one-step-early": ("sophia-estimates-one-late",),
    "sophia-refreshes-at-every-step": ("sophia-estimates-every-step",),
    "sophia-decay-without-rate": ("sophia-decay-without-the-rate",),
    "sophia-decay-ignored": ("sophia-decay-missing",),
    "sophia-refreshes-once": ("sophia-estimates-once",),
    "sophia-rate-one-step-late": ("schedule-one-iteration-ahead",),
    "sophia-direction-sign": ("sophia-step-up",),
    "hutchinson-without-probe": ("hutchinson-without-the-second-probe",),
    "hutchinson-sums": ("hutchinson-summed",),
    "amos-average-weights-swapped": ("slopes-averaged-the-other-way",),
    "amos-average-accumulates": ("slopes-summed",),
    "amos-first-slope-averaged": ("first-slope-averaged",),
    "amos-always-first-slope": ("first-slope-always-whole",),
    "amos-not-corrected": ("slopes-uncorrected",),
    "amos-correction-one-late": ("slopes-corrected-one-late",),
    "amos-correction-counts-hessians": ("slopes-corrected-by-hessians",),
    "amos-slope-signed": ("slope-signed",),
    "amos-slope-of-the-size": ("slope-of-the-size",),
    "amos-epsilon-bounds": ("slope-epsilon-bounds",),
    "amos-slope-not-divided": ("slope-not-divided",),
    "amos-distance-squared": ("slope-of-the-square",),
    "amos-distance-as-sum": ("distance-as-sum",),
    "amos-distance-as-largest": ("distance-as-largest",),
    "amos-norm-for-component": ("slope-by-norm",),
    "amos-component-for-norm": ("slope-by-component",),
    "amos-first-hessian-has-a-slope": ("slopes-against-nothing",),
    "amos-slopes-from-the-first-hessian": ("slopes-over-the-whole-way",),
    "amos-equality-to-the-first": ("threshold-reached-is-above",),
    "amos-choice-inverted": ("threshold-the-other-way",),
    "amos-ascent-inverted": ("newton-ascent-the-other-way",),
    "amos-ascent-without-three": ("newton-ascent-without-its-third",),
    "amos-ascent-not-damped": ("newton-ascent-undamped",),
    "amos-damping-squared-only": ("newton-ascent-damping-squared-only",),
    "amos-ascent-curvature-not-squared": ("newton-ascent-curvature-not-squared",),
    "amos-ascent-slope-divides": ("newton-ascent-slope-divides",),
    "amos-ascent-of-concave-by-size": ("newton-ascent-of-concave-by-size",),
    "amos-concave-to-the-second": ("newton-ascent-concave-to-the-second",),
    "amos-mean-for-max": ("tensors-by-mean",),
    "amos-max-for-mean": ("tensors-by-maximum",),
    "amos-sum-for-mean": ("tensors-summed",),
    "amos-mean-over-all": ("tensors-mean-over-all",),
    "amos-idle-memory-goes-on": ("amos-idle-parts-go-on",),
    "amos-idle-memory-frozen": ("amos-idle-parts-frozen",),
    "refresh-signed-curvature": ("fosi-signed-curvature",),
    "refresh-d2-not-projected": ("fosi-projection-missing",),
    "refresh-base-sees-the-whole-gradient": ("fosi-base-sees-the-whole-gradient",),
    "ends-base-not-projected": ("elmo-base-not-projected",),
    "ends-uphill": ("elmo-step-up",),
    "ends-clusters-not-rotated": ("elmo-clusters-not-rotated",),
    "ends-clusters-always-rotated": ("elmo-clusters-always-rotated",),
}
"""The right names of a planted fault where they are not its own."""


PARTLY = {
    "cubic-first-radius": "cubic-hard-case-inverted",
    "cubic-curvature-made-positive": "cubic-hard-case-inverted",
}
"""Faults whose answers are in the hard case those of a narrower mistake; they do not count as named."""


RELATIVES = {
    "fosi-base-diagonal-with-the-spectrum": "fosi-base-without-its-diagonal",
    "plateau-without-threshold": "plateau-absolute-threshold",
    "elmo-is-cubic-only": "elmo-negative-curvature-as-zero",
    "lanczos-steps-rounded-down": "lanczos-steps-without-logarithm",
    "lanczos-steps-without-logarithm": "lanczos-steps-rounded-down",
    "rmsprop-schedule-counts-from-one": "schedule-one-iteration-ahead",
    "scaling-absolute-residuals": "scaling-refused-at-the-limit",
    "cubic-one-triangle": "cubic-curvature-not-halved",
    "grouped-averages-without-complement": "grouped-momentum-sum",
    "eigen-arc-not-reduced": "eigen-arc-reduced-down-to-eta-two",
    "amos-distance-squared": "distance-squared-root-left-out",
}
"""Names given to a fault whose own formulas are taken out of the list: of formulas that differ little."""


def right_names(fault: Fault) -> tuple[str, ...]:
    """The mistakes that describe a planted fault; empty where the list has none."""
    names = NAMES.get(fault.name, (fault.name,))
    known = {entry.name for entry in mistakes.MISTAKES}
    return tuple(name for name in names if name in known)


def is_named(fault: Fault, found: tuple[str, ...]) -> bool:
    """Whether what the diagnosis found is the fault, and nothing but it."""
    return bool(found) and set(found) <= set(right_names(fault))


def examined(ops: Sequence[str], changes: tuple[Change, ...], most: int = FAILURES) -> list[Score]:
    """The first failing scores of refopt with the changes planted, diagnosed as `refopt verify` does.

    The mistakes are asked with the changes taken out: they stand for the right refopt with one piece wrong.
    Cases that pass on the way are among the scores, as they are in a run.
    """
    judged, failing, runner = [], 0, Runner(functools.partial(InProcess, REFERENCE, None))
    with contextlib.ExitStack() as stack:
        stack.callback(runner.close)
        stack.enter_context(planted(changes))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", RuntimeWarning)
        for case in relevant(ops):
            reply = runner.ask(case)
            score = scoring.score(case, reply, {})
            judged.append((score, reply))
            failing += score.verdict == "fail" and reply.status == "ok"
            if failing == most:
                break
    asking = diagnosis.Diagnosis()
    return asking.narrowed(asking.named(score, reply) for score, reply in judged)


def name_of(scores: Sequence[Score]) -> tuple[str, ...]:
    """The mistakes that explain most failures of a run; empty where none explains any."""
    count = Counter(entry.name for score in scores for entry in score.mistakes)
    return tuple(name for name, number in count.items() if number == max(count.values()))
