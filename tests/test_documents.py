"""Pages that a command writes are the ones that it writes now."""

import importlib.util
from pathlib import Path

from refopt.conformance import OPERATIONS

FOLDER = Path(__file__).parent.parent / "docs" / "conformance"


def written() -> str:
    spec = importlib.util.spec_from_file_location("write_operations", FOLDER / "write_operations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.page()


def test_the_page_of_operations_is_current():
    text = (FOLDER / "operations.md").read_text(encoding="utf-8")
    assert text == written(), "run python docs/conformance/write_operations.py"


def test_the_page_of_operations_names_every_quantity():
    text = written()
    for name, operation in OPERATIONS.items():
        section = text.split(f"## {name}\n")[1].split("\n## ")[0]
        for quantity in (*operation.takes(), *operation.required, *operation.optional):
            assert f"`{quantity}`" in section
