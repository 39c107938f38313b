"""A report in a terminal: the table by method and level, then the failures with where they start.

rich is imported only when a table is drawn.
"""

from collections.abc import Mapping
from typing import Any

from refopt.conformance.printable import printable
from refopt.conformance.report import (
    ALWAYS,
    Report,
    deviations,
    mistake_counts,
    mistake_lines,
    notes,
    profile_text,
    skip_lines,
    table_rows,
)
from refopt.conformance.scoring import Score

FAILURES_DRAWN = 10


def draw(report: Report, console: Any) -> None:
    """Print the table and the failures on a `rich.console.Console`."""
    from rich.table import Table

    hello = report.hello
    console.print(f"[bold]{_shown(hello.name)}[/] {_shown(hello.version)}, {_shown(hello.language)}")
    console.print(f"profile {_shown(profile_text(hello))}; vectors {report.digest[:12]}{_seed(report)}")
    table = Table()
    for title in (
        "method",
        "level",
        "cases",
        "pass",
        "alt",
        "fail",
        "skip",
        "other",
        "worst ratio",
        "digits",
    ):
        table.add_column(title, no_wrap=True, justify="left" if title in ("method", "level") else "right")
    for row in table_rows(report.scores):
        if row["counts"].get("skip") != row["cases"]:  # rows of skips only are counted below the table
            table.add_row(*_cells(row))
    console.print(table)
    for line in [*skip_lines(report), *notes(report)]:
        console.print(_shown(line), highlight=False)
    for line in report.errors:
        console.print(f"[bold red]error[/]: {_shown(line)}", highlight=False)
    for score in report.failures[:FAILURES_DRAWN]:
        _draw_failure(report, score, console)
    if len(report.failures) > FAILURES_DRAWN:
        more = len(report.failures) - FAILURES_DRAWN
        console.print(f"\nand {more} further failures; `--json PATH` lists them all", highlight=False)
    for line in mistake_counts(report):
        console.print(_shown(line), highlight=False)
    stopped = "[bold]stopped by the user[/]: " if report.interrupted else ""
    console.print(f"{stopped}[bold {'green' if report.exit_status == 0 else 'red'}]{report.headline()}[/]")


def _seed(report: Report) -> str:
    return "" if report.seed is None else f"; seed {report.seed}"


def _shown(text: object) -> str:
    from rich.markup import escape

    return escape(printable(text))


def _cells(row: Mapping[str, Any]) -> list[str]:
    counts = row["counts"]
    other = sum(number for verdict, number in counts.items() if verdict not in ALWAYS)
    numbers = [row["cases"], *(counts.get(verdict, 0) for verdict in ALWAYS), other]
    ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2g}"
    digits = "-" if row["digits"] is None else f"{row['digits']:.1f}"
    return [row["method"], row["level"], *map(str, numbers), ratio, digits]


def _draw_failure(report: Report, score: Score, console: Any) -> None:
    case = score.case
    lines = [
        f"\n[bold red]{score.verdict}[/] [bold]{_shown(case.id)}[/]: {_shown(score.reason)}",
        *(f"  {_shown(line)}" for line in deviations(score)),
        *(f"  [bold]{_shown(line)}[/]" for line in mistake_lines(score)),
        f"  the case: {_shown(case.comment)} ({_shown(case.source)})",
        *(f"  {_shown(flag)}: {_shown(meaning)}" for flag, meaning in case.flags.items()),
        f"  {_shown(report.reproduction(score))}",
    ]
    for line in lines:  # a log is searched by line, and a terminal breaks lines itself
        console.print(line, highlight=False, soft_wrap=True)
