"""Answers that follow from eigenvectors of the adapter's own choice: two stages, by hand and in vectors."""

import copy
from decimal import Decimal

import handmade
import numpy as np
import pytest
from faults.chained import CHAINED_BENIGN, CHAINED_FAULTS
from faults.patching import planted
from faults.trial import REFERENCE, relevant
from handmade import array, given, read

from refopt.conformance import chained_steps, comparison, diagnosis, ops, scoring, vectors
from refopt.conformance.runner import Runner
from refopt.conformance.scoring import Reply
from refopt.conformance.transport import InProcess

PLANE = array("1", "0", "0", "1", shape=(2, 2))


def space(**changes):
    """Expects one unit vector of the plane of both axes, which is one eigenspace."""
    return {
        "kind": "eigenspace", "value": array("1", "0", shape=(2, 1)), "basis": PLANE, "spaces": [[0, 1]],
        "columns": [[0]], "gaps": [1.0], "norm": 1.0, "terms": 2, "threshold": 30.0, **changes,
    }  # fmt: skip


def follows(*entries, **changes):
    return {
        "kind": "chained", "after": ["eigenvalues", "eigenvectors"], "given": {"gradient": array("3", "4")},
        "value": array(*entries), "scale": 5.0, "condition": 1.0, "terms": 2, "threshold": 30.0, **changes,
    }  # fmt: skip


# H = I, g = (3, 4), theta = (1, 1), k = 1, gradient descent with rate 1/2. With v = e1: d1 = (-3, 0),
# g2 = (0, 4), d2 = (0, -2). With v = (3, 4)/5: d1 = (-3, -4), d2 = 0. With v = (4, -3)/5, orthogonal to g:
# d1 = 0 and d2 = (-3/2, -2).
FOSI = handmade.case(
    "fosi_refresh_step",
    {
        "problem": "quadratic-figure1",  # not looked at
        "settings": {
            "largest": 1, "smallest": 0, "alpha": 1.0, "newton_momentum": "none", "scaling": "ratio",
            "max_scaling": 3.0, "epsilon": 2.0**-33,
        },
        "base": {"optimizer": "gradient_descent", "settings": {"learning_rate": 0.5}},
        "theta": given(1, 1),
        "lanczos_start": given(1, 2),
    },
    {
        "eigenvalues": handmade.close(array("1")),
        "eigenvectors": space(),
        "newton_direction": follows("-3", "0"),
        "base_direction": follows("0", "-2"),
        "theta_next": follows("-2", "-1"),
    },
)  # fmt: skip
CHOICES = {
    (1.0, 0.0): ((-3, 0), (0, -2)),
    (-1.0, 0.0): ((-3, 0), (0, -2)),
    (0.6, 0.8): ((-3, -4), (0, 0)),
    (0.8, -0.6): ((0, 0), (-1.5, -2)),
}


def answer(vector, d1, d2, **changes):
    d1, d2 = np.array(d1, dtype=float), np.array(d2, dtype=float)
    out = {
        "eigenvalues": np.ones(1), "eigenvectors": np.array(vector).reshape(2, 1), "newton_direction": d1,
        "base_direction": d2, "theta_next": np.ones(2) + d1 + d2,
    }  # fmt: skip
    return Reply("ok", {**out, **changes})


def judged(entry, reply):
    return scoring.score(read(entry), reply, {})


@pytest.mark.parametrize("vector", CHOICES)
def test_each_choice_passes_with_the_step_that_follows_from_it(vector):
    found = judged(FOSI, answer(vector, *CHOICES[vector]))
    assert (found.verdict, found.reason) == ("pass", "")
    assert set(found.quantities) == set(FOSI["expect"])


