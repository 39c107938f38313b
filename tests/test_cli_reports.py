"""`refopt verify` beside its table: files, known failures, comparisons, and the sentence for each misuse."""

import json
from importlib.resources import files
from xml.etree import ElementTree as ET

import handmade
import jsonschema
import pytest
from handmade import DIRECTIONS, HEAVY_BALL, PERIOD

from refopt import cli

ADAPTER = """
from refopt.conformance import Adapter

class Mine(Adapter):
    name, version = "mine", "0.1"

    def refresh_period(self, lanczos_steps, overhead):
        return {"period": 800}

class Wrong(Mine):
    def refresh_period(self, lanczos_steps, overhead):
        return {"period": 799}

class Idle(Mine):
    def refresh_period(self, lanczos_steps, overhead):
        return self.skip("not today")
"""
ID = "first_order.refresh_period.L3.byhand"
ENTRY = f'[[known]]\nid = "{ID}"\nreason = "rounds down"\n'
FAR = "expires = 2999-12-31\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(ADAPTER)
    handmade.write(tmp_path / "vectors", HEAVY_BALL, PERIOD, DIRECTIONS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def verify(*arguments, adapter="Mine"):
    options = ["--vectors", "vectors", "--in-process", *arguments]
    return cli.main(["verify", "--adapter", f"mine.py:{adapter}", *options])


def known(folder, text):
    (folder / "known.toml").write_text(text, encoding="utf-8")
    return ["--known", "known.toml"]


def test_every_file_is_written(folder, capsys):
    names = {"--json": "r.json", "--junit": "r.xml", "--html": "r.html", "--badge": "badge.json"}
    assert verify(*(word for pair in names.items() for word in pair), adapter="Wrong") == 1
    assert json.loads((folder / "r.json").read_text())["counts"] == {"fail": 1, "skip": 2}
    assert ET.parse(folder / "r.xml").getroot().get("failures") == "1"
    assert (folder / "r.html").read_text().startswith("<!doctype html>")
    assert json.loads((folder / "badge.json").read_text())["message"] == "0 pass, 1 fail, 2 skipped"


AVERAGING = """
from refopt.adapters.reference import Reference

class Averaging(Reference):
    def base_step(self, optimizer, settings, theta, gradient, state):
        velocity = settings["momentum"] * state["velocity"] + (1 - settings["momentum"]) * gradient
        return {"theta_next": theta - settings["learning_rate"] * velocity,
                "state": {"velocity": velocity, "iteration": state["iteration"] + 1}}
"""


def test_real_reports_follow_the_schema_with_trajectories_and_named_mistakes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "averaging.py").write_text(AVERAGING)
    only = ["first_order.base_step.L3.heavy-ball-*", "fosi.fosi_run.L4.*", "spectrum.extreme_spectrum.*"]
    arguments = ["verify", "--adapter", "averaging.py:Averaging", "--in-process", "--only", *only]
    assert cli.main([*arguments, "--json", "r.json"]) == 1
    schema = json.loads(files("refopt.conformance").joinpath("report.schema.json").read_text("utf-8"))
    found = json.loads((tmp_path / "r.json").read_text(), parse_constant=pytest.fail)
    jsonschema.Draft202012Validator(schema).validate(found)
    quantities = [entry for result in found["results"] for entry in result["quantities"]]
    assert any("steps" in entry for entry in quantities)
    assert any(result.get("mistakes") for result in found["results"])


def test_a_known_failure_is_excused_and_shown(folder, capsys):
    assert verify(*known(folder, ENTRY + 'link = "https://example.org/1"\n' + FAR), adapter="Wrong") == 0
    assert "0 fail, 2 skip, 1 xfail of 3 cases" in capsys.readouterr().out


def test_a_known_failure_that_passes_is_an_error(folder, capsys):
    assert verify(*known(folder, ENTRY + FAR)) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert f"xpass {ID}: passes, but is listed as a known failure (rounds down)" in out


@pytest.mark.parametrize("adapter", ["Mine", "Wrong", "Idle"])
def test_an_expired_known_failure_is_an_error_whatever_the_case_does(folder, capsys, adapter):
    assert verify(*known(folder, ENTRY + "expires = 2020-01-31\n"), adapter=adapter) == 1
    assert f"error: the known failure {ID} expired on 2020-01-31: rounds down" in capsys.readouterr().out


def test_entries_of_cases_that_were_not_chosen_change_nothing(folder):
    text = known(folder, ENTRY.replace("refresh_period.L3", "base_directions.L4") + "expires = 2020-01-31\n")
    assert verify(*text, "--only", "*period*") == 0


