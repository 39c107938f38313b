"""The same formulas on other array libraries pass every case: what is right is never called wrong."""

import importlib.util

import pytest

from refopt.conformance import vectors
from refopt.conformance.verify import verify
from refopt.resources import vectors_directory

CASES = vectors.load(vectors_directory()).cases


@pytest.mark.parametrize("lane", ["ReadOnly", "OnStandin"])
def test_every_case_passes_on_arrays_that_cannot_be_written_or_copied(lane):
    report = verify(f"lanes:{lane}", CASES, in_process=True)
    wrong = {score.case.id: score.reason for score in report.scores if score.verdict != "pass"}
    assert not wrong


# Steps from what is given, which need neither an objective nor an array that can be written in place.
STEPS = {"base_step", "base_directions", "sophia_step", "fosi_step", "elmo_scalar"}


@pytest.mark.peers
@pytest.mark.parametrize(("lane", "library"), [("OnTorch", "torch"), ("OnJax", "jax")])
def test_every_step_from_what_is_given_passes_on_a_foreign_library(lane, library):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed: pip install refopt[peers]")
    cases = [case for case in CASES if case.op in STEPS and case.dtype == "float64"]
    report = verify(f"lanes:{lane}", cases, deadline=60.0)
    wrong = {s.case.id: f"{s.verdict}: {s.reason}" for s in report.scores if s.verdict != "pass"}
    assert not wrong
    assert len(cases) > 150
