"""Where Lipschitz constants come from, in pieces: known ones and AMOS' averages (`refopt.lipschitz`)."""

import math
from typing import Any

import numpy as np

from refopt.conformance.textbook.eigenspaces import EigenspacePieces
from refopt.conformance.textbook.spectrum import loaded


class LipschitzPieces(EigenspacePieces):
    """Constants of the axes and averages of slopes; `s` has the settings of an average as attributes."""

    def exact_constants(self, problem: Any, V: Any) -> Any:
        """The constants of a function whose axes have known ones, by eigenvector."""
        given = loaded(problem.id, problem.dtype)
        data, axes = given.data, given.data.get("axes")
        if given.family == "quadratic":
            return np.zeros(V.shape[1])
        overlaps = np.abs(V if axes is None else np.asarray(axes, dtype=V.dtype) @ V)
        L = np.asarray(
            data["lipschitz"]
            if given.family == "matched_cubic"
            else self.log_cosh_constant(data["amplitudes"], data["rates"]),
            dtype=np.float64,
        )
        return self.constants_of_vectors(L, overlaps > float(np.finfo(V.dtype).eps) ** 0.4)

    def log_cosh_constant(self, amplitude: Any, rate: Any) -> Any:
        """The constant of a log cosh(r u)."""
        return 4.0 / (3.0 * math.sqrt(3.0)) * np.abs(amplitude) * np.abs(rate) ** 3

    def constants_of_vectors(self, L: Any, meets: Any) -> Any:
        """The constants by eigenvector, from those of the axes; `meets` (axes, vectors)."""
        return np.max(np.where(meets, L[:, None], 0.0), axis=0)

    def hessian_time(self, s: Any, kept: Any, theta: Any, lam: Any, V: Any = None) -> dict[str, Any]:
        """The averages after a Hessian time, from those of the last; V where indices are eigenvectors."""
        kept = self.nothing_before(theta, lam, V) if kept is None else kept
        if kept is None:
            zeros = np.zeros(len(lam))
            return {"L": zeros, "k": zeros.astype(int), "lam": lam, "V": V, "point": theta}
        L, k, before = kept["L"], kept["k"], kept["lam"]
        if V is not None:
            matches = self.matches(kept["V"], V)
            L, k = self.carried(L, matches, 0.0), self.carried(k, matches, 0)
            before = self.carried(before, matches, math.nan)
        move = theta - kept["point"]
        distance = self.distance(move, move if V is None else V.T @ move, s.denominator)
        L, k = self.taken_in(s, L, k, lam, before, distance)
        return {"L": L, "k": k, "lam": lam, "V": V, "point": self.point_kept(kept["point"], theta)}

    def nothing_before(self, theta: Any, lam: Any, V: Any) -> Any:
        """What is kept before the first Hessian time: there is no slope to it."""
        return None

    def point_kept(self, last: Any, theta: Any) -> Any:
        """The point to which the next move is measured."""
        return theta

    def taken_in(self, s: Any, L: Any, k: Any, now: Any, before: Any, distance: Any) -> tuple[Any, Any]:
        """The averages of slopes, and how many each has, with the slope of a move."""
        rise = self.rise(*(np.asarray(x, dtype=np.float64) for x in (now, before)))
        distance = np.broadcast_to(np.asarray(distance, dtype=np.float64), rise.shape)
        known = np.isfinite(rise) & np.isfinite(distance) & (distance > 0)
        with np.errstate(all="ignore"):
            slope = self.slope(np.where(known, rise, 0.0), s.epsilon, np.where(known, distance, 1.0))
        known = known & np.isfinite(slope)
        taken = self.slope_average(s.momentum, L, slope, k, s.average)
        return np.where(known, taken, L), self.slopes_counted(k, known)

    def distance(self, move: Any, along: Any, denominator: str) -> Any:
        """How far theta has moved: as a whole, or along each index."""
        return np.abs(along) if denominator == "component" else self.length_of(move.astype(np.float64))

    def length_of(self, move: Any) -> Any:
        """The length of a move."""
        return np.linalg.norm(move)

    def rise(self, now: Any, before: Any) -> Any:
        """By how much a curvature has changed."""
        return now - before

    def slope(self, rise: Any, epsilon: float, distance: Any) -> Any:
        """The slope of a curvature."""
        return np.abs(rise) / (epsilon + distance)

    def slope_average(self, a: float, L: Any, slope: Any, k: Any, average: str) -> Any:
        """The average of slopes; k have been taken in before."""
        taken = a * L + (1.0 - a) * slope
        return np.where(k == 0, slope, taken) if average == "first-slope" else taken

    def slopes_counted(self, k: Any, known: Any) -> Any:
        """How many slopes each average has."""
        return k + known

    def unbiased(self, a: float, L: Any, k: Any, average: str) -> Any:
        """The average with its bias correction."""
        if average != "bias-corrected" or a == 0:
            return L
        return np.where(k > 0, L / np.where(k > 0, self.correction(a, k), 1.0), L)

    def correction(self, a: float, k: Any) -> Any:
        """What an average of k slopes is divided by: 1 - a^k."""
        return -np.expm1(k * np.log(a))
