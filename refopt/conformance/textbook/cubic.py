"""The cubic model in pieces: what it is made of, its solution, and what is said of it (`refopt.cubic`)."""

from typing import Any

import numpy as np

from refopt.conformance.adapter import Adapter
from refopt.cubic import CubicSolution, cubic_minimizer

Model = tuple[Any, Any, float, Any]


class CubicPieces(Adapter):
    """The operation on the cubic model; a model is H, g, lam and d."""

    def cubic_minimizer(self, H, g, lam, scales):
        """The global minimum."""
        given = (H, g, lam, np.ones_like(g) if scales is None else scales)
        return self.described(self.solved(*given), given)

    def model(self, H: Any, g: Any, lam: float, d: Any) -> Model:
        """The model that is minimized."""
        return H, g, lam, d

    def solved(self, H: Any, g: Any, lam: float, d: Any) -> CubicSolution:
        """The solution of the model."""
        return self.without_minimum(cubic_minimizer(*self.model(H, g, lam, d)), H, g)

    def without_minimum(self, found: CubicSolution, H: Any, g: Any) -> CubicSolution:
        """What a model without a minimum is answered with."""
        return found

    def described(self, found: CubicSolution, given: Model) -> dict[str, Any]:
        """The answer."""
        if found.minimizer is None:
            return {"bounded": False, "status": found.status}
        return {
            "bounded": True,
            "minimizer": found.minimizer,
            "value": self.model_value(found, given),
            "radius": self.radius(found, given),
            "dimension": self.dimension(found),
            "status": self.status(found),
        }

    def model_value(self, found: CubicSolution, given: Model) -> float:
        """T at the minimizer."""
        return found.value

    def radius(self, found: CubicSolution, given: Model) -> Any:
        """The length r."""
        return found.radius

    def dimension(self, found: CubicSolution) -> int:
        """The dimension of the set of minimizers."""
        return found.dimension

    def status(self, found: CubicSolution) -> str:
        """The kind of the set of minimizers."""
        return found.status
