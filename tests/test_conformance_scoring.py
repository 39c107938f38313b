"""Verdicts: what passes, what fails, what is left out, and where a failure is said to start."""

import copy

import numpy as np
import pytest
from handmade import DIRECTIONS, HEAVY_BALL, HEAVY_BALL_ANSWER, PERIOD, array, case, close, given, read

from refopt.conformance import report, scoring, vectors
from refopt.conformance.runner import Hello
from refopt.conformance.scoring import Reply
from refopt.resources import vectors_directory


def answer(**changes):
    """The right answer to the heavy-ball case, with changes; None takes a quantity away."""
    values = {**HEAVY_BALL_ANSWER, **{key.replace("__", "."): value for key, value in changes.items()}}
    arrays = {key: np.array(value) if isinstance(value, list) else value for key, value in values.items()}
    return Reply("ok", {key: value for key, value in arrays.items() if value is not None})


def verdict(entry, reply, profile=None):
    return scoring.score(read(entry), reply, profile or {})


def changed(entry, **fields):
    return {**copy.deepcopy(entry), **fields}


def test_the_right_answer_passes():
    found = verdict(HEAVY_BALL, answer())
    assert (found.verdict, found.reason, found.first) == ("pass", "", None)
    assert found.ratio == 0.0
    assert found.digits == 15.95


def test_a_wrong_direction_is_named_before_what_follows_from_it():
    found = verdict(HEAVY_BALL, answer(direction=[-0.25, 0.25], theta_next=[0.75, 2.25]))
    assert found.verdict == "fail"
    assert found.first == "direction"
    assert not found.quantities["theta_next"].passed


def test_a_wrong_state_fails():
    found = verdict(HEAVY_BALL, answer(state__velocity=[0.5, 0.5]))
    assert (found.verdict, found.first) == ("fail", "state.velocity")
    assert verdict(HEAVY_BALL, answer(state__iteration=3)).first == "state.iteration"


def test_required_quantities_may_not_be_missing_and_optional_ones_may():
    assert verdict(HEAVY_BALL, answer(direction=None)).verdict == "pass"
    for name in ("theta_next", "state__velocity", "state__iteration"):
        found = verdict(HEAVY_BALL, answer(**{name: None}))
        assert found.verdict == "fail"
        assert "missing" in found.reason
    assert verdict(HEAVY_BALL, Reply("ok", {})).verdict == "fail"


def test_unexpected_quantities_are_ignored():
    assert verdict(HEAVY_BALL, answer(comment="mine")).verdict == "pass"


def test_nan_fails():
    found = verdict(HEAVY_BALL, answer(theta_next=[0.75, float("nan")]))
    assert found.verdict == "fail"
    assert "nan" in found.reason


@pytest.mark.parametrize("status", ["timeout", "crash", "protocol"])
def test_a_broken_exchange_is_its_own_verdict_and_a_failure(status):
    found = verdict(HEAVY_BALL, Reply(status, {}, "no answer within 20 s."))
    assert (found.verdict, found.reason) == (status, "no answer within 20 s.")
    assert exit_status(found) == report.EXIT_FAILURES


def test_an_exception_fails_with_its_message():
    for status in ("refused", "exception"):
        found = verdict(HEAVY_BALL, Reply(status, {}, "ValueError: no"))
        assert (found.verdict, found.reason) == ("fail", "ValueError: no")


def test_skips_and_inapplicable_cases_are_neither_passes_nor_failures():
    skipped = verdict(HEAVY_BALL, Reply("skip", {}, "no such operation"))
    assert skipped.verdict == "skip"
    assert exit_status(skipped) == report.EXIT_NOTHING_RAN
    assert exit_status(skipped, verdict(HEAVY_BALL, answer())) == report.EXIT_PASS


def exit_status(*scores):
    return made_report(*scores).exit_status


def made_report(*scores):
    hello = Hello("mine", "1", "Python", ("base_step",), {}, ("float64",))
    return report.Report(hello, "mine.py:Mine", "0" * 64, len(scores), scores=list(scores))


def test_an_empty_run_is_a_failure():
    assert exit_status() == report.EXIT_NOTHING_RAN


