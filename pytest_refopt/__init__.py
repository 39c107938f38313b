"""The pytest plugin of refopt: `pytest --refopt-adapter pkg.mod:Class` runs each case as a test of its own.

    $ pytest --refopt-adapter mine.py:Mine -m refopt              # the cases alone, without one's own tests
    $ pytest --refopt-adapter mine.py:Mine --refopt-level L3 -n 4

The node of a case is `refopt::<id>`, and ids are permanent. Everything that costs time, refopt itself
included, is imported only when an adapter is named: a run without the option loads this file and no other.
"""

from pathlib import Path
from typing import Any

import pytest

DESTINATIONS = ("only", "method", "level", "vectors", "deadline", "in_process", "known", "write_known")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("refopt", "conformance of optimizers")
    add = group.addoption
    add(
        "--refopt-adapter",
        metavar="SPEC",
        help="pkg.mod:Class, file.py:Class or the name of a ready adapter",
    )
    add("--refopt-only", action="append", default=[], metavar="GLOB", help="ids to keep")
    add("--refopt-method", action="append", default=[], metavar="METHOD", help="methods to keep, as fosi")
    add("--refopt-level", action="append", default=[], metavar="LEVEL", help="levels to keep, as L3")
    add("--refopt-vectors", type=Path, metavar="DIR", help="vectors other than those that refopt ships")
    add("--refopt-deadline", type=float, metavar="S", help="seconds for one case")
    add("--refopt-in-process", action="store_true", help="no process of its own, no deadline")
    add("--refopt-known", type=Path, metavar="PATH", help="known failures, TOML: id, reason, link, expires")
    add("--refopt-write-known", type=Path, metavar="PATH", help="write this run's failures as known failures")


def pytest_configure(config: pytest.Config) -> None:
    """Load the cases when an adapter is named."""
    config.addinivalue_line("markers", "refopt: a conformance case of --refopt-adapter")
    if config.getoption("refopt_adapter") is None:
        given = [name for name in DESTINATIONS if config.getoption(f"refopt_{name}")]
        if given:
            flag = given[0].replace("_", "-")
            raise pytest.UsageError(f"`--refopt-{flag}` needs `--refopt-adapter`.")
        return
    from pytest_refopt.cases import Cases

    config.pluginmanager.register(Cases(config), "refopt-cases")


def __getattr__(name: str) -> Any:
    """Find `vectors_of`, without importing refopt before it is asked for."""
    if name == "vectors_of":
        from refopt.conformance.case_parameters import vectors_of

        return vectors_of
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
