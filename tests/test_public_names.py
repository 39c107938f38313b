"""The names of `import refopt`: each the object of its module, whatever was imported before."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import refopt


def declared():
    """What the block for type checkers declares: name -> module."""
    tree = ast.parse(Path(refopt.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {alias.asname: node.module.removeprefix("refopt.") for node in block.body for alias in node.names}


def test_type_checkers_and_programs_see_the_same_names():
    assert declared() == refopt._HOME
    assert set(refopt._HOME) <= set(dir(refopt))
    for name, module in refopt._HOME.items():
        assert getattr(refopt, name) is getattr(import_module(f"refopt.{module}"), name)


def test_a_star_import_brings_every_public_name():
    eager = {"Derivatives", "Linearization", "backend", "namespace", "to_host"}
    assert sorted(refopt.__all__) == sorted({*refopt._HOME, *eager})
    found = {}
    exec("from refopt import *", found)
    assert {name for name in found if name != "__builtins__"} == set(refopt.__all__)
    assert all(found[name] is getattr(refopt, name) for name in refopt.__all__)
    assert set(refopt.__all__) <= set(dir(refopt))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'refopt' has no attribute 'Sgd'"):
        getattr(refopt, "Sgd")  # noqa: B009


@pytest.mark.parametrize(
    "before",
    [
        "",
        "import refopt.iterate, refopt.lanczos",
        "import refopt.fosi",
        "refopt.minimize; refopt.extreme_spectrum",
        "from refopt.iterate import Trace; from refopt.spectrum import lanczos_steps",
        "import importlib; importlib.import_module('refopt.iterate')",
    ],
)
def test_functions_named_like_their_modules_are_functions(before):
    code = (
        f"import refopt\n{before}\n"
        "assert callable(refopt.iterate) and callable(refopt.lanczos)\n"
        "from refopt import iterate, lanczos\n"
        "assert iterate is refopt.iterate and iterate.__module__ == 'refopt.iterate'\n"
        "assert lanczos is refopt.lanczos and lanczos.__module__ == 'refopt.lanczos'\n"
        "from refopt.iterate import minimize\n"
        "assert minimize is refopt.minimize\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
