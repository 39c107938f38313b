"""The oracle sees: every planted fault is killed by the vectors, every benign variant passes them."""

import numpy as np
import pytest
from faults import trial
from faults.catalogue import BENIGN, FAULTS
from faults.patching import DoesNotApply, change, planted

from refopt.first_order import Adam, AdamW
from refopt.rates import optimal_rates

NAMES = [entry.name for entry in (*FAULTS, *BENIGN)]
# Faults that fewer than two cases can see, with the reason.
SEEN_ONCE: dict[str, str] = {}


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
