"""Checks messages against the JSON Schema of the protocol, by jsonschema where that is installed."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from refopt.conformance.runner import Check
from refopt.conformance.transport import ProtocolError


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the protocol's messages."""
    text = files("refopt.conformance").joinpath("protocol.schema.json").read_text(encoding="utf-8")
    return json.loads(text)


def checker() -> Check:
    """Return a check of a message of a kind: a name in `$defs` of the schema.

    Raises:
        ImportError: jsonschema is not installed.
    """
    from jsonschema import Draft202012Validator

    whole = schema()
    validators = {
        kind: Draft202012Validator({"$defs": whole["$defs"], "$ref": f"#/$defs/{kind}"})
        for kind in ("introduction", "need", "answer")
    }

    def check(kind: str, message: Mapping[str, Any]) -> None:
        error = next(iter(validators[kind].iter_errors(message)), None)
        if error is not None:
            place = "".join(f"[{part!r}]" for part in error.absolute_path)[:100]
            said = error.message if len(error.message) <= 200 else f"{error.message[:200]}..."
            raise ProtocolError(f"the message{place} is no valid {kind}: {said}")

    return check
