"""What a sound case looks like; each check yields the end of a sentence that starts with the case."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from refopt.conformance import wire
from refopt.conformance.ops import CHAINED, OPERATIONS

DTYPES = ("float64", "float32")
BEHAVIOURS = ("error", "finite", "unchanged")


def problems(case: Any) -> Iterable[str]:
    """Yield what is wrong with a case (a `vectors.Case`)."""
    if not case.id.startswith(f"{case.method}.{case.op}.{case.level}."):
        yield f"is not named {case.method}.{case.op}.{case.level}.<what>."
    if case.op not in OPERATIONS:
        yield f"has the unknown operation {case.op!r}."
        return
    if case.dtype not in DTYPES:
        yield f"has the dtype {case.dtype!r}; allowed: {', '.join(DTYPES)}."
    operation = OPERATIONS[case.op]
    takes = operation.takes()
    yield from (f"has the unknown input {name!r}." for name in case.inputs if name not in takes)
    yield from (
        f"lacks the input {name!r}." for name, needed in takes.items() if needed and name not in case.inputs
    )
    if not case.expect:
        yield "expects nothing."
    for expectations in (case.expect, *case.alternatives.values()):
        for name, expectation in expectations.items():
            behaviour = expectation.get("kind") == "behaviour"
            if not behaviour and not operation.knows(name):
                yield f"expects {name!r}, which {case.op} does not answer."
            yield from (f"expects {name!r}, {problem}" for problem in _expectation_problems(expectation))
        yield from _chain_problems(case.op, {**case.expect, **expectations})
    wire.decode(case.inputs, case.dtype)


def _expectation_problems(expectation: Mapping[str, Any]) -> Iterable[str]:
    check = CHECKS.get(expectation["kind"])
    if check is None:
        yield f"whose kind is {expectation['kind']!r}; allowed: {', '.join(CHECKS)}."
    else:
        yield from check(expectation)


def _array_problems(expectation: Mapping[str, Any]) -> Iterable[str]:
    value = expectation["value"]
    if math.prod(value["shape"]) != len(value["f64"]) or len(value["hp"]) != len(value["f64"]):
        yield "whose shape, `f64` and `hp` disagree in length."
    if not all(isinstance(x, float) and math.isfinite(x) for x in value["f64"]):
        yield "which holds something else than finite floats."
    for name in ("scale", "terms", "threshold"):
        numbers = expectation.get(name, 1)
        if not all(0 < float(x) < math.inf for x in (numbers if isinstance(numbers, list) else [numbers])):
            yield f"whose {name} is not positive and finite."
    condition = expectation.get("condition", 1)
    numbers = condition if isinstance(condition, list) else [condition]
    if not all(_is_number(x) and 0 <= x < math.inf for x in numbers):
        yield "whose condition is not made of finite numbers from 0 on."
    if isinstance(condition, list) and (
        expectation.get("axis") != "step" or len(condition) != value["shape"][0]
    ):
        yield "whose condition is not one number per step."
    if "margin" in expectation:
        yield from _margin_problems(expectation, [None] * value["shape"][0])


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def _subspace_problems(expectation: Mapping[str, Any]) -> Iterable[str]:
    yield from _array_problems(expectation)
    clusters = expectation["clusters"]
    if sorted(column for cluster in clusters for column in cluster) != list(
        range(expectation["value"]["shape"][1])
    ):
        yield "whose clusters do not hold each column once."
    if len(clusters) != len(expectation["gaps"]) or not all(float(gap) > 0 for gap in expectation["gaps"]):
        yield "whose gaps are not one positive number per cluster."


def _eigenspace_problems(expectation: Mapping[str, Any]) -> Iterable[str]:
    yield from _array_problems(expectation)
    yield from _array_problems({"value": expectation["basis"]})
    for part, whole in (("columns", "value"), ("spaces", "basis")):
        listed = sorted(column for group in expectation[part] for column in group)
        if listed != list(range(expectation[whole]["shape"][1])):
            yield f"whose {part} do not hold each column of the {whole} once."
    counts = {len(expectation[part]) for part in ("columns", "spaces", "gaps")}
    if len(counts) > 1 or not all(float(gap) > 0 for gap in expectation["gaps"]):
        yield "whose columns, spaces and gaps are not as many, each gap positive."
    elif any(
        len(own) > len(space)
        for own, space in zip(expectation["columns"], expectation["spaces"], strict=True)
    ):
        yield "whose columns are more than their space has dimensions."


def _chained_problems(expectation: Mapping[str, Any]) -> Iterable[str]:
    yield from _array_problems(expectation)
    for name, value in expectation["given"].items():
        yield from (f"whose given {name}: {end}" for end in _array_problems({"value": value}))


def _chain_problems(op: str, expect: Mapping[str, Any]) -> Iterable[str]:
    """What is wrong with the stages of a case: chained quantities stand after what they follow from."""
    seen: set[str] = set()
    for name, expectation in expect.items():
        if expectation["kind"] == "chained":
            if op not in CHAINED:
                yield f"expects {name!r}, which is chained, and {op} has no rule for that."
            if not {"eigenvalues", "eigenvectors"} <= set(expectation["after"]) <= seen:
                yield f"expects {name!r}, which is chained to quantities that do not stand before it."
            if "gradient" not in expectation["given"] or expect["eigenvectors"]["kind"] != "eigenspace":
                yield f"expects {name!r}, which is chained, without a gradient and whole eigenspaces."
        else:
            seen.add(name)


def _sphere_problems(expectation: Mapping[str, Any]) -> Iterable[str]:
    for part in ("center", "directions", "free"):
        yield from _array_problems({**expectation, "value": expectation[part]})
    shapes = [expectation[part]["shape"] for part in ("center", "directions", "free")]
    if [len(shape) for shape in shapes] != [1, 2, 2] or any(shape[0] != shapes[0][0] for shape in shapes):
        yield "whose center, directions and free directions are not of one dimension."
    elif not 0 < shapes[1][1] + shapes[2][1] <= shapes[0][0]:
        yield "whose directions are none, or more than a basis."


def _exact_problems(expectation: Mapping[str, Any]) -> Iterable[str]:
    values = expectation["value"] if isinstance(expectation["value"], list) else [expectation["value"]]
    if not all(isinstance(value, (bool, int, str)) for value in values):
        yield "which is exact but not made of integers, booleans and strings."
    yield from _margin_problems(expectation, expectation["value"])


def _margin_problems(expectation: Mapping[str, Any], value: Any) -> Iterable[str]:
    """What is wrong with the margins of decisions, where there are any."""
    if ("margin" in expectation) != ("compared" in expectation):
        yield "which has a margin without what is compared, or this without a margin."
    margins = expectation.get("margin")
    if isinstance(margins, list) and (not isinstance(value, list) or len(margins) != len(value)):
        yield "which has another number of margins than of decisions."
    listed = margins if isinstance(margins, list) else [margins]
    if not all(x is None or (_is_number(x) and 0 <= x < math.inf) for x in listed):
        yield "whose margins are not finite numbers from 0 on."


def _behaviour_problems(expectation: Mapping[str, Any]) -> Iterable[str]:
    if not expectation["allowed"] or not set(expectation["allowed"]) <= set(BEHAVIOURS):
        yield f"whose behaviours are not among {', '.join(BEHAVIOURS)}."


def _any_problems(expectation: Mapping[str, Any]) -> Iterable[str]:
    if not expectation["members"]:
        yield "which accepts any of no members."
    for member in expectation["members"]:
        yield from _expectation_problems(member)


CHECKS: dict[str, Callable[[Mapping[str, Any]], Iterable[str]]] = {
    "array": _array_problems,
    "subspace": _subspace_problems,
    "eigenspace": _eigenspace_problems,
    "chained": _chained_problems,
    "sphere": _sphere_problems,
    "exact": _exact_problems,
    "behaviour": _behaviour_problems,
    "any": _any_problems,
}
