"""Two reports of the same adapter: what fails now and did not, what passes now and did not, what lost digits.

$ refopt verify --compare old.json new.json        # two files
$ refopt verify --adapter mine.py:Mine --compare old.json    # a file and this run
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from refopt.conformance import scoring, wire
from refopt.conformance.report import FORMAT

CHANGED_DIGITS = 0.5  # smaller changes come from another library version or processor
NEEDED = {"id": str, "verdict": str}


class UnreadableReport(Exception):
    """A file that is no report; the message says why."""


class Change(NamedTuple):
    """One case that two reports see differently.

    Attributes:
        kind: "newly failing"; "lost", passed and is left out now; "newly passing"; "digits"; "new".
        id: the case.
        before: verdict before, None where the case was not there.
        after: verdict now, likewise.
        digits: fewest digits before and now, where both passed.
        reason: what the new report says about a failure.
    """

    kind: str
    id: str
    before: str | None
    after: str | None
    digits: tuple[float, float] | None = None
    reason: str = ""


KINDS = ("newly failing", "lost", "newly passing", "digits", "new")
WORSE = ("newly failing", "lost")


def read(path: Path) -> dict[str, Any]:
    """Read a report's JSON.

    Raises:
        UnreadableReport: it cannot be read, is no JSON or not a report of this format.
    """
    try:
        data = wire.read(path.read_bytes())
    except OSError as error:
        raise UnreadableReport(f"{path} cannot be read: {error.strerror or error}.") from None
    except wire.MalformedMessage as error:
        raise UnreadableReport(f"{path} is no report: {str(error).replace('the line', 'the file')}") from None
    if data.get("format") != FORMAT:
        raise UnreadableReport(f"{path} has the format {data.get('format')!r}, {FORMAT!r} is understood.")
    results = data.get("results")
    if not isinstance(results, list) or not all(_is_result(entry) for entry in results):
        raise UnreadableReport(f"{path} is no report: its `results` are not objects with id and verdict.")
    return data


def _is_result(entry: Any) -> bool:
    if not isinstance(entry, Mapping):
        return False
    digits = entry.get("digits")
    return (
        all(isinstance(entry.get(name), kind) for name, kind in NEEDED.items())
        and entry["verdict"] in scoring.VERDICTS
        and (digits is None or (isinstance(digits, (int, float)) and not isinstance(digits, bool)))
    )


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Compare two reports case by case; changes for the worse come first."""
    before = {result["id"]: result for result in old["results"]}
    after = {result["id"]: result for result in new["results"]}
    found = []
    for name in dict.fromkeys([*before, *after]):
        change = _change(name, before.get(name), after.get(name))
        if change is not None:
            found.append(change)
    return sorted(found, key=lambda change: KINDS.index(change.kind))


def _change(name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Change | None:
    was, now = (None if result is None else result["verdict"] for result in (old, new))
    reason = str(new.get("reason", "")) if new else ""
    if now in scoring.FAILURES and was not in scoring.FAILURES:
        return Change("newly failing", name, was, now, reason=reason)
    if was in scoring.PASSES and now not in scoring.PASSES:
        return Change("lost", name, was, now, reason=reason)
    if now in scoring.PASSES and was is not None and was not in scoring.PASSES:
        return Change("newly passing", name, was, now)
    if was is None:
        return Change("new", name, was, now)
    if now in scoring.PASSES and old is not None and new is not None:
        before, after = old.get("digits"), new.get("digits")
        if before is not None and after is not None and abs(before - after) >= CHANGED_DIGITS:
            return Change("digits", name, was, now, (before, after))
    return None


def is_worse(found: list[Change]) -> bool:
    """Say whether something that passed, or was not there, fails or is left out now."""
    return any(change.kind in WORSE for change in found)


def lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Describe the differences of two reports, a line for each case, and count them in the last."""
    said: list[str] = []
    for field, words in (("adapter", "adapters"), ("vectors", "vectors"), ("environment", "environments")):
        if _identity(field, old) != _identity(field, new):
            said.append(f"the {words} differ: {_identity(field, old)} before, {_identity(field, new)} now")
    found = changes(old, new)
    for change in found:
        if change.digits is not None:
            detail = f"{change.digits[0]:.1f} digits before, {change.digits[1]:.1f} now"
        else:
            detail = f"{change.before or 'not there'} before, {change.after or 'not there'} now"
        said.append(f"{change.kind}: {change.id}: {detail}{'. ' if change.reason else ''}{change.reason}")
    numbers = [(sum(change.kind == kind for change in found), kind) for kind in KINDS]
    counted = ", ".join(f"{number} {_counted(kind)}" for number, kind in numbers)
    same = len({*(result["id"] for result in old["results"] + new["results"])}) - len(found)
    return [*said, f"{counted}, {same} as before"]


def _counted(kind: str) -> str:
    return "with other digits" if kind == "digits" else kind


def _identity(field: str, report: Mapping[str, Any]) -> str:
    content = report.get(field)
    if not isinstance(content, Mapping):
        return "unknown"
    if field == "adapter":
        profile = content.get("profile") or "default"
        return f"{content.get('name')} {content.get('version')} (profile {profile})"
    if field == "vectors":
        return str(content.get("digest"))[:12] or "unknown"
    return json.dumps({key: value for key, value in content.items() if key != "cores"}, sort_keys=True)
