"""Answers of which a whole set is right: every ratio here is worked out by hand in units of u = 2^-53."""

import handmade
import numpy as np
import pytest
from handmade import array, case, read

from refopt.conformance import comparison, scoring, vectors, wire
from refopt.conformance.scoring import Reply

U = 2.0**-53


def columns(*rows):
    """An expected matrix from the rows' decimals."""
    return array(*(text for row in rows for text in row), shape=(len(rows), len(rows[0]) if rows else 0))


def sphere(center, directions=None, free=None, **changes):
    """An expectation with condition, scale and terms 1; a missing matrix has no columns."""
    none = array(shape=(len(center), 0))
    return {
        "kind": "sphere",
        "center": array(*center),
        "directions": none if directions is None else columns(*directions),
        "free": none if free is None else columns(*free),
        **{"scale": 1.0, "condition": 1.0, "terms": 1, "threshold": 30.0, **changes},
    }


def compare(expectation, *entries, dtype="float64"):
    return comparison.compare(expectation, np.array(entries, dtype=dtype), dtype)


PAIR = sphere(("1", "0"), (["0"], ["1"]))  # (1, 1) and (1, -1)
CIRCLE = sphere(("0", "0", "0"), (["1", "0"], ["0", "1"], ["0", "0"]))  # the unit circle in a plane
FLAT = sphere(("1", "0"), None, (["0"], ["1"]))  # (1, z)
LINES = sphere(("0", "0"), (["1"], ["0"]), (["0"], ["1"]))  # (1, z) and (-1, z)


def test_either_of_two_points_is_right_and_nothing_between_or_beyond():
    assert compare(PAIR, 1.0, 1.0).ratio == 0.0
    assert compare(PAIR, 1.0, -1.0).ratio == 0.0
    for wrong in (0.0, 0.5, -2.0):
        assert not compare(PAIR, 1.0, wrong).passed


def test_the_length_is_measured_in_units_of_roundoff():
    found = compare(PAIR, 1.0, 1.0 + 4 * U)
    assert found.passed
    assert found.ratio == 4.0
    wrong = compare(PAIR, 1.0, 1.0 + 40 * U)
    assert not wrong.passed
    assert wrong.ratio == 40.0
    assert "of the radius" in wrong.reason


def test_the_length_counts_as_much_as_the_longest_direction():
    # y = 1 + 2u along a direction of length 2: off by 4u.
    assert compare(sphere(("1", "0"), (["0"], ["2"])), 1.0, 2.0 + 4 * U).ratio == 4.0


def test_leaving_the_plane_is_measured_in_units_of_roundoff():
    assert compare(PAIR, 1.0 + 4 * U, 1.0).ratio == 4.0
    wrong = compare(PAIR, 1.0 + 40 * U, 1.0)
    assert not wrong.passed
    assert "outside" in wrong.reason
    assert not compare(CIRCLE, 0.6, 0.8, 1e-14).passed  # 90 units


def test_every_point_of_a_sphere_is_right():
    for angle in np.linspace(0.0, 6.0, 13):
        assert compare(CIRCLE, np.cos(angle), np.sin(angle), 0.0).passed
    assert not compare(CIRCLE, 1.0, 1.0, 0.0).passed
    assert not compare(CIRCLE, 0.0, 0.0, 0.0).passed


def test_the_length_is_that_of_the_coordinates_along_directions_that_are_not_orthogonal():
    # y = (3/5, 4/5) along (1, 0) and (1, 1): x = (7/5, 4/5), whose own length is 1.61.
    skew = sphere(("0", "0"), (["1", "1"], ["0", "1"]))
    assert compare(skew, 1.4, 0.8).passed
    assert not compare(skew, 0.6, 0.8).passed


