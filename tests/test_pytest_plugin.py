"""The pytest plugin: a node for each case, known failures, xdist, one's own tests, and silence without it."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import handmade
import pytest
from handmade import DIRECTIONS, HEAVY_BALL, PERIOD

from refopt.conformance import vectors_of
from refopt.conformance.case_parameters import Vector
from refopt.conformance.vectors import load
from refopt.resources import vectors_directory

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parent.parent
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

class Dying(Mine):
    def refresh_period(self, lanczos_steps, overhead):
        import os
        os._exit(7)

class Odd(Mine):
    profile = {"no-such-choice": "x"}

class Stillborn(Mine):
    def __init__(self):
        raise OSError("no device")
"""
ID = "first_order.refresh_period.L3.byhand"
NODE = f"refopt::{ID}"
ENTRY = f'[[known]]\nid = "{ID}"\nreason = "rounds down"\n'
FAR = "expires = 2999-12-31\n"


@pytest.fixture
def run(pytester):
    """Run pytest in a folder with an adapter and three cases."""
    pytester.makepyfile(mine=ADAPTER)
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider --strict-markers\nfilterwarnings = error\n")
    handmade.write(pytester.path / "vectors", HEAVY_BALL, PERIOD, DIRECTIONS)
    loaded = any(entry.value == "pytest_refopt" for entry in entry_points(group="pytest11"))

    def run_pytest(*arguments, adapter="Mine"):
        spec = [f"--refopt-adapter=mine.py:{adapter}", "--refopt-vectors=vectors"] if adapter else []
        plugin = () if loaded else ("-p", "pytest_refopt")
        # xdist and the question what is imported need a process; the rest is faster without.
        alone = "-n" in arguments or adapter is None
        run = pytester.runpytest_subprocess if alone else pytester.runpytest_inprocess
        return run(*plugin, *spec, *arguments)

    return run_pytest


def test_each_case_is_a_node_with_its_id(run):
    found = run("-v", "-rs")
    found.assert_outcomes(passed=1, skipped=2)
    found.stdout.fnmatch_lines([f"{NODE} PASSED*", "2 skip, 1 pass of 3 cases", "*no operation base_step*"])
    assert found.ret == 0


def test_a_failure_is_told_in_words(run):
    found = run(adapter="Wrong")
    found.assert_outcomes(failed=1, skipped=2)
    found.stdout.fnmatch_lines(
        [
            "fail: `period` is 799, 800 is expected.",
            f"refopt verify --adapter mine.py:Wrong --only {ID}",
            f"FAILED {NODE} - fail: `period` is 799*",
        ]
    )
    found.stdout.no_fnmatch_line("*cases.py*Error*")


def test_a_crash_costs_its_case_and_not_the_run(run):
    run(adapter="Dying").assert_outcomes(failed=1, skipped=2)


def test_nothing_run_is_a_failure(run):
    found = run(adapter="Idle")
    found.assert_outcomes(skipped=3)
    assert found.ret == 5
    found.stdout.fnmatch_lines(["error: no case was run: all were left out"])


def test_selection_by_refopts_options_and_by_pytests(run):
    run("--refopt-only", "*period*").assert_outcomes(passed=1)
    run("--refopt-method", "first_order", "--refopt-level", "L4", "--refopt-level", "L3").assert_outcomes(
        passed=1, skipped=2
    )
    run("-k", "period").assert_outcomes(passed=1, deselected=2)
    listed = run("--collect-only", "-q", adapter="Stillborn")  # starts nothing
    assert listed.ret == 0
    assert f"{NODE}" in listed.outlines


def test_cases_and_ones_own_tests_live_together(run, pytester):
    pytester.makepyfile(test_own="def test_own(): pass")
    run().assert_outcomes(passed=2, skipped=2)
    run("-m", "refopt").assert_outcomes(passed=1, skipped=2, deselected=1)
    run("-m", "not refopt").assert_outcomes(passed=1, deselected=3)


