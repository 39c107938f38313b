"""A list of known failures: each with its reason and a date on which it must be looked at again.

    [[known]]
    id = "first_order.base_step.L6.nan-gradient"
    reason = "bad input is not refused"
    link = "https://example.org/issues/12"     # may be left out
    expires = 2026-12-31

A listed case that fails is an `xfail` and does not fail the run. Everything that would let the list rot does:
a listed case that passes (`xpass`), an entry past its date, an id that no case has, an entry without a
reason. The file is TOML; a run writes one for its failures, with the reasons that the list at hand gives.
"""

import datetime
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refopt.conformance import scoring
from refopt.conformance.loading import suggestion
from refopt.conformance.printable import printable
from refopt.conformance.report import Report
from refopt.conformance.scoring import Score

FIELDS = {"id": str, "reason": str, "link": str, "expires": datetime.date}
NEEDED = ("id", "reason", "expires")
EXCUSABLE = ("fail", *scoring.ENDINGS)  # not an oracle-error, which is the vectors' own fault
DAYS = 90  # until a written entry expires


class UnusableList(Exception):
    """A list of known failures that cannot be used; the message says which file, which entry and why."""


@dataclass(frozen=True)
class Entry:
    """One known failure.

    Attributes:
        id: the case.
        reason: why it fails.
        expires: last day on which the entry holds.
        link: where more is said, or "".
    """

    id: str
    reason: str
    expires: datetime.date
    link: str = ""


class KnownFailures:
    """The entries of one file, and the verdicts under them.

    Args:
        entries: in the order of the file, each id once.
        today: the day by which entries expire.
    """

    def __init__(self, entries: Iterable[Entry], today: datetime.date):
        self.entries = {entry.id: entry for entry in entries}
        self.today = today

    def judge(self, score: Score) -> Score:
        """Return a score under the list: an excused failure becomes `xfail`, a stale entry `xpass`."""
        entry = self.entries.get(score.case.id)
        if entry is None:
            return score
        if score.verdict in scoring.PASSES:
            reason = f"passes, but is listed as a known failure ({entry.reason}): take the entry out."
            return score._replace(verdict="xpass", reason=reason)
        if score.verdict not in EXCUSABLE or self.is_expired(entry):
            return score
        more = f" ({entry.link})" if entry.link else ""
        return score._replace(verdict="xfail", reason=f"{entry.reason}{more}: {score.reason}")

    def is_expired(self, entry: Entry) -> bool:
        """Say whether an entry's last day is over."""
        return self.today > entry.expires

    def apply(self, report: Report) -> None:
        """Put a run under the list: its verdicts, and an error for each case whose entry has expired."""
        ids = {score.case.id for score in report.scores}
        report.scores = [self.judge(score) for score in report.scores]
        listed = [entry for entry in self.entries.values() if entry.id in ids]
        report.errors += [self.expiry(entry) for entry in listed if self.is_expired(entry)]

    @staticmethod
    def expiry(entry: Entry) -> str:
        """Say that an entry has expired."""
        return f"the known failure {entry.id} expired on {entry.expires}: {entry.reason}"


def load(path: Path, ids: Iterable[str], today: datetime.date | None = None) -> KnownFailures:
    """Read a list of known failures.

    Args:
        path: a TOML file.
        ids: every id that there is, chosen for a run or not.
        today: the day by which entries expire; default the current one, in UTC.

    Raises:
        UnusableList: the file cannot be read or is not such a list, or an entry names no case.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnusableList(f"{path} cannot be read: {error.strerror or error}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableList(f"{path} is not TOML: {error}.") from None
    tables = content.pop("known", [])
    if content or not isinstance(tables, list):
        named = next(iter(content), "known")
        raise UnusableList(f"{path} holds `{named}`; it may hold only `[[known]]` entries.")
    known = dict.fromkeys(ids)
    entries: dict[str, Entry] = {}
    for number, table in enumerate(tables, 1):
        entry = _entry(f"{path}: entry {number}", table)
        if entry.id not in known:
            near = suggestion(entry.id, list(known))
            raise UnusableList(f"{path}: entry {number} names {entry.id}, which is no case.{near}")
        if entry.id in entries:
            raise UnusableList(f"{path}: entry {number} names {entry.id} a second time.")
        entries[entry.id] = entry
    return KnownFailures(entries.values(), today or _today())


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def _entry(where: str, table: Any) -> Entry:
    if not isinstance(table, Mapping):
        raise UnusableList(f"{where} is not a `[[known]]` table.")
    for name, value in table.items():
        kind = FIELDS.get(name)
        if kind is None:
            raise UnusableList(f"{where} has the field `{name}`; allowed are {', '.join(FIELDS)}.")
        # A TOML date-time is a date too, for Python.
        if not isinstance(value, kind) or isinstance(value, datetime.datetime):
            wanted = "a date such as 2026-12-31, without quotes" if kind is datetime.date else "a string"
            raise UnusableList(f"{where}: `{name}` is {value!r}; it must be {wanted}.")
    missing = [name for name in NEEDED if not table.get(name)]
    if missing:
        raise UnusableList(f"{where} ({table.get('id', 'without id')}) has no `{missing[0]}`.")
    return Entry(table["id"], table["reason"], table["expires"], table.get("link", ""))


def text(failures: Iterable[tuple[str, str]], before: KnownFailures | None = None) -> str:
    """Write a list for the failures of a run.

    Args:
        failures: id and reason of each case to list.
        before: the list in use: its entries that still fail are kept as they are, the others left out.
    """
    listed = {} if before is None else before.entries
    expires = (before.today if before else _today()) + datetime.timedelta(days=DAYS)
    lines = [
        "# Known failures. Say for each why it fails; an entry that passes, or is past its date,",
        "# fails the run.",
    ]
    for name, reason in failures:
        entry = listed.get(name) or Entry(name, reason or "not yet known", expires)
        lines += ["", "[[known]]", f"id = {_string(entry.id)}", f"reason = {_string(entry.reason)}"]
        lines += [f"link = {_string(entry.link)}"] if entry.link else []
        lines += [f"expires = {entry.expires.isoformat()}"]
    return "\n".join(lines) + "\n"


def _string(given: str) -> str:
    # A JSON string of printable characters is a TOML string.
    return json.dumps(" ".join(printable(given).split()), ensure_ascii=False)


def listed_failures(scores: Iterable[Score]) -> list[tuple[str, str]]:
    """Return id and reason of the scores that a written list names: failures that may be excused."""
    return [(score.case.id, score.reason) for score in scores if score.verdict in (*EXCUSABLE, "xfail")]
