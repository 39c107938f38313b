"""Reports: what a run found, summarised by method and level, its failures in words, and the whole as JSON.

The JSON is described by `report.schema.json` beside this file. `report_table` draws a report in a terminal,
`report_files` and `report_html` write it for other programs and for readers.
"""

import datetime
import os
import platform
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refopt import __version__
from refopt.conformance import behaviour, scoring
from refopt.conformance.printable import printable
from refopt.conformance.ratios import Comparison
from refopt.conformance.runner import Hello
from refopt.conformance.scoring import Score

FORMAT = "refopt-report/1"
EXIT_PASS, EXIT_FAILURES, EXIT_USAGE, EXIT_NOT_STARTED, EXIT_CORRUPT, EXIT_NOTHING_RAN = range(6)


@dataclass
class Report:
    """What one run of `refopt verify` found.

    Attributes:
        hello: the adapter's introduction.
        adapter: the spec that the user gave, for reproduction commands.
        digest: root digest of the vectors.
        total: number of cases selected.
        options: further options of a reproduction command.
        seed: seed of the order, or None.
        scores: verdicts in the order of the run.
        seconds: how long the run took.
        interrupted: whether the user stopped it.
        way: the option that named the adapter.
        errors: what fails the run beside its cases, in sentences, such as an expired known failure.
        started: when it began, ISO 8601 in UTC.
        unexamined: failures that were not compared with the known mistakes, for want of time.
        twins: how many cases were put a second time, under another id or with permuted coordinates.
        differing: of how many of these the second answer differed.
    """

    hello: Hello
    adapter: str
    digest: str
    total: int
    options: Sequence[str] = ()
    seed: int | None = None
    scores: list[Score] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False
    way: str = "--adapter"
    errors: list[str] = field(default_factory=list)
    started: str = field(default_factory=lambda: _now())
    unexamined: int = 0
    twins: int = 0
    differing: int = 0

    @property
    def counts(self) -> Counter[str]:
        """Number of cases by verdict."""
        return Counter(score.verdict for score in self.scores)

    @property
    def failures(self) -> list[Score]:
        """Scores that are neither passes nor left out."""
        return [score for score in self.scores if score.verdict not in scoring.PASSES + scoring.NEUTRAL]

    @property
    def exit_status(self) -> int:
        """0 when something ran and all of it passed, 1 on a failure, 5 when nothing ran."""
        if self.failures or self.errors:
            return EXIT_FAILURES
        ran = any(score.verdict in (*scoring.PASSES, "xfail") for score in self.scores)
        return EXIT_PASS if ran else EXIT_NOTHING_RAN

    def headline(self) -> str:
        """Return one line with every count, those left out included."""
        counts = self.counts
        shown = [*ALWAYS, *(verdict for verdict in counts if verdict not in ALWAYS)]
        parts = [f"{counts[verdict]} {verdict}" for verdict in shown]
        missing = self.total - len(self.scores)
        parts += [f"{missing} not reached"] if missing else []
        return f"{', '.join(parts)} of {self.total} cases in {self.seconds:.1f} s"

    def reproduction(self, score: Score) -> str:
        """Return the command that runs one case again."""
        words = ["refopt", "verify", self.way, self.adapter, *self.options, "--only", score.case.id]
        return shlex.join(words)


