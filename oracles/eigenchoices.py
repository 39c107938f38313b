"""Choices of eigenvectors where k largest or l smallest pairs cut through a repeated eigenvalue.

The eigenvalues are then fixed, and so are the eigenspaces; which vectors of a space are taken is not. A
choice turns the basis of each space by a reflection with small integers and takes as many vectors as the
place asks for. `chosen` lists several, the first of which is the oracle's own.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mpmath import mpf

from oracles.case import Chained, Check, Eigenspace, Quantities
from oracles.krylov import Spectral, distinct
from oracles.precision import Matrix, Number, Vector, add, combine, dot, norm, subtract, transpose

# Normals of the reflections; a space of dimension d uses the first d numbers.
NORMALS = ((1, 2, 3, 4, 5, 6), (3, -1, 2, 1, -2, 4), (1, 1, -2, 3, 1, 1), (0, 2, 1, -1, 0, 1))
AFTER = ("eigenvalues", "eigenvectors")
APART = mpf(2) ** -7  # of the step: the least by which another choice must move it


@dataclass(frozen=True)
class Cut:
    """The ends of a spectrum, by whole eigenspaces.

    Attributes:
        values: the chosen eigenvalues, k largest, then l smallest.
        spaces: for each eigenspace that is touched, its orthonormal vectors.
        columns: for each, which of the chosen pairs are of it.
        gaps: for each, the distance of its eigenvalue to all others.
        norm: |H|.
    """

    values: Vector
    spaces: list[Matrix]
    columns: list[list[int]]
    gaps: Vector
    norm: Number


def cut_of(system: Spectral, largest: int, smallest: int) -> Cut:
    """Return the cut of k largest and l smallest pairs, all copies of a repeated eigenvalue counted."""
    n, groups = len(system.values), distinct(system.values)
    order = [(place, i) for place, group in enumerate(groups) for i in group]
    taken = order[:largest] + order[n - smallest :]
    size = system.norm or mpf(1)
    spaces, columns, gaps = [], [], []
    for place in sorted({place for place, _ in taken}):
        inside = groups[place]
        own = system.values[inside[0]]
        units = [[mpf(i == j) for j in range(n)] for i in inside]
        spaces.append([system.basis.from_eigen(unit) for unit in units])
        columns.append([j for j, (other, _) in enumerate(taken) if other == place])
        others = [system.values[group[0]] for group in groups if group is not inside]
        gaps.append(min((abs(own - x) for x in others), default=size))
    return Cut([system.values[i] for _, i in taken], spaces, columns, gaps, size)


def chosen(cut: Cut) -> list[Matrix]:
    """Return several choices of the eigenvectors, as rows in the order of the values."""
    out = []
    for normal in NORMALS:
        rows: Matrix = [[]] * len(cut.values)
        for space, columns in zip(cut.spaces, cut.columns, strict=True):
            turned = _reflected(space, [mpf(x) for x in normal[: len(space)]])
            for row, column in zip(turned, columns, strict=False):
                rows[column] = row
        out.append(rows)
    return out


def _reflected(space: Matrix, normal: Vector) -> Matrix:
    """Return the basis (I - 2 w w'/|w|^2) of a space, w the normal."""
    square = dot(normal, normal)
    if not square or len(space) == 1:
        return space
    mirror = combine(space, normal)
    return [add(row, mirror, -2 * w / square) for row, w in zip(space, normal, strict=True)]


def described(cut: Cut, rows: Matrix) -> Quantities:
    """Return the quantities of the spectrum, of which the vectors are an example, and their scaffolding."""
    basis = [row for space in cut.spaces for row in space]
    ends = [sum(map(len, cut.spaces[:i])) for i in range(len(cut.spaces) + 1)]
    return {
        "eigenvalues": cut.values,
        "eigenvectors": transpose(rows),
        "_basis": transpose(basis),
        "_spaces": [list(range(a, b)) for a, b in pairwise(ends)],
        "_columns": cut.columns,
        "_gaps": cut.gaps,
        "_norm": cut.norm,
    }


def eigenspace(terms: int, dimension: str = "n") -> Eigenspace:
    """Return the rule of the vectors."""
    return Eigenspace(
        basis="_basis", spaces="_spaces", columns="_columns", gaps="_gaps", norm="_norm", terms=terms,
        why=f"whole eigenspaces and their gaps to other eigenvalues; {dimension} = {terms} steps",
    )  # fmt: skip


def chained(scale: Any, terms: int, why: str) -> Chained:
    """Return the rule of a quantity that follows from the chosen pairs and the gradient."""
    return Chained(
        after=AFTER, given={"gradient": "_gradient"}, others="_others", scale=scale, terms=terms, why=why
    )


def _eigenpairs(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """|H v - lambda v| in parameter coordinates, and |V'V - I|."""
    rows = transpose(outputs["eigenvectors"])
    worst = mpf(0)
    for i, (value, v) in enumerate(zip(outputs["eigenvalues"], rows, strict=True)):
        product = inputs["problem"].hvp(inputs["theta"], v)
        worst = max(worst, norm(add(product, v, -value)) / outputs["_norm"])
        worst = max([worst, *(abs(dot(v, w) - (i == j)) for j, w in enumerate(rows))])
    return worst


def _open(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """0 where every other choice moves the next point by a part of the step, 1 otherwise."""
    own = outputs["theta_next"]
    step = norm(subtract(own, inputs["theta"]))
    moves = [norm(subtract(other, own)) for other in outputs["_others"]["theta_next"]]
    return mpf(0) if all(move > APART * step for move in moves) else mpf(1)


PAIRS = Check("H v = lambda v in parameter coordinates, orthonormal columns", _eigenpairs)
OPEN = Check("other choices of the vectors lead elsewhere", _open)