def test_directions_of_very_different_lengths_keep_their_digits():
    # y = (3/5, 4/5) along (1, 0, 0) and (0, 1e-12, 0); an error of 1e-3 in y_2 is one of 8e-4 in |y|.
    ellipse = sphere(("0", "0", "0"), (["1", "0"], ["0", "1e-12"], ["0", "0"]))
    assert compare(ellipse, 0.6, 0.8e-12, 0.0).passed
    assert not compare(ellipse, 0.6, 0.801e-12, 0.0).passed


def test_on_a_flat_every_point_is_right_and_rounds_by_its_own_size():
    for z in (0.0, -3.5, 1e12):
        assert compare(FLAT, 1.0, z).passed
    # 1e-12 away where |x - center| is 1e3: 1e-15 of it, 9 units; where it is 1, 9007 units.
    assert compare(FLAT, 1.0 + 1e-12, 1e3).ratio == pytest.approx(9.007, rel=1e-3)
    assert not compare(FLAT, 1.0 + 1e-12, 1.0).passed
    assert not compare(FLAT, 2.0, 1.0).passed


def test_without_free_directions_the_scale_is_the_stated_one():
    # (1, 1e9) is 1e9 / u units off whatever its own size.
    assert compare(PAIR, 1.0, 1e9).ratio == 1 / U
    assert not compare(sphere(("1", "0"), (["0"], ["1e9"])), 1.0 + 1e-9, 1e9).passed


def test_a_product_of_a_pair_and_a_flat():
    assert compare(LINES, 1.0, 5.0).passed
    assert compare(LINES, -1.0, -5.0).passed
    assert not compare(LINES, 2.0, 5.0).passed
    assert not compare(LINES, 0.0, 5.0).passed


def test_condition_scale_and_terms_divide_the_ratio():
    found = compare({**PAIR, "condition": 4.0, "scale": 2.0, "terms": 8}, 1.0, 1.0 + 64 * U)
    assert found.ratio == 1.0
    assert compare({**PAIR, "condition": 0.01}, 1.0, 1.0 + 4 * U).ratio == 4.0
    assert comparison.largest_condition({**PAIR, "condition": 7.0}) == 7.0


def test_the_center_is_known_better_than_in_float64():
    # fl(1/3) is u/6 below 1/3: half a unit of u * 1/3.
    third = "0.3333333333333333333333333333333333333333"
    away = compare(sphere(("0", third), (["1"], ["0"]), scale=1 / 3), 1.0, 1 / 3)
    assert away.ratio == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (np.array([1.0, np.nan]), "nan at [1]"),
        (np.array([np.inf, 1.0]), "inf at [0]"),
        (np.array([1.0, 1.0, 1.0]), "shape (3,)"),
        (np.array([[1.0, 1.0]]), "shape (1, 2)"),
        (np.array([1.0, 1.0], dtype="float32"), "float32"),
        (np.array([1, 1]), "int64"),
        (wire.Unfit("complex128"), "complex128"),
        (None, "null"),
        ([1.0, 1.0], "a list"),
        (True, "a boolean"),
    ],
)
@pytest.mark.parametrize("expectation", [PAIR, FLAT, LINES])
def test_what_is_no_vector_of_finite_numbers_fails_before_arithmetic(expectation, value, word):
    found = comparison.compare({**expectation, "threshold": 1e300}, value, "float64")
    assert not found.passed
    assert found.ratio is None
    assert word in found.reason


def test_an_answer_near_the_largest_float_fails():
    assert not compare(PAIR, 1.7e308, -1.7e308).passed
    assert not compare(FLAT, -1.7e308, 1.7e308).passed


def test_float32_answers_are_measured_in_their_own_unit():
    found = compare(PAIR, 1.0, 1.0 + 2.0**-22, dtype="float32")
    assert found.passed
    assert found.ratio == 4.0


def test_directions_that_are_dependent_are_a_fault_of_the_vectors():
    twice = sphere(("0", "0", "0"), (["1", "2"], ["1", "2"], ["0", "0"]))
    with pytest.raises(ValueError, match="not independent"):
        compare(twice, 1.0, 1.0, 0.0)


