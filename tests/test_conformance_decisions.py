"""Decisions with margins: what a case must store, and what is said of a wrong one."""

import copy
import json
from dataclasses import replace

import handmade
import jsonschema
import numpy as np
import pytest
from mpmath import mp, mpf
from test_vectors import CONTENTS, SCHEMA

from oracles import amos_selection, build, encoding, grouped_method, margins
from oracles.case import Case, Close, Exact, OneOf
from oracles.freeze import evaluate
from refopt.conformance import comparison, decisions, vectors

# The oracle: a margin, the gate.


def test_margins_are_relative_to_the_threshold():
    assert margins.margin(mpf(3), mpf(2)) == mpf(1) / 2
    assert margins.margin(mpf(1), mpf(-2)) == mpf(3) / 2
    assert margins.margin(mpf(0), mpf(2)) == 1
    assert margins.margin(mpf(2), mpf(0)) == 1
    assert margins.margin(mpf(0), mpf(0)) is None
    assert margins.margin(mp.inf, mpf(1)) is None
    assert margins.least([None, mpf(3), mpf(2)]) == 2
    assert margins.least([None]) is None


def decision(rule, margin, **changes):
    """A case whose one quantity is a decision with the margin."""
    case = Case(
        id="amos.amos_selection.L3.byhand", op="amos_selection", level="L3", source="by hand",
        comment="by hand", inputs={"x": 1.0}, rules={"to_first": rule},
        compute=lambda inputs: {"to_first": [True, False], "_margins": margin},
    )  # fmt: skip
    return replace(case, **changes)


STATED = Exact(margin="_margins", compared="kappa")


def test_a_decision_with_a_margin_is_frozen_with_it():
    found = evaluate(decision(STATED, [mpf("0.0123456"), None]))["expect"]["to_first"]
    assert found == {
        "kind": "exact", "value": [True, False], "margin": [0.0123, None], "compared": "kappa",
    }  # fmt: skip


def test_a_decision_without_a_margin_or_a_reason_is_rejected():
    with pytest.raises(encoding.Rejected, match="is decided without a margin"):
        evaluate(decision(Exact(), None))
    found = evaluate(decision(Exact(certain="a count"), None))
    assert found["expect"]["to_first"]["certain"] == "a count"


@pytest.mark.parametrize("small", [mpf("9.99e-13"), mpf(0)])
def test_a_decision_that_rounding_could_take_is_rejected(small):
    with pytest.raises(encoding.Rejected, match="which rounding could take"):
        evaluate(decision(STATED, [mpf(1), small]))
    exact = replace(STATED, certain="powers of two")
    assert evaluate(decision(exact, [mpf(1), small]))["expect"]["to_first"]["margin"][0] == 1.0


def test_a_decision_just_above_the_least_margin_is_published():
    assert evaluate(decision(STATED, [mpf("1.001e-12")] * 2))


def test_both_answers_may_be_accepted_within_the_margin():
    def either(inputs):
        return {"_yes": [True], "_no": [False], "_margins": [mpf("1e-15")]}

    rule = OneOf({"_yes": STATED, "_no": STATED})
    found = evaluate(decision(rule, None, compute=either))["expect"]["to_first"]
    assert [member["value"] for member in found["members"]] == [[True], [False]]
    assert {member["margin"][0] for member in found["members"]} == {1e-15}


def test_there_must_be_a_margin_for_each_decision():
    with pytest.raises(encoding.Rejected, match="3 margins for 2 decisions"):
        evaluate(decision(STATED, [mpf(1)] * 3))


def test_margins_of_the_numbers_of_a_run():
    rule = Close(axis="step", why="by hand", margin="_margins", compared="the loss")
    case = decision(
        rule, None, op="grouped_newton_run", rules={"step_sizes": rule},
        compute=lambda inputs: {"step_sizes": [mpf(1), mpf(2)], "_margins": [None, mpf("1e-3")]},
    )  # fmt: skip
    assert evaluate(case)["expect"]["step_sizes"]["margin"] == [None, 0.001]
    low = {"step_sizes": [mpf(1), mpf(2)], "_margins": [None, mpf("1e-14")]}
    with pytest.raises(encoding.Rejected, match="which rounding could take"):
        evaluate(replace(case, compute=lambda inputs: low))


