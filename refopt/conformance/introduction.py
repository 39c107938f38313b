"""How an adapter introduces itself, and what is wrong with an introduction."""

import difflib
from collections.abc import Mapping
from typing import Any, NamedTuple

from refopt.conformance import wire
from refopt.conformance.ops import OPERATIONS

LONGEST_NAME = 200  # characters of a name, a version, a choice


class Hello(NamedTuple):
    """How an adapter introduces itself.

    Attributes:
        name: name of the implementation.
        version: its version, may be empty.
        language: what it is written in, may be empty.
        capabilities: the operations that it offers.
        profile: its choices where a definition is ambiguous.
        dtypes: dtypes in which it computes.
    """

    name: str
    version: str
    language: str
    capabilities: tuple[str, ...]
    profile: Mapping[str, str]
    dtypes: tuple[str, ...]


class NotStarted(Exception):
    """The adapter did not start; the message says why."""


class NoSuchAdapter(NotStarted):
    """There is no such adapter; the message says what is wrong with its name."""


def read(reply: Mapping[str, Any]) -> Hello:
    """Read the answer to "hello".

    Raises:
        NotStarted: the adapter says that it cannot start, or its introduction is not usable.
        NoSuchAdapter: the worker of Python adapters found no such adapter.
    """
    status = reply.get("status", "ok")
    if status != "ok":
        kind = NoSuchAdapter if status == "unknown" else NotStarted
        raise kind(str(reply.get("message", "the adapter did not start and gave no reason."))[:LONGEST_NAME])
    missing = [name for name in ("protocol", "name", "capabilities", "dtypes") if name not in reply]
    if missing:
        raise NotStarted(f"the adapter's introduction has no {', '.join(missing)}.")
    if reply["protocol"] != wire.PROTOCOL:
        raise NotStarted(
            f"the adapter speaks {_shown(reply['protocol'])}; this is refopt with {wire.PROTOCOL!r}."
        )
    words = {name: reply.get(name, "") for name in ("name", "version", "language")}
    for name, word in words.items():
        if not _is_name(word):
            raise NotStarted(
                f"`{name}` of the adapter is {_shown(word)}; it must be a string of at most "
                f"{LONGEST_NAME} characters."
            )
    return Hello(
        **words,
        capabilities=_names("capabilities", reply["capabilities"], OPERATIONS),
        profile=_profile(reply.get("profile", {})),
        dtypes=_names("dtypes", reply["dtypes"], dict.fromkeys(wire.FLOATS)),
    )


def _names(field: str, given: Any, allowed: Mapping[str, Any]) -> tuple[str, ...]:
    if not isinstance(given, (list, tuple)) or not given:
        raise NotStarted(f"`{field}` of the adapter is {_shown(given)}; it must be a list with entries.")
    for name in given:
        if not isinstance(name, str) or name not in allowed:
            near = difflib.get_close_matches(str(name)[:LONGEST_NAME], list(allowed), n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise NotStarted(f"`{field}` of the adapter names {_shown(name)}, which there is not.{hint}")
    return tuple(dict.fromkeys(given))


def _profile(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping) or not all(
        _is_name(key) and _is_name(value) for key, value in given.items()
    ):
        raise NotStarted(f"`profile` of the adapter is {_shown(given)}; it must map strings to strings.")
    return dict(given)


def _is_name(word: Any) -> bool:
    return isinstance(word, str) and len(word) <= LONGEST_NAME


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
