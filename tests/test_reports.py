"""Reports as files: what they hold, that programs can read them, that nothing an adapter says breaks them."""

import io
import json
from html.parser import HTMLParser
from importlib.resources import files
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import reporting
from reporting import directions, ended, heavy_ball, hostile, mixed, period, report
from rich.console import Console

from refopt.conformance import report_changes, report_charts, scoring
from refopt.conformance.printable import LONGEST, printable
from refopt.conformance.report import deviations, to_json
from refopt.conformance.report_files import badge, json_text, junit, statement
from refopt.conformance.report_html import html, outcome
from refopt.conformance.report_table import draw

SCHEMA = json.loads(files("refopt.conformance").joinpath("report.schema.json").read_text(encoding="utf-8"))
SCHEMA_OF = jsonschema.Draft202012Validator(SCHEMA)


def drawn(found):
    console = Console(file=io.StringIO(), width=110, color_system=None)
    draw(found, console)
    return console.file.getvalue()


# JSON


@pytest.mark.parametrize("make", [mixed, hostile, lambda: report(ended("skip")), lambda: report(total=3)])
def test_json_follows_its_schema(make):
    SCHEMA_OF.check_schema(SCHEMA)
    found = json.loads(json_text(make()), parse_constant=pytest.fail)
    SCHEMA_OF.validate(found)
    assert found == json.loads(json.dumps(to_json(make()))) | {"started": found["started"]}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["results", 0, "verdict"], "good"),
        (["results", 0, "extra"], 1),
        (["results", 2, "comment"], None),
        (["results", 3, "quantities", 0, "steps", 0], "1"),
        (["counts", "pass"], 0),
        (["vectors", "digest"], "7"),
        (["exit_status"], 7),
    ],
)
def test_the_schema_sees_a_wrong_report(path, value):
    found = json.loads(json_text(mixed()))
    part = found
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert not SCHEMA_OF.is_valid(found)


def test_json_has_one_line_for_each_result():
    lines = json_text(mixed()).splitlines()
    assert sum('"id"' in line for line in lines) == len(mixed().scores)


def test_a_trajectory_has_its_ratio_at_each_step():
    # u = 2^-53, scale 4: an error of 1/2 is 1/2 / (4 u) = 2^50.
    (score,) = [score for score in mixed().scores if score.case.op == "base_directions"]
    assert score.quantities["directions"].steps == (0.0, 2.0**50, 0.0)
    (result,) = [entry for entry in to_json(mixed())["results"] if entry["op"] == "base_directions"]
    assert result["quantities"][0]["steps"] == [0.0, 1.13e15, 0.0]
    assert result["quantities"][0]["step"] == 1
    assert (result["ratio"], result["first"]) == (2.0**50, "directions")


# JUnit


def test_junit_has_every_case_once_with_its_ending():
    top = ET.fromstring(junit(mixed()))
    cases = {case.get("name"): case for case in top.iter("testcase")}
    assert len(cases) == len(mixed().scores) - 1  # the step stands in it twice
    kinds = {
        name.rpartition(".")[2]: [(child.tag, child.get("type")) for child in case]
        for name, case in cases.items()
    }
    assert kinds["right"] == []
    assert kinds["skip"] == [("skipped", "skip")]
    assert kinds["known"] == [("skipped", "xfail")]
    assert kinds["stale"] == [("failure", "xpass")]
    assert kinds["crash"] == [("error", "crash")]
    assert kinds["timeout"] == [("error", "timeout")]
    numbers = {name: top.get(name) for name in ("tests", "failures", "errors", "skipped", "time")}
    assert numbers == {"tests": "10", "failures": "3", "errors": "3", "skipped": "2", "time": "2.000000"}
    for name in ("tests", "failures", "errors", "skipped"):
        assert sum(int(suite.get(name)) for suite in top) == int(numbers[name])


def test_junit_says_what_was_measured_and_how_to_repeat_it():
    failure = next(ET.fromstring(junit(report(heavy_ball(theta_next=[0.75, 2.0])))).iter("failure"))
    assert failure.get("message") == "`theta_next` deviates."
    assert "entry [1]: ratio 1.13e+15 (allowed 30), 0.9 digits; given 2, expected 2.125" in failure.text
    assert "refopt verify --adapter mine.py:Mine --only first_order.base_step.L3.byhand" in failure.text


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (report(ended("skip")), "No case was run"),
        (report(period("a"), total=5, interrupted=True), "4 cases were not reached"),
        (report(period("a"), errors=["the known failure x expired"]), "the known failure x expired"),
    ],
)
def test_a_run_that_is_no_pass_has_an_error_in_junit(found, word):
    top = ET.fromstring(junit(found))
    assert top.get("errors") == "1"
    assert word in next(top.iter("error")).get("message")