def test_xdist_shares_the_cases_and_adds_up_what_they_gave(run, pytester):
    known, written = pytester.path / "known.toml", pytester.path / "written.toml"
    known.write_text(ENTRY + "expires = 2020-01-31\n")
    found = run(
        "-n", "2", "--refopt-known", str(known), "--refopt-write-known", str(written), adapter="Wrong"
    )
    found.assert_outcomes(failed=1, skipped=2)
    assert found.ret == 1
    found.stdout.fnmatch_lines(
        ["*1 fail*of 3 cases", f"error: the known failure {ID} expired on 2020-01-31*"]
    )
    assert ENTRY in written.read_text()


def test_under_xdist_nothing_run_is_a_failure_too(run):
    found = run("-n", "1", adapter="Idle")
    found.assert_outcomes(skipped=3)
    assert found.ret == 5


def test_known_failures_excuse_go_stale_and_expire(run, pytester):
    known = pytester.path / "known.toml"
    options = ["--refopt-known", str(known)]
    known.write_text(ENTRY + FAR)
    found = run(*options, "-rx", adapter="Wrong")
    found.assert_outcomes(xfailed=1, skipped=2)
    assert found.ret == 0
    found.stdout.fnmatch_lines([f"XFAIL {NODE} - *rounds down: `period` is 799, 800 is expected."])
    stale = run(*options)
    stale.assert_outcomes(failed=1, skipped=2)
    stale.stdout.fnmatch_lines(["xpass: passes, but is listed as a known failure (rounds down)*"])
    known.write_text(ENTRY + "expires = 2020-01-31\n")
    for adapter in ("Wrong", "Idle"):
        expired = run(*options, adapter=adapter)
        assert expired.ret == 1
        expired.stdout.fnmatch_lines([f"error: the known failure {ID} expired on 2020-01-31: rounds down"])


def test_a_written_list_excuses_the_next_run(run, pytester):
    path = pytester.path / "known.toml"
    assert run("--refopt-write-known", str(path), adapter="Wrong").ret == 1
    (entry,) = tomllib.loads(path.read_text())["known"]
    assert (entry["id"], entry["reason"]) == (ID, "`period` is 799, 800 is expected.")
    assert run("--refopt-known", str(path), adapter="Wrong").ret == 0


@pytest.mark.parametrize(
    ("adapter", "arguments", "word"),
    [
        ("Stillborn", [], "did not start: *no device"),
        ("Stillborn", ["-n", "2"], "did not start: *no device"),
        ("Mind", [], "Did you mean `Mine`"),
        ("Mine", ["--refopt-only", "*perid*"], "which no case matches"),
        ("Mine", ["--refopt-level", "L7"], "allowed are L3, L4"),
        ("Mine", ["--refopt-known", "none.toml"], "cannot be read"),
        ("Mine", ["--refopt-vectors", "none"], "not a folder"),
        (None, ["--refopt-only", "*"], "`--refopt-only` needs `--refopt-adapter`"),
        (None, ["--refopt-adapter", "mine"], "`--refopt-adapter` is 'mine'; write"),
        (None, ["--refopt-adapter", "mine.py:Odd"], "no-such-choice"),
    ],
)
def test_misuse_ends_the_run_with_one_sentence(run, adapter, arguments, word):
    found = run(*arguments, adapter=adapter)
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines([f"ERROR: *{word}*"])


def test_corrupt_vectors_end_the_run(run, pytester):
    path = pytester.path / "vectors" / "first_order" / "byhand.json"
    path.write_text(path.read_text().replace("800", "801"))
    found = run()
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines(["ERROR: *byhand.json was changed*"])


def test_without_the_option_nothing_is_loaded_and_nothing_changes(run, pytester):
    pytester.makepyfile(
        test_own="""
        import sys

        def test_own():
            assert not {name for name in sys.modules if name.split(".")[0] in ("refopt", "numpy")}
        """
    )
    found = run(adapter=None)
    found.assert_outcomes(passed=1)
    found.stdout.no_fnmatch_line("*refopt:*")