def test_one_failure_among_passes_decides_and_the_status_is_no_count():
    bad = verdict(HEAVY_BALL, answer(theta_next=[0.0, 0.0]))
    good = verdict(HEAVY_BALL, answer())
    assert exit_status(*[bad] * 7, good) == 1


def test_too_ill_conditioned_for_the_dtype_is_not_applicable():
    # condition * u = 2^47 * 2^-53 = 1/64 > 1/100; and 2^46 * 2^-53 = 1/128 is still applicable.
    for condition, expected in ((2.0**47, "not-applicable"), (2.0**46, "fail")):
        entry = changed(
            PERIOD, id=HEAVY_BALL["id"], op="base_step", expect=copy.deepcopy(HEAVY_BALL["expect"])
        )
        entry["in"] = HEAVY_BALL["in"]
        entry["expect"]["theta_next"]["condition"] = condition
        found = verdict(entry, answer(theta_next=[1e3, 1e3]))
        assert found.verdict == expected
    assert exit_status(verdict(entry, Reply("crash"))) == report.EXIT_FAILURES


def test_a_faulty_expectation_is_an_oracle_error_and_a_failure():
    entry = changed(HEAVY_BALL)
    entry["expect"]["direction"]["value"]["f64"] = [0.0, 0.0]
    found = verdict(entry, answer())
    assert found.verdict == "oracle-error"
    assert exit_status(found) == report.EXIT_FAILURES


def with_alternative():
    """The averaging form: v' = v/2 + g/2 = (3/4, 0), d = -v'/4 = (-3/16, 0), theta' = (13/16, 2)."""
    entry = changed(HEAVY_BALL)
    entry["profile"] = {"momentum": "sum"}
    entry["alternatives"] = {
        "momentum=average": {
            "direction": close(array("-0.1875", "0")),
            "theta_next": close(array("0.8125", "2")),
            "state.velocity": close(array("0.75", "0")),
        }
    }
    return entry


AVERAGING = {"direction": [-0.1875, 0.0], "theta_next": [0.8125, 2.0], "state__velocity": [0.75, 0.0]}


def test_a_declared_profile_passes_as_such():
    found = verdict(with_alternative(), answer(**AVERAGING), {"momentum": "average"})
    assert (found.verdict, found.profile) == ("pass-alt", "momentum=average")
    assert exit_status(found) == report.EXIT_PASS


def test_an_undeclared_profile_fails_and_is_suggested():
    found = verdict(with_alternative(), answer(**AVERAGING))
    assert found.verdict == "fail"
    assert "momentum=average" in found.reason
    assert verdict(with_alternative(), answer(**AVERAGING), {"momentum": "other"}).verdict == "fail"


def test_the_default_passes_plainly_whatever_the_profile():
    assert verdict(with_alternative(), answer(), {"momentum": "average"}).verdict == "pass"


def test_a_mixture_of_default_and_alternative_fails():
    mixed = answer(**{**AVERAGING, "state__velocity": [1.0, -0.5]})
    assert verdict(with_alternative(), mixed, {"momentum": "average"}).verdict == "fail"


def test_quantities_that_an_alternative_leaves_out_are_still_compared():
    wrong = answer(**AVERAGING, state__iteration=9)
    assert verdict(with_alternative(), wrong, {"momentum": "average"}).verdict == "fail"


def test_the_first_deviating_step_is_reported():
    right = np.array([[-1.0], [2.0], [-4.0]])
    assert verdict(DIRECTIONS, Reply("ok", {"directions": right})).verdict == "pass"
    found = verdict(DIRECTIONS, Reply("ok", {"directions": np.array([[-1.0], [3.0], [-2.0]])}))
    assert (found.first, found.quantities["directions"].step) == ("directions", 1)
    assert (found.quantities["directions"].given, found.quantities["directions"].expected) == (3.0, 2.0)


