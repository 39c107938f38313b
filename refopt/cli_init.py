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
    texts = {path: _text(template.file)}
    if template.beside:
        texts[path.parent / template.beside] = _text(template.beside)
    for target, text in texts.items():  # before anything is written
        _refuse_to_overwrite(target, text if target != path else None)
    for target, text in texts.items():
        _write(target, text)
    stem = path.with_suffix("")
    program = stem if stem.is_absolute() or len(stem.parts) > 1 else f"./{stem}"
    written = f"{path} (with {template.beside}) is" if template.beside else f"{path} is"
    say(f"{written} written: gradient descent and heavy ball, to be replaced by your optimizer. Next:")
    for command in template.commands:
        say(f"  {command.format(path=path, stem=stem, program=program)}")
    return 0


def _text(name: str) -> str:
    return files("refopt").joinpath("templates", name).read_text(encoding="utf-8")


def _refuse_to_overwrite(path: Path, same: str | None) -> None:
    """Refuse a path that exists, unless it holds the same text already."""
    if path.exists() and (same is None or path.read_text(encoding="utf-8", errors="replace") != same):
        raise Usage(f"{path} exists and is not overwritten; name another {'folder' if same else 'file'}.")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}.") from None