# What an adapter says


class Elements(HTMLParser):
    """Names of the elements of a page, and of attributes that run something."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.handlers = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "src"]


def test_nothing_an_adapter_says_becomes_markup():
    page = html(hostile())
    elements = Elements(page)
    assert elements.tags.count("script") == 1
    assert "img" not in elements.tags
    assert elements.handlers == []
    assert "alert(1)" in page  # it is shown
    page.encode("utf-8")


def test_nothing_an_adapter_says_breaks_xml():
    text = junit(hostile())
    ET.fromstring(text)
    assert "\x1b" not in text
    text.encode("utf-8")


def test_nothing_an_adapter_says_reaches_the_terminal_as_a_command():
    found = drawn(hostile())
    assert "\x1b" not in found
    assert "\x00" not in found
    assert "alert(1)" in found
    found.encode("utf-8")


def test_badge_statement_and_json_survive_a_hostile_adapter():
    for text in (badge(hostile()), statement(hostile()), json_text(hostile())):
        assert "\x1b" not in text
        text.encode("utf-8")


def test_printable_cuts_long_messages_and_keeps_words():
    assert printable("α ≤ β\n\tx") == "α ≤ β\n\tx"
    assert printable("a" * 10_000) == "a" * LONGEST + "..."
    assert printable("a\x07b\x9bc\ud800") == "a\ufffdb\ufffdc\ufffd"


# The page


def test_a_deviation_that_the_verdict_names_is_said_once():
    # an exact number: the verdict's sentence says all; a measured one has its ratio in a line of its own
    exact, measured = period("a", 799), heavy_ball(theta_next=[0.75, 2.0])
    assert (exact.verdict, measured.verdict) == ("fail", "fail")
    assert deviations(exact) == []
    assert [line.split()[0] for line in deviations(measured)] == ["theta_next"]
    assert drawn(report(exact)).count("799") == 1


def test_the_page_needs_nothing_from_outside():
    page = html(mixed())
    for word in ("http:", "https:", "@import", "url(", '<link rel="stylesheet', " src="):
        assert word not in page, word


def test_the_content_policy_names_the_style_and_the_script_by_their_digests():
    import base64
    import hashlib
    import re

    page = html(mixed())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_the_page_holds_what_the_table_holds():
    page = html(mixed())
    for score in mixed().scores:
        assert score.case.id in page
    assert "step 1, entry [0]" in page
    assert "ab" * 32 in page
    assert "--only first_order.base_directions.L4.byhand" in page
    assert "ratio 1.1e+15" in page


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (report(period("a"), period("b")), "All 2 cases that were run pass."),
        (report(period("a"), period("b", 1)), "1 of the 2 cases that were run fails."),
        (report(ended("skip")), "No case was run: all were left out, so nothing is shown."),
        (report(period("a"), total=9, interrupted=True), "Stopped early: 1 of 9 cases were reached. All 1"),
        (
            report(period("a"), period("b", 1)._replace(verdict="xfail")),
            "1 of the 2 cases that were run pass, 1 fail as is known.",
        ),
        (report(period("a"), errors=["It expired."]), "The cases pass, the run does not: It expired."),
    ],
)
def test_the_outcome_is_one_sentence(found, sentence):
    assert outcome(found).startswith(sentence)
    assert sentence.split(":")[0] in html(found)


# Pictures


def test_a_divergence_marks_the_first_deviating_step_and_the_border():
    picture = report_charts.divergence(directions(-1.0, 2.5, -4.5).quantities)
    assert "directions first deviates at step 1." in picture
    assert picture.count('class="first') == 1
    assert "allowed" in picture
    ET.fromstring(f"<div>{picture}</div>")


def test_a_trajectory_of_zeros_has_a_picture_and_a_step_has_none():
    assert "All stay within." in report_charts.divergence(directions(-1.0, 2.0, -4.0).quantities)
    assert report_charts.divergence(heavy_ball().quantities) == ""


def test_the_histogram_counts_each_compared_case_once():
    # Two steps are exact: the lowest bar. One is far off: the highest.
    scores = [heavy_ball(), heavy_ball(), heavy_ball(theta_next=[0.75, 2.0]), period("a"), ended("skip")]
    picture = report_charts.histogram(scores)
    assert "worst ratio of 3 cases: 1 lie above" in picture
    assert "2 cases between 1e-6" in picture
    assert picture.count("<rect") == 2
    assert report_charts.histogram([period("a")]) == ""


def test_a_share_of_exactly_one_is_drawn_as_a_pass():
    # 30 * 2^-53 on a scale of 1 is the threshold itself, which passes.
    edge = heavy_ball(theta_next=[0.75 + 30 * 2.0**-53, 2.125])
    assert edge.verdict == "pass"
    assert report_charts.allowed_shares(edge) == [0.0, 1.0, 0.0]
    assert 'rect class="fail"' not in report_charts.histogram([edge])


# Badge, statement


@pytest.mark.parametrize(
    ("found", "message", "color"),
    [
        (report(period("a")), "1 pass", "brightgreen"),
        (report(period("a"), ended("skip")), "1 pass, 1 skipped", "yellow"),
        (report(period("a"), period("b", 1)), "1 pass, 1 fail", "red"),
        (report(ended("skip")), "0 pass, 1 skipped", "lightgrey"),
        (report(period("a"), total=3, interrupted=True), "1 pass, 2 skipped", "yellow"),
    ],
)
def test_the_badge_counts_and_colors(found, message, color):
    data = json.loads(badge(found))
    assert (data["schemaVersion"], data["message"], data["color"]) == (1, message, color)
    assert data["isError"] is (color in ("red", "lightgrey"))


def test_a_statement_claims_only_levels_without_a_failure():
    partly = report(period("a"), ended("skip"), directions(-1.0, 2.0, -4.0))
    assert "first_order L3* L4 (profile default, float64," in statement(partly)
    assert "* not every case was run" in statement(partly)
    assert "conforms to refopt 0.1.0: first_order L4 (" in statement(
        report(period("a"), period("b", 1), directions(-1.0, 2.0, -4.0))
    )
    assert ": nothing (" in statement(report(period("a", 1)))


# Exit status: zero tests run is never a pass


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (report(), 5),
        (report(ended("skip")), 5),
        (report(period("a"), ended("skip")), 0),
        (report(period("a", 1)._replace(verdict="xfail")), 0),
        (report(period("a")._replace(verdict="xpass")), 1),
        (report(period("a"), errors=["expired"]), 1),
        (report(ended("skip"), errors=["expired"]), 1),
        *((report(period("a"), ended(status)), 1) for status in scoring.ENDINGS),
    ],
)
def test_exit_statuses(found, status):
    assert found.exit_status == status


# Comparisons


def changed(*pairs):
    old, new = (report(*(pair[index] for pair in pairs if pair[index] is not None)) for index in (0, 1))
    return report_changes.changes(*(json.loads(json_text(found)) for found in (old, new)))


def test_what_changed_between_two_reports():
    found = changed(
        (period("same"), period("same")),
        (period("worse"), period("worse", 1)),
        (period("better", 1), period("better")),
        (period("gone"), None),
        (None, period("came")),
        (None, period("came-wrong", 1)),
        (period("failed", 1), period("failed", 2)),
    )
    assert [(change.kind, change.id.rpartition(".")[2]) for change in found] == [
        ("newly failing", "worse"),
        ("newly failing", "came-wrong"),
        ("lost", "gone"),
        ("newly passing", "better"),
        ("new", "came"),
    ]
    assert report_changes.is_worse(found)


def test_digits_that_were_lost_are_no_failure():
    # 0.75 (1 + 4 u): 3 u of the scale 1 is 15.5 digits; exact is 15.95; with 24 u they are 14.6.
    few, many = (heavy_ball(theta_next=[0.75 + n * 2.0**-53, 2.125]) for n in (24, 0))
    (change,) = changed((many, few))
    assert (change.kind, [round(x, 1) for x in change.digits]) == ("digits", [15.9, 14.6])
    assert not report_changes.is_worse([change])
    assert changed((many, many)) == []


def test_other_adapters_and_vectors_are_said():
    old = json.loads(json_text(report(period("a"))))
    new = json.loads(json_text(report(period("a"), hello=reporting.HELLO._replace(version="0.2"))))
    new["vectors"]["digest"] = "cd" * 32
    lines = report_changes.lines(old, new)
    assert "the adapters differ: mine 0.1 (profile default) before, mine 0.2 (profile default) now" in lines
    assert "the vectors differ: abababababab before, cdcdcdcdcdcd now" in lines
    assert lines[-1] == ("0 newly failing, 0 lost, 0 newly passing, 0 with other digits, 0 new, 1 as before")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "not JSON"),
        ("[]", "object is expected"),
        ('{"format": "refopt-report/0"}', "refopt-report/1"),
        ('{"format": "refopt-report/1", "results": [{"id": "a"}]}', "id and verdict"),
        ('{"format": "refopt-report/1", "results": [{"id": "a", "verdict": "good"}]}', "id and verdict"),
        (
            '{"format": "refopt-report/1", "results": [{"id": "a", "verdict": "pass", "digits": "x"}]}',
            "id and",
        ),
    ],
)
def test_a_file_that_is_no_report_is_said(tmp_path, content, word):
    path = tmp_path / "old.json"
    path.write_text(content)
    with pytest.raises(report_changes.UnreadableReport, match=word):
        report_changes.read(path)
