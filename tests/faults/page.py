"""The kill matrix as a page of Markdown."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from faults.catalogue import SEEN_ONCE
from faults.matrix import Row
from faults.patching import Benign, Fault
from faults.trial import CLEAR, SEPARATION, vectors

COMMAND = "PYTHONPATH=tests python -m faults --page docs/conformance/KILLMATRIX.md --jobs 2"
HEAD = """\
# Kill matrix: what the cases see

Made by `{command}`; not edited by hand.

A vector set is worth what it sees. Each fault below is a wrong version of refopt that people really write,
planted into the running refopt and put to every case of the operations that it can reach. A case *kills* it
when the scorer fails the answer; the kill is *clear* when the deviation is at least {separation:.0f} times
the threshold, so that no rounding of another implementation comes near it. An exception or a refused answer
is never a clear kill. Each fault must be killed clearly by at least {clear} cases. The benign variants are
the other side: right versions of refopt that compute the same in another way, which every case must accept.
The numbers are of the cases that there were when the page was made; cases are added, never withdrawn.

| | |
| --- | --- |
| cases in the set | {cases} |
| faults planted | {faults} |
| killed clearly by at least {clear} cases | {killed} of {faults} ({rate}) |
| fewest, median and most clear kills of a fault | {spread} |
| judgements, a fault on a case each | {judgements} |
| benign variants | {variants} |
| accepted by every case | {accepted} of {variants} |
| judgements, a variant on a case each | {benign_judgements} |
| cases that kill at least one fault clearly | {used} of {reached} put to any |
"""
LEGEND = """\
**cases**: kill it clearly / kill it / are put to it. **best**, **second**: ratio / threshold of the two
clearest kills; `differs` where what deviates has no ratio: a decision, a count, a shape, an error that is
due. **seen by**: clear kills of all cases that there are, by operation.
"""
EQUIVALENT = """\
A change that no case can see because it changes nothing is no fault: it stands among the benign variants,
with the reason. {once}
"""


def page(
    faults: Sequence[Fault], kills: Sequence[Row], variants: Sequence[Benign], passes: Sequence[Row]
) -> str:
    """The whole page.

    Args:
        faults: the planted faults.
        kills: their rows, in the same order.
        variants: the benign variants.
        passes: their rows, in the same order.
    """
    parts = [
        _headline(faults, kills, passes),
        _by_kind(faults, kills),
        _by_operation(kills),
        "## Faults\n\n" + LEGEND,
    ]
    order = dict.fromkeys(fault.changes[0].module for fault in faults)
    for module in order:
        chosen = [(fault, row) for fault, row in zip(faults, kills, strict=True)]
        parts.append(_faults_of(module, [entry for entry in chosen if entry[0].changes[0].module == module]))
    once = "".join(f"`{name}` can be seen by one case only: {reason} " for name, reason in SEEN_ONCE.items())
    once = once or "No planted fault is excused: none is listed as seen by fewer cases than it must be."
    parts.append("## Equivalent changes\n\n" + EQUIVALENT.format(once=once.strip()))
    parts.append(_variants(variants, passes))
    return "\n".join(parts)


def faults_on(text: str) -> dict[str, tuple[str, str, int, int, int]]:
    """The faults of a page by name: what is wrong, kind, and clear kills, kills and cases put to it."""
    pattern = r"^\| `([A-Za-z0-9-]+)` \| (.+?) \| (\w+) \| (\d+) / (\d+) / (\d+) \|"
    found = re.findall(pattern, text, flags=re.MULTILINE)
    return {name: (what, kind, int(a), int(b), int(c)) for name, what, kind, a, b, c in found}


def variants_on(text: str) -> dict[str, tuple[str, int, int]]:
    """The benign variants of a page by name: why it is the same, how many cases accept it, of how many."""
    found = re.findall(r"^\| `([A-Za-z0-9-]+)` \| (.+?) \| (\d+) of (\d+) \|$", text, flags=re.MULTILINE)
    return {name: (why, int(a), int(b)) for name, why, a, b in found}


def cell(text: str) -> str:
    """Text inside a table: a bar would end the cell."""
    return text.replace("|", "\\|")


def table(head: str, lines: Iterable[str]) -> str:
    """A table, with the columns of its head."""
    return "\n".join([head, "|" + " --- |" * (head.count("|") - 1), *lines]) + "\n"


def _headline(faults: Sequence[Fault], kills: Sequence[Row], passes: Sequence[Row]) -> str:
    killed = sum(row.verdict == "killed" for row in kills)
    counts = sorted(len(row.clear) for row in kills)
    useful = {kill.case for row in kills for kill in row.clear}
    ops = {op for fault in faults for op in fault.ops}
    return HEAD.format(
        command=COMMAND,
        separation=SEPARATION,
        clear=CLEAR,
        cases=len(vectors()),
        faults=len(faults),
        killed=killed,
        rate=f"{100 * killed / len(faults):.1f} %",
        spread=f"{counts[0]}, {counts[len(counts) // 2]}, {counts[-1]}",
        judgements=sum(row.put for row in kills),
        variants=len(passes),
        accepted=sum(not row.kills for row in passes),
        benign_judgements=sum(row.put for row in passes),
        used=len(useful),
        reached=sum(case.op in ops for case in vectors()),
    )


def _by_kind(faults: Sequence[Fault], kills: Sequence[Row]) -> str:
    there = Counter(fault.kind for fault in faults)
    killed = Counter(f.kind for f, row in zip(faults, kills, strict=True) if row.verdict == "killed")
    lines = [f"| {kind} | {count} | {killed[kind]} |" for kind, count in there.most_common()]
    return "## By kind of fault\n\n" + table("| kind | planted | killed |", lines)


def _by_operation(kills: Sequence[Row]) -> str:
    """What each operation's cases are worth: one that kills nothing needs a reason to be kept."""
    seen = Counter(kill.case for row in kills for kill in row.clear)
    by_op: dict[str, list[int]] = {}
    for case in vectors():
        by_op.setdefault(case.op, []).append(seen[case.id])
    lines = [
        f"| {op} | {len(counts)} | {sum(count > 0 for count in counts)} | {max(counts)} |"
        for op, counts in sorted(by_op.items())
    ]
    head = "| operation | cases | that kill a fault clearly | most faults that a case kills |"
    return "## By operation\n\n" + table(head, lines)


