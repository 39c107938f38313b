"""What the oracle freezes: forty digits that two precisions agree on, and nothing that is unsound."""

from fractions import Fraction
from random import Random

import pytest
from mpmath import mp, mpf
from planted_cases import noisy, simple

from oracles import condition, encoding, freeze, problems, sets
from oracles.case import Array, Behaviour, Check, Close, Exact, OneOf, Sphere, Subspace
from oracles.precision import decade, frozen


@pytest.fixture(autouse=True)
def fifty_digits():
    with mp.workdps(50):
        yield


def test_frozen_digits_follow_the_scale():
    assert frozen(mpf(1) / 3, 1) == "0." + "3" * 39
    assert frozen(mpf(10) ** -30 / 3, 1) == "3.33333333e-31"
    assert frozen(mpf(10) ** -60, 1) == "0"
    assert frozen(mpf(0), 0) == "0"
    with pytest.raises(ValueError, match="finite"):
        frozen(mp.inf, 1)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (4.0, "4.0"),
        (-1000.0, "-1000.0"),
        (0.1, "0.1000000000000000055511151231257827021182"),
        (2.0**100, "1.267650600228229401496703205376e30"),
        # dyadic ties in the last place, 41 digits that end in 5: to the even neighbour
        (1.0 + 2.0**-40, "1.000000000000909494701772928237915039062"),
        (1.0 + 3 * 2.0**-40, "1.000000000002728484105318784713745117188"),
    ],
)
def test_digits_are_those_of_the_exact_number_with_ties_to_even(x, text):
    assert frozen(mpf(x), abs(x)) == text
    assert float(text) == x


def test_the_decade_of_a_power_of_ten_is_exact():
    for exponent in (-30, -3, 0, 3, 30):
        assert decade(Fraction(10) ** exponent) == exponent
        assert decade(Fraction(10) ** exponent - Fraction(1, 10**60)) == exponent - 1


def test_forty_digits_whatever_the_precision_outside():
    # the square root of 2 to 40 digits, from its published expansion
    case = simple(compute=lambda inputs: {"y": mp.sqrt(inputs["x"][1])})
    with mp.workdps(15):
        y = freeze.evaluate(case)["expect"]["y"]
    assert y["value"]["hp"] == ["1.41421356237309504880168872420969807857"]


def test_a_sound_case_is_frozen_with_its_condition():
    y = freeze.evaluate(simple(samples=64))["expect"]["y"]
    assert y["value"] == {"shape": [2], "f64": [1.0, 4.0], "hp": ["1.0", "4.0"]}
    # y = x^2: the entry 4 moves by at most 2 * 4 * 2^-40, relative to the norm sqrt(17) = 4.1231: 1.9403,
    # which 64 draws come near; both are rounded up to three digits
    assert 1.7 < y["condition"] <= 1.95
    assert y["scale"] == 4.13


def test_condition_is_recorded_for_each_step():
    def powers(inputs):
        x = inputs["x"][1]
        return {"y": [[x], [x**2], [x**3]]}

    rule = Close(axis="step", scale=lambda i, o: [abs(row[0]) for row in o["y"]], why="each row")
    y = freeze.evaluate(simple(compute=powers, rules={"y": rule}, samples=64))["expect"]["y"]
    # relative condition of x^k is k; 64 draws come within a tenth
    assert [round(c / k, 1) for c, k in zip(y["condition"], (1, 2, 3), strict=True)] == [1.0, 1.0, 1.0]
    assert y["scale"] == [2.0, 4.0, 8.0]


def test_problem_data_are_perturbed_too():
    # hvp of a quadratic is linear in H: with the vector held, only H moves, by 2^-40 |H|
    case = simple(
        inputs={"problem": "quadratic-figure1", "v": [1.0, 1.0]},
        compute=lambda inputs: {"y": inputs["problem"].hvp(inputs["v"], inputs["v"])},
        perturb=("problem",),
        samples=64,
    )
    assert 0.05 < freeze.evaluate(case)["expect"]["y"]["condition"] < 2
    still = freeze.evaluate(simple(perturb=()))["expect"]["y"]["condition"]
    assert still == 0


