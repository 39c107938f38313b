"""Puts refopt with a planted fault to the vectors, in this process: which cases see it, and how clearly."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Generator, Iterable
from dataclasses import dataclass

from faults.patching import Change, planted
from refopt.conformance import scoring
from refopt.conformance.runner import Runner
from refopt.conformance.scoring import Reply, Score
from refopt.conformance.transport import InProcess
from refopt.conformance.vectors import Case, load
from refopt.resources import vectors_directory

SEPARATION = (
    100.0  # a kill exceeds its threshold by this factor: rounding in another implementation never does
)
REFERENCE = "refopt.adapters.reference:Reference"
CLEAR = 2  # as many cases must kill a fault


@dataclass(frozen=True)
class Kill:
    """A case that fails under a fault, and by how much.

    Attributes:
        case: its id.
        quantity: the first deviating quantity, empty where the answer as a whole is wrong.
        separation: ratio / threshold of the clearest array quantity, infinity for a mismatch without a ratio.
        reason: what the scorer says.
    """

    case: str
    quantity: str
    separation: float
    reason: str


@functools.cache
def vectors() -> tuple[Case, ...]:
    """The frozen cases, cheapest operations first, in a stable order."""
    return load(vectors_directory()).cases


def relevant(ops: Iterable[str]) -> list[Case]:
    """The cases of the given operations, in the order of the operations."""
    order = list(ops)
    return sorted((case for case in vectors() if case.op in order), key=lambda case: order.index(case.op))


def judged(cases: Iterable[Case], changes: tuple[Change, ...]) -> Generator[Kill | None, None, None]:
    """Puts refopt with the changes planted to the cases; yields a kill, or None for a pass, for each.

    The adapter is a fresh one: nothing computed before is used again.
    """
    runner = Runner(functools.partial(InProcess, REFERENCE, None))
    with planted(changes), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a fault may overflow; the answer is what is judged
        for case in cases:
            reply = runner.ask(case)
            yield kill(scoring.score(case, reply, runner.hello.profile), reply)
    runner.close()


def kill(score: Score, reply: Reply) -> Kill | None:
    """What a failing score shows, or None for a pass.

    A refused answer or an exception shows nothing of the formula: its separation is 0.
    """
    if score.verdict != "fail":
        return None
    failing = {name: found for name, found in score.quantities.items() if not found.passed}
    if reply.status != "ok" or not failing:
        return Kill(score.case.id, "", 0.0, score.reason)
    ratios = [found.ratio / found.threshold for found in failing.values() if found.ratio is not None]
    mismatch = any(found.ratio is None for found in failing.values())
    separation = float("inf") if mismatch else max(ratios)
    return Kill(score.case.id, score.first or "", separation, score.reason)


def kills(ops: Iterable[str], changes: tuple[Change, ...], enough: int | None = CLEAR) -> list[Kill]:
    """The cases that fail, the clearest first: stops after `enough` clear ones, or goes through all."""
    found, clear = [], 0
    with contextlib.closing(judged(relevant(ops), changes)) as answers:  # leaving early takes the fault out
        for entry in answers:
            if entry is None:
                continue
            found.append(entry)
            clear += entry.separation >= SEPARATION
            if enough is not None and clear >= enough:
                break
    return sorted(found, key=lambda entry: -entry.separation)