def _faults_of(module: str, entries: Sequence[tuple[Fault, Row]]) -> str:
    lines = []
    for fault, row in entries:
        best, second = ([_separation(kill.separation) for kill in row.kills] + ["-", "-"])[:2]
        seen = ", ".join(f"{op} {count}/{there}" for op, (count, there) in row.by_operation().items())
        counted = f"{len(row.clear)} / {len(row.kills)} / {row.put}"
        weak = "" if row.verdict == "killed" else f" **{row.verdict}**"
        said = f"| `{fault.name}` | {cell(fault.sentence)} | {fault.kind} |"
        lines.append(f"{said} {counted} | {best} | {second} | {seen}{weak} |")
    head = "| fault | what is wrong | kind | cases | best | second | seen by |"
    return f"### `{module.removeprefix('refopt.')}`\n\n" + table(head, lines)


def _separation(ratio: float) -> str:
    """One digit: the rest differs with the machine's arithmetic."""
    return "differs" if math.isinf(ratio) else f"{ratio:.0e}"


def _variants(variants: Sequence[Benign], passes: Sequence[Row]) -> str:
    lines = [
        f"| `{variant.name}` | {cell(variant.sentence)} | {row.put - len(row.kills)} of {row.put} |"
        for variant, row in zip(variants, passes, strict=True)
    ]
    return "## Benign variants\n\n" + table("| variant | why it is the same | accepted by |", lines)
