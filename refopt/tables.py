"""Strict reading of TOML tables: every value is checked where it is taken, and nothing may be left over.

A refusal is a `ValueError` whose sentence names the file, the key, what was given and what is allowed.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from importlib.resources.abc import Traversable
from typing import Any, NoReturn

import numpy as np


def near_matches(name: str, allowed: Iterable[str]) -> str:
    """`"; did you mean 'x'?"`, or the empty string when nothing is close to `name`."""
    close = difflib.get_close_matches(name, list(allowed), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


class Table:
    """One TOML table whose keys are taken one by one.

    Args:
        values: the table.
        file: named in every refusal.
        path: dotted path of this table in the file, empty at the top.
        folder: where the file lies, for tables that name other files.
    """

    def __init__(
        self, values: dict[str, Any], file: str, path: str = "", folder: Traversable | None = None
    ) -> None:
        self._values, self.file, self._path, self._folder = values, file, path, folder
        self._taken: set[str] = set()

    def refuse(self, key: str, given: str, allowed: str) -> NoReturn:
        """Raise the sentence "file: `path.key` <given>; it must <allowed>"."""
        raise ValueError(f"{self.file}: `{self._path}{key}` {given}; it must {allowed}")

    def names(self) -> list[str]:
        """All keys, in the file's order, for a table whose keys the file chooses."""
        return list(self._values)

    def one_of(self, *keys: str) -> str:
        """The one key of `keys` that is present; exactly one must be."""
        present = [key for key in keys if self.offers(key)]
        if len(present) != 1:
            where = f"`{self._path.rstrip('.')}`" if self._path else "the top level"
            raise ValueError(
                f"{self.file}: {where} has {present or 'none'} of {list(keys)}; it must have one"
            )
        return present[0]

    def close(self) -> None:
        """Refuse keys that nobody took."""
        for key in self._values:
            if key not in self._taken:
                known = sorted(self._taken)
                raise ValueError(
                    f"{self.file}: `{self._path}{key}` is not a known key here{near_matches(key, known)} "
                    f"(known: {', '.join(known)})"
                )

    def take(self, key: str, allowed: str) -> Any:
        """The raw value of a required key; `allowed` says what it must be."""
        self._taken.add(key)
        if key not in self._values:
            self.refuse(key, "is missing", allowed)
        return self._values[key]

    def offers(self, key: str) -> bool:
        """Whether the optional key is present; from here on it counts as known."""
        self._taken.add(key)
        return key in self._values

    def table(self, key: str) -> Table:
        """A required table."""
        value = self.take(key, "be a table")
        if not isinstance(value, dict):
            self.refuse(key, f"is {_describe(value)}", "be a table")
        return Table(value, self.file, f"{self._path}{key}.", self._folder)

    def text(self, key: str, choices: Iterable[str] = ()) -> str:
        """A required string, one of `choices` if given."""
        choices = list(choices)
        allowed = f"be {' or '.join(map(repr, choices))}" if choices else "be a string"
        value = self.take(key, allowed)
        if not isinstance(value, str):
            self.refuse(key, f"is {_describe(value)}", allowed)
        if choices and value not in choices:
            self.refuse(key, f"is {value!r}{near_matches(value, choices).rstrip('?')}", allowed)
        return value

    def file_text(self, key: str) -> str:
        """The content of an ASCII file beside this one, whose name a required string gives."""
        name = self.text(key)
        plain = name not in ("", ".", "..") and not set(name) & set("/\\:")
        entry = self._folder.joinpath(name) if plain and self._folder is not None else None
        if entry is None or not entry.is_file():
            self.refuse(key, f"is {name!r}", f"name a file in the folder of {self.file}")
        try:
            return entry.read_bytes().decode("ascii")
        except UnicodeDecodeError as error:
            self.refuse(key, f"names {name!r}, whose byte {error.start} is not ASCII", "name an ASCII file")

    def integer(self, key: str, low: int, high: int | None = None) -> int:
        """A required integer in low .. high."""
        allowed = f"be an integer of at least {low}" if high is None else f"be an integer in {low} .. {high}"
        return self._integer(key, self.take(key, allowed), low, high, allowed)

    def integers(self, key: str, low: int, high: int | None = None, count: int | None = None) -> list[int]:
        """A required list of integers in low .. high, `count` of them if given."""
        allowed = f"be a list of {'' if count is None else f'{count} '}integers"
        allowed += f" of at least {low}" if high is None else f" in {low} .. {high}"
        value = self._list(key, self.take(key, allowed), count, allowed)
        return [self._integer(f"{key}[{i}]", x, low, high, allowed) for i, x in enumerate(value)]

    def flag(self, key: str) -> bool:
        """An optional boolean, false when absent."""
        value = self.take(key, "be true or false") if self.offers(key) else False
        if not isinstance(value, bool):
            self.refuse(key, f"is {_describe(value)}", "be true or false")
        return value

    def number(self, key: str, low: float = -math.inf) -> float:
        """A required finite number of at least `low`, as float64."""
        allowed = "be a finite number" + ("" if low == -math.inf else f" of at least {low:g}")
        return self._number(key, self.take(key, allowed), low, allowed)

    def numbers(self, key: str, count: int | None = None, low: float = -math.inf) -> np.ndarray:
        """A required list of finite numbers, `count` of them if given, as float64."""
        allowed = f"be a list of {'' if count is None else f'{count} '}finite numbers"
        allowed += "" if low == -math.inf else f" of at least {low:g}"
        value = self._list(key, self.take(key, allowed), count, allowed)
        return np.asarray([self._number(f"{key}[{i}]", x, low, allowed) for i, x in enumerate(value)])

    def rows(self, key: str, columns: int, count: int | None = None) -> np.ndarray:
        """A required matrix of finite numbers as a list of rows, `count` of them if given, as float64."""
        shape = "rows" if count is None else f"{count} rows"
        allowed = f"be a list of {shape} of {columns} finite numbers each"
        value = self._list(key, self.take(key, allowed), count, allowed)
        if not value:
            self.refuse(key, "is empty", allowed)
        matrix = [self._list(f"{key}[{i}]", row, columns, allowed) for i, row in enumerate(value)]
        return np.asarray(
            [
                [self._number(f"{key}[{i}][{j}]", x, -math.inf, allowed) for j, x in enumerate(row)]
                for i, row in enumerate(matrix)
            ]
        )

    def _list(self, key: str, value: Any, count: int | None, allowed: str) -> list[Any]:
        if not isinstance(value, list):
            self.refuse(key, f"is {_describe(value)}", allowed)
        if count is not None and len(value) != count:
            self.refuse(key, f"has {len(value)} {'entry' if len(value) == 1 else 'entries'}", allowed)
        return value

    def _integer(self, key: str, value: Any, low: int, high: int | None, allowed: str) -> int:
        # bool is a subclass of int, but `true` is no count.
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(key, f"is {_describe(value)}", allowed)
        if value < low or (high is not None and value > high):
            self.refuse(key, f"is {value}", allowed)
        return value

    def _number(self, key: str, value: Any, low: float, allowed: str) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            self.refuse(key, f"is {_describe(value)}", allowed)
        try:
            number = float(value)
        except OverflowError:  # an integer beyond the largest float64
            number = math.inf
        if not math.isfinite(number) or number < low:
            self.refuse(key, f"is {number!r}", allowed)
        return number


def _describe(value: Any) -> str:
    names = {dict: "a table", list: "a list", str: f"the string {value!r}", bool: str(value).lower()}
    return names.get(type(value), f"{value!r}")
