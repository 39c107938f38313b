"""The frozen cases as a test each, in this process: they judge the mutants of docs/conformance/mutation.md.

pytest does not collect this file by itself (its name does not begin with "test_"), because the suite runs the
cases elsewhere; a mutation tool names it and then picks, for every mutant, the cases that reach the function.
Only the cases that are asked for by name become tests, which nearly halves what most mutants cost.
"""

import functools

import pytest

from refopt.conformance import scoring
from refopt.conformance.runner import Runner
from refopt.conformance.transport import InProcess
from refopt.conformance.vectors import load
from refopt.resources import vectors_directory

CASES = {case.id: case for case in load(vectors_directory()).cases}


def pytest_generate_tests(metafunc):
    named = [argument.rpartition("::")[2] for argument in metafunc.config.args]
    wanted = {name.removeprefix("test_case[").removesuffix("]") for name in named} & CASES.keys()
    metafunc.parametrize("identifier", sorted(wanted) or list(CASES))


@functools.cache
def runner():
    return Runner(functools.partial(InProcess, "refopt.adapters.reference:Reference", None))


@pytest.mark.filterwarnings("default")  # a mutant may overflow; its answer is what is judged
def test_case(identifier):
    case, asking = CASES[identifier], runner()
    score = scoring.score(case, asking.ask(case), asking.hello.profile)
    assert score.verdict == "pass", score.reason
