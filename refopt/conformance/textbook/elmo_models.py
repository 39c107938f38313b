"""The cubic models of ELMO and the step that minimizes them, in pieces (`refopt.elmo_proxy`)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from refopt.conformance.textbook.eigenspaces import EigenspacePieces
from refopt.elmo_proxy import largest_step
from refopt.elmo_triples import root


class ElmoModelPieces(EigenspacePieces):
    """The models M and m along eigenvectors."""

    def triple(self, g: Any, lam: Any, L: Any) -> tuple[Any, Any, Any]:
        """Slope, curvature and Lipschitz constant as they enter the models."""
        return g, lam, L

    def minimum(self, g: Any, lam: Any, L: Any) -> tuple[Any, Any, Any, Any]:
        """The step x*, M*, m* and whether there is a minimum, of each pair."""
        g, lam, L = self.triple(g, lam, L)
        bounded = self.has_minimum(g, lam, L)
        with np.errstate(all="ignore"):
            x = np.where(bounded, self.elmo_size(g, lam, L), np.inf)
            return x, self.upper(x, g, lam, L), self.lower(x, g, lam, L), bounded

    def has_minimum(self, g: Any, lam: Any, L: Any) -> Any:
        """Where M has a minimum."""
        return (L > 0) | (lam > 0) | ((lam == 0) & (g == 0))

    def elmo_root(self, g: Any, lam: Any, L: Any) -> Any:
        """R."""
        return root(g, lam, L)

    def elmo_size(self, g: Any, lam: Any, L: Any) -> Any:
        """x*: 2g/(lam + R) where lam > 0, (R - lam)/L elsewhere; 0 where L = 0 too."""
        total = self.elmo_root(g, lam, L) / 2.0 + np.abs(lam) / 2.0
        convex, flat = lam > 0, (L == 0) & (lam <= 0)
        x = np.where(convex, g, total) / np.where(convex, total, np.where(flat, 1.0, L))
        return np.where(flat, 0.0, np.where(convex, x, x + x))

    def upper(self, x: Any, g: Any, lam: Any, L: Any) -> Any:
        """The upper model at its minimum."""
        return at_minimum(x, g, lam, 4.0, 1.0)

    def lower(self, x: Any, g: Any, lam: Any, L: Any) -> Any:
        """The lower model there."""
        return at_minimum(x, g, lam, 8.0, 5.0)

    def farthest(self, g: Any, lam: Any, L: Any) -> Any:
        """The largest step with M <= 0."""
        return largest_step(g, lam, L)

    def models(self, c: Any, lam: Any, V: Any, lipschitz: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The minimum of the models on the span of V, from c = V'g; `settings` has `clusters` and `tie`."""
        L = np.asarray(lipschitz, dtype=np.float64)
        c, lam = (np.asarray(x, dtype=np.float64) for x in (c, lam))
        if len(lam) > 1 and self.turns(settings):
            lam, V, c, L = self.turned(lam, V, c, L, settings.get("cluster_tolerance"))
        x, upper, lower, bounded = self.minimum(np.abs(c), lam, L)
        rests = (c == 0) & self.rests(settings)
        with np.errstate(all="ignore"):
            move = self.signs(c, V) * np.where(rests | ~bounded, 0.0, self.taken_along(x, (c == 0) & (x > 0)))
            return {
                "slopes": np.abs(c),
                "step_sizes": x,
                "upper": upper,
                "lower": lower,
                "promise": float(self.promised(upper, lower)),
                "displacement": V @ move.astype(V.dtype),
                "bounded": bounded,
            }

    def turns(self, settings: Mapping[str, Any]) -> bool:
        """Whether equal eigenvalues are turned towards the gradient."""
        return bool(settings.get("clusters", "rotate") == "rotate")

    def rests(self, settings: Mapping[str, Any]) -> bool:
        """Whether there is no move along a vector without slope."""
        return bool(settings.get("tie", "positive") == "stay")

    def taken_along(self, x: Any, tied: Any) -> Any:
        """How far the move goes along each vector; `tied` are those whose both ways lead down."""
        return x

    def signs(self, c: Any, V: Any) -> Any:
        """The way down along each vector; where there is none, its largest element is taken as positive."""
        largest = V[np.argmax(np.abs(V), axis=0), np.arange(V.shape[1])] if V.shape[1] else np.zeros(0)
        return np.where(c > 0, -1.0, np.where(c < 0, 1.0, np.sign(largest)))

    def promised(self, upper: Any, lower: Any) -> Any:
        """The decrease that the models promise."""
        return -np.sum(upper)


def at_minimum(x: Any, g: Any, lam: Any, a: float, b: float) -> Any:
    """Return -(x/6) (a g - b lam x), -infinity beyond the range."""
    large = np.maximum(g, np.abs(lam)) > np.finfo(g.dtype).max / 32.0
    scale = np.where(large, 1.0 / 16.0, 1.0).astype(g.dtype)
    found = (a * (g * scale) - b * ((lam * scale) * x)) * (x / -6.0)
    return np.where(np.isfinite(x) & np.isfinite(found), found / scale, -np.inf)
