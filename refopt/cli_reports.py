"""What `refopt verify` writes beside its table: reports as files, known failures, comparisons."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from refopt.cli_common import Usage, check_writable, say

WRITTEN = ("json", "junit", "html", "badge", "write_known")


def add(verify: argparse.ArgumentParser) -> None:
    """Add the options to the parser of `refopt verify`."""
    verify.add_argument("--json", metavar="PATH", help="write the report as JSON; - is stdout")
    verify.add_argument("--junit", metavar="PATH", help="write it as JUnit XML, for continuous integration")
    verify.add_argument("--html", metavar="PATH", help="write it as one page that needs nothing else")
    verify.add_argument("--badge", metavar="PATH", help="write a badge in the endpoint format of shields.io")
    verify.add_argument("--known", type=Path, metavar="PATH", help="known failures, TOML; see --write-known")
    verify.add_argument("--write-known", metavar="PATH", help="write this run's failures as known failures")
    verify.add_argument(
        "--compare",
        type=Path,
        nargs="+",
        metavar="REPORT",
        help="compare this run with an earlier report (JSON), or two reports without a run",
    )


class Reports:
    """What the options ask for, read and checked before the run.

    Args:
        options: of `refopt verify`.
        ids: every id of the vectors, chosen or not.
    """

    def __init__(self, options: argparse.Namespace, ids: Sequence[str]):
        from refopt.conformance import known_failures

        _check_paths(options)
        self._options = options
        self._old = _read_report(options.compare[0]) if options.compare else None
        self._compared: list[str] = []
        self._known = None
        if options.known is not None:
            try:
                self._known = known_failures.load(options.known, ids)
            except known_failures.UnusableList as error:
                raise Usage(f"`--known`: {error}") from None

    def judge(self, report: Any) -> int:
        """Put a run under the known failures and beside the earlier report; return its exit status."""
        from refopt.conformance import report_changes
        from refopt.conformance.report import EXIT_FAILURES, to_json

        if self._known is not None:
            self._known.apply(report)
        status: int = report.exit_status
        if self._old is not None:
            new = to_json(report)
            self._compared = report_changes.lines(self._old, new)
            if status == 0 and report_changes.is_worse(report_changes.changes(self._old, new)):
                status = EXIT_FAILURES
        return status

    def show(self, report: Any) -> None:
        """Write every file, then draw the table, whose reader may have gone."""
        self._write(report)
        self._draw(report)

    def _write(self, report: Any) -> None:
        from refopt.conformance import known_failures, report_files, report_html

        options = self._options
        writers = {
            "json": report_files.json_text,
            "junit": report_files.junit,
            "html": report_html.html,
            "badge": report_files.badge,
            "write_known": lambda report: known_failures.text(
                known_failures.listed_failures(report.scores), self._known
            ),
        }
        for name, writer in writers.items():
            path = getattr(options, name)
            if path is None or path == "-":
                continue
            try:
                Path(path).write_text(writer(report), encoding="utf-8")
            except OSError as error:
                raise Usage(
                    f"`{_flag(name)}` is {path}, which cannot be written: {error.strerror}."
                ) from None

    def _draw(self, report: Any) -> None:
        from rich.console import Console
        from rich.markup import escape

        from refopt.conformance.printable import printable
        from refopt.conformance.report_files import json_text
        from refopt.conformance.report_table import draw

        aside = self._options.json == "-"
        console = Console(stderr=aside)
        if not console.is_terminal:
            console = Console(stderr=aside, width=110)  # a log file has no width of its own
        draw(report, console)
        if self._compared:
            console.print(f"\n[bold]compared with {escape(printable(self._options.compare[0]))}[/]")
        for line in self._compared:
            console.print(escape(printable(line)), highlight=False)
        if aside:
            sys.stdout.write(json_text(report))


def compare_files(paths: Sequence[Path]) -> int:
    """`refopt verify --compare OLD NEW`: print what changed; 1 where something got worse."""
    from refopt.conformance import report_changes
    from refopt.conformance.printable import printable
    from refopt.conformance.report import EXIT_FAILURES, EXIT_PASS

    old, new = map(_read_report, paths)
    for line in report_changes.lines(old, new):
        say(printable(line))
    return EXIT_FAILURES if report_changes.is_worse(report_changes.changes(old, new)) else EXIT_PASS


def are_two_files(options: argparse.Namespace) -> bool:
    """Say whether two reports are to be compared without a run.

    Raises:
        Usage: more than two are given.
    """
    number = len(options.compare or ())
    if number > 2:
        raise Usage(f"`--compare` has {number} reports; give one, to compare with this run, or two.")
    return number == 2


def _check_paths(options: argparse.Namespace) -> None:
    taken: dict[Path, str] = {}
    for name in WRITTEN:
        path = getattr(options, name)
        if path is None or (name == "json" and path == "-"):
            continue
        check_writable(_flag(name), path)
        other = taken.setdefault(Path(path).resolve(), _flag(name))
        if other != _flag(name):
            raise Usage(f"`{_flag(name)}` is {path}, which `{other}` writes too.")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _read_report(path: Path) -> Mapping[str, Any]:
    from refopt.conformance import report_changes

    try:
        return report_changes.read(path)
    except report_changes.UnreadableReport as error:
        raise Usage(f"`--compare`: {error}") from None
