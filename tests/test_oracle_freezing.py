"""What the oracle freezes: forty digits that two precisions agree on, and nothing that is unsound."""

from fractions import Fraction
from random import Random

import pytest
from mpmath import mp, mpf
from planted_cases import noisy, simple

from oracles import condition, freeze, problems
from oracles.case import Array, Behaviour, Check, Close, Exact, OneOf, Subspace
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
    with pytest.raises(freeze.Rejected, match=message):
        freeze.evaluate(case)


def test_ill_conditioned_case_passes_when_flagged():
    case, _ = REJECTED["ill-conditioned"]
    flagged = simple(inputs=case.inputs, compute=case.compute, flags=(freeze.ILL_CONDITIONED,))
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
    assert freeze.encode_input(given) == {
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
