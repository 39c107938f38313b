"""Cases that are put twice: look-up tables and leaking state are seen, honest adapters raise no alarm."""

import json
import random
import shlex
import sys
from collections import Counter

import handmade
import numpy as np
import pytest
from faults.trial import REFERENCE, vectors
from handmade import HEAVY_BALL, HEAVY_BALL_ANSWER, read

from refopt.conformance import permuted, report, requests, runner, scoring, twins, wire
from refopt.conformance.introduction import Hello
from refopt.conformance.scoring import Reply
from refopt.conformance.transport import CrashError, InProcess, Subprocess
from refopt.conformance.verify import Subject, judge

SINGLE = ("base_step", "elmo_scalar")
CASES = [case for case in vectors() if case.op in SINGLE]
EVERY = [case for case in vectors() if permuted.is_covariant(case)]
ASKING = Hello("all", "", "", tuple({case.op for case in vectors()}), {}, ("float64", "float32"))


class Answering:
    """An adapter in this process that sees messages as a program does: `reply(message)` makes the answer."""

    def __init__(self, reply):
        self._reply, self.strays, self._place = reply, {}, 0
        self._honest = InProcess(REFERENCE, None)
        self._honest.exchange({"id": "0", "cmd": "hello"}, 1.0)

    def exchange(self, request, deadline):
        request = wire.read(wire.write(request))
        if request["cmd"] == "hello":
            found = {"protocol": wire.PROTOCOL, "name": "it", "capabilities": list(SINGLE)}
            return {"id": request["id"], **found, "dtypes": ["float64", "float32"]}
        self._place += 1
        answer = self._reply(request, self._place, lambda: self._honest.exchange(request, deadline))
        return {**answer, "id": request["id"]}

    def close(self):
        pass

    kill = close


def run(reply, seed=5, cases=CASES, way="--command"):
    asking = runner.Runner(lambda: Answering(reply), seed=seed)
    return judge(asking, cases, Subject(way, "it"), seed=seed)


def honest(request, place, answer):
    return answer()


def content(request):
    return json.dumps([request["op"], request["dtype"], request["in"]], sort_keys=True)


TABLE = {content(requests.run(case, 0)): case for case in CASES}


def answered(cases, seed):
    """The answers of the reference to cases, in order."""
    asking = InProcess(REFERENCE, None)
    asking.exchange({"id": "0", "cmd": "hello"}, 1.0)
    return [asking.exchange(requests.run(case, seed), 1.0) for case in cases]


