"""Quantities of the cubic model's cases, their conditions at degenerate points, their second derivation."""

from typing import Any

from mpmath import mp, mpf

from oracles.case import Check, Quantities
from oracles.cubic_model import Minimum, cubic_value, solve
from oracles.precision import (
    Matrix,
    Number,
    Vector,
    add,
    dot,
    eigensystem,
    largest,
    matvec,
    norm,
    subtract,
)
from oracles.precision import (
    solve as linear,
)

Given = tuple[Matrix, Vector, Vector, Number]
SINGULAR = mpf(10) ** -20  # an eigenvalue below it is 0, at 50 digits


def given(inputs: dict[str, Any]) -> Given:
    """Return H, g, scales and lam of the inputs, ones for scales that are None."""
    g = inputs["g"]
    return inputs["H"], g, inputs["scales"] or [mpf(1)] * len(g), inputs["lam"]


def size_of_terms(model: Given, eta: Vector) -> Number:
    """Return sum |g_i eta_i| + sum |eta_i H_ij eta_j|/2 + lam r^3/6, the size of what T(eta) adds up."""
    H, g, d, lam = model
    inside = [mp.fsum(abs(x * y) for x, y in zip(row, eta, strict=True)) for row in H]
    curved = mp.fsum(abs(x) * y for x, y in zip(eta, inside, strict=True)) / 2
    return mp.fsum(abs(x * y) for x, y in zip(g, eta, strict=True)) + curved + lam * radius(d, eta) ** 3 / 6


def radius(d: Vector, eta: Vector) -> Number:
    """Return |D eta|."""
    return norm([x * y for x, y in zip(d, eta, strict=True)])


def shifted(model: Given, r: Number) -> Matrix:
    """Return G(r) = H + (lam/2) r D^2."""
    H, _, d, lam = model
    return [
        [x + (lam * r / 2 * d[i] ** 2 if i == j else 0) for j, x in enumerate(row)] for i, row in enumerate(H)
    ]


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return the quantities of a case that is decided as it stands."""
    model = given(inputs)
    found = solve(*model)
    out: Quantities = {"bounded": found.status != "unbounded", "status": found.status}
    out |= margins_of(model, found)
    if found.status == "unbounded":
        return out
    out |= {"dimension": found.dimension, "radius": found.radius}
    if found.status == "unique":
        out["minimizer"] = found.minimizers[0]
    elif found.status == "two":
        out["_minimizer_plus"], out["_minimizer_minus"] = found.minimizers
    else:
        out |= {"_center": found.center, "_directions": list(found.directions), "_free": list(found.free)}
    return out | {"value": found.value, "_terms": size_of_terms(model, found.minimizers[0]) or mpf(1)}


def compute_pair(inputs: dict[str, Any]) -> Quantities:
    """Return a minimizer and its mirror image near the hard case: which one is global, rounding decides.

    The mirror image is a stationary point of T, found by Newton's method from the reflection of the
    minimizer at the plane orthogonal, in D^2, to the vector that G(r) all but annihilates. With perturbed
    inputs the pair moves smoothly, and so its condition can be measured.
    """
    model = given(inputs)
    found = solve(*model)
    first = found.minimizers[0]
    second = found.minimizers[1] if found.status == "two" else mirrored(model, first)
    if next(x for x in subtract(first, second) if x) < 0:
        first, second = second, first
    return {
        "bounded": True,
        "dimension": found.dimension,
        "radius": found.radius,
        "_minimizer_plus": first,
        "_minimizer_minus": second,
        "value": found.value,
        "_terms": size_of_terms(model, first),
        **margins_of(model, found),
        "_margin": None,  # one point or two: of dimension 0 either way
    }


def margins_of(model: Given, found: Minimum) -> Quantities:
    """Return how far the kind of minimum is from another, and boundedness from its contrary.

    The first is the lowest eigenvalue of G(r), scaled to entries of size 1; it is 0, and decided over the
    rationals, where there is more than one minimizer. The second is the lowest eigenvalue of H among the
    entries without a cubic term, relative to its largest entry; there may be none.
    """
    H, _, d, lam = model
    open_ones = [i for i, x in enumerate(d) if not (lam and x)]
    block = [[H[i][j] for j in open_ones] for i in open_ones]
    size = largest(block)
    out: Quantities = {"_margin": None, "_margin_bounded": _lowest(block) / size if size else None}
    if found.status == "unique":
        eta = found.minimizers[0]
        r = radius(d, eta)
        out["_margin"] = _lowest(balanced(shifted(model, r), balance(model, r)))
    return {name: abs(x) if x is not None and abs(x) > SINGULAR else None for name, x in out.items()}


def _lowest(matrix: Matrix) -> Number:
    return eigensystem(matrix)[0][-1]


def mirrored(model: Given, eta: Vector) -> Vector:
    """Return the other stationary point; see `compute_pair`."""
    d = model[2]
    r = radius(d, eta)
    scale = balance(model, r)
    _, vectors = eigensystem(balanced(shifted(model, r), scale))
    v = [row[-1] * s for row, s in zip(vectors, scale, strict=True)]
    weighted = [x * x * y for x, y in zip(d, v, strict=True)]
    out = add(eta, v, -2 * dot(weighted, eta) / dot(weighted, v))
    for _ in range(mp.prec.bit_length() + 6):
        out = subtract(out, linear(jacobian(model, out), slope(model, out)))
    return out


def slope(model: Given, eta: Vector) -> Vector:
    """Return the gradient of T, G(|D eta|) eta - g."""
    return subtract(matvec(shifted(model, radius(model[2], eta)), eta), model[1])


def jacobian(model: Given, eta: Vector) -> Matrix:
    """Return the Hessian of T, G(r) + lam/(2r) D^2 eta eta' D^2."""
    _, _, d, lam = model
    r = radius(d, eta)
    if not r:
        return shifted(model, r)
    w = [x * x * y for x, y in zip(d, eta, strict=True)]
    return [
        [x + lam / (2 * r) * w[i] * w[j] for j, x in enumerate(row)]
        for i, row in enumerate(shifted(model, r))
    ]


