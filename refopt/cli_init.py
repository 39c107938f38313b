"""`refopt init`: write an adapter that works, to be filled with one's own optimizer."""

import argparse
import os
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from refopt.cli_common import Usage, say


class Template(NamedTuple):
    """A template.

    Attributes:
        file: its name, in `refopt/templates` and where it is written.
        commands: what to type next; {path} is the file.
        beside: the file that it includes, written into the same folder.
    """

    file: str
    commands: tuple[str, ...]
    beside: str = ""


TEMPLATES = {
    "python": Template("adapter.py", ("refopt verify --adapter {path}:Mine",)),
    "c": Template(
        "adapter.c",
        ("cc -O2 -o {stem} {path} -lm", 'refopt verify --command "{program}"'),
        beside="refopt_wire.h",
    ),
    "js": Template("adapter.mjs", ('refopt verify --command "node {path}"',)),
    "julia": Template("adapter.jl", ('refopt verify --command "julia {path}"',), beside="refopt_wire.jl"),
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
    beside = path.parent / template.beside if template.beside else None
    if path == beside:
        raise Usage(f"{path} is the name of the file that the adapter includes; name another file.")
    shared = beside is not None and _holds(beside, _text(template.beside))
    for target in (path, None if shared else beside):  # before anything is written
        if target is not None and os.path.lexists(target):
            other = "folder" if target is beside else "file"
            raise Usage(f"{target} exists and is not overwritten; name another {other}.")
    _write(path, _text(template.file))
    if beside is not None and not shared:
        _write(beside, _text(template.beside))
    stem = path.with_suffix("")
    program = stem if stem.is_absolute() or len(stem.parts) > 1 else f"./{stem}"
    written = f"{path} (with {template.beside}) is" if template.beside else f"{path} is"
    say(f"{written} written: gradient descent and heavy ball, to be replaced by your optimizer. Next:")
    for command in template.commands:
        say(f"  {command.format(path=path, stem=stem, program=program)}")
    return 0


def _text(name: str) -> str:
    return files("refopt").joinpath("templates", name).read_text(encoding="utf-8")


def _holds(path: Path, text: str) -> bool:
    """Whether a file is there already, with this very text."""
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, text: str) -> None:
    try:
        with open(path, "x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}.") from None
