"""The adapter's side of the exchange: reads requests, calls the adapter, writes answers, one JSON line each.

It runs in its own process. File descriptor 1 is moved out of the adapter's reach and joined to stderr, so
that whatever the adapter or a library below it prints cannot break the protocol; descriptor 0 likewise
becomes empty.
"""

import functools
import inspect
import os
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from refopt.conformance import wire
from refopt.conformance.adapter import Adapter, Skip, capabilities
from refopt.conformance.given import GivenProblem
from refopt.conformance.loading import UnknownAdapter, load
from refopt.conformance.ops import OPERATIONS, flatten

DELIBERATE = (ValueError, TypeError, ArithmeticError)
ACCIDENTAL = (ZeroDivisionError, UnicodeError)


def hello(spec: str, backend: str | None) -> tuple[Adapter | None, dict[str, Any]]:
    """Make the adapter and introduce it.

    Returns:
        The adapter and the answer to "hello"; on failure None and an answer with status "unknown" (there is
        no such adapter) or "error" (it is there and does not start).
    """
    try:
        adapter = load(spec, backend)
        return adapter, {
            "status": "ok",
            "protocol": wire.PROTOCOL,
            "name": str(adapter.name),
            "version": str(adapter.version),
            "language": f"Python {sys.version.split()[0]}",
            "capabilities": capabilities(adapter),
            "profile": {str(key): str(value) for key, value in adapter.profile.items()},
            "dtypes": list(adapter.dtypes),
        }
    except UnknownAdapter as error:
        return None, {"status": "unknown", "message": str(error)}
    except (Exception, SystemExit) as error:
        return None, {"status": "error", "message": first_line(error)}


@functools.lru_cache(maxsize=32)
def given_problem(identifier: str, dtype: str) -> GivenProblem:
    """Load a problem once for each dtype."""
    return GivenProblem(identifier, dtype)


def answer(adapter: Adapter, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a "run" request: `ok` with `out`, or another status of `scoring.Reply` with `message`."""
    try:
        inputs = wire.decode(request["in"], request["dtype"])
        for name in ("problem", "curvature_problem"):
            if isinstance(inputs.get(name), str):
                inputs[name] = given_problem(inputs[name], request["dtype"])
    except Exception as error:  # not the adapter's doing, so never a refusal of bad input
        return {"status": "unprepared", "message": f"the inputs cannot be prepared: {first_line(error)}"}
    given = [inputs[name] for name in ("problem", "curvature_problem") if name in inputs]
    for problem in given:
        problem.evaluations.clear()
    reply = _call(adapter, request["op"], inputs)
    counts: Counter[str] = sum((problem.evaluations for problem in given), Counter())
    return {**reply, "evaluations": dict(counts)} if counts else reply


def _call(adapter: Adapter, op: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    operation = getattr(adapter, op)
    try:
        if untaken := _untaken(operation, op, inputs):
            return {"status": "skip", "message": f"`{op}` takes no {untaken}, which not every case has"}
        inspect.signature(operation).bind(**inputs)
    except (TypeError, ValueError) as error:  # a method that cannot be called at all refuses nothing
        message = f"`{op}` cannot take its inputs: {first_line(error)}"
        return {"status": "exception", "message": message}
    try:
        out = operation(**inputs)
    except Skip as reason:
        return {"status": "skip", "message": str(reason)}
    except (Exception, SystemExit) as error:
        deliberate = isinstance(error, DELIBERATE) and not isinstance(error, ACCIDENTAL)
        return {"status": "refused" if deliberate else "exception", "message": first_line(error)}
    if not isinstance(out, Mapping):
        message = f"`{op}` returned {type(out).__name__}, a dictionary is expected."
        return {"status": "exception", "message": message}
    try:
        return {"status": "ok", "out": wire.encode(flatten(out))}
    except Exception as error:  # of an answer, so no refusal of the input
        message = f"the answer of `{op}` cannot be sent: {first_line(error)}"
        return {"status": "exception", "message": message}


def _untaken(operation: Any, op: str, inputs: Mapping[str, Any]) -> str:
    """Name the inputs of a case that not every case has, and that the method does not know; "" for none."""
    parameters = inspect.signature(operation).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return ""
    takes = OPERATIONS[op].takes()
    names = [name for name in inputs if name not in parameters and not takes.get(name, True)]
    return " and no ".join(f"`{name}`" for name in names)


def first_line(error: BaseException) -> str:
    """Write an exception as "Type: first line of its message"."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def serve(spec: str, backend: str | None) -> None:
    """Answer requests until the runner says bye or closes the pipe."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0), os.dup2(2, 1)
    adapter = None
    for line in source:
        request = wire.read(line)
        if request["cmd"] == "bye":
            return
        if request["cmd"] == "hello":
            adapter, reply = hello(spec, backend)
        elif adapter is None:
            reply = {"status": "exception", "message": "the adapter did not start."}
        else:
            reply = answer(adapter, request)
        sink.write(wire.write({"id": request["id"], **reply}))
        sink.flush()
