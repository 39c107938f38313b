"""Scales: far from 1, far from each other, and cases that a change of scales turns into each other.

With eta = diag(c) eta~ the model of H~ = cHc, g~ = cg, D~ = |c|D has the same values: what the method chooses
must be diag(c)^-1 times what it chose.
"""

from collections.abc import Sequence
from typing import Any

from oracles.case import Case, Check, Quantities
from oracles.cubic_declared import cubic_case
from oracles.cubic_model import solve
from oracles.cubic_regular import scales, symmetric, vector
from oracles.precision import Number, Vector, norm, numbers, subtract

BASE: Any = ([[1.0, 2.0], [2.0, -1.0]], [1.0, 1.0], 1.0, [1.0, 0.5])
BOWL: Any = ([[2.0, 1.0], [1.0, 2.0]], [1.0, -0.5], 1.0, [1.0, 0.5])
HARD: Any = ([[1.0, 0.0], [0.0, -1.0]], [1.0, 0.0], 2.0, [1.0, 1.0])
# (what, model, exponents of 2 of H, g, lam and scales, comment)
FAR: tuple[tuple[str, Any, tuple[int, int, int, int], str], ...] = (
    ("large-loss", BASE, (450, 450, 450, 0), "a loss times 2^450: the same eta"),
    ("small-loss", BASE, (-450, -450, -450, 0), "a loss times 2^-450: the same eta"),
    ("large-curvature", BASE, (300, 0, 0, 0), "H alone: eta of size 2^300"),
    ("small-curvature", BASE, (-450, 0, 0, 0), "H alone: as if H were 0"),
    ("large-gradient", BASE, (0, 450, 0, 0), "g alone: eta of size 2^225"),
    (
        "small-gradient",
        BOWL,
        (0, -450, 0, 0),
        "g alone, H definite: Newton's step, the cubic term below rounding",
    ),
    (
        "small-gradient-saddle",
        BASE,
        (0, -450, 0, 0),
        "g alone, H indefinite: nearly hard, g decides the sign",
    ),
    ("large-lam", BASE, (0, 0, 450, 0), "lam alone: eta of size 2^-225"),
    ("small-lam", BASE, (0, 0, -450, 0), "lam alone: eta of size 2^450"),
    ("large-scales", BASE, (0, 0, 0, 450), "D alone: the cube of d overflows, eta of size 2^-675 does not"),
    ("small-scales", BASE, (0, 0, 0, -150), "D alone: eta of size 2^450"),
    (
        "small-scales-definite",
        BOWL,
        (0, 0, 0, -450),
        "D alone, H definite: the cube of d underflows, Newton's step",
    ),
    ("large-hard", HARD, (450, 450, 450, 0), "the hard case times 2^450"),
    ("small-hard", HARD, (-450, -450, -450, 0), "the hard case times 2^-450"),
    (
        "balanced",
        BASE,
        (450, 300, 0, 200),
        "H, g and D in the proportion of the scale law: eta of size 2^-150",
    ),
)
MIXED = [1e-4, 0.03, 7.0, 1e3]
# (what, coordinates c, comment)
PAIRS: tuple[tuple[str, tuple[float, ...], str], ...] = (
    ("mirrored", (1.0, -1.0, 1.0, -1.0), "two groups with the sign of their parameters changed"),
    ("negative", (-2.0, -0.5, -4.0, -1.0), "every group with a negative factor"),
    ("stretched", (2.0**20, 1.0, 2.0**-30, 8.0), "factors from 2^-30 to 2^20"),
)


def far(what: str, model: Any, powers: Sequence[int], comment: str) -> Case:
    """Build a case with each input times a power of 2."""
    H, g, lam, d = model
    a, b, c, e = (2.0**power for power in powers)
    return cubic_case(
        f"scale-{what}", [[a * x for x in row] for row in H], [b * x for x in g], c * lam, comment,
        ("Scale", *(("HardCase",) if model is HARD else ())), scales=[e * x for x in d], group="scaled",
    )  # fmt: skip


def invariance(H: Any, g: Any, lam: Any, d: Any, factors: Sequence[float]) -> Check:
    """Return the check that the case is another one in other coordinates."""

    def defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
        plain = solve(numbers(H), numbers(g), numbers(d), numbers(lam))
        back = [c * x for c, x in zip(factors, outputs["minimizer"], strict=True)]
        apart = abs(outputs["value"] / plain.value - 1) + abs(outputs["radius"] / plain.radius - 1)
        return norm(subtract(back, plain.minimizers[0])) / norm(plain.minimizers[0]) + apart

    return Check("the same point in other coordinates of the groups", defect)


def turned(what: str, H: Any, g: Any, d: Any, lam: float, factors: Sequence[float], comment: str) -> Case:
    """Build the case that the factors c make of a model."""
    matrix = [
        [a * b * x for b, x in zip(factors, row, strict=True)] for a, row in zip(factors, H, strict=True)
    ]
    return cubic_case(
        what, matrix, [c * x for c, x in zip(factors, g, strict=True)], lam, comment, ("Invariance",),
        scales=[abs(c) * x for c, x in zip(factors, d, strict=True)], group="scaled",
        checks=(invariance(H, g, lam, d, factors),),
    )  # fmt: skip


def mixed(what: str, H: Any, g: Vector, small: float, comment: str) -> Case:
    """Build a case with H -> DHD and g -> small Dg, whose d spread over seven decades."""
    matrix = [[a * b * x for b, x in zip(MIXED, row, strict=True)] for a, row in zip(MIXED, H, strict=True)]
    matrix = [[matrix[max(i, j)][min(i, j)] for j in range(4)] for i in range(4)]
    return cubic_case(
        what, matrix, [small * d * x for d, x in zip(MIXED, g, strict=True)], 2.0, comment, ("MixedScales",),
        scales=MIXED, group="scaled",
    )  # fmt: skip


def scaled_cases() -> list[Case]:
    """Return the cases of scales."""
    H, g, d = symmetric(21, 4), vector(22, 4), scales(23, 4)
    out = [far(*row) for row in FAR]
    for kind, matrix in (("indefinite", H), ("definite", symmetric(24, 4, 4.0))):
        out.append(turned(f"coordinates-{kind}", matrix, g, d, 1.0, (1.0,) * 4, "in the first coordinates"))
        for what, factors, comment in PAIRS:
            out.append(turned(f"coordinates-{kind}-{what}", matrix, g, d, 1.0, factors, comment))
    out += [
        cubic_case(
            "mixed-scales", H, g, 1.0, "d from 1e-4 to 1e3", ("MixedScales",), scales=MIXED, group="scaled"
        ),
        mixed("mixed-model", H, g, 1.0, "d from 1e-4 to 1e3, H and g with them"),
        mixed("mixed-model-tiny", H, g, 1e-9, "as before with g times 1e-9: near the hard case"),
        mixed("mixed-definite-tiny", symmetric(24, 4, 4.0), g, 1e-9, "definite, g times 1e-9"),
        cubic_case(
            "tiny-gradient",
            H,
            [1e-9 * x for x in g],
            1.0,
            "g times 1e-9, indefinite: near the hard case",
            ("MixedScales",),
            scales=d,
            group="scaled",
        ),
    ]
    return out