def test_the_earliest_step_comes_before_the_order_of_quantities():
    expect = {
        "thetas": close(array("1", "2", "3", shape=(3, 1)), axis="step", condition=[1.0] * 3),
        "values": close(array("1", "2", "3"), axis="step", condition=[1.0] * 3),
    }
    inputs = {"problem": "p", "optimizer": "adam", "settings": {}, "theta": given(1.0), "steps": 2}
    entry = case("base_run", inputs, expect, level="L4")
    out = {"thetas": np.array([[1.0], [2.0], [4.0]]), "values": np.array([1.0, 3.0, 3.0])}
    assert verdict(entry, Reply("ok", out)).first == "values"


def refusal(*allowed, **fields):
    return changed(
        HEAVY_BALL, expect={"behaviour": {"kind": "behaviour", "allowed": list(allowed), **fields}}
    )


@pytest.mark.parametrize(
    ("allowed", "reply", "expected"),
    [
        (("error",), Reply("refused", {}, "ValueError: `theta` holds nan"), "pass"),
        (("error",), Reply("refused", {}, ""), "fail"),
        (("error",), Reply("exception", {}, "KeyError: 'x'"), "fail"),
        (("error",), answer(), "fail"),
        (("finite",), answer(), "pass"),
        (("finite",), answer(theta_next=[np.inf, 0.0]), "fail"),
        (("finite",), Reply("refused", {}, "ValueError: no"), "fail"),
        (("finite",), Reply("ok", {}), "fail"),
        (("error", "finite"), answer(), "pass"),
        (("unchanged",), answer(theta_next=[1.0, 2.0]), "pass"),
        (("unchanged",), answer(), "fail"),
        (("error",), Reply("crash", {}, "gone"), "crash"),
        (("error",), Reply("timeout", {}, "late"), "timeout"),
        (("error",), Reply("skip", {}, "not mine"), "skip"),
    ],
)
def test_behaviours(allowed, reply, expected):
    assert verdict(refusal(*allowed), reply).verdict == expected


def test_counts_show_skips_in_the_headline():
    scores = [verdict(HEAVY_BALL, answer()), verdict(HEAVY_BALL, Reply("skip", {}, "none"))]
    assert made_report(*scores).headline().startswith("1 pass, 0 pass-alt, 0 fail, 1 skip of 2 cases")


def test_the_table_counts_by_method_and_level():
    scores = [verdict(HEAVY_BALL, answer()), verdict(HEAVY_BALL, answer(theta_next=[0.75, 2.0]))]
    scores.append(verdict(DIRECTIONS, Reply("skip", {}, "none")))
    rows = report.table_rows(scores)
    assert [(row["method"], row["level"], row["counts"]) for row in rows] == [
        ("first_order", "L3", {"pass": 1, "fail": 1}),
        ("first_order", "L4", {"skip": 1}),
    ]
    assert rows[0]["ratio"] == 2.0**53 * 0.125  # an error of 1/8 over u
    assert rows[1]["ratio"] is None


def shipped(identifier):
    """A case of the shipped vectors."""
    return next(case for case in vectors.load(vectors_directory()).cases if case.id == identifier)


FULL = {"multiplicity": "full"}
# The eigenvalues of the identity are 1, and any unit vector is an eigenvector with the residual 0.
IDENTITY = {"eigenvalues": np.ones(1), "residuals": np.zeros(1)}


@pytest.mark.parametrize(
    ("eigenvectors", "word"),
    [
        (np.ones((1, 1), "float32"), "dtype"),
        (np.ones((1, 1)), "shape"),
        (np.ones((6, 1)), "orthonormal"),
        (np.full((6, 1), np.nan), "nan"),
    ],
)
@pytest.mark.parametrize("profile", [FULL, {}])
def test_vectors_of_which_any_are_right_must_still_be_vectors(eigenvectors, word, profile):
    entry = shipped("spectrum.extreme_spectrum.L2.identity-6-k1")
    found = scoring.score(entry, Reply("ok", {**IDENTITY, "eigenvectors": eigenvectors}), profile)
    assert found.verdict == "fail"
    assert "right under" not in found.reason
    full = scoring._under(entry, {**entry.expect, **entry.alternatives["multiplicity=full"]}, Reply("ok", {
        **IDENTITY, "eigenvectors": eigenvectors}))  # fmt: skip
    assert word in full.reason


