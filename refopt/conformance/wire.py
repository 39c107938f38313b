"""How numbers cross between a runner and an adapter: JSON that carries every float exactly.

An array is `{"shape": [2, 3], "dtype": "float64", "f64": [...]}`, row-major; floats are written in shortest
round-trip decimal, which any correct `strtod` reads back bit for bit, and NaN and infinities are the strings
"nan", "inf", "-inf", since JSON has no numbers for them. A scalar has the shape []. Inputs leave the dtype
out: it is the case's. Integers, booleans, strings, null and lists of these travel as they are. What cannot be
compared (complex numbers, objects) travels as its dtype alone, so that scoring can name it.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

PROTOCOL = "refopt-wire/1"
FLOATS = ("float64", "float32", "float16")
PROBLEM_DTYPES = ("float64", "float32")  # in which a problem can be loaded
NON_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
PLAIN = (bool, int, str, type(None))
KINDS = "biuf"  # of dtypes that a message may name; "U100000000" would allocate, not compare
LONGEST_DTYPE = 20


class Unfit(NamedTuple):
    """A value that no quantity may have, known by the name of its type."""

    dtype: str


class MalformedMessage(ValueError):
    """A message that is not strict JSON, or an array in it whose parts do not fit together."""


def encode(value: Any) -> Any:
    """Turn an adapter's value into what JSON can carry.

    Args:
        value: array (numpy, or anything `numpy.asarray` reads), Python or numpy scalar, string, None, a list
            or tuple of integers, booleans and strings, a nested list of floats, or a mapping of these.
    """
    if isinstance(value, Mapping):
        return {str(key): encode(entry) for key, entry in value.items()}
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, (list, tuple)) and all(
        isinstance(entry, (PLAIN, np.integer, np.bool_)) for entry in value
    ):
        return [entry.item() if isinstance(entry, np.generic) else entry for entry in value]
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return {"dtype": type(value).__name__}
    return _encode_array(array)


def _encode_array(array: np.ndarray) -> dict[str, Any]:
    name = array.dtype.name
    if name not in FLOATS and array.dtype.kind not in "iub":
        return {"shape": list(array.shape), "dtype": name}
    entries = array.reshape(-1).tolist()
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        entries = [entry if np.isfinite(entry) else str(entry) for entry in entries]
    return {"shape": list(array.shape), "dtype": name, "f64" if name in FLOATS else "plain": entries}


def decode(value: Any, dtype: str = "float64") -> Any:
    """Turn a decoded JSON value back into arrays and plain values.

    Args:
        value: what `json` read.
        dtype: dtype of arrays that do not name one (inputs).

    Returns:
        Arrays in their dtype (a scalar is a Python float where the dtype was left out, a 0-d array where it
        was given), `Unfit` for what cannot be compared, mappings and lists of these.

    Raises:
        MalformedMessage: an array whose shape and entries disagree.
    """
    if isinstance(value, Mapping):
        if "f64" in value or "dtype" in value:
            return _decode_array(value, dtype)
        return {key: decode(entry, dtype) for key, entry in value.items()}
    if isinstance(value, list):
        return [decode(entry, dtype) for entry in value]
    return NON_FINITE.get(value, value) if isinstance(value, str) else value


def _decode_array(value: Mapping[str, Any], dtype: str) -> Any:
    name = value.get("dtype", dtype)
    entries = value.get("f64", value.get("plain"))
    if entries is None:
        return Unfit(str(name)[:LONGEST_DTYPE])
    try:
        if np.dtype(name).kind not in KINDS:
            raise TypeError(f"{str(name)[:LONGEST_DTYPE]!r} holds no numbers")
        shape = tuple(int(extent) for extent in value["shape"])
        array = np.array([float(x) for x in entries] if "f64" in value else entries, dtype=name).reshape(
            shape
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise MalformedMessage(f"an array is not `shape` and as many entries: {error}.") from None
    if "dtype" not in value and shape == ():
        return float(array)
    return array


def write(message: Mapping[str, Any]) -> bytes:
    """Write one message as one line."""
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"


def read(line: bytes) -> dict[str, Any]:
    """Read one line strictly: UTF-8, no NaN literal, no key twice, an object at the top.

    Raises:
        MalformedMessage: with one sentence that says what is wrong.
    """
    try:
        message = json.loads(line.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_twins)
    except UnicodeDecodeError:
        raise MalformedMessage("the line is not UTF-8.") from None
    except RecursionError:
        raise MalformedMessage("the line is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise MalformedMessage(f"the line is not JSON: {error}.") from None
    except MalformedMessage:
        raise
    except ValueError as error:  # an integer of more digits than Python reads
        raise MalformedMessage(f"the line holds a number that cannot be read: {error}.") from None
    if not isinstance(message, dict):
        raise MalformedMessage(f"the line is a JSON {type(message).__name__}, an object is expected.")
    return message


def _no_constant(name: str) -> None:
    raise MalformedMessage(f"the literal {name} is not JSON; write the string {json.dumps(name.lower())}.")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        twin = next(key for index, key in enumerate(keys) if key in keys[:index])
        raise MalformedMessage(f"the key {json.dumps(twin)} stands twice in one object.")
    return dict(pairs)
