"""Reads the oracle's vector files: checksums first, then structure, then cases.

Nothing in a vector set is trusted before the manifest's SHA-256 of its file agrees, and no case before its
structure is sound; whatever is wrong is one sentence that names the file, and no case is run.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources.abc import Traversable
from typing import Any

from refopt.conformance import structure, wire

FORMAT = "refopt-vectors/1"
MANIFEST = "MANIFEST.json"
FIELDS = ("id", "op", "level", "source", "comment", "flags", "dtype", "profile", "in", "expect")


class CorruptVectors(Exception):
    """A vector set that must not be used; the message says which file and why."""


@dataclass(frozen=True)
class Case:
    """One case of a vector file.

    Attributes:
        id: <method>.<op>.<level>.<what>; stable for ever.
        method: folder of the vectors.
        op: operation, a key of `OPERATIONS`.
        level: L1 derivatives, L2 spectrum, L3 step, L4 trajectory, L6 behaviour on bad input.
        source: paper and equation, or claim.
        comment: what a wrong answer would tell.
        flags: each flag's name and what goes wrong without it.
        dtype: "float64" or "float32".
        profile: named choices under which `expect` holds.
        inputs: what the adapter receives, as in the file.
        expect: expectations by quantity, in computing order.
        alternatives: by "key=value", the expectations that differ under that choice.
        file: path of the vector file inside the set.
        unfit: why the case cannot be put in the dtype that a run asks for; empty where it can.
    """

    id: str
    method: str
    op: str
    level: str
    source: str
    comment: str
    flags: Mapping[str, str]
    dtype: str
    profile: Mapping[str, Any]
    inputs: Mapping[str, Any]
    expect: Mapping[str, Mapping[str, Any]]
    alternatives: Mapping[str, Mapping[str, Mapping[str, Any]]]
    file: str
    unfit: str = ""


@dataclass(frozen=True)
class VectorSet:
    """All cases of a folder of vectors.

    Attributes:
        digest: the manifest's root digest, the version of the whole set.
        cases: in the order of the manifest.
    """

    digest: str
    cases: tuple[Case, ...]

    @property
    def choices(self) -> frozenset[str]:
        """Names of the choices, such as "multiplicity", under which some case has another answer."""
        chosen = {choice for case in self.cases for name in case.alternatives for choice in name.split(",")}
        return frozenset(choice.partition("=")[0] for choice in chosen)


def load(folder: Traversable) -> VectorSet:
    """Read and verify a folder of vectors.

    Raises:
        CorruptVectors: a file is missing, changed, not listed or not sound.
    """
    manifest = _json(MANIFEST, _bytes(folder, MANIFEST))
    files = manifest.get("files")
    if not isinstance(files, Mapping) or not files:
        raise CorruptVectors(f"{MANIFEST} lists no files.")
    if not all(
        isinstance(entry, Mapping) and {"sha256", "cases"} <= entry.keys() for entry in files.values()
    ):
        raise CorruptVectors(f"{MANIFEST} lists a file without `sha256` or `cases`.")
    if manifest.get("format") != FORMAT:
        raise CorruptVectors(
            f"{MANIFEST} has the format {manifest.get('format')!r}, {FORMAT!r} is understood."
        )
    _check_digest(manifest)
    _check_listed(folder, files)
    cases: dict[str, Case] = {}
    for path, listed in files.items():
        content = _bytes(folder, path)
        found = hashlib.sha256(content).hexdigest()
        if found != listed["sha256"]:
            raise CorruptVectors(
                f"{path} was changed: its SHA-256 is {found[:16]}..., {listed['sha256'][:16]}... is listed."
            )
        read = _read_file(path, _json(path, content))
        if len(read) != listed["cases"]:
            raise CorruptVectors(f"{path} has {len(read)} cases, {listed['cases']} are listed.")
        for case in read:
            if case.id in cases:
                raise CorruptVectors(f"{path}: the id {case.id} is also in {cases[case.id].file}.")
            cases[case.id] = case
    return VectorSet(manifest["root_sha256"], tuple(cases.values()))


def _check_digest(manifest: Mapping[str, Any]) -> None:
    listed = "".join(f"{entry['sha256']}  {path}\n" for path, entry in manifest["files"].items())
    if hashlib.sha256(listed.encode()).hexdigest() != manifest.get("root_sha256"):
        raise CorruptVectors(f"{MANIFEST} was changed: its `root_sha256` is not that of the files it lists.")


def _check_listed(folder: Traversable, files: Mapping[str, Any]) -> None:
    for part in sorted(folder.iterdir(), key=lambda entry: entry.name):
        for entry in sorted(part.iterdir(), key=lambda entry: entry.name) if part.is_dir() else ():
            path = f"{part.name}/{entry.name}"
            if entry.name.endswith(".json") and path not in files:
                raise CorruptVectors(f"{path} is not listed in {MANIFEST}.")


def _bytes(folder: Traversable, path: str) -> bytes:
    try:
        return folder.joinpath(*path.split("/")).read_bytes()
    except OSError as error:
        raise CorruptVectors(f"{path} cannot be read in {folder}: {error.strerror or error}.") from None


def _json(path: str, content: bytes) -> dict[str, Any]:
    try:
        return wire.read(content)
    except wire.MalformedMessage as error:
        raise CorruptVectors(f"{path}: {error}") from None


def _read_file(path: str, content: Mapping[str, Any]) -> list[Case]:
    if content.get("format") != FORMAT:
        raise CorruptVectors(f"{path} has the format {content.get('format')!r}, {FORMAT!r} is understood.")
    try:
        return [_case(path, content, entry) for entry in content["cases"]]
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise CorruptVectors(f"{path} is not sound: {type(error).__name__}: {error}.") from None


def _case(path: str, content: Mapping[str, Any], entry: Mapping[str, Any]) -> Case:
    missing = [name for name in FIELDS if name not in entry]
    if missing:
        raise CorruptVectors(f"{path}: the case {entry.get('id', '?')} has no {', '.join(missing)}.")
    case = Case(
        id=entry["id"],
        method=content["method"],
        op=entry["op"],
        level=entry["level"],
        source=entry["source"],
        comment=entry["comment"],
        flags={flag: content["flags"][flag] for flag in entry["flags"]},
        dtype=entry["dtype"],
        profile=entry["profile"],
        inputs=entry["in"],
        expect=entry["expect"],
        alternatives=entry.get("alternatives", {}),
        file=path,
    )
    for problem in structure.problems(case):
        raise CorruptVectors(f"{path}: the case {case.id} {problem}")
    return case


def select(
    cases: Iterable[Case], only: Iterable[str] = (), methods: Iterable[str] = (), levels: Iterable[str] = ()
) -> list[Case]:
    """Choose the cases that match a glob pattern, a method and a level; an empty list matches all."""
    only, methods, levels = list(only), list(methods), list(levels)
    return [
        case
        for case in cases
        if (not only or any(fnmatchcase(case.id, pattern) for pattern in only))
        and (not methods or case.method in methods)
        and (not levels or case.level in levels)
    ]
