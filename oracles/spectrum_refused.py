"""Cases of bad input: every one is refused with a sentence that names the argument."""

from typing import Any

from oracles.case import Behaviour, Case

SOURCE = "refopt: bad input is refused with a sentence that names the argument"
NAN, INF = float("nan"), float("inf")
POINT = {"problem": "quadratic-saddle-3", "theta": [1.0, 1.0, 1.0], "start": [1.0, 2.0, 3.0]}


def _case(op: str, what: str, argument: str, comment: str, **inputs: Any) -> Case:
    return Case(
        id=f"spectrum.{op}.L6.{what}",
        op=op,
        level="L6",
        group="refused",
        source=SOURCE,
        comment=comment,
        flags=("BadInput",),
        inputs=inputs,
        compute=None,
        rules={"behaviour": Behaviour(("error",), argument)},
    )


def _pairs(what: str, argument: str, comment: str, **changed: Any) -> Case:
    inputs = {**POINT, "largest": 1, "smallest": 1, **changed}
    return _case("extreme_spectrum", what, argument, comment, **inputs)


def _lanczos(what: str, argument: str, comment: str, **changed: Any) -> Case:
    return _case("lanczos", what, argument, comment, **{**POINT, "steps": 2, **changed})


def _steps(what: str, argument: str, comment: str, n: int, largest: int, smallest: int) -> Case:
    return _case("lanczos_steps", what, argument, comment, n=n, largest=largest, smallest=smallest)


def cases() -> list[Case]:
    """Return the cases of refusals."""
    return [
        _pairs("start-zero", "start", "the zero vector has no direction", start=[0.0, 0.0, 0.0]),
        _pairs("start-nan", "start", "NaN in the start", start=[1.0, NAN, 0.0]),
        _pairs("start-inf", "start", "infinity in the start", start=[1.0, INF, 0.0]),
        _pairs("start-short", "start", "start shorter than theta", start=[1.0, 2.0]),
        _pairs("theta-nan", "theta", "NaN in theta", theta=[1.0, NAN, 1.0]),
        _pairs("too-many", "largest", "k + l = 4 > n = 3", largest=2, smallest=2),
        _pairs("largest-negative", "largest", "k = -1", largest=-1),
        _pairs("smallest-negative", "smallest", "l = -1", smallest=-1),
        _pairs("steps-zero", "steps", "no steps", steps=0),
        _pairs("multiplicity-unknown", "multiplicity", "an unknown name", multiplicity="twice"),
        _lanczos("start-zero", "start", "the zero vector has no direction", start=[0.0, 0.0, 0.0]),
        _lanczos("start-nan", "start", "NaN in the start", start=[NAN, 0.0, 1.0]),
        _lanczos("steps-zero", "steps", "no steps", steps=0),
        _steps("n-zero", "n", "no parameters", 0, 1, 0),
        _steps("too-many", "largest", "k + l = 3 > n = 2", 2, 2, 1),
    ]
