"""Names the mistake behind a wrong answer: which wrong formula gives exactly this answer.

A failing answer is put beside the answers of `refopt.conformance.mistakes` to the same case. One is named
when the first deviating quantity, and every other that both answer, equals the mistake's
(`refopt.conformance.likeness`). A case may not tell two mistakes from each other; over a run the one that
explains most failures is kept. Right variants pass, so they are never looked at; an answer that is merely
inaccurate equals no mistake.

Where the right answer follows from eigenvectors of the adapter's own choice, the mistakes are given those:
the stage "step" is looked at as the operation that steps from a given spectrum
(`refopt.conformance.chained`). A wrong spectrum of such a case stays without a name.

The work is done on failures alone and is bounded: what a run spends beyond `SECONDS` stays without a name.
"""

import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from refopt.conformance import chained, comparison, likeness, wire
from refopt.conformance.ops import OPERATIONS, WIDE, flatten
from refopt.conformance.scoring import Likeness, Reply, Score
from refopt.conformance.vectors import Case

SECONDS = 30.0  # for a whole run
UNCOMPARED = ("behaviour", "chained")  # kinds of expectations that hold no numbers to compare with
SETTLED = 3  # failures that one mistake explains before it is asked first, and alone where it answers

Kind = tuple[str, str]  # an operation and an optimizer


class Diagnosis:
    """Names mistakes during one run, within a budget of time.

    Args:
        seconds: most time to spend.
    """

    def __init__(self, seconds: float = SECONDS):
        self.left = seconds
        self.unexamined = 0  # failures that came after the time was spent
        self._named: Counter[str] = Counter()
        self._without_name: Counter[str] = Counter()  # examined failures without a name, by operation
        self._faint: Counter[str] = Counter()  # of these, those that a mistake explains but hardly shows in

    def named(self, score: Score, reply: Reply) -> Score:
        """Return a score with the mistakes that its answer equals; a pass comes back as it is."""
        if score.verdict != "fail" or reply.status != "ok" or score.first is None:
            return score
        if self.left <= 0:
            self.unexamined += 1
            return score
        begin = time.perf_counter()
        asked = _restated(score, reply)
        found, faint = self._candidates(asked, reply)
        self.left -= time.perf_counter() - begin
        self._named.update(entry.name for entry in found)
        self._without_name[asked.case.op] += not found
        self._faint.update(() if found else faint)
        return score._replace(mistakes=found)

    def narrowed(self, scores: Iterable[Score]) -> list[Score]:
        """Return the scores of a run, each with those of its mistakes that the whole run speaks for.

        A mistake stays that explains more failures of its operations than are left without any, those apart
        that it explains but hardly shows in; of several for one case, those that explain most. One that would
        have failed a case that passed goes out: of several any case, of one alone a case of the same
        operation and optimizer, since a mistake may be made in one optimizer and not in the next.
        """
        scores = list(scores)
        count = Counter(entry.name for score in scores for entry in score.mistakes)
        weak = {name for name in count if count[name] <= self._unexplained(name)}
        left = [
            score._replace(mistakes=_most([x for x in score.mistakes if x.name not in weak], count))
            for score in scores
        ]
        passed = [score.case for score in scores if score.verdict == "pass"]
        unsure = {entry.name for score in left if len(score.mistakes) > 1 for entry in score.mistakes}
        refuted = _refuted(dict.fromkeys(unsure), passed)
        left = [_without(score, refuted) if _names(score) - refuted else score for score in left]
        kinds: dict[str, set[Kind]] = {}
        for score in left:
            for name in _names(score):
                kinds.setdefault(name, set()).add(_kind(score.case))
        refuted = _refuted(kinds, passed)
        return [_without(score, refuted) for score in left]

    def _unexplained(self, name: str) -> int:
        from refopt.conformance import mistakes

        ops = next(entry.ops for entry in mistakes.MISTAKES if entry.name == name)
        return sum(self._without_name[op] for op in ops) - self._faint[name]

    def _candidates(self, score: Score, reply: Reply) -> tuple[tuple[Likeness, ...], list[str]]:
        """The mistakes that an answer equals, and the names of those that this case hardly shows."""
        from refopt.conformance import mistakes  # the textbook costs an import that passes do not need

        entries = sorted(mistakes.of(score.case.op), key=lambda entry: -self._named[entry.name])
        inputs, path = prepared(score.case), reply.out.get("thetas")
        path = path if isinstance(path, np.ndarray) and path.ndim == 2 and np.all(np.isfinite(path)) else None
        found: list[Likeness] = []
        faint: list[str] = []
        if not _right(score.case, answer(mistakes.NONE, score.case, inputs)):
            return (), []  # on this case the textbook itself is not right, so its mistakes say nothing
        for entry in entries:
            if found and self._named[found[0].name] >= max(SETTLED, self._named[entry.name] + 1):
                break
            likely = equal(score, reply.out, answer(entry, score.case, inputs, path), entry)
            if likely is not None and likely[1]:
                found.append(likely[0])
            elif likely is not None:
                faint.append(entry.name)
        return tuple(found), faint


