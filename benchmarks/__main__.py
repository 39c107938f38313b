"""Every figure of the project in one command: `python -m benchmarks [hvp summary ... language_model]`."""

from __future__ import annotations

import argparse
import importlib
import os
import platform

NAMED = ("gpu", "language_model")  # run when they are named: one needs a device, one takes minutes
SUITES = (
    "hvp",
    "summary",
    "ese",
    "fosi",
    "amos",
    "cubic",
    "elmo",
    "startup",
    "conformance",
)


def main() -> None:
    """Run the suites that are named, all that need no GPU by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", nargs="*", choices=[*SUITES, *NAMED], help="default: all but the last two")
    names = parser.parse_args().suite or SUITES
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name in names:
        print(f"\n== {name}")
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