def test_an_honest_adapter_raises_no_alarm():
    for seed in (0, 1, 2):
        found = run(honest, seed)
        assert found.exit_status == 0, [score.reason for score in found.failures]
        assert (found.twins, found.differing) == (len(CASES) // twins.SHARE, 0)
        assert (
            report.notes(found)[0] == f"note: {found.twins} cases were put twice; 0 were answered differently"
        )
        assert report.to_json(found)["twins"] == {"put": found.twins, "differing": 0}


def test_a_table_by_content_does_not_know_permuted_coordinates():
    def table(request, place, answer):
        known = content(request) in TABLE
        return answer() if known else {"status": "skip", "message": "not in the table"}

    found = run(table)
    wrong = [score for score in found.scores if score.verdict == "fail"]
    assert wrong
    assert found.exit_status == 1
    assert found.differing == len(wrong)
    for score in wrong:
        assert score.reason.startswith(
            "The case was put with its coordinates permuted, and answered differently:"
        )
        assert "not in the table" in score.reason


def test_a_table_by_id_does_not_know_a_fresh_one():
    known = {requests.token(5, case.id) for case in CASES}

    def table(request, place, answer):
        return answer() if request["id"] in known else {"status": "exception", "message": "unknown id"}

    found = run(table)
    assert found.differing == found.twins
    again = [score for score in found.failures if "again under another id" in score.reason]
    assert again
    assert all("ok first, then exception (unknown id)." in score.reason for score in again)


def test_a_table_by_place_is_out_of_step():
    answers = answered(requests.order(CASES, 5), 5)

    def table(request, place, answer):
        return answers[(place - 1) % len(answers)]

    assert run(table, way="--adapter").exit_status == 0  # nothing is put twice: it knows the order
    assert len(run(table).failures) > len(CASES) / 4


def test_state_that_leaks_from_case_to_case_is_seen():
    seen = Counter()

    def leaking(request, place, answer):
        out = answer()
        seen[content(request)] += 1
        if seen[content(request)] > 1 and out["status"] == "ok":  # as where a memory is not cleared
            for value in out["out"].values():
                if isinstance(value, dict) and value.get("f64"):
                    value["f64"] = [x + 1e-3 if isinstance(x, float) else x for x in value["f64"]]
        return out

    found = run(leaking)
    assert found.differing >= 1
    assert found.exit_status == 1
    reasons = [score.reason for score in found.failures]
    assert all(
        "put again under another id, and answered differently: right first, then" in r for r in reasons
    )


def test_state_of_a_wrong_adapter_is_seen_beside_its_failure():
    def drifting(request, place, answer):
        out = answer()
        for value in out.get("out", {}).values():
            if isinstance(value, dict) and value.get("f64"):
                value["f64"] = [x * (2 + place) if isinstance(x, float) else x for x in value["f64"]]
        return out

    found = run(drifting)
    told = [score for score in found.failures if "answered differently" in score.reason]
    assert told
    assert all(score.reason.startswith("`") and "differs." in score.reason for score in told)


def test_a_crash_of_a_twin_costs_its_case():
    asked = set()

    def mortal(request, place, answer):
        key = content(request)
        if key in asked:
            raise CrashError("the adapter ended")
        asked.add(key)
        return answer()

    found = run(mortal)
    assert any("ok first, then crash (the adapter ended)." in score.reason for score in found.failures)


# The plan.


def planned(seed):
    cases = vectors()
    made = twins.Twins(requests.order(cases, seed), seed, ASKING)
    return {case.id: list(made.due(case)) for case in cases if list(made.due(case))}


def test_the_plan_follows_from_the_seed_and_costs_less_than_one_in_twenty():
    assert planned(3) == planned(3)
    assert planned(3) != planned(4)
    for seed in range(5):
        chosen = [twin for twins_of in planned(seed).values() for twin in twins_of]
        assert len(chosen) == min(len(vectors()) // twins.SHARE, twins.MOST) <= 0.05 * len(vectors())
        kinds = Counter(twin.kind for twin in chosen)
        assert kinds[twins.PERMUTED] == len(chosen) // 2
        assert len({requests.token(seed, twin.case.id) for twin in chosen}) == len(chosen)


def test_a_twin_is_put_after_its_original_and_carries_nothing_of_it():
    order = {case.id: place for place, case in enumerate(requests.order(vectors(), 3))}
    for before, chosen in planned(3).items():
        for twin in chosen:
            assert order[before] >= order[twin.original]
            message = requests.run(twin.case, 3)
            assert set(message) == {"id", "cmd", "op", "dtype", "in"}
            assert message["id"] != requests.token(3, twin.original)


def test_few_cases_and_other_ways_have_no_twins():
    assert len(twins.Twins(CASES[: twins.SHARE - 1], 0, ASKING)) == 0
    assert run(honest, way="--adapter").twins == 0
    assert not report.notes(run(honest, way="--adapter"))


def test_what_is_not_offered_has_no_twin():
    hello = ASKING._replace(capabilities=("base_step",), dtypes=("float64",))
    made = twins.Twins(vectors(), 0, hello)
    assert len(made) == sum(c.op == "base_step" and c.dtype == "float64" for c in vectors()) // twins.SHARE


# Differences, by hand.

CASE = read(HEAVY_BALL)


def answer(**changes):
    values = {**HEAVY_BALL_ANSWER, **changes}
    return Reply("ok", {k: np.array(v) if isinstance(v, list) else v for k, v in values.items()})


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (answer(), answer(), ""),
        (answer(), answer(direction=[-0.25, 0.125 * (1 + 2.0**-52)]), ""),  # within rounding
        (answer(), answer(direction=[-0.25, 0.25]), "right first, then `direction` deviates."),
        (answer(direction=[-0.25, 0.25]), answer(), "wrong first, then right."),
        (answer(direction=[1.0, 2.0]), answer(direction=[1.0, 2.5]), "`direction` differs."),
        (answer(direction=[1.0, 2.0]), answer(direction=[1.0, 2.0]), ""),
        (answer(), answer(extra=[1.0]), "`extra` is in one of them alone."),
        (answer(extra=[1.0, np.nan]), answer(extra=[1.0, np.nan]), ""),
        (answer(extra=[1.0, np.nan]), answer(extra=[np.nan, 1.0]), "`extra` differs."),
        (answer(extra="a"), answer(extra="b"), "`extra` differs."),
        (answer(), Reply("skip", message="tired"), "ok first, then skip (tired)."),
        (Reply("refused", message="no"), answer(), "refused (no) first, then ok."),
        (Reply("refused", message="no"), Reply("refused", message="never"), ""),
    ],
)
def test_differences_of_two_answers(first, second, said):
    assert twins.difference(CASE, first, second, {}) == said


# Permuted cases.


