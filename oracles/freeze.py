"""Evaluates one case and freezes what two precisions agree on, in the form in which it is written."""

from collections.abc import Mapping
from typing import Any

from mpmath import mp, mpf

from oracles.case import Array, Behaviour, Case, Close, Compute, Exact, OneOf, Rule, Sphere, Subspace
from oracles.condition import (
    canonical,
    cluster_vectors,
    inputs_of,
    measure,
    members,
    rounded,
    scale_of,
    sphere_of,
)
from oracles.precision import DIGITS, FROZEN, UNIT_ROUNDOFF, flat, frozen, shape, transpose

ILL_CONDITIONED = "IllConditioned"


class Rejected(ValueError):
    """A case that must not be published; the message says which and why."""


def floats_of(value: Any) -> list[float]:
    """List the floats of an input."""
    if isinstance(value, Mapping):
        return [x for v in value.values() for x in floats_of(v)]
    if isinstance(value, Array):
        return list(value.values)
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in floats_of(v)]
    return [value] if isinstance(value, float) else []


def _plain(x: float) -> float | str:
    """Write a float for JSON: non-finite ones as strings."""
    return x if x - x == 0 else {"nan": "nan", "inf": "inf", "-inf": "-inf"}[str(x)]


def encode_input(value: Any) -> Any:
    """Write an input for JSON: arrays as {shape, f64}, everything else as it is."""
    if isinstance(value, Mapping):
        return {k: encode_input(v) for k, v in value.items()}
    if isinstance(value, Array):
        return {"shape": list(value.shape), "f64": [_plain(x) for x in value.values]}
    if isinstance(value, (list, tuple)):
        if value and floats_of(value) == flat(list(value)):
            return {"shape": list(shape(value)), "f64": [_plain(x) for x in flat(value)]}
        if any(isinstance(x, float) for x in flat(list(value))):
            raise Rejected(f"an array mixes floats with other things: {str(value)[:60]}.")
        return list(value)
    return _plain(value) if isinstance(value, float) else value


def encode_array(value: Any, scale: Any) -> dict[str, Any]:
    """Write a computed array: its shape, the nearest float64 and 40 digits of each entry, row-major."""
    rows = zip(value, scale, strict=True) if isinstance(scale, list) else [(value, scale)]
    digits = [frozen(x, size) for row, size in rows for x in flat(row)]
    return {"shape": list(shape(value)), "f64": [float(d) for d in digits], "hp": digits}


def _agree(case: Case, name: str, low: Any, high: Any, scale: Any) -> None:
    if shape(low) != shape(high):
        raise Rejected(f"{case.id}: {name} has another shape at {DIGITS[0]} and at {DIGITS[1]} digits.")
    if isinstance(scale, list):
        for step, rows in enumerate(zip(low, high, scale, strict=True)):
            _agree(case, f"{name}, step {step}", *rows)
        return
    gap = max((abs(a - b) for a, b in zip(flat(low), flat(high), strict=True)), default=mpf(0))
    if not gap <= mpf(10) ** -FROZEN * scale:
        raise Rejected(f"{case.id}: {name} agrees to {mp.nstr(gap / scale, 3)} of its scale only.")


def _check_condition(case: Case, name: str, condition: Any) -> None:
    worst = max(condition, default=0) if isinstance(condition, list) else condition
    if worst * UNIT_ROUNDOFF[case.dtype] > mpf(10) ** -3 and ILL_CONDITIONED not in case.flags:
        raise Rejected(f"{case.id}: {name} has condition {mp.nstr(worst, 3)}, fewer than 3 digits survive.")


def _expectation(case: Case, name: str, rule: Rule, runs: tuple, condition: Any) -> dict[str, Any]:
    """Turn one quantity, computed at both precisions, into its frozen expectation."""
    (_, low), (inputs, high) = runs
    if isinstance(rule, Exact):
        if low[name] != high[name]:
            raise Rejected(f"{case.id}: {name} is exact but differs between the precisions.")
        return {"kind": "exact", "value": high[name]}
    if isinstance(rule, Subspace):
        return _subspace(case, name, rule, runs, condition)
    assert isinstance(rule, (Close, Sphere))
    scale = scale_of(rule, name, inputs, high)
    condition = case.conditions.get(name, condition)
    _check_condition(case, name, condition)
    axis = {"axis": rule.axis} if isinstance(rule, Close) and rule.axis else {}
    if isinstance(rule, Close):
        _agree(case, name, low[name], high[name], scale)
        what = {"kind": "array", "value": encode_array(high[name], scale)}
    else:
        what = _sphere(case, name, sphere_of(rule, low), sphere_of(rule, high), scale)
    return {
        **what,
        "scale": _rounded(scale),
        "condition": _rounded(condition),
        "terms": rule.terms,
        "threshold": rule.threshold,
        **axis,
        "why": rule.why,
    }


def _sphere(case: Case, name: str, low: tuple, high: tuple, scale: Any) -> dict[str, Any]:
    """Freeze a set of accepted answers: its center, and its directions as columns."""
    out: dict[str, Any] = {"kind": "sphere"}
    if not high[1] and not high[2]:
        raise Rejected(f"{case.id}: {name} is a single point, which `Close` compares.")
    for part, old, new in zip(("center", "directions", "free"), low, high, strict=True):
        size = mpf(1) if part == "free" else scale
        _agree(case, f"{part} of {name}", old, new, size)
        if part == "center":
            out[part] = encode_array(new, size)
            continue
        columns = transpose(new) if new else [[] for _ in high[0]]
        out[part] = {**encode_array(columns, size), "shape": [len(columns), len(new)]}
    return out


def _rounded(value: Any) -> Any:
    return [rounded(x) for x in value] if isinstance(value, list) else rounded(mpf(value))


def _subspace(case: Case, name: str, rule: Subspace, runs: tuple, condition: Any) -> dict[str, Any]:
    """Freeze eigenvectors in a canonical basis of each cluster; a measured condition may narrow a gap."""
    (_, low), (_, high) = runs
    clusters, size = high[rule.clusters], high[rule.norm]
    if low[rule.clusters] != clusters or sorted(flat(clusters)) != list(range(len(flat(clusters)))):
        raise Rejected(f"{case.id}: the clusters {clusters} do not list every column of {name} once.")
    bases = [
        [v for vectors in cluster_vectors(run[name], clusters) for v in canonical(vectors)]
        for run in (low, high)
    ]
    _agree(case, name, bases[0], bases[1], mpf(1))
    order = flat(clusters)
    rows = [bases[1][order.index(j)] for j in range(len(order))]
    gaps = [min(gap, size / c) if c else gap for gap, c in zip(high[rule.gaps], condition, strict=True)]
    _check_condition(case, name, [size / gap for gap in gaps])
    value = transpose(rows) if rows else [[] for _ in high[name]]
    return {
        "kind": "subspace",
        "value": {**encode_array(value, mpf(1)), "shape": [len(value), len(rows)]},
        "clusters": clusters,
        "gaps": [rounded(g) for g in gaps],
        "norm": rounded(size),
        "terms": rule.terms,
        "threshold": rule.threshold,
        "why": rule.why,
    }


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
    scales = {n: scale_of(r, n, inputs, high) for n, r in singles.items() if isinstance(r, (Close, Sphere))}
    conditions = measure(case, compute, {n: singles[n] for n in singles}, scales)
    frozen_by_name = {n: _expectation(case, n, r, runs, conditions[n]) for n, r in singles.items()}
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
