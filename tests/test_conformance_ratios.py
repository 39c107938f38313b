"""Comparisons: every ratio here is worked out by hand in units of u = 2^-53."""

import handmade
import numpy as np
import pytest
from handmade import array, close

from refopt.conformance import comparison, ratios, wire

U = 2.0**-53


def compare(expectation, given, dtype="float64", wide=False):
    return comparison.compare(expectation, given, dtype, wide)


def off_by(units: float, **changes):
    """One entry 1, given as 1 + units * u (a float64 for even units)."""
    return compare(close(array("1"), **changes), np.array([1.0 + units * U]))


def test_the_ratio_counts_units_of_roundoff():
    found = off_by(2)
    assert found.passed
    assert found.ratio == 2.0


def test_the_threshold_itself_passes_and_the_next_float_does_not():
    assert off_by(30).passed
    assert not off_by(32).passed


def test_condition_scale_and_terms_divide_the_ratio():
    assert off_by(64, condition=4.0, scale=2.0, terms=8).ratio == 1.0


def test_a_condition_below_one_counts_as_one():
    assert off_by(2, condition=0.01).ratio == 2.0


def test_the_reference_is_better_than_float64():
    # The float64 nearest to 1/10 is 1/10 + 5.551e-18, half a unit of u * 0.1: not a perfect answer.
    found = compare(close(array("0.1"), scale=0.1), np.array([0.1]))
    assert found.ratio == pytest.approx(0.5, rel=1e-12)  # 5.5511151231257827e-18 / (0.1 u)
    forty = "0.3333333333333333333333333333333333333333"
    # 1/3 - fl(1/3) = 2^-54/3: a third of half a unit of u, over the scale 1/3.
    assert compare(close(array(forty), scale=1 / 3), np.array([1 / 3])).ratio == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_entries_fail_before_arithmetic(bad):
    found = compare(close(array("1", "1"), threshold=1e300), np.array([1.0, bad]))
    assert not found.passed
    assert found.ratio is None
    assert "[1]" in found.reason


def test_nan_ratios_fail():
    # A scale of 0 makes 0/0; files with one are refused, but the judgement must not depend on that.
    assert not ratios.judge(np.array([np.nan]), 30.0, 0.0, "float64").passed
    assert not ratios.judge(np.array([1.0, np.nan]), 30.0, 0.0, "float64").passed
    with np.errstate(invalid="ignore"):
        assert not compare(close(array("0"), scale=0.0), np.array([0.0])).passed


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (np.array([1.0], dtype="float32"), "float32"),
        (np.array([1]), "int64"),
        (wire.Unfit("complex128"), "complex128"),
        (wire.Unfit("object"), "object"),
        (np.array([1.0, 1.0]), "shape (2,)"),
        (np.array([[1.0]]), "shape (1, 1)"),
        (np.array(1.0), "shape ()"),
        (1, "an integer"),
        (True, "a boolean"),
        ("1", "a string"),
        ([1.0], "a list"),
        (None, "null"),
        ({"velocity": 1.0}, "an object"),
    ],
)
def test_a_wrong_dtype_or_shape_fails_with_its_own_reason(value, word):
    found = compare(close(array("1"), threshold=1e300), value)
    assert not found.passed
    assert found.ratio is None
    assert word in found.reason


def test_float32_cases_are_measured_in_their_own_unit():
    found = compare(close(array("1")), np.array([1.0 + 2.0**-23], dtype="float32"), "float32")
    assert found.ratio == 2.0


def test_float64_in_a_float32_case_passes_only_for_scalars_and_wide_quantities():
    assert not compare(close(array("1")), np.array([1.0]), "float32").passed
    assert compare(close(array("1")), np.array([1.0]), "float32", wide=True).passed
    assert compare(close(array("1", shape=())), np.array(1.0), "float32").passed
    assert not compare(close(array("1", shape=())), np.array(1.0, dtype="float32"), "float64").passed


def test_the_first_deviating_step_and_its_entry_are_named():
    expectation = close(array(*"123456", shape=(3, 2)), axis="step", condition=[1.0, 1.0, 1.0])
    value = np.array([[1.0, 2.0], [3.0, 4.5], [5.5, 6.0]])
    found = compare(expectation, value)
    assert (found.step, found.position) == (1, (1,))
    # 0.5 / u = 2^52 is the largest ratio; it is reported for the worst step.
    assert found.ratio == 2.0**52


def test_each_step_has_its_own_condition():
    expectation = close(array("1", "1", shape=(2, 1)), axis="step", condition=[1.0, 100.0])
    assert compare(expectation, np.array([[1.0], [1.0 + 100 * U]])).ratio == 1.0
    found = compare(expectation, np.array([[1.0 + 100 * U], [1.0]]))
    assert not found.passed
    assert found.step == 0


def test_ratios_are_capped_at_one_over_u():
    assert compare(close(array("1")), np.array([1e300])).ratio == 2.0**53
    assert compare(close(array("-1e308")), np.array([1.7e308])).ratio == 2.0**53


def test_digits_are_those_of_the_scale():
    # 1e-3 off a scale of 10 is 4 digits, whatever the entry.
    for value, given in (("10", 10.001), ("0.002", 0.003)):
        found = compare(close(array(value), scale=10.0), np.array([given]))
        assert found.digits == pytest.approx(4.0, abs=1e-9)
    assert compare(close(array("10"), scale=10.0), np.array([10.0])).digits == 15.95
    assert compare(close(array("10"), scale=10.0), np.array([-500.0])).digits == 0.0