def test_a_known_failure_hides_no_other_one(folder):
    text = ENTRY.replace("refresh_period.L3", "base_directions.L4") + FAR
    assert verify(*known(folder, text), adapter="Wrong") == 1


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[[known]", "not TOML"),
        ("known = 3", "only `[[known]]`"),
        ("x = 3", "holds `x`"),
        (ENTRY, "no `expires`"),
        (f'[[known]]\nid = "{ID}"\n' + FAR, "no `reason`"),
        (f'[[known]]\nid = "{ID}"\nreason = ""\n' + FAR, "no `reason`"),
        (ENTRY + 'expires = "2999-12-31"', "a date such as"),
        (ENTRY + "expires = 2999-12-31T00:00:00Z", "a date such as"),
        (ENTRY + FAR + "issue = 3", "the field `issue`"),
        (ENTRY.replace("byhand", "byhnd") + FAR, f"no case. Did you mean `{ID}`?"),
        ((ENTRY + FAR) * 2, "second time"),
        (ENTRY.replace('"rounds down"', "3") + FAR, "must be a string"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_sentence_and_nothing_runs(folder, capsys, text, word):
    assert verify(*known(folder, text)) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.startswith("refopt: `--known`: known.toml")
    assert word in captured.err


def test_a_written_list_excuses_the_same_run_and_keeps_what_was_said(folder):
    assert verify("--write-known", "known.toml", adapter="Wrong") == 1
    text = (folder / "known.toml").read_text()
    assert f'id = "{ID}"\nreason = "`period` is 799, 800 is expected."\nexpires = ' in text
    assert verify("--known", "known.toml", adapter="Wrong") == 0
    said = known(folder, ENTRY + 'link = "https://example.org/1"\n' + FAR)
    assert verify(*said, "--write-known", "next.toml", adapter="Wrong") == 0
    assert ENTRY + 'link = "https://example.org/1"\n' + FAR in (folder / "next.toml").read_text()
    assert verify(*said, "--write-known", "next.toml") == 1  # it passes now, so the new list is empty
    assert "[[known]]" not in (folder / "next.toml").read_text().partition("\n\n")[2]
    assert verify("--known", "next.toml") == 0


def test_two_reports_are_compared_without_a_run(folder, capsys):
    verify("--json", "old.json")
    verify("--json", "new.json", adapter="Wrong")
    capsys.readouterr()
    assert cli.main(["verify", "--compare", "old.json", "new.json"]) == 1
    out = capsys.readouterr().out
    assert f"newly failing: {ID}: pass before, fail now. `period` is 799, 800 is expected." in out
    assert out.endswith("1 newly failing, 0 lost, 0 newly passing, 0 with other digits, 0 new, 2 as before\n")
    assert cli.main(["verify", "--compare", "new.json", "old.json"]) == 0
    assert cli.main(["verify", "--compare", "old.json", "old.json"]) == 0


def test_a_report_is_compared_with_this_run(folder, capsys):
    verify("--json", "old.json")
    assert verify("--compare", "old.json") == 0
    assert "1 newly failing" not in capsys.readouterr().out
    assert verify("--compare", "old.json", adapter="Wrong") == 1
    assert "1 newly failing" in capsys.readouterr().out
    # What passed and is left out now is a loss, also where the run itself is one that passes.
    handmade.write(folder / "vectors", HEAVY_BALL)
    (folder / "mine.py").write_text(ADAPTER.replace("refresh_period", "lanczos_steps"))
    assert verify("--compare", "old.json") == 5
    assert f"lost: {ID}: pass before, not there now" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--junit", "no/such/r.xml"], "`--junit` is no/such/r.xml, which cannot be written"),
        (["--html", ""], "`--html` is ''"),
        (["--html", "r", "--badge", "r"], "`--badge` is r, which `--html` writes too"),
        (["--known", "none.toml"], "none.toml cannot be read"),
        (["--compare", "none.json"], "none.json cannot be read"),
        (["--compare", "mine.py"], "mine.py is no report"),
        (["--compare", "a", "b", "c"], "3 reports"),
        (["--compare", "none.json", "mine.py"], "none.json cannot be read"),
    ],
)
def test_misuse_is_one_sentence_and_nothing_runs(folder, capsys, arguments, word):
    assert verify(*arguments) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert word in captured.err
    assert captured.err.count("\n") == 1


def test_a_list_of_known_failures_that_leaves_nothing_to_run_is_no_pass(folder):
    assert verify(*known(folder, ENTRY + FAR), "--only", "*directions*") == 5
