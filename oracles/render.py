"""The text of a vector file."""

import hashlib
import json
from pathlib import Path
from typing import Any

from oracles.case import Case
from oracles.encoding import ILL_CONDITIONED
from oracles.precision import DIGITS, FROZEN, PERTURBATION

FORMAT = "refopt-vectors/1"


def render(path: str, cases: list[Case], contents: dict[str, dict[str, Any]], declared: Any) -> str:
    """Return the text of one vector file: the same bytes for the same cases, on any machine.

    Args:
        path: the file, <method>/<level>-<group>.json.
        cases: its cases in order.
        contents: what was evaluated, by id.
        declared: the module of cases.
    """
    first = cases[0]
    files = [f"{name}.py" for name in (first.method, *getattr(declared, "SOURCES", ()))]
    used = sorted({flag for case in cases for flag in case.flags})
    meanings = {ILL_CONDITIONED: "so ill-conditioned that fewer than 3 digits survive", **declared.FLAGS}
    header = {
        "format": FORMAT,
        "method": first.method,
        "level": first.level,
        "group": path.removesuffix(".json").split("-", 1)[1],
        "generator": {
            "modules": [f"oracles.{file.removesuffix('.py')}" for file in files],
            "source_sha256": hashlib.sha256(source_of(files)).hexdigest(),
            "digits": list(DIGITS),
            "frozen_digits": FROZEN,
            "perturbation": f"2^{PERTURBATION}",
            "cross_checks": sorted({check.name for case in cases for check in case.checks}),
        },
        "flags": {flag: meanings[flag] for flag in used},
        "count": len(cases),
    }
    lines = [f"{one_line(key)}: {one_line(value)}," for key, value in header.items()]
    blocks = [_render_case(contents[case.id]) for case in cases]
    return "{\n" + "\n".join(lines) + '\n"cases": [\n' + ",\n".join(blocks) + "\n]\n}\n"


def source_of(files: list[str]) -> bytes:
    """Return the source of modules of this package, one after another."""
    return b"".join((Path(__file__).parent / file).read_bytes() for file in files)


def one_line(value: Any) -> str:
    """Return JSON without spaces."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _render_case(content: dict[str, Any]) -> str:
    """Write a case with one input or one quantity a line."""
    lines = []
    for key, value in content.items():
        if key in ("in", "expect", "alternatives"):
            inner = ",\n".join(f"  {one_line(k)}:{one_line(v)}" for k, v in value.items())
            lines.append(f" {one_line(key)}:{{\n{inner}\n }}")
        else:
            lines.append(f" {one_line(key)}:{one_line(value)}")
    return "{\n" + ",\n".join(lines) + "\n}"
