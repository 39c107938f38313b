"""`refopt verify`: run the cases against an adapter, print the report, write it where asked."""

import argparse
import contextlib
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from refopt import cli_reports, cli_ways
from refopt.cli_cases import add_selection, print_cases, selected
from refopt.cli_common import INTERRUPTED, Usage, say, silence


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    verify = commands.add_parser("verify", help="check an implementation against the oracle's values")
    cli_ways.add(verify)
    add_selection(verify)
    verify.add_argument("--list", action="store_true", help="list the chosen cases and run nothing")
    cli_reports.add(verify)
    verify.set_defaults(command=verify_command)


def verify_command(options: argparse.Namespace) -> int:
    """`refopt verify`."""
    from refopt.conformance.answers import UnusableAnswers
    from refopt.conformance.loading import UnknownAdapter
    from refopt.conformance.report import EXIT_NOT_STARTED
    from refopt.conformance.runner import NoSuchAdapter, NotStarted
    from refopt.conformance.verify import judge

    if cli_reports.are_two_files(options):
        return cli_reports.compare_files(options.compare)
    cli_ways.check_options(options)
    vectors, cases = selected(options)
    if options.list:
        return print_cases(cases)
    reports = cli_reports.Reports(options, [case.id for case in vectors.cases])
    subject = cli_ways.subject(options)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    try:
        with _stopped_by_signals(), _progress(len(cases)) as progress:
            if options.answers is not None:
                asking, cases = cli_ways.answers(options, cases, vectors.cases)
                seed = asking.seed
            else:
                asking = cli_ways.runner(options, seed)
            report = judge(
                asking,
                cases,
                subject,
                digest=vectors.digest,
                seed=seed,
                progress=progress,
                choices=None if options.vectors else vectors.choices,
            )
    except UnusableAnswers as error:
        raise Usage(f"`--answers` is {options.answers}: {error}") from None
    except (UnknownAdapter, NoSuchAdapter) as error:
        raise Usage(f"{error}{cli_ways.known_names(options)}") from None
    except NotStarted as error:
        missing = options.adapter in cli_ways.short_names() and "ModuleNotFoundError" in str(error)
        install = "; install refopt[peers]" if missing else ""
        say(f"refopt: the adapter {subject.spec} did not start: {error}{install}", sys.stderr)
        return EXIT_NOT_STARTED
    status = reports.judge(report)
    try:
        reports.show(report)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # rich turns the first into the second; the verdict stands
        silence()
    return INTERRUPTED if report.interrupted else status


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let the signals that end a job stop the run as Ctrl-C does: with its report, and no process left."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    names = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
    ours = threading.current_thread() is threading.main_thread()
    numbers = [number for number in names if ours and number is not None]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _progress:
    """A progress bar on stderr, where that is a terminal."""

    def __init__(self, total: int):
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._total = total

    def __enter__(self) -> Callable[[Any], None]:
        self._bar.start()
        task = self._bar.add_task("verify", total=self._total)
        return lambda score: self._bar.advance(task)

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()
