"""What every command of `refopt` shares: the sentence for bad input, and lines on stdout and stderr."""

import contextlib
import os
import sys
from pathlib import Path
from typing import TextIO

INTERRUPTED = 130


class Usage(Exception):
    """Something the user gave is not usable; the message is the sentence they read."""


def say(text: str, stream: TextIO | None = None) -> None:
    """Write one line to stdout or another stream."""
    (stream or sys.stdout).write(f"{text}\n")


def check_writable(option: str, path: str | None) -> None:
    """Refuse a path that cannot be written, before a long run instead of after it."""
    if path is None:
        return
    target = Path(path)
    if not path or target.is_dir():
        raise Usage(f"`{option}` is {path!r}, which cannot be written: it is not the name of a file.")
    if not target.parent.is_dir():
        raise Usage(f"`{option}` is {path}, which cannot be written: its folder does not exist.")
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        raise Usage(f"`{option}` is {path}, which cannot be written: permission denied.")


def silence() -> None:
    """Let what is still buffered for stdout go nowhere, when nobody reads it any more."""
    # What is still buffered would fail once more, with a traceback, when the interpreter ends.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
