"""The command `refopt`: verify code, list cases and problems, run an optimizer.

Bad input ends with one sentence on stderr and status 2; other statuses stand in `refopt.conformance.report`.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from refopt import __version__, cli_cases, cli_init, cli_run, cli_verify
from refopt.cli_common import INTERRUPTED, Usage, say, silence


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
        silence()
        return 0
    except OSError as error:
        silence()
        say(f"refopt: the output cannot be written: {error.strerror or error}.", sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = _Parser(prog="refopt", description="Reference and test oracle of curvature-aware optimizers.")
    top.add_argument("--version", action="version", version=f"refopt {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    cli_verify.add(commands)
    cli_cases.add(commands)
    problems = commands.add_parser("problems", help="list the test problems")
    problems.set_defaults(command=list_problems)
    cli_run.add(commands)
    cli_init.add(commands)
    return top


def list_problems(options: argparse.Namespace) -> int:
    """`refopt problems`."""
    from refopt.problems import list_problems

    for name in list_problems():
        say(name)
    return 0
