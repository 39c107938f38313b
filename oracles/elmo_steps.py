"""Single ELMO steps from a given spectrum (L3), whatever the signs of the vectors and the basis of a cluster.

Along each vector the step is bisected (`elmo_model`). Inside a cluster of equal eigenvalues no basis is
chosen: the projected gradient p = P g of the cluster's space carries the slope |p| with the cluster's largest
L, and where that eigenvalue is negative, everything of the cluster orthogonal to p sits on top of a hill,
with two equal ways down. Such ties are part of the answer: the displacement is a center plus any sign of each
tied vector, and every sign pattern is accepted. Where a cluster leaves k > 1 tied vectors, they are any basis
of their space, each with its step s, so that every vector of length s sqrt(k) in it is accepted: a sphere.

The second derivation (`optimality_defect`) needs no eigenpairs: the displacement d must satisfy the
first-order condition of sum M, H d + g + sum_i (L_i/2)|c_i| c_i v_i = 0 inside the span, and no sampled point
may be lower. For a complete basis d is also -2 (H + sqrt(H^2 + 2 V diag(L g) V'))^-1 grad (Lemma 3.2), with
mpmath's `sqrtm`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain, product
from random import Random
from typing import Any

from mpmath import mp, mpf

from oracles.case import Alternative, Case, Check, Close, Exact, OneOf, Quantities, Rule, Sphere
from oracles.condition import realize
from oracles.elmo_model import bounded, minimum, model
from oracles.precision import Matrix, Number, Vector, add, combine, dot, norm, times, transpose

SOURCE = "ELMO paper, Algorithm 1 and eq. 7; claims, section 4"
Pair = tuple[Number, Number, Number, Vector]  # slope, curvature, L, unit vector up the slope
AS_GIVEN = "clusters=as-given"
STAY = "tie=stay"
VERDICT = Exact(certain="signs and zeros of given numbers")


def pairs_of(inputs: Mapping[str, Any], clusters: str) -> list[Pair]:
    """Return (g, lam, L, vector along which f rises) for each direction of the model.

    A cluster of exactly equal eigenvalues, rotated, gives the direction of its projected gradient and then an
    orthonormal basis of what is left of it.
    """
    rows = transpose(inputs["eigenvectors"])
    values, lipschitz, g = inputs["eigenvalues"], inputs["lipschitz"], inputs["gradient"]
    if clusters == "as-given":
        return [_uphill(v, x, L, g) for v, x, L in zip(rows, values, lipschitz, strict=True)]
    out: list[Pair] = []
    for value in dict.fromkeys(values):
        inside = [i for i, x in enumerate(values) if x == value]
        largest = max(lipschitz[i] for i in inside)
        projected = combine([rows[i] for i in inside], [dot(rows[i], g) for i in inside])
        size = norm(projected)
        if len(inside) == 1 or size == 0:
            out += [_uphill(rows[i], value, largest, g) for i in inside]
            continue
        first = times(1 / size, projected)
        out.append((size, value, largest, first))
        rest = _rest([rows[i] for i in inside], first)
        out += [(mpf(0), value, largest, w) for w in rest]
    return out


def _uphill(v: Vector, value: Number, lipschitz: Number, g: Vector) -> Pair:
    slope = dot(v, g)
    return abs(slope), value, lipschitz, v if slope >= 0 else times(mpf(-1), v)


def _rest(rows: Matrix, first: Vector) -> Matrix:
    """Return an orthonormal basis of span(rows) orthogonal to `first`, by Gram-Schmidt."""
    basis = [first]
    for _ in rows[1:]:
        rests = []
        for v in rows:
            for w in basis:
                v = add(v, w, -dot(w, v))
            rests.append(v)
        longest = max(rests, key=norm)
        basis.append(times(1 / norm(longest), longest))
    return basis[1:]


def compute(clusters: str, tie: str, inputs: dict[str, Any]) -> Quantities:
    """Return the step's quantities: a displacement, or `_center` and `_ties`, the tied vectors."""
    pairs = pairs_of(inputs, clusters)
    if not all(bounded(g, lam, L) for g, lam, L, _ in pairs):
        return {"bounded": False}
    found = [minimum(g, lam, L) for g, lam, L, _ in pairs]
    center: Vector = [mpf(0)] * len(inputs["gradient"])
    ties: dict[Any, Matrix] = {}
    for i, ((g, lam, _, v), best) in enumerate(zip(pairs, found, strict=True)):
        if g > 0:
            center = add(center, v, -best.step)
        elif best.step and tie != "stay":
            owner = i if clusters == "as-given" else lam
            ties.setdefault(owner, []).append(times(best.step, v))
    given = len(set(inputs["eigenvalues"])) == len(pairs) or clusters == "as-given"
    own: Quantities = {
        "slopes": [g for g, _, _, _ in pairs],
        "step_sizes": [x.step for x in found],
        "upper": [x.upper for x in found],
        "lower": [x.lower for x in found],
    }
    return {
        **(own if given else {}),
        "promise": -mp.fsum(x.upper for x in found),
        **_displacements(center, list(ties.values())),
        "bounded": True,
        "_size": norm([center, *chain.from_iterable(ties.values())]) or mpf(1),
        "_pairs": pairs,
    }


