"""`refopt cases`, and the options that choose cases."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from refopt.cli_common import Usage, say


def add_selection(command: argparse.ArgumentParser) -> None:
    """Add the options that choose cases, which `selected` reads."""
    command.add_argument("--only", nargs="+", action="extend", default=[], metavar="GLOB", help="ids to keep")
    command.add_argument(
        "--method", nargs="+", action="extend", default=[], help="methods to keep, such as fosi"
    )
    command.add_argument("--level", nargs="+", action="extend", default=[], help="levels to keep, such as L3")
    command.add_argument(
        "--vectors", type=Path, metavar="DIR", help="vectors other than those that refopt ships"
    )


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    cases = commands.add_parser("cases", help="list the cases, or the operations an adapter may offer")
    add_selection(cases)
    cases.add_argument("--operations", action="store_true", help="list the operations instead")
    cases.set_defaults(command=list_cases)


def selected(options: argparse.Namespace) -> tuple[Any, list[Any]]:
    """Read the vectors and choose the cases that the options name.

    Raises:
        Usage: an option matches nothing.
        SystemExit: with the status of corrupt vectors.
    """
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
    return print_cases(selected(options)[1])


def print_cases(cases: Iterable[Any]) -> int:
    """Write a line for each case."""
    for case in cases:
        say(f"{case.id}  {case.dtype}  {case.comment}")
    return 0
