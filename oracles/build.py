"""Collects the cases, writes the vectors and checks them: `build` and `check` of `python -m oracles`."""

import fnmatch
import hashlib
import importlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from mpmath import mp

from oracles.case import LEVELS, Case
from oracles.encoding import ILL_CONDITIONED, Rejected, floats_of
from oracles.freeze import evaluate
from oracles.precision import DIGITS, UNIT_ROUNDOFF, is_float32
from oracles.render import FORMAT, one_line, render

MODULES = (
    "derivatives",
    "spectrum",
    "first_order",
    "comparators",
    "fosi",
    "summary",
    "cubic",
    "grouped_newton",
    "elmo",
    "eigen_arc",
    "sophia",
    "amos",
)
VECTORS = Path(__file__).parent / "vectors"
ID = re.compile(r"[a-z_]+\.[a-z_]+\.L[1-6]\.[a-z0-9][a-z0-9-]*")


@cache
def module(name: str) -> Any:
    """Import a module of cases."""
    return importlib.import_module(f"oracles.{name}")


def declared_cases(name: str) -> list[Case]:
    """Return the cases of a module, whose computed inputs do not depend on the precision outside."""
    with mp.workdps(DIGITS[0]):
        return module(name).cases()


def modules_of(only: str | None) -> list[str]:
    """Return the modules whose cases a pattern can match, so that no other needs to be imported."""
    wanted = (only or "*").split(".", 1)[0]
    return [name for name in MODULES if fnmatch.fnmatch(name, wanted)]


def collect(names: Iterable[str] = MODULES) -> dict[str, Case]:
    """Return all cases by id, in order of id; a malformed or repeated one is rejected."""
    out: dict[str, Case] = {}
    for name in names:
        for case in declared_cases(name):
            _lint(case, name)
            if case.id in out:
                raise Rejected(f"{case.id}: the id is used twice.")
            out[case.id] = case
    return dict(sorted(out.items()))


def _lint(case: Case, name: str) -> None:
    declared = module(name)
    faults = {
        "the id is not <method>.<op>.<level>.<what> in lower case": not ID.fullmatch(case.id),
        "the id's method, op or level differ from the case's": case.id.split(".")[:3]
        != [declared.METHOD, case.op, case.level],
        f"the level is not one of {', '.join(LEVELS)}": case.level not in LEVELS,
        "`source` is missing": not case.source.strip(),
        "`comment` is missing": not case.comment.strip(),
        "a flag is not described in FLAGS": not set(case.flags) <= set(declared.FLAGS) | {ILL_CONDITIONED},
        "there is no rule": not case.rules,
        "`dtype` is unknown": case.dtype not in UNIT_ROUNDOFF,
        "`samples` must be at least 8": case.samples < 8,
        "an input is not representable in float32": case.dtype == "float32"
        and not all(is_float32(x) for x in floats_of(case.inputs)),
    }
    for fault, present in faults.items():
        if present:
            raise Rejected(f"{case.id}: {fault}.")


def selected(cases: dict[str, Case], only: str | None) -> dict[str, list[Case]]:
    """Group cases by their file; with a pattern, keep the files that hold a matching id, whole."""
    out: dict[str, list[Case]] = {}
    for case in cases.values():
        out.setdefault(case.file, []).append(case)
    if only is None:
        return out
    return {f: group for f, group in out.items() if any(fnmatch.fnmatch(c.id, only) for c in group)}


def _work(name_and_id: tuple[str, str]) -> tuple[str, dict[str, Any] | str]:
    """Evaluate one case in a worker; a rejection travels back as its message."""
    name, case_id = name_and_id
    try:
        return case_id, evaluate(_cases_of(name)[case_id])
    except Rejected as error:
        return case_id, str(error)


@cache
def _cases_of(name: str) -> dict[str, Case]:
    return {case.id: case for case in declared_cases(name)}


