"""Eigenpairs, equal eigenvalues, and eigenvectors from step to step, in pieces (`refopt.eigenspaces`)."""

from typing import Any

import numpy as np

from refopt.conformance.adapter import Adapter


class EigenspacePieces(Adapter):
    """What ELMO, EigenARC and AMOS in eigenspaces share."""

    def dense_pairs(self, f: Any, theta: Any) -> tuple[Any, Any]:
        """All eigenvalues, descending, and their vectors as columns."""
        values, V = np.linalg.eigh(f.hessian(theta).astype(np.float64))
        return values[::-1], np.ascontiguousarray(V[:, ::-1].T.astype(theta.dtype)).T

    def turned(self, lam: Any, V: Any, c: Any, L: Any, tolerance: float | None) -> tuple[Any, Any, Any, Any]:
        """The pairs, c = V'g and L with each cluster of equal eigenvalues turned towards the gradient."""
        lam, V, c, L = (np.array(x) for x in (lam, V, c, L))
        for begin, end in self.clusters(lam, V, tolerance):
            part = slice(begin, end)
            if np.any(c[part]):
                Q = self.towards(c[part] / np.max(np.abs(c[part])))
                V[:, part] = V[:, part] @ Q.T.astype(V.dtype)
                c[part] = self.coordinates_turned(c[part])
                lam[part] = lam[begin] + Q**2 @ (lam[part] - lam[begin])
            L[part] = self.constant_of_a_cluster(L[part])
        return lam, V, c, L

    def clusters(self, lam: Any, V: Any, tolerance: float | None) -> list[tuple[int, int]]:
        """First index and index after the last of each run of equal eigenvalues."""
        tolerance = self.equal_up_to(V) if tolerance is None else tolerance
        equal = np.abs(np.diff(lam)) <= tolerance * np.max(np.abs(lam), initial=0.0)
        found, begin = [], 0
        for i, same in enumerate([*equal, False]):
            if not same:
                found += [(begin, i + 1)] if i > begin else []
                begin = i + 1
        return found

    def equal_up_to(self, V: Any) -> float:
        """The relative distance up to which eigenvalues count as equal."""
        return float(16.0 * len(V) ** 0.5 * np.finfo(V.dtype).eps)

    def towards(self, p: Any) -> Any:
        """An orthogonal matrix whose first row is p/|p|: a reflection, but for a sign."""
        unit = p / np.linalg.norm(p)
        sign = 1.0 if unit[0] >= 0 else -1.0
        w = unit.copy()
        w[0] += sign
        return -sign * (np.eye(len(p)) - np.outer(w, 2.0 * w / (w @ w)))

    def coordinates_turned(self, c: Any) -> Any:
        """The gradient's coordinates in the vectors of a cluster, once they are turned."""
        top = np.max(np.abs(c))
        found = np.zeros_like(c)
        found[0] = top * np.linalg.norm(c / top)
        return found

    def constant_of_a_cluster(self, L: Any) -> Any:
        """The Lipschitz constant of every vector of a cluster."""
        return np.max(L)

    def matches(self, before: Any, now: Any) -> list[int | None]:
        """For each column of `now` the column of `before` that it continues, or None."""
        if not (before.shape[1] and now.shape[1]):
            return [None] * now.shape[1]
        return self.partners(self.overlaps(before.T @ now))

    def overlaps(self, products: Any) -> Any:
        """How much a vector is another, from v'w."""
        return products**2

    def partners(self, overlaps: Any) -> list[int | None]:
        """The column that each continues."""
        best = np.argmax(overlaps, axis=0)
        return [int(j) if overlaps[j, i] > 0.5 else None for i, j in enumerate(best)]

    def carried(self, numbers: Any, matches: list[int | None], fresh: float) -> Any:
        """Numbers by eigenvector at the places where their vectors are now."""
        found = [fresh if j is None else numbers[j] for j in matches]
        return np.array(found, dtype=np.asarray(numbers).dtype)