def balance(model: Given, r: Number) -> Vector:
    """Return 1/sqrt of what adds up on the diagonal of G(r), before it cancels; 1 where all of it is 0."""
    H, _, d, lam = model
    sizes = [abs(row[i]) + lam * r / 2 * d[i] ** 2 for i, row in enumerate(H)]
    return [1 / mp.sqrt(size) if size else mpf(1) for size in sizes]


def balanced(matrix: Matrix, scale: Vector) -> Matrix:
    """Return the matrix in scaled coordinates."""
    return [[x * scale[i] * scale[j] for j, x in enumerate(row)] for i, row in enumerate(matrix)]


def stated(inputs: dict[str, Any]) -> dict[str, float]:
    """Return condition numbers where a perturbation would end the case: a sphere, a flat, two points.

    By the implicit function theorem for G(|D eta|) eta = g: a relative change of every input by at most
    delta moves the set by at most delta |J^+| (|H||eta| + |g| + (lam/2) r (4 D^2 |eta|)), J the Hessian of T,
    whose kernel is the tangent of the set. The value changes by at most 3 delta of its terms, since to first
    order only the inputs move it.
    """
    with mp.workdps(30):
        model = tuple(map(_numbers, given(inputs)))
        found = solve(*model)
        eta = found.minimizers[0]
        H, g, d, lam = model
        tangent = len(found.free) + max(len(found.directions) - 1, 0)
        values, vectors = eigensystem(jacobian(model, eta))
        kept = sorted(range(len(eta)), key=lambda i: abs(values[i]))[tangent:]
        inverse = [
            [mp.fsum(row[k] * other[k] / values[k] for k in kept) for other in vectors] for row in vectors
        ]
        inside = [mp.fsum(abs(x * y) for x, y in zip(row, eta, strict=True)) for row in H]
        shift = [2 * lam * found.radius * x * x * abs(y) for x, y in zip(d, eta, strict=True)]
        moved = [x + abs(y) + z for x, y, z in zip(inside, g, shift, strict=True)]
        reach = [mp.fsum(abs(x) * y for x, y in zip(row, moved, strict=True)) for row in inverse]
        size = norm([found.center, *found.directions])
        out = {"minimizer": norm(reach) / size if size else mpf(0), "value": mpf(3)}
        if found.radius:
            turned = norm([x * y for x, y in zip(d, reach, strict=True)])
            out["radius"] = turned / found.radius + 1
        return {name: float(x) for name, x in out.items()}


