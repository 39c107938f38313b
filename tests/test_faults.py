"""The oracle sees: every planted fault is killed by the vectors, every benign variant passes them."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faults import matrix, page, trial
from faults.__main__ import main as faults_main
from faults.catalogue import BENIGN, FAULTS, SEEN_ONCE
from faults.matrix import Row
from faults.patching import DoesNotApply, change, planted

from refopt.first_order import Adam, AdamW
from refopt.rates import optimal_rates

NAMES = [entry.name for entry in (*FAULTS, *BENIGN)]


def ids(entries):
    return [entry.name for entry in entries]


def test_there_are_enough_of_them():
    assert len(FAULTS) >= 200
    assert len(BENIGN) >= 30
    assert len(set(NAMES)) == len(NAMES)
    assert {fault.kind for fault in FAULTS} >= {
        "formula",
        "sign",
        "index",
        "order",
        "state",
        "schedule",
        "numerics",
    }
    assert set(SEEN_ONCE) <= set(NAMES)


def test_there_are_enough_of_each_operation():
    for op, faults, variants in (
        ("summary", 25, 5),
        ("summary_tensor", 5, 1),
        ("cubic_minimizer", 35, 5),
        ("grouped_newton_step", 60, 8),
        ("grouped_newton_run", 60, 8),
        ("elmo_scalar", 15, 2),
        ("elmo_step", 28, 4),
        ("eigen_arc_update", 20, 2),
        ("sophia_step", 25, 2),
        ("lipschitz_averages", 18, 2),
        ("amos_selection", 12, 1),
        ("amos_run", 45, 4),
    ):
        assert sum(op in fault.ops for fault in FAULTS) >= faults, op
        assert sum(op in variant.ops for variant in BENIGN) >= variants, op


@pytest.mark.parametrize("fault", FAULTS, ids=ids(FAULTS))
def test_a_planted_fault_is_killed(fault):
    found = trial.kills(fault.ops, fault.changes)
    clear = [kill for kill in found if kill.separation >= trial.SEPARATION]
    needed = 1 if fault.name in SEEN_ONCE else trial.CLEAR
    assert len(clear) >= needed, f"{fault.sentence} Seen by {found or 'no case'}; it needs {fault.flag}."


@pytest.mark.parametrize("variant", BENIGN, ids=ids(BENIGN))
def test_a_benign_variant_passes(variant):
    cases = trial.relevant(variant.ops)
    assert cases
    rejected = [kill for kill in trial.judged(cases, variant.changes) if kill]
    assert not rejected, f"{variant.sentence} Rejected by {rejected[:3]}"


# The tools that plant and judge.


def test_a_fault_is_taken_out_again():
    adamw, theta, gradient = AdamW(), np.ones(2), np.array([1.0, -2.0])
    state = adamw.init(theta)
    right = adamw.direction(gradient, theta, state).direction
    faults = (
        change("first_order", "self.beta1 ** (t + 1)", "self.beta1 ** (t + 2)"),
        change("first_order", "d - decay * theta", "d + decay * theta"),
    )
    with planted(faults) as names:
        assert sorted(names) == ["refopt.first_order.Adam.direction", "refopt.first_order.AdamW.direction"]
        wrong = adamw.direction(gradient, theta, state).direction
        # m^ = 0.1 g / (1 - 0.81), v^ = g^2: the step is 0.1/0.19 of a sign, and the decay turns round
        np.testing.assert_allclose(
            wrong, 1e-3 * (np.array([-1.0, 1.0]) / 1.9 + 1e-2), rtol=1e-7
        )  # epsilon 1e-8
    np.testing.assert_array_equal(adamw.direction(gradient, theta, state).direction, right)


def failing_under(fault):
    with planted([fault]):
        assert optimal_rates("gradient_descent", 4.0, 1.0).learning_rate == 0.25
        raise KeyError("inside")


def test_a_fault_is_taken_out_after_an_error():
    with pytest.raises(KeyError, match="inside"):
        failing_under(change("rates", "2.0 / (L + m)", "1.0 / L"))
    assert optimal_rates("gradient_descent", 4.0, 1.0).learning_rate == 0.4


def test_leaving_a_trial_early_takes_the_fault_out():
    fault = next(fault for fault in FAULTS if fault.name == "adam-first-moment-uncorrected")
    trial.kills(fault.ops, fault.changes, enough=1)
    direction = Adam(learning_rate=1.0).direction(np.ones(1), np.ones(1), Adam().init(np.ones(1))).direction
    np.testing.assert_allclose(direction, [-1.0], rtol=2e-8)  # epsilon 1e-8


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("no such fragment", "", "holds 0 times"),
        ("return ", "return  ", "times, not once"),
        ("import math", "import  math", "no function of refopt.rates differs"),
    ],
)
def test_a_change_that_does_not_apply_is_an_error(old, new, sentence):
    with pytest.raises(DoesNotApply, match=sentence), planted([change("rates", old, new)]):
        pass


def test_refopt_as_it_is_is_not_killed():
    cases = trial.relevant(("lanczos_steps", "optimal_rates", "refresh_period", "base_step"))
    assert len(cases) > 20
    harmless = change("rates", "root_L, root_m, r = ", "r = 0.0\n    root_L, root_m, r = ")
    assert not [kill for kill in trial.judged(cases, (harmless,)) if kill]


def test_a_crash_does_not_count_as_a_clear_kill():
    crash = change("fosi", "xp = namespace(theta)\n        if self", "xp = undefined\n        if self")
    found = trial.kills(("fosi_run",), (crash,), enough=None)
    assert len(found) > 20
    assert {kill.separation for kill in found} == {0.0}


# The page that shows the matrix.

PAGE = Path(__file__).parents[1] / "docs" / "conformance" / "KILLMATRIX.md"


def test_the_page_shows_the_faults_that_there_are():
    text = PAGE.read_text(encoding="utf-8")
    shown = page.faults_on(text)
    assert {name: entry[:2] for name, entry in shown.items()} == {
        fault.name: (page.cell(fault.sentence), fault.kind) for fault in FAULTS
    }
    assert f"| faults planted | {len(FAULTS)} |" in text
    for fault in FAULTS:
        clear, kills, put = shown[fault.name][2:]
        assert clear >= (1 if fault.name in SEEN_ONCE else trial.CLEAR), fault.name
        assert clear <= kills <= put <= len(trial.relevant(fault.ops)), fault.name


def test_the_page_shows_the_variants_that_there_are():
    text = PAGE.read_text(encoding="utf-8")
    shown = page.variants_on(text)
    assert {name: entry[0] for name, entry in shown.items()} == {
        variant.name: page.cell(variant.sentence) for variant in BENIGN
    }
    assert f"| accepted by every case | {len(BENIGN)} of {len(BENIGN)} |" in text
    for variant in BENIGN:
        accepted, put = shown[variant.name][1:]
        assert 0 < accepted == put <= len(trial.relevant(variant.ops)), variant.name


def test_a_page_says_what_was_found():
    """Three made-up rows: a fault that two cases kill, one that only a crash kills, one that survives."""
    first, second, *_ = trial.relevant(("fosi_step",))
    kill = trial.Kill
    rows = (
        Row(FAULTS[0].name, 9, (kill(first.id, "x", math.inf, ""), kill(second.id, "x", 2e5, ""))),
        Row(FAULTS[1].name, 9, (kill(first.id, "", 0.0, "it raised"),)),
        Row(FAULTS[2].name, 9, ()),
    )
    accepted = (Row(BENIGN[0].name, 7, ()), Row(BENIGN[1].name, 7, (kill(first.id, "x", 3.0, ""),)))
    text = page.page(FAULTS[:3], rows, BENIGN[:2], accepted)
    lines = {name: line for line in text.splitlines() for name in NAMES if line.startswith(f"| `{name}` |")}
    count = sum(case.op == "fosi_step" for case in trial.vectors())
    assert lines[FAULTS[0].name].endswith(f"| 2 / 2 / 9 | differs | 2e+05 | fosi_step 2/{count} |")
    assert lines[FAULTS[1].name].endswith("| 0 / 1 / 9 | 0e+00 | - |  **weak** |")
    assert lines[FAULTS[2].name].endswith("| 0 / 0 / 9 | - | - |  **survives** |")
    assert "| killed clearly by at least 2 cases | 1 of 3 (33.3 %) |" in text
    assert "| fewest, median and most clear kills of a fault | 0, 0, 2 |" in text
    assert "| accepted by every case | 1 of 2 |" in text
    assert page.variants_on(text)[BENIGN[1].name][1:] == (6, 7)
    assert page.faults_on(text)[FAULTS[1].name][2:] == (0, 1, 9)


def test_the_rows_of_a_fault_and_a_variant():
    fault = next(fault for fault in FAULTS if fault.name == "negative-rates-let-in")
    variant = next(variant for variant in BENIGN if variant.name == "tensor-directions-in-another-order")
    found, passed = matrix.rows((fault, variant))
    assert found.verdict == "killed"
    assert found.put == len(trial.relevant(fault.ops))
    assert list(found.kills) == sorted(found.kills, key=lambda kill: (-kill.separation, kill.case))
    assert sum(count for count, _ in found.by_operation().values()) == len(found.clear)
    assert not passed.kills
    assert passed.put == len(trial.relevant(variant.ops))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no-such-fault"], "no fault or variant is called no-such-fault"),
        (["--page", "x.md", "nan-let-in"], "leave the names out"),
        (["--jobs", "0"], "must be at least 1"),
    ],
)
def test_the_command_says_what_it_cannot_do(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as stop:
        faults_main(arguments)
    assert stop.value.code == 2
    assert sentence in capsys.readouterr().err


def test_the_command_tells_how_a_fault_fares(capsys):
    assert faults_main(["negative-rates-let-in"]) == 0
    assert capsys.readouterr().out.startswith("negative-rates-let-in" + 25 * " " + "killed")


def test_the_command_returns_1_for_a_fault_that_nothing_sees(monkeypatch):
    harmless = replace(FAULTS[0], ops=("optimal_rates",))  # the cases of an operation that it does not reach
    monkeypatch.setattr("faults.__main__.FAULTS", (harmless,))
    assert faults_main([harmless.name]) == 1