def evaluated(cases: Iterable[Case], jobs: int) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Evaluate cases, in parallel for jobs > 1; yield id and content, or id and why it was rejected."""
    tasks = [(case.method, case.id) for case in cases]
    if jobs <= 1:
        yield from map(_work, tasks)
        return
    with Pool(jobs) as pool:
        yield from pool.imap_unordered(_work, tasks)


def _texts(groups: dict[str, list[Case]], jobs: int, progress: Any) -> tuple[dict[str, str], list[str]]:
    """Compute the text of every file of the groups; also return what was rejected."""
    cases = [case for group in groups.values() for case in group]
    contents: dict[str, dict[str, Any]] = {}
    rejected = []
    for done, (case_id, content) in enumerate(evaluated(cases, jobs), start=1):
        progress(done, len(cases), case_id)
        if isinstance(content, str):
            rejected.append(content)
        else:
            contents[case_id] = content
    whole = {f: g for f, g in groups.items() if all(case.id in contents for case in g)}
    return {f: render(f, g, contents, module(g[0].method)) for f, g in whole.items()}, sorted(rejected)


def locked(folder: Path) -> list[str]:
    """Return every id ever published, in order of publication."""
    path = folder / "ids.lock"
    return path.read_text(encoding="utf-8").split() if path.is_file() else []


def lost_ids(cases: dict[str, Case], methods: Iterable[str], folder: Path) -> list[str]:
    """Return one sentence for each published id of these methods that no case bears any more."""
    methods = set(methods)
    return [
        f"{i}: the id was published and must stay; it was removed or renamed."
        for i in locked(folder)
        if i not in cases and i.split(".", 1)[0] in methods
    ]


def manifest(folder: Path) -> str:
    """Return MANIFEST.json: digest, size and number of cases of each file, and a digest over all of them."""
    files: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*/*.json")):
        data = path.read_bytes()
        files[path.relative_to(folder).as_posix()] = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "cases": len(json.loads(data)["cases"]),
        }
    root = "".join(f"{f['sha256']}  {name}\n" for name, f in files.items())
    lines = ",\n".join(f"  {one_line(name)}: {one_line(entry)}" for name, entry in files.items())
    total = sum(f["cases"] for f in files.values())
    digest = hashlib.sha256(root.encode()).hexdigest()
    return (
        f'{{\n"format": "{FORMAT}",\n"cases": {total},\n"root_sha256": "{digest}",\n'
        f'"files": {{\n{lines}\n}}\n}}\n'
    )


def build(only: str | None, jobs: int, progress: Any, folder: Path = VECTORS) -> list[str]:
    """Write the vectors; return what went wrong (nothing of a rejected case's file is written).

    A run without a pattern also appends new ids to ids.lock and removes files that no case fills any more.
    """
    names = modules_of(only)
    cases = collect(names)
    faults = lost_ids(cases, names, folder)
    if faults:
        return faults
    groups = selected(cases, only)
    texts, rejected = _texts(groups, jobs, progress)
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    if only is None and not rejected:
        for path in folder.glob("*/*.json"):
            if path.relative_to(folder).as_posix() not in groups:
                path.unlink()
        known = locked(folder)
        ids = [*known, *(i for i in cases if i not in set(known))]
        (folder / "ids.lock").write_text("\n".join(ids) + "\n", encoding="utf-8", newline="\n")
    (folder / "MANIFEST.json").write_text(manifest(folder), encoding="utf-8", newline="\n")
    return rejected


def check(only: str | None, jobs: int, progress: Any, folder: Path = VECTORS) -> list[str]:
    """Recompute the vectors and compare bytes; return one sentence for each difference."""
    names = modules_of(only)
    cases = collect(names)
    faults = lost_ids(cases, names, folder)
    groups = selected(cases, only)
    texts, rejected = _texts(groups, jobs, progress)
    faults += rejected
    for name, text in texts.items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{name}: the file is missing; run `python -m oracles build`.")
        elif path.read_bytes() != text.encode():
            faults += differences(name, path.read_text(encoding="utf-8"), text)
    if only is None:
        known = set(locked(folder))
        faults += [f"{i}: the id is not in ids.lock." for i in cases if i not in known]
        here = {p.relative_to(folder).as_posix() for p in folder.glob("*/*.json")}
        faults += [f"{name}: no case fills this file." for name in sorted(here - groups.keys())]
        if (folder / "MANIFEST.json").read_text(encoding="utf-8") != manifest(folder):
            faults.append("MANIFEST.json: does not describe the files beside it.")
    return faults


def differences(name: str, old: str, new: str) -> list[str]:
    """Name what differs between a stored file and its recomputed text: cases, header, or only the form."""
    try:
        before, after = json.loads(old), json.loads(new)
    except ValueError as error:
        return [f"{name}: is not JSON: {error}."]
    stored = {case["id"]: case for case in before["cases"]}
    fresh = {case["id"]: case for case in after["cases"]}
    out = [f"{i}: stored in {name}, no such case." for i in stored if i not in fresh]
    for case_id, content in fresh.items():
        if case_id not in stored:
            out.append(f"{case_id}: missing in {name}.")
        elif stored[case_id] != content:
            parts = [k for k in content if stored[case_id].get(k) != content[k]]
            quantities = [q for q, e in content["expect"].items() if stored[case_id]["expect"].get(q) != e]
            out.append(
                f"{case_id}: differs in {', '.join(parts)} {quantities if quantities else ''}".rstrip()
            )
    if out:
        return out
    keys = [k for k in after if k != "cases" and before.get(k) != after[k]]
    return [f"{name}: {'differs in ' + ', '.join(keys) if keys else 'is not in canonical form'}."]


def counts(cases: dict[str, Case]) -> list[tuple[str, str, int]]:
    """Return (method, level, number of cases), sorted."""
    table = Counter((case.method, case.level) for case in cases.values())
    return [(method, level, number) for (method, level), number in sorted(table.items())]
