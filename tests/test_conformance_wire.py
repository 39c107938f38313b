"""Numbers survive the wire bit for bit; malformed messages are refused with a sentence."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refopt.conformance import wire

HARD = [0.1, -0.0, 5e-324, 2.2250738585072011e-308, 1.7976931348623157e308, 9007199254740993.0, 1 / 3]


def through(value):
    return wire.decode(wire.read(wire.write({"x": wire.encode(value)}))["x"])


@given(hnp.arrays(st.sampled_from(["float64", "float32"]), hnp.array_shapes(min_dims=0, min_side=0)))
def test_arrays_come_back_bit_for_bit(array):
    back = through(array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert np.array_equal(np.isnan(back), np.isnan(array))
    finite = ~np.isnan(array)
    assert np.array_equal(back[finite], array[finite])
    assert np.array_equal(np.signbit(back[finite]), np.signbit(array[finite]))


def test_hard_decimals_survive():
    back = through(np.array(HARD))
    assert back.tobytes() == np.array(HARD).tobytes()


@pytest.mark.parametrize("value", [0, 7, -3, True, "refreshed", None, [0, 5, 10], [], ["a"], [True, False]])
def test_plain_values_keep_their_type(value):
    back = through(value)
    assert back == value
    assert type(back) is type(value)


def test_python_floats_become_scalars_and_lists_of_floats_arrays():
    assert through(0.25).shape == ()
    assert through([[0.5, 1.0], [2.0, 4.0]]).shape == (2, 2)
    assert through(np.float32(0.5)).dtype == "float32"
    assert through((1, 2)) == [1, 2]
    assert through({"velocity": np.array([1.0])})["velocity"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.array([1j]), "complex128"),
        (np.array([object()]), "object"),
        (np.array([1.0], dtype="longdouble"), np.dtype("longdouble").name),
        ([[1.0], [1.0, 2.0]], "list"),
        (object(), "object"),
    ],
)
def test_what_cannot_be_compared_travels_by_name(value, dtype):
    assert through(value) == wire.Unfit(dtype)


def test_integer_arrays_stay_integers():
    back = through(np.array([1, 2], dtype="int32"))
    assert back.dtype == "int32"


def test_inputs_take_the_dtype_of_the_case():
    inputs = {"theta": {"shape": [2], "f64": [1.0, "nan"]}, "rate": 0.1, "cap": "inf", "none": None}
    back = wire.decode(inputs, "float32")
    assert back["theta"].dtype == "float32"
    assert np.isnan(back["theta"][1])
    assert back["rate"] == 0.1  # a setting is no array: it stays the float64 that was written
    assert back["cap"] == float("inf")
    assert isinstance(wire.decode({"shape": [], "f64": [0.5]}), float)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b"hello\n", "not JSON"),
        (b'{"x": NaN}\n', "NaN"),
        (b'{"x": -Infinity}\n', "-Infinity"),
        (b'{"x": 1, "x": 2}\n', "twice"),
        (b"[1]\n", "list"),
        (b'{"x": "\xff"}\n', "UTF-8"),
        (b"[" * 100_000 + b"\n", "nested"),
    ],
)
def test_malformed_lines_are_refused(line, word):
    with pytest.raises(wire.MalformedMessage, match=word):
        wire.read(line)


@pytest.mark.parametrize(
    "value",
    [
        {"shape": [3], "dtype": "float64", "f64": [1.0]},
        {"dtype": "float64", "f64": [1.0]},
        {"shape": [1], "dtype": "float64", "f64": ["one"]},
        {"shape": [1], "dtype": "no such", "f64": [1.0]},
        {"shape": ["x"], "dtype": "float64", "f64": [1.0]},
        {"shape": [1], "dtype": "float64", "f64": 1.0},
    ],
)
def test_malformed_arrays_are_refused(value):
    with pytest.raises(wire.MalformedMessage):
        wire.decode(json.loads(json.dumps(value)))
