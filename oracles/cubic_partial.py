"""Groups without a cubic term (d_i = 0, lam = 0): eliminated, a line of minimizers, or no minimum at all."""

from typing import Any

from oracles.case import Case
from oracles.cubic_declared import cubic_case

GONE, FREE, NONE, PLAIN = ("NoCubicTerm",), ("FreeDirection",), ("Unbounded",), ("NoRegularisation",)
BLOCK = [[-1, 0.5, 0.25], [0.5, 2, 1], [0.25, 1, 3]]
SMALL = [[-1, 2.0**-26, 2.0**-32], [2.0**-26, 2.0**-49, 2.0**-55], [2.0**-32, 2.0**-55, 3 * 2.0**-60]]
# fmt: off
# (what, H, g, lam, scales, flags, comment)
UNIQUE: tuple[tuple[Any, ...], ...] = (
    ("eliminated", BLOCK, [1, -1, 0.5], 2, [1, 0, 0], GONE, "two groups without a cubic term, coupled"),
    ("eliminated-one", [[2, 1, 0], [1, -1, 1], [0, 1, 3]], [1, 2, -1], 1, [2, 0.5, 0], GONE,
     "one such group"),
    ("eliminated-turned", [[-4, 3], [3, 2]], [1, 1], 2, [1, 0], GONE,
     "negative curvature that elimination makes more negative: -4 - 9/2"),
    ("eliminated-saddle", [[1, 2], [2, 1]], [1, 1], 2, [1, 0], GONE, "elimination turns 1 into -3"),
    ("all-eliminated", [[2, 1], [1, 2]], [1, 1], 1, [0, 0], (*GONE, "NoRegularisation"),
     "D = 0, a quadratic loss: Newton's step (1/3, 1/3), r = 0"),
    ("without-radius", [[1, 0], [0, 1]], [0, 1], 1, [1, 0], GONE, "r = 0 is the root: (0, 1)"),
    ("eliminated-small", SMALL, [1, -(2.0**-25), 2.0**-31], 2, [1, 0, 0], GONE,
     "the first model, its groups with factors 2^-25 and 2^-30"),
    ("tiny-scale", [[1, 0], [0, -1]], [1, 1], 2, [1, 1e-6], GONE,
     "d = 1e-6 is not 0: eta = (1e-12, 1e18), r = 1e12"),
    ("tinier-scale", [[1, 0], [0, -1]], [1, 1], 2, [1, 1e-15], GONE, "d = 1e-15 is not 0: r = 1e30"),
    ("tiny-scale-definite", [[2, 1], [1, 2]], [1, -0.5], 2, [1, 1e-15], GONE,
     "d = 1e-15 without need for it"),
    ("no-cubic", [[2, 1], [1, 2]], [1, -0.5], 0, None, PLAIN, "lam = 0: Newton's step (5/6, -2/3)"),
    ("no-cubic-negative-rate", [[1, 0.9], [0.9, 1]], [1, 0.5], 0, None, PLAIN,
     "lam = 0: (55/19, -40/19), a negative rate that stays"),
    ("no-cubic-scales", [[2, 1], [1, 2]], [1, -0.5], 0, [3, 0], PLAIN,
     "lam = 0: the scales do not enter eta"),
    ("no-cubic-at-rest", [[2, 1], [1, 2]], [0, 0], 0, None, PLAIN, "lam = 0 and g = 0"),
)
FLATS: tuple[tuple[Any, ...], ...] = (
    ("dead-group", [[1, 0], [0, 0]], [1, 0], 1, [1, 0], FREE, "a zero row: (sqrt 3 - 1, any)"),
    ("dead-group-saddle", [[-1, 0], [0, 0]], [1, 0], 1, [1, 0], FREE, "a zero row: (sqrt 3 + 1, any)"),
    ("dead-group-3", [[1, 2, 0], [2, 1, 0], [0, 0, 0]], [1, -1, 0], 2, [1, 1, 0], FREE,
     "beside two live groups"),
    ("dead-group-hard", [[1, 0, 0], [0, -1, 0], [0, 0, 0]], [1, 0, 0], 2, [1, 1, 0], (*FREE, "HardCase"),
     "two parallel lines of minimizers"),
    ("no-cubic-dead", [[2, 0], [0, 0]], [1, 0], 0, None, FREE, "lam = 0 and a zero row: (1/2, any)"),
    ("nothing", [[0, 0], [0, 0]], [0, 0], 0, None, FREE, "H = 0, g = 0, lam = 0: the whole plane"),
)
# Singular blocks whose entries do not vanish: nothing is moved, the conditions are stated.
SINGULAR: tuple[tuple[Any, ...], ...] = (
    ("no-cubic-consistent", [[1, 1], [1, 1]], [1, 1], 0, None, FREE,
     "lam = 0, g in the range: eta_1 + eta_2 = 1"),
    ("no-cubic-consistent-3", [[1, 1, 2], [1, 1, 2], [2, 2, 4]], [1, 1, 2], 0, None, FREE,
     "rank one of three: a plane"),
    ("eliminated-consistent", [[1, 1, 1], [1, 1, 1], [1, 1, 1]], [2, 1, 1], 2, [1, 0, 0], FREE,
     "C = [[1, 1], [1, 1]], its kernel free"),
)
# (what, H, g, lam, scales, inputs to move, comment)
UNBOUNDED: tuple[tuple[Any, ...], ...] = (
    ("curvature", [[1, 0], [0, -1]], [1, 1], 1, [1, 0], None,
     "negative curvature where d = 0; the stationary point (0.618, -1) is no minimum"),
    ("curvature-small", [[1, 0], [0, -(2.0**-60)]], [1, 0], 1, [1, 0], None,
     "negative curvature of 2^-60 where d = 0, which no slope shows"),
    ("linear", [[1, 0], [0, 0]], [1, 1], 1, [1, 0], None, "no curvature and a slope where d = 0"),
    ("coupling", [[1, 1], [1, 0]], [1, 0], 1, [1, 0], None, "no curvature and a coupling where d = 0"),
    ("curvature-inside", [[1, 0, 0], [0, 1, 2], [0, 2, 1]], [1, 1, 1], 1, [1, 0, 0], None,
     "both diagonal entries are positive: C has the eigenvalue -1"),
    ("curvature-between", [[1, 0, 0], [0, 0, 1], [0, 1, 0]], [1, 0, 0], 1, [1, 0, 0], None,
     "C has a zero diagonal and negative curvature"),
    ("linear-inside", [[1, 0, 0], [0, 1, 1], [0, 1, 1]], [1, 1, 0], 1, [1, 0, 0], ("g", "lam", "scales"),
     "the kernel of C sees a slope; H is exact, or C would not be singular"),
    ("coupling-inside", [[1, 1, 0], [1, 1, 1], [0, 1, 1]], [1, 0, 0], 1, [1, 0, 0], ("g", "lam", "scales"),
     "the kernel of C is coupled; H is exact, or C would not be singular"),
    ("product", [[225 / 65536, -3150 / 65536], [-3150 / 65536, 225 / 65536]], [225 / 4096, 225 / 4096], 3,
     [0, 0], None, "(w1 w2 - 1)^2/2 at (1/4, 1/4), a group for each weight: D = 0, H indefinite"),
    ("no-cubic-one", [[-1]], [1], 0, None, None, "lam = 0 and h < 0"),
    ("no-cubic", [[1, 2], [2, 1]], [1, 1], 0, None, None, "lam = 0 and H indefinite; H^-1 g is a saddle"),
    ("no-cubic-at-rest", [[1, 2], [2, 1]], [0, 0], 0, None, None, "lam = 0, g = 0: eta = 0 is a saddle"),
    ("no-cubic-inconsistent", [[1, 1], [1, 1]], [1, 0.5], 0, None, ("g",),
     "lam = 0, H singular and g outside its range; H is exact"),
    ("no-cubic-no-curvature", [[0, 0], [0, 0]], [1, 1], 0, None, None, "lam = 0 and H = 0: a slope"),
)
# fmt: on


def partial_cases() -> list[Case]:
    """Return the cases with groups that no cubic term holds."""
    common: dict[str, Any] = {"group": "partial"}
    out = [
        cubic_case(what, H, g, lam, comment, flags, scales=d, **common)
        for what, H, g, lam, d, flags, comment in (*UNIQUE, *FLATS)
    ]
    out += [
        cubic_case(what, H, g, lam, comment, flags, scales=d, state=True, **common)
        for what, H, g, lam, d, flags, comment in SINGULAR
    ]
    out += [
        cubic_case(f"unbounded-{what}", H, g, lam, comment, NONE, scales=d, perturb=moved, **common)
        for what, H, g, lam, d, moved, comment in UNBOUNDED
    ]
    out.append(
        cubic_case(
            "float32-eliminated",
            BLOCK,
            [1, -1, 0.5],
            2,
            "in float32",
            (*GONE, "Float32"),
            scales=[1, 0, 0],
            dtype="float32",
        )
    )
    return out