def test_empty_arrays_pass_by_their_shape_alone():
    empty = close(array(shape=(3, 0)))
    assert compare(empty, np.zeros((3, 0))).passed
    assert not compare(empty, np.zeros((0, 3))).passed


def test_decimals_that_contradict_their_float_are_a_fault_of_the_vectors():
    with pytest.raises(ValueError, match="not the same numbers"):
        compare(close({**array("1"), "f64": [1.0 + 2 * U]}), np.array([1.0]))


def subspace(value, clusters, gaps, **changes):
    return {
        "kind": "subspace", "value": value, "clusters": clusters, "gaps": gaps, "norm": 4.0,
        "terms": 1, "threshold": 30.0, **changes,
    }  # fmt: skip


AXES = array("1", "0", "0", "1", "0", "0", shape=(3, 2))  # e1, e2 as columns


def rotated(angle, first=0, second=1):
    """The columns e1, e2 after a rotation by `angle` in the plane of two axes."""
    turn = np.eye(3)
    turn[[first, second], [first, second]] = np.cos(angle)
    turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
    return turn[:, :2].copy()


def test_signs_of_eigenvectors_do_not_matter():
    assert compare(subspace(AXES, [[0], [1]], [1.0, 1.0]), rotated(0.0) * [-1.0, 1.0]).passed


def test_the_basis_inside_a_cluster_does_not_matter():
    assert compare(subspace(AXES, [[0, 1]], [1.0]), rotated(0.7)).passed
    assert not compare(subspace(AXES, [[0], [1]], [1.0, 1.0]), rotated(0.7)).passed


def test_leaving_the_subspace_is_measured_against_norm_over_gap():
    # e2 turned by an angle a towards e3 leaves span(e2) by sin a; the unit is u |H| / gap = 8 u.
    value = rotated(80 * U, 1, 2)
    found = compare(subspace(AXES, [[0], [1]], [1.0, 0.5]), value)
    assert found.passed
    assert found.ratio == pytest.approx(10.0, rel=1e-6)
    assert not compare(subspace(AXES, [[0], [1]], [1.0, 4.0]), value).passed  # unit u: 80


def test_columns_must_be_orthonormal_and_in_order():
    expectation = subspace(AXES, [[0], [1]], [1.0, 1.0])
    twice = compare(expectation, np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]))
    assert "not orthonormal" in twice.reason
    assert "not orthonormal" in compare(expectation, 2 * rotated(0.0)).reason
    swapped = compare(expectation, rotated(0.0)[:, ::-1].copy())
    assert "column 0" in swapped.reason
    assert "shape" in compare(expectation, rotated(0.0).T.copy()).reason
    assert not compare(expectation, np.full((3, 2), np.nan)).passed


def test_no_eigenvectors_at_all_are_compared_by_shape():
    nothing = subspace(array(shape=(3, 0)), [], [])
    assert compare(nothing, np.zeros((3, 0))).passed
    assert not compare(nothing, np.zeros((3, 1))).passed


@pytest.mark.parametrize(
    ("expected", "value", "passed"),
    [
        (800, 800, True),
        (800, np.array(800), True),
        (800, 799, False),
        (800, np.array(800.0), False),
        (800, "800", False),
        (1, True, False),
        (True, 1, False),
        (True, True, True),
        ("kept", "kept", True),
        ([0, 5, 10], [0, 5, 10], True),
        ([0, 5, 10], np.array([0, 5, 10]), True),
        ([0, 5, 10], [0, 5], False),
        ([0, 5, 10], [4, 9, 14], False),
        ([], [], True),
        ([0], [False], False),
        (800, wire.Unfit("complex128"), False),
    ],
)
def test_exact_answers_have_the_same_type_and_value(expected, value, passed):
    assert compare({"kind": "exact", "value": expected}, value).passed is passed


def test_the_reason_names_what_was_given_before_what_is_expected():
    assert compare({"kind": "exact", "value": 800}, 799).reason == "is 799, 800 is expected."


def test_any_member_is_enough_and_the_nearest_is_reported():
    either = {"kind": "any", "members": [close(array("1")), close(array("-1"))]}
    assert compare(either, np.array([-1.0])).passed
    missed = compare(either, np.array([-1.0 + 64 * U]))
    assert not missed.passed
    assert missed.ratio == 64.0
    assert not compare(either, np.array([np.nan])).passed


def test_the_largest_condition_of_an_expectation():
    assert comparison.largest_condition(close(array("1"), condition=[1.0, 7.0, 3.0])) == 7.0
    assert comparison.largest_condition(subspace(AXES, [[0], [1]], [1.0, 0.5])) == 8.0
    assert comparison.largest_condition({"kind": "exact", "value": 1}) == 1.0
    both = {"kind": "any", "members": [close(array("1")), close(array("1"), condition=9.0)]}
    assert comparison.largest_condition(both) == 9.0


def test_the_handmade_answers_are_the_handmade_expectations():
    for name, value in handmade.HEAVY_BALL_ANSWER.items():
        plain = np.array(value) if isinstance(value, list) else value
        assert compare(handmade.HEAVY_BALL["expect"][name], plain).passed
