"""Runs cases against an adapter: one connection, a deadline for each case, restarts, order.

A hang, a crash or a broken protocol costs the case it happened in, never those already answered; the adapter
is started again at most three times, and what is left after that is reported as crash.
"""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from refopt.conformance import introduction, requests, scoring, wire
from refopt.conformance.diagnosis import Diagnosis
from refopt.conformance.evaluations import NEEDS, Evaluator
from refopt.conformance.given import GivenProblem
from refopt.conformance.introduction import Hello as Hello
from refopt.conformance.introduction import NoSuchAdapter as NoSuchAdapter
from refopt.conformance.introduction import NotStarted as NotStarted
from refopt.conformance.ops import flatten
from refopt.conformance.requests import order as order
from refopt.conformance.scoring import Reply, Score
from refopt.conformance.transport import (
    Connection,
    CrashError,
    DeadlineError,
    OutputLimitError,
    ProtocolError,
)
from refopt.conformance.twins import Twins
from refopt.conformance.vectors import Case

DEADLINE = 20.0
START_DEADLINE = 120.0  # importing torch or jax on a cold disk takes tens of seconds
RESTARTS = 3
STATUSES = ("ok", "refused", "exception", "skip", "unprepared")
LONGEST_REASON = 1000  # characters kept of what an adapter says about one case
Check = Callable[[str, Mapping[str, Any]], None]


