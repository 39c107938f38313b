"""H_bar and its inverse as interaction matrices (grouped-Newton paper, section 5.1 and Appendix H).

H_bar[s, z] says how much the groups s and z act on the loss together, H_bar^-1[s, z] how much the step of
one answers to the slope of the other. The paper shows both in three parts: weights against weights, weights
against biases, biases against biases. Matrices of this size are NumPy float64 arrays on the host, whatever
they came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from refopt.arrays import Array, require_symmetric, to_host
from refopt.groups import Groups

SWEEPS = 10  # of the scaling; each halves the exponents that are left, 2^1000 becomes 2
INVERTIBLE = "invertible"


class Interactions(NamedTuple):
    """H_bar and its inverse.

    Attributes:
        H_bar: (S, S) symmetric.
        inverse: H_bar^-1, (S, S) symmetric, or None where H_bar is singular to working precision.
        status: "invertible", or "singular: " and why.
        condition: of H_bar scaled to rows of size near 1, which no scaling of the directions changes much;
            infinite where it is singular.
    """

    H_bar: np.ndarray
    inverse: np.ndarray | None
    status: str
    condition: float


class InteractionBlocks(NamedTuple):
    """The submatrices of an interaction matrix by kind of group, and the names of their rows and columns."""

    weights_weights: np.ndarray
    weights_biases: np.ndarray
    biases_biases: np.ndarray
    weights: tuple[str, ...]
    biases: tuple[str, ...]


def interaction_matrices(H_bar: Array, names: Sequence[str] | None = None) -> Interactions:
    """H_bar and its inverse, or the reason why it has none.

    The inverse is taken from the eigenpairs of C H_bar C, where the diagonal C makes each row's size near 1.
    H_bar is singular when the smallest |eigenvalue| is at most S eps times the largest, with the eps of the
    dtype given: so multiplying the direction in one group by a factor cannot make it singular.

    Args:
        H_bar: D^2(u), (S, S) float32 or float64, symmetric up to rounding.
        names: of the groups, for the reason; None is their numbers.

    Raises:
        ValueError: when H_bar is not a finite symmetric matrix.
    """
    require_symmetric("H_bar", H_bar, 2.0**-18)  # float32's eps^(3/4), as for the cubic model
    given = to_host(H_bar)
    H = given.astype(np.float64)
    H = (H + H.T) / 2
    empty = np.flatnonzero(~np.any(H, axis=1))
    if empty.size:
        which = ", ".join(str(s) if names is None else repr(names[s]) for s in empty.tolist())
        plural = "groups" if empty.size > 1 else "group"
        return Interactions(H, None, f"singular: the row of {plural} {which} is zero", np.inf)
    scale = np.ones(len(H))
    for _ in range(SWEEPS):
        scale /= np.sqrt(np.max(np.abs(scale[:, None] * H * scale), axis=1))
    mu, Q = np.linalg.eigh(scale[:, None] * H * scale)
    low, high = np.min(np.abs(mu)), np.max(np.abs(mu))
    if low <= len(H) * np.finfo(given.dtype).eps * high:
        status = f"singular: scaled, its smallest |eigenvalue| is {low / high:.3g} of the largest"
        return Interactions(H, None, status, np.inf)
    with np.errstate(over="ignore"):
        inverse = scale[:, None] * ((Q / mu) @ Q.T) * scale
    if not np.all(np.isfinite(inverse)):
        return Interactions(H, None, "singular: its inverse leaves the range of a float64", np.inf)
    return Interactions(H, (inverse + inverse.T) / 2, INVERTIBLE, float(high / low))


def group_kinds(groups: Groups, layout: Sequence[Any]) -> tuple[str, ...]:
    """The kind of each group, "weights", "biases" or "mixed".

    Args:
        groups: a partition of the parameters.
        layout: the tensors of the parameters, in order, as `Problem.layout`.

    Raises:
        ValueError: when the layout has another number of parameters than the partition.
    """
    bounds = np.cumsum([0, *(tensor.size for tensor in layout)]).tolist()
    if bounds[-1] != groups.n:
        raise ValueError(f"`layout` has {bounds[-1]} parameters; it must have {groups.n}, as `groups`")
    pieces = [(a, b, tensor.kind) for (a, b), tensor in zip(pairwise(bounds), layout, strict=True)]
    found = [
        {kind for start, stop in ranges for a, b, kind in pieces if a < stop and start < b}
        for ranges in groups.ranges
    ]
    return tuple(kinds.pop() if len(kinds) == 1 else "mixed" for kinds in found)


def interaction_blocks(matrix: Array, groups: Groups, layout: Sequence[Any]) -> InteractionBlocks:
    """The three submatrices of H_bar or its inverse: weights and biases against each other.

    Args:
        matrix: (S, S).
        groups: a partition whose groups hold weights only or biases only, such as the canonical one.
        layout: the tensors of the parameters, as `Problem.layout`.

    Raises:
        ValueError: when the matrix does not fit the partition, or a group holds both kinds.
    """
    host = to_host(matrix).astype(np.float64)
    if host.shape != (groups.count, groups.count):
        raise ValueError(
            f"`matrix` has shape {host.shape}; it must be ({groups.count}, {groups.count}), as `groups` has "
            f"{groups.count} groups"
        )
    kinds = group_kinds(groups, layout)
    if "mixed" in kinds:
        name = groups.names[kinds.index("mixed")]
        raise ValueError(
            f"`groups` has the group {name!r} with weights and biases; each group must hold one kind, "
            "as in the canonical partition"
        )
    w, b = ([s for s, kind in enumerate(kinds) if kind == which] for which in ("weights", "biases"))
    names = (tuple(groups.names[s] for s in part) for part in (w, b))
    return InteractionBlocks(host[np.ix_(w, w)], host[np.ix_(w, b)], host[np.ix_(b, b)], *names)
