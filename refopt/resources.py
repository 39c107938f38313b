"""Finds the data that refopt ships: problems and oracle vectors, in a checkout and in an installed wheel.

A wheel carries them as `refopt/data/problems` and `refopt/data/vectors`, a checkout as `problems` and
`oracles/vectors` at its root. All paths are `Traversable`: refopt may be imported from a zip file.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def _find(inside_wheel: str, inside_checkout: str) -> Traversable:
    # The wheel's place comes first: next to an installed package, `problems` could be anybody's folder.
    package = files("refopt")
    shipped = package.joinpath("data", inside_wheel)
    if shipped.is_dir() or shipped.is_file():
        return shipped
    if isinstance(package, Path):
        root = package.parent
        if (root / "pyproject.toml").is_file() and (root / inside_checkout).exists():
            return root / inside_checkout
    raise FileNotFoundError(
        f"refopt's {inside_wheel} are missing: there is neither data/{inside_wheel} in {package} "
        f"nor {inside_checkout} next to it; install refopt again"
    )


def problems_directory() -> Traversable:
    """The folder of the problem files (`*.toml`).

    Raises:
        FileNotFoundError: when the installation is incomplete.
    """
    return _find("problems", "problems")


def vectors_directory() -> Traversable:
    """The folder of the oracle vectors (a folder per method, MANIFEST.json).

    Raises:
        FileNotFoundError: when the installation is incomplete.
    """
    return _find("vectors", "oracles/vectors")


def vectors_schema() -> Traversable:
    """The JSON schema of the vector files.

    Raises:
        FileNotFoundError: when the installation is incomplete.
    """
    return _find("vectors.schema.json", "oracles/vectors.schema.json")