def _numbers(value: Any) -> Any:
    return [_numbers(v) for v in value] if isinstance(value, (list, tuple)) else mpf(value)


def points_of(outputs: Quantities) -> list[Vector]:
    """Return minimizers that stand in the outputs."""
    if "minimizer" in outputs:
        return [outputs["minimizer"]]
    if "_minimizer_plus" in outputs:
        return [outputs["_minimizer_plus"], outputs["_minimizer_minus"]]
    center, directions, free = (outputs[name] for name in ("_center", "_directions", "_free"))
    tips = [add(center, v, sign) for v in directions for sign in (1, -1)] or [center]
    return tips + [add(tips[0], v, mpf(2)) for v in free]


def optimality(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Return the defect of what is sufficient for a global minimum: G(r) eta = g, r = |D eta|, G(r) >= 0."""
    return max(_optimality(given(inputs), outputs, eta) for eta in points_of(outputs))


def _optimality(model: Given, outputs: Quantities, eta: Vector) -> Number:
    H, g, d, lam = model
    r = radius(d, eta)
    scale = balance(model, r)
    lowest = eigensystem(balanced(shifted(model, r), scale))[0][-1]
    terms = [
        abs(y) + mp.fsum(abs(h * x) for h, x in zip(row, eta, strict=True)) + lam * r / 2 * z * z * abs(x)
        for row, x, y, z in zip(H, eta, g, d, strict=True)
    ]
    residual = max(abs(x) / (y or 1) for x, y in zip(slope(model, eta), terms, strict=True))
    apart = abs(r - outputs["radius"]) / (r or 1) if "radius" in outputs else mpf(0)
    low = abs(cubic_value(*model, eta) - outputs["value"]) / (size_of_terms(model, eta) or 1)
    return max(residual, -lowest, apart, low)


def pair_optimality(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Return the defect of the better point of a pair; 1 if the points coincide or their values differ."""
    model = given(inputs)
    pair = sorted(points_of(outputs), key=lambda eta: cubic_value(*model, eta))
    values = [cubic_value(*model, eta) for eta in pair]
    apart = norm(subtract(*pair)) / norm(pair[0])
    if apart < 0.01 or values[1] - values[0] > mpf(2) ** -50 * outputs["_terms"]:
        return mpf(1)
    stationary = norm(slope(model, pair[1])) / norm([model[1], matvec(model[0], pair[1])])
    return max(_optimality(model, outputs, pair[0]), stationary)


def descent(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Return 0 if T falls without bound along the ray that `solve` found, at least linearly, else 1."""
    model, found = given(inputs), solve(*given(inputs))
    if outputs["bounded"] or found.witness is None or found.start is None:
        return mpf(1)
    near, far = (cubic_value(*model, add(found.start, found.witness, mpf(10) ** k)) for k in (12, 22))
    return mpf(0) if far < near < 0 and far / near > mpf(10) ** 9 else mpf(1)


def dual_gap(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Return (T* - q) / |T*| with q a lower bound of T by duality."""
    found: Minimum = solve(*given(inputs))
    return abs(found.gap) if found.value == outputs["value"] else mpf(1)


CHECKS = (
    Check("stationarity, radius and a nonnegative shifted matrix (eigenvalues)", optimality, mpf(10) ** -40),
    Check("a dual bound meets the value", dual_gap, mpf(10) ** -40),
)
PAIR_CHECKS = (
    Check("one of two stationary points is certified, the other is as low", pair_optimality, mpf(10) ** -35),
    CHECKS[1],
)
UNBOUNDED = (Check("the model falls along a ray", descent),)