def _displacements(center: Vector, groups: list[Matrix]) -> Quantities:
    """Name what is accepted: one displacement, a center and a sphere, or each pattern of signs.

    `groups` holds the tied vectors, those of one cluster together.
    """
    if not groups:
        return {"displacement": center}
    if len(groups) == 1:
        radius = mp.sqrt(len(groups[0]))  # of one vector: either sign of it
        return {"_center": center, "_ties": [times(radius, v) for v in groups[0]]}
    if any(len(group) > 1 for group in groups):
        raise ValueError("a product of spheres is no rule: only one cluster may be tied.")
    out, ties = {}, [group[0] for group in groups]
    for signs in product((1, -1), repeat=len(ties)):
        name = "_displacement_" + "".join("p" if s > 0 else "m" for s in signs)
        out[name] = add(center, combine(ties, [mpf(s) for s in signs]))
    return out


def _gradient_size(inputs: dict[str, Any], outputs: Quantities) -> Number:
    return norm(inputs["gradient"]) or mpf(1)


def _size_of(name: str) -> Any:
    return lambda inputs, outputs: norm(outputs[name]) or mpf(1)


def rules_of(outputs: Quantities, n: int) -> dict[str, Rule]:
    """Return the rules that fit the quantities of a step."""
    if not outputs["bounded"]:
        return {"bounded": VERDICT}
    why = f"products of V (n = {n}) with a vector, and a handful of operations on each pair"

    def close(scale: Any) -> Close:
        return Close(scale=scale, terms=n, why=why)

    rules: dict[str, Rule] = {
        "promise": close(_size_of("promise")),
        "bounded": VERDICT,
    }
    rules |= {
        name: close(_gradient_size if name == "slopes" else _size_of(name))
        for name in ("slopes", "step_sizes", "upper", "lower")
        if name in outputs
    }
    members = [name for name in outputs if name.startswith("_displacement_")]
    if "displacement" in outputs:
        rules["displacement"] = close("_size")
    elif members:
        rules["displacement"] = OneOf({name: close("_size") for name in members})
    else:
        rules["displacement"] = Sphere(
            center="_center", directions="_ties", scale="_size", terms=n, why=f"either way down; {why}"
        )
    return rules


def chosen_of(outputs: Quantities) -> Vector:
    """Return one of the accepted displacements."""
    if "_center" in outputs:
        ties = outputs["_ties"]
        return add(outputs["_center"], combine(ties, [1 / mp.sqrt(len(ties))] * len(ties)))
    members = [name for name in outputs if name.startswith("_displacement_")]
    return outputs[members[0] if members else "displacement"]


