"""Connections to an adapter: a process of its own behind pipes, or, on request, this very process.

Every exchange with a process has a deadline and ends in an answer or in one of three errors. Three threads
move bytes, so that a process that never reads, never writes or floods its stderr cannot block the runner; a
killed process takes its process group with it.
"""

import collections
import contextlib
import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from refopt.conformance import wire
from refopt.conformance.adapter import Adapter

LINE_LIMIT = 64 * 2**20  # bytes of one answer; the largest honest one is below 1 MiB
STDERR_KEPT = 16  # chunks of at most 4 KiB: the end of what the adapter said
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class DeadlineError(Exception):
    """The adapter gave no answer in time."""


class CrashError(Exception):
    """The adapter's process ended without an answer."""


class ProtocolError(Exception):
    """The adapter's process wrote something that is not an answer to the request."""


class Connection(Protocol):
    """A place where an adapter answers."""

    def exchange(self, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Send a request, return its answer; raises DeadlineError, CrashError or ProtocolError."""

    def close(self) -> None:
        """End it in peace; never raises, never waits long."""

    def kill(self) -> None:
        """End it after a mishap."""


class InProcess:
    """An adapter in this process: for debuggers and profilers, without deadline and protection."""

    def __init__(self, adapter: str, backend: str | None):
        self._spec, self._backend = adapter, backend
        self._adapter: Adapter | None = None

    def exchange(self, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Call the adapter; messages are encoded and decoded as on a pipe, so both ways mean the same."""
        from refopt.conformance import worker

        request = wire.read(wire.write(request))
        if request["cmd"] == "hello":
            self._adapter, reply = worker.hello(self._spec, self._backend)
        else:
            assert self._adapter is not None, "hello comes first"
            reply = worker.answer(self._adapter, request)
        return wire.read(wire.write(reply))

    def close(self) -> None:
        """Drop the adapter."""
        self._adapter = None

    kill = close


class Subprocess:
    """An adapter behind the pipes of a process of its own, in a process group of its own."""

    def __init__(self, argv: list[str]):
        environment = {**dict.fromkeys(THREADS, "1"), **os.environ}
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._ids = itertools.count(1)
        self._answers: queue.Queue[bytes | None] = queue.Queue()
        self._requests: queue.Queue[bytes | None] = queue.Queue()
        self._said: collections.deque[bytes] = collections.deque(maxlen=STDERR_KEPT)
        work = (self._read_answers, self._read_stderr, self._write_requests)
        self._threads = [threading.Thread(target=task, daemon=True) for task in work]
        for thread in self._threads:
            thread.start()

    def exchange(self, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Send a request and wait at most `deadline` seconds for the answer that carries its id."""
        identifier = next(self._ids)
        self._requests.put(wire.write({"id": identifier, **request}))
        end = time.monotonic() + deadline
        try:
            line = self._answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            raise DeadlineError(f"no answer within {deadline:g} s.") from None
        if line is None:
            raise CrashError(self._epitaph())
        if not line.endswith(b"\n"):
            raise ProtocolError(f"an answer is cut off or longer than {LINE_LIMIT // 2**20} MiB.")
        try:
            reply = wire.read(line)
        except wire.MalformedMessage as error:
            raise ProtocolError(str(error)) from None
        if reply.get("id") != identifier:
            raise ProtocolError(f"the answer has the id {reply.get('id')!r}, {identifier} was asked.")
        return reply

    def said(self) -> str:
        """Return the end of what the adapter wrote to stderr."""
        return b"".join(self._said).decode("utf-8", errors="replace")

    def close(self) -> None:
        """Ask the process to end and give it half a second, then kill what is left."""
        self._requests.put(wire.write({"id": 0, "cmd": "bye"}))
        self._requests.put(None)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.5)
        self.kill()

    def kill(self) -> None:
        """Kill the process and everything in its group, now."""
        self._requests.put(None)
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        for thread in self._threads:  # they end with the pipes, unless a stranger still holds one
            thread.join(timeout=1)

    def _epitaph(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)
        code = self._process.returncode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit status {code}"
        lines = self.said().strip().splitlines()
        return f"the adapter's process ended {how}" + (f"; it said last: {lines[-1][:200]}" if lines else ".")

    def _read_answers(self) -> None:
        with contextlib.suppress(OSError, ValueError), _open(self._process.stdout) as stream:
            while line := stream.readline(LINE_LIMIT):
                self._answers.put(line)
        self._answers.put(None)

    def _read_stderr(self) -> None:
        with contextlib.suppress(OSError, ValueError), _open(self._process.stderr) as stream:
            while chunk := os.read(stream.fileno(), 4096):
                self._said.append(chunk)

    def _write_requests(self) -> None:
        with contextlib.suppress(OSError, ValueError), _open(self._process.stdin) as stream:
            while (line := self._requests.get()) is not None:
                stream.write(line)
                stream.flush()


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "the process was opened with pipes"
    return stream


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