def test_the_gate_off_would_be_seen(monkeypatch):
    """The planted fault: without the gate the case above is published; so the test of the gate can fail."""
    monkeypatch.setattr(margins, "LEAST", mpf(0))
    assert evaluate(decision(STATED, [mpf(1), mpf("9.99e-13")]))


# The margins themselves, by hand.


def test_margins_of_a_selection():
    # kappa = L g / (3 lam^2) at damping 1: 4/3, and 4/12 = 1/3
    inputs = {
        "slopes": [mpf(1), mpf(1), mpf(1)], "curvatures": [mpf(1), mpf(2), mpf(-1)],
        "lipschitz": [mpf(4), mpf(4), mpf(1)],
        "settings": {**amos_selection.SETTINGS, "threshold": "newton-ascent", "damping": mpf(1)},
    }  # fmt: skip
    found = amos_selection.compute(inputs)
    assert found["to_first"] == [True, False, True]
    assert [None if x is None else round(float(x), 12) for x in found["_margins"]] == [
        round(1 / 3, 12), round(2 / 3, 12), None,
    ]  # fmt: skip


def test_margins_of_a_plateau():
    # calls at every loss: 1, then 0.5 against 0.9999 (good), then 0.6 against 0.49995
    plateau = {"every": 1, "patience": 3, "factor": mpf(1) / 2}
    losses = [mpf(1), mpf("0.5"), mpf("0.6")]
    assert grouped_method.plateau_margin(losses[:1], plateau) is None
    first = grouped_method.plateau_margin(losses[:2], plateau)
    assert abs(first - (1 - mpf("0.5") / mpf("0.9999"))) < mpf(10) ** -14
    second = grouped_method.plateau_margin(losses, plateau)
    assert abs(second - (mpf("0.6") / mpf("0.49995") - 1)) < mpf(10) ** -14
    assert grouped_method.plateau_margin(losses, None) is None


def test_every_module_states_its_margins():
    """Over all declared cases: no exact rule is bare."""
    bare = []
    for case in build.collect().values():
        rules = [rule for rule in case.rules.values() if isinstance(rule, Exact)]
        rules += [m for rule in case.rules.values() if isinstance(rule, OneOf) for m in rule.members.values()]
        bare += [case.id for rule in rules if isinstance(rule, Exact) and not (rule.margin or rule.certain)]
    assert not bare, bare[:5]


# The frozen files.


def exact_ones():
    for content in CONTENTS.values():
        for case in content["cases"]:
            for expect in (case["expect"], *case.get("alternatives", {}).values()):
                yield from ((case, name, e) for name, e in expect.items() if e["kind"] == "exact")


def test_frozen_decisions_keep_clear_of_rounding_or_are_certain():
    with_margin, seen = 0, set()
    for case, name, e in exact_ones():
        listed = e["margin"] if isinstance(e.get("margin"), list) else [e.get("margin")]
        numbers = [x for x in listed if x is not None]
        with_margin += bool(numbers)
        seen |= {(case["op"], name)} if numbers else set()
        assert "certain" in e or min(numbers, default=1.0) >= 1e-12, (case["id"], name)
    assert with_margin > 250
    assert {
        ("amos_selection", "to_first"), ("amos_run", "assignments"), ("eigen_arc_update", "decision"),
        ("eigen_arc_update", "reductions"), ("eigen_arc_run", "decisions"), ("sophia_step", "clipped"),
        ("cubic_minimizer", "status"), ("cubic_minimizer", "bounded"), ("refresh_period", "period"),
        ("lanczos_steps", "steps"),
    } <= seen  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.pop("margin"),
        lambda e: e.pop("compared"),
        lambda e: e.update(margin=[-1.0] * len(e["value"])),
        lambda e: e.update(margin="small"),
        lambda e: e.update(words=["second"]),
    ],
)
def test_the_schema_asks_for_margins(change):
    validator = jsonschema.Draft202012Validator(SCHEMA)
    content = json.loads(json.dumps(CONTENTS["amos/L3-amos_selection.json"]))
    case = next(case for case in content["cases"] if case["id"].endswith(".ascent"))
    assert validator.is_valid(content)
    change(case["expect"]["to_first"])
    assert not validator.is_valid(content)