def _restated(score: Score, reply: Reply) -> Score:
    """Return the score of a step from the answer's own eigenpairs, where that is what failed."""
    if score.case.expect.get(score.first or "", {}).get("kind") != "chained":
        return score
    case = chained.restated(score.case, reply.out)
    kept = {name: found for name, found in score.quantities.items() if name in case.expect}
    return score._replace(case=case, quantities=kept)


def prepared(case: Case) -> dict[str, Any]:
    """Return the inputs of a case as an adapter receives them."""
    from refopt.conformance import worker

    inputs: dict[str, Any] = wire.decode(case.inputs, case.dtype)
    for name in ("problem", "curvature_problem"):
        if isinstance(inputs.get(name), str):
            inputs[name] = worker.given_problem(inputs[name], case.dtype)
    return inputs


def answer(entry: Any, case: Case, inputs: Mapping[str, Any], path: Any = None) -> Mapping[str, Any]:
    """Return a mistake's answer to a case, decoded like an adapter's; empty where it has none.

    Args:
        entry: the mistake.
        case: the case.
        inputs: its inputs, prepared.
        path: points of a run that the mistake's run is to be compared with.
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            out = flatten(entry.answer(case.op, inputs, path))
    except Exception:  # a wrong formula may fail on a case in any way
        return {}
    return {name: wire.decode(wire.encode(value)) for name, value in out.items()}


def equal(
    score: Score, given: Mapping[str, Any], wrong: Mapping[str, Any], entry: Any
) -> tuple[Likeness, bool] | None:
    """Return the likeness of an answer to a mistake's, and whether the case shows it; None where they differ.

    Args:
        score: of the answer.
        given: the answer.
        wrong: the mistake's answer.
        entry: the mistake.
    """
    first, digits, seen = score.first, [], False
    if first is None or first not in wrong or first not in given:
        return None
    for name, compared in score.quantities.items():
        expectation = score.case.expect.get(name, {"kind": "behaviour"})
        if expectation["kind"] in UNCOMPARED or name not in given or name not in wrong:
            continue
        found = likeness.alike(name, expectation, given[name], wrong[name], score.case.dtype)
        if compared.passed and not found.far:
            continue  # both are right in it
        if not found.same:
            return None
        seen = seen or found.far
        digits += [] if found.digits is None else [found.digits]
    beyond = (given.keys() & wrong.keys()) - score.case.expect.keys()
    if not all(likeness.near(given[name], wrong[name]) for name in beyond):
        return None
    return Likeness(entry.name, entry.sentence, entry.kind, min(digits, default=None)), seen


def _most(found: Sequence[Likeness], count: Mapping[str, int]) -> tuple[Likeness, ...]:
    top = max((count[entry.name] for entry in found), default=0)
    return tuple(entry for entry in found if count[entry.name] == top)


def _names(score: Score) -> set[str]:
    return {entry.name for entry in score.mistakes}


def _without(score: Score, refuted: set[str]) -> Score:
    return score._replace(mistakes=tuple(entry for entry in score.mistakes if entry.name not in refuted))


def _kind(case: Case) -> Kind:
    """The operation of a case and the name of its optimizer."""
    given = case.inputs.get("optimizer") or case.inputs.get("base", {}).get("optimizer", "")
    return case.op, str(given)


def _refuted(names: Mapping[str, set[Kind] | None], passed: Sequence[Case]) -> set[str]:
    """Those of some mistakes that a case which passed would have shown.

    Args:
        names: the mistakes, each with the kinds of cases that count; None is all.
        passed: the cases.
    """
    if not names:
        return set()
    from refopt.conformance import mistakes

    found: set[str] = set()
    end = time.perf_counter() + SECONDS / 3
    for entry in (entry for entry in mistakes.MISTAKES if entry.name in names):
        kinds = names[entry.name]
        for case in (
            case for case in passed if case.op in entry.ops and (kinds is None or _kind(case) in kinds)
        ):
            if time.perf_counter() > end:
                return found
            if _shows(case, answer(entry, case, prepared(case))):
                found.add(entry.name)
                break
    return found


def _right(case: Case, given: Mapping[str, Any]) -> bool:
    """Whether an answer is right in all that it answers."""
    return all(
        comparison.compare(expectation, given[name], case.dtype, name in WIDE).passed
        for name, expectation in case.expect.items()
        if expectation["kind"] not in UNCOMPARED and name in given
    )


def _shows(case: Case, wrong: Mapping[str, Any]) -> bool:
    """Whether a mistake's answer to a case is far from the right one in a quantity that must be answered."""
    return any(
        likeness.far(name, expectation, wrong[name], case.dtype)
        for name, expectation in case.expect.items()
        if expectation["kind"] not in UNCOMPARED and name in wrong and OPERATIONS[case.op].requires(name)
    )
