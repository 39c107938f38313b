"""The command `refopt`: verify code, list cases and problems, run an optimizer.

Bad input ends with one sentence on stderr and status 2; other statuses stand in `refopt.conformance.report`.
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from refopt import __version__, cli_run
from refopt.arrays import BACKENDS
from refopt.cli_run import Usage, say

INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one sentence instead of the whole usage."""
        raise Usage(f"{message} (see `{self.prog} --help`)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    try:
        options = parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
        status = command(options)
        sys.stdout.flush()
        return status
    except Usage as error:
        say(f"refopt: {error}", sys.stderr)
        return 2
    except KeyboardInterrupt:
        say("refopt: stopped.", sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `refopt cases | head`: nobody reads on
        _silence()
        return 0
    except OSError as error:
        _silence()
        say(f"refopt: the output cannot be written: {error.strerror or error}.", sys.stderr)
        return 1


def _silence() -> None:
    # What is still buffered would fail once more, with a traceback, when the interpreter ends.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = _Parser(prog="refopt", description="Reference and test oracle of curvature-aware optimizers.")
    top.add_argument("--version", action="version", version=f"refopt {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_verify(commands)
    _add_cases(commands)
    problems = commands.add_parser("problems", help="list the test problems")
    problems.set_defaults(command=list_problems)
    cli_run.add(commands)
    return top


def _add_selection(command: argparse.ArgumentParser) -> None:
    command.add_argument("--only", nargs="+", action="extend", default=[], metavar="GLOB", help="ids to keep")
    command.add_argument(
        "--method", nargs="+", action="extend", default=[], help="methods to keep, such as fosi"
    )
    command.add_argument("--level", nargs="+", action="extend", default=[], help="levels to keep, such as L3")
    command.add_argument(
        "--vectors", type=Path, metavar="DIR", help="vectors other than those that refopt ships"
    )


def _add_verify(commands: Any) -> None:
    from refopt.conformance.runner import DEADLINE

    verify = commands.add_parser("verify", help="check an implementation against the oracle's values")
    verify.add_argument(
        "--adapter",
        default="reference",
        help="pkg.mod:Class, file.py:Class or a short name; default: refopt itself",
    )
    _add_selection(verify)
    verify.add_argument("--list", action="store_true", help="list the chosen cases and run nothing")
    verify.add_argument("--json", metavar="PATH", help="write the report as JSON; - is stdout")
    verify.add_argument("--backend", choices=BACKENDS, help="array library of refopt's own adapter")
    verify.add_argument("--deadline", type=float, default=DEADLINE, metavar="S", help="seconds for one case")
    verify.add_argument("--in-process", action="store_true", help="no process of its own, no deadline")
    verify.add_argument("--seed", type=int, help="shuffle the cases")
    verify.set_defaults(command=verify_command)


def _add_cases(commands: Any) -> None:
    cases = commands.add_parser("cases", help="list the cases, or the operations an adapter may offer")
    _add_selection(cases)
    cases.add_argument("--operations", action="store_true", help="list the operations instead")
    cases.set_defaults(command=list_cases)


def verify_command(options: argparse.Namespace) -> int:
    """`refopt verify`."""
    from refopt.adapters import AVAILABLE
    from refopt.conformance import loading
    from refopt.conformance.report import EXIT_NOT_STARTED
    from refopt.conformance.runner import DEADLINE, NoSuchAdapter, NotStarted
    from refopt.conformance.verify import verify

    if not 0 < options.deadline < float("inf"):
        raise Usage(f"`--deadline` is {options.deadline:g}; it must be positive and finite.")
    vectors, cases = _selected(options)
    if options.list:
        return _print_cases(cases)
    if options.json != "-":
        cli_run.check_writable("--json", options.json)
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
        _silence()
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


def _selected(options: argparse.Namespace) -> tuple[Any, list[Any]]:
    from refopt import resources
    from refopt.conformance import vectors
    from refopt.conformance.report import EXIT_CORRUPT

    if options.vectors is not None and not options.vectors.is_dir():
        raise Usage(f"`--vectors` is {options.vectors}, which is not a folder.")
    try:
        found = vectors.load(options.vectors or resources.vectors_directory())
    except (vectors.CorruptVectors, FileNotFoundError) as error:
        say(f"refopt: the vectors are corrupt and nothing was run: {error}", sys.stderr)
        raise SystemExit(EXIT_CORRUPT) from None
    _known("--method", options.method, {case.method for case in found.cases})
    _known("--level", options.level, {case.level for case in found.cases})
    for pattern in options.only:
        if not vectors.select(found.cases, [pattern]):
            raise Usage(f"`--only` is {pattern!r}, which no case matches.{_near(pattern, found.cases)}")
    cases = vectors.select(found.cases, options.only, options.method, options.level)
    if not cases:
        raise Usage("no case is of this method, level and `--only` pattern together.")
    return found, cases


def _near(pattern: str, cases: Iterable[Any]) -> str:
    from refopt.conformance.loading import suggestion

    return suggestion(pattern, [case.id for case in cases])


def _known(option: str, given: Iterable[str], allowed: Iterable[str]) -> None:
    from refopt.conformance.loading import suggestion

    names = sorted(allowed)
    for name in given:
        if name not in names:
            raise Usage(f"`{option}` is {name!r}; allowed are {', '.join(names)}.{suggestion(name, names)}")


def list_cases(options: argparse.Namespace) -> int:
    """`refopt cases`."""
    from refopt.conformance.ops import OPERATIONS

    if options.operations:
        for operation in OPERATIONS.values():
            quantities = " ".join([*operation.required, *(f"[{name}]" for name in operation.optional)])
            say(f"{operation.name}({', '.join(operation.inputs)}) -> {quantities}\n    {operation.summary}")
        return 0
    return _print_cases(_selected(options)[1])


def _print_cases(cases: Iterable[Any]) -> int:
    for case in cases:
        say(f"{case.id}  {case.dtype}  {case.comment}")
    return 0


def list_problems(options: argparse.Namespace) -> int:
    """`refopt problems`."""
    from refopt.problems import list_problems

    for name in list_problems():
        say(name)
    return 0
