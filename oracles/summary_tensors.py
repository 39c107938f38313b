"""The tensors D^d(u) of the grouped-Newton paper (eq. 6, 7) by polarisation, and second derivations of them.

Route: p_d(t) = (d^d/ds^d) f(theta + s sum_i t_i u_i) at s = 0 is a form of degree d in t whose coefficients
are D^d(u), u_i being u inside group i and 0 outside. The closed-form derivatives along a line give p_d(t);

    D^d[i_1, .., i_d] = (1/d!) sum over nonempty B of {1..d} of (-1)^(d - |B|) p_d(sum of e_{i_k}, k in B).

No mixed derivative is ever formed. The checks form them: products with the hand-derived Hessian, and central
differences of these along the groups.
"""

from collections.abc import Sequence
from itertools import combinations, combinations_with_replacement
from math import factorial, gcd
from typing import Any

from mpmath import mp, mpf

from oracles.case import Check, Quantities
from oracles.derivative_values import natural
from oracles.precision import Matrix, Number, Vector, add, dot, norm, times
from oracles.problems import Problem


def pieces(labels: Sequence[int], direction: Sequence[Number]) -> Matrix:
    """Return, for each group, the direction inside the group and zeros outside."""
    return [
        [x if label == s else mpf(0) for label, x in zip(labels, direction, strict=True)]
        for s in range(max(labels) + 1)
    ]


def indices(count: int, order: int) -> list[tuple[int, ...]]:
    """Return the ascending multi-indices of a symmetric tensor in lexicographic order."""
    return list(combinations_with_replacement(range(count), order))


