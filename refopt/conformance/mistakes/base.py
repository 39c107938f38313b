"""What a mistake is: a method as the textbook has it, with one piece of it wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from refopt.conformance.textbook import Textbook

KINDS = ("formula", "sign", "index", "order", "selection", "schedule", "state", "numerics")


@dataclass(frozen=True)
class Mistake:
    """A wrong formula that people really write.

    Attributes:
        name: part, then what is wrong, with hyphens.
        sentence: what is wrong, in one sentence.
        kind: bug type, one of `KINDS`.
        ops: the operations that can show it.
        wrong: the textbook with the mistake in it.
    """

    name: str
    sentence: str
    kind: str
    ops: tuple[str, ...]
    wrong: type[Textbook]

    def answer(self, op: str, inputs: Mapping[str, Any], path: Any = None) -> Mapping[str, Any]:
        """Return what an implementation with this mistake answers; raises what such a one would raise.

        Args:
            op: the operation.
            inputs: of a case, as an adapter receives them.
            path: points (T, n) that a run is to be compared with; one that leaves them is not finished.
        """
        wrong = self.wrong()
        wrong.path = path
        found: Mapping[str, Any] = getattr(wrong, op)(**inputs)
        return found


def mistake(
    name: str, sentence: str, kind: str, ops: tuple[str, ...], **pieces: Callable[..., Any]
) -> Mistake:
    """Return the mistake of a textbook in which these pieces stand for its own of the same names.

    Raises:
        AttributeError: the textbook has no piece of that name.
    """
    for piece in pieces:
        getattr(Textbook, piece)
    return Mistake(name, sentence, kind, ops, type("Wrong", (Textbook,), dict(pieces)))
