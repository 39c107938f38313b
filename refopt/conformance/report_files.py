"""A report for other programs: JSON in lines, JUnit XML for continuous integration, a badge, one sentence.

JUnit knows four ways a test can end, so the verdicts become

    pass, pass-alt                          a testcase, the choice of a pass-alt in its properties
    skip, not-applicable, xfail             <skipped>, its message the reason
    fail, xpass                             <failure>, its type the verdict
    every other verdict                     <error>, its type the verdict

and what fails a run beside its cases (nothing ran, stopped early, an expired known failure) is a testcase of
its own with an <error>: a tool that only counts testcases cannot take such a run for a pass.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any
from xml.etree import ElementTree as ET

from refopt import __version__
from refopt.conformance import scoring
from refopt.conformance.printable import printable
from refopt.conformance.report import (
    EXIT_NOTHING_RAN,
    Report,
    deviations,
    environment,
    introduction,
    mistake_lines,
    profile_text,
    to_json,
)
from refopt.conformance.scoring import Score

SKIPPED = scoring.NEUTRAL
FAILED = ("fail", "xpass")
_COLORS = {"fail": "red", "nothing": "lightgrey", "partly": "yellow", "pass": "brightgreen"}


def json_text(report: Report) -> str:
    """Write a report's JSON with one line per result, so that two of them can be compared line by line."""
    data = to_json(report)
    results = ",\n".join("  " + json.dumps(result, allow_nan=False) for result in data.pop("results"))
    head = json.dumps(data, indent=1, allow_nan=False)
    return f'{head[:-2]},\n "results": [\n{results}\n ]\n}}\n'


def junit(report: Report) -> str:
    """Write a report as JUnit XML: a suite for each method and level, a testcase for each case."""
    top = ET.Element("testsuites", name="refopt")
    for key, scores in groupby(sorted(report.scores, key=_suite_name), key=_suite_name):
        _add_suite(top, report, key, [_test(report, score) for score in scores])
    faults = list(run_faults(report))
    if faults:
        _add_suite(top, report, "run", [_fault(fault) for fault in faults])
    _count(top, [test for suite in top for test in suite.iter("testcase")], report.seconds)
    ET.indent(top, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(top, encoding="unicode") + "\n"


def run_faults(report: Report) -> Iterable[str]:
    """Yield in sentences what keeps a run from being a pass beside its failing cases."""
    yield from report.errors
    if report.interrupted:
        missing = report.total - len(report.scores)
        yield f"The run was stopped by the user, {missing} cases were not reached."
    if report.exit_status == EXIT_NOTHING_RAN:
        yield "No case was run: all were left out."


def _suite_name(score: Score) -> str:
    return f"{score.case.method}.{score.case.level}"


def _add_suite(top: ET.Element, report: Report, name: str, tests: Sequence[ET.Element]) -> None:
    suite = ET.SubElement(top, "testsuite", name=name, timestamp=report.started[:19])
    seconds = sum(float(test.get("time", "0")) for test in tests)
    _count(suite, tests, seconds)
    facts = {"adapter": f"{report.hello.name} {report.hello.version}", "profile": profile_text(report.hello)}
    facts |= {"vectors": report.digest, **environment()}
    _add_properties(suite, facts)
    suite.extend(tests)


def _count(element: ET.Element, tests: Sequence[ET.Element], seconds: float) -> None:
    ends = Counter(child.tag for test in tests for child in test)
    element.set("tests", str(len(tests)))
    element.set("failures", str(ends["failure"]))
    element.set("errors", str(ends["error"]))
    element.set("skipped", str(ends["skipped"]))
    element.set("time", f"{seconds:.6f}")


def _add_properties(element: ET.Element, facts: dict[str, Any]) -> None:
    properties = ET.SubElement(element, "properties")
    for name, value in facts.items():
        ET.SubElement(properties, "property", name=name, value=printable(value))


def _test(report: Report, score: Score) -> ET.Element:
    case = score.case
    test = ET.Element("testcase", classname=_suite_name(score), name=case.id, time=f"{score.seconds:.6f}")
    if score.profile:
        _add_properties(test, {"profile": score.profile})
    message = " ".join(printable(score.reason).split())
    if score.verdict in SKIPPED:
        ET.SubElement(test, "skipped", type=score.verdict, message=message)
    elif score.verdict not in scoring.PASSES:
        tag = "failure" if score.verdict in FAILED else "error"
        ET.SubElement(test, tag, type=score.verdict, message=message).text = "\n".join(
            printable(line) for line in failure_lines(report, score)
        )
    return test


def _fault(sentence: str) -> ET.Element:
    test = ET.Element("testcase", classname="run", name="the run as a whole", time="0")
    ET.SubElement(test, "error", type="run", message=printable(sentence))
    return test


def failure_lines(report: Report, score: Score) -> Iterable[str]:
    """Yield what there is to say about a failure: its reason, each deviating quantity, how to repeat it."""
    yield score.reason
    yield from deviations(score)
    yield from mistake_lines(score)
    yield f"the case: {score.case.comment} ({score.case.source})"
    yield report.reproduction(score)


def badge(report: Report) -> str:
    """Write a badge in the endpoint format of shields.io: the counts and a color, skips included."""
    counts = report.counts
    shown = [f"{counts['pass']} pass"]
    shown += [f"{counts['pass-alt']} alt"] if counts["pass-alt"] else []
    shown += [f"{len(report.failures)} fail"] if report.failures else []
    shown += [f"{counts['xfail']} known"] if counts["xfail"] else []
    left_out = counts["skip"] + counts["not-applicable"] + report.total - len(report.scores)
    shown += [f"{left_out} skipped"] if left_out else []
    if report.exit_status == EXIT_NOTHING_RAN:
        state = "nothing"
    elif report.exit_status:
        state = "fail"
    else:
        state = "partly" if counts["xfail"] or left_out else "pass"
    return json.dumps(
        {
            "schemaVersion": 1,
            "label": f"refopt {__version__}",
            "message": ", ".join(shown),
            "color": _COLORS[state],
            "isError": state in ("fail", "nothing"),
        },
        indent=1,
    )


def statement(report: Report) -> str:
    """Write the line of a README that claims what a run showed: levels by method, profile, dtypes, digest.

    A level is claimed for a method when some case of it passed and none failed; it has an asterisk where
    cases of it were left out. There is no single score.
    """
    parts, partly = [], False
    order = sorted(report.scores, key=_suite_name)
    for method, scores in groupby(order, key=lambda score: score.case.method):
        claimed = []
        for level, group in groupby(scores, key=lambda score: score.case.level):
            verdicts = [score.verdict for score in group]
            passed = [verdict in scoring.PASSES for verdict in verdicts]
            if any(passed) and not {*scoring.FAILURES, "xfail"} & set(verdicts):
                claimed.append(level if all(passed) else f"{level}*")
                partly = partly or not all(passed)
        if claimed:
            parts.append(f"{method} {' '.join(claimed)}")
    said = introduction(report.hello)
    claims = "; ".join(parts) or "nothing"
    text = f"{said['name']} {said['version']} conforms to refopt {__version__}: {claims}"
    text += f" (profile {printable(profile_text(report.hello))}, {' and '.join(said['dtypes'])}, "
    return f"{text}vectors {report.digest[:12]}{'; * not every case was run' if partly else ''})"
