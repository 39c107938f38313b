"""Cases that are put a second time, to see look-up tables and state that leaks from one case into another.

A few cases of a run come again under fresh ids at another place in the order, and a few with their
coordinates permuted (`refopt.conformance.permuted`). An adapter that computes gives the same answer, to
rounding, and the permuted one; a table of answers by content, by id or by place does not, nor does one that
carries something from case to case. Which cases these are follows from the seed of the run alone.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np

from refopt.conformance import likeness, permuted, requests, scoring
from refopt.conformance.introduction import Hello
from refopt.conformance.ops import OPERATIONS
from refopt.conformance.scoring import Reply, Score
from refopt.conformance.vectors import Case

SHARE = 25  # cases for each twin: 4 % more exchanges
MOST = 60
LARGEST = 2**20  # bytes kept of an answer until that of its twin comes; the runner stays small
AGAIN, PERMUTED = "again", "permuted"
FREE = ("subspace", "eigenspace", "sphere", "any", "chained", "behaviour")  # several answers may be right


class Twin(NamedTuple):
    """A case that is put a second time.

    Attributes:
        kind: "again" or "permuted".
        case: as it is put, under an id of its own.
        original: the id of the case that it is the twin of.
    """

    kind: str
    case: Case
    original: str


class Twins:
    """The twins of one run: when they are put, and what their answers say of the originals.

    Args:
        cases: of the run, in order.
        seed: of the run.
        hello: the adapter's introduction; a case that it does not offer has no twin.
    """

    def __init__(self, cases: Sequence[Case], seed: int, hello: Hello):
        self.differing: dict[str, str] = {}  # by the id of an original, what is wrong with its twin
        self._first: dict[str, tuple[Case, Reply]] = {}  # originals and their answers
        self._after: dict[str, list[Twin]] = {}  # by the id of the case that they are put after
        draw = Random(f"twins {seed}")
        asked = [
            case
            for case in cases
            if case.op in hello.capabilities and case.dtype in hello.dtypes and not case.unfit
        ]
        count = min(len(asked) // SHARE, MOST)
        covariant = [case for case in asked if permuted.is_covariant(case)]
        moved = draw.sample(covariant, min(count // 2, len(covariant)))
        others = [case for case in asked if case not in moved]
        again = draw.sample(others, min(count - len(moved), len(others)))
        places = {case.id: place for place, case in enumerate(asked)}
        for kind, chosen in ((AGAIN, again), (PERMUTED, moved)):
            for case in chosen:
                turned = permuted.permuted(case, draw) if kind == PERMUTED else case
                fresh = f"{kind} {draw.randrange(requests.SEEDS)} {case.id}"
                twin = Twin(kind, dataclasses.replace(turned, id=fresh), case.id)
                place = draw.randrange(places[case.id], len(asked))
                self._after.setdefault(asked[place].id, []).append(twin)
        every = [twin for twins in self._after.values() for twin in twins]
        self.originals = {requests.token(seed, twin.case.id): twin.original for twin in every}
        self._wanted = {twin.original for twin in every}

    def __len__(self) -> int:
        return len(self.originals)

    def remember(self, case: Case, reply: Reply) -> None:
        """Keep the answer to a case that has a twin."""
        if case.id in self._wanted and (kept := _kept(case, reply)) is not None:
            self._first[case.id] = (case, kept)

    def due(self, case: Case) -> Iterator[Twin]:
        """Yield the twins that are put after a case."""
        yield from self._after.get(case.id, ())

    def compare(self, twin: Twin, reply: Reply, profile: Mapping[str, Any]) -> None:
        """Hold the answer to a twin against the original's."""
        case, first = self._first.pop(twin.original, (twin.case, None))
        second = _kept(case, reply)
        if first is None or second is None or first.status in scoring.ENDINGS:  # it has failed by itself
            return
        if twin.kind == AGAIN:
            reason, what = difference(case, first, second, profile), "again under another id"
        else:
            reason, what = moved(case, first, twin.case, second, profile), "with its coordinates permuted"
        if reason:
            self.differing[twin.original] = f"The case was put {what}, and answered differently: {reason}"

    def charged(self, score: Score, strays: Mapping[str, str]) -> Score:
        """Return a score, which fails where the case's twin was answered differently.

        Args:
            score: of a case.
            strays: what followed the answers to twins, by the id of the original.
        """
        stray = strays.get(score.case.id)
        reason = self.differing.get(score.case.id) or (stray and f"The case was put again and {stray}")
        if not reason or score.verdict in (*scoring.ENDINGS, "oracle-error"):
            return score
        kept = f"{score.reason} " if score.verdict == "fail" and score.reason else ""
        return score._replace(verdict="fail", profile="", reason=f"{kept}{reason}")


def _kept(case: Case, reply: Reply) -> Reply | None:
    """Return an answer without what nobody asked for; None where even that is larger than any honest one."""
    out = {name: value for name, value in reply.out.items() if OPERATIONS[case.op].knows(name)}
    sizes = [x.nbytes if isinstance(x, np.ndarray) else len(str(x)) for x in out.values()]
    return reply._replace(out=out) if sum(sizes) <= LARGEST else None


def difference(case: Case, first: Reply, second: Reply, profile: Mapping[str, Any]) -> str:
    """Say how two answers to one case differ beyond rounding; empty where they do not."""
    if second.status != first.status:
        return f"{_ended(first)} first, then {_ended(second)}."
    if first.status != "ok":
        return ""
    if missing := sorted(first.out.keys() ^ second.out.keys()):
        return f"`{missing[0]}` is in one of them alone."
    before, after = (scoring.score(case, reply, profile) for reply in (first, second))
    right = before.verdict in scoring.PASSES
    if right != (after.verdict in scoring.PASSES):
        return f"right first, then {after.reason}" if right else "wrong first, then right."
    for name, value in first.out.items():
        kind = case.expect.get(name, {}).get("kind")
        if (right and kind) or kind in FREE:
            continue  # both are within what rounding allows
        if not _near(value, second.out[name]):
            return f"`{name}` differs."
    return ""


def moved(case: Case, first: Reply, twin: Case, second: Reply, profile: Mapping[str, Any]) -> str:
    """Say what is wrong with the answer to a permuted case; empty where the original was wrong as well."""
    if scoring.score(case, first, profile).verdict not in scoring.PASSES:
        return ""
    found = scoring.score(twin, second, profile)
    return "" if found.verdict in scoring.PASSES else found.reason or f"{found.verdict}."


def _ended(reply: Reply) -> str:
    return f"{reply.status} ({reply.message[:200]})" if reply.message else reply.status


def _near(a: Any, b: Any) -> bool:
    """Whether two answers that nothing judged are the same but for rounding, NaN and infinities included."""
    arrays = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
    if not arrays or a.dtype.kind != "f" or a.shape != b.shape or a.dtype != b.dtype:
        return str(a) == str(b)
    finite = np.isfinite(a)
    if not np.array_equal(finite, np.isfinite(b)):
        return False
    return likeness.near(np.where(finite, a, 0.0), np.where(finite, b, 0.0))