def optimality_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Hold the displacement against the first-order condition of sum M, and against sampled points."""
    if not outputs["bounded"]:
        return mpf(0)
    stays = inputs["settings"].get("tie") == "stay"
    d = chosen_of(outputs)
    pairs = [p for p in outputs["_pairs"] if not (stays and p[0] == 0 and p[1] < 0)]
    parts = [(dot(v, d), g, lam, L) for g, lam, L, v in pairs]
    rest = [lam * c + g + L * abs(c) * c / 2 for c, g, lam, L in parts]
    size = max(abs(lam * c) + g for c, g, lam, L in parts) or mpf(1)
    slack = (outputs["promise"] or mpf(1)) * mpf(10) ** -12
    rng = Random(17)
    for c, g, lam, L in parts:
        scale = abs(c) if abs(c) > slack * outputs["_size"] else outputs["_size"]
        lowest = min(model(scale * rng.uniform(-4, 4), g, lam, L) for _ in range(24))
        if lowest < model(-c, g, lam, L) - slack:
            return mpf(1)
    total = mp.fsum(model(-c, g, lam, L) for c, g, lam, L in parts)
    gap = mpf(0) if stays else abs(total + outputs["promise"]) / (outputs["promise"] or 1)
    outside = norm(add(d, combine([v for *_, v in pairs], [c for c, *_ in parts]), -1))
    return max(max(abs(x) for x in rest) / size, gap, outside / outputs["_size"])


def preconditioner_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare with Lemma 3.2, the basis being complete and every lam + R positive."""
    g = inputs["gradient"]
    basis, n = mp.matrix(inputs["eigenvectors"]), len(inputs["gradient"])
    slopes = [abs(dot(v, g)) for v in transpose(inputs["eigenvectors"])]
    hessian = basis * mp.diag(inputs["eigenvalues"]) * basis.T
    inner = [2 * L * s for L, s in zip(inputs["lipschitz"], slopes, strict=True)]
    root = mp.sqrtm(hessian * hessian + basis * mp.diag(inner) * basis.T)
    d = mp.lu_solve(hessian + root, -2 * mp.matrix(g))
    return norm(add([d[i] for i in range(n)], outputs["displacement"], -1)) / outputs["_size"]


OPTIMAL = Check(
    "first-order condition of sum M, no lower point among samples", optimality_defect, mpf(10) ** -12
)
LEMMA = Check("Lemma 3.2 with sqrtm, for V orthonormal to rounding", preconditioner_defect, mpf(10) ** -13)


def elmo_step_case(
    what: str, gradient: Sequence[float], values: Sequence[float], vectors: Sequence[Sequence[float]],
    lipschitz: Sequence[float], comment: str, flags: tuple[str, ...], *,
    settings: Mapping[str, Any] | None = None, perturb: tuple[str, ...] | None = None,
    others: tuple[str, ...] = (), dtype: str = "float64", lemma: bool = False,
) -> Case:  # fmt: skip
    """Build a case; `others` are named choices with other answers, `perturb` spares equal numbers."""
    inputs: dict[str, Any] = {
        "gradient": [float(x) for x in gradient],
        "eigenvalues": [float(x) for x in values],
        "eigenvectors": [[float(x) for x in row] for row in vectors],
        "lipschitz": [float(x) for x in lipschitz],
        "settings": dict(settings or {}),
    }
    n, chosen = len(gradient), inputs["settings"]
    clusters, tie = chosen.get("clusters", "rotate"), chosen.get("tie", "positive")
    run = partial(compute, clusters, tie)
    with mp.workdps(15):
        numbers = realize(inputs)
        found = run(numbers)
        alternatives = {}
        for name in others:
            other = partial(
                compute, "as-given" if name == AS_GIVEN else clusters, "stay" if name == STAY else tie
            )
            alternatives[name] = Alternative(other, rules_of(other(numbers), n))
    return Case(
        id=f"elmo.elmo_step.L3.{what}",
        op="elmo_step",
        level="L3",
        source=SOURCE,
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=run,
        rules=rules_of(found, n),
        alternatives=alternatives,
        perturb=perturb,
        checks=(OPTIMAL, *((LEMMA,) if lemma else ())),
    )
