"""Further inputs of grouped Newton's properties: verdicts, rescaled models, one group, small networks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from refopt.arrays import asarray_like, unboxed
from refopt.objectives import network
from refopt.properties.grouped_samples import CubicModel, Function

__all__ = ["VERDICTS", "Network", "NetworkSample", "OneGroup", "Rescaling", "Verdict"]


@dataclass(frozen=True, kw_only=True)
class Rescaling:
    """A cubic model with every lam d_i > 0, and a change of its units.

    Attributes:
        model: (H, g, lam, D).
        a: multiplies the model's quadratic part, a power of 2.
        b: multiplies eta; a/b is a power of 8.
        factors: c, one per group, of any sign.
    """

    model: CubicModel
    a: float
    b: float
    factors: tuple[float, ...]

    @property
    def transformed(self) -> CubicModel:
        """(a CHC, a b Cg, (a/b)^(1/3) |C| D), whose minimizers are b C^-1 times the model's."""
        H, g, d = self.model.arrays
        c = np.asarray(self.factors)
        cube_root = 2.0 ** round(np.log2(self.a / self.b) / 3)
        return CubicModel(
            H=tuple(map(tuple, (self.a * c[:, None] * H * c).tolist())),
            g=tuple((self.a * self.b * c * g).tolist()),
            lam=self.model.lam,
            scales=tuple((cube_root * np.abs(c) * d).tolist()),
        )


