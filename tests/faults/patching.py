"""Putting a changed copy of a source fragment into the running refopt, and taking it out again.

refopt itself has no switches. A change names a module, a fragment of its source and what stands there
instead. The fragment must occur exactly once, so that a change which no longer applies is an error and not a
silent pass. The changed source is compiled, and the code of the functions that differ is exchanged in place:
every reference to them, in whatever module, sees the change, and leaving the context restores the original.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Change:
    """One replaced fragment: `old` occurs exactly once in the source of `module`."""

    module: str
    old: str
    new: str


@dataclass(frozen=True)
class Fault:
    """A wrong version of refopt that people really write.

    Attributes:
        name: part, then what is wrong, with hyphens.
        sentence: what is wrong, in one sentence.
        kind: bug type: formula, sign, index, order, state, schedule, numerics, precision, selection or
            validation.
        flag: what a case must have to see it.
        ops: the operations whose cases are put to it, the likeliest first.
        changes: the fragments.
    """

    name: str
    sentence: str
    kind: str
    flag: str
    ops: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Benign:
    """Another right way to compute the same, which every case must accept.

    Attributes:
        name: what is different, with hyphens.
        sentence: why the answer is the same in exact arithmetic.
        ops: the operations that the difference reaches.
        changes: the fragments.
    """

    name: str
    sentence: str
    ops: tuple[str, ...]
    changes: tuple[Change, ...]


class DoesNotApply(AssertionError):
    """A change whose fragment is not there exactly once, or that changes nothing a function does."""


def change(module: str, old: str, new: str) -> Change:
    """A change in a module of refopt, named without the package."""
    return Change(f"refopt.{module}", old, new)


@contextlib.contextmanager
def planted(changes: Sequence[Change]) -> Iterator[list[str]]:
    """Makes the changes, yields the qualified names of the functions that differ, and restores them.

    Raises:
        DoesNotApply: see the class.
    """
    replaced: list[tuple[types.FunctionType, types.CodeType]] = []
    names: list[str] = []
    try:
        for name in dict.fromkeys(entry.module for entry in changes):
            module = importlib.import_module(name)
            wanted = _changed_code(module, [entry for entry in changes if entry.module == name])
            for qualname, code in wanted.items():
                function = _function(module, qualname)
                replaced.append((function, function.__code__))
                function.__code__ = code
                names.append(f"{name}.{qualname}")
        yield names
    finally:
        for function, code in reversed(replaced):
            function.__code__ = code


def _changed_code(module: types.ModuleType, changes: Sequence[Change]) -> dict[str, types.CodeType]:
    """Compiles the changed source and returns the code of the functions that differ, by qualified name."""
    path = inspect.getsourcefile(module)
    assert path is not None
    source = Path(path).read_text(encoding="utf-8")
    changed = source
    for entry in changes:
        count = changed.count(entry.old)
        if count != 1:
            raise DoesNotApply(f"{entry.module} holds {count} times, not once: {entry.old!r}")
        changed = changed.replace(entry.old, entry.new)
    before, after = (_functions(compile(text, path, "exec", dont_inherit=True)) for text in (source, changed))
    common = after.keys() & before.keys()
    differing = {name: after[name] for name in common if _essence(after[name]) != _essence(before[name])}
    if not differing:
        raise DoesNotApply(f"no function of {changes[0].module} differs after {changes[0].new!r}")
    return differing


def _functions(module: types.CodeType) -> dict[str, types.CodeType]:
    """Code of functions and methods of a module by qualified name; what is nested in them is part of it."""
    found = {}
    for constant in module.co_consts:
        if isinstance(constant, types.CodeType):
            if "<" not in constant.co_name and constant.co_flags & inspect.CO_NEWLOCALS:
                found[constant.co_qualname] = constant
            else:
                found.update(_functions(constant))
    return found


def _essence(code: types.CodeType) -> Any:
    """What a piece of code does, without line numbers."""
    constants = tuple(
        _essence(entry) if isinstance(entry, types.CodeType) else (type(entry).__name__, repr(entry))
        for entry in code.co_consts
    )
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars


def _function(module: types.ModuleType, qualname: str) -> types.FunctionType:
    """The function object behind a qualified name, unwrapped."""
    owner: Any = module
    *path, last = qualname.split(".")
    for part in path:
        owner = getattr(owner, part)
    found = vars(owner)[last]
    if isinstance(found, classmethod | staticmethod):
        found = found.__func__
    elif isinstance(found, property):
        found = found.fget
    elif isinstance(found, functools.cached_property):
        found = found.func
    found = inspect.unwrap(found)
    if not isinstance(found, types.FunctionType):
        raise DoesNotApply(f"{module.__name__}.{qualname} is not a function")
    return found
