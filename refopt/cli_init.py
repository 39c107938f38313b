"""`refopt init`: write an adapter that works, to be filled with one's own optimizer."""

import argparse
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from refopt.cli_common import Usage, say


class Template(NamedTuple):
    """A template.

    Attributes:
        file: its name, in `refopt/templates` and where it is written.
        commands: what to type next; {path} is the file.
    """

    file: str
    commands: tuple[str, ...]


TEMPLATES = {
    "python": Template("adapter.py", ("refopt verify --adapter {path}:Mine",)),
    "c": Template("adapter.c", ("cc -O2 -o {stem} {path} -lm", 'refopt verify --command "{program}"')),
    "js": Template("adapter.mjs", ('refopt verify --command "node {path}"',)),
    "julia": Template("adapter.jl", ('refopt verify --command "julia {path}"',)),
}


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    init = commands.add_parser("init", help="write an adapter to start from")
    init.add_argument("language", choices=list(TEMPLATES), help="language of the adapter")
    init.add_argument("path", nargs="?", type=Path, help="where to write it; default: adapter.EXTENSION here")
    init.set_defaults(command=init_command)


def init_command(options: argparse.Namespace) -> int:
    """`refopt init`."""
    template = TEMPLATES[options.language]
    path = options.path or Path(template.file)
    if path.is_dir():
        path = path / template.file
    text = files("refopt").joinpath("templates", template.file).read_text(encoding="utf-8")
    try:
        with open(path, "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise Usage(f"{path} exists and is not overwritten; name another file.") from None
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}.") from None
    stem = path.with_suffix("")
    program = stem if stem.is_absolute() or len(stem.parts) > 1 else f"./{stem}"
    say(f"{path} is written: gradient descent and heavy ball, to be replaced by your optimizer. Next:")
    for command in template.commands:
        say(f"  {command.format(path=path, stem=stem, program=program)}")
    return 0
