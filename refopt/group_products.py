"""H_bar = I_{S:P} U H U I_{P:S} from one traced gradient: the tape replayed for each group's part of u.

A replay for group s leaves out what is known to be zero or not asked for:

- forward: a step is made when one of its sources is nonzero. Slices of the vector that group s does not meet
  are zero, so that a late layer's group leaves the earlier layers alone;
- backward: only the pieces of the product H u_s that meet a wanted group are computed. Groups are taken in
  the order of their first parameter, and group s wants itself and the later ones: the lower triangle, the
  rest follows by symmetry. In a feed-forward network both halves then stop at the layer of group s.

A wanted piece is contracted with u at once; H u_s itself is never put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from refopt.arrays import Array, namespace
from refopt.groups import Groups
from refopt.linearize import Tape
from refopt.tape_compiler import Compiled

MOST_GROUPS = 64  # beyond, and scattered, whole products and their sums are faster than piece by piece


class Piece(NamedTuple):
    """Elements [start, stop) of the product, all in one group: in a slot, from `offset` on."""

    group: int
    start: int
    stop: int
    slot: int
    offset: int


def grouped_products(tape: Tape, u: Array, groups: Groups) -> Array:
    """H_bar at the traced point, (S, S) of u's dtype, symmetric to the last bit.

    Args:
        tape: the traced gradient.
        u: the direction, (n,).
        groups: the partition.
    """
    xp = namespace(u)
    zero = xp.zeros_like(u[:1])[0]
    S = groups.count
    rows: list[list[Any]] = [[zero] * S for _ in range(S)]
    if tape.compiled is None:
        pass
    elif tape.compiled.pieces is None or (S > MOST_GROUPS and groups.scattered):
        for s in range(S):
            sums = groups.sums(u * tape.product(groups.restrict(u, s)))
            for t in range(s + 1):
                rows[s][t] = rows[t][s] = sums[t]
    else:
        pieces = _pieces(tape.compiled, groups)
        order = sorted(range(S), key=lambda s: groups.ranges[s][0])
        rank = {s: k for k, s in enumerate(order)}
        for s in order:
            wanted = [piece for piece in pieces if rank[piece.group] >= rank[s]]
            for t, entry in _row(tape.compiled, u, groups, s, wanted).items():
                rows[s][t] = rows[t][s] = entry
    return xp.stack([xp.stack([xp.asarray(x, dtype=u.dtype) for x in row]) for row in rows])


def _pieces(compiled: Compiled, groups: Groups) -> list[Piece]:
    """The pieces of the product, cut where a group ends."""
    found = []
    for (start, stop), slot in compiled.pieces or ():
        for t, ranges in enumerate(groups.ranges):
            for low, high in ranges:
                a, b = max(start, low), min(stop, high)
                if a < b:
                    found.append(Piece(t, a, b, slot, a - start))
    return found


def _row(compiled: Compiled, u: Array, groups: Groups, s: int, wanted: Sequence[Piece]) -> dict[int, Any]:
    """The entries u_t' H u_s of the wanted pieces' groups that are not known to be zero."""
    slots = _replayed(compiled, u, groups, s, {piece.slot for piece in wanted})
    xp = namespace(u)
    found: dict[int, Any] = {}
    for piece in wanted:
        product = slots.get(piece.slot)
        if product is None:
            continue
        flat = xp.reshape(product, (-1,))[piece.offset : piece.offset + piece.stop - piece.start]
        entry = xp.matmul(flat, u[piece.start : piece.stop])
        found[piece.group] = found[piece.group] + entry if piece.group in found else entry
    return found


def _replayed(compiled: Compiled, u: Array, groups: Groups, s: int, ends: set[int]) -> dict[int, Any]:
    """The slots `ends` after a replay for group s; a slot that is zero is left out."""
    ranges, steps = groups.ranges[s], compiled.steps
    nonzero = {0}
    for step in steps:
        if any(i in nonzero for i in step.sources) and (step.taken is None or _meets(step.taken, ranges)):
            nonzero.add(step.target)
    needed = set(ends)
    last: dict[int, int] = {}
    for number in range(len(steps) - 1, -1, -1):
        step = steps[number]
        if step.target in needed and step.target in nonzero:
            for i in step.sources:
                needed.add(i)
                last.setdefault(i, number)
    slots: dict[int, Any] = {}
    whole: Array | None = None
    for number, step in enumerate(steps):
        if step.target not in needed or step.target not in nonzero:
            continue
        if step.sources == (0,) and step.taken is not None and _inside(step.taken, ranges):
            slots[step.target] = step.apply(u)
        else:
            if 0 in step.sources and whole is None:
                whole = groups.restrict(u, s)
                slots[0] = whole
            given = [slots.get(i) for i in step.sources]
            if not step.partial:
                xp = namespace(u)
                given = [
                    _zeros(xp, u, compiled.shapes[i]) if g is None else g
                    for i, g in zip(step.sources, given, strict=True)
                ]
            slots[step.target] = step.apply(*given)
        for i in set(step.sources):
            if i and last[i] == number and i not in ends:
                slots.pop(i, None)
    return slots


def _zeros(xp: Any, u: Array, shape: tuple[int, ...]) -> Array:
    return xp.broadcast_to(xp.zeros_like(u[:1])[0], shape)


def _meets(taken: tuple[int, int], ranges: Sequence[tuple[int, int]]) -> bool:
    return any(taken[0] < stop and start < taken[1] for start, stop in ranges)


def _inside(taken: tuple[int, int], ranges: Sequence[tuple[int, int]]) -> bool:
    return any(start <= taken[0] and taken[1] <= stop for start, stop in ranges)
