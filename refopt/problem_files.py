"""Reads a problem file (`problems/*.toml`, or a user's own) strictly, on the host in float64.

The format stands in `problems/README.md`. A file that is wrong anywhere is refused with one sentence;
nothing is repaired.
"""

from __future__ import annotations

import os
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refopt.families import FAMILIES, Built
from refopt.generators import SEED_LIMIT, Basis, uniform
from refopt.resources import problems_directory
from refopt.tables import Table, near_matches

FORMAT = "refopt-problem/1"


class ProblemFile(NamedTuple):
    """What a problem file says, as NumPy float64 arrays and Python values."""

    file: str
    id: str
    family: str
    title: str
    source: str
    n: int
    built: Built
    starts: dict[str, np.ndarray]
    lanczos_start: np.ndarray
    facts: dict[str, Any]


def list_problems() -> tuple[str, ...]:
    """Names of the problems that refopt ships, sorted."""
    files = (entry.name for entry in problems_directory().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def read_problem(name_or_path: str | os.PathLike[str]) -> ProblemFile:
    """The content of a shipped problem, by name, or of a TOML file, by path.

    Raises:
        ValueError: for an unknown name, or for a file that breaks the format.
        FileNotFoundError: when a path does not exist.
        RuntimeError: when an optional data set is not installed.
    """
    folder, file = _locate(name_or_path)
    table = Table(_parse(file), file.name, folder=folder)
    table.text("format", (FORMAT,))
    stem = file.name.removesuffix(".toml")
    table.text("id", (stem,))
    family, title, source = table.text("family", FAMILIES), table.text("title"), table.text("source")
    n = table.integer("n", 1)
    data = table.table("data")
    built = FAMILIES[family](data, n)
    data.close()
    starts = _read_starts(table.table("starts"), n, built.basis)
    lanczos_start = _read_lanczos_start(table, n)
    facts = _read_facts(table.table("facts"), n, starts) if table.offers("facts") else {}
    table.close()
    return ProblemFile(file.name, stem, family, title, source, n, built, starts, lanczos_start, facts)


def _locate(name_or_path: str | os.PathLike[str]) -> tuple[Traversable, Traversable]:
    """The folder of a problem's file, and the file."""
    text = os.fspath(name_or_path)
    if not isinstance(name_or_path, str) or text.endswith(".toml") or os.sep in text:
        path = Path(text)
        if not path.is_file():
            raise FileNotFoundError(
                f"`name_or_path` {text!r} is no file; give a problem's name or a TOML file"
            )
        return path.parent, path
    known = list_problems()
    if text not in known:
        raise ValueError(
            f"`name_or_path` {text!r} is no problem{near_matches(text, known)}; "
            f"`list_problems()` names the {len(known)} that exist"
        )
    folder = problems_directory()
    return folder, folder.joinpath(f"{text}.toml")


def _parse(file: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file.name} is not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{file.name} is not valid TOML: byte {error.start} is not UTF-8") from error


def _read_starts(starts: Table, n: int, basis: Basis | None) -> dict[str, np.ndarray]:
    starts.take("default", "be there: the start that is used when none is named")
    return {name: _read_start(starts, name, n, basis) for name in starts.names()}


def _read_start(starts: Table, name: str, n: int, basis: Basis | None) -> np.ndarray:
    start = starts.table(name)
    form = start.one_of("theta", "eigen", "eigen_fill", "seed")
    if form == "theta":
        theta = start.numbers("theta", n)
    elif form == "seed":
        theta = start.number("scale") * uniform(start.integer("seed", 0, SEED_LIMIT), n)
    elif basis is None:
        start.refuse(form, "is given, but the problem has no `data.basis`", "be `theta`")
    elif form == "eigen":
        theta = basis.from_coordinates(start.numbers("eigen", n))
    else:
        coordinates = np.full(n, start.number("eigen_fill"))
        coordinates[1:2] = start.number("eigen_second")
        theta = basis.from_coordinates(coordinates)
    start.close()
    return theta


def _read_lanczos_start(table: Table, n: int) -> np.ndarray:
    allowed = f"be a list of {n} finite numbers, or a table with `fill` or `seed`"
    if not isinstance(table.take("lanczos_start", allowed), dict):
        vector = table.numbers("lanczos_start", n)
    else:
        spec = table.table("lanczos_start")
        if spec.one_of("fill", "seed") == "fill":
            vector = np.full(n, spec.number("fill"))
        else:
            vector = uniform(spec.integer("seed", 0, SEED_LIMIT), n)
        spec.close()
    if not vector.any():
        table.refuse("lanczos_start", "is zero", "be a nonzero vector")
    return vector


def _read_facts(facts: Table, n: int, starts: dict[str, np.ndarray]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in ("minimiser", "eigenvalues", "lipschitz"):
        if facts.offers(key):
            found[key] = facts.numbers(key, n)
    for key in ("minimisers", "stationary"):
        if facts.offers(key):
            found[key] = facts.rows(key, n)
    if facts.offers("minimum"):
        found["minimum"] = facts.number("minimum")
    if facts.offers("values"):
        values = facts.table("values")
        found["values"] = {name: values.number(name) for name in starts if values.offers(name)}
        values.close()
    if facts.offers("negative_curvature"):
        names = facts.take("negative_curvature", "be a list of starts")
        if not isinstance(names, list) or not all(isinstance(name, str) and name in starts for name in names):
            facts.refuse("negative_curvature", f"is {names!r}", f"list some of {list(starts)}")
        found["negative_curvature"] = tuple(names)
    facts.close()
    return found
