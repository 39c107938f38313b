"""The diagnosis: which mistake is named for a wrong answer, and that none is named for a right one."""

import functools
import os

import numpy as np
import pytest
from faults import naming
from faults.catalogue import BENIGN, FAULTS
from faults.trial import REFERENCE, relevant, vectors

from refopt.conformance import behaviour, diagnosis, likeness, mistakes, report, runner, scoring
from refopt.conformance.mistakes.base import KINDS, mistake
from refopt.conformance.ops import OPERATIONS
from refopt.conformance.textbook import Textbook
from refopt.conformance.transport import InProcess
from refopt.conformance.verify import verify

TEXTBOOK = "refopt.conformance.textbook:Textbook"
FORMULAS = {
    fault.name: fault
    for fault in FAULTS
    if fault.kind not in naming.LEFT_OUT and fault.name not in {*naming.ENGINE, *naming.CHOSEN}
}
LEAST_RATE = 0.8
EVERY = 1 if os.environ.get("REFOPT_ALL_MISTAKES") else 12  # of the planted faults, every twelfth
TRIED = list(FORMULAS)[::EVERY]


def answers(adapter=REFERENCE):
    return runner.Runner(lambda: InProcess(adapter, None))


@functools.cache
def name_of(fault):
    found = naming.examined(FORMULAS[fault].ops, FORMULAS[fault].changes)
    return naming.name_of(found)


def test_each_mistake_is_described():
    names = [entry.name for entry in mistakes.MISTAKES]
    assert len(names) >= 60
    assert len(set(names)) == len(names)
    for entry in mistakes.MISTAKES:
        assert entry.sentence.endswith("."), entry.name
        assert entry.kind in KINDS, entry.name
        assert set(entry.ops) <= set(OPERATIONS), entry.name


def test_a_piece_that_the_textbook_does_not_have_is_an_error():
    with pytest.raises(AttributeError, match="no_such_piece"):
        mistake("name", "A sentence.", "formula", ("base_step",), no_such_piece=lambda self: None)


def test_the_textbook_without_a_mistake_is_right():
    asking = answers(TEXTBOOK)
    wrong, right = [], 0
    for case in relevant(asking.hello.capabilities):
        if behaviour.refuses(case):  # what the textbook makes of bad input is not looked at
            continue
        found = scoring.score(case, asking.ask(case), {})
        right += found.verdict == "pass"
        wrong += [] if found.verdict in ("pass", "not-applicable") else [(case.id, found.reason)]
    assert not wrong, wrong[:5]
    assert right > 900


@pytest.mark.parametrize("fault", TRIED)
def test_a_planted_fault_is_named_rightly_or_not_at_all(fault):
    allowed = {*naming.right_names(FORMULAS[fault]), naming.PARTLY.get(fault)}
    assert set(name_of(fault)) <= allowed


def test_most_planted_faults_are_named():
    named = [name for name in TRIED if naming.is_named(FORMULAS[name], name_of(name))]
    assert len(named) >= LEAST_RATE * len(TRIED), sorted(set(TRIED) - set(named))


def test_a_mistake_that_most_cases_hardly_show_is_named_by_the_one_that_does():
    fault = FORMULAS["amos-epsilon-bounds"]  # which differs by eps_2, 1e-12 but in one case
    scores = naming.examined(fault.ops, fault.changes)
    assert sum(score.verdict == "fail" and not score.mistakes for score in scores) >= 4
    assert naming.is_named(fault, naming.name_of(scores))


def test_what_is_left_out_of_the_rate_is_counted():
    names = {fault.name for fault in FAULTS}
    assert set(naming.ENGINE) <= names
    assert set(naming.CHOSEN) <= names
    assert set(naming.NAMES) <= names
    kinds = {fault.kind for fault in FAULTS}
    assert set(naming.LEFT_OUT) <= kinds
    assert len(FORMULAS) >= 0.75 * len(FAULTS)  # most of the catalogue is examined


