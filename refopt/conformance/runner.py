"""Runs cases against an adapter: one connection, a deadline for each exchange, restarts, order.

A hang, a crash or a broken protocol costs the case it happened in, never those already answered; the adapter
is started again at most three times, and what is left after that is reported as crash.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from refopt.conformance import scoring, wire
from refopt.conformance.diagnosis import Diagnosis
from refopt.conformance.scoring import Reply, Score
from refopt.conformance.transport import Connection, CrashError, DeadlineError, ProtocolError
from refopt.conformance.vectors import Case

DEADLINE = 20.0
START_DEADLINE = 120.0  # importing torch or jax on a cold disk takes tens of seconds
RESTARTS = 3
STATUSES = ("ok", "refused", "exception", "skip", "unprepared")


class Hello(NamedTuple):
    """How an adapter introduces itself."""

    name: str
    version: str
    language: str
    capabilities: tuple[str, ...]
    profile: Mapping[str, str]
    dtypes: tuple[str, ...]


class NotStarted(Exception):
    """The adapter did not start; the message says why."""


class NoSuchAdapter(NotStarted):
    """There is no such adapter; the message says what is wrong with its name."""


class Runner:
    """Asks one adapter, starting its connection when needed and again when it broke.

    Args:
        connect: opens a connection.
        deadline: seconds allowed for the answer to one case.
    """

    def __init__(self, connect: Callable[[], Connection], deadline: float = DEADLINE):
        self._connect, self._deadline = connect, deadline
        self._connection: Connection | None = None
        self._restarts = 0
        self.hello = self._start()

    def _start(self) -> Hello:
        try:
            self._connection = self._connect()
            reply = self._connection.exchange({"cmd": "hello", "protocol": wire.PROTOCOL}, START_DEADLINE)
        except (DeadlineError, CrashError, ProtocolError, OSError) as error:
            self._kill()
            raise NotStarted(f"the adapter did not start: {error}") from None
        except KeyboardInterrupt:
            self._kill()
            raise
        if reply.get("status") != "ok":
            self.close()
            kind = NoSuchAdapter if reply.get("status") == "unknown" else NotStarted
            raise kind(str(reply.get("message", "the adapter did not start and gave no reason.")))
        try:
            return Hello(
                str(reply["name"]),
                str(reply["version"]),
                str(reply["language"]),
                tuple(reply["capabilities"]),
                dict(reply["profile"]),
                tuple(reply["dtypes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            self.close()
            raise NotStarted(f"the adapter's introduction is incomplete: {error!r}.") from None

    def ask(self, case: Case) -> Reply:
        """Put one case to the adapter and return how that ended; never raises for what an adapter does."""
        if case.op not in self.hello.capabilities:
            return Reply("skip", message=f"the adapter has no operation {case.op}.")
        if case.dtype not in self.hello.dtypes:
            return Reply("skip", message=f"the adapter does not declare the dtype {case.dtype}.")
        begin = time.perf_counter()
        status, out, message = self._exchange(case)
        return Reply(status, out, message, time.perf_counter() - begin)

    def _exchange(self, case: Case) -> tuple[str, Mapping[str, Any], str]:
        request = {"cmd": "run", "op": case.op, "dtype": case.dtype, "in": case.inputs}
        try:
            if self._connection is None:
                if self._restarts == RESTARTS:
                    reason = f"the case was not run: the adapter had crashed {RESTARTS + 1} times."
                    return "crash", {}, reason
                self._restarts += 1
                self._start()
            assert self._connection is not None, "a started adapter has a connection"
            return _understood(self._connection.exchange(request, self._deadline))
        except DeadlineError as error:
            status, message = "timeout", str(error)
        except (CrashError, NotStarted) as error:
            status, message = "crash", str(error)
        except (ProtocolError, wire.MalformedMessage) as error:
            status, message = "protocol", str(error)
        self._kill()
        return status, {}, message

    def close(self) -> None:
        """End the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _kill(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.kill()


def _understood(reply: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], str]:
    status, out = reply.get("status"), reply.get("out", {})
    if status not in STATUSES:
        raise ProtocolError(f"the status is {status!r}; allowed: {', '.join(STATUSES)}.")
    if not isinstance(out, Mapping):
        raise ProtocolError("`out` is not an object.")
    decoded = {name: wire.decode(value) for name, value in out.items()}
    return str(status), decoded, str(reply.get("message", ""))


def order(cases: Sequence[Case], seed: int | None) -> list[Case]:
    """Return the cases as they stand in the files, or shuffled by a seed."""
    shuffled = list(cases)
    if seed is not None:
        random.Random(seed).shuffle(shuffled)
    return shuffled


def run(runner: Runner, cases: Sequence[Case]) -> Iterator[Score]:
    """Ask, score and diagnose case after case; closes the connection also when the caller stops early."""
    diagnosis = Diagnosis()
    try:
        for case in cases:
            reply = runner.ask(case)
            yield diagnosis.named(scoring.score(case, reply, runner.hello.profile), reply)
    finally:
        runner.close()
