"""One answer against one case: the verdict, and where the answer first deviates.

Verdicts: `pass`; `pass-alt`, right under a named choice that the adapter declares in its profile; `fail`;
`skip`, the adapter does not offer the operation; `timeout`, `crash`, `protocol`, `output-limit`, how the
exchange ended; `not-applicable`, the case is too ill-conditioned for its dtype; `oracle-error`, the
expectation itself is faulty; `xfail`, a failure that the user's list of known failures excuses; `xpass`, a
pass that this list still holds. Only the first two are passes.

A case whose right answer depends on eigenvectors that the adapter chooses is judged in two stages
(`refopt.conformance.chained`): where the spectrum is wrong, the step is not judged.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from refopt.conformance import behaviour, chained, comparison, evaluations, ratios
from refopt.conformance.ops import OPERATIONS, WIDE
from refopt.conformance.ratios import Comparison
from refopt.conformance.vectors import Case

PASSES = ("pass", "pass-alt")
NEUTRAL = ("skip", "not-applicable", "xfail")
ENDINGS = ("timeout", "crash", "protocol", "output-limit")  # of an exchange without an answer
FAILURES = ("fail", *ENDINGS, "oracle-error", "xpass")
VERDICTS = PASSES + NEUTRAL + FAILURES


class Reply(NamedTuple):
    """How one exchange with an adapter ended.

    Attributes:
        status: "ok"; "refused", a deliberate error; "exception", an accident; "skip"; "unprepared", the
            case's inputs could not be made; one of `ENDINGS`.
        out: the decoded quantities of an "ok", flat with dotted names.
        message: first line of what was said.
        seconds: how long the exchange took.
        evaluations: how often the problem's value, gradient and Hessian product were asked for.
    """

    status: str
    out: Mapping[str, Any] = {}
    message: str = ""
    seconds: float = 0.0
    evaluations: Mapping[str, int] = {}


class Likeness(NamedTuple):
    """A known mistake whose answer a failing answer equals.

    Attributes:
        name: of the mistake.
        sentence: what is wrong.
        kind: bug type.
        digits: to how many digits the two agree; None where no numbers were compared.
    """

    name: str
    sentence: str
    kind: str
    digits: float | None = None


class Score(NamedTuple):
    """The verdict on one case.

    Attributes:
        case: the case.
        verdict: one of `VERDICTS`.
        profile: "key=value" under which a `pass-alt` passed, else "".
        reason: one sentence, empty for a pass.
        quantities: each compared quantity in computing order.
        seconds: how long the adapter took.
        evaluations: how often the problem's value, gradient and Hessian product were asked for.
        mistakes: known mistakes that a failing answer equals (`refopt.conformance.diagnosis`); several where
            the run does not tell them apart.
    """

    case: Case
    verdict: str
    profile: str = ""
    reason: str = ""
    quantities: Mapping[str, Comparison] = {}
    seconds: float = 0.0
    evaluations: Mapping[str, int] = {}
    mistakes: tuple[Likeness, ...] = ()

    @property
    def first(self) -> str | None:
        """Name of the first deviating quantity: the earliest step, and in it the first in computing order."""
        failed = [name for name, found in self.quantities.items() if not found.passed]
        return min(failed, key=lambda name: _step(self.quantities[name]), default=None)

    @property
    def ratio(self) -> float | None:
        """Largest test ratio of the case, or None where nothing was compared by ratio."""
        return max(
            (found.ratio for found in self.quantities.values() if found.ratio is not None), default=None
        )

    @property
    def digits(self) -> float | None:
        """Fewest correct digits of the case, or None where nothing was compared by ratio."""
        return min(
            (found.digits for found in self.quantities.values() if found.digits is not None), default=None
        )


def _step(found: Comparison) -> float:
    return float("inf") if found.step is None else found.step


def score(case: Case, reply: Reply, profile: Mapping[str, Any]) -> Score:
    """Judge one reply.

    Args:
        case: the case.
        reply: how the exchange ended.
        profile: the adapter's declared choices, {"key": value}.
    """
    try:
        found = _score(case, reply, profile)
    except (
        Exception
    ) as error:  # a faulty expectation must not end the run, nor count for or against the adapter
        found = Score(case, "oracle-error", reason=f"{type(error).__name__}: {error}")
    if found.verdict in PASSES and (surplus := evaluations.problem_with(case, reply.out, reply.evaluations)):
        found = found._replace(verdict="fail", reason=surplus)
    return found._replace(seconds=reply.seconds, evaluations=reply.evaluations)


def _score(case: Case, reply: Reply, profile: Mapping[str, Any]) -> Score:
    if reply.status in ("skip", "not-applicable", *ENDINGS):
        return Score(case, reply.status, reason=reply.message)
    if reply.status == "unprepared":
        return Score(case, "oracle-error", reason=reply.message)
    worst = max(comparison.largest_condition(expectation) for expectation in case.expect.values())
    if worst * ratios.UNIT_ROUNDOFF[case.dtype] > ratios.LARGEST_LOSS:
        return Score(case, "not-applicable", reason=f"condition {worst:.1e} leaves {case.dtype} no digits.")
    plain = _under(case, case.expect, reply)
    if plain.verdict == "pass":
        return plain
    declared = {f"{key}={value}" for key, value in profile.items()}
    undeclared = []
    for name, changed in case.alternatives.items():
        if _under(case, {**case.expect, **changed}, reply).verdict != "pass":
            continue
        if set(name.split(",")) <= declared:
            quantities = _under(case, {**case.expect, **changed}, reply).quantities
            return Score(case, "pass-alt", name, f"right under {name}.", quantities)
        undeclared.append(name)
    if undeclared:
        hint = f" It is right under {undeclared[0]}, which the adapter's profile does not declare."
        return plain._replace(reason=plain.reason + hint)
    return plain


def _under(case: Case, expect: Mapping[str, Any], reply: Reply) -> Score:
    if reply.status != "ok" and not any(e["kind"] == "behaviour" for e in expect.values()):
        return Score(case, "fail", reason=reply.message or "the adapter gave an error without a message.")
    if not chained.is_chained(expect):
        return _judged(case, _compared(case, expect, reply))
    spectrum = {name: e for name, e in expect.items() if e["kind"] != "chained"}
    first = _judged(case, _compared(case, spectrum, reply))
    if first.verdict != "pass":
        left = f"stage {chained.STEP}: not judged, since it follows from what is wrong."
        return first._replace(reason=f"stage {chained.SPECTRUM}: {first.reason} {left}")
    step = _judged(case, _compared(case, chained.resolved(case, expect, reply.out), reply))
    both = step._replace(quantities={**first.quantities, **step.quantities})
    if step.verdict == "pass":
        return both
    ratio = None if step.first is None else step.quantities[step.first].ratio
    shown = "" if ratio is None else f" Ratio {ratio:.1e} from its own eigenpairs."
    return both._replace(
        reason=f"stage {chained.SPECTRUM}: passes; stage {chained.STEP}: {step.reason}{shown}"
    )


def _compared(case: Case, expect: Mapping[str, Any], reply: Reply) -> dict[str, Comparison]:
    operation = OPERATIONS[case.op]
    quantities: dict[str, Comparison] = {}
    for name, expectation in expect.items():
        if expectation["kind"] == "behaviour":
            quantities[name] = behaviour.judge(case, name, expectation, reply)
        elif name in reply.out:
            quantities[name] = comparison.compare(expectation, reply.out[name], case.dtype, name in WIDE)
        elif operation.requires(name):
            quantities[name] = Comparison(False, reason="is missing from the answer.")
    return quantities


def _judged(case: Case, quantities: Mapping[str, Comparison]) -> Score:
    judged = Score(case, "fail", quantities=quantities)
    if not quantities:
        return judged._replace(reason="the answer has none of the expected quantities.")
    if judged.first is None:
        return judged._replace(verdict="pass")
    return judged._replace(reason=f"`{judged.first}` {quantities[judged.first].reason}")
