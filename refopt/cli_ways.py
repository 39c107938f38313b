"""The ways in: how `refopt verify` reaches what it verifies, a class, a program or a file of answers."""

import argparse
import contextlib
import shlex
import shutil
import sys
from collections.abc import Callable
from typing import Any

from refopt.arrays import BACKENDS
from refopt.cli_cases import check_seed
from refopt.cli_common import Usage


def add(verify: argparse.ArgumentParser) -> None:
    """Add the options that say what is verified and under which limits."""
    from refopt.conformance.runner import DEADLINE, START_DEADLINE

    way = verify.add_mutually_exclusive_group()
    way.add_argument(
        "--adapter",
        default="reference",
        help="pkg.mod:Class, file.py:Class or a short name; default: refopt itself",
    )
    way.add_argument(
        "--command", dest="program", metavar="PROGRAM", help="any program that speaks JSON lines"
    )
    way.add_argument("--answers", metavar="PATH", help="answers to `refopt cases export`; - is stdin")
    verify.add_argument("--cases", metavar="PATH", help="with --answers: the exported file that they answer")
    verify.add_argument("--backend", choices=BACKENDS, help="array library of refopt's own adapter")
    verify.add_argument("--deadline", type=float, default=DEADLINE, metavar="S", help="seconds for one case")
    verify.add_argument(
        "--start-deadline", type=float, default=START_DEADLINE, metavar="S", help="seconds for the start"
    )
    verify.add_argument("--memory", type=int, metavar="MIB", help="most address space of the process")
    verify.add_argument("--in-process", action="store_true", help="no process of its own, no deadline")
    verify.add_argument("--validate", action="store_true", help="check each message by the protocol's schema")
    verify.add_argument("--seed", type=int, help="of the order and of the ids; default: drawn and printed")


def check_options(options: argparse.Namespace) -> None:
    """Refuse values and combinations that mean nothing."""
    for name in ("deadline", "start_deadline"):
        if not 0 < getattr(options, name) < float("inf"):
            option = f"--{name.replace('_', '-')}"
            raise Usage(f"`{option}` is {getattr(options, name):g}; it must be positive and finite.")
    if options.memory is not None and options.memory < 1:
        raise Usage(f"`--memory` is {options.memory}; it must be at least 1 MiB.")
    check_seed(options.seed)
    python = options.program is None and options.answers is None
    process = options.answers is None and not options.in_process
    for option, given, fits, whom in (
        ("--cases", options.cases, options.answers is not None, "--answers"),
        ("--seed", options.seed is not None, options.answers is None, "a run, not for --answers"),
        ("--dtype", options.dtype, options.answers is None, "a run, not for --answers"),
        ("--backend", options.backend, python, "--adapter"),
        ("--in-process", options.in_process, python, "--adapter"),
        ("--memory", options.memory, process, "an adapter in a process of its own"),
    ):
        if given and not fits:
            raise Usage(f"`{option}` is for {whom}.")


def subject(options: argparse.Namespace) -> Any:
    """Name what is verified, and repeat the options that change how it is run."""
    from refopt.conformance.runner import DEADLINE, START_DEADLINE
    from refopt.conformance.verify import Subject

    repeat = ["--backend", options.backend] if options.backend else []
    repeat += ["--vectors", str(options.vectors)] if options.vectors else []
    repeat += ["--dtype", options.dtype] if options.dtype else []
    repeat += [f"--deadline={options.deadline:g}"] if options.deadline != DEADLINE else []
    late = options.start_deadline != START_DEADLINE
    repeat += [f"--start-deadline={options.start_deadline:g}"] if late else []
    repeat += ["--in-process"] if options.in_process else []
    repeat += [f"--memory={options.memory}"] if options.memory else []
    repeat += ["--validate"] if options.validate else []
    if options.program is not None:
        return Subject("--command", options.program, repeat)
    if options.answers is not None:
        return Subject("--answers", options.answers, repeat)
    return Subject("--adapter", options.adapter, repeat)


def runner(options: argparse.Namespace, seed: int) -> Any:
    """Start what `--command` or `--adapter` names."""
    from refopt.conformance.runner import Runner
    from refopt.conformance.transport import Subprocess
    from refopt.conformance.verify import connector

    connect: Callable[[], Any]
    if options.program is not None:
        argv = _arguments(options.program)
        connect = lambda: Subprocess(argv, options.memory)  # noqa: E731
    else:
        adapter = short_names().get(options.adapter, options.adapter)
        connect = connector(adapter, options.backend, options.in_process, options.memory)
    return Runner(
        connect, options.deadline, start_deadline=options.start_deadline, seed=seed, check=_check(options)
    )


def _arguments(command: str) -> list[str]:
    """Split a command as a shell would, and find its program; no shell is asked."""
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise Usage(f"`--command` is {command!r}, which cannot be split: {error}.") from None
    if not argv:
        raise Usage("`--command` is empty; write a program and its arguments.")
    program = shutil.which(argv[0])
    if program is None:
        raise Usage(f"`--command` names {argv[0]!r}, which is no program on the path or in this folder.")
    return [program, *argv[1:]]


def answers(options: argparse.Namespace, cases: Any, known: Any) -> tuple[Any, Any]:
    """Read what `--answers` names; return it with the cases that it is to answer."""
    from refopt.conformance.answers import Answers, UnusableAnswers, exported

    if options.cases is not None:
        if options.only or options.method or options.level:
            raise Usage("`--cases` chooses the cases; leave out --only, --method and --level.")
        try:
            with _open("--cases", options.cases) as stream:
                cases = exported(stream, known)
        except UnusableAnswers as error:
            raise Usage(f"`--cases` is {options.cases}: {error}") from None
    with _open("--answers", options.answers) as stream:
        return Answers(stream, cases, known, _check(options)), cases


def _open(option: str, path: str) -> Any:
    if path == "-":
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return open(path, "rb")
    except OSError as error:
        raise Usage(f"`{option}` is {path}, which cannot be read: {error.strerror}.") from None


def _check(options: argparse.Namespace) -> Any:
    from refopt.conformance import validation

    if not options.validate:
        return lambda kind, message: None
    try:
        return validation.checker()
    except ImportError:
        raise Usage("`--validate` needs jsonschema: pip install refopt[validate]") from None


def short_names() -> Any:
    """Return the ready adapters by their short names."""
    from refopt.adapters import AVAILABLE

    return AVAILABLE


def known_names(options: argparse.Namespace) -> str:
    """Return what to add to a sentence about an unknown adapter."""
    from refopt.conformance.loading import suggestion

    if options.program is not None or options.answers is not None:
        return ""
    known = f" Known names: {', '.join(short_names())}." if ":" not in options.adapter else ""
    return f"{known}{suggestion(options.adapter, list(short_names()))}"
