"""What follows from eigenvectors that an adapter chose itself: computed anew from its own choice.

Where k largest or l smallest pairs cut through a repeated eigenvalue, the vectors of its eigenspace that are
taken are not unique, and neither is anything computed from them. Such a case has two stages. The stage
"spectrum" holds eigenvalues and eigenvectors against the whole eigenspaces. Only where it passes, the stage
"step" computes each `chained` quantity from the adapter's own pairs and holds the adapter's answer against
that.

The floats of the answer enter exactly and the arithmetic is `decimal` with 50 digits, so that the reference
is as good as a stored one (`refopt.conformance.chained_steps`).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np

from refopt.conformance import wire
from refopt.conformance.chained_steps import RECIPES, Chosen, Vector, vector
from refopt.conformance.vectors import Case

SPECTRUM, STEP = "spectrum", "step"
DIGITS = Context(prec=50)
Expectations = Mapping[str, Mapping[str, Any]]


def is_chained(expect: Expectations) -> bool:
    """Say whether some quantity follows from the adapter's own choice."""
    return any(expectation["kind"] == "chained" for expectation in expect.values())


def resolved(case: Case, expect: Expectations, out: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the chained expectations of a case as those of an answer: of kind array, or any of several.

    Args:
        case: the case.
        expect: its expectations, perhaps under an alternative.
        out: the decoded answer, whose eigenvalues and eigenvectors have passed.
    """
    chained = {name: e for name, e in expect.items() if e["kind"] == "chained"}
    if not chained:
        return {}
    with localcontext(DIGITS):
        answers = RECIPES[case.op](case.inputs, _chosen(case, expect, out))
        return {name: _either(e, [answer[name] for answer in answers]) for name, e in chained.items()}


def _chosen(case: Case, expect: Expectations, out: Mapping[str, Any]) -> Chosen:
    chained = next(e for e in expect.values() if e["kind"] == "chained")
    unit = Decimal(float(np.finfo(case.dtype).eps))
    return Chosen(
        vector(out["eigenvalues"]),
        [vector(row) for row in np.asarray(out["eigenvectors"]).T],
        expect["eigenvectors"]["columns"],
        [Decimal(text) for text in chained["given"]["gradient"]["hp"]],
        unit * chained["terms"] * Decimal(chained["threshold"]),
    )


def _either(expectation: Mapping[str, Any], answers: Sequence[Vector | Decimal]) -> Mapping[str, Any]:
    kept = {key: expectation[key] for key in ("scale", "condition", "terms", "threshold")}
    members = [{"kind": "array", "value": _array(answer), **kept} for answer in answers]
    return members[0] if len(members) == 1 else {"kind": "any", "members": members}


def _array(found: Vector | Decimal) -> dict[str, Any]:
    shape, numbers = ([], [found]) if isinstance(found, Decimal) else ([len(found)], found)
    return {"shape": shape, "f64": [float(x) for x in numbers], "hp": [str(x) for x in numbers]}


def restated(case: Case, out: Mapping[str, Any]) -> Case:
    """Return the stage "step" as a case of its own: the operation that is given the adapter's eigenpairs.

    Args:
        case: a case with chained expectations.
        out: an answer whose stage "spectrum" passes.
    """
    given, settings = case.inputs, case.inputs["settings"]
    chained = next(e for e in case.expect.values() if e["kind"] == "chained")
    gradient = {key: chained["given"]["gradient"][key] for key in ("shape", "f64")}
    values, vectors = (_input(out[name]) for name in ("eigenvalues", "eigenvectors"))
    common = {"theta": given["theta"], "gradient": gradient, "base": given["base"]}
    inputs: dict[str, Any]
    if case.op == "fosi_refresh_step":
        zeros = {"shape": gradient["shape"], "f64": [0.0] * len(gradient["f64"])}
        spectrum = {
            "eigenvalues": values,
            "eigenvectors": vectors,
            "residuals": {"shape": values["shape"], "f64": [0.0] * len(values["f64"])},
            "num_largest": settings["largest"],
            "num_smallest": settings["smallest"],
        }
        state = {"iteration": 0, "newton_velocity": zeros, "base": {}}
        inputs = {"settings": settings, "spectrum": spectrum, "state": state, **common}
        op = "fosi_step"
    else:
        pairs = {"eigenvalues": values, "eigenvectors": vectors, "lipschitz": given["lipschitz"]}
        inputs = {**pairs, **common, "settings": {"clusters": settings["clusters"]}}  # for the textbook
        op = "elmo_subspace_step"
    return dataclasses.replace(
        case, op=op, inputs=inputs, expect=resolved(case, case.expect, out), alternatives={}
    )


def _input(value: Any) -> dict[str, Any]:
    encoded = wire.encode(value)
    return {key: encoded[key] for key in ("shape", "f64")}
