"""Writes the table of implementations.md: each adapter of published code by method and level, from runs.

    $ PYTHONPATH=GroupedNewton/src:fosi:PyTorch-ARC python docs/conformance/measure_implementations.py
    $ ... measure_implementations.py fosi-torch torch-arc       # these alone; the others' rows stay

An adapter whose library is not importable keeps its rows; the rest of the table is written anew.
"""

import importlib
import re
import sys
from collections import Counter
from pathlib import Path

from measuring import rewrite, tally, verified

from refopt.adapters import AVAILABLE
from refopt.conformance import vectors
from refopt.conformance.adapter import capabilities
from refopt.conformance.report import Report
from refopt.resources import vectors_directory

PAGE = Path(__file__).with_name("implementations.md")
LEVELS = ("L1", "L2", "L3", "L4", "L6")
PAGES = {"grnewt": "grnewt.md", "fosi-torch": "fosi.md", "fosi-jax": "fosi.md", "torch-arc": "torch-arc.md"}
ADAPTERS = tuple(name for name in AVAILABLE if name != "reference")


def run(adapter: str) -> Report:
    """Put the cases of the adapter's operations to it.

    Raises:
        ImportError: its library is not importable.
    """
    module, name = AVAILABLE[adapter].split(":")
    offered = capabilities(getattr(importlib.import_module(module), name)())  # where a package is missed
    cases = [case for case in vectors.load(vectors_directory()).cases if case.op in offered]
    return verified(AVAILABLE[adapter], cases)


def rows(adapter: str, report: Report) -> str:
    """Write the rows of an adapter: a method each, pass / alt / fail / left out by level."""
    page = PAGES.get(adapter, f"peers.md#{adapter}")
    written = []
    for method in dict.fromkeys(score.case.method for score in report.scores):
        found: dict[str, Counter[str]] = {level: Counter() for level in LEVELS}
        for score in report.scores:
            if score.case.method == method:
                found[score.case.level][score.verdict] += 1
        cells = " | ".join(tally(found[level]) if found[level] else "" for level in LEVELS)
        written.append(f"| [{adapter}]({page}) | {method} | {cells} |")
    return "\n".join(written)


def table(measured: dict[str, str], before: str = "") -> str:
    """Write the whole table; an adapter that was not measured keeps the rows of an earlier one."""
    lines = [f"| adapter | method | {' | '.join(LEVELS)} |", "|" + "---|" * (len(LEVELS) + 2)]
    for adapter in ADAPTERS:
        kept = re.findall(rf"^\| \[{re.escape(adapter)}\].*$", before, flags=re.MULTILINE)
        lines += [measured[adapter]] if adapter in measured else kept
    return "\n".join(lines)


def main(names: list[str]) -> None:
    """Measure the named adapters, or all, and write the page.

    Raises:
        ValueError: a name is no adapter.
    """
    unknown = [name for name in names if name not in ADAPTERS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no adapter; there are {', '.join(ADAPTERS)}")
    for name in names or ADAPTERS:
        try:
            measured = {name: rows(name, run(name))}
        except ImportError as error:
            sys.stderr.write(f"{name} keeps its rows: {error}\n")
        else:
            rewrite(PAGE, {"table": table(measured, PAGE.read_text(encoding="utf-8"))})


if __name__ == "__main__":
    main(sys.argv[1:])