def test_a_step_from_another_choice_fails_in_its_stage():
    found = judged(FOSI, answer((0.6, 0.8), *CHOICES[1.0, 0.0]))
    assert found.verdict == "fail"
    assert found.first == "newton_direction"
    # |(-3, -4) - (-3, 0)| = 4 at a scale of 5 and two terms: 4 / (5 2 u) = 0.4 2^53 = 3.6e15
    assert found.reason == (
        "stage spectrum: passes; stage step: `newton_direction` deviates. "
        "Ratio 3.6e+15 from its own eigenpairs."
    )
    deviating = found.quantities["newton_direction"]
    assert (deviating.given, deviating.position) == (0.0, (1,))
    assert deviating.expected == pytest.approx(-4.0, rel=1e-15)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"eigenvalues": np.array([1.5])}, "`eigenvalues` deviates"),
        ({"eigenvectors": np.array([[1.0], [1.0]])}, "not orthonormal"),
        ({"eigenvectors": np.array([[np.nan], [1.0]])}, "finite numbers"),
        ({"eigenvectors": np.array([1.0, 0.0])}, "shape"),
        ({"eigenvectors": None}, "array of float64"),
    ],
)
def test_after_a_wrong_spectrum_the_step_is_not_judged(changes, word):
    found = judged(FOSI, answer((1.0, 0.0), (9, 9), (9, 9), **changes))
    assert found.verdict == "fail"
    assert found.reason.startswith("stage spectrum: `eigen")
    assert word in found.reason
    assert found.reason.endswith("stage step: not judged, since it follows from what is wrong.")
    assert set(found.quantities) == {"eigenvalues", "eigenvectors"}


def test_a_missing_step_is_missing():
    reply = answer((1.0, 0.0), *CHOICES[1.0, 0.0])
    del reply.out["theta_next"]
    assert "`theta_next` is missing" in judged(FOSI, reply).reason


def with_settings(**settings):
    entry = copy.deepcopy(FOSI)
    entry["in"]["settings"] |= settings
    return entry


def test_settings_enter_the_step():
    # alpha = 1/4: d1 = (-3/4, 0); an epsilon of 4 max|lambda|: u = 1/4, the same
    for entry in (with_settings(alpha=0.25), with_settings(epsilon=4.0)):
        assert judged(entry, answer((1.0, 0.0), (-0.75, 0), (0, -2))).verdict == "pass"
        assert judged(entry, answer((1.0, 0.0), (-3, 0), (0, -2))).verdict == "fail"


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ({"optimizer": "nesterov", "settings": {"learning_rate": 0.5, "momentum": 0.5}}, -3.0),  # -1.5 g/2
        ({"optimizer": "heavy_ball", "settings": {"learning_rate": 0.5, "momentum": 0.5}}, -2.0),
        # -4/2 / (4 + 4)
        ({"optimizer": "adam", "settings": {"learning_rate": 0.5, "epsilon": 4.0}}, -0.25),
        # -2 / (sqrt(1/4) 4 + 2)
        (
            {
                "optimizer": "rmsprop",
                "settings": {"learning_rate": 0.5, "epsilon": 2.0, "decay": 0.75, "epsilon_inside": False},
            },
            -0.5,
        ),
    ],
)
def test_first_directions_of_the_bases(base, expected):
    found = chained_steps.first_direction(base, [Decimal(0), Decimal(4)])
    assert [float(x) for x in found] == [0.0, expected]


def test_what_no_rule_covers_is_an_error_of_the_vectors():
    for entry in (with_settings(newton_momentum="ema"), with_settings(scaling="closed-form")):
        assert judged(entry, answer((1.0, 0.0), (-3, 0), (0, -2))).verdict == "oracle-error"


def test_every_chained_operation_has_a_rule():
    assert set(chained_steps.RECIPES) == set(ops.CHAINED)