def test_any_unit_vector_is_right_where_every_one_is():
    entry = shipped("spectrum.extreme_spectrum.L2.identity-6-k1")
    answer = Reply("ok", {**IDENTITY, "eigenvectors": np.eye(6)[:, 2:3]})
    assert scoring.score(entry, answer, FULL).verdict == "pass-alt"


@pytest.mark.parametrize("what", ["identity-restarts", "no-curvature", "rank-below-k"])
def test_a_finite_answer_has_its_quantities_in_shape_and_dtype(what):
    entry = shipped(f"fosi.fosi_run.L6.{what}")
    n = entry.inputs["theta"]["shape"][0]
    right = np.zeros((entry.inputs["steps"] + 1, n))

    def judged(**out):
        return scoring.score(entry, Reply("ok", out), {})

    assert judged(thetas=right).verdict == "pass"
    assert "`thetas` is missing" in judged(foo=np.ones(3, "float32")).reason
    assert "dtype float32" in judged(thetas=right.astype("float32")).reason
    assert "shape" in judged(thetas=right[1:]).reason
    assert "inf" in judged(thetas=right + np.inf).reason
    assert "`values`" in judged(thetas=right, values=np.zeros(2)).reason


def test_an_answer_that_leaves_out_a_required_quantity_is_in_no_class():
    entry = shipped("fosi.fosi_step.L6.zero-gradient")
    theta = np.array(entry.inputs["theta"]["f64"])
    found = scoring.score(entry, Reply("ok", {"theta_next": theta}), {})
    assert found.verdict == "fail"
    assert "missing" in found.reason
    parts = {"newton_direction": 0 * theta, "base_direction": 0 * theta}
    assert scoring.score(entry, Reply("ok", {"theta_next": theta, **parts}), {}).verdict == "pass"


def test_a_finite_step_of_grouped_newton_has_its_shapes():
    entry = shipped("grouped_newton.grouped_newton_step.L6.relu-two-groups")
    n, S = len(entry.inputs["groups"]), max(entry.inputs["groups"]) + 1
    right = {"theta_next": np.zeros(n), "eta": np.ones(S)}

    def judged(**out):
        return scoring.score(entry, Reply("ok", {**right, **out}), {})

    optional = {"H_bar": np.eye(S), "D": np.ones(S), "r": np.array(1.0), "direction": np.ones(n)}
    assert judged(**optional).verdict == "pass"
    assert "`eta` is missing" in scoring.score(entry, Reply("ok", {"theta_next": np.zeros(n)}), {}).reason
    wrong = {
        "eta": np.ones(n),
        "H_bar": np.ones(S),
        "D": np.eye(S),
        "r": np.ones(1),
        "theta_next": np.zeros(S),
        "learning_rates": np.full(S, np.nan),
        "third_diagonal": np.ones(S, dtype="float32"),
    }
    for name, value in wrong.items():
        found = judged(**{name: value})
        assert found.verdict == "fail"
        assert name in found.reason


def test_the_shapes_of_a_tensor_and_of_a_run_by_groups():
    from refopt.conformance.behaviour import expected_shape

    inputs = {"problem": "p", "theta": given(*[1.0] * 5), "direction": given(*[1.0] * 5)}
    inputs["groups"] = [0, 1, 2, 1, 0]
    nothing = {"behaviour": {"kind": "behaviour", "allowed": ["finite"]}}
    tensor = read(case("summary_tensor", {**inputs, "order": 3}, nothing))
    assert expected_shape(tensor, "entries") == (10,)  # 5! / (3! 2!)
    assert expected_shape(read(case("summary_tensor", {**inputs, "order": 0}, nothing)), "entries") == (1,)
    run = read(case("grouped_newton_run", {**inputs, "settings": {}, "steps": 4}, nothing))
    shapes = {"thetas": (5, 5), "values": (5,), "learning_rates": (4, 3), "step_sizes": (4,)}
    assert {name: expected_shape(run, name) for name in shapes} == shapes
    summary = read(case("summary", inputs, nothing))
    assert [expected_shape(summary, name) for name in ("g_bar", "H_bar")] == [(3,), (3, 3)]