ALWAYS = ("pass", "pass-alt", "fail", "skip")
"""Verdicts that every headline counts, also where they are zero."""


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def environment() -> dict[str, Any]:
    """Say on what a run was made: versions, system, cores."""
    return {
        "refopt": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


def table_rows(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Summarise scores by method and level: counts by verdict, worst ratio, fewest digits."""
    rows = []
    for key in sorted({(score.case.method, score.case.level) for score in scores}):
        group = [score for score in scores if (score.case.method, score.case.level) == key]
        compared = [score for score in group if score.ratio is not None]
        rows.append(
            {
                "method": key[0],
                "level": key[1],
                "cases": len(group),
                "counts": dict(Counter(score.verdict for score in group)),
                "ratio": max((score.ratio or 0.0 for score in compared), default=None),
                "digits": min((score.digits for score in compared if score.digits is not None), default=None),
            }
        )
    return rows


def introduction(hello: Hello) -> dict[str, Any]:
    """Return what an adapter says of itself, safe to show."""
    return {
        "name": printable(hello.name),
        "version": printable(hello.version),
        "language": printable(hello.language),
        "capabilities": [printable(name) for name in hello.capabilities],
        "profile": {printable(key): printable(value) for key, value in hello.profile.items()},
        "dtypes": [printable(dtype) for dtype in hello.dtypes],
    }


def to_json(report: Report) -> dict[str, Any]:
    """Return the whole report as JSON data, without NaN or infinities."""
    return {
        "format": FORMAT,
        "adapter": {"spec": report.adapter, **introduction(report.hello)},
        "vectors": {"digest": report.digest},
        "environment": environment(),
        "started": report.started,
        "selected": report.total,
        "seed": report.seed,
        "twins": {"put": report.twins, "differing": report.differing},
        "interrupted": report.interrupted,
        "seconds": round(report.seconds, 3),
        "exit_status": report.exit_status,
        "counts": dict(report.counts),
        "errors": report.errors,
        "notes": notes(report),
        "mistakes": mistake_counts(report),
        "table": [{**row, "ratio": _finite(row["ratio"])} for row in table_rows(report.scores)],
        "results": [_result(report, score) for score in report.scores],
    }


def _result(report: Report, score: Score) -> dict[str, Any]:
    case = score.case
    found: dict[str, Any] = {
        "id": case.id,
        "method": case.method,
        "level": case.level,
        "op": case.op,
        "dtype": case.dtype,
        "verdict": score.verdict,
        "profile": score.profile,
        "reason": printable(score.reason),
        "first": score.first,
        "ratio": _finite(score.ratio),
        "digits": _finite(score.digits),
        "quantities": [_quantity(name, found) for name, found in score.quantities.items()],
        "seconds": round(score.seconds, 6),
        "reproduce": report.reproduction(score),
    }
    if score.verdict in scoring.FAILURES:
        found |= {"comment": case.comment, "source": case.source, "flags": dict(case.flags)}
        found["mistakes"] = [entry._asdict() for entry in score.mistakes]
    if score.evaluations:
        found["evaluations"] = dict(score.evaluations)
    return found


def _quantity(name: str, found: Comparison) -> dict[str, Any]:
    # Only what is there: most of a report are quantities that pass.
    numbers = {"ratio": found.ratio, "threshold": found.threshold, "digits": found.digits}
    numbers |= {"step": found.step, "given": found.given, "expected": found.expected}
    entry: dict[str, Any] = {"name": name, "passed": found.passed}
    entry |= {key: number for key, number in numbers.items() if _finite(number) is not None}
    if found.reason:
        entry["reason"] = printable(found.reason)
    if found.position is not None:
        entry["position"] = list(found.position)
    if found.steps:
        entry["steps"] = [None if _finite(ratio) is None else float(f"{ratio:.3g}") for ratio in found.steps]
    return entry


def _finite(number: float | None) -> float | None:
    return number if number is not None and abs(number) < float("inf") else None


def profile_text(hello: Hello) -> str:
    """Write an adapter's choices in one line, "default" where it declares none."""
    return ", ".join(f"{key}={value}" for key, value in hello.profile.items()) or "default"


def skip_lines(report: Report) -> list[str]:
    """Say for each reason how many cases were left out; operations that are not offered share a line."""
    skipped = [score for score in report.scores if score.verdict == "skip"]
    missing = [score.case.op for score in skipped if score.case.op not in report.hello.capabilities]
    others = Counter(score.reason for score in skipped if score.case.op in report.hello.capabilities)
    lines = [f"skip {number}: {reason}" for reason, number in others.items()]
    if missing:
        lines.append(f"skip {len(missing)}: operations not offered: {', '.join(dict.fromkeys(missing))}")
    return lines


def notes(report: Report) -> list[str]:
    """Say how many cases were put twice, and of which operations only refusals passed.

    A method that always raises passes those.
    """
    passed = [score.case for score in report.scores if score.verdict in scoring.PASSES]
    refused = Counter(case.op for case in passed if behaviour.refuses(case))
    ordinary = {case.op for case in passed if not behaviour.refuses(case)}
    twice = [f"note: {report.twins} cases were put twice; {report.differing} were answered differently"]
    return (twice if report.twins else []) + [
        f"note: {op} passed {number} refusals of bad input and no ordinary case; alone they show nothing"
        for op, number in refused.items()
        if op not in ordinary
    ]


def mistake_lines(score: Score) -> list[str]:
    """Say which known mistakes a wrong answer equals, and to how many digits."""
    return [
        f'your output equals the mistake "{entry.name}"{_to_digits(entry.digits)}: {entry.sentence}'
        for entry in score.mistakes
    ]


def mistake_counts(report: Report) -> list[str]:
    """Say of each mistake how many failures of the run equal it, the most frequent first."""
    counted = Counter(entry.name for score in report.scores for entry in score.mistakes)
    failed = report.counts["fail"]
    lines = [
        f'mistake: {number} of {failed} failures equal "{name}"' for name, number in counted.most_common()
    ]
    if report.unexamined:
        lines.append(
            f"{report.unexamined} failures were not compared with the known mistakes, for want of time"
        )
    return lines


def _to_digits(digits: float | None) -> str:
    return "" if digits is None else f" to {digits:.0f} digits"


def deviations(score: Score) -> list[str]:
    """Say of each deviating quantity where and how far, unless the verdict's own sentence says it."""
    lines = [f"{name} {describe(found)}" for name, found in score.quantities.items() if not found.passed]
    said = score.reason.replace("`", "")
    return [line for line in lines if line not in said]


def describe(found: Any) -> str:
    """Say where and how far a quantity deviates, in the words of a `Comparison`."""
    where = f" at step {found.step}" if found.step is not None else ""
    where += f", entry {list(found.position)}" if found.position else ""
    if found.ratio is None:
        return found.reason + where
    measured = f"ratio {found.ratio:.3g} (allowed {found.threshold:g}), {found.digits:.1f} digits"
    numbers = "" if found.given is None else f"; given {found.given:.17g}, expected {found.expected:.17g}"
    return f"{found.reason.rstrip('.')}{where}: {measured}{numbers}"