# H, g, lam, d, and the minimum where there is one: the examples of claims, sections 2 and 4.2. Exact but for
# rounding of the minimum: (a) to (d), (f), dead groups, and models that D does not see at all.
VERDICTS: tuple[
    tuple[tuple[tuple[float, ...], ...], tuple[float, ...], float, tuple[float, ...], Any], ...
] = (
    (((1, 0), (0, -1)), (1, 0), 2, (1, 1), -5 / 12),  # (a), hard
    (((1, 0), (0, -1)), (2, 0), 2, (1, 1), -7 / 6),  # (b), its boundary
    (((1, 0), (0, -2)), (0, 0), 1, (1, 1), -16 / 3),  # (c), g = 0
    (((1.5, 0, 1), (0, -1, 0), (1, 0, 2)), (2, 0, 2), 2, (1, 1, 0), -17 / 12),  # (f), hard and d_3 = 0
    (((1, 6), (6, 4)), (1, 2), 2, (1, 2), -3 / 2),  # hard, 4.2
    (((1, 0), (0, 1)), (0, 1), 1, (1, 0), -1 / 2),  # D eta = 0
    (((2, 1), (1, 2)), (1, 1), 0, (1, 1), -1 / 3),  # lam = 0: H^-1 g
    (((2, 1), (1, 2)), (1, 1), 1, (0, 0), -1 / 3),  # D = 0
    (((1, 0), (0, 0)), (1, 0), 0, (1, 1), -1 / 2),  # lam = 0, singular, g in its range
    (((0, 0), (0, 0)), (0, 0), 1, (0, 1), 0.0),  # a dead group
    (((-1,),), (0,), 0, (1,), None),  # (d), lam = 0
    (((1, 0), (0, -1)), (1, 1), 1, (1, 0), None),  # (d), curvature
    (((1, 0), (0, -1)), (1, 0), 1, (1, 0), None),  # curvature although g_2 = 0
    (((1, 0), (0, 0)), (1, 1), 1, (1, 0), None),  # (d), slope
    (((1, 1), (1, 0)), (1, 0), 1, (1, 0), None),  # (d), coupling
    (((1, 2), (2, 1)), (1, 1), 1, (0, 0), None),  # D = 0, indefinite with a positive diagonal
    (((1, 1), (1, 1)), (1, 0), 0, (1, 1), None),  # lam = 0, g outside the range
    (((1, 1, 0), (1, 1, 0), (0, 0, 1)), (1, 2, 0), 1, (0, 0, 1), None),  # slope, hidden by a rotation
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One of `VERDICTS`, its groups in another order and scaled by powers of 2 of any sign.

    Attributes:
        index: which.
        order: a permutation of the groups.
        factors: c, one per group.
    """

    index: int
    order: tuple[int, ...]
    factors: tuple[float, ...]

    @property
    def lam(self) -> float:
        """The strength of the cubic term."""
        return float(VERDICTS[self.index][2])

    @property
    def value(self) -> float:
        """The minimum; infinite where there is none."""
        value = VERDICTS[self.index][4]
        return -np.inf if value is None else float(value)

    @property
    def bounded(self) -> bool:
        """Whether there is a minimum."""
        return bool(np.isfinite(self.value))

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """H, g and d."""
        H, g, _, d, _ = VERDICTS[self.index]
        order, c = list(self.order), np.asarray(self.factors)
        matrix = np.asarray(H, dtype=np.float64)[np.ix_(order, order)]
        slope, scales = (np.asarray(x, dtype=np.float64)[order] for x in (g, d))
        return c[:, None] * matrix * c, c * slope, np.abs(c) * scales


@dataclass(frozen=True, kw_only=True)
class OneGroup:
    """The model of one group with u = g, and theta = a theta~.

    Attributes:
        curvature: H_bar, positive.
        slope: g_bar, positive.
        strength: of the damping, or lam, positive.
        scale: a, of any sign, |a| not 1.
    """

    curvature: float
    slope: float
    strength: float
    scale: float


@dataclass(frozen=True, kw_only=True)
class Network(Function):
    """A small tanh network with the squared loss, of the family network.

    Attributes:
        sizes: of its layers.
        seed: names the draw of its samples.
        samples: how many.
    """

    sizes: tuple[int, ...]
    seed: int = 0
    samples: int = 3

    family = "network"

    @property
    def id(self) -> str:
        """A name for reports."""
        return f"property-network-{self.n}"

    @property
    def n(self) -> int:  # type: ignore[override]
        """The number of weights and biases."""
        return sum((a + 1) * b for a, b in pairwise(self.sizes))

    @cached_property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Features (N, d_0) and targets (N, d_K), multiples of 1/64."""
        rng = np.random.default_rng(self.seed)
        ends = (self.sizes[0], self.sizes[-1])
        features, targets = (np.round(64 * rng.standard_normal((self.samples, d))) / 64 for d in ends)
        return features, targets

    @property
    def data(self) -> dict[str, Any]:
        """The family's data, as in a problem file."""
        features, targets = (part.tolist() for part in self.rows)
        return {
            "sizes": list(self.sizes),
            "activation": "tanh",
            "loss": "squared",
            "features": features,
            "targets": targets,
        }

    def objective(self, theta: Any) -> Any:
        """The loss at theta."""
        like = unboxed(theta)
        features, targets = (asarray_like(part.T, like) for part in self.rows)
        return network(theta, features, targets, self.sizes, "tanh", "squared")


@dataclass(frozen=True, kw_only=True)
class NetworkSample:
    """A network with its tensors as groups, at a point with a direction.

    Attributes:
        function: the network.
        merged: for each tensor (W1, b1, W2, ...) the group that it joins in a coarser partition.
        seed: names the draw of the point and the direction.
    """

    function: Network
    merged: tuple[int, ...]
    seed: int = 0

    @property
    def tensors(self) -> list[int]:
        """The tensor of each parameter."""
        sizes = [size for a, b in pairwise(self.function.sizes) for size in (a * b, b)]
        return [tensor for tensor, size in enumerate(sizes) for _ in range(size)]

    @property
    def coarse(self) -> list[int]:
        """The group of each parameter in the coarser partition."""
        return [self.merged[tensor] for tensor in self.tensors]

    @property
    def vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """The point and the direction, (n,) each."""
        rng = np.random.default_rng(self.seed)
        return rng.standard_normal(self.function.n), rng.standard_normal(self.function.n)