class Forms:
    """The forms p_0, .., p_4 of one point, one direction and one partition; each line is walked once."""

    def __init__(self, problem: Problem, theta: Vector, parts: Matrix) -> None:
        self.problem, self.theta, self.parts = problem, theta, parts
        self._lines: dict[tuple[int, ...], Vector] = {}

    def _line(self, counts: tuple[int, ...]) -> Vector:
        if counts not in self._lines:
            along = [
                mp.fsum(k * x for k, x in zip(counts, column, strict=True) if k)
                for column in zip(*self.parts, strict=True)
            ]
            self._lines[counts] = self.problem.along(self.theta, along, 4)
        return self._lines[counts]

    def form(self, order: int, members: Sequence[int]) -> Number:
        """Return p_order at the sum of the unit vectors of the groups listed."""
        counts = tuple(list(members).count(s) for s in range(len(self.parts)))
        common = gcd(*counts) or 1  # p_d(c t) = c^d p_d(t)
        return mpf(common) ** order * self._line(tuple(k // common for k in counts))[order]

    def entry(self, index: Sequence[int]) -> Number:
        """Return one entry of D^d, d the length of the index, by polarisation."""
        d = len(index)
        if not d:
            return self.form(0, ())
        subsets = ((b, (-1) ** (d - size)) for size in range(1, d + 1) for b in combinations(index, size))
        return mp.fsum(sign * self.form(d, b) for b, sign in subsets) / factorial(d)

    def gradient(self) -> Vector:
        """Return g_bar = D^1."""
        return [self.entry((s,)) for s in range(len(self.parts))]

    def hessian(self) -> Matrix:
        """Return H_bar = D^2 in full."""
        count = len(self.parts)
        return [[self.entry(sorted((i, j))) for j in range(count)] for i in range(count)]

    def third_diagonal(self) -> Vector:
        """Return the entries (s, s, s) of D^3: the third derivative along one group."""
        return [self.form(3, (s,)) for s in range(len(self.parts))]


def _forms(inputs: dict[str, Any]) -> Forms:
    return Forms(inputs["problem"], inputs["theta"], pieces(inputs["groups"], inputs["direction"]))


def _sizes(inputs: dict[str, Any], entries: Sequence[Any]) -> list[Number]:
    """Return the size of each order's entries; of one that nearly or quite vanishes, the largest size.

    What terms cancel or saturate to is measured by the terms (`natural`); a tensor below 10^-8 of the other
    orders, or exactly 0, has no size of its own.
    """
    length = norm(inputs["direction"])
    sizes = [norm(x) + natural(inputs["problem"], k) * length**k for k, x in enumerate(entries, start=1)]
    return [x if x > mpf(10) ** -8 * max(sizes) else max(sizes) or mpf(1) for x in sizes]


def summary(inputs: dict[str, Any]) -> Quantities:
    """Return g_bar, H_bar and the diagonal of D^3, and their sizes."""
    forms = _forms(inputs)
    found = {"g_bar": forms.gradient(), "H_bar": forms.hessian(), "third_diagonal": forms.third_diagonal()}
    # g_bar sums u_p g_p: its terms have the size |u| |g|, however they cancel.
    slope = norm(inputs["direction"]) * norm(inputs["problem"].gradient(inputs["theta"]))
    sizes = _sizes(inputs, [[slope], found["H_bar"], found["third_diagonal"]])
    return {**found, **{f"_{name}": size for name, size in zip(found, sizes, strict=True)}}


def tensor(inputs: dict[str, Any]) -> Quantities:
    """Return the entries of D^order(u), i1 <= .. <= id, lexicographic, and their size."""
    forms, order = _forms(inputs), inputs["order"]
    count = len(forms.parts)
    entries = [forms.entry(index) for index in indices(count, order)]
    if order == 0:
        return {"entries": entries, "_entries": abs(entries[0]) or mpf(1)}
    others = [[forms.form(k, range(count))] for k in range(1, order)]  # the Taylor terms below: same units
    return {"entries": entries, "_entries": _sizes(inputs, [*others, entries])[-1]}


# ---- second derivations ----


def _products(problem: Problem, theta: Vector, parts: Matrix) -> Matrix:
    """Return u_i' H u_j for all i, j by products with the hand-derived Hessian."""
    moved = [problem.hvp(theta, part) for part in parts]
    return [[dot(part, row) for row in moved] for part in parts]


def _products_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    problem, theta = inputs["problem"], inputs["theta"]
    parts = pieces(inputs["groups"], inputs["direction"])
    gradient = problem.gradient(theta)
    first = norm([dot(p, gradient) - g for p, g in zip(parts, outputs["g_bar"], strict=True)])
    rows = zip(_products(problem, theta, parts), outputs["H_bar"], strict=True)
    return max(first / outputs["_g_bar"], norm([add(a, b, -1) for a, b in rows]) / outputs["_H_bar"])


STEP = mpf(10) ** -13


def _difference(problem: Problem, theta: Vector, parts: Matrix, index: Sequence[int]) -> Number:
    """Return an entry of order 2, 3 or 4: central differences of u_i'H u_j along the further groups."""
    if len(index) == 2:
        return dot(parts[index[0]], problem.hvp(theta, parts[index[1]]))
    *rest, last = index
    # A direction far from length 1 would leave the differences all truncation or all rounding.
    step = STEP / (norm(parts[last]) or 1)
    ahead, behind = (
        _difference(problem, add(theta, parts[last], sign * step), parts, rest) for sign in (1, -1)
    )
    return (ahead - behind) / (2 * step)


def _third_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    problem, theta = inputs["problem"], inputs["theta"]
    parts = pieces(inputs["groups"], inputs["direction"])
    found = [_difference(problem, theta, parts, (s, s, s)) for s in range(len(parts))]
    return norm(add(found, outputs["third_diagonal"], -1)) / outputs["_third_diagonal"]


def _tensor_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    problem, theta, order = inputs["problem"], inputs["theta"], inputs["order"]
    parts = pieces(inputs["groups"], inputs["direction"])
    if order < 2:
        gradient = problem.gradient(theta)
        found = [problem.value(theta)] if order == 0 else [dot(part, gradient) for part in parts]
    else:
        found = [_difference(problem, theta, parts, index) for index in indices(len(parts), order)]
    return norm(add(found, outputs["entries"], -1)) / outputs["_entries"]


def _contraction_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare the sum over all S^d entries with the Taylor term (eq. 5)."""
    order, count = inputs["order"], max(inputs["groups"]) + 1
    total = mpf(0)
    for index, entry in zip(indices(count, order), outputs["entries"], strict=True):
        twins = factorial(order)
        for s in set(index):
            twins //= factorial(index.count(s))
        total += twins * entry
    term = inputs["problem"].along(inputs["theta"], inputs["direction"], 4)[order]
    return (total - term) / outputs["_entries"]


def _scaling_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare with u_s -> 2^s u_s: each index s brings a factor 2^s."""
    parts = pieces(inputs["groups"], inputs["direction"])
    scaled = [times(mpf(2) ** s, part) for s, part in enumerate(parts)]
    forms = Forms(inputs["problem"], inputs["theta"], scaled)
    worst = mpf(0)
    for index, entry in zip(indices(len(parts), inputs["order"]), outputs["entries"], strict=True):
        worst = max(worst, abs(forms.entry(index) / mpf(2) ** sum(index) - entry))
    return worst / outputs["_entries"]


PRODUCTS = Check("products with the gradient and the Hessian", _products_defect, mpf(10) ** -40)
THIRD = Check("difference of u_s'H u_s along u_s", _third_defect)
# Two nested differences leave 10^-50 / 10^-26 of rounding and 10^-26 of truncation.
DIFFERENCES = Check("differences of u_i'H u_j along the groups", _tensor_defect, mpf(10) ** -18)
CONTRACTION = Check("sum of all entries against the Taylor term", _contraction_defect, mpf(10) ** -40)
SCALING = Check("entries of a direction rescaled group by group", _scaling_defect, mpf(10) ** -40)
