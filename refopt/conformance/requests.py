"""What an adapter is asked: the messages of a runner, the same on a pipe and in an exported file.

A request carries what the case gives and nothing of what is expected. Its id carries no information about the
case: the seed of the run, by which it can be found again, and a hash.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from refopt.conformance import wire
from refopt.conformance.vectors import Case

SEEDS = 2**32  # a seed is one of 0, ..., SEEDS - 1; it stands in the first 8 digits of every id


def token(seed: int, name: str) -> str:
    """Return the id on the wire of a case's id (or of any other name) under a seed."""
    return f"{seed:08x}-{hashlib.sha256(f'{seed:08x} {name}'.encode()).hexdigest()[:12]}"


def seed_of(identifier: Any) -> int | None:
    """Return the seed in an id on the wire, or None where it is no such id."""
    head, _, tail = str(identifier).partition("-")
    if len(head) != 8 or len(tail) != 12 or not set(head + tail) <= set("0123456789abcdef"):
        return None
    return int(head, 16)


def hello_token(seed: int, cases: Iterable[Case]) -> str:
    """Return the id of a "hello", which stands for the whole selection of cases, whatever their order."""
    return token(seed, "hello " + " ".join(sorted(case.id for case in cases)))


def hello(identifier: str, callbacks: bool) -> dict[str, Any]:
    """Return the first message; `callbacks` says whether a "need" is answered."""
    return {"id": identifier, "cmd": "hello", "protocol": wire.PROTOCOL, "callbacks": callbacks}


def run(case: Case, seed: int) -> dict[str, Any]:
    """Return the message that puts a case to an adapter."""
    return {
        "id": token(seed, case.id),
        "cmd": "run",
        "op": case.op,
        "dtype": case.dtype,
        "in": case.inputs,
    }


def order(cases: Sequence[Case], seed: int | None) -> list[Case]:
    """Return the cases as they stand in the files, or shuffled by a seed."""
    shuffled = list(cases)
    if seed is not None:
        random.Random(seed).shuffle(shuffled)
    return shuffled


def export(cases: Sequence[Case], seed: int) -> Iterator[bytes]:
    """Yield the lines of a file of cases: "hello", then each case in the order of the seed."""
    yield wire.write(hello(hello_token(seed, cases), callbacks=False))
    for case in order(cases, seed):
        yield wire.write(run(case, seed))
