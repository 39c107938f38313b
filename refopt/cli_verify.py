"""`refopt verify`: run the cases against an adapter, print the report, write it where asked."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from refopt.arrays import BACKENDS
from refopt.cli_cases import add_selection, print_cases, selected
from refopt.cli_common import INTERRUPTED, Usage, check_writable, say, silence


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    from refopt.conformance.runner import DEADLINE

    verify = commands.add_parser("verify", help="check an implementation against the oracle's values")
    verify.add_argument(
        "--adapter",
        default="reference",
        help="pkg.mod:Class, file.py:Class or a short name; default: refopt itself",
    )
    add_selection(verify)
    verify.add_argument("--list", action="store_true", help="list the chosen cases and run nothing")
    verify.add_argument("--json", metavar="PATH", help="write the report as JSON; - is stdout")
    verify.add_argument("--backend", choices=BACKENDS, help="array library of refopt's own adapter")
    verify.add_argument("--deadline", type=float, default=DEADLINE, metavar="S", help="seconds for one case")
    verify.add_argument("--in-process", action="store_true", help="no process of its own, no deadline")
    verify.add_argument("--seed", type=int, help="shuffle the cases")
    verify.set_defaults(command=verify_command)


def verify_command(options: argparse.Namespace) -> int:
    """`refopt verify`."""
    from refopt.adapters import AVAILABLE
    from refopt.conformance import loading
    from refopt.conformance.report import EXIT_NOT_STARTED
    from refopt.conformance.runner import DEADLINE, NoSuchAdapter, NotStarted
    from refopt.conformance.verify import verify

    if not 0 < options.deadline < float("inf"):
        raise Usage(f"`--deadline` is {options.deadline:g}; it must be positive and finite.")
    vectors, cases = selected(options)
    if options.list:
        return print_cases(cases)
    if options.json != "-":
        check_writable("--json", options.json)
    repeat = ["--backend", options.backend] if options.backend else []
    repeat += ["--vectors", str(options.vectors)] if options.vectors else []
    repeat += [f"--deadline={options.deadline:g}"] if options.deadline != DEADLINE else []
    repeat += ["--in-process"] if options.in_process else []
    try:
        with _progress(len(cases)) as progress:
            report = verify(
                AVAILABLE.get(options.adapter, options.adapter),
                cases,
                digest=vectors.digest,
                backend=options.backend,
                deadline=options.deadline,
                in_process=options.in_process,
                seed=options.seed,
                progress=progress,
                spec=options.adapter,
                options=repeat,
                choices=None if options.vectors else vectors.choices,
            )
    except (loading.UnknownAdapter, NoSuchAdapter) as error:
        known = f" Known names: {', '.join(AVAILABLE)}." if ":" not in options.adapter else ""
        raise Usage(f"{error}{known}{loading.suggestion(options.adapter, list(AVAILABLE))}") from None
    except NotStarted as error:
        missing = options.adapter in AVAILABLE and "ModuleNotFoundError" in str(error)
        install = "; install refopt[peers]" if missing else ""
        say(f"refopt: the adapter {options.adapter} did not start: {error}{install}", sys.stderr)
        return EXIT_NOT_STARTED
    status = INTERRUPTED if report.interrupted else report.exit_status
    try:
        _write(report, options.json)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # rich turns the first into the second; the verdict stands
        silence()
    return status


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


def _write(report: Any, path: str | None) -> None:
    from rich.console import Console

    from refopt.conformance.report import draw, to_json

    console = Console(stderr=path == "-")
    if not console.is_terminal:
        console = Console(stderr=path == "-", width=110)  # a log file has no width of its own
    draw(report, console)
    if path is None:
        return
    text = json.dumps(to_json(report), indent=1, allow_nan=False) + "\n"
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Usage(f"`--json` is {path}, which cannot be written: {error.strerror}.") from None
