"""Wrong tensors by groups of parameters, wrong partitions."""

import itertools
import math

import numpy as np

from refopt.conformance.mistakes.base import mistake
from refopt.groups import Groups

SUMMARY = ("summary", "grouped_newton_step", "grouped_newton_run")
RATES = ("grouped_newton_step", "grouped_newton_run")
TENSOR = ("summary_tensor",)


def _indices(order, count):
    return list(itertools.combinations_with_replacement(range(count), order))


def _multiplied(self, entries, order, count):
    ways = [math.factorial(order) // math.prod(math.factorial(index.count(s)) for s in set(index))
            for index in _indices(order, count)]  # fmt: skip
    return entries * np.array(ways, dtype=entries.dtype)


def _colexicographic(self, entries, order, count):
    indices = _indices(order, count)
    return entries[sorted(range(len(indices)), key=lambda p: indices[p][::-1])]


def _by_first_appearance(self, labels):
    seen = list(dict.fromkeys(labels))
    return Groups.from_labels([seen.index(label) for label in labels])


def _parts(groups, x):
    """A vector cut into as many elements as each group has, one after the other."""
    return np.split(x, np.cumsum(groups.sizes)[:-1])


def _cut_sums(self, groups, x):
    return np.array([np.sum(part) for part in _parts(groups, x)], dtype=x.dtype)


def _off_diagonal(factor):
    return lambda self, H: H * np.where(np.eye(len(H)) > 0, 1.0, factor).astype(H.dtype)


def _through_u(self, source, theta, u, groups, found):
    bends = [self.sums(groups, source.hvp(theta, groups.restrict(u, s)) ** 2)[s] for s in range(groups.count)]
    third = 2 * found["third_diagonal"] + 4 * np.array(bends, dtype=theta.dtype)
    changed = {"H_bar": 2 * found["H_bar"], "third_diagonal": third}
    return {**found, **changed, "D": self.scales_of(third).astype(theta.dtype)}


SUMMARY_MISTAKES = (
    mistake(
        "summary-off-diagonal-twice",
        "Off-diagonal entries of H_bar are counted twice, as the coefficients of a quadratic form are.",
        "formula",
        SUMMARY,
        second=_off_diagonal(2.0),
    ),
    mistake(
        "summary-off-diagonal-halved",
        "Off-diagonal entries of H_bar are halved.",
        "formula",
        SUMMARY,
        second=_off_diagonal(0.5),
    ),
    mistake(
        "summary-lower-triangle",
        "Only the lower triangle of H_bar is filled.",
        "index",
        SUMMARY,
        second=lambda self, H: np.tril(H),
    ),
    mistake(
        "summary-upper-triangle",
        "Only the upper triangle of H_bar is filled.",
        "index",
        SUMMARY,
        second=lambda self, H: np.triu(H),
    ),
    mistake(
        "summary-curvature-halved",
        "H_bar is the second Taylor coefficient, with its 1/2.",
        "formula",
        SUMMARY,
        second=lambda self, H: H / 2,
    ),
    mistake(
        "summary-curvature-without-u",
        "H_bar is I U H U I' without its second U: the product H u_s is summed over the groups as it is.",
        "formula",
        SUMMARY,
        row=lambda self, groups, u, hvp, s: self.sums(groups, hvp(groups.restrict(u, s))),
    ),
    mistake(
        "summary-curvature-without-any-u",
        "H_bar is I H I', without U.",
        "formula",
        SUMMARY,
        row=lambda self, groups, u, hvp, s: self.sums(groups, hvp(groups.restrict(np.ones_like(u), s))),
    ),
    mistake(
        "summary-direction-not-restricted",
        "The products of H_bar are H u, not H u_s.",
        "index",
        SUMMARY,
        row=lambda self, groups, u, hvp, s: self.sums(groups, u * hvp(u)),
    ),
    mistake(
        "summary-direction-not-constant",
        "The derivatives pass through u = g as well: H_bar is twice itself.",
        "formula",
        RATES,
        differentiated=_through_u,
    ),
    mistake(
        "summary-third-is-a-coefficient",
        "The diagonal of D^3 is the Taylor coefficient, with its 1/3!.",
        "formula",
        SUMMARY,
        third=lambda self, derivative: derivative / 6,
    ),
    mistake(
        "summary-third-is-absolute",
        "The diagonal of D^3 has lost its signs.",
        "sign",
        SUMMARY,
        third=lambda self, derivative: abs(derivative),
    ),
    mistake(
        "summary-third-sign",
        "The diagonal of D^3 has the other sign, that of the model's -g_bar.",
        "sign",
        SUMMARY,
        third=lambda self, derivative: -derivative,
    ),
    mistake(
        "summary-third-along-the-whole-direction",
        "The third derivative of each group is that along u.",
        "index",
        SUMMARY,
        third_entry=lambda self, f, theta, u, groups, s: self.third(f.along(theta, u, 3)[3]),
    ),
    mistake(
        "groups-in-the-order-of-the-parameters",
        "Groups are numbered as they appear among the parameters, not as the caller numbers them.",
        "order",
        SUMMARY + TENSOR,
        partition=_by_first_appearance,
    ),
    mistake(
        "groups-summed-one-after-the-other",
        "Sums over groups take as many parameters as each has, in the order of the groups.",
        "order",
        SUMMARY,
        sums=_cut_sums,
    ),
    mistake(
        "groups-spread-one-after-the-other",
        "Learning rates are handed out in the order of the groups, as if their parameters came in it.",
        "order",
        RATES,
        spread=lambda self, groups, eta: np.repeat(eta, groups.sizes),
    ),
    mistake(
        "tensor-symmetric-factor",
        "Entries are those of the polynomial: each is multiplied by the number of its permutations.",
        "formula",
        TENSOR,
        entries=_multiplied,
    ),
    mistake(
        "tensor-taylor-factor",
        "Entries carry 1/d!.",
        "formula",
        TENSOR,
        entries=lambda self, entries, order, count: entries / entries.dtype.type(math.factorial(order)),
    ),
    mistake(
        "tensor-colexicographic",
        "Entries are ordered by their last index first.",
        "order",
        TENSOR,
        entries=_colexicographic,
    ),
    mistake(
        "tensor-order-reversed",
        "Entries stand in reversed lexicographic order.",
        "order",
        TENSOR,
        entries=lambda self, entries, order, count: entries[::-1],
    ),
    mistake(
        "tensor-of-differing-directions",
        "Of two equal indices the second is left out: D^3[s, s, t] is D^3[s, t, t].",
        "index",
        TENSOR,
        arguments=lambda self, index: (index[:1] and index[1:]) + index[-1:],
    ),
    mistake(
        "tensor-direction-not-applied-last",
        "The last index sums the gradient without u.",
        "formula",
        TENSOR,
        last_argument=lambda self, groups, u, vector: groups.sums(vector),
    ),
)
