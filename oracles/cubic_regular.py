"""Cases with one minimizer and all d_i > 0: definite, indefinite, semidefinite, one group, more groups."""

from random import Random
from typing import Any

from mpmath import mp

from oracles.case import Case, Check, Quantities
from oracles.cubic_declared import cubic_case
from oracles.precision import Number, Vector, round_float32


def symmetric(seed: int, n: int, shift: float = 0.0) -> list[Vector]:
    """Return a symmetric matrix of multiples of 2^-10 in [-1, 1], the diagonal moved by `shift`."""
    rng = Random(seed)
    out = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            out[i][j] = out[j][i] = rng.randint(-1024, 1024) / 1024 + (shift if i == j else 0.0)
    return out


def vector(seed: int, n: int) -> Vector:
    """Return multiples of 2^-10 in [-1, 1]."""
    rng = Random(seed)
    return [rng.randint(-1024, 1024) / 1024 for _ in range(n)]


def scales(seed: int, n: int) -> Vector:
    """Return multiples of 2^-10 in [1/4, 2]."""
    rng = Random(seed)
    return [rng.randint(256, 2048) / 1024 for _ in range(n)]


def closed_form(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Return the relative difference to the formula for one group."""
    ((h,),), (g,), lam = inputs["H"], inputs["g"], inputs["lam"]
    (d,) = inputs["scales"] or [1]
    k = lam / 2 * d**3
    root = mp.sqrt(h * h + 4 * k * abs(g))
    size = 2 * abs(g) / (h + root) if h >= 0 else (root - h) / (2 * k)
    (eta,) = outputs["minimizer"] if "minimizer" in outputs else outputs["_minimizer_plus"]
    return abs(eta - (size if g >= 0 else -size)) / (size or 1)


FORMULA = (Check("closed form for one group", closed_form),)
CONVEX, SADDLE, LARGEST = ("ConvexModel",), ("IndefiniteModel",), ("LargestRadius",)
FLAT, ONE, WIDE = ("SemidefiniteModel",), ("OneGroup",), ("ManyGroups",)
ROOM = [[1.0, 1.0], [1.0, 1.0]]
# fmt: off
# (what, H, g, lam, scales, flags, comment)
TABLE: tuple[tuple[Any, ...], ...] = (
    ("definite-2", [[2, 1], [1, 2]], [1, -0.5], 1, None, CONVEX, "shorter than Newton's step (5/6, -2/3)"),
    ("definite-5", symmetric(1, 5, 3.0), vector(2, 5), 2, scales(3, 5), CONVEX, "unequal scales"),
    ("definite-weak", [[2, 1], [1, 2]], [1, -0.5], 2.0**-30, None, CONVEX, "nearly Newton's step"),
    ("definite-strong", [[2, 1], [1, 2]], [1, -0.5], 2.0**30, None, CONVEX,
     "the cubic term rules: eta goes with the root of g"),
    ("definite-at-rest", [[2, 1], [1, 2]], [0, 0], 1, None, ("ZeroGradient",), "g = 0: eta = 0, r = 0"),
    ("indefinite-2", [[1, 2], [2, -1]], [1, 1], 1, [1, 2], SADDLE, "one negative eigenvalue"),
    ("indefinite-6", symmetric(4, 6), vector(5, 6), 1, scales(6, 6), SADDLE, "several negative eigenvalues"),
    ("negative-definite-3", symmetric(7, 3, -4.0), vector(8, 3), 3, scales(9, 3), SADDLE,
     "all curvature negative"),
    ("three-radii", [[1, 0], [0, -2]], [0.125, 0.125], 1, None, LARGEST,
     "three solutions of the equation for r: the largest one is the minimum"),
    ("five-radii", [[-1, 0], [0, -2]], [0.0625, 0.09375], 1, None, LARGEST,
     "five solutions of the equation for r: the largest one is the minimum"),
    ("orthogonal-gradient", [[1, 0], [0, -1]], [3, 0], 2, None, ("NoHardCase",),
     "g has no part along the lowest curvature, and yet the matrix is regular: r = (sqrt 13 - 1)/2"),
    ("rational-root", [[1, 0], [0, -1]], [6, 2], 2, None, SADDLE, "close to the root of a rational equation"),
    ("rows-of-zeros", [[0, 0], [0, 0]], [1, 1], 1, None, FLAT, "H = 0: eta = sqrt(2|g|/lam) g/|g|"),
    ("no-curvature-scaled", [[0, 0], [0, 0]], [1, -3], 1, [1, 2], FLAT, "H = 0 with unequal scales"),
    ("no-model", [[0, 0], [0, 0]], [0, 0], 1, None, ("ZeroGradient",), "H = 0 and g = 0: eta = 0"),
    ("semidefinite-axis", [[1, 0], [0, 0]], [1, 1], 1, None, FLAT, "H has no inverse, G(r) has"),
    ("semidefinite-in-range", ROOM, [1, 1], 1, None, FLAT, "g in the range of a singular H"),
    ("semidefinite-outside", ROOM, [1, -1], 1, None, FLAT, "g in the kernel of H"),
    ("semidefinite-unequal", ROOM, [1, 0.5], 3, [1, 0.5], FLAT, "strictly convex though H is singular"),
    ("rank-one-4", [[x * y for y in (1, 2, -1, 3)] for x in (1, 2, -1, 3)], [1, 0, 2, 1], 1, [1, 2, 1, 0.5],
     FLAT, "rank one of four"),
    ("rank-one-decimal", [[x * y for y in (0.1, 0.7)] for x in (0.1, 0.7)], [0.3, 0.2], 2, None, FLAT,
     "rank one up to rounding, of either sign"),
    ("groups-20", symmetric(10, 20), vector(11, 20), 1, scales(12, 20), WIDE, "S = 20, indefinite"),
    ("groups-20-convex", symmetric(13, 20, 7.0), vector(14, 20), 10, scales(15, 20), WIDE,
     "S = 20, definite"),
)
# fmt: on
# (what, h, g, lam, d, comment)
SINGLES: tuple[tuple[str, float, float, float, float, str], ...] = (
    ("golden", 1.0, 1.0, 2.0, 1.0, "eta^2 + eta = 1: (sqrt 5 - 1)/2"),
    ("up", 2.0, 3.0, 1.0, 1.0, "h > 0: 2g/(h + sqrt(h^2 + 2 lam g))"),
    ("down", -2.0, 3.0, 1.0, 1.0, "h < 0"),
    ("left", -2.0, -3.0, 1.0, 2.0, "g < 0: the sign of g"),
    ("level", 0.0, 3.0, 1.0, 1.0, "h = 0"),
    ("no-cubic", 2.0, 3.0, 0.0, 1.0, "lam = 0: g/h"),
    ("cancelling", 1.0, 1e-20, 2.0, 1.0, "h > 0 and tiny g: the other formula cancels"),
    ("cancelling-down", -1.0, 1e-20, 2.0, 1.0, "h < 0 and tiny g: eta = 1, not 1e-20"),
    ("tiny-down", -1e-45, 1e-45, 2.0, 1e-15, "all of size 1e-45, k = 1e-45: eta = 1.618, to the right"),
    ("small-down", -1e-20, 1e-28, 2.0, 1e-4, "h = -1e-20: eta = 1.618e-8"),
)
# (what, H, g, d): along the kernel all curvature is that of the cubic term, which a sum with H loses
FAINT: tuple[tuple[str, list[list[float]], list[float], list[float] | None], ...] = (
    ("axis", [[1, 0], [0, 0]], [1, 1], None),
    ("turned", [[16, -12], [-12, 9]], [1, 0.5], None),
    ("plane", [[x * y for y in (1, 2, 2)] for x in (1, 2, 2)], [1, -2, 0.5], [1, 0.5, 2]),
)
SINGLE_PRECISION: tuple[tuple[Any, ...], ...] = (
    ("definite", [[2, 1], [1, 2]], [1, -0.5], 1, None, CONVEX, "in float32"),
    ("indefinite", symmetric(16, 4), vector(17, 4), 2, scales(18, 4), SADDLE, "in float32"),
    ("semidefinite", ROOM, [1, 1], 1, None, FLAT, "in float32, g in the range"),
    ("tiny", [[-1e-20]], [1e-18], 2, [1e-5], ONE, "a product of squares leaves the range of float32"),
)


def regular_cases() -> list[Case]:
    """Return the cases with a unique minimizer in the open region."""
    out = [
        cubic_case(what, H, g, lam, comment, flags, scales=d) for what, H, g, lam, d, flags, comment in TABLE
    ]
    out += [
        cubic_case(f"one-{what}", [[h]], [g], lam, comment, ONE, scales=[d], checks=FORMULA)
        for what, h, g, lam, d, comment in SINGLES
    ]
    rest = "H singular and g = 0: no root, eta = 0; H is exact, or it would not be singular"
    faint = "a singular H under a cubic term below its rounding, which alone decides along the kernel"
    out += [
        cubic_case(f"semidefinite-faint-{what}", H, g, 2.0**-60, faint, FLAT, scales=d, state=True)
        for what, H, g, d in FAINT
    ]
    out.append(cubic_case("semidefinite-rest", ROOM, [0, 0], 1, rest, FLAT, perturb=("lam",)))
    out += [
        cubic_case(
            f"float32-{what}",
            [[round_float32(x) for x in row] for row in H],
            [round_float32(x) for x in g],
            lam,
            comment,
            (*flags, "Float32"),
            scales=d and [round_float32(x) for x in d],
            dtype="float32",
        )
        for what, H, g, lam, d, flags, comment in SINGLE_PRECISION
    ]
    return out