# ELMO with H = -I and g = (3, 4) in the plane, both pairs, L = 2: in the cluster p = g, |p| = 5, and
# x* = (sqrt(1 + 2 2 5) + 1)/2 = (sqrt 21 + 1)/2 along -g/5; across it slope 0, x* = 2|lam|/L = 1, either way.
ROOT = (21**0.5 + 1) / 2
ELMO = handmade.case(
    "elmo_ends_step",
    {
        "problem": "quadratic-figure1", "lipschitz": given(1, 2), "theta": given(0, 0),
        "settings": {"largest": 1, "smallest": 1, "clusters": "rotate", "multiplicity": "full"},
        "base": FOSI["in"]["base"], "lanczos_start": given(1, 2),
    },
    {
        "eigenvalues": handmade.close(array("-1", "-1")),
        "eigenvectors": space(value=PLANE, columns=[[0, 1]]),
        "elmo_direction": follows("-1", "-1"),
        "base_direction": follows("0", "0"),
        "theta_next": follows("-1", "-1"),
    },
)  # fmt: skip


def elmo_answer(vectors, d):
    d = np.array(d)
    out = {"eigenvalues": -np.ones(2), "eigenvectors": np.array(vectors), "elmo_direction": d}
    return Reply("ok", {**out, "base_direction": np.zeros(2), "theta_next": d})


@pytest.mark.parametrize("vectors", [np.eye(2), [[0.6, 0.8], [0.8, -0.6]], [[0.0, 1.0], [-1.0, 0.0]]])
@pytest.mark.parametrize("sign", [1, -1])
def test_both_ways_down_a_hill_are_right_and_the_basis_does_not_matter(vectors, sign):
    along, across = np.array([0.6, 0.8]), np.array([0.8, -0.6])
    assert judged(ELMO, elmo_answer(vectors, -ROOT * along + sign * across)).verdict == "pass"
    for wrong in (ROOT * along + across, -ROOT * along, -ROOT * along + 2 * across):
        found = judged(ELMO, elmo_answer(vectors, wrong))
        assert found.reason.startswith("stage spectrum: passes; stage step: `elmo_direction`")


def test_as_given_each_vector_steps_by_itself():
    # v1 = e1: slope 3, L = 1: sqrt 7 + 1; v2 = e2: slope 4, L = 2: (sqrt 17 + 1)/2
    entry = copy.deepcopy(ELMO)
    entry["in"]["settings"]["clusters"] = "as-given"
    right = [-(7**0.5) - 1, -(17**0.5 + 1) / 2]
    assert judged(entry, elmo_answer(np.eye(2), right)).verdict == "pass"
    assert judged(entry, elmo_answer(np.eye(2)[::-1], right)).verdict == "fail"


# Whole eigenspaces.

THREE = array("1", "0", "0", "0", "1", "0", "0", "0", "1", shape=(3, 3))
CUT = space(
    value=array("1", "0", "0", "1", "0", "0", shape=(3, 2)), basis=THREE, spaces=[[0], [1, 2]],
    columns=[[0], [1]], gaps=[1.0, 1.0],
)  # fmt: skip


def columns(*rows):
    return np.array(rows).T.copy()


def test_a_vector_may_lie_anywhere_in_its_space_and_nowhere_else():
    for vector in ([0, 1.0, 0], [0, 0, -1.0], [0, 0.6, 0.8]):
        assert comparison.compare(CUT, columns([1.0, 0, 0], vector), "float64").passed
    outside = comparison.compare(CUT, columns([0.6, 0.8, 0], [0.8, -0.6, 0]), "float64")
    assert (outside.passed, outside.reason) == (False, "spans another space in column 0.")
    swapped = comparison.compare(CUT, columns([0, 1.0, 0], [1.0, 0, 0]), "float64")
    assert not swapped.passed
    longer = comparison.compare(CUT, columns([1.0, 0, 0], [0, 1.01, 0]), "float64")
    assert "not orthonormal" in longer.reason
    assert "shape" in comparison.compare(CUT, np.eye(3), "float64").reason


