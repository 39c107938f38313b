"""The diagnosis: which mistake is named for a wrong answer, and that none is named for a right one."""

import pytest
from faults import naming
from faults.catalogue import FAULTS
from faults.trial import relevant

from refopt.conformance import behaviour, mistakes, runner, scoring
from refopt.conformance.mistakes.base import KINDS
from refopt.conformance.transport import InProcess

TEXTBOOK = "refopt.conformance.textbook:Textbook"
FORMULAS = [
    fault for fault in FAULTS if fault.kind not in naming.LEFT_OUT and fault.name not in naming.ENGINE
]


def test_each_mistake_is_described():
    names = [entry.name for entry in mistakes.MISTAKES]
    assert len(set(names)) == len(names)
    for entry in mistakes.MISTAKES:
        assert entry.sentence.endswith("."), entry.name
        assert entry.kind in KINDS, entry.name
        assert entry.ops, entry.name


def test_the_textbook_without_a_mistake_is_right():
    asking = runner.Runner(lambda: InProcess(TEXTBOOK, None))
    wrong, right = [], 0
    for case in relevant(asking.hello.capabilities):
        if behaviour.refuses(case):  # what the textbook makes of bad input is not looked at
            continue
        found = scoring.score(case, asking.ask(case), {})
        right += found.verdict == "pass"
        wrong += [] if found.verdict in ("pass", "not-applicable") else [(case.id, found.reason)]
    assert not wrong, wrong[:5]
    assert right > 100


@pytest.mark.parametrize("fault", FORMULAS, ids=[fault.name for fault in FORMULAS])
def test_a_planted_fault_is_named_by_its_own_name_or_not_at_all(fault):
    found = naming.examined(fault.ops, fault.changes)
    assert set(naming.name_of(found)) <= set(naming.right_names(fault)), [score.case.id for score in found]
