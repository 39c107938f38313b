"""`refopt cases`, and the options that choose cases."""

import argparse
import secrets
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
        "--dtype",
        choices=["float64", "float32", "float16"],
        help="put every case in this dtype where its numbers allow that; default: each in its own",
    )
    command.add_argument(
        "--vectors", type=Path, metavar="DIR", help="vectors other than those that refopt ships"
    )


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    cases = commands.add_parser("cases", help="list the cases, or the operations an adapter may offer")
    add_selection(cases)
    cases.add_argument(
        "action",
        nargs="?",
        choices=["export"],
        help="write the requests as JSON lines",
    )
    cases.add_argument("--seed", type=int, help="of an export: of its order and its ids; default: drawn")
    cases.add_argument("--operations", action="store_true", help="list the operations instead")
    cases.add_argument("--profiles", action="store_true", help="list the named choices of a profile instead")
    cases.set_defaults(command=list_cases)


def selected(options: argparse.Namespace) -> tuple[Any, list[Any]]:
    """Read the vectors and choose the cases that the options name.

    Raises:
        Usage: an option matches nothing.
        SystemExit: with the status of corrupt vectors.
    """
    from refopt import resources
    from refopt.conformance import precision, vectors
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
    return found, cases if options.dtype is None else precision.in_dtype(cases, options.dtype)


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
    if options.profiles:
        return _print_profiles(selected(options)[1])
    if options.dtype is not None and options.action == "export":
        raise Usage("`--dtype` is for a run, not for `refopt cases export`.")
    chosen = selected(options)[1]
    if options.action == "export":
        return _export(chosen, options.seed)
    if options.seed is not None:
        raise Usage("`--seed` is for `refopt cases export`.")
    return print_cases(chosen)


def _print_profiles(cases: Iterable[Any]) -> int:
    """Write the named choices as a table in Markdown."""
    from refopt.conformance import profiles

    say("| choice | meaning | operations | cases |\n|---|---|---|---|")
    for key, value, meaning, ops, count in profiles.table(cases):
        meaning = meaning.replace("|", "\\|")
        say(f"| `{key}={value}` | {meaning} | {', '.join(ops)} | {count} |")
    return 0


def _export(cases: list[Any], seed: int | None) -> int:
    from refopt.conformance import requests

    check_seed(seed)
    seed = secrets.randbelow(requests.SEEDS) if seed is None else seed
    sys.stdout.flush()
    for line in requests.export(cases, seed):
        sys.stdout.buffer.write(line)
    return 0


def check_seed(seed: int | None) -> None:
    """Refuse a seed that no id can carry."""
    from refopt.conformance.requests import SEEDS

    if seed is not None and not 0 <= seed < SEEDS:
        raise Usage(f"`--seed` is {seed}; it must be at least 0 and below {SEEDS}.")


def print_cases(cases: Iterable[Any]) -> int:
    """Write a line for each case."""
    for case in cases:
        say(f"{case.id}  {case.dtype}  {case.comment}")
    return 0
