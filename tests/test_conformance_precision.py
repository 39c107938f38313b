"""Cases put in another dtype: which can be, and that right code passes them there."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from faults.trial import REFERENCE, vectors

from refopt.cli import main
from refopt.conformance import behaviour, precision, runner, scoring
from refopt.conformance.textbook import Textbook
from refopt.conformance.transport import InProcess


class Half(Textbook):
    """The textbook's first-order steps in float16."""

    dtypes = ("float64", "float32", "float16")


class HalfBiased(Half):
    """The same with Adam's first correction left out."""

    def first_corrected(self, s, m, t):
        """No correction."""
        return m


def case_of(identifier):
    return next(case for case in vectors() if case.id == identifier)


def verdicts(adapter, dtype, ops=None):
    asking = runner.Runner(lambda: InProcess(adapter, None))
    for case in precision.in_dtype(vectors(), dtype):
        if case.op in asking.hello.capabilities and (ops is None or case.op in ops):
            yield case, scoring.score(case, asking.ask(case), {})


def test_refopt_passes_every_case_that_float32_can_hold():
    found = [(case.id, score.verdict) for case, score in verdicts(REFERENCE, "float32")]
    assert {verdict for _, verdict in found} == {"pass", "not-applicable"}, [
        x for x in found if x[1] == "fail"
    ]
    own = sum(case.dtype == "float32" for case in vectors())
    assert sum(verdict == "pass" for _, verdict in found) > own + 500


def test_right_steps_pass_in_float16_and_a_wrong_one_is_seen():
    steps = ("base_step",)
    right = [score for case, score in verdicts(f"{Path(__file__)}:Half", "float16", steps)
             if not behaviour.refuses(case)]  # fmt: skip
    assert {score.verdict for score in right} == {"pass", "not-applicable"}
    assert sum(score.verdict == "pass" for score in right) >= 15
    biased = [score for case, score in verdicts(f"{Path(__file__)}:HalfBiased", "float16", steps)]
    assert sum(score.verdict == "fail" for score in biased) >= 1


def array(*entries):
    return {"shape": [len(entries)], "f64": list(entries)}


BALL = "first_order.base_step.L3.heavy-ball-first"


@pytest.mark.parametrize(
    ("changed", "dtype", "sentence"),
    [
        ({"theta": array(0.1, 0.0)}, "float32", "`theta` holds 0.1, which is no number of float32."),
        ({"theta": array(2049.0)}, "float16", "2049.0, which is no number of float16"),
        ({"theta": array(1e40)}, "float32", "1e+40, which is no number"),
        ({"settings": {"epsilon": 1e-8}}, "float16", "`settings.epsilon` is 1e-08, outside the normal range"),
        ({"problem": "quadratic-mixed-6"}, "float16", "problems are not offered in float16"),
    ],
)
def test_what_a_dtype_cannot_hold_is_said(changed, dtype, sentence):
    case = dataclasses.replace(case_of(BALL), inputs=changed)
    with pytest.raises(precision.NotRepresentable, match=sentence.replace("+", "[+]")):
        precision.retyped(case, dtype)


def test_numbers_that_stay_what_they_are_pass():
    case = dataclasses.replace(
        case_of(BALL), inputs={"theta": array(2048.0, "nan"), "settings": {"momentum": 0.1, "other": 0.0}}
    )
    assert precision.retyped(case, "float16").dtype == "float16"
    assert precision.retyped(case, "float64") is case


def test_a_case_in_float32_goes_nowhere_else():
    case = next(case for case in vectors() if case.dtype == "float32")
    with pytest.raises(precision.NotRepresentable, match="is in float32"):
        precision.retyped(case, "float64")


def test_expected_numbers_out_of_range_are_refused():
    case = case_of(BALL)
    far = {**case.expect, "theta_next": {**case.expect["theta_next"], "scale": 1e6}}
    with pytest.raises(precision.NotRepresentable, match="the scale of theta_next` is 1e"):
        precision.retyped(dataclasses.replace(case, expect=far), "float16")


def test_a_default_that_depends_on_the_dtype_is_no_case_of_another():
    with pytest.raises(precision.NotRepresentable, match="default"):
        precision.retyped(case_of("fosi.fosi_step.L3.floor-default"), "float32")


def test_the_command_counts_what_is_not_applicable(capsys):
    status = main(
        ["verify", "--adapter", "reference", "--in-process", "--dtype", "float32", "--only", "*ball*"]
    )
    out = capsys.readouterr().out
    assert status == 0
    assert "not-applicable" in out


def test_half_precision_has_its_own_unit():
    assert np.finfo("float16").eps / 2 == 2.0**-11
