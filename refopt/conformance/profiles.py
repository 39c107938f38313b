"""Named choices, where a method's definition is ambiguous or in use in several forms.

A case expects the first-named answer; an adapter that declares another in its `profile` passes where its
answer is right under it, and the report says `pass-alt`, never plainly `pass`. Each key stands in the
vectors: a case says which choices change its answer.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from refopt.conformance.vectors import Case


class Choice(NamedTuple):
    """One named choice.

    Attributes:
        default: the value that the expectations of most cases have.
        others: each other value, with what it means.
    """

    default: str
    others: Mapping[str, str]

    @property
    def values(self) -> tuple[str, ...]:
        """The values that a profile may give."""
        return tuple(dict.fromkeys((self.default, *self.others)))


CHOICES: Mapping[str, Choice] = {
    "adam.epsilon": Choice(
        "corrected", {"uncorrected": "epsilon is added to the root before its bias correction (epsilon hat)"}
    ),
    "adamw.weight_decay": Choice("scaled", {"unscaled": "the decay is not multiplied by the learning rate"}),
    "heavy_ball.momentum": Choice("sum", {"averaged": "v <- momentum v + (1 - momentum) g"}),
    "rmsprop.epsilon": Choice("outside", {"inside": "epsilon stands under the root"}),
    "multiplicity": Choice(
        "krylov",
        {
            "full": "repeated eigenvalues come with all their copies",
            "krylov": "one copy of a repeated eigenvalue, where a case asks for all",
        },
    ),
    "fosi.schedule": Choice(
        "paper", {"published": "the spectrum is estimated one iteration early, as in the published code"}
    ),
    "fosi.epsilon": Choice(
        "floor", {"added": "u = 1/(|lambda| + epsilon max|lambda|), the form of section 3.2"}
    ),
    "fosi.momentum": Choice(
        "as-set", {"both": "g1 goes through the base's own filter where the case has no Newton momentum"}
    ),
    "fosi.scaling": Choice("as-set", {"ratio": "lambda_1/lambda_k where the case has the closed form"}),
    "rates": Choice(
        "positive-then-ema", {"ema-then-positive": "the positive part of the average, which is kept as it is"}
    ),
    "refresh": Choice("from-zero", {"first-and-multiples": "t = 1 and the multiples of tau, counted from 1"}),
    "clusters": Choice("rotate", {"as-given": "equal eigenvalues are stepped along as they are given"}),
    "tie": Choice("positive", {"stay": "no step along an eigenvector without slope"}),
    "sophia.moment": Choice("plain", {"corrected": "the first moment is corrected for its bias"}),
    "sophia.order": Choice(
        "estimate-first", {"step-first": "the step precedes the update of the Hessian's diagonal"}
    ),
    "average": Choice(
        "literal",
        {
            "bias-corrected": "the average of slopes is corrected for its start at 0",
            "first-slope": "the first slope is taken whole",
        },
    ),
    "denominator": Choice(
        "norm",
        {
            "component": "slopes are taken by the moved component, where a case has the norm",
            "norm": "slopes are taken by the norm of the move, where a case has the component",
        },
    ),
    "unknown": Choice("second", {"first": "where no slope is known, the first optimizer moves"}),
    "default": Choice("first", {"second": "before the first Hessian the second optimizer moves"}),
    "idle": Choice("freeze", {"update": "an optimizer that moves nothing keeps its memories up to date"}),
}
"""All of them, by key."""


def table(cases: Iterable[Case]) -> list[tuple[str, str, str, tuple[str, ...], int]]:
    """Return a row for each value other than a default: key, value, meaning, operations, number of cases.

    Args:
        cases: those of the vectors.
    """
    known = list(cases)
    rows = []
    for key, choice in CHOICES.items():
        for value, meaning in choice.others.items():
            name = f"{key}={value}"
            seen = [case for case in known if any(name in entry.split(",") for entry in case.alternatives)]
            rows.append((key, value, meaning, tuple(dict.fromkeys(case.op for case in seen)), len(seen)))
    return rows