REJECTED = {
    "precisions disagree": (simple(compute=noisy), "agrees to"),
    "exact answer disagrees": (
        simple(compute=lambda inputs: {"y": mp.dps}, rules={"y": Exact()}),
        "differs between the precisions",
    ),
    "decision on a boundary": (
        simple(compute=lambda inputs: {"y": bool(inputs["x"][0] >= 1)}, rules={"y": Exact()}),
        "changes under a perturbation",
    ),
    "ill-conditioned": (
        simple(inputs={"x": [1.0 + 2.0**-50]}, compute=lambda inputs: {"y": inputs["x"][0] - 1}),
        "fewer than 3 digits",
    ),
    "check fails": (
        simple(checks=(Check("twice", lambda inputs, outputs: outputs["y"][0] - 2),)),
        "the check 'twice'",
    ),
    "check gives NaN": (
        simple(checks=(Check("nan", lambda inputs, outputs: mp.nan),)),
        "the check 'nan'",
    ),
    "rule without quantity": (
        simple(rules={"y": Close(why="."), "z": Exact()}),
        "quantities and rules differ",
    ),
    "quantity without rule": (
        simple(compute=lambda inputs: {"y": inputs["x"], "z": 1}),
        "quantities and rules differ",
    ),
    "sphere that is a point": (
        simple(
            compute=lambda inputs: {"_c": inputs["x"], "_d": [], "_f": []},
            rules={"y": Sphere(center="_c", directions="_d", free="_f", why=".")},
        ),
        "single point",
    ),
    "sphere without center": (
        simple(
            compute=lambda inputs: {"_d": [inputs["x"]]},
            rules={"y": Sphere(center="_c", directions="_d", why=".")},
        ),
        "quantities and rules differ",
    ),
    "sphere of another size": (
        simple(
            compute=lambda inputs: {"_c": inputs["x"], "_d": [[1 + mpf(10) ** -36 / mp.dps, mpf(0)]]},
            rules={"y": Sphere(center="_c", directions="_d", why=".")},
        ),
        "directions of y agrees to",
    ),
    "zero scale": (simple(compute=lambda inputs: {"y": [mpf(0)]}), "must be positive"),
    "NaN": (simple(compute=lambda inputs: {"y": [mp.nan]}), "must be positive|agrees to"),
    "infinity in scale 1": (
        simple(compute=lambda inputs: {"y": [mp.inf]}, rules={"y": Close(scale=1.0, why=".")}),
        "agrees to|finite",
    ),
    "shape changes": (
        simple(compute=lambda inputs: {"y": [mpf(1)] * (mp.dps // 50 + (mp.dps > 60))}),
        "another shape",
    ),
    "crash": (simple(compute=lambda inputs: {"y": inputs["missing"]}), "KeyError"),
    "unknown perturbation": (simple(perturb=("z",)), "not inputs"),
    "no compute": (simple(compute=None), "do without"),
    "mixed array": (simple(inputs={"x": [1.0, 2.0], "w": [1.0, 2]}), "mixes floats"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_unsound_case_is_rejected(name):
    case, message = REJECTED[name]
    with pytest.raises(encoding.Rejected, match=message):
        freeze.evaluate(case)


def test_ill_conditioned_case_passes_when_flagged():
    case, _ = REJECTED["ill-conditioned"]
    flagged = simple(inputs=case.inputs, compute=case.compute, flags=(encoding.ILL_CONDITIONED,))
    # y = x - 1 with y = 2^-50: condition x / y = 2^50 times the largest |r| of the draws
    assert 2.0**47 < freeze.evaluate(flagged)["expect"]["y"]["condition"] < 2.0**50.01


def test_subspaces_members_and_behaviours_are_frozen():
    def compute(inputs):
        half = mp.sqrt(mpf(1) / 2)
        columns = [[half, half], [half, -half]]
        return {
            "_one": mpf(1),
            "_two": mpf(2),
            "v": columns,
            "_c": [[0], [1]],
            "_g": [mpf(3), mpf(3)],
            "_n": mpf(4),
        }

    one, two = Close(why="one"), Close(why="two")
    rules = {
        "v": Subspace(clusters="_c", gaps="_g", norm="_n", why="."),
        "y": OneOf({"_one": one, "_two": two}),
        "behaviour": Behaviour(("error",), "x"),
    }
    expect = freeze.evaluate(simple(compute=compute, rules=rules))["expect"]
    assert list(expect) == ["v", "y", "behaviour"]
    assert expect["v"]["value"]["f64"] == [0.5**0.5, 0.5**0.5, 0.5**0.5, -(0.5**0.5)]
    assert [member["value"]["hp"] for member in expect["y"]["members"]] == [["1.0"], ["2.0"]]
    assert expect["behaviour"] == {"kind": "behaviour", "allowed": ["error"], "argument": "x"}


def circle(inputs):
    """A circle of radius x_1 at height x_0, in another basis and with another center when x is perturbed."""
    height, radius = inputs["x"]
    zero, a, b = mpf(0), mpf(3) / 5 * radius, mpf(4) / 5 * radius
    plain = [[radius, zero, zero], [zero, radius, zero]]
    turned = [[a, b, zero], [-b, a, zero]]
    return {"_c": [zero, zero, height], "_d": plain if height == 1 else turned, "_f": []}


CIRCLE = Sphere(center="_c", directions="_d", free="_f", why="all of a circle")


def test_a_sphere_is_frozen_and_moves_as_a_set():
    y = freeze.evaluate(simple(compute=circle, rules={"y": CIRCLE}, samples=64))["expect"]["y"]
    assert list(y) == [
        "kind",
        "center",
        "directions",
        "free",
        "scale",
        "condition",
        "terms",
        "threshold",
        "why",
    ]
    assert y["kind"] == "sphere"
    assert y["center"]["f64"] == [0.0, 0.0, 1.0]
    assert (y["directions"]["shape"], y["directions"]["hp"]) == ([3, 2], ["2.0", "0", "0", "2.0", "0", "0"])
    assert (y["free"]["shape"], y["free"]["f64"]) == ([3, 0], [])
    # sqrt(1 + 4 + 4); the height moves by at most 2^-40 and the radius 2 by 2 2^-40, whatever the basis
    assert y["scale"] == 3.0
    assert 0.6 < y["condition"] <= 0.667


def test_a_flat_is_frozen_and_does_not_mind_where_its_center_is():
    def line(inputs):
        return {"_c": [inputs["x"][0], mpf(1)], "_d": [], "_f": [[mpf(1), mpf(0)]]}

    rule = Sphere(center="_c", directions="_d", free="_f", why="a line")
    y = freeze.evaluate(simple(compute=line, rules={"y": rule}))["expect"]["y"]
    assert y["directions"]["shape"] == [2, 0]
    assert (y["free"]["shape"], y["free"]["hp"]) == ([2, 1], ["1.0", "0"])
    assert y["condition"] == 0  # the center moves along the line only

    def turning(inputs):
        return {"_c": [mpf(0), mpf(1)], "_d": [], "_f": [[mpf(1), inputs["x"][0] - 1]]}

    y = freeze.evaluate(simple(compute=turning, rules={"y": rule}, samples=64))["expect"]["y"]
    # a step of length 1, the scale, leaves the line by the angle, at most 2^-40
    assert 0.9 < y["condition"] <= 1.0


@pytest.mark.parametrize(
    ("x", "free", "expected"),
    [
        ([2, 0, 1], False, 0),
        ([1.2, 1.6, 1], False, 0),
        ([3, 0, 1], False, 1),
        ([0, 0, 1], False, 2),
        ([2, 0, 1.5], False, 0.5),
        ([2, 0, 9], True, 0),
        ([1, 0, 9], True, 1),
    ],
)
def test_distance_to_a_circle_and_to_a_cylinder(x, free, expected):
    directions, along = [[mpf(2), mpf(0), mpf(0)], [mpf(0), mpf(2), mpf(0)]], [[mpf(0), mpf(0), mpf(1)]]
    given = sets.distance([mpf(0), mpf(0), mpf(1)], directions, along if free else [], [mpf(v) for v in x])
    assert abs(given - mpf(expected)) < 1e-15


def test_points_see_every_direction():
    found = sets.points([mpf(0)] * 3, [[mpf(2), mpf(0), mpf(0)]], [[mpf(0), mpf(0), mpf(1)]], mpf(5))
    assert found == [[2, 0, 0], [-2, 0, 0], [2, 0, 5]]
    assert sets.points([mpf(1)], [], [[mpf(1)]], mpf(2)) == [[1], [3]]


def test_a_symmetric_input_stays_symmetric():
    matrix = [[1.0, 2.0, 0.0], [2.0, 3.0, 4.0], [0.0, 4.0, 5.0]]
    whole = condition.perturbed(simple(inputs={"x": matrix}, symmetric=("x",)), Random(1))["x"]
    loose = condition.perturbed(simple(inputs={"x": matrix}), Random(1))["x"]
    assert whole == [list(column) for column in zip(*whole, strict=True)]
    assert loose != [list(column) for column in zip(*loose, strict=True)]
    assert whole[0][2] == 0
    moved = [abs(whole[i][j] / matrix[i][j] - 1) * 2**40 for i, j in ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2))]
    assert all(0 < x <= 1 for x in moved)
    assert len(set(moved)) == 5


def test_inputs_are_written_exactly():
    given = {
        "a": [[1.0, 0.1]],
        "n": 3,
        "s": "x",
        "e": Array((2, 0)),
        "inf": float("inf"),
        "i": [1, 2],
        "v": [float("nan")],
    }
    assert encoding.encode_input(given) == {
        "a": {"shape": [1, 2], "f64": [1.0, 0.1]},
        "n": 3,
        "s": "x",
        "e": {"shape": [2, 0], "f64": []},
        "inf": "inf",
        "i": [1, 2],
        "v": {"shape": [1], "f64": ["nan"]},
    }
    assert condition.realize(given)["e"] == [[], []]


def test_multiplicity_preserving_perturbation_keeps_copies_and_zeros():
    moved = problems.load("quadratic-repeated-8").rescaled(Random(1)).eigenvalues
    assert moved[0] == moved[1] != 5
    zeros = problems.load("quadratic-singular-20").rescaled(Random(1)).eigenvalues
    assert zeros[3:] == [0] * 17