def test_the_plugin_is_an_entry_point_and_in_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["pytest11"] == {"pytest_refopt": "pytest_refopt"}
    assert "pytest_refopt" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


# One's own tests


def test_the_decorator_parametrizes_with_ids(run, pytester):
    pytester.makepyfile(
        test_own="""
        import numpy as np
        from refopt.conformance import vectors_of

        @vectors_of("first_order.base_step.L3.heavy-ball-float32-*", argument="case")
        def test_right(case):
            def step(optimizer, settings, theta, gradient, state):
                velocity = np.float32(settings["momentum"]) * state["velocity"] + gradient
                step = np.float32(-settings["learning_rate"]) * velocity
                return {"theta_next": theta + step,
                        "state": {"velocity": velocity, "iteration": state["iteration"] + 1}}
            assert case.run(step).verdict == "pass"

        @vectors_of("first_order.base_step.L3.heavy-ball-float32-*")
        def test_wrong(vector):
            theta, state = vector.inputs["theta"], vector.inputs["state"]
            vector.check({"theta_next": theta, "state": state})
        """
    )
    found = run("-v", adapter=None)
    outcomes = found.parseoutcomes()
    assert outcomes["passed"] == outcomes["failed"] > 0
    found.stdout.fnmatch_lines(["*test_right?first_order.base_step.L3.heavy-ball-float32-*PASSED*"])
    found.stdout.fnmatch_lines(["E *ratio * (allowed 30), * digits; given *, expected *"])


def test_a_refusal_must_be_deliberate():
    refusal = {**PERIOD, "expect": {"period": {"kind": "behaviour", "allowed": ["error"]}}}
    vector = Vector(handmade.read(refusal))

    def refuses(lanczos_steps, overhead):
        raise ValueError("`overhead` is 1")

    assert vector.is_refused
    assert vector.run(refuses).verdict == "pass"
    with pytest.raises(AssertionError, match="allowed: error"):
        vector.check({"period": 800})


@pytest.mark.parametrize(
    ("patterns", "word"), [((), "needs a pattern"), (("fosi.fosi_stp.*",), "which no case matches")]
)
def test_a_decorator_without_cases_is_an_error(patterns, word):
    with pytest.raises(ValueError, match=word):
        vectors_of(*patterns)


def test_junit_of_pytest_carries_ratio_and_digits(run, pytester):
    import xml.etree.ElementTree as ET

    (pytester.path / "mine.py").write_text(
        ADAPTER
        + "\n    def base_step(self, optimizer, settings, theta, gradient, state):\n"
        + "        v = settings['momentum'] * state['velocity'] + gradient\n"
        + "        return {'theta_next': theta - settings['learning_rate'] * v,\n"
        + "                'state': {'velocity': v, 'iteration': state['iteration'] + 1}}\n"
    )
    text = (pytester.path / "mine.py").read_text()
    (pytester.path / "mine.py").write_text(text.replace('raise OSError("no device")', "pass"))
    run("--junitxml=r.xml", adapter="Stillborn").assert_outcomes(passed=2, skipped=1)
    properties = {
        entry.get("name"): entry.get("value") for entry in ET.parse(pytester.path / "r.xml").iter("property")
    }
    assert properties["refopt_ratio"] == "0.0"
    assert float(properties["refopt_digits"]) == 15.95


def test_the_import_of_the_plugin_is_light():
    code = "import sys, json, pytest; before = set(sys.modules); import pytest_refopt; "
    code += "print(json.dumps(sorted(set(sys.modules) - before)))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == ["pytest_refopt"]


def test_a_function_that_knows_no_input_of_the_case_is_skipped_and_not_passed():
    case = next(case for case in load(vectors_directory()).cases if "curvature_problem" in case.inputs)
    assert case.op == "fosi_directions"
    asked = []

    def mine(problem, settings, base, thetas, lanczos_start):
        asked.append(settings)

    with pytest.raises(pytest.skip.Exception, match="takes no `curvature_problem`"):
        Vector(case).run(mine)
    assert not asked