def test_leaving_a_space_is_measured_against_norm_over_gap():
    # leaning by 2^-50 = 8 u against two terms and |H|/gap = 4: ratio 1
    lean = 2.0**-50
    near = columns([1.0, -lean, 0], [lean, 1.0, 0])
    found = comparison.compare({**CUT, "gaps": [0.25, 0.25]}, near, "float64")
    assert found.ratio == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda e: e["eigenvectors"].update(columns=[[0], [0]]), "columns do not hold"),
        (lambda e: e["eigenvectors"].update(spaces=[[0]]), "spaces do not hold"),
        (lambda e: e["eigenvectors"].update(gaps=[1.0, 1.0]), "not as many"),
        (lambda e: e["theta_next"].update(after=["eigenvalues"]), "do not stand before"),
        (lambda e: e["theta_next"].update(after=["eigenvalues", "scaling"]), "do not stand before"),
        (lambda e: e["theta_next"].update(given={}), "without a gradient"),
        (lambda e: e["theta_next"].update(scale=0.0), "scale is not positive"),
        (lambda e: e.update(eigenvectors=handmade.close(array("1"))), "whole eigenspaces"),
    ],
)
def test_unsound_chains_are_refused(tmp_path, change, word):
    entry = copy.deepcopy(FOSI)
    change(entry["expect"])
    with pytest.raises(vectors.CorruptVectors, match=word):
        vectors.load(handmade.write(tmp_path, entry))


def test_only_operations_with_a_rule_may_be_chained(tmp_path):
    entry = copy.deepcopy(handmade.HEAVY_BALL)
    entry["expect"]["theta_next"] = follows("1", "1")
    with pytest.raises(vectors.CorruptVectors, match="has no rule"):
        vectors.load(handmade.write(tmp_path, entry))


# The frozen cases.


def asked(cases, changes=()):
    runner = Runner(lambda: InProcess(REFERENCE, None))
    with planted(changes):
        return [(case, runner.ask(case)) for case in cases]


def test_the_frozen_cases_judge_the_oracles_own_choice():
    """The stored answer, for the oracle's choice, is right by the scorer's formulas to 15 digits."""
    cases = relevant(ops.CHAINED)
    assert len(cases) >= 14
    for case in cases:
        out = {
            name: np.array(e["value"]["f64"]).reshape(e["value"]["shape"]) for name, e in case.expect.items()
        }
        found = scoring.score(case, Reply("ok", out), {})
        assert found.verdict == "pass", (case.id, found.reason)
        assert found.ratio < 3


def test_two_choices_lead_to_different_points_and_both_pass():
    cases = relevant(ops.CHAINED)
    other = next(entry for entry in CHAINED_BENIGN if entry.name == "other-vectors-of-the-same-eigenspaces")
    moved = 0
    for (case, first), (_, second) in zip(asked(cases), asked(cases, other.changes), strict=True):
        for reply in (first, second):
            assert scoring.score(case, reply, {}).verdict == "pass", case.id
        apart = np.max(np.abs(first.out["theta_next"] - second.out["theta_next"]))
        moved += apart > 1e-3
    assert moved >= 10


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("refresh-d2-not-projected", "fosi-projection-missing"),
        ("refresh-signed-curvature", "fosi-signed-curvature"),
        ("refresh-base-sees-the-whole-gradient", "fosi-base-sees-the-whole-gradient"),
        ("ends-base-not-projected", "elmo-base-not-projected"),
    ],
)
def test_the_diagnosis_names_a_mistake_in_the_step(fault, name):
    entry = next(entry for entry in CHAINED_FAULTS if entry.name == fault)
    failing = [
        (scoring.score(case, reply, {}), reply) for case, reply in asked(relevant(entry.ops), entry.changes)
    ]
    failing = [(score, reply) for score, reply in failing if score.verdict == "fail"]
    assert len(failing) >= 3
    asking = diagnosis.Diagnosis()
    scores = asking.narrowed(asking.named(*pair) for pair in failing)
    named = [tuple(entry.name for entry in score.mistakes) for score in scores]
    assert named.count((name,)) >= len(named) - 1, named


def test_a_wrong_spectrum_of_a_chained_case_stays_without_a_name():
    entry = next(entry for entry in CHAINED_FAULTS if entry.name == "cut-same-vector-for-each-copy")
    for case, reply in asked(relevant(entry.ops), entry.changes):
        assert not diagnosis.Diagnosis().named(scoring.score(case, reply, {}), reply).mistakes
