"""From declared inputs to numbers, and how far the answer moves when they do: the measured condition."""

import hashlib
from random import Random
from typing import Any

from mpmath import mp, mpf

from oracles import problems
from oracles.case import (
    Array,
    Case,
    Chained,
    Close,
    Compute,
    Eigenspace,
    OneOf,
    Quantities,
    Rule,
    Sphere,
    Subspace,
)
from oracles.precision import (
    DIGITS,
    PERTURBATION,
    Matrix,
    Number,
    Vector,
    add,
    dot,
    flat,
    largest,
    norm,
    transpose,
)
from oracles.sets import distance, points

UNIT = mpf(2) ** PERTURBATION
PROBLEMS = frozenset({"problem", "curvature_problem"})  # inputs that name a problem


def realize(value: Any) -> Any:
    """Turn a declared input into numbers at the precision in force: floats exactly, arrays as lists."""
    if isinstance(value, dict):
        return {k: realize(v) for k, v in value.items()}
    if isinstance(value, Array):
        return _nested(value.shape, [mpf(x) for x in value.values])
    if isinstance(value, (list, tuple)):
        return [realize(v) for v in value]
    return mpf(value) if isinstance(value, float) else value


def _nested(shape: tuple[int, ...], values: list[Any]) -> Any:
    if not shape:
        return values[0]
    size = len(values) // shape[0] if shape[0] else 0
    return [_nested(shape[1:], values[i * size : (i + 1) * size]) for i in range(shape[0])]


def inputs_of(case: Case) -> dict[str, Any]:
    """Return the inputs of a case as numbers, the problem loaded."""
    inputs = realize(dict(case.inputs))
    for name in PROBLEMS & inputs.keys():
        inputs[name] = problems.load(inputs[name])
    return inputs


def _moved(value: Any, rng: Random) -> Any:
    if isinstance(value, dict):
        return {k: _moved(v, rng) for k, v in value.items()}
    if isinstance(value, list):
        return [_moved(v, rng) for v in value]
    return value * (1 + UNIT * rng.uniform(-1, 1)) if isinstance(value, mpf) else value


def _moved_symmetric(matrix: Matrix, rng: Random) -> Matrix:
    """Move a symmetric matrix entry by entry, both halves alike."""
    out = [list(row) for row in matrix]
    for i, row in enumerate(matrix):
        for j in range(i + 1):
            out[i][j] = out[j][i] = _moved(row[j], rng)
    return out


def perturbed(case: Case, rng: Random) -> dict[str, Any]:
    """Return the inputs, each float that `perturb` allows times 1 + 2^-40 r, the problem's data moved."""
    inputs = inputs_of(case)
    allowed = set(case.inputs if case.perturb is None else case.perturb)
    unknown = allowed - set(inputs) - {"eigenvalues"}
    if unknown:
        raise ValueError(f"`perturb` of {case.id} names {sorted(unknown)}, which are not inputs.")
    for name in inputs:
        if name in PROBLEMS and "eigenvalues" in allowed:
            inputs[name] = inputs[name].rescaled(rng)
        elif name in allowed and name in case.symmetric:
            inputs[name] = _moved_symmetric(inputs[name], rng)
        elif name in allowed:
            inputs[name] = inputs[name].perturbed(rng) if name in PROBLEMS else _moved(inputs[name], rng)
    return inputs


def scale_of(rule: Close | Chained | Sphere, name: str, inputs: dict[str, Any], outputs: Quantities) -> Any:
    """Return the size by which an error is measured: a number, or one for each step."""
    if rule.scale is None:
        size = norm(sphere_of(rule, outputs)[:2] if isinstance(rule, Sphere) else outputs[name])
    elif isinstance(rule.scale, str):
        size = norm(outputs[rule.scale])
    else:
        size = rule.scale(inputs, outputs) if callable(rule.scale) else rule.scale
    if isinstance(size, list) and (getattr(rule, "axis", None) != "step" or len(size) != len(outputs[name])):
        raise ValueError(
            f"the scale of {name} is a list, which needs axis 'step' and a number for each step."
        )
    for number in flat(size):
        if not (mp.isfinite(number) and number > 0):
            raise ValueError(f"the scale of {name} is {mp.nstr(number, 5)}; it must be positive and finite.")
    return size


def sphere_of(rule: Sphere, outputs: Quantities) -> tuple[Vector, Matrix, Matrix]:
    """Return center, directions and free directions of a set of accepted answers."""
    return outputs[rule.center], outputs[rule.directions], outputs[rule.free] if rule.free else []


def per_step(scale: Any, steps: int) -> list[Any]:
    """Return the scale of each step."""
    return scale if isinstance(scale, list) else [scale] * steps


def cluster_vectors(matrix: Matrix, clusters: list[list[int]]) -> list[Matrix]:
    """Return, for each cluster, its eigenvectors (columns of the matrix) as rows."""
    columns = transpose(matrix)
    return [[columns[j] for j in cluster] for cluster in clusters]


