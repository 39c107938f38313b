"""Every planted fault and every benign variant on all cases that are put to it, shared out over processes."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from faults.patching import Benign, Fault
from faults.trial import CLEAR, SEPARATION, Kill, judged, relevant, vectors


@dataclass(frozen=True)
class Row:
    """What the cases say to a fault or a variant.

    Attributes:
        name: of the fault or the variant.
        put: how many cases were put to it.
        kills: those that fail, the clearest first.
    """

    name: str
    put: int
    kills: tuple[Kill, ...]

    @property
    def clear(self) -> tuple[Kill, ...]:
        """The kills that no rounding explains."""
        return tuple(kill for kill in self.kills if kill.separation >= SEPARATION)

    @property
    def verdict(self) -> str:
        """Of a fault: killed by enough clear cases, weak, or survived."""
        return "killed" if len(self.clear) >= CLEAR else "weak" if self.kills else "survives"

    def by_operation(self) -> dict[str, tuple[int, int]]:
        """How many cases of each operation kill clearly, and how many there are; none that kills none."""
        ops = {case.id: case.op for case in vectors()}
        counts = Counter(ops[kill.case] for kill in self.clear)
        there = Counter(ops.values())
        return {op: (count, there[op]) for op, count in counts.most_common()}


def row(entry: Fault | Benign) -> Row:
    """Puts one fault or variant to all its cases.

    Raises:
        DoesNotApply: when a fragment that it changes is gone.
    """
    cases = relevant(entry.ops)
    found = (kill for kill in judged(cases, entry.changes) if kill)
    return Row(entry.name, len(cases), tuple(sorted(found, key=lambda kill: (-kill.separation, kill.case))))


def rows(entries: Iterable[Fault | Benign], jobs: int = 1) -> Iterator[Row]:
    """The rows in the order of the entries; with several jobs, each process plants in its own refopt."""
    if jobs == 1:
        yield from map(row, entries)
        return
    start = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=start) as pool:
        yield from pool.map(row, entries)