def test_coordinates_of_inputs_and_expectations_move_alike():
    # two coordinates have one other order
    twin = permuted.permuted(CASE, random.Random(0))
    assert twin.inputs["theta"]["f64"] == [2.0, 1.0]
    assert twin.inputs["state"]["velocity"]["f64"] == [1.0, 1.0]
    assert twin.inputs["state"]["iteration"] == CASE.inputs["state"]["iteration"]
    assert twin.expect["theta_next"]["value"]["f64"] == [2.125, 0.75]
    assert twin.expect["theta_next"]["value"]["hp"] == ["2.125", "0.75"]
    right = answer(**{
        name: value[::-1] if isinstance(value, list) else value for name, value in HEAVY_BALL_ANSWER.items()
    })  # fmt: skip
    assert scoring.score(twin, right, {}).verdict == "pass"
    assert scoring.score(twin, answer(), {}).verdict == "fail"
    assert twins.moved(CASE, answer(), twin, right, {}) == ""
    assert "deviates" in twins.moved(CASE, answer(), twin, answer(), {})
    assert twins.moved(CASE, answer(direction=[9.0, 9.0]), twin, answer(), {}) == ""  # wrong before


def test_axes_of_matrices_move():
    order = [2, 0, 1]
    matrix = {"shape": [3, 3], "f64": [float(i) for i in range(9)]}
    rows = permuted._array(matrix, (0,), order)["f64"]
    assert rows == [6.0, 7.0, 8.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    both = permuted._array(matrix, (0, 1), order)["f64"]
    assert both == [8.0, 6.0, 7.0, 2.0, 0.0, 1.0, 5.0, 3.0, 4.0]
    columns = permuted._array({"shape": [2, 3], "f64": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}, (1,), order)["f64"]
    assert columns == [2.0, 0.0, 1.0, 5.0, 3.0, 4.0]


def test_scales_and_margins_move_with_their_entries():
    step = handmade.close(handmade.array("1", "2", "3"), axis="step", scale=[1.0, 2.0, 3.0], condition=1.0)
    found = permuted._expectation(step, (0,), [1, 2, 0])
    assert (found["scale"], found["value"]["f64"]) == ([2.0, 3.0, 1.0], [2.0, 3.0, 1.0])
    decision = {"kind": "exact", "value": [True, False], "margin": [0.5, 0.25], "compared": "kappa"}
    found = permuted._expectation(decision, (0,), [1, 0])
    assert (found["value"], found["margin"]) == ([False, True], [0.25, 0.5])


def test_the_reference_passes_every_covariant_case_permuted():
    asking = runner.Runner(lambda: InProcess(REFERENCE, None))
    assert len(EVERY) > 350
    assert {case.op for case in EVERY} == set(permuted.COORDINATES)
    for case in EVERY[::2]:
        twin = permuted.permuted(case, random.Random(case.id))
        found = scoring.score(twin, asking.ask(twin), {})
        assert found.verdict in ("pass", "not-applicable"), (case.id, found.reason)


def test_a_permuted_case_sees_an_adapter_that_orders_its_coordinates():
    """The planted fault: answers in ascending order of theta, which a sorted case would not show."""
    asking, seen = runner.Runner(lambda: InProcess(REFERENCE, None)), 0
    for case in [case for case in EVERY if case.op == "base_step"][:20]:
        twin = permuted.permuted(case, random.Random(1))
        reply = asking.ask(twin)
        out = {**reply.out, "theta_next": np.sort(reply.out["theta_next"])}
        seen += scoring.score(twin, reply._replace(out=out), {}).verdict == "fail"
    assert seen >= 10


# A process.


def test_a_process_of_the_reference_raises_no_alarm():
    program = f"from refopt.conformance.worker import serve; serve({REFERENCE!r}, None)"
    argv = shlex.split(f"{sys.executable} -c {shlex.quote(program)}")
    cases = [case for case in vectors() if case.op in ("base_step", "cubic_minimizer", "fosi_step")]
    asking = runner.Runner(lambda: Subprocess(argv), seed=7)
    found = judge(asking, cases, Subject("--command", shlex.join(argv)), seed=7)
    assert found.twins >= 10
    assert (found.exit_status, found.differing) == (0, 0), [score.reason for score in found.failures]


def test_of_an_answer_little_is_kept():
    """A hostile adapter must not fill the runner's memory with what it answers to cases that have twins."""
    assert twins._kept(CASE, answer(extra=[1.0] * 10**6)).out.keys() == HEAVY_BALL_ANSWER.keys()
    assert twins._kept(CASE, answer(direction=[1.0] * 10**6)) is None
    assert twins._kept(CASE, answer(direction="x" * 2**21)) is None