def _moves(rule: Rule, name: str, base: Quantities, other: Quantities, scale: Any) -> Any:
    """Amplification of one perturbation: a number, a list per step or per cluster, or an error if inexact."""
    if isinstance(rule, Close):
        if rule.axis == "step":
            rows = zip(base[name], other[name], per_step(scale, len(base[name])), strict=True)
            return [_amplification(a, b, size) for a, b, size in rows]
        return _amplification(base[name], other[name], scale)
    if isinstance(rule, Chained):
        values, others = ([run[name], *run[rule.others][name]] for run in (base, other))
        return max(_amplification(a, b, scale) for a, b in zip(values, others, strict=True))
    if isinstance(rule, Sphere):
        accepted = sphere_of(rule, base)
        moved = points(*sphere_of(rule, other), scale)
        return max(distance(*accepted, x) for x in moved) / (UNIT * scale)
    if isinstance(rule, Subspace | Eigenspace):
        if isinstance(rule, Subspace):
            vectors, groups = name, base[rule.clusters]
        else:
            vectors, groups = rule.basis, base[rule.spaces]
        pairs = zip(
            cluster_vectors(base[vectors], groups), cluster_vectors(other[vectors], groups), strict=True
        )
        return [_turned(a, b) / UNIT for a, b in pairs]
    if base[name] != other[name]:
        raise ValueError(f"{name} is exact but changes under a perturbation of 2^{PERTURBATION}.")
    return mpf(0)


def _turned(old: list[Vector], new: list[Vector]) -> Number:
    """Size of the part of the new vectors outside the span of the old ones (orthonormal rows)."""
    outside = []
    for vector in new:
        rest = vector
        for u in old:
            rest = add(rest, u, -dot(u, vector))
        outside.append(norm(rest))
    return norm(outside)


def _amplification(a: Any, b: Any, scale: Any) -> Number:
    x, y = flat(a), flat(b)
    if len(x) != len(y):
        raise ValueError("a perturbation changes the shape of the answer.")
    return largest([p - q for p, q in zip(x, y, strict=True)]) / (UNIT * scale)


def _largest_of(old: Any, new: Any) -> Any:
    if isinstance(new, list):
        return [max(a, b) for a, b in zip(old, new, strict=True)] if old is not None else new
    return max(old, new) if old is not None else new


def members(rules: Any) -> dict[str, Rule]:
    """Return the rules with the members of each `OneOf` listed by their own names."""
    out: dict[str, Rule] = {}
    for name, rule in rules.items():
        out.update(rule.members if isinstance(rule, OneOf) else {name: rule})
    return out


def measure(case: Case, compute: Compute, rules: Any, scales: dict[str, Any]) -> dict[str, Any]:
    """Measure the condition of each quantity at 50 digits: the largest amplification over the case's samples.

    Args:
        case: the case, whose id seeds the perturbations.
        compute: the function to run, the case's own or an alternative's.
        rules: its rules.
        scales: the scale of every `Close` and `Sphere` quantity.

    Returns:
        For each quantity a number, a list per step (`Close` with an axis) or per cluster (`Subspace`).
    """
    rng = Random(int(hashlib.sha256(case.id.encode()).hexdigest()[:16], 16))
    out: dict[str, Any] = {}
    with mp.workdps(DIGITS[0]):
        base = compute(inputs_of(case))
        for _ in range(case.samples):
            other = compute(perturbed(case, rng))
            for name, rule in members(rules).items():
                move = _moves(rule, name, base, other, scales.get(name))
                out[name] = _largest_of(out.get(name), move)
    return out


def rounded(x: Number) -> float:
    """Round a positive number up to three significant digits, which is all that a measurement deserves."""
    if x <= 0:
        return 0.0
    exponent = int(mp.floor(mp.log10(x))) - 2
    return float(f"{int(mp.ceil(x / mpf(10) ** exponent))}e{exponent}")


def canonical(vectors: list[Vector]) -> list[Vector]:
    """Return the basis of a subspace by pivoted Gram-Schmidt on its projector, whatever basis was given.

    One vector: its largest entry (the first on ties) is made positive.
    """
    out: list[Vector] = []
    tie = 1 + mpf(10) ** -30
    rows = transpose(vectors)
    left = [mp.fsum(x * x for x in row) for row in rows]
    for _ in vectors:
        pivot = 0
        for i, size in enumerate(left):
            if size > left[pivot] * tie:
                pivot = i
        vector = [dot(row, rows[pivot]) for row in rows]
        for v in out:
            vector = add(vector, v, -v[pivot])
        root = mp.sqrt(vector[pivot])
        out.append([x / root for x in vector])
        left = [a - b * b for a, b in zip(left, out[-1], strict=True)]
    return out
