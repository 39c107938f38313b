"""Connections to an adapter: a process of its own behind pipes, or, on request, this very process.

Every exchange with a process has a deadline and ends in an answer or in one of four errors. Three threads
move bytes, so that a process that never reads, never writes or floods its stderr cannot block the runner, and
what they hold is bounded; a killed process takes along everything that it has started.
"""

import collections
import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from refopt.conformance import children, wire
from refopt.conformance.adapter import Adapter

LINE_LIMIT = 2 * 2**20  # bytes of one answer; the largest honest one has 0.4 MiB; reading takes 25 times it
LINES_WAITING = 2  # lines that are read before somebody asks for them
STRAY_LINES = 20  # beside an answer, before the adapter counts as babbling
STDERR_KEPT = 16  # chunks of at most 4 KiB: the end of what the adapter said
PATIENCE = 0.5  # seconds for what an ended process has left in its pipes, and for the end after "bye"


class DeadlineError(Exception):
    """The adapter gave no answer in time."""


class CrashError(Exception):
    """The adapter's process ended without an answer."""


class ProtocolError(Exception):
    """The adapter's process wrote something that is not an answer to the request."""


class OutputLimitError(Exception):
    """The adapter's process wrote more than an answer may hold."""


class Connection(Protocol):
    """A place where an adapter answers.

    Attributes:
        strays: by the id of an earlier request, what is wrong with what followed its answer.
    """

    strays: dict[str, str]

    def exchange(self, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Send a request, return the answer with its id; raises one of the four errors of this module."""

    def close(self) -> None:
        """End it in peace; never raises, never waits long."""

    def kill(self) -> None:
        """End it after a mishap."""


class InProcess:
    """An adapter in this process: for debuggers and profilers, without deadline and protection."""

    def __init__(self, adapter: str, backend: str | None):
        self._spec, self._backend = adapter, backend
        self._adapter: Adapter | None = None
        self.strays: dict[str, str] = {}

    def exchange(self, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Call the adapter; messages are encoded and decoded as on a pipe, so both ways mean the same."""
        from refopt.conformance import worker

        request = wire.read(wire.write(request))
        if request["cmd"] == "hello":
            self._adapter, reply = worker.hello(self._spec, self._backend)
        else:
            assert self._adapter is not None, "hello comes first"
            reply = worker.answer(self._adapter, request)
        return wire.read(wire.write({"id": request["id"], **reply}))

    def close(self) -> None:
        """Drop the adapter."""
        self._adapter = None

    kill = close


class Subprocess:
    """An adapter behind the pipes of a process of its own.

    Args:
        argv: program and arguments; no shell reads them.
        memory: most MiB of address space, or None.
    """

    def __init__(self, argv: list[str], memory: int | None = None):
        self._child = children.Child(argv, memory)
        self.strays: dict[str, str] = {}
        self._asked: dict[str, None] = {}  # the ids so far; the last one is the current request's
        self._answers: queue.Queue[bytes | None] = queue.Queue(LINES_WAITING)
        self._requests: queue.Queue[bytes | None] = queue.Queue()
        self._said: collections.deque[bytes] = collections.deque(maxlen=STDERR_KEPT)
        self._abandoned = threading.Event()
        work = (self._read_answers, self._read_stderr, self._write_requests)
        self._threads = [threading.Thread(target=task, daemon=True) for task in work]
        for thread in self._threads:
            thread.start()

    def exchange(self, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Send a request and wait at most `deadline` seconds for the answer that carries its id."""
        identifier, end = request["id"], time.monotonic() + deadline
        if identifier not in self._asked:
            self._look_for_strays()
            self._asked[identifier] = None
        self._requests.put(wire.write(request))
        for line in self._lines(end):
            reply = _read(line)
            found = reply.get("id")
            if found == identifier:
                return reply
            if not isinstance(found, str) or found not in self._asked:
                raise ProtocolError(f"the answer has the id {clip(found)}, {identifier!r} was asked.")
            self.strays[found] = "was answered twice."
        raise CrashError(self._epitaph())

    def _lines(self, end: float) -> Iterator[bytes]:
        """Yield what the adapter writes until its process has ended; raises DeadlineError."""
        last = None  # when the process was first seen to have ended
        while True:
            now = time.monotonic()
            try:
                line = self._answers.get(timeout=max(0.0, min(end - now, 0.1)))
            except queue.Empty:
                if now >= end:
                    raise DeadlineError("no answer in time.") from None
                if last is None and self._child.ended():
                    last = now
                if last is not None and now - last > PATIENCE:  # somebody else holds the pipe
                    return
                continue
            if line is None:
                return
            yield line

    def _look_for_strays(self) -> None:
        """Charge what was written after the last answer to the request that it followed."""
        for _ in range(STRAY_LINES):
            try:
                line = self._answers.get_nowait()
            except queue.Empty:
                return
            if line is None:  # the end, which whoever waits for an answer must see too
                self._answers.put(None)
                return
            self._charge(line)
        raise ProtocolError(f"more than {STRAY_LINES} lines were written that nobody asked for.")

    def _charge(self, line: bytes) -> None:
        last = next(reversed(self._asked), None)
        try:
            found = _read(line).get("id")
        except (ProtocolError, OutputLimitError) as error:
            if last is not None:
                self.strays.setdefault(last, f"was answered, and then came a line too much: {error}")
            return
        if isinstance(found, str) and found in self._asked:
            self.strays[found] = "was answered twice."
        elif last is not None:
            self.strays.setdefault(last, f"was answered, and then came an answer to {clip(found)}.")

    def said(self) -> str:
        """Return the end of what the adapter wrote to stderr."""
        return b"".join(self._said).decode("utf-8", errors="replace")

    def close(self) -> None:
        """Ask the process to end and give it half a second, then kill what is left."""
        try:
            self._requests.put(wire.write({"cmd": "bye"}))
            self._requests.put(None)
            end = time.monotonic() + PATIENCE
            with contextlib.suppress(DeadlineError):
                for _, line in zip(range(STRAY_LINES), self._lines(end), strict=False):
                    self._charge(line)
            self._child.wait(max(0.0, end - time.monotonic()))
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill the process and everything that it has started, now."""
        self._abandoned.set()
        self._requests.put(None)
        self._child.kill()
        for thread in self._threads:  # they end with the pipes, unless a stranger still holds one
            thread.join(timeout=0.5)

    def _epitaph(self) -> str:
        self._child.wait(PATIENCE)
        self._threads[1].join(PATIENCE)  # its last words may still be in the pipe
        lines = self.said().strip().splitlines()
        last = f"; it said last: {lines[-1][:200]}" if lines else "."
        return f"the adapter's process ended {self._child.how()}{last}"

    def _read_answers(self) -> None:
        with contextlib.suppress(OSError, ValueError), _open(self._child.process.stdout) as stream:
            while line := stream.readline(LINE_LIMIT):
                if not self._hand_on(line):
                    return
        self._hand_on(None)

    def _hand_on(self, line: bytes | None) -> bool:
        while not self._abandoned.is_set():
            with contextlib.suppress(queue.Full):
                self._answers.put(line, timeout=0.1)
                return True
        return False

    def _read_stderr(self) -> None:
        with contextlib.suppress(OSError, ValueError), _open(self._child.process.stderr) as stream:
            while chunk := os.read(stream.fileno(), 4096):
                self._said.append(chunk)

    def _write_requests(self) -> None:
        with contextlib.suppress(OSError, ValueError), _open(self._child.process.stdin) as stream:
            while (line := self._requests.get()) is not None:
                stream.write(line)
                stream.flush()


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "the process was opened with pipes"
    return stream


def _read(line: bytes) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        if len(line) >= LINE_LIMIT:
            raise OutputLimitError(f"an answer is longer than {LINE_LIMIT // 2**20} MiB.")
        raise ProtocolError("an answer is cut off: its line has no end.")
    try:
        return wire.read(line)
    except wire.MalformedMessage as error:
        raise ProtocolError(f"{error} It begins {clip(line[:60])}.") from None


def clip(value: Any) -> str:
    """Write a stranger's value for a sentence, the first 60 characters of it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def python_worker(adapter: str, backend: str | None) -> list[str]:
    """Return the command that serves a Python adapter.

    The child searches modules where this process does, then in the current folder: so it runs the same refopt
    as the runner whatever lies in that folder, and still finds a user's modules there.
    """
    path = [entry for entry in sys.path if entry] + [str(Path.cwd())]
    program = (
        f"import sys; sys.path[:] = {path!r}; from refopt.conformance.worker import serve; "
        f"serve({adapter!r}, {backend!r})"
    )
    return [sys.executable, "-c", program]
