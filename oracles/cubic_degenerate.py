"""The hard case and its neighbourhood: two minimizers, the boundary, spheres, and what is close to them."""

from typing import Any

from oracles.case import Case
from oracles.cubic_declared import cubic_case

HARD, NEAR, EDGE = ("HardCase",), ("NearHardCase",), ("Boundary",)
ROUND, REST = ("Sphere",), ("HardCase", "ZeroGradient")
TURN = [[-7, 24], [24, 7]]  # eigenvectors (3, 4) and (4, -3), eigenvalues 25 and -25
DECIMAL = [[-2, 3], [3, 6]]
ROOT = [[1, 1, 0], [1, -2, 0], [0, 0, 3]]  # lowest eigenvalue -(1 + sqrt 13)/2
# H = V diag(5, 2, 1, -3) V' with V the Hadamard matrix of order 4, over 2
HADAMARD = [
    [1.25, 1.25, 0.25, 2.25],
    [1.25, 1.25, 2.25, 0.25],
    [0.25, 2.25, 1.25, 1.25],
    [2.25, 0.25, 1.25, 1.25],
]
HOUSE = [[-0.5 if i == j else 0.5 for j in range(4)] for i in range(4)]  # -1 but for (1, 1, 1, 1)/2
COUPLED = [[1.5, 0, 1], [0, -1, 0], [1, 0, 2]]
# fmt: off
# Zeros of H and g stay zeros when perturbed: the case stays what it is.
# (what, H, g, lam, scales, flags, comment)
TWO: tuple[tuple[Any, ...], ...] = (
    ("hard", [[1, 0], [0, -1]], [1, 0], 2, None, HARD,
     "(1/2, +-sqrt 3/2), T = -5/12; the only root with an inverse is a saddle, T = -0.348"),
    ("hard-at-rest", [[1, 0], [0, -2]], [0, 0], 1, None, REST, "g = 0: (0, +-4), T = -16/3, and not 0"),
    ("hard-eliminated", COUPLED, [2, 0, 2], 2, [1, 1, 0], HARD,
     "a group without a cubic term: (1/2, +-sqrt 3/2, 3/4), T = -17/12"),
    ("hard-irrational", ROOT, [0, 0, 2], 2, None, HARD,
     "lowest eigenvalue -(1 + sqrt 13)/2 in another block"),
    ("hard-one", [[-2]], [0], 1, None, (*REST, "OneGroup"), "one group, g = 0 and h < 0: +-4"),
    ("hard-unequal", [[1, 0], [0, -1]], [1, 0], 2, [1, 0.001], HARD,
     "r = 1e6, one component 1e9 times the other"),
    ("hard-rest-unequal", [[-1, 0], [0, -1]], [0, 0], 1, [1, 2], REST,
     "H is a multiple of I, D is not: two minimizers, and no circle"),
    ("hard-6", [[(3, 1, 0, -1, -2, -4)[i] if i == j else 0 for j in range(6)] for i in range(6)],
     [1, -2, 0.5, 1, 0.25, 0], 1, None, HARD, "six groups, the lowest one without gradient"),
)
# Rounding decides between two points of the same value: either passes, and the status is not compared.
PAIRS: tuple[tuple[Any, ...], ...] = (
    ("hard-rotated", TURN, [30, 40], 2, None, HARD, "the first hard case turned: r = 25"),
    ("hard-rotated-4", HADAMARD, [1, 1, 0, 0], 1, None, HARD, "g in two of four eigenvectors"),
    ("hard-scaled", [[1, 6], [6, 4]], [1, 2], 2, [1, 2], HARD, "T = -3/2, r = 2; D^-1 H D^-1 has -2"),
    ("near-hard-decimal", DECIMAL, [1.34, 4.02], 2, None, NEAR,
     "g along the lowest curvature by a rounding error: r = 3, T = -5.3978"),
    ("near-hard-decimal-left", DECIMAL, [-1.3799761685693488, -4.139928505708047], 2, None, NEAR,
     "as before; other roots found here have T > 0"),
    ("near-hard-decimal-small", DECIMAL, [0.07, 0.21], 2, None, NEAR, "g = (n, 3n)/100 with n = 7"),
    ("near-hard-decimal-large", DECIMAL, [9.11, 27.33], 2, None, NEAR, "g = (n, 3n)/100 with n = 911"),
    ("near-hard-decimal-3", [[-2, 3, 0], [3, 6, 0], [0, 0, 1]], [1.34, 4.02, 1], 2, [1, 1, 0], NEAR,
     "with a group without a cubic term: T = -5.8978"),
    ("near-hard-150", [[1, 0], [0, -1]], [1, 2.0**-150], 2, None, NEAR,
     "2^-150 along the lowest curvature, of which no rounding knows"),
)
CLOSE: tuple[tuple[Any, ...], ...] = (
    ("near-hard-4", [[1, 0], [0, -1]], [1, 1e-4], 2, None, NEAR, "root 1e-4 above its bound"),
    ("near-hard-40", [[1, 0], [0, -1]], [1, 2.0**-40], 2, None, NEAR, "root 2^-40 above its bound"),
    ("near-hard-40-down", [[1, 0], [0, -1]], [1, -(2.0**-40)], 2, None, NEAR, "the other sign"),
    ("beyond-the-boundary", [[1, 0], [0, -1]], [2 + 2.0**-20, 0], 2, None, EDGE, "regular by 2^-20"),
    ("before-the-boundary", [[1, 0], [0, -1]], [2 - 2.0**-20, 0], 2, None, EDGE,
     "hard by 2^-20: two, near each other"),
)
# On the boundary the part along the lowest curvature is the root of a rounding error: 2^-26 in float64.
ON: tuple[tuple[Any, ...], ...] = (
    ("boundary", [[1, 0], [0, -1]], [2, 0], 2, None, EDGE, "(1, 0), r = 1: G(r) singular, and one minimizer"),
    ("boundary-rotated", TURN, [750, 1000], 2, None, EDGE, "(15, 20), r = 25"),
    ("boundary-eliminated", [[1, 0, 1], [0, -1, 0], [1, 0, 1]], [2, 0, 1], 2, [1, 1, 0], EDGE,
     "a singular block that elimination leaves nothing of: r = 1 exactly, eta = (1, 0, 0)"),
)
SPHERES: tuple[tuple[Any, ...], ...] = (
    ("circle", [[1, 0, 0], [0, -1, 0], [0, 0, -1]], [1, 0, 0], 2, None, ROUND, "a circle of minimizers"),
    ("sphere", [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0], [0, 0, 0, -1]], [1, 0, 0, 0], 2, None, ROUND,
     "a sphere of minimizers, dimension 2"),
    ("circle-at-rest", [[-1, 0], [0, -1]], [0, 0], 2, None, (*ROUND, "ZeroGradient"),
     "g = 0: a circle around 0"),
    ("circle-unequal", [[1, 0, 0], [0, -1, 0], [0, 0, -4]], [1, 0, 0], 2, [1, 1, 2], ROUND,
     "a circle in D eta, an ellipse in eta"),
    ("sphere-rotated", HOUSE, [0.5, 0.5, 0.5, 0.5], 2, None, ROUND,
     "three equal lowest eigenvalues, no axis"),
    ("circle-irrational",
     [[1, 1, 0, 0, 0], [1, -2, 0, 0, 0], [0, 0, 3, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 1, -2]],
     [0, 0, 2, 0, 0], 2, None, ROUND, "-(1 + sqrt 13)/2 twice"),
    ("circle-eliminated", [[1.5, 0, 0, 1], [0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 2]], [2, 0, 0, 2], 2,
     [1, 1, 1, 0], ROUND, "a circle beside a group without a cubic term"),
)
# fmt: on


def degenerate_cases() -> list[Case]:
    """Return the cases in and near the hard case."""
    left: dict[str, Any] = {"leave": ("status",)}
    edge = {"perturb": (), "conditions": {"minimizer": 2.0**28, "radius": 10.0, "value": 3.0}}
    out = []
    for rows, options in (
        (TWO, {}),
        (PAIRS, {"pair": True}),
        (CLOSE, {}),
        (ON, left | edge),
        (SPHERES, {"state": True}),
    ):
        for what, H, g, lam, d, flags, comment in rows:
            out.append(cubic_case(what, H, g, lam, comment, flags, scales=d, group="degenerate", **options))
    single: dict[str, Any] = {"dtype": "float32", "group": "float32"}
    out.append(
        cubic_case("float32-hard", [[1, 0], [0, -1]], [1, 0], 2, "in float32", (*HARD, "Float32"), **single)
    )
    return out