@pytest.mark.parametrize("variant", BENIGN[:: min(EVERY, 4)], ids=lambda variant: variant.name)
def test_a_right_variant_is_given_no_name(variant):
    ops = variant.ops if EVERY == 1 else [case.op for case in relevant(variant.ops)][:1]
    scores = naming.examined(ops, variant.changes, most=1)
    assert scores
    assert not any(score.mistakes for score in scores)


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("size", [1e-12, 1e-7, 1e-3])
def test_an_inaccurate_answer_is_given_no_name(op, size):
    asking, examined = answers(), 0
    noise = np.random.default_rng(5)
    for case in [case for case in vectors() if case.op == op and not behaviour.refuses(case)][:12:4]:
        reply = asking.ask(case)
        out = {
            name: value * (1 + size * noise.standard_normal(value.shape)).astype(value.dtype)
            if isinstance(value, np.ndarray) and value.dtype.kind == "f"
            else value
            for name, value in reply.out.items()
        }
        changed = reply._replace(out=out)
        found = diagnosis.Diagnosis().named(scoring.score(case, changed, {}), changed)
        assert not found.mistakes, (case.id, found.mistakes)
        examined += 1
    assert examined or op not in asking.hello.capabilities or not relevant([op])


ADAPTER = """
from refopt.adapters.reference import Reference

class Mine(Reference):
    def base_step(self, optimizer, settings, theta, gradient, state):
        state = {**state, "iteration": state["iteration"] + 1}
        found = super().base_step(optimizer, settings, theta, gradient, state)
        found["state"]["iteration"] -= 1
        return found
"""


def test_a_run_names_the_mistake_and_counts_it(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(ADAPTER)
    cases = [case for case in vectors() if case.id.startswith("first_order.base_step.L3.adam-")]
    found = verify(f"{path}:Mine", cases, in_process=True)
    failing = [score for score in found.scores if score.verdict == "fail"]
    assert len(failing) > 5
    assert {entry.name for score in failing for entry in score.mistakes} == {"adam-correction-one-late"}
    line = report.mistake_lines(failing[0])[0]
    assert line.startswith('your output equals the mistake "adam-correction-one-late" to 16 digits: Adam')
    assert report.mistake_counts(found) == [
        f'mistake: {len(failing)} of {len(failing)} failures equal "adam-correction-one-late"'
    ]
    listed = report.to_json(found)["results"]
    named = {entry["name"] for row in listed for entry in row.get("mistakes", ())}
    assert named == {"adam-correction-one-late"}


AVERAGING = """
from refopt.adapters.reference import Reference

class Mine(Reference):
    def base_directions(self, optimizer, settings, thetas, gradients):
        found = super().base_directions(optimizer, settings, thetas, gradients)
        if optimizer == "heavy_ball" and {condition}:
            found["directions"] = (1 - settings["momentum"]) * found["directions"]
        return found
"""


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        ("True", {"momentum-averages"}),  # Nesterov's velocity, of which the mistake speaks as well, is right
        ("abs(gradients).max() > 50", set()),  # the burst alone; a plain run of heavy ball is right
    ],
)
def test_a_mistake_that_would_show_where_the_same_optimizer_passes_is_not_named(condition, named, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(AVERAGING.format(condition=condition))
    cases = [
        case for case in vectors() if case.op == "base_directions" and "momentum" in case.inputs["settings"]
    ]
    found = verify(f"{path}:Mine", cases, in_process=True)
    failing = [score for score in found.scores if score.verdict == "fail"]
    passing = {score.case.inputs["optimizer"] for score in found.scores if score.verdict == "pass"}
    assert failing
    assert "nesterov" in passing
    assert ("heavy_ball" in passing) is (not named)
    assert {entry.name for score in failing for entry in score.mistakes} == named


@pytest.mark.parametrize("fault", TRIED)
def test_a_fault_that_is_not_in_the_list_is_given_no_name_but_a_near_relatives(fault, monkeypatch):
    own = {*naming.right_names(FORMULAS[fault]), naming.PARTLY.get(fault)}
    monkeypatch.setattr(
        mistakes, "MISTAKES", tuple(entry for entry in mistakes.MISTAKES if entry.name not in own)
    )
    mistakes.of.cache_clear()
    found = naming.name_of(naming.examined(FORMULAS[fault].ops, FORMULAS[fault].changes))
    monkeypatch.undo()
    mistakes.of.cache_clear()
    assert set(found) <= {naming.RELATIVES.get(fault)}


def first(op):
    return next(case for case in vectors() if case.op == op and not behaviour.refuses(case))


def test_beyond_its_time_a_run_examines_nothing_and_says_so():
    case, asking = first("optimal_rates"), answers()
    reply = asking.ask(case)
    reply = reply._replace(out={name: value * 2.0 for name, value in reply.out.items()})
    spent = diagnosis.Diagnosis(seconds=0.0)
    assert spent.named(scoring.score(case, reply, {}), reply).mistakes == ()
    assert spent.unexamined == 1


ARRAY = {"kind": "array", "value": {"shape": [2], "f64": [1.0, 2.0], "hp": ["1.0", "2.0"]}, "scale": 2.0,
         "condition": 1.0, "terms": 2, "threshold": 30.0}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "wrong", "same", "far"),
    [
        ([1.5, 2.0], [1.5, 2.0], True, True),
        ([1.5 + 4e-7, 2.0], [1.5, 2.0], True, True),  # within a millionth of the deviation 1/2
        ([1.5 + 6e-7, 2.0], [1.5, 2.0], False, True),
        ([1.0 + 1e-14, 2.0], [1.0 + 1e-14, 2.0], False, False),  # a mistake that this case does not show
        ([1.5, float("nan")], [1.5, 2.0], False, True),
        ([1.5], [1.5], True, True),  # of another shape than is right, both
        ([1.5], [1.5, 2.0], False, True),
    ],
)
def test_likeness(given, wrong, same, far):
    found = likeness.alike("theta_next", ARRAY, np.array(given), np.array(wrong), "float64")
    assert (found.same, found.far) == (same, far)