# H = diag(1, -1), g = (1, 0), lam = 2, D = I: r = 1, minimizers (1/2, +-sqrt(3)/2), T = -5/12.
ROOT = "0.8660254037844386467637231707529361834714"
HARD = case(
    "cubic_minimizer",
    {
        "H": {"shape": [2, 2], "f64": [1.0, 0.0, 0.0, -1.0]},
        "g": handmade.given(1.0, 0.0),
        "lam": 2.0,
        "scales": None,
    },
    {
        "bounded": {"kind": "exact", "value": True},
        "minimizer": sphere(("0.5", "0"), (["0"], [ROOT])),
    },
)
RIGHT = {"bounded": True, "minimizer": np.array([0.5, -(0.75**0.5)])}


def verdict(**changes):
    out = {name: value for name, value in {**RIGHT, **changes}.items() if value is not None}
    return scoring.score(read(HARD), Reply("ok", out), {})


def test_the_hard_case_passes_with_either_point():
    assert verdict().verdict == "pass"
    assert verdict(minimizer=np.array([0.5, 0.75**0.5])).verdict == "pass"


def test_a_saddle_and_a_missing_minimizer_fail():
    # The only solution of the paper's equation (10) is ((sqrt(5) - 1) / 2, 0), a saddle.
    saddle = verdict(minimizer=np.array([(5**0.5 - 1) / 2, 0.0]))
    assert saddle.verdict == "fail"
    assert saddle.first == "minimizer"
    missing = verdict(minimizer=None)
    assert missing.verdict == "fail"
    assert "missing" in missing.reason
    assert verdict(bounded=np.True_.item(), minimizer=np.array([np.nan, 1.0])).verdict == "fail"
    assert verdict(bounded=1).verdict == "fail"


def test_a_set_of_dependent_directions_is_an_oracle_error():
    entry = read(
        {**HARD, "expect": {**HARD["expect"], "minimizer": sphere(("0", "0"), (["1", "1"], ["0", "0"]))}}
    )
    assert scoring.score(entry, Reply("ok", RIGHT), {}).verdict == "oracle-error"


def refused(folder, word, **changes):
    expect = {**HARD["expect"], "minimizer": {**HARD["expect"]["minimizer"], **changes}}
    with pytest.raises(vectors.CorruptVectors, match=word):
        vectors.load(handmade.write(folder, {**HARD, "expect": expect}))


def test_a_sound_sphere_is_read(tmp_path):
    assert len(vectors.load(handmade.write(tmp_path, HARD)).cases) == 1


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"directions": array(shape=(2, 0))}, "none, or more"),
        ({"free": columns(["1", "0"], ["0", "1"])}, "none, or more"),
        ({"directions": columns(["0"], ["1"], ["0"])}, "not of one dimension"),
        ({"directions": array("0", "1")}, "not of one dimension"),
        ({"center": array("0.5", "0", shape=(1, 2))}, "not of one dimension"),
        ({"center": {**array("0.5", "0"), "hp": ["0.5"]}}, "disagree in length"),
        ({"center": {**array("0.5", "0"), "f64": [0.5, 0]}}, "finite floats"),
        ({"scale": 0.0}, "scale is not positive"),
        ({"condition": -1.0}, "condition"),
        ({"condition": [1.0, 1.0]}, "one number per step"),
    ],
)
def test_unsound_spheres_are_refused(tmp_path, changes, word):
    refused(tmp_path, word, **changes)


@pytest.mark.parametrize("name", ["center", "directions", "free"])
def test_a_sphere_without_a_part_is_refused(tmp_path, name):
    expect = {key: value for key, value in HARD["expect"]["minimizer"].items() if key != name}
    entry = {**HARD, "expect": {**HARD["expect"], "minimizer": expect}}
    with pytest.raises(vectors.CorruptVectors, match=name):
        vectors.load(handmade.write(tmp_path, entry))