class Runner:
    """Asks one adapter, starting its connection when needed and again when it broke.

    Args:
        connect: opens a connection.
        deadline: seconds allowed for one case, call-backs included.
        start_deadline: seconds allowed for the introduction.
        seed: makes the ids of the requests.
        check: raises ProtocolError for a message that is not of the kind "introduction", "need" or "answer";
            the default looks no closer than reading a message needs.

    Attributes:
        hello: the adapter's introduction.
        strays: by the id of a request, what is wrong with what followed its answer.
        diagnosis: names the mistakes behind wrong answers.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        deadline: float = DEADLINE,
        *,
        start_deadline: float = START_DEADLINE,
        seed: int = 0,
        check: Check = lambda kind, message: None,
    ):
        self._connect, self._deadline, self._start_deadline = connect, deadline, start_deadline
        self._seed, self._check = seed, check
        self._connection: Connection | None = None
        self._restarts = 0
        self._problems = functools.lru_cache(maxsize=32)(GivenProblem)
        self.diagnosis = Diagnosis()
        self.strays: dict[str, str] = {}
        self.hello: Hello = self._start()

    def _start(self) -> Hello:
        message = requests.hello(requests.token(self._seed, f"start {self._restarts}"), callbacks=True)
        try:
            self._connection = self._connect()
            reply = self._connection.exchange(message, self._start_deadline)
            if reply.get("status", "ok") == "ok":
                self._check("introduction", reply)
        except DeadlineError:
            self._kill()
            raise NotStarted(
                f"the adapter did not start: no answer to hello within {self._start_deadline:g} s."
            ) from None
        except (CrashError, ProtocolError, OutputLimitError, OSError) as error:
            self._kill()
            raise NotStarted(f"the adapter did not start: {error}") from None
        except KeyboardInterrupt:
            self._kill()
            raise
        try:
            return introduction.read(reply)
        except NotStarted:
            self.close()
            raise

    def ask(self, case: Case) -> Reply:
        """Put one case to the adapter and return how that ended; never raises for what an adapter does."""
        if case.op not in self.hello.capabilities:
            return Reply("skip", message=f"the adapter has no operation {case.op}.")
        if case.dtype not in self.hello.dtypes:
            return Reply("skip", message=f"the adapter does not declare the dtype {case.dtype}.")
        if case.unfit:
            return Reply("not-applicable", message=case.unfit)
        begin = time.perf_counter()
        evaluator = Evaluator(case, self._problems)
        try:
            if self._connection is None:
                if self._restarts == RESTARTS:
                    reason = f"the case was not run: the adapter had crashed {RESTARTS + 1} times."
                    return Reply("crash", message=reason)
                self._restarts += 1
                self._start()
            found = self._converse(case, evaluator)
        except DeadlineError:
            found = self._broken("timeout", f"no answer within {self._deadline:g} s.")
        except (CrashError, NotStarted) as error:
            found = self._broken("crash", str(error))
        except OutputLimitError as error:
            found = self._broken("output-limit", str(error))
        except (ProtocolError, wire.MalformedMessage) as error:
            found = self._broken("protocol", str(error))
        counts = {**found.evaluations}
        for kind, number in evaluator.counts.items():
            counts[kind] = counts.get(kind, 0) + number
        return found._replace(seconds=time.perf_counter() - begin, evaluations=counts)

    def _converse(self, case: Case, evaluator: Evaluator) -> Reply:
        assert self._connection is not None, "a started adapter has a connection"
        message, end = requests.run(case, self._seed), time.monotonic() + self._deadline
        identifier = message["id"]
        while True:
            reply = self._connection.exchange(message, end - time.monotonic())
            if "need" not in reply:
                self._check("answer", reply)
                return understood(reply)
            self._check("need", reply)
            message = {"id": identifier, "cmd": "result", **evaluator.answer(reply)}

    def _broken(self, status: str, message: str) -> Reply:
        self._kill()
        return Reply(status, message=message[:LONGEST_REASON])

    def close(self) -> None:
        """End the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            self.strays.update(connection.strays)

    def _kill(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.kill()
            self.strays.update(connection.strays)


def understood(reply: Mapping[str, Any]) -> Reply:
    """Read an answer.

    Raises:
        ProtocolError: its status or its parts are not those of an answer.
        MalformedMessage: an array in it is not sound.
    """
    status, out, counts = reply.get("status"), reply.get("out", {}), reply.get("evaluations", {})
    if status not in STATUSES:
        raise ProtocolError(f"the status is {str(status)[:60]!r}; allowed: {', '.join(STATUSES)}.")
    if not isinstance(out, Mapping):
        raise ProtocolError("`out` is not an object.")
    if not isinstance(counts, Mapping) or not all(
        key in NEEDS and type(number) is int and number >= 0 for key, number in counts.items()
    ):
        raise ProtocolError("`evaluations` is not a number for each of value, gradient and hvp.")
    decoded = flatten({name: wire.decode(value) for name, value in out.items()})
    return Reply(str(status), decoded, str(reply.get("message", ""))[:LONGEST_REASON], evaluations=counts)


def run(runner: Runner, cases: Sequence[Case], twins: Twins | None = None) -> Iterator[Score]:
    """Ask, score and diagnose case after case; closes the connection also when the caller stops early.

    Args:
        runner: what asks.
        cases: in order.
        twins: cases that are put a second time on the way, which yield nothing.
    """
    try:
        for case in cases:
            yield _asked(runner, case, twins)
            if twins is not None:
                for twin in twins.due(case):
                    twins.compare(twin, runner.ask(twin.case), runner.hello.profile)
    finally:
        runner.close()


def _asked(runner: Runner, case: Case, twins: Twins | None) -> Score:
    # In a function of its own: a large answer is let go before the next one comes.
    reply = runner.ask(case)
    if twins is not None:
        twins.remember(case, reply)
    return judged(case, reply, runner.hello.profile, runner.diagnosis)


def judged(case: Case, reply: Reply, profile: Mapping[str, str], diagnosis: Diagnosis) -> Score:
    """Score and diagnose an answer, and cut what is quoted of it: a thousand long ones fit into memory."""
    score = diagnosis.named(scoring.score(case, reply, profile), reply)
    quantities = {
        name: found._replace(reason=found.reason[:LONGEST_REASON]) for name, found in score.quantities.items()
    }
    return score._replace(reason=score.reason[:LONGEST_REASON], quantities=quantities)


def charged(score: Score, strays: Mapping[str, str], seed: int) -> Score:
    """Return a score, or that of a broken protocol where more than one answer came."""
    stray = strays.get(requests.token(seed, score.case.id))
    if stray is None or score.verdict in scoring.ENDINGS:
        return score
    return Score(score.case, "protocol", reason=f"the case {stray}"[:LONGEST_REASON], seconds=score.seconds)