# The scorer's sentence.

CHOICE = {
    "kind": "exact", "value": [True, False, False], "margin": [0.5, 3.1e-3, None], "compared": "kappa",
    "words": ["second", "first"],
}  # fmt: skip


def told(expectation, given, dtype="float64"):
    found = comparison.compare(expectation, given, dtype)
    assert not found.passed
    return found.reason


def test_a_wrong_decision_is_told_with_its_margin():
    assert told(CHOICE, [True, True, True]) == (
        "decision 1: second expected, first given; kappa is 3.1e-03 from the threshold, "
        "rounding cannot take it."
    )
    assert told(CHOICE, [True, False, True]) == (
        "decision 2: second expected, first given; no rounded number is compared there."
    )
    assert told(CHOICE, np.array([False, False, False])).startswith("decision 0: first expected, second")


def test_in_a_narrower_dtype_rounding_could_take_more():
    # 1e-12 in float64 is 1e-12 2^29 = 5.4e-4 in float32
    near = {**CHOICE, "margin": [0.5, 5e-4, None]}
    assert told(near, [True, True, False], "float32").endswith("which rounding in float32 could take.")
    assert told(near, [True, True, False], "float64").endswith("rounding cannot take it.")
    assert told({**near, "margin": [0.5, 6e-4, None]}, [True, True, False], "float32").endswith("take it.")


def test_an_exact_boundary_is_told_with_its_reason():
    edge = {**CHOICE, "margin": [0.0, 1.0, 1.0], "certain": "given numbers are compared"}
    assert told(edge, [False, False, False]).endswith(
        "kappa is 0.0e+00 from the threshold, but given numbers are compared."
    )


def test_a_single_decision():
    kept = {"kind": "exact", "value": "kept", "margin": 0.02, "compared": "the entering assessment"}
    assert told(kept, "raised") == (
        "kept expected, raised given; the entering assessment is 2.0e-02 from the threshold, "
        "rounding cannot take it."
    )


@pytest.mark.parametrize("given", [[True, False], [1, 0, 0], "first", None, [True, False, "no"]])
def test_what_is_no_such_answer_is_told_as_before(given):
    assert "is expected." in told(CHOICE, given)


def test_a_wrong_number_of_a_run_is_told_with_the_decisions_before_it():
    run = handmade.close(
        handmade.array("1", "1", "0.5"), axis="step", margin=[None, None, 3.4e-5], compared="the loss",
    )  # fmt: skip
    assert told(run, np.array([1.0, 1.0, 1.0])) == (
        "deviates. Up to there, the loss is 3.4e-05 from the threshold, rounding cannot take it."
    )
    assert told(run, np.array([1.0, 0.5, 0.5])).endswith("no rounded number is compared there.")


def test_expectations_without_margins_are_told_as_before():
    assert told({"kind": "exact", "value": 3}, 4) == "is 4, 3 is expected."
    assert decisions.at_step({}, 0, "float64") == ""


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"margin": 1.0}, "without what is compared"),
        ({"compared": "kappa"}, "without a margin"),
        ({"margin": [1.0, 1.0], "compared": "kappa"}, "another number of margins"),
        ({"margin": -1.0, "compared": "kappa"}, "not finite numbers"),
        ({"margin": "inf", "compared": "kappa"}, "not finite numbers"),
    ],
)
def test_unsound_margins_are_refused(tmp_path, fields, word):
    entry = copy.deepcopy(handmade.HEAVY_BALL)
    entry["expect"]["state.iteration"] |= fields
    with pytest.raises(vectors.CorruptVectors, match=word):
        vectors.load(handmade.write(tmp_path, entry))
