"""Evaluates one case and freezes what two precisions agree on, in the form in which it is written."""

from collections.abc import Mapping
from typing import Any

from mpmath import mp, mpf

from oracles import frozen_sets
from oracles.case import (
    Behaviour,
    Case,
    Chained,
    Close,
    Compute,
    Eigenspace,
    Exact,
    OneOf,
    Rule,
    Sphere,
    Subspace,
)
from oracles.condition import (
    inputs_of,
    measure,
    members,
    rounded,
    scale_of,
    sphere_of,
)
from oracles.encoding import (
    Rejected,
    agree,
    check_condition,
    encode_array,
    encode_input,
)
from oracles.margins import decided
from oracles.precision import DIGITS


def _expectation(
    case: Case, name: str, rule: Rule, runs: tuple, condition: Any, both: bool
) -> dict[str, Any]:
    """Turn one quantity, computed at both precisions, into what is frozen; `both`: so is another."""
    (_, low), (inputs, high) = runs
    if isinstance(rule, Exact):
        if low[name] != high[name]:
            raise Rejected(f"{case.id}: {name} is exact but differs between the precisions.")
        return {"kind": "exact", "value": high[name], **decided(case, name, rule, high, both)}
    if isinstance(rule, Subspace):
        return frozen_sets.subspace(case, name, rule, runs, condition)
    if isinstance(rule, Eigenspace):
        return frozen_sets.eigenspace(case, name, rule, runs, condition)
    assert isinstance(rule, (Close, Chained, Sphere))
    scale = scale_of(rule, name, inputs, high)
    condition = case.conditions.get(name, condition)
    check_condition(case, name, condition)
    axis = {"axis": rule.axis} if isinstance(rule, Close) and rule.axis else {}
    if isinstance(rule, Close):
        agree(case, name, low[name], high[name], scale)
        what = {"kind": "array", "value": encode_array(high[name], scale)}
    elif isinstance(rule, Chained):
        what = frozen_sets.chained(case, name, rule, runs, scale)
    else:
        what = frozen_sets.sphere(case, name, sphere_of(rule, low), sphere_of(rule, high), scale)
    return {
        **what,
        "scale": _rounded(scale),
        "condition": _rounded(condition),
        "terms": rule.terms,
        "threshold": rule.threshold,
        **axis,
        **(decided(case, name, rule, high, both) if isinstance(rule, Close) else {}),
        "why": rule.why,
    }


def _rounded(value: Any) -> Any:
    return [rounded(x) for x in value] if isinstance(value, list) else rounded(mpf(value))


def _answers(case: Case, compute: Compute | None, rules: Mapping[str, Rule]) -> dict[str, Any]:
    behaviours = {n: r for n, r in rules.items() if isinstance(r, Behaviour)}
    out = {n: _behaviour(r) for n, r in behaviours.items()}
    if compute is None:
        if len(behaviours) < len(rules):
            raise Rejected(f"{case.id}: only behaviours can do without `compute`.")
        return out
    runs = tuple(_run(compute, case, digits) for digits in DIGITS)
    inputs, high = runs[1]
    singles = {n: r for n, r in members(rules).items() if n not in behaviours}
    missing = {n for n in high if not n.startswith("_")} ^ {
        n for n in rules if not isinstance(rules[n], (OneOf, Sphere))
    }
    absent = {n for n, r in singles.items() if (r.center if isinstance(r, Sphere) else n) not in high}
    if missing - behaviours.keys() or absent:
        raise Rejected(f"{case.id}: quantities and rules differ: {sorted(missing | absent)}.")
    scales = {
        n: scale_of(r, n, inputs, high) for n, r in singles.items() if isinstance(r, (Close, Chained, Sphere))
    }
    conditions = measure(case, compute, {n: singles[n] for n in singles}, scales)
    frozen_by_name = {
        n: _expectation(case, n, r, runs, conditions[n], n not in rules) for n, r in singles.items()
    }
    out = {}
    for name in [n for n in high if n in rules] + [n for n in rules if n not in high]:
        rule = rules[name]
        if isinstance(rule, OneOf):
            out[name] = {"kind": "any", "members": [frozen_by_name[m] for m in rule.members]}
        else:
            out[name] = _behaviour(rule) if isinstance(rule, Behaviour) else frozen_by_name[name]
    return out


def _behaviour(rule: Behaviour) -> dict[str, Any]:
    argument = {"argument": rule.argument} if rule.argument else {}
    return {"kind": "behaviour", "allowed": list(rule.allowed), **argument}


def _run(compute: Compute, case: Case, digits: int) -> tuple[dict[str, Any], dict[str, Any]]:
    with mp.workdps(digits):
        inputs = inputs_of(case)
        return inputs, compute(inputs)


def evaluate(case: Case) -> dict[str, Any]:
    """Compute one case at 50 and 80 digits, measure its condition, run its checks and return it for JSON.

    Raises:
        Rejected: when the precisions disagree, a check fails, the condition leaves fewer than 3 digits, or
            quantities and rules do not match.
    """
    try:
        with mp.workdps(max(DIGITS)):
            return _evaluate(case)
    except Rejected:
        raise
    except Exception as error:
        raise Rejected(f"{case.id}: {type(error).__name__}: {error}") from error


def _evaluate(case: Case) -> dict[str, Any]:
    expect = _answers(case, case.compute, case.rules)
    alternatives = {k: _answers(case, a.compute, a.rules) for k, a in sorted(case.alternatives.items())}
    if case.checks:
        assert case.compute is not None
        with mp.workdps(DIGITS[0]):
            inputs = inputs_of(case)
            outputs = case.compute(inputs)
            for check in case.checks:
                defect = check.defect(inputs, outputs)
                if not abs(defect) <= check.bound:
                    raise Rejected(f"{case.id}: the check '{check.name}' differs by {mp.nstr(defect, 3)}.")
    return {
        "id": case.id,
        "op": case.op,
        "level": case.level,
        "source": case.source,
        "comment": case.comment,
        "flags": sorted(case.flags),
        "dtype": case.dtype,
        "profile": dict(case.profile),
        "in": encode_input(case.inputs),
        "expect": expect,
        **({"alternatives": alternatives} if alternatives else {}),
    }
