"""Writes operations.md from refopt's table of operations and the adapter's docstrings.

python docs/conformance/write_operations.py
"""

import inspect
import textwrap
from pathlib import Path

from refopt.conformance import OPERATIONS, Adapter
from refopt.conformance.ops import WIDE

HEAD = """# The operations

What an implementation may be asked, and what it answers: for each operation its inputs, the quantities
that every answer must have, and those that are compared when they are given. An adapter offers an
operation by having a method of that name (Python) or by naming it in its `hello` (any language, see
[protocol.md](protocol.md)). Written by `write_operations.py` from the table and the docstrings of
`refopt.conformance`; a test holds that it is current.

Vectors and matrices come in the case's dtype, row-major; scalars as plain numbers; `settings`, `base`
and states as objects whose keys are the names of refopt's settings and states; `problem` as a name
(over the wire) or a `GivenProblem` (Python). n is the number of parameters, k of eigenpairs, S of
groups. In a float32 case these may be float64: WIDE.

"""


def page() -> str:
    """The whole page."""
    parts = [HEAD.replace("WIDE", ", ".join(f"`{name}`" for name in sorted(WIDE)))]
    for name, operation in OPERATIONS.items():
        inputs = ", ".join(
            f"`{key}`" + ("" if needed else " (may be left out)") for key, needed in operation.takes().items()
        )
        method = getattr(Adapter, name)
        text = inspect.cleandoc(method.__doc__ or "")
        parts.append(
            f"## {name}\n\n{operation.summary[0].upper()}{operation.summary[1:]}.\n\n"
            f"- inputs: {inputs}\n"
            f"- must answer: {_names(operation.required)}\n"
            f"- may answer: {_names(operation.optional) or 'nothing more'}\n\n"
            f"{textwrap.indent(text, '    ', lambda line: bool(line.strip()))}\n\n"
        )
    return "".join(parts).rstrip() + "\n"


def _names(quantities: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in quantities)


if __name__ == "__main__":
    Path(__file__).with_name("operations.md").write_text(page(), encoding="utf-8")
