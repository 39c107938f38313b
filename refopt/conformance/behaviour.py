"""Classes of behaviour: whether an answer is refused, finite or leaves the point unchanged.

An answer is in a class of its own only when it is an answer at all: every required quantity is there, in the
case's dtype, in the shape that the case fixes, and finite.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from refopt.conformance import comparison, ratios
from refopt.conformance.ops import OPERATIONS, WIDE
from refopt.conformance.ratios import Comparison
from refopt.conformance.vectors import Case

Shape = tuple[int, ...]
_EXACT = "steps period times refreshed state.iteration bounded status dimension clipped to_first assignments"
_EXACT += " decision decisions raises reductions evaluations"
EXACT = frozenset(_EXACT.split(" "))
_POINTS = "theta_next direction gradient hvp gradient_in gradient_out newton_gradient base_direction_raw"
VECTORS = frozenset(_POINTS.split(" "))
RUNS = ("base_run", "fosi_run", "sophia_run", "amos_run", "elmo_run")


def judge(case: Case, name: str, expectation: Mapping[str, Any], reply: Any) -> Comparison:
    """Judge a `scoring.Reply` by the classes that an expectation allows.

    Args:
        case: the case.
        name: the quantity under which the expectation stands, or any other word for the answer as a whole.
        expectation: of kind behaviour.
        reply: how the exchange ended.
    """
    allowed = expectation["allowed"]
    answered = reply.status == "ok" and set(allowed) != {"error"}
    problem = unsound(case, name, reply.out) if answered else None
    if _classes(case, reply, problem) & set(allowed):
        return Comparison(True)
    if problem:
        quantity, reason = problem
        return Comparison(
            False, reason=reason if quantity == name else f"gave an answer whose `{quantity}` {reason}"
        )
    shown = "an answer" if reply.status == "ok" else reply.message
    return Comparison(
        False, reason=f"gave {shown or 'an error without a message'}; allowed: {', '.join(allowed)}."
    )


def refuses(case: Case) -> bool:
    """Say whether the one right answer to a case is an error."""
    return all(
        expectation["kind"] == "behaviour" and set(expectation["allowed"]) == {"error"}
        for expectation in case.expect.values()
    )


def _classes(case: Case, reply: Any, problem: tuple[str, str] | None) -> set[str]:
    # An accidental exception (AttributeError, KeyError...) is in no class: it is not how bad input is
    # refused.
    if reply.status == "refused":
        return {"error"} if reply.message else set()
    if reply.status != "ok" or problem:
        return set()
    theta, after = case.inputs.get("theta"), reply.out.get("theta_next")
    same = theta is not None and isinstance(after, np.ndarray) and after.tolist() == _entries(theta)
    return {"finite", "unchanged"} if same else {"finite"}


def _entries(theta: Any) -> Any:
    return [float(x) for x in theta["f64"]] if isinstance(theta, Mapping) else theta


def unsound(case: Case, name: str, out: Mapping[str, Any]) -> tuple[str, str] | None:
    """Name the first quantity of an answer that is missing or unfit, and say why; None where all are sound.

    Args:
        case: the case.
        name: a quantity that must be there beside the required ones, where the operation knows it.
        out: the decoded quantities.
    """
    operation = OPERATIONS[case.op]
    needed = [quantity for quantity in operation.required if not quantity.endswith(".*")]
    named = [name] if operation.knows(name) else []
    for quantity in dict.fromkeys([*named, *needed]):
        if quantity not in out:
            return quantity, "is missing from the answer."
    for quantity in filter(operation.knows, out):
        reason = None if quantity in EXACT else _unfit(case, quantity, out[quantity])
        if reason:
            return quantity, reason
    return None


def _unfit(case: Case, quantity: str, given: Any) -> str | None:
    if quantity.startswith("state.") and not isinstance(given, np.ndarray):
        return None  # a state may hold counters of its own
    reason = ratios.unfit(given, expected_shape(case, quantity), case.dtype, quantity in WIDE)
    if reason or quantity != "eigenvectors":
        return reason
    found = comparison.orthonormality(_subspace(case) or {"terms": max(1, len(given))}, given, case.dtype)
    return None if found.passed else found.reason


def expected_shape(case: Case, quantity: str) -> Shape | None:
    """Return the shape that a case fixes for a quantity: by an expected value, else by its inputs."""
    for expectation in _expectations(case, quantity):
        fixed = expectation.get("center", expectation.get("value", ()))
        if "shape" in fixed:
            return tuple(fixed["shape"])
    given = case.inputs
    n = next((tuple(given[name]["shape"])[-1:] for name in ("theta", "thetas") if _is_array(given, name)), ())
    if not n:
        return None
    if quantity in VECTORS:
        return n
    if case.op in ("fosi_step", "elmo_subspace_step"):
        return n if quantity in ("newton_direction", "elmo_direction", "base_direction") else None
    if case.op in RUNS:
        steps = (given["steps"],)
        points = (given["steps"] + 1,)
        shapes = {"thetas": (*points, *n), "values": points, "scaling": steps}
        return (shapes | dict.fromkeys(("offload", "promise"), steps)).get(quantity)
    if isinstance(given.get("groups"), list):
        return _grouped_shape(case, quantity, n)
    if case.op == "extreme_spectrum":
        pairs = (given["largest"] + given["smallest"],)
        return (*n, *pairs) if quantity == "eigenvectors" else pairs
    if case.op in ("base_directions", "fosi_directions"):
        steps = tuple(given["thetas"]["shape"])[:1]
        return steps if quantity == "scaling" else (*steps, *n)
    if case.op == "hessian_diagonal":
        return n
    return None


def _grouped_shape(case: Case, quantity: str, n: Shape) -> Shape | None:
    S, given = max(case.inputs["groups"]) + 1, case.inputs
    steps = given.get("steps", 0)
    shapes: dict[str, Shape] = {
        "H_bar": (S, S),
        "r": (),
        "entries": (math.comb(S + given.get("order", 0) - 1, given.get("order", 0)),),
        "thetas": (steps + 1, *n),
        "values": (steps + 1,),
        "step_sizes": (steps,),
        "learning_rates": (steps, S) if case.op == "grouped_newton_run" else (S,),
    }
    return shapes.get(quantity, (S,))


def _is_array(inputs: Mapping[str, Any], name: str) -> bool:
    return isinstance(inputs.get(name), Mapping) and bool(inputs[name].get("shape"))


def _expectations(case: Case, quantity: str) -> Iterable[Mapping[str, Any]]:
    for expect in (case.expect, *case.alternatives.values()):
        if quantity in expect:
            yield expect[quantity]
            yield from expect[quantity].get("members", ())


def _subspace(case: Case) -> Mapping[str, Any] | None:
    found = _expectations(case, "eigenvectors")
    return next((expectation for expectation in found if expectation["kind"] == "subspace"), None)
