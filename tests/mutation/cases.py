"""The frozen cases as a test each, in this process: they judge the mutants of docs/conformance/mutation.md.

pytest does not collect this file by itself (its name does not begin with "test_"), because the suite runs the
cases elsewhere; a mutation tool names it and then picks, for every mutant, the cases that reach the function.
"""

import functools

import pytest

from refopt.conformance import scoring
from refopt.conformance.runner import Runner
from refopt.conformance.transport import InProcess
from refopt.conformance.vectors import load
from refopt.resources import vectors_directory

CASES = load(vectors_directory()).cases


@pytest.fixture(scope="module")
def runner():
    runner = Runner(functools.partial(InProcess, "refopt.adapters.reference:Reference", None))
    yield runner
    runner.close()


@pytest.mark.filterwarnings("default")  # a mutant may overflow; its answer is what is judged
@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_case(case, runner):
    score = scoring.score(case, runner.ask(case), runner.hello.profile)
    assert score.verdict == "pass", score.reason