@pytest.mark.parametrize(
    ("given", "wrong", "near"),
    [
        ([1.0, np.inf], [1.0 + 1e-9, np.inf], True),
        ([1.0, -np.inf], [1.0, -np.inf], True),
        ([1.0, np.inf], [1.0, -np.inf], False),
        ([1.0, np.inf], [1.0, 2.0], False),
        ([1.0, 2.0], [1.0, np.inf], False),
        ([1.0, np.nan], [1.0, np.nan], False),
        ([1.0 + 1e-5, np.inf], [1.0, np.inf], False),
        ([1.0], [1.0, np.inf], False),
    ],
)
def test_quantities_that_a_case_does_not_expect_are_compared_infinities_too(given, wrong, near):
    assert likeness.near(np.array(given), np.array(wrong)) is near


def numbers(*values, columns=None):
    shape = [len(values)] if columns is None else [len(values) // columns, columns]
    return {"shape": shape, "f64": list(values), "hp": [str(x) for x in values]}


PAIR = {"kind": "sphere", "center": numbers(1.0, 2.0), "directions": numbers(0.0, 0.5, columns=1),
        "free": {"shape": [2, 0], "f64": [], "hp": []}, "scale": 2.0, "condition": 1.0, "terms": 2,
        "threshold": 30.0}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "wrong", "same", "far"),
    [
        ([1.0, 2.0], [1.0, 2.0], True, True),  # the point between the two right ones
        ([1.0, 2.0], [1.0, 2.1], False, True),
        ([1.0, 2.5], [1.0, 2.0], False, True),  # a right answer
        ([1.0, 2.0], [1.0, 2.5], False, False),  # a mistake that this case does not show
    ],
)
def test_likeness_to_a_point_that_lies_between_two_right_ones(given, wrong, same, far):
    found = likeness.alike("displacement", PAIR, np.array(given), np.array(wrong), "float64")
    assert (found.same, found.far) == (same, far)


class Rewritten(Textbook):
    """The textbook whose transformer is made of its pieces, as that of a mistake is."""

    def gain(self, parameter):
        return parameter + 1.0


def test_the_transformer_made_of_pieces_is_right():
    cases = [case for case in vectors() if str(case.inputs.get("problem")).startswith("transformer")]
    assert len(cases) > 10
    assert Rewritten().rewrites_the_transformer()
    assert not Textbook().rewrites_the_transformer()
    asking = runner.Runner(lambda: InProcess(f"{__name__}:Rewritten", None))
    found = [scoring.score(case, asking.ask(case), {}) for case in cases]
    assert {score.verdict for score in found} == {"pass"}, [score.reason for score in found]


def test_no_piece_of_the_textbook_hides_another():
    owners = {}
    for kind in Textbook.__mro__[1:]:
        if kind.__name__.endswith("Pieces"):
            for name in vars(kind):
                if not name.startswith("__"):
                    assert name not in owners, (name, owners.get(name), kind)
                    owners[name] = kind
    assert len(owners) > 150


@pytest.mark.parametrize("entry", mistakes.MISTAKES, ids=lambda entry: entry.name)
def test_each_mistake_shows_in_some_case(entry):
    for case in relevant(entry.ops):
        wrong = diagnosis.answer(entry, case, diagnosis.prepared(case))
        if any(
            likeness.far(name, expectation, wrong[name], case.dtype)
            for name, expectation in case.expect.items()
            if expectation["kind"] != "behaviour" and name in wrong
        ):
            return
    pytest.fail(entry.sentence)
