"""The tensors by groups of parameters in pieces (`refopt.summary`)."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from refopt.conformance.textbook.derivatives import DerivativePieces
from refopt.groups import Groups

PIECES = ("sums", "row", "third_entry")


class SummaryPieces(DerivativePieces):
    """The operations on summary tensors."""

    def summary(self, problem, theta, direction, groups):
        """Orders 1 and 2 and the diagonal of order 3."""
        f = self.derivatives_of(problem)
        found = self.tensors(f, theta, direction, self.partition(groups), True)
        return dict(zip(("g_bar", "H_bar", "third_diagonal"), found, strict=True))

    def summary_tensor(self, problem, theta, direction, groups, order):
        """The different entries of one tensor."""
        f, given = self.derivatives_of(problem), self.partition(groups)
        parts = [given.restrict(direction, s) for s in range(given.count)]
        if order == 0:
            return {"entries": np.array([f.value(theta)])}
        rows = []
        for index in itertools.combinations_with_replacement(range(given.count), order - 1):
            vector = f.mixed(theta, *(parts[s] for s in self.arguments(index)))
            last = self.last_argument(given, direction, vector)
            rows.append(last[index[-1] if index else 0 :])
        return {"entries": self.entries(np.concatenate(rows), order, given.count)}

    def arguments(self, index: tuple[int, ...]) -> Sequence[int]:
        """The groups whose directions the first d - 1 arguments are."""
        return index

    def last_argument(self, groups: Groups, u: Any, vector: Any) -> Any:
        """The last argument, by groups."""
        return groups.sums(u * vector)

    def entries(self, entries: Any, order: int, count: int) -> Any:
        """The entries as they are answered."""
        return entries

    def partition(self, labels: Sequence[int]) -> Groups:
        """The partition that labels describe."""
        return Groups.from_labels(labels)

    def sums(self, groups: Groups, x: Any) -> Any:
        """Sums over groups."""
        return groups.sums(x)

    def tensors(self, f: Any, theta: Any, u: Any, groups: Groups, interactions: bool) -> tuple[Any, Any, Any]:
        """The tensors g_bar, H_bar and the diagonal of D^3, in one call where no piece of it is exchanged."""
        if all(getattr(type(self), name) is getattr(SummaryPieces, name) for name in PIECES):
            found = f.summary(theta, u, groups, interactions=interactions)
            return found.g_bar, self.second(found.H_bar), np.array([*map(self.third, found.third_diagonal)])
        _, g, hvp = f.linearize(theta)
        rows = [self.row(groups, u, hvp, s) for s in range(groups.count)]
        H_bar = np.stack(rows) if interactions else np.diag([row[s] for s, row in enumerate(rows)])
        third = [self.third_entry(f, theta, u, groups, s) for s in range(groups.count)]
        return self.sums(groups, u * g), self.second(_symmetric(H_bar)), np.array(third, dtype=theta.dtype)

    def row(self, groups: Groups, u: Any, hvp: Any, s: int) -> Any:
        """The entries of H_bar beside group s, of which those up to its diagonal count."""
        return self.sums(groups, u * hvp(groups.restrict(u, s)))

    def second(self, H_bar: Any) -> Any:
        """H_bar as it is answered and used."""
        return H_bar

    def third_entry(self, f: Any, theta: Any, u: Any, groups: Groups, s: int) -> Any:
        """The third derivative along the part of u in group s."""
        return self.third(f.along(theta, groups.restrict(u, s), 3)[3])

    def third(self, derivative: Any) -> Any:
        """It, as it is answered and used."""
        return derivative


def _symmetric(H: Any) -> Any:
    """The matrix that has the lower triangle of another."""
    return np.tril(H) + np.tril(H, -1).T
