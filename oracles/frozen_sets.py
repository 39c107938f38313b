"""What a quantity is held against where it is no single number: subspaces, spheres, what is chained."""

from typing import Any

from mpmath import mpf

from oracles.case import Case, Chained, Eigenspace, Subspace
from oracles.condition import canonical, cluster_vectors, rounded
from oracles.encoding import Rejected, agree, check_condition, encode_array
from oracles.precision import flat, norm, transpose


def sphere(case: Case, name: str, low: tuple, high: tuple, scale: Any) -> dict[str, Any]:
    """Freeze a set of accepted answers: its center, and its directions as columns."""
    out: dict[str, Any] = {"kind": "sphere"}
    if not high[1] and not high[2]:
        raise Rejected(f"{case.id}: {name} is a single point, which `Close` compares.")
    for part, old, new in zip(("center", "directions", "free"), low, high, strict=True):
        size = mpf(1) if part == "free" else scale
        agree(case, f"{part} of {name}", old, new, size)
        if part == "center":
            out[part] = encode_array(new, size)
            continue
        columns = transpose(new) if new else [[] for _ in high[0]]
        out[part] = {**encode_array(columns, size), "shape": [len(columns), len(new)]}
    return out


def chained(case: Case, name: str, rule: Chained, runs: tuple, scale: Any) -> dict[str, Any]:
    """Freeze the answer for the oracle's own choice, and what the scorer needs beside an answer."""
    (_, low), (_, high) = runs
    if not set(rule.after) <= case.rules.keys():
        raise Rejected(f"{case.id}: {name} is chained to {rule.after}, which have no rules of their own.")
    agree(case, name, low[name], high[name], scale)
    given = {}
    for key, output in rule.given.items():
        size = norm(high[output]) or mpf(1)
        agree(case, f"{key} of {name}", low[output], high[output], size)
        given[key] = encode_array(high[output], size)
    return {
        "kind": "chained",
        "after": list(rule.after),
        "given": given,
        "value": encode_array(high[name], scale),
    }


def eigenspace(case: Case, name: str, rule: Eigenspace, runs: tuple, condition: Any) -> dict[str, Any]:
    """Freeze a canonical basis of each whole eigenspace, and the oracle's own choice out of them."""
    (_, low), (_, high) = runs
    spaces, columns = high[rule.spaces], high[rule.columns]
    if sorted(flat(columns)) != list(range(len(high[name][0]))) or len(columns) != len(spaces):
        raise Rejected(f"{case.id}: the columns {columns} do not list every column of {name} once.")
    whole = Subspace(clusters=rule.spaces, gaps=rule.gaps, norm=rule.norm, terms=rule.terms, why=rule.why)
    basis = subspace(case, rule.basis, whole, runs, condition)
    agree(case, name, low[name], high[name], mpf(1))
    return {
        "kind": "eigenspace",
        "value": encode_array(high[name], mpf(1)),
        "basis": basis["value"],
        "spaces": spaces,
        "columns": columns,
        **{key: basis[key] for key in ("gaps", "norm", "terms")},
        "threshold": rule.threshold,
        "why": rule.why,
    }


def subspace(case: Case, name: str, rule: Subspace, runs: tuple, condition: Any) -> dict[str, Any]:
    """Freeze eigenvectors in a canonical basis of each cluster; a measured condition may narrow a gap."""
    (_, low), (_, high) = runs
    clusters, size = high[rule.clusters], high[rule.norm]
    if low[rule.clusters] != clusters or sorted(flat(clusters)) != list(range(len(flat(clusters)))):
        raise Rejected(f"{case.id}: the clusters {clusters} do not list every column of {name} once.")
    bases = [
        [v for vectors in cluster_vectors(run[name], clusters) for v in canonical(vectors)]
        for run in (low, high)
    ]
    agree(case, name, bases[0], bases[1], mpf(1))
    order = flat(clusters)
    rows = [bases[1][order.index(j)] for j in range(len(order))]
    gaps = [min(gap, size / c) if c else gap for gap, c in zip(high[rule.gaps], condition, strict=True)]
    check_condition(case, name, [size / gap for gap in gaps])
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
