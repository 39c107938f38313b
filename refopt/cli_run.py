"""`refopt run`: one optimizer on one problem, printed step by step."""

import sys
from typing import Any, TextIO


class Usage(Exception):
    """Something the user gave is not usable; the message is the sentence they read."""


def say(text: str, stream: TextIO | None = None) -> None:
    """Write one line to stdout or another stream."""
    (stream or sys.stdout).write(f"{text}\n")


def add(commands: Any) -> None:
    """Add the command."""
