"""What the commands share that write the measured parts of a page: tables of verdicts, and the markers.

A measured part of a page stands between two markers, `<!-- name -->` and `<!-- /name -->`.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from refopt.conformance.report import Report
from refopt.conformance.scoring import ENDINGS, Score
from refopt.conformance.vectors import Case
from refopt.conformance.verify import verify


def verified(spec: str, cases: Sequence[Case]) -> Report:
    """Put cases to an adapter, several operations at a time: some adapters compile every case.

    Raises:
        RuntimeError: an adapter's process ended or did not answer, so that there is no verdict.
    """
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.op, []).append(case)
    with ThreadPoolExecutor(max_workers=4) as pool:  # the adapters' own processes do the work
        reports = list(pool.map(_verified, [spec] * len(groups), groups.values()))
    scores = [score for report in reports for score in report.scores]
    ended = [score for score in scores if score.verdict in ENDINGS]
    if ended:
        raise RuntimeError(f"{ended[0].case.id} was not measured: {ended[0].reason}")
    return dataclasses.replace(reports[0], total=len(cases), scores=scores)


def _verified(spec: str, cases: Sequence[Case]) -> Report:
    return verify(spec, cases, deadline=300.0)


def bad_input(score: Score) -> str:
    """Say in a few words how a case on bad input failed."""
    accident = re.search(r"gave (\w+Error)", score.reason)
    return f"bad input ends in {accident[1]}" if accident else "bad input is not refused"


def counts(report: Report) -> str:
    """Write a table of verdicts by operation and level."""
    rows = ["| operation | level | cases | pass | fail | left out |", "|---|---|---|---|---|---|"]
    for op, level in dict.fromkeys((score.case.op, score.case.level) for score in report.scores):
        part = [score for score in report.scores if (score.case.op, score.case.level) == (op, level)]
        found = Counter(score.verdict for score in part)
        rows.append(
            f"| `{op}` | {level} | {len(part)} | {found['pass']} | {found['fail']} | {found['skip']} |"
        )
    return "\n".join(rows)


def failures(report: Report, kind: Callable[[Score], str]) -> str:
    """Write a table of the failing cases by operation and kind."""
    by_kind: dict[tuple[str, str], list[str]] = {}
    for score in report.failures:
        name = score.case.id.split(".", 3)[3]
        by_kind.setdefault((score.case.op, kind(score)), []).append(name)
    rows = ["| operation | what happens | cases | which |", "|---|---|---|---|"]
    for (op, what), names in sorted(by_kind.items()):
        rows.append(
            f"| `{op}` | {what} | {len(names)} | {', '.join(f'`{name}`' for name in sorted(names))} |"
        )
    return "\n".join(rows)


def listed(values: Any) -> str:
    """Write nested numbers with four digits."""
    return "[" + ", ".join(listed(x) if np.ndim(x) else f"{x:.4g}" for x in values) + "]"


def raised(function: Callable[[], Any]) -> str:
    """Say what a function raises."""
    try:
        function()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return "nothing is raised"


def replaced(text: str, measured: Mapping[str, str], page: str = "the page") -> str:
    """Put measured parts between the markers of a page.

    Raises:
        ValueError: a part has no markers.
    """
    for name, part in measured.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        if not re.search(pattern, text, flags=re.DOTALL):
            raise ValueError(f"{page} has no markers for {name}")
        new = f"{part}\n"
        text = re.sub(pattern, lambda found, new=new: found[1] + new + found[2], text, flags=re.DOTALL)
    return text


def rewrite(page: Path, measured: Mapping[str, str]) -> None:
    """Put measured parts into a page's file."""
    text = page.read_text(encoding="utf-8")
    page.write_text(replaced(text, measured, page.name), encoding="utf-8")


def side_by_side(reports: Mapping[str, Report]) -> str:
    """Write verdicts of several implementations by operation and level: pass / alt / fail / left out."""
    groups: dict[tuple[str, str], dict[str, Counter[str]]] = {}
    for name, report in reports.items():
        for score in report.scores:
            found = groups.setdefault((score.case.op, score.case.level), {})
            found.setdefault(name, Counter())[score.verdict] += 1
    rows = [f"| operation | level | cases | {' | '.join(reports)} |", "|---|---|---|" + "---|" * len(reports)]
    for (op, level), found in groups.items():
        cases = max(counter.total() for counter in found.values())
        cells = " | ".join(tally(found[name]) if name in found else "" for name in reports)
        rows.append(f"| `{op}` | {level} | {cases} | {cells} |")
    return "\n".join(rows)


def tally(found: Counter[str]) -> str:
    """Write a count of verdicts as pass / alt / fail / left out."""
    left_out = found.total() - found["pass"] - found["pass-alt"] - found["fail"]
    return f"{found['pass']} / {found['pass-alt']} / {found['fail']} / {left_out}"
